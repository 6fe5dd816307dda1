//! SMTP conversations, step by step: what a refusal means depends on the step that was refused.
//!
//! The library sends a message as a whole and does not say which step failed, so this module uses its parts. Connections are kept for
//! the next message.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use lettre::{
    Message,
    transport::smtp::{
        Error,
        authentication::{Credentials, DEFAULT_MECHANISMS},
        client::{AsyncSmtpConnection, TlsParameters},
        commands::{Data, Mail, Rcpt},
        extension::{ClientId, Extension, MailParameter},
    },
};
use percent_encoding::percent_decode_str;

/// The timeout of a connection attempt.
const CONNECTING_WAIT: Duration = Duration::from_secs(10);
/// How long an unused connection is kept; servers close idle ones after some minutes.
const KEPT_FOR: Duration = Duration::from_secs(30);
/// The maximum number of unused connections.
const MOST_KEPT: usize = 8;

/// A mail server, by the URL that names it.
#[derive(Clone)]
pub struct MailServer {
    host: String,
    port: u16,
    encryption: Encryption,
    login: Option<Credentials>,
    name: ClientId,
}

#[derive(Clone)]
enum Encryption {
    Never,
    IfOffered(TlsParameters),
    Required(TlsParameters),
    FromTheStart(TlsParameters),
}

impl MailServer {
    /// Reads `smtp://user:password@host:port/name?tls=…` or `smtps://…`; `None` if it is invalid.
    pub fn of(url: &str) -> Option<Self> {
        let url: reqwest::Url = url.parse().ok()?;
        let host = url.host_str()?.to_owned();
        let tls = || TlsParameters::new(host.clone()).ok();
        let (encryption, usual_port) = match (url.scheme(), url.query()) {
            ("smtp", None) => (Encryption::Never, 25),
            ("smtp", Some("tls=opportunistic")) => (Encryption::IfOffered(tls()?), 587),
            ("smtp", Some("tls=required")) => (Encryption::Required(tls()?), 587),
            ("smtps", None) => (Encryption::FromTheStart(tls()?), 465),
            _ => return None,
        };
        let decoded = |text: &str| percent_decode_str(text).decode_utf8().map(|text| text.into_owned()).ok();
        let login = match url.password() {
            Some(password) => Some(Credentials::new(decoded(url.username())?, decoded(password)?)),
            None => None,
        };
        let name = url.path().trim_matches('/');
        let name = if name.is_empty() { ClientId::default() } else { ClientId::Domain(name.to_owned()) };
        let port = url.port().unwrap_or(usual_port);
        // the brackets of an IPv6 address belong to the URL
        let host = host.trim_matches(['[', ']']).to_owned();
        Some(Self { host, port, encryption, login, name })
    }

    async fn connect(&self) -> Result<AsyncSmtpConnection, Failure> {
        let at_once = match &self.encryption {
            Encryption::FromTheStart(tls) => Some(tls.clone()),
            _ => None,
        };
        let address = (self.host.as_str(), self.port);
        let connecting = AsyncSmtpConnection::connect_tokio1(address, Some(CONNECTING_WAIT), &self.name, at_once, None);
        let mut connection = connecting.await.map_err(at(Step::Connecting))?;
        match &self.encryption {
            Encryption::Required(tls) => connection.starttls(tls.clone(), &self.name).await.map_err(at(Step::Connecting))?,
            Encryption::IfOffered(tls) if connection.can_starttls() => {
                connection.starttls(tls.clone(), &self.name).await.map_err(at(Step::Connecting))?;
            }
            _ => {}
        }
        if let Some(login) = &self.login {
            connection.auth(DEFAULT_MECHANISMS, login).await.map_err(at(Step::SigningIn))?;
        }
        Ok(connection)
    }
}

/// A step of a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Connection, greeting and encryption.
    Connecting,
    /// The login.
    SigningIn,
    /// The sender's address.
    Sender,
    /// The recipient's address.
    Recipient,
    /// The message.
    Content,
}

/// A step that failed.
#[derive(Debug)]
pub struct Failure {
    /// The step.
    pub step: Step,
    /// The server's response, or what happened to the connection.
    pub error: Error,
}

fn at(step: Step) -> impl Fn(Error) -> Failure {
    move |error| Failure { step, error }
}

/// Conversations with one mail server.
pub struct Conversations {
    server: MailServer,
    kept: Mutex<Vec<(AsyncSmtpConnection, Instant)>>,
}

impl Conversations {
    /// No connection is made yet.
    pub fn with(server: MailServer) -> Self {
        Self { server, kept: Mutex::default() }
    }

    /// Sends one message. A connection on which a step failed is not used again.
    pub async fn send(&self, message: &Message) -> Result<(), Failure> {
        let mut connection = self.connection().await?;
        deliver(&mut connection, message).await?;
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < MOST_KEPT {
            kept.push((connection, Instant::now()));
        }
        Ok(())
    }

    async fn connection(&self) -> Result<AsyncSmtpConnection, Failure> {
        let next = || self.kept.lock().unwrap_or_else(PoisonError::into_inner).pop();
        while let Some((mut connection, since)) = next() {
            if since.elapsed() < KEPT_FOR && connection.test_connected().await {
                return Ok(connection);
            }
        }
        self.server.connect().await
    }
}

async fn deliver(connection: &mut AsyncSmtpConnection, message: &Message) -> Result<(), Failure> {
    let envelope = message.envelope();
    // the text of a message is encoded in ASCII; an address may not be
    let is_ascii = |address: &lettre::Address| address.to_string().is_ascii();
    let is_international = !envelope.from().into_iter().chain(envelope.to()).all(is_ascii)
        && connection.server_info().supports_feature(Extension::SmtpUtfEight);
    let options = if is_international { vec![MailParameter::SmtpUtfEight] } else { Vec::new() };
    connection.command(Mail::new(envelope.from().cloned(), options)).await.map_err(at(Step::Sender))?;
    for recipient in envelope.to() {
        connection.command(Rcpt::new(recipient.clone(), Vec::new())).await.map_err(at(Step::Recipient))?;
    }
    connection.command(Data).await.map_err(at(Step::Content))?;
    connection.message(&message.formatted()).await.map_err(at(Step::Content))?;
    Ok(())
}
