//! Payments and the ledger.

mod amounts;
mod ledger;
mod lists;
mod refunds;
mod states;
