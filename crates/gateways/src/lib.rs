//! Payment gateways and self-service terminals: protocols, links, events, refunds, settlement files.
//!
//! [`protocol`] says how a gateway is asked and how its events are believed. [`conversation`] asks, between transactions; the use
//! cases in `service` write down what is wanted and what was said. [`reconciliation`] compares settlement files with the ledger, and
//! [`terminal`] is the protocol of terminals.

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
pub use terminal_payments::{check, contract_of, known, pay};

/// How lists of events are ordered.
pub const EVENT_LIST: ListSpec = store::events::LIST;

/// How lists of refunds through gateways are ordered.
pub const REFUND_LIST: ListSpec = store::refunds::LIST;
