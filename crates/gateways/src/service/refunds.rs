//! Refunds through gateways: requested first, and subtracted in the ledger once the gateway confirms them.

use acl::{Granted, perm};
use billing::{Service, steps::settle};
use chrono::{DateTime, Utc};
use contracts::Contract;
use database::{Conn, Tx, audit::Entry};
use kernel::{
    Money, Result,
    id::{GatewayRefundId, PaymentId},
};
use payments::{EventOutcome, GatewayEventType, Payment, PaymentStatus, Quarantine, RefundInput, ledger};

use super::{cannot_be_booked, quarantine};
use crate::{
    input::{GatewayEventInput, RefundDecisionInput},
    model::{GatewayRefund, GatewayRefundStatus, RefundDecision, Timing, refusal},
    protocol::RefundOrder,
    store::{payments as orders, refunds as store},
};

/// The requester of a refund that a gateway made by itself.
const OF_ITS_OWN: &str = "gateway";

/// The result of the first transaction of a refund.
pub enum Begun {
    /// The refund is done: the payment has no gateway.
    InLedger(Payment),
    /// The refund must now be requested from the gateway.
    Requested(Payment, GatewayRefundId),
}

/// Refunds a payment at once, or saves a refund request if a gateway took the payment.
///
/// Errors: those of [`billing::refund_payment`], `payment_quarantined`, `gateway_not_found` when its gateway is not among those in use.
pub async fn begin_refund(
    tx: &mut Tx,
    granted: &Granted<perm::PaymentsRefund>,
    id: PaymentId,
    input: &RefundInput,
    timing: &Timing,
    in_use: &[&str],
) -> Result<Begun> {
    let (payment, contract) = payments::load(tx, id).await?;
    let Some(gateway) = payment.gateway.clone() else {
        return billing::refund_payment(tx, granted, id, input).await.map(Begun::InLedger);
    };
    payment.not_quarantined()?;
    let amount = payments::refund_amount(tx, granted, &contract, &payment, input.amount).await?;
    if !in_use.contains(&gateway.as_str()) {
        return Err(refusal::GATEWAY_NOT_FOUND.into());
    }
    let mut refund = asked(&payment, gateway, amount, &input.reason, tx.now());
    // by this clock, whatever the last change of the contract says
    let now = tx.context().now;
    (refund.requested_by, refund.asked_until) = (tx.actor().name.clone(), now + timing.life);
    refund.id = store::insert(tx, &refund, Some(now + timing.poll_every)).await?;
    store::sum_up(tx, id).await?;
    tx.record(Entry::new("gateway_refund.requested", "gateway_refund", refund.id).created(&refund));
    Ok(Begun::Requested(payments::read(tx, id).await?, refund.id))
}

fn asked(payment: &Payment, gateway: String, amount: Money, reason: &str, now: DateTime<Utc>) -> GatewayRefund {
    GatewayRefund {
        id: GatewayRefundId::new(0),
        payment_id: payment.id,
        gateway,
        amount,
        reason: reason.to_owned(),
        status: GatewayRefundStatus::Requested,
        gateway_refund_id: None,
        failure_reason: None,
        refund_id: None,
        requested_by: OF_ITS_OWN.to_owned(),
        created_at: now,
        updated_at: now,
        finished_at: None,
        attempts: 0,
        asked_until: now,
        version: 1,
    }
}

/// Claims a refund to request it from its gateway now, unless it has ended. Nobody else requests it until a polling interval has passed.
pub async fn claim_refund(tx: &mut Tx, id: GatewayRefundId, timing: &Timing) -> Result<Option<GatewayRefund>> {
    let now = tx.now();
    store::claim(tx, id, now + timing.poll_every).await
}

/// Claims refunds to request again from a gateway, at most `limit`.
pub async fn claim_refunds(tx: &mut Tx, gateway: &str, timing: &Timing, limit: i64) -> Result<Vec<GatewayRefundId>> {
    let now = tx.now();
    store::due(tx, gateway, now + timing.poll_every, limit).await
}

/// The order of a refund for its gateway, if it is still open. Errors: `gateway_refund_not_found`.
pub async fn refund_order(conn: &mut Conn, id: GatewayRefundId) -> Result<Option<RefundOrder>> {
    let refund = store::get(conn, id).await?.ok_or(refusal::GATEWAY_REFUND_NOT_FOUND)?;
    let order = RefundOrder {
        payment: refund.payment_id.to_string(),
        reference: id.to_string(),
        amount: refund.amount,
        currency: conn.policy().country.currency(),
        reason: refund.reason,
        attempts: (refund.attempts - 1).max(0),
    };
    Ok((refund.status == GatewayRefundStatus::Requested).then_some(order))
}

/// Saves a gateway's response about a refund: its own id of the refund, or the reason of the refusal. Returns the refund after it.
pub async fn refund_answered(
    tx: &mut Tx,
    _granted: &Granted<perm::PaymentsRefund>,
    id: GatewayRefundId,
    answer: std::result::Result<&str, &str>,
) -> Result<GatewayRefund> {
    let (refund, payment, mut contract) = locked(tx, id).await?;
    if refund.is_open() {
        match answer {
            Ok(gateway_refund_id) => {
                done(tx, &mut contract, &payment, refund, Some(gateway_refund_id)).await?;
            }
            Err(reason) => failed(tx, refund, reason).await?,
        }
    }
    store::get(tx, id).await?.ok_or_else(|| refusal::GATEWAY_REFUND_NOT_FOUND.into())
}

/// Handles a missing response. Returns the refund after it: requested again later or, after the deadline, waiting for a decision. Its
/// amount stays reserved, because the money may have been refunded.
pub async fn refund_not_answered(tx: &mut Tx, _granted: &Granted<perm::PaymentsRefund>, id: GatewayRefundId) -> Result<GatewayRefund> {
    let refund = locked(tx, id).await?.0;
    if refund.status != GatewayRefundStatus::Requested || tx.now() < refund.asked_until {
        return Ok(refund);
    }
    let mut after = GatewayRefund { status: GatewayRefundStatus::Unanswered, ..refund.clone() };
    store::save(tx, &mut after, None).await?;
    tx.record(Entry::new("gateway_refund.unanswered", "gateway_refund", id).change(&refund, &after));
    Ok(after)
}

/// Decides on a refund whose result a gateway never reported. Returns the refund after it.
///
/// Errors: `gateway_refund_not_found`, `gateway_refund_not_unanswered`, `amount_out_of_range`.
pub async fn resolve_refund(
    tx: &mut Tx,
    _granted: &Granted<perm::PaymentsReconcile>,
    id: GatewayRefundId,
    input: &RefundDecisionInput,
    timing: &Timing,
) -> Result<GatewayRefund> {
    let now = tx.now();
    let (refund, payment, mut contract) = locked(tx, id).await?;
    refund.unanswered()?;
    let entry = Entry::new("gateway_refund.resolved", "gateway_refund", id);
    tx.record(entry.note("decision", input.decision.as_str()).note("reason", input.reason.clone()));
    match input.decision {
        RefundDecision::Accept => {
            done(tx, &mut contract, &payment, refund, input.gateway_refund_id.as_deref()).await?;
        }
        RefundDecision::Fail => failed(tx, refund, &input.reason).await?,
        RefundDecision::AskAgain => {
            let asked_until = now + timing.life;
            let mut after = GatewayRefund { status: GatewayRefundStatus::Requested, asked_until, ..refund.clone() };
            store::save(tx, &mut after, Some(now)).await?;
            tx.record(Entry::new("gateway_refund.requested", "gateway_refund", id).change(&refund, &after));
        }
    }
    store::get(tx, id).await?.ok_or_else(|| refusal::GATEWAY_REFUND_NOT_FOUND.into())
}

/// Reads a refund with its payment and the contract, which is locked. Errors: `gateway_refund_not_found`.
async fn locked(tx: &mut Tx, id: GatewayRefundId) -> Result<(GatewayRefund, Payment, Contract)> {
    let refund = store::get(tx, id).await?.ok_or(refusal::GATEWAY_REFUND_NOT_FOUND)?;
    let (payment, contract) = payments::load(tx, refund.payment_id).await?;
    // read again, because a concurrent transaction may have changed it before the lock
    let refund = store::get(tx, id).await?.ok_or(refusal::GATEWAY_REFUND_NOT_FOUND)?;
    tx.not_before(refund.created_at);
    Ok((refund, payment, contract))
}

/// Completes a refund: subtracts the money in the ledger.
async fn done(
    tx: &mut Tx,
    contract: &mut Contract,
    payment: &Payment,
    mut refund: GatewayRefund,
    gateway_refund_id: Option<&str>,
) -> Result<EventOutcome> {
    let before = refund.clone();
    // the amount reserved for this refund is available to it
    let payment = Payment { refund_requested: payment.refund_requested.subtract(refund.amount)?, ..payment.clone() };
    let posted = match ledger::refund(tx, contract, &payment, Some(refund.amount), &refund.reason).await {
        Ok(posted) => posted,
        Err(error) => match cannot_be_booked(&error) {
            Some(reason) => return quarantine(tx, &payment, reason).await,
            None => return Err(error),
        },
    };
    if let Some(id) = gateway_refund_id {
        let is_known = store::is_known(tx, &refund.gateway, id).await?;
        refund.gateway_refund_id = (!is_known).then(|| id.to_owned());
    }
    (refund.status, refund.refund_id, refund.finished_at) = (GatewayRefundStatus::Done, Some(posted.id), Some(tx.now()));
    store::save(tx, &mut refund, None).await?;
    store::sum_up(tx, payment.id).await?;
    tx.record(Entry::new("gateway_refund.done", "gateway_refund", refund.id).change(&before, &refund));
    settle(tx, contract, Service::Unbroken).await?;
    Ok(EventOutcome::Applied)
}

/// Marks a refund as failed; the ledger does not change.
async fn failed(tx: &mut Tx, mut refund: GatewayRefund, reason: &str) -> Result<()> {
    let before = refund.clone();
    (refund.status, refund.failure_reason, refund.finished_at) = (GatewayRefundStatus::Failed, Some(reason.to_owned()), Some(tx.now()));
    store::save(tx, &mut refund, None).await?;
    store::sum_up(tx, refund.payment_id).await?;
    tx.record(Entry::new("gateway_refund.failed", "gateway_refund", refund.id).change(&before, &refund));
    Ok(())
}

/// Applies a gateway's report of a refund of a successful payment: a requested refund, or one made by the gateway itself.
pub(super) async fn told(tx: &mut Tx, contract: &mut Contract, payment: &Payment, input: &GatewayEventInput) -> Result<EventOutcome> {
    let asked_for = match input.refund() {
        None => None,
        Some(None) => return Ok(EventOutcome::UnknownRefund),
        Some(Some(id)) => match store::get(tx, id).await?.filter(|refund| refund.payment_id == payment.id) {
            None => return Ok(EventOutcome::UnknownRefund),
            found => found,
        },
    };
    let gateway_refund_id = input.refund_id.as_deref().unwrap_or_default();
    match asked_for {
        Some(refund) if refund.is_open() && input.event_type == GatewayEventType::RefundFailed => {
            failed(tx, refund, input.reason.as_deref().unwrap_or("refused")).await?;
            Ok(EventOutcome::Applied)
        }
        _ if input.event_type == GatewayEventType::RefundFailed => Ok(EventOutcome::NoChange),
        Some(refund) if refund.is_open() => {
            if input.amount != Some(refund.amount) {
                return quarantine(tx, payment, Quarantine::WrongAmount).await;
            }
            done(tx, contract, payment, refund, Some(gateway_refund_id)).await
        }
        Some(refund) if refund.status == GatewayRefundStatus::Done => Ok(EventOutcome::NoChange),
        // not requested, or made after the gateway had refused the request
        _ => of_its_own(tx, contract, payment, input).await,
    }
}

/// Books a refund that a gateway made without a request: the money is gone, so it is subtracted in the ledger.
async fn of_its_own(tx: &mut Tx, contract: &mut Contract, payment: &Payment, input: &GatewayEventInput) -> Result<EventOutcome> {
    let (gateway, refund_id) = (payment.gateway.clone().unwrap_or_default(), input.refund_id.clone().unwrap_or_default());
    if store::is_known(tx, &gateway, &refund_id).await? {
        return Ok(EventOutcome::NoChange);
    }
    let amount = input.amount.unwrap_or(Money::ZERO);
    if payment.status == PaymentStatus::Refunded || payment.refundable(Some(amount)).is_err() {
        return quarantine(tx, payment, Quarantine::RefundTooLarge).await;
    }
    let reason = input.reason.as_deref().filter(|reason| !reason.is_empty()).unwrap_or("given back by the gateway");
    let posted = match ledger::refund(tx, contract, payment, Some(amount), reason).await {
        Ok(posted) => posted,
        Err(error) => match cannot_be_booked(&error) {
            Some(reason) => return quarantine(tx, payment, reason).await,
            None => return Err(error),
        },
    };
    let mut refund = asked(payment, gateway, amount, reason, tx.now());
    (refund.status, refund.gateway_refund_id) = (GatewayRefundStatus::Done, Some(refund_id));
    (refund.refund_id, refund.finished_at) = (Some(posted.id), Some(tx.now()));
    refund.id = store::insert(tx, &refund, None).await?;
    tx.record(Entry::new("gateway_refund.done", "gateway_refund", refund.id).created(&refund));
    settle(tx, contract, Service::Unbroken).await?;
    orders::set_next_poll(tx, payment.id, None).await?;
    Ok(EventOutcome::Applied)
}
