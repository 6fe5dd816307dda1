//! Amounts in requests and responses.

use reqwest::Method;
use serde_json::json;

use crate::harness::{App, Client, Reply, id, prepaid, scenario};

/// Sends this text as the body, unchanged.
async fn post_text(client: &Client, path: &str, body: String) -> Reply {
    let request =
        client.request(Method::POST, path).header("content-type", "application/json").body(body.clone());
    Reply::read(format!("POST {path} {body}"), request.send().await.unwrap()).await
}

fn payment(contract: i64, amount: &str) -> String {
    format!(r#"{{"contract_id": {contract}, "amount": {amount}, "payment_method": "cash"}}"#)
}

#[scenario]
async fn a_tenth_and_two_tenths_of_a_rouble_pay_thirty_kopecks(app: &App) {
    let admin = app.admin().await;
    let contract = admin.draft("600.00").await;
    for amount in ["0.1", "0.2"] {
        let paid = post_text(&admin, "/payments", payment(contract, amount)).await.expect(201);
        assert_eq!(paid["amount"], format!("{amount}0"));
    }
    assert_eq!(admin.contract(contract).await["balance"], "0.30");
}

#[scenario]
async fn numbers_and_texts_are_taken_alike_and_shown_with_two_decimals(app: &App) {
    let admin = app.admin().await;
    let contract = admin.draft("600.00").await;
    let mut balance = 0_i64;
    for (written, shown, minor) in [
        ("1", "1.00", 100),
        ("1.5", "1.50", 150),
        ("0.29", "0.29", 29),
        ("\"7\"", "7.00", 700),
        ("\"7.1\"", "7.10", 710),
        ("1.10", "1.10", 110),
        ("\"0007.50\"", "7.50", 750),
        ("8.00", "8.00", 800),
        ("90071992547.41", "90071992547.41", 9_007_199_254_741),
        ("0.01", "0.01", 1),
    ] {
        let paid = post_text(&admin, "/payments", payment(contract, written)).await.expect(201);
        balance += minor;
        assert_eq!(paid["amount"], shown, "{written}");
        assert_eq!(paid["balance_after"], format!("{}.{:02}", balance / 100, balance % 100), "{written}");
    }
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn what_is_no_amount_to_be_paid_is_refused_and_moves_nothing(app: &App) {
    let admin = app.admin().await;
    let contract = admin.draft("600.00").await;
    admin.activate(contract).await;
    admin.pay(contract, "5.00").await;
    let before = app.standing(&admin, contract).await;
    let out_of_range =
        ["0", "-0", "0.00", "-0.00", "\"-0\"", "\"0\"", "-1", "\"-5.00\"", "-0.01", "-99999999999.99"];
    let no_amounts = [
        "1e309",
        "1E309",
        "1e2",
        "1e-2",
        "\"1e2\"",
        "\"NaN\"",
        "\"Infinity\"",
        "\"-\"",
        "\"\"",
        "\" \"",
        "\" 1\"",
        "\"1 \"",
        "\"1 000\"",
        "\"1,50\"",
        "\"+1\"",
        "0.001",
        "\"0.001\"",
        "0.010",
        "12345678901234567890123456789",
        "\"12345678901234567890123456789\"",
        "0.1234567890123456789012345678",
        "100000000000.00",
        "100000000000",
        "99999999999.999",
        "\"0x10\"",
        "\"١\"",
        "\".5\"",
        "\"5.\"",
        "\"1.2.3\"",
        "true",
        "[]",
        "[1]",
        "{}",
        "{\"$serde_json::private::Number\": \"1e5\"}",
    ];
    for (amounts, code) in [
        (out_of_range.as_slice(), "out_of_range"),
        (no_amounts.as_slice(), "invalid_amount"),
        (&["null"], "required"),
    ] {
        for amount in amounts {
            let reply = post_text(&admin, "/payments", payment(contract, amount)).await;
            assert_eq!(
                reply.wrong_fields(),
                [("/amount".to_owned(), code.to_owned())],
                "{amount}: {}",
                reply.text
            );
            reply.refused(422, "invalid");
        }
    }
    for not_json in ["NaN", "Infinity", "-Infinity", "+1", "01", "1.", ".5", "0x10", "1_000", "--1", "-", ""]
    {
        post_text(&admin, "/payments", payment(contract, not_json)).await.refused(400, "malformed");
    }
    assert_eq!(app.standing(&admin, contract).await, before);
}

#[scenario]
async fn a_sum_beyond_the_limit_is_refused_and_moves_nothing(app: &App) {
    let admin = app.admin().await;
    let contract = admin.draft("600.00").await;
    admin.pay(contract, "99999999999.98").await;
    let before = app.standing(&admin, contract).await;
    for amount in ["0.02", "\"99999999999.99\"", "1"] {
        post_text(&admin, "/payments", payment(contract, amount)).await.refused(422, "amount_out_of_range");
    }
    assert_eq!(app.standing(&admin, contract).await, before);
    assert_eq!(admin.pay(contract, "0.01").await["balance_after"], "99999999999.99");
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn fees_limits_percentages_and_quantities_have_the_same_rules(app: &App) {
    let admin = app.admin().await;
    let largest = admin.post("/tariffs", json!({
        "name": "Дорогой", "tariff_type": "prepaid", "monthly_fee": "99999999999.99", "data_gb_included": 0.5
    })).await.expect(201);
    assert_eq!(
        (&largest["monthly_fee"], &largest["data_gb_included"], &largest["sms_overage_cost"]),
        (&json!("99999999999.99"), &json!("0.50"), &json!("0.00"))
    );
    for (field, value, code) in [
        ("monthly_fee", json!("-0.01"), "out_of_range"),
        ("monthly_fee", json!("100000000000"), "invalid_amount"),
        ("sms_overage_cost", json!(0.001), "invalid_amount"),
        ("minute_overage_cost", json!("-1"), "out_of_range"),
        ("data_gb_overage_cost", json!("1e1"), "invalid_amount"),
        ("data_gb_included", json!("-1"), "invalid_quantity"),
        ("data_gb_included", json!("0.001"), "invalid_quantity"),
        ("data_gb_included", json!("NaN"), "invalid_quantity"),
    ] {
        let mut tariff = prepaid("1.00");
        tariff[field] = value;
        let reply = admin.post("/tariffs", tariff).await;
        assert_eq!(reply.wrong_fields(), [(format!("/{field}"), code.to_owned())], "{}", reply.asked);
    }
    let (customer, tariff) = (admin.customer().await, id(&largest));
    for (field, value, code) in [
        ("credit_limit", json!("-0.01"), "out_of_range"),
        ("credit_limit", json!("abc"), "invalid_amount"),
        ("discount_percent", json!("100.01"), "invalid_percent"),
        ("discount_percent", json!(-1), "invalid_percent"),
        ("discount_percent", json!("12.345"), "invalid_percent"),
    ] {
        let reply = admin
            .post("/contracts", json!({"customer_id": customer, "tariff_id": tariff, field: value}))
            .await;
        assert_eq!(reply.wrong_fields(), [(format!("/{field}"), code.to_owned())], "{}", reply.asked);
    }
    assert_eq!((app.count("tariffs").await, app.count("contracts").await), (1, 0));
}
