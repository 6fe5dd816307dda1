//! Why a charge is what it is, and the periods of a contract.

use serde_json::{Value, json};

use super::{bill, on, plan, running, tariff};
use crate::harness::{App, Client, scenario};

/// The periods of a contract, the newest first.
async fn periods(client: &Client, contract: i64) -> Vec<Value> {
    let page = client.get(&format!("/contracts/{contract}/periods")).await.expect(200);
    page["results"].as_array().unwrap().clone()
}

/// The charges of a contract, the oldest first.
async fn charges(client: &Client, contract: i64) -> Vec<i64> {
    let path = format!("/contracts/{contract}/payments?transaction_type=charge&ordering=created_at");
    let page = client.get(&path).await.expect(200);
    page["results"].as_array().unwrap().iter().map(|row| row["id"].as_i64().unwrap()).collect()
}

async fn explanation(client: &Client, charge: i64) -> Value {
    client.get(&format!("/payments/{charge}/explanation")).await.expect(200)
}

#[scenario]
async fn a_charge_names_its_tariff_options_discount_days_and_the_run_that_made_it(app: &App) {
    let admin = app.admin().await;
    let tariff = tariff(&admin, "prepaid", "600.00").await;
    let option = admin.option("100.00", &[tariff]).await;
    let contract =
        running(&admin, tariff, "2000.00", json!({"discount_percent": "10.00", "options": [option]})).await;
    let admin = on(app, "2026-02-28").await;
    let run = bill(app, &admin, json!({})).await;

    let charges = charges(&admin, contract).await;
    assert_eq!(charges.len(), 2);
    let first = explanation(&admin, charges[0]).await;
    assert_eq!(
        (&first["amount"], &first["full_price"], &first["discount"], &first["net_amount"]),
        (&json!("630.00"), &json!("700.00"), &json!("70.00"), &json!("630.00"))
    );
    assert_eq!(
        (&first["tariff"]["id"], &first["tariff"]["monthly_fee"], &first["tariff"]["tariff_type"]),
        (&json!(tariff), &json!("600.00"), &json!("prepaid"))
    );
    assert_eq!(
        (
            &first["options"][0]["id"],
            &first["options"][0]["monthly_fee"],
            first["options"].as_array().unwrap().len()
        ),
        (&json!(option), &json!("100.00"), 1)
    );
    let period = &first["period"];
    assert_eq!(
        (&period["period_start"], &period["period_end"], &period["discount_percent"], &period["whole_fee"]),
        (&json!("2026-01-31"), &json!("2026-02-28"), &json!("10.00"), &json!("630.00"))
    );
    assert_eq!(
        (&period["whole_days"], &period["charged_days"], &period["billing_run_id"], &first["charged_by"]),
        (&json!(28), &json!(28), &json!(null), &json!("admin"))
    );
    let second = explanation(&admin, charges[1]).await;
    assert_eq!(
        (&second["period"]["billing_run_id"], &second["period"]["charged_days"]),
        (&run["id"], &json!(31))
    );
    // what changes later does not change why it was that much
    admin.patch(&format!("/tariffs/{tariff}"), json!({"monthly_fee": "900.00"})).await.expect(200);
    admin.patch(&format!("/contracts/{contract}"), json!({"discount_percent": "0.00"})).await.expect(200);
    assert_eq!(explanation(&admin, charges[0]).await, first);
    assert_eq!(explanation(&admin, charges[1]).await, second);

    let all = periods(&admin, contract).await;
    assert_eq!((all.len(), &all[1], &all[0]), (2, &first["period"], &second["period"]));
    assert_eq!(all[0]["option_fees"], json!([{"option_id": option, "monthly_fee": "100.00"}]));
}

#[scenario]
async fn a_cut_period_shows_the_days_the_credit_and_the_rest(app: &App) {
    let admin = app.admin().await;
    let tariff_one = tariff(&admin, "prepaid", "280.00").await;
    let other = tariff(&admin, "prepaid", "560.00").await;
    let contract = running(&admin, tariff_one, "1000.00", json!({})).await;
    let admin = on(app, "2026-02-14").await;
    admin
        .post(&format!("/contracts/{contract}/change-tariff"), json!({"tariff_id": other, "when": "now"}))
        .await
        .expect(200);
    let charges = charges(&admin, contract).await;
    let whole = explanation(&admin, charges[0]).await;
    // 14 of 28 days were left
    assert_eq!(
        (&whole["amount"], &whole["credits"][0]["amount"], &whole["net_amount"]),
        (&json!("280.00"), &json!("140.00"), &json!("140.00"))
    );
    assert_eq!(
        (&whole["period"]["ended_on"], &whole["period"]["charged_days"], &whole["period"]["credited"]),
        (&json!("2026-02-14"), &json!(28), &json!("140.00"))
    );
    let rest = explanation(&admin, charges[1]).await;
    assert_eq!(
        (
            &rest["amount"],
            &rest["period"]["whole_fee"],
            &rest["period"]["charged_days"],
            &rest["period"]["whole_days"]
        ),
        (&json!("280.00"), &json!("560.00"), &json!(14), &json!(28))
    );
    assert_eq!(rest["credits"], json!([]));
    // a second change on that day replaces the period: its charge was credited in full and has no terms any more
    admin
        .post(
            &format!("/contracts/{contract}/change-tariff"),
            json!({"tariff_id": tariff_one, "when": "now"}),
        )
        .await
        .expect(200);
    let replaced = explanation(&admin, charges[1]).await;
    assert_eq!(
        (&replaced["period"], &replaced["tariff"], &replaced["net_amount"]),
        (&json!(null), &json!(null), &json!("0.00"))
    );
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn a_postpaid_period_that_ends_early_is_charged_for_the_days_used(app: &App) {
    let admin = app.admin().await;
    let tariff = tariff(&admin, "postpaid", "280.00").await;
    let contract = running(&admin, tariff, "0", json!({"credit_limit": "500.00"})).await;
    assert_eq!(periods(&admin, contract).await[0]["charged_days"], json!(null));
    let admin = on(app, "2026-02-13").await;
    admin
        .post(&format!("/contracts/{contract}/terminate"), json!({"reason": "по заявлению"}))
        .await
        .expect(200);
    let charges = charges(&admin, contract).await;
    let explained = explanation(&admin, charges[0]).await;
    assert_eq!(
        (&explained["amount"], &explained["period"]["charged_days"], &explained["period"]["ended_on"]),
        (&json!("140.00"), &json!(14), &json!("2026-02-13"))
    );
}

#[scenario]
async fn in_a_run_a_line_whose_debt_is_lifted_names_the_run_too(app: &App) {
    let admin = app.admin().await;
    let tariff_one = tariff(&admin, "prepaid", "100.00").await;
    let other = tariff(&admin, "prepaid", "200.00").await;
    let contract = running(&admin, tariff_one, "500.00", json!({})).await;
    plan(&admin, contract, "change-tariff", json!({"tariff_id": other})).await;
    let admin = on(app, "2026-02-28").await;
    let run = bill(app, &admin, json!({})).await;
    let newest = &periods(&admin, contract).await[0];
    assert_eq!(
        (&newest["tariff_id"], &newest["fee"], &newest["billing_run_id"]),
        (&json!(other), &json!("200.00"), &run["id"])
    );
}

#[scenario]
async fn only_charges_are_explained_and_only_to_those_who_may_see_payments(app: &App) {
    let admin = app.admin().await;
    let tariff = tariff(&admin, "prepaid", "100.00").await;
    let contract = running(&admin, tariff, "100.00", json!({})).await;
    let charge = charges(&admin, contract).await[0];
    let payment = admin.pay(contract, "1.00").await["id"].as_i64().unwrap();
    admin.get(&format!("/payments/{payment}/explanation")).await.refused(409, "payment_not_a_charge");
    admin.get("/payments/999999/explanation").await.refused(404, "payment_not_found");
    admin.get("/contracts/999999/periods").await.refused(404, "contract_not_found");
    admin.get(&format!("/contracts/{contract}/periods?state=x")).await.refused(400, "unknown_parameter");
    app.stranger().get(&format!("/payments/{charge}/explanation")).await.expect(401);
}
