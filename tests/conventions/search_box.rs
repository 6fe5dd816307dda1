//! The global search finds all kinds, best match first, only what the caller may read.

use serde_json::{Value, json};

use super::raw::encoded;
use crate::harness::{App, Client, PASSWORD, id, person, prepaid, scenario, sim};

/// Kinds and titles of the results, in order.
async fn found(client: &Client, text: &str) -> Vec<(String, String)> {
    let answer = client.get(&format!("/search?q={}", encoded(text))).await.expect(200);
    let text = |row: &Value, field: &str| row[field].as_str().unwrap().to_owned();
    answer["results"].as_array().unwrap().iter().map(|row| (text(row, "type"), text(row, "title"))).collect()
}

fn named(last_name: &str, first_name: &str) -> Value {
    let mut person = person();
    (person["last_name"], person["first_name"], person["patronymic"]) =
        (json!(last_name), json!(first_name), Value::Null);
    person
}

fn pairs(all: &[(&str, &str)]) -> Vec<(String, String)> {
    all.iter().map(|(kind, title)| ((*kind).to_owned(), (*title).to_owned())).collect()
}

#[scenario]
async fn one_text_finds_every_kind_and_the_best_first(app: &App) {
    let admin = app.admin().await;
    let customer = admin.post("/customers", named("Ковалёва", "Нина")).await.expect(201);
    for (last_name, first_name) in [("Новак", "Ольга"), ("Закова", "Анна"), ("Ива", "Коваль")]
    {
        admin.post("/customers", named(last_name, first_name)).await.expect(201);
    }
    let tariff = id(&admin.post("/tariffs", prepaid("0.00")).await.expect(201));
    let card = admin.post("/sims", sim()).await.expect(201);
    let body = json!({"customer_id": id(&customer), "tariff_id": tariff, "sim_id": id(&card)});
    let contract = admin.post("/contracts", body).await.expect(201);
    let ticket = admin
        .post(
            "/tickets",
            json!({
                "customer_id": id(&customer), "category": "technical", "subject": "Нет связи в подвале",
                "description": "С утра"
            }),
        )
        .await
        .expect(201);
    let title = |row: &Value, field: &str| row[field].as_str().unwrap().to_owned();
    let (number, iccid, msisdn) = (title(&contract, "number"), title(&card, "iccid"), title(&card, "msisdn"));

    // the beginning of a name ranks before the middle of one;
    // equal matches are ordered by kind, and then the newest first
    let contract_row = ("contract".to_owned(), number.clone());
    let expected = pairs(&[("customer", "Ива Коваль"), ("customer", "Ковалёва Нина")]);
    assert_eq!(found(&admin, "КОВАЛ").await, [expected, vec![contract_row.clone()]].concat());
    let middle = ["Ива Коваль", "Закова Анна", "Новак Ольга", "Ковалёва Нина"]
        .map(|title| ("customer".to_owned(), title.to_owned()));
    assert_eq!(found(&admin, "ова").await, [middle.to_vec(), vec![contract_row.clone()]].concat());
    assert_eq!(found(&admin, "нина ковалева").await[0], ("customer".to_owned(), "Ковалёва Нина".to_owned()));
    // two letters match only beginnings
    assert_eq!(found(&admin, "но").await, pairs(&[("customer", "Новак Ольга")]));
    assert_eq!(found(&admin, &number.to_lowercase()).await, vec![contract_row.clone()]);
    assert_eq!(found(&admin, &iccid).await, [contract_row.clone(), ("sim".to_owned(), iccid.clone())]);
    let bare = msisdn.trim_start_matches("+7");
    for written in [msisdn.clone(), format!("8 ({}) {}", &bare[..3], &bare[3..]), bare.to_owned()] {
        assert_eq!(
            found(&admin, &written).await,
            [contract_row.clone(), ("sim".to_owned(), iccid.clone())],
            "{written}"
        );
    }
    let ticket_row = ("ticket".to_owned(), title(&ticket, "number"));
    assert_eq!(found(&admin, "связи подвал").await, vec![ticket_row.clone()]);
    assert_eq!(found(&admin, &ticket_row.1).await, [ticket_row]);
    for nothing in ["%%%", "___", "\"\"\"", "ковалевна", "'; DROP TABLE"] {
        assert_eq!(found(&admin, nothing).await, [], "{nothing}");
    }
}

#[scenario]
async fn what_the_caller_may_not_read_is_left_out(app: &App) {
    let admin = app.admin().await;
    let contract = admin.draft("0.00").await;
    let number = admin.contract(contract).await["number"].as_str().unwrap().to_owned();
    admin
        .post("/roles", json!({"name": "desk", "title": "Desk", "permissions": ["customers:read"]}))
        .await
        .expect(201);
    admin
        .post(
            "/users",
            json!({"username": "anna", "full_name": "Anna", "role": "desk", "password": PASSWORD}),
        )
        .await
        .expect(201);
    let anna = app.sign_in("anna", PASSWORD).await;
    assert_eq!(found(&admin, &number).await.len(), 1);
    assert_eq!(found(&anna, &number).await, []);
    assert_eq!(found(&anna, "Иванов").await, pairs(&[("customer", "Иванов Пётр Сергеевич")]));
    app.stranger().get("/search?q=abc").await.refused(401, "not_signed_in");
}

#[scenario]
async fn a_search_is_bounded_and_costs_a_statement_for_each_kind(app: &App) {
    let admin = app.admin().await;
    for _ in 0..60 {
        admin.customer().await;
    }
    for (query, results) in [("q=иванов", 20), ("q=иванов&limit=50", 50), ("q=иванов&limit=1", 1)]
    {
        let before = app.state.db.statements();
        let answer =
            admin.get(&format!("/search?{}", query.replace("иванов", &encoded("иванов")))).await.expect(200);
        assert_eq!(answer["results"].as_array().unwrap().len(), results, "{query}");
        // and at most one to check the access epoch
        assert!(app.state.db.statements() - before <= 5, "{query}");
    }
    for query in ["", "q=", "q=a", "q=abc&limit=0", "q=abc&limit=51", "q=abc&limit=x"] {
        admin.get(&format!("/search?{query}")).await.refused(400, "invalid_parameter");
    }
    admin.get("/search?q=abc&page=1").await.refused(400, "unknown_parameter");
}
