//! The short form of a user, beside the records that name it.

use kernel::id::UserId;
use serde::Serialize;
use utoipa::ToSchema;

/// A staff user in short form, which everybody who is signed in may see.
#[derive(Clone, Debug, Serialize, ToSchema, sqlx_macros::FromRow)]
#[schema(example = json!({"id": 7, "username": "a.ivanova", "full_name": "Анна Иванова"}))]
pub struct UserShort {
    /// The user's id.
    pub id: UserId,
    /// The name to sign in with.
    pub username: String,
    /// The full name.
    pub full_name: String,
}
