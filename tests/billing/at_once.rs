//! Concurrent workers share a run, and no contract is charged twice or left out.

use billing::run::{self, Worker};
use database::Engine;
use futures_util::future::join_all;
use kernel::id::BillingRunId;
use serde_json::json;

use super::{bill, figures, on, running, tariff};
use crate::harness::{App, Client, scenario};

/// Creates many contracts with a fee of 10.00 and money for two periods, as SQL copies of one contract.
/// Returns how many there are.
pub async fn many(app: &App, admin: &Client, wanted: i64) -> i64 {
    let tariff = tariff(admin, "prepaid", "10.00").await;
    let first = running(admin, tariff, "25.00", json!({})).await;
    for statement in copies(first, wanted - 1) {
        app.execute(&statement).await;
    }
    app.execute(&format!("UPDATE tariffs SET contracts_count = {wanted} WHERE id = {tariff}")).await;
    assert_eq!(app.violations().await, Vec::<String>::new());
    wanted
}

/// Statements that copy an active contract with its SIM, number, ledger and period.
fn copies(first: i64, more: i64) -> Vec<String> {
    let numbers = format!(
        "WITH RECURSIVE copies (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM copies WHERE n < {more})"
    );
    let base = 1_000_000;
    vec![
        format!(
            "{numbers} INSERT INTO contracts (id, number, customer_id, tariff_id, sim_id, status, \
             signed_date, activation_date, balance, credit_limit, total_charged, discount_percent, \
             next_billing_date, billing_day, search_text, created_at, updated_at) \
             SELECT {base} + n, c.number || '-' || CAST(n AS TEXT), c.customer_id, c.tariff_id, NULL, \
             c.status, c.signed_date, c.activation_date, c.balance, c.credit_limit, c.total_charged, \
             c.discount_percent, c.next_billing_date, c.billing_day, c.search_text, \
             c.created_at, c.updated_at FROM contracts c, copies WHERE c.id = {first}"
        ),
        format!(
            "{numbers} INSERT INTO numbers (id, msisdn, status, contract_id, search_text, created_at, \
             updated_at) SELECT {base} + n, '+7999' || CAST({base} * 5 + n AS TEXT), m.status, {base} + n, \
             '', m.created_at, m.updated_at FROM numbers m, copies WHERE m.contract_id = {first}"
        ),
        format!(
            "{numbers} INSERT INTO sims (id, iccid, imsi, puk_code, kind, status, number_id, contract_id, \
             activated_at, search_text, created_at, updated_at) \
             SELECT {base} + n, '8970999' || CAST(100000000000 + n AS TEXT), \
             '25099' || CAST(1000000000 + n AS TEXT), s.puk_code, s.kind, s.status, {base} + n, \
             {base} + n, s.activated_at, '', s.created_at, s.updated_at \
             FROM sims s, copies WHERE s.contract_id = {first}"
        ),
        format!("UPDATE contracts SET sim_id = id WHERE id > {base}"),
        format!(
            "UPDATE contracts SET search_text = REPLACE(REPLACE(REPLACE(search_text, \
             (SELECT LOWER(f.number) FROM contracts f WHERE f.id = {first}), LOWER(number)), \
             (SELECT msisdn FROM numbers WHERE contract_id = {first}), \
             (SELECT msisdn FROM numbers WHERE contract_id = contracts.id)), \
             (SELECT iccid FROM sims WHERE contract_id = {first}), \
             (SELECT iccid FROM sims WHERE contract_id = contracts.id)) WHERE id > {base}"
        ),
        format!(
            "{numbers} INSERT INTO sim_bindings (sim_id, number_id, contract_id, customer_id, bound_at, \
             bound_why) SELECT {base} + n, {base} + n, {base} + n, b.customer_id, b.bound_at, b.bound_why \
             FROM sim_bindings b, copies WHERE b.contract_id = {first}"
        ),
        format!(
            "{numbers} INSERT INTO payments (id, contract_id, transaction_type, amount, status, \
             payment_method, description, created_at, updated_at, processed_at, processed_by, balance_after, \
             ledger_number, period_start, period_end) SELECT {base} + n * 10 + p.ledger_number, {base} + n, \
             p.transaction_type, p.amount, p.status, p.payment_method, p.description, p.created_at, \
             p.updated_at, p.processed_at, p.processed_by, p.balance_after, p.ledger_number, \
             p.period_start, p.period_end FROM payments p, copies WHERE p.contract_id = {first}"
        ),
        format!(
            "{numbers} INSERT INTO contract_periods (contract_id, period_start, period_end, \
             tariff_version_id, whole_fee, whole_days, fee, payment_id, charged_at) \
             SELECT {base} + n, t.period_start, t.period_end, t.tariff_version_id, t.whole_fee, \
             t.whole_days, t.fee, {base} + n * 10 + p.ledger_number, t.charged_at FROM contract_periods t \
             JOIN payments p ON p.id = t.payment_id, copies WHERE t.contract_id = {first}"
        ),
    ]
}

/// The context for work on a run.
fn run_context(app: &App, id: BillingRunId) -> std::sync::Arc<kernel::Context> {
    app.state.office.context(format!("billing run {id}"), run::ACTOR)
}

#[scenario]
async fn four_who_run_at_once_charge_each_contract_once(app: &App) {
    let admin = app.admin().await;
    let count = many(app, &admin, 1500).await;
    let admin = on(app, "2026-02-28").await;
    let begun = admin.post("/billing/runs", json!({})).await.expect(202);
    let id: BillingRunId = begun["id"].to_string().parse().unwrap();
    let alone = async |number| {
        let (db, mut worker, mut batches) = (app.state.db.patient(), Worker::new(id, number), 0);
        while worker.batch(&db, &run_context(app, id)).await.unwrap().state == billing::RunState::Running {
            batches += 1;
        }
        batches
    };
    let circles = async || match app.state.db.engine() {
        Engine::Sqlite => 0,
        Engine::Postgres => {
            app.scalar("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()").await
        }
    };
    let circles_before = circles().await;
    let batches: Vec<i32> = join_all((0..4).map(alone)).await;
    assert!(batches.iter().sum::<i32>() >= 3, "{batches:?}");
    // they skip contracts that another worker has locked, so no deadlock occurs
    assert_eq!(circles().await, circles_before);
    let run = admin.get(&format!("/billing/runs/{id}")).await.expect(200);
    assert_eq!(figures(&run), (vec![count, count, count, 0, 0, 0, count], format!("{}.00", count * 10)));
    assert_eq!(
        app.scalar("SELECT COUNT(*) FROM contract_periods WHERE period_start = '2026-02-28'").await,
        count
    );
    assert_eq!(
        app.scalar("SELECT COUNT(*) FROM contracts WHERE balance = 500 AND next_billing_date = '2026-03-31'")
            .await,
        count
    );
    assert_eq!(app.scalar("SELECT COUNT(*) FROM events WHERE kind = 'period.charged'").await, count + 1);
    assert_eq!(app.violations().await, Vec::<String>::new());
    // no contract has enough for the next period: all are held in a few statements, including their cards
    let admin = on(app, "2026-03-31").await;
    let dry = bill(app, &admin, json!({"dry_run": true})).await;
    let run = bill(app, &admin, json!({})).await;
    assert_eq!(figures(&run), (vec![count, count, 0, 0, count, 0, 0], "0.00".to_owned()));
    assert_eq!(figures(&dry), figures(&run));
    assert_eq!(app.scalar("SELECT COUNT(*) FROM sims WHERE status = 'suspended'").await, count);
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn who_starts_a_run_that_is_under_way_helps_with_it_and_another_day_is_another_run(app: &App) {
    let admin = app.admin().await;
    let tariff = tariff(&admin, "prepaid", "10.00").await;
    running(&admin, tariff, "100.00", json!({})).await;
    let admin = on(app, "2026-03-31").await;
    let begun = admin.post("/billing/runs", json!({})).await.expect(202);
    app.beside(&[], async |other| {
        let joined =
            other.admin().await.post("/billing/runs", json!({"date": "2026-03-31"})).await.expect(202);
        assert_eq!(joined["id"], begun["id"]);
        let earlier =
            other.admin().await.post("/billing/runs", json!({"date": "2026-02-28"})).await.expect(202);
        let dry = other.admin().await.post("/billing/runs", json!({"dry_run": true})).await.expect(202);
        assert!(earlier["id"] != begun["id"] && dry["id"] != begun["id"] && dry["id"] != earlier["id"]);
        let both = join_all([app.work_off_runs(), other.work_off_runs()]).await;
        assert!(both.into_iter().all(|outcome| outcome.is_ok()));
    })
    .await;
    assert_eq!(app.scalar("SELECT COUNT(*) FROM billing_runs WHERE state = 'finished'").await, 3);
    assert_eq!(
        (
            app.scalar("SELECT COUNT(*) FROM payments WHERE transaction_type = 'charge'").await,
            app.count("contract_periods").await
        ),
        (3, 3)
    );
    assert_eq!(
        app.scalar("SELECT CAST(SUM(charges_count) AS BIGINT) FROM billing_runs WHERE NOT dry_run").await,
        2
    );
    // the run is finished: another one for this day is a separate run with nothing to do
    let again = bill(app, &admin, json!({})).await;
    assert!(again["id"] != begun["id"] && again["due_count"] == 0 && again["state"] == "finished", "{again}");
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn a_payment_and_a_run_on_one_contract_are_both_counted(app: &App) {
    let admin = app.admin().await;
    let tariff = tariff(&admin, "prepaid", "10.00").await;
    let mut contracts = Vec::new();
    for _ in 0..4 {
        contracts.push(running(&admin, tariff, "25.00", json!({})).await);
    }
    let admin = on(app, "2026-02-28").await;
    admin.post("/billing/runs", json!({})).await.expect(202);
    let (run, _paid) = futures_util::future::join(
        app.work_off_runs(),
        join_all(contracts.iter().map(|contract| admin.pay(*contract, "7.00"))),
    )
    .await;
    run.unwrap();
    for contract in contracts {
        let now = admin.contract(contract).await;
        assert_eq!(
            (&now["status"], &now["balance"], &now["next_billing_date"]),
            (&json!("active"), &json!("12.00"), &json!("2026-03-31"))
        );
    }
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn a_run_that_its_instance_left_is_taken_up_by_whoever_comes_first(app: &App) {
    let admin = app.admin().await;
    many(app, &admin, 700).await;
    let admin = on(app, "2026-02-28").await;
    let begun = admin.post("/billing/runs", json!({})).await.expect(202);
    let id: BillingRunId = begun["id"].to_string().parse().unwrap();
    // the due contracts were counted and one batch was done when the instance disappeared
    let (db, mut worker) = (app.state.db.patient(), Worker::new(id, 0));
    let counted = worker.batch(&db, &run_context(app, id)).await.unwrap();
    let run = worker.batch(&db, &run_context(app, id)).await.unwrap();
    assert_eq!(
        (counted.due_count, counted.done_count, run.state),
        (Some(700), 0, billing::RunState::Running)
    );
    assert!(run.done_count > 0 && run.done_count < 700, "{run:?}");
    app.beside(&[], async |other| {
        let context = other.context();
        let take_up =
            async || other.state.db.transaction(&context, async |tx| run::take_up(tx).await).await.unwrap();
        assert_eq!(take_up().await, None, "a worker is assumed to be active while its lease lasts");
        app.advance(chrono::TimeDelta::seconds(61));
        other.work_off_runs().await.unwrap();
    })
    .await;
    let run = admin.get(&format!("/billing/runs/{id}")).await.expect(200);
    assert_eq!(figures(&run), (vec![700, 700, 700, 0, 0, 0, 700], "7000.00".to_owned()));
    assert_eq!(app.violations().await, Vec::<String>::new());
}
