//! Who asks, and the proof that they may.

use std::{marker::PhantomData, ops::Deref, sync::Arc};

use kernel::{
    Actor, Error, Result,
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
    /// What the caller may do now: role and single grants, less denials; for a script token no more than it was given.
    pub permissions: PermissionSet,
    /// How the caller signed in.
    pub credential: Credential,
}

/// How a caller signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credential {
    /// With user name and password: the session's id.
    Session(SessionId),
    /// With a token for scripts.
    ApiToken(ApiTokenId),
}

impl Caller {
    /// The caller as the audit trail names them.
    pub fn actor(&self) -> Actor {
        Actor { user_id: Some(self.user_id), name: self.username.clone() }
    }

    /// Whether the caller may do this.
    pub fn may(&self, permission: Permission) -> bool {
        self.permissions.has(permission)
    }
}

/// Proof that whoever asks holds permission `P`. Only a check makes it, or work that says why it needs no user.
#[derive(Clone, Debug)]
pub struct Granted<P> {
    to: Grantee,
    of: PhantomData<fn() -> P>,
}

#[derive(Clone, Debug)]
enum Grantee {
    Caller(Arc<Caller>),
    // why no user is needed: for the reader of the code, and of a debug print
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

    /// Work that no user asked for, and why. The audit trail names the transaction's actor.
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

/// Somebody signed in, whatever they may do.
#[derive(Clone, Debug)]
pub struct SignedIn(pub Arc<Caller>);

impl Deref for SignedIn {
    type Target = Caller;

    fn deref(&self) -> &Caller {
        &self.0
    }
}
