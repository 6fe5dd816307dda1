//! The preview of charges equals what runs then charge, for many months and every kind of contract.

use serde_json::{Value, json};

use super::{bill, ledger, on, plan, running, tariff};
use crate::harness::{App, Client, scenario};

/// The previewed charges in the form of ledger rows.
fn as_ledger(preview: &Value) -> Vec<String> {
    let text = |row: &Value, name: &str| row[name].as_str().unwrap().to_owned();
    let charges = preview["charges"].as_array().unwrap().iter().filter(|charge| charge["amount"] != "0.00");
    charges
        .map(|row| {
            format!(
                "charge {} {} {}",
                text(row, "amount"),
                text(row, "period_start"),
                text(row, "period_end")
            )
        })
        .collect()
}

/// Draws up contracts of both types with options, discounts, prices to come and planned changes.
async fn contracts_of_every_kind(admin: &Client) -> Vec<i64> {
    let (prepaid, postpaid, next) = (
        tariff(admin, "prepaid", "333.33").await,
        tariff(admin, "postpaid", "99.95").await,
        tariff(admin, "prepaid", "250.00").await,
    );
    let options = [
        admin.option("33.35", &[prepaid, postpaid, next]).await,
        admin.option("0.05", &[prepaid, postpaid, next]).await,
    ];
    for (tariff, day, fee) in [
        (prepaid, "2026-03-01", "350.01"),
        (prepaid, "2026-07-31", "399.99"),
        (postpaid, "2026-05-15", "101.05"),
        (next, "2026-12-01", "0.00"),
    ] {
        admin
            .patch(&format!("/tariffs/{tariff}"), json!({"monthly_fee": fee, "effective_from": day}))
            .await
            .expect(200);
    }
    let mut contracts = Vec::new();
    for tariff in [prepaid, postpaid] {
        for besides in [
            json!({}),
            json!({"options": options, "discount_percent": "12.55"}),
            json!({"options": [options[1]], "discount_percent": "99.99"}),
        ] {
            contracts.push(running(admin, tariff, "50000.00", besides).await);
        }
    }
    for (contract, to) in [(contracts[0], next), (contracts[3], next), (contracts[4], prepaid)] {
        plan(admin, contract, "change-tariff", json!({"tariff_id": to})).await;
    }
    contracts
}

#[scenario]
async fn a_year_of_daily_runs_makes_what_was_foreseen_to_the_minor_unit(app: &App) {
    let admin = app.admin().await;
    let contracts = contracts_of_every_kind(&admin).await;
    let mut foreseen = Vec::new();
    for contract in &contracts {
        foreseen
            .push(admin.get(&format!("/contracts/{contract}/billing-preview?months=14")).await.expect(200));
    }
    // on days with something due, on the days around them, and not at all for one month
    for day in [
        "2026-02-27",
        "2026-02-28",
        "2026-03-31",
        "2026-04-30",
        "2026-05-31",
        "2026-07-30",
        "2026-08-31",
        "2026-09-30",
        "2026-10-31",
        "2026-11-30",
        "2026-12-31",
        "2027-01-31",
    ] {
        let admin = on(app, day).await;
        assert_eq!(bill(app, &admin, json!({})).await["failed_count"], 0);
    }
    let admin = app.admin().await;
    for (contract, foreseen) in contracts.iter().zip(&foreseen) {
        let before = if admin.contract(*contract).await["activation_date"] == "2026-01-31" { 0 } else { 1 };
        let mut made = ledger(&admin, *contract).await;
        // a prepaid contract was charged at activation, before the preview was read
        made.retain(|row| !row.contains(" 2026-01-31 ") || as_ledger(foreseen).contains(row));
        assert!(made.len() >= 10 + before, "{made:?}");
        assert_eq!(made[..], as_ledger(foreseen)[..made.len()], "{contract}");
        let charges =
            foreseen["charges"].as_array().unwrap().iter().filter(|charge| charge["amount"] != "0.00");
        assert_eq!(
            charges.clone().nth(made.len() - 1).unwrap()["balance_after"],
            admin.contract(*contract).await["balance"]
        );
    }
    assert_eq!(app.violations().await, Vec::<String>::new());
}
