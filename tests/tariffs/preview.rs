//! The preview of charges equals the charges.

use serde_json::{Value, json};

use super::{after_days, ledger, running, tariff};
use crate::harness::{App, Client, id, scenario};

async fn preview(admin: &Client, contract: i64, months: usize) -> Vec<Value> {
    let preview =
        admin.get(&format!("/contracts/{contract}/billing-preview?months={months}")).await.expect(200);
    preview["charges"].as_array().unwrap().clone()
}

fn as_ledger(foreseen: &[Value]) -> Vec<String> {
    let text = |row: &Value, name: &str| row[name].as_str().unwrap().to_owned();
    let row = |row: &Value| {
        format!("charge {} {} {}", text(row, "amount"), text(row, "period_start"), text(row, "period_end"))
    };
    foreseen.iter().map(row).collect()
}

#[scenario]
async fn what_is_foreseen_of_a_prepaid_contract_is_what_is_charged(app: &App) {
    let admin = app.admin().await;
    let (old, new) = (tariff(&admin, "prepaid", "650.00").await, tariff(&admin, "prepaid", "333.33").await);
    let option = admin.option("33.35", &[old, new]).await;
    for (day, fee) in [("2026-03-01", "700.00"), ("2026-04-30", "800.00"), ("2026-05-01", "1.11")] {
        admin
            .patch(&format!("/tariffs/{new}"), json!({"monthly_fee": fee, "effective_from": day}))
            .await
            .expect(200);
    }
    let contract =
        running(&admin, old, "1000.00", json!({"options": [option], "discount_percent": "12.5"})).await;
    admin
        .post(
            &format!("/contracts/{contract}/change-tariff"),
            json!({"tariff_id": new, "when": "next_period"}),
        )
        .await
        .expect(200);
    let foreseen = preview(&admin, contract, 6).await;
    // the 31st is shortened and comes back; (333.33 + 33.35), (700 + 33.35), (800 + 33.35),
    // (1.11 + 33.35) less an eighth
    assert_eq!(
        as_ledger(&foreseen),
        [
            "charge 320.84 2026-02-28 2026-03-31",
            "charge 641.68 2026-03-31 2026-04-30",
            "charge 729.18 2026-04-30 2026-05-31",
            "charge 30.15 2026-05-31 2026-06-30",
            "charge 30.15 2026-06-30 2026-07-31",
            "charge 30.15 2026-07-31 2026-08-31",
        ]
    );
    assert!(foreseen.iter().all(|charge| charge["charge_on"] == charge["period_start"]
        && charge["tariff_id"] == new
        && charge["option_ids"] == json!([option])));
    let covered: Vec<&Value> = foreseen.iter().map(|charge| &charge["is_covered"]).collect();
    assert_eq!(
        covered,
        [&json!(true), &json!(false), &json!(false), &json!(false), &json!(false), &json!(false)]
    );
    // 1000.00 less 597.93, the fee of the first period
    assert_eq!(
        (&foreseen[0]["balance_after"], &foreseen[5]["balance_after"]),
        (&json!("81.23"), &json!("-1380.08"))
    );
    admin.pay(contract, "5000.00").await;
    let admin = after_days(app, 185).await;
    admin.pay(contract, "1.00").await;
    assert_eq!(ledger(&admin, contract).await[1..], as_ledger(&foreseen)[..]);
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn what_is_foreseen_of_a_postpaid_contract_begins_with_the_period_that_runs(app: &App) {
    let admin = app.admin().await;
    let (one, other) =
        (tariff(&admin, "postpaid", "310.00").await, tariff(&admin, "prepaid", "100.00").await);
    let contract = running(&admin, one, "0", json!({"credit_limit": "10000.00"})).await;
    let admin = after_days(app, 14).await;
    let option = admin.option("28.00", &[one]).await;
    admin
        .post(&format!("/contracts/{contract}/options"), json!({"add": [option], "when": "now"}))
        .await
        .expect(200);
    let foreseen = preview(&admin, contract, 3).await;
    let expected = [
        "charge 169.00 2026-02-14 2026-02-28",
        "charge 338.00 2026-02-28 2026-03-31",
        "charge 338.00 2026-03-31 2026-04-30",
    ];
    assert_eq!(
        (as_ledger(&foreseen), &foreseen[0]["charge_on"]),
        (expected.map(str::to_owned).to_vec(), &json!("2026-02-28"))
    );
    let admin = after_days(app, 76).await;
    admin.pay(contract, "1.00").await;
    assert_eq!(ledger(&admin, contract).await[1..], expected);
    // to prepaid with the next period: one is charged when it ends, the next when it begins, on one day
    admin
        .post(&format!("/contracts/{contract}/options"), json!({"remove": [option], "when": "next_period"}))
        .await
        .expect(200);
    admin
        .post(
            &format!("/contracts/{contract}/change-tariff"),
            json!({"tariff_id": other, "when": "next_period"}),
        )
        .await
        .expect(200);
    let foreseen = preview(&admin, contract, 2).await;
    assert_eq!(
        as_ledger(&foreseen),
        ["charge 338.00 2026-04-30 2026-05-31", "charge 100.00 2026-05-31 2026-06-30"]
    );
    assert_eq!(
        (
            &foreseen[0]["charge_on"],
            &foreseen[0]["tariff_id"],
            &foreseen[1]["charge_on"],
            &foreseen[1]["tariff_id"]
        ),
        (&json!("2026-05-31"), &json!(one), &json!("2026-05-31"), &json!(other))
    );
    let admin = after_days(app, 31).await;
    admin.pay(contract, "1.00").await;
    assert_eq!(ledger(&admin, contract).await[4..], as_ledger(&foreseen)[..]);
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn a_draft_is_foreseen_as_activated_today_a_debt_as_paid_today_and_under_a_hold_nothing(app: &App) {
    let admin = app.admin().await;
    let tariff = tariff(&admin, "prepaid", "100.00").await;
    let draft =
        json!({"customer_id": admin.customer().await, "tariff_id": tariff, "sim_id": admin.sim().await});
    let contract = id(&admin.post("/contracts", draft).await.expect(201));
    let expected = ["charge 100.00 2026-01-31 2026-02-28", "charge 100.00 2026-02-28 2026-03-31"];
    assert_eq!(as_ledger(&preview(&admin, contract, 2).await), expected);
    assert_eq!(admin.activate(contract).await["holds"], json!(["debt"]));
    let admin = after_days(app, 3).await;
    assert_eq!(
        as_ledger(&preview(&admin, contract, 2).await),
        ["charge 100.00 2026-02-03 2026-03-03", "charge 100.00 2026-03-03 2026-04-03"]
    );
    admin.pay(contract, "300.00").await;
    assert_eq!(as_ledger(&preview(&admin, contract, 1).await), ["charge 100.00 2026-03-03 2026-04-03"]);
    admin.post(&format!("/contracts/{contract}/suspend"), json!({"reason": "request"})).await.expect(200);
    assert_eq!(preview(&admin, contract, 24).await, Vec::<Value>::new());
    admin.post(&format!("/contracts/{contract}/resume"), json!({"reason": "request"})).await.expect(200);
    assert_eq!(preview(&admin, contract, 24).await.len(), 24);
    // missed periods come first
    let admin = after_days(app, 60).await;
    let missed = preview(&admin, contract, 3).await;
    assert_eq!(
        (&missed[0]["period_start"], &missed[0]["charge_on"], &missed[2]["charge_on"]),
        (&json!("2026-03-03"), &json!("2026-04-04"), &json!("2026-05-03"))
    );
    admin.pay(contract, "1.00").await;
    assert_eq!(ledger(&admin, contract).await[1..], as_ledger(&missed)[..2]);
    admin.post(&format!("/contracts/{contract}/terminate"), json!({"reason": "x"})).await.expect(200);
    assert_eq!(preview(&admin, contract, 3).await, Vec::<Value>::new());
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn a_preview_reaches_one_to_twenty_four_charges_and_is_for_those_who_may_see_billing(app: &App) {
    let admin = app.admin().await;
    let tariff = tariff(&admin, "prepaid", "0.00").await;
    let contract = running(&admin, tariff, "0", json!({})).await;
    let path = format!("/contracts/{contract}/billing-preview");
    assert_eq!(admin.get(&path).await.expect(200)["charges"].as_array().unwrap().len(), 3);
    for wrong in ["0", "25", "-1", "9223372036854775807"] {
        let reply = admin.get(&format!("{path}?months={wrong}")).await;
        assert_eq!(reply.wrong_fields(), [("months".to_owned(), "out_of_range".to_owned())], "{wrong}");
        reply.refused(400, "invalid_parameter");
    }
    admin.get("/contracts/999/billing-preview").await.refused(404, "contract_not_found");
    app.user("operator").await.get(&path).await.expect(200);
    app.user("employee").await.get(&path).await.refused(403, "permission_missing");
    assert_eq!(app.count("payments").await, 0);
}
