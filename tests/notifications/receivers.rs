//! Simulated external servers: one accepts HTTP posts, one accepts e-mail.

use std::{cell::RefCell, collections::BTreeMap, io, rc::Rc, sync::Arc};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    sync::watch,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{ServerConfig, crypto::aws_lc_rs, pki_types::PrivatePkcs8KeyDer},
};

/// How a server treats requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    /// Responds with this status.
    Answers(u16),
    /// Responds with 429 and asks to wait this many seconds.
    Throttles(u64),
    /// Reads the request and does not respond until the mood changes.
    Hangs,
}

/// A request with its whole body; or an e-mail, with the recipient of its envelope as the header `rcpt`.
#[derive(Clone, Debug)]
pub struct Received {
    pub headers: BTreeMap<String, String>,
    pub text: String,
    pub body: Value,
}

#[derive(Clone)]
pub struct Receiver {
    pub url: String,
    received: Rc<RefCell<Vec<Received>>>,
    count: watch::Sender<usize>,
    mood: watch::Sender<Mood>,
    refusals: Rc<RefCell<BTreeMap<String, String>>>,
}

impl Receiver {
    async fn start(
        scheme: &str,
        serve: impl AsyncFn(TcpStream, Self) -> io::Result<()> + Clone + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let receiver = Self {
            url: format!("{scheme}://{}", listener.local_addr().unwrap()),
            received: Rc::default(),
            count: watch::channel(0).0,
            mood: watch::channel(Mood::Answers(200)).0,
            refusals: Rc::default(),
        };
        let shared = receiver.clone();
        actix_web::rt::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (shared, serve) = (shared.clone(), serve.clone());
                actix_web::rt::spawn(async move {
                    // a client that disconnects early is not an error
                    let _ = serve(stream, shared).await;
                });
            }
        });
        receiver
    }

    /// Starts an HTTP server.
    pub async fn http() -> Self {
        Self::start("http", post).await
    }

    /// Starts a mail server.
    pub async fn smtp() -> Self {
        Self::start("smtp", mail).await
    }

    /// Starts a mail server with TLS from the first byte.
    pub async fn smtps(tls: &Tls) -> Self {
        let acceptor = tls.acceptor.clone();
        Self::start("smtps", async move |stream, receiver| {
            mail(acceptor.accept(stream).await?, receiver).await
        })
        .await
    }

    /// Starts a mail server with TLS after the client requests it (STARTTLS).
    pub async fn starttls(tls: &Tls) -> Self {
        let acceptor = tls.acceptor.clone();
        let serve = async move |stream, receiver| {
            let mut plain = BufReader::new(stream);
            plain.write_all(b"220 mail.example.com\r\n").await?;
            let mut line = String::new();
            while plain.read_line(&mut line).await? > 0 {
                match line.split_whitespace().next().unwrap_or_default().to_uppercase().as_str() {
                    "STARTTLS" => {
                        plain.write_all(b"220 go on\r\n").await?;
                        return taking(acceptor.accept(plain.into_inner()).await?, receiver).await;
                    }
                    "EHLO" => plain.write_all(b"250-mail.example.com\r\n250 STARTTLS\r\n").await?,
                    _ => plain.write_all(b"530 not in the open\r\n").await?,
                }
                line.clear();
            }
            Ok(())
        };
        Self::start("smtp", serve).await
    }

    /// Changes the behavior from now on.
    pub fn is(&self, mood: Mood) {
        self.mood.send_replace(mood);
    }

    /// Refuses messages to this phone number, or this SMTP command, with this response until it is empty.
    pub fn refuses(&self, what: &str, response: &str) {
        self.refusals.borrow_mut().insert(what.to_owned(), response.to_owned());
    }

    /// The response to what is refused.
    fn refusal(&self, what: &str) -> Option<String> {
        self.refusals.borrow().get(what).filter(|response| !response.is_empty()).cloned()
    }

    /// The requests so far.
    pub fn received(&self) -> Vec<Received> {
        self.received.borrow().clone()
    }

    /// Waits until this many requests have been received.
    pub async fn has(&self, count: usize) {
        let mut seen = self.count.subscribe();
        let wait = seen.wait_for(|seen| *seen >= count);
        tokio::time::timeout(std::time::Duration::from_secs(20), wait)
            .await
            .expect("all requests arrive")
            .unwrap();
    }

    fn keep(&self, one: Received) {
        self.received.borrow_mut().push(one);
        self.count.send_modify(|count| *count += 1);
    }

    /// The status of the response, once there is one.
    async fn verdict(&self) -> u16 {
        let mut mood = self.mood.subscribe();
        match *mood.wait_for(|mood| *mood != Mood::Hangs).await.unwrap() {
            Mood::Answers(status) => status,
            Mood::Throttles(_) => 429,
            Mood::Hangs => unreachable!(),
        }
    }
}

/// A certificate for this machine, and the authority that signed it.
pub struct Tls {
    acceptor: TlsAcceptor,
    /// The authority's certificate in PEM.
    pub authority: String,
}

impl Tls {
    pub fn new() -> Self {
        let mut root = CertificateParams::new(Vec::new()).unwrap();
        root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let root = CertifiedIssuer::self_signed(root, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        let certificate = CertificateParams::new(names).unwrap().signed_by(&key, &root).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.der().clone()],
                PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
            )
            .unwrap();
        Self { acceptor: TlsAcceptor::from(Arc::new(config)), authority: root.pem() }
    }
}

async fn post(stream: TcpStream, receiver: Receiver) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await?;
        match line.trim_end().split_once(": ") {
            Some((name, value)) => drop(headers.insert(name.to_lowercase(), value.to_owned())),
            None if line.trim_end().is_empty() => break,
            None => {}
        }
    }
    let length = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    let text = String::from_utf8(body).unwrap();
    let body: Value = serde_json::from_str(&text).unwrap_or(Value::Null);
    let refusal = receiver.refusal(body["to"].as_str().unwrap_or_default());
    receiver.keep(Received { headers, body, text });
    let status = match refusal {
        Some(status) => status.parse().unwrap(),
        None => receiver.verdict().await,
    };
    let wait = match *receiver.mood.borrow() {
        Mood::Throttles(seconds) => format!("Retry-After: {seconds}\r\n"),
        _ => String::new(),
    };
    let answer = format!(
        "HTTP/1.1 {status} So\r\nContent-Length: 0\r\nConnection: close\r\n{wait}\
         Location: http://127.0.0.1:1/\r\n\r\n"
    );
    stream.write_all(answer.as_bytes()).await
}

async fn mail(mut stream: impl AsyncRead + AsyncWrite + Unpin, receiver: Receiver) -> io::Result<()> {
    stream.write_all(b"220 mail.example.com\r\n").await?;
    taking(stream, receiver).await
}

/// The SMTP conversation after the greeting.
async fn taking(stream: impl AsyncRead + AsyncWrite + Unpin, receiver: Receiver) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    let (mut line, mut recipient) = (String::new(), String::new());
    while stream.read_line(&mut line).await? > 0 {
        let command = line.split_whitespace().next().unwrap_or_default().to_uppercase();
        if command == "RCPT" {
            recipient = line.split(['<', '>']).nth(1).unwrap_or_default().to_owned();
        }
        line.clear();
        let answer = match command.as_str() {
            command if receiver.refusal(command).is_some() => receiver.refusal(command).unwrap(),
            "DATA" => {
                stream.write_all(b"354 go on\r\n").await?;
                let mut text = String::new();
                while !text.ends_with("\r\n.\r\n") {
                    stream.read_line(&mut text).await?;
                }
                let head = text.split("\r\n\r\n").next().unwrap().replace("\r\n ", " ");
                let lines = head.lines().filter_map(|line| line.split_once(": "));
                let headers = lines
                    .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
                    .chain([("rcpt".to_owned(), recipient.clone())])
                    .collect();
                receiver.keep(Received { headers, text, body: Value::Null });
                match receiver.verdict().await {
                    200 => "250 taken".to_owned(),
                    status => format!("{status} no"),
                }
            }
            "QUIT" => return stream.write_all(b"221 bye\r\n").await,
            _ => "250 ok".to_owned(),
        };
        stream.write_all(format!("{answer}\r\n").as_bytes()).await?;
    }
    Ok(())
}
