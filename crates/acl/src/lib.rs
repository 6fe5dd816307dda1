//! Who may do what (SPEC 3): permissions, roles, users, sign-in, tokens, and the audit trail.
//!
//! **Permissions are types.** One table in [`permission`] makes the enum [`Permission`], the wire names, the default
//! roles, and a type for each in [`perm`]. A use case asks for `&Granted<perm::UsersManage>`; only
//! [`Granted::check`] makes one from a caller, and [`Granted::system`] for work that no user asked for and that says
//! why. What anybody signed in may do to their own account asks for [`SignedIn`].
//!
//! **Callers.** [`Access::authenticate`] turns a bearer token into a [`Caller`]: a JSON Web Token of a session, or a
//! token for scripts (`tcrm_…`). What it reads it remembers, tagged with the `access_epoch`; every change of rights
//! raises the epoch in its own transaction, so that it counts from the next request on, on every instance.
//!
//! **Use cases** are functions in modules by noun: [`auth`] signs in and out, [`sessions`] and [`tokens`] are one's own,
//! [`users`] and [`roles`] are managed, [`audit`] reads and verifies the trail, [`bootstrap`] fills an empty database.
//! They take the transaction they run in. What hashes passwords is apart and runs before it.
//!
//! **Passwords** ([`Passwords`]) are Argon2id, hashed on a few blocking threads. Five failures in a row lock sign-in for
//! a growing time ([`model::lock_after`]); sessions that are open go on, or anybody could throw anybody out.
//!
//! Whoever changes users or roles gives only what they hold, leaves their own account alone, and leaves at least one
//! administrator: `service/users.rs` has these rules in one place.

mod access;
mod grant;
pub mod input;
pub mod model;
mod password;
pub mod permission;
mod random;
mod seal;
mod service;
mod store;
mod token;

pub use access::{API_TOKEN_PREFIX, Access, AccessSettings};
pub use grant::{Caller, Credential, Granted, SignedIn};
pub use model::{SessionId, refusal};
pub use password::{HashedPassword, PasswordCost, Passwords, random_password};
pub use permission::{BuiltinRole, Permission, PermissionSet, PermissionType, perm};
pub use random::random_secret;
pub use seal::Seals;
pub use service::{audit, auth, bootstrap, roles, sessions, tokens, users};
pub use token::Secret;
