//! Who a bearer token belongs to, and what the caller may do now.
//!
//! A change of rights takes effect from the next request on, on every instance, yet a request costs far less than a statement:
//! callers are cached, tagged with the epoch that every change raises, and requests that arrive together share one query for the
//! current epoch ([`EpochGate`]). A request never uses the result of a query that began before it arrived.

use std::{
    collections::HashMap,
    mem,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicUsize, Ordering},
    },
};

use chrono::{DateTime, TimeDelta, Utc};
use database::{Db, LONGEST_WAIT};
use kernel::{
    Context, Error, Result,
    error::{Code, common},
    id::{ApiTokenId, UserId},
};
use tokio::{sync::oneshot, time::timeout};

use kernel::Secret;

use crate::{
    grant::{Caller, Credential},
    model::{AccountState, SessionId, refusal},
    password::{PasswordCost, Passwords},
    permission::{BuiltinRole, PermissionSet},
    random,
    seal::Seals,
    store,
    store::{permissions::Singles, sessions::AccountRow},
    token::{Claims, Signer, TokenKind},
};

/// The prefix of a script token, by which people and scanners recognize it.
pub const API_TOKEN_PREFIX: &str = "tcrm_";
/// Gates where callers wait for the epoch.
const GATES: usize = 16;
/// Callers that are cached; one more evicts another.
const MOST_REMEMBERED: usize = 10_000;

/// The settings of sign-in.
#[derive(Clone, Debug)]
pub struct AccessSettings {
    /// The key that signs tokens, at least 32 bytes.
    pub secret: Secret,
    /// The previous key, whose tokens are still accepted.
    pub previous_secret: Option<Secret>,
    /// The lifetime of an access token.
    pub access_lifetime: TimeDelta,
    /// The lifetime of a refresh token.
    pub refresh_lifetime: TimeDelta,
    /// The cost of a password hash.
    pub password_cost: PasswordCost,
}

impl AccessSettings {
    /// The default lifetimes and cost with this key.
    pub fn new(secret: Secret) -> Self {
        Self {
            secret,
            previous_secret: None,
            access_lifetime: TimeDelta::minutes(15),
            refresh_lifetime: TimeDelta::days(7),
            password_cost: PasswordCost::default(),
        }
    }
}

/// Identifies callers by their tokens. The program has one.
pub struct Access {
    db: Db,
    pub(crate) signer: Signer,
    /// Makes the keyed digests of what strangers typed.
    pub(crate) seals: Seals,
    passwords: Passwords,
    pub(crate) access_lifetime: TimeDelta,
    pub(crate) refresh_lifetime: TimeDelta,
    // about one per request thread: callers that wait together are then woken on the thread that ran the query
    gates: [Arc<EpochGate>; GATES],
    remembered: Mutex<Remembered>,
    verified: Mutex<HashMap<String, Arc<Claims>>>,
    last_used: Mutex<HashMap<ApiTokenId, DateTime<Utc>>>,
}

/// The cache key of a caller.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Key {
    Session(SessionId),
    TokenHash(String),
}

#[derive(Default)]
struct Remembered {
    epoch: i64,
    callers: HashMap<Key, Arc<Known>>,
}

/// What the database holds about a token; whether it is valid is checked at each request.
#[derive(Debug)]
struct Known {
    caller: Arc<Caller>,
    standing: AccountState,
    expires_at: Option<DateTime<Utc>>,
    ended: Option<Code>,
}

impl Known {
    fn of(
        account: AccountRow,
        permissions: PermissionSet,
        credential: Credential,
        expires_at: Option<DateTime<Utc>>,
        ended: Option<Code>,
    ) -> Self {
        let caller = Caller { user_id: account.user_id, username: account.username, role: account.role, permissions, credential };
        Self { caller: Arc::new(caller), standing: account.standing, expires_at, ended }
    }

    /// The caller, if the account is valid now, and the token when the request arrived.
    fn admit(&self, arrived: DateTime<Utc>, now: DateTime<Utc>) -> Result<Arc<Caller>> {
        if let Some(obstacle) = self.standing.obstacle(now) {
            return Err(Error::new(obstacle.code()));
        }
        if let Some(code) = self.ended {
            return Err(Error::new(code));
        }
        if self.has_expired(arrived) {
            return Err(Error::new(refusal::TOKEN_EXPIRED));
        }
        Ok(self.caller.clone())
    }

    fn has_expired(&self, now: DateTime<Utc>) -> bool {
        self.expires_at.is_some_and(|end| end <= now)
    }
}

impl Access {
    /// Sets up authentication. Errors: `internal` when the password cost is invalid.
    pub fn new(db: Db, settings: &AccessSettings) -> Result<Self> {
        Ok(Self {
            gates: std::array::from_fn(|_| Arc::new(EpochGate::new(db.clone()))),
            db,
            signer: Signer::new(&settings.secret, settings.previous_secret.as_ref()),
            seals: Seals::new(settings.secret.clone(), settings.previous_secret.clone()),
            passwords: Passwords::new(settings.password_cost)?,
            access_lifetime: settings.access_lifetime,
            refresh_lifetime: settings.refresh_lifetime,
            remembered: Mutex::default(),
            verified: Mutex::default(),
            last_used: Mutex::default(),
        })
    }

    /// Makes and compares password hashes.
    pub fn passwords(&self) -> &Passwords {
        &self.passwords
    }

    /// Identifies the caller by a bearer token.
    ///
    /// Errors: `token_invalid`, `token_expired`, `token_revoked`, `session_ended`, `account_disabled`.
    pub async fn authenticate(&self, bearer: &str, context: &Arc<Context>) -> Result<Arc<Caller>> {
        self.authenticate_at(bearer, context, context.now).await
    }

    /// Identifies the caller of a request once more, when its body has taken its time: `context` is of its arrival.
    ///
    /// A token that expired in between is accepted; a caller who was blocked or signed out in between is not.
    pub async fn authenticate_at(&self, bearer: &str, context: &Arc<Context>, now: DateTime<Utc>) -> Result<Arc<Caller>> {
        let arrived = context.now;
        if bearer.starts_with(API_TOKEN_PREFIX) {
            let caller = self.known(Key::TokenHash(random::sha256(bearer)), context).await?.admit(arrived, now)?;
            if let Credential::ApiToken { id, .. } = &caller.credential {
                lock(&self.last_used).insert(*id, now);
            }
            return Ok(caller);
        }
        let claims = self.access_claims(bearer, arrived)?;
        let caller = self.known(Key::Session(claims.sid), context).await?.admit(arrived, now)?;
        if caller.user_id != claims.user_id()? {
            return Err(Error::new(refusal::TOKEN_INVALID));
        }
        Ok(caller)
    }

    /// The claims of an access token. A valid signature is cached; the times are checked on each call.
    fn access_claims(&self, bearer: &str, now: DateTime<Utc>) -> Result<Arc<Claims>> {
        let seen = lock(&self.verified).get(bearer).cloned();
        if let Some(claims) = seen {
            claims.check_times(now)?;
            return Ok(claims);
        }
        let claims = Arc::new(self.signer.read(bearer, TokenKind::Access, now)?);
        let mut verified = lock(&self.verified);
        if verified.len() >= MOST_REMEMBERED {
            // most of them have expired by now, and each of the others costs one more verification
            verified.clear();
        }
        verified.insert(bearer.to_owned(), claims.clone());
        Ok(claims)
    }

    async fn known(&self, key: Key, context: &Arc<Context>) -> Result<Arc<Known>> {
        let epoch = self.db.within(context, self.gates[gate_of_this_thread()].fresh()).await?;
        if let Some(known) = self.recall(&key, epoch, context.now) {
            return Ok(known);
        }
        let known = Arc::new(
            self.db.read(context, async |conn| look_up(conn, &key).await).await?.ok_or_else(|| Error::new(refusal::TOKEN_INVALID))?,
        );
        self.remember(key, epoch, known.clone());
        Ok(known)
    }

    /// The cached caller, if it was read at this epoch or later.
    fn recall(&self, key: &Key, epoch: i64, now: DateTime<Utc>) -> Option<Arc<Known>> {
        let mut remembered = lock(&self.remembered);
        if remembered.epoch < epoch {
            *remembered = Remembered { epoch, callers: HashMap::new() };
            return None;
        }
        // a session that seems to have expired may have been refreshed since it was read
        remembered.callers.get(key).filter(|known| !known.has_expired(now)).cloned()
    }

    /// Caches what was read after the epoch, unless a later epoch has been seen in the meantime.
    fn remember(&self, key: Key, epoch: i64, known: Arc<Known>) {
        let mut remembered = lock(&self.remembered);
        if remembered.epoch != epoch {
            return;
        }
        if remembered.callers.len() >= MOST_REMEMBERED
            && let Some(other) = remembered.callers.keys().next().cloned()
        {
            remembered.callers.remove(&other);
        }
        remembered.callers.insert(key, known);
    }

    /// Stores when script tokens were last used; once a minute is enough, and once more before stopping.
    pub async fn flush_last_used(&self, context: &Arc<Context>) -> Result<()> {
        let used = mem::take(&mut *lock(&self.last_used));
        if used.is_empty() {
            return Ok(());
        }
        // in the order of their ids, so that two instances never deadlock
        let mut in_order: Vec<(ApiTokenId, DateTime<Utc>)> = used.into_iter().collect();
        in_order.sort_by_key(|(id, _)| *id);
        let written = self
            .db
            .transaction(context, async |tx| {
                for (id, at) in &in_order {
                    store::tokens::note_use(tx, *id, *at).await?;
                }
                Ok(())
            })
            .await;
        if written.is_err() {
            let mut waiting = lock(&self.last_used);
            in_order.into_iter().for_each(|(id, at)| {
                waiting.entry(id).or_insert(at);
            });
        }
        written
    }
}

async fn look_up(conn: &mut database::Conn, key: &Key) -> Result<Option<Known>> {
    match key {
        Key::Session(id) => {
            let Some(session) = store::sessions::account(conn, *id).await? else { return Ok(None) };
            let permissions = effective(conn, &session.account).await?;
            let ended = session.revoked_at.map(|_| refusal::SESSION_ENDED);
            Ok(Some(Known::of(session.account, permissions, Credential::Session(*id), Some(session.expires_at), ended)))
        }
        Key::TokenHash(hash) => {
            let Some(token) = store::tokens::account(conn, hash).await? else { return Ok(None) };
            let given = PermissionSet::of_words(&token.permissions);
            let permissions = effective(conn, &token.account).await?.intersection(given);
            let ended = token.revoked_at.map(|_| refusal::TOKEN_REVOKED);
            let credential = Credential::ApiToken { id: token.token_id, name: token.token_name };
            Ok(Some(Known::of(token.account, permissions, credential, token.expires_at, ended)))
        }
    }
}

async fn effective(conn: &mut database::Conn, account: &AccountRow) -> Result<PermissionSet> {
    let of_role = store::permissions::of_role(conn, account.role_id).await?;
    let singles = store::permissions::of_user(conn, account.user_id).await?;
    Ok(combined(&account.role, of_role, singles))
}

/// The permissions of the role and the single grants, minus the denials.
///
/// The administrator's role holds every permission, even one that is newer than its rows.
pub(crate) fn combined(role: &str, of_role: PermissionSet, singles: Singles) -> PermissionSet {
    let of_role = if role == BuiltinRole::Admin.as_str() { PermissionSet::all() } else { of_role };
    of_role.union(singles.granted).without(singles.denied)
}

/// The permissions of a user now.
pub(crate) async fn permissions_of(conn: &mut database::Conn, user: UserId) -> Result<PermissionSet> {
    let Some(row) = store::users::by_id(conn, user).await? else { return Ok(PermissionSet::default()) };
    let of_role = store::permissions::of_role(conn, row.role_id).await?;
    let singles = store::permissions::of_user(conn, user).await?;
    Ok(combined(&row.role, of_role, singles))
}

/// Locks a mutex; nothing under these locks panics, and what they guard is consistent between any two steps.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

type Answer = Result<i64, Code>;

fn gate_of_this_thread() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local!(static PLACE: usize = NEXT.fetch_add(1, Ordering::Relaxed) % GATES);
    PLACE.with(|place| *place)
}

/// Reads the current epoch: one statement at a time, for all callers that arrived before it began.
struct EpochGate {
    db: Db,
    state: Mutex<GateState>,
}

#[derive(Default)]
struct GateState {
    running: bool,
    waiting: Vec<oneshot::Sender<Answer>>,
}

impl EpochGate {
    fn new(db: Db) -> Self {
        Self { db, state: Mutex::default() }
    }

    /// The epoch at a moment after this call began.
    async fn fresh(self: &Arc<Self>) -> Result<i64> {
        let (sender, receiver) = oneshot::channel();
        let first = {
            let mut state = lock(&self.state);
            state.waiting.push(sender);
            !mem::replace(&mut state.running, true)
        };
        if first {
            // a separate task, because it must continue for the others when the first caller disconnects
            tokio::spawn(Driver { gate: self.clone(), done: false }.drive());
        }
        // a caller that arrives during a query waits for the next one; the timeout covers both
        let answer = timeout(LONGEST_WAIT, receiver).await.ok().and_then(Result::ok).unwrap_or(Err(common::DATABASE_AWAY));
        answer.map_err(|code| Error::new(code).retry_after(1))
    }
}

/// The task that reads the epoch while callers wait.
struct Driver {
    gate: Arc<EpochGate>,
    done: bool,
}

impl Driver {
    async fn drive(mut self) {
        let mut connection = None;
        while let Some(waiting) = self.next() {
            let answer = self.gate.db.number(&store::EPOCH, &mut connection).await;
            if let Err(error) = &answer {
                log::warn!("cannot read the access epoch: {error}");
            }
            for one in waiting {
                // a caller that disconnected needs no result
                let _ = one.send(answer.as_ref().copied().map_err(Error::code));
            }
        }
    }

    /// All callers that wait now; `None`, which ends this driver, when there are none.
    fn next(&mut self) -> Option<Vec<oneshot::Sender<Answer>>> {
        let mut state = lock(&self.gate.state);
        if state.waiting.is_empty() {
            state.running = false;
            self.done = true;
            return None;
        }
        Some(mem::take(&mut state.waiting))
    }
}

impl Drop for Driver {
    /// When the runtime stops in the middle, the waiting callers get an error and the next caller starts a new driver.
    fn drop(&mut self) {
        if !self.done {
            let mut state = lock(&self.gate.state);
            state.running = false;
            state.waiting.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::permission::Permission::{ContractsRead, CustomersPii, CustomersRead, SystemManage};

    fn set(permissions: &[crate::permission::Permission]) -> PermissionSet {
        permissions.iter().copied().collect()
    }

    #[test]
    fn single_grants_add_to_the_role_and_denials_take_away_from_both() {
        let singles = Singles { granted: set(&[CustomersPii, SystemManage]), denied: set(&[SystemManage, CustomersRead]) };
        assert_eq!(combined("employee", set(&[CustomersRead, ContractsRead]), singles), set(&[ContractsRead, CustomersPii]));
    }

    #[test]
    fn the_administrator_holds_everything_but_what_was_denied() {
        assert_eq!(combined("admin", PermissionSet::default(), Singles::default()), PermissionSet::all());
        let singles = Singles { granted: PermissionSet::default(), denied: set(&[SystemManage]) };
        assert!(!combined("admin", PermissionSet::default(), singles).has(SystemManage));
    }

    #[test]
    fn a_remembered_caller_is_judged_anew_at_each_moment() {
        let noon: DateTime<Utc> = "2026-03-02T12:00:00Z".parse().unwrap();
        let account = AccountRow {
            user_id: UserId::new(7),
            username: "anna".to_owned(),
            role_id: kernel::id::RoleId::new(1),
            role: "operator".to_owned(),
            standing: AccountState { is_active: true, valid_from: None, valid_until: Some(noon), blocked_at: None, blocked_until: None },
        };
        let session = Credential::Session(SessionId::new(1));
        let code = |known: &Known, now| known.admit(now, now).err().map(|error| error.code().name);
        let known = Known::of(account.clone(), PermissionSet::default(), session.clone(), Some(noon - TimeDelta::hours(1)), None);
        assert_eq!(code(&known, noon - TimeDelta::hours(2)), None);
        assert_eq!(code(&known, noon - TimeDelta::hours(1)), Some("token_expired"));
        assert_eq!(code(&known, noon), Some("account_disabled"));
        let ended = Known::of(account, PermissionSet::default(), session, None, Some(refusal::SESSION_ENDED));
        assert_eq!(code(&ended, noon - TimeDelta::hours(2)), Some("session_ended"));
    }
}
