//! Telling others what happened (SPEC 10): subscribers by e-mail and SMS, staff in the program, integrators by webhooks.
//!
//! Use cases publish events in their own transactions (`kernel::outbox`). The **relay** ([`relay`]) reads them in the order of
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
mod model;
mod service;
mod store;
mod template;
pub mod webhook;

pub use input::{DeliveryFilter, EventFilter, InboxFilter, NotificationFilter, TemplateInput, WebhookEndpointInput};
pub use model::{
    Channel, DeliveryStatus, Language, Notification, NotificationStatus, RecordedEvent, Template, WebhookDelivery, WebhookEndpoint,
    WebhookEndpointWithSecret, refusal,
};
pub use service::{courier, events, hooks, notifications, relay, templates};
pub use store::{DELIVERY_LIST, ENDPOINT_LIST, EVENT_LIST, INBOX_LIST, LIST};
