//! What became of a mail.

use chrono::{DateTime, Utc};
use kernel::{
    id::{InboundMailId, TicketCommentId, TicketId},
    text::{JsonText, masked},
    text_enum,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

text_enum! {
    /// What became of a mail.
    pub enum MailOutcome {
        /// It is a new ticket.
        TicketCreated = "ticket_created",
        /// It is a comment on a ticket.
        CommentAdded = "comment_added",
        /// No person wrote it, or it is part of a loop.
        Ignored = "ignored",
    }
}

text_enum! {
    /// Why a mail was ignored.
    pub enum Automatic {
        /// A program wrote it: an out-of-office reply, or a message of this system that came back.
        AutoSubmitted = "auto_submitted",
        /// It went to many recipients, or came from a mailing list.
        Bulk = "bulk",
        /// It reports that a mail was not delivered, or was read.
        Report = "report",
        /// It has passed too many servers, or its sender has sent too many in an hour.
        Loop = "loop",
    }
}

/// A file of a mail that was not kept.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"name": "setup.exe", "code": "file_type_not_allowed"}))]
pub struct LeftOutFile {
    /// Its name.
    pub name: String,
    /// Why: the code of a wrong field, or `ticket_attachments_full`.
    pub code: String,
}

/// A mail, and what became of it.
#[derive(Clone, Debug, Serialize, ToSchema, sqlx_macros::FromRow)]
#[schema(example = json!({
    "id": 12, "outcome": "ticket_created", "reason": null, "ticket_id": 31, "comment_id": null, "attached": 1,
    "left_out": [{"name": "setup.exe", "code": "file_type_not_allowed"}], "message_id": "CAF1@mail.example.com",
    "sender": "ivanov@example.com", "received_at": "2026-01-15T09:30:00Z", "is_repeat": false
}))]
pub struct InboundMail {
    /// The id.
    pub id: InboundMailId,
    /// What became of it.
    pub outcome: MailOutcome,
    /// Why it was ignored.
    pub reason: Option<Automatic>,
    /// The new ticket, or the ticket with the comment.
    pub ticket_id: Option<TicketId>,
    /// The comment.
    pub comment_id: Option<TicketCommentId>,
    /// How many files were attached.
    pub attached: i64,
    /// The files that were not.
    #[schema(value_type = Vec<LeftOutFile>)]
    pub left_out: JsonText,
    /// The id that the sender's program gave it.
    pub message_id: Option<String>,
    /// The sender's address, masked without `customers:pii`.
    pub sender: String,
    /// When it was received.
    pub received_at: DateTime<Utc>,
    /// Whether it had been received before; then nothing changed.
    #[sqlx(skip)]
    pub is_repeat: bool,
}

impl InboundMail {
    /// The form for a caller who may see personal data unmasked, or may not.
    #[must_use]
    pub fn shown(mut self, unmasked: bool) -> Self {
        if !unmasked {
            self.sender = masked(&self.sender);
        }
        self
    }
}
