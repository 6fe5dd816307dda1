//! Events as a copy of everything: who reads them needs no list again.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::harness::{App, Client, PASSWORD, id, person, sim, unique};

use crate::harness::scenario;

/// Does to each kind of record whatever can be done to it.
async fn everything_happens(app: &App, admin: &Client) {
    subscribers(admin).await;
    offers(admin).await;
    cards_and_numbers(admin).await;
    tickets(admin).await;
    // last, because it moves the clock past the end of the token
    contracts(app, admin).await;
}

async fn subscribers(admin: &Client) {
    let (one, other, double) = (admin.customer().await, admin.customer().await, admin.customer().await);
    let on = |customer: i64, action: &str| format!("/customers/{customer}/{action}");
    admin.patch(&format!("/customers/{one}"), json!({"notes": "звонить после шести"})).await.expect(200);
    // with a contract and a ticket that move to the survivor
    let tariff = admin.prepaid_tariff("0.00").await;
    let body = json!({"customer_id": double, "tariff_id": tariff});
    let contract = id(&admin.post("/contracts", body).await.expect(201));
    let card = admin.sim().await;
    admin.post(&format!("/contracts/{contract}/activate"), json!({"sim_id": card})).await.expect(200);
    let body = json!({
        "customer_id": double, "category": "sim", "subject": "Не работает", "description": "Нет связи",
        "priority": "low"
    });
    admin.post("/tickets", body).await.expect(201);
    admin.post(&on(one, "merge"), json!({"duplicate_id": double})).await.expect(200);
    for (action, body) in [("suspend", json!({"reason": "пауза"})), ("activate", json!({}))] {
        admin.post(&on(one, action), body).await.expect(200);
    }
    admin.post(&on(other, "block"), json!({"reason": "обман"})).await.expect(200);
    admin.delete(&format!("/customers/{other}")).await.expect(204);
    admin.post(&on(other, "restore"), json!({})).await.expect(200);
}

async fn offers(admin: &Client) {
    let (tariff, gone) = (admin.prepaid_tariff("600.00").await, admin.prepaid_tariff("1.00").await);
    let path = format!("/tariffs/{tariff}");
    admin.patch(&path, json!({"description": "Для семьи"})).await.expect(200);
    admin.patch(&path, json!({"monthly_fee": "700.00", "effective_from": "2026-06-01"})).await.expect(200);
    for action in ["deactivate", "activate"] {
        admin.post(&format!("{path}/{action}"), json!({})).await.expect(200);
    }
    let (one, other) = (admin.option("10.00", &[tariff, gone]).await, admin.option("20.00", &[tariff]).await);
    admin.patch(&format!("/options/{one}"), json!({"excluded_option_ids": [other]})).await.expect(200);
    admin.patch(&format!("/options/{other}"), json!({"monthly_fee": "30.00"})).await.expect(200);
    admin.delete(&format!("/options/{other}")).await.expect(204);
    admin.delete(&format!("/tariffs/{gone}")).await.expect(204);
}

async fn cards_and_numbers(admin: &Client) {
    let (card, gone) = (admin.sim().await, admin.sim().await);
    admin.patch(&format!("/sims/{card}"), json!({"kind": "esim"})).await.expect(200);
    admin.post(&format!("/sims/{card}/block"), json!({"reason": "утеряна"})).await.expect(200);
    admin.post(&format!("/sims/{card}/unblock"), json!({})).await.expect(200);
    admin.post(&format!("/sims/{card}/close"), json!({})).await.expect(200);
    admin.delete(&format!("/sims/{gone}")).await.expect(204);
    let first = format!("+7999{:07}", unique() * 10);
    let range = admin.post("/numbers", json!({"first": first, "count": 3})).await.expect(201);
    let numbers: Vec<i64> =
        range["results"].as_array().or(range.as_array()).unwrap().iter().map(id).collect();
    let until = json!({"until": "2026-12-01T09:00:00Z"});
    admin.post(&format!("/numbers/{}/reserve", numbers[0]), until.clone()).await.expect(200);
    admin.post(&format!("/numbers/{}/release", numbers[0]), json!({})).await.expect(200);
    admin.post(&format!("/numbers/{}/reserve", numbers[1]), until).await.expect(200);
    admin.post(&format!("/numbers/{}/port-out", numbers[2]), json!({})).await.expect(200);
}

async fn contracts(app: &App, admin: &Client) {
    let draft = admin.draft("1.00").await;
    admin.patch(&format!("/contracts/{draft}"), json!({"notes": "ждёт"})).await.expect(200);
    admin.delete(&format!("/contracts/{draft}")).await.expect(204);
    let line = admin.draft("100.00").await;
    let on = |action: &str| format!("/contracts/{line}/{action}");
    admin.activate(line).await;
    let paid = admin.pay(line, "500.00").await;
    admin.post(&format!("/payments/{}/refund", paid["id"]), json!({"reason": "ошибка"})).await.expect(200);
    admin.pay(line, "500.00").await;
    admin.post(&on("add_balance"), json!({"amount": "5.00"})).await.expect(200);
    let correction = json!({"contract_id": line, "amount": "-5.00", "reason": "лишнее"});
    admin.post("/payments/corrections", correction).await.expect(201);
    for action in ["suspend", "resume"] {
        admin.post(&on(action), json!({"reason": "request"})).await.expect(200);
    }
    let tariff = admin.prepaid_tariff("50.00").await;
    let change = json!({"tariff_id": tariff, "when": "next_period"});
    admin.post(&on("change-tariff"), change).await.expect(200);
    let card = id(&admin.post("/sims", sim()).await.expect(201));
    admin.post(&on("replace-sim"), json!({"sim_id": card, "reason": "сломана"})).await.expect(200);
    // one that falls into debt with the next period, and one that ends
    let poor = admin.draft("100.00").await;
    admin.pay(poor, "100.00").await;
    admin.activate(poor).await;
    let over = admin.draft("0.00").await;
    admin.activate(over).await;
    admin.post(&format!("/contracts/{over}/terminate"), json!({"reason": "переезд"})).await.expect(200);
    app.advance(TimeDelta::days(29));
    app.run_billing().await;
}

async fn tickets(admin: &Client) {
    let customer = admin.customer().await;
    let body = json!({
        "customer_id": customer, "category": "technical", "subject": "Нет связи", "description": "С утра",
        "priority": "high"
    });
    let (one, gone) = (
        id(&admin.post("/tickets", body.clone()).await.expect(201)),
        id(&admin.post("/tickets", body).await.expect(201)),
    );
    let on = |action: &str| format!("/tickets/{one}/{action}");
    admin.post(&on("change_priority"), json!({"priority": "low"})).await.expect(200);
    admin.patch(&format!("/tickets/{one}"), json!({"subject": "Нет сети"})).await.expect(200);
    admin.post(&on("comments"), json!({"text": "Ждите мастера.", "is_internal": false})).await.expect(201);
    admin.post(&on("assign"), json!({"user_id": 1})).await.expect(200);
    admin.post(&on("resolve"), json!({"resolution": "Готово"})).await.expect(200);
    admin.post(&on("close"), json!({})).await.expect(200);
    admin.delete(&format!("/tickets/{gone}")).await.expect(204);
}

/// Fields of resources that change without them, so that events leave them out.
const APART: [(&str, &str); 3] =
    [("tariff", "contracts_count"), ("number", "sim_id"), ("ticket", "is_overdue")];

#[scenario]
async fn who_reads_events_has_a_copy_of_everything(app: &App) {
    let admin = app.admin().await;
    everything_happens(app, &admin).await;
    // after the clock was moved; sees no personal data, and neither do events
    let reader = app.user("employee").await;
    let copies = app.copies().await;
    let mut seen = BTreeSet::new();
    for ((entity, id), copy) in copies {
        let path = match entity.as_str() {
            "option" => format!("/options/{id}"),
            entity => format!("/{entity}s/{id}"),
        };
        let reply = reader.get(&path).await;
        seen.insert((entity.clone(), copy.is_null()));
        if copy.is_null() {
            assert_eq!(reply.status, 404, "{path}");
            continue;
        }
        let mut resource = reply.expect(200);
        for (_, field) in APART.iter().filter(|(of, _)| *of == entity) {
            assert!(copy.get(*field).is_none(), "{path} {copy}");
            resource.as_object_mut().unwrap().remove(*field);
        }
        for (field, value) in copy.as_object().unwrap() {
            let told_beside = ["next_versions", "assigned_before", "status_before"].contains(&field.as_str());
            assert!(
                told_beside || resource[field] == *value,
                "{path}: {field} is {}, {copy}",
                resource[field]
            );
        }
        for field in resource.as_object().unwrap().keys() {
            // what one contract shows beyond its row in the list, which is what events carry
            let beyond =
                ["customer", "tariff", "sim", "hold_details", "refundable_balance", "payout_balance"];
            assert!(
                beyond.contains(&field.as_str()) || copy.get(field).is_some(),
                "{path}: no {field} in {copy}"
            );
        }
    }
    for entity in ["customer", "tariff", "option", "contract", "sim", "number", "ticket"] {
        assert!(seen.contains(&(entity.to_owned(), false)), "nothing of {entity}: {seen:?}");
        let is_kept = ["customer", "number"].contains(&entity);
        assert!(is_kept || seen.contains(&(entity.to_owned(), true)), "no {entity} was deleted: {seen:?}");
    }
    assert_eq!(app.violations().await, Vec::<String>::new());
}

/// The events of this kind, the oldest first.
async fn events(client: &Client, kind: &str) -> Vec<Value> {
    let page = client.get(&format!("/events?page_size=500&kind={kind}")).await.expect(200);
    page["results"].as_array().unwrap().clone()
}

#[scenario]
async fn an_announced_price_and_everything_in_the_ledger_is_told(app: &App) {
    let admin = app.admin().await;
    everything_happens(app, &admin).await;
    let admin = app.admin().await;
    let announced = events(&admin, "tariff.changed").await;
    let announced = announced.iter().find(|event| event["data"]["next_versions"] != json!([])).unwrap();
    let next = &announced["data"]["next_versions"][0];
    assert_eq!((&next["monthly_fee"], &next["effective_from"]), (&json!("700.00"), &json!("2026-06-01")));
    assert_eq!(announced["data"]["monthly_fee"], "600.00");

    let mut told = BTreeSet::new();
    for kind in
        ["payment.received", "payment.refunded", "payment.charged", "payment.corrected", "period.charged"]
    {
        for event in events(&admin, kind).await {
            let payment = admin.get(&format!("/payments/{}", event["entity_id"])).await.expect(200);
            for field in ["amount", "transaction_type", "balance_after", "payment_method", "ledger_number"] {
                assert_eq!(event["data"][field], payment[field], "{kind}: {field}");
            }
            assert!(event["contract_id"].is_i64() && event["customer_id"].is_i64(), "{event}");
            assert!(event["data"].get("link").is_none() && event["data"]["version"].is_i64(), "{event}");
            told.insert(event["entity_id"].as_i64().unwrap());
        }
    }
    let ledger = admin.get("/payments?page_size=500").await.expect(200);
    let ledger = ledger["results"].as_array().unwrap().iter().filter(|one| one["ledger_number"].is_i64());
    let ledger: BTreeSet<i64> = ledger.map(id).collect();
    assert_eq!(told, ledger);
}

#[scenario]
async fn a_card_is_told_with_its_contract_and_its_subscriber(app: &App) {
    let admin = app.admin().await;
    let contract = admin.draft("0.00").await;
    let customer = admin.contract(contract).await["customer_id"].clone();
    admin.activate(contract).await;
    let on = |action: &str| format!("/contracts/{contract}/{action}");
    admin.post(&on("suspend"), json!({"reason": "request"})).await.expect(200);
    admin.post(&on("resume"), json!({"reason": "request"})).await.expect(200);
    let path = format!("/customers/{}", customer);
    admin.post(&format!("{path}/suspend"), json!({"reason": "пауза"})).await.expect(200);
    admin.post(&format!("{path}/activate"), json!({})).await.expect(200);
    admin.post(&on("terminate"), json!({"reason": "переезд"})).await.expect(200);
    let told = events(&admin, "sim.status_changed").await;
    let statuses: Vec<&Value> = told.iter().map(|event| &event["data"]["status"]).collect();
    assert_eq!(statuses, ["active", "suspended", "active", "suspended", "active", "closed"]);
    for event in &told {
        assert_eq!((&event["contract_id"], &event["customer_id"]), (&json!(contract), &customer), "{event}");
        assert!(event["data"]["version"].is_i64(), "{event}");
    }
}

#[scenario]
async fn no_event_has_personal_data_unmasked_or_a_secret(app: &App) {
    let admin = app.admin().await;
    let mut somebody = person();
    somebody["passport_number"] = json!("918273");
    let customer = id(&admin.post("/customers", somebody.clone()).await.expect(201));
    let card = id(&admin.post("/sims", sim()).await.expect(201));
    admin
        .patch(&format!("/customers/{customer}"), json!({"address": "Тверь, Садовая, 17"}))
        .await
        .expect(200);
    admin.patch(&format!("/sims/{card}"), json!({"puk_code": "87654321"})).await.expect(200);
    let told = app.texts("SELECT data FROM events").await.join("\n");
    for hidden in [
        "918273",
        "Лесная",
        "Садовая",
        "1990-05-17",
        somebody["inn"].as_str().unwrap(),
        "12345678",
        "87654321",
        PASSWORD,
    ] {
        assert!(!told.contains(hidden), "`{hidden}` in {told}");
    }
    assert!(told.contains("Иванов Пётр Сергеевич") && told.contains("\"puk_code\":null"), "{told}");
}

#[scenario]
async fn what_is_refused_or_changes_nothing_is_not_told(app: &App) {
    let admin = app.admin().await;
    let contract = admin.draft("0.00").await;
    let customer = admin.contract(contract).await["customer_id"].clone();
    let before = app.count("events").await;
    admin.patch(&format!("/customers/{customer}"), json!({"phone": "x"})).await.refused(422, "invalid");
    admin.patch(&format!("/customers/{customer}"), json!({})).await.expect(200);
    admin.patch(&format!("/contracts/{contract}"), json!({})).await.expect(200);
    admin.delete(&format!("/customers/{customer}")).await.refused(409, "customer_has_contracts");
    assert_eq!(app.count("events").await, before);
}
