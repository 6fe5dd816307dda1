//! The stored data of gateways: their events, refunds through them, settlement files.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use kernel::{
    Money, Result,
    id::{GatewayEventId, GatewayRefundId, PaymentId, ReconciliationId, ReconciliationRowId},
    text_enum,
};
use payments::{EventOutcome, GatewayEventType, PaymentStatus};
use serde::Serialize;
use utoipa::ToSchema;

/// Refusals about gateways, terminals and settlement files.
pub mod refusal {
    kernel::codes! {
        /// No gateway with this name is in use.
        GATEWAY_NOT_FOUND = NotFound "gateway_not_found";
        /// The gateway did not respond, and the payment stays pending.
        GATEWAY_AWAY = Unavailable "gateway_away";
        /// The gateway refused the payment.
        GATEWAY_REFUSED = Conflict "gateway_refused";
        /// The gateway refused the refund.
        GATEWAY_REFUND_REFUSED = Conflict "gateway_refund_refused";
        /// No such refund through a gateway.
        GATEWAY_REFUND_NOT_FOUND = NotFound "gateway_refund_not_found";
        /// The gateway has reported the result of the refund, or is still being asked.
        GATEWAY_REFUND_NOT_UNANSWERED = Conflict "gateway_refund_not_unanswered";
        /// The event has no valid signature, or its signature is too old.
        EVENT_NOT_SIGNED = Unauthenticated "event_not_signed";
        /// Payments by terminals are disabled.
        TERMINAL_OFF = NotFound "terminal_off";
        /// The balance does not cover a payment that a terminal wants back.
        TERMINAL_MONEY_USED = Conflict "terminal_money_used";
        /// The key is not the terminals' key.
        TERMINAL_KEY_WRONG = Unauthenticated "terminal_key_wrong";
        /// No such reconciliation.
        RECONCILIATION_NOT_FOUND = NotFound "reconciliation_not_found";
        /// The days of the settlement file have too many payments to compare at once.
        RECONCILIATION_TOO_LARGE = Invalid "reconciliation_too_large";
    }
}

/// The polling interval and the lifetime of payments.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    /// The time between two requests about a payment.
    pub poll_every: TimeDelta,
    /// The time from the creation of a payment to its expiry.
    pub life: TimeDelta,
}

text_enum! {
    /// The status of a refund through a gateway.
    pub enum GatewayRefundStatus {
        /// The gateway is asked until it reports the result.
        Requested = "requested",
        /// The gateway was asked until the deadline without a result; staff must decide.
        Unanswered = "unanswered",
        /// The money was refunded and subtracted in the ledger.
        Done = "done",
        /// The gateway refused the refund; the ledger did not change.
        Failed = "failed",
    }
}

text_enum! {
    /// The decision on a payment that waits for one.
    pub enum Decision {
        /// The money has come: the payment succeeds with its own amount.
        Accept = "accept",
        /// The payment failed.
        Fail = "fail",
        /// The payment keeps its status and no longer waits.
        Dismiss = "dismiss",
    }
}

text_enum! {
    /// The decision on a refund whose result the gateway never reported.
    pub enum RefundDecision {
        /// The money was refunded: it is subtracted in the ledger.
        Accept = "accept",
        /// The money was not refunded and will not be.
        Fail = "fail",
        /// The gateway is asked again, for as long as the first time.
        AskAgain = "ask_again",
    }
}

text_enum! {
    /// The result of comparing a row of a settlement file with the ledger.
    pub enum RowKind {
        /// Both have the payment, with the same amount.
        Matched = "matched",
        /// The file has the payment, but the ledger has no successful payment with this reference.
        MissingHere = "missing_here",
        /// The ledger has a payment on these days, but the file does not.
        MissingThere = "missing_there",
        /// Both have the payment, with different amounts or currencies.
        DifferentAmount = "different_amount",
        /// An earlier row of the file is about the same payment.
        Repeated = "repeated",
        /// The row cannot be read.
        Unreadable = "unreadable",
    }
}

/// An event of a gateway, as received.
#[derive(Clone, Debug, Serialize, ToSchema, sqlx_macros::FromRow)]
#[schema(example = json!({
    "id": 5, "gateway": "sandbox", "event_id": "evt-1", "event_type": "payment.succeeded", "reference": "101", "payment_id": 101, "amount": "1000.00",
    "currency": "RUB", "reason": null, "gateway_refund_id": null, "outcome": "applied", "received_at": "2026-01-15T09:45:00Z"
}))]
pub struct GatewayEvent {
    /// The id.
    pub id: GatewayEventId,
    /// The gateway.
    pub gateway: String,
    /// The gateway's own id of the event: `webhook-id`.
    pub event_id: String,
    /// The type of the event.
    pub event_type: GatewayEventType,
    /// The reference in the event.
    pub reference: String,
    /// The payment, if the reference is one of this gateway's payments.
    pub payment_id: Option<PaymentId>,
    /// The amount reported by the gateway.
    pub amount: Option<Money>,
    /// The currency reported by the gateway.
    pub currency: Option<String>,
    /// The reason reported by the gateway.
    pub reason: Option<String>,
    /// The gateway's own id of a refund.
    pub gateway_refund_id: Option<String>,
    /// The outcome.
    pub outcome: EventOutcome,
    /// When it was received.
    pub received_at: DateTime<Utc>,
}

/// A refund through a gateway.
#[derive(Clone, Debug, Serialize, ToSchema, sqlx_macros::FromRow)]
#[schema(example = json!({
    "id": 3, "payment_id": 101, "gateway": "sandbox", "amount": "100.00", "reason": "оплачен чужой договор", "status": "done",
    "gateway_refund_id": "sbx-refund-3", "failure_reason": null, "refund_id": 102, "requested_by": "ivanova",
    "created_at": "2026-01-15T09:45:00Z", "updated_at": "2026-01-15T09:45:01Z", "finished_at": "2026-01-15T09:45:01Z", "attempts": 1,
    "asked_until": "2026-01-16T09:45:00Z", "version": 2
}))]
pub struct GatewayRefund {
    /// The id, which is also the reference sent to the gateway.
    pub id: GatewayRefundId,
    /// The refunded payment.
    pub payment_id: PaymentId,
    /// The gateway.
    pub gateway: String,
    /// The amount.
    pub amount: Money,
    /// The reason.
    pub reason: String,
    /// The status.
    pub status: GatewayRefundStatus,
    /// The gateway's own id of the refund.
    pub gateway_refund_id: Option<String>,
    /// Why the refund failed.
    pub failure_reason: Option<String>,
    /// The refund in the ledger, once it is done.
    pub refund_id: Option<PaymentId>,
    /// Who requested it.
    pub requested_by: String,
    /// When it was requested.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
    /// When it was done or failed.
    pub finished_at: Option<DateTime<Utc>>,
    /// How many times the gateway was asked.
    pub attempts: i64,
    /// The deadline for a response; without one the refund becomes `unanswered`.
    pub asked_until: DateTime<Utc>,
    /// Grows with every change.
    pub version: i64,
}

impl GatewayRefund {
    /// Whether it may still succeed.
    pub fn is_open(&self) -> bool {
        matches!(self.status, GatewayRefundStatus::Requested | GatewayRefundStatus::Unanswered)
    }

    /// Errors: `gateway_refund_not_unanswered` unless staff must decide.
    pub fn unanswered(&self) -> Result<()> {
        if self.status == GatewayRefundStatus::Unanswered { Ok(()) } else { Err(refusal::GATEWAY_REFUND_NOT_UNANSWERED.into()) }
    }
}

/// The comparison of a settlement file with the ledger.
#[derive(Clone, Debug, Serialize, ToSchema, sqlx_macros::FromRow)]
#[schema(example = json!({
    "id": 4, "gateway": "sandbox", "from": "2026-01-15", "to": "2026-01-15", "file_sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "file_rows": 122, "matched": 117, "missing_here": 1, "missing_there": 1, "different_amount": 2, "repeated": 1, "unreadable": 1,
    "created_by": "petrova",
    "created_at": "2026-01-16T08:00:00Z"
}))]
pub struct Reconciliation {
    /// The id.
    pub id: ReconciliationId,
    /// The issuer of the file: a gateway, `terminal`, `terminal:NAME` or `bank`.
    pub gateway: String,
    /// The first day.
    #[sqlx(rename = "from_date")]
    pub from: NaiveDate,
    /// The last day.
    #[sqlx(rename = "to_date")]
    pub to: NaiveDate,
    /// SHA-256 of the file.
    pub file_sha256: String,
    /// The number of rows in the file.
    pub file_rows: i64,
    /// Rows that both sides have with the same amount.
    pub matched: i64,
    /// Rows of the file without a successful payment in the ledger.
    pub missing_here: i64,
    /// Payments in the ledger that the file does not have.
    pub missing_there: i64,
    /// Rows that both sides have with different amounts or currencies.
    pub different_amount: i64,
    /// Rows about a payment that an earlier row is about.
    pub repeated: i64,
    /// Rows that cannot be read.
    pub unreadable: i64,
    /// Who uploaded the file.
    pub created_by: String,
    /// When it was uploaded.
    pub created_at: DateTime<Utc>,
}

/// A row of a comparison.
#[derive(Clone, Debug, Serialize, ToSchema, sqlx_macros::FromRow)]
#[schema(example = json!({
    "id": 17, "kind": "different_amount", "line": 9, "reference": "101", "payment_id": 101, "their_amount": "999.00", "their_currency": "RUB",
    "our_amount": "1000.00", "our_status": "success", "problem": null, "text": null
}))]
pub struct ReconciliationRow {
    /// The id.
    pub id: ReconciliationRowId,
    /// The result of the comparison.
    pub kind: RowKind,
    /// The line in the file.
    pub line: Option<i64>,
    /// The reference of the payment; empty if the row has none.
    pub reference: String,
    /// The payment in the ledger.
    pub payment_id: Option<PaymentId>,
    /// The amount in the file; below zero for a refund.
    pub their_amount: Option<Money>,
    /// The currency in the file.
    pub their_currency: Option<String>,
    /// The amount in the ledger; below zero for a refund.
    pub our_amount: Option<Money>,
    /// The status of the payment or refund in the ledger.
    pub our_status: Option<PaymentStatus>,
    /// What is wrong in an unreadable row: the code of a field error.
    pub problem: Option<String>,
    /// The beginning of an unreadable row.
    pub text: Option<String>,
}
