//! The number of SQL statements of a request does not depend on the size of the result.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::office;
use crate::harness::{App, Client, scenario, sim};

/// The number of statements of this request, and its response.
async fn read(app: &App, client: &Client, path: &str) -> (u64, Value) {
    let before = app.state.db.statements();
    let body = client.get(path).await.expect(200);
    (app.state.db.statements() - before, body)
}

/// The number of statements of this request.
async fn cost(app: &App, client: &Client, path: &str) -> u64 {
    read(app, client, path).await.0
}

/// One statement checks the cached permissions of the caller, one counts, one reads the page.
const OF_A_PAGE: u64 = 3;

/// Whether these rows take one more statement for the whole page. It reads the permissions of users or roles,
/// or puts on record that the caller sees personal data; a page that shows none is not put on record.
fn takes_one_more(list: &str, rows: &[Value]) -> bool {
    match list {
        "/users" | "/roles" | "/customers" => !rows.is_empty(),
        "/sims" | "/sims/free" => rows.iter().any(|sim| sim["puk_code"].is_string()),
        "/notifications" => rows.iter().any(|one| one["customer_id"].is_number()),
        _ => false,
    }
}

#[scenario]
async fn a_page_takes_as_many_statements_with_a_hundred_rows_as_with_one_and_by_search(app: &App) {
    let admin = office::furnish(app).await;
    for n in 0..12 {
        admin.draft("1.00").await;
        admin
            .post(
                "/roles",
                json!({"name": format!("role-{n}"), "title": "Роль", "permissions": ["sims:read"]}),
            )
            .await
            .expect(201);
    }
    // the newest card, so that the first page of one row shows no PUK
    let mut card = sim();
    card["puk_code"] = Value::Null;
    admin.post("/sims", card).await.expect(201);
    // the caller's permissions are read again after the roles changed
    admin.get("/auth/me").await.expect(200);
    let mut with_more = BTreeSet::new();
    for (list, names) in office::lists(app).await {
        let mut queries = vec![
            "page_size=1".to_owned(),
            "page_size=100".to_owned(),
            "page_size=500".to_owned(),
            "page=3&page_size=2".to_owned(),
        ];
        if names.contains(&"search".to_owned()) {
            queries.extend([
                "search=а&page_size=100".to_owned(),
                "search=иванов".to_owned(),
                "search=00&page_size=1".to_owned(),
            ]);
        }
        // a page without rows, and pages without a count
        queries.extend(["ids=999999999", "cursor=&page_size=1", "cursor=&page_size=100"].map(str::to_owned));
        for query in queries {
            let (took, page) = read(app, &admin, &format!("{list}?{query}")).await;
            let one_more = takes_one_more(&list, page["results"].as_array().unwrap());
            let uncounted = query.starts_with("cursor");
            let expected = OF_A_PAGE - u64::from(uncounted) + u64::from(one_more);
            assert_eq!(took, expected, "statements of {list}?{query}");
            if one_more {
                with_more.insert(list.clone());
            }
        }
    }
    let expected = ["/customers", "/notifications", "/roles", "/sims", "/sims/free", "/users"];
    assert_eq!(with_more.iter().collect::<Vec<_>>(), expected);
}

#[scenario]
async fn what_is_on_record_of_a_contract_takes_as_many_statements_with_many_rows_as_with_few(app: &App) {
    let admin = office::furnish(app).await;
    let (quiet, busy) = (admin.draft("0.00").await, admin.draft("0.00").await);
    let customer = admin.contract(busy).await["customer_id"].clone();
    for contract in [quiet, busy] {
        admin.activate(contract).await;
    }
    for n in 0..8 {
        let payment = admin.pay(busy, "5.00").await;
        admin
            .post(&format!("/payments/{}/refund", payment["id"]), json!({"amount": "1.00", "reason": "x"}))
            .await
            .expect(200);
        let action = if n % 2 == 0 { "suspend" } else { "resume" };
        admin.post(&format!("/contracts/{busy}/{action}"), json!({"reason": "fraud"})).await.expect(200);
        admin
            .post(
                "/tickets",
                json!({
                    "customer_id": customer, "contract_id": busy, "category": "sim", "subject": "x",
                    "description": "x"
                }),
            )
            .await
            .expect(201);
    }
    admin.post(&format!("/contracts/{busy}/suspend"), json!({"reason": "request"})).await.expect(200);
    // caller, existence of the contract, count, rows; a statement also reads its sums
    for (what, expected) in
        [("payments", 4), ("tickets", 4), ("history", 4), ("statement?page_size=500", 5), ("checklist", 6)]
    {
        for contract in [quiet, busy] {
            let took = cost(app, &admin, &format!("/contracts/{contract}/{what}")).await;
            assert_eq!(took, expected, "{what} of {contract}");
        }
    }
    for contract in [quiet, busy] {
        assert_eq!(cost(app, &admin, &format!("/contracts/{contract}")).await, 3);
    }
    assert_eq!(cost(app, &admin, "/contracts/statistics").await, 4);
    assert_eq!(cost(app, &admin, "/payments/statistics").await, 4);
}

#[scenario]
async fn reading_one_takes_a_few_statements_however_many_there_are(app: &App) {
    let admin = office::furnish(app).await;
    admin.get("/auth/me").await.expect(200);
    for (path, expected) in [
        // what shows personal data, an address or a PUK is put on record first
        ("/customers/1", 3),
        ("/sims/1", 3),
        ("/numbers/1", 2),
        ("/tariffs/1", 2),
        ("/options/1", 2),
        ("/contracts/1", 3),
        ("/payments/1", 2),
        ("/tickets/1", 2),
        ("/users/1", 4),
        ("/roles/1", 3),
        ("/notifications/1", 3),
        ("/webhook-endpoints/1", 2),
        ("/notification-templates/balance.low/sms/ru", 2),
    ] {
        assert_eq!(cost(app, &admin, path).await, expected, "{path}");
    }
}
