//! Passwords: their strength, and their hashes, made and compared outside the request threads, a few at a time.

use std::{fmt, sync::Arc};

use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use kernel::{
    Error, Result,
    error::{common, field},
};
use tokio::sync::Semaphore;
use zeroize::Zeroizing;
use zxcvbn::{Score, zxcvbn};

use crate::random;

/// Hashes that are computed at the same time; each uses a processor and its memory.
const AT_ONCE: usize = 2;
/// Hashes that may be computed or waited for; further callers are refused instead of queued.
const AT_MOST: usize = 64;
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

/// Makes and compares hashes.
#[derive(Clone)]
pub struct Passwords {
    argon: Argon2<'static>,
    cost: PasswordCost,
    dummy: Arc<str>,
    running: Arc<Semaphore>,
    places: Arc<Semaphore>,
}

impl Passwords {
    /// Hashes with this cost. Errors: `internal` when argon2 rejects the cost.
    pub fn new(cost: PasswordCost) -> Result<Self> {
        let params = Params::new(cost.memory_kib, cost.passes, cost.lanes, None).map_err(Error::internal)?;
        let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let dummy = hash_with(&argon, "nobody has this password")?.into();
        Ok(Self { argon, cost, dummy, running: Arc::new(Semaphore::new(AT_ONCE)), places: Arc::new(Semaphore::new(AT_MOST)) })
    }

    /// Hashes a password. Errors: `too_many_requests` when too many wait already.
    pub async fn hash(&self, password: &str) -> Result<HashedPassword> {
        let password = Zeroizing::new(password.to_owned());
        let argon = self.argon.clone();
        self.off_thread(move || hash_with(&argon, &password).map(HashedPassword)).await
    }

    /// Compares a password with a stored hash; without a hash it takes as long and differs.
    pub(crate) async fn compare(&self, password: &str, stored: Option<String>) -> Result<Comparison> {
        let password = Zeroizing::new(password.to_owned());
        let (argon, today, dummy) = (self.argon.clone(), self.cost, self.dummy.clone());
        self.off_thread(move || {
            let parsed = PasswordHash::new(stored.as_deref().unwrap_or(&dummy)).map_err(Error::internal)?;
            let Some(cost) = PasswordCost::of(&parsed) else {
                return Err(Error::internal("a stored password hash is not Argon2id, or asks for more than is allowed"));
            };
            let same = argon.verify_password(password.as_bytes(), &parsed).is_ok();
            Ok(match same && stored.is_some() {
                false => Comparison::Differs,
                true if cost == today => Comparison::Matches,
                true => Comparison::MatchesOutdated,
            })
        })
        .await
    }

    async fn off_thread<T: Send + 'static>(&self, work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
        let _place = self.places.try_acquire().map_err(|_| Error::new(common::TOO_MANY_REQUESTS).retry_after(2))?;
        // the permit moves with the work: a caller that disconnects does not free the processor
        let permit = self.running.clone().acquire_owned().await.map_err(Error::internal)?;
        let work = move || {
            let outcome = work();
            drop(permit);
            outcome
        };
        tokio::task::spawn_blocking(work).await.map_err(Error::internal)?
    }
}

fn hash_with(argon: &Argon2<'_>, password: &str) -> Result<String> {
    argon.hash_password(password.as_bytes()).map(|hash| hash.to_string()).map_err(Error::internal)
}

/// Why a new password is too weak, as a field code; its length is checked elsewhere.
pub fn weakness(password: &str, username: Option<&str>) -> Option<&'static str> {
    if username.is_some_and(|name| name.to_lowercase() == password.to_lowercase()) {
        return Some(field::PASSWORD_IS_USERNAME);
    }
    let known: Vec<&str> = username.into_iter().chain(["telecom", "crm"]).collect();
    (zxcvbn(password, &known).score() < Score::Two).then_some(field::WEAK_PASSWORD)
}

/// A random password of letters and digits that are easy to copy from a screen.
pub fn random_password() -> Result<String> {
    let bytes: [u8; GENERATED_LENGTH] = random::bytes()?;
    Ok(bytes.iter().map(|byte| char::from(ALPHABET[usize::from(byte % 32)])).collect())
}

#[cfg(test)]
mod tests {
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

    #[test]
    fn common_passwords_and_the_user_name_are_refused() {
        assert_eq!(weakness("password12", None), Some(field::WEAK_PASSWORD));
        assert_eq!(weakness("aaaaaaaaaaaa", None), Some(field::WEAK_PASSWORD));
        assert_eq!(weakness("Anna.Ivanova", Some("anna.ivanova")), Some(field::PASSWORD_IS_USERNAME));
        assert_eq!(weakness("tram 17 to the lighthouse", Some("anna.ivanova")), None);
        assert_eq!(weakness(&random_password().unwrap(), None), None);
    }
}
