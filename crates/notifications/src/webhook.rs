//! The body and the signature of webhooks, by the Standard Webhooks scheme (<https://www.standardwebhooks.com>).

use acl::Secret;
use aws_lc_rs::{hmac, rand};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use chrono::{DateTime, SecondsFormat, Utc};
use kernel::{Error, Result};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::model::RecordedEvent;

/// The prefix of a secret, by which people and scanners recognize it.
pub const SECRET_PREFIX: &str = "whsec_";
/// The type of a test event.
pub const TEST: &str = "webhook.test";
const SECRET_BYTES: usize = 24;

/// Generates a secret.
pub fn new_secret() -> Result<Secret> {
    let mut bytes = [0; SECRET_BYTES];
    rand::fill(&mut bytes).map_err(Error::internal)?;
    Ok(Secret::new(format!("{SECRET_PREFIX}{}", BASE64_STANDARD.encode(bytes))))
}

/// Generates a `webhook-id`.
pub fn new_id() -> String {
    format!("msg_{}", Uuid::new_v4().simple())
}

/// The body of a delivery for an integrator.
pub fn body(event: &RecordedEvent) -> String {
    let mut data = Map::new();
    data.insert("event_id".to_owned(), json!(event.id));
    data.insert("entity".to_owned(), json!(event.entity));
    data.insert("entity_id".to_owned(), json!(event.entity_id));
    data.insert("contract_id".to_owned(), json!(event.contract_id));
    data.insert("customer_id".to_owned(), json!(event.customer_id));
    if let Value::Object(more) = &event.data.0 {
        data.extend(more.clone());
    }
    envelope(event.kind.as_str(), event.created_at, data)
}

/// The body of a test event.
pub fn test_body(now: DateTime<Utc>) -> String {
    envelope(TEST, now, Map::new())
}

fn envelope(kind: &str, at: DateTime<Utc>, data: Map<String, Value>) -> String {
    json!({"type": kind, "timestamp": at.to_rfc3339_opts(SecondsFormat::AutoSi, true), "data": data}).to_string()
}

/// The signature `v1,…` of a message, with the secret in its displayed form; none if the secret is invalid.
pub fn signature(secret: &str, id: &str, timestamp: i64, body: &str) -> Option<String> {
    let key = BASE64_STANDARD.decode(secret.strip_prefix(SECRET_PREFIX)?).ok()?;
    let signed = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), format!("{id}.{timestamp}.{body}").as_bytes());
    Some(format!("v1,{}", BASE64_STANDARD.encode(signed)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_that_of_the_scheme_s_own_example() {
        let (secret, id) = ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek");
        let signature = signature(secret, id, 1_614_265_330, "{\"test\": 2432232314}").unwrap();
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn secrets_are_long_and_never_the_same() {
        let (one, other) = (new_secret().unwrap(), new_secret().unwrap());
        assert_ne!(one.reveal(), other.reveal());
        assert_eq!(BASE64_STANDARD.decode(one.reveal().strip_prefix(SECRET_PREFIX).unwrap()).unwrap().len(), SECRET_BYTES);
    }
}
