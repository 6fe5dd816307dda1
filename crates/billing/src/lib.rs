//! What joins contracts and money: periods, fees, debt, and the use cases that need both.
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
mod fees;
mod input;
pub mod jobs;
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
mod tariff_change;
pub mod terms;
mod transactions;

use database::{Tx, page::ListSpec};
use kernel::Result;

/// Steps of use cases that are whole only together with what moved the balance or the holds. They are for the crates that join
/// them, and never for a request by itself.
pub mod steps {
    pub use crate::{
        service::without_period,
        settle::{catch_up, end_period, settle},
        transactions::named,
    };
}

pub use charge::Service;
pub use fees::{OptionFees, fee};
pub use input::{FailureFilter, RunFilter, RunInput};
pub use jobs::Runs;
pub use model::{BillingRun, PeriodRow, RunFailure, RunState};
pub use preview::{Foreseen, Preview, PreviewQuery, preview};
pub use quote::{Quote, QuoteLine, QuoteQuery, quote};
pub use service::{activate, edit, resume, suspend, terminate, violations};
pub use sim_cards::{block_sim, deactivate_sim, replace_sim, unblock_sim};
pub use statistics::{TARIFF_STATISTICS, TariffStatistics, TariffStatisticsFilter, tariff_statistics};
pub use tariff_change::{cancel_planned, change_options, change_tariff};
pub use transactions::{add_balance, cancel_payment, correct, deduct_balance, fail_payment, process_payment, refund_payment, take_payment};

/// Refusals about money that joins contracts and tariffs.
pub mod refusal {
    kernel::codes! {
        /// The balance does not cover a change of tariff or options.
        BALANCE_TOO_LOW = Conflict "balance_too_low";
    }
}

/// How lists of runs are ordered.
pub const RUNS: ListSpec = store::runs::RUNS;
/// How lists of failures of a run are ordered.
pub const FAILURES: ListSpec = store::runs::FAILURES;

/// Writes many periods.
pub async fn insert_periods(tx: &mut Tx, periods: &[PeriodRow]) -> Result<()> {
    store::insert_periods(tx, periods).await
}
