//! Runs as records: who may start and read them, which input is valid, how they are listed.

use serde_json::{Value, json};

use super::{bill, figures, on, running, tariff};
use crate::harness::{App, Client, scenario};

async fn ids(client: &Client, query: &str) -> Vec<i64> {
    let page = client.get(&format!("/billing/runs?{query}")).await.expect(200);
    page["results"].as_array().unwrap().iter().map(|run| run["id"].as_i64().unwrap()).collect()
}

#[scenario]
async fn a_dry_run_moves_nothing_and_says_what_the_run_then_does(app: &App) {
    let admin = app.admin().await;
    let (prepaid, postpaid, free) = (
        tariff(&admin, "prepaid", "100.00").await,
        tariff(&admin, "postpaid", "33.33").await,
        tariff(&admin, "prepaid", "0.00").await,
    );
    for paid in ["150.00", "250.00", "1000.00"] {
        running(&admin, prepaid, paid, json!({})).await;
    }
    running(&admin, postpaid, "0", json!({"credit_limit": "40.00"})).await;
    running(&admin, free, "0", json!({})).await;
    let admin = on(app, "2026-03-31").await;
    let tables = ["payments", "contract_periods", "events", "contract_holds"];
    let mut before = Vec::new();
    for table in tables {
        before.push(app.count(table).await);
    }
    let versions = "SELECT CAST(SUM(version) AS BIGINT) FROM contracts";
    let sum = app.scalar(versions).await;
    let dry = bill(app, &admin, json!({"dry_run": true})).await;
    assert_eq!(
        (&dry["state"], &dry["dry_run"], &dry["started_by"]),
        (&json!("finished"), &json!(true), &json!("admin"))
    );
    for (table, count) in tables.into_iter().zip(before) {
        assert_eq!(app.count(table).await, count, "{table}");
    }
    assert_eq!(app.scalar(versions).await, sum);
    // one contract cannot pay, one can pay once, one twice;
    // the postpaid one exceeds its limit after the second period
    assert_eq!(figures(&dry), (vec![5, 5, 3, 1, 3, 0, 5], "366.66".to_owned()));
    // for a future day, the run computes what would be due by then without any changes before it
    let later = bill(app, &admin, json!({"dry_run": true, "date": "2026-04-30"})).await;
    assert_eq!(figures(&later), (vec![5, 5, 3, 1, 3, 0, 6], "466.66".to_owned()));
    let run = bill(app, &admin, json!({})).await;
    assert_eq!(figures(&run), figures(&dry));
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn a_run_of_a_day_that_has_passed_charges_what_was_due_by_then(app: &App) {
    let admin = app.admin().await;
    let tariff = tariff(&admin, "prepaid", "100.00").await;
    let contract = running(&admin, tariff, "1000.00", json!({})).await;
    let admin = on(app, "2026-05-15").await;
    let run = bill(app, &admin, json!({"date": "2026-03-30"})).await;
    assert_eq!((&run["billing_date"], &run["charges_count"]), (&json!("2026-03-30"), &json!(1)));
    assert_eq!(admin.contract(contract).await["next_billing_date"], "2026-03-31");
    let run = bill(app, &admin, json!({})).await;
    assert_eq!(run["charges_count"], 2);
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn only_who_may_starts_a_run_and_only_of_a_day_that_it_can_be_of(app: &App) {
    let admin = app.admin().await;
    let (supervisor, operator) = (app.user("supervisor").await, app.user("operator").await);
    for client in [&supervisor, &operator] {
        client.post("/billing/runs", json!({})).await.refused(403, "permission_missing");
        assert_eq!(client.get("/billing/runs").await.expect(200)["count"], 0);
    }
    app.user("employee").await.get("/billing/runs").await.refused(403, "permission_missing");
    for (date, dry_run) in [
        ("2026-02-01", false),
        ("2025-01-29", false),
        ("2025-01-29", true),
        ("2027-02-02", true),
        ("9999-12-31", true),
    ] {
        let reply = admin.post("/billing/runs", json!({"date": date, "dry_run": dry_run})).await;
        assert_eq!(reply.wrong_fields(), [("/date".to_owned(), "out_of_range".to_owned())], "{date}");
        reply.refused(422, "invalid");
    }
    admin.post("/billing/runs", json!({"date": "31.01.2026"})).await.refused(422, "invalid");
    admin.post("/billing/runs", json!({"day": "2026-01-31"})).await.refused(422, "invalid");
    assert_eq!(app.count("billing_runs").await, 0);
    for (date, dry_run) in [("2025-01-30", false), ("2027-02-01", true)] {
        bill(app, &admin, json!({"date": date, "dry_run": dry_run})).await;
    }
    admin.get("/billing/runs/999").await.refused(404, "billing_run_not_found");
    admin.get("/billing/runs/999/failures").await.refused(404, "billing_run_not_found");
    let recorded =
        app.texts("SELECT action || ' ' || actor FROM audit WHERE entity = 'billing_run' ORDER BY seq").await;
    assert_eq!(
        recorded,
        [
            "billing_run.started admin",
            "billing_run.finished billing run",
            "billing_run.started admin",
            "billing_run.finished billing run"
        ]
    );
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn runs_are_listed_by_state_kind_and_day_and_a_repeated_request_starts_no_other(app: &App) {
    let admin = app.admin().await;
    let first = admin.with("idempotency-key", "k").post("/billing/runs", json!({})).await;
    let again = admin.with("idempotency-key", "k").post("/billing/runs", json!({})).await;
    assert_eq!(
        (again.status, again.header("idempotent-replayed"), again.header("location")),
        (202, "true", first.header("location"))
    );
    let first = first.expect(202)["id"].as_i64().unwrap();
    let dry = admin.post("/billing/runs", json!({"dry_run": true})).await.expect(202)["id"].as_i64().unwrap();
    assert_eq!(ids(&admin, "state=running&ordering=billing_date").await, [first, dry]);
    app.work_off_runs().await.unwrap();
    let admin = on(app, "2026-02-10").await;
    let last = bill(app, &admin, json!({})).await["id"].as_i64().unwrap();
    assert_eq!(ids(&admin, "state=running").await, Vec::<i64>::new());
    assert_eq!(ids(&admin, "state=finished").await[0], last);
    assert_eq!(ids(&admin, "dry_run=true").await, [dry]);
    assert_eq!(ids(&admin, "dry_run=false&ordering=-billing_date").await, [last, first]);
    assert_eq!(ids(&admin, "billing_date_after=2026-02-01").await, [last]);
    assert_eq!(ids(&admin, "billing_date_before=2026-02-01&ordering=started_at").await, [first, dry]);
    let page = admin.get("/billing/runs?cursor=&page_size=2").await.expect(200);
    assert_eq!((page["results"].as_array().unwrap().len(), page["next"].is_string()), (2, true));
    let run: Value = admin.get(&format!("/billing/runs/{last}")).await.expect(200);
    assert_eq!(
        (&run["started_at"], &run["finished_at"]),
        (&json!("2026-02-10T09:00:00Z"), &json!("2026-02-10T09:00:00Z"))
    );
    assert_eq!(app.violations().await, Vec::<String>::new());
}
