//! What is kept of gateways: their events, refunds through them, settlement files.

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
        /// No such gateway is in use.
        GATEWAY_NOT_FOUND = NotFound "gateway_not_found";
        /// The gateway did not answer, and the payment waits for it.
        GATEWAY_AWAY = Unavailable "gateway_away";
        /// The gateway said no to the payment.
        GATEWAY_REFUSED = Conflict "gateway_refused";
        /// The gateway said no to the refund.
        GATEWAY_REFUND_REFUSED = Conflict "gateway_refund_refused";
        /// No such refund through a gateway.
        GATEWAY_REFUND_NOT_FOUND = NotFound "gateway_refund_not_found";
        /// The gateway said what became of the refund, or is still being asked.
        GATEWAY_REFUND_NOT_UNANSWERED = Conflict "gateway_refund_not_unanswered";
        /// An event that was not signed by the gateway, or long ago.
        EVENT_NOT_SIGNED = Unauthenticated "event_not_signed";
        /// Payments by terminals are switched off.
        TERMINAL_OFF = NotFound "terminal_off";
        /// Not the key of the terminals.
        TERMINAL_KEY_WRONG = Unauthenticated "terminal_key_wrong";
        /// No such reconciliation.
        RECONCILIATION_NOT_FOUND = NotFound "reconciliation_not_found";
        /// More payments lie in the days of a settlement file than are compared at once.
        RECONCILIATION_TOO_LARGE = Invalid "reconciliation_too_large";
    }
}

/// How long gateways are waited for.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    /// From one question about a payment to the next.
    pub poll_every: TimeDelta,
    /// From a payment's making to its being given up.
    pub life: TimeDelta,
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
