//! The record of a billing run: when and by whom it was started, its progress, and its failures.

mod period_row;

use chrono::{DateTime, NaiveDate, Utc};
use kernel::{
    Money,
    id::{BillingRunId, ContractId},
    text_enum,
};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

pub use period_row::PeriodRow;

text_enum! {
    /// The state of a run.
    pub enum RunState {
        /// An instance works on it, or will resume it.
        Running = "running",
        /// Everything that was due has been processed.
        Finished = "finished",
        /// It failed. Its charges remain, and another run continues from there.
        Failed = "failed",
    }
}

text_enum! {
    /// The queues of due contracts, in the order of processing.
    pub enum Queue {
        /// Active contracts with a period that is about to begin.
        Active = "active",
        /// Suspended contracts with an ended period that is not charged yet.
        Held = "held",
        /// Contracts on hold for debt whose next period is due: its fee may have fallen meanwhile.
        Debt = "debt",
    }
}

/// A billing run.
#[derive(Clone, Debug, Serialize, ToSchema, sqlx_macros::FromRow)]
#[schema(example = json!({
    "id": 31, "billing_date": "2026-02-15", "dry_run": false, "state": "finished", "started_by": "billing schedule",
    "started_at": "2026-02-14T23:00:00Z", "updated_at": "2026-02-14T23:00:00Z", "finished_at": "2026-02-14T23:00:04Z", "due_count": 1204, "done_count": 1204, "charged_count": 1100,
    "skipped_count": 3, "debt_count": 100, "failed_count": 1, "charges_count": 1102, "sum_charged": "716300.00", "failure": null, "version": 5
}))]
pub struct BillingRun {
    /// The id.
    pub id: BillingRunId,
    /// The day up to which due charges are made, including those of earlier days.
    pub billing_date: NaiveDate,
    /// Whether it only computes the charges, without changing anything.
    pub dry_run: bool,
    /// The state.
    pub state: RunState,
    /// Who started it: a user, the schedule or the command line.
    pub started_by: String,
    /// When it was started.
    pub started_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
    /// When it ended.
    pub finished_at: Option<DateTime<Utc>>,
    /// The number of contracts due at the start; null until they are counted.
    pub due_count: Option<i64>,
    /// Contracts processed, whatever the outcome.
    pub done_count: i64,
    /// Contracts that were charged.
    pub charged_count: i64,
    /// Contracts with neither a charge nor a hold: a free period, or a postpaid period that began.
    pub skipped_count: i64,
    /// Contracts that got hold `debt`; a postpaid one may also have been charged.
    pub debt_count: i64,
    /// Contracts that could not be charged; see the list of failures.
    pub failed_count: i64,
    /// Charges made; more than contracts when periods were missed.
    pub charges_count: i64,
    /// The sum of the charges.
    pub sum_charged: Money,
    /// The code of the error that made it fail, if any.
    pub failure: Option<String>,
    /// Grows with every change.
    pub version: i64,
}

/// A contract that a run could not charge.
#[derive(Clone, Debug, Serialize, ToSchema, sqlx_macros::FromRow)]
#[schema(example = json!({
    "contract_id": 12, "contract_number": "202601-7K3M9QXA", "code": "amount_out_of_range",
    "message": "The sum is beyond 99999999999.99. Give a smaller amount.", "failed_at": "2026-02-14T23:00:01Z"
}))]
pub struct RunFailure {
    /// The contract.
    pub contract_id: ContractId,
    /// The contract's number.
    pub contract_number: String,
    /// The stable code of the error.
    pub code: String,
    /// The message of the error.
    #[sqlx(default)]
    pub message: String,
    /// The values of the message.
    #[serde(skip)]
    pub arguments: String,
    /// When it failed.
    pub failed_at: DateTime<Utc>,
}

impl RunFailure {
    /// Adds the message, which `text` builds from a code and its values.
    #[must_use]
    pub fn worded(mut self, text: impl Fn(&str, &[(&str, String)]) -> String) -> Self {
        let arguments: Map<String, Value> = serde_json::from_str(&self.arguments).unwrap_or_default();
        let arguments: Vec<(&str, String)> =
            arguments.iter().map(|(name, value)| (name.as_str(), value.as_str().unwrap_or_default().to_owned())).collect();
        self.message = text(&self.code, &arguments);
        self
    }
}

/// The totals of a part of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Contracts processed.
    pub done: i64,
    /// Contracts charged.
    pub charged: i64,
    /// Contracts with neither a charge nor a hold.
    pub skipped: i64,
    /// Contracts that got hold `debt`.
    pub debt: i64,
    /// Contracts that could not be charged.
    pub failed: i64,
    /// Charges made.
    pub charges: i64,
    /// The sum of the charges, in minor units.
    pub sum: i64,
}

impl Figures {
    /// Counts a contract with these charges, and whether it got hold `debt`.
    pub fn count(&mut self, amounts: impl Iterator<Item = Money>, is_held: bool) {
        let charges = self.charges;
        for amount in amounts {
            self.charges += 1;
            self.sum += amount.minor();
        }
        let is_charged = self.charges > charges;
        self.done += 1;
        self.charged += i64::from(is_charged);
        self.debt += i64::from(is_held);
        self.skipped += i64::from(!is_charged && !is_held);
    }

    /// Counts a contract that could not be charged.
    pub fn count_failure(&mut self) {
        self.done += 1;
        self.failed += 1;
    }
}
