//! Notifications, event streams and webhooks.

mod catalogue;
mod messages;
mod receivers;
mod sending;
mod streams;
mod templates;
mod tls;
mod webhooks;

use crate::harness::App;

/// Creates messages and deliveries for all events so far.
pub async fn relay(app: &App) -> usize {
    let mut told = 0;
    loop {
        match app.relay_events().await {
            0 => return told,
            more => told += more,
        }
    }
}
