//! Records of contracts: lists, histories, statistics.

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::harness::{App, Client, PASSWORD, id, person, scenario};

async fn results(client: &Client, path: &str) -> Vec<Value> {
    client.get(path).await.expect(200)["results"].as_array().unwrap().clone()
}

/// Edits, activates, holds twice and terminates a contract within four minutes, beside another contract.
/// Returns the id of the contract and that of its card.
async fn with_a_past(app: &App, admin: &Client) -> (i64, Value) {
    let contract = admin.draft("0.00").await;
    let stranger = admin.draft("0.00").await;
    admin.activate(stranger).await;
    let path = format!("/contracts/{contract}");
    admin.patch(&path, json!({"notes": "позвонить"})).await.expect(200);
    app.advance(TimeDelta::minutes(1));
    let sim = admin.activate(contract).await["sim_id"].clone();
    app.advance(TimeDelta::minutes(1));
    let operator = app.user("operator").await;
    operator
        .post(&format!("{path}/suspend"), json!({"reason": "fraud", "note": "много звонков"}))
        .await
        .expect(200);
    app.advance(TimeDelta::minutes(1));
    admin.post(&format!("{path}/resume"), json!({"reason": "fraud"})).await.expect(200);
    admin.post(&format!("{path}/suspend"), json!({"reason": "request"})).await.expect(200);
    app.advance(TimeDelta::minutes(1));
    admin.post(&format!("{path}/terminate"), json!({"reason": "переезд"})).await.expect(200);
    (contract, sim)
}

#[scenario]
async fn the_history_of_a_contract_has_its_changes_its_holds_and_its_sims(app: &App) {
    let (contract, sim) = with_a_past(app, &app.admin().await).await;
    let path = format!("/contracts/{contract}");
    let employee = app.user("employee").await;
    let all = results(&employee, &format!("{path}/history?ordering=at")).await;
    let of = |kind: &str| all.iter().filter(|event| event["kind"] == kind).cloned().collect::<Vec<_>>();
    let actions: Vec<String> =
        of("change").iter().map(|event| event["action"].as_str().unwrap().to_owned()).collect();
    assert_eq!(
        actions,
        [
            "contract.created",
            "contract.updated",
            "contract.activated",
            "contract.suspended",
            "contract.resumed",
            "contract.suspended",
            "contract.terminated"
        ]
    );
    assert_eq!(
        (&of("change")[1]["before"]["notes"], &of("change")[1]["after"]["notes"], &of("change")[1]["actor"]),
        (&Value::Null, &json!("позвонить"), &json!("admin"))
    );
    let holds = of("hold");
    assert_eq!(holds.len(), 2);
    for (name, value) in [
        ("reason", json!("fraud")),
        ("note", json!("много звонков")),
        ("actor", json!("operator")),
        ("ended_by", json!("admin")),
        ("at", json!("2026-01-31T09:02:00Z")),
        ("until", json!("2026-01-31T09:03:00Z")),
    ] {
        assert_eq!(holds[0][name], value, "{name}");
    }
    assert_eq!(
        (&holds[1]["reason"], &holds[1]["until"]),
        (&json!("request"), &json!("2026-01-31T09:04:00Z"))
    );
    let bindings = of("binding");
    assert_eq!(bindings.len(), 1);
    for (name, value) in [
        ("sim_id", sim),
        ("at", json!("2026-01-31T09:01:00Z")),
        ("until", json!("2026-01-31T09:04:00Z")),
        ("reason", json!("activation")),
        ("note", json!("переезд")),
    ] {
        assert_eq!(bindings[0][name], value, "{name}");
    }
    assert!(bindings[0]["msisdn"].as_str().unwrap().starts_with("+7900") && bindings[0]["iccid"].is_string());
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn a_history_is_read_by_page_by_cursor_and_filtered(app: &App) {
    let (contract, _) = with_a_past(app, &app.admin().await).await;
    let path = format!("/contracts/{contract}");
    let employee = app.user("employee").await;
    let all = results(&employee, &format!("{path}/history?ordering=at")).await;
    let holds: Vec<Value> = all.iter().filter(|event| event["kind"] == "hold").cloned().collect();
    assert_eq!(holds.len(), 2);
    assert_eq!(results(&employee, &format!("{path}/history?kind=hold&ordering=at")).await, holds);
    let later = "2026-01-31T09:03:00Z";
    let expected = all.iter().filter(|event| event["at"].as_str().unwrap() >= later).count();
    assert_eq!(results(&employee, &format!("{path}/history?at_after={later}")).await.len(), expected);
    assert_eq!(results(&employee, &format!("{path}/history?at_before=2026-01-31T09:00:00Z")).await.len(), 2);
    let mut met = Vec::new();
    let mut next = Some(format!("{path}/history?cursor=&page_size=3&ordering=at"));
    while let Some(at) = next {
        let page = employee.get(&at).await.expect(200);
        met.extend(page["results"].as_array().unwrap().clone());
        next = page["next"].as_str().map(str::to_owned);
    }
    assert_eq!(met, all);
    let counted = employee.get(&format!("{path}/history?page=2&page_size=4&ordering=at")).await.expect(200);
    assert_eq!(
        (&counted["count"], counted["results"].as_array().unwrap().as_slice()),
        (&json!(all.len()), &all[4..8])
    );
    employee.get("/contracts/999999/history").await.refused(404, "contract_not_found");
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn the_payments_and_the_tickets_of_a_contract_are_its_own(app: &App) {
    let admin = app.admin().await;
    let (contract, other) = (admin.draft("10.00").await, admin.draft("10.00").await);
    for (on, amount) in [(contract, "20.00"), (other, "30.00"), (contract, "1.00")] {
        admin.pay(on, amount).await;
    }
    admin
        .post("/payments", json!({"contract_id": contract, "amount": "5.00", "payment_method": "card"}))
        .await
        .expect(201);
    admin.activate(contract).await;
    let path = format!("/contracts/{contract}");
    assert_eq!(
        results(&admin, &format!("{path}/payments")).await,
        results(&admin, &format!("/payments?contract={contract}")).await
    );
    for (query, amounts) in [
        ("", vec!["10.00", "5.00", "1.00", "20.00"]),
        ("transaction_type=charge", vec!["10.00"]),
        ("status=pending", vec!["5.00"]),
        ("payment_method=cash&ordering=created_at", vec!["20.00", "1.00"]),
        ("created_at_after=2027-01-01T00:00:00Z", vec![]),
    ] {
        let found: Vec<Value> = results(&admin, &format!("{path}/payments?{query}"))
            .await
            .iter()
            .map(|row| row["amount"].clone())
            .collect();
        assert_eq!(found, amounts, "{query}");
    }
    for on in [contract, other] {
        let customer = admin.contract(on).await["customer_id"].clone();
        for category in ["billing", "sim"] {
            admin
                .post(
                    "/tickets",
                    json!({
                        "customer_id": customer, "contract_id": on, "category": category, "subject": "x",
                        "description": "x"
                    }),
                )
                .await
                .expect(201);
        }
    }
    assert_eq!(
        results(&admin, &format!("{path}/tickets")).await,
        results(&admin, &format!("/tickets?contract={contract}")).await
    );
    assert_eq!(results(&admin, &format!("{path}/tickets?category=sim")).await.len(), 1);
    for list in ["payments", "tickets"] {
        admin.get(&format!("/contracts/999999/{list}")).await.refused(404, "contract_not_found");
    }
}

/// The balances of the four contracts below.
const BALANCES: [&str; 4] = ["-5.00", "0.00", "150.00", "99.99"];

/// Four contracts, two of them active, with different dates and these balances,
/// and the administrator on the day after.
async fn four_contracts(app: &App) -> (Client, Vec<i64>) {
    let admin = app.admin().await;
    let contract = |contract: i64| format!("/contracts/{contract}");
    let mut all = Vec::new();
    for (signed, amount) in [
        ("2025-12-31", None),
        ("2026-01-01", Some("100.00")),
        ("2026-01-15", Some("250.00")),
        ("2026-01-15", Some("99.99")),
    ] {
        let one = admin.draft("100.00").await;
        admin.patch(&contract(one), json!({"signed_date": signed})).await.expect(200);
        if let Some(amount) = amount {
            admin.pay(one, amount).await;
        }
        all.push(one);
    }
    admin.activate(all[1]).await;
    admin
        .post("/payments/corrections", json!({"contract_id": all[0], "amount": "-5.00", "reason": "x"}))
        .await
        .expect(201);
    app.advance(TimeDelta::days(1));
    let admin = app.admin().await;
    admin.activate(all[2]).await;
    (admin, all)
}

#[scenario]
async fn contracts_are_found_by_balance_and_by_dates(app: &App) {
    let (admin, all) = four_contracts(app).await;
    for (query, found) in [
        ("balance_min=0", vec![1, 2, 3]),
        ("balance_max=0.00", vec![0, 1]),
        ("balance_min=-5&balance_max=-5", vec![0]),
        ("balance_min=99.99&balance_max=150", vec![2, 3]),
        ("balance_min=150.01", vec![]),
        ("signed_date_after=2026-01-01", vec![1, 2, 3]),
        ("signed_date_before=2026-01-01", vec![0, 1]),
        ("signed_date_after=2026-01-15&signed_date_before=2026-01-15", vec![2, 3]),
        ("next_billing_date_after=2026-02-28", vec![1, 2]),
        ("next_billing_date_after=2026-03-01", vec![2]),
        ("next_billing_date_before=2026-02-28", vec![1]),
        ("next_billing_date_before=2026-02-27", vec![]),
        ("status=active&balance_min=1", vec![2]),
    ] {
        let rows = results(&admin, &format!("/contracts?{query}&ordering=created_at")).await;
        let ids: Vec<i64> = rows.iter().map(id).collect();
        assert_eq!(ids, found.iter().map(|at| all[*at]).collect::<Vec<_>>(), "{query}");
        assert!(
            rows.iter()
                .all(|row| row["balance"] == BALANCES[all.iter().position(|one| *one == id(row)).unwrap()]),
            "{query}"
        );
    }
    assert_eq!(
        results(&admin, "/contracts?ordering=-balance").await.iter().map(id).collect::<Vec<_>>(),
        [all[2], all[3], all[1], all[0]]
    );
    for (query, name, code) in [
        ("balance_min=1e2", "balance_min", "invalid_amount"),
        ("balance_max=", "balance_max", "invalid_amount"),
        ("signed_date_after=2026-1-1", "signed_date_after", "invalid_format"),
        ("next_billing_date_before=soon", "next_billing_date_before", "invalid_format"),
    ] {
        let reply = admin.get(&format!("/contracts?{query}")).await;
        assert_eq!(reply.wrong_fields(), [(name.to_owned(), code.to_owned())], "{query}: {}", reply.text);
    }
}

#[scenario]
async fn contracts_are_found_by_the_words_of_what_they_name(app: &App) {
    let (admin, all) = four_contracts(app).await;
    let shown = admin.contract(all[1]).await;
    let words = [
        shown["number"].as_str().unwrap().to_lowercase(),
        shown["sim"]["iccid"].as_str().unwrap()[8..].to_owned(),
        shown["sim"]["msisdn"].as_str().unwrap()[1..].to_owned(),
    ];
    for word in words {
        assert_eq!(
            results(&admin, &format!("/contracts?search={word}")).await.iter().map(id).collect::<Vec<_>>(),
            [all[1]],
            "{word}"
        );
    }
    assert_eq!(results(&admin, "/contracts?search=ИВАНОВ%20пётр").await.len(), 4);
}

#[scenario]
async fn short_forms_show_nothing_that_is_to_be_masked(app: &App) {
    let admin = app.admin().await;
    let mut one = person();
    one["passport_number"] = json!("987654");
    let customer = id(&admin.post("/customers", one).await.expect(201));
    let draft = json!({
        "customer_id": customer, "tariff_id": admin.prepaid_tariff("1.00").await, "sim_id": admin.sim().await
    });
    let contract = id(&admin.post("/contracts", draft).await.expect(201));
    admin.activate(contract).await;
    let customer =
        admin.get(&format!("/customers/{}", admin.contract(contract).await["customer_id"])).await.expect(200);
    let employee = app.user("employee").await;
    let (shown, to_admin) =
        (employee.get(&format!("/contracts/{contract}")).await, admin.contract(contract).await);
    for secret in ["passport_number", "passport_series", "inn", "address", "birth_date"] {
        assert!(!shown.text.contains(customer[secret].as_str().unwrap()), "{secret}: {}", shown.text);
    }
    assert!(!shown.text.contains("puk"), "{}", shown.text);
    assert_eq!(shown.expect(200), to_admin);
    let company = json!({
        "customer_type": "organization", "organization_name": "ООО «Ромашка»",
        "organization_code": "1027700132195", "phone": "+74951234567"
    });
    let company = id(&admin.post("/customers", company).await.expect(201));
    let contract = id(&admin
        .post("/contracts", json!({"customer_id": company, "tariff_id": admin.prepaid_tariff("5.00").await}))
        .await
        .expect(201));
    let shown = admin.contract(contract).await;
    assert_eq!(
        shown["customer"],
        json!({
            "id": company, "full_name": "ООО «Ромашка»", "short_name": "ООО «Ромашка»",
            "phone": "+74951234567", "status": "active"
        })
    );
    assert_eq!((&shown["sim"], &shown["hold_details"]), (&Value::Null, &json!([])));
}

#[scenario]
async fn statistics_count_contracts_holds_and_balances(app: &App) {
    let admin = app.admin().await;
    let numbers = async |app: &crate::harness::App| {
        app.sign_in("supervisor", PASSWORD).await.get("/contracts/statistics").await.expect(200)
    };
    app.user("supervisor").await;
    let empty = numbers(app).await;
    assert_eq!(
        (&empty["by_status"], &empty["by_hold"], &empty["prepaid_total"], &empty["owing"]),
        (&json!([]), &json!([]), &json!("0.00"), &json!(0))
    );
    let contracts = [
        admin.draft("100.00").await,
        admin.draft("100.00").await,
        admin.draft("0.00").await,
        admin.draft("1.00").await,
    ];
    admin.pay(contracts[0], "150.00").await;
    for contract in &contracts[..3] {
        admin.activate(*contract).await;
    }
    admin.post(&format!("/contracts/{}/suspend", contracts[1]), json!({"reason": "fraud"})).await.expect(200);
    admin
        .post(
            &format!("/contracts/{}/deduct_balance", contracts[1]),
            json!({"amount": "7.50", "description": "x"}),
        )
        .await
        .expect(200);
    admin.post(&format!("/contracts/{}/terminate", contracts[2]), json!({"reason": "x"})).await.expect(200);
    let found = numbers(app).await;
    assert_eq!(
        found,
        json!({
            "by_status": [
                {"status": "active", "count": 1}, {"status": "draft", "count": 1},
                {"status": "suspended", "count": 1}, {"status": "terminated", "count": 1}
            ],
            "by_hold": [{"reason": "debt", "count": 1}, {"reason": "fraud", "count": 1}],
            "prepaid_total": "50.00", "owed_total": "-7.50", "owing": 1, "activated_this_month": 3,
            "terminated_this_month": 1
        })
    );
    app.advance(TimeDelta::days(1));
    let february = numbers(app).await;
    assert_eq!(
        (&february["activated_this_month"], &february["terminated_this_month"]),
        (&json!(0), &json!(0))
    );
    app.user("operator").await.get("/contracts/statistics").await.refused(403, "permission_missing");
}
