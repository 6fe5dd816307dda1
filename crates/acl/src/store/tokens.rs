use chrono::{DateTime, Utc};
use database::{Conn, Filter, Page, Paging, Sql};
use kernel::{
    Result,
    id::{ApiTokenId, UserId},
};
use serde::Serialize;

use super::sessions::{ACCOUNT, AccountRow};
use crate::permission::PermissionSet;

/// A script token with its owner's account.
#[derive(Clone, Debug, sqlx_macros::FromRow)]
pub(crate) struct TokenAccountRow {
    pub(crate) token_id: ApiTokenId,
    pub(crate) token_name: String,
    #[sqlx(flatten)]
    pub(crate) account: AccountRow,
    pub(crate) permissions: String,
    pub(crate) expires_at: Option<DateTime<Utc>>,
    pub(crate) revoked_at: Option<DateTime<Utc>>,
}

/// A script token in a list.
#[derive(Clone, Debug, Serialize, sqlx_macros::FromRow)]
pub(crate) struct TokenRow {
    pub(crate) id: ApiTokenId,
    pub(crate) name: String,
    pub(crate) permissions: String,
    pub(crate) expires_at: Option<DateTime<Utc>>,
    pub(crate) last_used_at: Option<DateTime<Utc>>,
    pub(crate) created_at: DateTime<Utc>,
}

pub(crate) async fn account(conn: &mut Conn, token_hash: &str) -> Result<Option<TokenAccountRow>> {
    Sql::owned(format!(
        "SELECT api_tokens.id AS token_id, api_tokens.name AS token_name, {ACCOUNT}, api_tokens.permissions, api_tokens.expires_at, api_tokens.revoked_at FROM api_tokens \
         JOIN users ON users.id = api_tokens.user_id JOIN roles ON roles.id = users.role_id WHERE api_tokens.token_hash = $1"
    ))
    .bind(token_hash.to_owned())
    .optional(conn)
    .await
}

/// A new script token.
pub(crate) struct NewToken<'a> {
    pub(crate) user_id: UserId,
    pub(crate) name: &'a String,
    pub(crate) token_hash: String,
    pub(crate) permissions: PermissionSet,
    pub(crate) expires_at: Option<DateTime<Utc>>,
    pub(crate) now: DateTime<Utc>,
}

pub(crate) async fn insert(conn: &mut Conn, new: NewToken<'_>) -> Result<ApiTokenId> {
    Sql::new(
        "INSERT INTO api_tokens (user_id, name, token_hash, permissions, expires_at, created_at) VALUES ($1, $2, $3, $4, $5, $6) RETURNING id",
    )
    .bind(new.user_id)
    .bind(new.name)
    .bind(new.token_hash)
    .bind(new.permissions.words())
    .bind(new.expires_at)
    .bind(new.now)
    .scalar(conn)
    .await
}

/// The number of a user's tokens that are neither revoked nor expired.
pub(crate) async fn count(conn: &mut Conn, user: UserId) -> Result<i64> {
    let now = conn.now();
    Sql::new(
        "SELECT CAST(COUNT(*) AS BIGINT) FROM api_tokens WHERE user_id = $1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $2)",
    )
    .bind(user)
    .bind(now)
    .scalar(conn)
    .await
}

pub(crate) async fn list(conn: &mut Conn, user: UserId, paging: &Paging) -> Result<Page<TokenRow>> {
    let mut conditions = Filter::new(conn.engine());
    conditions.equal("api_tokens.user_id", Some(user.get()));
    conditions.when(true, "api_tokens.revoked_at IS NULL");
    let select = "SELECT api_tokens.id, api_tokens.name, api_tokens.permissions, api_tokens.expires_at, api_tokens.last_used_at, \
         api_tokens.created_at FROM api_tokens";
    paging.fetch(conn, select, "api_tokens", conditions).await
}

/// Revokes a user's token; returns its name, if there was one to revoke.
pub(crate) async fn revoke(conn: &mut Conn, id: ApiTokenId, user: UserId) -> Result<Option<String>> {
    let now = conn.now();
    let revoked: Option<(String,)> =
        Sql::new("UPDATE api_tokens SET revoked_at = $3 WHERE id = $1 AND user_id = $2 AND revoked_at IS NULL RETURNING name")
            .bind(id)
            .bind(user)
            .bind(now)
            .optional(conn)
            .await?;
    Ok(revoked.map(|(name,)| name))
}

/// Revokes all of a user's tokens that still work; returns how many.
pub(crate) async fn revoke_all(conn: &mut Conn, user: UserId) -> Result<u64> {
    let now = conn.now();
    Sql::new("UPDATE api_tokens SET revoked_at = $2 WHERE user_id = $1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $2)")
        .bind(user)
        .bind(now)
        .execute(conn)
        .await
}

/// Records a use, unless a later one is already recorded.
pub(crate) async fn note_use(conn: &mut Conn, id: ApiTokenId, at: DateTime<Utc>) -> Result<()> {
    Sql::new("UPDATE api_tokens SET last_used_at = $2 WHERE id = $1 AND (last_used_at IS NULL OR last_used_at < $2)")
        .bind(id)
        .bind(at)
        .execute(conn)
        .await?;
    Ok(())
}
