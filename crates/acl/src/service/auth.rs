//! Signing in and out, and the caller's own password.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use database::{Conn, Db, Event, EventKind, Tx, audit::Entry};
use kernel::{Actor, Context, Error, Result, error::field, id::UserId};
use serde_json::json;
use uuid::Uuid;

use crate::{
    access::{Access, permissions_of},
    grant::{Caller, Credential, SignedIn},
    input::{ChangePasswordInput, LoginInput, RefreshInput},
    model::{Profile, SessionId, TokenPair, lock_after, refusal},
    password::{Comparison, HashedPassword, refuse_username},
    permission::PermissionSet,
    random, store,
    store::users::{CredentialRow, username_key},
    token::TokenKind,
};

/// Characters of a `User-Agent` that are stored.
const USER_AGENT_LENGTH: usize = 300;

/// A user whose password was just verified; [`open_session`] checks again.
pub struct Verified {
    user_id: UserId,
    seen_hash: String,
    renewed_hash: Option<HashedPassword>,
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
    let found = db.read(context, async |conn| store::users::credentials(conn, &key).await).await?;
    let comparison = access.passwords().compare(&input.password, found.as_ref().map(|user| user.password_hash.clone())).await?;
    match (found, comparison) {
        (Some(user), Comparison::Matches | Comparison::MatchesOutdated) if obstacle(&user, context.now).is_none() => {
            let renewed_hash = match comparison {
                // whoever is right comes in: where too many wait, the hash is made anew another time
                Comparison::MatchesOutdated => access.passwords().hash(&input.password).await.ok(),
                _ => None,
            };
            Ok(Verified { user_id: user.id, seen_hash: user.password_hash, renewed_hash })
        }
        (found, comparison) => {
            let reason = match &found {
                None => "unknown_user",
                Some(user) => match obstacle(user, context.now) {
                    Some(obstacle) if comparison != Comparison::Differs || is_locked(user, context.now) => obstacle,
                    _ => "wrong_password",
                },
            };
            // the caller has not proven to be the user
            let stranger = Actor { user_id: None, name: input.username.clone() };
            record_failure(db, context, &stranger, found.as_ref(), reason, "auth.sign_in_failed").await?;
            Err(Error::new(refusal::SIGN_IN_FAILED))
        }
    }
}

fn is_locked(user: &CredentialRow, now: DateTime<Utc>) -> bool {
    user.locked_until.is_some_and(|until| now < until)
}

fn obstacle(user: &CredentialRow, now: DateTime<Utc>) -> Option<&'static str> {
    if is_locked(user, now) { Some("locked") } else { user.standing.obstacle(now).map(|obstacle| obstacle.as_str()) }
}

/// Records a failure in a separate transaction. Unknown users cost the same statements as known ones.
async fn record_failure(
    db: &Db,
    context: &Arc<Context>,
    actor: &Actor,
    found: Option<&CredentialRow>,
    reason: &'static str,
    action: &'static str,
) -> Result<()> {
    let id = found.map_or_else(|| "-".to_owned(), |user| user.id.to_string());
    // only a wrong password counts; no user has the empty name
    let counted = if reason == "wrong_password" {
        found.map_or_else(|| username_key(&actor.name), |user| username_key(&user.username))
    } else {
        String::new()
    };
    db.transaction(context, async |tx| {
        let failures = store::users::count_failure(tx, &counted).await?;
        tx.record(Entry::new(action, "user", &id).by(actor).note("reason", reason));
        if let Some((user, failures)) = failures
            && let Some(until) = lock_after(failures, context.now)
        {
            store::users::lock_until(tx, user, until).await?;
            tx.record(Entry::new("user.locked", "user", user).by(actor).note("until", until.to_rfc3339()).note("failures", failures));
            let data = json!({"username": found.map(|user| &user.username), "until": until, "failures": failures});
            tx.publish(Event::new(EventKind::UserLocked, "user", user, &data));
        }
        Ok(())
    })
    .await
}

/// Opens a session for a user whose password was verified.
///
/// Errors: `sign_in_failed` when the password, the lock or the state of the account has changed since.
pub async fn open_session(tx: &mut Tx, access: &Access, verified: &Verified, user_agent: Option<&str>) -> Result<TokenPair> {
    let renewed = verified.renewed_hash.as_ref().map_or(verified.seen_hash.as_str(), HashedPassword::as_str);
    if store::users::note_sign_in(tx, verified.user_id, &verified.seen_hash, renewed).await? != 1 {
        return Err(Error::new(refusal::SIGN_IN_FAILED));
    }
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
    let actor = Actor { user_id: Some(user.id), name: user.username.clone() };
    tx.record(Entry::new("auth.signed_in", "session", session.id).by(&actor).note("user_agent", session.user_agent.clone()));
    pair(access, tx.context(), session.id, &session.refresh_jti, profile(user, permissions))
}

/// Exchanges a refresh token for the next pair of tokens; the old token becomes invalid.
///
/// Commit also after [`Refreshed::Reused`], and respond to the caller only then: the session must end.
/// Errors: `token_invalid`, `token_expired`, `session_ended`, `account_disabled`.
pub async fn refresh(tx: &mut Tx, access: &Access, input: &RefreshInput) -> Result<Refreshed> {
    let now = tx.now();
    let claims = access.signer.read(&input.refresh, TokenKind::Refresh, now)?;
    let jti = new_jti();
    let rotated = store::sessions::rotate(tx, claims.sid, &claims.jti, &jti, now + access.refresh_lifetime).await?;
    let session = store::sessions::account(tx, claims.sid).await?.ok_or_else(|| Error::new(refusal::TOKEN_INVALID))?;
    if session.account.user_id != claims.user_id()? {
        return Err(Error::new(refusal::TOKEN_INVALID));
    }
    if rotated == 0 {
        if session.revoked_at.is_some() {
            return Err(Error::new(refusal::SESSION_ENDED));
        }
        if session.expires_at <= now {
            return Err(Error::new(refusal::TOKEN_EXPIRED));
        }
        // either a thief uses the token, or its owner uses it after the thief: the session ends for both
        if !store::sessions::revoke(tx, claims.sid, session.account.user_id, "refresh_reused").await? {
            return Err(Error::new(refusal::SESSION_ENDED));
        }
        store::raise_epoch(tx).await?;
        let actor = Actor { user_id: Some(session.account.user_id), name: session.account.username };
        tx.record(Entry::new("auth.refresh_reused", "session", claims.sid).by(&actor));
        return Ok(Refreshed::Reused);
    }
    if let Some(obstacle) = session.account.standing.obstacle(now) {
        return Err(Error::new(obstacle.code()));
    }
    let permissions = permissions_of(tx, session.account.user_id).await?;
    let user = store::users::by_id(tx, session.account.user_id).await?.ok_or_else(|| Error::new(refusal::TOKEN_INVALID))?;
    let actor = Actor { user_id: Some(user.id), name: user.username.clone() };
    tx.record(Entry::new("auth.refreshed", "session", claims.sid).by(&actor));
    pair(access, tx.context(), claims.sid, &jti, profile(user, permissions)).map(|pair| Refreshed::Renewed(Box::new(pair)))
}

fn new_jti() -> String {
    Uuid::new_v4().to_string()
}

fn pair(access: &Access, context: &Context, session: SessionId, refresh_jti: &str, user: Profile) -> Result<TokenPair> {
    let issue = |kind, jti: &str, lifetime| access.signer.issue(kind, user.id, session, jti, context.now, lifetime);
    Ok(TokenPair {
        access: issue(TokenKind::Access, &new_jti(), access.access_lifetime)?,
        refresh: issue(TokenKind::Refresh, refresh_jti, access.refresh_lifetime)?,
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
        Credential::ApiToken(_) => Err(Error::new(refusal::NOT_A_SESSION)),
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
    let user =
        db.read(context, async |conn| store::users::credentials(conn, &key).await).await?.filter(|user| user.id == signed_in.user_id);
    let user = user.ok_or_else(|| Error::new(refusal::USER_NOT_FOUND))?;
    let comparison = access.passwords().compare(&input.current_password, Some(user.password_hash.clone())).await?;
    if comparison == Comparison::Differs || is_locked(&user, context.now) {
        let reason = if is_locked(&user, context.now) { "locked" } else { "wrong_password" };
        record_failure(db, context, &signed_in.actor(), Some(&user), reason, "auth.password_change_failed").await?;
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
    let ended = store::sessions::revoke_all(tx, user, Some(session), "password_changed").await?;
    store::raise_epoch(tx).await?;
    tx.record(Entry::new("user.password_changed", "user", user).note("sessions_ended", ended));
    Ok(())
}
