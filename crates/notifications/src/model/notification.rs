//! A message to one recipient through one channel.

use chrono::{DateTime, Utc};
use database::EventKind;
use kernel::{
    Error, Result,
    id::{ContractId, CustomerId, EventId, NotificationId, UserId},
    text::masked,
    text_enum,
};
use serde::Serialize;
use utoipa::ToSchema;

use super::{Channel, refusal};

text_enum! {
    /// The status of a message.
    pub enum NotificationStatus {
        /// It is sent at `next_attempt_at`.
        Pending = "pending",
        /// The server has accepted it, or it is in the user's inbox.
        Sent = "sent",
        /// All attempts failed, or the recipient does not exist.
        Failed = "failed",
        /// The channel is not configured; the message is stored but not sent.
        Logged = "logged",
    }
}

/// A message to a subscriber or to a staff member. Every attempt sends the same text.
#[derive(Clone, Debug, Serialize, ToSchema, sqlx_macros::FromRow)]
#[schema(example = json!({
    "id": 901, "kind": "payment.received", "channel": "sms", "status": "sent", "event_id": 512, "contract_id": 12, "customer_id": 7, "user_id": null,
    "recipient": "+79161234567", "subject": "", "text": "Получено 1000,00 руб. Баланс 400,00 руб.", "message_id": "0193f0a2-6a5e-7c3b-9f64-2f6f0c1d2e3f",
    "attempts": 1, "next_attempt_at": null, "last_error": null, "created_at": "2026-01-15T09:30:01Z",
    "updated_at": "2026-01-15T09:30:02Z", "sent_at": "2026-01-15T09:30:02Z", "read_at": null,
    "version": 2
}))]
pub struct Notification {
    /// The id.
    pub id: NotificationId,
    /// The kind of event.
    pub kind: EventKind,
    /// The channel.
    pub channel: Channel,
    /// The status.
    pub status: NotificationStatus,
    /// The event.
    pub event_id: EventId,
    /// The contract concerned.
    pub contract_id: Option<ContractId>,
    /// The subscriber concerned.
    pub customer_id: Option<CustomerId>,
    /// The user whose inbox has it.
    pub user_id: Option<UserId>,
    /// The e-mail address, phone number or user name; those of subscribers are masked without `customers:pii`.
    pub recipient: String,
    /// The subject line; empty for text messages.
    pub subject: String,
    /// The text.
    pub text: String,
    /// The same for every attempt, so that the recipient's system can drop duplicates.
    pub message_id: String,
    /// The number of attempts.
    pub attempts: i64,
    /// The time of the next attempt.
    pub next_attempt_at: Option<DateTime<Utc>>,
    /// Why the last attempt failed.
    pub last_error: Option<String>,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
    /// When it was accepted.
    pub sent_at: Option<DateTime<Utc>>,
    /// When the user read it.
    pub read_at: Option<DateTime<Utc>>,
    /// Grows with every change, including attempts to send it.
    pub version: i64,
}

impl Notification {
    /// The notification with the subscriber's address masked, unless `unmasked`.
    #[must_use]
    pub fn shown(mut self, unmasked: bool) -> Self {
        if !unmasked && self.channel != Channel::InApp {
            self.recipient = masked(&self.recipient);
        }
        self
    }

    /// The notification reset for a new attempt. Errors: `notification_wrong_state` unless it failed or was not sent.
    pub fn retried(&self, now: DateTime<Utc>) -> Result<Self> {
        use NotificationStatus::{Failed, Logged, Pending};
        if !matches!(self.status, Failed | Logged) {
            let from = [Failed, Logged].map(NotificationStatus::as_str).join(", ");
            return Err(Error::new(refusal::WRONG_STATE).with("status", self.status).with("from", from));
        }
        Ok(Self { status: Pending, attempts: 0, next_attempt_at: Some(now), ..self.clone() })
    }
}
