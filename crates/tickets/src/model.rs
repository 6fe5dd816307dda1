//! The ticket, its actions, and the steps of its journal.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use kernel::{
    Error, Result,
    id::{ContractId, CustomerId, TicketId, UserId},
    text_enum,
};
use serde::Serialize;
use utoipa::ToSchema;

/// Refusals about tickets.
pub mod refusal {
    kernel::codes! {
        /// No such ticket.
        NOT_FOUND = NotFound "ticket_not_found";
        /// The ticket's state does not allow the action.
        WRONG_STATE = Conflict "ticket_wrong_state";
        /// No tickets are filed for a subscriber who is gone.
        CUSTOMER_ARCHIVED = Conflict "customer_archived";
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

    /// By when a ticket filed at `filed_at` is to be solved; `hours` as in `Policy::ticket_hours`.
    pub fn deadline(self, filed_at: DateTime<Utc>, hours: [i64; 4]) -> DateTime<Utc> {
        let [critical, high, medium, low] = hours;
        filed_at
            + TimeDelta::hours(match self {
                Self::Low => low,
                Self::Medium => medium,
                Self::High => high,
                Self::Critical => critical,
            })
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
    "description": "С утра телефон не видит сеть.", "status": "resolved", "priority": "high", "assigned_to": 3, "created_by": 2,
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
    /// The user who works on it.
    pub assigned_to: Option<UserId>,
    /// The user who filed it; `null` for the system.
    pub created_by: Option<UserId>,
    /// When it was last assigned.
    pub assigned_at: Option<DateTime<Utc>>,
    /// When somebody first took it up.
    pub first_response_at: Option<DateTime<Utc>>,
    /// By when it is to be solved.
    pub due_at: DateTime<Utc>,
    /// When it was solved.
    pub resolved_at: Option<DateTime<Utc>>,
    /// When it was closed.
    pub closed_at: Option<DateTime<Utc>>,
    /// How it was solved.
    pub resolution: Option<String>,
    /// Whether its time is over and it is neither solved nor closed.
    #[sqlx(skip)]
    pub is_overdue: bool,
    /// When it was filed.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
    /// Grows with every change.
    pub version: i64,
}

impl Ticket {
    /// The form that is shown: whether it is overdue is told as of `now`.
    #[must_use]
    pub fn shown(mut self, now: DateTime<Utc>) -> Self {
        self.is_overdue = self.due_at < now && !matches!(self.status, TicketStatus::Resolved | TicketStatus::Closed);
        self
    }

    /// The ticket after it was given to a user; a new one is then worked on.
    ///
    /// Errors: `ticket_wrong_state` unless it is new, in progress or waiting.
    pub fn assign(&self, user: UserId, now: DateTime<Utc>) -> Result<Self> {
        self.only_from(&[TicketStatus::New, TicketStatus::InProgress, TicketStatus::Waiting])?;
        let status = if self.status == TicketStatus::New { TicketStatus::InProgress } else { self.status };
        Ok(Self {
            status,
            assigned_to: Some(user),
            assigned_at: Some(now),
            first_response_at: self.first_response_at.or(Some(now)),
            ..self.changed(now)
        })
    }

    /// The ticket after it was solved.
    ///
    /// Errors: `ticket_wrong_state` unless it is in progress or waiting.
    pub fn resolve(&self, resolution: &str, now: DateTime<Utc>) -> Result<Self> {
        self.only_from(&[TicketStatus::InProgress, TicketStatus::Waiting])?;
        Ok(Self { status: TicketStatus::Resolved, resolved_at: Some(now), resolution: Some(resolution.to_owned()), ..self.changed(now) })
    }

    fn changed(&self, now: DateTime<Utc>) -> Self {
        Self { updated_at: now, version: self.version + 1, ..self.clone() }
    }

    fn only_from(&self, allowed: &[TicketStatus]) -> Result<()> {
        if allowed.contains(&self.status) {
            return Ok(());
        }
        let from: Vec<&str> = allowed.iter().map(|status| status.as_str()).collect();
        Err(Error::new(refusal::WRONG_STATE).with("status", self.status).with("from", from.join(", ")))
    }
}

/// The user a ticket is given to.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Assignee {
    /// The user.
    pub id: UserId,
    /// The user's name, for the journal.
    pub username: String,
}

text_enum! {
    /// What was done to a ticket.
    pub enum TicketAction {
        /// It was filed.
        Created = "created",
        /// It was given to a user.
        Assigned = "assigned",
        /// It was solved.
        Resolved = "resolved",
    }
}

impl TicketAction {
    /// The audit trail's name for it.
    pub const fn audit_name(self) -> &'static str {
        match self {
            Self::Created => "ticket.created",
            Self::Assigned => "ticket.assigned",
            Self::Resolved => "ticket.resolved",
        }
    }
}

/// One row of a ticket's journal.
#[derive(Clone, Debug)]
pub struct Step {
    /// The ticket.
    pub ticket_id: TicketId,
    /// When it was done.
    pub at: DateTime<Utc>,
    /// What was done.
    pub action: TicketAction,
    /// The state before; nothing before it was filed.
    pub from_status: Option<TicketStatus>,
    /// The state after.
    pub to_status: TicketStatus,
    /// To whom it was given, or how it was solved.
    pub note: Option<String>,
}

impl Step {
    /// The filing of a ticket.
    pub fn filing(ticket: &Ticket) -> Self {
        Self {
            ticket_id: ticket.id,
            at: ticket.created_at,
            action: TicketAction::Created,
            from_status: None,
            to_status: ticket.status,
            note: None,
        }
    }

    /// What led from one form of a ticket to the next.
    pub fn between(before: &Ticket, after: &Ticket, action: TicketAction, note: &str) -> Self {
        Self {
            ticket_id: after.id,
            at: after.updated_at,
            action,
            from_status: Some(before.status),
            to_status: after.status,
            note: Some(note.to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const USER: UserId = UserId::new(3);

    fn at(hour: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::hours(hour)
    }

    fn ticket(status: TicketStatus) -> Ticket {
        Ticket {
            id: TicketId::new(1),
            number: "T-197001-000000".into(),
            customer_id: CustomerId::new(7),
            contract_id: None,
            category: TicketCategory::Technical,
            subject: "Нет связи".into(),
            description: "Телефон не видит сеть".into(),
            status,
            priority: TicketPriority::High,
            assigned_to: None,
            created_by: None,
            assigned_at: None,
            first_response_at: None,
            due_at: at(8),
            resolved_at: None,
            closed_at: None,
            resolution: None,
            is_overdue: false,
            created_at: at(0),
            updated_at: at(0),
            version: 1,
        }
    }

    /// The state after an action, or the states it is possible from.
    fn outcome(result: Result<Ticket>, before: TicketStatus) -> Result<TicketStatus, String> {
        match result {
            Ok(after) => {
                assert_eq!((after.version, after.updated_at), (2, at(1)), "from {before}");
                Ok(after.status)
            }
            Err(error) => {
                assert_eq!(error.code(), refusal::WRONG_STATE);
                assert_eq!(error.args()[0], ("status", before.to_string()));
                Err(error.args()[1].1.clone())
            }
        }
    }

    #[test]
    fn each_action_is_possible_only_from_its_states() {
        use TicketStatus::{Closed, InProgress, New, Resolved, Waiting};
        let not_assigned = || Err("new, in_progress, waiting".to_owned());
        let not_resolved = || Err("in_progress, waiting".to_owned());
        let table = [
            (New, Ok(InProgress), not_resolved()),
            (InProgress, Ok(InProgress), Ok(Resolved)),
            (Waiting, Ok(Waiting), Ok(Resolved)),
            (Resolved, not_assigned(), not_resolved()),
            (Closed, not_assigned(), not_resolved()),
        ];
        assert_eq!(table.each_ref().map(|row| row.0), TicketStatus::ALL);
        for (before, assigned, resolved) in table {
            assert_eq!(outcome(ticket(before).assign(USER, at(1)), before), assigned, "assign from {before}");
            assert_eq!(outcome(ticket(before).resolve("Исправлено", at(1)), before), resolved, "resolve from {before}");
        }
    }

    #[test]
    fn the_first_assignment_is_the_first_response_and_later_ones_are_not() {
        let first = ticket(TicketStatus::New).assign(USER, at(1)).unwrap();
        let second = first.assign(UserId::new(4), at(2)).unwrap();
        assert_eq!((first.assigned_at, first.first_response_at), (Some(at(1)), Some(at(1))));
        assert_eq!((second.assigned_at, second.first_response_at), (Some(at(2)), Some(at(1))));
        assert_eq!(second.assigned_to, Some(UserId::new(4)));
    }

    #[test]
    fn resolving_keeps_how_and_when() {
        let resolved = ticket(TicketStatus::InProgress).resolve("Исправлено", at(5)).unwrap();
        assert_eq!((resolved.resolution.as_deref(), resolved.resolved_at), (Some("Исправлено"), Some(at(5))));
    }

    #[test]
    fn only_unsolved_tickets_are_overdue_and_only_after_their_time() {
        let overdue = |status, now| ticket(status).shown(now).is_overdue;
        assert!(!overdue(TicketStatus::New, at(8)) && overdue(TicketStatus::New, at(9)) && overdue(TicketStatus::Waiting, at(9)));
        assert!(!overdue(TicketStatus::Resolved, at(9)) && !overdue(TicketStatus::Closed, at(9)));
    }

    #[test]
    fn deadlines_go_by_priority() {
        let hours = TicketPriority::ALL.iter().map(|priority| priority.deadline(at(0), [4, 8, 24, 72]));
        assert_eq!(hours.collect::<Vec<_>>(), [at(72), at(24), at(8), at(4)]);
    }

    #[test]
    fn numbers_name_the_month_and_six_characters() {
        let day = NaiveDate::from_ymd_opt(2026, 1, 31).unwrap();
        assert_eq!(number(day, 0), "T-202601-000000");
        assert_eq!(number(day, u32::MAX), "T-202601-ZZZZZZ");
        assert_eq!(number(day, 1 << 25 | 31), "T-202601-10000Z");
    }
}
