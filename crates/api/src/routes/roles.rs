//! Roles and the permissions they contain.

use acl::{
    Permission,
    input::{RoleFilter, RoleInput},
    model::Role,
    perm, roles,
};
use actix_web::{delete, get, patch, post, put};
use database::page::ListSpec;
use kernel::id::RoleId;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    answer::{Answer, List, Reply},
    call::Call,
    extract::{Body, Change, ListQuery, Listing, PathPart},
    guard::{AnyCaller, Guard},
    routes::mount::Mount,
};

pub fn configure(mount: &mut Mount<'_, '_>) {
    mount.service(list_permissions);
    mount.service(get_role).service(list_roles).service(create_role).service(replace_role).service(update_role).service(delete_role);
}

impl ListQuery for RoleFilter {
    const SPEC: ListSpec = roles::LIST;
}

/// A permission, and what it allows.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"name": "payments:take", "description": "Take, process, fail and cancel payments."}))]
struct DescribedPermission {
    /// `resource:action`.
    name: Permission,
    /// What it allows, in the caller's language.
    description: String,
}

/// Lists all permissions with a sentence in the caller's language.
#[utoipa::path(
    tag = "roles",
    responses((status = 200, description = "All permissions, on one page.", body = List<DescribedPermission>)),
    security(("bearer" = []))
)]
#[get("/permissions")]
async fn list_permissions(call: Call, caller: AnyCaller) -> Reply {
    let locale = call.locale();
    let described =
        |permission: &Permission| DescribedPermission { name: *permission, description: locale.text(&permission.message(), &[]) };
    let all: Vec<DescribedPermission> = roles::permissions(&caller).iter().map(described).collect();
    Ok(Answer::ok(&List::whole(all))?)
}

/// Returns a role with its permissions.
#[utoipa::path(
    tag = "roles",
    params(("id" = RoleId, Path, description = "The role's id.")),
    responses((status = 200, description = "The role.", body = Role)),
    security(("bearer" = ["users:read"]))
)]
#[get("/roles/{id}")]
async fn get_role(call: Call, granted: Guard<perm::UsersRead>, id: PathPart<RoleId>) -> Reply {
    let role = call.read(async |conn| roles::get(conn, &granted, id.0).await).await?;
    Ok(Answer::resource(&role, role.version)?)
}

/// Lists roles.
#[utoipa::path(
    tag = "roles",
    params(Listing<RoleFilter>),
    responses((status = 200, description = "A page of roles.", body = List<Role>)),
    security(("bearer" = ["users:read"]))
)]
#[get("/roles")]
async fn list_roles(call: Call, granted: Guard<perm::UsersRead>, query: Listing<RoleFilter>) -> Reply {
    let page = call.read(async |conn| roles::list(conn, &granted, &query.filter, &query.paging).await).await?;
    Ok(call.page(page)?)
}

/// Creates a role.
#[utoipa::path(
    tag = "roles",
    request_body = RoleInput,
    responses(
        (status = 201, description = "The new role.", body = Role),
        (status = 403, description = "`permission_missing`; `grant_not_held`: you can grant only permissions that you hold."),
        (status = 409, description = "`role_name_taken`.")
    ),
    security(("bearer" = ["roles:manage"]))
)]
#[post("/roles")]
async fn create_role(call: Call, granted: Guard<perm::RolesManage>, input: Body<RoleInput>) -> Reply {
    let answer = call.write(async |tx| {
        let role = roles::create(tx, &granted, &input).await?;
        Answer::created(format!("roles/{}", role.id), &role, role.version)
    });
    Ok(answer.await?)
}

async fn edit(call: &Call, granted: &Guard<perm::RolesManage>, id: RoleId, change: &Change<RoleInput>) -> Reply {
    let expected = call.expected()?;
    let answer = call.write(async |tx| {
        let role = roles::edit(tx, granted, id, &change.0, &expected).await?;
        Answer::resource(&role, role.version)
    });
    Ok(answer.await?)
}

/// Replaces a role's fields and permissions.
///
/// The change counts from the next request of the role's users on.
#[utoipa::path(
    tag = "roles",
    params(("id" = RoleId, Path, description = "The role's id.")),
    request_body = RoleInput,
    responses(
        (status = 200, description = "The role.", body = Role),
        (status = 403, description = "`permission_missing`; `grant_not_held`: you can grant only permissions that you hold."),
        (status = 409, description = "`builtin_role`, `role_name_taken`, `last_administrator`.")
    ),
    security(("bearer" = ["roles:manage"]))
)]
#[put("/roles/{id}")]
async fn replace_role(call: Call, granted: Guard<perm::RolesManage>, id: PathPart<RoleId>, change: Change<RoleInput>) -> Reply {
    edit(&call, &granted, id.0, &change).await
}

/// Changes some of a role's fields.
#[utoipa::path(
    tag = "roles",
    params(("id" = RoleId, Path, description = "The role's id.")),
    request_body = RoleInput,
    responses(
        (status = 200, description = "The role.", body = Role),
        (status = 403, description = "`permission_missing`; `grant_not_held`: you can grant only permissions that you hold."),
        (status = 409, description = "`builtin_role`, `role_name_taken`, `last_administrator`.")
    ),
    security(("bearer" = ["roles:manage"]))
)]
#[patch("/roles/{id}")]
async fn update_role(call: Call, granted: Guard<perm::RolesManage>, id: PathPart<RoleId>, change: Change<RoleInput>) -> Reply {
    edit(&call, &granted, id.0, &change).await
}

/// Deletes a role that no user has.
#[utoipa::path(
    tag = "roles",
    params(("id" = RoleId, Path, description = "The role's id.")),
    responses(
        (status = 204, description = "The role is deleted."),
        (status = 409, description = "`builtin_role`, `role_in_use`.")
    ),
    security(("bearer" = ["roles:manage"]))
)]
#[delete("/roles/{id}")]
async fn delete_role(call: Call, granted: Guard<perm::RolesManage>, id: PathPart<RoleId>) -> Reply {
    let expected = call.expected()?;
    let answer = call.write(async |tx| {
        roles::delete(tx, &granted, id.0, &expected).await?;
        Ok(Answer::empty())
    });
    Ok(answer.await?)
}
