//! The requests about payments.

use chrono::{DateTime, NaiveDate, SecondsFormat, TimeDelta, Utc};
use kernel::{
    Context, FieldErrors, Input, Money, Several,
    error::field,
    id::{ContractId, PaymentId},
    money::{AmountInput, SignedAmountInput},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use validator::Validate;

use crate::model::{PaymentMethod, PaymentStatus, TransactionType};

/// Prefixes of transaction ids that the system generates; clients may not use them.
pub const RESERVED_PREFIXES: [&str; 2] = ["gateway:", "terminal:"];

kernel::text_enum! {
    /// How a payment comes in.
    pub enum IncomingMethod {
        /// Cash at a desk; counts at once.
        Cash = "cash",
        /// A transfer that has arrived on the operator's account; counts at once.
        BankTransfer = "bank_transfer",
        /// A self-service terminal that has taken the cash; counts at once.
        Terminal = "terminal",
        /// Bank card; pending until it is processed.
        Card = "card",
        /// Mobile wallet; pending until it is processed.
        MobilePayment = "mobile_payment",
        /// Recurring payment; pending until it is processed.
        AutoPayment = "auto_payment",
    }
}

impl From<IncomingMethod> for PaymentMethod {
    fn from(method: IncomingMethod) -> Self {
        match method {
            IncomingMethod::Cash => Self::Cash,
            IncomingMethod::BankTransfer => Self::BankTransfer,
            IncomingMethod::Terminal => Self::Terminal,
            IncomingMethod::Card => Self::Card,
            IncomingMethod::MobilePayment => Self::MobilePayment,
            IncomingMethod::AutoPayment => Self::AutoPayment,
        }
    }
}

/// A payment to take.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"contract_id": 12, "amount": "1000.00", "payment_method": "cash", "transaction_id": "desk-3-000417"}))]
pub struct PaymentInput {
    /// The contract; a terminated contract takes no more than it owes.
    pub contract_id: ContractId,
    /// The amount, above zero.
    #[schema(value_type = AmountInput)]
    pub amount: Money,
    /// The payment method.
    pub payment_method: IncomingMethod,
    /// The client's own id of the payment, without blanks at its ends; the same id never counts twice. It may not begin with `gateway:` or
    /// `terminal:`.
    #[serde(default, deserialize_with = "kernel::text::identifying")]
    #[validate(length(min = 1, max = 100))]
    #[schema(min_length = 1, max_length = 100)]
    pub transaction_id: Option<String>,
    /// What the payment is for.
    #[validate(length(max = 500))]
    #[schema(max_length = 500)]
    pub description: Option<String>,
    /// When the payer paid, if that was before, as with bank transfers: at most a year ago. The balance moves now.
    pub paid_at: Option<DateTime<Utc>>,
}

/// How many days ago a payment may have been made.
const MOST_DAYS_AGO: i64 = 366;

impl Input for PaymentInput {
    fn check(&self, context: &Context, wrong: &mut FieldErrors) {
        above_zero(Some(self.amount), wrong);
        let earliest = context.now - TimeDelta::days(MOST_DAYS_AGO);
        if self.paid_at.is_some_and(|at| !(earliest..=context.now).contains(&at)) {
            wrong.add("paid_at", field::RANGE).with("min", rfc3339(earliest)).with("max", rfc3339(context.now));
        }
        if self.transaction_id.as_ref().is_some_and(|id| RESERVED_PREFIXES.iter().any(|prefix| id.starts_with(prefix))) {
            wrong.add("transaction_id", field::RESERVED).with("prefixes", RESERVED_PREFIXES.join(", "));
        }
    }
}

fn rfc3339(moment: DateTime<Utc>) -> String {
    moment.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// Reports an amount that is not above zero.
pub fn above_zero(amount: Option<Money>, wrong: &mut FieldErrors) {
    if amount.is_some_and(|amount| amount <= Money::ZERO) {
        wrong.add("amount", field::RANGE).with("min", "0.01").with("max", Money::MAX);
    }
}

/// Cash taken at a desk for a contract.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"amount": "500.00"}))]
pub struct AddBalanceInput {
    /// The amount, above zero.
    #[schema(value_type = AmountInput)]
    pub amount: Money,
    /// What the payment is for.
    #[validate(length(max = 500))]
    #[schema(max_length = 500)]
    pub description: Option<String>,
}

impl Input for AddBalanceInput {
    fn check(&self, _: &Context, wrong: &mut FieldErrors) {
        above_zero(Some(self.amount), wrong);
    }
}

/// A deduction from a contract's balance by a correction.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"amount": "50.00", "description": "ошибочно зачислено дважды"}))]
pub struct DeductBalanceInput {
    /// The amount, above zero.
    #[schema(value_type = AmountInput)]
    pub amount: Money,
    /// The reason.
    #[validate(length(min = 1, max = 500))]
    #[schema(min_length = 1, max_length = 500)]
    pub description: String,
}

impl Input for DeductBalanceInput {
    fn check(&self, _: &Context, wrong: &mut FieldErrors) {
        above_zero(Some(self.amount), wrong);
    }
}

/// A correction of a contract's balance.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"contract_id": 12, "amount": "-50.00", "reason": "ошибочно зачислено дважды"}))]
pub struct CorrectionInput {
    /// The contract, in any state.
    pub contract_id: ContractId,
    /// The change of the balance: positive or negative, not zero.
    #[schema(value_type = SignedAmountInput)]
    pub amount: Money,
    /// The reason.
    #[validate(length(min = 1, max = 500))]
    #[schema(min_length = 1, max_length = 500)]
    pub reason: String,
}

impl Input for CorrectionInput {
    fn check(&self, _: &Context, wrong: &mut FieldErrors) {
        if self.amount == Money::ZERO {
            wrong.add("amount", field::RANGE).with("min", Money::MAX.negated()).with("max", format!("{}, ≠ 0", Money::MAX));
        }
    }
}

/// How much of a payment to refund.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"amount": "100.00", "reason": "оплачен чужой договор"}))]
pub struct RefundInput {
    /// The amount, above zero; by default all that is left of the payment.
    #[schema(value_type = Option<AmountInput>)]
    pub amount: Option<Money>,
    /// The reason.
    #[validate(length(min = 1, max = 500))]
    #[schema(min_length = 1, max_length = 500)]
    pub reason: String,
}

impl Input for RefundInput {
    fn check(&self, _: &Context, wrong: &mut FieldErrors) {
        above_zero(self.amount, wrong);
    }
}

kernel::text_enum! {
    /// How a payout leaves.
    pub enum OutgoingMethod {
        /// Cash at a desk.
        Cash = "cash",
        /// A transfer to the subscriber's bank account.
        BankTransfer = "bank_transfer",
    }
}

impl From<OutgoingMethod> for PaymentMethod {
    fn from(method: OutgoingMethod) -> Self {
        match method {
            OutgoingMethod::Cash => Self::Cash,
            OutgoingMethod::BankTransfer => Self::BankTransfer,
        }
    }
}

/// What to pay out of the balance of a terminated contract.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"amount": "100.00", "payment_method": "cash", "reason": "остаток после расторжения"}))]
pub struct PayoutInput {
    /// The amount, above zero; by default all that is left.
    #[schema(value_type = Option<AmountInput>)]
    pub amount: Option<Money>,
    /// How the money leaves.
    pub payment_method: OutgoingMethod,
    /// The reason.
    #[validate(length(min = 1, max = 500))]
    #[schema(min_length = 1, max_length = 500)]
    pub reason: String,
}

impl Input for PayoutInput {
    fn check(&self, _: &Context, wrong: &mut FieldErrors) {
        above_zero(self.amount, wrong);
    }
}

/// Why a payment failed.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"reason": "банк отклонил карту"}))]
pub struct FailInput {
    /// The reason, in free text.
    #[validate(length(min = 1, max = 500))]
    #[schema(min_length = 1, max_length = 500)]
    pub reason: String,
}

impl Input for FailInput {}

/// Which transactions to list.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PaymentFilter {
    /// Only of this contract.
    #[param(value_type = Option<Vec<ContractId>>)]
    pub contract_id: Option<Several<ContractId>>,
    /// Only of this type.
    #[param(value_type = Option<Vec<TransactionType>>)]
    pub transaction_type: Option<Several<TransactionType>>,
    /// Only with this status.
    #[param(value_type = Option<Vec<PaymentStatus>>)]
    pub status: Option<Several<PaymentStatus>>,
    /// Only with this payment method.
    #[param(value_type = Option<Vec<PaymentMethod>>)]
    pub payment_method: Option<Several<PaymentMethod>>,
    /// Only refunds of this payment.
    #[param(value_type = Option<Vec<PaymentId>>)]
    pub refund_of: Option<Several<PaymentId>>,
    /// Only through this gateway.
    #[param(max_length = 32)]
    pub gateway: Option<String>,
    /// Only made final by this user, or by this part of the system.
    #[param(max_length = 200)]
    pub processed_by: Option<String>,
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
    /// Part of the transaction id or of the description.
    #[param(max_length = 200)]
    pub search: Option<String>,
}

/// Which of the transactions of one contract to list.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct OnContractFilter {
    /// Only of this type.
    #[param(value_type = Option<Vec<TransactionType>>)]
    pub transaction_type: Option<Several<TransactionType>>,
    /// Only with this status.
    #[param(value_type = Option<Vec<PaymentStatus>>)]
    pub status: Option<Several<PaymentStatus>>,
    /// Only with this payment method.
    #[param(value_type = Option<Vec<PaymentMethod>>)]
    pub payment_method: Option<Several<PaymentMethod>>,
    /// Made at this moment or later.
    pub created_at_after: Option<DateTime<Utc>>,
    /// Made at this moment or earlier.
    pub created_at_before: Option<DateTime<Utc>>,
}

impl OnContractFilter {
    /// The filter of all transactions, limited to this contract.
    pub fn of(&self, contract: ContractId) -> PaymentFilter {
        PaymentFilter {
            contract_id: Some(contract.into()),
            transaction_type: self.transaction_type.clone(),
            status: self.status.clone(),
            payment_method: self.payment_method.clone(),
            created_at_after: self.created_at_after,
            created_at_before: self.created_at_before,
            ..PaymentFilter::default()
        }
    }
}

/// Which of the pending payments to list.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PendingFilter {
    /// Only of this contract.
    #[param(value_type = Option<Vec<ContractId>>)]
    pub contract_id: Option<Several<ContractId>>,
    /// Only with this payment method.
    #[param(value_type = Option<Vec<PaymentMethod>>)]
    pub payment_method: Option<Several<PaymentMethod>>,
    /// Only through this gateway.
    #[param(max_length = 32)]
    pub gateway: Option<String>,
}

impl PendingFilter {
    /// The filter of all transactions, limited to pending ones.
    pub fn of_all(&self) -> PaymentFilter {
        PaymentFilter {
            gateway: self.gateway.clone(),
            contract_id: self.contract_id.clone(),
            payment_method: self.payment_method.clone(),
            status: Some(PaymentStatus::Pending.into()),
            ..PaymentFilter::default()
        }
    }
}

/// The days of a shift.
#[derive(Clone, Copy, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ShiftFilter {
    /// The first day; by default today.
    pub from: Option<NaiveDate>,
    /// The last day; by default today.
    pub to: Option<NaiveDate>,
}
