//! Signing in and out, and one's own password.

use chrono::{DateTime, Utc};
use kernel::{
    Context, Error, Event, EventKind, Result,
    audit::{Actor, Entry},
    db::{Conn, Db, Tx},
    error::field,
    id::UserId,
};
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

/// Characters of a `User-Agent` that are kept.
const USER_AGENT_LENGTH: usize = 300;

/// A user whose password was right a moment ago; [`open_session`] looks once more.
pub struct Verified {
    user_id: UserId,
    seen_hash: String,
    renewed_hash: Option<HashedPassword>,
}

/// What became of a refresh token.
pub enum Refreshed {
    /// The next pair.
    Renewed(Box<TokenPair>),
    /// It had been used before: its session is ended once this transaction commits.
    Reused,
}

impl Refreshed {
    /// What to tell the caller after the commit. Errors: `refresh_reused`.
    pub fn into_result(self) -> Result<TokenPair> {
        match self {
            Self::Renewed(pair) => Ok(*pair),
            Self::Reused => Err(Error::new(refusal::REFRESH_REUSED)),
        }
    }
}

/// A new password, hashed, of a user whose present one was right a moment ago.
pub struct NewPassword {
    seen_hash: String,
    new_hash: HashedPassword,
}

/// Signs in: [`verify_password`], then [`open_session`] in a transaction.
pub async fn login(db: &Db, access: &Access, context: &Context, input: &LoginInput, user_agent: Option<&str>) -> Result<TokenPair> {
    let verified = verify_password(db, access, context, input).await?;
    db.transaction(context, async |tx| open_session(tx, access, context, &verified, user_agent).await).await
}

/// Whether user name and password belong together and the account may sign in. Not to be run in a transaction: it hashes.
///
/// Errors: `sign_in_failed`, counted and audited, whatever the reason was and in the same time; `too_many_requests`.
pub async fn verify_password(db: &Db, access: &Access, context: &Context, input: &LoginInput) -> Result<Verified> {
    let key = username_key(&input.username);
    let found = db.read(async |conn| store::users::credentials(conn, &key).await).await?;
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
            // whoever it was, it was not proven to be the user
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

/// Keeps a failure in a transaction of its own. Unknown users cost the same statements as known ones.
async fn record_failure(
    db: &Db,
    context: &Context,
    actor: &Actor,
    found: Option<&CredentialRow>,
    reason: &'static str,
    action: &'static str,
) -> Result<()> {
    let id = found.map_or_else(|| "-".to_owned(), |user| user.id.to_string());
    // only a wrong guess counts; no user has the empty name
    let counted = if reason == "wrong_password" {
        found.map_or_else(|| username_key(&actor.name), |user| username_key(&user.username))
    } else {
        String::new()
    };
    db.transaction(context, async |tx| {
        let failures = store::users::count_failure(tx, &counted, context.now).await?;
        tx.record(Entry::new(actor, action, "user", &id).note("reason", reason));
        if let Some((user, failures)) = failures
            && let Some(until) = lock_after(failures, context.now)
        {
            store::users::lock_until(tx, user, until).await?;
            tx.record(Entry::new(actor, "user.locked", "user", user).note("until", until.to_rfc3339()).note("failures", failures));
            let data = json!({"username": found.map(|user| &user.username), "until": until, "failures": failures});
            tx.publish(Event::new(EventKind::UserLocked, "user", user, &data));
        }
        Ok(())
    })
    .await
}

/// Opens a session for a user whose password was right.
///
/// Errors: `sign_in_failed` when password, lock or standing have changed since.
pub async fn open_session(
    tx: &mut Tx,
    access: &Access,
    context: &Context,
    verified: &Verified,
    user_agent: Option<&str>,
) -> Result<TokenPair> {
    let renewed = verified.renewed_hash.as_ref().map_or(verified.seen_hash.as_str(), HashedPassword::as_str);
    if store::users::note_sign_in(tx, verified.user_id, &verified.seen_hash, renewed, context.now).await? != 1 {
        return Err(Error::new(refusal::SIGN_IN_FAILED));
    }
    let permissions = permissions_of(tx, verified.user_id).await?;
    let user = store::users::by_id(tx, verified.user_id).await?.ok_or_else(|| Error::new(refusal::SIGN_IN_FAILED))?;
    if user.standing.obstacle(context.now).is_some() {
        return Err(Error::new(refusal::SIGN_IN_FAILED));
    }
    let session = store::sessions::NewSession {
        id: SessionId::new(random::id()?),
        user_id: user.id,
        refresh_jti: new_jti(),
        address: context.origin.address.clone(),
        user_agent: user_agent.map(|text| text.chars().filter(|letter| !letter.is_control()).take(USER_AGENT_LENGTH).collect()),
        now: context.now,
        expires_at: context.now + access.refresh_lifetime,
    };
    store::sessions::insert(tx, &session).await?;
    let actor = Actor { user_id: Some(user.id), name: user.username.clone() };
    tx.record(Entry::new(&actor, "auth.signed_in", "session", session.id).note("user_agent", session.user_agent.clone()));
    pair(access, context, session.id, &session.refresh_jti, profile(user, permissions))
}

/// Gives the next pair of tokens for a refresh token, which dies.
///
/// Commit also when it answers [`Refreshed::Reused`], and only then tell the caller: the session must end.
/// Errors: `token_invalid`, `token_expired`, `session_ended`, `account_disabled`.
pub async fn refresh(tx: &mut Tx, access: &Access, context: &Context, input: &RefreshInput) -> Result<Refreshed> {
    let now = context.now;
    let claims = access.signer.read(&input.refresh, TokenKind::Refresh, now)?;
    let jti = new_jti();
    let rotated = store::sessions::rotate(tx, claims.sid, &claims.jti, &jti, now, now + access.refresh_lifetime).await?;
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
        // either a thief uses the token or its owner does, after the thief: neither goes on
        if !store::sessions::revoke(tx, claims.sid, session.account.user_id, "refresh_reused", now).await? {
            return Err(Error::new(refusal::SESSION_ENDED));
        }
        store::raise_epoch(tx).await?;
        let actor = Actor { user_id: Some(session.account.user_id), name: session.account.username };
        tx.record(Entry::new(&actor, "auth.refresh_reused", "session", claims.sid));
        return Ok(Refreshed::Reused);
    }
    if let Some(obstacle) = session.account.standing.obstacle(now) {
        return Err(Error::new(obstacle.code()));
    }
    let permissions = permissions_of(tx, session.account.user_id).await?;
    let user = store::users::by_id(tx, session.account.user_id).await?.ok_or_else(|| Error::new(refusal::TOKEN_INVALID))?;
    let actor = Actor { user_id: Some(user.id), name: user.username.clone() };
    tx.record(Entry::new(&actor, "auth.refreshed", "session", claims.sid));
    pair(access, context, claims.sid, &jti, profile(user, permissions)).map(|pair| Refreshed::Renewed(Box::new(pair)))
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

/// The session the caller came with. Errors: `not_a_session` for script tokens.
pub(crate) fn session_of(caller: &Caller) -> Result<SessionId> {
    match caller.credential {
        Credential::Session(id) => Ok(id),
        Credential::ApiToken(_) => Err(Error::new(refusal::NOT_A_SESSION)),
    }
}

/// Ends the caller's session. Errors: `not_a_session`, `session_not_found` when it ended in the meantime.
pub async fn logout(tx: &mut Tx, context: &Context, signed_in: &SignedIn) -> Result<()> {
    let session = session_of(signed_in)?;
    if !store::sessions::revoke(tx, session, signed_in.user_id, "logout", context.now).await? {
        return Err(Error::new(refusal::SESSION_NOT_FOUND));
    }
    store::raise_epoch(tx).await?;
    tx.record(Entry::new(&signed_in.actor(), "auth.signed_out", "session", session));
    Ok(())
}

/// Ends all of the caller's sessions; script tokens go on. Answers how many ended. Errors: `not_a_session`.
pub async fn logout_all(tx: &mut Tx, context: &Context, signed_in: &SignedIn) -> Result<u64> {
    session_of(signed_in)?;
    let ended = store::sessions::revoke_all(tx, signed_in.user_id, None, "logout_all", context.now).await?;
    store::raise_epoch(tx).await?;
    tx.record(Entry::new(&signed_in.actor(), "auth.signed_out_everywhere", "user", signed_in.user_id).note("sessions", ended));
    Ok(ended)
}

/// Who is signed in, and what they may do with this token.
pub async fn me(conn: &mut Conn, signed_in: &SignedIn) -> Result<Profile> {
    let user = store::users::by_id(conn, signed_in.user_id).await?.ok_or_else(|| Error::new(refusal::USER_NOT_FOUND))?;
    Ok(profile(user, signed_in.permissions))
}

/// Checks the present password and hashes the new one. Not to be run in a transaction: it hashes.
///
/// Errors: `not_a_session`; `invalid` with `wrong_password`, which counts towards a lock, `password_is_username` or
/// `weak_password`, of which nobody is told who does not know the present one; `too_many_requests`.
pub async fn prepare_password_change(
    db: &Db,
    access: &Access,
    context: &Context,
    signed_in: &SignedIn,
    input: &ChangePasswordInput,
) -> Result<NewPassword> {
    session_of(signed_in)?;
    refuse_username("new_password", &input.new_password, &signed_in.username)?;
    let key = username_key(&signed_in.username);
    let user = db.read(async |conn| store::users::credentials(conn, &key).await).await?.filter(|user| user.id == signed_in.user_id);
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
/// Errors: `not_a_session`; `invalid` with `wrong_password` when it was changed in between.
pub async fn change_password(tx: &mut Tx, context: &Context, signed_in: &SignedIn, new: &NewPassword) -> Result<()> {
    let session = session_of(signed_in)?;
    let user = signed_in.user_id;
    if store::users::set_password(tx, user, Some(&new.seen_hash), new.new_hash.as_str(), context.now).await? != 1 {
        return Err(Error::of_field("current_password", field::WRONG_PASSWORD));
    }
    let ended = store::sessions::revoke_all(tx, user, Some(session), "password_changed", context.now).await?;
    store::raise_epoch(tx).await?;
    tx.record(Entry::new(&signed_in.actor(), "user.password_changed", "user", user).note("sessions_ended", ended));
    Ok(())
}
