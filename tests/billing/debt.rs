//! Debt holds that a run places, and what lifts them.

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::{bill, figures, ledger, on, running, stands, tariff};
use crate::harness::{App, scenario};

/// Kind, contract and main data of each event after this id, in order of occurrence.
async fn events(app: &App, after: i64) -> Vec<String> {
    let rows = app
        .texts(&format!(
            "SELECT kind || ' ' || contract_id || ' ' || data FROM events WHERE id > {after} ORDER BY id"
        ))
        .await;
    rows.into_iter()
        .map(|row| {
            let (head, data) = row.split_at(row.find('{').unwrap());
            let data: Value = serde_json::from_str(data).unwrap();
            let said: Vec<String> = [
                "amount",
                "balance_after",
                "balance",
                "status",
                "hold",
                "period_start",
                "period_end",
                "payment_method",
            ]
            .iter()
            .filter(|name| !data[name].is_null())
            .map(|name| format!("{name}={}", data[name].as_str().unwrap()))
            .collect();
            format!("{head}{}", said.join(" "))
        })
        .collect()
}

#[scenario]
async fn a_fee_that_is_not_covered_holds_the_line_until_a_top_up_makes_that_day_the_billing_day(app: &App) {
    let admin = app.admin().await;
    let tariff = tariff(&admin, "prepaid", "100.00").await;
    let covered = running(&admin, tariff, "200.00", json!({})).await;
    let short = running(&admin, tariff, "199.99", json!({})).await;
    let by_credit = running(&admin, tariff, "199.99", json!({"credit_limit": "0.01"})).await;
    let admin = on(app, "2026-02-28").await;
    let run = bill(app, &admin, json!({})).await;
    assert_eq!(figures(&run), (vec![3, 3, 2, 0, 1, 0, 2], "200.00".to_owned()));
    assert_eq!(stands(&admin, covered).await, "active 0.00 2026-03-31 31");
    assert_eq!(stands(&admin, by_credit).await, "active -0.01 2026-03-31 31");
    let held = admin.contract(short).await;
    assert_eq!(
        (
            stands(&admin, short).await,
            &held["sim"]["status"],
            held["holds"][0]["reason"].as_str().or(held["holds"][0].as_str())
        ),
        ("suspended 99.99 2026-02-28 31".to_owned(), &json!("suspended"), Some("debt"))
    );
    // while a contract is in debt, nothing is due, regardless of how long that lasts
    let admin = on(app, "2026-03-05").await;
    assert_eq!(figures(&bill(app, &admin, json!({})).await).0, [0; 7]);
    admin.pay(short, "0.01").await;
    assert_eq!(
        (stands(&admin, short).await, ledger(&admin, short).await[1].as_str()),
        ("active 0.00 2026-04-05 5".to_owned(), "charge 100.00 2026-03-05 2026-04-05")
    );
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn a_postpaid_period_is_charged_when_it_ends_and_debt_is_on_while_the_limit_is_passed(app: &App) {
    let admin = app.admin().await;
    let tariff = tariff(&admin, "postpaid", "100.00").await;
    let within = running(&admin, tariff, "0", json!({"credit_limit": "100.00"})).await;
    let beyond = running(&admin, tariff, "0", json!({"credit_limit": "99.99"})).await;
    let admin = on(app, "2026-02-28").await;
    assert_eq!(
        figures(&bill(app, &admin, json!({})).await),
        (vec![2, 2, 2, 0, 1, 0, 2], "200.00".to_owned())
    );
    assert_eq!(stands(&admin, within).await, "active -100.00 2026-03-31 31");
    assert_eq!(stands(&admin, beyond).await, "suspended -100.00 2026-02-28 31");
    let admin = on(app, "2026-03-10").await;
    admin.pay(beyond, "0.01").await;
    assert_eq!(stands(&admin, beyond).await, "active -99.99 2026-04-10 10");
    // held during a period: the period is charged when it ends, although the line does not work,
    // and no other period begins
    admin
        .post("/payments/corrections", json!({"contract_id": beyond, "amount": "-50.00", "reason": "ошибка"}))
        .await
        .expect(201);
    assert_eq!(stands(&admin, beyond).await, "suspended -149.99 2026-04-10 10");
    let admin = on(app, "2026-04-10").await;
    let run = bill(app, &admin, json!({})).await;
    assert_eq!(
        (&run["charged_count"], &run["debt_count"], &run["charges_count"]),
        (&json!(2), &json!(1), &json!(2))
    );
    assert_eq!(
        (stands(&admin, within).await, stands(&admin, beyond).await),
        ("suspended -200.00 2026-03-31 31".to_owned(), "suspended -249.99 2026-04-10 10".to_owned())
    );
    assert_eq!(figures(&bill(app, &admin, json!({})).await).0, [0; 7]);
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn a_run_tells_and_records_what_charging_one_by_one_would(app: &App) {
    let admin = app.admin().await;
    let tariff = tariff(&admin, "prepaid", "100.00").await;
    // pairs of contracts with equal balances: a run charges one, the effect of a payment charges the other
    let (by_run, by_payment) = (
        running(&admin, tariff, "260.00", json!({})).await,
        running(&admin, tariff, "250.00", json!({})).await,
    );
    let (held_by_run, held_by_payment) = (
        running(&admin, tariff, "150.00", json!({})).await,
        running(&admin, tariff, "140.00", json!({})).await,
    );
    on(app, "2026-02-28").await;
    app.advance(TimeDelta::hours(1));
    let admin = app.admin().await;
    let last = async || app.scalar("SELECT COALESCE(MAX(id), 0) FROM events").await;
    let before = last().await;
    admin.pay(by_payment, "10.00").await;
    admin.pay(held_by_payment, "10.00").await;
    let singly = events(app, before).await;
    let before = last().await;
    bill(app, &admin, json!({})).await;
    let by_batch = events(app, before).await;
    let of = |all: &[String], from: i64, to: i64| -> Vec<String> {
        let own =
            |event: &&String| event.split(' ').nth(1) == Some(&from.to_string()) || event.starts_with("sim.");
        let plain = all
            .iter()
            .filter(own)
            .filter(|event| !event.starts_with("payment.") && !event.starts_with("sim."));
        plain.map(|event| event.replace(&format!(" {from} "), &format!(" {to} "))).collect()
    };
    assert_eq!(of(&by_batch, by_run, by_payment), of(&singly, by_payment, by_payment));
    assert_eq!(of(&by_batch, held_by_run, held_by_payment), of(&singly, held_by_payment, held_by_payment));
    assert_eq!(by_batch.iter().filter(|event| event.starts_with("sim.status_changed")).count(), 1);
    assert_eq!(by_batch.len(), 3, "{by_batch:?}");
    let actions = async |contract: i64| {
        let ids = format!(
            "(entity = 'contract' AND entity_id = '{contract}') OR (entity = 'payment' \
             AND entity_id IN (SELECT CAST(id AS TEXT) FROM payments WHERE contract_id = {contract} \
             AND transaction_type = 'charge')) OR (entity = 'sim' \
             AND entity_id IN (SELECT CAST(sim_id AS TEXT) FROM contracts WHERE id = {contract}))"
        );
        app.texts(&format!("SELECT action FROM audit WHERE {ids} ORDER BY action")).await
    };
    assert_eq!(actions(by_run).await, actions(by_payment).await);
    assert_eq!(actions(held_by_run).await, actions(held_by_payment).await);
    assert_eq!(app.violations().await, Vec::<String>::new());
}
