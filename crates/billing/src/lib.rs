//! What joins contracts and money (SPEC 8.3): periods, fees, debt, and the use cases that need both.
//!
//! [`period`] is pure dates, [`charge`] what things cost and [`due`] what is due, purely; [`terms`] is by what a period is charged. The
//! posting of what is due and the use cases go by them: [`activate`], [`edit`], [`suspend`], [`resume`], [`terminate`], [`change_tariff`] and
//! [`change_options`] of contracts, [`take_payment`] and its kin of payments, for the SIM cards of contracts [`block_sim`],
//! [`unblock_sim`], [`deactivate_sim`] and [`replace_sim`], [`quote`] and [`preview`].
//! [`gateways`] has the payments that others take for us, [`terminal`] those of self-service terminals.
//! [`run`] charges everything that is due. In [`subscribers`] are those that befall a subscriber with all contracts, tickets and SIM cards.

mod batch;
pub mod charge;
pub mod due;
pub mod gateways;
mod input;
mod model;
pub mod period;
mod preview;
mod quote;
pub mod run;
mod service;
mod settle;
mod sim_cards;
mod statistics;
mod store;
pub mod subscribers;
mod tariff_change;
pub mod terminal;
pub mod terms;
mod transactions;

pub use input::{FailureFilter, RunFilter, RunInput};
pub use model::{BillingRun, RunFailure, RunState};
pub use preview::{Foreseen, Preview, PreviewQuery, preview};
pub use quote::{Quote, QuoteLine, QuoteQuery, quote};
pub use service::{activate, edit, resume, suspend, terminate, violations};
pub use settle::{end_period, settle};
pub use sim_cards::{block_sim, deactivate_sim, replace_sim, unblock_sim};
pub use statistics::{TARIFF_STATISTICS, TariffStatistics, TariffStatisticsFilter, tariff_statistics};
pub use store::{
    PeriodRow, insert_periods,
    runs::{FAILURES, RUNS},
};
pub use tariff_change::{cancel_planned, change_options, change_tariff};
pub use transactions::{add_balance, cancel_payment, correct, deduct_balance, fail_payment, process_payment, refund_payment, take_payment};

/// Refusals about money that joins contracts and tariffs.
pub mod refusal {
    kernel::codes! {
        /// The balance does not cover a change of tariff or options.
        BALANCE_TOO_LOW = Conflict "balance_too_low";
    }
}
