//! Payments and the ledger (SPEC 8.1, 8.2).

mod amounts;
mod ledger;
mod lists;
mod refunds;
mod states;
