//! Addresses that open once without a header, by a one-time ticket.

use acl::{
    SignedIn,
    one_time::{self, Asked},
};
use chrono::{DateTime, TimeDelta, Utc};
use database::Tx;
use kernel::Result;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{answer::Answer, call::Call, guard::TICKET};

/// A ticket, and the address that it opens once.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "url": "https://crm.example.com/api/v1/events?ticket=4b1oBw2PZ4D0hK3g8s5nQxYJm7uVtLrCk6eAaF9iN2c",
    "ticket": "4b1oBw2PZ4D0hK3g8s5nQxYJm7uVtLrCk6eAaF9iN2c", "expires_at": "2026-01-15T09:30:30Z"
}))]
pub struct OneTimeLink {
    /// The address with the ticket; more query parameters can be added.
    pub url: String,
    /// The ticket, for the query parameter `ticket`.
    pub ticket: String,
    /// When it expires.
    pub expires_at: DateTime<Utc>,
}

/// Issues a ticket in the name of the caller for this path, which begins with `/api/v1/`. Errors: `too_many_tickets`.
pub async fn issue(tx: &mut Tx, call: &Call, caller: &SignedIn, path: &str, lives: TimeDelta) -> Result<Answer> {
    let token = call.bearer()?;
    let issued = one_time::issue(tx, caller, &call.state.seals, Asked { path, token: &token, lives }).await?;
    let url = format!("{}{path}?{TICKET}={}", call.base_url(), issued.ticket);
    let link = OneTimeLink { url, ticket: issued.ticket, expires_at: issued.expires_at };
    // the location is kept as it is under an idempotency key, so it has no ticket
    Ok(Answer::created_plain(path.trim_start_matches("/api/v1/").to_owned(), &link)?.secret())
}
