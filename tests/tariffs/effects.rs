//! What changes of tariff, options and discount move, and what they leave as it is.

use serde_json::{Value, json};

use super::{after_days, ledger, running, tariff};
use crate::harness::{App, Client, scenario};

async fn change(admin: &Client, contract: i64, tariff: i64, when: &str) -> crate::harness::Reply {
    admin
        .post(&format!("/contracts/{contract}/change-tariff"), json!({"tariff_id": tariff, "when": when}))
        .await
}

async fn options(admin: &Client, contract: i64, body: Value) -> crate::harness::Reply {
    admin.post(&format!("/contracts/{contract}/options"), body).await
}

#[scenario]
async fn a_change_on_the_day_of_renewal_is_judged_by_what_it_leaves_to_pay(app: &App) {
    let admin = app.admin().await;
    let (dear, cheap) =
        (tariff(&admin, "prepaid", "600.00").await, tariff(&admin, "prepaid", "300.00").await);
    let contract = running(&admin, dear, "900.00", json!({})).await;
    let option = admin.option("100.00", &[dear, cheap]).await;
    let other = running(&admin, cheap, "600.00", json!({"options": [option]})).await;
    // both are due today, and neither balance covers the fee that was in force
    let admin = after_days(app, 28).await;
    let changed = change(&admin, contract, cheap, "now").await.expect(200);
    assert_eq!((&changed["status"], &changed["balance"]), (&json!("active"), &json!("0.00")));
    let fewer = options(&admin, other, json!({"remove": [option], "when": "next_period"})).await.expect(200);
    assert_eq!((&fewer["status"], &fewer["balance"]), (&json!("suspended"), &json!("200.00")));
    admin.pay(other, "100.00").await;
    assert_eq!(ledger(&admin, contract).await[1..], ["charge 300.00 2026-02-28 2026-03-31"]);
    let told = async |contract: i64| {
        let sql = format!(
            "SELECT COUNT(*) FROM events WHERE contract_id = {contract} \
             AND kind IN ('contract.suspended', 'contract.resumed')"
        );
        app.scalar(&sql).await
    };
    assert_eq!((told(contract).await, told(other).await), (0, 2));
    // a change that is not covered is judged once, at its end
    let short = running(&admin, cheap, "300.00", json!({})).await;
    let admin = after_days(app, 31).await;
    let held = change(&admin, short, dear, "now").await.expect(200);
    assert_eq!((&held["status"], &held["tariff_id"]), (&json!("suspended"), &json!(dear)));
    assert_eq!(told(short).await, 1);
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn other_options_keep_the_discount_of_the_running_period_and_another_tariff_takes_the_present_one(
    app: &App,
) {
    let admin = app.admin().await;
    let (old, new) = (tariff(&admin, "prepaid", "280.00").await, tariff(&admin, "prepaid", "560.00").await);
    let free = admin.option("0.00", &[old, new]).await;
    let contract = running(&admin, old, "1000.00", json!({})).await;
    let admin = after_days(app, 7).await;
    admin.patch(&format!("/contracts/{contract}"), json!({"discount_percent": "50"})).await.expect(200);
    options(&admin, contract, json!({"add": [free], "when": "now"})).await.expect(200);
    assert_eq!(
        ledger(&admin, contract).await[1..],
        ["correction 210.00 2026-02-07 2026-02-28", "charge 210.00 2026-02-07 2026-02-28"]
    );
    let newest = admin.get(&format!("/contracts/{contract}/periods")).await.expect(200)["results"][0].clone();
    assert_eq!((&newest["discount_percent"], &newest["whole_fee"]), (&json!("0.00"), &json!("280.00")));
    change(&admin, contract, new, "now").await.expect(200);
    assert_eq!(
        ledger(&admin, contract).await[3..],
        ["correction 210.00 2026-02-07 2026-02-28", "charge 210.00 2026-02-07 2026-02-28"],
        "three quarters of half of 560.00"
    );
    let newest = admin.get(&format!("/contracts/{contract}/periods")).await.expect(200)["results"][0].clone();
    assert_eq!((&newest["discount_percent"], &newest["whole_fee"]), (&json!("50.00"), &json!("280.00")));
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn what_changes_moved_to_and_fro_is_not_counted_as_charged(app: &App) {
    let admin = app.admin().await;
    let (low, high) = (tariff(&admin, "prepaid", "600.00").await, tariff(&admin, "prepaid", "900.00").await);
    let contract = running(&admin, low, "1000.00", json!({})).await;
    let admin = after_days(app, 14).await;
    change(&admin, contract, high, "now").await.expect(200);
    let back = change(&admin, contract, low, "now").await.expect(200);
    assert_eq!((&back["total_charged"], &back["balance"]), (&json!("600.00"), &json!("400.00")));
    let statistics = admin.get("/payments/statistics?from=2026-01-01&to=2026-02-28").await.expect(200);
    assert_eq!(
        statistics["by_type"],
        json!([
            {"transaction_type": "charge", "count": 3, "amount": "600.00"},
            {"transaction_type": "payment", "count": 1, "amount": "1000.00"}
        ])
    );
    // what staff correct is a figure of its own
    let body = json!({"contract_id": contract, "amount": "-25.00", "reason": "ошибка"});
    admin.post("/payments/corrections", body).await.expect(201);
    let statistics = admin.get("/payments/statistics?from=2026-01-01&to=2026-02-28").await.expect(200);
    assert_eq!(
        statistics["by_type"][1],
        json!({"transaction_type": "correction", "count": 1, "amount": "-25.00"})
    );
    assert_eq!(admin.contract(contract).await["total_charged"], "600.00");
    assert_eq!(app.violations().await, Vec::<String>::new());
}
