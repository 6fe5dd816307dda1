//! Notifications about events: to subscribers by e-mail and SMS, to staff in the application, to integrators by webhooks.
//!
//! Use cases publish events in their own transactions (`database::events`). The **relay** ([`relay`]) reads them in commit order and, in
//! one transaction, writes the resulting messages and deliveries together with its position, so nothing is lost or duplicated when it is
//! killed. **Senders** ([`courier`], [`hooks`]) then claim due rows for a limited time, send them outside of any transaction, and save the
//! outcome; a row without a saved outcome is sent again with the same id.
//!
//! The table [`audience`] lists who is notified of what. The texts are in `templates/`, unless an administrator has changed them
//! ([`templates`]).

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

/// The sort orders of delivery lists.
pub const DELIVERY_LIST: ListSpec = store::DELIVERY_LIST;

/// The sort orders of endpoint lists.
pub const ENDPOINT_LIST: ListSpec = store::ENDPOINT_LIST;

/// The sort orders of event lists.
pub const EVENT_LIST: ListSpec = store::EVENT_LIST;

/// The sort orders of an inbox.
pub const INBOX_LIST: ListSpec = store::INBOX_LIST;

/// The sort orders of notification lists.
pub const LIST: ListSpec = store::LIST;
