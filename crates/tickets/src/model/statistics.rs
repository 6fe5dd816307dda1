//! Figures about tickets.

use chrono::NaiveDate;
use kernel::id::UserId;
use serde::Serialize;
use utoipa::ToSchema;

use super::{TicketCategory, TicketPriority, TicketStatus};

/// Figures about the tickets filed in a span of days.
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
    /// How many were filed.
    pub tickets: i64,
    /// How many of them are neither solved nor closed.
    pub open: i64,
    /// How many of the open ones ran out of time.
    pub overdue: i64,
    /// How many are in each state.
    pub by_status: Vec<TicketsOfStatus>,
    /// How many are about what.
    pub by_category: Vec<TicketsOfCategory>,
    /// How many are how urgent.
    pub by_priority: Vec<TicketsOfPriority>,
    /// Who works on how many: the hundred who have most.
    pub by_assignee: Vec<TicketsOfAssignee>,
    /// The working time to the first response.
    pub first_response: TicketTimes,
    /// The working time to the solution, but for the time that the clock stood still.
    pub resolution: TicketTimes,
    /// How many were solved within their deadline.
    pub within_deadline: i64,
    /// Their share of those that were solved, in percent with two decimals; `null` when none was.
    pub within_deadline_percent: Option<String>,
}

/// How many tickets are in a state.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(example = json!({"status": "new", "tickets": 2}))]
pub struct TicketsOfStatus {
    /// The state.
    pub status: TicketStatus,
    /// How many.
    pub tickets: i64,
}

/// How many tickets are about something.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(example = json!({"category": "technical", "tickets": 21}))]
pub struct TicketsOfCategory {
    /// What they are about.
    pub category: TicketCategory,
    /// How many.
    pub tickets: i64,
}

/// How many tickets are how urgent.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(example = json!({"priority": "high", "tickets": 8}))]
pub struct TicketsOfPriority {
    /// How urgent.
    pub priority: TicketPriority,
    /// How many.
    pub tickets: i64,
}

/// What somebody works on.
#[derive(Clone, Debug, Serialize, ToSchema, sqlx::FromRow)]
#[schema(example = json!({"user_id": 3, "username": "petrova", "tickets": 17, "open": 2, "overdue": 0, "resolved": 15, "within_deadline": 14}))]
pub struct TicketsOfAssignee {
    /// The user.
    pub user_id: UserId,
    /// The user's name.
    pub username: String,
    /// How many tickets the user has or had last.
    pub tickets: i64,
    /// How many of them are neither solved nor closed.
    pub open: i64,
    /// How many of the open ones ran out of time.
    pub overdue: i64,
    /// How many were solved.
    pub resolved: i64,
    /// How many of those within their deadline.
    pub within_deadline: i64,
}

/// How long something took.
#[derive(Clone, Debug, Serialize, ToSchema, sqlx::FromRow)]
#[schema(example = json!({"tickets": 38, "median_seconds": 900, "p95_seconds": 5400}))]
pub struct TicketTimes {
    /// Of how many tickets.
    pub tickets: i64,
    /// Half of them took no longer; `null` when there are none.
    pub median_seconds: Option<i64>,
    /// Of a hundred, ninety-five took no longer.
    pub p95_seconds: Option<i64>,
}

/// A share in percent with two decimals, rounded half up.
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
