//! Idempotency keys.

mod credentials;
mod posts;

use std::collections::BTreeSet;

use chrono::TimeDelta;
use database::Engine;
use futures_util::future::join_all;
use reqwest::{Method, RequestBuilder};
use serde_json::json;

use crate::{
    gateways,
    harness::{App, Client, PASSWORD, Reply, id, prepaid, scenario},
};

/// The parts of a response that its replay repeats.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Essence {
    status: u16,
    location: String,
    etag: String,
    media_type: String,
    text: String,
}

fn essence(reply: &Reply) -> Essence {
    let header = |name: &str| reply.header(name).to_owned();
    Essence {
        status: reply.status,
        location: header("location"),
        etag: header("etag"),
        media_type: header("content-type"),
        text: reply.text.clone(),
    }
}

fn is_replay(reply: &Reply) -> bool {
    reply.header("idempotent-replayed") == "true"
}

/// The documented operation of this request.
fn operation(documented: &[String], path: &str) -> String {
    let parts: Vec<&str> = path.split('/').collect();
    let fits = |one: &&String| {
        let other: Vec<&str> = one.split('/').collect();
        other.len() == parts.len() && other.iter().zip(&parts).all(|(a, b)| a == b || a.starts_with('{'))
    };
    documented.iter().find(fits).unwrap_or_else(|| panic!("{path} is not documented")).clone()
}

#[scenario]
async fn a_repeat_with_the_same_key_gets_the_stored_answer_and_does_nothing(app: &App) {
    let admin = app.admin().await;
    let contract = admin.draft("600.00").await;
    let body = json!({"contract_id": contract, "amount": "100.00", "payment_method": "cash"});
    let keyed = admin.with("idempotency-key", "desk-3/417");
    let first = keyed.post("/payments", body.clone()).await;
    assert!(!is_replay(&first));
    // other changes happen in between
    admin.pay(contract, "1.00").await;
    app.advance(TimeDelta::hours(1));
    for _ in 0..3 {
        let again = keyed.post("/payments", body.clone()).await;
        assert!(is_replay(&again), "{:?}", again.headers);
        assert_eq!(essence(&again), essence(&first));
    }
    first.expect(201);
    // a body with equal bytes is a repeat; another spelling is a different request
    assert_eq!(
        (admin.contract(contract).await["balance"].clone(), app.count("payments").await),
        (json!("101.00"), 2)
    );
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn the_same_key_with_another_request_is_refused_and_does_nothing(app: &App) {
    let admin = app.admin().await;
    let keyed = admin.with("idempotency-key", "k");
    keyed.post("/roles", json!({"name": "one", "title": "x", "permissions": []})).await.expect(201);
    for (path, body) in [
        ("/roles", json!({"name": "two", "title": "x", "permissions": []})),
        ("/roles", json!({"name": "one", "title": "y", "permissions": []})),
        ("/tariffs", prepaid("1.00")),
        ("/numbers", json!({"first": "+79990000000"})),
    ] {
        keyed.post(path, body).await.refused(422, "idempotency_key_reused");
    }
    assert_eq!((app.count("roles").await, app.count("tariffs").await, app.count("numbers").await), (5, 0, 0));
}

#[scenario]
async fn each_user_has_keys_of_their_own(app: &App) {
    let (admin, operator) = (app.admin().await, app.user("operator").await);
    let body = json!({"first": "+79990000000"});
    let first = admin.with("idempotency-key", "k").post("/numbers", body.clone()).await.expect(201);
    operator.with("idempotency-key", "k").post("/numbers", body).await.refused(409, "number_duplicate");
    let other =
        operator.with("idempotency-key", "k").post("/numbers", json!({"first": "+79990000001"})).await;
    assert!(!is_replay(&other));
    assert_ne!(other.expect(201), first);
}

#[scenario]
async fn another_session_of_the_same_user_gets_the_stored_answer_too(app: &App) {
    let body = json!({"first": "+79990000000"});
    let first = app.admin().await.with("idempotency-key", "k").post("/numbers", body.clone()).await;
    let again = app.admin().await.with("idempotency-key", "k").post("/numbers", body).await;
    assert!(is_replay(&again));
    assert_eq!(essence(&again), essence(&first));
}

#[scenario]
async fn fifty_at_once_with_one_key_make_one_row(app: &App) {
    let admin = app.admin().await.with("idempotency-key", "k");
    let body = json!({"first": "+79990000000"});
    let replies = join_all((0..50).map(|_| admin.post("/numbers", body.clone()))).await;
    let made: Vec<&Reply> = replies.iter().filter(|reply| reply.status == 201).collect();
    assert_eq!(made.iter().filter(|reply| !is_replay(reply)).count(), 1);
    assert_eq!(made.iter().map(|reply| essence(reply)).collect::<BTreeSet<_>>().len(), 1);
    for reply in replies.into_iter().filter(|reply| reply.status != 201) {
        reply.refused(409, "idempotency_key_in_use");
    }
    assert_eq!((app.count("numbers").await, app.count("idempotency_keys").await), (1, 1));
    assert!(is_replay(&admin.post("/numbers", body).await));
}

#[scenario]
async fn while_the_first_still_runs_a_repeat_is_told_so(app: &App) {
    // SQLite has one writer at a time, so a repeat waits for the first request
    if app.state.db.engine() == Engine::Postgres {
        let admin = app.admin().await.with("idempotency-key", "k");
        let body = json!({"first": "+79990000000"});
        let context = app.context();
        app.state
            .db
            .patient()
            .transaction(&context, async |tx| {
                database::Sql::new(
                    "INSERT INTO idempotency_keys (scope, key, request, created_at) \
                     VALUES ('user:1', 'k', '', $1)",
                )
                .bind(context.now)
                .execute(tx)
                .await?;
                let reply = admin.post("/numbers", body.clone()).await;
                reply.refused(409, "idempotency_key_in_use");
                Err::<(), _>(kernel::Error::new(kernel::error::common::INTERNAL))
            })
            .await
            .unwrap_err();
        assert_eq!(app.count("numbers").await, 0);
        admin.post("/numbers", body).await.expect(201);
    }
}

#[scenario]
async fn a_refused_request_leaves_its_key_unused(app: &App) {
    let admin = app.admin().await;
    let keyed = admin.with("idempotency-key", "k");
    keyed.post("/roles", json!({"name": "one"})).await.refused(422, "invalid");
    keyed
        .post("/roles", json!({"name": "admin", "title": "x", "permissions": []}))
        .await
        .refused(409, "role_name_taken");
    app.stranger()
        .with("idempotency-key", "k")
        .post("/roles", json!({"name": "one", "title": "x", "permissions": []}))
        .await
        .refused(401, "not_signed_in");
    assert_eq!(app.count("idempotency_keys").await, 0);
    keyed.post("/roles", json!({"name": "one", "title": "x", "permissions": []})).await.expect(201);
}

#[scenario]
async fn a_key_is_forgotten_after_forty_eight_hours(app: &App) {
    let body = |first: &str| json!({"first": first});
    let keyed = app.admin().await.with("idempotency-key", "k");
    keyed.post("/numbers", body("+79990000000")).await.expect(201);
    app.advance(TimeDelta::hours(48));
    let keyed = app.admin().await.with("idempotency-key", "k");
    assert!(is_replay(&keyed.post("/numbers", body("+79990000000")).await));
    keyed.post("/numbers", body("+79990000001")).await.refused(422, "idempotency_key_reused");
    app.advance(TimeDelta::seconds(1));
    // a refused request does not store the expired key again
    keyed.post("/numbers", body("+79990000000")).await.refused(409, "number_duplicate");
    let second = keyed.post("/numbers", body("+79990000001")).await;
    assert!(!is_replay(&second));
    second.expect(201);
    assert!(is_replay(&keyed.post("/numbers", body("+79990000001")).await));
    app.advance(TimeDelta::hours(49));
    let context = app.context();
    assert_eq!(
        (
            api::idempotency::forget_old(&app.state.db, &context).await.unwrap(),
            app.count("idempotency_keys").await
        ),
        (1, 0)
    );
}

#[scenario]
async fn a_key_has_one_to_255_characters(app: &App) {
    let admin = app.admin().await;
    for (n, key) in [
        "1".to_owned(),
        "x".repeat(255),
        "a b/c:d=e,f;\"g\"'".to_owned(),
        "01930f0a-26a5-7c3b-9f64-2f6f0c1d2e3f".to_owned(),
    ]
    .into_iter()
    .enumerate()
    {
        let keyed = admin.with("idempotency-key", key);
        let body = json!({"first": format!("+7999000000{n}")});
        keyed.post("/numbers", body.clone()).await.expect(201);
        assert!(is_replay(&keyed.post("/numbers", body).await));
    }
    for key in [String::new(), "x".repeat(256), "x".repeat(5000)] {
        let reply =
            admin.with("idempotency-key", &key).post("/numbers", json!({"first": "+79990000009"})).await;
        assert_eq!(reply.wrong_fields(), [("Idempotency-Key".to_owned(), "invalid_length".to_owned())]);
        reply.refused(400, "invalid_parameter");
    }
    for (key, language, words) in [
        ("ключ", "en", "from 1 to 255 printable ASCII characters"),
        ("ключ", "ru", "от 1 до 255 печатных символов ASCII"),
        ("a\tb", "en", "printable ASCII"),
    ] {
        let request = admin
            .request(Method::POST, "/numbers")
            .header("idempotency-key", reqwest::header::HeaderValue::from_bytes(key.as_bytes()).unwrap())
            .header("accept-language", language)
            .json(&json!({"first": "+79990000009"}));
        let reply = Reply::read(key.into(), request.send().await.unwrap()).await;
        assert_eq!(reply.wrong_fields(), [("Idempotency-Key".to_owned(), "invalid_format".to_owned())]);
        let message = reply.body["errors"][0]["message"].as_str().unwrap();
        assert!(message.contains(words), "{message}");
        reply.refused(400, "invalid_parameter");
    }
    assert_eq!(app.count("numbers").await, 4);
}

/// Sends a file twice, with different multipart boundaries: both are one request.
async fn attach_twice(app: &App, admin: &Client) {
    let complaint = json!({
        "customer_id": admin.customer().await, "category": "sim", "subject": "x", "description": "x"
    });
    let ticket = id(&admin.post("/tickets", complaint).await.expect(201));
    let path = format!("/tickets/{ticket}/attachments");
    let keyed = admin.with("idempotency-key", "file");
    let send = async |content: &[u8]| {
        let request = keyed.file(&path, "a.txt", "text/plain", content);
        Reply::read("file".into(), request.send().await.unwrap()).await
    };
    let before = app.count("ticket_attachments").await;
    let first = send(b"text").await;
    let elsewhere = "--edge\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\n\
                     Content-Type: text/plain\r\n\r\ntext\r\n--edge--\r\n";
    let again = keyed
        .request(Method::POST, &path)
        .header("content-type", "multipart/form-data; boundary=edge")
        .body(elsewhere);
    let again = Reply::read("file".into(), again.send().await.unwrap()).await;
    assert!(first.status == 201 && is_replay(&again), "{} {}", first.text, again.text);
    assert_eq!(
        (essence(&again), app.count("ticket_attachments").await, app.count("leftover_files").await),
        (essence(&first), before + 1, 0)
    );
    send(b"other").await.refused(422, "idempotency_key_reused");
    let kept = (app.count("ticket_attachments").await, app.count("leftover_files").await);
    assert_eq!(kept, (before + 1, 0));
}

/// Sends a request twice, built anew each time.
async fn send_twice(make: impl Fn() -> RequestBuilder) {
    let first = Reply::read("first".into(), make().send().await.unwrap()).await;
    let again = Reply::read("again".into(), make().send().await.unwrap()).await;
    assert!((200..300).contains(&first.status) && is_replay(&again), "{} {}", first.text, again.text);
    assert_eq!(essence(&again), essence(&first));
}

/// Sends a settlement file, a signed event and a form twice.
async fn send_what_is_no_json_twice(app: &App, admin: &Client) {
    let to = |client: &Client, key: &str, path: &str| {
        client.with("idempotency-key", key).request(Method::POST, path)
    };
    let settlement = "/payments/reconciliations?gateway=sandbox&from=2026-01-31&to=2026-01-31";
    send_twice(|| {
        let request = to(admin, "settlement", settlement).header("content-type", "text/csv");
        request.body("reference,amount,currency\n")
    })
    .await;
    let payment = gateways::link(admin, admin.draft("0.00").await, "2.00").await;
    let failed = gateways::happened(&payment, "payment.failed");
    let event = gateways::signed(app, gateways::KEY, "keyed", &failed);
    let stranger = app.stranger();
    send_twice(|| {
        let request = to(&stranger, "event", "/webhooks/payments/sandbox");
        let request = request.header("content-type", "application/json");
        let signed =
            event.headers.iter().fold(request, |request, (name, value)| request.header(*name, value));
        signed.body(event.body.clone())
    })
    .await;
    let form = [("username", "admin"), ("password", PASSWORD)];
    send_twice(|| to(&stranger, "form", "/auth/token").form(&form)).await;
    let from =
        admin.get(&format!("/customers/{}", admin.customer().await)).await.expect(200)["email"].clone();
    let mail =
        format!("From: {}\r\nSubject: x\r\nMessage-ID: <keyed@example.com>\r\n\r\nx", from.as_str().unwrap());
    send_twice(|| {
        let request = to(admin, "mail", "/tickets/inbound").header("content-type", "message/rfc822");
        request.body(mail.clone())
    })
    .await;
    pay_at_a_terminal_twice(app, admin).await;
}

/// Sends a form of a terminal twice. Its protocol repeats the first answer to a `txn_id` by itself, with a key
/// or without one, so it is no replay of a stored answer; the payment is taken once.
async fn pay_at_a_terminal_twice(app: &App, admin: &Client) {
    let contract = admin.contract(admin.draft("0.00").await).await;
    let keyed = gateways::terminals::terminal(app).with("idempotency-key", "terminal");
    let form = format!(
        "command=pay&txn_id=4711&txn_date=20260131120000&account={}&sum=100.00",
        contract["number"].as_str().unwrap()
    );
    let send = async || {
        let request = keyed.request(Method::POST, "/terminal/v1");
        let request = request.header("content-type", "application/x-www-form-urlencoded").body(form.clone());
        Reply::read("terminal".into(), request.send().await.unwrap()).await
    };
    let (first, before) = (send().await, app.count("payments").await);
    assert!(first.status == 200 && first.text.contains("<result>0</result>"), "{}", first.text);
    let again = send().await;
    assert_eq!((essence(&again), app.count("payments").await), (essence(&first), before));
}

/// Changes the password and signs out, each twice.
/// The second password change is a replay; a signed-out caller is refused, even with a key.
async fn change_the_password_and_sign_out_twice(app: &App, admin: &Client) {
    let changed = "another lighthouse, tram 18";
    let keyed = admin.with("idempotency-key", "password");
    let change = json!({"current_password": PASSWORD, "new_password": changed});
    keyed.post("/auth/change-password", change.clone()).await.expect(204);
    let again = keyed.post("/auth/change-password", change).await;
    assert!(again.status == 204 && is_replay(&again), "{} {}", again.status, again.text);
    for path in ["/auth/logout", "/auth/logout-all"] {
        let session = app.sign_in("admin", changed).await.with("idempotency-key", path);
        session.post(path, json!({})).await.expect(204);
        session.post(path, json!({})).await.refused(401, "session_ended");
    }
}

#[scenario(SMTP_URL = "smtp://127.0.0.1:9", SMTP_FROM = "crm@example.com")]
async fn every_post_takes_a_key(app: &App) {
    let (admin, stranger) = (app.admin().await, app.stranger());
    let document = admin.get("/api/v1/openapi.json").await.expect(200);
    let posts = document["paths"].as_object().unwrap().iter().filter(|(_, item)| item["post"].is_object());
    for (path, item) in posts.clone() {
        let named = item["post"]["parameters"]
            .as_array()
            .is_some_and(|parameters| parameters.iter().any(|one| one["name"] == "Idempotency-Key"));
        assert!(named, "POST {path} does not document Idempotency-Key");
    }
    let documented: Vec<String> =
        posts.map(|(path, _)| path.trim_start_matches("/api/v1").to_owned()).collect();

    let staff = posts::of(app, &admin).await.into_iter().map(|request| (&admin, request));
    let others = posts::of_a_stranger(app).await.into_iter().map(|request| (&stranger, request));
    let mut tried = BTreeSet::new();
    for (n, (client, request)) in staff.chain(others).enumerate() {
        tried.insert(operation(&documented, &request.path));
        let keyed = client.with("idempotency-key", format!("step {n}"));
        let first = keyed.ask(&request).await;
        assert!((200..300).contains(&first.status) && !is_replay(&first), "{}: {}", first.asked, first.text);
        let rows = app.count("audit").await;
        let again = keyed.ask(&request).await;
        assert!(is_replay(&again), "{}: {}", again.asked, again.text);
        assert_eq!((essence(&again), app.count("audit").await), (essence(&first), rows), "{}", again.asked);
    }
    attach_twice(app, &admin).await;
    send_what_is_no_json_twice(app, &admin).await;
    change_the_password_and_sign_out_twice(app, &admin).await;
    let by_hand = [
        "/tickets/{id}/attachments",
        "/payments/reconciliations",
        "/webhooks/payments/{gateway}",
        "/tickets/inbound",
        "/terminal/v1",
        "/auth/token",
        "/auth/change-password",
        "/auth/logout",
        "/auth/logout-all",
    ];
    tried.extend(by_hand.map(str::to_owned));
    let untried: Vec<&String> = documented.iter().filter(|path| !tried.contains(*path)).collect();
    assert_eq!(untried, Vec::<&String>::new(), "POSTs without a test");
    assert_eq!(app.violations().await, Vec::<String>::new());
}
