//! Billing combines contracts and money: periods, fees, debt, and the use cases that need both.
//!
//! [`period`] has the dates, [`charge`] the costs, [`due`] what is due (all pure functions), and [`terms`] the terms of a period. These
//! use cases apply them: [`activate`], [`edit`], [`suspend`], [`resume`], [`terminate`], [`change_tariff`] and [`change_options`] of
//! contracts; [`take_payment`] and the other use cases of payments; [`block_sim`], [`unblock_sim`], [`deactivate_sim`] and [`replace_sim`]
//! of SIM cards; [`quote`] and [`preview`].
//!
//! [`run`] charges everything that is due. The crate `gateways` has payments through gateways and self-service terminals; the crate
//! `subscribers` has the use cases that change a subscriber together with all contracts, tickets and SIM cards.

mod batch;
pub mod charge;
pub mod days;
pub mod due;
pub mod explanation;
mod fees;
mod input;
pub mod jobs;
mod model;
pub mod period;
mod preview;
pub mod promise;
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

use database::{Conn, Tx, page::ListSpec};
use kernel::Result;

/// Steps of use cases that are complete only together with a change of the balance or the holds. The crates that combine them call these;
/// a request handler never does.
pub mod steps {
    pub use crate::{
        batch::{judge_all_without, settle_all},
        due::Judging,
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
pub use service::{activate, edit, resume, suspend, terminate};
pub use sim_cards::{block_sim, deactivate_sim, replace_sim, unblock_sim};
pub use statistics::{TARIFF_STATISTICS, TariffStatistics, TariffStatisticsFilter, tariff_statistics};
pub use tariff_change::{cancel_planned, change_options, change_tariff};
pub use transactions::{
    add_balance, cancel_payment, correct, deduct_balance, fail_payment, pay_out, process_payment, refund_payment, take_payment,
};

/// Refusals about balances, contracts and tariffs.
pub mod refusal {
    kernel::codes! {
        /// The balance does not cover a change of tariff or options.
        BALANCE_TOO_LOW = Conflict "balance_too_low";
    }
}

/// The sort orders of run lists.
pub const RUNS: ListSpec = store::runs::RUNS;
/// The sort orders of a run's failures.
pub const FAILURES: ListSpec = store::runs::FAILURES;

/// Inserts many periods.
pub async fn insert_periods(tx: &mut Tx, periods: &[PeriodRow]) -> Result<()> {
    store::insert_periods(tx, periods).await
}

/// What breaks the invariants of periods and promises, in words for the operator's engineers.
pub async fn violations(conn: &mut Conn) -> Result<Vec<String>> {
    Ok([service::violations(conn).await?, promise::violations(conn).await?].concat())
}
