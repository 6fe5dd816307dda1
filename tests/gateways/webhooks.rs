//! Gateway events: which are accepted, and their effects.

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{
    KEY, Signed, balance, deliver, happened, link, now, resolve, signed, signed_at, standing, succeeded, tell,
};
use crate::harness::{App, Client, scenario};

/// The former key of a sandbox whose key is changed.
const FORMER: &str = "the former key, which was good once";

fn with(event: &Signed, name: &str, value: Option<&str>) -> Signed {
    let mut headers = event.headers.clone();
    headers.retain(|(other, _)| *other != name);
    let name = event.headers.iter().map(|(name, _)| *name).find(|other| *other == name).unwrap();
    headers.extend(value.map(|value| (name, value.to_owned())));
    Signed { headers, body: event.body.clone() }
}

/// A signed event with other headers or another body, and what is wrong with each.
fn falsified(event: &Signed) -> Vec<(String, Signed)> {
    let mut falsified = Vec::new();
    for name in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
        falsified.push((name.to_owned(), with(event, name, None)));
        falsified.push((name.to_owned(), with(event, name, Some(""))));
    }
    let signature = event.headers[2].1.clone();
    for (name, value) in [
        ("webhook-id", "evt-2".to_owned()),
        ("webhook-id", "x".repeat(256)),
        ("webhook-timestamp", "1769849999".to_owned()),
        ("webhook-timestamp", "now".to_owned()),
        ("webhook-signature", signature[..signature.len() - 1].to_owned()),
        ("webhook-signature", signature[..20].to_owned()),
        ("webhook-signature", "v1,".to_owned()),
        ("webhook-signature", signature.replace("v1,", "")),
        ("webhook-signature", signature.replace("v1,", "v2,")),
        ("webhook-signature", signature.to_lowercase()),
        ("webhook-signature", format!("v1,{}", "A".repeat(43) + "=")),
    ] {
        falsified.push((format!("{name} {value}"), with(event, name, Some(&value))));
    }
    // white space, one letter, one byte more or less
    let text = String::from_utf8(event.body.clone()).unwrap();
    for body in [
        text.replace("\":", "\": "),
        format!("{text} "),
        format!("{text}\n"),
        text.replace("100.00", "100.01"),
        text[..text.len() - 1].to_owned(),
        String::new(),
    ] {
        let other = Signed { headers: event.headers.clone(), body: body.into_bytes() };
        falsified.push(("another body".to_owned(), other));
    }
    falsified
}

async fn refused(app: &App, event: &Signed, what: &str) {
    let reply = deliver(app, "sandbox", event).await;
    assert_eq!(reply.status, 401, "{what}: {}", reply.text);
    assert_eq!(reply.header("www-authenticate"), "Webhook-Signature", "{what}");
    reply.refused(401, "event_not_signed");
}

#[scenario]
async fn only_what_the_gateway_signed_lately_is_believed(app: &App) {
    let admin = app.admin().await;
    let contract = admin.draft("1.00").await;
    let payment = link(&admin, contract, "100.00").await;
    let event = signed(app, KEY, "evt-1", &succeeded(&payment, "100.00"));
    for (what, event) in falsified(&event) {
        refused(app, &event, &what).await;
    }
    refused(
        app,
        &signed(
            app,
            "another key, which is as long as it should be",
            "evt-1",
            &succeeded(&payment, "100.00"),
        ),
        "another key",
    )
    .await;
    let now_seconds = app.clock.now().timestamp();
    for seconds in [-301, 301, -86_400, 86_400] {
        refused(
            app,
            &signed_at(now_seconds + seconds, KEY, "evt-1", event.body.clone()),
            &format!("{seconds} s"),
        )
        .await;
    }
    assert_eq!(
        (standing(&admin, &payment).await.0.as_str(), app.count("gateway_events").await),
        ("pending", 0)
    );
    // all refusals are in the audit trail, as one entry
    app.flush().await;
    let entries = admin.get("/audit?action=gateway_event.refused").await.expect(200);
    assert_eq!(entries["count"], 1);
    let after = &entries["results"][0]["after"];
    assert_eq!(
        (&after["headers"], &after["time"], &after["signature"], &after["last_address"]),
        (&json!(7), &json!(4), &json!(17), &json!("127.0.0.1"))
    );
    // within five minutes either way
    deliver(
        app,
        "sandbox",
        &signed_at(
            now_seconds + 300,
            KEY,
            "evt-3",
            happened(&payment, "payment.processing").to_string().into_bytes(),
        ),
    )
    .await
    .expect(200);
    deliver(app, "sandbox", &signed_at(now_seconds - 300, KEY, "evt-1", event.body.clone()))
        .await
        .expect(200);
    assert_eq!(balance(&admin, contract).await, "100.00");
    // a gateway that is not configured
    for gateway in ["http", "paypal", "SANDBOX", "sandbox%00"] {
        deliver(app, gateway, &event).await.refused(404, "gateway_not_found");
    }
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn an_event_counts_once_and_forever_however_often_and_however_many_at_once(app: &App) {
    let admin = app.admin().await;
    let contract = admin.draft("1.00").await;
    let payment = link(&admin, contract, "100.00").await;
    let event = signed(app, KEY, "evt-1", &succeeded(&payment, "100.00"));
    let replies = join_all((0..30).map(|_| deliver(app, "sandbox", &event))).await;
    let first =
        replies.iter().filter(|reply| reply.status == 200 && reply.body["is_repeat"] == false).count();
    assert_eq!(first, 1);
    for reply in replies {
        // a request that waited too long for the first one is asked to try again later
        assert!(
            reply.status == 200 && reply.body["outcome"] == "applied" || reply.status == 503,
            "{}",
            reply.text
        );
    }
    assert_eq!((balance(&admin, contract).await.as_str(), app.count("gateway_events").await), ("100.00", 1));
    // an equal id with other content, days later, is still the event already received
    app.advance(chrono::TimeDelta::days(90));
    let admin = app.admin().await;
    let other = link(&admin, contract, "50.00").await;
    let again =
        deliver(app, "sandbox", &signed(app, KEY, "evt-1", &succeeded(&other, "50.00"))).await.expect(200);
    assert_eq!(again, json!({"event_id": "evt-1", "outcome": "applied", "is_repeat": true}));
    assert_eq!(
        (balance(&admin, contract).await.as_str(), standing(&admin, &other).await.0.as_str()),
        ("100.00", "pending")
    );
    // an equal event with another id moves no money
    assert_eq!(tell(app, "evt-2", succeeded(&payment, "100.00")).await, "no_change");
    assert_eq!(balance(&admin, contract).await, "100.00");
    assert_eq!(
        admin.get(&format!("/payments/gateway-events?payment={}", payment["id"])).await.expect(200)["count"],
        2
    );
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn events_in_any_order_move_nothing_that_is_final(app: &App) {
    let admin = app.admin().await;
    let contract = admin.draft("1.00").await;
    let refund = |payment: &Value, amount: &str| {
        json!({
            "type": "payment.refunded", "reference": payment["id"].to_string(), "amount": amount,
            "currency": "RUB", "refund_id": format!("r-{}", payment["id"])
        })
    };

    // failed, and then the money was received: staff must check
    let late = link(&admin, contract, "10.00").await;
    let mut failed = happened(&late, "payment.failed");
    failed["reason"] = json!("карта заблокирована");
    assert_eq!(tell(app, "a-1", failed).await, "applied");
    assert_eq!(now(&admin, &late).await["failure_reason"], "карта заблокирована");
    assert_eq!(tell(app, "a-2", succeeded(&late, "10.00")).await, "quarantined");
    assert_eq!(standing(&admin, &late).await, ("failed".to_owned(), json!("paid_after_end")));
    assert_eq!(tell(app, "a-3", refund(&late, "10.00")).await, "held");

    // refunded before it was received
    let early = link(&admin, contract, "20.00").await;
    assert_eq!(tell(app, "b-1", refund(&early, "20.00")).await, "quarantined");
    assert_eq!(standing(&admin, &early).await, ("pending".to_owned(), json!("refund_before_payment")));
    assert_eq!(tell(app, "b-2", succeeded(&early, "20.00")).await, "held");
    assert_eq!(balance(&admin, contract).await, "0.00");

    // success is final
    let done = link(&admin, contract, "30.00").await;
    assert_eq!(tell(app, "c-1", succeeded(&done, "30.00")).await, "applied");
    for (at, kind) in ["payment.failed", "payment.processing"].into_iter().enumerate() {
        assert_eq!(tell(app, &format!("c-2{at}"), happened(&done, kind)).await, "no_change");
    }
    assert_eq!(
        (standing(&admin, &done).await, balance(&admin, contract).await.as_str()),
        (("success".to_owned(), Value::Null), "30.00")
    );

    // cancelled here, paid there
    let cancelled = link(&admin, contract, "40.00").await;
    admin.post(&format!("/payments/{}/cancel", cancelled["id"]), json!({})).await.expect(200);
    assert_eq!(tell(app, "d-1", happened(&cancelled, "payment.processing")).await, "no_change");
    assert_eq!(tell(app, "d-2", succeeded(&cancelled, "40.00")).await, "quarantined");
    assert_eq!(
        (standing(&admin, &cancelled).await, balance(&admin, contract).await.as_str()),
        (("cancelled".to_owned(), json!("paid_after_end")), "30.00")
    );

    // unknown references; a cash payment is also unknown to a gateway
    let cash = admin.pay(contract, "1.00").await;
    for (at, reference) in ["999999", "abc", "01", &cash["id"].to_string()].into_iter().enumerate() {
        let body =
            json!({"type": "payment.succeeded", "reference": reference, "amount": "1.00", "currency": "RUB"});
        assert_eq!(tell(app, &format!("e-{at}"), body).await, "unknown_payment", "{reference}");
    }
    assert_eq!(admin.get("/payments/gateway-events?outcome=unknown_payment").await.expect(200)["count"], 4);
    assert_eq!(app.violations().await, Vec::<String>::new());
}

/// Somebody who may not decide about a quarantined payment can do nothing to it.
async fn is_out_of_reach(operator: &Client, payment: &Value) {
    for (action, body) in [("process", json!({})), ("cancel", json!({})), ("fail", json!({"reason": "x"}))] {
        operator
            .post(&format!("/payments/{}/{action}", payment["id"]), body)
            .await
            .refused(409, "payment_quarantined");
    }
    operator.delete(&format!("/payments/{}", payment["id"])).await.refused(409, "payment_quarantined");
    resolve(operator, payment, "accept", "x").await.refused(403, "permission_missing");
}

/// The balance of a contract, and the number of quarantined payments.
async fn undecided(client: &Client, contract: i64) -> (String, Value) {
    (balance(client, contract).await, client.get("/payments/quarantined").await.expect(200)["count"].clone())
}

#[scenario]
async fn another_amount_or_currency_waits_for_somebody_who_may_decide(app: &App) {
    let admin = app.admin().await;
    let contract = admin.draft("1.00").await;
    let (operator, supervisor) = (app.user("operator").await, app.user("supervisor").await);
    let mut waiting = Vec::new();
    for (at, (amount, currency, reason)) in [
        ("99.99", "RUB", "wrong_amount"),
        ("100.01", "RUB", "wrong_amount"),
        ("100.00", "USD", "wrong_currency"),
    ]
    .into_iter()
    .enumerate()
    {
        let payment = link(&operator, contract, "100.00").await;
        let mut body = succeeded(&payment, amount);
        body["currency"] = json!(currency);
        assert_eq!(tell(app, &format!("evt-{at}"), body).await, "quarantined");
        assert_eq!(standing(&admin, &payment).await, ("pending".to_owned(), json!(reason)));
        // later events also move no money
        assert_eq!(tell(app, &format!("later-{at}"), succeeded(&payment, "100.00")).await, "held");
        is_out_of_reach(&operator, &payment).await;
        waiting.push(payment);
    }
    assert_eq!(undecided(&admin, contract).await, ("0.00".to_owned(), json!(3)));
    let decide = async |payment: &Value, decision: &str| {
        resolve(&supervisor, payment, decision, "банк подтвердил").await
    };
    let accepted = decide(&waiting[0], "accept").await.expect(200);
    assert_eq!(
        (&accepted["status"], &accepted["quarantine"], &accepted["balance_after"]),
        (&json!("success"), &Value::Null, &json!("100.00"))
    );
    let failed = decide(&waiting[1], "fail").await.expect(200);
    assert_eq!((&failed["status"], &failed["failure_reason"]), (&json!("failed"), &json!("банк подтвердил")));
    let dismissed = decide(&waiting[2], "dismiss").await.expect(200);
    assert_eq!((&dismissed["status"], &dismissed["quarantine"]), (&json!("pending"), &Value::Null));
    assert_eq!(tell(app, "right", succeeded(&waiting[2], "100.00")).await, "applied");
    for payment in &waiting {
        decide(payment, "accept").await.refused(409, "payment_not_quarantined");
    }
    // for a payment in a final state, the only decision is to dismiss
    let late = link(&admin, contract, "5.00").await;
    tell(app, "f-1", happened(&late, "payment.failed")).await;
    tell(app, "f-2", succeeded(&late, "5.00")).await;
    for decision in ["accept", "fail"] {
        decide(&late, decision).await.refused(409, "payment_wrong_state");
    }
    decide(&late, "dismiss").await.expect(200);
    assert_eq!(undecided(&admin, contract).await, ("200.00".to_owned(), json!(0)));
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn an_event_that_cannot_be_read_is_told_what_is_wrong(app: &App) {
    let admin = app.admin().await;
    let payment = link(&admin, admin.draft("1.00").await, "100.00").await;
    let with = |name: &str, value: Value| {
        let mut body = succeeded(&payment, "100.00");
        body[name] = value;
        body
    };
    for (body, pointer, code) in [
        (with("type", json!("payment.vanished")), "/type", "invalid_choice"),
        (with("reference", json!(101)), "/reference", "invalid_type"),
        (with("reference", json!("x".repeat(65))), "/reference", "invalid_length"),
        (with("amount", json!("1e2")), "/amount", "invalid_amount"),
        (with("amount", Value::Null), "/amount", "required"),
        (with("currency", Value::Null), "/currency", "required"),
        (with("currency", json!("RUBLE")), "/currency", "invalid_length"),
        (
            json!({"type": "payment.refunded", "reference": "1", "amount": "1.00", "currency": "RUB"}),
            "/refund_id",
            "required",
        ),
        (json!({"type": "refund.failed", "reference": "1"}), "/refund_reference", "required"),
    ] {
        let reply = deliver(app, "sandbox", &signed(app, KEY, "evt-1", &body)).await;
        assert_eq!(reply.wrong_fields(), [(pointer.to_owned(), code.to_owned())], "{body}");
        reply.refused(422, "invalid");
    }
    deliver(app, "sandbox", &signed_at(app.clock.now().timestamp(), KEY, "evt-1", b"{\"half\":".to_vec()))
        .await
        .refused(400, "malformed");
    assert_eq!(app.count("gateway_events").await, 0);
    // unknown fields are ignored
    assert_eq!(tell(app, "evt-1", with("risk_score", json!({"level": 3}))).await, "applied");
}

#[scenario(
    GATEWAY_SANDBOX_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    GATEWAY_SANDBOX_SECRET_PREVIOUS = FORMER
)]
async fn while_the_key_is_changed_both_are_good(app: &App) {
    let admin = app.admin().await;
    let contract = admin.draft("1.00").await;
    let (present, third) = ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", KEY);
    for (at, (key, status)) in [(FORMER, 200), (present, 200), (third, 401)].into_iter().enumerate() {
        let payment = link(&admin, contract, "10.00").await;
        let event = signed(app, key, &format!("evt-{at}"), &succeeded(&payment, "10.00"));
        assert_eq!(deliver(app, "sandbox", &event).await.status, status, "{key}");
    }
    assert_eq!(balance(&admin, contract).await, "20.00");
    // without the setting, the former key is invalid
    app.beside(&[("GATEWAY_SANDBOX_SECRET", present)], async |other| {
        let payment = link(&other.admin().await, contract, "10.00").await;
        let event = signed(other, FORMER, "evt-9", &succeeded(&payment, "10.00"));
        deliver(other, "sandbox", &event).await.refused(401, "event_not_signed");
        let event = signed(other, present, "evt-9", &succeeded(&payment, "10.00"));
        deliver(other, "sandbox", &event).await.expect(200);
    })
    .await;
    assert_eq!(balance(&admin, contract).await, "30.00");
}

#[test]
fn the_example_of_the_signature_is_right() {
    let page = include_str!("../../docs/payments.md");
    let (_, rest) = page.split_once("<!-- example -->\n```\n").unwrap();
    let (block, _) = rest.split_once("```").unwrap();
    let value = |name: &str| block.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim_start();
    let (id, timestamp, body) = (value("id"), value("timestamp"), value("body"));
    assert_eq!(value("signed"), format!("{id}.{timestamp}.{body}"));
    let event = signed_at(timestamp.parse().unwrap(), value("key"), id, body.as_bytes().to_vec());
    assert_eq!(value("signature"), event.headers[2].1);
}
