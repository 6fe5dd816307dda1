//! Invalid amounts, for each input of money, are refused with a clear error and move no money.

use reqwest::Method;
use serde_json::json;

use crate::harness::{App, Client, Reply, id, scenario};

const MAX: &str = "99999999999.99";

/// What no input takes for an amount, in JSON.
const NO_AMOUNTS: [&str; 33] = [
    "1e309",
    "\"1e309\"",
    "1e2",
    "\"1e2\"",
    "1E-2",
    "\"NaN\"",
    "\"Infinity\"",
    "\"-Infinity\"",
    "12345678901234567890123456789",
    "\"12345678901234567890123456789\"",
    "0.12345678901234567890123456789",
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

/// An input of money.
struct Input {
    method: Method,
    path: String,
    /// Contains `$amount` in place of the amount.
    body: String,
    may_be_negative: bool,
    may_be_zero: bool,
}

impl Input {
    fn new(method: Method, path: String, body: String) -> Self {
        Self { method, path, body, may_be_negative: false, may_be_zero: false }
    }

    fn post(path: impl Into<String>, body: impl Into<String>) -> Self {
        Self::new(Method::POST, path.into(), body.into())
    }

    fn all(contract: i64, payment: i64) -> Vec<Self> {
        let taking = |method: &str| {
            format!(r#"{{"contract_id": {contract}, "payment_method": "{method}", "amount": $amount}}"#)
        };
        let link = format!(
            r#"{{"contract_id": {contract}, "gateway": "sandbox", "amount": $amount,
                 "return_url": "https://shop.example.com"}}"#
        );
        let correction = format!(r#"{{"contract_id": {contract}, "reason": "x", "amount": $amount}}"#);
        let on = |path: &str| format!("/contracts/{contract}{path}");
        vec![
            Self::post("/payments", taking("cash")),
            Self::post("/payments", taking("card")),
            Self::post("/payments/links", link),
            Self { may_be_negative: true, ..Self::post("/payments/corrections", correction) },
            Self::post(format!("/payments/{payment}/refund"), r#"{"reason": "x", "amount": $amount}"#),
            Self::post(on("/add_balance"), r#"{"amount": $amount}"#),
            Self::post(on("/deduct_balance"), r#"{"description": "x", "amount": $amount}"#),
            Self {
                may_be_zero: true,
                ..Self::new(Method::PATCH, on(""), r#"{"credit_limit": $amount}"#.to_owned())
            },
        ]
    }

    async fn with(&self, client: &Client, amount: &str) -> Reply {
        send(client, &self.method, &self.path, self.body.replace("$amount", amount)).await
    }
}

async fn send(client: &Client, method: &Method, path: &str, body: String) -> Reply {
    let request =
        client.request(method.clone(), path).header("content-type", "application/json").body(body.clone());
    Reply::read(format!("{method} {path} {body}"), request.send().await.unwrap()).await
}

#[scenario]
async fn what_is_no_amount_is_refused_by_every_input_and_moves_nothing(app: &App) {
    let admin = app.admin().await;
    let contract = admin.draft("600.00").await;
    let payment = id(&admin.pay(contract, "5000.00").await);
    admin.activate(contract).await;
    let before = app.standing(&admin, contract).await;
    for input in Input::all(contract, payment) {
        let mut wrong: Vec<String> = NO_AMOUNTS.iter().map(|amount| (*amount).to_owned()).collect();
        if !input.may_be_negative {
            wrong.extend(["-1", "\"-0.01\"", "-99999999999.99"].map(str::to_owned));
        } else {
            wrong.push("-100000000000.00".to_owned());
        }
        if !input.may_be_zero {
            wrong.extend(["0", "-0", "\"0.00\"", "\"-0.00\"", "0.0"].map(str::to_owned));
        }
        for amount in wrong {
            let reply = input.with(&admin, &amount).await;
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
            input.with(&admin, malformed).await.refused(400, "malformed");
        }
    }
    assert_eq!(app.standing(&admin, contract).await, before);
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn a_tenth_and_two_tenths_come_to_thirty_kopecks_in_every_input(app: &App) {
    let admin = app.admin().await;
    let contract = admin.draft("600.00").await;
    let payment = id(&admin.pay(contract, "1.00").await);
    let balance = async || admin.contract(contract).await["balance"].as_str().unwrap().to_owned();
    let balances = ["1.30", "1.30", "1.30", "1.60", "1.30", "1.60", "1.30", "1.30"];
    for (input, after) in Input::all(contract, payment).iter().zip(balances) {
        let what = format!("{} {}", input.method, input.path);
        for amount in ["0.1", "\"0.2\""] {
            let status = input.with(&admin, amount).await.status;
            assert!(matches!(status, 200 | 201), "{what} {status}");
        }
        assert_eq!(balance().await, after, "{what}");
    }
    assert_eq!(admin.contract(contract).await["credit_limit"], "0.20");
    // zero is a valid credit limit in any notation
    for zero in ["0", "-0", "\"0.00\""] {
        let body = format!("{{\"credit_limit\": {zero}}}");
        let edited = send(&admin, &Method::PATCH, &format!("/contracts/{contract}"), body).await.expect(200);
        assert_eq!(edited["credit_limit"], "0.00");
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
    let before = app.standing(&admin, contract).await;
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
    assert_eq!(app.standing(&admin, contract).await, before);
    for _ in 0..2 {
        admin
            .post(
                &format!("/contracts/{contract}/deduct_balance"),
                json!({"amount": MAX, "description": "x"}),
            )
            .await
            .expect(200);
    }
    let before = app.standing(&admin, contract).await;
    assert_eq!(before.contract["balance"], format!("-{MAX}"));
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
    assert_eq!(app.standing(&admin, contract).await, before);
    assert_eq!(app.violations().await, Vec::<String>::new());
}
