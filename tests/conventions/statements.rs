//! The number of SQL statements of a request does not depend on the size of the result.

use serde_json::json;

use super::office;
use crate::harness::{App, scenario};

/// The number of statements of this request.
async fn cost(app: &App, client: &crate::harness::Client, path: &str) -> u64 {
    let before = app.state.db.statements();
    client.get(path).await.expect(200);
    app.state.db.statements() - before
}

/// One statement checks the cached permissions of the caller, one counts, one reads the page. Lists whose
/// rows show data of another table take one more for the whole page.
fn of_a_page(list: &str) -> u64 {
    match list {
        "/users" | "/roles" => 4,
        _ => 3,
    }
}

/// Whether a page of the list may show personal data, so that one more statement puts the read on record.
fn is_on_record(list: &str) -> bool {
    ["/customers", "/sims", "/sims/free", "/notifications"].contains(&list)
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
    // the caller's permissions are read again after the roles changed
    admin.get("/auth/me").await.expect(200);
    for (list, names) in office::lists(app).await {
        let expected = of_a_page(&list);
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
        for query in queries {
            let took = cost(app, &admin, &format!("{list}?{query}")).await;
            let nothing_found = took < expected && query.contains("search");
            assert!(
                took == expected || nothing_found || (is_on_record(&list) && took == expected + 1),
                "{list}?{query} took {took} statements, not {expected}"
            );
        }
        // without a count
        for size in [1, 100] {
            let took = cost(app, &admin, &format!("{list}?cursor=&page_size={size}")).await;
            let as_expected = took == expected - 1 || (is_on_record(&list) && took == expected);
            assert!(as_expected, "{list} by cursor took {took} statements");
        }
    }
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
