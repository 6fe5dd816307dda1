//! How messages leave: by e-mail and by text message. Each has settings of its own, or sends nothing.

pub mod email;
pub mod sms;

use chrono::{DateTime, Utc};

pub use self::{email::Mailer, sms::SmsGateway};

/// Characters of an error that are kept.
const MOST_OF_ERROR: usize = 300;

/// A message on its way.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Letter {
    /// The notification.
    pub id: i64,
    /// How often it was tried, this try included.
    pub attempts: i64,
    /// The same for every try.
    pub message_id: String,
    /// The address or number.
    pub recipient: String,
    /// The subject line; empty for text messages.
    pub subject: String,
    /// The text.
    pub text: String,
    /// When it was made.
    pub created_at: DateTime<Utc>,
}

/// What became of a try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The other side took it.
    Taken {
        /// The status of its answer, where it has one.
        status: Option<i64>,
    },
    /// The other side did not take this one.
    Refused {
        /// The status of its answer, where it has one.
        status: Option<i64>,
        /// Why, in words without personal data.
        error: Option<String>,
        /// Whether trying again would change nothing.
        for_good: bool,
    },
    /// The other side is not there, or takes nothing at present.
    Away {
        /// The status of its answer, where it has one.
        status: Option<i64>,
        /// Why, in words without personal data.
        error: Option<String>,
    },
}

/// What sends the messages of a channel.
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
}

/// An error as it is kept: its beginning, on one line.
pub(crate) fn brief(error: &str) -> String {
    error.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(MOST_OF_ERROR).collect()
}
