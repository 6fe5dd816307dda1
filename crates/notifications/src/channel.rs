//! The channels for outgoing messages: e-mail and text messages. Each has its own settings; without them it sends nothing.

pub mod email;
pub mod sms;
mod smtp;

use chrono::{DateTime, Utc};

pub use self::{email::Mailer, sms::SmsGateway};

/// The maximum stored length of an error, in characters.
const MOST_OF_ERROR: usize = 300;

/// A message to send.
#[derive(Clone, Debug, sqlx_macros::FromRow)]
pub struct Letter {
    /// The notification.
    pub id: i64,
    /// The number of attempts, including this one.
    pub attempts: i64,
    /// The message id, the same for every attempt.
    pub message_id: String,
    /// The e-mail address or phone number.
    pub recipient: String,
    /// The subject line; empty for text messages.
    pub subject: String,
    /// The text.
    pub text: String,
    /// The number of the ticket that it is about.
    pub thread: Option<String>,
    /// When it was created.
    pub created_at: DateTime<Utc>,
}

/// The outcome of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The server accepted the message.
    Taken {
        /// The status of its response, if any.
        status: Option<i64>,
    },
    /// The server rejected this message.
    Refused {
        /// The status of its response, if any.
        status: Option<i64>,
        /// The reason, without personal data.
        error: Option<String>,
        /// Whether a retry is useless.
        for_good: bool,
    },
    /// The server accepts no message for a time that it has named.
    Later {
        /// The status of its response.
        status: i64,
        /// The time, in seconds.
        seconds: i64,
    },
    /// The server is unavailable, or accepts no message at present.
    Away {
        /// The status of its response, if any.
        status: Option<i64>,
        /// The reason, without personal data.
        error: Option<String>,
    },
}

impl Outcome {
    /// Whether the message is to be sent again later.
    pub fn is_for_now(&self) -> bool {
        matches!(self, Self::Away { .. } | Self::Later { .. } | Self::Refused { for_good: false, .. })
    }
}

/// The sender of a channel.
pub enum Sender {
    /// E-mail.
    Email(Mailer),
    /// Text messages.
    Sms(SmsGateway),
}

impl Sender {
    /// Sends one message.
    pub async fn send(&self, letter: &Letter) -> Outcome {
        match self {
            Self::Email(mailer) => mailer.send(letter).await,
            Self::Sms(gateway) => gateway.send(letter).await,
        }
    }

    /// Whether the server has asked for a pause that lasts until after this moment.
    pub fn pauses(&self, now: DateTime<Utc>) -> bool {
        match self {
            Self::Email(_) => false,
            Self::Sms(gateway) => gateway.pauses(now),
        }
    }

    /// Sends nothing before this moment.
    pub fn pause(&self, until: DateTime<Utc>) {
        if let Self::Sms(gateway) = self {
            gateway.pause(until);
        }
    }
}

/// Shortens an error for storage: its beginning, on one line.
pub(crate) fn brief(error: &str) -> String {
    error.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(MOST_OF_ERROR).collect()
}
