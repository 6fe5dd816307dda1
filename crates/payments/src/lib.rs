//! Payments and the ledger (SPEC 8.1, 8.2): successful transactions are only ever added.
//!
//! [`ledger::post`] is the one way money moves: it writes a successful transaction with the balance after it and moves the
//! contract's balance with it, under the contract's lock. What a payment sets off (a debt settled, a period begun) is a use
//! case of `billing`. Money that comes through others is in [`gateway`] (how they are asked and believed), [`gateways`] (what they
//! said), [`reconciliation`] (their settlement files) and [`terminal`] (self-service terminals).

pub mod gateway;
pub mod gateways;
mod input;
pub mod ledger;
mod model;
mod receipt;
pub mod reconciliation;
mod service;
pub mod statement;
pub mod statistics;
mod store;
pub mod terminal;

pub use input::{
    AddBalanceInput, CorrectionInput, DeductBalanceInput, FailInput, IncomingMethod, OnContractFilter, PaymentFilter, PaymentInput,
    PendingFilter, RefundInput,
    gateway::{
        DecisionInput, GatewayEventFilter, GatewayEventInput, GatewayMethod, GatewayRefundFilter, LinkInput, QuarantinedFilter,
        ReconciliationFilter, ReconciliationQuery, ReconciliationRowFilter, RefundDecisionInput,
    },
};
pub use model::{
    Decider, Payment, PaymentAction, PaymentMethod, PaymentStatus, TransactionType,
    gateway::{
        Decision, EventOutcome, GatewayEvent, GatewayEventType, GatewayRefund, GatewayRefundStatus, Quarantine, Reconciliation,
        ReconciliationRow, RefundDecision, Said, Terms, Verdict,
    },
    refusal,
};
pub use receipt::{Receipt, receipt};
pub use service::{by_transaction_id, get, insert_all, list, list_of_contract, list_of_customer, load, read, violations};
pub use store::LIST;
