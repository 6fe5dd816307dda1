//! Payments through gateways: links, reports of gateways, and their effects on the contract.
//!
//! A request to a gateway runs between transactions, never inside one: a use case saves the intent, the caller commits and sends the
//! request, and another use case saves the response. If anything gets lost in between, the payment is polled by its id.

mod refunds;

use acl::{Granted, perm};
use billing::{
    Service,
    steps::{named, settle},
};
use contracts::Contract;
use database::{Conn, Tx, audit::Entry};
use kernel::{
    Error, Money, Result,
    error::common,
    id::{GatewayEventId, PaymentId},
};
use payments::{
    Decider, EventOutcome, GatewayEventType, Payment, PaymentAction, PaymentMethod, PaymentStatus, Quarantine, Said, TransactionType,
    Verdict,
    ledger::{self, Posting},
};

pub use refunds::{Begun, begin_refund, claim_refund, claim_refunds, refund_answered, refund_not_answered, refund_order, resolve_refund};

use crate::{
    input::{DecisionInput, GatewayEventInput, LinkInput},
    model::{Decision, GatewayEvent, Timing},
    protocol::{Created, Order, ReportedState},
    store::{events, payments as store},
};

/// The failure reason of a payment that was not paid in time.
pub const EXPIRED: &str = "expired";

/// Inserts a payment through a gateway; its link is requested next.
///
/// Errors: `not_found` in the field `contract_id`, `contract_terminated`.
pub async fn begin_link(tx: &mut Tx, _granted: &Granted<perm::PaymentsTake>, input: &LinkInput, timing: &Timing) -> Result<Payment> {
    let now = tx.now();
    let contract = named(tx, input.contract_id).await?;
    let posting = Posting {
        transaction_type: TransactionType::Payment,
        amount: input.amount,
        method: input.payment_method.map_or(PaymentMethod::Card, Into::into),
        transaction_id: None,
        description: input.description.clone(),
        paid_at: None,
        period: None,
    };
    let expires_at = now + timing.life;
    let payment = ledger::expect_by(tx, &contract, posting, &input.gateway, expires_at).await?;
    store::insert(tx, &payment, &input.gateway, &input.return_url, now + timing.poll_every).await?;
    Ok(payment)
}

/// The order of a payment for its gateway. Errors: `payment_not_found`, also for a payment without a gateway.
pub async fn order(conn: &mut Conn, id: PaymentId) -> Result<(Payment, Order)> {
    let payment = payments::read(conn, id).await?;
    let return_url = store::return_url(conn, id).await?.ok_or(payments::refusal::NOT_FOUND)?;
    let description = match &payment.description {
        Some(description) => description.clone(),
        None => contracts::read(conn, payment.contract_id).await?.number,
    };
    let currency = conn.policy().country.currency();
    let order = Order { reference: id.to_string(), amount: payment.amount, currency, description, return_url };
    Ok((payment, order))
}

/// Saves the link that a gateway created. Returns the payment after it.
pub async fn link_made(tx: &mut Tx, _granted: &Granted<perm::PaymentsTake>, id: PaymentId, created: &Created) -> Result<Payment> {
    let (payment, contract) = payments::load(tx, id).await?;
    keep_link(tx, &contract, payment, created).await
}

async fn keep_link(tx: &mut Tx, contract: &Contract, payment: Payment, created: &Created) -> Result<Payment> {
    if payment.link.is_some() || !is_open(&payment) {
        return Ok(payment);
    }
    let transaction_id = format!("gateway:{}:{}", payment.gateway.as_deref().unwrap_or_default(), created.id);
    if payments::by_transaction_id(tx, &transaction_id).await?.is_some() {
        let why = "the gateway gave another payment the same id";
        return close(tx, contract, &payment, Some(why)).await;
    }
    let mut after = Payment { link: Some(created.link.clone()), ..payment.clone() };
    store::set_link(tx, &after, &created.id).await?;
    ledger::set_transaction_id(tx, &mut after, transaction_id.clone()).await?;
    tx.record(Entry::new("payment.link_made", "payment", after.id).note("transaction_id", transaction_id));
    Ok(after)
}

/// Marks a payment as failed because its gateway refused it. Returns the payment after it.
pub async fn link_refused(tx: &mut Tx, _granted: &Granted<perm::PaymentsTake>, id: PaymentId, reason: &str) -> Result<Payment> {
    let (payment, contract) = payments::load(tx, id).await?;
    if payment.link.is_some() || !is_open(&payment) {
        return Ok(payment);
    }
    close(tx, &contract, &payment, Some(reason)).await
}

/// Whether the gateway may still change the payment.
fn is_open(payment: &Payment) -> bool {
    matches!(payment.status, PaymentStatus::Pending | PaymentStatus::Processing)
}

/// Marks a payment as failed and stops polling its gateway.
async fn close(tx: &mut Tx, contract: &Contract, payment: &Payment, reason: Option<&str>) -> Result<Payment> {
    store::set_next_poll(tx, payment.id, None).await?;
    ledger::give_up(tx, contract, payment, PaymentAction::Fail, Decider::Gateway, reason).await
}

/// A gateway's report before it is applied.
struct Word<'a> {
    said: Said<'a>,
    refund: Option<&'a GatewayEventInput>,
}

/// Applies an event with a valid signature; a repeated event changes nothing. Returns the outcome, and whether the event is a repetition.
pub async fn hear(
    tx: &mut Tx,
    _granted: &Granted<perm::PaymentsTake>,
    gateway: &str,
    event_id: &str,
    input: &GatewayEventInput,
) -> Result<(GatewayEvent, bool)> {
    let payment_id = match input.payment_id() {
        Some(id) => store::is_of(tx, id, gateway).await?.then_some(id),
        None => None,
    };
    // the contract before the event, whose foreign key locks the payment: with these the other way round, two events of one payment
    // deadlock
    let loaded = match payment_id {
        Some(id) => Some(payments::load(tx, id).await?),
        None => None,
    };
    let mut event = GatewayEvent {
        id: GatewayEventId::new(0),
        gateway: gateway.to_owned(),
        event_id: event_id.to_owned(),
        event_type: input.event_type,
        reference: input.reference.clone(),
        payment_id,
        amount: input.amount,
        currency: input.currency.clone(),
        reason: input.reason.clone(),
        gateway_refund_id: input.refund_id.clone(),
        outcome: EventOutcome::UnknownPayment,
        received_at: tx.now(),
    };
    // of concurrent deliveries, one inserts the row and the others wait for it
    let Some(id) = events::insert(tx, &event).await? else {
        let before = events::get(tx, gateway, event_id).await?;
        return Ok((before.unwrap_or(event), true));
    };
    event.id = id;
    if let Some((payment, mut contract)) = loaded {
        let said = Said {
            event_type: input.event_type,
            amount: input.amount,
            currency: input.currency.as_deref(),
            reason: input.reason.as_deref(),
        };
        let word = Word { said, refund: Some(input) };
        event.outcome = apply(tx, &mut contract, &payment, &word).await?;
        events::set_outcome(tx, id, event.outcome).await?;
    }
    tx.record(Entry::new("gateway_event.received", "gateway_event", id).created(&event));
    Ok((event, false))
}

async fn apply(tx: &mut Tx, contract: &mut Contract, payment: &Payment, word: &Word<'_>) -> Result<EventOutcome> {
    match payment.judged(&word.said, tx.policy().country.currency()) {
        Verdict::TakeOn => {
            ledger::take_on(tx, payment).await?;
        }
        Verdict::Succeed => match ledger::accepts(contract, payment.amount) {
            Ok(()) => {
                store::set_next_poll(tx, payment.id, None).await?;
                ledger::succeed(tx, contract, payment, Decider::Gateway).await?;
                settle(tx, contract, Service::Unbroken).await?;
            }
            // the money has come even so
            Err(_) => return quarantine(tx, payment, Quarantine::NotAccepted).await,
        },
        Verdict::Fail => {
            close(tx, contract, payment, word.said.reason).await?;
        }
        Verdict::Refund | Verdict::RefundFailed => {
            let Some(input) = word.refund else { return Ok(EventOutcome::NoChange) };
            return refunds::told(tx, contract, payment, input).await;
        }
        Verdict::Quarantine(reason) => return quarantine(tx, payment, reason).await,
        Verdict::Nothing(outcome) => return Ok(outcome),
    }
    Ok(EventOutcome::Applied)
}

/// Marks a payment as waiting for a decision and stops polling its gateway until then.
async fn quarantine(tx: &mut Tx, payment: &Payment, reason: Quarantine) -> Result<EventOutcome> {
    store::set_quarantine(tx, payment.id, Some(reason)).await?;
    ledger::touch(tx, payment.id).await?;
    store::set_next_poll(tx, payment.id, None).await?;
    tx.record(Entry::new("payment.quarantined", "payment", payment.id).note("quarantine", reason.as_str()));
    Ok(EventOutcome::Quarantined)
}

/// Decides on a payment that waits for a decision. Returns the payment after it.
///
/// Errors: `payment_not_found`, `payment_not_quarantined`, `payment_wrong_state`, `contract_terminated`, `amount_out_of_range`.
pub async fn resolve(
    tx: &mut Tx,
    _granted: &Granted<perm::PaymentsReconcile>,
    id: PaymentId,
    input: &DecisionInput,
    timing: &Timing,
) -> Result<Payment> {
    let now = tx.now();
    let (payment, mut contract) = payments::load(tx, id).await?;
    let reason = payment.quarantined()?;
    store::set_quarantine(tx, id, None).await?;
    ledger::touch(tx, id).await?;
    let entry = Entry::new("payment.resolved", "payment", id);
    tx.record(entry.note("quarantine", reason.as_str()).note("decision", input.decision.as_str()).note("reason", input.reason.clone()));
    // read again, because its version has changed
    let released = payments::read(tx, id).await?;
    match input.decision {
        Decision::Accept => {
            ledger::succeed(tx, &mut contract, &released, Decider::Gateway).await?;
            settle(tx, &mut contract, Service::Unbroken).await?;
        }
        Decision::Fail => {
            close(tx, &contract, &released, Some(&input.reason)).await?;
        }
        Decision::Dismiss if is_open(&released) => store::set_next_poll(tx, id, Some(now + timing.poll_every)).await?,
        Decision::Dismiss => {}
    }
    payments::read(tx, id).await
}

/// Applies a gateway's response about a payment, or its absence.
///
/// A payment that was not paid in time has failed. While the gateway is unavailable, this deadline is extended by the same time.
pub async fn learn(
    tx: &mut Tx,
    _granted: &Granted<perm::PaymentsTake>,
    id: PaymentId,
    standing: Option<&ReportedState>,
    timing: &Timing,
) -> Result<()> {
    let (payment, mut contract) = payments::load(tx, id).await?;
    if !is_open(&payment) || payment.quarantine.is_some() {
        return store::set_next_poll(tx, id, None).await;
    }
    let said =
        |event_type, amount: Option<Money>, currency, reason| Word { said: Said { event_type, amount, currency, reason }, refund: None };
    let word = match standing {
        Some(ReportedState::Processing) => said(GatewayEventType::PaymentProcessing, None, None, None),
        Some(ReportedState::Succeeded(amount, currency)) => {
            said(GatewayEventType::PaymentSucceeded, Some(*amount), Some(currency.as_str()), None)
        }
        Some(ReportedState::Failed(reason)) => said(GatewayEventType::PaymentFailed, None, None, Some(reason.as_str())),
        Some(ReportedState::Unknown | ReportedState::Pending(_)) | None => {
            let payment = match standing {
                Some(ReportedState::Pending(Some(created))) => keep_link(tx, &contract, payment, created).await?,
                _ => payment,
            };
            let patience = if standing.is_some() { chrono::TimeDelta::zero() } else { timing.life };
            let is_late = payment.expires_at.is_some_and(|at| tx.now() >= at + patience);
            if payment.status == PaymentStatus::Pending && is_late {
                close(tx, &contract, &payment, Some(EXPIRED)).await?;
            }
            return Ok(());
        }
    };
    apply(tx, &mut contract, &payment, &word).await.map(drop)
}

/// Whether an error of the ledger means that it cannot book what happened at the gateway, so that staff must decide.
fn cannot_be_booked(error: &Error) -> Option<Quarantine> {
    match error.code() {
        payments::refusal::REFUND_TOO_LARGE => Some(Quarantine::RefundTooLarge),
        common::AMOUNT_OUT_OF_RANGE => Some(Quarantine::NotAccepted),
        _ => None,
    }
}
