//! What a use case may know of its surroundings: the time, the operator's policy, where the request came from.

use std::sync::Arc;

use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;

use crate::{calendar::Calendar, country::Country};

/// The operator's settings that rules depend on.
#[derive(Clone, Debug)]
pub struct Policy {
    /// The country profile.
    pub country: Country,
    /// The operator's time zone: days begin and end in it.
    pub time_zone: Tz,
    /// Days a number rests after termination.
    pub number_quarantine_days: i64,
    /// Hours to solve a ticket, by priority: critical, high, medium, low.
    pub ticket_hours: [i64; 4],
    /// When the time to solve a ticket counts.
    pub ticket_calendar: Calendar,
}

impl Policy {
    /// What holds in this country where nothing else is set.
    pub fn standard(country: Country) -> Self {
        let time_zone = country.time_zone();
        let ticket_calendar = Calendar::always(time_zone);
        Self { country, time_zone, number_quarantine_days: 90, ticket_hours: [4, 8, 24, 72], ticket_calendar }
    }
}

/// Where a change came from.
#[derive(Clone, Debug, Default)]
pub struct Origin {
    /// The request's id, or a job's name.
    pub request_id: String,
    /// The caller's address, if there is one.
    pub address: Option<String>,
}

/// The surroundings of one use case; the time in it stands still.
#[derive(Clone, Debug)]
pub struct Context {
    /// The present moment, in microseconds.
    pub now: DateTime<Utc>,
    /// The operator's settings.
    pub policy: Arc<Policy>,
    /// Where the change came from.
    pub origin: Origin,
}

impl Context {
    /// Today's date where the operator is.
    pub fn today(&self) -> NaiveDate {
        self.now.with_timezone(&self.policy.time_zone).date_naive()
    }
}
