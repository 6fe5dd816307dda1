//! The caller, and the proof of a permission.

use std::{marker::PhantomData, ops::Deref, sync::Arc};

use kernel::{
    Actor, Error, Result,
    context::ActingToken,
    id::{ApiTokenId, UserId},
};

use crate::{
    model::{SessionId, refusal},
    permission::{Permission, PermissionSet, PermissionType},
};

/// A signed-in caller, as of this request.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The user.
    pub user_id: UserId,
    /// The user's name.
    pub username: String,
    /// The role's name.
    pub role: String,
    /// The permissions now: role and single grants, minus denials; for a script token, at most those that it was given.
    pub permissions: PermissionSet,
    /// How the caller signed in.
    pub credential: Credential,
}

/// How a caller signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credential {
    /// With user name and password: the session's id.
    Session(SessionId),
    /// With a script token.
    ApiToken {
        /// The token's id.
        id: ApiTokenId,
        /// The name that its owner gave it.
        name: String,
    },
}

impl Caller {
    /// The caller as an actor in the audit trail.
    pub fn actor(&self) -> Actor {
        match &self.credential {
            Credential::Session(_) => Actor::user(self.user_id, &self.username),
            Credential::ApiToken { id, name } => {
                Actor::script(self.user_id, ActingToken { id: *id, name: name.clone(), owner: self.username.clone() })
            }
        }
    }

    /// Whose idempotency keys the caller uses. A script token can do less than its owner, so it has its own.
    pub fn key_scope(&self) -> String {
        match &self.credential {
            Credential::Session(_) => format!("user:{}", self.user_id),
            Credential::ApiToken { id, .. } => format!("token:{id}"),
        }
    }

    /// Whether the caller holds this permission.
    pub fn may(&self, permission: Permission) -> bool {
        self.permissions.has(permission)
    }
}

/// Proof that the caller holds permission `P`. It comes from a check, or from work that states why it needs no user.
#[derive(Clone, Debug)]
pub struct Granted<P> {
    to: Grantee,
    of: PhantomData<fn() -> P>,
}

#[derive(Clone, Debug)]
enum Grantee {
    Caller(Arc<Caller>),
    // why no user is needed: for readers of the code and of debug output
    System(#[allow(dead_code, reason = "shown by Debug")] &'static str),
}

impl<P: PermissionType> Granted<P> {
    /// Checks the caller's permission. Errors: `permission_missing`, naming it.
    pub fn check(caller: &Arc<Caller>) -> Result<Self> {
        if !caller.may(P::PERMISSION) {
            return Err(Error::new(refusal::PERMISSION_MISSING).with("permission", P::PERMISSION));
        }
        Ok(Self { to: Grantee::Caller(caller.clone()), of: PhantomData })
    }

    /// A grant for work that no user asked for, with the reason. The audit trail names the transaction's actor.
    pub fn system(why: &'static str) -> Self {
        Self { to: Grantee::System(why), of: PhantomData }
    }

    /// Whether the caller also holds another permission, on which the form of the response depends.
    pub fn may(&self, permission: Permission) -> bool {
        match &self.to {
            Grantee::Caller(caller) => caller.may(permission),
            Grantee::System(_) => true,
        }
    }
}

/// A signed-in caller, with any permissions.
#[derive(Clone, Debug)]
pub struct SignedIn(pub Arc<Caller>);

impl Deref for SignedIn {
    type Target = Caller;

    fn deref(&self) -> &Caller {
        &self.0
    }
}
