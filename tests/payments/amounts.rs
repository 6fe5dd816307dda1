//! Amounts that cannot be, for each input of money (SPEC 2.2): told clearly, and nothing moves.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{App, Client, Reply, id, scenario};

const MAX: &str = "99999999999.99";

/// Each input of money with the body around the amount;
/// whether it may be negative, and whether it may be zero.
fn inputs(contract: i64, payment: i64) -> Vec<(Method, String, String, bool, bool)> {
    let at = |text: &str| {
        text.replace("$contract", &contract.to_string()).replace("$payment", &payment.to_string())
    };
    [
        (Method::POST, "/payments", r#"{"contract_id": $contract, "payment_method": "cash", "amount": $amount}"#, false, false),
        (Method::POST, "/payments", r#"{"contract_id": $contract, "payment_method": "card", "amount": $amount}"#, false, false),
        (
            Method::POST,
            "/payments/links",
            r#"{"contract_id": $contract, "gateway": "sandbox", "return_url": "https://shop.example.com", "amount": $amount}"#,
            false,
            false,
        ),
        (Method::POST, "/payments/corrections", r#"{"contract_id": $contract, "reason": "x", "amount": $amount}"#, true, false),
        (Method::POST, "/payments/$payment/refund", r#"{"reason": "x", "amount": $amount}"#, false, false),
        (Method::POST, "/contracts/$contract/add_balance", r#"{"amount": $amount}"#, false, false),
        (Method::POST, "/contracts/$contract/deduct_balance", r#"{"description": "x", "amount": $amount}"#, false, false),
        (Method::PATCH, "/contracts/$contract", r#"{"credit_limit": $amount}"#, false, true),
    ]
    .map(|(method, path, body, negative, zero)| (method, at(path), at(body), negative, zero))
    .into()
}

async fn send(client: &Client, method: &Method, path: &str, body: String) -> Reply {
    let request =
        client.request(method.clone(), path).header("content-type", "application/json").body(body.clone());
    Reply::read(format!("{method} {path} {body}"), request.send().await.unwrap()).await
}

async fn standing(app: &App, admin: &Client, contract: i64) -> (Value, i64, i64) {
    (admin.contract(contract).await, app.count("payments").await, app.count("audit").await)
}

#[scenario]
async fn what_is_no_amount_is_refused_by_every_input_and_moves_nothing(app: &App) {
    let admin = app.admin().await;
    let contract = admin.draft("600.00").await;
    let payment = id(&admin.pay(contract, "5000.00").await);
    admin.activate(contract).await;
    let before = standing(app, &admin, contract).await;
    let digits = "12345678901234567890123456789";
    let never = [
        "1e309",
        "\"1e309\"",
        "1e2",
        "\"1e2\"",
        "1E-2",
        "\"NaN\"",
        "\"Infinity\"",
        "\"-Infinity\"",
        digits,
        &format!("\"{digits}\""),
        &format!("0.{digits}"),
        "0.001",
        "\"0.001\"",
        "1.999",
        "100000000000.00",
        "\"100000000000\"",
        "\"\"",
        "\" 1\"",
        "\"1 \"",
        "\"1,5\"",
        "\"1 000\"",
        "\"+5\"",
        "\".5\"",
        "\"5.\"",
        "\"0x10\"",
        "\"١\"",
        "\"--5\"",
        "true",
        "[]",
        "[1]",
        "{}",
        "{\"amount\": 1}",
        "\"1\\u0000\"",
    ];
    for (method, path, body, negative, zero) in inputs(contract, payment) {
        let mut wrong: Vec<String> = never.iter().map(|amount| (*amount).to_owned()).collect();
        if !negative {
            wrong.extend(["-1", "\"-0.01\"", "-99999999999.99"].map(str::to_owned));
        } else {
            wrong.push("-100000000000.00".to_owned());
        }
        if !zero {
            wrong.extend(["0", "-0", "\"0.00\"", "\"-0.00\"", "0.0"].map(str::to_owned));
        }
        for amount in wrong {
            let reply = send(&admin, &method, &path, body.replace("$amount", &amount)).await;
            let fields = reply.wrong_fields();
            assert_eq!(reply.status, 422, "{}: {}", reply.asked, reply.text);
            assert!(
                fields.len() == 1
                    && (fields[0].0.starts_with("/amount") || fields[0].0.starts_with("/credit_limit")),
                "{}: {}",
                reply.asked,
                reply.text
            );
            let told = reply.body["errors"][0]["message"].as_str().unwrap();
            assert!(told.len() > 10, "{}", reply.text);
        }
        for malformed in ["NaN", "Infinity", "01", "1.", ".5", "+1", "--1", "0x1", "1_000", "'1'"] {
            send(&admin, &method, &path, body.replace("$amount", malformed)).await.refused(400, "malformed");
        }
    }
    assert_eq!(standing(app, &admin, contract).await, before);
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn a_tenth_and_two_tenths_come_to_thirty_kopecks_in_every_input(app: &App) {
    let admin = app.admin().await;
    let contract = admin.draft("600.00").await;
    let payment = id(&admin.pay(contract, "1.00").await);
    let balance = async || admin.contract(contract).await["balance"].as_str().unwrap().to_owned();
    for ((method, path, body, ..), after) in inputs(contract, payment)
        .into_iter()
        .zip(["1.30", "1.30", "1.30", "1.60", "1.30", "1.60", "1.30", "1.30"])
    {
        for amount in ["0.1", "\"0.2\""] {
            let status = send(&admin, &method, &path, body.replace("$amount", amount)).await.status;
            assert!(matches!(status, 200 | 201), "{method} {path} {status}");
        }
        assert_eq!(balance().await, after, "{method} {path}");
    }
    assert_eq!(admin.contract(contract).await["credit_limit"], "0.20");
    // zero is a credit limit, however it is written
    for zero in ["0", "-0", "\"0.00\""] {
        assert_eq!(
            send(
                &admin,
                &Method::PATCH,
                &format!("/contracts/{contract}"),
                format!("{{\"credit_limit\": {zero}}}")
            )
            .await
            .expect(200)["credit_limit"],
            "0.00"
        );
    }
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn no_sum_goes_beyond_the_limit_in_either_direction(app: &App) {
    let admin = app.admin().await;
    let contract = admin.draft("600.00").await;
    let payment = id(&admin.pay(contract, MAX).await);
    let pending = id(&admin
        .post("/payments", json!({"contract_id": contract, "amount": "0.01", "payment_method": "card"}))
        .await
        .expect(201));
    let before = standing(app, &admin, contract).await;
    for (path, body) in [
        (
            "/payments".to_owned(),
            json!({"contract_id": contract, "amount": "0.01", "payment_method": "cash"}),
        ),
        ("/payments".to_owned(), json!({"contract_id": contract, "amount": MAX, "payment_method": "cash"})),
        (
            "/payments/corrections".to_owned(),
            json!({"contract_id": contract, "amount": "0.01", "reason": "x"}),
        ),
        (format!("/contracts/{contract}/add_balance"), json!({"amount": "0.01"})),
        (format!("/payments/{pending}/process"), json!({})),
    ] {
        admin.post(&path, body).await.refused(422, "amount_out_of_range");
    }
    assert_eq!(standing(app, &admin, contract).await, before);
    for _ in 0..2 {
        admin
            .post(
                &format!("/contracts/{contract}/deduct_balance"),
                json!({"amount": MAX, "description": "x"}),
            )
            .await
            .expect(200);
    }
    let before = standing(app, &admin, contract).await;
    assert_eq!(before.0["balance"], format!("-{MAX}"));
    for (path, body) in [
        (format!("/contracts/{contract}/deduct_balance"), json!({"amount": "0.01", "description": "x"})),
        (
            "/payments/corrections".to_owned(),
            json!({"contract_id": contract, "amount": "-0.01", "reason": "x"}),
        ),
        (format!("/payments/{payment}/refund"), json!({"amount": "0.01", "reason": "x"})),
    ] {
        admin.post(&path, body).await.refused(422, "amount_out_of_range");
    }
    assert_eq!(standing(app, &admin, contract).await, before);
    assert_eq!(app.violations().await, Vec::<String>::new());
}
