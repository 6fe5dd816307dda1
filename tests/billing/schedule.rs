//! The scheduled daily run: at the configured local time, by the first instance that checks,
//! and later if no instance was running.

use chrono::TimeDelta;
use serde_json::json;

use super::{ledger, running, tariff};
use crate::harness::{App, scenario};

/// Advances the clock, runs the schedule check and returns the days of the scheduled runs so far.
async fn after(app: &App, by: TimeDelta) -> Vec<String> {
    app.advance(by);
    app.schedule_run().await;
    app.work_off_runs().await.unwrap();
    app.texts(
        "SELECT CAST(scheduled_for AS TEXT) FROM billing_runs WHERE scheduled_for IS NOT NULL ORDER BY id",
    )
    .await
}

#[scenario]
async fn every_day_has_its_run_at_its_time_and_one_that_was_missed_is_made_up_for(app: &App) {
    let admin = app.admin().await;
    let tariff = tariff(&admin, "prepaid", "100.00").await;
    let contract = running(&admin, tariff, "1000.00", json!({})).await;
    // it is noon in Moscow: today's run is late and starts at once
    assert_eq!(after(app, TimeDelta::zero()).await, ["2026-01-31"]);
    assert_eq!(after(app, TimeDelta::minutes(13 * 60 + 59)).await, ["2026-01-31"], "01:59");
    assert_eq!(after(app, TimeDelta::minutes(1)).await, ["2026-01-31", "2026-02-01"], "02:00");
    // another instance finds it done
    app.beside(&[], async |other| assert_eq!(after(other, TimeDelta::zero()).await.len(), 2)).await;
    // no instance was running for a month: one run makes up for all; at 01:00 it is that of the day before
    let days = after(app, TimeDelta::hours(28 * 24 - 1)).await;
    assert_eq!(days, ["2026-01-31", "2026-02-01", "2026-02-28"]);
    let admin = app.admin().await;
    assert_eq!(
        ledger(&admin, contract).await,
        ["charge 100.00 2026-01-31 2026-02-28", "charge 100.00 2026-02-28 2026-03-31"]
    );
    assert_eq!(
        app.scalar(
            "SELECT COUNT(*) FROM billing_runs WHERE started_by = 'billing schedule' AND state = 'finished'"
        )
        .await,
        3
    );
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario(BILLING_TIME = "00:30")]
async fn a_run_half_an_hour_after_midnight_charges_the_day_that_has_just_begun(app: &App) {
    let admin = app.admin().await;
    let tariff = tariff(&admin, "prepaid", "100.00").await;
    let contract = running(&admin, tariff, "1000.00", json!({})).await;
    // 21:29 and 21:30 UTC on the 27th: the 28th in Moscow
    let days = after(app, TimeDelta::minutes((26 * 24 + 12) * 60 + 29 + 24 * 60 - 24 * 60)).await;
    assert_eq!((days, ledger(&app.admin().await, contract).await.len()), (vec!["2026-02-26".to_owned()], 1));
    app.advance(TimeDelta::days(1));
    assert_eq!(after(app, TimeDelta::minutes(1)).await, ["2026-02-26", "2026-02-28"]);
    let admin = app.admin().await;
    assert_eq!(ledger(&admin, contract).await[1], "charge 100.00 2026-02-28 2026-03-31");
    assert_eq!(
        admin.get("/billing/runs").await.expect(200)["results"][0]["started_at"],
        "2026-02-27T21:30:00Z"
    );
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario(BILLING_TIME = "off")]
async fn without_a_schedule_nothing_runs_by_itself(app: &App) {
    assert_eq!(after(app, TimeDelta::days(40)).await, Vec::<String>::new());
    assert_eq!(app.count("billing_runs").await, 0);
}

#[scenario]
async fn a_run_that_was_started_by_hand_counts_as_the_scheduled_one_while_it_runs(app: &App) {
    let admin = app.admin().await;
    admin.post("/billing/runs", json!({})).await.expect(202);
    assert_eq!(after(app, TimeDelta::zero()).await, ["2026-01-31"]);
    assert_eq!(app.count("billing_runs").await, 1);
    assert_eq!(admin.get("/billing/runs").await.expect(200)["results"][0]["started_by"], "admin");
}
