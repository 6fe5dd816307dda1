//! Messages, and what is told to integrators.

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
        /// No such notification, or not one's own.
        NOT_FOUND = NotFound "notification_not_found";
        /// The notification's state does not allow the action.
        WRONG_STATE = Conflict "notification_wrong_state";
        /// The channel has no settings.
        CHANNEL_NOT_CONFIGURED = Conflict "channel_not_configured";
        /// Events of this kind are not told of by this channel.
        TEMPLATE_NOT_FOUND = NotFound "template_not_found";
        /// Events after the one named are no longer kept.
        EVENTS_FORGOTTEN = Conflict "events_forgotten";
        /// As many streams are open as may be.
        STREAMS_FULL = TooMany "event_streams_full";
        /// No such endpoint.
        ENDPOINT_NOT_FOUND = NotFound "webhook_endpoint_not_found";
        /// There are as many endpoints as there may be.
        ENDPOINTS_FULL = Conflict "webhook_endpoints_full";
        /// The endpoint is not active.
        ENDPOINT_INACTIVE = Conflict "webhook_endpoint_inactive";
        /// No such delivery.
        DELIVERY_NOT_FOUND = NotFound "webhook_delivery_not_found";
        /// The delivery is under way by itself.
        DELIVERY_WRONG_STATE = Conflict "webhook_delivery_wrong_state";
    }
}

text_enum! {
    /// How somebody is told.
    pub enum Channel {
        /// By e-mail.
        Email = "email",
        /// By a text message.
        Sms = "sms",
        /// In the program itself.
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

/// What happened, as staff and integrators see it.
#[derive(Clone, Debug, Serialize, ToSchema, sqlx::FromRow)]
#[schema(example = json!({
    "id": 512, "kind": "payment.received", "entity": "payment", "entity_id": 88, "contract_id": 12, "customer_id": 7,
    "data": {"contract_number": "202601-7K3M9Q2A", "amount": "1000.00", "balance_after": "400.00"}, "created_at": "2026-01-15T09:30:00Z"
}))]
pub struct RecordedEvent {
    /// The id; ids grow in the order in which things happened.
    pub id: EventId,
    /// What happened.
    pub kind: EventKind,
    /// To what type of thing.
    pub entity: String,
    /// To which.
    pub entity_id: i64,
    /// The contract it is about.
    pub contract_id: Option<ContractId>,
    /// The subscriber it is about.
    pub customer_id: Option<CustomerId>,
    /// More of it, by kind.
    #[schema(value_type = Object)]
    pub data: JsonText,
    /// When it happened.
    pub created_at: DateTime<Utc>,
}

/// What a message of one kind says by one channel in one language.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "kind": "payment.received", "channel": "sms", "language": "en", "subject": "", "text": "{{amount}} {{currency}} received. Balance {{balance}} {{currency}}.",
    "is_customized": false, "placeholders": ["amount", "balance", "contract", "currency", "date", "name"], "version": 0
}))]
pub struct Template {
    /// What happened.
    pub kind: EventKind,
    /// How somebody is told of it.
    pub channel: Channel,
    /// In which language.
    pub language: Language,
    /// The subject line; empty for text messages.
    pub subject: String,
    /// The text, with placeholders such as `{{amount}}`.
    pub text: String,
    /// Whether it was changed from the built-in text.
    pub is_customized: bool,
    /// The placeholders that it may have.
    #[schema(value_type = Vec<String>)]
    pub placeholders: Vec<&'static str>,
    /// Grows with every change; 0 while nobody has changed it.
    pub version: i64,
}

/// A list of kinds, kept as one text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kinds(pub Vec<EventKind>);

impl Serialize for Kinds {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl std::str::FromStr for Kinds {
    type Err = String;

    /// A kind that this version does not know is left out.
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
