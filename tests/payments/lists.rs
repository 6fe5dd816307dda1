//! Lists, receipts and statistics of payments.

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::harness::{App, Client, id, scenario};

async fn amounts(client: &Client, path: &str) -> Vec<Value> {
    client.get(path).await.expect(200)["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["amount"].clone())
        .collect()
}

#[scenario]
async fn payments_are_found_by_their_own_id_and_by_what_they_were_for(app: &App) {
    let admin = app.admin().await;
    let contract = admin.draft("9.00").await;
    for (amount, transaction_id, description) in [
        ("1.00", "Desk-3/000417", "Аванс за ёлку"),
        ("2.00", "desk-3/000418", "100% аванса"),
        ("3.00", "gate_way", ""),
    ] {
        admin
            .post(
                "/payments",
                json!({
                    "contract_id": contract, "amount": amount, "payment_method": "cash",
                    "transaction_id": transaction_id, "description": description
                }),
            )
            .await
            .expect(201);
    }
    admin
        .post("/payments", json!({"contract_id": contract, "amount": "9.00", "payment_method": "cash"}))
        .await
        .expect(201);
    admin.activate(contract).await;
    admin
        .post(&format!("/payments/{}/refund", 1), json!({"amount": "0.50", "reason": "вернули за ель"}))
        .await
        .expect(200);
    for (search, found) in [
        ("desk-3", vec!["2.00", "1.00"]),
        ("DESK-3/000417", vec!["1.00"]),
        ("аванс", vec!["2.00", "1.00"]),
        ("ЕЛКУ", vec!["1.00"]),
        ("100%25", vec!["2.00"]),
        ("%25", vec!["2.00"]),
        ("gate_way", vec!["3.00"]),
        ("gate-way", vec![]),
        ("вернули", vec!["0.50"]),
        ("2026", vec![]),
        ("ав", vec!["2.00", "1.00"]),
    ] {
        assert_eq!(
            amounts(&admin, &format!("/payments?search={search}&ordering=-amount")).await,
            found,
            "{search}"
        );
    }
    // a payment is found both before and after it is processed
    let card = id(&admin.post("/payments", json!({
        "contract_id": contract, "amount": "4.00", "payment_method": "card", "transaction_id": "эквайринг-1"
    })).await.expect(201));
    assert_eq!(amounts(&admin, "/payments?search=эквайринг").await, ["4.00"]);
    admin.post(&format!("/payments/{card}/process"), json!({})).await.expect(200);
    assert_eq!(amounts(&admin, "/payments?search=эквайринг&status=success").await, ["4.00"]);
}

#[scenario]
async fn pending_payments_have_a_list_of_their_own(app: &App) {
    let admin = app.admin().await;
    let (contract, other) = (admin.draft("9.00").await, admin.draft("9.00").await);
    let mut cards = Vec::new();
    for (on, amount, method) in [
        (contract, "1.00", "card"),
        (other, "2.00", "card"),
        (contract, "3.00", "auto_payment"),
        (contract, "4.00", "cash"),
        (contract, "5.00", "card"),
    ] {
        cards.push(id(&admin
            .post("/payments", json!({"contract_id": on, "amount": amount, "payment_method": method}))
            .await
            .expect(201)));
    }
    admin.post(&format!("/payments/{}/cancel", cards[4]), json!({})).await.expect(200);
    for (query, found) in [
        ("", vec!["3.00", "2.00", "1.00"]),
        ("?ordering=amount", vec!["1.00", "2.00", "3.00"]),
        ("?payment_method=card", vec!["2.00", "1.00"]),
    ] {
        assert_eq!(amounts(&admin, &format!("/payments/pending{query}")).await, found, "{query}");
    }
    assert_eq!(amounts(&admin, &format!("/payments/pending?contract={contract}")).await, ["3.00", "1.00"]);
    app.user("employee").await.get("/payments/pending").await.expect(200);
    admin.get("/payments/pending?status=failed").await.refused(400, "unknown_parameter");
}

#[scenario]
async fn a_receipt_says_who_paid_whom_for_what(app: &App) {
    let admin = app.admin().await;
    let contract = admin.draft("100.00").await;
    admin.activate(contract).await;
    let shown = admin.contract(contract).await;
    let operator = app.user("operator").await;
    let paid = operator.post("/payments", json!({
        "contract_id": contract, "amount": "150.00", "payment_method": "cash", "transaction_id": "t-1",
        "description": "за февраль"
    })).await.expect(201);
    let receipt =
        app.user("employee").await.get(&format!("/payments/{}/receipt", paid["id"])).await.expect(200);
    assert_eq!(
        receipt,
        json!({
            "number": format!("{}/1", shown["number"].as_str().unwrap()), "payment_id": paid["id"],
            "transaction_type": "payment", "status": "success", "issued_at": "2026-01-31T09:00:00Z",
            "amount": "150.00", "refunded_amount": "0.00", "currency": "RUB", "payment_method": "cash",
            "transaction_id": "t-1", "description": "за февраль", "contract_id": contract,
            "contract_number": shown["number"], "customer_id": shown["customer_id"],
            "customer_name": "Иванов Пётр Сергеевич", "msisdn": shown["sim"]["msisdn"], "cashier": "operator",
            "balance_after": "150.00"
        })
    );
    admin
        .post(&format!("/payments/{}/refund", paid["id"]), json!({"amount": "50.00", "reason": "x"}))
        .await
        .expect(200);
    assert_eq!(
        admin.get(&format!("/payments/{}/receipt", paid["id"])).await.expect(200)["refunded_amount"],
        "50.00"
    );
    let refund =
        admin.get(&format!("/payments?refund_of={}", paid["id"])).await.expect(200)["results"][0]["id"]
            .clone();
    let receipt = admin.get(&format!("/payments/{refund}/receipt")).await.expect(200);
    assert_eq!(
        (&receipt["transaction_type"], &receipt["amount"], &receipt["number"]),
        (&json!("refund"), &json!("50.00"), &json!(format!("{}/3", shown["number"].as_str().unwrap())))
    );
    admin.get("/payments/999999/receipt").await.refused(404, "payment_not_found");
}

#[scenario]
async fn statistics_of_payments_are_of_the_days_asked_for(app: &App) {
    let admin = app.admin().await;
    let supervisor = app.user("supervisor").await;
    let contract = admin.draft("30.00").await;
    let whole = id(&admin.pay(contract, "10.00").await);
    admin.post(&format!("/payments/{whole}/refund"), json!({"reason": "x"})).await.expect(200);
    admin.pay(contract, "20.00").await;
    admin
        .post("/payments", json!({"contract_id": contract, "amount": "40.00", "payment_method": "terminal"}))
        .await
        .expect(201);
    let card = id(&admin
        .post("/payments", json!({"contract_id": contract, "amount": "7.00", "payment_method": "card"}))
        .await
        .expect(201));
    admin
        .post("/payments/corrections", json!({"contract_id": contract, "amount": "-1.50", "reason": "x"}))
        .await
        .expect(201);
    admin.activate(contract).await;
    app.advance(TimeDelta::days(1));
    let admin = app.admin().await;
    admin.post(&format!("/payments/{card}/process"), json!({})).await.expect(200);
    let supervisor = {
        drop(supervisor);
        app.sign_in("supervisor", crate::harness::PASSWORD).await
    };
    let january = supervisor.get("/payments/statistics?from=2026-01-01&to=2026-01-31").await.expect(200);
    assert_eq!(
        january,
        json!({
            "from": "2026-01-01", "to": "2026-01-31",
            "by_status": [
                {"status": "refunded", "count": 1, "amount": "10.00"},
                {"status": "success", "count": 3, "amount": "67.00"}
            ],
            "by_type": [
                {"transaction_type": "charge", "count": 1, "amount": "30.00"},
                {"transaction_type": "correction", "count": 1, "amount": "-1.50"},
                {"transaction_type": "payment", "count": 3, "amount": "70.00"},
                {"transaction_type": "refund", "count": 1, "amount": "10.00"}
            ],
            "by_method": [
                {"payment_method": "cash", "count": 2, "amount": "30.00"},
                {"payment_method": "terminal", "count": 1, "amount": "40.00"}
            ]
        })
    );
    let february = supervisor.get("/payments/statistics").await.expect(200);
    assert_eq!(
        (&february["from"], &february["to"], &february["by_status"]),
        (&json!("2026-02-01"), &json!("2026-02-01"), &json!([]))
    );
    assert_eq!(february["by_method"], json!([{"payment_method": "card", "count": 1, "amount": "7.00"}]));
    supervisor
        .get("/payments/statistics?from=2026-02-02&to=2026-02-01")
        .await
        .refused(400, "invalid_parameter");
    supervisor.get("/payments/statistics?since=2026-02-02").await.refused(400, "unknown_parameter");
    app.user("operator").await.get("/payments/statistics").await.refused(403, "permission_missing");
}
