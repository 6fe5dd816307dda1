//! Signing in and out, and the caller's own password.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use database::{Conn, Db, Tx, audit::Entry};
use kernel::{Actor, Context, Error, Result, error::field, id::UserId};
use uuid::Uuid;

use super::attempts::{Failure, address_key};
use crate::{
    access::{Access, permissions_of},
    grant::{Caller, Credential, SignedIn},
    input::{ChangePasswordInput, LoginInput, RefreshInput},
    model::{Profile, SessionId, TokenPair, refusal},
    password::{Comparison, HashedPassword, refuse_username},
    permission::PermissionSet,
    random, store,
    store::{
        sessions::IssuedPair,
        users::{CredentialRow, username_key},
    },
    token::TokenKind,
};

/// Characters of a `User-Agent` that are stored.
const USER_AGENT_LENGTH: usize = 300;
/// How long a repeated refresh gets the same pair again: two tabs of a browser refresh together, or an answer is lost.
const REPEATABLE: TimeDelta = TimeDelta::seconds(10);

/// A user whose password was just verified; [`open_session`] checks again.
pub struct Verified {
    user_id: UserId,
    seen_hash: String,
    renewed_hash: Option<HashedPassword>,
    /// Whether the user has signed in from the caller's address before.
    is_known_address: bool,
}

/// The outcome of a refresh.
pub enum Refreshed {
    /// The next pair of tokens.
    Renewed(Box<TokenPair>),
    /// The token was used before: its session ends once this transaction commits.
    Reused,
}

impl Refreshed {
    /// The result for the caller, after the commit. Errors: `refresh_reused`.
    pub fn into_result(self) -> Result<TokenPair> {
        match self {
            Self::Renewed(pair) => Ok(*pair),
            Self::Reused => Err(Error::new(refusal::REFRESH_REUSED)),
        }
    }
}

/// The hash of a new password, for a user whose current password was just verified.
pub struct NewPassword {
    seen_hash: String,
    new_hash: HashedPassword,
}

/// Signs in: [`verify_password`], then [`open_session`] in a transaction.
pub async fn login(db: &Db, access: &Access, context: &Arc<Context>, input: &LoginInput, user_agent: Option<&str>) -> Result<TokenPair> {
    let verified = verify_password(db, access, context, input).await?;
    db.transaction(context, async |tx| open_session(tx, access, &verified, user_agent).await).await
}

/// Verifies a user name and a password, and that the account may sign in. Not to be run in a transaction, because it hashes.
///
/// Errors: `sign_in_failed`, counted and audited, for any reason and after the same time; `too_many_requests`.
pub async fn verify_password(db: &Db, access: &Access, context: &Arc<Context>, input: &LoginInput) -> Result<Verified> {
    let key = username_key(&input.username);
    let found = db.read(context, async |conn| store::users::credentials(conn, &key, address_key(context)).await).await?;
    let comparison = access.passwords().compare(&input.password, found.as_ref().map(|user| user.password_hash.clone())).await?;
    match (found, comparison) {
        (Some(user), Comparison::Matches | Comparison::MatchesOutdated) if obstacle(&user, context.now).is_none() => {
            let renewed_hash = match comparison {
                // whoever is right comes in: where too many wait, the hash is made anew another time
                Comparison::MatchesOutdated => access.passwords().hash(&input.password).await.ok(),
                _ => None,
            };
            let is_known_address = user.is_known_address();
            Ok(Verified { user_id: user.id, seen_hash: user.password_hash, renewed_hash, is_known_address })
        }
        (found, comparison) => {
            let reason = match &found {
                None => "unknown_user",
                Some(user) => match obstacle(user, context.now) {
                    Some(obstacle) if comparison != Comparison::Differs || user.is_locked(context.now) => obstacle,
                    _ => "wrong_password",
                },
            };
            let failure = Failure { action: "auth.sign_in_failed", reason, found: found.as_ref(), typed: &input.username, actor: None };
            failure.record(db, access, context).await?;
            Err(Error::new(refusal::SIGN_IN_FAILED))
        }
    }
}

fn obstacle(user: &CredentialRow, now: DateTime<Utc>) -> Option<&'static str> {
    if user.is_locked(now) { Some("locked") } else { user.standing.obstacle(now).map(|obstacle| obstacle.as_str()) }
}

/// Opens a session for a user whose password was verified.
///
/// Errors: `sign_in_failed` when the password, the lock or the state of the account has changed since.
pub async fn open_session(tx: &mut Tx, access: &Access, verified: &Verified, user_agent: Option<&str>) -> Result<TokenPair> {
    note_sign_in(tx, verified).await?;
    let permissions = permissions_of(tx, verified.user_id).await?;
    let user = store::users::by_id(tx, verified.user_id).await?.ok_or_else(|| Error::new(refusal::SIGN_IN_FAILED))?;
    if user.standing.obstacle(tx.now()).is_some() {
        return Err(Error::new(refusal::SIGN_IN_FAILED));
    }
    let session = store::sessions::NewSession {
        id: SessionId::new(random::id()?),
        user_id: user.id,
        refresh_jti: new_jti(),
        address: tx.context().origin.address.clone(),
        user_agent: user_agent.map(|text| text.chars().filter(|letter| !letter.is_control()).take(USER_AGENT_LENGTH).collect()),
        now: tx.now(),
        expires_at: tx.now() + access.refresh_lifetime,
    };
    store::sessions::insert(tx, &session).await?;
    let actor = Actor::user(user.id, &user.username);
    tx.record(Entry::new("auth.signed_in", "session", session.id).by(&actor).note("user_agent", session.user_agent.clone()));
    let issued = IssuedPair { access_jti: new_jti(), refresh_jti: session.refresh_jti, at: tx.now() };
    pair(access, session.id, &issued, profile(user, permissions))
}

/// Records the sign-in, and remembers the address. Errors: `sign_in_failed` when the password or the lock has changed since.
async fn note_sign_in(tx: &mut Tx, verified: &Verified) -> Result<()> {
    let (user, seen) = (verified.user_id, verified.seen_hash.as_str());
    let renewed = verified.renewed_hash.as_ref().map_or(seen, HashedPassword::as_str);
    let address = address_key(tx.context());
    let noted = match address.as_deref().filter(|_| verified.is_known_address) {
        Some(known) => {
            store::users::note_known_sign_in(tx, user, seen, renewed).await? == 1 && store::addresses::note_sign_in(tx, user, known).await?
        }
        None => store::users::note_sign_in(tx, user, seen, renewed).await? == 1,
    };
    if !noted {
        return Err(Error::new(refusal::SIGN_IN_FAILED));
    }
    match address {
        Some(address) if !verified.is_known_address => store::addresses::remember(tx, user, &address).await,
        _ => Ok(()),
    }
}

/// Exchanges a refresh token for the next pair of tokens; the old token becomes invalid.
///
/// A repeat within ten seconds gets the same pair again; a later one, or one after the next exchange, ends the session.
///
/// Commit also after [`Refreshed::Reused`], and respond to the caller only then: the session must end.
/// Errors: `token_invalid`, `token_expired`, `session_ended`, `account_disabled`.
pub async fn refresh(tx: &mut Tx, access: &Access, input: &RefreshInput) -> Result<Refreshed> {
    let now = tx.now();
    let claims = access.signer.read(&input.refresh, TokenKind::Refresh, now)?;
    let fresh = IssuedPair { access_jti: new_jti(), refresh_jti: new_jti(), at: now };
    let rotated = store::sessions::rotate(tx, claims.sid, &claims.jti, &fresh, now + access.refresh_lifetime).await?;
    let session = store::sessions::account(tx, claims.sid).await?.ok_or_else(|| Error::new(refusal::TOKEN_INVALID))?;
    if session.account.user_id != claims.user_id()? {
        return Err(Error::new(refusal::TOKEN_INVALID));
    }
    let repeated = session.issued_for(&claims.jti).filter(|issued| rotated == 0 && now < issued.at + REPEATABLE);
    if rotated == 0 {
        if session.revoked_at.is_some() {
            return Err(Error::new(refusal::SESSION_ENDED));
        }
        if session.expires_at <= now {
            return Err(Error::new(refusal::TOKEN_EXPIRED));
        }
    }
    if rotated == 0 && repeated.is_none() {
        // either a thief uses the token, or its owner uses it after the thief: the session ends for both
        if !store::sessions::revoke(tx, claims.sid, session.account.user_id, "refresh_reused").await? {
            return Err(Error::new(refusal::SESSION_ENDED));
        }
        store::raise_epoch(tx).await?;
        let actor = Actor::user(session.account.user_id, &session.account.username);
        tx.record(Entry::new("auth.refresh_reused", "session", claims.sid).by(&actor));
        return Ok(Refreshed::Reused);
    }
    if let Some(obstacle) = session.account.standing.obstacle(now) {
        return Err(Error::new(obstacle.code()));
    }
    let permissions = permissions_of(tx, session.account.user_id).await?;
    let user = store::users::by_id(tx, session.account.user_id).await?.ok_or_else(|| Error::new(refusal::TOKEN_INVALID))?;
    if repeated.is_none() {
        tx.record(Entry::new("auth.refreshed", "session", claims.sid).by(&Actor::user(user.id, &user.username)));
    }
    let issued = repeated.unwrap_or(fresh);
    pair(access, claims.sid, &issued, profile(user, permissions)).map(|pair| Refreshed::Renewed(Box::new(pair)))
}

fn new_jti() -> String {
    Uuid::new_v4().to_string()
}

/// Signs a pair. The same ids and time give the same tokens.
fn pair(access: &Access, session: SessionId, issued: &IssuedPair, user: Profile) -> Result<TokenPair> {
    let issue = |kind, jti: &str, lifetime| access.signer.issue(kind, user.id, session, jti, issued.at, lifetime);
    Ok(TokenPair {
        access: issue(TokenKind::Access, &issued.access_jti, access.access_lifetime)?,
        refresh: issue(TokenKind::Refresh, &issued.refresh_jti, access.refresh_lifetime)?,
        token_type: "Bearer",
        expires_in: access.access_lifetime.num_seconds(),
        user,
    })
}

fn profile(user: store::users::UserRow, permissions: PermissionSet) -> Profile {
    Profile {
        id: user.id,
        username: user.username,
        full_name: user.full_name,
        email: user.email,
        phone: user.phone,
        role: user.role,
        role_title: user.role_title,
        permissions: permissions.iter().collect(),
        last_login_at: user.last_login_at,
    }
}

/// The session that the caller uses. Errors: `not_a_session` for script tokens.
pub(crate) fn session_of(caller: &Caller) -> Result<SessionId> {
    match caller.credential {
        Credential::Session(id) => Ok(id),
        Credential::ApiToken { .. } => Err(Error::new(refusal::NOT_A_SESSION)),
    }
}

/// Ends the caller's session. Errors: `not_a_session`, `session_not_found` when it ended in the meantime.
pub async fn logout(tx: &mut Tx, signed_in: &SignedIn) -> Result<()> {
    let session = session_of(signed_in)?;
    if !store::sessions::revoke(tx, session, signed_in.user_id, "logout").await? {
        return Err(Error::new(refusal::SESSION_NOT_FOUND));
    }
    store::raise_epoch(tx).await?;
    tx.record(Entry::new("auth.signed_out", "session", session));
    Ok(())
}

/// Ends all of the caller's sessions; script tokens stay valid. Returns how many ended. Errors: `not_a_session`.
pub async fn logout_all(tx: &mut Tx, signed_in: &SignedIn) -> Result<u64> {
    session_of(signed_in)?;
    let ended = store::sessions::revoke_all(tx, signed_in.user_id, None, "logout_all").await?;
    store::raise_epoch(tx).await?;
    tx.record(Entry::new("auth.signed_out_everywhere", "user", signed_in.user_id).note("sessions", ended));
    Ok(ended)
}

/// The signed-in user and their permissions with this token.
pub async fn me(conn: &mut Conn, signed_in: &SignedIn) -> Result<Profile> {
    let user = store::users::by_id(conn, signed_in.user_id).await?.ok_or_else(|| Error::new(refusal::USER_NOT_FOUND))?;
    Ok(profile(user, signed_in.permissions))
}

/// Checks the current password and hashes the new one. Not to be run in a transaction, because it hashes.
///
/// Errors: `not_a_session`; `invalid` with `wrong_password`, which counts towards a lock, `password_is_username` or
/// `weak_password`, of which nobody is told who does not know the present one; `too_many_requests`.
pub async fn prepare_password_change(
    db: &Db,
    access: &Access,
    context: &Arc<Context>,
    signed_in: &SignedIn,
    input: &ChangePasswordInput,
) -> Result<NewPassword> {
    session_of(signed_in)?;
    refuse_username("new_password", &input.new_password, &signed_in.username)?;
    let key = username_key(&signed_in.username);
    let user = db.read(context, async |conn| store::users::credentials(conn, &key, address_key(context)).await).await?;
    let user = user.filter(|user| user.id == signed_in.user_id).ok_or_else(|| Error::new(refusal::USER_NOT_FOUND))?;
    let comparison = access.passwords().compare(&input.current_password, Some(user.password_hash.clone())).await?;
    if comparison == Comparison::Differs || user.is_locked(context.now) {
        let reason = if user.is_locked(context.now) { "locked" } else { "wrong_password" };
        let (typed, actor) = (&*signed_in.username, Some(signed_in.actor()));
        let failure = Failure { action: "auth.password_change_failed", reason, found: Some(&user), typed, actor };
        failure.record(db, access, context).await?;
        return Err(Error::of_field("current_password", field::WRONG_PASSWORD));
    }
    let new_hash = access.passwords().hash_new("new_password", &input.new_password, &signed_in.username).await?;
    Ok(NewPassword { seen_hash: user.password_hash, new_hash })
}

/// Changes the caller's password and ends their other sessions.
///
/// Errors: `not_a_session`; `invalid` with `wrong_password` when the password was changed in between.
pub async fn change_password(tx: &mut Tx, signed_in: &SignedIn, new: &NewPassword) -> Result<()> {
    let session = session_of(signed_in)?;
    let user = signed_in.user_id;
    if store::users::set_password(tx, user, Some(&new.seen_hash), new.new_hash.as_str()).await? != 1 {
        return Err(Error::of_field("current_password", field::WRONG_PASSWORD));
    }
    store::addresses::unlock(tx, user).await?;
    let ended = store::sessions::revoke_all(tx, user, Some(session), "password_changed").await?;
    store::raise_epoch(tx).await?;
    tx.record(Entry::new("user.password_changed", "user", user).note("sessions_ended", ended));
    Ok(())
}
