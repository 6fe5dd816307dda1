//! Answers that are made of subscribers, and are none.

use chrono::NaiveDate;
use serde::Serialize;
use utoipa::ToSchema;

use super::{Customer, Duplicate};

/// A subscriber who was just registered, and whom it may be already.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct RegisteredCustomer {
    /// The subscriber.
    #[serde(flatten)]
    pub customer: Customer,
    /// Likely duplicates, the likeliest first; for those who may see subscribers.
    pub warnings: Vec<Duplicate>,
}

/// How many subscribers there are of each status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
#[schema(example = json!({"active": 950, "suspended": 20, "blocked": 10, "archived": 20}))]
pub struct StatusCounts {
    /// Served.
    pub active: i64,
    /// Paused.
    pub suspended: i64,
    /// Barred.
    pub blocked: i64,
    /// Gone.
    pub archived: i64,
}

/// How many there were on one day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(example = json!({"date": "2026-01-31", "count": 12}))]
pub struct DayCount {
    /// The day, where the operator is.
    pub date: NaiveDate,
    /// How many.
    pub count: i64,
}

/// Subscribers in numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(example = json!({
    "total": 1000, "by_status": {"active": 950, "suspended": 20, "blocked": 10, "archived": 20}, "individuals": 940, "organizations": 60,
    "with_active_contract": 900, "registered_today": 12, "registered_this_month": 310, "registrations": [{"date": "2026-01-31", "count": 12}]
}))]
pub struct CustomerStatistics {
    /// All but the archived ones.
    pub total: i64,
    /// By status, the archived ones too.
    pub by_status: StatusCounts,
    /// Persons who are not archived.
    pub individuals: i64,
    /// Organizations that are not archived.
    pub organizations: i64,
    /// Those with at least one active contract.
    pub with_active_contract: i64,
    /// Registered today, also if archived since.
    pub registered_today: i64,
    /// Registered since the first of the month.
    pub registered_this_month: i64,
    /// Registered on each of the last thirty days, today last.
    pub registrations: Vec<DayCount>,
}
