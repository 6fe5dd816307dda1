//! Statements: all movements of a contract's money between two balances.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use kernel::Money;
use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde_json::{Value, json};

use crate::harness::{App, Client, id, scenario};

fn minor(value: &Value) -> i64 {
    value.as_str().unwrap_or_else(|| panic!("not an amount: {value}")).parse::<Money>().unwrap().minor()
}

/// The effect of a transaction on the balance.
fn effect(row: &Value) -> i64 {
    let amount = minor(&row["amount"]);
    if matches!(row["transaction_type"].as_str(), Some("charge" | "refund")) { -amount } else { amount }
}

/// The whole statement, read in pages of this size, after a check that its sums agree.
async fn reconciled(client: &Client, contract: i64, query: &str, size: usize) -> (Value, Vec<Value>) {
    let mut page =
        client.get(&format!("/contracts/{contract}/statement?page_size={size}&{query}")).await.expect(200);
    let head = page.clone();
    let mut rows = Vec::new();
    loop {
        for name in [
            "opening_balance",
            "closing_balance",
            "payments",
            "charges",
            "refunds",
            "corrections",
            "from",
            "to",
            "contract_id",
        ] {
            assert_eq!(page[name], head[name], "{name} differs from page to page");
        }
        rows.extend(page["results"].as_array().unwrap().clone());
        let Some(next) = page["next"].as_str().map(str::to_owned) else { break };
        page = client.get(&next).await.expect(200);
    }
    assert_eq!(head["count"], rows.len());
    let mut balance = minor(&head["opening_balance"]);
    let mut sums = BTreeMap::from([("payment", 0), ("charge", 0), ("refund", 0), ("correction", 0)]);
    for (at, row) in rows.iter().enumerate() {
        balance += effect(row);
        assert_eq!(minor(&row["balance_after"]), balance, "row {at} of {query}");
        assert_eq!(
            row["ledger_number"].as_i64().unwrap(),
            rows[0]["ledger_number"].as_i64().unwrap() + at as i64
        );
        *sums.get_mut(row["transaction_type"].as_str().unwrap()).unwrap() += minor(&row["amount"]);
    }
    assert_eq!(balance, minor(&head["closing_balance"]), "{query}");
    for (kind, name) in
        [("payment", "payments"), ("charge", "charges"), ("refund", "refunds"), ("correction", "corrections")]
    {
        assert_eq!(sums[kind], minor(&head[name]), "{name} of {query}");
    }
    (head, rows)
}

/// The date of a moment in Moscow.
fn day(moment: &Value) -> String {
    let moment: DateTime<Utc> = moment.as_str().unwrap().parse().unwrap();
    moment.with_timezone(&chrono_tz::Europe::Moscow).date_naive().to_string()
}

/// Makes forty random movements of a contract's money, with random pauses, and returns the administrator
/// after the last one.
async fn move_money(app: &App, mut admin: Client, contract: i64, random: &mut StdRng) -> Client {
    let mut payments: Vec<i64> = Vec::new();
    for _ in 0..40 {
        if random.random_range(0..3) == 0 {
            app.advance(TimeDelta::minutes(random.random_range(1..6000)));
            admin = app.admin().await;
        }
        let amount = format!("{}.{:02}", random.random_range(0..200), random.random_range(1..100));
        match random.random_range(0..10) {
            0..5 => payments.push(id(&admin.pay(contract, &amount).await)),
            5..7 if !payments.is_empty() => {
                let payment = payments[random.random_range(0..payments.len())];
                admin
                    .post(&format!("/payments/{payment}/refund"), json!({"amount": "0.07", "reason": "x"}))
                    .await;
            }
            7 => {
                let card = id(&admin
                    .post(
                        "/payments",
                        json!({"contract_id": contract, "amount": amount, "payment_method": "card"}),
                    )
                    .await
                    .expect(201));
                app.advance(TimeDelta::hours(random.random_range(0..40)));
                admin = app.admin().await;
                admin.post(&format!("/payments/{card}/process"), json!({})).await.expect(200);
            }
            _ => {
                let sign = if random.random_range(0..2) == 0 { "-" } else { "" };
                admin
                    .post(
                        "/payments/corrections",
                        json!({"contract_id": contract, "amount": format!("{sign}{amount}"), "reason": "x"}),
                    )
                    .await
                    .expect(201);
            }
        }
    }
    admin
}

#[scenario]
async fn every_statement_of_a_busy_contract_comes_out_even(app: &App) {
    let mut random = StdRng::seed_from_u64(7);
    let admin = app.admin().await;
    let contract = admin.draft("77.77").await;
    admin.activate(contract).await;
    let other = admin.draft("1.00").await;
    admin.pay(other, "123.45").await;
    let admin = move_money(app, admin, contract, &mut random).await;
    let balance = admin.contract(contract).await["balance"].clone();
    let (whole, all) = reconciled(&admin, contract, "from=2026-01-01", 7).await;
    assert_eq!((&whole["opening_balance"], &whole["closing_balance"]), (&json!("0.00"), &balance));
    assert!(
        all.len() > 20 && all.iter().all(|row| row["contract_id"] == json!(contract)),
        "{} rows",
        all.len()
    );
    let days: Vec<String> = all.iter().map(|row| day(&row["processed_at"])).collect();
    let (first, last) = (days[0].clone(), days[days.len() - 1].clone());
    assert!(first < last);
    for _ in 0..12 {
        let mut ends = [&days[random.random_range(0..days.len())], &days[random.random_range(0..days.len())]];
        ends.sort();
        let (head, rows) = reconciled(&admin, contract, &format!("from={}&to={}", ends[0], ends[1]), 5).await;
        let expected: Vec<&Value> = all
            .iter()
            .filter(|row| (ends[0].as_str()..=ends[1].as_str()).contains(&day(&row["processed_at"]).as_str()))
            .collect();
        assert_eq!(rows.iter().collect::<Vec<_>>(), expected, "{ends:?}");
        // its opening balance is the closing balance of the days before
        let before = ends[0].parse::<chrono::NaiveDate>().unwrap().pred_opt().unwrap();
        let (earlier, _) = reconciled(&admin, contract, &format!("from=2026-01-01&to={before}"), 500).await;
        assert_eq!(earlier["closing_balance"], head["opening_balance"], "{ends:?}");
    }
    // by cursor, and backwards
    let page = admin
        .get(&format!(
            "/contracts/{contract}/statement?from=2026-01-01&cursor=&ordering=-ledger_number&page_size=3"
        ))
        .await
        .expect(200);
    assert_eq!(
        page["results"].as_array().unwrap().iter().collect::<Vec<_>>(),
        all.iter().rev().take(3).collect::<Vec<_>>()
    );
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn a_statement_is_of_days_that_there_can_be_and_of_this_month_unless_told_otherwise(app: &App) {
    let admin = app.admin().await;
    let contract = admin.draft("1.00").await;
    admin.pay(contract, "10.00").await;
    // 23:30 in Moscow is still January, and one hour later it is February
    app.advance(TimeDelta::minutes(11 * 60 + 30));
    let admin = app.admin().await;
    admin.pay(contract, "20.00").await;
    app.advance(TimeDelta::hours(1));
    let admin = app.admin().await;
    admin.pay(contract, "30.00").await;
    let path = format!("/contracts/{contract}/statement");
    let february = admin.get(&path).await.expect(200);
    for (name, value) in [
        ("from", "2026-02-01"),
        ("to", "2026-02-01"),
        ("opening_balance", "30.00"),
        ("payments", "30.00"),
        ("closing_balance", "60.00"),
    ] {
        assert_eq!(february[name], value, "{name}");
    }
    let january = admin.get(&format!("{path}?to=2026-01-31")).await.expect(200);
    assert_eq!(
        (&january["from"], &january["closing_balance"], &january["count"]),
        (&json!("2026-01-01"), &json!("30.00"), &json!(2))
    );
    let past = admin.get(&format!("{path}?from=2020-01-01&to=2020-12-31")).await.expect(200);
    assert_eq!(
        (&past["opening_balance"], &past["closing_balance"], &past["results"]),
        (&json!("0.00"), &json!("0.00"), &json!([]))
    );
    for (query, wrong, code) in [
        ("from=2026-02-02&to=2026-02-01", "to", "ends_before_begin"),
        ("from=1999-12-31", "from", "out_of_range"),
        ("to=2101-01-01", "to", "out_of_range"),
        ("from=yesterday", "from", "invalid_format"),
        ("from=2026-02-30", "from", "invalid_format"),
    ] {
        let reply = admin.get(&format!("{path}?{query}")).await;
        assert_eq!(reply.wrong_fields(), [(wrong.to_owned(), code.to_owned())], "{query}");
        reply.refused(400, "invalid_parameter");
    }
    admin.get(&format!("{path}?until=2026-01-01")).await.refused(400, "unknown_parameter");
    admin.get("/contracts/999999/statement").await.refused(404, "contract_not_found");
}
