//! Payments and the ledger (SPEC 8.1, 8.2): successful transactions are only ever added.
//!
//! [`ledger::post`] is the one way money moves: it writes a successful transaction with the balance after it and moves the
//! contract's balance with it, under the contract's lock. What a payment sets off (a debt settled, a period begun) is a use
//! case of `billing`.

mod input;
pub mod ledger;
mod model;
mod receipt;
mod service;
pub mod statement;
pub mod statistics;
mod store;

pub use input::{
    AddBalanceInput, CorrectionInput, DeductBalanceInput, FailInput, IncomingMethod, OnContractFilter, PaymentFilter, PaymentInput,
    PendingFilter, RefundInput,
};
pub use model::{Decider, Payment, PaymentAction, PaymentMethod, PaymentStatus, TransactionType, refusal};
pub use receipt::{Receipt, receipt};
pub use service::{get, insert_all, list, list_of_contract, list_of_customer, load, violations};
pub use store::LIST;
