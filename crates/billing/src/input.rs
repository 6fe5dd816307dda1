//! The requests about billing runs.

use chrono::{Days, NaiveDate};
use kernel::{Context, FieldErrors, Input, Several, error::field};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use validator::Validate;

use crate::model::RunState;

/// How many days the date of a run may be from today.
const MOST_DAYS: u64 = 366;

/// Which run to start.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"dry_run": true}))]
pub struct RunInput {
    /// The day to charge; by default today. At the earliest a year ago. Only a dry run may have a future date, at most a year ahead.
    pub date: Option<NaiveDate>,
    /// Whether to compute what a run would do without changing anything.
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
    #[param(value_type = Option<Vec<RunState>>)]
    pub state: Option<Several<RunState>>,
    /// Only dry runs, or only real runs.
    pub dry_run: Option<bool>,
    /// The billing date is this day or later.
    pub billing_date_after: Option<NaiveDate>,
    /// The billing date is this day or earlier.
    pub billing_date_before: Option<NaiveDate>,
}

/// The failures of a run have no filters.
#[derive(Clone, Copy, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct FailureFilter {}
