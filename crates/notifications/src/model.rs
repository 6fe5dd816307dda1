//! Messages, and events for integrators.

mod notification;
mod webhook;

use chrono::{DateTime, Utc};
use database::EventKind;
use kernel::{
    id::{ContractId, CustomerId, EventId},
    text::JsonText,
    text_enum,
};
use serde::{Serialize, Serializer};
use utoipa::ToSchema;

pub use self::{
    notification::{Notification, NotificationStatus},
    webhook::{DeliveryStatus, WebhookDelivery, WebhookEndpoint, WebhookEndpointWithSecret},
};

/// Refusals about notifications, events and webhooks.
pub mod refusal {
    kernel::codes! {
        /// No such notification, or not the caller's own.
        NOT_FOUND = NotFound "notification_not_found";
        /// The notification's status does not allow the action.
        WRONG_STATE = Conflict "notification_wrong_state";
        /// The channel is not configured.
        CHANNEL_NOT_CONFIGURED = Conflict "channel_not_configured";
        /// This channel does not carry events of this kind.
        TEMPLATE_NOT_FOUND = NotFound "template_not_found";
        /// The events after the given one are no longer stored, or the given one never was.
        EVENTS_FORGOTTEN = Conflict "events_forgotten";
        /// The maximum number of event streams is open.
        STREAMS_FULL = TooMany "event_streams_full";
        /// No such endpoint.
        ENDPOINT_NOT_FOUND = NotFound "webhook_endpoint_not_found";
        /// The maximum number of endpoints exists.
        ENDPOINTS_FULL = Conflict "webhook_endpoints_full";
        /// The endpoint is not active.
        ENDPOINT_INACTIVE = Conflict "webhook_endpoint_inactive";
        /// No such delivery.
        DELIVERY_NOT_FOUND = NotFound "webhook_delivery_not_found";
        /// The delivery is still pending.
        DELIVERY_WRONG_STATE = Conflict "webhook_delivery_wrong_state";
    }
}

text_enum! {
    /// The channel of a notification.
    pub enum Channel {
        /// By e-mail.
        Email = "email",
        /// By a text message.
        Sms = "sms",
        /// In the application.
        InApp = "in_app",
    }
}

text_enum! {
    /// The language of a message.
    pub enum Language {
        /// Russian.
        Ru = "ru",
        /// English.
        En = "en",
    }
}

/// An event, as shown to staff and integrators.
#[derive(Clone, Debug, Serialize, ToSchema, sqlx_macros::FromRow)]
#[schema(example = json!({
    "id": 512, "kind": "payment.received", "entity": "payment", "entity_id": 88, "contract_id": 12, "customer_id": 7,
    "data": {"contract_number": "202601-7K3M9Q2A", "amount": "1000.00", "balance_after": "400.00"}, "created_at": "2026-01-15T09:30:00Z"
}))]
pub struct RecordedEvent {
    /// The id; ids grow in the order of the events.
    pub id: EventId,
    /// The kind of event.
    pub kind: EventKind,
    /// The type of the changed record.
    pub entity: String,
    /// The id of the changed record.
    pub entity_id: i64,
    /// The contract concerned.
    pub contract_id: Option<ContractId>,
    /// The subscriber concerned.
    pub customer_id: Option<CustomerId>,
    /// Further data, by kind.
    #[schema(value_type = Object)]
    pub data: JsonText,
    /// When it happened.
    pub created_at: DateTime<Utc>,
}

/// The text of messages of one kind, for one channel and one language.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "kind": "payment.received", "channel": "sms", "language": "en", "subject": "", "text": "{{amount}} {{currency}} received. Balance {{balance}} {{currency}}.",
    "is_customized": false, "placeholders": ["amount", "balance", "contract", "currency", "date", "name"], "version": 0
}))]
pub struct Template {
    /// The kind of event.
    pub kind: EventKind,
    /// The channel.
    pub channel: Channel,
    /// The language.
    pub language: Language,
    /// The subject line; empty for text messages.
    pub subject: String,
    /// The text, with placeholders such as `{{amount}}`.
    pub text: String,
    /// Whether an administrator has changed the built-in text.
    pub is_customized: bool,
    /// The available placeholders.
    #[schema(value_type = Vec<String>)]
    pub placeholders: Vec<&'static str>,
    /// Grows with every change; 0 for the unchanged built-in text.
    pub version: i64,
}

/// A list of kinds, stored as one text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kinds(pub Vec<EventKind>);

impl Serialize for Kinds {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl std::str::FromStr for Kinds {
    type Err = String;

    /// Ignores kinds that this version does not know.
    fn from_str(text: &str) -> Result<Self, String> {
        Ok(Self(text.split(',').filter_map(|word| word.parse().ok()).collect()))
    }
}

impl From<&Kinds> for database::Arg {
    fn from(kinds: &Kinds) -> Self {
        kinds.0.iter().map(|kind| kind.as_str()).collect::<Vec<_>>().join(",").into()
    }
}

kernel::text_column!(Kinds);
