use chrono::{DateTime, Utc};
use database::{Conn, Filter, Page, Paging, Sql};
use kernel::{
    Result,
    id::{RoleId, UserId},
};
use serde::Serialize;

use crate::model::{AccountState, SessionId};

/// The fields of an account that authentication checks.
#[derive(Clone, Debug, sqlx_macros::FromRow)]
pub(crate) struct AccountRow {
    pub(crate) user_id: UserId,
    pub(crate) username: String,
    pub(crate) role_id: RoleId,
    pub(crate) role: String,
    #[sqlx(flatten)]
    pub(crate) standing: AccountState,
}

/// The columns of an [`AccountRow`].
pub(super) const ACCOUNT: &str = "users.id AS user_id, users.username, users.role_id, roles.name AS role, users.is_active, users.valid_from, \
     users.valid_until, users.blocked_at, users.blocked_until";

/// A session with its account.
#[derive(Clone, Debug, sqlx_macros::FromRow)]
pub(crate) struct SessionAccountRow {
    #[sqlx(flatten)]
    pub(crate) account: AccountRow,
    pub(crate) expires_at: DateTime<Utc>,
    pub(crate) revoked_at: Option<DateTime<Utc>>,
    #[sqlx(flatten)]
    rotation: LastRotation,
}

/// The last rotation of a session's refresh token.
#[derive(Clone, Debug, sqlx_macros::FromRow)]
struct LastRotation {
    refresh_jti: String,
    previous_jti: Option<String>,
    access_jti: Option<String>,
    rotated_at: Option<DateTime<Utc>>,
}

/// A pair of tokens that was issued.
pub(crate) struct IssuedPair {
    /// The id of the access token.
    pub(crate) access_jti: String,
    /// The id of the refresh token.
    pub(crate) refresh_jti: String,
    /// When they were issued.
    pub(crate) at: DateTime<Utc>,
}

impl SessionAccountRow {
    /// The pair that the session's last rotation issued for this refresh token, if it was the one to be exchanged.
    pub(crate) fn issued_for(&self, refresh_jti: &str) -> Option<IssuedPair> {
        let LastRotation { refresh_jti: issued, previous_jti, access_jti, rotated_at } = self.rotation.clone();
        previous_jti.filter(|previous| previous == refresh_jti)?;
        Some(IssuedPair { access_jti: access_jti?, refresh_jti: issued, at: rotated_at? })
    }
}

/// A session in a list.
#[derive(Clone, Debug, Serialize, sqlx_macros::FromRow)]
pub(crate) struct SessionRow {
    pub(crate) id: SessionId,
    pub(crate) address: Option<String>,
    pub(crate) user_agent: Option<String>,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) last_used_at: DateTime<Utc>,
    pub(crate) expires_at: DateTime<Utc>,
}

/// A session that is being opened.
pub(crate) struct NewSession {
    pub(crate) id: SessionId,
    pub(crate) user_id: UserId,
    pub(crate) refresh_jti: String,
    pub(crate) address: Option<String>,
    pub(crate) user_agent: Option<String>,
    pub(crate) now: DateTime<Utc>,
    pub(crate) expires_at: DateTime<Utc>,
}

pub(crate) async fn insert(conn: &mut Conn, new: &NewSession) -> Result<()> {
    Sql::new(
        "INSERT INTO sessions (id, user_id, refresh_jti, address, user_agent, created_at, last_used_at, expires_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $6, $7)",
    )
    .bind(new.id)
    .bind(new.user_id)
    .bind(&new.refresh_jti)
    .bind(&new.address)
    .bind(&new.user_agent)
    .bind(new.now)
    .bind(new.expires_at)
    .execute(conn)
    .await?;
    Ok(())
}

pub(crate) async fn account(conn: &mut Conn, id: SessionId) -> Result<Option<SessionAccountRow>> {
    Sql::owned(format!(
        "SELECT {ACCOUNT}, sessions.expires_at, sessions.revoked_at, sessions.refresh_jti, sessions.previous_jti, sessions.access_jti, \
         sessions.rotated_at FROM sessions JOIN users ON users.id = sessions.user_id \
         JOIN roles ON roles.id = users.role_id WHERE sessions.id = $1"
    ))
    .bind(id)
    .optional(conn)
    .await
}

/// Replaces the refresh token; returns how many sessions still had the old one.
pub(crate) async fn rotate(conn: &mut Conn, id: SessionId, old: &str, new: &IssuedPair, expires_at: DateTime<Utc>) -> Result<u64> {
    Sql::new(
        "UPDATE sessions SET refresh_jti = $3, previous_jti = $2, access_jti = $6, rotated_at = $4, last_used_at = $4, expires_at = $5 \
         WHERE id = $1 AND refresh_jti = $2 AND revoked_at IS NULL AND expires_at > $4",
    )
    .bind(id)
    .bind(old.to_owned())
    .bind(&new.refresh_jti)
    .bind(new.at)
    .bind(expires_at)
    .bind(&new.access_jti)
    .execute(conn)
    .await
}

/// Ends a user's session; returns whether there was one to end.
pub(crate) async fn revoke(conn: &mut Conn, id: SessionId, user: UserId, why: &'static str) -> Result<bool> {
    let now = conn.now();
    let ended = Sql::new(
        "UPDATE sessions SET revoked_at = $3, revoked_why = $4 WHERE id = $1 AND user_id = $2 AND revoked_at IS NULL AND expires_at > $3",
    )
    .bind(id)
    .bind(user)
    .bind(now)
    .bind(why)
    .execute(conn)
    .await?;
    Ok(ended > 0)
}

/// Ends a user's sessions, all or all but one; returns how many.
pub(crate) async fn revoke_all(conn: &mut Conn, user: UserId, but: Option<SessionId>, why: &'static str) -> Result<u64> {
    let now = conn.now();
    // no session has the id 0
    Sql::new(
        "UPDATE sessions SET revoked_at = $3, revoked_why = $4 WHERE user_id = $1 AND id <> $2 AND revoked_at IS NULL AND expires_at > $3",
    )
    .bind(user)
    .bind(but.map_or(0, SessionId::get))
    .bind(now)
    .bind(why)
    .execute(conn)
    .await
}

pub(crate) async fn list(conn: &mut Conn, user: UserId, paging: &Paging) -> Result<Page<SessionRow>> {
    let now = conn.now();
    let mut conditions = Filter::new(conn.engine());
    conditions.equal("sessions.user_id", Some(user.get()));
    conditions.when(true, "sessions.revoked_at IS NULL");
    conditions.value("sessions.expires_at > ?", Some(now));
    let select = "SELECT sessions.id, sessions.address, sessions.user_agent, sessions.created_at, sessions.last_used_at, sessions.expires_at \
         FROM sessions";
    paging.fetch(conn, select, "sessions", conditions).await
}

/// Deletes up to `most` sessions that expired before `before`; returns how many.
pub(crate) async fn purge(conn: &mut Conn, before: DateTime<Utc>, most: i64) -> Result<u64> {
    Sql::new("DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE expires_at < $1 ORDER BY expires_at LIMIT $2)")
        .bind(before)
        .bind(most)
        .execute(conn)
        .await
}
