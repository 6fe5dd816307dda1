//! A message to one recipient by one channel.

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
    /// What became of a message.
    pub enum NotificationStatus {
        /// It is sent at `next_attempt_at`.
        Pending = "pending",
        /// The other side has taken it; in the program, it lies in the inbox.
        Sent = "sent",
        /// It was tried as often as may be, or its recipient does not exist.
        Failed = "failed",
        /// Its channel has no settings, so it is only kept.
        Logged = "logged",
    }
}

/// A message to a subscriber or to one of the staff. Its text was made once, and each try sends the same.
#[derive(Clone, Debug, Serialize, ToSchema, sqlx::FromRow)]
#[schema(example = json!({
    "id": 901, "kind": "payment.received", "channel": "sms", "status": "sent", "event_id": 512, "contract_id": 12, "customer_id": 7, "user_id": null,
    "recipient": "+79161234567", "subject": "", "text": "Получено 1000,00 руб. Баланс 400,00 руб.", "message_id": "0193f0a2-6a5e-7c3b-9f64-2f6f0c1d2e3f",
    "attempts": 1, "next_attempt_at": null, "last_error": null, "created_at": "2026-01-15T09:30:01Z", "sent_at": "2026-01-15T09:30:02Z", "read_at": null,
    "version": 2
}))]
pub struct Notification {
    /// The id.
    pub id: NotificationId,
    /// What it tells of.
    pub kind: EventKind,
    /// How it is sent.
    pub channel: Channel,
    /// What became of it.
    pub status: NotificationStatus,
    /// The event it tells of.
    pub event_id: EventId,
    /// The contract it is about.
    pub contract_id: Option<ContractId>,
    /// The subscriber it is about.
    pub customer_id: Option<CustomerId>,
    /// The user in whose inbox it lies.
    pub user_id: Option<UserId>,
    /// The address, number or user name; those of subscribers are masked without `customers:pii`.
    pub recipient: String,
    /// The subject line; empty for text messages.
    pub subject: String,
    /// The text.
    pub text: String,
    /// The same for every try, so that the other side can drop what it has already.
    pub message_id: String,
    /// How often it was tried.
    pub attempts: i64,
    /// When it is tried next.
    pub next_attempt_at: Option<DateTime<Utc>>,
    /// Why the last try failed.
    pub last_error: Option<String>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When the other side took it.
    pub sent_at: Option<DateTime<Utc>>,
    /// When the user read it.
    pub read_at: Option<DateTime<Utc>>,
    /// Grows with every change, also by a try to send it.
    pub version: i64,
}

impl Notification {
    /// The form that is shown: the subscriber's address masked unless `unmasked`.
    #[must_use]
    pub fn shown(mut self, unmasked: bool) -> Self {
        if !unmasked && self.channel != Channel::InApp {
            self.recipient = masked(&self.recipient);
        }
        self
    }

    /// To be sent once more, as if it were new. Errors: `notification_wrong_state` unless it failed or was only kept.
    pub fn retried(&self, now: DateTime<Utc>) -> Result<Self> {
        use NotificationStatus::{Failed, Logged, Pending};
        if !matches!(self.status, Failed | Logged) {
            let from = [Failed, Logged].map(NotificationStatus::as_str).join(", ");
            return Err(Error::new(refusal::WRONG_STATE).with("status", self.status).with("from", from));
        }
        Ok(Self { status: Pending, attempts: 0, next_attempt_at: Some(now), ..self.clone() })
    }
}
