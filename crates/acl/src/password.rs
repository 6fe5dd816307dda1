//! Passwords: two workers estimate their strength, make their hashes and compare them, outside the request threads.
//!
//! A hash needs 19 MiB. Allocated for each hash on any free thread, this memory would stay with every thread that ever hashed. Each
//! worker therefore keeps its own and uses it again, and callers are refused when too many wait.

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
    thread,
};

use argon2::{
    Algorithm, Argon2, Block, Params, Version,
    password_hash::phc::{Output, ParamsString, PasswordHash, Salt},
};
use kernel::{
    Error, Result,
    error::{common, field},
};
use tokio::sync::oneshot;
use zeroize::Zeroizing;
use zxcvbn::{Score, zxcvbn};

use crate::{layout::readings, random};

/// Passwords that are worked on at the same time; each uses a processor and its memory.
const WORKERS: usize = 2;
/// Passwords that may wait for a worker; further callers are refused instead of queued.
const MOST_WAITING: usize = 64;
/// Seconds after which a refused caller may try again.
const RETRY_AFTER_SECONDS: u64 = 2;
/// Characters of a generated password, five bits each.
const GENERATED_LENGTH: usize = 24;
/// Letters and digits that cannot be confused with one another.
const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";

/// The cost of computing a hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PasswordCost {
    /// Memory, in KiB.
    pub memory_kib: u32,
    /// Passes over the memory.
    pub passes: u32,
    /// Lanes.
    pub lanes: u32,
}

impl Default for PasswordCost {
    /// The smallest cost that is allowed for new hashes.
    fn default() -> Self {
        Self { memory_kib: 19 * 1024, passes: 2, lanes: 1 }
    }
}

impl PasswordCost {
    /// The largest cost that a stored hash may have, because the hash itself sets the cost of its verification.
    const MOST: Self = Self { memory_kib: 256 * 1024, passes: 16, lanes: 8 };

    fn of(hash: &PasswordHash) -> Option<Self> {
        let params = Params::try_from(hash).ok()?;
        let cost = Self { memory_kib: params.m_cost(), passes: params.t_cost(), lanes: params.p_cost() };
        let most = Self::MOST;
        let bearable = cost.memory_kib <= most.memory_kib && cost.passes <= most.passes && cost.lanes <= most.lanes;
        (bearable && hash.algorithm == Algorithm::Argon2id.ident()).then_some(cost)
    }
}

/// A password hash in PHC format. `Debug` does not print it.
#[derive(Clone)]
pub struct HashedPassword(String);

impl HashedPassword {
    /// The text to store.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for HashedPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HashedPassword")
    }
}

/// How a password compares with a stored hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Comparison {
    /// The password differs.
    Differs,
    /// The password matches, and the hash has the current cost.
    Matches,
    /// The password matches, but the hash must be renewed.
    MatchesOutdated,
}

/// Estimates the strength of passwords, and makes and compares their hashes.
#[derive(Clone)]
pub struct Passwords {
    argon: Argon2<'static>,
    cost: PasswordCost,
    dummy: Arc<str>,
    queue: SyncSender<Job>,
}

/// Work for a worker.
type Job = Box<dyn FnOnce(&mut Bench) + Send>;

impl Passwords {
    /// Hashes with this cost. Errors: `internal` when argon2 rejects the cost.
    pub fn new(cost: PasswordCost) -> Result<Self> {
        let params = Params::new(cost.memory_kib, cost.passes, cost.lanes, None).map_err(Error::internal)?;
        let usual = params.block_count();
        let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        // random bytes, of which nobody knows a password
        let dummy = written(&argon, &random::bytes()?, &random::bytes::<HASH_LENGTH>()?)?.into();
        let (queue, jobs) = sync_channel(MOST_WAITING);
        let jobs = Arc::new(Mutex::new(jobs));
        for number in 1..=WORKERS {
            let jobs = jobs.clone();
            let named = thread::Builder::new().name(format!("passwords-{number}"));
            named.spawn(move || work(&jobs, Bench { usual, blocks: Vec::new() })).map_err(Error::internal)?;
        }
        Ok(Self { argon, cost, dummy, queue })
    }

    /// Hashes a password. Errors: `too_many_requests` when too many wait already.
    pub async fn hash(&self, password: &str) -> Result<HashedPassword> {
        let password = Zeroizing::new(password.to_owned());
        let argon = self.argon.clone();
        self.by_a_worker(move |bench| bench.hash(&argon, &password)).await
    }

    /// Hashes the new password of a user if it is allowed; `field` names it in errors.
    ///
    /// Errors: `invalid` with `password_is_username` or `weak_password`; `too_many_requests` when too many wait already.
    pub async fn hash_new(&self, field: &'static str, password: &str, username: &str) -> Result<HashedPassword> {
        refuse_username(field, password, username)?;
        let (password, username) = (Zeroizing::new(password.to_owned()), username.to_owned());
        let argon = self.argon.clone();
        self.by_a_worker(move |bench| match is_weak(&password, &username) {
            true => Err(Error::of_field(field, field::WEAK_PASSWORD)),
            false => bench.hash(&argon, &password),
        })
        .await
    }

    /// Compares a password with a stored hash; without a hash it takes as long and differs.
    pub(crate) async fn compare(&self, password: &str, stored: Option<String>) -> Result<Comparison> {
        let password = Zeroizing::new(password.to_owned());
        let (today, dummy) = (self.cost, self.dummy.clone());
        self.by_a_worker(move |bench| {
            let (cost, same) = bench.compare(&password, stored.as_deref().unwrap_or(&dummy))?;
            Ok(match same && stored.is_some() {
                false => Comparison::Differs,
                true if cost == today => Comparison::Matches,
                true => Comparison::MatchesOutdated,
            })
        })
        .await
    }

    async fn by_a_worker<T: Send + 'static>(&self, work: impl FnOnce(&mut Bench) -> Result<T> + Send + 'static) -> Result<T> {
        let (sender, receiver) = oneshot::channel();
        let job = Box::new(move |bench: &mut Bench| {
            // nothing is done for a caller that disconnected while waiting
            if !sender.is_closed() {
                let _disconnected = sender.send(work(bench));
            }
        });
        self.queue.try_send(job).map_err(|error| match error {
            TrySendError::Full(_) => Error::new(common::TOO_MANY_REQUESTS).retry_after(RETRY_AFTER_SECONDS),
            TrySendError::Disconnected(_) => Error::internal("the workers for passwords have ended"),
        })?;
        receiver.await.map_err(Error::internal)?
    }
}

/// Takes the work that has waited longest, until nobody can send any.
fn work(jobs: &Mutex<Receiver<Job>>, mut bench: Bench) {
    loop {
        let next = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = next else { return };
        // the caller learns of a panic from the closed channel, and the worker goes on
        let _panicked = catch_unwind(AssertUnwindSafe(|| job(&mut bench)));
    }
}

/// Bytes of a new hash.
const HASH_LENGTH: usize = 32;

/// The memory of a worker: allocated with its first hash and used again for the others.
struct Bench {
    /// Blocks that a hash of the current cost needs.
    usual: usize,
    blocks: Vec<Block>,
}

impl Bench {
    fn hash(&mut self, argon: &Argon2<'_>, password: &str) -> Result<HashedPassword> {
        let salt = random::bytes()?;
        let mut hash = [0; HASH_LENGTH];
        self.fill(argon, password, &salt, &mut hash)?;
        written(argon, &salt, &hash).map(HashedPassword)
    }

    /// The cost of a stored hash, and whether it belongs to this password.
    fn compare(&mut self, password: &str, stored: &str) -> Result<(PasswordCost, bool)> {
        let strange = || Error::internal("a stored password hash is not Argon2id, or asks for more than is allowed");
        let stored = PasswordHash::new(stored).map_err(Error::internal)?;
        let cost = PasswordCost::of(&stored).ok_or_else(strange)?;
        let (salt, expected) = stored.salt.zip(stored.hash).ok_or_else(strange)?;
        let version = stored.version.map_or(Ok(Version::default()), Version::try_from).map_err(Error::internal)?;
        let params = Params::try_from(&stored).map_err(Error::internal)?;
        let mut hash = [0; Output::MAX_LENGTH];
        let hash = &mut hash[..expected.len()];
        self.fill(&Argon2::new(Algorithm::Argon2id, version, params), password, &salt, hash)?;
        // compares in constant time
        Ok((cost, Output::new(hash).map_err(Error::internal)? == expected))
    }

    fn fill(&mut self, argon: &Argon2<'_>, password: &str, salt: &[u8], hash: &mut [u8]) -> Result<()> {
        if argon.params().block_count() > self.usual {
            // made when hashes cost more: rare, so its memory is not kept
            return argon.hash_password_into(password.as_bytes(), salt, hash).map_err(Error::internal);
        }
        self.blocks.resize(self.usual, Block::new());
        argon.hash_password_into_with_memory(password.as_bytes(), salt, hash, &mut self.blocks[..]).map_err(Error::internal)
    }
}

/// A hash in PHC form.
fn written(argon: &Argon2<'_>, salt: &[u8; Salt::RECOMMENDED_LENGTH], hash: &[u8]) -> Result<String> {
    let written = PasswordHash {
        algorithm: Algorithm::Argon2id.ident(),
        version: Some(Version::V0x13.into()),
        params: ParamsString::try_from(argon.params()).map_err(Error::internal)?,
        salt: Some(Salt::new(salt).map_err(Error::internal)?),
        hash: Some(Output::new(hash).map_err(Error::internal)?),
    };
    Ok(written.to_string())
}

/// Whether a password is the user name, ignoring case.
pub(crate) fn is_username(password: &str, username: &str) -> bool {
    username.to_lowercase() == password.to_lowercase()
}

/// Errors: `invalid` with `password_is_username` in this field.
pub(crate) fn refuse_username(field: &str, password: &str, username: &str) -> Result<()> {
    if is_username(password, username) { Err(Error::of_field(field, field::PASSWORD_IS_USERNAME)) } else { Ok(()) }
}

/// Whether a password is too easy to guess. This takes a tenth of a second for a long one.
fn is_weak(password: &str, username: &str) -> bool {
    readings(password).iter().any(|reading| zxcvbn(reading, &[username, "telecom", "crm"]).score() < Score::Two)
}

/// A random password of letters and digits that are easy to copy from a screen.
pub fn random_password() -> Result<String> {
    let bytes: [u8; GENERATED_LENGTH] = random::bytes()?;
    Ok(bytes.iter().map(|byte| char::from(ALPHABET[usize::from(byte % 32)])).collect())
}

#[cfg(test)]
mod tests {
    use argon2::password_hash::{PasswordHasher, PasswordVerifier};

    use super::*;

    const CHEAP: PasswordCost = PasswordCost { memory_kib: 8, passes: 1, lanes: 1 };

    #[tokio::test]
    async fn a_hash_knows_its_password_and_no_other() {
        let passwords = Passwords::new(CHEAP).unwrap();
        let stored = passwords.hash("tram 17 to the lighthouse").await.unwrap().as_str().to_owned();
        assert!(stored.starts_with("$argon2id$"));
        let compare = |password| passwords.compare(password, Some(stored.clone()));
        assert_eq!(compare("tram 17 to the lighthouse").await.unwrap(), Comparison::Matches);
        assert_eq!(compare("tram 17 to the Lighthouse").await.unwrap(), Comparison::Differs);
    }

    #[tokio::test]
    async fn nobody_has_the_password_that_stands_in_for_unknown_users() {
        let passwords = Passwords::new(CHEAP).unwrap();
        assert_eq!(passwords.compare("nobody has this password", None).await.unwrap(), Comparison::Differs);
    }

    #[tokio::test]
    async fn a_cheaper_hash_is_to_be_renewed_and_a_monstrous_one_is_not_even_computed() {
        let stored = Passwords::new(CHEAP).unwrap().hash("tram 17 to the lighthouse").await.unwrap().as_str().to_owned();
        let dearer = Passwords::new(PasswordCost { passes: 2, ..CHEAP }).unwrap();
        let outcome = dearer.compare("tram 17 to the lighthouse", Some(stored.clone())).await.unwrap();
        assert_eq!(outcome, Comparison::MatchesOutdated);
        let monstrous = stored.replace("m=8,", "m=4000000,");
        assert!(dearer.compare("tram 17 to the lighthouse", Some(monstrous)).await.is_err());
    }

    #[tokio::test]
    async fn a_hash_that_took_more_memory_than_one_does_today_is_still_known() {
        let stored = Passwords::new(PasswordCost { memory_kib: 64, passes: 3, lanes: 2 }).unwrap();
        let stored = stored.hash("tram 17 to the lighthouse").await.unwrap().as_str().to_owned();
        let passwords = Passwords::new(CHEAP).unwrap();
        let compare = |password| passwords.compare(password, Some(stored.clone()));
        assert_eq!(compare("tram 17 to the lighthouse").await.unwrap(), Comparison::MatchesOutdated);
        assert_eq!(compare("tram 17 to the Lighthouse").await.unwrap(), Comparison::Differs);
    }

    #[tokio::test]
    async fn what_others_hashed_is_known_and_what_is_hashed_here_others_know() {
        let password = "tram 17 to the lighthouse";
        let other = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(8, 1, 1, None).unwrap());
        let passwords = Passwords::new(CHEAP).unwrap();
        let theirs = other.hash_password(password.as_bytes()).unwrap().to_string();
        assert_eq!(passwords.compare(password, Some(theirs)).await.unwrap(), Comparison::Matches);
        let ours = passwords.hash(password).await.unwrap();
        other.verify_password(password.as_bytes(), ours.as_str()).unwrap();
    }

    #[tokio::test]
    async fn whoever_finds_too_many_waiting_is_sent_away_and_the_others_are_served() {
        // slow enough that none is done before the last has come
        let passwords = Passwords::new(PasswordCost { memory_kib: 8 * 1024, passes: 2, lanes: 1 }).unwrap();
        let callers: Vec<_> = (0..2 * MOST_WAITING)
            .map(|_| {
                let passwords = passwords.clone();
                tokio::spawn(async move { passwords.hash("tram 17 to the lighthouse").await })
            })
            .collect();
        let mut served = 0;
        for caller in callers {
            match caller.await.unwrap() {
                Ok(_) => served += 1,
                Err(error) => assert_eq!((error.code(), error.seconds_to_wait()), (common::TOO_MANY_REQUESTS, Some(RETRY_AFTER_SECONDS))),
            }
        }
        assert!((MOST_WAITING..=MOST_WAITING + 2 * WORKERS).contains(&served), "{served}");
        passwords.hash("tram 17 to the lighthouse").await.unwrap();
    }

    #[tokio::test]
    async fn a_worker_outlives_a_panic() {
        let passwords = Passwords::new(CHEAP).unwrap();
        for _ in 0..2 * WORKERS {
            let outcome = passwords.by_a_worker::<()>(|_| panic!("on purpose")).await;
            assert_eq!(outcome.unwrap_err().code(), common::INTERNAL);
        }
        passwords.hash("tram 17 to the lighthouse").await.unwrap();
    }

    #[tokio::test]
    async fn common_passwords_and_the_user_name_are_refused() {
        let passwords = Passwords::new(CHEAP).unwrap();
        let refusal = async |password: &str| match passwords.hash_new("password", password, "anna.ivanova").await {
            Ok(_) => None,
            Err(error) => Some(error.wrong_fields()[0].code),
        };
        assert_eq!(refusal("password12").await, Some(field::WEAK_PASSWORD));
        assert_eq!(refusal("aaaaaaaaaaaa").await, Some(field::WEAK_PASSWORD));
        for common in ["йцукенгшщз", "ЙЦУКЕНГШЩЗ", "фывапролдж", "ячсмитьбю.", "пароль12345", "Привет1234", "Екатерина1", "анна.иванова1"]
        {
            assert_eq!(refusal(common).await, Some(field::WEAK_PASSWORD), "{common}");
        }
        assert_eq!(refusal("журавлиха!").await, None);
        assert_eq!(refusal("Anna.Ivanova").await, Some(field::PASSWORD_IS_USERNAME));
        assert_eq!(refusal("tram 17 to the lighthouse").await, None);
        assert_eq!(refusal(&random_password().unwrap()).await, None);
    }
}
