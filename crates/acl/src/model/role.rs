use chrono::{DateTime, Utc};
use kernel::id::RoleId;
use serde::Serialize;
use utoipa::ToSchema;

use crate::permission::Permission;

/// A role: a named set of permissions that users have.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "id": 5, "name": "cashier", "title": "Кассир", "description": "Принимает платежи", "is_builtin": false,
    "permissions": ["customers:read", "payments:read", "payments:take"], "users_count": 12,
    "version": 2, "created_at": "2026-01-12T09:30:00Z", "updated_at": "2026-03-01T12:00:00Z"
}))]
pub struct Role {
    /// The role's id.
    pub id: RoleId,
    /// The unique name, which a user's `role` refers to.
    pub name: String,
    /// The title that is displayed.
    pub title: String,
    /// What the role is for.
    pub description: String,
    /// Whether the role is built in; such a role cannot be renamed or deleted.
    pub is_builtin: bool,
    /// The permissions of the role.
    pub permissions: Vec<Permission>,
    /// The number of users with the role.
    pub users_count: i64,
    /// The version, which grows with each change; also the `ETag`.
    pub version: i64,
    /// When the role was created.
    pub created_at: DateTime<Utc>,
    /// When the role was last changed.
    pub updated_at: DateTime<Utc>,
}
