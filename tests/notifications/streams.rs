//! The list and the stream of events.

use std::time::Duration;

use chrono::TimeDelta;
use futures_util::future::join_all;
use reqwest::{Method, Response};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::relay;
use crate::harness::{App, Client, scenario};

/// A client of a stream.
struct Listener {
    response: Response,
    text: String,
}

#[derive(Debug, PartialEq, Eq)]
struct Heard {
    id: i64,
    kind: String,
}

impl Listener {
    async fn open(client: &Client, path: &str, last: Option<i64>) -> Response {
        let request = client.request(Method::GET, path).header("Accept", "text/event-stream");
        let request = match last {
            Some(last) => request.header("Last-Event-ID", last),
            None => request,
        };
        request.send().await.unwrap()
    }

    async fn new(client: &Client, path: &str, last: Option<i64>) -> Self {
        let response = Self::open(client, path, last).await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream; charset=utf-8");
        assert_eq!(response.headers()["cache-control"], "no-store");
        assert!(
            response.headers().contains_key("x-request-id")
                && response.headers().contains_key("x-content-type-options")
        );
        let mut listener = Self { response, text: String::new() };
        // the stream is established when its first line is received
        listener.until(": open\n\n").await;
        listener
    }

    /// Reads until this text has been received.
    async fn until(&mut self, words: &str) {
        while !self.text.contains(words) {
            let piece = tokio::time::timeout(Duration::from_secs(20), self.response.chunk()).await;
            let piece =
                piece.unwrap_or_else(|_| panic!("`{words}` is not received after {}", self.text)).unwrap();
            self.text.push_str(
                std::str::from_utf8(&piece.unwrap_or_else(|| panic!("the stream ended after {}", self.text)))
                    .unwrap(),
            );
        }
    }

    /// Reads until the stream ends.
    async fn hear_out(&mut self) {
        while let Some(piece) = tokio::time::timeout(Duration::from_secs(20), self.response.chunk())
            .await
            .expect("the stream ends")
            .unwrap()
        {
            self.text.push_str(std::str::from_utf8(&piece).unwrap());
        }
    }

    /// The blocks that a client would see: those with something else than comments.
    fn blocks(&self) -> Vec<&str> {
        let has_field = |block: &&str| block.lines().any(|line| !line.is_empty() && !line.starts_with(':'));
        self.text.split("\n\n").filter(has_field).collect()
    }

    fn heard(&self) -> Vec<Heard> {
        let value = |block: &str, name: &str| {
            block.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned)
        };
        let blocks = self.text.split("\n\n").filter(|block| block.contains("data: "));
        let events = blocks.map(|block| {
            let heard = Heard {
                id: value(block, "id: ").unwrap().parse().unwrap(),
                kind: value(block, "event: ").unwrap(),
            };
            let data: Value = serde_json::from_str(&value(block, "data: ").unwrap()).unwrap();
            assert_eq!((&data["id"], &data["kind"]), (&json!(heard.id), &json!(heard.kind)));
            heard
        });
        events.collect()
    }
}

async fn poll(app: &App) {
    while app.poll_streams().await {}
}

async fn newest(app: &App) -> i64 {
    app.scalar("SELECT COALESCE(MAX(id), 0) FROM events").await
}

#[scenario]
async fn a_stream_brings_what_happens_next_and_goes_on_where_it_was_cut_without_gap_or_double(app: &App) {
    let admin = app.admin().await;
    let contract = admin.draft("0.00").await;
    admin.pay(contract, "1.00").await;
    let before = newest(app).await;
    let mut listener = Listener::new(&admin, "/events", None).await;
    poll(app).await;
    // concurrent writes, while the poller reads
    let contracts = [contract, admin.draft("0.00").await, admin.draft("0.00").await];
    for _ in 0..4 {
        let pays = join_all(contracts.iter().map(|contract| admin.pay(*contract, "1.00")));
        futures_util::join!(pays, poll(app), poll(app));
    }
    poll(app).await;
    let last = newest(app).await;
    listener.until(&format!("id: {last}\n")).await;
    let ids = |heard: Vec<Heard>| heard.into_iter().map(|one| one.id).collect::<Vec<_>>();
    let all: Vec<i64> = admin.get(&format!("/events?page_size=500&last_event_id={before}")).await.expect(200)
        ["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["id"].as_i64().unwrap())
        .collect();
    assert!(all.len() >= 12 && all[0] == before + 1);
    assert_eq!(ids(listener.heard()), all);
    drop(listener);

    // disconnected, and back with the last known id: by header, or by parameter for a browser's first request
    admin.pay(contract, "2.00").await;
    for path in ["/events".to_owned(), format!("/events?last_event_id={}", all[4])] {
        let mut back = Listener::new(&admin, &path, Some(all[7])).await;
        let last = newest(app).await;
        back.until(&format!("id: {last}\n")).await;
        assert_eq!(
            ids(back.heard()),
            (all[8]..=last).filter(|id| all.contains(id) || *id > all[all.len() - 1]).collect::<Vec<_>>()
        );
    }
    let mut from_parameter =
        Listener::new(&admin, &format!("/events?last_event_id={}&kind=payment.received", all[7]), None).await;
    from_parameter.until(&format!("id: {}\n", newest(app).await)).await;
    assert!(from_parameter.heard().iter().all(|one| one.kind == "payment.received" && one.id > all[7]));
}

#[scenario]
async fn each_hears_only_what_they_may_see_and_nothing_once_they_may_not(app: &App) {
    let admin = app.admin().await;
    admin
        .post("/roles", json!({"name": "cashier", "title": "К", "permissions": ["payments:read"]}))
        .await
        .expect(201);
    let cashier = app.user("cashier").await;
    let me = cashier.get("/auth/me").await.expect(200)["id"].clone();
    let contract = admin.draft("0.00").await;
    let mut listener = Listener::new(&cashier, "/events?last_event_id=0", None).await;
    admin.pay(contract, "1.00").await;
    admin.activate(contract).await;
    poll(app).await;
    listener.until("payment.received").await;
    let listed = cashier.get("/events?page_size=500").await.expect(200);
    assert!(
        listed["results"]
            .as_array()
            .unwrap()
            .iter()
            .all(|one| ["payment.received", "period.charged"].contains(&one["kind"].as_str().unwrap()))
    );
    assert_eq!(cashier.get("/events?kind=contract.activated").await.expect(200)["count"], 0);
    assert_eq!(admin.get("/events?kind=contract.activated").await.expect(200)["count"], 1);

    // a granted permission applies from the next event on
    admin
        .put(&format!("/users/{me}/permissions"), json!({"granted": ["contracts:read"], "denied": []}))
        .await
        .expect(200);
    admin.post(&format!("/contracts/{contract}/suspend"), json!({"reason": "request"})).await.expect(200);
    poll(app).await;
    listener.until("contract.suspended").await;
    let kinds: Vec<String> = listener.heard().into_iter().map(|one| one.kind).collect();
    assert!(
        !kinds.contains(&"contract.activated".to_owned())
            && !kinds.contains(&"sim.status_changed".to_owned()),
        "{kinds:?}"
    );
    // when the account is blocked, the stream ends before another event is sent
    admin.post(&format!("/users/{me}/block"), json!({"reason": "уволен"})).await.expect(200);
    admin.pay(contract, "2.00").await;
    let said = listener.text.len();
    poll(app).await;
    listener.hear_out().await;
    assert_eq!(&listener.text[said..], "");
    Listener::open(&cashier, "/events", None).await.error_for_status().unwrap_err();
}

#[scenario(EVENT_STREAMS = "1")]
async fn a_quiet_stream_says_that_it_lives_and_there_are_only_so_many(app: &App) {
    let admin = app.admin().await;
    let mut listener = Listener::new(&admin, "/events?kind=user.locked", None).await;
    let full = Listener::open(&admin, "/events", None).await;
    assert_eq!((full.status().as_u16(), full.headers().contains_key("retry-after")), (429, true));
    assert_eq!(full.json::<Value>().await.unwrap()["code"], "event_streams_full");
    // the limit does not apply to the list
    admin.get("/events").await.expect(200);
    let contract = admin.draft("0.00").await;
    admin.pay(contract, "1.00").await;
    poll(app).await;
    app.advance(TimeDelta::seconds(3));
    poll(app).await;
    listener.until(": still here\n").await;
    poll(app).await;
    listener.until(": still here\n\n").await;
    // comments, and nothing that a client hands out
    assert_eq!(listener.blocks(), Vec::<&str>::new());
    // one poll serves all streams, with one statement
    let before = app.state.db.statements();
    poll(app).await;
    assert_eq!(app.state.db.statements() - before, 1);
    // the stream ends when the server stops
    app.state.office.stop.stop();
    listener.hear_out().await;
}

#[scenario(EVENTS_DAYS = "7")]
async fn what_is_no_longer_kept_is_said_so(app: &App) {
    let admin = app.admin().await;
    let contract = admin.draft("0.00").await;
    admin.pay(contract, "1.00").await;
    admin.pay(contract, "2.00").await;
    let last = newest(app).await;
    app.advance(TimeDelta::days(8));
    let admin = app.admin().await;
    // events that were not relayed yet are not removed
    assert_eq!(app.sweep().await, 0);
    relay(app).await;
    admin.pay(contract, "3.00").await;
    assert!(app.sweep().await >= 2);
    assert_eq!(app.scalar("SELECT MIN(id) FROM events").await, last + 1);
    let refused =
        admin.get(&format!("/events?last_event_id={}", last - 1)).await.refused(409, "events_forgotten");
    assert!(refused["detail"].as_str().unwrap().contains(&last.to_string()), "{refused}");
    assert_eq!(Listener::open(&admin, "/events", Some(last - 1)).await.status(), 409);
    for known in [0, last] {
        let path = format!("/events?last_event_id={known}&kind=payment.received");
        assert_eq!(admin.get(&path).await.expect(200)["count"], 1);
        Listener::new(&admin, "/events", Some(known)).await.until(&format!("id: {}\n", last + 1)).await;
    }
    // ids that never were, as after a backup was restored
    let newest = newest(app).await;
    admin.get(&format!("/events?last_event_id={newest}")).await.expect(200);
    for beyond in [newest + 1, i64::MAX] {
        let refused =
            admin.get(&format!("/events?last_event_id={beyond}")).await.refused(409, "events_forgotten");
        assert!(refused["detail"].as_str().unwrap().contains(&newest.to_string()), "{refused}");
        assert_eq!(Listener::open(&admin, "/events", Some(beyond)).await.status(), 409);
    }
    for wrong in ["-1", "x", "1.5", ""] {
        admin.with("Last-Event-ID", wrong).get("/events").await.refused(400, "invalid_parameter");
    }
    for wrong in ["last_event_id=-1", "lastEventId=-1", "lastEventId=x"] {
        admin.get(&format!("/events?{wrong}")).await.refused(400, "invalid_parameter");
    }
}

#[scenario]
async fn a_stream_has_nothing_that_a_client_misreads(app: &App) {
    let admin = app.admin().await;
    let contract = admin.draft("0.00").await;
    let before = newest(app).await;
    let mut listener = Listener::new(&admin, "/events?kind=payment.received", None).await;
    for amount in ["1.00", "2.00"] {
        admin.pay(contract, amount).await;
        poll(app).await;
    }
    let last = app.scalar("SELECT MAX(id) FROM events WHERE kind = 'payment.received'").await;
    listener.until(&format!("id: {last}\n")).await;
    listener.until("\n\n").await;
    let blocks = listener.blocks();
    assert_eq!(blocks.len(), 2, "{}", listener.text);
    assert!(blocks.iter().all(|block| block.contains("\ndata: ")), "{}", listener.text);
    // the time to wait is told with the first event, and once
    assert!(blocks[0].starts_with("retry: 3000\nid: "), "{}", blocks[0]);
    assert_eq!(listener.text.matches("retry:").count(), 1);

    // what a polyfill adds to the address counts more than what the address had, and the header most
    let first = listener.heard()[0].id;
    let path = format!("/events?last_event_id={before}&lastEventId={first}&kind=payment.received");
    let heard = async |last_by_header: Option<i64>| {
        let mut back = Listener::new(&admin, &path, last_by_header).await;
        back.until(&format!("id: {last}\n")).await;
        back.until("\n\n").await;
        back.heard().iter().map(|one| one.id).collect::<Vec<_>>()
    };
    assert_eq!(heard(None).await, [last]);
    assert_eq!(heard(Some(before)).await, [first, last]);
    let listed = admin.get(&path).await.expect(200);
    assert_eq!(listed["results"][0]["id"], last);
}

#[scenario]
async fn a_client_of_http_1_0_gets_the_stream_without_chunks(app: &App) {
    let admin = app.admin().await;
    let contract = admin.draft("0.00").await;
    admin.pay(contract, "1.00").await;
    let mut stream = TcpStream::connect(admin.address()).await.unwrap();
    let token = admin.token.as_deref().unwrap();
    let asked = format!(
        "GET /api/v1/events?last_event_id=0 HTTP/1.0\r\nHost: crm\r\nAuthorization: Bearer {token}\r\n\
         Accept: text/event-stream\r\n\r\n"
    );
    stream.write_all(asked.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    while !String::from_utf8_lossy(&answer).contains("payment.received") {
        let read = tokio::time::timeout(Duration::from_secs(20), stream.read_buf(&mut answer)).await;
        assert!(read.unwrap().unwrap() > 0, "{}", String::from_utf8_lossy(&answer));
    }
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(!head.to_lowercase().contains("transfer-encoding"), "{head}");
    assert!(body.starts_with(": open\n\n"), "{body}");
}

#[scenario(EVENT_STREAMS = "30")]
async fn nobody_takes_all_streams_and_a_place_is_free_soon_after_its_reader_left(app: &App) {
    let admin = app.admin().await;
    let mut mine = Vec::new();
    for _ in 0..3 {
        mine.push(Listener::new(&admin, "/events", None).await);
    }
    // with another of the same user's tokens too
    for client in [&admin, &app.admin().await] {
        let full = Listener::open(client, "/events", None).await;
        assert_eq!((full.status().as_u16(), full.headers().contains_key("retry-after")), (429, true));
        let problem: Value = full.json().await.unwrap();
        assert_eq!(problem["code"], "event_streams_full");
    }
    let other = app.user("supervisor").await;
    let _theirs = Listener::new(&other, "/events", None).await;
    assert_eq!(app.state.streams.open(), 4);

    mine.clear();
    let left = std::time::Instant::now();
    // by the server's clock, which stands still afterwards
    let mut seconds = 0;
    while app.state.streams.open() > 1 {
        if seconds < 8 {
            app.advance(TimeDelta::seconds(1));
            seconds += 1;
        }
        poll(app).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert!(
            left.elapsed() < Duration::from_secs(20),
            "{} are open after {seconds} seconds",
            app.state.streams.open()
        );
    }
    Listener::new(&admin, "/events", None).await;
}

/// The path and query of the address that a ticket opens.
fn path(link: &Value) -> String {
    let url = link["url"].as_str().unwrap();
    let (_, path) = url.split_once("/api/v1").unwrap();
    assert!(path.ends_with(&format!("?ticket={}", link["ticket"].as_str().unwrap())), "{url}");
    path.to_owned()
}

#[scenario]
async fn a_ticket_opens_one_stream_without_a_header(app: &App) {
    let admin = app.admin().await;
    let issued = admin.post("/events/tickets", json!({})).await;
    assert_eq!(issued.header("cache-control"), "no-store");
    let link = issued.expect(201);
    let stranger = app.stranger();
    let mut listener =
        Listener::new(&stranger, &format!("{}&kind=payment.received", path(&link)), None).await;
    let contract = admin.draft("0.00").await;
    admin.pay(contract, "1.00").await;
    poll(app).await;
    listener.until("payment.received").await;
    // once, and not for anything else
    stranger.get(&path(&link)).await.refused(401, "ticket_invalid");
    let other = admin.post("/events/tickets", json!({})).await.expect(201);
    let ticket = other["ticket"].as_str().unwrap();
    stranger.get(&format!("/customers?ticket={ticket}")).await.refused(401, "ticket_invalid");
    stranger
        .post(&path(&other).replace("/events?", "/events/tickets?"), json!({}))
        .await
        .refused(401, "not_signed_in");
    for nonsense in ["", "x", &"y".repeat(43)] {
        stranger.get(&format!("/events?ticket={nonsense}")).await.refused(401, "ticket_invalid");
    }
    // a list, too, and within thirty seconds
    app.advance(TimeDelta::seconds(29));
    stranger.get(&path(&other)).await.expect(200);
    let late = admin.post("/events/tickets", json!({})).await.expect(201);
    app.advance(TimeDelta::seconds(30));
    stranger.get(&path(&late)).await.refused(401, "ticket_invalid");
    // it is worth no more than the token that it stands for
    let last = admin.post("/events/tickets", json!({})).await.expect(201);
    admin.post("/auth/logout", json!({})).await.expect(204);
    stranger.get(&path(&last)).await.refused(401, "session_ended");
    poll(app).await;
    assert_eq!(app.count("one_time_tickets").await, 0);
}

#[scenario]
async fn one_user_has_only_so_many_unused_tickets(app: &App) {
    let admin = app.admin().await;
    admin.post("/events/tickets", json!({})).await.expect(201);
    let sql = "INSERT INTO one_time_tickets (hash, path, user_id, token, expires_at) \
               SELECT CAST(n AS TEXT), path, user_id, token, expires_at FROM one_time_tickets, \
               (WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 499) \
               SELECT n FROM numbers) AS numbers";
    assert_eq!(app.execute(sql).await, 499);
    let full = admin.post("/events/tickets", json!({})).await;
    assert!(!full.header("retry-after").is_empty());
    full.refused(429, "too_many_tickets");
    app.advance(TimeDelta::seconds(31));
    admin.post("/events/tickets", json!({})).await.expect(201);
    assert_eq!(app.count("one_time_tickets").await, 1);
}
