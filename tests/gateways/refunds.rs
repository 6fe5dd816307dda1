//! Refunds through gateways: requested first, then subtracted from the ledger exactly once.

use chrono::TimeDelta;
use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{balance, link, now, paid, resolve, standing, succeeded, tell};
use crate::harness::{App, Client, Reply, scenario};

async fn refund(client: &Client, payment: &Value, amount: &str) -> Reply {
    client
        .post(&format!("/payments/{}/refund", payment["id"]), json!({"amount": amount, "reason": "не туда"}))
        .await
}

async fn refunds(client: &Client, payment: &Value) -> Vec<Value> {
    let page = client
        .get(&format!("/payments/gateway-refunds?payment={}&ordering=created_at", payment["id"]))
        .await
        .expect(200);
    page["results"].as_array().unwrap().clone()
}

/// The balance of a contract, and the amount of a payment that is reserved for refunds.
async fn kept(client: &Client, contract: i64, payment: &Value) -> (String, Value) {
    (balance(client, contract).await, now(client, payment).await["refund_requested"].clone())
}

/// Requests four refunds that the gateway never answers, and returns their ids.
async fn four_refunds(client: &Client, payment: &Value) -> Vec<Value> {
    for _ in 0..4 {
        refund(client, payment, "10.14").await.expect(202);
    }
    refunds(client, payment).await.iter().map(|one| one["id"].clone()).collect()
}

/// Decides about a refund that the gateway has not answered.
async fn resolve_refund(client: &Client, refund: &Value, body: Value) -> Reply {
    client.post(&format!("/payments/gateway-refunds/{refund}/resolve"), body).await
}

async fn later(app: &App) -> Client {
    app.advance(TimeDelta::minutes(15));
    app.poll_gateways().await;
    app.admin().await
}

/// Polls the gateways twice more, the last time a minute before a day is over.
async fn almost_a_day_later(app: &App) -> Client {
    app.advance(TimeDelta::hours(24) - TimeDelta::minutes(16));
    app.poll_gateways().await;
    later(app).await
}

#[scenario]
async fn money_goes_back_the_way_it_came_and_then_leaves_the_ledger(app: &App) {
    let admin = app.admin().await;
    let contract = admin.draft("1.00").await;
    let payment = paid(app, &admin, contract, "100.00").await;
    let after = refund(&admin, &payment, "30.00").await.expect(200);
    assert_eq!(
        (&after["refunded_amount"], &after["refund_requested"], &after["status"]),
        (&json!("30.00"), &json!("0.00"), &json!("success"))
    );
    assert_eq!(balance(&admin, contract).await, "70.00");
    let made = refunds(&admin, &payment).await;
    for (name, value) in [
        ("status", json!("done")),
        ("amount", json!("30.00")),
        ("gateway", json!("sandbox")),
        ("reason", json!("не туда")),
        ("requested_by", json!("admin")),
        ("attempts", json!(1)),
    ] {
        assert_eq!(made[0][name], value, "{name}");
    }
    assert_eq!(admin.get(&format!("/payments/gateway-refunds/{}", made[0]["id"])).await.expect(200), made[0]);
    let row = admin.get(&format!("/payments/{}", made[0]["refund_id"])).await.expect(200);
    assert_eq!(
        (&row["transaction_type"], &row["refund_of"], &row["gateway"]),
        (&json!("refund"), &payment["id"], &json!("sandbox"))
    );
    // the rest, and no more
    refund(&admin, &payment, "70.01").await.refused(409, "refund_too_large");
    let whole =
        admin.post(&format!("/payments/{}/refund", payment["id"]), json!({"reason": "x"})).await.expect(200);
    assert_eq!((&whole["status"], &whole["refunded_amount"]), (&json!("refunded"), &json!("100.00")));
    refund(&admin, &payment, "0.01").await.refused(409, "refund_too_large");
    assert_eq!(balance(&admin, contract).await, "0.00");
    // an unpaid payment cannot be refunded
    let pending = link(&admin, contract, "5.00").await;
    refund(&admin, &pending, "5.00").await.refused(409, "payment_not_refundable");
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn a_gateway_that_says_no_leaves_the_ledger_as_it_is(app: &App) {
    let admin = app.admin().await;
    let contract = admin.draft("1.00").await;
    let payment = paid(app, &admin, contract, "100.00").await;
    let keyed = admin.with("idempotency-key", "refund-1");
    for _ in 0..2 {
        let problem = refund(&keyed, &payment, "10.11").await;
        assert!(problem.body["detail"].as_str().unwrap().contains("the card is closed"), "{}", problem.text);
        problem.refused(409, "gateway_refund_refused");
    }
    let made = refunds(&admin, &payment).await;
    assert_eq!(
        (made.len(), &made[0]["status"], &made[0]["failure_reason"], &made[0]["refund_id"]),
        (1, &json!("failed"), &json!("the card is closed"), &Value::Null)
    );
    assert_eq!(kept(&admin, contract, &payment).await, ("100.00".to_owned(), json!("0.00")));
    // the full amount can still be refunded
    refund(&admin, &payment, "100.00").await.expect(200);
    assert_eq!(balance(&admin, contract).await, "0.00");
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn what_the_gateway_is_still_at_is_kept_for_it_and_leaves_the_ledger_once(app: &App) {
    let admin = app.admin().await;
    let contract = admin.draft("1.00").await;
    let payment = paid(app, &admin, contract, "100.00").await;
    // .12 acts and loses its response, .13 is pending at first, .14 never gets a response
    for (amount, requested) in [("10.12", "10.12"), ("10.13", "20.25"), ("10.14", "30.39")] {
        let reply = refund(&admin, &payment, amount).await;
        assert!(
            reply.header("location").starts_with("/api/v1/gateway-refunds/"),
            "{}",
            reply.header("location")
        );
        assert_eq!(reply.expect(202)["refund_requested"], requested);
    }
    assert_eq!(balance(&admin, contract).await, "100.00");
    refund(&admin, &payment, "69.62").await.refused(409, "refund_too_large");
    let admin = later(app).await;
    assert_eq!(balance(&admin, contract).await, "79.75");
    let states: Vec<Value> =
        refunds(&admin, &payment).await.iter().map(|one| one["status"].clone()).collect();
    assert_eq!(states, [json!("done"), json!("done"), json!("requested")]);
    for _ in 0..3 {
        later(app).await;
    }
    let admin = later(app).await;
    assert_eq!(kept(&admin, contract, &payment).await, ("79.75".to_owned(), json!("10.14")));
    // until the gateway sends an unrequested event with our refund reference
    let waiting = refunds(&admin, &payment).await[2].clone();
    let told = |id: &str, kind: &str| {
        json!({
            "type": kind, "reference": payment["id"].to_string(), "amount": "10.14", "currency": "RUB",
            "refund_id": id, "refund_reference": waiting["id"].to_string()
        })
    };
    assert_eq!(tell(app, "r-1", told("g-1", "payment.refunded")).await, "applied");
    assert_eq!(tell(app, "r-2", told("g-1", "payment.refunded")).await, "no_change");
    assert_eq!(tell(app, "r-3", told("g-1", "refund.failed")).await, "no_change");
    assert_eq!(kept(&admin, contract, &payment).await, ("69.61".to_owned(), json!("0.00")));
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn a_refund_that_is_never_answered_waits_for_somebody_after_a_day(app: &App) {
    let admin = app.admin().await;
    let contract = admin.draft("1.00").await;
    let payment = paid(app, &admin, contract, "100.00").await;
    let ids = four_refunds(&admin, &payment).await;
    let accept = json!({"decision": "accept", "reason": "банк подтвердил"});
    // staff cannot decide while the gateway is still polled
    resolve_refund(&admin, &ids[0], accept.clone()).await.refused(409, "gateway_refund_not_unanswered");
    let admin = almost_a_day_later(app).await;
    assert!(
        refunds(&admin, &payment)
            .await
            .iter()
            .all(|one| one["status"] == "requested" && one["attempts"] == 3)
    );
    let admin = later(app).await;
    let asked = refunds(&admin, &payment).await;
    assert!(
        asked
            .iter()
            .all(|one| one["status"] == "unanswered" && one["attempts"] == 4 && one["finished_at"].is_null()),
        "{asked:?}"
    );
    let admin = later(app).await;
    assert_eq!(refunds(&admin, &payment).await, asked);
    assert_eq!(admin.get("/payments/gateway-refunds?status=unanswered").await.expect(200)["count"], 4);
    // the amounts stay reserved, because the refunds may have been made
    assert_eq!(kept(&admin, contract, &payment).await, ("100.00".to_owned(), json!("40.56")));
    refund(&admin, &payment, "59.45").await.refused(409, "refund_too_large");
    let clerk = app.user("supervisor").await;
    resolve_refund(&clerk, &ids[0], json!({"decision": "dismiss", "reason": "x"}))
        .await
        .refused(422, "invalid");
    admin
        .post("/payments/gateway-refunds/999999/resolve", accept.clone())
        .await
        .refused(404, "gateway_refund_not_found");
    let employee = app.user("employee").await;
    resolve_refund(&employee, &ids[0], accept).await.refused(403, "permission_missing");
    assert_eq!(kept(&admin, contract, &payment).await, ("100.00".to_owned(), json!("40.56")));
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn a_refund_without_an_answer_is_decided_once_by_somebody_or_by_a_late_event(app: &App) {
    let admin = app.admin().await;
    let contract = admin.draft("1.00").await;
    let payment = paid(app, &admin, contract, "100.00").await;
    let ids = four_refunds(&admin, &payment).await;
    almost_a_day_later(app).await;
    later(app).await;
    let admin = later(app).await;
    assert_eq!(kept(&admin, contract, &payment).await, ("100.00".to_owned(), json!("40.56")));
    let clerk = app.user("supervisor").await;
    // the money was refunded;
    // of many concurrent decisions, one succeeds
    let decided = join_all((0..4).map(|_| {
        resolve_refund(
            &clerk,
            &ids[0],
            json!({"decision": "accept", "reason": "банк подтвердил", "gateway_refund_id": "bank-1"}),
        )
    }))
    .await;
    let (done, late): (Vec<Reply>, Vec<Reply>) = decided.into_iter().partition(|reply| reply.status == 200);
    assert_eq!((done.len(), late.len()), (1, 3));
    late.into_iter().for_each(|reply| drop(reply.refused(409, "gateway_refund_not_unanswered")));
    let done = done.into_iter().next().unwrap().expect(200);
    assert_eq!((&done["status"], &done["gateway_refund_id"]), (&json!("done"), &json!("bank-1")));
    assert_eq!(kept(&admin, contract, &payment).await, ("89.86".to_owned(), json!("30.42")));
    // the money was not refunded
    let failed = resolve_refund(&clerk, &ids[1], json!({"decision": "fail", "reason": "карта закрыта"}))
        .await
        .expect(200);
    assert_eq!(
        (&failed["status"], &failed["failure_reason"], &failed["refund_id"]),
        (&json!("failed"), &json!("карта закрыта"), &Value::Null)
    );
    assert_eq!(kept(&admin, contract, &payment).await, ("89.86".to_owned(), json!("20.28")));
    // the gateway is polled again for another day
    let again = resolve_refund(&clerk, &ids[2], json!({"decision": "ask_again", "reason": "шлюз починили"}))
        .await
        .expect(200);
    assert_eq!(again["status"], "requested");
    let admin = later(app).await;
    assert_eq!(
        (&refunds(&admin, &payment).await[2]["status"], &refunds(&admin, &payment).await[2]["attempts"]),
        (&json!("requested"), &json!(5))
    );
    // an event counts at any time, and once
    let told = |which: usize, id: &str| {
        json!({
            "type": "payment.refunded", "reference": payment["id"].to_string(), "amount": "10.14",
            "currency": "RUB", "refund_id": id, "refund_reference": ids[which].to_string()
        })
    };
    assert_eq!(tell(app, "u-1", told(3, "bank-4")).await, "applied");
    assert_eq!(tell(app, "u-2", told(3, "bank-4")).await, "no_change");
    assert_eq!(tell(app, "u-3", told(0, "bank-1")).await, "no_change");
    assert_eq!(kept(&admin, contract, &payment).await, ("79.72".to_owned(), json!("10.14")));
    let accept = json!({"decision": "accept", "reason": "банк подтвердил"});
    for which in [0, 1, 3] {
        resolve_refund(&admin, &ids[which], accept.clone())
            .await
            .refused(409, "gateway_refund_not_unanswered");
    }
    assert_eq!(kept(&admin, contract, &payment).await, ("79.72".to_owned(), json!("10.14")));
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn a_repeat_with_the_same_key_asks_for_the_same_refund(app: &App) {
    let admin = app.admin().await;
    let contract = admin.draft("1.00").await;
    let payment = paid(app, &admin, contract, "100.00").await;
    let keyed = admin.with("idempotency-key", "refund-1");
    // the response was lost; the repeat returns that the refund was made
    refund(&keyed, &payment, "10.12").await.expect(202);
    let done = refund(&keyed, &payment, "10.12").await.expect(200);
    assert_eq!(done["refunded_amount"], "10.12");
    let again = refund(&keyed, &payment, "10.12").await;
    assert_eq!(again.header("idempotent-replayed"), "true");
    assert_eq!(again.expect(200), done);
    assert_eq!(
        (refunds(&admin, &payment).await.len(), balance(&admin, contract).await.as_str()),
        (1, "89.88")
    );
    // many at once without a key are separate refunds, and never more than was paid
    let replies = join_all((0..20).map(|_| refund(&admin, &payment, "10.00"))).await;
    assert_eq!(
        replies.iter().filter(|reply| reply.status == 200).count(),
        8,
        "{:?}",
        replies.iter().map(|reply| &reply.text).collect::<Vec<_>>()
    );
    assert_eq!(balance(&admin, contract).await, "9.88");
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn what_the_gateway_gave_back_of_its_own_leaves_the_ledger_too(app: &App) {
    let admin = app.admin().await;
    let contract = admin.draft("1.00").await;
    let payment = paid(app, &admin, contract, "100.00").await;
    let own = |id: &str, amount: &str, reference: Option<&str>| {
        json!({
            "type": "payment.refunded", "reference": payment["id"].to_string(), "amount": amount,
            "currency": "RUB", "refund_id": id, "refund_reference": reference, "reason": "спор по карте"
        })
    };
    assert_eq!(tell(app, "o-1", own("g-1", "40.00", None)).await, "applied");
    // two events about one refund record it once
    assert_eq!(tell(app, "o-2", own("g-1", "40.00", None)).await, "no_change");
    assert_eq!(tell(app, "o-3", own("g-2", "1.00", Some("999"))).await, "unknown_refund");
    assert_eq!(tell(app, "o-4", own("g-2", "1.00", Some("x"))).await, "unknown_refund");
    assert_eq!(balance(&admin, contract).await, "60.00");
    let made = refunds(&admin, &payment).await;
    assert_eq!(
        (made.len(), &made[0]["requested_by"], &made[0]["reason"]),
        (1, &json!("gateway"), &json!("спор по карте"))
    );
    // more than the available amount: staff must check, and no money moves
    assert_eq!(tell(app, "o-5", own("g-3", "60.01", None)).await, "quarantined");
    assert_eq!(standing(&admin, &payment).await, ("success".to_owned(), json!("refund_too_large")));
    refund(&admin, &payment, "1.00").await.refused(409, "payment_quarantined");
    resolve(&admin, &payment, "dismiss", "ошибка шлюза").await.expect(200);
    refund(&admin, &payment, "60.00").await.expect(200);
    assert_eq!(
        (balance(&admin, contract).await.as_str(), standing(&admin, &payment).await.0.as_str()),
        ("0.00", "refunded")
    );
    assert_eq!(tell(app, "o-6", succeeded(&payment, "100.00")).await, "no_change");
    assert_eq!(app.violations().await, Vec::<String>::new());
}
