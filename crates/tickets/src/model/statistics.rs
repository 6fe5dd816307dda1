//! Statistics of tickets.

use chrono::NaiveDate;
use kernel::id::UserId;
use serde::Serialize;
use utoipa::ToSchema;

use super::{TicketCategory, TicketPriority, TicketStatus};

/// Statistics of the tickets filed in a span of days.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "from": "2026-01-01", "to": "2026-01-31", "tickets": 40, "open": 6, "overdue": 1,
    "by_status": [{"status": "new", "tickets": 2}], "by_category": [{"category": "technical", "tickets": 21}],
    "by_priority": [{"priority": "high", "tickets": 8}],
    "by_assignee": [{"user_id": 3, "username": "petrova", "tickets": 17, "open": 2, "overdue": 0, "resolved": 15, "within_deadline": 14}],
    "first_response": {"tickets": 38, "median_seconds": 900, "p95_seconds": 5400},
    "resolution": {"tickets": 34, "median_seconds": 14400, "p95_seconds": 86400},
    "within_deadline": 32, "within_deadline_percent": "94.12"
}))]
pub struct TicketStatistics {
    /// The first day.
    pub from: NaiveDate,
    /// The last day.
    pub to: NaiveDate,
    /// The number of tickets filed.
    pub tickets: i64,
    /// How many of them are neither solved nor closed.
    pub open: i64,
    /// How many of the open ones are overdue.
    pub overdue: i64,
    /// The number of tickets by status.
    pub by_status: Vec<TicketsOfStatus>,
    /// The number of tickets by category.
    pub by_category: Vec<TicketsOfCategory>,
    /// The number of tickets by priority.
    pub by_priority: Vec<TicketsOfPriority>,
    /// The number of tickets by assignee, for the hundred users with the most.
    pub by_assignee: Vec<TicketsOfAssignee>,
    /// The working time to the first response.
    pub first_response: TicketTimes,
    /// The working time to the solution, without the time that the clock was stopped.
    pub resolution: TicketTimes,
    /// The number of tickets solved within their deadline.
    pub within_deadline: i64,
    /// Their share of the solved tickets, in percent with two decimals; `null` if none was solved.
    pub within_deadline_percent: Option<String>,
}

/// The number of tickets with a status.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(example = json!({"status": "new", "tickets": 2}))]
pub struct TicketsOfStatus {
    /// The status.
    pub status: TicketStatus,
    /// The number of tickets.
    pub tickets: i64,
}

/// The number of tickets of a category.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(example = json!({"category": "technical", "tickets": 21}))]
pub struct TicketsOfCategory {
    /// The category.
    pub category: TicketCategory,
    /// The number of tickets.
    pub tickets: i64,
}

/// The number of tickets with a priority.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(example = json!({"priority": "high", "tickets": 8}))]
pub struct TicketsOfPriority {
    /// The priority.
    pub priority: TicketPriority,
    /// The number of tickets.
    pub tickets: i64,
}

/// The numbers of tickets assigned to a user.
#[derive(Clone, Debug, Serialize, ToSchema, sqlx_macros::FromRow)]
#[schema(example = json!({"user_id": 3, "username": "petrova", "tickets": 17, "open": 2, "overdue": 0, "resolved": 15, "within_deadline": 14}))]
pub struct TicketsOfAssignee {
    /// The user.
    pub user_id: UserId,
    /// The user's name.
    pub username: String,
    /// The number of tickets whose last assignee is the user.
    pub tickets: i64,
    /// How many of them are neither solved nor closed.
    pub open: i64,
    /// How many of the open ones are overdue.
    pub overdue: i64,
    /// How many of the tickets were solved.
    pub resolved: i64,
    /// How many of those were solved within their deadline.
    pub within_deadline: i64,
}

/// The distribution of a duration over tickets.
#[derive(Clone, Debug, Serialize, ToSchema, sqlx_macros::FromRow)]
#[schema(example = json!({"tickets": 38, "median_seconds": 900, "p95_seconds": 5400}))]
pub struct TicketTimes {
    /// The number of tickets with this duration.
    pub tickets: i64,
    /// The median in seconds; `null` if there are no tickets.
    pub median_seconds: Option<i64>,
    /// The 95th percentile in seconds; `null` if there are no tickets.
    pub p95_seconds: Option<i64>,
}

/// A share in percent with two decimals, rounded half up; `None` if `whole` is zero.
pub fn percent(part: i64, whole: i64) -> Option<String> {
    let hundredths = (whole > 0).then(|| (part * 20_000 + whole) / (2 * whole))?;
    Some(format!("{}.{:02}", hundredths / 100, hundredths % 100))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_rounded_to_two_decimals() {
        let cases = [
            ((0, 0), None),
            ((0, 3), Some("0.00")),
            ((1, 3), Some("33.33")),
            ((2, 3), Some("66.67")),
            ((5, 5), Some("100.00")),
            ((1, 800), Some("0.13")),
        ];
        for ((part, whole), share) in cases {
            assert_eq!(percent(part, whole).as_deref(), share, "{part} of {whole}");
        }
    }
}
