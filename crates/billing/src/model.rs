//! A billing run as a record: when, by whom, how far it has come, and what it could not charge.

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
    /// Where a run stands.
    pub enum RunState {
        /// Somebody is at work on it, or will take it up.
        Running = "running",
        /// Everything that was due was seen to.
        Finished = "finished",
        /// It was given up; what it had charged by then stands, and another run goes on from there.
        Failed = "failed",
    }
}

text_enum! {
    /// Where contracts that are due are looked for, in this order.
    pub enum Queue {
        /// Active contracts of which a period is to begin.
        Active = "active",
        /// Suspended ones of which a period has ended that was not charged yet.
        Held = "held",
    }
}

/// A billing run.
#[derive(Clone, Debug, Serialize, ToSchema, sqlx::FromRow)]
#[schema(example = json!({
    "id": 31, "billing_date": "2026-02-15", "dry_run": false, "state": "finished", "started_by": "billing schedule",
    "started_at": "2026-02-14T23:00:00Z", "finished_at": "2026-02-14T23:00:04Z", "due_count": 1204, "done_count": 1204, "charged_count": 1100,
    "skipped_count": 3, "debt_count": 100, "failed_count": 1, "charges_count": 1102, "sum_charged": "716300.00", "failure": null, "version": 5
}))]
pub struct BillingRun {
    /// The id.
    pub id: BillingRunId,
    /// The day whose charges it makes, and those of days before it that are still due.
    pub billing_date: NaiveDate,
    /// Whether it only reckons, and moves nothing.
    pub dry_run: bool,
    /// Where it stands.
    pub state: RunState,
    /// Who started it: a user, the schedule or the command line.
    pub started_by: String,
    /// When it was started.
    pub started_at: DateTime<Utc>,
    /// When it was over.
    pub finished_at: Option<DateTime<Utc>>,
    /// Contracts that were due when it began; not counted yet in its first moments.
    pub due_count: Option<i64>,
    /// Contracts it has seen to, whatever came of it.
    pub done_count: i64,
    /// Contracts that were charged.
    pub charged_count: i64,
    /// Contracts of which nothing was charged and none was held: a period for nothing, or a postpaid one that began.
    pub skipped_count: i64,
    /// Contracts that were held for debt; a postpaid one may be charged as well.
    pub debt_count: i64,
    /// Contracts that could not be charged; see the list of failures.
    pub failed_count: i64,
    /// Charges made: more than contracts, where periods were missed.
    pub charges_count: i64,
    /// What they come to.
    pub sum_charged: Money,
    /// The code of what made it fail, where it did.
    pub failure: Option<String>,
    /// Grows with every change.
    pub version: i64,
}

/// A contract that could not be charged in a run.
#[derive(Clone, Debug, Serialize, ToSchema, sqlx::FromRow)]
#[schema(example = json!({
    "contract_id": 12, "contract_number": "202601-7K3M9QXA", "code": "amount_out_of_range",
    "message": "The sum is beyond 99999999999.99. Give a smaller amount.", "failed_at": "2026-02-14T23:00:01Z"
}))]
pub struct RunFailure {
    /// The contract.
    pub contract_id: ContractId,
    /// Its number.
    pub contract_number: String,
    /// What was in the way, by its stable code.
    pub code: String,
    /// The same in words.
    #[sqlx(default)]
    pub message: String,
    /// Values for the words.
    #[serde(skip)]
    pub arguments: String,
    /// When it was.
    pub failed_at: DateTime<Utc>,
}

impl RunFailure {
    /// The failure with its message, which `text` makes of a code and its values.
    #[must_use]
    pub fn worded(mut self, text: impl Fn(&str, &[(&str, String)]) -> String) -> Self {
        let arguments: Map<String, Value> = serde_json::from_str(&self.arguments).unwrap_or_default();
        let arguments: Vec<(&str, String)> =
            arguments.iter().map(|(name, value)| (name.as_str(), value.as_str().unwrap_or_default().to_owned())).collect();
        self.message = text(&self.code, &arguments);
        self
    }
}

/// What a part of a run came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Contracts seen to.
    pub done: i64,
    /// Contracts charged.
    pub charged: i64,
    /// Contracts of which nothing was charged and none was held.
    pub skipped: i64,
    /// Contracts held for debt.
    pub debt: i64,
    /// Contracts that could not be charged.
    pub failed: i64,
    /// Charges made.
    pub charges: i64,
    /// What they come to, in minor units.
    pub sum: i64,
}

impl Figures {
    /// Counts a contract that was charged these amounts, and held for debt or not.
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
