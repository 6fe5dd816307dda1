//! The ticket and its statuses; its actions are in `model/actions.rs`.

mod actions;
mod archive;
mod attachment;
mod canned_answer;
mod comment;
mod file_name;
mod inbound_mail;
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
    actions::{MergedTickets, Now},
    attachment::{MOST_BYTES, MOST_FILES, NewFile, Sniffer, TicketAttachment, safe_name},
    canned_answer::{CannedAnswer, MOST_ANSWERS},
    comment::TicketComment,
    inbound_mail::{Automatic, InboundMail, LeftOutFile, MailOutcome},
    journal::{Step, TicketAction, TicketStep},
    statistics::{TicketStatistics, TicketTimes, TicketsOfAssignee, TicketsOfCategory, TicketsOfPriority, TicketsOfStatus, percent},
};

/// Refusals about tickets.
pub mod refusal {
    kernel::codes! {
        /// No such ticket.
        NOT_FOUND = NotFound "ticket_not_found";
        /// The ticket's status does not allow the action.
        WRONG_STATE = Conflict "ticket_wrong_state";
        /// The ticket was merged into another.
        MERGED = Conflict "ticket_merged";
        /// Work cannot start on a ticket that is not assigned.
        NOT_ASSIGNED = Conflict "ticket_not_assigned";
        /// Only a ticket that nobody has responded to can be deleted.
        TAKEN_UP = Conflict "ticket_taken_up";
        /// No such file on the ticket.
        ATTACHMENT_NOT_FOUND = NotFound "ticket_attachment_not_found";
        /// The ticket has the maximum number of files.
        ATTACHMENTS_FULL = Conflict "ticket_attachments_full";
        /// No such canned answer.
        ANSWER_NOT_FOUND = NotFound "canned_answer_not_found";
        /// Another canned answer has the title.
        ANSWER_TITLE_TAKEN = Conflict "canned_answer_title_taken";
        /// The maximum number of canned answers exists.
        ANSWERS_FULL = Conflict "canned_answers_full";
        /// A mail without a sender, or one that cannot be parsed.
        MAIL_UNREADABLE = Invalid "mail_unreadable";
        /// No subscriber has the sender's address, and the mail names no ticket.
        MAIL_SENDER_UNKNOWN = Invalid "mail_sender_unknown";
    }
}

text_enum! {
    /// The category of a ticket.
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
    /// The status of a ticket.
    pub enum TicketStatus {
        /// Work has not started.
        New = "new",
        /// In progress.
        InProgress = "in_progress",
        /// Waiting for the subscriber or a third party.
        Waiting = "waiting",
        /// Solved.
        Resolved = "resolved",
        /// Closed.
        Closed = "closed",
    }
}

text_enum! {
    /// The priority of a ticket.
    #[derive(Default)]
    pub enum TicketPriority {
        /// Can wait.
        Low = "low",
        /// Normal.
        #[default]
        Medium = "medium",
        /// Urgent.
        High = "high",
        /// Service is down.
        Critical = "critical",
    }
}

impl TicketPriority {
    /// The priority as a number for ordering: the more urgent, the larger.
    pub const fn rank(self) -> i64 {
        match self {
            Self::Low => 1,
            Self::Medium => 2,
            Self::High => 3,
            Self::Critical => 4,
        }
    }

    /// The time allowed for a solution; `hours` as in `Policy::ticket_hours`.
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
    /// Whether the ticket is neither solved nor closed.
    pub const fn is_open(self) -> bool {
        matches!(self, Self::New | Self::InProgress | Self::Waiting)
    }
}

/// Crockford's base 32, in which no letter can be mistaken for a digit.
const CROCKFORD: [u8; 32] = *b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// The number of a ticket filed on this day; the low 30 bits of `bits` give its last six characters.
pub fn number(day: NaiveDate, bits: u32) -> String {
    let symbols = (0..6).rev().map(|place| char::from(CROCKFORD[(bits >> (5 * place) & 31) as usize]));
    format!("T-{}-{}", day.format("%Y%m"), symbols.collect::<String>())
}

/// A support ticket.
#[derive(Clone, Debug, Serialize, ToSchema, sqlx_macros::FromRow)]
#[schema(example = json!({
    "id": 31, "number": "T-202601-7K3M9Q", "customer_id": 7, "contract_id": 12, "category": "technical", "subject": "Нет связи",
    "description": "С утра телефон не видит сеть.", "status": "resolved", "priority": "high", "priority_rank": 3, "assigned_to": 3, "created_by": 2,
    "assigned_at": "2026-01-15T09:45:00Z", "first_response_at": "2026-01-15T10:05:00Z", "due_at": "2026-01-15T17:30:00Z",
    "resolved_at": "2026-01-15T11:00:00Z", "closed_at": null, "resolution": "Перезапущена базовая станция.", "merged_into": null, "is_overdue": false,
    "created_at": "2026-01-15T09:30:00Z", "updated_at": "2026-01-15T11:00:00Z", "version": 3
}))]
pub struct Ticket {
    /// The id.
    pub id: TicketId,
    /// The number that people quote: `T-`, year and month, six characters.
    pub number: String,
    /// The subscriber that the ticket concerns.
    pub customer_id: CustomerId,
    /// The contract that the ticket concerns.
    pub contract_id: Option<ContractId>,
    /// The category.
    pub category: TicketCategory,
    /// A short summary.
    pub subject: String,
    /// The full description.
    pub description: String,
    /// Status; changes only through actions.
    pub status: TicketStatus,
    /// How urgent the ticket is.
    pub priority: TicketPriority,
    /// The priority as a number for ordering: the more urgent, the larger.
    pub priority_rank: i64,
    /// The user who works on the ticket.
    pub assigned_to: Option<UserId>,
    /// The user who filed the ticket; `null` for the system.
    pub created_by: Option<UserId>,
    /// When the ticket was last assigned.
    pub assigned_at: Option<DateTime<Utc>>,
    /// The first response: when the ticket got its first comment for the subscriber.
    pub first_response_at: Option<DateTime<Utc>>,
    /// The deadline for the solution. While the ticket is waiting, solved or closed, its clock stops; when it runs again, the deadline
    /// moves.
    pub due_at: DateTime<Utc>,
    /// When the ticket was solved; the journal has the earlier times of a reopened ticket.
    pub resolved_at: Option<DateTime<Utc>>,
    /// When the ticket was closed.
    pub closed_at: Option<DateTime<Utc>>,
    /// How the ticket was solved.
    pub resolution: Option<String>,
    /// The ticket into which this one was merged, which has its comments and files.
    pub merged_into: Option<TicketId>,
    /// Whether the deadline has passed and the ticket is neither solved nor closed.
    #[sqlx(skip)]
    pub is_overdue: bool,
    /// When the ticket was filed.
    pub created_at: DateTime<Utc>,
    /// When the ticket was last changed.
    pub updated_at: DateTime<Utc>,
    /// Increases with every change.
    pub version: i64,
    /// Since when the clock is stopped.
    #[serde(skip)]
    pub(crate) stopped_at: Option<DateTime<Utc>>,
    /// How long the clock was stopped before, in microseconds of working time.
    #[serde(skip)]
    pub(crate) stopped_for: i64,
    /// Working time to the first response.
    #[serde(skip)]
    pub(crate) response_seconds: Option<i64>,
    /// Working time to the solution, without the time that the clock was stopped.
    #[serde(skip)]
    pub(crate) resolution_seconds: Option<i64>,
}

/// The user to whom a ticket is assigned.
#[derive(Clone, Debug, sqlx_macros::FromRow)]
pub struct Assignee {
    /// The user.
    pub id: UserId,
    /// The user's name, for the journal.
    pub username: String,
}

/// The kind of a ticket queue.
#[derive(Clone, Copy, Debug)]
pub enum Queue {
    /// Tickets assigned to this user, including solved and closed ones.
    Of(UserId),
    /// Open tickets that are not assigned.
    Unassigned,
    /// Overdue tickets.
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
