use chrono::{DateTime, Utc};
use database::{Conn, Filter, Page, Paging, Sql};
use kernel::{Result, id::RoleId, text::search_text};
use serde::Serialize;

use crate::input::{RoleFilter, RoleInput};

const SELECT: &str = "SELECT roles.id, roles.name, roles.title, roles.description, roles.is_builtin, roles.version, roles.created_at, \
     roles.updated_at, (SELECT CAST(COUNT(*) AS BIGINT) FROM users WHERE users.role_id = roles.id) AS users_count FROM roles";

/// A role as stored, without its permissions.
#[derive(Clone, Debug, Serialize, sqlx_macros::FromRow)]
pub(crate) struct RoleRow {
    pub(crate) id: RoleId,
    pub(crate) name: String,
    pub(crate) title: String,
    pub(crate) description: String,
    pub(crate) is_builtin: bool,
    pub(crate) users_count: i64,
    pub(crate) version: i64,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) updated_at: DateTime<Utc>,
}

pub(crate) async fn by_id(conn: &mut Conn, id: RoleId) -> Result<Option<RoleRow>> {
    Sql::owned(format!("{SELECT} WHERE roles.id = $1")).bind(id).optional(conn).await
}

/// Locks the role, after waiting for other edits.
pub(crate) async fn lock(conn: &mut Conn, id: RoleId) -> Result<()> {
    let text = format!("SELECT id FROM roles WHERE id = $1{}", conn.for_update());
    Sql::owned(text).bind(id).optional::<(i64,)>(conn).await?;
    Ok(())
}

/// The id of the role with this name.
pub(crate) async fn id_by_name(conn: &mut Conn, name: &str) -> Result<Option<RoleId>> {
    let found: Option<(RoleId,)> = Sql::new("SELECT id FROM roles WHERE name = $1").bind(name.to_owned()).optional(conn).await?;
    Ok(found.map(|(id,)| id))
}

/// The id of the role with this name, which cannot be deleted until the transaction ends.
pub(crate) async fn keep_by_name(conn: &mut Conn, name: &str) -> Result<Option<RoleId>> {
    let text = format!("SELECT id FROM roles WHERE name = $1{}", conn.for_update());
    let found: Option<(RoleId,)> = Sql::owned(text).bind(name.to_owned()).optional(conn).await?;
    Ok(found.map(|(id,)| id))
}

pub(crate) async fn list(conn: &mut Conn, filter: &RoleFilter, paging: &Paging) -> Result<Page<RoleRow>> {
    let mut conditions = Filter::new(conn.engine());
    conditions.equal("roles.is_builtin", filter.is_builtin);
    conditions.contains("roles.search_text", filter.search.as_deref());
    paging.fetch(conn, SELECT, "roles", conditions).await
}

/// Creates a role; `None` when the name is taken.
pub(crate) async fn insert(conn: &mut Conn, input: &RoleInput, is_builtin: bool) -> Result<Option<RoleId>> {
    let now = conn.now();
    let made: Option<(RoleId,)> = Sql::new(
        "INSERT INTO roles (name, title, description, is_builtin, search_text, created_at, updated_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $6) ON CONFLICT (name) DO NOTHING RETURNING id",
    )
    .bind(&input.name)
    .bind(&input.title)
    .bind(&input.description)
    .bind(is_builtin)
    .bind(search_text([Some(input.name.as_str()), Some(&input.title)]))
    .bind(now)
    .optional(conn)
    .await?;
    Ok(made.map(|(id,)| id))
}

pub(crate) async fn update(conn: &mut Conn, before: &RoleRow, input: &RoleInput) -> Result<()> {
    let now = conn.now();
    Sql::new(
        "UPDATE roles SET name = $3, title = $4, description = $5, search_text = $6, updated_at = $7, version = version + 1 \
         WHERE id = $1 AND version = $2",
    )
    .bind(before.id)
    .bind(before.version)
    .bind(&input.name)
    .bind(&input.title)
    .bind(&input.description)
    .bind(search_text([Some(input.name.as_str()), Some(&input.title)]))
    .bind(now)
    .expect_one(conn)
    .await
}

pub(crate) async fn delete(conn: &mut Conn, before: &RoleRow) -> Result<()> {
    Sql::new("DELETE FROM roles WHERE id = $1 AND version = $2").bind(before.id).bind(before.version).expect_one(conn).await
}
