//! The HTTP gateway against a server that hangs, fails,
//! sends wrong responses or loses its responses.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    rc::Rc,
    time::{Duration, Instant},
};

use chrono::TimeDelta;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use super::{balance, deliver, now, order, signed, succeeded};
use crate::harness::{App, Client, scenario};

const KEY: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// How the simulated gateway treats the next requests.
#[derive(Clone, Debug)]
enum Mood {
    Good,
    /// Never responds.
    Hangs,
    /// Does nothing and responds with this error.
    Fails(u16),
    /// Acts and responds with an unexpected status or body.
    Answers(u16, String),
    /// Acts and closes the connection before the response.
    LosesAnswers,
}

#[derive(Default)]
struct Books {
    mood: Option<Mood>,
    /// Each payment by our reference.
    payments: BTreeMap<String, Value>,
    refunds: BTreeMap<String, Value>,
    /// Requests in the order received.
    asked: Vec<Asked>,
}

#[derive(Debug, PartialEq)]
struct Asked {
    /// Method and path.
    line: String,
    idempotency_key: String,
    authorization: String,
}

/// The simulated gateway.
#[derive(Clone)]
struct Other {
    port: u16,
    books: Rc<RefCell<Books>>,
}

impl Other {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let other = Self { port: listener.local_addr().unwrap().port(), books: Rc::default() };
        let books = other.books.clone();
        actix_web::rt::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                actix_web::rt::spawn(serve(stream, books.clone()));
            }
        });
        other
    }

    fn is(&self, mood: Mood) {
        self.books.borrow_mut().mood = Some(mood);
    }

    /// Changes a payment in the gateway.
    fn becomes(&self, payment: &Value, change: Value) {
        let mut books = self.books.borrow_mut();
        let known = books.payments.get_mut(&payment["id"].to_string()).unwrap();
        for (name, value) in change.as_object().unwrap() {
            known[name] = value.clone();
        }
    }

    /// The numbers of payments and refunds in the gateway.
    fn made(&self) -> (usize, usize) {
        let books = self.books.borrow();
        (books.payments.len(), books.refunds.len())
    }

    fn asked(&self) -> usize {
        self.books.borrow().asked.len()
    }
}

async fn serve(mut stream: TcpStream, books: Rc<RefCell<Books>>) {
    let mut read = Vec::new();
    let (head, body) = loop {
        let text = String::from_utf8_lossy(&read).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .to_lowercase()
                .split("content-length: ")
                .nth(1)
                .and_then(|rest| rest.lines().next()?.parse().ok())
                .unwrap_or(0);
            if body.len() >= length {
                break (head.to_owned(), body.to_owned());
            }
        }
        if stream.read_buf(&mut read).await.unwrap_or(0) == 0 {
            return;
        }
    };
    let header = |name: &str| {
        head.lines()
            .find_map(|line| {
                line.to_lowercase()
                    .starts_with(&format!("{name}: "))
                    .then(|| line[name.len() + 2..].to_owned())
            })
            .unwrap_or_default()
    };
    let line = head.lines().next().unwrap().trim_end_matches(" HTTP/1.1").to_owned();
    let mood = {
        let mut books = books.borrow_mut();
        books.asked.push(Asked {
            line: line.clone(),
            idempotency_key: header("idempotency-key"),
            authorization: header("authorization"),
        });
        books.mood.clone().unwrap_or(Mood::Good)
    };
    let (status, answer) = match mood {
        Mood::Good => act(&mut books.borrow_mut(), &line, &body),
        Mood::Hangs => return std::future::pending().await,
        Mood::Fails(status) => (status, json!({"reason": "нет денег\u{7}"}).to_string()),
        Mood::Answers(status, text) => {
            act(&mut books.borrow_mut(), &line, &body);
            (status, text)
        }
        Mood::LosesAnswers => {
            act(&mut books.borrow_mut(), &line, &body);
            return;
        }
    };
    let text = format!(
        "HTTP/1.1 {status} x\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{answer}",
        answer.len()
    );
    let _it_may_be_gone = stream.write_all(text.as_bytes()).await;
}

/// A working gateway: equal references mean one payment or one refund.
fn act(books: &mut Books, line: &str, body: &str) -> (u16, String) {
    let body: Value = serde_json::from_str(body).unwrap_or_default();
    let path: Vec<&str> = line.split_once(' ').unwrap().1.trim_start_matches("/pay/v1/").split('/').collect();
    let found = match path.as_slice() {
        ["payments"] => {
            let reference = body["reference"].as_str().unwrap().to_owned();
            let new = json!({
                "id": format!("gw-{reference}"), "link": format!("https://pay.example.com/{reference}"),
                "status": "pending", "amount": body["amount"], "currency": body["currency"],
                "return_url": body["return_url"], "description": body["description"]
            });
            Some(books.payments.entry(reference).or_insert(new).clone())
        }
        ["payments", reference] => books.payments.get(*reference).cloned(),
        ["payments", _, "refunds"] => {
            let reference = body["reference"].as_str().unwrap().to_owned();
            let new =
                json!({"id": format!("gwr-{reference}"), "status": "succeeded", "amount": body["amount"]});
            Some(books.refunds.entry(reference).or_insert(new).clone())
        }
        _ => None,
    };
    found.map_or((404, "{}".to_owned()), |found| (200, found.to_string()))
}

/// Runs a scenario on a server that uses this gateway.
async fn with_gateway(app: &App, scene: impl AsyncFnOnce(&App, &Other, &Client)) {
    let other = Other::start().await;
    let url = format!("http://127.0.0.1:{}/pay/v1/", other.port);
    let set = [
        ("GATEWAYS", "http,sandbox"),
        ("GATEWAY_HTTP_URL", url.as_str()),
        ("GATEWAY_HTTP_KEY", "the key they know us by"),
        ("GATEWAY_HTTP_SECRET", KEY),
    ];
    app.beside(&set, async |server| {
        let admin = server.admin().await;
        scene(server, &other, &admin).await;
        assert_eq!(server.violations().await, Vec::<String>::new());
    })
    .await;
}

fn by_http(contract: i64, amount: &str) -> Value {
    let mut body = order(contract, amount);
    body["gateway"] = json!("http");
    body
}

#[scenario]
async fn a_payment_goes_through_and_comes_back(app: &App) {
    with_gateway(app, async |app, other, admin| {
        let contract = admin.draft("1.00").await;
        let payment = admin.post("/payments/links", by_http(contract, "100.50")).await.expect(201);
        assert_eq!(
            (&payment["link"], &payment["transaction_id"]),
            (
                &json!(format!("https://pay.example.com/{}", payment["id"])),
                &json!(format!("gateway:http:gw-{}", payment["id"]))
            )
        );
        {
            let books = other.books.borrow();
            let known = &books.payments[&payment["id"].to_string()];
            assert_eq!(
                (&known["amount"], &known["currency"], &known["return_url"]),
                (&json!("100.50"), &json!("RUB"), &json!("https://shop.example.com/paid?order=7"))
            );
            assert_eq!(
                books.asked,
                [Asked {
                    line: "POST /pay/v1/payments".to_owned(),
                    idempotency_key: format!("payment-{}", payment["id"]),
                    authorization: "Bearer the key they know us by".to_owned(),
                }]
            );
        }
        // its events need its key, and no other gateway's key is valid
        let event = signed(app, KEY, "evt-1", &succeeded(&payment, "100.50"));
        deliver(app, "sandbox", &event).await.refused(401, "event_not_signed");
        assert_eq!(deliver(app, "http", &event).await.expect(200)["outcome"], "applied");
        // a payment of another gateway is unknown to it
        let foreign = admin.post("/payments/links", order(contract, "5.00")).await.expect(201);
        let event = signed(app, KEY, "evt-2", &succeeded(&foreign, "5.00"));
        assert_eq!(deliver(app, "http", &event).await.expect(200)["outcome"], "unknown_payment");
        assert_eq!(balance(admin, contract).await, "100.50");
        let after = admin
            .post(&format!("/payments/{}/refund", payment["id"]), json!({"amount": "0.50", "reason": "x"}))
            .await
            .expect(200);
        assert_eq!(
            (&after["refunded_amount"], balance(admin, contract).await.as_str()),
            (&json!("0.50"), "100.00")
        );
        assert_eq!(other.books.borrow().asked.last().unwrap().idempotency_key, "refund-1");
    })
    .await;
}

/// The gateway acts and responds with this text.
fn wrong(text: &str) -> Mood {
    Mood::Answers(200, text.to_owned())
}

/// What a gateway may do with a new payment and give no link that could be used.
fn without_a_link() -> Vec<Mood> {
    let link = |link: &str| wrong(&json!({"id": "gw-1", "link": link, "status": "pending"}).to_string());
    vec![
        Mood::Fails(500),
        Mood::Fails(401),
        Mood::Fails(404),
        Mood::Fails(429),
        Mood::Fails(302),
        Mood::LosesAnswers,
        wrong(""),
        wrong("<html>"),
        wrong("[]"),
        wrong("{\"id\": 7}"),
        wrong(&"[".repeat(100_000)),
        wrong(r#"{"id": "gw-1", "status": "pending"}"#),
        wrong(r#"{"id": "gw-1", "link": "https://x.example", "status": "odd"}"#),
        link("javascript:alert(1)"),
        link(&format!("https://x.example/{}", "x".repeat(2000))),
        link("not a link"),
        wrong(&json!({"id": "x".repeat(65), "link": "https://x.example", "status": "pending"}).to_string()),
        wrong(&json!({"id": "a b", "link": "https://x.example", "status": "pending"}).to_string()),
    ]
}

#[scenario]
async fn whatever_goes_wrong_on_the_way_is_told_and_mended_later(app: &App) {
    with_gateway(app, async |app, other, admin| {
        let contract = admin.draft("1.00").await;
        let moods = without_a_link();
        let made = moods.len();
        for mood in moods {
            other.is(mood.clone());
            let reply = admin.post("/payments/links", by_http(contract, "10.00")).await;
            assert_eq!(reply.status, 503, "{mood:?}: {}", reply.text);
            reply.refused(503, "gateway_away");
        }
        assert_eq!(admin.get("/payments/pending?gateway=http").await.expect(200)["count"], made);
        // a refused payment has failed, with the gateway's text, without unsafe characters
        for status in [400, 402, 409, 422] {
            other.is(Mood::Fails(status));
            admin.post("/payments/links", by_http(contract, "10.00")).await.refused(409, "gateway_refused");
        }
        let refused = admin.get("/payments?status=failed").await.expect(200);
        assert_eq!(
            (&refused["count"], &refused["results"][0]["failure_reason"]),
            (&json!(4), &json!("нет денег"))
        );
        // it works again: payments it had created have links, and the others cannot be paid
        other.is(Mood::Good);
        app.advance(TimeDelta::minutes(15));
        app.poll_gateways().await;
        let admin = app.admin().await;
        let acted = other.made().0;
        assert_eq!(acted, made - 5);
        let pending = admin.get("/payments/pending?gateway=http").await.expect(200);
        let with_links = pending["results"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|payment| payment["link"].is_string())
            .count();
        assert_eq!((with_links, balance(&admin, contract).await.as_str()), (acted, "0.00"));
        // an event of a payment counts, even while its responses are wrong
        let paid = pending["results"]
            .as_array()
            .unwrap()
            .iter()
            .find(|payment| payment["link"].is_string())
            .unwrap()
            .clone();
        other.becomes(&paid, json!({"status": "succeeded"}));
        for mood in [
            Mood::Fails(500),
            wrong("{}"),
            wrong(r#"{"id": "x", "status": "succeeded"}"#),
            wrong(r#"{"id": "x", "status": "succeeded", "amount": "1e9", "currency": "RUB"}"#),
            Mood::LosesAnswers,
            Mood::Good,
        ] {
            other.is(mood.clone());
            app.advance(TimeDelta::minutes(15));
            app.poll_gateways().await;
            let balance = balance(&app.admin().await, contract).await;
            assert_eq!(balance, if matches!(mood, Mood::Good) { "10.00" } else { "0.00" }, "{mood:?}");
        }
    })
    .await;
}

#[scenario]
async fn a_repeat_after_a_lost_answer_is_the_same_payment_and_the_same_refund(app: &App) {
    with_gateway(app, async |app, other, admin| {
        let contract = admin.draft("1.00").await;
        let keyed = admin.with("idempotency-key", "order-1");
        other.is(Mood::LosesAnswers);
        keyed.post("/payments/links", by_http(contract, "10.00")).await.refused(503, "gateway_away");
        other.is(Mood::Good);
        let payment = keyed.post("/payments/links", by_http(contract, "10.00")).await.expect(201);
        assert_eq!((other.made().0, app.count("payments").await), (1, 1));
        deliver(app, "http", &signed(app, KEY, "evt-1", &succeeded(&payment, "10.00"))).await.expect(200);

        let keyed = admin.with("idempotency-key", "refund-1");
        let refund = async |client: &Client| {
            client
                .post(
                    &format!("/payments/{}/refund", payment["id"]),
                    json!({"amount": "4.00", "reason": "x"}),
                )
                .await
        };
        other.is(Mood::LosesAnswers);
        assert_eq!(refund(&keyed).await.expect(202)["refund_requested"], "4.00");
        other.is(Mood::Fails(503));
        refund(&keyed).await.expect(202);
        assert_eq!(balance(admin, contract).await, "10.00");
        other.is(Mood::Good);
        assert_eq!(refund(&keyed).await.expect(200)["refunded_amount"], "4.00");
        assert_eq!((other.made().1, balance(admin, contract).await.as_str()), (1, "6.00"));
        // without a key, the poll every 15 minutes finds the result
        other.is(Mood::LosesAnswers);
        refund(admin).await.expect(202);
        other.is(Mood::Good);
        app.advance(TimeDelta::minutes(15));
        app.poll_gateways().await;
        assert_eq!((other.made().1, balance(&app.admin().await, contract).await.as_str()), (2, "2.00"));
        assert_eq!(now(&app.admin().await, &payment).await["refunded_amount"], "8.00");
    })
    .await;
}

#[scenario]
async fn a_gateway_that_hangs_delays_nobody_else(app: &App) {
    with_gateway(app, async |app, other, admin| {
        let contract = admin.draft("1.00").await;
        let begun = Instant::now();
        admin.post("/payments/links", by_http(contract, "10.00")).await.expect(201);
        let foreign = admin.post("/payments/links", order(contract, "5.00")).await.expect(201);
        other.is(Mood::Hangs);
        app.advance(TimeDelta::minutes(15));
        let admin = &app.admin().await;
        // both gateways are polled, and a client requests a link of the one that hangs
        let hanging = async {
            (app.poll_gateways().await, admin.post("/payments/links", by_http(contract, "10.00")).await)
        };
        let others = async {
            for _ in 0..500 {
                if now(admin, &foreign).await["status"] == "success" {
                    break;
                }
            }
            admin.pay(contract, "1.00").await;
            (balance(admin, contract).await, begun.elapsed())
        };
        let both = futures_util::future::select(Box::pin(hanging), Box::pin(others)).await;
        let futures_util::future::Either::Right(((balance, took), _still_hanging)) = both else {
            panic!("the gateway responded")
        };
        assert_eq!(balance, "6.00");
        assert!(took < Duration::from_secs(9), "{took:?}");
        assert!(other.asked() >= 2);
    })
    .await;
}
