//! E-mail over SMTP.

use std::time::Duration;

use acl::Secret;
use kernel::{Error, Result};
use lettre::{
    Message,
    address::Address,
    message::{
        Mailbox,
        header::{ContentType, Header, HeaderName, HeaderValue},
    },
};

use super::{
    Letter, Outcome, brief,
    smtp::{Conversations, Failure, MailServer, Step},
};

/// The timeout of a whole SMTP conversation.
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// Responses to a recipient which may mean that the address does not exist.
const NOBODY_THERE: [u16; 3] = [550, 551, 553];

/// Words by which servers say so.
const NOBODY_WORDS: [&str; 9] = [
    "no such user",
    "no such recipient",
    "user unknown",
    "unknown user",
    "recipient unknown",
    "not found",
    "does not exist",
    "doesn't exist",
    "invalid mailbox",
];
/// Words by which servers reject mail to an address that exists.
const POLICY_WORDS: [&str; 16] = [
    "policy",
    "spam",
    "block",
    "listed",
    "reputation",
    "denied",
    "reject",
    "relay",
    "rate",
    "limit",
    "quota",
    "spf",
    "dkim",
    "dmarc",
    "authenticat",
    "again",
];

/// Responses that concern every message: the server is shutting down, or rejects the login.
const TAKES_NOTHING: [u16; 5] = [421, 454, 530, 534, 535];

/// The SMTP server and the sender of e-mail.
#[derive(Clone, Debug)]
pub struct SmtpSettings {
    /// `smtp://user:password@host:587`, or `smtps://…`; with `?tls=required`, `opportunistic` or `none`.
    pub url: Secret,
    /// The sender's address, with or without a name.
    pub from: Mailbox,
}

/// Parses the value of a `From` line.
pub fn mailbox(text: &str) -> Option<Mailbox> {
    text.parse().ok()
}

/// Adds the TLS mode to the URL; `None` if the URL is invalid.
///
/// Unless the URL says otherwise, a password is sent to other hosts only over TLS.
pub fn checked_url(text: &str) -> Option<String> {
    let url: reqwest::Url = text.parse().ok()?;
    let host = url.host_str()?;
    let is_here = host == "localhost" || host.trim_matches(['[', ']']).parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback());
    let mut chosen = text.to_owned();
    if url.scheme() == "smtp" {
        match url.query() {
            None if url.password().is_some() && !is_here => chosen.push_str("?tls=required"),
            None => chosen.push_str("?tls=opportunistic"),
            Some("tls=none") => chosen.truncate(text.find('?')?),
            Some("tls=required" | "tls=opportunistic") => {}
            Some(_) => return None,
        }
    } else if url.scheme() != "smtps" || url.query().is_some() {
        return None;
    }
    MailServer::of(&chosen).map(|_| chosen)
}

/// Sends e-mail.
pub struct Mailer {
    conversations: Conversations,
    from: Mailbox,
}

impl Mailer {
    /// Errors: `internal` for an invalid URL, which the settings have already excluded.
    pub fn new(settings: &SmtpSettings) -> Result<Self> {
        let server = MailServer::of(settings.url.reveal()).ok_or_else(|| Error::internal("SMTP_URL"))?;
        Ok(Self { conversations: Conversations::with(server), from: settings.from.clone() })
    }

    /// Sends one e-mail.
    pub async fn send(&self, letter: &Letter) -> Outcome {
        let refused = |error: String| Outcome::Refused { status: None, error: Some(error), for_good: true };
        // mail servers understand a host name in another alphabet only in its ASCII form
        let recipient = kernel::email::ascii(&letter.recipient).unwrap_or_else(|| letter.recipient.clone());
        let Ok(to) = recipient.parse::<Address>() else { return refused("the e-mail address is not valid".to_owned()) };
        let message = Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, to))
            .subject(&letter.subject)
            .date(letter.created_at.into())
            .message_id(Some(format!("<{}@{}>", letter.message_id, self.from.email.domain())))
            .header(AutoSubmitted)
            .header(ContentType::TEXT_PLAIN);
        // whoever replies sends this back, so the reply is recognized even if its subject was changed
        let message = match &letter.thread {
            Some(thread) => message.references(format!("<{thread}@{}>", self.from.email.domain())),
            None => message,
        };
        let message = message.body(letter.text.clone());
        let message = match message {
            Ok(message) => message,
            Err(error) => return refused(brief(&error.to_string())),
        };
        match tokio::time::timeout(LONGEST_WAIT, self.conversations.send(&message)).await {
            Err(_) => Outcome::Away { status: None, error: Some("no response in time".to_owned()) },
            Ok(Ok(())) => Outcome::Taken { status: None },
            Ok(Err(failure)) => outcome_of(&failure),
        }
    }
}

/// Says that a program wrote the message, so that other programs do not reply to it, and that it is recognized if it comes back.
#[derive(Clone)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}

/// What a failed step means for the message.
fn outcome_of(failure: &Failure) -> Outcome {
    let Some(code) = failure.error.status().map(u16::from) else {
        let mut deepest: &dyn std::error::Error = &failure.error;
        while let Some(cause) = deepest.source() {
            deepest = cause;
        }
        return Outcome::Away { status: None, error: Some(brief(&deepest.to_string())) };
    };
    // the server's message may repeat the address; its code is enough
    let (status, error) = (Some(i64::from(code)), Some(format!("the mail server answered {code}")));
    // a server that rejects the sender or the login takes no message at present
    if matches!(failure.step, Step::Connecting | Step::SigningIn | Step::Sender) || TAKES_NOTHING.contains(&code) {
        return Outcome::Away { status, error };
    }
    let is_address = failure.step == Step::Recipient && NOBODY_THERE.contains(&code);
    let for_good = is_address && says_nobody_is_there(&failure.error.to_string());
    Outcome::Refused { status, error, for_good }
}

/// Whether a refusal of a recipient says that the address does not exist. Servers use the same codes for mail that they suspect, for
/// senders that they do not trust and for limits, which may be over at the next attempt.
fn says_nobody_is_there(response: &str) -> bool {
    let response = response.to_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| response.contains(word));
    if says(&NOBODY_WORDS) {
        return true;
    }
    match enhanced_code(&response) {
        // 5.1.7 and 5.1.8 are about the sender's address
        Some((1, detail)) => !matches!(detail, 7 | 8),
        Some(code) => code == (2, 1),
        None => !says(&POLICY_WORDS),
    }
}

/// The subject and the detail of an enhanced status code, such as 1 and 1 of `5.1.1`.
fn enhanced_code(response: &str) -> Option<(u16, u16)> {
    let number = |part: Option<&str>| part.filter(|part| part.len() <= 3).and_then(|part| part.parse().ok());
    response.split(|letter: char| !letter.is_ascii_digit() && letter != '.').find_map(|word| {
        let mut parts = word.split('.');
        let (class, subject, detail) = (parts.next(), number(parts.next()), number(parts.next()));
        if class == Some("5") && parts.next().is_none() { Some((subject?, detail?)) } else { None }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_does_not_exist_is_told_from_mail_that_is_not_wanted() {
        for response in [
            "5.1.1 The email account that you tried to reach does not exist",
            "5.1.1 <ivanov@example.com>: Recipient address rejected: User unknown in virtual mailbox table",
            "5.7.1 No such user!",
            "5.2.1 The account is disabled",
            "Message was not accepted -- invalid mailbox",
            "no",
        ] {
            assert!(says_nobody_is_there(response), "{response}");
        }
        for response in [
            "5.7.1 Service unavailable; client [192.0.2.1] blocked using a list",
            "5.7.26 This mail is unauthenticated",
            "5.1.8 Bad sender's system address",
            "5.4.5 Daily sending quota exceeded",
            "rejected by policy",
            "Spam message rejected",
        ] {
            assert!(!says_nobody_is_there(response), "{response}");
        }
    }

    #[test]
    fn a_password_goes_to_other_machines_over_tls_alone_unless_told_otherwise() {
        for (given, chosen) in [
            ("smtp://u:p@mail.example.com:587", Some("smtp://u:p@mail.example.com:587?tls=required")),
            ("smtp://mail.example.com", Some("smtp://mail.example.com?tls=opportunistic")),
            ("smtp://u:p@127.0.0.1:2525", Some("smtp://u:p@127.0.0.1:2525?tls=opportunistic")),
            ("smtp://u:p@mail.example.com?tls=none", Some("smtp://u:p@mail.example.com")),
            ("smtps://u:p@mail.example.com", Some("smtps://u:p@mail.example.com")),
            ("smtp://mail.example.com?tls=maybe", None),
            ("http://mail.example.com", None),
            ("mail.example.com", None),
        ] {
            assert_eq!(checked_url(given).as_deref(), chosen, "{given}");
        }
    }
}
