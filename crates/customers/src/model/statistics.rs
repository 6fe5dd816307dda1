//! Statistics of subscribers and the response to a registration.

use chrono::NaiveDate;
use serde::Serialize;
use utoipa::ToSchema;

use super::{Customer, Duplicate};

/// A newly registered subscriber with its likely duplicates.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct RegisteredCustomer {
    /// The subscriber.
    #[serde(flatten)]
    pub customer: Customer,
    /// Likely duplicates, the likeliest first; empty without `customers:read`.
    pub warnings: Vec<Duplicate>,
}

/// The number of subscribers by status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
#[schema(example = json!({"active": 950, "suspended": 20, "blocked": 10, "archived": 20}))]
pub struct StatusCounts {
    /// Active subscribers.
    pub active: i64,
    /// Suspended subscribers.
    pub suspended: i64,
    /// Blocked subscribers.
    pub blocked: i64,
    /// Archived subscribers.
    pub archived: i64,
}

/// The number of registrations on one day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(example = json!({"date": "2026-01-31", "count": 12}))]
pub struct DayCount {
    /// The day, in the operator's time zone.
    pub date: NaiveDate,
    /// The number of registrations.
    pub count: i64,
}

/// Statistics of subscribers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(example = json!({
    "total": 1000, "by_status": {"active": 950, "suspended": 20, "blocked": 10, "archived": 20}, "individuals": 940, "organizations": 60,
    "with_active_contract": 900, "registered_today": 12, "registered_this_month": 310, "registrations": [{"date": "2026-01-31", "count": 12}]
}))]
pub struct CustomerStatistics {
    /// All subscribers that are not archived.
    pub total: i64,
    /// All subscribers by status, including archived ones.
    pub by_status: StatusCounts,
    /// Persons who are not archived.
    pub individuals: i64,
    /// Organizations that are not archived.
    pub organizations: i64,
    /// Subscribers with at least one active contract.
    pub with_active_contract: i64,
    /// Registered today, including those archived since.
    pub registered_today: i64,
    /// Registered since the first day of the month.
    pub registered_this_month: i64,
    /// Registered on each of the last thirty days, today last.
    pub registrations: Vec<DayCount>,
}
