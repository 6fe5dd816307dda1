//! The initial content of an empty database: the built-in roles and the first administrator.

use std::sync::Arc;

use database::{Db, Tx, audit::Entry};
use kernel::{Context, Error, Result, Secret, error::field, id::UserId};
use validator::Validate;

use super::users;
use crate::{
    input::{RoleInput, UserInput},
    password::{HashedPassword, Passwords, random_password},
    permission::{BuiltinRole, Permission, PermissionSet},
    store,
};

/// The first administrator, just created.
pub struct FirstAdmin {
    /// The user.
    pub id: UserId,
    /// The name to sign in with.
    pub username: String,
    /// The password, if it was generated; to be shown once.
    pub generated_password: Option<Secret>,
}

/// Creates the missing built-in roles and, on a database without users, the first administrator.
///
/// Safe when several instances start at once: one of them creates the administrator, and only that one returns it.
/// Errors: `invalid` when the given name or password breaks the rules for them.
pub async fn bootstrap(
    db: &Db,
    context: &Arc<Context>,
    passwords: &Passwords,
    username: &str,
    password: Option<&Secret>,
) -> Result<Option<FirstAdmin>> {
    db.transaction(context, async |tx| ensure_roles(tx).await).await?;
    if db.read(context, async |conn| store::users::count(conn).await).await? > 0 {
        return Ok(None);
    }
    if first_admin(username).validate().is_err() {
        return Err(Error::of_field("username", field::FORMAT));
    }
    let generated_password = match password {
        Some(_) => None,
        None => Some(Secret::new(random_password()?)),
    };
    let Some(password) = password.or(generated_password.as_ref()) else { return Ok(None) };
    let hash = passwords.hash_new("password", password.reveal(), username).await?;
    let made = db.transaction(context, async |tx| ensure_first_admin(tx, username, &hash).await).await?;
    Ok(made.map(|id| FirstAdmin { id, username: username.to_owned(), generated_password }))
}

/// Creates the missing built-in roles with their default permissions, and completes the permissions of `admin`.
pub async fn ensure_roles(tx: &mut Tx) -> Result<()> {
    for role in BuiltinRole::ALL.iter().copied() {
        let held: PermissionSet = Permission::ALL.iter().copied().filter(|permission| permission.default_roles().contains(&role)).collect();
        let (title, description) = words_for(role);
        let input = RoleInput {
            name: role.as_str().to_owned(),
            title: title.to_owned(),
            description: description.to_owned(),
            permissions: held.iter().collect(),
        };
        if let Some(id) = store::roles::insert(tx, &input, true).await? {
            store::permissions::replace_of_role(tx, id, held).await?;
            store::raise_epoch(tx).await?;
            tx.record(Entry::new("role.created", "role", id).created(&input));
        }
    }
    // a newer version may know more permissions; other roles get those from an administrator
    if let Some(admin) = store::roles::id_by_name(tx, BuiltinRole::Admin.as_str()).await?
        && store::permissions::add_to_role(tx, admin, PermissionSet::all()).await?
    {
        store::raise_epoch(tx).await?;
    }
    Ok(())
}

/// The initial title and description of a built-in role; an administrator can change them, except those of `admin`.
const fn words_for(role: BuiltinRole) -> (&'static str, &'static str) {
    match role {
        BuiltinRole::Admin => ("Администратор", "Может всё"),
        BuiltinRole::Supervisor => ("Супервизор", "Следит за работой, деньгами и отчётами"),
        BuiltinRole::Operator => ("Оператор", "Обслуживает абонентов"),
        BuiltinRole::Employee => ("Сотрудник", "Просматривает данные и заводит заявки"),
    }
}

/// Creates the first administrator on a database without users; returns its id if this call created it.
pub async fn ensure_first_admin(tx: &mut Tx, username: &str, password: &HashedPassword) -> Result<Option<UserId>> {
    // a second instance waits here, and then sees the user that the first one created
    store::users::lock_administrators(tx).await?;
    if store::users::count(tx).await? > 0 {
        return Ok(None);
    }
    let missing = || Error::internal("the built-in roles are missing");
    let role = store::roles::id_by_name(tx, BuiltinRole::Admin.as_str()).await?.ok_or_else(missing)?;
    let input = first_admin(username);
    let id = users::insert(tx, &input, role, password).await?;
    tx.record(Entry::new("user.created", "user", id).created(&input));
    Ok(Some(id))
}

fn first_admin(username: &str) -> UserInput {
    UserInput {
        username: username.to_owned(),
        full_name: "Администратор".to_owned(),
        email: None,
        phone: None,
        role: BuiltinRole::Admin.to_string(),
        is_active: true,
        valid_from: None,
        valid_until: None,
    }
}
