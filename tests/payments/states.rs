//! Every action on a payment in every state, over HTTP.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{App, Client, Request, id, scenario};

/// The states of a payment of 100.00, and transactions of other types.
const STATES: [&str; 10] = [
    "pending",
    "processing",
    "success",
    "refunded in part",
    "refunded",
    "failed",
    "cancelled",
    "a charge",
    "a correction",
    "a refund",
];

fn actions(payment: i64) -> Vec<(&'static str, Request)> {
    let on = |path: &str| format!("/payments/{payment}{path}");
    vec![
        ("process", Request::post(on("/process"), json!({}))),
        ("cancel", Request::post(on("/cancel"), json!({}))),
        ("fail", Request::post(on("/fail"), json!({"reason": "банк отказал"}))),
        ("refund 40", Request::post(on("/refund"), json!({"amount": "40.00", "reason": "x"}))),
        ("refund the rest", Request::post(on("/refund"), json!({"reason": "x"}))),
        ("refund 100.01", Request::post(on("/refund"), json!({"amount": "100.01", "reason": "x"}))),
        ("delete", Request::delete(on(""))),
        ("receipt", Request::get(on("/receipt"))),
    ]
}

/// Creates a contract with 500.00 and a transaction in this state.
async fn in_state(app: &App, admin: &Client, state: &str) -> (i64, i64) {
    let contract = admin.draft("50.00").await;
    admin.pay(contract, "500.00").await;
    let take = async |method: &str| {
        id(&admin
            .post("/payments", json!({"contract_id": contract, "amount": "100.00", "payment_method": method}))
            .await
            .expect(201))
    };
    let act = async |payment: i64, action: &str, body: Value| {
        admin.post(&format!("/payments/{payment}/{action}"), body).await.expect(200)
    };
    let newest = async |kind: &str| {
        let rows =
            admin.get(&format!("/payments?contract={contract}&transaction_type={kind}")).await.expect(200);
        id(&rows["results"][0])
    };
    let payment = match state {
        "pending" => take("card").await,
        "processing" => {
            let payment = take("mobile_payment").await;
            // as an event of its gateway would
            app.execute(&format!(
                "UPDATE payments SET status = 'processing', version = version + 1 WHERE id = {payment}"
            ))
            .await;
            payment
        }
        "success" => take("cash").await,
        "refunded in part" | "refunded" | "a refund" => {
            let payment = take("terminal").await;
            let amount = if state == "refunded" { "100.00" } else { "60.00" };
            act(payment, "refund", json!({"amount": amount, "reason": "x"})).await;
            if state == "a refund" { newest("refund").await } else { payment }
        }
        "failed" => {
            let payment = take("card").await;
            act(payment, "fail", json!({"reason": "банк отказал"})).await;
            payment
        }
        "cancelled" => {
            let payment = take("auto_payment").await;
            act(payment, "cancel", json!({})).await;
            payment
        }
        "a charge" => {
            admin.activate(contract).await;
            newest("charge").await
        }
        "a correction" => {
            admin
                .post(
                    "/payments/corrections",
                    json!({"contract_id": contract, "amount": "100.00", "reason": "x"}),
                )
                .await
                .expect(201);
            newest("correction").await
        }
        other => panic!("{other}"),
    };
    (contract, payment)
}

/// All data that an action could change.
#[derive(Debug, PartialEq)]
struct Standing {
    shown: Value,
    balance: String,
    payments: i64,
    audit: i64,
}

impl Standing {
    async fn of(app: &App, admin: &Client, contract: i64, payment: i64) -> Self {
        Self {
            shown: admin.get(&format!("/payments/{payment}")).await.expect(200),
            balance: admin.contract(contract).await["balance"].as_str().unwrap().to_owned(),
            payments: app.count("payments").await,
            audit: app.count("audit").await,
        }
    }
}

#[scenario]
async fn every_action_from_every_state_is_allowed_or_refused_and_moves_what_it_should(app: &App) {
    let admin = app.admin().await;
    let mut found = Vec::new();
    for state in STATES {
        for at in 0..actions(0).len() {
            let (contract, payment) = in_state(app, &admin, state).await;
            let before = Standing::of(app, &admin, contract, payment).await;
            if at == 0 {
                found.push(format!(
                    "# {state}: {} {}, {}",
                    before.shown["transaction_type"].as_str().unwrap(),
                    before.shown["status"].as_str().unwrap(),
                    before.balance
                ));
            }
            let (name, request) = actions(payment).swap_remove(at);
            let reply = admin.ask(&request).await;
            let after = Standing::of(app, &admin, contract, payment).await;
            if reply.status >= 300 {
                assert_eq!(after, before, "{state}: {name} was refused and changed data");
                found.push(format!("{name} -> {} {}", reply.status, reply.body["code"].as_str().unwrap()));
                continue;
            }
            if request.method == Method::GET {
                assert_eq!(after, before, "{state}: {name} changed data");
                found.push(format!(
                    "{name} -> {} {}",
                    reply.body["transaction_type"].as_str().unwrap(),
                    reply.body["amount"].as_str().unwrap()
                ));
                continue;
            }
            if request.method == Method::POST {
                assert_eq!(reply.body, after.shown, "{state}: {name} returns what is read afterwards");
            }
            assert!(after.audit > before.audit, "{state}: {name} has no audit row");
            assert!(
                after.shown["version"].as_i64() > before.shown["version"].as_i64(),
                "{state}: {name} leaves the version unchanged"
            );
            let given_back = after.shown["refunded_amount"].as_str().unwrap();
            found.push(format!(
                "{name} -> {}, {given_back} given back, {}, {:+} rows",
                after.shown["status"].as_str().unwrap(),
                after.balance,
                after.payments - before.payments
            ));
        }
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/golden/payment_states.txt");
    let expected: Vec<&str> = include_str!("../golden/payment_states.txt").lines().collect();
    #[allow(clippy::disallowed_methods, reason = "tests read the environment directly")]
    if std::env::var("UPDATE_GOLDEN").is_ok() {
        std::fs::write(path, found.join("\n") + "\n").unwrap();
    } else {
        assert_eq!(
            found, expected,
            "tests/golden/payment_states.txt differs; if intended, set UPDATE_GOLDEN=1"
        );
    }
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn a_payment_by_a_gateway_counts_when_it_is_processed_and_not_before(app: &App) {
    let operator = app.user("operator").await;
    let admin = app.admin().await;
    let contract = admin.draft("100.00").await;
    admin.activate(contract).await;
    let body = json!({
        "contract_id": contract, "amount": "100.00", "payment_method": "card", "transaction_id": "bank-1",
        "description": "с сайта"
    });
    let pending = operator.post("/payments", body.clone()).await.expect(201);
    for (name, value) in [
        ("status", json!("pending")),
        ("balance_after", Value::Null),
        ("processed_at", Value::Null),
        ("processed_by", Value::Null),
        ("ledger_number", Value::Null),
    ] {
        assert_eq!(pending[name], value, "{name}");
    }
    assert_eq!(
        (&admin.contract(contract).await["balance"], &admin.contract(contract).await["holds"]),
        (&json!("0.00"), &json!(["debt"]))
    );
    operator.post("/payments", body).await.refused(409, "payment_duplicate");
    app.advance(chrono::TimeDelta::minutes(5));
    let processed =
        operator.post(&format!("/payments/{}/process", pending["id"]), json!({})).await.expect(200);
    for (name, value) in [
        ("status", json!("success")),
        ("balance_after", json!("100.00")),
        ("created_at", json!("2026-01-31T09:00:00Z")),
        ("processed_at", json!("2026-01-31T09:05:00Z")),
        ("processed_by", json!("operator")),
        ("version", json!(2)),
        ("ledger_number", json!(1)),
    ] {
        assert_eq!(processed[name], value, "{name}");
    }
    // the debt is settled as by any top-up
    let active = admin.contract(contract).await;
    assert_eq!(
        (&active["status"], &active["balance"], &active["total_charged"]),
        (&json!("active"), &json!("0.00"), &json!("100.00"))
    );
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn of_many_who_decide_on_one_payment_at_once_one_succeeds(app: &App) {
    let admin = app.admin().await;
    let contract = admin.draft("100.00").await;
    let pending = id(&admin
        .post("/payments", json!({"contract_id": contract, "amount": "100.00", "payment_method": "card"}))
        .await
        .expect(201));
    let tries = (0..30).map(|n| {
        let (action, body) =
            [("process", json!({})), ("cancel", json!({})), ("fail", json!({"reason": "x"}))][n % 3].clone();
        let (admin, path) = (admin.clone(), format!("/payments/{pending}/{action}"));
        async move { admin.post(&path, body).await }
    });
    let replies = futures_util::future::join_all(tries).await;
    assert_eq!(replies.iter().filter(|reply| reply.status == 200).count(), 1);
    let status = admin.get(&format!("/payments/{pending}")).await.expect(200)["status"].clone();
    let balance = if status == "success" { "100.00" } else { "0.00" };
    assert_eq!(admin.contract(contract).await["balance"], balance, "{status}");
    for reply in replies.into_iter().filter(|reply| reply.status != 200) {
        reply.refused(409, "payment_wrong_state");
    }
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn a_pending_payment_is_deleted_under_the_version_that_was_read(app: &App) {
    let admin = app.admin().await;
    let contract = admin.draft("100.00").await;
    let path = format!(
        "/payments/{}",
        id(&admin
            .post("/payments", json!({"contract_id": contract, "amount": "1.00", "payment_method": "card"}))
            .await
            .expect(201))
    );
    let tag = admin.get(&path).await.header("etag").to_owned();
    admin.with("if-match", "\"7-0\"").delete(&path).await.refused(412, "stale_version");
    assert_eq!(admin.get(&path).await.expect(200)["status"], "pending");
    admin.with("if-match", &tag).delete(&path).await.expect(204);
    assert_eq!(admin.get(&path).await.expect(200)["status"], "cancelled");
    admin.with("if-match", &tag).delete(&path).await.refused(412, "stale_version");
}

#[scenario]
async fn who_may_take_may_not_refund_and_who_may_refund_may_not_take(app: &App) {
    let (operator, supervisor, employee) =
        (app.user("operator").await, app.user("supervisor").await, app.user("employee").await);
    let admin = app.admin().await;
    let contract = admin.draft("1.00").await;
    let payment = id(&operator
        .post("/payments", json!({"contract_id": contract, "amount": "10.00", "payment_method": "cash"}))
        .await
        .expect(201));
    let correction = json!({"contract_id": contract, "amount": "-1.00", "reason": "x"});
    for client in [&operator, &employee] {
        client
            .post(&format!("/payments/{payment}/refund"), json!({"reason": "x"}))
            .await
            .refused(403, "permission_missing");
        client.post("/payments/corrections", correction.clone()).await.refused(403, "permission_missing");
        client
            .post(&format!("/contracts/{contract}/deduct_balance"), json!({"amount": 1, "description": "x"}))
            .await
            .refused(403, "permission_missing");
    }
    for client in [&supervisor, &employee] {
        client
            .post("/payments", json!({"contract_id": contract, "amount": "10.00", "payment_method": "cash"}))
            .await
            .refused(403, "permission_missing");
        client
            .post(&format!("/contracts/{contract}/add_balance"), json!({"amount": 1}))
            .await
            .refused(403, "permission_missing");
        client.delete(&format!("/payments/{payment}")).await.refused(403, "permission_missing");
    }
    assert_eq!(admin.contract(contract).await["balance"], "10.00");
    operator.post(&format!("/contracts/{contract}/add_balance"), json!({"amount": 5})).await.expect(200);
    supervisor
        .post(&format!("/contracts/{contract}/deduct_balance"), json!({"amount": 2, "description": "x"}))
        .await
        .expect(200);
    let correction = supervisor.post("/payments/corrections", correction).await;
    assert!(
        correction.header("location").starts_with("/api/v1/payments/"),
        "{}",
        correction.header("location")
    );
    assert_eq!(correction.expect(201)["balance_after"], "12.00");
    supervisor.post(&format!("/payments/{payment}/refund"), json!({"reason": "x"})).await.expect(200);
    assert_eq!(admin.contract(contract).await["balance"], "2.00");
}
