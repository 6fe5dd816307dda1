//! Payments and the ledger. Successful transactions are only ever added.
//!
//! [`ledger::post`] is the only way to move money: under the contract's lock, it inserts a successful transaction with the balance after
//! it, and moves the contract's balance. What follows from a payment (a debt paid, a period begun) is a use case of `billing`. Payments
//! through gateways and terminals are in `gateways`.

mod input;
pub mod ledger;
mod model;
mod receipt;
mod service;
pub mod shift;
pub mod statement;
pub mod statistics;
mod store;

use database::page::ListSpec;

pub use input::{
    AddBalanceInput, CorrectionInput, DeductBalanceInput, FailInput, IncomingMethod, OnContractFilter, OutgoingMethod, PaymentFilter,
    PaymentInput, PayoutInput, PendingFilter, RESERVED_PREFIXES, RefundInput, ShiftFilter, above_zero,
};
pub use model::{
    Decider, Payment, PaymentAction, PaymentMethod, PaymentStatus, TransactionType,
    gateway::{EventOutcome, GatewayEventType, Quarantine, Said, Verdict},
    refusal,
};
pub use receipt::{Receipt, receipt};
pub use service::{
    by_transaction_id, get, insert_all, left, list, list_of_contract, list_of_customer, list_quarantined, load, payout_amount, read,
    refund_amount, refunders, violations,
};

/// The sort orders of transaction lists.
pub const LIST: ListSpec = store::LIST;

/// The sort orders of the list of payments that wait for a decision.
pub const QUARANTINED_LIST: ListSpec = store::by_gateway::QUARANTINED_LIST;
