//! What a client may send about billing runs.

use chrono::{Days, NaiveDate};
use kernel::{Context, FieldErrors, Input, error::field};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use validator::Validate;

use crate::model::RunState;

/// How far from today the day of a run may be.
const MOST_DAYS: u64 = 366;

/// Which run to start.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"dry_run": true}))]
pub struct RunInput {
    /// The day to charge, today unless told otherwise, and a year ago at the earliest; only a dry run may be of a day to come, within a year.
    pub date: Option<NaiveDate>,
    /// Only to reckon what a run would do; it moves nothing.
    #[serde(default)]
    pub dry_run: bool,
}

impl Input for RunInput {
    fn check(&self, context: &Context, wrong: &mut FieldErrors) {
        let today = context.today();
        let earliest = today.checked_sub_days(Days::new(MOST_DAYS)).unwrap_or(today);
        let latest = if self.dry_run { today.checked_add_days(Days::new(MOST_DAYS)).unwrap_or(today) } else { today };
        if self.date.is_some_and(|date| !(earliest..=latest).contains(&date)) {
            wrong.add("date", field::RANGE).with("min", earliest).with("max", latest);
        }
    }
}

/// Which runs to list.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct RunFilter {
    /// Only in this state.
    pub state: Option<RunState>,
    /// Only dry runs, or only real ones.
    pub dry_run: Option<bool>,
    /// Of this day or later.
    pub billing_date_after: Option<NaiveDate>,
    /// Of this day or earlier.
    pub billing_date_before: Option<NaiveDate>,
}

/// Nothing to choose among the failures of a run.
#[derive(Clone, Copy, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct FailureFilter {}
