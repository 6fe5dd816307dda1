//! Billing runs charge everything that is due exactly once, even with failures and concurrent requests.

pub mod at_once;
mod dates;
mod debt;
mod explanations;
mod failures;
mod foreseen;
mod holds;
mod promises;
mod records;
mod schedule;

use chrono::{NaiveDate, TimeDelta};
use serde_json::{Value, json};

use crate::harness::{App, Client, id, unique};

/// Creates a tariff with this type and fee and returns its id.
async fn tariff(admin: &Client, tariff_type: &str, fee: &str) -> i64 {
    let body = json!({"name": format!("Тариф {}", unique()), "tariff_type": tariff_type, "monthly_fee": fee});
    id(&admin.post("/tariffs", body).await.expect(201))
}

/// Draws up a contract on this tariff with these additional fields, pays this amount, activates it
/// and returns its id.
async fn running(admin: &Client, tariff: i64, paid: &str, besides: Value) -> i64 {
    let (customer, sim) = (admin.customer().await, admin.sim().await);
    let mut draft = json!({"customer_id": customer, "tariff_id": tariff, "sim_id": sim});
    draft.as_object_mut().unwrap().extend(besides.as_object().unwrap().clone());
    let contract = id(&admin.post("/contracts", draft).await.expect(201));
    if paid != "0" {
        admin.pay(contract, paid).await;
    }
    admin.activate(contract).await;
    contract
}

/// Plans a change of a contract for its next period.
async fn plan(admin: &Client, contract: i64, action: &str, mut change: Value) {
    change["when"] = json!("next_period");
    admin.post(&format!("/contracts/{contract}/{action}"), change).await.expect(200);
}

/// Moves the clock to noon of this day in Moscow and signs the administrator in again.
pub async fn on(app: &App, day: &str) -> Client {
    let day: NaiveDate = day.parse().unwrap();
    let today = app.context().today();
    app.advance(TimeDelta::days((day - today).num_days()));
    app.admin().await
}

/// Starts a run, completes it and returns the finished run.
async fn bill(app: &App, admin: &Client, what: Value) -> Value {
    let begun = admin.post("/billing/runs", what).await;
    let location = begun.header("location").to_owned();
    let begun = begun.expect(202);
    assert_eq!(location, format!("/api/v1/billing/runs/{}", begun["id"]));
    app.work_off_runs().await.unwrap();
    admin.get(&location).await.expect(200)
}

/// The figures of a run: due, done, charged, nothing to charge, held for debt, failed, number of charges,
/// and the sum of the charges.
fn figures(run: &Value) -> (Vec<i64>, String) {
    let names = [
        "due_count",
        "done_count",
        "charged_count",
        "skipped_count",
        "debt_count",
        "failed_count",
        "charges_count",
    ];
    (
        names.iter().map(|name| run[name].as_i64().unwrap()).collect(),
        run["sum_charged"].as_str().unwrap().to_owned(),
    )
}

/// The ledger of a contract without payments: type, amount, start and end of the period of each row.
async fn ledger(admin: &Client, contract: i64) -> Vec<String> {
    let page = admin
        .get(&format!("/payments?contract={contract}&ordering=created_at&page_size=500"))
        .await
        .expect(200);
    let rows = page["results"].as_array().unwrap().iter().filter(|row| row["transaction_type"] != "payment");
    let text = |row: &Value, name: &str| row[name].as_str().unwrap_or("-").to_owned();
    rows.map(|row| {
        ["transaction_type", "amount", "period_start", "period_end"].map(|name| text(row, name)).join(" ")
    })
    .collect()
}

/// Status, balance, next billing date and billing day of a contract.
async fn stands(admin: &Client, contract: i64) -> String {
    let contract = admin.contract(contract).await;
    let text = |name: &str| contract[name].as_str().unwrap_or("-").to_owned();
    format!(
        "{} {} {} {}",
        text("status"),
        text("balance"),
        text("next_billing_date"),
        contract["billing_day"]
    )
}
