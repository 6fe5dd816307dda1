//! What joins contracts and money (SPEC 8.3): periods, fees, debt, and the use cases that need both.
//!
//! [`period`] is pure dates, [`charge`] the fee and the settling of what is due. The use cases are [`activate`],
//! [`edit`], [`suspend`], [`resume`] and [`terminate`] of contracts, and [`take_payment`] and its kin of payments.
//! In [`subscribers`] are those that befall a subscriber with all contracts, tickets and SIM cards.

pub mod charge;
pub mod period;
mod service;
mod store;
pub mod subscribers;
mod transactions;

pub use service::{activate, edit, resume, suspend, terminate, violations};
pub use store::{PeriodRow, insert_periods};
pub use transactions::{add_balance, cancel_payment, correct, deduct_balance, fail_payment, process_payment, refund_payment, take_payment};
