//! Idempotency keys (SPEC 2.7).

use std::collections::BTreeSet;

use chrono::TimeDelta;
use futures_util::future::join_all;
use kernel::db::Engine;
use serde_json::{Value, json};

use crate::{
    gateways,
    harness::{App, Client, PASSWORD, Reply, id, person, prepaid, scenario, sim},
};

/// What an answer and its replay have in common.
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

/// The operation of the document that this request is.
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
    // the world goes on in between
    admin.pay(contract, "1.00").await;
    app.advance(TimeDelta::hours(1));
    for _ in 0..3 {
        let again = keyed.post("/payments", body.clone()).await;
        assert!(is_replay(&again), "{:?}", again.headers);
        assert_eq!(essence(&again), essence(&first));
    }
    first.expect(201);
    // the same bytes are the same request, another spelling is another
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
    // on SQLite one writes at a time, so a repeat simply waits for the first
    if app.state.db.engine() == Engine::Postgres {
        let admin = app.admin().await.with("idempotency-key", "k");
        let body = json!({"first": "+79990000000"});
        let context = app.state.context(kernel::Origin::default());
        app.state
            .db
            .patient()
            .transaction(&context, async |tx| {
                kernel::db::Sql::new(
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
    // refused in its new life, it still counts as forgotten
    keyed.post("/numbers", body("+79990000000")).await.refused(409, "number_duplicate");
    let second = keyed.post("/numbers", body("+79990000001")).await;
    assert!(!is_replay(&second));
    second.expect(201);
    assert!(is_replay(&keyed.post("/numbers", body("+79990000001")).await));
    app.advance(TimeDelta::hours(49));
    let context = app.state.context(kernel::Origin::default());
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
    let request = admin
        .request(reqwest::Method::POST, "/numbers")
        .header("idempotency-key", reqwest::header::HeaderValue::from_bytes(b"\xd0\xba").unwrap())
        .json(&json!({"first": "+79990000009"}));
    Reply::read("a key in Cyrillic".into(), request.send().await.unwrap())
        .await
        .refused(400, "invalid_parameter");
    assert_eq!(app.count("numbers").await, 4);
}

#[scenario(SMTP_URL = "smtp://127.0.0.1:9", SMTP_FROM = "crm@example.com")]
async fn every_post_takes_a_key(app: &App) {
    let admin = app.admin().await;
    let document = admin.get("/api/v1/openapi.json").await.expect(200);
    let posts = document["paths"].as_object().unwrap().iter().filter(|(_, item)| item["post"].is_object());
    for (path, item) in posts.clone() {
        let named = item["post"]["parameters"]
            .as_array()
            .is_some_and(|parameters| parameters.iter().any(|one| one["name"] == "Idempotency-Key"));
        assert!(named, "POST {path} does not say that it takes an Idempotency-Key");
    }
    let documented: Vec<String> =
        posts.map(|(path, _)| path.trim_start_matches("/api/v1").to_owned()).collect();

    let (customer, tariff) = (admin.customer().await, admin.prepaid_tariff("0.00").await);
    let (draft, other) = (admin.draft("0.00").await, admin.draft("0.00").await);
    let paid = id(&admin.pay(other, "5.00").await);
    let mut pending = Vec::new();
    for _ in 0..3 {
        pending.push(id(&admin
            .post("/payments", json!({"contract_id": other, "amount": 1, "payment_method": "card"}))
            .await
            .expect(201)));
    }
    let by_link = gateways::link(&admin, other, "2.00").await;
    let wrong = id(&by_link);
    gateways::tell(app, "wrong", gateways::succeeded(&by_link, "1.00")).await;
    let unanswered = gateways::unanswered_refund(app, &admin).await;
    let (same, gone) = (admin.customer().await, admin.customer().await);
    admin.delete(&format!("/customers/{gone}")).await.expect(204);
    let (sim_id, spare, useless) =
        (admin.contract(draft).await["sim_id"].clone(), admin.sim().await, admin.sim().await);
    let number = id(&admin.post("/numbers", json!({"first": "+79990000001"})).await.expect(201)[0]);
    let other_tariff = admin.prepaid_tariff("0.00").await;
    let option = admin.option("0.00", &[admin.contract(draft).await["tariff_id"].as_i64().unwrap()]).await;
    let user = id(&admin
        .post(
            "/users",
            json!({"username": "worker", "full_name": "x", "role": "operator", "password": PASSWORD}),
        )
        .await
        .expect(201));
    let ticket = id(&admin
        .post(
            "/tickets",
            json!({"customer_id": customer, "category": "sim", "subject": "x", "description": "x"}),
        )
        .await
        .expect(201));
    let given = id(&admin.post("/tickets", json!({
        "customer_id": customer, "category": "sim", "subject": "x", "description": "x", "assigned_to": user
    })).await.expect(201));
    let hook = json!({"url": "https://example.com/hooks", "kinds": ["payment.received"]});
    let endpoint = id(&admin.post("/webhook-endpoints", hook.clone()).await.expect(201));
    let delivery =
        id(&admin.post(&format!("/webhook-endpoints/{endpoint}/test"), json!({})).await.expect(200));
    while api::couriers::relay_events(&app.state).await.unwrap() > 0 {}
    for table in ["notifications", "webhook_deliveries"] {
        app.execute(&format!(
            "UPDATE {table} SET status = 'failed', next_attempt_at = NULL WHERE status = 'pending'"
        ))
        .await;
    }
    let told = app.scalar("SELECT MAX(id) FROM notifications WHERE user_id = 1").await;
    let email = app.scalar("SELECT MAX(id) FROM notifications WHERE channel = 'email'").await;
    let pair = app
        .stranger()
        .post("/auth/login", json!({"username": "admin", "password": PASSWORD}))
        .await
        .expect(200);
    let stranger = app.stranger();
    let steps: Vec<(&Client, String, Value)> = vec![
        (&admin, "/customers".into(), person()),
        (
            &admin,
            "/customers/check-duplicates".into(),
            json!({"last_name": "Иванов", "first_name": "Пётр", "patronymic": "Сергеевич"}),
        ),
        (&admin, format!("/customers/{same}/suspend"), json!({"reason": "x"})),
        (&admin, format!("/customers/{same}/block"), json!({"reason": "x"})),
        (&admin, format!("/customers/{same}/activate"), json!({})),
        (&admin, format!("/customers/{customer}/merge"), json!({"duplicate_id": same})),
        (&admin, format!("/customers/{gone}/restore"), json!({})),
        (&admin, "/sims".into(), sim()),
        (&admin, "/numbers".into(), json!({"first": "+79990000000"})),
        (&admin, "/tariffs".into(), prepaid("1.00")),
        (&admin, format!("/tariffs/{other_tariff}/deactivate"), json!({})),
        (&admin, format!("/tariffs/{other_tariff}/activate"), json!({})),
        (
            &admin,
            "/options".into(),
            json!({"code": "NEW", "name": "x", "kind": "service", "monthly_fee": "1.00"}),
        ),
        (&admin, "/contracts".into(), json!({"customer_id": customer, "tariff_id": tariff})),
        (&admin, format!("/contracts/{draft}/activate"), json!({})),
        (
            &admin,
            format!("/contracts/{draft}/change-tariff"),
            json!({"tariff_id": other_tariff, "when": "next_period"}),
        ),
        (&admin, format!("/contracts/{draft}/cancel-change"), json!({})),
        (&admin, format!("/contracts/{draft}/options"), json!({"add": [option], "when": "now"})),
        (&admin, format!("/contracts/{draft}/suspend"), json!({"reason": "request"})),
        (&admin, format!("/contracts/{draft}/resume"), json!({"reason": "request"})),
        (&admin, format!("/sims/{sim_id}/block"), json!({"reason": "x"})),
        (&admin, format!("/sims/{sim_id}/unblock"), json!({})),
        (&admin, format!("/sims/{sim_id}/deactivate"), json!({"reason": "lost"})),
        (&admin, format!("/contracts/{draft}/replace-sim"), json!({"sim_id": spare, "reason": "x"})),
        (&admin, format!("/sims/{useless}/close"), json!({})),
        (&admin, format!("/numbers/{number}/reserve"), json!({"until": "2026-02-28T00:00:00Z"})),
        (&admin, format!("/numbers/{number}/release"), json!({})),
        (&admin, format!("/numbers/{number}/port-out"), json!({"note": "x"})),
        (&admin, format!("/contracts/{draft}/terminate"), json!({"reason": "x"})),
        (&admin, "/payments".into(), json!({"contract_id": other, "amount": 1, "payment_method": "cash"})),
        (&admin, format!("/contracts/{other}/add_balance"), json!({"amount": 1})),
        (&admin, format!("/contracts/{other}/deduct_balance"), json!({"amount": 1, "description": "x"})),
        (&admin, "/billing/runs".into(), json!({})),
        (&admin, "/payments/corrections".into(), json!({"contract_id": other, "amount": -1, "reason": "x"})),
        (&admin, format!("/payments/{paid}/refund"), json!({"reason": "x"})),
        (&admin, format!("/payments/{}/process", pending[0]), json!({})),
        (&admin, format!("/payments/{}/cancel", pending[1]), json!({})),
        (&admin, format!("/payments/{}/fail", pending[2]), json!({"reason": "x"})),
        (&admin, "/payments/links".into(), gateways::order(other, "1.00")),
        (
            &admin,
            format!("/payments/gateway-refunds/{unanswered}/resolve"),
            json!({"decision": "accept", "reason": "x"}),
        ),
        (&admin, format!("/payments/{wrong}/resolve"), json!({"decision": "dismiss", "reason": "x"})),
        (
            &admin,
            "/tickets".into(),
            json!({"customer_id": customer, "category": "sim", "subject": "x", "description": "x"}),
        ),
        (&admin, format!("/tickets/{ticket}/assign"), json!({"user_id": user})),
        (&admin, format!("/tickets/{ticket}/wait"), json!({"reason": "x"})),
        (&admin, format!("/tickets/{ticket}/resume"), json!({})),
        (&admin, format!("/tickets/{ticket}/change_priority"), json!({"priority": "low"})),
        (&admin, format!("/tickets/{ticket}/comments"), json!({"text": "x"})),
        (&admin, format!("/tickets/{ticket}/resolve"), json!({"resolution": "x"})),
        (&admin, format!("/tickets/{ticket}/close"), json!({})),
        (&admin, format!("/tickets/{ticket}/reopen"), json!({"reason": "x"})),
        (&admin, format!("/tickets/{given}/start_work"), json!({})),
        (&admin, format!("/notifications/{told}/read"), json!({})),
        (&admin, format!("/notifications/{email}/retry"), json!({})),
        (&admin, "/webhook-endpoints".into(), hook),
        (&admin, format!("/webhook-endpoints/{endpoint}/rotate-secret"), json!({})),
        (&admin, format!("/webhook-endpoints/{endpoint}/test"), json!({})),
        (&admin, format!("/webhook-deliveries/{delivery}/retry"), json!({})),
        (
            &admin,
            "/users".into(),
            json!({"username": "second", "full_name": "x", "role": "operator", "password": PASSWORD}),
        ),
        (&admin, format!("/users/{user}/block"), json!({"reason": "x", "until": null})),
        (&admin, format!("/users/{user}/unblock"), json!({})),
        (&admin, format!("/users/{user}/reset-password"), json!({"password": "another lighthouse, tram 18"})),
        (&admin, "/roles".into(), json!({"name": "one", "title": "x", "permissions": []})),
        (
            &admin,
            "/auth/api-tokens".into(),
            json!({"name": "x", "permissions": ["sims:read"], "expires_at": null}),
        ),
        (&stranger, "/auth/login".into(), json!({"username": "admin", "password": PASSWORD})),
        (&stranger, "/auth/refresh".into(), json!({"refresh": pair["refresh"]})),
    ];
    let mut tried: BTreeSet<String> = steps.iter().map(|(_, path, _)| operation(&documented, path)).collect();
    for (n, (client, path, body)) in steps.into_iter().enumerate() {
        let keyed = client.with("idempotency-key", format!("step {n}"));
        let first = keyed.post(&path, body.clone()).await;
        assert!((200..300).contains(&first.status) && !is_replay(&first), "{}: {}", first.asked, first.text);
        let rows = app.count("audit").await;
        let again = keyed.post(&path, body).await;
        assert!(is_replay(&again), "{}: {}", again.asked, again.text);
        assert_eq!((essence(&again), app.count("audit").await), (essence(&first), rows), "{path}");
    }

    // a file: other boundaries around the same one are the same request
    let files = format!("/tickets/{ticket}/attachments");
    let keyed = admin.with("idempotency-key", "file");
    let first =
        Reply::read("file".into(), keyed.file(&files, "a.txt", "text/plain", b"text").send().await.unwrap())
            .await;
    let elsewhere = "--edge\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\n\
                     Content-Type: text/plain\r\n\r\ntext\r\n--edge--\r\n";
    let again = keyed
        .request(reqwest::Method::POST, &files)
        .header("content-type", "multipart/form-data; boundary=edge")
        .body(elsewhere);
    let again = Reply::read("file".into(), again.send().await.unwrap()).await;
    assert!(first.status == 201 && is_replay(&again), "{} {}", first.text, again.text);
    assert_eq!(
        (essence(&again), app.count("ticket_attachments").await, app.count("leftover_files").await),
        (essence(&first), 1, 0)
    );
    Reply::read("file".into(), keyed.file(&files, "a.txt", "text/plain", b"other").send().await.unwrap())
        .await
        .refused(422, "idempotency_key_reused");
    assert_eq!((app.count("ticket_attachments").await, app.count("leftover_files").await), (1, 0));
    tried.insert("/tickets/{id}/attachments".to_owned());
    // a settlement file, and an event that is signed
    let file = || {
        let request = admin.with("idempotency-key", "settlement").request(
            reqwest::Method::POST,
            "/payments/reconciliations?gateway=sandbox&from=2026-01-31&to=2026-01-31",
        );
        request.header("content-type", "text/csv").body("reference,amount,currency\n")
    };
    let event =
        gateways::signed(app, gateways::KEY, "keyed", &gateways::happened(&by_link, "payment.failed"));
    let told = || {
        let request = stranger
            .with("idempotency-key", "event")
            .request(reqwest::Method::POST, "/webhooks/payments/sandbox")
            .header("content-type", "application/json");
        event
            .headers
            .iter()
            .fold(request, |request, (name, value)| request.header(*name, value))
            .body(event.body.clone())
    };
    for (first, again) in [(file(), file()), (told(), told())] {
        let (first, again) = (
            Reply::read("first".into(), first.send().await.unwrap()).await,
            Reply::read("again".into(), again.send().await.unwrap()).await,
        );
        assert!((200..300).contains(&first.status) && is_replay(&again), "{} {}", first.text, again.text);
        assert_eq!(essence(&again), essence(&first));
    }
    tried.extend(["/payments/reconciliations".to_owned(), "/webhooks/payments/{gateway}".to_owned()]);
    // a form
    let form = || {
        stranger
            .with("idempotency-key", "form")
            .request(reqwest::Method::POST, "/auth/token")
            .form(&[("username", "admin"), ("password", PASSWORD)])
    };
    let (first, again) = (
        Reply::read("form".into(), form().send().await.unwrap()).await,
        Reply::read("form".into(), form().send().await.unwrap()).await,
    );
    assert!(first.status == 200 && is_replay(&again), "{} {}", first.text, again.text);
    assert_eq!(essence(&again), essence(&first));
    // a changed password is not asked for again
    let keyed = admin.with("idempotency-key", "password");
    let change = json!({"current_password": PASSWORD, "new_password": "another lighthouse, tram 18"});
    keyed.post("/auth/change-password", change.clone()).await.expect(204);
    let again = keyed.post("/auth/change-password", change).await;
    assert!(again.status == 204 && is_replay(&again), "{} {}", again.status, again.text);
    tried.extend(["/auth/token".to_owned(), "/auth/change-password".to_owned()]);
    // who has signed out is nobody any more, with a key or without
    for path in ["/auth/logout", "/auth/logout-all"] {
        let session = app.sign_in("admin", "another lighthouse, tram 18").await.with("idempotency-key", path);
        session.post(path, json!({})).await.expect(204);
        session.post(path, json!({})).await.refused(401, "session_ended");
        tried.insert(path.to_owned());
    }
    let untried: Vec<&String> = documented.iter().filter(|path| !tried.contains(*path)).collect();
    assert_eq!(untried, Vec::<&String>::new(), "POSTs without a line in the table above");
    assert_eq!(app.violations().await, Vec::<String>::new());
}
