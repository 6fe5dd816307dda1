//! Comments on tickets.

use chrono::{DateTime, Utc};
use kernel::id::{TicketCommentId, TicketId, UserId};
use serde::Serialize;
use utoipa::ToSchema;

/// A comment on a ticket. It cannot be changed.
#[derive(Clone, Debug, Serialize, ToSchema, sqlx_macros::FromRow)]
#[schema(example = json!({
    "id": 5, "ticket_id": 31, "author_id": 3, "author": "petrova", "is_from_customer": false, "is_internal": false, "text": "Мастер приедет завтра с 10 до 12.",
    "created_at": "2026-01-15T10:05:00Z"
}))]
pub struct TicketComment {
    /// The id.
    pub id: TicketCommentId,
    /// The ticket.
    pub ticket_id: TicketId,
    /// The author.
    pub author_id: Option<UserId>,
    /// The author's user name at that time; the masked address if the subscriber wrote it.
    pub author: String,
    /// Whether it came by mail from the subscriber.
    pub is_from_customer: bool,
    /// Whether the comment is for the staff only; otherwise it is for the subscriber.
    pub is_internal: bool,
    /// The text.
    pub text: String,
    /// When the comment was written.
    pub created_at: DateTime<Utc>,
}
