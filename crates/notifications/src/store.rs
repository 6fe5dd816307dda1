//! SQL of notifications, their templates, events and webhooks.

pub mod events;
pub mod messages;
pub mod notifications;
pub mod sending;
pub mod templates;
pub mod webhooks;

pub use events::LIST as EVENT_LIST;
pub use notifications::{INBOX as INBOX_LIST, LIST};
pub use webhooks::{DELIVERIES as DELIVERY_LIST, ENDPOINTS as ENDPOINT_LIST};

/// Placeholders `$1, $2, …` for this many values, from the given number on.
fn places(first: usize, count: usize) -> String {
    (first..first + count).map(|place| format!("${place}")).collect::<Vec<_>>().join(", ")
}
