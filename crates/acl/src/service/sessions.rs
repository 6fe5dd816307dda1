//! The caller's own sessions.

use chrono::{DateTime, Utc};
use database::{
    Conn, Page, Paging, Tx,
    audit::Entry,
    page::{KeyKind, ListSpec, OrderField},
};
use kernel::{Error, Result};

use super::auth::session_of;
use crate::{
    grant::{Credential, SignedIn},
    model::{Session, SessionId, refusal},
    store,
};

/// How sessions are listed.
pub const LIST: ListSpec = ListSpec {
    order_fields: &[OrderField { name: "created_at", column: "sessions.created_at", kind: KeyKind::Time }],
    default_order: "-created_at",
    id: "sessions.id",
    id_name: "id",
};

/// The caller's sessions that have not ended.
pub async fn list(conn: &mut Conn, signed_in: &SignedIn, paging: &Paging) -> Result<Page<Session>> {
    let rows = store::sessions::list(conn, signed_in.user_id, paging).await?;
    Ok(rows.map(|row| Session {
        id: row.id,
        address: row.address,
        user_agent: row.user_agent,
        is_current: signed_in.credential == Credential::Session(row.id),
        created_at: row.created_at,
        last_used_at: row.last_used_at,
        expires_at: row.expires_at,
    }))
}

/// Ends one of the caller's sessions, the current one or another. Errors: `not_a_session`, `session_not_found`.
pub async fn end(tx: &mut Tx, signed_in: &SignedIn, id: SessionId) -> Result<()> {
    session_of(signed_in)?;
    if !store::sessions::revoke(tx, id, signed_in.user_id, "ended").await? {
        return Err(Error::new(refusal::SESSION_NOT_FOUND));
    }
    store::raise_epoch(tx).await?;
    tx.record(Entry::new("auth.session_ended", "session", id));
    Ok(())
}

/// Deletes up to `most` sessions that expired before `before`; returns how many. For a job: these sessions are no longer of use.
pub async fn purge(tx: &mut Tx, before: DateTime<Utc>, most: i64) -> Result<u64> {
    store::sessions::purge(tx, before, most).await
}
