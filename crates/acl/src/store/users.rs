use chrono::{DateTime, Utc};
use database::{Conn, Filter, Given, Page, Paging, Sql, order_keys::Named};
use kernel::{
    Result,
    id::{RoleId, UserId},
    text::{order_key, search_text},
};
use serde::Serialize;

use crate::{
    input::{UserFilter, UserInput},
    model::{AccountState, UserShort},
    permission::Permission,
};

/// The full names of users and their keys.
pub(crate) const ORDERED: Named = Named {
    missing: "SELECT id, full_name FROM users WHERE full_name_order = '' LIMIT $1",
    complete: "UPDATE users SET full_name_order = given.new_key FROM given WHERE users.id = given.row_id AND users.full_name_order = ''",
};

const FROM: &str = "users JOIN roles ON roles.id = users.role_id";
const SELECT: &str = "SELECT users.id, users.username, users.full_name, users.email, users.phone, users.role_id, roles.name AS role, \
     roles.title AS role_title, users.is_active, users.valid_from, users.valid_until, users.blocked_at, users.blocked_until, \
     users.block_reason, users.locked_until, \
     (SELECT MAX(known_addresses.locked_until) FROM known_addresses WHERE known_addresses.user_id = users.id) AS address_locked_until, \
     users.last_login_at, users.version, users.created_at, users.updated_at \
     FROM users JOIN roles ON roles.id = users.role_id";

/// A user as stored, without the password's hash.
#[derive(Clone, Debug, Serialize, sqlx_macros::FromRow)]
pub(crate) struct UserRow {
    pub(crate) id: UserId,
    pub(crate) username: String,
    pub(crate) full_name: String,
    pub(crate) email: Option<String>,
    pub(crate) phone: Option<String>,
    pub(crate) role_id: RoleId,
    pub(crate) role: String,
    pub(crate) role_title: String,
    #[serde(skip)]
    #[sqlx(flatten)]
    pub(crate) standing: AccountState,
    pub(crate) block_reason: Option<String>,
    pub(crate) locked_until: Option<DateTime<Utc>>,
    pub(crate) address_locked_until: Option<DateTime<Utc>>,
    pub(crate) last_login_at: Option<DateTime<Utc>>,
    pub(crate) version: i64,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) updated_at: DateTime<Utc>,
}

/// The fields of a user that sign-in checks.
#[derive(sqlx_macros::FromRow)]
pub(crate) struct CredentialRow {
    pub(crate) id: UserId,
    pub(crate) username: String,
    pub(crate) password_hash: String,
    /// The lock on addresses from which the user has never signed in.
    locked_until: Option<DateTime<Utc>>,
    /// The user, if they have signed in from the caller's address before.
    known_user_id: Option<UserId>,
    /// The lock on that address.
    address_locked_until: Option<DateTime<Utc>>,
    #[sqlx(flatten)]
    pub(crate) standing: AccountState,
}

impl CredentialRow {
    /// Whether the user has signed in from the caller's address before.
    pub(crate) fn is_known_address(&self) -> bool {
        self.known_user_id.is_some()
    }

    /// Whether wrong passwords have locked out the caller's address.
    pub(crate) fn is_locked(&self, now: DateTime<Utc>) -> bool {
        let until = if self.is_known_address() { self.address_locked_until } else { self.locked_until };
        until.is_some_and(|until| now < until)
    }
}

/// The form in which user names are unique; they are ASCII.
pub(crate) fn username_key(username: &str) -> String {
    username.to_lowercase()
}

fn search_text_of(input: &UserInput) -> String {
    search_text([Some(input.username.as_str()), Some(&input.full_name), input.email.as_deref(), input.phone.as_deref()])
}

pub(crate) async fn by_id(conn: &mut Conn, id: UserId) -> Result<Option<UserRow>> {
    Sql::owned(format!("{SELECT} WHERE users.id = $1")).bind(id).optional(conn).await
}

/// Reads the short forms of these users.
pub(crate) async fn short_forms(conn: &mut Conn, ids: &[UserId]) -> Result<Vec<UserShort>> {
    const ALL: &str = "SELECT users.id, users.username, users.full_name FROM given JOIN users ON users.id = given.of_id";
    Given::one_column(&["of_id"], ids.iter().copied()).all(ALL, conn).await
}

pub(crate) async fn list(conn: &mut Conn, filter: &UserFilter, paging: &Paging) -> Result<Page<UserRow>> {
    let mut conditions = Filter::new(conn.engine());
    conditions.value("users.role_id = (SELECT id FROM roles AS wanted WHERE wanted.name = ?)", filter.role.clone());
    conditions.equal("users.is_active", filter.is_active);
    conditions.at_least("users.created_at", filter.created_at_after);
    conditions.at_most("users.created_at", filter.created_at_before);
    conditions.contains("users.search_text", filter.search.as_deref());
    paging.fetch(conn, SELECT, FROM, conditions).await
}

pub(crate) async fn count(conn: &mut Conn) -> Result<i64> {
    Sql::new("SELECT CAST(COUNT(*) AS BIGINT) FROM users").scalar(conn).await
}

pub(crate) async fn insert(conn: &mut Conn, input: &UserInput, role: RoleId, password_hash: &str) -> Result<UserId> {
    let now = conn.now();
    Sql::new(
        "INSERT INTO users (username, username_key, full_name, email, phone, role_id, password_hash, is_active, valid_from, valid_until, \
         password_changed_at, search_text, created_at, updated_at, full_name_order) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $11, $11, $13) RETURNING id",
    )
    .bind(&input.username)
    .bind(username_key(&input.username))
    .bind(&input.full_name)
    .bind(&input.email)
    .bind(&input.phone)
    .bind(role)
    .bind(password_hash.to_owned())
    .bind(input.is_active)
    .bind(input.valid_from)
    .bind(input.valid_until)
    .bind(now)
    .bind(search_text_of(input))
    .bind(order_key(&input.full_name))
    .scalar(conn)
    .await
}

pub(crate) async fn update(conn: &mut Conn, before: &UserRow, input: &UserInput, role: RoleId) -> Result<()> {
    let now = conn.now();
    Sql::new(
        "UPDATE users SET username = $3, username_key = $4, full_name = $5, email = $6, phone = $7, role_id = $8, is_active = $9, \
         valid_from = $10, valid_until = $11, search_text = $12, updated_at = $13, full_name_order = $14, version = version + 1 \
         WHERE id = $1 AND version = $2",
    )
    .bind(before.id)
    .bind(before.version)
    .bind(&input.username)
    .bind(username_key(&input.username))
    .bind(&input.full_name)
    .bind(&input.email)
    .bind(&input.phone)
    .bind(role)
    .bind(input.is_active)
    .bind(input.valid_from)
    .bind(input.valid_until)
    .bind(search_text_of(input))
    .bind(now)
    .bind(order_key(&input.full_name))
    .expect_one(conn)
    .await
}

/// Raises the version after a change in another table.
pub(crate) async fn touch(conn: &mut Conn, before: &UserRow) -> Result<()> {
    let now = conn.now();
    Sql::new("UPDATE users SET updated_at = $3, version = version + 1 WHERE id = $1 AND version = $2")
        .bind(before.id)
        .bind(before.version)
        .bind(now)
        .expect_one(conn)
        .await
}

pub(crate) async fn delete(conn: &mut Conn, before: &UserRow) -> Result<()> {
    Sql::new("DELETE FROM users WHERE id = $1 AND version = $2").bind(before.id).bind(before.version).expect_one(conn).await
}

pub(crate) async fn block(conn: &mut Conn, before: &UserRow, until: Option<DateTime<Utc>>, reason: &str) -> Result<()> {
    let now = conn.now();
    Sql::new(
        "UPDATE users SET blocked_at = $3, blocked_until = $4, block_reason = $5, updated_at = $3, version = version + 1 \
         WHERE id = $1 AND version = $2",
    )
    .bind(before.id)
    .bind(before.version)
    .bind(now)
    .bind(until)
    .bind(reason.to_owned())
    .expect_one(conn)
    .await
}

/// Lifts the block and the lock after wrong passwords.
pub(crate) async fn unblock(conn: &mut Conn, before: &UserRow) -> Result<()> {
    let now = conn.now();
    Sql::new(
        "UPDATE users SET blocked_at = NULL, blocked_until = NULL, block_reason = NULL, failed_sign_ins = 0, locked_until = NULL, \
         updated_at = $3, version = version + 1 WHERE id = $1 AND version = $2",
    )
    .bind(before.id)
    .bind(before.version)
    .bind(now)
    .expect_one(conn)
    .await
}

/// Sets a new password; with `seen`, only if that is still the stored hash.
pub(crate) async fn set_password(conn: &mut Conn, id: UserId, seen: Option<&str>, new: &str) -> Result<u64> {
    let now = conn.now();
    Sql::new(
        "UPDATE users SET password_hash = $2, password_changed_at = $3, failed_sign_ins = 0, locked_until = NULL, updated_at = $3, \
         version = version + 1 WHERE id = $1 AND password_hash = COALESCE($4, password_hash)",
    )
    .bind(id)
    .bind(new.to_owned())
    .bind(now)
    .bind(seen.map(str::to_owned))
    .execute(conn)
    .await
}

/// What sign-in checks of the user with this name, whose attempt comes from this address.
pub(crate) async fn credentials(conn: &mut Conn, username_key: &str, address: Option<String>) -> Result<Option<CredentialRow>> {
    Sql::new(
        "SELECT users.id, users.username, users.password_hash, users.locked_until, users.is_active, users.valid_from, users.valid_until, \
         users.blocked_at, users.blocked_until, known_addresses.user_id AS known_user_id, \
         known_addresses.locked_until AS address_locked_until \
         FROM users LEFT JOIN known_addresses ON known_addresses.user_id = users.id AND known_addresses.address = $2 \
         WHERE users.username_key = $1",
    )
    .bind(username_key.to_owned())
    .bind(address)
    .optional(conn)
    .await
}

/// Counts a wrong password, unless sign-in is already locked; returns the user and the failures in a row.
pub(crate) async fn count_failure(conn: &mut Conn, username_key: &str) -> Result<Option<(UserId, i64)>> {
    let now = conn.now();
    Sql::new(
        "UPDATE users SET failed_sign_ins = failed_sign_ins + 1 WHERE username_key = $1 AND (locked_until IS NULL OR locked_until <= $2) \
         RETURNING id, failed_sign_ins",
    )
    .bind(username_key.to_owned())
    .bind(now)
    .optional(conn)
    .await
}

pub(crate) async fn lock_until(conn: &mut Conn, id: UserId, until: DateTime<Utc>) -> Result<()> {
    Sql::new("UPDATE users SET locked_until = $2 WHERE id = $1").bind(id).bind(until).execute(conn).await?;
    Ok(())
}

/// Records a sign-in from a known address, if the password is still the one that was checked. The lock on other addresses stays.
pub(crate) async fn note_known_sign_in(conn: &mut Conn, id: UserId, seen: &str, renewed: &str) -> Result<u64> {
    let now = conn.now();
    Sql::new("UPDATE users SET last_login_at = $4, password_hash = $3 WHERE id = $1 AND password_hash = $2")
        .bind(id)
        .bind(seen.to_owned())
        .bind(renewed.to_owned())
        .bind(now)
        .execute(conn)
        .await
}

/// Records a sign-in from another address, if the password is still the one that was checked and no lock was set in between.
pub(crate) async fn note_sign_in(conn: &mut Conn, id: UserId, seen: &str, renewed: &str) -> Result<u64> {
    let now = conn.now();
    Sql::new(
        "UPDATE users SET failed_sign_ins = 0, locked_until = NULL, last_login_at = $4, password_hash = $3 \
         WHERE id = $1 AND password_hash = $2 AND (locked_until IS NULL OR locked_until <= $4)",
    )
    .bind(id)
    .bind(seen.to_owned())
    .bind(renewed.to_owned())
    .bind(now)
    .execute(conn)
    .await
}

/// Lets one transaction at a time change users, so that no two remove the last administrators together.
pub(crate) async fn lock_administrators(conn: &mut Conn) -> Result<()> {
    let text = format!("SELECT id FROM roles WHERE name = 'admin'{}", conn.for_update());
    Sql::owned(text).optional::<(i64,)>(conn).await?;
    Ok(())
}

/// The administrators who can act now.
#[derive(Clone, Copy, Debug, sqlx_macros::FromRow)]
pub(crate) struct Administrators {
    /// Those who manage users and roles.
    pub(crate) acting: i64,
    /// Those of them who hold every permission and whose accounts have no end.
    pub(crate) lasting: i64,
}

/// Counts the administrators.
pub(crate) async fn administrators(conn: &mut Conn) -> Result<Administrators> {
    let now = conn.now();
    let denial = "EXISTS (SELECT 1 FROM user_permissions AS denial WHERE denial.user_id = users.id AND NOT denial.granted";
    let text = format!(
        "SELECT CAST(COUNT(*) AS BIGINT) AS acting, \
         CAST(COUNT(CASE WHEN users.valid_until IS NULL AND NOT {denial}) THEN 1 END) AS BIGINT) AS lasting \
         FROM {FROM} WHERE {USABLE} AND roles.name = 'admin' AND NOT {denial} AND denial.permission IN ('users:manage', 'roles:manage'))"
    );
    Sql::owned(text).bind(now).one(conn).await
}

/// The condition that `AccountState::obstacle` finds none; `$1` is the current time.
const USABLE: &str = "users.is_active AND (users.valid_from IS NULL OR users.valid_from <= $1) \
     AND (users.valid_until IS NULL OR users.valid_until > $1) \
     AND (users.blocked_at IS NULL OR users.blocked_until <= $1)";

pub(crate) async fn holders(conn: &mut Conn, permission: Permission, limit: i64) -> Result<Vec<(UserId, String)>> {
    let now = conn.now();
    let single = "SELECT 1 FROM user_permissions s WHERE s.user_id = users.id AND s.permission = $2 AND s.granted";
    // the administrator's role holds every permission, even one that is newer than its rows
    let text = format!(
        "SELECT users.id, users.username FROM {FROM} WHERE {USABLE} AND NOT EXISTS ({single} = $3) \
         AND (roles.name = 'admin' OR EXISTS ({single} = $4) \
         OR EXISTS (SELECT 1 FROM role_permissions p WHERE p.role_id = users.role_id AND p.permission = $2)) \
         ORDER BY users.id LIMIT $5"
    );
    let sql = Sql::owned(text).bind(now).bind(permission.as_str()).bind(false).bind(true).bind(limit);
    sql.all(conn).await
}

pub(crate) async fn usable(conn: &mut Conn, ids: &[UserId]) -> Result<Vec<(UserId, String)>> {
    let now = conn.now();
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let ids_at: Vec<String> = (2..ids.len() + 2).map(|place| format!("${place}")).collect();
    let text = format!("SELECT users.id, users.username FROM users WHERE {USABLE} AND users.id IN ({})", ids_at.join(", "));
    Sql::owned(text).bind(now).bind_all(ids.iter().map(|id| (*id).into())).all(conn).await
}
