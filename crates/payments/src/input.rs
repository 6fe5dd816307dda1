//! What a client may say of a payment.

use chrono::{DateTime, Utc};
use kernel::{Context, FieldErrors, Input, Money, error::field, id::ContractId, money::AmountInput};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use validator::Validate;

use crate::model::{PaymentMethod, PaymentStatus, TransactionType};

kernel::text_enum! {
    /// Ways of paying in which the money is there when the payment is entered.
    pub enum DirectMethod {
        /// Cash at a desk.
        Cash = "cash",
        /// A transfer that has arrived on the operator's account.
        BankTransfer = "bank_transfer",
        /// A self-service terminal that has taken the notes.
        Terminal = "terminal",
    }
}

impl From<DirectMethod> for PaymentMethod {
    fn from(method: DirectMethod) -> Self {
        match method {
            DirectMethod::Cash => Self::Cash,
            DirectMethod::BankTransfer => Self::BankTransfer,
            DirectMethod::Terminal => Self::Terminal,
        }
    }
}

/// A payment to be taken.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"contract_id": 12, "amount": "1000.00", "payment_method": "cash", "transaction_id": "desk-3-000417"}))]
pub struct PaymentInput {
    /// The contract, in any state but terminated.
    pub contract_id: ContractId,
    /// How much, above zero.
    #[schema(value_type = AmountInput)]
    pub amount: Money,
    /// How the money came.
    pub payment_method: DirectMethod,
    /// Your own id of it; the same id is never counted twice.
    #[validate(length(min = 1, max = 100))]
    #[schema(min_length = 1, max_length = 100)]
    pub transaction_id: Option<String>,
    /// What it was for.
    #[validate(length(max = 500))]
    #[schema(max_length = 500)]
    pub description: Option<String>,
}

impl Input for PaymentInput {
    fn check(&self, _: &Context, wrong: &mut FieldErrors) {
        if self.amount <= Money::ZERO {
            wrong.add("amount", field::RANGE).with("min", "0.01").with("max", Money::MAX);
        }
    }
}

/// Which transactions to list.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PaymentFilter {
    /// Only of this contract.
    pub contract: Option<ContractId>,
    /// Only of this type.
    pub transaction_type: Option<TransactionType>,
    /// Only with this status.
    pub status: Option<PaymentStatus>,
    /// Only paid this way.
    pub payment_method: Option<PaymentMethod>,
    /// Made at this moment or later.
    pub created_at_after: Option<DateTime<Utc>>,
    /// Made at this moment or earlier.
    pub created_at_before: Option<DateTime<Utc>>,
    /// This amount or more.
    #[param(value_type = Option<String>, pattern = r"^-?[0-9]{1,11}(\.[0-9]{1,2})?$")]
    pub amount_min: Option<Money>,
    /// This amount or less.
    #[param(value_type = Option<String>, pattern = r"^-?[0-9]{1,11}(\.[0-9]{1,2})?$")]
    pub amount_max: Option<Money>,
}
