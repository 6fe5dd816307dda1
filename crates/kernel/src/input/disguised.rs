//! Names that are not what they seem: the JSON library represents a number as an object with a name of its own.

use std::borrow::Cow;

/// The name by which the library recognizes a number.
const NUMBER: &str = "$serde_json::private::Number";
/// An ordinary name of the same length.
const ORDINARY: &[u8] = br#""$serde_json::private::number""#;

/// The body in which that name is an ordinary one, so that an object which a client sends stays an object.
pub fn undisguised(body: &[u8]) -> Cow<'_, [u8]> {
    let may_have_it = |needle: &[u8]| body.windows(needle.len()).any(|window| window == needle);
    // the name may be written with escapes
    if !may_have_it(NUMBER.as_bytes()) && !may_have_it(b"\\u") {
        return Cow::Borrowed(body);
    }
    let (mut plain, mut rest) = (Vec::with_capacity(body.len()), body);
    while let Some(start) = rest.iter().position(|byte| *byte == b'"') {
        let length = text_length(&rest[start..]);
        let (before, text) = (&rest[..start], &rest[start..start + length]);
        plain.extend_from_slice(before);
        let is_number = text.len() >= NUMBER.len() && serde_json::from_slice::<String>(text).is_ok_and(|text| text == NUMBER);
        plain.extend_from_slice(if is_number { ORDINARY } else { text });
        rest = &rest[start + length..];
    }
    plain.extend_from_slice(rest);
    Cow::Owned(plain)
}

/// The length of the text that begins here with a quote, with both quotes; all of the rest if it has no end.
fn text_length(rest: &[u8]) -> usize {
    let mut at = 1;
    while at < rest.len() {
        match rest[at] {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    rest.len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn read(body: &str) -> Value {
        serde_json::from_slice(&undisguised(body.as_bytes())).unwrap()
    }

    #[test]
    fn an_object_that_looks_like_a_number_stays_an_object() {
        for body in [
            r#"{"amount": {"$serde_json::private::Number": "5.00"}}"#,
            r#"{"amount": {"\u0024serde_json::private::Number": "5.00"}}"#,
            r#"{"a\"": "x", "amount": {"\u0024serde\u005fjson::private::Numbe\u0072":"5.00"}}"#,
        ] {
            assert!(read(body)["amount"].is_object(), "{body}");
        }
        assert!(read(r#"{"amount": 5.00, "note": "\u043f"}"#)["amount"].is_number());
    }

    proptest! {
        #[test]
        fn anything_else_stays_as_it_is(text in any::<String>(), bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            let body = serde_json::json!({ "text": text, "again": [text, 1.5] }).to_string();
            prop_assert!(*undisguised(body.as_bytes()) == *body.as_bytes());
            let escaped = [b"\\u".as_slice(), &bytes].concat();
            prop_assert!(*undisguised(&escaped) == *escaped);
        }
    }
}
