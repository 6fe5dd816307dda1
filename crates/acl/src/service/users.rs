//! Staff users: their accounts, rights, blocks and passwords.
//!
//! Every change first takes one lock (`lock_administrators`), so that the rule of the last administrator holds between concurrent
//! requests; staff changes are rare enough to wait for each other.

use std::sync::Arc;

use chrono::{DateTime, SubsecRound, Utc};
use database::{
    Conn, Db, Page, Paging, Tx,
    audit::Entry,
    page::{KeyKind, ListSpec, OrderField},
};
use kernel::{
    Actor, Context, Edit, Error, Expected, Result,
    error::{common, field},
    id::{ApiTokenId, RoleId, UserId},
};

use super::{roles::require_held, tokens};
use crate::{
    access::{Access, combined},
    grant::{Granted, SignedIn},
    input::{BlockInput, NewUser, ResetPasswordInput, UserFilter, UserInput, UserPermissionsInput},
    model::{ApiToken, User, UserShort, refusal},
    password::{HashedPassword, refuse_username},
    permission::{BuiltinRole, Permission, PermissionSet, PermissionType, perm},
    store,
    store::{permissions::Singles, users::UserRow},
};

/// How users are listed.
pub const LIST: ListSpec = ListSpec {
    order_fields: &[
        OrderField { name: "username", column: "users.username", kind: KeyKind::Text },
        OrderField { name: "full_name", column: "users.full_name_order", kind: KeyKind::Name },
        OrderField { name: "created_at", column: "users.created_at", kind: KeyKind::Time },
        OrderField { name: "updated_at", column: "users.updated_at", kind: KeyKind::Time },
    ],
    default_order: "username",
    id: "users.id",
    id_name: "id",
};

type Managing = Granted<perm::UsersManage>;

/// A user with everything that decides their permissions.
struct Account {
    row: UserRow,
    singles: Singles,
    of_role: PermissionSet,
}

impl Account {
    async fn load(conn: &mut Conn, id: UserId) -> Result<Self> {
        let row = store::users::by_id(conn, id).await?.ok_or_else(|| Error::new(refusal::USER_NOT_FOUND))?;
        let singles = store::permissions::of_user(conn, id).await?;
        let of_role = store::permissions::of_role(conn, row.role_id).await?;
        Ok(Self { row, singles, of_role })
    }

    /// Waits for other changes of users, then loads the account; with `but_own`, refuses the caller's own account.
    async fn to_change(tx: &mut Tx, id: UserId, but_own: bool) -> Result<Self> {
        store::users::lock_administrators(tx).await?;
        let account = Self::load(tx, id).await?;
        tx.not_before(account.row.updated_at);
        if but_own { account.not_own(tx.actor()).map(|()| account) } else { Ok(account) }
    }

    /// Refuses a change of somebody who manages users or roles by a caller who holds less.
    ///
    /// Otherwise a user who may do little else than manage users could keep every administrator out.
    fn not_above<P: PermissionType>(&self, granted: &Granted<P>, actor: &Actor) -> Result<()> {
        let held = self.permissions();
        let manages = held.has(Permission::UsersManage) || held.has(Permission::RolesManage);
        if !manages || actor.user_id == Some(self.row.id) {
            return Ok(());
        }
        match held.iter().find(|permission| !granted.may(*permission)) {
            Some(missing) => Err(Error::new(refusal::USER_HOLDS_MORE).with("permission", missing)),
            None => Ok(()),
        }
    }

    fn not_own(&self, actor: &Actor) -> Result<()> {
        if actor.user_id == Some(self.row.id) { Err(Error::new(refusal::OWN_ACCOUNT)) } else { Ok(()) }
    }

    fn permissions(&self) -> PermissionSet {
        combined(&self.row.role, self.of_role, self.singles)
    }

    fn shown(&self, now: DateTime<Utc>) -> User {
        shown(self.row.clone(), self.singles, now)
    }

    /// Whether this is an administrator who can act as one now.
    fn administers(&self, now: DateTime<Utc>) -> bool {
        let permissions = self.permissions();
        self.row.role == BuiltinRole::Admin.as_str()
            && self.row.standing.obstacle(now).is_none()
            && permissions.has(Permission::UsersManage)
            && permissions.has(Permission::RolesManage)
    }

    /// Whether this administrator also holds every permission, and the account has no end.
    fn administers_for_good(&self, now: DateTime<Utc>) -> bool {
        self.administers(now) && self.singles.denied.is_empty() && self.row.standing.valid_until.is_none()
    }
}

fn shown(row: UserRow, singles: Singles, now: DateTime<Utc>) -> User {
    let is_blocked = row.standing.is_blocked(now);
    User {
        id: row.id,
        username: row.username,
        full_name: row.full_name,
        email: row.email,
        phone: row.phone,
        role: row.role,
        is_active: row.standing.is_active,
        valid_from: row.standing.valid_from,
        valid_until: row.standing.valid_until,
        is_blocked,
        // an expired block is not shown
        blocked_until: row.standing.blocked_until.filter(|_| is_blocked),
        block_reason: row.block_reason.filter(|_| is_blocked),
        is_locked: row.locked_until.max(row.address_locked_until).is_some_and(|until| now < until),
        last_login_at: row.last_login_at,
        granted: singles.granted.iter().collect(),
        denied: singles.denied.iter().collect(),
        version: row.version,
        created_at: row.created_at,
        updated_at: row.updated_at,
    }
}

/// The short forms of these users, for the records that name them. Everybody who is signed in may see them.
pub async fn short_forms(conn: &mut Conn, _signed_in: &SignedIn, ids: &[UserId]) -> Result<Vec<UserShort>> {
    store::users::short_forms(conn, ids).await
}

/// A page of users.
pub async fn list(conn: &mut Conn, _granted: &Granted<perm::UsersRead>, filter: &UserFilter, paging: &Paging) -> Result<Page<User>> {
    let rows = store::users::list(conn, filter, paging).await?;
    let ids: Vec<UserId> = rows.results.iter().map(|row| row.id).collect();
    let mut singles = store::permissions::of_users(conn, &ids).await?;
    Ok(rows.map(|row| {
        let of_user = singles.remove(&row.id.get()).unwrap_or_default();
        shown(row, of_user, conn.now())
    }))
}

/// One user. Errors: `user_not_found`.
pub async fn get(conn: &mut Conn, _granted: &Granted<perm::UsersRead>, id: UserId) -> Result<User> {
    Ok(Account::load(conn, id).await?.shown(conn.now()))
}

/// Creates a user; hash the password before the transaction.
///
/// Errors: `invalid` for an unknown role, `username_taken`, `grant_not_held` when the role holds more than the caller.
pub async fn create(tx: &mut Tx, granted: &Managing, input: &NewUser, password: &HashedPassword) -> Result<User> {
    store::users::lock_administrators(tx).await?;
    let profile = to_the_microsecond(input.profile());
    let role = role_named(tx, &profile.role).await?;
    let id = insert(tx, &profile, role, password).await?;
    let account = Account::load(tx, id).await?;
    require_held(granted, account.permissions())?;
    store::raise_epoch(tx).await?;
    let user = account.shown(tx.now());
    tx.record(Entry::new("user.created", "user", id).created(&user));
    Ok(user)
}

/// Inserts a user. Errors: `username_taken`.
pub(super) async fn insert(tx: &mut Tx, input: &UserInput, role: RoleId, password: &HashedPassword) -> Result<UserId> {
    store::users::insert(tx, input, role, password.as_str()).await.map_err(|error| username_taken(error, input))
}

fn username_taken(error: Error, input: &UserInput) -> Error {
    if error.code() == common::DUPLICATE { Error::new(refusal::USERNAME_TAKEN).with("username", &input.username) } else { error }
}

async fn role_named(conn: &mut Conn, name: &str) -> Result<RoleId> {
    store::roles::keep_by_name(conn, name).await?.ok_or_else(|| Error::of_field("role", field::NOT_FOUND))
}

fn to_the_microsecond(input: UserInput) -> UserInput {
    let cut = |moment: Option<DateTime<Utc>>| moment.map(|moment| moment.trunc_subsecs(6));
    UserInput { valid_from: cut(input.valid_from), valid_until: cut(input.valid_until), ..input }
}

/// Changes a user.
///
/// Errors: `user_not_found`, `stale_version`, `invalid`, `own_account` for the caller's own role and validity, `user_holds_more`,
/// `username_taken`, `grant_not_held`, `last_administrator`.
pub async fn edit(tx: &mut Tx, granted: &Managing, id: UserId, edit: &Edit<UserInput>, expected: &Expected) -> Result<User> {
    let before = Account::to_change(tx, id, false).await?;
    before.not_above(granted, tx.actor())?;
    expected.check(before.row.version)?;
    let present = editable(&before.row);
    let input = to_the_microsecond(edit.apply(&before.shown(tx.now()), &present, tx.context())?);
    if input == present {
        return Ok(before.shown(tx.now()));
    }
    let standing = |input: &UserInput| (input.role.clone(), input.is_active, input.valid_from, input.valid_until);
    if standing(&input) != standing(&present) {
        before.not_own(tx.actor())?;
    }
    let role = role_named(tx, &input.role).await?;
    store::users::update(tx, &before.row, &input, role).await.map_err(|error| username_taken(error, &input))?;
    finish(tx, granted, &before, "user.updated").await
}

fn editable(row: &UserRow) -> UserInput {
    UserInput {
        username: row.username.clone(),
        full_name: row.full_name.clone(),
        email: row.email.clone(),
        phone: row.phone.clone(),
        role: row.role.clone(),
        is_active: row.standing.is_active,
        valid_from: row.standing.valid_from,
        valid_until: row.standing.valid_until,
    }
}

/// Completes a change: checks the rules on its outcome, raises the epoch and records it.
async fn finish(tx: &mut Tx, granted: &Managing, before: &Account, action: &'static str) -> Result<User> {
    finish_as(tx, granted, before, Entry::new(action, "user", before.row.id)).await
}

/// Completes a change that is recorded with this entry.
async fn finish_as(tx: &mut Tx, granted: &Managing, before: &Account, entry: Entry) -> Result<User> {
    let after = Account::load(tx, before.row.id).await?;
    require_held(granted, after.permissions().without(before.permissions()))?;
    keep_an_administrator(tx, before).await?;
    store::raise_epoch(tx).await?;
    let (before, after) = (before.shown(tx.now()), after.shown(tx.now()));
    tx.record(entry.change(&before, &after));
    Ok(after)
}

/// Checks that an administrator remains, now and later.
///
/// One whose account ends some day does not remain. One who lacks a permission could not give it back to anybody.
/// Errors: `last_administrator` when the change removed the last one.
async fn keep_an_administrator(tx: &mut Tx, before: &Account) -> Result<()> {
    let now = tx.now();
    if !before.administers(now) {
        return Ok(());
    }
    let left = store::users::administrators(tx).await?;
    if left.acting == 0 || (before.administers_for_good(now) && left.lasting == 0) {
        return Err(Error::new(refusal::LAST_ADMINISTRATOR));
    }
    Ok(())
}

/// Deletes a user to whom no other record refers. Errors: `user_not_found`, `stale_version`, `own_account`, `user_holds_more`,
/// `user_in_use`, `last_administrator`.
pub async fn delete(tx: &mut Tx, granted: &Managing, id: UserId, expected: &Expected) -> Result<()> {
    let now = tx.now();
    let before = Account::to_change(tx, id, true).await?;
    before.not_above(granted, tx.actor())?;
    expected.check(before.row.version)?;
    let in_use = |error: Error| if error.code() == common::IN_USE { Error::new(refusal::USER_IN_USE) } else { error };
    store::users::delete(tx, &before.row).await.map_err(in_use)?;
    keep_an_administrator(tx, &before).await?;
    store::raise_epoch(tx).await?;
    tx.record(Entry::new("user.deleted", "user", id).deleted(&before.shown(now)));
    Ok(())
}

/// Replaces a user's single grants and denials.
///
/// Errors: `user_not_found`, `stale_version`, `own_account`, `user_holds_more`, `grant_not_held` for a new permission that the caller does not hold,
/// `last_administrator`.
pub async fn set_permissions(
    tx: &mut Tx,
    granted: &Managing,
    id: UserId,
    input: &UserPermissionsInput,
    expected: &Expected,
) -> Result<User> {
    let before = Account::to_change(tx, id, true).await?;
    before.not_above(granted, tx.actor())?;
    expected.check(before.row.version)?;
    let singles = Singles { granted: input.granted.iter().copied().collect(), denied: input.denied.iter().copied().collect() };
    if singles == before.singles {
        return Ok(before.shown(tx.now()));
    }
    // also permissions that the role gives today: a grant would outlast a change of role
    require_held(granted, singles.granted.without(before.singles.granted))?;
    store::permissions::replace_of_user(tx, id, singles).await?;
    store::users::touch(tx, &before.row).await?;
    finish(tx, granted, &before, "user.permissions_changed").await
}

/// Blocks a user from now on, and ends their sessions.
///
/// Errors: `user_not_found`, `own_account`, `user_holds_more`, `already_blocked`, `last_administrator`.
pub async fn block(tx: &mut Tx, granted: &Managing, id: UserId, input: &BlockInput) -> Result<User> {
    let before = Account::to_change(tx, id, true).await?;
    before.not_above(granted, tx.actor())?;
    if before.row.standing.is_blocked(tx.now()) {
        return Err(Error::new(refusal::ALREADY_BLOCKED));
    }
    let until = input.until.map(|until| until.trunc_subsecs(6));
    store::users::block(tx, &before.row, until, &input.reason).await?;
    store::sessions::revoke_all(tx, id, None, "blocked").await?;
    finish(tx, granted, &before, "user.blocked").await
}

/// Lifts a user's block and the locks after wrong passwords. Errors: `user_not_found`, `own_account`, `user_holds_more`, `not_blocked`.
pub async fn unblock(tx: &mut Tx, granted: &Managing, id: UserId) -> Result<User> {
    let before = Account::to_change(tx, id, true).await?;
    before.not_above(granted, tx.actor())?;
    let shown = before.shown(tx.now());
    if !shown.is_blocked && !shown.is_locked {
        return Err(Error::new(refusal::NOT_BLOCKED));
    }
    store::users::unblock(tx, &before.row).await?;
    store::addresses::unlock(tx, id).await?;
    finish(tx, granted, &before, "user.unblocked").await
}

/// Checks and hashes the new password of a user. Not to be run in a transaction, because it hashes.
///
/// Errors: those of [`reset_password`], before the strength is estimated; `invalid` with `weak_password`; `too_many_requests`.
pub async fn prepare_password_reset(
    db: &Db,
    context: &Arc<Context>,
    access: &Access,
    granted: &Managing,
    id: UserId,
    input: &ResetPasswordInput,
) -> Result<HashedPassword> {
    let before = db.read(context, async |conn| Account::load(conn, id).await).await?;
    before.not_own(&context.actor)?;
    require_held(granted, before.permissions())?;
    access.passwords().hash_new("password", &input.password, &before.row.username).await
}

/// Gives a user a new password, hashed by [`prepare_password_reset`], ends their sessions, and revokes their script tokens.
///
/// The known addresses are forgotten too, since whoever else knew the password may have signed in from some of them.
///
/// Errors: `user_not_found`, `own_account`, `invalid` when it is the user's name, `grant_not_held` when the user has permissions
/// that the caller lacks, because setting a password gives access to the account.
pub async fn reset_password(
    tx: &mut Tx,
    granted: &Managing,
    id: UserId,
    input: &ResetPasswordInput,
    password: &HashedPassword,
) -> Result<User> {
    let before = Account::to_change(tx, id, true).await?;
    require_held(granted, before.permissions())?;
    refuse_username("password", &input.password, &before.row.username)?;
    store::users::set_password(tx, id, None, password.as_str()).await?;
    let sessions = store::sessions::revoke_all(tx, id, None, "password_reset").await?;
    let tokens = store::tokens::revoke_all(tx, id).await?;
    store::addresses::forget(tx, id).await?;
    let entry = Entry::new("user.password_reset", "user", id).note("sessions_ended", sessions).note("api_tokens_revoked", tokens);
    finish_as(tx, granted, &before, entry).await
}

/// A user's script tokens that were not revoked. Errors: `user_not_found`.
pub async fn tokens(conn: &mut Conn, _granted: &Granted<perm::UsersRead>, id: UserId, paging: &Paging) -> Result<Page<ApiToken>> {
    store::users::by_id(conn, id).await?.ok_or_else(|| Error::new(refusal::USER_NOT_FOUND))?;
    tokens::of_user(conn, id, paging).await
}

/// Revokes a user's script token. Errors: `user_not_found`, `user_holds_more`, `api_token_not_found`.
pub async fn revoke_token(tx: &mut Tx, granted: &Managing, id: UserId, token: ApiTokenId) -> Result<()> {
    Account::to_change(tx, id, false).await?.not_above(granted, tx.actor())?;
    tokens::revoke_of(tx, id, token).await
}

/// A user who can be assigned work.
#[derive(Clone, Debug)]
pub struct Worker {
    /// The user's name.
    pub username: String,
    /// Whether the user holds the permission in question.
    pub may: bool,
}

/// The user with this id and whether they hold a permission; `None` if there is none whose account may be used now.
pub async fn worker(conn: &mut Conn, id: UserId, permission: Permission) -> Result<Option<Worker>> {
    let account = match Account::load(conn, id).await {
        Err(error) if error.code() == refusal::USER_NOT_FOUND => return Ok(None),
        account => account?,
    };
    if account.row.standing.obstacle(conn.now()).is_some() {
        return Ok(None);
    }
    let may = account.permissions().has(permission);
    Ok(Some(Worker { username: account.row.username, may }))
}

/// Users whose accounts may be used now and who hold a permission, ordered by id; at most `limit` of them.
pub async fn holders(conn: &mut Conn, permission: Permission, limit: i64) -> Result<Vec<(UserId, String)>> {
    store::users::holders(conn, permission, limit).await
}

/// The ids and names of the given users whose accounts may be used now.
pub async fn usable(conn: &mut Conn, ids: &[UserId]) -> Result<Vec<(UserId, String)>> {
    store::users::usable(conn, ids).await
}
