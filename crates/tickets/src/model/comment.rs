//! What is said about a ticket.

use chrono::{DateTime, Utc};
use kernel::id::{TicketCommentId, TicketId, UserId};
use serde::Serialize;
use utoipa::ToSchema;

/// A comment on a ticket; it stays as it was written.
#[derive(Clone, Debug, Serialize, ToSchema, sqlx::FromRow)]
#[schema(example = json!({
    "id": 5, "ticket_id": 31, "author_id": 3, "author": "petrova", "is_internal": false, "text": "Мастер приедет завтра с 10 до 12.",
    "created_at": "2026-01-15T10:05:00Z"
}))]
pub struct TicketComment {
    /// The id.
    pub id: TicketCommentId,
    /// The ticket.
    pub ticket_id: TicketId,
    /// The user who wrote it.
    pub author_id: Option<UserId>,
    /// The user's name at that time.
    pub author: String,
    /// Whether it is for the staff alone; otherwise it is for the subscriber.
    pub is_internal: bool,
    /// What was written.
    pub text: String,
    /// When it was written.
    pub created_at: DateTime<Utc>,
}
