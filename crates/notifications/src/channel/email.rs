//! E-mail over SMTP.

use std::time::Duration;

use acl::Secret;
use kernel::{Error, Result};
use lettre::{
    AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor,
    address::Address,
    message::{Mailbox, header::ContentType},
};

use super::{Letter, Outcome, brief};

/// The timeout of each SMTP step.
const STEP_WAIT: Duration = Duration::from_secs(10);
/// The timeout of a whole SMTP conversation.
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// The maximum number of connections.
const CONNECTIONS: u32 = 8;
/// Responses which mean that the recipient does not exist.
const NOBODY_THERE: [u16; 3] = [550, 551, 553];

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
    AsyncSmtpTransport::<Tokio1Executor>::from_url(&chosen).ok().map(|_| chosen)
}

/// Sends e-mail.
pub struct Mailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
}

impl Mailer {
    /// Errors: `internal` for an invalid URL, which the settings have already excluded.
    pub fn new(settings: &SmtpSettings) -> Result<Self> {
        // the library's message may contain the URL with its password
        let builder = AsyncSmtpTransport::<Tokio1Executor>::from_url(settings.url.reveal()).map_err(|_| Error::internal("SMTP_URL"))?;
        let pool = lettre::transport::smtp::PoolConfig::new().max_size(CONNECTIONS).min_idle(0);
        Ok(Self { transport: builder.timeout(Some(STEP_WAIT)).pool_config(pool).build(), from: settings.from.clone() })
    }

    /// Sends one e-mail.
    pub async fn send(&self, letter: &Letter) -> Outcome {
        let refused = |error: String| Outcome::Refused { status: None, error: Some(error), for_good: true };
        let Ok(to) = letter.recipient.parse::<Address>() else { return refused("the e-mail address is not valid".to_owned()) };
        let message = Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, to))
            .subject(&letter.subject)
            .date(letter.created_at.into())
            .message_id(Some(format!("<{}@{}>", letter.message_id, self.from.email.domain())))
            .header(ContentType::TEXT_PLAIN)
            .body(letter.text.clone());
        let message = match message {
            Ok(message) => message,
            Err(error) => return refused(brief(&error.to_string())),
        };
        match tokio::time::timeout(LONGEST_WAIT, self.transport.send(message)).await {
            Err(_) => Outcome::Away { status: None, error: Some("no response in time".to_owned()) },
            Ok(Ok(_)) => Outcome::Taken { status: None },
            Ok(Err(error)) => outcome_of(&error),
        }
    }
}

fn outcome_of(error: &lettre::transport::smtp::Error) -> Outcome {
    let Some(code) = error.status().map(u16::from) else {
        let mut deepest: &dyn std::error::Error = error;
        while let Some(cause) = deepest.source() {
            deepest = cause;
        }
        return Outcome::Away { status: None, error: Some(brief(&deepest.to_string())) };
    };
    // the server's message may repeat the address; its code is enough
    let (status, error) = (Some(i64::from(code)), Some(format!("the mail server answered {code}")));
    if TAKES_NOTHING.contains(&code) {
        return Outcome::Away { status, error };
    }
    Outcome::Refused { status, error, for_good: NOBODY_THERE.contains(&code) }
}

#[cfg(test)]
mod tests {
    use super::*;

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
