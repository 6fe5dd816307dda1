//! Payment links: the payer pays on the gateway's page.

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::{balance, link, now, order, resolve, standing, succeeded, tell};
use crate::harness::{App, id, scenario};

#[scenario]
async fn a_link_is_paid_and_the_contract_that_waited_for_it_runs(app: &App) {
    let admin = app.admin().await;
    let contract = admin.draft("600.00").await;
    admin.activate(contract).await;
    let made = admin.post("/payments/links", order(contract, "600.00")).await;
    assert!(
        made.header("location").ends_with(&format!("/payments/{}", made.body["id"])),
        "{}",
        made.header("location")
    );
    let payment = made.expect(201);
    for (name, value) in [
        ("status", json!("pending")),
        ("payment_method", json!("card")),
        ("gateway", json!("sandbox")),
        ("amount", json!("600.00")),
        ("balance_after", Value::Null),
        ("link", json!(format!("https://sandbox.invalid/pay/{}", payment["id"]))),
        ("expires_at", json!("2026-02-01T09:00:00Z")),
        ("quarantine", Value::Null),
        ("transaction_id", json!(format!("gateway:sandbox:sbx-{}", payment["id"]))),
        ("refund_requested", json!("0.00")),
    ] {
        assert_eq!(payment[name], value, "{name}");
    }
    assert_eq!(now(&admin, &payment).await, payment);
    assert_eq!(admin.get("/payments/pending?gateway=sandbox").await.expect(200)["results"], json!([payment]));
    assert_eq!(admin.get("/payments?search=sbx-").await.expect(200)["count"], 1);
    assert_eq!(
        (balance(&admin, contract).await.as_str(), admin.contract(contract).await["holds"].clone()),
        ("0.00", json!(["debt"]))
    );

    // the payer has begun, and has then paid
    assert_eq!(
        tell(app, "evt-1", json!({"type": "payment.processing", "reference": payment["id"].to_string()}))
            .await,
        "applied"
    );
    assert_eq!(standing(&admin, &payment).await.0, "processing");
    for action in ["process", "cancel", "fail"] {
        let body = if action == "fail" { json!({"reason": "x"}) } else { json!({}) };
        admin
            .post(&format!("/payments/{}/{action}", payment["id"]), body)
            .await
            .refused(409, "payment_wrong_state");
    }
    assert_eq!(tell(app, "evt-2", succeeded(&payment, "600.00")).await, "applied");
    let done = now(&admin, &payment).await;
    for (name, value) in [
        ("status", json!("success")),
        ("balance_after", json!("600.00")),
        ("processed_by", json!("payment gateway")),
        ("ledger_number", json!(1)),
    ] {
        assert_eq!(done[name], value, "{name}");
    }
    let running = admin.contract(contract).await;
    assert_eq!((&running["status"], &running["balance"]), (&json!("active"), &json!("0.00")));
    let receipt = admin.get(&format!("/payments/{}/receipt", payment["id"])).await.expect(200);
    assert_eq!((&receipt["amount"], &receipt["transaction_id"]), (&json!("600.00"), &done["transaction_id"]));
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn a_gateway_that_does_not_answer_or_refuses_leaves_a_payment_that_says_so(app: &App) {
    let admin = app.admin().await;
    let contract = admin.draft("1.00").await;
    // the gateway refuses: the payment has failed, with the reason
    let problem = admin.post("/payments/links", order(contract, "10.04")).await;
    let detail = problem.body["detail"].as_str().unwrap().to_owned();
    problem.refused(409, "gateway_refused");
    let failed = admin.get("/payments?status=failed").await.expect(200)["results"][0].clone();
    assert!(detail.contains(&failed["id"].to_string()) && detail.contains("amount not accepted"), "{detail}");
    assert_eq!((&failed["failure_reason"], &failed["link"]), (&json!("amount not accepted"), &Value::Null));
    // the gateway is unavailable: the payment remains pending, and a repeat with the key does not order twice
    for amount in ["10.05", "10.06"] {
        let keyed = admin.with("idempotency-key", format!("order-{amount}"));
        let before = app.count("payments").await;
        for _ in 0..3 {
            let problem = keyed.post("/payments/links", order(contract, amount)).await;
            assert_eq!(problem.header("retry-after"), "30");
            problem.refused(503, "gateway_away");
        }
        assert_eq!(app.count("payments").await, before + 1);
    }
    let pending = admin.get("/payments/pending").await.expect(200);
    assert_eq!((&pending["count"], &pending["results"][0]["link"]), (&json!(2), &Value::Null));
    assert_eq!(balance(&admin, contract).await, "0.00");
    // the poll finds that one was paid; the other remains unknown to the gateway until it expires
    app.advance(TimeDelta::minutes(15));
    app.poll_gateways().await;
    assert_eq!(balance(&admin, contract).await, "10.06");
    app.advance(TimeDelta::hours(24));
    app.poll_gateways().await;
    let admin = app.admin().await;
    let expired =
        admin.get("/payments?status=failed&amount_min=10.05").await.expect(200)["results"][0].clone();
    assert_eq!((&expired["amount"], &expired["failure_reason"]), (&json!("10.05"), &json!("expired")));
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn a_repeat_with_the_same_key_shows_the_same_link(app: &App) {
    let admin = app.admin().await;
    let contract = admin.draft("1.00").await;
    let keyed = admin.with("idempotency-key", "order-1");
    let first = keyed.post("/payments/links", order(contract, "5.00")).await;
    let again = keyed.post("/payments/links", order(contract, "5.00")).await;
    assert_eq!(
        (again.header("idempotent-replayed"), &again.text, again.header("etag")),
        ("true", &first.text, first.header("etag"))
    );
    keyed.post("/payments/links", order(contract, "6.00")).await.refused(422, "idempotency_key_reused");
    assert!(first.expect(201)["link"].is_string());
    assert_eq!(app.count("payments").await, 1);
}

#[scenario]
async fn a_link_needs_a_gateway_in_use_an_address_and_a_contract(app: &App) {
    let admin = app.admin().await;
    let contract = admin.draft("1.00").await;
    assert_eq!(
        admin.get("/payments/gateways").await.expect(200),
        json!({"gateways": ["sandbox"], "currency": "RUB"})
    );
    let with = |name: &str, value: Value| {
        let mut body = order(contract, "5.00");
        body[name] = value;
        body
    };
    for (name, value, code) in [
        ("gateway", json!("paypal"), "invalid_choice"),
        ("gateway", json!("http"), "invalid_choice"),
        ("gateway", json!(""), "invalid_length"),
        ("return_url", json!("javascript:alert(1)"), "invalid_format"),
        ("return_url", json!("shop.example.com"), "invalid_format"),
        ("return_url", json!("https://user@shop.example.com/"), "invalid_format"),
        ("return_url", json!(format!("https://shop.example.com/{}", "x".repeat(500))), "invalid_length"),
        ("return_url", json!("https://"), "invalid_format"),
        ("payment_method", json!("cash"), "invalid_choice"),
        ("contract_id", json!(999_999), "not_found"),
        ("description", json!("x".repeat(201)), "invalid_length"),
        ("note", json!("x"), "unknown_field"),
    ] {
        let reply = admin.post("/payments/links", with(name, value.clone())).await;
        assert_eq!(reply.wrong_fields(), [(format!("/{name}"), code.to_owned())], "{value}");
        reply.refused(422, "invalid");
    }
    let (operator, supervisor) = (app.user("operator").await, app.user("supervisor").await);
    supervisor.post("/payments/links", order(contract, "5.00")).await.refused(403, "permission_missing");
    assert_eq!(app.count("payments").await, 0);
    let wallet =
        operator.post("/payments/links", with("payment_method", json!("mobile_payment"))).await.expect(201);
    assert_eq!(wallet["payment_method"], "mobile_payment");
    // staff cancelled it, and the gateway is not polled any more
    operator.delete(&format!("/payments/{}", wallet["id"])).await.expect(204);
    app.advance(TimeDelta::hours(1));
    app.poll_gateways().await;
    assert_eq!(app.scalar("SELECT COUNT(*) FROM gateway_payments WHERE next_poll_at IS NOT NULL").await, 0);
    assert_eq!(
        (
            standing(&app.admin().await, &wallet).await.0.as_str(),
            balance(&app.admin().await, contract).await.as_str()
        ),
        ("cancelled", "0.00")
    );
}

#[scenario]
async fn a_contract_that_is_over_takes_by_link_what_it_owes(app: &App) {
    let admin = app.admin().await;
    let contract = admin.draft("100.00").await;
    admin.pay(contract, "100.00").await;
    admin.activate(contract).await;
    admin
        .post(
            &format!("/contracts/{contract}/deduct_balance"),
            json!({"amount": "50.00", "description": "x"}),
        )
        .await
        .expect(200);
    let early = link(&admin, contract, "70.00").await;
    admin.post(&format!("/contracts/{contract}/terminate"), json!({"reason": "x"})).await.expect(200);
    admin.post("/payments/links", order(contract, "50.01")).await.refused(409, "contract_terminated");
    // the payer can still use an earlier link, and staff must decide about the money
    assert_eq!(tell(app, "evt-1", succeeded(&early, "70.00")).await, "quarantined");
    assert_eq!(standing(&admin, &early).await, ("pending".to_owned(), json!("not_accepted")));
    resolve(&admin, &early, "accept", "x").await.refused(409, "contract_terminated");
    resolve(&admin, &early, "fail", "вернули в банк").await.expect(200);
    let owed = link(&admin, contract, "50.00").await;
    assert_eq!(tell(app, "evt-2", succeeded(&owed, "50.00")).await, "applied");
    assert_eq!((balance(&admin, contract).await.as_str(), id(&owed) > id(&early)), ("0.00", true));
    assert_eq!(app.violations().await, Vec::<String>::new());
}
