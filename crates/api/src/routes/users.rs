//! Staff users.

use acl::{
    input::{BlockInput, NewUser, ResetPasswordInput, UserFilter, UserInput, UserPermissionsInput},
    model::{ApiToken, User},
    perm, tokens, users,
};
use actix_web::{delete, get, patch, post, put};
use database::page::ListSpec;
use kernel::{
    id::{ApiTokenId, UserId},
    input::NoInput,
};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    answer::{Answer, List, Reply},
    call::Call,
    extract::{Body, Change, ListQuery, Listing, PathFields, PathPart},
    guard::Guard,
    routes::mount::Mount,
};

pub fn configure(mount: &mut Mount<'_, '_>) {
    mount.service(get_user).service(list_users).service(create_user).service(replace_user).service(update_user).service(delete_user);
    mount.service(set_user_permissions).service(block_user).service(unblock_user).service(reset_user_password);
    mount.service(list_user_api_tokens).service(revoke_user_api_token);
}

/// The list of a user's script tokens has no filters.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct UserApiTokenFilter {}

impl ListQuery for UserApiTokenFilter {
    const SPEC: ListSpec = tokens::LIST;
}

/// The path parameters that identify a user's script token.
#[derive(Deserialize)]
struct UserApiTokenPath {
    id: UserId,
    token_id: ApiTokenId,
}

impl ListQuery for UserFilter {
    const SPEC: ListSpec = users::LIST;
}

/// Returns a user.
#[utoipa::path(
    tag = "users",
    params(("id" = UserId, Path, description = "The user's id.")),
    responses((status = 200, description = "The user.", body = User)),
    security(("bearer" = ["users:read"]))
)]
#[get("/users/{id}")]
async fn get_user(call: Call, granted: Guard<perm::UsersRead>, id: PathPart<UserId>) -> Reply {
    let user = call.read(async |conn| users::get(conn, &granted, id.0).await).await?;
    Ok(Answer::resource(&user, user.version)?)
}

/// Lists users.
#[utoipa::path(
    tag = "users",
    params(Listing<UserFilter>),
    responses((status = 200, description = "A page of users.", body = List<User>)),
    security(("bearer" = ["users:read"]))
)]
#[get("/users")]
async fn list_users(call: Call, granted: Guard<perm::UsersRead>, query: Listing<UserFilter>) -> Reply {
    let page = call.read(async |conn| users::list(conn, &granted, &query.filter, &query.paging).await).await?;
    Ok(call.page(page)?)
}

/// Creates a user.
#[utoipa::path(
    tag = "users",
    request_body = NewUser,
    responses(
        (status = 201, description = "The new user.", body = User),
        (status = 403, description = "`permission_missing`; `grant_not_held`: the role contains permissions that you do not hold."),
        (status = 409, description = "`username_taken`."),
        (status = 429, description = "`too_many_requests`: only a few passwords are hashed at the same time.")
    ),
    security(("bearer" = ["users:manage"]))
)]
#[post("/users")]
async fn create_user(call: Call, granted: Guard<perm::UsersManage>, input: Body<NewUser>) -> Reply {
    let password = call.state.access.passwords().hash_new("password", &input.password, &input.username).await?;
    let answer = call.write(async |tx| {
        let user = users::create(tx, &granted, &input, &password).await?;
        Answer::created(format!("users/{}", user.id), &user, user.version)
    });
    Ok(answer.await?)
}

async fn edit(call: &Call, granted: &Guard<perm::UsersManage>, id: UserId, change: &Change<UserInput>) -> Reply {
    let expected = call.expected()?;
    let answer = call.write(async |tx| {
        let user = users::edit(tx, granted, id, &change.0, &expected).await?;
        Answer::resource(&user, user.version)
    });
    Ok(answer.await?)
}

/// Replaces a user's editable fields.
#[utoipa::path(
    tag = "users",
    params(("id" = UserId, Path, description = "The user's id.")),
    request_body = UserInput,
    responses(
        (status = 200, description = "The user.", body = User),
        (status = 403, description = "`permission_missing`; `grant_not_held`: the role contains permissions that you do not hold; `user_holds_more`."),
        (status = 409, description = "`username_taken`, `own_account`, `last_administrator`.")
    ),
    security(("bearer" = ["users:manage"]))
)]
#[put("/users/{id}")]
async fn replace_user(call: Call, granted: Guard<perm::UsersManage>, id: PathPart<UserId>, change: Change<UserInput>) -> Reply {
    edit(&call, &granted, id.0, &change).await
}

/// Changes some of a user's fields.
#[utoipa::path(
    tag = "users",
    params(("id" = UserId, Path, description = "The user's id.")),
    request_body = UserInput,
    responses(
        (status = 200, description = "The user.", body = User),
        (status = 403, description = "`permission_missing`; `grant_not_held`: the role contains permissions that you do not hold; `user_holds_more`."),
        (status = 409, description = "`username_taken`, `own_account`, `last_administrator`.")
    ),
    security(("bearer" = ["users:manage"]))
)]
#[patch("/users/{id}")]
async fn update_user(call: Call, granted: Guard<perm::UsersManage>, id: PathPart<UserId>, change: Change<UserInput>) -> Reply {
    edit(&call, &granted, id.0, &change).await
}

/// Deletes a user that no record refers to.
///
/// Other users are deactivated instead.
#[utoipa::path(
    tag = "users",
    params(("id" = UserId, Path, description = "The user's id.")),
    responses(
        (status = 204, description = "The user is deleted."),
        (status = 403, description = "`permission_missing`; `user_holds_more`."),
        (status = 409, description = "`user_in_use`, `own_account`, `last_administrator`.")
    ),
    security(("bearer" = ["users:manage"]))
)]
#[delete("/users/{id}")]
async fn delete_user(call: Call, granted: Guard<perm::UsersManage>, id: PathPart<UserId>) -> Reply {
    let expected = call.expected()?;
    let answer = call.write(async |tx| {
        users::delete(tx, &granted, id.0, &expected).await?;
        Ok(Answer::empty())
    });
    Ok(answer.await?)
}

/// Sets the permissions that a user is granted or denied in addition to the role.
#[utoipa::path(
    tag = "users",
    params(("id" = UserId, Path, description = "The user's id.")),
    request_body = UserPermissionsInput,
    responses(
        (status = 200, description = "The user.", body = User),
        (status = 403, description = "`permission_missing`; `grant_not_held`: you can grant only permissions that you hold; `user_holds_more`."),
        (status = 409, description = "`own_account`, `last_administrator`.")
    ),
    security(("bearer" = ["users:manage"]))
)]
#[put("/users/{id}/permissions")]
async fn set_user_permissions(
    call: Call,
    granted: Guard<perm::UsersManage>,
    id: PathPart<UserId>,
    input: Body<UserPermissionsInput>,
) -> Reply {
    let expected = call.expected()?;
    let answer = call.write(async |tx| {
        let user = users::set_permissions(tx, &granted, id.0, &input, &expected).await?;
        Answer::resource(&user, user.version)
    });
    Ok(answer.await?)
}

/// Blocks a user, for a time or until further notice, and ends the user's sessions.
#[utoipa::path(
    tag = "users",
    params(("id" = UserId, Path, description = "The user's id.")),
    request_body = BlockInput,
    responses(
        (status = 200, description = "The user.", body = User),
        (status = 403, description = "`permission_missing`; `user_holds_more`: the user manages users or roles and has permissions that you do not hold."),
        (status = 409, description = "`already_blocked`, `own_account`, `last_administrator`.")
    ),
    security(("bearer" = ["users:manage"]))
)]
#[post("/users/{id}/block")]
async fn block_user(call: Call, granted: Guard<perm::UsersManage>, id: PathPart<UserId>, input: Body<BlockInput>) -> Reply {
    let answer = call.write(async |tx| {
        let user = users::block(tx, &granted, id.0, &input).await?;
        Answer::resource(&user, user.version)
    });
    Ok(answer.await?)
}

/// Unblocks a user who is blocked, or locked after failed sign-ins.
#[utoipa::path(
    tag = "users",
    params(("id" = UserId, Path, description = "The user's id.")),
    request_body = NoInput,
    responses(
        (status = 200, description = "The user.", body = User),
        (status = 403, description = "`permission_missing`; `user_holds_more`."),
        (status = 409, description = "`not_blocked`, `own_account`.")
    ),
    security(("bearer" = ["users:manage"]))
)]
#[post("/users/{id}/unblock")]
async fn unblock_user(call: Call, granted: Guard<perm::UsersManage>, id: PathPart<UserId>, _input: Body<NoInput>) -> Reply {
    let answer = call.write(async |tx| {
        let user = users::unblock(tx, &granted, id.0).await?;
        Answer::resource(&user, user.version)
    });
    Ok(answer.await?)
}

/// Sets a new password for a user, ends the user's sessions and revokes the user's script tokens.
#[utoipa::path(
    tag = "users",
    params(("id" = UserId, Path, description = "The user's id.")),
    request_body = ResetPasswordInput,
    responses(
        (status = 200, description = "The user.", body = User),
        (status = 403, description = "`permission_missing`; `grant_not_held`: the user has permissions that you do not hold."),
        (status = 409, description = "`own_account`: change your own password with `change-password`."),
        (status = 429, description = "`too_many_requests`: only a few passwords are hashed at the same time.")
    ),
    security(("bearer" = ["users:manage"]))
)]
#[post("/users/{id}/reset-password")]
async fn reset_user_password(
    call: Call,
    granted: Guard<perm::UsersManage>,
    id: PathPart<UserId>,
    input: Body<ResetPasswordInput>,
) -> Reply {
    // what is checked before the transaction may have changed since the first request
    if let Some(answer) = call.replay().await? {
        return Ok(answer);
    }
    let (db, access) = (&call.state.db, &call.state.access);
    let password = users::prepare_password_reset(db, call.context(), access, &granted, id.0, &input).await?;
    let answer = call.write(async |tx| {
        let user = users::reset_password(tx, &granted, id.0, &input, &password).await?;
        Answer::resource(&user, user.version)
    });
    Ok(answer.await?)
}

/// Lists a user's script tokens.
#[utoipa::path(
    tag = "users",
    params(("id" = UserId, Path, description = "The user's id."), Listing<UserApiTokenFilter>),
    responses((status = 200, description = "A page of tokens, without their secret part.", body = List<ApiToken>)),
    security(("bearer" = ["users:read"]))
)]
#[get("/users/{id}/api-tokens")]
async fn list_user_api_tokens(
    call: Call,
    granted: Guard<perm::UsersRead>,
    id: PathPart<UserId>,
    query: Listing<UserApiTokenFilter>,
) -> Reply {
    let page = call.read(async |conn| users::tokens(conn, &granted, id.0, &query.paging).await).await?;
    Ok(call.page(page)?)
}

/// Revokes a user's script token.
#[utoipa::path(
    tag = "users",
    params(
        ("id" = UserId, Path, description = "The user's id."),
        ("token_id" = ApiTokenId, Path, description = "The token's id.")
    ),
    responses(
        (status = 204, description = "The token is revoked."),
        (status = 403, description = "`permission_missing`; `user_holds_more`.")
    ),
    security(("bearer" = ["users:manage"]))
)]
#[delete("/users/{id}/api-tokens/{token_id}")]
async fn revoke_user_api_token(call: Call, granted: Guard<perm::UsersManage>, at: PathFields<UserApiTokenPath>) -> Reply {
    let answer = call.write(async |tx| {
        users::revoke_token(tx, &granted, at.id, at.token_id).await?;
        Ok(Answer::empty())
    });
    Ok(answer.await?)
}
