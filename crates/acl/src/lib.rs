//! Who may do what: permissions, roles, users, sign-in, tokens, and the audit trail.
//!
//! **Permissions are types.** One table in [`permission`] defines the enum [`Permission`], the names in JSON, the default roles,
//! and a type for each permission in [`perm`]. A use case takes `&Granted<perm::UsersManage>`; [`Granted::check`] makes one from
//! a caller, and [`Granted::system`] makes one for work that no user asked for, with the reason. A use case on the caller's own
//! account takes [`SignedIn`].
//!
//! **Callers.** [`Access::authenticate`] turns a bearer token into a [`Caller`]: a JSON Web Token of a session, or a script token
//! (`tcrm_…`). It caches what it reads, tagged with the `access_epoch`; every change of rights raises the epoch in its own
//! transaction, so that the change takes effect from the next request on, on every instance.
//!
//! **Use cases** are functions in modules by noun: [`auth`] signs in and out, [`sessions`] and [`tokens`] are the caller's own,
//! [`users`] and [`roles`] are managed, [`audit`] reads and verifies the trail, [`bootstrap`] fills an empty database. They take
//! the transaction that they run in. Password hashing is separate and runs before it.
//!
//! **Passwords** ([`Passwords`]) are Argon2id, hashed on a few blocking threads. Five failures in a row lock sign-in for
//! a growing time ([`model::lock_after`]), apart for each address from which the user has signed in before and for all others together:
//! otherwise anybody could keep a user out with wrong passwords. Open sessions continue for the same reason.
//!
//! A caller who changes users or roles gives only permissions that they hold, does not change the rights of their own account, and
//! leaves at least one administrator: `service/users.rs` has these rules in one place.

mod access;
mod grant;
pub mod input;
pub mod jobs;
mod layout;
pub mod model;
mod password;
pub mod permission;
mod random;
mod seal;
mod service;
pub mod settings;
mod store;
mod token;

pub use access::{API_TOKEN_PREFIX, Access, AccessSettings};
pub use grant::{Caller, Credential, Granted, SignedIn};
pub use kernel::Secret;
pub use model::{SessionId, refusal};
pub use password::{HashedPassword, PasswordCost, Passwords, random_password};
pub use permission::{BuiltinRole, Permission, PermissionSet, PermissionType, perm};
pub use random::random_secret;
pub use seal::Seals;
pub use service::{audit, auth, bootstrap, denials, one_time, reads, roles, sessions, tokens, users};

/// The names by which users are ordered.
pub const USERS_ORDERED: database::order_keys::Named = store::users::ORDERED;
