//! The caller's own sessions.

use std::sync::Arc;

use chrono::TimeDelta;
use database::{
    Conn, Db, Page, Paging, Tx,
    audit::Entry,
    page::{KeyKind, ListSpec, OrderField},
};
use kernel::{Context, Error, Result};

use super::auth::session_of;
use crate::{
    grant::{Credential, SignedIn},
    model::{Session, SessionId, refusal},
    store,
};

/// How long a session is kept after it expired.
const SESSIONS_KEPT: TimeDelta = TimeDelta::days(30);
/// How long an address is known after the last sign-in from it.
const ADDRESSES_KEPT: TimeDelta = TimeDelta::days(90);
/// Rows of each table deleted in one transaction.
const PURGED_AT_ONCE: u64 = 1_000;

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

/// Deletes sessions that expired 30 days ago, and addresses from which the user has not signed in for 90 days.
///
/// Returns whether there may be more, since one call deletes a limited number.
pub async fn purge(db: &Db, context: &Arc<Context>) -> Result<bool> {
    let most = i64::try_from(PURGED_AT_ONCE).map_err(Error::internal)?;
    let deleted = db.transaction(context, async |tx| {
        let sessions = store::sessions::purge(tx, context.now - SESSIONS_KEPT, most).await?;
        Ok(sessions.max(store::addresses::purge(tx, context.now - ADDRESSES_KEPT, most).await?))
    });
    Ok(deleted.await? == PURGED_AT_ONCE)
}
