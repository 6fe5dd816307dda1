//! Payments by gateways: links, what gateways say, and what follows for the contract (SPEC 8.5).
//!
//! A gateway is asked between transactions, never in one: a use case writes down what is wanted, the caller commits and asks,
//! and another use case writes down what was said. Whatever gets lost in between is asked about later, by the payment's id.

mod refunds;

use acl::{Granted, perm};
use contracts::Contract;
use kernel::{
    Context, Error, Money, Result,
    audit::{Actor, Entry},
    db::{Conn, Tx},
    error::common,
    id::{GatewayEventId, PaymentId},
};
use payments::{
    Decider, Decision, DecisionInput, EventOutcome, GatewayEvent, GatewayEventInput, GatewayEventType, LinkInput, Payment, PaymentAction,
    PaymentMethod, PaymentStatus, Quarantine, Said, Terms, TransactionType, Verdict,
    gateway::{Created, Order, Standing},
    gateways,
    ledger::{self, Posting},
};

pub use refunds::{Begun, begin_refund, claim_refund, claim_refunds, refund_answered, refund_not_answered, refund_order, resolve_refund};

use crate::{charge::Service, settle, transactions::named};

/// Why a payment failed that nobody paid in time.
pub const EXPIRED: &str = "expired";

/// Writes down a payment that a gateway shall take; its link follows.
///
/// Errors: `not_found` in the field `contract_id`, `contract_terminated`.
pub async fn begin_link(
    tx: &mut Tx,
    context: &Context,
    granted: &Granted<perm::PaymentsTake>,
    input: &LinkInput,
    terms: &Terms,
) -> Result<Payment> {
    let contract = named(tx, input.contract_id).await?;
    let posting = Posting {
        transaction_type: TransactionType::Payment,
        amount: input.amount,
        method: input.payment_method.map_or(PaymentMethod::Card, Into::into),
        transaction_id: None,
        description: input.description.clone(),
        period: None,
    };
    let expires_at = context.now + terms.life;
    let payment = ledger::expect_by(tx, context, granted.actor(), &contract, posting, Some((&input.gateway, expires_at))).await?;
    gateways::insert(tx, &payment, &input.gateway, &input.return_url, context.now + terms.poll_every).await?;
    Ok(payment)
}

/// A payment as its gateway is told of it. Errors: `payment_not_found`, also of one that no gateway takes.
pub async fn order(conn: &mut Conn, context: &Context, id: PaymentId) -> Result<(Payment, Order)> {
    let payment = payments::read(conn, id).await?;
    let return_url = gateways::return_url(conn, id).await?.ok_or(payments::refusal::NOT_FOUND)?;
    let description = match &payment.description {
        Some(description) => description.clone(),
        None => contracts::read(conn, payment.contract_id).await?.number,
    };
    let currency = context.policy.country.currency();
    let order = Order { reference: id.to_string(), amount: payment.amount, currency, description, return_url };
    Ok((payment, order))
}

/// The gateway has made a link. Answers the payment as it then stands.
pub async fn link_made(
    tx: &mut Tx,
    context: &Context,
    granted: &Granted<perm::PaymentsTake>,
    id: PaymentId,
    created: &Created,
) -> Result<Payment> {
    let (payment, contract) = payments::load(tx, id).await?;
    keep_link(tx, context, granted.actor(), &contract, payment, created).await
}

async fn keep_link(
    tx: &mut Tx,
    context: &Context,
    actor: &Actor,
    contract: &Contract,
    payment: Payment,
    created: &Created,
) -> Result<Payment> {
    if payment.link.is_some() || !is_open(&payment) {
        return Ok(payment);
    }
    let transaction_id = format!("gateway:{}:{}", payment.gateway.as_deref().unwrap_or_default(), created.id);
    if payments::by_transaction_id(tx, &transaction_id).await?.is_some() {
        let why = "the gateway gave another payment the same id";
        return close(tx, context, actor, contract, &payment, Some(why)).await;
    }
    let mut after = Payment { link: Some(created.link.clone()), transaction_id: Some(transaction_id.clone()), ..payment.clone() };
    gateways::set_link(tx, &after, &created.id, &transaction_id).await?;
    after.version += 1;
    tx.record(Entry::new(actor, "payment.link_made", "payment", after.id).note("transaction_id", transaction_id));
    Ok(after)
}

/// The gateway will not take the payment: it failed. Answers the payment as it then stands.
pub async fn link_refused(
    tx: &mut Tx,
    context: &Context,
    granted: &Granted<perm::PaymentsTake>,
    id: PaymentId,
    reason: &str,
) -> Result<Payment> {
    let (payment, contract) = payments::load(tx, id).await?;
    if payment.link.is_some() || !is_open(&payment) {
        return Ok(payment);
    }
    close(tx, context, granted.actor(), &contract, &payment, Some(reason)).await
}

/// Whether the gateway may still move it.
fn is_open(payment: &Payment) -> bool {
    matches!(payment.status, PaymentStatus::Pending | PaymentStatus::Processing)
}

/// It did not come about, by its gateway's word; nobody is asked any more.
async fn close(
    tx: &mut Tx,
    context: &Context,
    actor: &Actor,
    contract: &Contract,
    payment: &Payment,
    reason: Option<&str>,
) -> Result<Payment> {
    gateways::set_next_poll(tx, payment.id, None).await?;
    ledger::give_up(tx, context, actor, contract, payment, (PaymentAction::Fail, Decider::Gateway), reason).await
}

/// What a gateway said, before anything follows from it.
struct Word<'a> {
    said: Said<'a>,
    refund: Option<&'a GatewayEventInput>,
}

/// Takes an event whose signature was good; one that was received before changes nothing. Answers what came of it, and whether it
/// had been received before.
pub async fn hear(
    tx: &mut Tx,
    context: &Context,
    granted: &Granted<perm::PaymentsTake>,
    gateway: &str,
    (event_id, input): (&str, &GatewayEventInput),
) -> Result<(GatewayEvent, bool)> {
    let payment_id = match input.payment_id() {
        Some(id) => gateways::is_of(tx, id, gateway).await?.then_some(id),
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
        received_at: context.now,
    };
    // first of all: of many deliveries at once, one gets the row and the others wait for it
    let Some(id) = gateways::insert_event(tx, &event).await? else {
        let before = gateways::event(tx, gateway, event_id).await?;
        return Ok((before.unwrap_or(event), true));
    };
    event.id = id;
    if let Some(payment_id) = payment_id {
        let (payment, mut contract) = payments::load(tx, payment_id).await?;
        let said = Said {
            event_type: input.event_type,
            amount: input.amount,
            currency: input.currency.as_deref(),
            reason: input.reason.as_deref(),
        };
        let word = Word { said, refund: Some(input) };
        event.outcome = apply(tx, context, granted.actor(), &mut contract, &payment, &word).await?;
        gateways::set_outcome(tx, id, event.outcome).await?;
    }
    tx.record(Entry::new(granted.actor(), "gateway_event.received", "gateway_event", id).created(&event));
    Ok((event, false))
}

async fn apply(
    tx: &mut Tx,
    context: &Context,
    actor: &Actor,
    contract: &mut Contract,
    payment: &Payment,
    word: &Word<'_>,
) -> Result<EventOutcome> {
    match payment.judged(&word.said, context.policy.country.currency()) {
        Verdict::TakeOn => {
            ledger::take_on(tx, actor, payment).await?;
        }
        Verdict::Succeed => match ledger::accepts(contract, payment.amount) {
            Ok(()) => {
                gateways::set_next_poll(tx, payment.id, None).await?;
                ledger::succeed(tx, context, actor, contract, payment, Decider::Gateway).await?;
                settle::settle(tx, context, actor, contract, Service::Unbroken).await?;
            }
            // the money is there all the same
            Err(_) => return quarantine(tx, actor, payment, Quarantine::NotAccepted).await,
        },
        Verdict::Fail => {
            close(tx, context, actor, contract, payment, word.said.reason).await?;
        }
        Verdict::Refund | Verdict::RefundFailed => {
            let Some(input) = word.refund else { return Ok(EventOutcome::NoChange) };
            return refunds::told(tx, context, actor, contract, payment, input).await;
        }
        Verdict::Quarantine(reason) => return quarantine(tx, actor, payment, reason).await,
        Verdict::Nothing(outcome) => return Ok(outcome),
    }
    Ok(EventOutcome::Applied)
}

/// Has a payment wait for somebody's decision; its gateway is asked no more until then.
async fn quarantine(tx: &mut Tx, actor: &Actor, payment: &Payment, reason: Quarantine) -> Result<EventOutcome> {
    gateways::set_quarantine(tx, payment.id, Some(reason)).await?;
    gateways::set_next_poll(tx, payment.id, None).await?;
    tx.record(Entry::new(actor, "payment.quarantined", "payment", payment.id).note("quarantine", reason.as_str()));
    Ok(EventOutcome::Quarantined)
}

/// Decides about a payment that waits for it. Answers the payment as it then stands.
///
/// Errors: `payment_not_found`, `payment_not_quarantined`, `payment_wrong_state`, `contract_terminated`, `amount_out_of_range`.
pub async fn resolve(
    tx: &mut Tx,
    context: &Context,
    granted: &Granted<perm::PaymentsReconcile>,
    id: PaymentId,
    input: &DecisionInput,
    terms: &Terms,
) -> Result<Payment> {
    let actor = granted.actor();
    let (payment, mut contract) = payments::load(tx, id).await?;
    let reason = payment.quarantined()?;
    gateways::set_quarantine(tx, id, None).await?;
    let entry = Entry::new(actor, "payment.resolved", "payment", id);
    tx.record(entry.note("quarantine", reason.as_str()).note("decision", input.decision.as_str()).note("reason", input.reason.clone()));
    // its version has moved on
    let released = payments::read(tx, id).await?;
    match input.decision {
        Decision::Accept => {
            ledger::succeed(tx, context, actor, &mut contract, &released, Decider::Gateway).await?;
            settle::settle(tx, context, actor, &mut contract, Service::Unbroken).await?;
        }
        Decision::Fail => {
            close(tx, context, actor, &contract, &released, Some(&input.reason)).await?;
        }
        Decision::Dismiss if is_open(&released) => gateways::set_next_poll(tx, id, Some(context.now + terms.poll_every)).await?,
        Decision::Dismiss => {}
    }
    payments::read(tx, id).await
}

/// Writes down what a gateway said when it was asked about a payment, or that it did not answer.
///
/// What nobody has paid in time has failed. While the gateway is away, the payment waits for it as long again.
pub async fn learn(
    tx: &mut Tx,
    context: &Context,
    granted: &Granted<perm::PaymentsTake>,
    id: PaymentId,
    standing: Option<&Standing>,
    terms: &Terms,
) -> Result<()> {
    let actor = granted.actor();
    let (payment, mut contract) = payments::load(tx, id).await?;
    if !is_open(&payment) || payment.quarantine.is_some() {
        return gateways::set_next_poll(tx, id, None).await;
    }
    let said =
        |event_type, amount: Option<Money>, currency, reason| Word { said: Said { event_type, amount, currency, reason }, refund: None };
    let word = match standing {
        Some(Standing::Processing) => said(GatewayEventType::PaymentProcessing, None, None, None),
        Some(Standing::Succeeded(amount, currency)) => {
            said(GatewayEventType::PaymentSucceeded, Some(*amount), Some(currency.as_str()), None)
        }
        Some(Standing::Failed(reason)) => said(GatewayEventType::PaymentFailed, None, None, Some(reason.as_str())),
        Some(Standing::Unknown | Standing::Pending(_)) | None => {
            let payment = match standing {
                Some(Standing::Pending(Some(created))) => keep_link(tx, context, actor, &contract, payment, created).await?,
                _ => payment,
            };
            let patience = if standing.is_some() { chrono::TimeDelta::zero() } else { terms.life };
            let is_late = payment.expires_at.is_some_and(|at| context.now >= at + patience);
            if payment.status == PaymentStatus::Pending && is_late {
                close(tx, context, actor, &contract, &payment, Some(EXPIRED)).await?;
            }
            return Ok(());
        }
    };
    apply(tx, context, actor, &mut contract, &payment, &word).await.map(drop)
}

/// Whether an error of the ledger means that it cannot take what has happened elsewhere, and somebody has to look.
fn cannot_be_booked(error: &Error) -> Option<Quarantine> {
    match error.code() {
        payments::refusal::REFUND_TOO_LARGE => Some(Quarantine::RefundTooLarge),
        common::AMOUNT_OUT_OF_RANGE => Some(Quarantine::NotAccepted),
        _ => None,
    }
}
