//! Rows with the short forms of what they name.

use serde_json::{Value, json};

use super::office;
use crate::harness::{App, Client, id, scenario};

async fn rows(client: &Client, path: &str) -> Vec<Value> {
    client.get(path).await.expect(200)["results"].as_array().unwrap().clone()
}

/// A user with a role of these permissions.
async fn with_permissions(app: &App, admin: &Client, permissions: &[&str]) -> Client {
    let name = format!("role-{}", crate::harness::unique());
    admin.post("/roles", json!({"name": name, "title": "x", "permissions": permissions})).await.expect(201);
    app.user(&name).await
}

#[scenario]
async fn a_clerk_s_screen_of_a_hundred_contracts_with_names_takes_one_request(app: &App) {
    let admin = app.admin().await;
    for _ in 0..12 {
        let contract = admin.draft("0.00").await;
        admin.activate(contract).await;
    }
    let clerk = app.user("employee").await;
    clerk.get("/auth/me").await.expect(200);
    let statements = async |path: &str| {
        let before = app.state.db.statements();
        clerk.get(path).await.expect(200);
        app.state.db.statements() - before
    };
    let plain = statements("/contracts?page_size=100").await;
    for (expand, more) in
        [("customer", 1), ("customer,tariff", 2), ("customer,tariff,sim", 3), ("sim,sim,tariff", 2)]
    {
        for size in [1, 12, 100] {
            let took = statements(&format!("/contracts?page_size={size}&expand={expand}")).await;
            assert_eq!(took, plain + more, "{expand} with {size}");
        }
    }
    let shown = rows(&clerk, "/contracts?page_size=100&expand=customer,tariff,sim").await;
    let bare = rows(&clerk, "/contracts?page_size=100").await;
    assert_eq!(shown.len(), 12);
    for (mut row, bare) in shown.into_iter().zip(bare) {
        // as one contract shows them
        let one = clerk.get(&format!("/contracts/{}", row["id"])).await.expect(200);
        for part in ["customer", "tariff", "sim"] {
            assert_eq!(row.as_object_mut().unwrap().remove(part).as_ref(), Some(&one[part]), "{part}");
            assert!(one[part].is_object(), "{part}");
        }
        assert_eq!(row, bare);
    }
    assert_eq!(rows(&clerk, "/contracts?expand=customer&ids=999999").await, Vec::<Value>::new());
}

#[scenario]
async fn a_subscriber_s_card_takes_three_requests(app: &App) {
    let admin = office::furnish(app).await;
    let clerk = app.user("operator").await;
    let contract = rows(&admin, "/contracts?status=active,suspended&expand=sim").await[0].clone();
    let customer = contract["customer_id"].clone();
    let card = clerk.get(&format!("/customers/{customer}")).await.expect(200);
    let contracts = rows(&clerk, &format!("/customers/{customer}/contracts?expand=tariff,sim")).await;
    let tickets = rows(&clerk, &format!("/customers/{customer}/tickets?expand=assigned_to,contract")).await;
    assert_eq!(card["id"], customer);
    assert!(contracts.iter().all(|one| one["tariff"]["name"].is_string()), "{contracts:?}");
    assert!(contracts.iter().any(|one| one["sim"]["iccid"].is_string()), "{contracts:?}");
    for ticket in tickets {
        assert_eq!(ticket["contract"]["id"], ticket["contract_id"]);
        assert_eq!(ticket["assigned_to_user"]["id"], ticket["assigned_to"]);
    }
}

#[scenario]
async fn a_queue_of_tickets_with_people_takes_one_request_of_everybody_who_reads_tickets(app: &App) {
    let admin = office::furnish(app).await;
    let clerk = with_permissions(app, &admin, &["tickets:read", "customers:read"]).await;
    clerk.get("/users").await.refused(403, "permission_missing");
    let tickets =
        rows(&clerk, "/tickets?page_size=50&expand=customer,assigned_to,created_by&ordering=-priority_rank")
            .await;
    assert!(tickets.iter().any(|one| one["assigned_to"].is_i64()));
    assert!(tickets.iter().any(|one| one["assigned_to"].is_null()));
    for ticket in &tickets {
        assert_eq!(ticket["customer"]["id"], ticket["customer_id"], "{ticket}");
        assert!(ticket["customer"]["full_name"].is_string());
        for (part, named) in [("assigned_to_user", "assigned_to"), ("created_by_user", "created_by")] {
            assert!(ticket.get(part).is_some(), "{ticket}");
            assert_eq!(ticket[part]["id"], ticket[named], "{ticket}");
        }
        // no more of a colleague than the name
        if let Some(user) = ticket["assigned_to_user"].as_object() {
            let mut fields: Vec<&String> = user.keys().collect();
            fields.sort();
            assert_eq!(fields, ["full_name", "id", "username"]);
        }
    }
    let one = clerk.get(&format!("/tickets/{}?expand=assigned_to,customer", tickets[0]["id"])).await;
    assert_ne!(one.header("etag"), "");
    let one = one.expect(200);
    assert_eq!(one["customer"], tickets[0]["customer"]);
    assert_eq!(one["assigned_to_user"], tickets[0]["assigned_to_user"]);
    let queue = rows(&clerk, "/tickets/unassigned?expand=customer").await;
    assert!(!queue.is_empty() && queue.iter().all(|one| one["customer"]["phone"].is_string()));
}

#[scenario]
async fn what_the_caller_may_not_read_is_not_shown_in_short_either(app: &App) {
    let admin = office::furnish(app).await;
    let clerk = with_permissions(app, &admin, &["contracts:read", "tickets:read", "payments:read"]).await;
    for (path, missing) in [
        ("/contracts?expand=customer", "customers:read"),
        ("/contracts?expand=tariff", "tariffs:read"),
        ("/contracts?expand=sim", "sims:read"),
        ("/tickets?expand=assigned_to,customer", "customers:read"),
        ("/tickets/1?expand=customer", "customers:read"),
        // whatever the rows are
        ("/contracts?expand=customer&ids=999999", "customers:read"),
    ] {
        let problem = clerk.get(path).await.refused(403, "permission_missing");
        assert!(problem["detail"].as_str().unwrap().contains(missing), "{path}: {problem}");
    }
    for path in ["/contracts", "/tickets?expand=contract,assigned_to", "/payments?expand=contract"] {
        clerk.get(path).await.expect(200);
    }
}

#[scenario]
async fn what_a_list_cannot_be_shown_with_is_refused_and_the_rest_is_named(app: &App) {
    let admin = office::furnish(app).await;
    for (path, known) in [
        ("/contracts?expand=balance", "customer, tariff, sim"),
        ("/contracts?expand=customer,assigned_to", "customer, tariff, sim"),
        ("/contracts?expand=", "customer, tariff, sim"),
        ("/payments?expand=customer", "contract"),
        ("/tickets/1?expand=sim", "customer, contract, assigned_to, created_by"),
    ] {
        let reply = admin.get(path).await;
        assert_eq!(reply.wrong_fields(), [("expand".to_owned(), "invalid_choice".to_owned())], "{path}");
        let problem = reply.refused(400, "invalid_parameter");
        assert!(problem["errors"][0]["message"].as_str().unwrap().contains(known), "{problem}");
    }
    for path in ["/customers?expand=contract", "/tariffs?expand=customer", "/audit?expand=user"] {
        admin.get(path).await.refused(400, "unknown_parameter");
    }
}

#[scenario]
async fn a_record_that_was_read_with_more_can_be_sent_back(app: &App) {
    let admin = office::furnish(app).await;
    let ticket = rows(&admin, "/tickets?status=new").await[0].clone();
    let path = format!("/tickets/{}", id(&ticket));
    let expanded = format!("{path}?expand=customer,contract,assigned_to,created_by");
    let mut whole = admin.get(&expanded).await.expect(200);
    whole["subject"] = json!("Другая тема");
    let after = admin.put(&path, whole.clone()).await.expect(200);
    assert_eq!(after["subject"], "Другая тема");
    // and not against a later version
    let stale = admin.put(&path, whole).await.refused(412, "stale_version");
    assert_eq!(stale["errors"], json!([]));
    assert_eq!(admin.get(&path).await.expect(200), after);
}
