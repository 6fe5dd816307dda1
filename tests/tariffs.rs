//! Tariffs, their versions, options, and changes of both on contracts, to the minor unit.

mod at_once;
mod changes;
mod effects;
mod options;
mod preview;
mod quotes;
mod states;
mod versions;

use chrono::TimeDelta;
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

/// Moves the clock by days and signs the administrator in again.
async fn after_days(app: &App, days: i64) -> Client {
    app.advance(TimeDelta::days(days));
    app.admin().await
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

/// The periods of a contract: start, planned end, the day on which a change ended it, fee,
/// and the credited part of the fee.
async fn periods(app: &App, contract: i64) -> Vec<String> {
    app.texts(&format!(
        "SELECT CAST(period_start AS TEXT) || ' ' || CAST(period_end AS TEXT) || ' ' || \
         COALESCE(CAST(ended_on AS TEXT), '-') || ' ' || COALESCE(CAST(fee AS TEXT), '-') || ' ' || \
         CAST(credited AS TEXT) FROM contract_periods WHERE contract_id = {contract} ORDER BY period_start"
    ))
    .await
}
