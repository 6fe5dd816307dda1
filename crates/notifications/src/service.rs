//! The use cases of notifications, events and webhooks.

pub mod courier;
pub mod events;
pub mod hooks;
pub mod notifications;
pub mod relay;
pub mod templates;
