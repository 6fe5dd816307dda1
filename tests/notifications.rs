//! Telling others what happened (SPEC 10).

mod messages;
mod receivers;
mod sending;
mod streams;
mod templates;
mod tls;
mod webhooks;

use crate::harness::App;

/// Tells of all that has happened.
pub async fn relay(app: &App) -> usize {
    let mut told = 0;
    loop {
        match app.relay_events().await {
            0 => return told,
            more => told += more,
        }
    }
}
