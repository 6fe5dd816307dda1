//! What is no request at all: refused with a problem document like everything else.

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::harness::{App, scenario};

/// Sends these bytes and returns the whole response.
async fn told(app: &App, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(app.base.strip_prefix("http://").unwrap()).await.unwrap();
    // the server may refuse before it has read everything
    let _refused_already = stream.write_all(bytes).await;
    let mut response = Vec::new();
    let _reset = tokio::time::timeout(std::time::Duration::from_secs(20), stream.read_to_end(&mut response))
        .await
        .expect("the connection ends");
    String::from_utf8_lossy(&response).into_owned()
}

#[scenario]
async fn what_is_no_request_gets_a_problem_document_and_the_end_of_the_connection(app: &App) {
    let long = format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "a".repeat(70_000));
    let large = format!("GET /health/live HTTP/1.1\r\nHost: x\r\nX-Long: {}\r\n\r\n", "a".repeat(200_000));
    for (bytes, statuses) in [
        (&b"nonsense\r\n\r\n"[..], &[400][..]),
        (b"GET /health/live HTTP/9.9\r\nHost: x\r\n\r\n", &[400]),
        (b"GET /health/live HTTP/1.1\r\nHost x\r\n\r\n", &[400]),
        (b"POST /api/v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}", &[400]),
        (b"POST /api/v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Length: one\r\n\r\n{}", &[400]),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", &[400, 408]),
        (b"GET /health/live HTTP/1.1\r\nHost:", &[408]),
        (large.as_bytes(), &[431]),
        (long.as_bytes(), &[400, 414, 431]),
    ] {
        let response = told(app, bytes).await;
        let asked = String::from_utf8_lossy(&bytes[..bytes.len().min(60)]);
        let (head, body) = response.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{asked}: {response}"));
        let head = head.to_ascii_lowercase();
        let problem: Value = serde_json::from_str(body).unwrap_or_else(|_| panic!("{asked}: {response}"));
        let status = problem["status"].as_u64().unwrap();
        assert!(statuses.contains(&status) && head.starts_with(&format!("http/1.1 {status} ")), "{asked}: {response}");
        assert!(
            head.contains("content-type: application/problem+json")
                && head.contains("connection: close")
                && head.contains(problem["request_id"].as_str().unwrap()),
            "{asked}: {response}"
        );
    }
}
