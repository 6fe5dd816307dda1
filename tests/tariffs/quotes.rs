//! Quotes: the price of a tariff with options.

use serde_json::{Value, json};

use super::{running, tariff};
use crate::harness::{App, scenario};

#[scenario]
async fn a_quote_gives_the_lines_and_a_total_that_is_what_the_charge_will_be(app: &App) {
    let admin = app.admin().await;
    let tariff = tariff(&admin, "prepaid", "650.00").await;
    let (one, other) = (admin.option("33.33", &[tariff]).await, admin.option("0.00", &[tariff]).await);
    for (options, discount, total, less) in [
        (vec![], "", "650.00", "0.00"),
        (vec![one], "", "683.33", "0.00"),
        (vec![one, other], "&discount=10", "615.00", "68.33"),
        (vec![one], "&discount=100", "0.00", "683.33"),
        (vec![one], "&discount=50", "341.66", "341.67"),
        (vec![one], "&discount=0.01", "683.26", "0.07"),
    ] {
        let listed = options.iter().map(i64::to_string).collect::<Vec<_>>().join(",");
        let quote =
            admin.get(&format!("/tariffs/{tariff}/quote?options={listed}{discount}")).await.expect(200);
        assert_eq!(
            (&quote["total"], &quote["discount"]),
            (&json!(total), &json!(less)),
            "{options:?} {discount}"
        );
        let lines: Vec<(&Value, &Value)> =
            quote["lines"].as_array().unwrap().iter().map(|line| (&line["kind"], &line["id"])).collect();
        assert_eq!(lines[0], (&json!("tariff"), &json!(tariff)));
        assert_eq!(lines[1..].iter().map(|(_, id)| id.as_i64().unwrap()).collect::<Vec<_>>(), options);
        let percent = discount.trim_start_matches("&discount=");
        let percent = if percent.is_empty() { "0" } else { percent };
        let contract =
            running(&admin, tariff, "1000.00", json!({"options": options, "discount_percent": percent}))
                .await;
        assert_eq!(admin.contract(contract).await["total_charged"], total);
    }
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn a_quote_refuses_what_a_contract_could_not_have(app: &App) {
    let admin = app.admin().await;
    let (one, other) = (tariff(&admin, "prepaid", "10.00").await, tariff(&admin, "prepaid", "10.00").await);
    let (first, second, foreign, retired) = (
        admin.option("1.00", &[one]).await,
        admin.option("1.00", &[one]).await,
        admin.option("1.00", &[other]).await,
        admin.option("1.00", &[one]).await,
    );
    admin.patch(&format!("/options/{first}"), json!({"excluded_option_ids": [second]})).await.expect(200);
    admin.patch(&format!("/options/{retired}"), json!({"is_active": false})).await.expect(200);
    let quote = async |query: &str| admin.get(&format!("/tariffs/{one}/quote?{query}")).await;
    let exclusive = quote(&format!("options={second},{first}")).await.refused(409, "options_exclusive");
    assert_eq!(exclusive["errors"].as_array().unwrap().len(), 2);
    let incompatible = quote(&format!("options={first},{foreign}")).await.refused(409, "option_incompatible");
    assert_eq!(
        (&incompatible["errors"][0]["existing_id"], incompatible["errors"].as_array().unwrap().len()),
        (&json!(foreign), 1)
    );
    quote(&format!("options={retired}")).await.refused(409, "option_retired");
    let unknown = quote("options=999").await;
    assert_eq!(unknown.wrong_fields(), [("/options".to_owned(), "not_found".to_owned())]);
    unknown.refused(422, "invalid");
    for (wrong, name) in [
        ("options=x", "options"),
        ("options=1,1", "options"),
        ("options=-1", "options"),
        ("options=1,", "options"),
        ("discount=101", "discount"),
        ("discount=ten", "discount"),
        ("discount=1.234", "discount"),
    ] {
        let reply = quote(wrong).await;
        assert_eq!(reply.wrong_fields(), [(name.to_owned(), "invalid_format".to_owned())], "{wrong}");
        reply.refused(400, "invalid_parameter");
    }
    quote("option=1").await.refused(400, "unknown_parameter");
}
