use chrono::{DateTime, Utc};
use kernel::id::RoleId;
use serde::Serialize;
use utoipa::ToSchema;

use crate::permission::Permission;

/// A role: a bundle of permissions that users have.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "id": 5, "name": "cashier", "title": "Кассир", "description": "Принимает платежи", "is_builtin": false,
    "permissions": ["customers:read", "payments:read", "payments:take"], "users_count": 12,
    "version": 2, "created_at": "2026-01-12T09:30:00Z", "updated_at": "2026-03-01T12:00:00Z"
}))]
pub struct Role {
    /// The role's id.
    pub id: RoleId,
    /// The name that users' `role` names; unique.
    pub name: String,
    /// The title for people.
    pub title: String,
    /// What the role is for.
    pub description: String,
    /// Whether every installation has it; such a role keeps its name and stays.
    pub is_builtin: bool,
    /// What it holds.
    pub permissions: Vec<Permission>,
    /// How many users have it.
    pub users_count: i64,
    /// Counts the changes; the `ETag`.
    pub version: i64,
    /// When the role was made.
    pub created_at: DateTime<Utc>,
    /// When the role was last changed.
    pub updated_at: DateTime<Utc>,
}
