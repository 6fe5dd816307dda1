//! SHA-256 digests in hexadecimal.

use aws_lc_rs::digest::{Context, SHA256};

/// SHA-256 of these bytes, in hexadecimal.
pub fn sha256(bytes: impl AsRef<[u8]>) -> String {
    let mut digest = Sha256::default();
    digest.update(bytes);
    digest.finish()
}

/// Bytes in hexadecimal, two lower-case digits each.
pub fn hexadecimal(bytes: &[u8]) -> String {
    const DIGITS: [u8; 16] = *b"0123456789abcdef";
    bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]).map(|half| char::from(DIGITS[usize::from(half)])).collect()
}

/// SHA-256 of data that arrives in pieces.
pub struct Sha256(Context);

impl Default for Sha256 {
    fn default() -> Self {
        Self(Context::new(&SHA256))
    }
}

impl Sha256 {
    /// Adds the next piece.
    pub fn update(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.update(bytes.as_ref());
    }

    /// The digest of all pieces, in hexadecimal.
    pub fn finish(self) -> String {
        hexadecimal(self.0.finish().as_ref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_the_standard_s_and_does_not_depend_on_the_pieces() {
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(sha256("abc"), abc);
        let mut digest = Sha256::default();
        ["a", "", "bc"].iter().for_each(|piece| digest.update(piece));
        assert_eq!(digest.finish(), abc);
        assert_eq!(hexadecimal(&[0, 0x0f, 0xf0, 255]), "000ff0ff");
    }
}
