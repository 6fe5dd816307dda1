//! The list and the stream of events.

use std::time::Duration;

use chrono::TimeDelta;
use futures_util::future::join_all;
use reqwest::{Method, Response};
use serde_json::{Value, json};

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
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert_eq!(response.headers()["cache-control"], "no-store");
        assert!(
            response.headers().contains_key("x-request-id")
                && response.headers().contains_key("x-content-type-options")
        );
        let mut listener = Self { response, text: String::new() };
        // the stream is established when its first line is received
        listener.until("retry: 3000\n\n").await;
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
    app.advance(TimeDelta::seconds(15));
    poll(app).await;
    // with the id from which the client can continue
    listener.until(&format!(": still here\nid: {}\n\n", newest(app).await)).await;
    assert_eq!(listener.heard(), []);
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
        assert_eq!(admin.get(&format!("/events?last_event_id={known}")).await.expect(200)["count"], 1);
        Listener::new(&admin, "/events", Some(known)).await.until(&format!("id: {}\n", last + 1)).await;
    }
    for wrong in ["-1", "x", "1.5", ""] {
        admin.with("Last-Event-ID", wrong).get("/events").await.refused(400, "invalid_parameter");
    }
    admin.get("/events?last_event_id=-1").await.refused(400, "invalid_parameter");
}
