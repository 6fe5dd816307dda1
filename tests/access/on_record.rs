//! Reads of personal data and refused accesses on record, and which script acted.

use chrono::TimeDelta;
use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{bearer, hire, pair, trail};
use crate::harness::{App, Client, id, person, scenario};

/// Issues a script token with this name and these permissions.
async fn script(app: &App, owner: &Client, name: &str, permissions: &[&str]) -> Client {
    let token = json!({"name": name, "permissions": permissions});
    let issued = owner.post("/auth/api-tokens", token).await.expect(201);
    Client::new(&app.base, issued["token"].as_str())
}

#[scenario]
async fn a_read_of_personal_data_is_on_record_when_it_is_answered(app: &App) {
    let admin = app.admin().await;
    let customer = admin.customer().await;
    admin.with("X-Request-Id", "a-look").get(&format!("/customers/{customer}")).await.expect(200);
    // no job has run since
    assert_eq!(
        app.texts("SELECT actor || ' ' || entity || ' ' || ids || ' ' || request_id FROM audit_reads").await,
        [format!("admin customer {customer} a-look")]
    );
    app.flush().await;
    assert_eq!(app.count("audit_reads").await, 0);
    let row = trail(&admin, "action=personal_data.read").await.remove(0);
    assert_eq!((&row["request_id"], &row["entity_id"]), (&json!("a-look"), &json!(customer.to_string())));
    app.flush().await;
    assert_eq!(trail(&admin, "action=personal_data.read").await.len(), 1);
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn what_cannot_be_put_on_record_is_not_shown(app: &App) {
    let admin = app.admin().await;
    hire(&admin, "vera", "employee").await;
    let vera = bearer(app, &pair(app, "vera").await);
    let customer = admin.customer().await;
    let card = id(&admin.post("/sims", crate::harness::sim()).await.expect(201));
    let paths = [format!("/customers/{customer}"), "/customers".to_owned(), format!("/sims/{card}")];
    app.execute("ALTER TABLE audit_reads RENAME TO hidden").await;
    for path in &paths {
        let reply = admin.get(path).await;
        assert!(!reply.text.contains("5001") && !reply.text.contains("12345678"), "{}", reply.text);
        reply.refused(500, "internal");
        // what needs no record is shown
        vera.get(path).await.expect(200);
    }
    app.execute("ALTER TABLE hidden RENAME TO audit_reads").await;
    for path in &paths {
        admin.get(path).await.expect(200);
    }
    assert_eq!(app.count("audit_reads").await, 3);
}

#[scenario]
async fn reads_at_the_same_time_are_all_on_record(app: &App) {
    let admin = app.admin().await;
    let customer = admin.customer().await;
    let path = format!("/customers/{customer}");
    let reads = join_all((0..60).map(|_| admin.get(&path))).await;
    reads.into_iter().for_each(|reply| drop(reply.expect(200)));
    assert_eq!(app.count("audit_reads").await, 60);
    assert_eq!(app.violations().await, Vec::<String>::new());
    assert_eq!(trail(&admin, "action=personal_data.read").await.len(), 60);
}

#[scenario]
async fn a_user_who_is_refused_again_and_again_takes_a_bounded_part_of_the_trail(app: &App) {
    let admin = app.admin().await;
    hire(&admin, "anna", "employee").await;
    hire(&admin, "vera", "employee").await;
    let (anna, vera) = (bearer(app, &pair(app, "anna").await), bearer(app, &pair(app, "vera").await));
    let denied = async || trail(&admin, "action=access.denied&ordering=seq").await;
    for _ in 0..60 {
        anna.get("/users").await.refused(403, "permission_missing");
    }
    for _ in 0..5 {
        anna.get("/audit").await.refused(403, "permission_missing");
    }
    let rows = denied().await;
    assert_eq!(rows.len(), 20);
    assert_eq!(
        (&rows[18]["after"]["more_are_counted"], &rows[19]["after"]["more_are_counted"]),
        (&Value::Null, &json!(true))
    );
    // each user has a share
    vera.get("/users").await.refused(403, "permission_missing");
    app.flush().await;
    assert_eq!(denied().await.len(), 21, "the minute is not over");

    app.advance(TimeDelta::minutes(1));
    app.flush().await;
    let rows = denied().await;
    assert_eq!(rows.len(), 22);
    let counted = &rows[21];
    assert_eq!((&counted["actor"], &counted["entity_id"]), (&json!("anna"), &json!("*")));
    assert_eq!(
        (&counted["after"]["count"], &counted["after"]["permissions"]),
        (&json!(45), &json!({"users:read": 40, "audit:read": 5}))
    );
    anna.get("/users").await.refused(403, "permission_missing");
    assert_eq!(
        denied().await.last().unwrap()["entity_id"],
        "users:read",
        "the next minute has a share of its own"
    );
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn what_was_counted_is_recorded_with_the_next_refusal_too(app: &App) {
    let admin = app.admin().await;
    hire(&admin, "anna", "employee").await;
    let anna = bearer(app, &pair(app, "anna").await);
    for _ in 0..22 {
        anna.get("/users").await.refused(403, "permission_missing");
    }
    app.advance(TimeDelta::minutes(2));
    anna.get("/users").await.refused(403, "permission_missing");
    let rows = trail(&admin, "action=access.denied&ordering=seq").await;
    assert_eq!(
        (rows.len(), &rows[20]["after"]["count"], &rows[21]["entity_id"]),
        (22, &json!(2), &json!("users:read"))
    );
}

#[scenario]
async fn the_trail_and_histories_name_the_script_that_acted(app: &App) {
    let admin = app.admin().await;
    let granted = [
        "customers:read",
        "customers:write",
        "customers:pii",
        "contracts:read",
        "contracts:activate",
        "contracts:hold",
        "payments:read",
        "payments:take",
        "tickets:read",
        "tickets:write",
        "tariffs:read",
        "tariffs:write",
    ];
    let import = script(app, &admin, "ночной импорт", &granted).await;
    let customer = id(&import.post("/customers", person()).await.expect(201));
    let row = trail(&admin, "action=customer.created").await.remove(0);
    assert_eq!(
        (&row["actor"], &row["actor_id"], &row["token_id"], &row["token"]),
        (&json!("admin"), &json!(1), &json!(1), &json!("ночной импорт"))
    );
    let signed_in = trail(&admin, "action=auth.signed_in").await.remove(0);
    assert_eq!((&signed_in["token_id"], &signed_in["token"]), (&Value::Null, &Value::Null));
    // the owner's name finds what the script did
    assert_eq!(trail(&admin, "actor=admin&action=customer.created").await.len(), 1);

    import.get(&format!("/customers/{customer}")).await.expect(200);
    import.get("/users").await.refused(403, "permission_missing");
    app.flush().await;
    for action in ["personal_data.read", "access.denied"] {
        assert_eq!(trail(&admin, &format!("action={action}")).await[0]["token"], "ночной импорт", "{action}");
    }

    let contract = admin.draft("0.00").await;
    import.post(&format!("/contracts/{contract}/activate"), json!({})).await.expect(200);
    import.post(&format!("/contracts/{contract}/suspend"), json!({"reason": "request"})).await.expect(200);
    let tariff = admin.contract(contract).await["tariff_id"].clone();
    import.patch(&format!("/tariffs/{tariff}"), json!({"description": "новое"})).await.expect(200);
    let complaint = json!({"customer_id": customer, "category": "sim", "subject": "x", "description": "x"});
    let ticket = id(&import.post("/tickets", complaint).await.expect(201));
    let named = "admin (ночной импорт)";
    for path in [
        format!("/customers/{customer}/history"),
        format!("/contracts/{contract}/history?kind=change"),
        format!("/contracts/{contract}/history?kind=hold"),
        format!("/tariffs/{tariff}/history"),
        format!("/tickets/{ticket}/history"),
    ] {
        let rows = admin.get(&path).await.expect(200)["results"].clone();
        let actors: Vec<&Value> = rows.as_array().unwrap().iter().map(|row| &row["actor"]).collect();
        assert!(actors.contains(&&json!(named)), "{path}: {actors:?}");
    }
    assert_eq!(app.violations().await, Vec::<String>::new());
    app.execute("UPDATE audit SET token = 'another' WHERE token IS NOT NULL").await;
    assert_eq!(admin.get("/audit/verify").await.expect(200)["reason"], "row_altered");
}
