//! What a client may say of notifications, templates, events and webhooks.

use chrono::{DateTime, Utc};
use database::EventKind;
use kernel::{
    Context, FieldErrors, Input,
    error::field,
    id::{ContractId, CustomerId},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use validator::Validate;

use crate::model::{Channel, DeliveryStatus, NotificationStatus};

/// Which notifications to list.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct NotificationFilter {
    /// Only about this contract.
    pub contract: Option<ContractId>,
    /// Only about this subscriber.
    pub customer: Option<CustomerId>,
    /// Only by this channel.
    pub channel: Option<Channel>,
    /// Only with this status.
    pub status: Option<NotificationStatus>,
    /// Only of this kind.
    pub kind: Option<EventKind>,
    /// Made at this moment or later.
    pub created_at_after: Option<DateTime<Utc>>,
    /// Made at this moment or earlier.
    pub created_at_before: Option<DateTime<Utc>>,
}

/// Which of one's own notifications to list.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct InboxFilter {
    /// Only those that were read, or only those that were not.
    pub is_read: Option<bool>,
}

/// Which events to list.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct EventFilter {
    /// Only of this kind.
    pub kind: Option<EventKind>,
    /// Only those after the event with this id; 0 for all that are kept. The header `Last-Event-ID` goes before it.
    #[param(minimum = 0)]
    pub last_event_id: Option<i64>,
}

/// Which deliveries to list.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct DeliveryFilter {
    /// Only with this status.
    pub status: Option<DeliveryStatus>,
}

/// What a message is to say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"subject": "", "text": "{{date}}: {{name}}"}))]
pub struct TemplateInput {
    /// The subject line of an e-mail, or the title in the program; text messages have none.
    #[serde(default)]
    #[validate(length(max = 200))]
    #[schema(max_length = 200)]
    pub subject: String,
    /// The text; `{{amount}}` and its like stand for values, and `placeholders` of the template names those there are.
    #[validate(length(min = 1, max = 4000))]
    #[schema(min_length = 1, max_length = 4000, pattern = r"\S")]
    pub text: String,
}

impl Input for TemplateInput {
    fn check(&self, _: &Context, wrong: &mut FieldErrors) {
        if !self.text.is_empty() && self.text.trim().is_empty() {
            wrong.add("text", field::REQUIRED);
        }
        if self.subject.contains(['\n', '\r']) {
            wrong.add("subject", field::CONTROL_CHARACTER);
        }
    }
}

/// Kinds an endpoint may name; there are fewer.
const MOST_KINDS: u64 = 50;

/// Where to send events, and which.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"url": "https://example.com/hooks/crm", "kinds": ["payment.received", "contract.suspended"], "description": "Бухгалтерия", "is_active": true}))]
pub struct WebhookEndpointInput {
    /// Where events are sent: `https://`, and a public address unless `WEBHOOKS_ALLOW_PRIVATE` is set.
    #[validate(length(min = 1, max = 500))]
    #[schema(min_length = 1, max_length = 500)]
    pub url: String,
    /// The kinds of events, each of which you may see yourself.
    #[validate(length(min = 1, max = "MOST_KINDS"))]
    #[schema(min_items = 1, max_items = 50)]
    pub kinds: Vec<EventKind>,
    /// What it is for.
    #[validate(length(max = 500))]
    #[schema(max_length = 500)]
    pub description: Option<String>,
    /// Whether anything is sent.
    #[serde(default = "active")]
    #[schema(default = true)]
    pub is_active: bool,
}

fn active() -> bool {
    true
}

impl Input for WebhookEndpointInput {
    fn check(&self, _: &Context, wrong: &mut FieldErrors) {
        for (at, kind) in self.kinds.iter().enumerate() {
            if self.kinds[..at].contains(kind) {
                wrong.add_at(format!("/kinds/{at}"), field::DUPLICATE);
            }
        }
    }
}
