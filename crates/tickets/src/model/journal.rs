//! The journal: every step of a ticket, in order.

use chrono::{DateTime, Utc};
use kernel::{
    id::{TicketId, TicketStepId, UserId},
    text_enum,
};
use serde::Serialize;
use utoipa::ToSchema;

use super::{Ticket, TicketStatus};

text_enum! {
    /// The action of a step.
    pub enum TicketAction {
        /// The ticket was filed.
        Created = "created",
        /// Its fields were changed.
        Edited = "edited",
        /// It was assigned to a user.
        Assigned = "assigned",
        /// Work on it started.
        Started = "started",
        /// It was put on hold.
        Waiting = "waiting",
        /// Its hold ended.
        Resumed = "resumed",
        /// It was solved.
        Resolved = "resolved",
        /// It was closed.
        Closed = "closed",
        /// It was reopened after it was solved or closed.
        Reopened = "reopened",
        /// Its priority was changed.
        PriorityChanged = "priority_changed",
        /// A comment was added.
        Commented = "commented",
        /// A file was attached.
        Attached = "attached",
        /// An attached file was removed.
        Detached = "detached",
        /// A duplicate was merged into it, or it was merged into another.
        Merged = "merged",
    }
}

impl TicketAction {
    /// The name of the action in the audit trail.
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
            Self::Merged => "ticket.merged",
        }
    }
}

/// A step of a ticket.
#[derive(Clone, Debug, Serialize, ToSchema, sqlx_macros::FromRow)]
#[schema(example = json!({
    "id": 88, "ticket_id": 31, "at": "2026-01-15T11:00:00Z", "actor_id": 3, "actor": "petrova", "action": "resolved",
    "from_status": "in_progress", "to_status": "resolved", "note": "Перезапущена базовая станция."
}))]
pub struct TicketStep {
    /// The id.
    pub id: TicketStepId,
    /// The ticket.
    pub ticket_id: TicketId,
    /// When the step was made.
    pub at: DateTime<Utc>,
    /// The user who made the step; `null` for the system.
    pub actor_id: Option<UserId>,
    /// The user's name at that time, or the part of the system.
    pub actor: String,
    /// The action.
    pub action: TicketAction,
    /// The status before; `null` for the filing.
    pub from_status: Option<TicketStatus>,
    /// The status after.
    pub to_status: TicketStatus,
    /// To whom the ticket was assigned, why it waits or was closed or reopened, how it was solved, what was changed, or the number of
    /// the other ticket of a merge.
    pub note: Option<String>,
}

/// A step that is not in the database yet.
#[derive(Clone, Debug)]
pub struct Step {
    /// The ticket.
    pub ticket_id: TicketId,
    /// When the step was made.
    pub at: DateTime<Utc>,
    /// The action.
    pub action: TicketAction,
    /// The status before; `None` for the filing.
    pub from_status: Option<TicketStatus>,
    /// The status after.
    pub to_status: TicketStatus,
    /// To whom the ticket was assigned, or why or how the step was made.
    pub note: Option<String>,
}

impl Step {
    /// Creates the step that files a ticket.
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

    /// Creates the step between two versions of a ticket.
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

    /// Creates a step that does not change the ticket, such as a comment.
    pub fn beside(ticket: &Ticket, at: DateTime<Utc>, action: TicketAction, note: Option<&str>) -> Self {
        Self { at, ..Self::between(ticket, ticket, action, note) }
    }
}
