//! Staff users (SPEC 3.5, 3.6).

use acl::{
    input::{BlockInput, NewUser, ResetPasswordInput, UserFilter, UserInput, UserPermissionsInput},
    model::User,
    perm, users,
};
use actix_web::{delete, get, patch, post, put};
use kernel::{id::UserId, input::NoInput, page::ListSpec};

use crate::{
    call::{Answer, Call, List, Reply},
    extract::{Body, Change, ListQuery, Listing, PathPart},
    guard::Guard,
    routes::mount::Mount,
};

pub fn configure(mount: &mut Mount<'_, '_>) {
    mount.service(get_user).service(list_users).service(create_user).service(replace_user).service(update_user).service(delete_user);
    mount.service(set_user_permissions).service(block_user).service(unblock_user).service(reset_user_password);
}

impl ListQuery for UserFilter {
    const SPEC: ListSpec = users::LIST;
}

/// One user.
#[utoipa::path(
    tag = "users",
    params(("id" = UserId, Path, description = "The user's id.")),
    responses((status = 200, description = "The user.", body = User)),
    security(("bearer" = ["users:read"]))
)]
#[get("/users/{id}")]
async fn get_user(call: Call, granted: Guard<perm::UsersRead>, id: PathPart<UserId>) -> Reply {
    let user = call.read(async |conn| users::get(conn, &call.context, &granted, id.0).await).await?;
    Ok(Answer::resource(&user, user.version)?)
}

/// A page of users.
#[utoipa::path(
    tag = "users",
    params(Listing<UserFilter>),
    responses((status = 200, description = "A page of users.", body = List<User>)),
    security(("bearer" = ["users:read"]))
)]
#[get("/users")]
async fn list_users(call: Call, granted: Guard<perm::UsersRead>, query: Listing<UserFilter>) -> Reply {
    let page = call.read(async |conn| users::list(conn, &call.context, &granted, &query.filter, &query.paging).await).await?;
    Ok(call.page(page)?)
}

/// Makes a user.
#[utoipa::path(
    tag = "users",
    request_body = NewUser,
    responses(
        (status = 201, description = "The new user.", body = User),
        (status = 403, description = "`permission_missing`; `grant_not_held`: the role holds more than you do."),
        (status = 409, description = "`username_taken`."),
        (status = 429, description = "`too_many_requests`: passwords are hashed a few at a time.")
    ),
    security(("bearer" = ["users:manage"]))
)]
#[post("/users")]
async fn create_user(call: Call, granted: Guard<perm::UsersManage>, input: Body<NewUser>) -> Reply {
    let password = call.state.access.passwords().hash_new("password", &input.password, &input.username).await?;
    let answer = call.write(async |tx| {
        let user = users::create(tx, &call.context, &granted, &input, &password).await?;
        Answer::created(format!("users/{}", user.id), &user, user.version)
    });
    Ok(answer.await?)
}

async fn edit(call: &Call, granted: &Guard<perm::UsersManage>, id: UserId, change: &Change<UserInput>) -> Reply {
    let expected = call.expected()?;
    let answer = call.write(async |tx| {
        let user = users::edit(tx, &call.context, granted, id, &change.0, &expected).await?;
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
        (status = 403, description = "`permission_missing`; `grant_not_held`: the role holds more than you do."),
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
        (status = 403, description = "`permission_missing`; `grant_not_held`: the role holds more than you do."),
        (status = 409, description = "`username_taken`, `own_account`, `last_administrator`.")
    ),
    security(("bearer" = ["users:manage"]))
)]
#[patch("/users/{id}")]
async fn update_user(call: Call, granted: Guard<perm::UsersManage>, id: PathPart<UserId>, change: Change<UserInput>) -> Reply {
    edit(&call, &granted, id.0, &change).await
}

/// Deletes a user whom no record names; others are deactivated instead.
#[utoipa::path(
    tag = "users",
    params(("id" = UserId, Path, description = "The user's id.")),
    responses(
        (status = 204, description = "The user is gone."),
        (status = 409, description = "`user_in_use`, `own_account`, `last_administrator`.")
    ),
    security(("bearer" = ["users:manage"]))
)]
#[delete("/users/{id}")]
async fn delete_user(call: Call, granted: Guard<perm::UsersManage>, id: PathPart<UserId>) -> Reply {
    let expected = call.expected()?;
    let answer = call.write(async |tx| {
        users::delete(tx, &call.context, &granted, id.0, &expected).await?;
        Ok(Answer::empty())
    });
    Ok(answer.await?)
}

/// Sets a user's single grants and denials on top of the role.
#[utoipa::path(
    tag = "users",
    params(("id" = UserId, Path, description = "The user's id.")),
    request_body = UserPermissionsInput,
    responses(
        (status = 200, description = "The user.", body = User),
        (status = 403, description = "`permission_missing`; `grant_not_held`: nobody grants what they do not hold."),
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
        let user = users::set_permissions(tx, &call.context, &granted, id.0, &input, &expected).await?;
        Answer::resource(&user, user.version)
    });
    Ok(answer.await?)
}

/// Blocks a user, for a time or until further notice, and ends their sessions.
#[utoipa::path(
    tag = "users",
    params(("id" = UserId, Path, description = "The user's id.")),
    request_body = BlockInput,
    responses(
        (status = 200, description = "The user.", body = User),
        (status = 403, description = "`permission_missing`; `grant_not_held`."),
        (status = 409, description = "`already_blocked`, `own_account`, `last_administrator`.")
    ),
    security(("bearer" = ["users:manage"]))
)]
#[post("/users/{id}/block")]
async fn block_user(call: Call, granted: Guard<perm::UsersManage>, id: PathPart<UserId>, input: Body<BlockInput>) -> Reply {
    let answer = call.write(async |tx| {
        let user = users::block(tx, &call.context, &granted, id.0, &input).await?;
        Answer::resource(&user, user.version)
    });
    Ok(answer.await?)
}

/// Lets a blocked or locked user in again.
#[utoipa::path(
    tag = "users",
    params(("id" = UserId, Path, description = "The user's id.")),
    request_body = NoInput,
    responses(
        (status = 200, description = "The user.", body = User),
        (status = 403, description = "`permission_missing`; `grant_not_held`."),
        (status = 409, description = "`not_blocked`.")
    ),
    security(("bearer" = ["users:manage"]))
)]
#[post("/users/{id}/unblock")]
async fn unblock_user(call: Call, granted: Guard<perm::UsersManage>, id: PathPart<UserId>, _input: Body<NoInput>) -> Reply {
    let answer = call.write(async |tx| {
        let user = users::unblock(tx, &call.context, &granted, id.0).await?;
        Answer::resource(&user, user.version)
    });
    Ok(answer.await?)
}

/// Gives a user a new password and ends their sessions.
#[utoipa::path(
    tag = "users",
    params(("id" = UserId, Path, description = "The user's id.")),
    request_body = ResetPasswordInput,
    responses(
        (status = 200, description = "The user.", body = User),
        (status = 403, description = "`permission_missing`; `grant_not_held`: the user may do what you may not."),
        (status = 409, description = "`own_account`: change your own password by `change-password`."),
        (status = 429, description = "`too_many_requests`: passwords are hashed a few at a time.")
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
    // what is asked before the write may have changed since the first time
    if let Some(answer) = call.replay().await? {
        return Ok(answer);
    }
    let password = users::prepare_password_reset(&call.state.db, &call.state.access, &granted, id.0, &input).await?;
    let answer = call.write(async |tx| {
        let user = users::reset_password(tx, &call.context, &granted, id.0, &input, &password).await?;
        Answer::resource(&user, user.version)
    });
    Ok(answer.await?)
}
