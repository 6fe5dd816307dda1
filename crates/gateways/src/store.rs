//! SQL of gateways.

pub mod events;
pub mod payments;
pub mod reconciliations;
pub mod refunds;
