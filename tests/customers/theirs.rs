//! A subscriber's related lists, history and statistics; filters and masks.

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::registered;
use crate::harness::{App, Client, PASSWORD, id, scenario};

async fn ids(client: &Client, path: &str) -> Vec<i64> {
    let page = client.get(path).await.expect(200);
    let mut ids: Vec<i64> = page["results"].as_array().unwrap().iter().map(id).collect();
    ids.sort_unstable();
    ids
}

#[scenario]
async fn contracts_payments_and_tickets_are_those_of_the_subscriber(app: &App) {
    let admin = app.admin().await;
    let (one, other) = (admin.customer().await, admin.customer().await);
    let (first, second) = (admin.running_of(one, "10.00").await, admin.draft_of(one, "10.00").await);
    let foreign = admin.running_of(other, "10.00").await;
    let file = async |customer: i64, contract: i64| {
        let body = json!({
            "customer_id": customer, "contract_id": contract, "category": "sim", "subject": "x",
            "description": "x"
        });
        id(&admin.post("/tickets", body).await.expect(201))
    };
    let (mine, _theirs) = (file(one, first).await, file(other, foreign).await);
    let path = format!("/customers/{one}");
    assert_eq!(ids(&admin, &format!("{path}/contracts")).await, [first, second]);
    assert_eq!(ids(&admin, &format!("{path}/tickets")).await, [mine]);
    let payments = admin.get(&format!("{path}/payments?ordering=created_at")).await.expect(200);
    let kinds: Vec<&Value> =
        payments["results"].as_array().unwrap().iter().map(|payment| &payment["transaction_type"]).collect();
    assert_eq!(
        (
            kinds.len(),
            payments["results"].as_array().unwrap().iter().all(|payment| payment["contract_id"] == first)
        ),
        (2, true)
    );
    // paged like every list
    let page = admin.get(&format!("{path}/contracts?page_size=1")).await.expect(200);
    assert!(
        page["count"] == 2
            && page["next"].as_str().unwrap().contains(&format!("{path}/contracts?page_size=1&page=2")),
        "{page}"
    );
    for what in ["contracts", "payments", "tickets", "history"] {
        admin.get(&format!("/customers/999999/{what}")).await.refused(404, "customer_not_found");
        admin.get(&format!("{path}/{what}?customer={other}")).await.refused(400, "unknown_parameter");
        let mut seen = Vec::new();
        let mut next = format!("{path}/{what}?cursor=&page_size=1");
        loop {
            let page = admin.get(&next).await.expect(200);
            seen.extend(page["results"].as_array().unwrap().clone());
            match page["next"].as_str() {
                Some(link) => next = link.to_owned(),
                None => break,
            }
        }
        assert_eq!(
            json!(seen),
            admin.get(&format!("{path}/{what}?page_size=500")).await.expect(200)["results"],
            "{what}"
        );
    }
}

/// A subscriber with a contract in force, a ticket, other papers than at first, and a suspension that is over.
/// Returns the ids of the subscriber and of the contract.
async fn with_a_past(admin: &Client) -> (i64, i64) {
    let papers = json!({
        "passport_number": "778899", "inn": "690100112216", "birth_date": "1985-03-02",
        "address": "Тверь, Садовая, 7"
    });
    let one = registered(admin, papers).await;
    let contract = admin.running_of(one, "10.00").await;
    admin.bring(one, "suspended").await;
    admin.post(&format!("/customers/{one}/activate"), json!({})).await.expect(200);
    admin
        .post("/tickets", json!({"customer_id": one, "category": "sim", "subject": "x", "description": "x"}))
        .await
        .expect(201);
    admin
        .patch(&format!("/customers/{one}"), json!({"passport_number": "665544", "address": "Омск, Мира, 1"}))
        .await
        .expect(200);
    (one, contract)
}

#[scenario]
async fn a_history_tells_of_the_subscriber_and_what_is_theirs_and_never_whole_papers(app: &App) {
    let admin = app.admin().await;
    let (one, contract) = with_a_past(&admin).await;
    let foreign = admin.running_of(admin.customer().await, "0.00").await.to_string();
    let path = format!("/customers/{one}/history?page_size=500");
    let history = admin.get(&path).await.expect(200);
    let actions: Vec<&str> =
        history["results"].as_array().unwrap().iter().map(|row| row["action"].as_str().unwrap()).collect();
    for action in [
        "customer.created",
        "customer.suspended",
        "customer.activated",
        "customer.updated",
        "contract.created",
        "contract.activated",
        "contract.suspended",
        "contract.resumed",
        "sim.suspended",
        "sim.resumed",
        "payment.received",
        "payment.charged",
        "ticket.created",
    ] {
        assert!(actions.contains(&action), "{action} in {actions:?}");
    }
    assert!(!actions.contains(&"personal_data.read"));
    let suspended = history["results"]
        .as_array()
        .unwrap()
        .iter()
        .find(|row| row["action"] == "customer.suspended")
        .unwrap();
    assert_eq!(
        (&suspended["before"]["status"], &suspended["after"]["status"], &suspended["after"]["status_reason"]),
        (&json!("active"), &json!("suspended"), &json!("по письму"))
    );
    let text = history.to_string();
    for secret in ["778899", "665544", "690100112216", "1985-03-02", "Садовая", "Мира"] {
        assert!(!text.contains(secret), "{secret}");
    }
    assert!(
        !history["results"]
            .as_array()
            .unwrap()
            .iter()
            .any(|row| row["entity"] == "contract" && row["entity_id"] == foreign)
    );
    // newest first, and every row of the trail once
    let seqs: Vec<i64> =
        history["results"].as_array().unwrap().iter().map(|row| row["seq"].as_i64().unwrap()).collect();
    assert!(seqs.is_sorted_by(|a, b| a > b), "{seqs:?}");
    assert_eq!(admin.contract(contract).await["status"], "active");
    // the number of statements does not depend on the length
    let mut costs = Vec::new();
    for size in [1, 500] {
        let before = app.state.db.statements();
        admin.get(&format!("/customers/{one}/history?page_size={size}")).await.expect(200);
        costs.push(app.state.db.statements() - before);
    }
    assert_eq!(costs, [4, 4]);
}

#[scenario]
async fn a_history_leaves_out_what_one_may_not_see(app: &App) {
    let admin = app.admin().await;
    let (one, _) = with_a_past(&admin).await;
    let path = format!("/customers/{one}/history?page_size=500");
    // without permission to read contracts, payments, cards and tickets, their rows are left out
    admin
        .post("/roles", json!({"name": "clerk", "title": "x", "permissions": ["customers:read"]}))
        .await
        .expect(201);
    admin
        .post("/users", json!({"username": "clerk", "full_name": "x", "role": "clerk", "password": PASSWORD}))
        .await
        .expect(201);
    let clerk = app.sign_in("clerk", PASSWORD).await;
    let own = clerk.get(&path).await.expect(200);
    assert!(own["results"].as_array().unwrap().iter().all(|row| row["entity"] == "customer"), "{own}");
    assert_eq!(own["count"], 4);
    for what in ["contracts", "payments", "tickets"] {
        clerk.get(&format!("/customers/{one}/{what}")).await.refused(403, "permission_missing");
    }
}

#[scenario]
async fn subscribers_are_found_by_active_contract_and_by_city_for_those_who_may_see_addresses(app: &App) {
    let admin = app.admin().await;
    let register = async |address: &str| registered(&admin, json!({"address": address})).await;
    let (tver, moscow) =
        (register("г. Тверь, ул. Садовая, д. 7").await, register("Москва, Тверская ул., 1").await);
    let saint = register("Санкт-Петербург, Невский пр., 1").await;
    let contract = admin.running_of(tver, "0.00").await;
    admin.draft_of(moscow, "0.00").await;
    assert_eq!(ids(&admin, "/customers?has_active_contract=true").await, [tver]);
    assert_eq!(ids(&admin, "/customers?has_active_contract=false").await, [moscow, saint]);
    admin.post(&format!("/contracts/{contract}/suspend"), json!({"reason": "request"})).await.expect(200);
    assert_eq!(ids(&admin, "/customers?has_active_contract=true").await, Vec::<i64>::new());
    for (city, found) in [
        ("тверь", vec![tver]),
        ("г. ТВЕРЬ", vec![tver]),
        ("твер", vec![tver, moscow]),
        ("санкт-петербург", vec![saint]),
        ("петербург невский", vec![saint]),
        ("Омск", vec![]),
        ("ул.", vec![]),
        ("%25", vec![]),
        ("", vec![tver, moscow, saint]),
    ] {
        assert_eq!(ids(&admin, &format!("/customers?city={city}")).await, found, "{city}");
    }
    // the general search ignores addresses, and the address filter requires a permission
    assert_eq!(ids(&admin, "/customers?search=тверь").await, Vec::<i64>::new());
    let employee = app.user("employee").await;
    let problem = employee.get("/customers?city=тверь").await.refused(403, "permission_missing");
    assert!(problem["detail"].as_str().unwrap().contains("customers:pii"), "{problem}");
    assert_eq!(app.scalar("SELECT COUNT(*) FROM audit WHERE action = 'access.denied'").await, 1);
    // the new address is found, the old one is not
    admin.patch(&format!("/customers/{saint}"), json!({"address": "Омск, Мира, 1"})).await.expect(200);
    assert_eq!(
        (ids(&admin, "/customers?city=омск").await, ids(&admin, "/customers?city=невский").await),
        (vec![saint], vec![])
    );
}

#[scenario]
async fn numbers_of_subscribers_are_for_those_who_read_reports(app: &App) {
    let admin = app.admin().await;
    let old = admin.customer().await;
    admin.running_of(old, "0.00").await;
    // from 31 January to 2 February, an hour before midnight in Moscow
    app.advance(TimeDelta::days(2) + TimeDelta::hours(11));
    let admin = app.admin().await;
    let (blocked, gone) = (admin.customer().await, admin.customer().await);
    admin.bring(blocked, "blocked").await;
    admin.bring(gone, "archived").await;
    let company = json!({
        "customer_type": "organization", "organization_name": "ООО «Ромашка»",
        "organization_code": "1027700132195", "phone": "+74951234567"
    });
    admin.post("/customers", company).await.expect(201);
    app.advance(TimeDelta::hours(2));
    let admin = app.admin().await;
    admin.customer().await;
    let numbers = app.user("supervisor").await.get("/customers/statistics").await.expect(200);
    assert_eq!(
        (&numbers["total"], &numbers["individuals"], &numbers["organizations"]),
        (&json!(4), &json!(3), &json!(1))
    );
    assert_eq!(numbers["by_status"], json!({"active": 3, "suspended": 0, "blocked": 1, "archived": 1}));
    assert_eq!(
        (&numbers["with_active_contract"], &numbers["registered_today"], &numbers["registered_this_month"]),
        (&json!(1), &json!(1), &json!(4))
    );
    let days = numbers["registrations"].as_array().unwrap();
    let last: Vec<(&str, i64)> = days[26..]
        .iter()
        .map(|day| (day["date"].as_str().unwrap(), day["count"].as_i64().unwrap()))
        .collect();
    assert_eq!(
        (days.len(), last),
        (30, vec![("2026-01-31", 1), ("2026-02-01", 0), ("2026-02-02", 3), ("2026-02-03", 1)])
    );
    for role in ["operator", "employee"] {
        app.user(role).await.get("/customers/statistics").await.refused(403, "permission_missing");
    }
}
