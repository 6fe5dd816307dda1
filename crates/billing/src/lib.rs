//! What joins contracts and money (SPEC 8.3): periods, fees, debt, and the use cases that need both.
//!
//! [`period`] is pure dates, [`charge`] the fee and the settling of what is due. The use cases are [`activate`],
//! [`edit`], [`suspend`], [`resume`] and [`terminate`] of contracts, [`take_payment`] and its kin of payments, and for the SIM
//! cards of contracts [`block_sim`], [`unblock_sim`], [`deactivate_sim`] and [`replace_sim`].
//! In [`subscribers`] are those that befall a subscriber with all contracts, tickets and SIM cards.

pub mod charge;
pub mod period;
mod service;
mod sim_cards;
mod store;
pub mod subscribers;
mod transactions;

pub use service::{activate, edit, resume, suspend, terminate, violations};
pub use sim_cards::{block_sim, deactivate_sim, replace_sim, unblock_sim};
pub use store::{PeriodRow, insert_periods};
pub use transactions::{add_balance, cancel_payment, correct, deduct_balance, fail_payment, process_payment, refund_payment, take_payment};
