//! Webhooks to integrators.

use aws_lc_rs::hmac;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use chrono::TimeDelta;
use kernel::id::WebhookEndpointId;
use notifications::jobs as couriers;
use serde_json::{Value, json};

use super::{
    receivers::{Mood, Received, Receiver},
    relay,
};
use crate::harness::{App, Client, id, scenario};

async fn endpoint(client: &Client, url: &str, kinds: &[&str]) -> Value {
    client.post("/webhook-endpoints", json!({"url": url, "kinds": kinds})).await.expect(201)
}

async fn deliveries(client: &Client, endpoint: &Value) -> Vec<Value> {
    let page = client
        .get(&format!("/webhook-endpoints/{}/deliveries?ordering=created_at", endpoint["id"]))
        .await
        .expect(200);
    page["results"].as_array().unwrap().clone()
}

/// Checks a signature as an integrator would, without code of this project.
fn is_signed_by(received: &Received, secret: &Value) -> bool {
    let key = BASE64_STANDARD.decode(secret.as_str().unwrap().strip_prefix("whsec_").unwrap()).unwrap();
    let signed = format!(
        "{}.{}.{}",
        received.headers["webhook-id"], received.headers["webhook-timestamp"], received.text
    );
    let expected = format!(
        "v1,{}",
        BASE64_STANDARD.encode(hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), signed.as_bytes()))
    );
    received.headers["webhook-signature"].split(' ').any(|signature| signature == expected)
}

/// Checks that three requests are equal, each with a signature of its own time and of no other text.
fn all_are_one_message(all: &[Received], message_id: &Value, secret: &Value) {
    for one in all {
        assert_eq!(one.headers["webhook-id"], message_id.as_str().unwrap());
        assert_eq!(one.headers["content-type"], "application/json");
        assert!(is_signed_by(one, secret), "{one:?}");
        assert_eq!(one.text, all[0].text);
    }
    assert_eq!(
        (all[0].headers["webhook-timestamp"].as_str(), all[2].headers["webhook-timestamp"].as_str()),
        ("1769850000", "1769850120")
    );
    let mut forged = all[0].clone();
    forged.text = forged.text.replace("1000.00", "9000.00");
    assert!(!is_signed_by(&forged, secret));
}

#[scenario(WEBHOOKS_ALLOW_PRIVATE = "true")]
async fn an_event_is_delivered_signed_and_after_failures_again_under_the_same_id(app: &App) {
    let admin = app.admin().await;
    let hook = Receiver::http().await;
    let made =
        endpoint(&admin, &format!("{}/crm?x=1", hook.url), &["payment.received", "contract.terminated"])
            .await;
    let secret = made["secret"].clone();
    let contract = admin.draft("600.00").await;
    let paid = admin.pay(contract, "1000.00").await;
    admin.activate(contract).await;
    relay(app).await;
    let [pending] = deliveries(&admin, &made).await.try_into().unwrap();
    assert_eq!(
        (&pending["status"], &pending["kind"], &pending["attempts"]),
        (&json!("pending"), &json!("payment.received"), &json!(0))
    );

    for (n, mood) in [(1, 500), (2, 302)] {
        hook.is(Mood::Answers(mood));
        assert_eq!(app.call_endpoints().await, 0);
        let failed = deliveries(&admin, &made).await.remove(0);
        assert_eq!(
            (&failed["status"], &failed["attempts"], &failed["last_status"]),
            (&json!("pending"), &json!(n), &json!(mood))
        );
        app.advance(TimeDelta::minutes(1));
    }
    hook.is(Mood::Answers(204));
    assert_eq!(app.call_endpoints().await, 1);
    assert_eq!(app.call_endpoints().await, 0);
    let delivered = deliveries(&admin, &made).await.remove(0);
    assert_eq!(
        (&delivered["status"], &delivered["attempts"], &delivered["last_status"], &delivered["delivered_at"]),
        (&json!("delivered"), &json!(3), &json!(204), &json!("2026-01-31T09:02:00Z"))
    );

    let all = hook.received();
    assert_eq!(all.len(), 3);
    all_are_one_message(&all, &delivered["message_id"], &secret);
    let body = &all[0].body;
    assert_eq!(
        (&body["type"], &body["timestamp"]),
        (&json!("payment.received"), &json!("2026-01-31T09:00:00Z"))
    );
    assert_eq!(
        (&body["data"]["entity_id"], &body["data"]["amount"], &body["data"]["contract_id"]),
        (&paid["id"], &json!("1000.00"), &json!(contract))
    );

    // a manual retry sends an equal request
    admin.post(&format!("/webhook-deliveries/{}/retry", delivered["id"]), json!({})).await.expect(200);
    admin
        .post(&format!("/webhook-deliveries/{}/retry", delivered["id"]), json!({}))
        .await
        .refused(409, "webhook_delivery_wrong_state");
    app.call_endpoints().await;
    assert_eq!(
        (hook.received()[3].text == all[0].text, &hook.received()[3].headers["webhook-id"]),
        (true, &all[0].headers["webhook-id"])
    );
    admin
        .post("/webhook-deliveries/999999/retry", json!({}))
        .await
        .refused(404, "webhook_delivery_not_found");
}

#[scenario(WEBHOOKS_ALLOW_PRIVATE = "true")]
async fn an_endpoint_that_hangs_holds_up_nobody_else_and_what_was_under_way_comes_again(app: &App) {
    let admin = app.admin().await;
    let (slow, quick) = (Receiver::http().await, Receiver::http().await);
    let hanging = endpoint(&admin, &slow.url, &["payment.received"]).await;
    endpoint(&admin, &quick.url, &["payment.received"]).await;
    let contract = admin.draft("0.00").await;
    admin.pay(contract, "1.00").await;
    relay(app).await;
    slow.is(Mood::Hangs);
    let (state, hanging_id) = (app.state.clone(), WebhookEndpointId::new(id(&hanging)));
    let stuck = actix_web::rt::spawn(async move {
        couriers::call_endpoint(&state.office, &state.couriers, hanging_id).await
    });
    slow.has(1).await;
    admin.pay(contract, "2.00").await;
    relay(app).await;
    let quick_id = WebhookEndpointId::new(id(&hanging) + 1);
    assert_eq!(app.call_endpoint(quick_id).await, 2);
    assert!(!stuck.is_finished());
    stuck.abort();
    assert!(stuck.await.is_err());
    slow.is(Mood::Answers(200));
    app.advance(TimeDelta::minutes(3));
    app.beside(&[("WEBHOOKS_ALLOW_PRIVATE", "true")], async |other| {
        // two instances, and each delivery once
        let (one, another) = futures_util::join!(app.call_endpoints(), other.call_endpoints());
        assert_eq!(one + another, 2);
    })
    .await;
    let ids: Vec<String> = slow.received().iter().map(|one| one.headers["webhook-id"].clone()).collect();
    assert_eq!((ids.len(), ids.iter().filter(|other| **other == ids[0]).count()), (3, 2), "{ids:?}");
    assert_eq!(quick.received().len(), 2);
}

#[scenario(WEBHOOKS_ALLOW_PRIVATE = "true")]
async fn a_new_secret_signs_beside_the_old_one_for_a_day(app: &App) {
    let admin = app.admin().await;
    let hook = Receiver::http().await;
    let made = endpoint(&admin, &hook.url, &["payment.received"]).await;
    let path = format!("/webhook-endpoints/{}", made["id"]);
    let rotated = admin.post(&format!("{path}/rotate-secret"), json!({})).await.expect(200);
    assert_ne!(rotated["secret"], made["secret"]);
    assert_eq!(rotated["previous_secret_until"], "2026-02-01T09:00:00Z");
    // the secret is returned only once
    let shown = admin.get(&path).await.expect(200);
    assert!(shown.get("secret").is_none());
    let trail = app.texts("SELECT COALESCE(after, '') || COALESCE(before, '') FROM audit").await.concat();
    for secret in [&made["secret"], &rotated["secret"]] {
        let secret = secret.as_str().unwrap();
        assert!(secret.starts_with("whsec_") && !trail.contains(secret));
        assert!(
            !app.texts("SELECT url || COALESCE(description, '') FROM webhook_endpoints")
                .await
                .concat()
                .contains(secret)
        );
    }
    for (hours, old_too) in [(0, true), (23, true), (2, false)] {
        app.advance(TimeDelta::hours(hours));
        let admin = app.admin().await;
        let test = admin.post(&format!("{path}/test"), json!({})).await.expect(200);
        assert_eq!(
            (&test["kind"], &test["event_id"], &test["status"]),
            (&json!("webhook.test"), &json!(null), &json!("pending"))
        );
        assert_eq!(app.call_endpoints().await, 1);
        let last = hook.received().pop().unwrap();
        assert!(is_signed_by(&last, &rotated["secret"]));
        assert_eq!(is_signed_by(&last, &made["secret"]), old_too, "{hours}");
        assert_eq!(last.body["type"], "webhook.test");
    }
    // after a change of keys, secrets are encrypted anew and signatures stay valid
    let keys = [
        ("JWT_SECRET", "another secret of the tests, and longer"),
        ("JWT_SECRET_PREVIOUS", "a secret of the tests, and of nobody else"),
        ("WEBHOOKS_ALLOW_PRIVATE", "true"),
    ];
    app.beside(&keys, async |other| {
        assert_eq!((other.reseal().await, other.reseal().await), (1, 0));
        other.admin().await.post(&format!("{path}/test"), json!({})).await.expect(200);
        assert_eq!(other.call_endpoints().await, 1);
        assert!(is_signed_by(&hook.received().pop().unwrap(), &rotated["secret"]));
    })
    .await;
    // an instance with only the old key cannot decrypt it
    let test = app.admin().await.post(&format!("{path}/test"), json!({})).await.expect(200);
    assert_eq!(app.call_endpoints().await, 0);
    let unread =
        deliveries(&app.admin().await, &made).await.into_iter().find(|one| one["id"] == test["id"]).unwrap();
    assert!(unread["last_error"].as_str().unwrap().contains("cannot be decrypted: rotate it"), "{unread}");
}

#[scenario]
async fn private_addresses_are_refused_beforehand_and_when_connecting(app: &App) {
    let admin = app.admin().await;
    for (url, code) in [
        ("https://127.0.0.1/hooks", "url_not_public"),
        ("https://localhost/", "url_not_public"),
        ("https://10.1.2.3:8443/", "url_not_public"),
        ("https://[::1]/", "url_not_public"),
        ("http://example.com/", "invalid_url"),
        ("ftp://example.com/", "invalid_url"),
        ("example.com", "invalid_url"),
        ("https://user:pass@example.com/", "invalid_url"),
        ("https://example.com/#part", "invalid_url"),
    ] {
        let refused =
            admin.post("/webhook-endpoints", json!({"url": url, "kinds": ["payment.received"]})).await;
        assert_eq!(refused.wrong_fields(), [("/url".to_owned(), code.to_owned())], "{url}: {}", refused.text);
    }
    // without TLS: the message says what is missing and which setting allows it
    for (language, url, words) in
        [("en", "http://example.com/", "without TLS"), ("ru", "HTTP://example.com/", "без TLS")]
    {
        let body = json!({"url": url, "kinds": ["payment.received"]});
        let refused = admin.with("accept-language", language).post("/webhook-endpoints", body).await;
        let message = refused.body["errors"][0]["message"].as_str().unwrap();
        let words = [words, "https://", "WEBHOOKS_ALLOW_PRIVATE"];
        assert!(words.iter().all(|word| message.contains(word)), "{message}");
    }
    assert_eq!(app.count("webhook_endpoints").await, 0);
    // a name may resolve to a private address later: nothing is sent, and the delivery has the error
    let hook = Receiver::http().await;
    let made = endpoint(&admin, "https://example.com/", &["payment.received"]).await;
    app.execute(&format!("UPDATE webhook_endpoints SET url = '{}'", hook.url)).await;
    admin.post(&format!("/webhook-endpoints/{}/test", made["id"]), json!({})).await.expect(200);
    assert_eq!(app.call_endpoints().await, 0);
    assert_eq!(deliveries(&admin, &made).await[0]["last_error"], "the address is private");
    assert_eq!(hook.received().len(), 0);
}

#[scenario]
async fn endpoints_are_made_changed_and_deleted_by_those_who_may(app: &App) {
    let admin = app.admin().await;
    let body = json!({
        "url": "https://example.com/a", "kinds": ["payment.received", "user.locked"], "description": "Учёт"
    });
    let made = admin.post("/webhook-endpoints", body.clone()).await.expect(201);
    let path = format!("/webhook-endpoints/{}", made["id"]);
    for wrong in [json!([]), json!(["payment.received", "payment.received"]), json!(["weather.changed"])] {
        let mut one = body.clone();
        one["kinds"] = wrong;
        assert_eq!(admin.post("/webhook-endpoints", one).await.status, 422);
    }
    // an endpoint cannot receive events that its owner may not read
    let role = json!({"name": "hooker", "title": "H", "permissions": ["webhooks:manage", "payments:read"]});
    admin.post("/roles", role).await.expect(201);
    let limited = app.user("hooker").await;
    let refused = limited.post("/webhook-endpoints", body.clone()).await.refused(403, "permission_missing");
    assert!(refused["detail"].as_str().unwrap().contains("users:read"), "{refused}");
    limited.patch(&path, json!({"description": "моё"})).await.refused(403, "permission_missing");
    limited.patch(&path, json!({"kinds": ["payment.received"]})).await.expect(200);
    app.user("supervisor").await.get(&path).await.refused(403, "permission_missing");

    let tag = admin.get(&path).await.header("etag").to_owned();
    admin.patch(&path, json!({"is_active": false})).await.expect(200);
    admin.with("If-Match", &tag).patch(&path, json!({"is_active": true})).await.refused(412, "stale_version");
    admin.post(&format!("{path}/test"), json!({})).await.refused(409, "webhook_endpoint_inactive");
    let contract = admin.draft("0.00").await;
    admin.pay(contract, "1.00").await;
    relay(app).await;
    assert_eq!(deliveries(&admin, &made).await, Vec::<Value>::new());
    admin.patch(&path, json!({"is_active": true})).await.expect(200);
    admin.pay(contract, "1.00").await;
    relay(app).await;
    assert_eq!(deliveries(&admin, &made).await.len(), 1);

    admin.delete(&path).await.expect(204);
    for refused in
        [admin.get(&path).await, admin.get(&format!("{path}/deliveries")).await, admin.delete(&path).await]
    {
        refused.refused(404, "webhook_endpoint_not_found");
    }
    assert_eq!(
        (app.call_endpoints().await, admin.get("/webhook-endpoints").await.expect(200)["count"].clone()),
        (0, json!(0))
    );
    // its pending deliveries are deleted with it
    while app.sweep().await > 0 {}
    assert_eq!((app.count("webhook_deliveries").await, app.count("webhook_endpoints").await), (0, 0));
    for n in 0..50 {
        admin
            .post(
                "/webhook-endpoints",
                json!({"url": format!("https://example.com/{n}"), "kinds": ["sim.status_changed"]}),
            )
            .await
            .expect(201);
    }
    admin.post("/webhook-endpoints", body).await.refused(409, "webhook_endpoints_full");
}

#[test]
fn the_example_of_the_page_of_events_is_signed_as_it_says() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/events.md")).unwrap();
    let value = |what: &str| {
        let line = page
            .lines()
            .find(|line| line.starts_with(&format!("| {what} | `")))
            .unwrap_or_else(|| panic!("{what} is missing"));
        line.split('`').nth_back(1).unwrap().to_owned()
    };
    let names = ["webhook-id", "webhook-timestamp", "webhook-signature"];
    let headers = names.map(|name| (name.to_owned(), value(&format!("`{name}`")))).into();
    let received = Received { headers, text: value("body"), body: Value::Null };
    assert!(is_signed_by(&received, &json!(value("secret"))), "{received:?}");
}
