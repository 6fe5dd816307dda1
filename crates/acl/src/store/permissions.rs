use std::collections::HashMap;

use database::{Bulk, Conn, Sql};
use kernel::{
    Result,
    id::{RoleId, UserId},
};

use super::places;
use crate::permission::{Permission, PermissionSet};

/// A user's single grants and denials.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Singles {
    pub(crate) granted: PermissionSet,
    pub(crate) denied: PermissionSet,
}

/// Reads permission names; a name that this version does not know is left out, because it allows nothing.
fn known(names: impl IntoIterator<Item = String>) -> PermissionSet {
    names.into_iter().filter_map(|name| name.parse::<Permission>().ok()).collect()
}

pub(crate) async fn of_role(conn: &mut Conn, role: RoleId) -> Result<PermissionSet> {
    let rows: Vec<(String,)> = Sql::new("SELECT permission FROM role_permissions WHERE role_id = $1").bind(role).all(conn).await?;
    Ok(known(rows.into_iter().map(|(name,)| name)))
}

pub(crate) async fn of_roles(conn: &mut Conn, roles: &[RoleId]) -> Result<HashMap<i64, PermissionSet>> {
    if roles.is_empty() {
        return Ok(HashMap::new());
    }
    let text = format!("SELECT role_id, permission FROM role_permissions WHERE role_id IN ({})", places(roles.len()));
    let rows: Vec<(i64, String)> = Sql::owned(text).bind_all(roles.iter().map(|role| (*role).into())).all(conn).await?;
    let mut sets: HashMap<i64, PermissionSet> = HashMap::new();
    for (role, name) in rows {
        let set = sets.entry(role).or_default();
        *set = set.union(known([name]));
    }
    Ok(sets)
}

pub(crate) async fn replace_of_role(conn: &mut Conn, role: RoleId, permissions: PermissionSet) -> Result<()> {
    Sql::new("DELETE FROM role_permissions WHERE role_id = $1").bind(role).execute(conn).await?;
    let mut rows = Bulk::into_table("role_permissions", &["role_id", "permission"]);
    permissions.iter().for_each(|permission| rows.row(vec![role.into(), permission.as_str().into()]));
    rows.execute(conn).await
}

/// Adds the missing permissions; returns whether any was missing.
pub(crate) async fn add_to_role(conn: &mut Conn, role: RoleId, permissions: PermissionSet) -> Result<bool> {
    let missing = permissions.without(of_role(conn, role).await?);
    for permission in missing.iter() {
        Sql::new("INSERT INTO role_permissions (role_id, permission) VALUES ($1, $2) ON CONFLICT (role_id, permission) DO NOTHING")
            .bind(role)
            .bind(permission.as_str())
            .execute(conn)
            .await?;
    }
    Ok(!missing.is_empty())
}

pub(crate) async fn of_user(conn: &mut Conn, user: UserId) -> Result<Singles> {
    Ok(of_users(conn, &[user]).await?.remove(&user.get()).unwrap_or_default())
}

pub(crate) async fn of_users(conn: &mut Conn, users: &[UserId]) -> Result<HashMap<i64, Singles>> {
    if users.is_empty() {
        return Ok(HashMap::new());
    }
    let text = format!("SELECT user_id, permission, granted FROM user_permissions WHERE user_id IN ({})", places(users.len()));
    let rows: Vec<(i64, String, bool)> = Sql::owned(text).bind_all(users.iter().map(|user| (*user).into())).all(conn).await?;
    let mut singles: HashMap<i64, Singles> = HashMap::new();
    for (user, name, granted) in rows {
        let of_user = singles.entry(user).or_default();
        let set = if granted { &mut of_user.granted } else { &mut of_user.denied };
        *set = set.union(known([name]));
    }
    Ok(singles)
}

pub(crate) async fn replace_of_user(conn: &mut Conn, user: UserId, singles: Singles) -> Result<()> {
    Sql::new("DELETE FROM user_permissions WHERE user_id = $1").bind(user).execute(conn).await?;
    let mut rows = Bulk::into_table("user_permissions", &["user_id", "permission", "granted"]);
    for (set, granted) in [(singles.granted, true), (singles.denied, false)] {
        set.iter().for_each(|permission| rows.row(vec![user.into(), permission.as_str().into(), granted.into()]));
    }
    rows.execute(conn).await
}
