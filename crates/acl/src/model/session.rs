use chrono::{DateTime, Utc};
use kernel::{Id, id::ApiTokenId};
use serde::Serialize;
use utoipa::ToSchema;

use super::Profile;
use crate::permission::Permission;

/// The id of a session; drawn at random, and small enough for a JavaScript number.
pub type SessionId = Id<Session>;

/// A signed-in session of the caller's.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "id": 2894756013427881_i64, "address": "192.0.2.10", "user_agent": "Mozilla/5.0", "is_current": true,
    "created_at": "2026-03-02T06:00:00Z", "last_used_at": "2026-03-02T11:45:00Z", "expires_at": "2026-03-09T11:45:00Z"
}))]
pub struct Session {
    /// The session's id.
    pub id: SessionId,
    /// The address it was opened from.
    pub address: Option<String>,
    /// The program it was opened with.
    pub user_agent: Option<String>,
    /// Whether this very request belongs to it.
    pub is_current: bool,
    /// When it was opened.
    pub created_at: DateTime<Utc>,
    /// When it was last refreshed.
    pub last_used_at: DateTime<Utc>,
    /// When it ends unless refreshed.
    pub expires_at: DateTime<Utc>,
}

/// What signing in and refreshing answer.
#[derive(Clone, Serialize, ToSchema)]
#[schema(example = json!({
    "access": "eyJhbGciOiJIUzI1NiJ9.e30.c2lnbmF0dXJl", "refresh": "eyJhbGciOiJIUzI1NiJ9.e30.c2lnbmF0dXJl", "token_type": "Bearer",
    "expires_in": 900, "user": {
        "id": 7, "username": "a.ivanova", "full_name": "Анна Иванова", "email": null, "phone": null, "role": "operator",
        "role_title": "Оператор", "permissions": ["customers:read"], "last_login_at": "2026-03-02T06:00:00Z"
    }
}))]
pub struct TokenPair {
    /// The token to send with each request, as `Authorization: Bearer …`.
    pub access: String,
    /// The token that buys the next pair, once.
    pub refresh: String,
    /// Always `Bearer`.
    pub token_type: &'static str,
    /// Seconds the access token lives.
    pub expires_in: i64,
    /// Who signed in.
    pub user: Profile,
}

/// A token for scripts.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "id": 3, "name": "nightly export", "permissions": ["customers:export"], "expires_at": "2027-01-01T00:00:00Z",
    "last_used_at": "2026-03-02T01:00:00Z", "created_at": "2026-01-12T09:30:00Z"
}))]
pub struct ApiToken {
    /// The token's id.
    pub id: ApiTokenId,
    /// What its owner calls it.
    pub name: String,
    /// What it was given; it can do no more than that, nor than its owner.
    pub permissions: Vec<Permission>,
    /// When it ends; `null` for never.
    pub expires_at: Option<DateTime<Utc>>,
    /// When it was last used, a minute or so late.
    pub last_used_at: Option<DateTime<Utc>>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
}

/// A token for scripts, with the token itself, which is shown this once.
#[derive(Clone, Serialize, ToSchema)]
#[schema(example = json!({
    "id": 3, "token": "tcrm_3q2-7wAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "name": "nightly export", "permissions": ["customers:export"],
    "expires_at": "2027-01-01T00:00:00Z", "last_used_at": null, "created_at": "2026-01-12T09:30:00Z"
}))]
pub struct IssuedApiToken {
    /// The token's id.
    pub id: ApiTokenId,
    /// The token itself; only its hash is kept, so it cannot be shown again.
    pub token: String,
    /// What its owner calls it.
    pub name: String,
    /// What it was given.
    pub permissions: Vec<Permission>,
    /// When it ends; `null` for never.
    pub expires_at: Option<DateTime<Utc>>,
    /// When it was last used: never yet.
    pub last_used_at: Option<DateTime<Utc>>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
}
