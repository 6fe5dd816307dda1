//! Refunds and corrections, and the debts they cause.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::harness::{App, Client, id, scenario};

async fn refund(client: &Client, payment: i64, amount: &str) -> crate::harness::Reply {
    client.post(&format!("/payments/{payment}/refund"), json!({"amount": amount, "reason": "не туда"})).await
}

#[scenario]
async fn a_payment_is_given_back_in_parts_up_to_what_was_paid(app: &App) {
    let admin = app.admin().await;
    let contract = admin.draft("1.00").await;
    let paid = admin.post("/payments", json!({
        "contract_id": contract, "amount": "100.00", "payment_method": "terminal", "transaction_id": "t-1"
    })).await.expect(201);
    let payment = id(&paid);
    let stored =
        app.texts("SELECT status || ' ' || version || ' ' || amount FROM payments WHERE id = 1").await;
    for (amount, given_back, status) in
        [("33.33", "33.33", "success"), ("33.33", "66.66", "success"), ("33.34", "100.00", "refunded")]
    {
        let after = refund(&admin, payment, amount).await.expect(200);
        assert_eq!(
            (&after["refunded_amount"], &after["status"], &after["amount"]),
            (&json!(given_back), &json!(status), &json!("100.00"))
        );
    }
    let last = refund(&admin, payment, "0.01").await;
    let problem = last.refused(409, "refund_too_large");
    assert!(problem["detail"].as_str().unwrap().contains("0.00"), "{problem}");
    admin
        .post(&format!("/payments/{payment}/refund"), json!({"reason": "x"}))
        .await
        .refused(409, "refund_too_large");
    // the row in the ledger is unchanged
    assert_eq!(
        app.texts("SELECT status || ' ' || version || ' ' || amount FROM payments WHERE id = 1").await,
        stored
    );
    let refunds = admin.get(&format!("/payments?refund_of={payment}&ordering=created_at")).await.expect(200)
        ["results"]
        .clone();
    for (at, (amount, balance)) in
        [("33.33", "66.67"), ("33.33", "33.34"), ("33.34", "0.00")].into_iter().enumerate()
    {
        let row = &refunds[at];
        for (name, value) in [
            ("transaction_type", json!("refund")),
            ("status", json!("success")),
            ("amount", json!(amount)),
            ("balance_after", json!(balance)),
            ("refund_of", json!(payment)),
            ("payment_method", json!("terminal")),
            ("description", json!("не туда")),
            ("transaction_id", Value::Null),
        ] {
            assert_eq!(row[name], value, "{name} of {row}");
        }
    }
    assert_eq!(admin.get("/payments?status=refunded").await.expect(200)["count"], 1);
    assert_eq!(admin.get("/payments?status=success").await.expect(200)["count"], 3);
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn fifty_refunds_at_once_never_give_back_more_than_was_paid(app: &App) {
    let admin = app.admin().await;
    let contract = admin.draft("1.00").await;
    let payment = id(&admin.pay(contract, "100.00").await);
    admin.pay(contract, "900.00").await;
    let replies = join_all((0..50).map(|_| {
        let admin = admin.clone();
        async move { refund(&admin, payment, "7.00").await }
    }))
    .await;
    assert_eq!(replies.iter().filter(|reply| reply.status == 200).count(), 14);
    for reply in replies.into_iter().filter(|reply| reply.status != 200) {
        reply.refused(409, "refund_too_large");
    }
    let after = admin.get(&format!("/payments/{payment}")).await.expect(200);
    assert_eq!(
        (&after["refunded_amount"], &after["status"], &after["version"]),
        (&json!("98.00"), &json!("success"), &json!(15))
    );
    assert_eq!(admin.contract(contract).await["balance"], "902.00");
    // 50 concurrent refunds of the whole rest: one succeeds
    let replies = join_all((0..50).map(|_| {
        let admin = admin.clone();
        async move { admin.post(&format!("/payments/{payment}/refund"), json!({"reason": "x"})).await }
    }))
    .await;
    assert_eq!(replies.iter().filter(|reply| reply.status == 200).count(), 1);
    assert_eq!(
        (admin.contract(contract).await["balance"].clone(), app.count("payments").await),
        (json!("900.00"), 17)
    );
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn what_was_used_up_can_be_given_back_and_is_owed_then(app: &App) {
    let admin = app.admin().await;
    // prepaid: the current period was paid and continues; the next one does not begin
    let contract = admin.draft("600.00").await;
    let payment = id(&admin.pay(contract, "600.00").await);
    admin.activate(contract).await;
    let after = admin
        .post(&format!("/payments/{payment}/refund"), json!({"reason": "оплачен чужой договор"}))
        .await
        .expect(200);
    assert_eq!(after["status"], "refunded");
    let running = admin.contract(contract).await;
    assert_eq!(
        (&running["status"], &running["balance"], &running["holds"]),
        (&json!("active"), &json!("-600.00"), &json!([]))
    );
    app.advance(chrono::TimeDelta::days(28));
    let admin = app.admin().await;
    admin.pay(contract, "1199.99").await;
    let held = admin.contract(contract).await;
    assert_eq!(
        (&held["status"], &held["holds"], &held["balance"]),
        (&json!("suspended"), &json!(["debt"]), &json!("599.99"))
    );
    // a correction that covers the fee lifts the debt
    admin
        .post("/payments/corrections", json!({"contract_id": contract, "amount": "0.01", "reason": "x"}))
        .await
        .expect(201);
    let back = admin.contract(contract).await;
    assert_eq!((&back["status"], &back["balance"]), (&json!("active"), &json!("0.00")));

    // postpaid: a balance below the credit limit is a debt at once
    let tariff = json!({"name": "Постоплата", "tariff_type": "postpaid", "monthly_fee": "280.00"});
    let tariff = id(&admin.post("/tariffs", tariff).await.expect(201));
    let draft = json!({
        "customer_id": admin.customer().await, "tariff_id": tariff, "sim_id": admin.sim().await,
        "credit_limit": "50.00"
    });
    let contract = id(&admin.post("/contracts", draft).await.expect(201));
    let payment = id(&admin.pay(contract, "100.00").await);
    admin.activate(contract).await;
    admin
        .post(
            &format!("/contracts/{contract}/deduct_balance"),
            json!({"amount": "100.00", "description": "x"}),
        )
        .await
        .expect(200);
    refund(&admin, payment, "50.00").await.expect(200);
    assert_eq!(admin.contract(contract).await["status"], "active");
    refund(&admin, payment, "0.01").await.expect(200);
    let held = admin.contract(contract).await;
    assert_eq!(
        (&held["status"], &held["holds"], &held["balance"]),
        (&json!("suspended"), &json!(["debt"]), &json!("-50.01"))
    );
    let lifted = admin
        .post(&format!("/contracts/{contract}/add_balance"), json!({"amount": "0.01"}))
        .await
        .expect(200);
    assert_eq!((&lifted["status"], &lifted["holds"]), (&json!("active"), &json!([])));
    let held = admin
        .post(&format!("/contracts/{contract}/deduct_balance"), json!({"amount": "0.01", "description": "x"}))
        .await
        .expect(200);
    assert_eq!(held["holds"], json!(["debt"]));
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn a_top_up_or_a_correction_lifts_debt_and_nothing_else(app: &App) {
    let admin = app.admin().await;
    for (path, body) in [
        ("/payments", json!({"amount": "100.00", "payment_method": "cash"})),
        ("/payments/corrections", json!({"amount": "100.00", "reason": "x"})),
    ] {
        let contract = admin.draft("100.00").await;
        admin.activate(contract).await;
        for reason in ["fraud", "request"] {
            admin
                .post(&format!("/contracts/{contract}/suspend"), json!({"reason": reason}))
                .await
                .expect(200);
        }
        let mut body = body.clone();
        body["contract_id"] = json!(contract);
        admin.post(path, body).await.expect(201);
        let held = admin.contract(contract).await;
        assert_eq!(
            (&held["status"], &held["holds"], &held["balance"]),
            (&json!("suspended"), &json!(["fraud", "request"]), &json!("100.00")),
            "{path}"
        );
        for reason in ["fraud", "request"] {
            admin.post(&format!("/contracts/{contract}/resume"), json!({"reason": reason})).await.expect(200);
        }
        let active = admin.contract(contract).await;
        assert_eq!(
            (&active["status"], &active["balance"], &active["total_charged"]),
            (&json!("active"), &json!("0.00"), &json!("100.00")),
            "{path}"
        );
    }
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn corrections_and_refunds_say_why(app: &App) {
    let admin = app.admin().await;
    let contract = admin.draft("1.00").await;
    let payment = id(&admin.pay(contract, "10.00").await);
    for (path, body, wrong) in [
        (format!("/payments/{payment}/refund"), json!({}), "/reason"),
        (format!("/payments/{payment}/refund"), json!({"reason": ""}), "/reason"),
        (format!("/payments/{payment}/fail"), json!({"reason": "x".repeat(501)}), "/reason"),
        ("/payments/corrections".into(), json!({"contract_id": contract, "amount": "1.00"}), "/reason"),
        (
            "/payments/corrections".into(),
            json!({"contract_id": 999_999, "amount": "1.00", "reason": "x"}),
            "/contract_id",
        ),
        (format!("/contracts/{contract}/deduct_balance"), json!({"amount": "1.00"}), "/description"),
    ] {
        let reply = admin.post(&path, body).await;
        assert_eq!(
            reply.wrong_fields().iter().map(|(pointer, _)| pointer.as_str()).collect::<Vec<_>>(),
            [wrong],
            "{path}: {}",
            reply.text
        );
        reply.refused(422, "invalid");
    }
    for action in ["refund", "process", "cancel", "fail"] {
        admin
            .post(
                &format!("/payments/999999/{action}"),
                if matches!(action, "refund" | "fail") { json!({"reason": "x"}) } else { json!({}) },
            )
            .await
            .refused(404, "payment_not_found");
    }
    assert_eq!(
        (admin.contract(contract).await["balance"].clone(), app.count("payments").await),
        (json!("10.00"), 1)
    );
}
