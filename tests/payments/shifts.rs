//! What each cashier took and gave back, when payers paid, and who made a transaction final.

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::harness::{App, Client, id, scenario};

async fn take(client: &Client, contract: i64, amount: &str, method: &str) -> i64 {
    let body = json!({"contract_id": contract, "amount": amount, "payment_method": method});
    id(&client.post("/payments", body).await.expect(201))
}

/// Cashier, method, and what was received, returned and is left, of each row.
async fn shift(client: &Client, query: &str) -> Vec<String> {
    let page = client.get(&format!("/payments/shift{query}")).await.expect(200);
    let text = |row: &Value, name: &str| row[name].as_str().map_or(row[name].to_string(), str::to_owned);
    let names = [
        "cashier",
        "payment_method",
        "received_count",
        "received_amount",
        "returned_count",
        "returned_amount",
        "net_amount",
    ];
    let rows = page["results"].as_array().unwrap().iter();
    rows.map(|row| names.map(|name| text(row, name)).join(" ")).collect()
}

#[scenario]
async fn a_shift_tells_each_cashiers_totals_by_method_and_a_cashier_only_their_own(app: &App) {
    let (admin, operator) = (app.admin().await, app.user("operator").await);
    let contract = admin.draft("0.00").await;
    take(&operator, contract, "100.00", "cash").await;
    take(&operator, contract, "40.00", "cash").await;
    take(&operator, contract, "7.00", "bank_transfer").await;
    // pending, so nothing was received
    take(&operator, contract, "1000.00", "card").await;
    let own = take(&admin, contract, "30.00", "cash").await;
    admin
        .post(&format!("/payments/{own}/refund"), json!({"amount": "10.00", "reason": "x"}))
        .await
        .expect(200);
    let body = json!({"contract_id": contract, "amount": "5.00", "reason": "не деньги"});
    admin.post("/payments/corrections", body).await.expect(201);
    admin.post(&format!("/contracts/{contract}/terminate"), json!({"reason": "x"})).await.expect(200);
    let body = json!({"amount": "2.00", "payment_method": "cash", "reason": "остаток"});
    admin.post(&format!("/contracts/{contract}/payouts"), body).await.expect(201);
    let operators = ["operator bank_transfer 1 7.00 0 0.00 7.00", "operator cash 2 140.00 0 0.00 140.00"];
    let all = ["admin cash 1 30.00 2 12.00 18.00", operators[0], operators[1]];
    assert_eq!(shift(&admin, "").await, all);
    assert_eq!(shift(&app.user("supervisor").await, "").await, all);
    assert_eq!(shift(&operator, "").await, operators);
    assert_eq!(shift(&app.user("employee").await, "").await, Vec::<String>::new());
    // by pages and by cursor
    let page = admin.get("/payments/shift?page_size=1&page=2").await.expect(200);
    assert_eq!((&page["count"], &page["results"][0]["cashier"]), (&json!(3), &json!("operator")));
    let mut path = "/api/v1/payments/shift?page_size=2&cursor=".to_owned();
    let mut walked = 0;
    loop {
        let page = admin.get(&path).await.expect(200);
        walked += page["results"].as_array().unwrap().len();
        match page["next"].as_str() {
            Some(next) => path = next.to_owned(),
            None => break,
        }
    }
    assert_eq!(walked, 3);
    // days are the operator's, and today by default
    assert_eq!(shift(&admin, "?from=2026-01-30&to=2026-01-30").await, Vec::<String>::new());
    app.advance(TimeDelta::days(1));
    let admin = app.admin().await;
    assert_eq!(shift(&admin, "").await, Vec::<String>::new());
    assert_eq!(shift(&admin, "?from=2026-01-31").await, all);
    let backwards = "?from=2026-01-31&to=2026-01-31&ordering=-cashier,-payment_method";
    assert_eq!(shift(&admin, backwards).await, [operators[1], operators[0], all[0]]);
    admin.get("/payments/shift?from=2026-02-02&to=2026-02-01").await.refused(400, "invalid_parameter");
    admin.get("/payments/shift?since=2026-02-02").await.refused(400, "unknown_parameter");
}

#[scenario]
async fn a_payment_says_when_the_payer_paid_and_counts_when_it_is_taken(app: &App) {
    let admin = app.admin().await;
    let contract = admin.draft("0.00").await;
    let body = |paid_at: &str| {
        json!({
            "contract_id": contract, "amount": "10.00", "payment_method": "bank_transfer", "paid_at": paid_at
        })
    };
    let made = admin.post("/payments", body("2026-01-28T10:15:00+03:00")).await.expect(201);
    assert_eq!(
        (&made["paid_at"], &made["created_at"], &made["processed_at"]),
        (&json!("2026-01-28T07:15:00Z"), &made["processed_at"], &made["created_at"])
    );
    assert!(made["created_at"].as_str().unwrap().starts_with("2026-01-31T"));
    assert_eq!(admin.get(&format!("/payments/{}", made["id"])).await.expect(200)["paid_at"], made["paid_at"]);
    assert_eq!(admin.pay(contract, "1.00").await["paid_at"], Value::Null);
    for wrong in ["2026-02-01T00:00:00Z", "2024-12-31T00:00:00Z", "yesterday"] {
        let reply = admin.post("/payments", body(wrong)).await;
        assert_eq!(reply.wrong_fields()[0].0, "/paid_at", "{wrong}: {}", reply.text);
    }
    assert_eq!(app.count("payments").await, 2);
}

#[scenario]
async fn transactions_are_found_by_who_made_them_final(app: &App) {
    let (admin, operator) = (app.admin().await, app.user("operator").await);
    let contract = admin.draft("0.00").await;
    take(&operator, contract, "1.00", "cash").await;
    take(&admin, contract, "2.00", "cash").await;
    let pending = take(&operator, contract, "3.00", "card").await;
    let amounts = async |query: &str| -> Vec<String> {
        let page = admin.get(&format!("/payments?ordering=created_at&{query}")).await.expect(200);
        page["results"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row["amount"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(amounts("processed_by=operator").await, ["1.00"]);
    admin.post(&format!("/payments/{pending}/process"), json!({})).await.expect(200);
    assert_eq!(amounts("processed_by=admin").await, ["2.00", "3.00"]);
    assert_eq!(amounts("processed_by=nobody").await, Vec::<String>::new());
}
