//! Who grants credit limits and discounts, and how much.

use serde_json::{Value, json};

use crate::harness::{App, Client, id, scenario};

/// A draft of the operator's with this much credit and discount.
async fn drawn_up(operator: &Client, credit: &str, discount: &str) -> crate::harness::Reply {
    let (customer, tariff) = (operator.customer().await, 1);
    let draft = json!({
        "customer_id": customer, "tariff_id": tariff, "credit_limit": credit, "discount_percent": discount
    });
    operator.post("/contracts", draft).await
}

/// Checks that a request was refused for want of the right, which says how much is allowed.
#[track_caller]
fn refused(reply: crate::harness::Reply, credit: &str, discount: &str) {
    let problem = reply.refused(403, "credit_right_missing");
    let told = problem["detail"].as_str().unwrap();
    assert!(told.contains("contracts:credit") && told.contains(credit) && told.contains(discount), "{told}");
}

fn granted(contract: &Value) -> (&Value, &Value) {
    (&contract["credit_limit"], &contract["discount_percent"])
}

#[scenario(CREDIT_LIMIT_MAX = "300.00", DISCOUNT_MAX = "15")]
async fn staff_grant_credit_and_discounts_within_bounds_and_more_with_a_right_of_its_own(app: &App) {
    let (admin, operator) = (app.admin().await, app.user("operator").await);
    admin.prepaid_tariff("600.00").await;
    refused(drawn_up(&operator, "300.01", "0").await, "300.00", "15");
    refused(drawn_up(&operator, "0", "15.01").await, "300.00", "15");
    refused(drawn_up(&operator, "0", "100").await, "300.00", "15");
    assert_eq!(app.count("contracts").await, 0);
    let draft = drawn_up(&operator, "300.00", "15").await.expect(201);
    assert_eq!(granted(&draft), (&json!("300.00"), &json!("15.00")));

    let path = format!("/contracts/{}", id(&draft));
    let before = admin.get(&path).await.expect(200);
    for change in [json!({"credit_limit": "301.00"}), json!({"discount_percent": 100})] {
        refused(operator.patch(&path, change).await, "300.00", "15");
    }
    assert_eq!(admin.get(&path).await.expect(200), before);
    let rows = admin.get("/audit?action=access.denied&entity_id=contracts:credit").await.expect(200);
    assert_eq!(rows["count"], 5, "{rows}");

    // what was granted by somebody else stays, and may be lowered, but not raised or handed to another subscriber
    let generous = json!({"credit_limit": "5000.00", "discount_percent": 100});
    admin.patch(&path, generous).await.expect(200);
    operator.patch(&path, json!({"notes": "постоянный клиент"})).await.expect(200);
    let lower =
        operator.patch(&path, json!({"credit_limit": "4000.00", "discount_percent": 50})).await.expect(200);
    assert_eq!(granted(&lower), (&json!("4000.00"), &json!("50.00")));
    refused(operator.patch(&path, json!({"credit_limit": "4500.00"})).await, "4000.00", "50");
    let other = operator.customer().await;
    refused(operator.patch(&path, json!({"customer_id": other})).await, "300.00", "15");

    let role = json!({
        "name": "trusted", "title": "x",
        "permissions": ["customers:read", "customers:write", "contracts:read", "contracts:write", "contracts:credit"]
    });
    admin.post("/roles", role).await.expect(201);
    let trusted = app.user("trusted").await;
    let draft = drawn_up(&trusted, "99000.00", "100").await.expect(201);
    assert_eq!(granted(&draft), (&json!("99000.00"), &json!("100.00")));
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario(CREDIT_LIMIT_MAX = "0", DISCOUNT_MAX = "0")]
async fn an_office_may_leave_every_grant_to_those_with_the_right(app: &App) {
    let (admin, operator) = (app.admin().await, app.user("operator").await);
    admin.prepaid_tariff("600.00").await;
    refused(drawn_up(&operator, "0.01", "0").await, "0.00", "0.00");
    drawn_up(&operator, "0", "0").await.expect(201);
}
