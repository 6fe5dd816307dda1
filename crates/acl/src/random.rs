//! Random secrets and ids, and the hash that secrets are stored as.

use aws_lc_rs::rand;
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
/// SHA-256 is enough for random secrets, which cannot be guessed; passwords need a slow hash.
pub(crate) use kernel::digest::sha256;
use kernel::{Error, Result};

/// Random bytes from the cryptographic generator.
pub(crate) fn bytes<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    rand::fill(&mut bytes).map_err(Error::internal)?;
    Ok(bytes)
}

/// A random positive id below 2^52, which JavaScript reads exactly.
pub(crate) fn id() -> Result<i64> {
    let word = u64::from_be_bytes(bytes()?) >> 12;
    i64::try_from(word.max(1)).map_err(Error::internal)
}

/// A secret of 256 random bits, as text.
pub fn random_secret() -> Result<String> {
    Ok(BASE64_URL_SAFE_NO_PAD.encode(bytes::<32>()?))
}
