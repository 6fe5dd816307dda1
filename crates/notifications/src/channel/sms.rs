//! Text messages through an HTTP gateway.

use std::sync::atomic::{AtomicI64, Ordering};

use acl::Secret;
use chrono::{DateTime, Utc};
use kernel::{Error, Result};
use outgoing::{Answered, NoAnswer, Outgoing, Reach};
use serde_json::json;

use super::{Letter, Outcome, brief};

/// The gateway of text messages.
#[derive(Clone, Debug)]
pub struct SmsSettings {
    /// The gateway's URL; it may contain a key and is never shown.
    pub url: Secret,
    /// Sent as `Authorization: Bearer …`.
    pub key: Option<Secret>,
    /// The sender's name or number.
    pub from: Option<String>,
}

/// Sends text messages as `POST` of `{"id", "to", "from", "text"}`; any success status means that the gateway has accepted the message.
pub struct SmsGateway {
    outgoing: Outgoing,
    settings: SmsSettings,
    // the end of a pause that the gateway has asked for, in milliseconds since 1970
    paused_until: AtomicI64,
}

/// The longest pause that a gateway can ask for, in seconds.
const LONGEST_PAUSE: u64 = 3600;

impl SmsGateway {
    /// Errors: `internal` if TLS is not available.
    pub fn new(settings: SmsSettings) -> Result<Self> {
        Ok(Self { outgoing: Outgoing::new(Reach::Anywhere)?, settings, paused_until: AtomicI64::new(i64::MIN) })
    }

    pub(super) fn pauses(&self, now: DateTime<Utc>) -> bool {
        now.timestamp_millis() < self.paused_until.load(Ordering::Relaxed)
    }

    pub(super) fn pause(&self, until: DateTime<Utc>) {
        self.paused_until.fetch_max(until.timestamp_millis(), Ordering::Relaxed);
    }

    /// Sends one text message.
    pub async fn send(&self, letter: &Letter) -> Outcome {
        let answered = match self.request(letter) {
            Ok(request) => self.outgoing.send(request).await,
            Err(_) => Err(NoAnswer::Failed("SMS_URL is not a valid URL".to_owned())),
        };
        match answered {
            Ok(answer) if answer.is_success() => Outcome::Taken { status: Some(answer.status.into()) },
            Ok(Answered { status: status @ 429, retry_after: Some(seconds @ 1..), .. }) => {
                let seconds = i64::try_from(seconds.min(LONGEST_PAUSE)).unwrap_or_default();
                Outcome::Later { status: status.into(), seconds }
            }
            Ok(answer) => {
                let (status, error) = (Some(answer.status.into()), Some(format!("the gateway answered {}", answer.status)));
                // these statuses concern this message only; any other also concerns the next messages
                match answer.status {
                    400 | 404 | 409 | 422 => Outcome::Refused { status, error, for_good: false },
                    _ => Outcome::Away { status, error },
                }
            }
            Err(why) => Outcome::Away { status: None, error: Some(brief(&why.to_string())) },
        }
    }

    fn request(&self, letter: &Letter) -> Result<reqwest::Request> {
        let body = json!({"id": letter.message_id, "to": letter.recipient, "from": self.settings.from, "text": letter.text});
        let request = self.outgoing.client().post(self.settings.url.reveal()).header("idempotency-key", &letter.message_id).json(&body);
        let request = match &self.settings.key {
            Some(key) => request.bearer_auth(key.reveal()),
            None => request,
        };
        request.build().map_err(|_| Error::internal("the request to the gateway of text messages cannot be built"))
    }
}
