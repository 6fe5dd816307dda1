//! Telling others what happened: subscribers by e-mail and SMS, staff in the program, integrators by webhooks.
//!
//! Use cases publish events in their own transactions (`database::events`). The **relay** ([`relay`]) reads them in the order of
//! their commits, and in one transaction writes what becomes of them, messages and deliveries, and how far it has come: nothing
//! is lost or doubled, wherever it is killed. **Senders** ([`courier`], [`hooks`]) then claim what is due for a while, send it
//! outside of any transaction, and note the outcome; what they did not come to note is sent again under the same id.
//!
//! Who is told of what stands in one table, [`audience`]; what they are told in `templates/`, unless an administrator has
//! changed it ([`templates`]).

pub mod audience;
mod backoff;
pub mod channel;
mod facts;
mod input;
pub mod jobs;
mod model;
mod service;
pub mod settings;
mod store;
mod template;
pub mod webhook;

use database::page::ListSpec;

pub use input::{DeliveryFilter, EventFilter, InboxFilter, NotificationFilter, TemplateInput, WebhookEndpointInput};
pub use jobs::Couriers;
pub use model::{
    Channel, DeliveryStatus, Language, Notification, NotificationStatus, RecordedEvent, Template, WebhookDelivery, WebhookEndpoint,
    WebhookEndpointWithSecret, refusal,
};
pub use service::{courier, events, hooks, notifications, relay, templates};

/// How lists of deliveries are ordered.
pub const DELIVERY_LIST: ListSpec = store::DELIVERY_LIST;

/// How lists of webhook endpoints are ordered.
pub const ENDPOINT_LIST: ListSpec = store::ENDPOINT_LIST;

/// How lists of events are ordered.
pub const EVENT_LIST: ListSpec = store::EVENT_LIST;

/// How an inbox is ordered.
pub const INBOX_LIST: ListSpec = store::INBOX_LIST;

/// How lists of notifications are ordered.
pub const LIST: ListSpec = store::LIST;
