//! Other people's servers: one that takes what is posted to it, and one that takes e-mail.

use std::{cell::RefCell, collections::BTreeMap, rc::Rc};

use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    sync::watch,
};

/// What a server does with what comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    /// Answers with this status.
    Answers(u16),
    /// Takes the request, and says nothing until its mood changes.
    Hangs,
}

/// A request, read whole.
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
}

impl Receiver {
    async fn start(scheme: &str, serve: impl AsyncFn(TcpStream, Self) -> std::io::Result<()> + Copy + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let receiver = Self {
            url: format!("{scheme}://{}", listener.local_addr().unwrap()),
            received: Rc::default(),
            count: watch::channel(0).0,
            mood: watch::channel(Mood::Answers(200)).0,
        };
        let shared = receiver.clone();
        actix_web::rt::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let shared = shared.clone();
                actix_web::rt::spawn(async move {
                    // whoever hangs up in the middle is no fault of ours
                    let _ = serve(stream, shared).await;
                });
            }
        });
        receiver
    }

    /// One that takes posts.
    pub async fn http() -> Self {
        Self::start("http", post).await
    }

    /// One that takes e-mail.
    pub async fn smtp() -> Self {
        Self::start("smtp", mail).await
    }

    /// What it does from now on.
    pub fn is(&self, mood: Mood) {
        self.mood.send_replace(mood);
    }

    /// What has come so far.
    pub fn received(&self) -> Vec<Received> {
        self.received.borrow().clone()
    }

    /// Waits until so many have come.
    pub async fn has(&self, count: usize) {
        let mut seen = self.count.subscribe();
        let wait = seen.wait_for(|seen| *seen >= count);
        tokio::time::timeout(std::time::Duration::from_secs(20), wait).await.expect("what was sent comes").unwrap();
    }

    fn keep(&self, one: Received) {
        self.received.borrow_mut().push(one);
        self.count.send_modify(|count| *count += 1);
    }

    /// The status to answer with, once there is one.
    async fn verdict(&self) -> u16 {
        let mut mood = self.mood.subscribe();
        match *mood.wait_for(|mood| *mood != Mood::Hangs).await.unwrap() {
            Mood::Answers(status) => status,
            Mood::Hangs => unreachable!(),
        }
    }
}

async fn post(stream: TcpStream, receiver: Receiver) -> std::io::Result<()> {
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
    receiver.keep(Received { headers, body: serde_json::from_str(&text).unwrap_or(Value::Null), text });
    let status = receiver.verdict().await;
    let answer = format!("HTTP/1.1 {status} So\r\nContent-Length: 0\r\nConnection: close\r\nLocation: http://127.0.0.1:1/\r\n\r\n");
    stream.write_all(answer.as_bytes()).await
}

async fn mail(stream: TcpStream, receiver: Receiver) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    stream.write_all(b"220 mail.example.com\r\n").await?;
    let mut line = String::new();
    while stream.read_line(&mut line).await? > 0 {
        let command = line.split_whitespace().next().unwrap_or_default().to_uppercase();
        line.clear();
        let answer = match command.as_str() {
            "DATA" => {
                stream.write_all(b"354 go on\r\n").await?;
                let mut text = String::new();
                while !text.ends_with("\r\n.\r\n") {
                    stream.read_line(&mut text).await?;
                }
                let head = text.split("\r\n\r\n").next().unwrap().replace("\r\n ", " ");
                let lines = head.lines().filter_map(|line| line.split_once(": "));
                let headers = lines.map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect();
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
