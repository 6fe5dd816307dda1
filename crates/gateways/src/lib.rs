//! Payment gateways and self-service terminals: protocols, links, events, refunds, settlement files.
//!
//! [`protocol`] has the requests to a gateway and the verification of its events. [`conversation`] sends the requests between
//! transactions; the use cases in `service` save the intent and the response. [`reconciliation`] compares settlement files with the
//! ledger, and [`terminal`] is the protocol of terminals.

pub mod conversation;
mod input;
pub mod jobs;
mod model;
pub mod protocol;
pub mod reconciliation;
mod records;
mod service;
pub mod settings;
mod store;
pub mod terminal;
mod terminal_payments;

use database::page::ListSpec;

pub use conversation::{ACTOR, Gateways, make_link, poll, send_refund};
pub use input::{
    DecisionInput, GatewayEventFilter, GatewayEventInput, GatewayMethod, GatewayRefundFilter, LinkInput, QuarantinedFilter,
    ReconciliationFilter, ReconciliationQuery, ReconciliationRowFilter, RefundDecisionInput,
};
pub use model::{
    Decision, GatewayEvent, GatewayRefund, GatewayRefundStatus, Reconciliation, ReconciliationRow, RefundDecision, RowKind, Timing, refusal,
};
pub use records::{get_refund, list_events, list_refunds, violations};
pub use service::{Begun, EXPIRED, begin_link, begin_refund, hear, order, resolve, resolve_refund};
pub use terminal_payments::{LookUp, TERMINAL, cancel, check, contract_of, known, pay};

/// The sort orders of event lists.
pub const EVENT_LIST: ListSpec = store::events::LIST;

/// The sort orders of refund lists.
pub const REFUND_LIST: ListSpec = store::refunds::LIST;
