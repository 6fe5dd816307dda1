//! The transaction on a contract.

use chrono::{DateTime, NaiveDate, Utc};
use kernel::{
    Money,
    id::{ContractId, PaymentId},
    text_enum,
};
use serde::Serialize;
use utoipa::ToSchema;

/// Refusals about payments.
pub mod refusal {
    kernel::codes! {
        /// No such payment.
        NOT_FOUND = NotFound "payment_not_found";
        /// The transaction id was used for another payment.
        DUPLICATE = Conflict "payment_duplicate";
    }
}

text_enum! {
    /// What a transaction does to the balance.
    pub enum TransactionType {
        /// Adds to it.
        Payment = "payment",
        /// Takes from it.
        Charge = "charge",
        /// Gives money back: takes from it.
        Refund = "refund",
        /// Sets a mistake right, either way.
        Correction = "correction",
    }
}

impl TransactionType {
    /// What an amount of this type does to the balance.
    pub const fn effect(self, amount: Money) -> Money {
        match self {
            Self::Payment | Self::Correction => amount,
            Self::Charge | Self::Refund => amount.negated(),
        }
    }
}

text_enum! {
    /// Where a transaction stands.
    pub enum PaymentStatus {
        /// Not yet taken on by its gateway.
        Pending = "pending",
        /// Under way.
        Processing = "processing",
        /// Done; final.
        Success = "success",
        /// Did not come about.
        Failed = "failed",
        /// Given back whole.
        Refunded = "refunded",
        /// Called off.
        Cancelled = "cancelled",
    }
}

text_enum! {
    /// How the money came.
    pub enum PaymentMethod {
        /// Cash at a desk.
        Cash = "cash",
        /// Bank card.
        Card = "card",
        /// Bank transfer.
        BankTransfer = "bank_transfer",
        /// Mobile wallet.
        MobilePayment = "mobile_payment",
        /// Self-service terminal.
        Terminal = "terminal",
        /// Recurring payment.
        AutoPayment = "auto_payment",
        /// Made by the system itself.
        System = "system",
    }
}

/// A transaction on a contract.
#[derive(Clone, Debug, Serialize, ToSchema, sqlx::FromRow)]
#[schema(example = json!({
    "id": 101, "contract_id": 12, "transaction_type": "payment", "amount": "1000.00", "status": "success", "payment_method": "cash",
    "transaction_id": "desk-3-000417", "description": null, "created_at": "2026-01-15T09:45:00Z", "processed_at": "2026-01-15T09:45:00Z",
    "processed_by": "operator", "balance_after": "1000.00", "refunded_amount": "0.00", "refund_of": null, "period_start": null,
    "period_end": null, "version": 1
}))]
pub struct Payment {
    /// The id.
    pub id: PaymentId,
    /// The contract.
    pub contract_id: ContractId,
    /// What it does to the balance.
    pub transaction_type: TransactionType,
    /// How much; above zero but for corrections, which have a sign.
    pub amount: Money,
    /// Where it stands.
    pub status: PaymentStatus,
    /// How the money came.
    pub payment_method: PaymentMethod,
    /// The payer's or gateway's own id of it; unique.
    pub transaction_id: Option<String>,
    /// What it was for.
    pub description: Option<String>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it became final.
    pub processed_at: Option<DateTime<Utc>>,
    /// Who made it final.
    pub processed_by: Option<String>,
    /// The contract's balance right after it.
    pub balance_after: Option<Money>,
    /// How much of it was given back.
    pub refunded_amount: Money,
    /// The payment that a refund gives back.
    pub refund_of: Option<PaymentId>,
    /// First day of the period that a charge is for.
    pub period_start: Option<NaiveDate>,
    /// The day after the last of that period.
    pub period_end: Option<NaiveDate>,
    /// Grows with every change.
    pub version: i64,
}
