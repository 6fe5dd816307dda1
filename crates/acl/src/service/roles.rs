//! Roles: their permissions, and who may change them.

use database::{
    Conn, Page, Paging, Tx,
    audit::Entry,
    page::{KeyKind, ListSpec, OrderField},
};
use kernel::{Edit, Error, Expected, Result, error::common, id::RoleId};

use crate::{
    grant::{Granted, SignedIn},
    input::{RoleFilter, RoleInput},
    model::{Role, refusal},
    permission::{BuiltinRole, Permission, PermissionSet, PermissionType, perm},
    store,
    store::roles::RoleRow,
};

/// How roles are listed.
pub const LIST: ListSpec = ListSpec {
    order_fields: &[
        OrderField { name: "name", column: "roles.name", kind: KeyKind::Text },
        OrderField { name: "created_at", column: "roles.created_at", kind: KeyKind::Time },
        OrderField { name: "updated_at", column: "roles.updated_at", kind: KeyKind::Time },
    ],
    default_order: "name",
    id: "roles.id",
    id_name: "id",
};

/// All permissions, for callers who edit or read roles.
pub fn permissions(_signed_in: &SignedIn) -> &'static [Permission] {
    Permission::ALL
}

/// A page of roles.
pub async fn list(conn: &mut Conn, _granted: &Granted<perm::UsersRead>, filter: &RoleFilter, paging: &Paging) -> Result<Page<Role>> {
    let rows = store::roles::list(conn, filter, paging).await?;
    let ids: Vec<RoleId> = rows.results.iter().map(|row| row.id).collect();
    let mut permissions = store::permissions::of_roles(conn, &ids).await?;
    Ok(rows.map(|row| {
        let held = permissions.remove(&row.id.get()).unwrap_or_default();
        shown(row, held)
    }))
}

/// One role. Errors: `role_not_found`.
pub async fn get(conn: &mut Conn, _granted: &Granted<perm::UsersRead>, id: RoleId) -> Result<Role> {
    let (row, held) = load(conn, id).await?;
    Ok(shown(row, held))
}

async fn load(conn: &mut Conn, id: RoleId) -> Result<(RoleRow, PermissionSet)> {
    let row = store::roles::by_id(conn, id).await?.ok_or_else(|| Error::new(refusal::ROLE_NOT_FOUND))?;
    let held = store::permissions::of_role(conn, id).await?;
    Ok((row, held))
}

fn shown(row: RoleRow, held: PermissionSet) -> Role {
    let held = if row.name == BuiltinRole::Admin.as_str() { PermissionSet::all() } else { held };
    Role {
        id: row.id,
        name: row.name,
        title: row.title,
        description: row.description,
        is_builtin: row.is_builtin,
        permissions: held.iter().collect(),
        users_count: row.users_count,
        version: row.version,
        created_at: row.created_at,
        updated_at: row.updated_at,
    }
}

/// Checks that the caller holds what they give. Errors: `grant_not_held` with the first permission that they lack.
pub(crate) fn require_held<P: PermissionType>(granted: &Granted<P>, given: PermissionSet) -> Result<()> {
    match given.iter().find(|permission| !granted.may(*permission)) {
        Some(missing) => Err(Error::new(refusal::GRANT_NOT_HELD).with("permission", missing)),
        None => Ok(()),
    }
}

/// Creates a role. Errors: `role_name_taken`, `grant_not_held`.
pub async fn create(tx: &mut Tx, granted: &Granted<perm::RolesManage>, input: &RoleInput) -> Result<Role> {
    let held: PermissionSet = input.permissions.iter().copied().collect();
    require_held(granted, held)?;
    let id = store::roles::insert(tx, input, false).await?.ok_or_else(|| name_taken(input))?;
    store::permissions::replace_of_role(tx, id, held).await?;
    store::raise_epoch(tx).await?;
    let role = load(tx, id).await.map(|(row, held)| shown(row, held))?;
    tx.record(Entry::new("role.created", "role", id).created(&role));
    Ok(role)
}

fn name_taken(input: &RoleInput) -> Error {
    Error::new(refusal::ROLE_NAME_TAKEN).with("name", &input.name)
}

/// Changes a role. Errors: `role_not_found`, `stale_version`, `invalid`, `builtin_role`, `role_name_taken`, `grant_not_held`.
pub async fn edit(
    tx: &mut Tx,
    granted: &Granted<perm::RolesManage>,
    id: RoleId,
    edit: &Edit<RoleInput>,
    expected: &Expected,
) -> Result<Role> {
    store::roles::lock(tx, id).await?;
    let (row, held) = load(tx, id).await?;
    tx.not_before(row.updated_at);
    expected.check(row.version)?;
    let before = shown(row.clone(), held);
    let present = RoleInput {
        name: before.name.clone(),
        title: before.title.clone(),
        description: before.description.clone(),
        permissions: before.permissions.clone(),
    };
    let input = edit.apply(&before, &present, tx.context())?;
    let wanted: PermissionSet = input.permissions.iter().copied().collect();
    if (&input.name, &input.title, &input.description, wanted) == (&present.name, &present.title, &present.description, held) {
        return Ok(before);
    }
    if row.name == BuiltinRole::Admin.as_str() || (row.is_builtin && input.name != row.name) {
        return Err(Error::new(refusal::BUILTIN_ROLE).with("role", &row.name));
    }
    require_held(granted, wanted.without(held))?;
    let taken = |error: Error| if error.code() == common::DUPLICATE { name_taken(&input) } else { error };
    store::roles::update(tx, &row, &input).await.map_err(taken)?;
    store::permissions::replace_of_role(tx, id, wanted).await?;
    store::raise_epoch(tx).await?;
    let after = load(tx, id).await.map(|(row, held)| shown(row, held))?;
    tx.record(Entry::new("role.updated", "role", id).change(&before, &after));
    Ok(after)
}

/// Deletes a role that no user has. Errors: `role_not_found`, `stale_version`, `builtin_role`, `role_in_use`.
pub async fn delete(tx: &mut Tx, _granted: &Granted<perm::RolesManage>, id: RoleId, expected: &Expected) -> Result<()> {
    store::roles::lock(tx, id).await?;
    let (row, held) = load(tx, id).await?;
    tx.not_before(row.updated_at);
    expected.check(row.version)?;
    if row.is_builtin {
        return Err(Error::new(refusal::BUILTIN_ROLE).with("role", &row.name));
    }
    let in_use = |users: i64| Error::new(refusal::ROLE_IN_USE).with("users", users);
    if row.users_count > 0 {
        return Err(in_use(row.users_count));
    }
    // a user may have received the role since the count
    store::roles::delete(tx, &row).await.map_err(|error| if error.code() == common::IN_USE { in_use(1) } else { error })?;
    store::raise_epoch(tx).await?;
    tx.record(Entry::new("role.deleted", "role", id).deleted(&shown(row, held)));
    Ok(())
}
