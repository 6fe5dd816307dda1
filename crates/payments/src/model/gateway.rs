//! What gateways say of payments, what follows from it, and refunds through them.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use kernel::{
    Error, Money, Result,
    id::{GatewayEventId, GatewayRefundId, PaymentId, ReconciliationId, ReconciliationRowId},
    text_enum,
};
use serde::Serialize;
use utoipa::ToSchema;

use super::{Payment, PaymentStatus, refusal};

/// How long gateways are waited for.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// From one question about a payment to the next.
    pub poll_every: TimeDelta,
    /// From a payment's making to its being given up.
    pub life: TimeDelta,
}

text_enum! {
    /// Why a payment waits for somebody's decision.
    pub enum Quarantine {
        /// The gateway took another amount than it was told to.
        WrongAmount = "wrong_amount",
        /// The gateway took another currency.
        WrongCurrency = "wrong_currency",
        /// The money came after the payment had failed or was called off.
        PaidAfterEnd = "paid_after_end",
        /// Money was given back before it had come.
        RefundBeforePayment = "refund_before_payment",
        /// More was given back than there was.
        RefundTooLarge = "refund_too_large",
        /// The money is there, and the contract cannot take it: it is over, or its balance is at the limit.
        NotAccepted = "not_accepted",
    }
}

text_enum! {
    /// What an event of a gateway tells of.
    pub enum GatewayEventType {
        /// The payer has done their part.
        PaymentProcessing = "payment.processing",
        /// The money is there.
        PaymentSucceeded = "payment.succeeded",
        /// The payment did not come about.
        PaymentFailed = "payment.failed",
        /// Money was given back to the payer.
        PaymentRefunded = "payment.refunded",
        /// A refund that was asked for did not come about.
        RefundFailed = "refund.failed",
    }
}

text_enum! {
    /// What came of an event.
    pub enum EventOutcome {
        /// The payment was moved by it.
        Applied = "applied",
        /// The payment stands so already, or is past that.
        NoChange = "no_change",
        /// The payment waits for somebody's decision because of it.
        Quarantined = "quarantined",
        /// The payment waited for somebody's decision already.
        Held = "held",
        /// No payment of this gateway has the reference.
        UnknownPayment = "unknown_payment",
        /// No refund of the payment has the reference.
        UnknownRefund = "unknown_refund",
    }
}

text_enum! {
    /// Where a refund through a gateway stands.
    pub enum GatewayRefundStatus {
        /// The gateway is asked until it says what became of it.
        Requested = "requested",
        /// The gateway was asked for long, and never said: somebody has to find out.
        Unanswered = "unanswered",
        /// The money was given back, and is out of the ledger.
        Done = "done",
        /// The gateway said no; the ledger did not move.
        Failed = "failed",
    }
}

text_enum! {
    /// What to do with a payment that waits for a decision.
    pub enum Decision {
        /// The money is there: it counts with the amount of the payment.
        Accept = "accept",
        /// It did not come about.
        Fail = "fail",
        /// It stays as it is, and no longer waits.
        Dismiss = "dismiss",
    }
}

text_enum! {
    /// What to do with a refund that a gateway never answered.
    pub enum RefundDecision {
        /// The money went back: it leaves the ledger.
        Accept = "accept",
        /// It did not go back, and will not.
        Fail = "fail",
        /// The gateway is asked again, for as long as the first time.
        AskAgain = "ask_again",
    }
}

text_enum! {
    /// How a row of a settlement file and the ledger go together.
    pub enum RowKind {
        /// Both have it, with one amount.
        Matched = "matched",
        /// The file has it, and no payment here has come in under the reference.
        MissingHere = "missing_here",
        /// A payment came in here on these days, and the file does not have it.
        MissingThere = "missing_there",
        /// Both have it, with different amounts or currencies.
        DifferentAmount = "different_amount",
    }
}

/// An event of a gateway, as it was received.
#[derive(Clone, Debug, Serialize, ToSchema, sqlx::FromRow)]
#[schema(example = json!({
    "id": 5, "gateway": "sandbox", "event_id": "evt-1", "event_type": "payment.succeeded", "reference": "101", "payment_id": 101, "amount": "1000.00",
    "currency": "RUB", "reason": null, "gateway_refund_id": null, "outcome": "applied", "received_at": "2026-01-15T09:45:00Z"
}))]
pub struct GatewayEvent {
    /// The id.
    pub id: GatewayEventId,
    /// The gateway.
    pub gateway: String,
    /// The gateway's own id of it: `webhook-id`.
    pub event_id: String,
    /// What it tells of.
    pub event_type: GatewayEventType,
    /// What it says it is about.
    pub reference: String,
    /// The payment, where the reference is one of this gateway.
    pub payment_id: Option<PaymentId>,
    /// How much, as the gateway says.
    pub amount: Option<Money>,
    /// The currency, as the gateway says.
    pub currency: Option<String>,
    /// Why, as the gateway says.
    pub reason: Option<String>,
    /// The gateway's own id of a refund.
    pub gateway_refund_id: Option<String>,
    /// What came of it.
    pub outcome: EventOutcome,
    /// When it was received.
    pub received_at: DateTime<Utc>,
}

/// A refund through a gateway.
#[derive(Clone, Debug, Serialize, ToSchema, sqlx::FromRow)]
#[schema(example = json!({
    "id": 3, "payment_id": 101, "gateway": "sandbox", "amount": "100.00", "reason": "оплачен чужой договор", "status": "done",
    "gateway_refund_id": "sbx-refund-3", "failure_reason": null, "refund_id": 102, "requested_by": "ivanova",
    "created_at": "2026-01-15T09:45:00Z", "finished_at": "2026-01-15T09:45:01Z", "attempts": 1,
    "asked_until": "2026-01-16T09:45:00Z", "version": 2
}))]
pub struct GatewayRefund {
    /// The id, by which the gateway knows it.
    pub id: GatewayRefundId,
    /// The payment that is given back.
    pub payment_id: PaymentId,
    /// The gateway.
    pub gateway: String,
    /// How much.
    pub amount: Money,
    /// Why.
    pub reason: String,
    /// Where it stands.
    pub status: GatewayRefundStatus,
    /// The gateway's own id of it.
    pub gateway_refund_id: Option<String>,
    /// Why it failed.
    pub failure_reason: Option<String>,
    /// The refund in the ledger, once it is done.
    pub refund_id: Option<PaymentId>,
    /// Who asked for it.
    pub requested_by: String,
    /// When it was asked for.
    pub created_at: DateTime<Utc>,
    /// When it was done or failed.
    pub finished_at: Option<DateTime<Utc>>,
    /// How often the gateway was asked.
    pub attempts: i64,
    /// Until when it is asked; what it has not answered by then is `unanswered`.
    pub asked_until: DateTime<Utc>,
    /// Grows with every change.
    pub version: i64,
}

impl GatewayRefund {
    /// Whether the money may still go back by it.
    pub fn is_open(&self) -> bool {
        matches!(self.status, GatewayRefundStatus::Requested | GatewayRefundStatus::Unanswered)
    }

    /// Errors: `gateway_refund_not_unanswered` unless somebody has to find out what became of it.
    pub fn unanswered(&self) -> Result<()> {
        if self.status == GatewayRefundStatus::Unanswered { Ok(()) } else { Err(refusal::GATEWAY_REFUND_NOT_UNANSWERED.into()) }
    }
}

/// A settlement file, compared with the ledger.
#[derive(Clone, Debug, Serialize, ToSchema, sqlx::FromRow)]
#[schema(example = json!({
    "id": 4, "gateway": "sandbox", "from": "2026-01-15", "to": "2026-01-15", "file_sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "file_rows": 120, "matched": 117, "missing_here": 1, "missing_there": 1, "different_amount": 2, "created_by": "petrova",
    "created_at": "2026-01-16T08:00:00Z"
}))]
pub struct Reconciliation {
    /// The id.
    pub id: ReconciliationId,
    /// The gateway.
    pub gateway: String,
    /// The first day.
    #[sqlx(rename = "from_date")]
    pub from: NaiveDate,
    /// The last day.
    #[sqlx(rename = "to_date")]
    pub to: NaiveDate,
    /// SHA-256 of the file.
    pub file_sha256: String,
    /// Rows of the file.
    pub file_rows: i64,
    /// Rows that both sides have with one amount.
    pub matched: i64,
    /// Rows of the file that no payment here has come in under.
    pub missing_here: i64,
    /// Payments that came in here and are not in the file.
    pub missing_there: i64,
    /// Rows that both sides have with different amounts or currencies.
    pub different_amount: i64,
    /// Who sent the file.
    pub created_by: String,
    /// When.
    pub created_at: DateTime<Utc>,
}

/// A row of the comparison.
#[derive(Clone, Debug, Serialize, ToSchema, sqlx::FromRow)]
#[schema(example = json!({
    "id": 17, "kind": "different_amount", "line": 9, "reference": "101", "payment_id": 101, "their_amount": "999.00", "their_currency": "RUB",
    "our_amount": "1000.00", "our_status": "success"
}))]
pub struct ReconciliationRow {
    /// The id.
    pub id: ReconciliationRowId,
    /// How it goes together.
    pub kind: RowKind,
    /// The line of the file.
    pub line: Option<i64>,
    /// The reference, in the file or here.
    pub reference: String,
    /// The payment here.
    pub payment_id: Option<PaymentId>,
    /// The amount in the file.
    pub their_amount: Option<Money>,
    /// The currency in the file.
    pub their_currency: Option<String>,
    /// The amount here.
    pub our_amount: Option<Money>,
    /// Where the payment stands here.
    pub our_status: Option<PaymentStatus>,
}

/// What a gateway says of a payment, by an event or when asked.
#[derive(Clone, Debug)]
pub struct Said<'a> {
    /// What it tells of.
    pub event_type: GatewayEventType,
    /// How much.
    pub amount: Option<Money>,
    /// The currency.
    pub currency: Option<&'a str>,
    /// Why.
    pub reason: Option<&'a str>,
}

/// What follows from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The gateway has taken it on.
    TakeOn,
    /// It counts.
    Succeed,
    /// It did not come about.
    Fail,
    /// Money was given back.
    Refund,
    /// A refund did not come about.
    RefundFailed,
    /// Somebody has to decide.
    Quarantine(Quarantine),
    /// Nothing.
    Nothing(EventOutcome),
}

impl Payment {
    /// What follows from a gateway's words, which may come late, twice, or in any order. Final states never go back.
    pub fn judged(&self, said: &Said<'_>, currency: &str) -> Verdict {
        use PaymentStatus::{Cancelled, Failed, Pending, Processing, Refunded, Success};
        if self.quarantine.is_some() {
            return Verdict::Nothing(EventOutcome::Held);
        }
        let tells_of_money = matches!(said.event_type, GatewayEventType::PaymentSucceeded | GatewayEventType::PaymentRefunded);
        if tells_of_money && said.currency != Some(currency) {
            return Verdict::Quarantine(Quarantine::WrongCurrency);
        }
        match (said.event_type, self.status) {
            (GatewayEventType::PaymentSucceeded, _) if said.amount != Some(self.amount) => Verdict::Quarantine(Quarantine::WrongAmount),
            (GatewayEventType::PaymentSucceeded, Pending | Processing) => Verdict::Succeed,
            (GatewayEventType::PaymentSucceeded, Failed | Cancelled) => Verdict::Quarantine(Quarantine::PaidAfterEnd),
            (GatewayEventType::PaymentProcessing, Pending) => Verdict::TakeOn,
            (GatewayEventType::PaymentFailed, Pending | Processing) => Verdict::Fail,
            (GatewayEventType::PaymentRefunded, Pending | Processing) => Verdict::Quarantine(Quarantine::RefundBeforePayment),
            (GatewayEventType::PaymentRefunded, Success | Refunded) => Verdict::Refund,
            (GatewayEventType::RefundFailed, Success | Refunded) => Verdict::RefundFailed,
            _ => Verdict::Nothing(EventOutcome::NoChange),
        }
    }

    /// Why it waits for a decision. Errors: `payment_not_quarantined`.
    pub fn quarantined(&self) -> Result<Quarantine> {
        self.quarantine.ok_or_else(|| Error::new(refusal::NOT_QUARANTINED))
    }
}

#[cfg(test)]
mod tests {
    use super::{super::tests::payment, *};
    use crate::model::TransactionType;

    fn said(event_type: GatewayEventType, amount: i64, currency: &str) -> Said<'_> {
        Said { event_type, amount: Some(Money::from_minor(amount).unwrap()), currency: Some(currency), reason: None }
    }

    #[test]
    fn what_follows_from_every_event_in_every_state() {
        use GatewayEventType::{PaymentFailed, PaymentProcessing, PaymentRefunded, PaymentSucceeded, RefundFailed};
        let no_change = Verdict::Nothing(EventOutcome::NoChange);
        let after_end = Verdict::Quarantine(Quarantine::PaidAfterEnd);
        let too_early = Verdict::Quarantine(Quarantine::RefundBeforePayment);
        // pending, processing, success, failed, refunded, cancelled
        for (event_type, expected) in [
            (PaymentProcessing, [Verdict::TakeOn, no_change, no_change, no_change, no_change, no_change]),
            (PaymentSucceeded, [Verdict::Succeed, Verdict::Succeed, no_change, after_end, no_change, after_end]),
            (PaymentFailed, [Verdict::Fail, Verdict::Fail, no_change, no_change, no_change, no_change]),
            (PaymentRefunded, [too_early, too_early, Verdict::Refund, no_change, Verdict::Refund, no_change]),
            (RefundFailed, [no_change, no_change, Verdict::RefundFailed, no_change, Verdict::RefundFailed, no_change]),
        ] {
            for (status, expected) in PaymentStatus::ALL.iter().zip(expected) {
                let mut payment = payment(TransactionType::Payment, *status, 100, 0);
                assert_eq!(payment.judged(&said(event_type, 100, "RUB"), "RUB"), expected, "{event_type} {status}");
                payment.quarantine = Some(Quarantine::WrongAmount);
                assert_eq!(payment.judged(&said(event_type, 100, "RUB"), "RUB"), Verdict::Nothing(EventOutcome::Held));
            }
        }
    }

    #[test]
    fn another_amount_and_another_currency_are_for_somebody_to_decide_in_every_state() {
        for status in PaymentStatus::ALL {
            let payment = payment(TransactionType::Payment, *status, 100, 0);
            for wrong in [99, 101, 0, -100] {
                let verdict = payment.judged(&said(GatewayEventType::PaymentSucceeded, wrong, "RUB"), "RUB");
                assert_eq!(verdict, Verdict::Quarantine(Quarantine::WrongAmount), "{status}");
            }
            for event_type in [GatewayEventType::PaymentSucceeded, GatewayEventType::PaymentRefunded] {
                for wrong in [Some("USD"), Some("rub"), Some(""), None] {
                    let verdict = payment.judged(&Said { currency: wrong, ..said(event_type, 100, "") }, "RUB");
                    assert_eq!(verdict, Verdict::Quarantine(Quarantine::WrongCurrency), "{status}");
                }
            }
            let silent = Said { amount: None, ..said(GatewayEventType::PaymentSucceeded, 100, "RUB") };
            assert_eq!(payment.judged(&silent, "RUB"), Verdict::Quarantine(Quarantine::WrongAmount));
        }
    }
}
