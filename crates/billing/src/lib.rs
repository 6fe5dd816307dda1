//! What joins contracts and money (SPEC 8.3): periods, fees, debt, and the use cases that need both.
//!
//! [`period`] is pure dates, [`charge`] the fee and the settling of what is due. The use cases are [`activate`],
//! [`take_payment`], [`suspend`], [`resume`] and [`terminate`].

pub mod charge;
pub mod period;
mod service;
mod store;

pub use service::{activate, resume, suspend, take_payment, terminate, violations};
pub use store::{PeriodRow, insert_periods};
