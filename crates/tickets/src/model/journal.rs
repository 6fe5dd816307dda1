//! The journal: every step of a ticket, in the order it was made.

use chrono::{DateTime, Utc};
use kernel::{
    id::{TicketId, TicketStepId, UserId},
    text_enum,
};
use serde::Serialize;
use utoipa::ToSchema;

use super::{Ticket, TicketStatus};

text_enum! {
    /// What was done to a ticket.
    pub enum TicketAction {
        /// It was filed.
        Created = "created",
        /// What it says was changed.
        Edited = "edited",
        /// It was given to a user.
        Assigned = "assigned",
        /// The user began to work on it.
        Started = "started",
        /// It was put on hold.
        Waiting = "waiting",
        /// It was taken up again after a hold.
        Resumed = "resumed",
        /// It was solved.
        Resolved = "resolved",
        /// It was closed.
        Closed = "closed",
        /// It was taken up again after it was solved or closed.
        Reopened = "reopened",
        /// It became more or less urgent.
        PriorityChanged = "priority_changed",
        /// Somebody commented on it.
        Commented = "commented",
        /// A file was attached.
        Attached = "attached",
        /// An attached file was removed.
        Detached = "detached",
    }
}

impl TicketAction {
    /// The audit trail's name for it.
    pub const fn audit_name(self) -> &'static str {
        match self {
            Self::Created => "ticket.created",
            Self::Edited => "ticket.updated",
            Self::Assigned => "ticket.assigned",
            Self::Started => "ticket.started",
            Self::Waiting => "ticket.waiting",
            Self::Resumed => "ticket.resumed",
            Self::Resolved => "ticket.resolved",
            Self::Closed => "ticket.closed",
            Self::Reopened => "ticket.reopened",
            Self::PriorityChanged => "ticket.priority_changed",
            Self::Commented => "ticket.commented",
            Self::Attached => "ticket.attached",
            Self::Detached => "ticket.detached",
        }
    }
}

/// A step as it is shown.
#[derive(Clone, Debug, Serialize, ToSchema, sqlx::FromRow)]
#[schema(example = json!({
    "id": 88, "ticket_id": 31, "at": "2026-01-15T11:00:00Z", "actor_id": 3, "actor": "petrova", "action": "resolved",
    "from_status": "in_progress", "to_status": "resolved", "note": "Перезапущена базовая станция."
}))]
pub struct TicketStep {
    /// The id.
    pub id: TicketStepId,
    /// The ticket.
    pub ticket_id: TicketId,
    /// When it was done.
    pub at: DateTime<Utc>,
    /// The user who did it; `null` for the system.
    pub actor_id: Option<UserId>,
    /// The user's name at that time, or what part of the system it was.
    pub actor: String,
    /// What was done.
    pub action: TicketAction,
    /// The state before; `null` before it was filed.
    pub from_status: Option<TicketStatus>,
    /// The state after.
    pub to_status: TicketStatus,
    /// To whom it was given, why it waits or was closed or reopened, how it was solved, what was changed.
    pub note: Option<String>,
}

/// A step before it is written.
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
    /// To whom it was given, or why, or how.
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
    pub fn between(before: &Ticket, after: &Ticket, action: TicketAction, note: Option<&str>) -> Self {
        Self {
            ticket_id: after.id,
            at: after.updated_at,
            action,
            from_status: Some(before.status),
            to_status: after.status,
            note: note.map(str::to_owned),
        }
    }

    /// Something beside the ticket itself, which left it as it is.
    pub fn beside(ticket: &Ticket, at: DateTime<Utc>, action: TicketAction, note: Option<&str>) -> Self {
        Self { at, ..Self::between(ticket, ticket, action, note) }
    }
}
