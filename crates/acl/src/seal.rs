//! Encryption of stored values with keys derived from the JWT secret, so that reading the database does not reveal them.

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, Nonce, RandomizedNonceKey},
    hmac,
};
use kernel::{Error, Result, Secret, digest::hexadecimal};

const NONCE_LENGTH: usize = 12;

/// Encrypts with the current secret, and decrypts with the current or the previous one. Each purpose has separate keys.
#[derive(Clone, Debug)]
pub struct Seals(Vec<Secret>);

impl Seals {
    /// Uses the current secret, and the previous one if there is one.
    pub fn new(present: Secret, previous: Option<Secret>) -> Self {
        Self([Some(present), previous].into_iter().flatten().collect())
    }

    /// Encrypts a text.
    pub fn seal(&self, purpose: &str, text: &[u8]) -> Result<Vec<u8>> {
        let secret = self.0.first().ok_or_else(|| Error::internal("no key to seal with"))?;
        let mut sealed = text.to_vec();
        let nonce = cipher(secret, purpose)?.seal_in_place_append_tag(Aad::empty(), &mut sealed).map_err(Error::internal)?;
        Ok([nonce.as_ref().as_slice(), &sealed].concat())
    }

    /// Decrypts a text; `None` when neither secret fits.
    pub fn open(&self, purpose: &str, sealed: &[u8]) -> Option<Vec<u8>> {
        self.0.iter().find_map(|secret| open(secret, purpose, sealed))
    }

    /// Whether the current secret decrypts the text, and not only the previous one.
    pub fn is_present(&self, purpose: &str, sealed: &[u8]) -> bool {
        self.0.first().is_some_and(|secret| open(secret, purpose, sealed).is_some())
    }

    /// A keyed digest that identifies a text.
    pub fn digest(&self, purpose: &str, text: &str) -> String {
        self.0.first().map_or_else(String::new, |secret| digest(secret, purpose, text))
    }

    /// Whether this is the digest of the text, with the current or the previous secret.
    pub fn is_digest(&self, purpose: &str, text: &str, given: &str) -> bool {
        self.0.iter().any(|secret| digest(secret, purpose, text) == given)
    }
}

fn derived(secret: &Secret, purpose: &str) -> hmac::Tag {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret.reveal().as_bytes()), purpose.as_bytes())
}

fn digest(secret: &Secret, purpose: &str, text: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, derived(secret, purpose).as_ref());
    hexadecimal(hmac::sign(&key, text.as_bytes()).as_ref())
}

fn cipher(secret: &Secret, purpose: &str) -> Result<RandomizedNonceKey> {
    RandomizedNonceKey::new(&AES_256_GCM, derived(secret, purpose).as_ref()).map_err(Error::internal)
}

fn open(secret: &Secret, purpose: &str, sealed: &[u8]) -> Option<Vec<u8>> {
    let (nonce, text) = sealed.split_at_checked(NONCE_LENGTH)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
    let mut text = text.to_vec();
    let opened = cipher(secret, purpose).ok()?.open_in_place(nonce, Aad::empty(), &mut text).ok()?;
    Some(opened.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_opens_with_its_own_key_and_for_its_own_purpose_only() {
        let (present, previous) = (Secret::new("a".repeat(32)), Secret::new("b".repeat(32)));
        let sealed = Seals::new(previous.clone(), None).seal("answer", b"{\"access\":\"token\"}").unwrap();
        assert!(!String::from_utf8_lossy(&sealed).contains("token"));
        let both = Seals::new(present.clone(), Some(previous));
        assert_eq!(both.open("answer", &sealed).unwrap(), b"{\"access\":\"token\"}");
        assert!(!both.is_present("answer", &sealed));
        assert_eq!(both.open("other", &sealed), None);
        assert_eq!(Seals::new(present, None).open("answer", &sealed), None);
    }

    #[test]
    fn a_digest_is_known_again_after_a_change_of_keys() {
        let (present, previous) = (Secret::new("a".repeat(32)), Secret::new("b".repeat(32)));
        let digest = Seals::new(previous.clone(), None).digest("request", "POST /x");
        assert!(Seals::new(present.clone(), Some(previous)).is_digest("request", "POST /x", &digest));
        assert!(!Seals::new(present, None).is_digest("request", "POST /x", &digest));
    }
}
