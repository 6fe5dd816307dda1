//! Signatures of events by the Standard Webhooks scheme: HMAC-SHA256 over the event's id, the time and the raw body.

use std::fmt;

use aws_lc_rs::hmac;
use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
    prelude::BASE64_STANDARD,
};
use chrono::{DateTime, Utc};

/// The maximum clock difference of an event, in seconds.
pub const TOLERANCE: i64 = 300;
/// The maximum length of an event's id.
pub const LONGEST_ID: usize = 255;
/// The maximum number of signatures checked for one event: one for each key that may be in use.
const MOST_SIGNATURES: usize = 8;
/// The minimum length of a key, in bytes.
pub const SHORTEST_KEY: usize = 24;

/// The keys of one gateway: the present key, and the previous one during a key change.
#[derive(Clone)]
pub struct Keys(Vec<hmac::Key>);

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keys")
    }
}

/// Base64 as people copy it: the padding at the end may be missing.
const KEY_BASE64: GeneralPurpose =
    GeneralPurpose::new(&alphabet::STANDARD, GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent));

/// The bytes of a key: base64 after `whsec_`, with or without padding, as in Standard Webhooks, or else the bytes of the text itself.
///
/// `None` if it is too short or not valid base64.
pub fn key_bytes(text: &str) -> Option<Vec<u8>> {
    let bytes = match text.strip_prefix("whsec_") {
        Some(encoded) => KEY_BASE64.decode(encoded).ok()?,
        None => text.as_bytes().to_vec(),
    };
    (bytes.len() >= SHORTEST_KEY).then_some(bytes)
}

/// The signature headers of an event.
#[derive(Clone, Copy, Debug, Default)]
pub struct SignedHeaders<'a> {
    /// `webhook-id`.
    pub id: Option<&'a str>,
    /// `webhook-timestamp`: seconds since 1970.
    pub timestamp: Option<&'a str>,
    /// `webhook-signature`: one or more of `v1,<base64>`, separated by spaces.
    pub signature: Option<&'a str>,
}

/// Why an event is rejected; recorded, but not returned to the sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SignatureFault {
    /// A header is missing or malformed.
    Headers,
    /// The time differs too much from the server's time.
    Time,
    /// No signature matches.
    Signature,
}

impl SignatureFault {
    /// The name of the fault.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Headers => "headers",
            Self::Time => "time",
            Self::Signature => "signature",
        }
    }
}

impl Keys {
    /// Creates the keys from these bytes, the present key first.
    pub fn new(keys: &[Vec<u8>]) -> Self {
        Self(keys.iter().map(|bytes| hmac::Key::new(hmac::HMAC_SHA256, bytes)).collect())
    }

    /// Returns the event's id if one of the keys signed it recently.
    pub fn verify<'a>(&self, headers: SignedHeaders<'a>, body: &[u8], now: DateTime<Utc>) -> Result<&'a str, SignatureFault> {
        let (Some(id), Some(timestamp), Some(signatures)) = (headers.id, headers.timestamp, headers.signature) else {
            return Err(SignatureFault::Headers);
        };
        let plain = (1..=LONGEST_ID).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic());
        let digits = (1..=12).contains(&timestamp.len()) && timestamp.bytes().all(|byte| byte.is_ascii_digit());
        let seconds: i64 = timestamp.parse().map_err(|_| SignatureFault::Headers)?;
        if !plain || !digits {
            return Err(SignatureFault::Headers);
        }
        if (now.timestamp() - seconds).abs() > TOLERANCE {
            return Err(SignatureFault::Time);
        }
        let content = content(id, timestamp, body);
        let given = signatures.split(' ').filter_map(|one| one.strip_prefix("v1,")).take(MOST_SIGNATURES);
        let given: Vec<Vec<u8>> = given.filter_map(|encoded| BASE64_STANDARD.decode(encoded).ok()).collect();
        // the comparison takes constant time
        let fits = self.0.iter().any(|key| given.iter().any(|tag| hmac::verify(key, &content, tag).is_ok()));
        if fits { Ok(id) } else { Err(SignatureFault::Signature) }
    }

    /// Signs an event with the present key, for tests. Returns the value of the header.
    pub fn sign(&self, id: &str, timestamp: i64, body: &[u8]) -> String {
        let content = content(id, &timestamp.to_string(), body);
        self.0.first().map(|key| format!("v1,{}", BASE64_STANDARD.encode(hmac::sign(key, &content)))).unwrap_or_default()
    }
}

fn content(id: &str, timestamp: &str, body: &[u8]) -> Vec<u8> {
    [id.as_bytes(), b".", timestamp.as_bytes(), b".", body].concat()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BODY: &[u8] = br#"{"test": 2432232314}"#;
    const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).unwrap()
    }

    fn keys(texts: &[&str]) -> Keys {
        Keys::new(&texts.iter().map(|text| key_bytes(text).unwrap()).collect::<Vec<_>>())
    }

    fn headers<'a>(id: &'a str, timestamp: &'a str, signature: &'a str) -> SignedHeaders<'a> {
        SignedHeaders { id: Some(id), timestamp: Some(timestamp), signature: Some(signature) }
    }

    #[test]
    fn the_signature_is_that_of_the_standard() {
        // the example of the Standard Webhooks libraries
        let keys = keys(&["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"]);
        let signature = keys.sign(ID, 1_614_265_330, BODY);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        assert_eq!(keys.verify(headers(ID, "1614265330", &signature), BODY, at(1_614_265_330)), Ok(ID));
    }

    #[test]
    fn a_time_is_good_for_five_minutes_either_way() {
        let keys = keys(&["a key of twenty-four bytes or more"]);
        let signature = keys.sign(ID, 1000, BODY);
        for (now, fits) in [(1000, true), (1300, true), (1301, false), (700, true), (699, false), (-1_000_000, false)] {
            let outcome = keys.verify(headers(ID, "1000", &signature), BODY, at(now));
            assert_eq!(outcome, if fits { Ok(ID) } else { Err(SignatureFault::Time) }, "{now}");
        }
        for wrong in ["", " 1000", "+1000", "-1000", "1000.0", "1e3", "99999999999999999999", "9223372036854775807", "١"] {
            assert_eq!(keys.verify(headers(ID, wrong, &signature), BODY, at(1000)), Err(SignatureFault::Headers), "{wrong}");
        }
    }

    #[test]
    fn any_key_and_any_of_several_signatures_will_do() {
        let (former, present) = ("the former key, which was good once", "the present key, which is good now");
        let both = keys(&[present, former]);
        let signature = keys(&[former]).sign(ID, 1000, BODY);
        assert_eq!(both.verify(headers(ID, "1000", &signature), BODY, at(1000)), Ok(ID));
        assert_eq!(keys(&[present]).verify(headers(ID, "1000", &signature), BODY, at(1000)), Err(SignatureFault::Signature));
        let several = format!("v1a,AAAA v1,AAAA v1,=nonsense {signature}");
        assert_eq!(both.verify(headers(ID, "1000", &several), BODY, at(1000)), Ok(ID));
        assert_eq!(Keys::new(&[]).verify(headers(ID, "1000", &signature), BODY, at(1000)), Err(SignatureFault::Signature));
    }

    #[test]
    fn a_key_has_bytes_enough() {
        assert_eq!(key_bytes("short"), None);
        assert_eq!(key_bytes("whsec_c2hvcnQ="), None);
        let padded = "whsec_YSBrZXkgb2YgbW9yZSB0aGFuIDI0IGJ5dGVzIQ==";
        assert_eq!(key_bytes(padded), Some(b"a key of more than 24 bytes!".to_vec()));
        assert_eq!(key_bytes(padded.trim_end_matches('=')), key_bytes(padded));
        assert_eq!(key_bytes("whsec_not base64, and long enough otherwise"), None);
        assert_eq!(key_bytes(&"x".repeat(24)).unwrap().len(), 24);
    }

    proptest! {
        #[test]
        fn nothing_but_what_was_signed_is_believed(at_byte in 0_usize..20, letter in any::<u8>(), cut in 1_usize..20, junk in ".{0,80}") {
            let keys = keys(&["a key of twenty-four bytes or more"]);
            let signature = keys.sign(ID, 1000, BODY);
            let mut other = BODY.to_vec();
            other[at_byte] = letter;
            prop_assert_eq!(keys.verify(headers(ID, "1000", &signature), &other, at(1000)).is_ok(), other == BODY);
            prop_assert!(keys.verify(headers(ID, "1000", &signature), &BODY[..BODY.len() - cut], at(1000)).is_err());
            prop_assert!(keys.verify(headers(ID, "1000", &signature[..signature.len() - cut]), BODY, at(1000)).is_err());
            prop_assert!(keys.verify(headers(&ID[cut..], "1000", &signature), BODY, at(1000)).is_err());
            prop_assert!(keys.verify(headers(ID, "1001", &signature), BODY, at(1000)).is_err());
            prop_assert!(keys.verify(headers(&junk, &junk, &junk), BODY, at(1000)).is_err());
        }
    }
}
