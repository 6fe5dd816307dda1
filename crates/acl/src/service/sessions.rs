//! One's own sessions.

use chrono::{DateTime, Utc};
use kernel::{
    Context, Error, Page, Paging, Result,
    audit::Entry,
    db::{Conn, Tx},
    page::{KeyKind, ListSpec, OrderField},
};

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
pub async fn list(conn: &mut Conn, context: &Context, signed_in: &SignedIn, paging: &Paging) -> Result<Page<Session>> {
    let rows = store::sessions::list(conn, signed_in.user_id, context.now, paging).await?;
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

/// Ends one of the caller's sessions, this one or another. Errors: `not_a_session`, `session_not_found`.
pub async fn end(tx: &mut Tx, context: &Context, signed_in: &SignedIn, id: SessionId) -> Result<()> {
    session_of(signed_in)?;
    if !store::sessions::revoke(tx, id, signed_in.user_id, "ended", context.now).await? {
        return Err(Error::new(refusal::SESSION_NOT_FOUND));
    }
    store::raise_epoch(tx).await?;
    tx.record(Entry::new(&signed_in.actor(), "auth.session_ended", "session", id));
    Ok(())
}

/// Forgets up to `most` sessions that expired before `before`; answers how many. A job's work: they are of no use to anybody.
pub async fn purge(tx: &mut Tx, before: DateTime<Utc>, most: i64) -> Result<u64> {
    store::sessions::purge(tx, before, most).await
}
