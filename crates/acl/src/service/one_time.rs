//! Tickets that open one address once, for clients that cannot send a header.

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use database::{Tx, audit::Entry};
use kernel::{Error, Result};

use crate::{
    grant::SignedIn,
    model::refusal,
    random,
    seal::Seals,
    store::one_time::{self as store, NewTicket},
};

/// Tickets that a user may have at a time: enough for a page with many pictures.
const MOST_TICKETS: i64 = 500;
/// The purpose of the key that encrypts the tokens.
const PURPOSE: &str = "one-time ticket";

/// What a ticket is to open, and with whose token.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The path that it opens.
    pub path: &'a str,
    /// The bearer token that it stands for.
    pub token: &'a str,
    /// For how long.
    pub lives: TimeDelta,
}

/// A ticket, which is shown once.
#[derive(Clone, Debug)]
pub struct OneTimeTicket {
    /// The ticket itself.
    pub ticket: String,
    /// When it expires.
    pub expires_at: DateTime<Utc>,
}

/// Issues a ticket. Whoever opens the path with it is the caller, with the rights that the caller has then.
///
/// Errors: `too_many_tickets`.
pub async fn issue(tx: &mut Tx, signed_in: &SignedIn, seals: &Seals, asked: Asked<'_>) -> Result<OneTimeTicket> {
    store::sweep(tx).await?;
    if store::count(tx, signed_in.user_id).await? >= MOST_TICKETS {
        return Err(Error::new(refusal::TOO_MANY_TICKETS).with("most", MOST_TICKETS).retry_after(asked.lives.num_seconds().unsigned_abs()));
    }
    let ticket = random::random_secret()?;
    let expires_at = (tx.now() + asked.lives).trunc_subsecs(6);
    let new = NewTicket {
        hash: random::sha256(&ticket),
        path: asked.path,
        user_id: signed_in.user_id,
        token: seals.seal(PURPOSE, asked.token.as_bytes())?,
        expires_at,
    };
    store::insert(tx, new).await?;
    tx.record(Entry::new("one_time_ticket.issued", "user", signed_in.user_id).note("path", asked.path));
    Ok(OneTimeTicket { ticket, expires_at })
}

/// Uses up a ticket for this path and returns the token that it stands for.
///
/// Errors: `ticket_invalid` if it does not exist, was used, has expired or opens another path.
pub async fn redeem(tx: &mut Tx, seals: &Seals, path: &str, ticket: &str) -> Result<String> {
    let sealed = store::take(tx, &random::sha256(ticket), path).await?.ok_or(refusal::TICKET_INVALID)?;
    let token = seals.open(PURPOSE, &sealed).and_then(|token| String::from_utf8(token).ok());
    Ok(token.ok_or(refusal::TICKET_INVALID)?)
}
