//! The ticket and its states; its actions are in `model/actions.rs`.

mod actions;
mod attachment;
mod comment;
mod journal;
mod statistics;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use kernel::{
    id::{ContractId, CustomerId, TicketId, UserId},
    text_enum,
};
use serde::Serialize;
use utoipa::ToSchema;

pub use self::{
    actions::Now,
    attachment::{MOST_BYTES, MOST_FILES, NewFile, Sniffer, TicketAttachment, safe_name},
    comment::TicketComment,
    journal::{Step, TicketAction, TicketStep},
    statistics::{TicketStatistics, TicketTimes, TicketsOfAssignee, TicketsOfCategory, TicketsOfPriority, TicketsOfStatus, percent},
};

/// Refusals about tickets.
pub mod refusal {
    kernel::codes! {
        /// No such ticket.
        NOT_FOUND = NotFound "ticket_not_found";
        /// The ticket's state does not allow the action.
        WRONG_STATE = Conflict "ticket_wrong_state";
        /// No tickets are filed for a subscriber who is gone.
        CUSTOMER_ARCHIVED = Conflict "customer_archived";
        /// Nobody works on the ticket, so nobody can start.
        NOT_ASSIGNED = Conflict "ticket_not_assigned";
        /// Only a ticket that nobody has taken up is deleted.
        TAKEN_UP = Conflict "ticket_taken_up";
        /// The ticket has no such file.
        ATTACHMENT_NOT_FOUND = NotFound "ticket_attachment_not_found";
        /// The ticket has as many files as it may have.
        ATTACHMENTS_FULL = Conflict "ticket_attachments_full";
    }
}

text_enum! {
    /// What a ticket is about.
    pub enum TicketCategory {
        /// The network or a device.
        Technical = "technical",
        /// Charges and payments.
        Billing = "billing",
        /// Tariffs and options.
        Tariff = "tariff",
        /// SIM cards and numbers.
        Sim = "sim",
        /// A complaint.
        Complaint = "complaint",
        /// Anything else.
        Other = "other",
    }
}

text_enum! {
    /// Where a ticket stands.
    pub enum TicketStatus {
        /// Nobody has taken it up.
        New = "new",
        /// Being worked on.
        InProgress = "in_progress",
        /// Waiting for the subscriber or a third party.
        Waiting = "waiting",
        /// Solved.
        Resolved = "resolved",
        /// Done with.
        Closed = "closed",
    }
}

text_enum! {
    /// How urgent a ticket is.
    #[derive(Default)]
    pub enum TicketPriority {
        /// Can wait.
        Low = "low",
        /// As usual.
        #[default]
        Medium = "medium",
        /// Urgent.
        High = "high",
        /// Service is down.
        Critical = "critical",
    }
}

impl TicketPriority {
    /// Its place in an ordering: the more urgent, the larger.
    pub const fn rank(self) -> i64 {
        match self {
            Self::Low => 1,
            Self::Medium => 2,
            Self::High => 3,
            Self::Critical => 4,
        }
    }

    /// How long a ticket may take; `hours` as in `Policy::ticket_hours`.
    pub const fn time(self, hours: [i64; 4]) -> TimeDelta {
        let [critical, high, medium, low] = hours;
        TimeDelta::hours(match self {
            Self::Low => low,
            Self::Medium => medium,
            Self::High => high,
            Self::Critical => critical,
        })
    }
}

impl TicketStatus {
    /// Whether there is still something to do.
    pub const fn is_open(self) -> bool {
        matches!(self, Self::New | Self::InProgress | Self::Waiting)
    }
}

/// Crockford's base 32: no letter can be taken for a digit.
const CROCKFORD: [u8; 32] = *b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// The number of a ticket filed on this day; the low 30 bits of `bits` make its last six characters.
pub fn number(day: NaiveDate, bits: u32) -> String {
    let symbols = (0..6).rev().map(|place| char::from(CROCKFORD[(bits >> (5 * place) & 31) as usize]));
    format!("T-{}-{}", day.format("%Y%m"), symbols.collect::<String>())
}

/// A support ticket.
#[derive(Clone, Debug, Serialize, ToSchema, sqlx::FromRow)]
#[schema(example = json!({
    "id": 31, "number": "T-202601-7K3M9Q", "customer_id": 7, "contract_id": 12, "category": "technical", "subject": "Нет связи",
    "description": "С утра телефон не видит сеть.", "status": "resolved", "priority": "high", "priority_rank": 3, "assigned_to": 3, "created_by": 2,
    "assigned_at": "2026-01-15T09:45:00Z", "first_response_at": "2026-01-15T09:45:00Z", "due_at": "2026-01-15T17:30:00Z",
    "resolved_at": "2026-01-15T11:00:00Z", "closed_at": null, "resolution": "Перезапущена базовая станция.", "is_overdue": false,
    "created_at": "2026-01-15T09:30:00Z", "updated_at": "2026-01-15T11:00:00Z", "version": 3
}))]
pub struct Ticket {
    /// The id.
    pub id: TicketId,
    /// The number people quote: `T-`, year and month, six characters.
    pub number: String,
    /// The subscriber it is about.
    pub customer_id: CustomerId,
    /// The contract it is about.
    pub contract_id: Option<ContractId>,
    /// What it is about.
    pub category: TicketCategory,
    /// In short.
    pub subject: String,
    /// At length.
    pub description: String,
    /// Changes only through its actions.
    pub status: TicketStatus,
    /// How urgent it is.
    pub priority: TicketPriority,
    /// The priority as a number to order by: the more urgent, the larger.
    pub priority_rank: i64,
    /// The user who works on it.
    pub assigned_to: Option<UserId>,
    /// The user who filed it; `null` for the system.
    pub created_by: Option<UserId>,
    /// When it was last assigned.
    pub assigned_at: Option<DateTime<Utc>>,
    /// When it was first answered: taken up, put on hold or closed, or commented on for the subscriber.
    pub first_response_at: Option<DateTime<Utc>>,
    /// By when it is to be solved. The clock stands still while the ticket waits and once it is solved or closed: when it goes on, this moves.
    pub due_at: DateTime<Utc>,
    /// When it was solved; of a reopened one, the journal has the earlier times.
    pub resolved_at: Option<DateTime<Utc>>,
    /// When it was closed.
    pub closed_at: Option<DateTime<Utc>>,
    /// How it was solved.
    pub resolution: Option<String>,
    /// Whether its time ran out and it is neither solved nor closed.
    #[sqlx(skip)]
    pub is_overdue: bool,
    /// When it was filed.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
    /// Grows with every change.
    pub version: i64,
    /// Since when its clock stands still.
    #[serde(skip)]
    pub(crate) stopped_at: Option<DateTime<Utc>>,
    /// How long its clock stood still before, in microseconds of working time.
    #[serde(skip)]
    pub(crate) stopped_for: i64,
    /// Working time to the first response.
    #[serde(skip)]
    pub(crate) response_seconds: Option<i64>,
    /// Working time to the solution, but for the time its clock stood still.
    #[serde(skip)]
    pub(crate) resolution_seconds: Option<i64>,
}

/// The user a ticket is given to.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Assignee {
    /// The user.
    pub id: UserId,
    /// The user's name, for the journal.
    pub username: String,
}

/// Whose tickets a queue holds.
#[derive(Clone, Copy, Debug)]
pub enum Queue {
    /// Those of this user, also what is over.
    Of(UserId),
    /// Open ones that nobody works on.
    Unassigned,
    /// Those whose time ran out.
    Overdue,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_to_solve_goes_by_priority() {
        let hours = TicketPriority::ALL.iter().map(|priority| priority.time([4, 8, 24, 72]).num_hours());
        assert_eq!(hours.collect::<Vec<_>>(), [72, 24, 8, 4]);
    }

    #[test]
    fn numbers_name_the_month_and_six_characters() {
        let day = NaiveDate::from_ymd_opt(2026, 1, 31).unwrap();
        assert_eq!(number(day, 0), "T-202601-000000");
        assert_eq!(number(day, u32::MAX), "T-202601-ZZZZZZ");
        assert_eq!(number(day, 1 << 25 | 31), "T-202601-10000Z");
    }
}
