//! The requests about notifications, templates, events and webhooks.

use chrono::{DateTime, Utc};
use database::EventKind;
use kernel::{
    Context, FieldErrors, Input, Several,
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
    #[param(value_type = Option<Vec<ContractId>>)]
    pub contract_id: Option<Several<ContractId>>,
    /// Only about this subscriber.
    #[param(value_type = Option<Vec<CustomerId>>)]
    pub customer_id: Option<Several<CustomerId>>,
    /// Only through this channel.
    #[param(value_type = Option<Vec<Channel>>)]
    pub channel: Option<Several<Channel>>,
    /// Only with this status.
    #[param(value_type = Option<Vec<NotificationStatus>>)]
    pub status: Option<Several<NotificationStatus>>,
    /// Only of this kind.
    #[param(value_type = Option<Vec<EventKind>>)]
    pub kind: Option<Several<EventKind>>,
    /// Created at this moment or later.
    pub created_at_after: Option<DateTime<Utc>>,
    /// Created at this moment or earlier.
    pub created_at_before: Option<DateTime<Utc>>,
}

/// Which of the caller's notifications to list.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct InboxFilter {
    /// Only read ones, or only unread ones.
    pub is_read: Option<bool>,
}

/// Which events to list.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct EventFilter {
    /// Only of this kind.
    #[param(value_type = Option<Vec<EventKind>>)]
    pub kind: Option<Several<EventKind>>,
    /// Only those after the event with this id; 0 for all stored events. The header `Last-Event-ID` takes
    /// precedence, and so does `lastEventId`, as clients of streams spell it.
    #[param(minimum = 0)]
    pub last_event_id: Option<i64>,
    /// The same as `last_event_id`, under the name that clients of streams use. It takes precedence over `last_event_id`.
    #[serde(rename = "lastEventId")]
    #[param(minimum = 0)]
    pub last_event_id_of_client: Option<i64>,
    /// A ticket from `POST /events/tickets` in place of the header `Authorization`, for a stream.
    #[param(max_length = 100)]
    pub ticket: Option<String>,
}

/// Which deliveries to list.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct DeliveryFilter {
    /// Only with this status.
    #[param(value_type = Option<Vec<DeliveryStatus>>)]
    pub status: Option<Several<DeliveryStatus>>,
}

/// The text of a template.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"subject": "", "text": "{{date}}: {{name}}"}))]
pub struct TemplateInput {
    /// The subject line of an e-mail, or the title in the application; text messages have none.
    #[serde(default)]
    #[validate(length(max = 200))]
    #[schema(max_length = 200)]
    pub subject: String,
    /// The text, not blank, with placeholders such as `{{amount}}`; `placeholders` of the template lists the available ones.
    #[validate(length(max = 4000))]
    #[schema(min_length = 1, max_length = 4000, pattern = r"\S")]
    pub text: String,
}

impl Input for TemplateInput {
    fn check(&self, _: &Context, wrong: &mut FieldErrors) {
        if self.text.trim().is_empty() {
            wrong.add("text", field::REQUIRED);
        }
        if self.subject.contains(['\n', '\r']) {
            wrong.add("subject", field::CONTROL_CHARACTER);
        }
    }
}

/// The maximum number of kinds of an endpoint; fewer exist.
const MOST_KINDS: u64 = 50;

/// A webhook endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"url": "https://example.com/hooks/crm", "kinds": ["payment.received", "contract.suspended"], "description": "Бухгалтерия", "is_active": true}))]
pub struct WebhookEndpointInput {
    /// The URL to which events are sent: `https://` with a public address, unless `WEBHOOKS_ALLOW_PRIVATE` is set.
    #[validate(length(min = 1, max = 500))]
    #[schema(min_length = 1, max_length = 500)]
    pub url: String,
    /// The kinds of events; the caller must be allowed to see each of them.
    #[validate(length(min = 1, max = "MOST_KINDS"))]
    #[schema(min_items = 1, max_items = 50)]
    pub kinds: Vec<EventKind>,
    /// What the endpoint is for.
    #[validate(length(max = 500))]
    #[schema(max_length = 500)]
    pub description: Option<String>,
    /// Whether events are sent.
    #[serde(default = "active")]
    #[schema(default = true)]
    pub is_active: bool,
}

fn active() -> bool {
    true
}

impl Input for WebhookEndpointInput {
    const SHOWN_BESIDE: &'static [&'static str] = &["secret"];

    fn check(&self, _: &Context, wrong: &mut FieldErrors) {
        for (at, kind) in self.kinds.iter().enumerate() {
            if self.kinds[..at].contains(kind) {
                wrong.add_at(format!("/kinds/{at}"), field::DUPLICATE);
            }
        }
    }
}
