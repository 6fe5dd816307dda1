//! What can be given back: refunds within the balance, and payouts of the rest after termination.

use serde_json::{Value, json};

use crate::{
    gateways,
    harness::{App, Client, id, scenario},
};

/// A script that may refund payments and not correct balances.
async fn refunder(app: &App, admin: &Client) -> Client {
    let permissions = ["payments:read", "payments:refund"];
    let issued = admin
        .post("/auth/api-tokens", json!({"name": "refunds", "permissions": permissions}))
        .await
        .expect(201);
    Client::new(&app.base, issued["token"].as_str())
}

fn payout(amount: Value) -> Value {
    json!({"amount": amount, "payment_method": "cash", "reason": "остаток после расторжения"})
}

/// What a refusal must not have moved.
async fn picture(app: &App) -> Vec<String> {
    let mut picture =
        app.texts("SELECT CAST(balance AS TEXT) || CAST(version AS TEXT) FROM contracts ORDER BY id").await;
    for table in ["payments", "events", "contract_holds"] {
        picture.push(app.count(table).await.to_string());
    }
    picture
}

#[scenario]
async fn what_no_refund_can_return_is_paid_out_after_termination(app: &App) {
    let admin = app.admin().await;
    let contract = admin.draft("0.00").await;
    let payment = id(&admin.pay(contract, "100.00").await);
    let body = json!({"contract_id": contract, "amount": "250.00", "reason": "компенсация"});
    admin.post("/payments/corrections", body).await.expect(201);
    let path = format!("/contracts/{contract}/payouts");
    let living = admin.activate(contract).await;
    assert_eq!((&living["refundable_balance"], &living["payout_balance"]), (&Value::Null, &Value::Null));
    let before = picture(app).await;
    admin.post(&path, payout(json!("1.00"))).await.refused(409, "contract_not_terminated");
    assert_eq!(picture(app).await, before);
    let over = admin
        .post(&format!("/contracts/{contract}/terminate"), json!({"reason": "переезд"}))
        .await
        .expect(200);
    assert_eq!(
        (&over["balance"], &over["refundable_balance"], &over["payout_balance"]),
        (&json!("350.00"), &json!("100.00"), &json!("350.00"))
    );
    admin.post(&format!("/payments/{payment}/refund"), json!({"reason": "остаток"})).await.expect(200);
    let before = picture(app).await;
    admin.post(&path, payout(json!("250.01"))).await.refused(409, "payout_too_large");
    app.user("operator").await.post(&path, payout(json!("1.00"))).await.refused(403, "permission_missing");
    for (body, wrong) in [
        (payout(json!("0.00")), "/amount"),
        (json!({"payment_method": "card", "reason": "x"}), "/payment_method"),
        (json!({"payment_method": "cash"}), "/reason"),
    ] {
        assert_eq!(admin.post(&path, body).await.wrong_fields()[0].0, wrong);
    }
    admin.post("/contracts/999999/payouts", payout(json!("1.00"))).await.refused(404, "contract_not_found");
    assert_eq!(picture(app).await, before);
    let part = admin.post(&path, payout(json!("50.00"))).await;
    assert!(part.header("location").starts_with("/api/v1/payments/"));
    let part = part.expect(201);
    assert_eq!(
        (&part["transaction_type"], &part["amount"], &part["balance_after"], &part["payment_method"]),
        (&json!("payout"), &json!("50.00"), &json!("200.00"), &json!("cash"))
    );
    let receipt = admin.get(&format!("/payments/{}/receipt", part["id"])).await.expect(200);
    assert_eq!((&receipt["transaction_type"], &receipt["amount"]), (&json!("payout"), &json!("50.00")));
    // without an amount it is the rest
    assert_eq!(admin.post(&path, payout(Value::Null)).await.expect(201)["amount"], "200.00");
    let empty = admin.contract(contract).await;
    assert_eq!(
        (&empty["balance"], &empty["refundable_balance"], &empty["payout_balance"]),
        (&json!("0.00"), &json!("0.00"), &json!("0.00"))
    );
    admin.post(&path, payout(Value::Null)).await.refused(409, "payout_too_large");
    let page = admin
        .get(&format!("/contracts/{contract}/statement?from=2026-01-31&to=2026-01-31"))
        .await
        .expect(200);
    assert!(page.to_string().contains("\"refunds\":\"350.00\""), "{page}");
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn a_correction_alone_leaves_nothing_to_refund(app: &App) {
    let admin = app.admin().await;
    let contract = admin.draft("0.00").await;
    let body = json!({"contract_id": contract, "amount": "250.00", "reason": "компенсация"});
    admin.post("/payments/corrections", body).await.expect(201);
    admin.activate(contract).await;
    let over = admin
        .post(&format!("/contracts/{contract}/terminate"), json!({"reason": "переезд"}))
        .await
        .expect(200);
    assert_eq!((&over["refundable_balance"], &over["payout_balance"]), (&json!("0.00"), &json!("250.00")));
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn used_money_is_refunded_only_by_who_may_also_correct_balances(app: &App) {
    let admin = app.admin().await;
    let script = refunder(app, &admin).await;
    let contract = admin.draft("300.00").await;
    let payment = id(&admin.pay(contract, "400.00").await);
    admin.activate(contract).await;
    let path = format!("/payments/{payment}/refund");
    let refund = async |client: &Client, amount: Value| {
        client.post(&path, json!({"amount": amount, "reason": "по заявлению"})).await
    };
    let before = picture(app).await;
    let refused = refund(&script, json!("100.01")).await.refused(409, "refund_exceeds_balance");
    assert!(refused["detail"].as_str().unwrap().contains("100"), "{refused}");
    assert_eq!(picture(app).await, before);
    // without an amount it is what the balance leaves
    assert_eq!(refund(&script, Value::Null).await.expect(200)["refunded_amount"], "100.00");
    refund(&script, Value::Null).await.refused(409, "refund_exceeds_balance");
    refund(&script, json!("300.01")).await.refused(409, "refund_too_large");
    let shown = admin.contract(contract).await;
    assert_eq!((&shown["balance"], &shown["status"]), (&json!("0.00"), &json!("active")));
    admin.post(&format!("/contracts/{contract}/terminate"), json!({"reason": "x"})).await.expect(200);
    refund(&script, json!("0.01")).await.refused(409, "refund_exceeds_balance");
    // an administrator has both rights
    refund(&admin, Value::Null).await.expect(200);
    assert_eq!(admin.contract(contract).await["balance"], "-300.00");
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn what_a_gateway_is_about_to_refund_is_neither_refunded_again_nor_paid_out(app: &App) {
    let admin = app.admin().await;
    let contract = admin.draft("0.00").await;
    let cash = id(&admin.pay(contract, "50.00").await);
    let link = gateways::paid(app, &admin, contract, "100.00").await;
    // a refund that the gateway never answers
    let body = json!({"amount": "60.14", "reason": "по заявлению"});
    admin.post(&format!("/payments/{}/refund", link["id"]), body).await.expect(202);
    let over =
        admin.post(&format!("/contracts/{contract}/terminate"), json!({"reason": "x"})).await.expect(200);
    assert_eq!(
        (&over["balance"], &over["refundable_balance"], &over["payout_balance"]),
        (&json!("150.00"), &json!("89.86"), &json!("89.86"))
    );
    let path = format!("/contracts/{contract}/payouts");
    admin.post(&path, payout(json!("89.87"))).await.refused(409, "payout_too_large");
    let script = refunder(app, &admin).await;
    script.post(&format!("/payments/{cash}/refund"), json!({"reason": "x"})).await.expect(200);
    admin.post(&path, payout(json!("39.87"))).await.refused(409, "payout_too_large");
    assert_eq!(admin.post(&path, payout(Value::Null)).await.expect(201)["amount"], "39.86");
    assert_eq!(app.violations().await, Vec::<String>::new());
}
