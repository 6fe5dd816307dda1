//! Stopping.

use std::{
    io::{Read, Write},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{sleep, timeout},
};

use super::{PATIENCE, Place, Server, patiently, program};
use crate::harness::{Engine, PASSWORD};

/// A connection that has sent the head and half of the body of a sign-in, and the other half.
async fn half_a_sign_in(server: &Server) -> (TcpStream, String) {
    let body = json!({"username": "admin", "password": PASSWORD}).to_string();
    let (half, rest) = body.split_at(body.len() / 2);
    let head = format!(
        "POST /api/v1/auth/login HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\nExpect: 100-continue\r\n\r\n",
        server.bind,
        body.len()
    );
    let mut stream = TcpStream::connect(&server.bind).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    // the server has begun to handle the request
    let mut go_on = [0; 25];
    timeout(PATIENCE, stream.read_exact(&mut go_on)).await.expect("the server continues").unwrap();
    assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(half.as_bytes()).await.unwrap();
    (stream, rest.to_owned())
}

/// Everything until the end of the connection.
async fn to_the_end(mut stream: TcpStream) -> String {
    let mut answer = Vec::new();
    let _reset = timeout(PATIENCE, stream.read_to_end(&mut answer)).await.expect("the connection ends");
    String::from_utf8_lossy(&answer).into_owned()
}

#[program]
async fn a_request_that_runs_is_answered_before_the_end(place: &Place) {
    let server = place.serve_with_password(&[]).await;
    let (mut stream, rest) = half_a_sign_in(&server).await;
    server.program.signal("TERM");
    // from now on the server accepts no new connections
    patiently("closed port", || std::net::TcpStream::connect(&server.bind).err());
    sleep(Duration::from_millis(200)).await;
    stream.write_all(rest.as_bytes()).await.unwrap();
    let answer = to_the_end(stream).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.contains("\"access\":"), "{answer}");

    let begun = Instant::now();
    let outcome = server.program.outcome().expect(0);
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    assert!(outcome.err.lines().last().is_some_and(|line| line.ends_with(" stopped")), "{}", outcome.err);
    // acknowledged operations were done
    place.serve(&[]).await.stop();
    place.run(&["verify"], &[]).expect(0);
}

#[program]
async fn a_connection_that_is_only_kept_open_does_not_hold_it_up(place: &Place) {
    let server = place.serve_with_password(&[]).await;
    let mut idle = Vec::new();
    for _ in 0..3 {
        let mut stream = TcpStream::connect(&server.bind).await.unwrap();
        stream
            .write_all(format!("GET /health/live HTTP/1.1\r\nHost: {}\r\n\r\n", server.bind).as_bytes())
            .await
            .unwrap();
        let mut answer = [0; 16];
        stream.read_exact(&mut answer).await.unwrap();
        assert!(answer.starts_with(b"HTTP/1.1 200"));
        idle.push(stream);
    }
    let begun = Instant::now();
    server.stop();
    assert!(begun.elapsed() < Duration::from_secs(5), "it took {:?}", begun.elapsed());
}

#[program]
async fn a_stream_of_events_ends_at_once(place: &Place) {
    let server = place.serve_with_password(&[]).await;
    let base = format!("http://{}", server.bind);
    let admin = crate::harness::Client::new(&base, None);
    let tokens =
        admin.post("/auth/login", json!({"username": "admin", "password": PASSWORD})).await.expect(200);
    let admin = crate::harness::Client::new(&base, tokens["access"].as_str());
    let mut stream = admin
        .request(reqwest::Method::GET, "/events")
        .header("Accept", "text/event-stream")
        .send()
        .await
        .unwrap();
    assert_eq!(stream.chunk().await.unwrap().unwrap(), ": open\n\n");
    // events are relayed without any request
    let customer =
        json!({"customer_id": admin.customer().await, "category": "sim", "subject": "x", "description": "x"});
    admin.post("/tickets", customer).await.expect(201);
    let mut heard = String::new();
    let relayed = async {
        while !heard.contains("\nevent: ticket.created\ndata: {") {
            let chunk = stream.chunk().await.unwrap().expect("the stream goes on");
            heard.push_str(&String::from_utf8_lossy(&chunk));
        }
    };
    timeout(PATIENCE, relayed).await.expect("the event arrives");
    // the subscriber of the ticket comes first
    assert!(heard.contains("retry: 3000\nid: 1\nevent: customer.created\ndata: {"), "{heard}");
    let begun = Instant::now();
    server.program.signal("TERM");
    while timeout(PATIENCE, stream.chunk()).await.expect("the stream ends").unwrap().is_some() {}
    server.program.outcome().expect(0);
    assert!(begun.elapsed() < Duration::from_secs(5), "it took {:?}", begun.elapsed());
}

#[program]
async fn a_request_that_never_ends_is_given_up_at_the_limit(place: &Place) {
    let server = place.serve_with_password(&[("SHUTDOWN_SECONDS", "1")]).await;
    let (_stream, _rest) = half_a_sign_in(&server).await;
    let begun = Instant::now();
    server.stop();
    let took = begun.elapsed();
    assert!((Duration::from_millis(500)..Duration::from_secs(6)).contains(&took), "{took:?}");
}

/// A mail server that greets and then says nothing more; `heard` is set when a conversation has begun.
fn silent_mail_server(heard: &Arc<AtomicBool>) -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("smtp://{}", listener.local_addr().unwrap());
    let heard = heard.clone();
    std::thread::spawn(move || {
        let mut open = Vec::new();
        while let Ok((mut stream, _)) = listener.accept() {
            stream.write_all(b"220 mail.example.com\r\n").unwrap();
            let mut line = [0; 64];
            if stream.read(&mut line).is_ok_and(|length| length > 0) {
                heard.store(true, Ordering::Relaxed);
            }
            open.push(stream);
        }
    });
    url
}

#[program]
async fn a_conversation_with_a_mail_server_that_hangs_ends_quietly_and_the_message_is_kept(place: &Place) {
    let heard = Arc::new(AtomicBool::new(false));
    let url = silent_mail_server(&heard);
    let server = place.serve_with_password(&[("SMTP_URL", &url), ("SMTP_FROM", "crm@example.com")]).await;
    let admin = server.admin().await;
    let contract = admin.draft("600.00").await;
    admin.pay(contract, "100.00").await;
    for _ in 0..600 {
        if heard.load(Ordering::Relaxed) {
            break;
        }
        sleep(Duration::from_millis(50)).await;
    }
    assert!(heard.load(Ordering::Relaxed), "no mail is sent");
    let begun = Instant::now();
    let outcome = server.stop();
    assert!(begun.elapsed() < Duration::from_secs(15), "it took {:?}", begun.elapsed());
    assert!(!outcome.err.contains("panicked"), "{}", outcome.err);
    assert!(outcome.err.lines().last().is_some_and(|line| line.ends_with(" stopped")), "{}", outcome.err);
    let kept = place.texts("SELECT status FROM notifications WHERE channel = 'email'").await;
    assert!(!kept.is_empty() && kept.iter().all(|status| status == "pending"), "{kept:?}");
}

#[program]
async fn a_read_of_personal_data_is_on_record_when_the_program_is_killed_at_once(place: &Place) {
    let server = place.serve_with_password(&[]).await;
    let admin = server.admin().await;
    let customer = admin.customer().await;
    let looked = admin.with("X-Request-Id", "the-look").get(&format!("/customers/{customer}")).await;
    server.kill();
    looked.expect(200);

    let server = place.serve(&[]).await;
    let admin = server.admin().await;
    let end = Instant::now() + PATIENCE;
    let row = loop {
        let rows = admin.get("/audit?action=personal_data.read").await.expect(200)["results"].clone();
        if rows[0].is_object() {
            break rows[0].clone();
        }
        assert!(Instant::now() < end, "the read is not on record");
        sleep(Duration::from_millis(50)).await;
    };
    assert_eq!((&row["request_id"], &row["entity_id"]), (&json!("the-look"), &json!(customer.to_string())));
    server.stop();
    place.run(&["verify"], &[]).expect(0);
}

#[program]
async fn what_was_committed_is_in_one_file_after_the_end(place: &Place) {
    if place.engine() == Engine::Postgres {
        return;
    }
    let server = place.serve_with_password(&[]).await;
    let admin = server.admin().await;
    for _ in 0..60 {
        admin.customer().await;
    }
    // readers that could improve what the engine knows of the tables, which have grown
    for field in ["status", "last_name", "-updated_at"] {
        admin.get(&format!("/customers?status=active&search=a&ordering={field}")).await.expect(200);
    }
    server.stop();
    assert!(place.file("data/crm.db").exists());
    assert!(!place.file("data/crm.db-wal").exists(), "a copy of crm.db lacks what is in crm.db-wal");
}
