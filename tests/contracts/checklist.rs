//! The checklist of a draft and the refusal of its activation agree.

use serde_json::{Value, json};

use crate::harness::{App, Client, id, scenario, sim, unique};

/// Reads the checklist, tries to activate, checks that both agree and returns the first missing requirement.
async fn compared(app: &App, client: &Client, contract: i64, case: &str) -> Option<String> {
    let path = format!("/contracts/{contract}");
    let checklist = client.get(&format!("{path}/checklist")).await.expect(200);
    let items = checklist["items"].as_array().unwrap().clone();
    let audited = app.count("audit").await;
    let tried = client.post(&format!("{path}/activate"), json!({})).await;
    let missing = items.iter().find(|item| item["ok"] == false);
    assert_eq!(checklist["ready"], json!(missing.is_none()), "{case}: {checklist}");
    match missing {
        None => {
            assert_eq!(tried.status, 200, "{case}: ready, and {}", tried.text);
            assert!(items.iter().all(|item| item["message"].is_null()), "{case}: {checklist}");
            None
        }
        Some(missing) => {
            assert_eq!(app.count("audit").await, audited, "{case}: refused and audited");
            assert_eq!(tried.status, 409, "{case}: {} returned {}", checklist, tried.text);
            assert_eq!(
                (&tried.body["code"], &tried.body["detail"]),
                (&missing["code"], &missing["message"]),
                "{case}"
            );
            Some(missing["code"].as_str().unwrap().to_owned())
        }
    }
}

/// Each kind of card that a draft can have: what it is, the card to add, and the SQL that changes it.
fn cards() -> Vec<(&'static str, Option<Value>, String)> {
    let number = |status: &str, until: &str| {
        format!(
            "UPDATE numbers SET status = '{status}'{until} WHERE id = (SELECT number_id FROM sims \
             WHERE id = $sim)"
        )
    };
    vec![
        ("no SIM", None, String::new()),
        ("a free SIM", Some(sim()), String::new()),
        ("a SIM without a number", Some(json!({"msisdn": null})), String::new()),
        ("a blocked SIM", Some(sim()), "UPDATE sims SET status = 'blocked' WHERE id = $sim".into()),
        (
            "a closed SIM without a number",
            Some(sim()),
            "UPDATE sims SET status = 'closed', number_id = NULL WHERE id = $sim".into(),
        ),
        (
            "a reserved number",
            Some(sim()),
            number("reserved", ", reserved_until = '2027-01-01T00:00:00+00:00'"),
        ),
        ("a resting number", Some(sim()), number("quarantined", ", quarantined_until = '2026-02-01'")),
        (
            "a number that has rested",
            Some(sim()),
            number("quarantined", ", quarantined_until = '2026-01-31'"),
        ),
        ("a number that went away", Some(sim()), number("ported_out", "")),
    ]
}

#[scenario]
async fn the_checklist_of_every_draft_says_what_activation_does(app: &App) {
    let admin = app.admin().await;
    let cards = cards();
    let mut seen = std::collections::BTreeSet::new();
    for customer_status in ["active", "suspended", "blocked"] {
        for for_sale in [true, false] {
            for (what, card, change) in &cards {
                let case = format!("{customer_status}, {for_sale}, {what}");
                let (customer, tariff) = (admin.customer().await, admin.prepaid_tariff("1.00").await);
                let mut draft = json!({"customer_id": customer, "tariff_id": tariff});
                if let Some(card) = card {
                    let mut fresh = sim();
                    if card["msisdn"].is_null() {
                        fresh["msisdn"] = Value::Null;
                    }
                    draft["sim_id"] = json!(id(&admin.post("/sims", fresh).await.expect(201)));
                }
                let contract = id(&admin.post("/contracts", draft.clone()).await.expect(201));
                if !change.is_empty() {
                    app.execute(&change.replace("$sim", &draft["sim_id"].to_string())).await;
                }
                app.execute(&format!(
                    "UPDATE customers SET status = '{customer_status}' WHERE id = {customer}"
                ))
                .await;
                let is_active = match app.state.db.engine() {
                    database::Engine::Sqlite => i32::from(for_sale).to_string(),
                    database::Engine::Postgres => for_sale.to_string(),
                };
                app.execute(&format!("UPDATE tariffs SET is_active = {is_active} WHERE id = {tariff}")).await;
                seen.insert(compared(app, &admin, contract, &case).await);
            }
        }
    }
    let expected = [
        None,
        Some("contract_without_sim"),
        Some("customer_not_active"),
        Some("number_not_available"),
        Some("sim_not_free"),
        Some("sim_without_number"),
        Some("tariff_retired"),
    ];
    assert_eq!(seen, expected.map(|code| code.map(str::to_owned)).into(), "every refusal occurred");
}

#[scenario]
async fn options_that_cannot_be_had_any_more_are_told_of(app: &App) {
    let admin = app.admin().await;
    let tariff = admin.prepaid_tariff("1.00").await;
    let (one, other) = (admin.option("1.00", &[tariff]).await, admin.option("1.00", &[tariff]).await);
    let draft = json!({
        "customer_id": admin.customer().await, "tariff_id": tariff, "sim_id": admin.sim().await,
        "options": [one, other]
    });
    let contract = id(&admin.post("/contracts", draft).await.expect(201));
    admin.patch(&format!("/options/{one}"), json!({"is_active": false, "tariff_ids": []})).await.expect(200);
    // the API does not make options exclusive that one contract has, so SQL does
    app.execute(&format!(
        "INSERT INTO option_exclusions (option_id, excluded_id) VALUES ({one}, {other}), ({other}, {one})"
    ))
    .await;
    let mut told = Vec::new();
    for change in
        [json!({"is_active": true}), json!({"tariff_ids": [tariff]}), json!({"excluded_option_ids": []})]
    {
        told.push(compared(app, &admin, contract, "options").await);
        admin.patch(&format!("/options/{one}"), change).await.expect(200);
    }
    told.push(compared(app, &admin, contract, "options").await);
    assert_eq!(
        told,
        [Some("option_retired"), Some("option_incompatible"), Some("options_exclusive"), None]
            .map(|code| code.map(str::to_owned))
    );
}

#[scenario]
async fn what_is_no_draft_any_more_lacks_just_that_first(app: &App) {
    let admin = app.admin().await;
    for action in ["", "suspend", "terminate"] {
        let contract = admin.draft("0.00").await;
        assert_eq!(compared(app, &admin, contract, "draft").await, None);
        if !action.is_empty() {
            let reason = if action == "suspend" { "request" } else { "конец" };
            admin
                .post(&format!("/contracts/{contract}/{action}"), json!({"reason": reason}))
                .await
                .expect(200);
        }
        assert_eq!(compared(app, &admin, contract, action).await.as_deref(), Some("contract_not_draft"));
    }
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn everything_missing_is_told_at_once_in_the_callers_language(app: &App) {
    let admin = app.admin().await;
    let (customer, tariff) = (admin.customer().await, admin.prepaid_tariff("1.00").await);
    let contract = id(&admin
        .post("/contracts", json!({"customer_id": customer, "tariff_id": tariff}))
        .await
        .expect(201));
    app.execute(&format!("UPDATE customers SET status = 'blocked' WHERE id = {customer}")).await;
    let employee = app.user("employee").await;
    let path = format!("/contracts/{contract}/checklist");
    let told = employee.with("accept-language", "en").get(&path).await.expect(200);
    let standing: Vec<(&str, bool, bool)> = told["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| {
            (item["code"].as_str().unwrap(), item["ok"].as_bool().unwrap(), item["message"].is_string())
        })
        .collect();
    assert_eq!(
        standing,
        [
            ("contract_not_draft", true, false),
            ("customer_not_active", false, true),
            ("tariff_retired", true, false),
            ("option_retired", true, false),
            ("option_incompatible", true, false),
            ("options_exclusive", true, false),
            ("contract_without_sim", false, true),
            ("sim_not_free", false, false),
            ("sim_without_number", false, false),
            ("number_not_available", false, false),
        ]
    );
    assert_eq!(
        (&told["ready"], &told["items"][0]["requirement"]),
        (&json!(false), &json!("The contract is a draft."))
    );
    let russian = employee.get(&path).await.expect(200);
    assert_eq!(russian["items"][0]["requirement"], "Договор — черновик.");
    employee
        .get(&format!("/contracts/{}/checklist", 900_000 + unique()))
        .await
        .refused(404, "contract_not_found");
}
