//! Idempotency keys: the key, the changes and the response are written in one transaction.
//!
//! Responses are encrypted with a key derived from the JWT secret, because some of them contain tokens and personal data.

use std::sync::Arc;

use acl::{PermissionSet, Seals, refusal};
use actix_web::http::StatusCode;
use chrono::{DateTime, TimeDelta, Utc};
use database::{Conn, Db, Sql, Tx};
use kernel::{Context, Error, Kind, Result, error::common};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::answer::Answer;

/// Most keys deleted in one transaction.
pub const FORGOTTEN_AT_ONCE: u64 = 1000;
/// How long a key is kept.
pub const LIFE: TimeDelta = TimeDelta::hours(48);
/// The purpose for which responses are encrypted.
const ANSWER: &str = "idempotency answer";
/// The purpose of the digests that identify requests. They are keyed, because a body may contain a password.
const REQUEST: &str = "idempotency request";

/// What a use case made, as stored with its response.
pub trait Made: Serialize + DeserializeOwned {}

impl<T: Serialize + DeserializeOwned> Made for T {}

/// A key as one caller uses it for one request.
pub struct Key {
    /// The caller's credential.
    pub scope: String,
    /// What the caller is permitted now; a response depends on it.
    pub permissions: PermissionSet,
    /// The key itself.
    pub text: String,
    /// Method, URI and body digest.
    pub request: String,
}

#[derive(Serialize, Deserialize)]
struct Headers {
    location: Option<String>,
    etag: Option<String>,
    secret: bool,
    /// What the use case made, for the handler.
    #[serde(default)]
    made: Value,
}

#[derive(sqlx_macros::FromRow)]
struct Stored {
    request: String,
    status: Option<i64>,
    headers: Option<String>,
    body: Option<Vec<u8>>,
    permissions: Option<String>,
    created_at: DateTime<Utc>,
}

/// Claims the key for this transaction, or returns the response stored under it.
///
/// Errors: `idempotency_key_reused` for another request under the same key; `idempotency_key_in_use` while the first one runs;
/// `replay_right_lost` when the caller lacks a permission that they had when the response was stored.
pub async fn claim<T: Made>(tx: &mut Tx, key: &Key, seals: &Seals) -> Result<Option<Answer<T>>> {
    let request = seals.digest(REQUEST, &key.request);
    // on PostgreSQL this waits for a transaction that holds the same key, up to the lock timeout
    let claimed = Sql::new(
        "INSERT INTO idempotency_keys (scope, key, request, created_at) VALUES ($1, $2, $3, $4) ON CONFLICT (scope, key) DO NOTHING",
    )
    .bind(&key.scope)
    .bind(&key.text)
    .bind(request.clone())
    .bind(tx.now())
    .execute(tx)
    .await
    .map_err(|error| {
        if error.kind() == Kind::Unavailable && error.is_transient().is_none() {
            Error::new(common::IDEMPOTENCY_KEY_IN_USE).cause(error)
        } else {
            error
        }
    })?;
    if claimed == 1 {
        return Ok(None);
    }
    let stored: Stored = select(key).one(tx).await?;
    if stored.created_at < tx.now() - LIFE {
        let renewed = Sql::new(
            "UPDATE idempotency_keys SET request = $1, created_at = $2, status = NULL WHERE scope = $3 AND key = $4 AND created_at = $5",
        )
        .bind(request)
        .bind(tx.now())
        .bind(&key.scope)
        .bind(&key.text)
        .bind(stored.created_at)
        .execute(tx)
        .await?;
        return if renewed == 1 { Ok(None) } else { Err(Error::new(common::IDEMPOTENCY_KEY_IN_USE)) };
    }
    stored.answer(key, seals).map(Some)
}

/// The response stored under the key, for work before the transaction that cannot be repeated.
///
/// Errors: `idempotency_key_reused` for another request under the same key; `replay_right_lost`.
pub async fn recall<T: Made>(conn: &mut Conn, key: &Key, seals: &Seals) -> Result<Option<Answer<T>>> {
    let stored: Option<Stored> = select(key).optional(conn).await?;
    stored.filter(|stored| stored.created_at >= conn.now() - LIFE).map(|stored| stored.answer(key, seals)).transpose()
}

fn select(key: &Key) -> Sql {
    Sql::new("SELECT request, status, headers, body, permissions, created_at FROM idempotency_keys WHERE scope = $1 AND key = $2")
        .bind(&key.scope)
        .bind(&key.text)
}

/// Stores the response with its key.
pub async fn store<T: Made>(tx: &mut Tx, key: &Key, answer: &Answer<T>, seals: &Seals) -> Result<()> {
    let made = serde_json::to_value(&answer.made).map_err(Error::internal)?;
    let headers = Headers { made, location: answer.location.clone(), etag: answer.etag.clone(), secret: answer.secret };
    Sql::new("UPDATE idempotency_keys SET status = $1, headers = $2, body = $3, permissions = $6 WHERE scope = $4 AND key = $5")
        .bind(i64::from(answer.status.as_u16()))
        .bind(serde_json::to_string(&headers).map_err(Error::internal)?)
        .bind(seals.seal(ANSWER, &answer.body)?)
        .bind(&key.scope)
        .bind(&key.text)
        .bind(key.permissions.words())
        .execute(tx)
        .await
        .map(drop)
}

/// Releases the key after a refusal that is committed.
pub async fn release(tx: &mut Tx, key: &Key) -> Result<()> {
    Sql::new("DELETE FROM idempotency_keys WHERE scope = $1 AND key = $2").bind(&key.scope).bind(&key.text).execute(tx).await.map(drop)
}

/// Deletes expired keys, a limited number at a time.
pub async fn forget_old(db: &Db, context: &Arc<Context>) -> Result<u64> {
    db.transaction(context, async |tx| {
        Sql::new(
            "DELETE FROM idempotency_keys WHERE (scope, key) IN \
             (SELECT scope, key FROM idempotency_keys WHERE created_at < $1 ORDER BY created_at LIMIT $2)",
        )
        .bind(context.now - LIFE)
        .bind(i64::try_from(FORGOTTEN_AT_ONCE).unwrap_or(i64::MAX))
        .execute(tx)
        .await
    })
    .await
}

impl Stored {
    fn answer<T: Made>(self, key: &Key, seals: &Seals) -> Result<Answer<T>> {
        let gone = || Error::new(common::IDEMPOTENCY_KEY_REUSED);
        if !seals.is_digest(REQUEST, &key.request, &self.request) {
            return Err(gone());
        }
        // rows of earlier versions do not say what was permitted
        let before = self.permissions.as_deref().map_or_else(PermissionSet::all, PermissionSet::of_words);
        if let Some(lost) = before.without(key.permissions).iter().next() {
            return Err(Error::new(refusal::REPLAY_RIGHT_LOST).with("permission", lost));
        }
        let (Some(status), Some(headers), Some(body)) = (self.status, self.headers, self.body) else { return Err(gone()) };
        let headers: Headers = serde_json::from_str(&headers).map_err(Error::internal)?;
        Ok(Answer {
            status: u16::try_from(status).ok().and_then(|status| StatusCode::from_u16(status).ok()).ok_or_else(gone)?,
            location: headers.location,
            etag: headers.etag,
            secret: headers.secret,
            body: seals.open(ANSWER, &body).ok_or_else(gone)?,
            replayed: true,
            made: serde_json::from_value(headers.made).map_err(|_| gone())?,
        })
    }
}
