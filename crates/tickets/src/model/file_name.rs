//! The forms in which programs send the names of files.

use base64::{Engine, engine::general_purpose::STANDARD};
use unicode_normalization::UnicodeNormalization;

/// The name as people read it.
///
/// Mail programs send `=?UTF-8?B?…?=` (RFC 2047), some scripts `%D0%B0.txt`, and macOS splits `й` into two characters (NFD).
pub fn meant(given: &str) -> String {
    let decoded = if given.is_ascii() { encoded_words(given).or_else(|| percent_encoded(given)) } else { None };
    decoded.as_deref().unwrap_or(given).nfc().collect()
}

/// Decodes a name that consists of encoded words; `None` if it does not, or if they are not UTF-8.
fn encoded_words(given: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut words = given.split_ascii_whitespace().peekable();
    words.peek()?;
    for word in words {
        let mut parts = word.strip_prefix("=?")?.strip_suffix("?=")?.split('?');
        let (charset, encoding, text) = (parts.next()?, parts.next()?, parts.next()?);
        if parts.next().is_some() || !charset.eq_ignore_ascii_case("utf-8") {
            return None;
        }
        match encoding {
            "B" | "b" => bytes.extend(STANDARD.decode(text).ok()?),
            "Q" | "q" => bytes.extend(unescaped(&text.replace('_', " "), b'=')?),
            _ => return None,
        }
    }
    String::from_utf8(bytes).ok()
}

/// Decodes a name whose letters beyond ASCII are percent-encoded; `None` if there are none, since `100%.txt` is an ordinary name.
fn percent_encoded(given: &str) -> Option<String> {
    String::from_utf8(unescaped(given, b'%')?).ok().filter(|decoded| !decoded.is_ascii())
}

/// Replaces the escape and two hexadecimal digits with the byte; `None` if an escape is incomplete.
fn unescaped(text: &str, escape: u8) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, others)) = rest.split_first() {
        rest = others;
        if *first != escape {
            bytes.push(*first);
            continue;
        }
        let digits = rest.get(..2).filter(|digits| digits.iter().all(u8::is_ascii_hexdigit))?;
        bytes.push(u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?);
        rest = rest.get(2..)?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_a_name_is_the_name() {
        for given in [
            "чай.txt",
            "чаи\u{306}.txt",
            "%D1%87%D0%B0%D0%B9.txt",
            "=?UTF-8?B?0YfQsNC5LnR4dA==?=",
            "=?utf-8?Q?=D1=87=D0=B0=D0=B9.txt?=",
            // the words end in the middle of a letter
            "=?UTF-8?B?0YfQsNA=?= =?UTF-8?B?uS50eHQ=?=",
        ] {
            assert_eq!(meant(given), "чай.txt", "{given}");
        }
        for plain in ["100%.txt", "a%20b.txt", "%zz%D0.txt", "=?KOI8-R?B?1A==?=", "=?UTF-8?B?!?=", "a b.txt", "", "%D0"] {
            assert_eq!(meant(plain), plain);
        }
    }
}
