//! Clients that open connections and then do nothing: they cost little, and not for long.

use std::time::{Duration, Instant};

use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{sleep, timeout},
};

use super::{Place, Server, program, signing_in::memory};
use crate::harness::{Client, Engine, id};

const MIB: u64 = 1024 * 1024;

/// Connections with many requests each, whose responses nobody reads.
async fn unread(server: &Server, connections: usize, request: &str) -> Vec<TcpStream> {
    let requests = request.repeat(400);
    let mut open = Vec::new();
    for _ in 0..connections {
        let mut stream = TcpStream::connect(&server.bind).await.unwrap();
        // the server stops reading when it has enough
        let _enough = timeout(Duration::from_millis(100), stream.write_all(requests.as_bytes())).await;
        open.push(stream);
    }
    open
}

/// Waits until the server has closed all of these connections, and returns how long that took.
async fn closed(open: &[TcpStream], at_most: Duration) -> Duration {
    let begun = Instant::now();
    // what was sent is still there to be read; a write shows whether somebody takes more
    let is_open = |stream: &TcpStream| match stream.try_write(b" ") {
        Ok(_) => true,
        Err(error) => error.kind() == std::io::ErrorKind::WouldBlock,
    };
    while open.iter().any(is_open) {
        assert!(
            begun.elapsed() < at_most,
            "{} are open",
            open.iter().filter(|stream| is_open(stream)).count()
        );
        sleep(Duration::from_millis(250)).await;
    }
    begun.elapsed()
}

#[program]
async fn responses_that_nobody_reads_take_little_memory_and_are_given_up_within_a_minute(place: &Place) {
    if place.engine() == Engine::Postgres {
        // the database has no part in it
        return;
    }
    let server = place.serve_with_password(&[("WORKERS", "2")]).await;
    let admin = server.admin().await;
    admin.get("/openapi.json").await.expect(200);
    let Some(idle) = memory(&server, "VmRSS") else { return };
    let head = format!("GET /api/v1/openapi.json HTTP/1.1\r\nHost: {}\r\n", server.bind);
    let mut open = unread(&server, 150, &format!("{head}\r\n")).await;
    // only whoever reads a body like this one knows where it ends
    let chunked = format!("{head}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
    open.extend(unread(&server, 150, &chunked).await);
    sleep(Duration::from_secs(2)).await;
    let most = memory(&server, "VmHWM").unwrap();
    println!("{} MiB idle, {} at most", idle / MIB, most / MIB);
    assert!(most < idle + 100 * MIB, "{} MiB at most, after {} MiB idle", most / MIB, idle / MIB);
    // whoever behaves is served meanwhile
    admin.get("/auth/me").await.expect(200);
    let took = closed(&open, Duration::from_secs(60)).await;
    println!("closed after {took:?}");
    admin.get("/openapi.json").await.expect(200);
    server.stop();
}

#[program]
async fn a_download_that_nobody_reads_is_given_up_and_one_that_is_read_slowly_arrives_whole(place: &Place) {
    if place.engine() == Engine::Postgres {
        return;
    }
    let server = place.serve_with_password(&[]).await;
    let admin = server.admin().await;
    let ticket =
        json!({"customer_id": admin.customer().await, "category": "sim", "subject": "x", "description": "x"});
    let ticket = id(&admin.post("/tickets", ticket).await.expect(201));
    let path = format!("/tickets/{ticket}/attachments");
    let content = "номер вышки\n".repeat(400_000);
    let sent = admin.file(&path, "a.txt", "text/plain", content.as_bytes()).send().await.unwrap();
    let file: serde_json::Value = sent.json().await.unwrap();
    let request = format!(
        "GET /api/v1{path}/{} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\n\r\n",
        file["id"],
        server.bind,
        admin.token.as_deref().unwrap()
    );
    let mut open = Vec::new();
    for _ in 0..4 {
        let mut stream = TcpStream::connect(&server.bind).await.unwrap();
        // more than the buffers of the operating system hold
        stream.write_all(request.repeat(4).as_bytes()).await.unwrap();
        open.push(stream);
    }
    let mut slow = TcpStream::connect(&server.bind).await.unwrap();
    slow.write_all(request.as_bytes()).await.unwrap();
    let (mut received, mut part) = (0, vec![0; 256 * 1024]);
    while received < content.len() {
        received += slow.read(&mut part).await.unwrap();
        sleep(Duration::from_millis(500)).await;
    }
    closed(&open, Duration::from_secs(60)).await;
    server.stop();
}

#[program]
async fn a_head_that_stands_still_is_given_up_on_a_kept_connection_as_on_a_new_one(place: &Place) {
    if place.engine() == Engine::Postgres {
        return;
    }
    let server = place.serve_with_password(&[]).await;
    let whole = format!("GET /health/live HTTP/1.1\r\nHost: {}\r\n\r\n", server.bind);
    let half = "GET /health/live HTTP/1.1\r\nHost: ";
    for before in [0, 1, 3] {
        let mut stream = TcpStream::connect(&server.bind).await.unwrap();
        let mut answer = vec![0; 4096];
        for _ in 0..before {
            stream.write_all(whole.as_bytes()).await.unwrap();
            let length = stream.read(&mut answer).await.unwrap();
            assert!(answer[..length].starts_with(b"HTTP/1.1 200"));
        }
        stream.write_all(half.as_bytes()).await.unwrap();
        let begun = Instant::now();
        let mut rest = Vec::new();
        let ended = timeout(Duration::from_secs(15), stream.read_to_end(&mut rest)).await;
        assert!(ended.is_ok(), "after {before} requests the connection stays open");
        assert!(begun.elapsed() > Duration::from_secs(3), "{:?}", begun.elapsed());
    }
    server.stop();
}

#[program]
async fn a_connection_that_is_used_again_after_a_rest_works(place: &Place) {
    if place.engine() == Engine::Postgres {
        return;
    }
    let server = place.serve_with_password(&[]).await;
    let whole = format!("GET /health/live HTTP/1.1\r\nHost: {}\r\n\r\n", server.bind);
    let mut stream = TcpStream::connect(&server.bind).await.unwrap();
    for _ in 0..2 {
        stream.write_all(whole.as_bytes()).await.unwrap();
        let mut answer = vec![0; 4096];
        let length = stream.read(&mut answer).await.unwrap();
        assert!(answer[..length].starts_with(b"HTTP/1.1 200"));
        // longer than a head may take
        sleep(Duration::from_secs(9)).await;
    }
    server.stop();
}

#[program]
async fn clients_that_do_nothing_do_not_hold_up_the_end(place: &Place) {
    if place.engine() == Engine::Postgres {
        return;
    }
    let server = place.serve_with_password(&[]).await;
    let admin = server.admin().await;
    let document = format!("GET /api/v1/openapi.json HTTP/1.1\r\nHost: {}\r\n\r\n", server.bind);
    let _unread = unread(&server, 40, &document).await;
    let customer = admin.customer().await;
    let ticket = json!({"customer_id": customer, "category": "sim", "subject": "x", "description": "x"});
    let ticket = id(&admin.post("/tickets", ticket).await.expect(201));
    let mut standing = Vec::new();
    for sent in [10, 3 * 1024 * 1024] {
        // an upload that stands still, early and late
        let head = format!(
            "POST /api/v1/tickets/{ticket}/attachments HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\n\
             Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 9000000\r\n\r\n\
             --x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\n\r\n{}",
            server.bind,
            admin.token.as_deref().unwrap(),
            "a".repeat(sent)
        );
        let mut stream = TcpStream::connect(&server.bind).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        standing.push(stream);
    }
    let mut stream = Client::new(&server.base(), admin.token.as_deref())
        .request(reqwest::Method::GET, "/events")
        .header("Accept", "text/event-stream")
        .send()
        .await
        .unwrap();
    assert!(stream.chunk().await.unwrap().is_some());
    sleep(Duration::from_secs(1)).await;
    let begun = Instant::now();
    let outcome = server.stop();
    assert!(begun.elapsed() < Duration::from_secs(15), "it took {:?}", begun.elapsed());
    assert!(!outcome.err.contains("panicked"), "{}", outcome.err);
    drop(standing);
    place.run(&["verify"], &[]).expect(0);
}
