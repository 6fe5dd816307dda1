use chrono::{DateTime, Utc};
use kernel::{Id, id::ApiTokenId};
use serde::Serialize;
use utoipa::ToSchema;

use super::Profile;
use crate::permission::Permission;

/// The id of a session: random, and small enough for a JavaScript number.
pub type SessionId = Id<Session>;

/// A session of the caller.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "id": 2894756013427881_i64, "address": "192.0.2.10", "user_agent": "Mozilla/5.0", "is_current": true,
    "created_at": "2026-03-02T06:00:00Z", "last_used_at": "2026-03-02T11:45:00Z", "expires_at": "2026-03-09T11:45:00Z"
}))]
pub struct Session {
    /// The session's id.
    pub id: SessionId,
    /// The address from which the session was opened.
    pub address: Option<String>,
    /// The `User-Agent` with which the session was opened.
    pub user_agent: Option<String>,
    /// Whether this request belongs to the session.
    pub is_current: bool,
    /// When the session was opened.
    pub created_at: DateTime<Utc>,
    /// When the session was last refreshed.
    pub last_used_at: DateTime<Utc>,
    /// When the session ends unless it is refreshed.
    pub expires_at: DateTime<Utc>,
}

/// The tokens that sign-in and refresh return.
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
    /// The token for the next pair; it can be used once.
    pub refresh: String,
    /// Always `Bearer`.
    pub token_type: &'static str,
    /// The lifetime of the access token, in seconds.
    pub expires_in: i64,
    /// The user who signed in.
    pub user: Profile,
}

/// A script token.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "id": 3, "name": "nightly export", "permissions": ["customers:export"], "expires_at": "2027-01-01T00:00:00Z",
    "last_used_at": "2026-03-02T01:00:00Z", "created_at": "2026-01-12T09:30:00Z"
}))]
pub struct ApiToken {
    /// The token's id.
    pub id: ApiTokenId,
    /// The name that the owner gave the token.
    pub name: String,
    /// The permissions of the token, of which only those that its owner holds have effect.
    pub permissions: Vec<Permission>,
    /// When the token expires; `null` for never.
    pub expires_at: Option<DateTime<Utc>>,
    /// When the token was last used, up to about a minute late.
    pub last_used_at: Option<DateTime<Utc>>,
    /// When the token was created.
    pub created_at: DateTime<Utc>,
}

/// A new script token with the token itself, which is shown only once.
#[derive(Clone, Serialize, ToSchema)]
#[schema(example = json!({
    "id": 3, "token": "tcrm_3q2-7wAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "name": "nightly export", "permissions": ["customers:export"],
    "expires_at": "2027-01-01T00:00:00Z", "last_used_at": null, "created_at": "2026-01-12T09:30:00Z"
}))]
pub struct IssuedApiToken {
    /// The token's id.
    pub id: ApiTokenId,
    /// The token itself; only its hash is stored, so it cannot be shown again.
    pub token: String,
    /// The name that the owner gave the token.
    pub name: String,
    /// The permissions of the token.
    pub permissions: Vec<Permission>,
    /// When the token expires; `null` for never.
    pub expires_at: Option<DateTime<Utc>>,
    /// When the token was last used; `null` for a new token.
    pub last_used_at: Option<DateTime<Utc>>,
    /// When the token was created.
    pub created_at: DateTime<Utc>,
}
