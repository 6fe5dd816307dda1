//! A contract that cannot be charged does not stop the others, and is listed.

use serde_json::json;

use super::{bill, figures, ledger, on, running, stands, tariff};
use crate::harness::{App, scenario};

#[scenario]
async fn a_contract_that_cannot_be_charged_is_listed_with_what_was_in_the_way_and_the_others_are_charged(
    app: &App,
) {
    let admin = app.admin().await;
    let (prepaid, postpaid) =
        (tariff(&admin, "prepaid", "100.00").await, tariff(&admin, "postpaid", "99999999999.99").await);
    let mut well = Vec::new();
    for _ in 0..3 {
        well.push(running(&admin, prepaid, "500.00", json!({})).await);
    }
    // the balance after the charge would be out of the range of amounts
    let beyond = running(&admin, postpaid, "0", json!({"credit_limit": "99999999999.99"})).await;
    admin
        .post("/payments/corrections", json!({"contract_id": beyond, "amount": "-0.50", "reason": "долг"}))
        .await
        .expect(201);
    let held = running(&admin, postpaid, "0", json!({"credit_limit": "99999999999.99"})).await;
    admin
        .post("/payments/corrections", json!({"contract_id": held, "amount": "-0.50", "reason": "долг"}))
        .await
        .expect(201);
    admin.post(&format!("/contracts/{held}/suspend"), json!({"reason": "request"})).await.expect(200);
    let admin = on(app, "2026-02-28").await;
    let dry = bill(app, &admin, json!({"dry_run": true})).await;
    let run = bill(app, &admin, json!({})).await;
    // of the one on hold only the first day, on which it was held, is charged: 1/28 of the fee, which is in the range
    assert_eq!(figures(&run), (vec![5, 5, 4, 0, 0, 1, 4], "3571428871.43".to_owned()));
    assert_eq!((figures(&dry), &run["state"]), (figures(&run), &json!("finished")));
    let path = format!("/billing/runs/{}/failures", run["id"]);
    let failures = admin.with("accept-language", "en").get(&path).await.expect(200);
    assert_eq!(failures["count"], 1);
    let mut ids: Vec<i64> = failures["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["contract_id"].as_i64().unwrap())
        .collect();
    assert_eq!(ids, [beyond]);
    let first = &failures["results"][0];
    assert_eq!(
        (&first["code"], &first["contract_number"]),
        (&json!("amount_out_of_range"), &admin.contract(beyond).await["number"])
    );
    assert!(first["message"].as_str().unwrap().is_ascii(), "{first}");
    assert!(!admin.get(&path).await.expect(200)["results"][0]["message"].as_str().unwrap().is_ascii());
    ids.extend(well);
    assert_eq!(ledger(&admin, beyond).await, ["correction -0.50 - -"]);
    assert_eq!(
        (stands(&admin, beyond).await, stands(&admin, held).await),
        ("active -0.50 2026-02-28 31".to_owned(), "suspended -3571428571.93 2026-02-28 31".to_owned())
    );
    // after the cause is corrected, the period is charged once
    for contract in [beyond, held] {
        admin
            .post(
                "/payments/corrections",
                json!({"contract_id": contract, "amount": "0.50", "reason": "прощено"}),
            )
            .await
            .expect(201);
    }
    let admin = on(app, "2026-03-01").await;
    let run = bill(app, &admin, json!({})).await;
    assert_eq!(
        (&run["failed_count"], &run["sum_charged"]),
        (&json!(0), &json!("0.00")),
        "the corrections settled the active contract: {run}"
    );
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn a_batch_that_the_database_refuses_is_done_again_one_contract_at_a_time(app: &App) {
    let admin = app.admin().await;
    let tariff = tariff(&admin, "prepaid", "100.00").await;
    let (good, bad, other) = (
        running(&admin, tariff, "500.00", json!({})).await,
        running(&admin, tariff, "500.00", json!({})).await,
        running(&admin, tariff, "500.00", json!({})).await,
    );
    // an invalid period row: the next period collides with it
    app.execute(&format!(
        "INSERT INTO contract_periods (contract_id, period_start, period_end, tariff_version_id, whole_fee, \
         whole_days, fee, charged_at, ended_on) SELECT contract_id, period_end, '2026-03-31', \
         tariff_version_id, 0, 31, 0, charged_at, period_end FROM contract_periods WHERE contract_id = {bad}"
    ))
    .await;
    let admin = on(app, "2026-02-28").await;
    let run = bill(app, &admin, json!({})).await;
    assert_eq!(figures(&run), (vec![3, 3, 2, 0, 0, 1, 2], "200.00".to_owned()));
    let failures = admin.get(&format!("/billing/runs/{}/failures", run["id"])).await.expect(200);
    assert_eq!(
        (&failures["results"][0]["contract_id"], &failures["results"][0]["code"]),
        (&json!(bad), &json!("duplicate"))
    );
    let balances =
        [good, bad, other].map(|contract| (contract, if contract == bad { "400.00" } else { "300.00" }));
    for (contract, balance) in balances {
        assert_eq!(admin.contract(contract).await["balance"], balance);
    }
    app.execute(&format!("DELETE FROM contract_periods WHERE contract_id = {bad} AND whole_fee = 0")).await;
    assert_eq!(bill(app, &admin, json!({})).await["charged_count"], 1);
    assert_eq!(app.violations().await, Vec::<String>::new());
}
