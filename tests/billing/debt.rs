//! Debt holds that a run places, and what lifts them.

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::{bill, figures, ledger, on, running, stands, tariff};
use crate::harness::{App, scenario};

/// Kind, contract and main data of each event of a contract after this id, in order of occurrence.
async fn events(app: &App, after: i64) -> Vec<String> {
    let rows = app
        .texts(&format!(
            "SELECT kind || ' ' || contract_id || ' ' || data FROM events \
             WHERE id > {after} AND contract_id IS NOT NULL ORDER BY id"
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
    // a hold that is placed at the very moment another is lifted continues it: the line was never back
    app.advance(TimeDelta::seconds(1));
    // held on the first day of a period: that day is charged when it ends, and no other period begins
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
        ("suspended -200.00 2026-03-31 31".to_owned(), "suspended -153.22 2026-04-10 10".to_owned())
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
    // besides these three, the whole record of each changed contract and SIM is told
    assert_eq!(by_batch.iter().filter(|event| !event.contains(".changed ")).count(), 3, "{by_batch:?}");
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

#[scenario]
async fn a_fee_that_falls_brings_the_line_back_at_once_or_with_the_next_run(app: &App) {
    let admin = app.admin().await;
    let cheaper = tariff(&admin, "prepaid", "100.00").await;
    let other = tariff(&admin, "prepaid", "100.00").await;
    let option = admin.option("40.00", &[other]).await;
    let (by_price, by_discount) = (
        running(&admin, cheaper, "160.00", json!({})).await,
        running(&admin, other, "160.00", json!({})).await,
    );
    let by_option = running(&admin, other, "240.00", json!({"options": [option]})).await;
    let too_poor = running(&admin, cheaper, "149.99", json!({})).await;
    let admin = on(app, "2026-02-28").await;
    bill(app, &admin, json!({})).await;
    for (contract, balance) in [(by_price, "60.00"), (by_discount, "60.00"), (by_option, "100.00")] {
        assert_eq!(stands(&admin, contract).await, format!("suspended {balance} 2026-02-28 31"));
    }
    let admin = on(app, "2026-03-05").await;
    admin.patch(&format!("/contracts/{by_discount}"), json!({"discount_percent": "40.01"})).await.expect(200);
    assert_eq!(stands(&admin, by_discount).await, "active 0.01 2026-04-05 5");
    let fewer = json!({"remove": [option], "when": "next_period"});
    admin.post(&format!("/contracts/{by_option}/options"), fewer).await.expect(200);
    assert_eq!(stands(&admin, by_option).await, "active 0.00 2026-04-05 5");
    // a price changes for all contracts of a tariff; those that it lets go on do so with the run
    let body = json!({"monthly_fee": "50.00", "effective_from": "2026-03-06"});
    admin.patch(&format!("/tariffs/{cheaper}"), body).await.expect(200);
    assert_eq!(figures(&bill(app, &admin, json!({})).await).0, [0; 7], "not before its day");
    let admin = on(app, "2026-03-06").await;
    let foreseen = admin.get(&format!("/contracts/{by_price}/billing-preview?months=1")).await.expect(200);
    assert_eq!(foreseen["charges"][0]["is_covered"], true);
    let dry = bill(app, &admin, json!({"dry_run": true})).await;
    let run = bill(app, &admin, json!({})).await;
    assert_eq!(figures(&dry), figures(&run));
    assert_eq!((&run["charged_count"], &run["sum_charged"]), (&json!(1), &json!("50.00")));
    assert_eq!(stands(&admin, by_price).await, "active 10.00 2026-04-06 6");
    assert_eq!(stands(&admin, too_poor).await, "suspended 49.99 2026-02-28 31");
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn who_pays_on_the_due_day_keeps_the_billing_day_also_in_a_short_month(app: &App) {
    let admin = app.admin().await;
    let tariff = tariff(&admin, "prepaid", "100.00").await;
    let (paid, resumed, late) = (
        running(&admin, tariff, "300.00", json!({})).await,
        running(&admin, tariff, "400.00", json!({})).await,
        running(&admin, tariff, "300.00", json!({})).await,
    );
    let admin = on(app, "2026-04-20").await;
    bill(app, &admin, json!({})).await;
    admin.post(&format!("/contracts/{resumed}/suspend"), json!({"reason": "request"})).await.expect(200);
    let admin = on(app, "2026-04-30").await;
    bill(app, &admin, json!({})).await;
    assert_eq!(stands(&admin, paid).await, "suspended 0.00 2026-04-30 31");
    admin.pay(paid, "100.00").await;
    admin.post(&format!("/contracts/{resumed}/resume"), json!({"reason": "request"})).await.expect(200);
    assert_eq!(stands(&admin, paid).await, "active 0.00 2026-05-31 31");
    assert_eq!(stands(&admin, resumed).await, "active 0.00 2026-05-31 31");
    // a day later the billing day moves
    let admin = on(app, "2026-05-01").await;
    admin.pay(late, "100.00").await;
    assert_eq!(stands(&admin, late).await, "active 0.00 2026-06-01 1");
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn what_costs_nothing_begins_whatever_the_balance(app: &App) {
    let admin = app.admin().await;
    let tariff = tariff(&admin, "prepaid", "100.00").await;
    let contract = running(&admin, tariff, "0", json!({"discount_percent": "100"})).await;
    let body = json!({"amount": "0.01", "description": "ошибка"});
    admin.post(&format!("/contracts/{contract}/deduct_balance"), body).await.expect(200);
    let admin = on(app, "2026-02-28").await;
    let foreseen = admin.get(&format!("/contracts/{contract}/billing-preview?months=1")).await.expect(200);
    assert_eq!(foreseen["charges"][0]["is_covered"], true, "{foreseen}");
    let run = bill(app, &admin, json!({})).await;
    assert_eq!(figures(&run), (vec![1, 1, 0, 1, 0, 0, 0], "0.00".to_owned()));
    assert_eq!(stands(&admin, contract).await, "active -0.01 2026-03-31 31");
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn a_line_that_cannot_go_on_does_not_come_back_for_a_moment_when_its_hold_is_lifted(app: &App) {
    let admin = app.admin().await;
    let tariff = tariff(&admin, "prepaid", "100.00").await;
    let mut lines = Vec::new();
    for _ in 0..3 {
        lines.push(running(&admin, tariff, "130.00", json!({})).await);
    }
    let admin = on(app, "2026-02-10").await;
    let customer = admin.contract(lines[1]).await["customer_id"].clone();
    let sim = admin.contract(lines[2]).await["sim_id"].clone();
    let ways = [
        (format!("/contracts/{}", lines[0]), ("suspend", "resume"), json!({"reason": "request"})),
        (format!("/customers/{customer}"), ("suspend", "activate"), json!({"reason": "счета"})),
        (format!("/sims/{sim}"), ("block", "unblock"), json!({"reason": "утеря"})),
    ];
    for (path, (off, _), body) in &ways {
        admin.post(&format!("{path}/{off}"), body.clone()).await.expect(200);
    }
    let admin = on(app, "2026-03-10").await;
    for ((path, (_, back), body), contract) in ways.iter().zip(&lines) {
        let body = if *back == "resume" { body.clone() } else { json!({}) };
        admin.post(&format!("{path}/{back}"), body).await.expect(200);
        let held = admin.contract(*contract).await;
        assert_eq!((&held["status"], &held["holds"]), (&json!("suspended"), &json!(["debt"])), "{path}");
        let told = events(app, 0).await;
        let of = format!("contract.resumed {contract} ");
        assert!(!told.iter().any(|event| event.starts_with(&of)), "{told:?}");
        let sql = format!(
            "SELECT data FROM events WHERE contract_id = {contract} AND kind = 'contract.suspended' ORDER BY id"
        );
        let told: Vec<Value> =
            app.texts(&sql).await.iter().map(|data| serde_json::from_str(data).unwrap()).collect();
        assert_eq!(told.len(), 2, "{told:?}");
        assert_eq!((&told[1]["hold"], &told[1]["to_pay"]), (&json!("debt"), &json!("70.00")));
    }
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn who_is_suspended_on_the_due_day_owes_nothing_for_a_period_that_does_not_begin(app: &App) {
    let admin = app.admin().await;
    let (prepaid, postpaid) =
        (tariff(&admin, "prepaid", "100.00").await, tariff(&admin, "postpaid", "100.00").await);
    let covered = running(&admin, prepaid, "200.00", json!({})).await;
    let short = running(&admin, prepaid, "150.00", json!({})).await;
    let owing = running(&admin, postpaid, "0", json!({"credit_limit": "99.99"})).await;
    // before the run
    let admin = on(app, "2026-02-28").await;
    for (contract, holds, stood) in [
        (covered, json!(["request"]), "suspended 0.00 2026-03-31 31"),
        (short, json!(["request"]), "suspended 50.00 2026-02-28 31"),
        (owing, json!(["debt", "request"]), "suspended -100.00 2026-02-28 31"),
    ] {
        admin.post(&format!("/contracts/{contract}/suspend"), json!({"reason": "request"})).await.expect(200);
        assert_eq!(admin.contract(contract).await["holds"], holds);
        assert_eq!(stands(&admin, contract).await, stood);
    }
    assert_eq!(app.violations().await, Vec::<String>::new());
}
