//! Which periods a run begins, and when: missed periods, ends of months, holds, zero fees, dated prices,
//! planned changes.

use serde_json::json;

use super::{bill, figures, ledger, on, plan, running, stands, tariff};
use crate::harness::{App, scenario};

/// The result of a run on this day: the number of contracts charged, and the sum.
async fn run_on(app: &App, day: &str) -> (i64, String) {
    let admin = on(app, day).await;
    let run = bill(app, &admin, json!({})).await;
    assert_eq!(
        (&run["state"], &run["billing_date"], &run["failed_count"]),
        (&json!("finished"), &json!(day), &json!(0)),
        "{run}"
    );
    let (counts, sum) = figures(&run);
    assert_eq!(counts[0], counts[1], "{run}");
    (counts[2], sum)
}

#[scenario]
async fn the_31st_is_shortened_and_comes_back_whether_a_run_is_daily_or_was_missed(app: &App) {
    let admin = app.admin().await;
    let (prepaid, postpaid) =
        (tariff(&admin, "prepaid", "100.00").await, tariff(&admin, "postpaid", "50.00").await);
    let one = running(&admin, prepaid, "1000.00", json!({})).await;
    let other = running(&admin, postpaid, "0", json!({"credit_limit": "1000.00"})).await;
    assert_eq!(run_on(app, "2026-02-27").await, (0, "0.00".to_owned()));
    assert_eq!(run_on(app, "2026-02-28").await, (2, "150.00".to_owned()));
    assert_eq!(run_on(app, "2026-02-28").await, (0, "0.00".to_owned()), "once");
    assert_eq!(run_on(app, "2026-03-30").await, (0, "0.00".to_owned()));
    assert_eq!(run_on(app, "2026-03-31").await, (2, "150.00".to_owned()));
    // no run for more than two months: each period is charged separately
    assert_eq!(run_on(app, "2026-06-30").await, (2, "450.00".to_owned()));
    let admin = app.admin().await;
    let spans = [
        "2026-01-31 2026-02-28",
        "2026-02-28 2026-03-31",
        "2026-03-31 2026-04-30",
        "2026-04-30 2026-05-31",
        "2026-05-31 2026-06-30",
        "2026-06-30 2026-07-31",
    ];
    assert_eq!(ledger(&admin, one).await, spans.map(|span| format!("charge 100.00 {span}")));
    assert_eq!(
        ledger(&admin, other).await,
        spans[..5].iter().map(|span| format!("charge 50.00 {span}")).collect::<Vec<_>>()
    );
    assert_eq!(
        (stands(&admin, one).await, stands(&admin, other).await),
        ("active 400.00 2026-07-31 31".to_owned(), "active -250.00 2026-07-31 31".to_owned())
    );
    // into the leap year
    admin.pay(one, "3000.00").await;
    assert_eq!(run_on(app, "2028-02-29").await.0, 2);
    let admin = app.admin().await;
    assert_eq!(ledger(&admin, one).await.last().unwrap(), "charge 100.00 2028-02-29 2028-03-31");
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn time_under_a_hold_starts_no_period_and_of_a_postpaid_one_that_ended_the_days_served_are_charged(
    app: &App,
) {
    let admin = app.admin().await;
    let (prepaid, postpaid) =
        (tariff(&admin, "prepaid", "100.00").await, tariff(&admin, "postpaid", "60.00").await);
    let one = running(&admin, prepaid, "1000.00", json!({})).await;
    let other = running(&admin, postpaid, "0", json!({"credit_limit": "100.00"})).await;
    for contract in [one, other] {
        admin.post(&format!("/contracts/{contract}/suspend"), json!({"reason": "request"})).await.expect(200);
    }
    // nothing is due for the first contract; the one day served is charged for the second
    assert_eq!(run_on(app, "2026-03-05").await, (1, "2.14".to_owned()));
    assert_eq!(run_on(app, "2026-04-10").await, (0, "0.00".to_owned()));
    let admin = app.admin().await;
    assert_eq!(
        (ledger(&admin, one).await.len(), ledger(&admin, other).await),
        (1, vec!["charge 2.14 2026-01-31 2026-02-01".to_owned()])
    );
    for contract in [one, other] {
        admin.post(&format!("/contracts/{contract}/resume"), json!({"reason": "request"})).await.expect(200);
    }
    assert_eq!(
        (stands(&admin, one).await, stands(&admin, other).await),
        ("active 800.00 2026-05-10 10".to_owned(), "active -2.14 2026-05-10 10".to_owned())
    );
    assert_eq!(run_on(app, "2026-05-10").await, (2, "160.00".to_owned()));
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn nothing_to_pay_still_begins_the_period_and_halves_of_a_discount_go_to_the_even_unit(app: &App) {
    let admin = app.admin().await;
    let (free, odd) = (tariff(&admin, "prepaid", "0.00").await, tariff(&admin, "prepaid", "0.05").await);
    let nothing = running(&admin, free, "0", json!({})).await;
    let whole = running(&admin, odd, "10.00", json!({"discount_percent": "100"})).await;
    let half = running(&admin, odd, "10.00", json!({"discount_percent": "50"})).await;
    let option = admin.option("0.10", &[odd]).await;
    let sum = running(&admin, odd, "10.00", json!({"discount_percent": "50", "options": [option]})).await;
    let admin = on(app, "2026-02-28").await;
    let run = bill(app, &admin, json!({})).await;
    // half to even: 0.025 becomes 0.02, 0.075 becomes 0.08
    assert_eq!(figures(&run), (vec![4, 4, 2, 2, 0, 0, 2], "0.10".to_owned()));
    for contract in [nothing, whole, half, sum] {
        assert_eq!(admin.contract(contract).await["next_billing_date"], "2026-03-31");
    }
    assert_eq!((ledger(&admin, nothing).await.len(), ledger(&admin, whole).await.len()), (0, 0));
    assert_eq!(
        (ledger(&admin, half).await[1].as_str(), ledger(&admin, sum).await[1].as_str()),
        ("charge 0.02 2026-02-28 2026-03-31", "charge 0.08 2026-02-28 2026-03-31")
    );
    assert_eq!(app.count("contract_periods").await, 8);
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn prices_options_and_planned_changes_count_from_the_period_that_begins_by_them(app: &App) {
    let admin = app.admin().await;
    let (old, new) = (tariff(&admin, "prepaid", "100.00").await, tariff(&admin, "prepaid", "200.00").await);
    let option = admin.option("30.00", &[old, new]).await;
    for (day, fee) in [("2026-03-01", "110.00"), ("2026-04-15", "120.00")] {
        admin
            .patch(&format!("/tariffs/{old}"), json!({"monthly_fee": fee, "effective_from": day}))
            .await
            .expect(200);
    }
    let stays = running(&admin, old, "2000.00", json!({"options": [option]})).await;
    let changes = running(&admin, old, "2000.00", json!({})).await;
    let drops = running(&admin, old, "2000.00", json!({})).await;
    for contract in [changes, drops] {
        plan(&admin, contract, "change-tariff", json!({"tariff_id": new})).await;
    }
    plan(&admin, changes, "options", json!({"add": [option]})).await;
    plan(&admin, drops, "options", json!({"add": [admin.option("5.00", &[old, new]).await]})).await;
    // the planned change is no longer possible: its option is available with the old tariff only
    let planned = admin.contract(drops).await["next_options"][0].as_i64().unwrap();
    admin.patch(&format!("/options/{planned}"), json!({"tariff_ids": [old]})).await.expect(200);
    let admin = on(app, "2026-05-31").await;
    let foreseen = bill(app, &admin, json!({"dry_run": true})).await;
    let run = bill(app, &admin, json!({})).await;
    assert_eq!(figures(&foreseen), figures(&run));
    assert_eq!(run["charges_count"], 12);
    assert_eq!(
        ledger(&admin, stays).await[1..],
        [
            "charge 130.00 2026-02-28 2026-03-31",
            "charge 140.00 2026-03-31 2026-04-30",
            "charge 150.00 2026-04-30 2026-05-31",
            "charge 150.00 2026-05-31 2026-06-30"
        ]
    );
    assert_eq!(
        ledger(&admin, changes).await[1..],
        [
            "charge 230.00 2026-02-28 2026-03-31",
            "charge 230.00 2026-03-31 2026-04-30",
            "charge 230.00 2026-04-30 2026-05-31",
            "charge 230.00 2026-05-31 2026-06-30"
        ]
    );
    assert_eq!(
        ledger(&admin, drops).await[1..],
        [
            "charge 100.00 2026-02-28 2026-03-31",
            "charge 110.00 2026-03-31 2026-04-30",
            "charge 120.00 2026-04-30 2026-05-31",
            "charge 120.00 2026-05-31 2026-06-30"
        ]
    );
    let (changed, dropped) = (admin.contract(changes).await, admin.contract(drops).await);
    assert_eq!((&changed["tariff"]["id"], &changed["options"]), (&json!(new), &json!([option])));
    assert_eq!(
        (&dropped["tariff"]["id"], &dropped["options"], &dropped["next_options"]),
        (&json!(old), &json!([]), &json!([]))
    );
    assert_eq!(app.violations().await, Vec::<String>::new());
}
