//! Payments and the ledger.

mod amounts;
mod ledger;
mod lists;
mod payouts;
mod refunds;
mod shifts;
mod states;
mod transaction_ids;
