//! Requests as bytes, for what an HTTP client library would not send or would hide.

use std::time::{Duration, Instant};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::harness::App;

/// The longest wait for a response, so that a silent server fails the test and does not block it.
const PATIENCE: Duration = Duration::from_secs(30);

pub async fn connect(app: &App) -> TcpStream {
    TcpStream::connect(app.base.trim_start_matches("http://")).await.unwrap()
}

/// All bytes until the server closes the connection, and the time that took.
pub async fn to_the_end(stream: &mut TcpStream) -> (String, Duration) {
    let started = Instant::now();
    let mut answer = Vec::new();
    // a reset after the response also ends the connection
    let _reset =
        timeout(PATIENCE, stream.read_to_end(&mut answer)).await.expect("the server closes the connection");
    (String::from_utf8_lossy(&answer).into_owned(), started.elapsed())
}

/// A response with a Content-Length, and the time it took; the connection may stay open.
pub async fn answer(stream: &mut TcpStream) -> (String, Duration) {
    let started = Instant::now();
    let (mut answer, mut buffer) = (String::new(), vec![0; 64 * 1024]);
    loop {
        let read = timeout(PATIENCE, stream.read(&mut buffer))
            .await
            .expect("the server does not respond")
            .unwrap_or(0);
        answer.push_str(&String::from_utf8_lossy(&buffer[..read]));
        let length: Option<usize> = header(&answer, "content-length").and_then(|length| length.parse().ok());
        let arrived = answer.split_once("\r\n\r\n").map(|(_, body)| body.len());
        if read == 0 || length.zip(arrived).is_some_and(|(length, arrived)| arrived >= length) {
            return (answer, started.elapsed());
        }
    }
}

/// The head of a response, and no byte after it; the connection stays open.
pub async fn head(stream: &mut TcpStream) -> String {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        let read =
            timeout(PATIENCE, stream.read(&mut byte)).await.expect("the server does not respond").unwrap();
        assert_eq!(read, 1, "the connection was closed after {:?}", String::from_utf8_lossy(&head));
        head.push(byte[0]);
    }
    String::from_utf8(head).unwrap()
}

/// Sends bytes on a new connection and returns the response.
pub async fn exchange(app: &App, bytes: &[u8]) -> String {
    let mut stream = connect(app).await;
    stream.write_all(bytes).await.unwrap();
    to_the_end(&mut stream).await.0
}

/// Sends a request without a body and returns the raw response, without following redirects.
pub async fn get(app: &App, path: &str) -> String {
    exchange(app, format!("GET {path} HTTP/1.1\r\nHost: crm.test\r\nConnection: close\r\n\r\n").as_bytes())
        .await
}

/// A header of a raw response.
pub fn header<'a>(answer: &'a str, name: &str) -> Option<&'a str> {
    let head = answer.split("\r\n\r\n").next().unwrap_or_default();
    head.lines()
        .skip(1)
        .filter_map(|line| line.split_once(": "))
        .find(|(other, _)| other.eq_ignore_ascii_case(name))
        .map(|(_, value)| value)
}

/// Text encoded as a value in a query string.
pub fn encoded(text: &str) -> String {
    text.bytes()
        .map(
            |byte| {
                if byte.is_ascii_alphanumeric() {
                    char::from(byte).to_string()
                } else {
                    format!("%{byte:02X}")
                }
            },
        )
        .collect()
}
