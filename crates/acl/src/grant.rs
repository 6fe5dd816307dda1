//! Who asks, and the proof that they may.

use std::{marker::PhantomData, ops::Deref, sync::Arc};

use kernel::{
    Error, Result,
    audit::Actor,
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
    actor: Actor,
    caller: Option<Arc<Caller>>,
    of: PhantomData<fn() -> P>,
}

impl<P: PermissionType> Granted<P> {
    /// Checks the caller's permission. Errors: `permission_missing`, naming it.
    pub fn check(caller: &Arc<Caller>) -> Result<Self> {
        if !caller.may(P::PERMISSION) {
            return Err(Error::new(refusal::PERMISSION_MISSING).with("permission", P::PERMISSION));
        }
        Ok(Self { actor: caller.actor(), caller: Some(caller.clone()), of: PhantomData })
    }

    /// Work that no user asked for; `why` stands in the audit trail in the user's place.
    pub fn system(why: &'static str) -> Self {
        Self { actor: Actor { user_id: None, name: why.to_owned() }, caller: None, of: PhantomData }
    }

    /// Who does it, for the audit trail.
    pub fn actor(&self) -> &Actor {
        &self.actor
    }

    /// Whether whoever asks also holds another permission, on which the form of the answer depends.
    pub fn may(&self, permission: Permission) -> bool {
        self.caller.as_ref().is_none_or(|caller| caller.may(permission))
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
