//! Limits of size and time.

use std::time::Duration;

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::json;
use tokio::io::AsyncWriteExt;

use super::raw;
use crate::harness::{App, Client, Reply, scenario};

const LIMIT: usize = 1024 * 1024;

async fn post(client: &Client, path: &str, body: String) -> Reply {
    let request = client.request(Method::POST, path).header("content-type", "application/json").body(body);
    Reply::read(format!("POST {path}"), request.send().await.unwrap()).await
}

/// The head of a request whose body follows.
fn head(client: &Client, path: &str, length: &str) -> Vec<u8> {
    let token = client.token.as_deref().unwrap_or_default();
    format!(
        "POST /api/v1{path} HTTP/1.1\r\nHost: crm.test\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/json\r\n{length}\r\n\r\n"
    )
    .into_bytes()
}

/// The outcome of a hand-written request.
struct Outcome {
    status: String,
    /// The code of the problem.
    code: String,
    took: Duration,
}

impl Outcome {
    fn of((answer, took): (String, Duration)) -> Self {
        let status = answer.split(' ').nth(1).unwrap_or_default().to_owned();
        let code = answer.split("\"code\":\"").nth(1).and_then(|rest| rest.split('"').next());
        Self { status, code: code.unwrap_or_default().to_owned(), took }
    }
}

async fn still_serves(app: &App) {
    app.stranger().get("/health/ready").await.expect(200);
}

#[scenario]
async fn a_body_of_a_mebibyte_is_read_and_one_byte_more_is_not(app: &App) {
    let admin = app.admin().await;
    let role = |name: &str, length: usize| {
        let role = json!({"name": name, "title": "x", "permissions": []}).to_string();
        format!("{role}{}", " ".repeat(length - role.len()))
    };
    post(&admin, "/roles", role("one", LIMIT)).await.expect(201);
    post(&admin, "/roles", role("two", LIMIT + 1)).await.refused(413, "body_too_large");
    post(&admin, "/auth/login", "x".repeat(LIMIT + 1)).await.refused(413, "body_too_large");
    let patch = admin
        .request(Method::PATCH, "/roles/2")
        .header("content-type", "application/json")
        .body(" ".repeat(2 * LIMIT));
    Reply::read("PATCH".into(), patch.send().await.unwrap()).await.refused(413, "body_too_large");
    assert_eq!(app.count("roles").await, 5);
}

#[scenario]
async fn a_body_that_is_announced_too_large_is_refused_before_it_is_sent(app: &App) {
    let admin = app.admin().await;
    for length in ["1048577", "99999999999", "18446744073709551615"] {
        let mut stream = raw::connect(app).await;
        stream
            .write_all(&head(&admin, "/roles", &format!("Content-Length: {length}\r\nConnection: close")))
            .await
            .unwrap();
        let Outcome { status, code, took } = Outcome::of(raw::answer(&mut stream).await);
        assert_eq!((status.as_str(), code.as_str()), ("413", "body_too_large"), "{length}");
        assert!(took < Duration::from_secs(3), "{took:?}");
    }
    still_serves(app).await;
}

#[scenario]
async fn a_body_in_chunks_is_measured_as_it_comes(app: &App) {
    let admin = app.admin().await;
    let mut stream = raw::connect(app).await;
    stream
        .write_all(&head(&admin, "/roles", "Transfer-Encoding: chunked\r\nConnection: close"))
        .await
        .unwrap();
    let chunk = format!("10000\r\n{}\r\n", " ".repeat(0x10000));
    for _ in 0..17 {
        stream.write_all(chunk.as_bytes()).await.unwrap();
    }
    let Outcome { status, code, .. } = Outcome::of(raw::answer(&mut stream).await);
    assert_eq!((status.as_str(), code.as_str()), ("413", "body_too_large"));
    still_serves(app).await;
}

#[scenario]
async fn a_connection_whose_body_nobody_reads_is_closed_soon_after_the_answer(app: &App) {
    let (admin, stranger) = (app.admin().await, app.stranger());
    let chunk = format!("10000\r\n{}\r\n", " ".repeat(0x10000));
    let lengths = [
        "Transfer-Encoding: chunked",
        "Content-Length: 9000000",
        "Transfer-Encoding: chunked\r\nConnection: close",
    ];
    let callers = [(&admin, 17, "413"), (&stranger, 0, "401"), (&stranger, 1, "401"), (&stranger, 40, "401")];
    let all = callers.into_iter().flat_map(|caller| lengths.map(|length| (caller, length)));
    join_all(all.map(async |((client, chunks, expected), length)| {
        let mut stream = raw::connect(app).await;
        stream.write_all(&head(client, "/roles", length)).await.unwrap();
        for _ in 0..chunks {
            let _answered_already = stream.write_all(chunk.as_bytes()).await;
        }
        let (answer, took) = raw::to_the_end(&mut stream).await;
        // if more data is in transit when the connection closes, the response is lost
        assert!(answer.is_empty() || answer.starts_with(&format!("HTTP/1.1 {expected} ")), "{answer}");
        assert!(took < Duration::from_secs(8), "{took:?} after {chunks} chunks and {length}");
    }))
    .await;
    still_serves(app).await;
}

#[scenario]
async fn a_body_in_chunks_is_read_and_its_connection_used_again(app: &App) {
    let admin = app.admin().await;
    let mut stream = raw::connect(app).await;
    for (n, expected) in ["201", "201", "422"].into_iter().enumerate() {
        let role = if expected == "201" {
            json!({"name": format!("role{n}"), "title": "x", "permissions": []})
        } else {
            json!({})
        }
        .to_string();
        let (first, second) = role.split_at(1);
        stream.write_all(&head(&admin, "/roles", "Transfer-Encoding: chunked")).await.unwrap();
        stream
            .write_all(format!("1\r\n{first}\r\n{:x}\r\n{second}\r\n0\r\n\r\n", second.len()).as_bytes())
            .await
            .unwrap();
        let Outcome { status, .. } = Outcome::of(raw::answer(&mut stream).await);
        assert_eq!(status, expected);
    }
    assert_eq!(app.count("roles").await, 6);
}

#[scenario]
async fn a_compressed_body_is_not_unpacked(app: &App) {
    let admin = app.admin().await;
    let request = admin
        .request(Method::POST, "/roles")
        .header("content-type", "application/json")
        .header("content-encoding", "gzip")
        .body(vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0]);
    Reply::read("gzip".into(), request.send().await.unwrap()).await.refused(400, "malformed");
}

#[scenario]
async fn nesting_is_bounded(app: &App) {
    let admin = app.admin().await;
    let tariff = |depth: usize| {
        let (open, close) = ("{\"a\":".repeat(depth), "}".repeat(depth));
        format!(
            "{{\"name\": \"Тариф {depth}\", \"tariff_type\": \"prepaid\", \"monthly_fee\": 1, \
             \"extra_options\": {{\"a\":{open}1{close}}}}}"
        )
    };
    post(&admin, "/tariffs", tariff(100)).await.expect(201);
    for depth in [130, 1000, 100_000] {
        post(&admin, "/tariffs", tariff(depth)).await.refused(400, "malformed");
    }
    assert_eq!(app.count("tariffs").await, 1);
    still_serves(app).await;
}

#[scenario]
async fn the_answer_to_a_body_of_nothing_but_mistakes_is_bounded(app: &App) {
    let admin = app.admin().await;
    let unknown: Vec<String> = (0..80_000).map(|n| format!("\"x{n}\":1")).collect();
    let control = vec!["\"\\u0001\""; 100_000].join(",");
    for body in [
        format!("{{{}}}", unknown.join(",")),
        format!("{{\"name\":\"one\",\"title\":\"x\",\"permissions\":[{control}]}}"),
    ] {
        let started = std::time::Instant::now();
        let reply = post(&admin, "/roles", body.clone()).await;
        assert!(
            reply.text.len() < LIMIT / 32 && started.elapsed() < Duration::from_secs(5),
            "{} bytes after {:?}",
            reply.text.len(),
            started.elapsed()
        );
        assert_eq!(reply.wrong_fields().len(), kernel::FieldErrors::MOST);
        reply.refused(422, "invalid");
        let patch =
            admin.request(Method::PATCH, "/roles/2").header("content-type", "application/json").body(body);
        let reply = Reply::read("PATCH".into(), patch.send().await.unwrap()).await;
        assert!(reply.text.len() < LIMIT / 32, "{} bytes", reply.text.len());
        reply.refused(422, "invalid");
    }
    assert_eq!(app.count("roles").await, 4);
}

#[scenario(BODY_SECONDS = "1")]
async fn a_body_that_does_not_come_is_waited_for_only_so_long(app: &App) {
    let admin = app.admin().await;
    let mut stream = raw::connect(app).await;
    stream.write_all(&head(&admin, "/roles", "Content-Length: 100\r\nConnection: close")).await.unwrap();
    stream.write_all(b"{\"name\": ").await.unwrap();
    let Outcome { status, code, took } = Outcome::of(raw::answer(&mut stream).await);
    assert_eq!((status.as_str(), code.as_str()), ("408", "body_timeout"));
    assert!(took > Duration::from_millis(800) && took < Duration::from_secs(4), "{took:?}");
    // sending a byte now and then does not extend the time
    let mut stream = raw::connect(app).await;
    stream.write_all(&head(&admin, "/roles", "Content-Length: 100\r\nConnection: close")).await.unwrap();
    for _ in 0..6 {
        stream.write_all(b" ").await.unwrap();
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    let Outcome { status, code, took } = Outcome::of(raw::answer(&mut stream).await);
    assert_eq!((status.as_str(), code.as_str()), ("408", "body_timeout"));
    assert!(took < Duration::from_secs(2), "{took:?}");
    // a caller without access is refused before the body arrives
    let mut stream = raw::connect(app).await;
    stream
        .write_all(&head(&app.stranger(), "/roles", "Content-Length: 100\r\nConnection: close"))
        .await
        .unwrap();
    let Outcome { status, took, .. } = Outcome::of(raw::answer(&mut stream).await);
    assert!(status == "401" && took < Duration::from_millis(800), "{status} after {took:?}");
    assert_eq!(app.count("roles").await, 4);
    still_serves(app).await;
}

#[scenario]
async fn a_head_that_does_not_come_is_waited_for_only_so_long(app: &App) {
    let mut stream = raw::connect(app).await;
    stream.write_all(b"GET /health/live HTTP/1.1\r\nHost: crm.test\r\nX-Slow: ").await.unwrap();
    let (answer, took) = raw::to_the_end(&mut stream).await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 408"), "{answer}");
    assert!(took > Duration::from_secs(3) && took < Duration::from_secs(9), "{took:?}");
    still_serves(app).await;
}

#[scenario]
async fn heads_that_are_no_http_or_too_long_are_refused_and_the_server_goes_on(app: &App) {
    let long = "x".repeat(300_000);
    for bytes in [
        "nonsense\r\n\r\n".to_owned(),
        "GET /health/live HTTP/9.9\r\n\r\n".to_owned(),
        "GET / HTTP/1.1\r\nHost: crm.test\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx".to_owned(),
        "POST /api/v1/roles HTTP/1.1\r\nHost: crm.test\r\nContent-Length: -1\r\n\r\n".to_owned(),
        format!("GET /{long} HTTP/1.1\r\nHost: crm.test\r\nConnection: close\r\n\r\n"),
        format!("GET /health/live HTTP/1.1\r\nHost: crm.test\r\nX-Long: {long}\r\nConnection: close\r\n\r\n"),
        "GET http:// HTTP/1.1\r\n\r\n".to_owned(),
        "\u{16}\u{3}\u{1}".to_owned() + "\0\0\r\n\r\n",
        "POST /api/v1/auth/login HTTP/1.1\r\nHost: crm.test\r\nTransfer-Encoding: chunked\r\n\
         Connection: close\r\n\r\nzz\r\n"
            .to_owned(),
    ] {
        let mut stream = raw::connect(app).await;
        let _closed_early = stream.write_all(bytes.as_bytes()).await;
        let (answer, _) = raw::to_the_end(&mut stream).await;
        assert!(
            answer.is_empty() || answer.starts_with("HTTP/1.1 4"),
            "{:?} returned {answer}",
            &bytes[..bytes.len().min(80)]
        );
        still_serves(app).await;
    }
}

#[scenario]
async fn whoever_has_not_signed_in_may_send_sixteen_kibibytes(app: &App) {
    let stranger = app.stranger();
    let document = stranger.get("/api/v1/openapi.json").await.expect(200);
    let mut paths = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        let operation = &item["post"];
        // what gateways send is signed byte by byte
        if operation["security"] == json!([])
            && operation["requestBody"].is_object()
            && !path.contains("/webhooks/")
        {
            assert_eq!(operation["responses"]["413"]["description"], "The body is over 16 KiB.", "{path}");
            let media_type =
                operation["requestBody"]["content"].as_object().unwrap().keys().next().unwrap().clone();
            paths.push((path.clone(), media_type));
        }
    }
    assert_eq!(paths.len(), 4, "{paths:?}");
    let unknown = |length: usize| {
        let fields: Vec<String> = (0..length / 11).map(|n| format!("\"x{n:05}\":1")).collect();
        format!("{{{}}}", fields.join(","))
    };
    for (path, media_type) in paths {
        let send = async |body: String| {
            let request =
                stranger.request(Method::POST, &path).header("content-type", &media_type).body(body);
            Reply::read(format!("POST {path}"), request.send().await.unwrap()).await
        };
        send("x".repeat(16 * 1024 + 1)).await.refused(413, "body_too_large");
        send(unknown(LIMIT - 100)).await.refused(413, "body_too_large");
        let read = send("x".repeat(16 * 1024)).await;
        if path == "/terminal/v1" {
            // read, and only then refused for want of a key
            read.refused(401, "terminal_key_wrong");
            continue;
        }
        assert!(read.status == 400 || read.status == 422, "{}", read.text);
    }
    let reply = post(&stranger, "/auth/login", unknown(16 * 1024 - 100)).await;
    assert_eq!(reply.wrong_fields().len(), kernel::FieldErrors::MOST);
    reply.refused(422, "invalid");
    still_serves(app).await;
}
