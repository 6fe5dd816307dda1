//! The audit trail and its hash chain.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::{OTHER_PASSWORD, bearer, everything_in, hire, login, pair, refresh, trail};
use crate::harness::{App, Client, PASSWORD, id, person, scenario};

/// The result of verifying the chain.
#[derive(Debug, PartialEq)]
struct Verdict {
    intact: bool,
    first_broken: Value,
    reason: Value,
}

async fn verified(admin: &Client) -> Verdict {
    let answer = admin.get("/audit/verify").await.expect(200);
    Verdict {
        intact: answer["intact"] == true,
        first_broken: answer["first_broken"].clone(),
        reason: answer["reason"].clone(),
    }
}

fn intact() -> Verdict {
    Verdict { intact: true, first_broken: Value::Null, reason: Value::Null }
}

fn broken(at: i64, why: &str) -> Verdict {
    Verdict { intact: false, first_broken: json!(at), reason: json!(why) }
}

/// Creates an audit trail of a dozen rows and returns the position of an administrator's row in the middle.
async fn history(app: &App, admin: &Client) -> i64 {
    for name in ["anna", "boris", "vera", "gleb", "dina"] {
        hire(admin, name, "operator").await;
        app.advance(TimeDelta::minutes(1));
    }
    admin.patch("/users/3", json!({"full_name": "Борис Второй"})).await.expect(200);
    trail(admin, "action=user.created&entity_id=4").await[0]["seq"].as_i64().unwrap()
}

#[scenario]
async fn a_change_is_on_record_with_who_when_whence_and_what(app: &App) {
    let admin = app.admin().await;
    let anna = hire(&admin, "anna", "operator").await;
    app.advance(TimeDelta::minutes(5));
    let at = app.clock.now();
    let path = format!("/users/{}", id(&anna));
    admin
        .with("X-Request-Id", "the-request")
        .patch(&path, json!({"full_name": "Анна Петрова", "email": "anna@example.com"}))
        .await
        .expect(200);
    let row = trail(&admin, "").await.remove(0);
    assert_eq!(
        (&row["actor"], &row["actor_id"], &row["address"]),
        (&json!("admin"), &json!(1), &json!("127.0.0.1"))
    );
    assert_eq!((&row["request_id"], &row["action"]), (&json!("the-request"), &json!("user.updated")));
    assert_eq!((&row["entity"], &row["entity_id"]), (&json!("user"), &json!(id(&anna).to_string())));
    assert_eq!(row["at"].as_str().unwrap().parse::<DateTime<Utc>>().unwrap(), at);
    assert_eq!(
        row["before"],
        json!({"full_name": "Анна Иванова", "email": null, "updated_at": anna["updated_at"], "version": 1})
    );
    assert_eq!(
        (&row["after"]["full_name"], &row["after"]["email"], &row["after"]["version"]),
        (&json!("Анна Петрова"), &json!("anna@example.com"), &json!(2))
    );
    assert_eq!(row["after"].as_object().unwrap().len(), 4);
}

#[scenario]
async fn what_is_refused_as_wrong_or_changes_nothing_leaves_no_row(app: &App) {
    let admin = app.admin().await;
    let anna = hire(&admin, "anna", "operator").await;
    let path = format!("/users/{}", id(&anna));
    let before = app.count("audit").await;
    let twin = json!({"username": "anna", "full_name": "Анна", "role": "operator", "password": PASSWORD});
    admin.post("/users", twin).await.refused(409, "username_taken");
    admin.patch(&path, json!({"username": "?"})).await.refused(422, "invalid");
    admin.with("If-Match", "\"9-0\"").delete(&path).await.refused(412, "stale_version");
    admin.patch(&path, json!({"full_name": "Анна Иванова"})).await.expect(200);
    admin.patch("/users/999", json!({})).await.refused(404, "user_not_found");
    assert_eq!(app.count("audit").await, before);
}

#[scenario]
async fn the_trail_is_filtered_by_actor_entity_action_and_time(app: &App) {
    let admin = app.admin().await;
    hire(&admin, "anna", "operator").await;
    app.advance(TimeDelta::hours(1));
    let anna = bearer(app, &pair(app, "anna").await);
    let customer = anna.customer().await;
    app.advance(TimeDelta::hours(1));
    admin.patch("/users/2", json!({"full_name": "Анна Петрова"})).await.expect(200);
    let actions = async |query: &str| {
        trail(&admin, query)
            .await
            .into_iter()
            .map(|row| row["action"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(actions("actor=anna").await, ["customer.created", "auth.signed_in"]);
    assert_eq!(actions("actor_id=2").await, ["customer.created", "auth.signed_in"]);
    assert_eq!(actions(&format!("entity=customer&entity_id={customer}")).await, ["customer.created"]);
    assert_eq!(actions("entity=user&entity_id=2").await, ["user.updated", "user.created"]);
    assert_eq!(actions("action=user.updated").await, ["user.updated"]);
    assert_eq!(
        actions("at_after=2026-01-31T10:00:00Z&at_before=2026-01-31T10:00:00Z").await,
        ["customer.created", "auth.signed_in"]
    );
    assert_eq!(actions("at_after=2026-01-31T10:00:00.000001Z").await, ["user.updated"]);
    assert_eq!(actions("actor=nobody").await, [""; 0]);

    let places = |page: &Value| {
        page["results"].as_array().unwrap().iter().map(|row| row["seq"].as_i64().unwrap()).collect::<Vec<_>>()
    };
    let newest = admin.get("/audit?page_size=3").await.expect(200);
    let last = newest["count"].as_i64().unwrap();
    assert_eq!(places(&newest), [last, last - 1, last - 2]);
    assert_eq!(places(&admin.get("/audit?ordering=seq&page_size=3").await.expect(200)), [1, 2, 3]);
    let first = admin.get("/audit?cursor=&page_size=2").await.expect(200);
    let second = admin.get(first["next"].as_str().unwrap()).await.expect(200);
    assert_eq!(places(&second), [last - 2, last - 3]);
    admin.get("/audit?user=anna").await.refused(400, "unknown_parameter");
    admin.get("/audit?at_after=yesterday").await.refused(400, "invalid_parameter");
    anna.get("/audit").await.refused(403, "permission_missing");
    anna.get("/audit/verify").await.refused(403, "permission_missing");
}

#[scenario]
async fn neither_secrets_nor_whole_document_numbers_are_in_the_trail(app: &App) {
    let admin = app.admin().await;
    let subscriber = person();
    let customer = id(&admin.post("/customers", subscriber.clone()).await.expect(201));
    let secret = |name: &str| subscriber[name].as_str().unwrap().to_owned();
    let (number, inn) = (secret("passport_number"), secret("inn"));
    admin.get(&format!("/customers/{customer}")).await.expect(200);
    admin.get(&format!("/customers?search={inn}")).await.expect(200);
    admin.post("/customers", subscriber.clone()).await.refused(409, "customer_duplicate");
    let sim = id(&admin.post("/sims", crate::harness::sim()).await.expect(201));
    admin.get(&format!("/sims/{sim}")).await.expect(200);
    let script = admin
        .post("/auth/api-tokens", json!({"name": "export", "permissions": ["customers:read"]}))
        .await
        .expect(201);
    let anna = id(&hire(&admin, "anna", "operator").await);
    admin
        .post(&format!("/users/{anna}/reset-password"), json!({"password": OTHER_PASSWORD}))
        .await
        .expect(200);
    let tokens = pair(app, "admin").await;
    refresh(app, &tokens["refresh"]).await.expect(200);
    login(app, "admin", "one more password").await.refused(401, "sign_in_failed");
    app.flush().await;

    // the numbers below are in quotes or follow other digits;
    // ids and times are shorter or contain other characters
    let all = everything_in(app, &["audit"]).await;
    for (what, text) in [
        ("tax number", inn.as_str()),
        ("passport number", &format!("\"{number}\"")),
        ("passport", &format!("4510{number}")),
        ("passport", &format!("4510 {number}")),
        ("PUK code", "12345678\""),
        ("password", PASSWORD),
        ("password", OTHER_PASSWORD),
        ("password", "one more password"),
        ("hash", "argon2"),
        ("script token", script["token"].as_str().unwrap()),
        ("access token", tokens["access"].as_str().unwrap().rsplit('.').next().unwrap()),
        ("refresh token", tokens["refresh"].as_str().unwrap().rsplit('.').next().unwrap()),
        ("birth date", "1990-05-17"),
    ] {
        assert!(!all.contains(text), "the trail has the {what}");
    }
    let created = trail(&admin, &format!("action=customer.created&entity_id={customer}")).await.remove(0);
    assert!(created["after"]["inn"].as_str().unwrap().contains('*'), "{created}");
}

#[scenario]
async fn refused_accesses_are_on_record(app: &App) {
    let admin = app.admin().await;
    hire(&admin, "anna", "employee").await;
    let anna = bearer(app, &pair(app, "anna").await);
    anna.with("X-Request-Id", "not-mine").get("/users/1?").await.refused(403, "permission_missing");
    let row = trail(&admin, "action=access.denied").await.remove(0);
    assert_eq!(
        (&row["actor"], &row["entity"], &row["entity_id"]),
        (&json!("anna"), &json!("permission"), &json!("users:read"))
    );
    assert_eq!((&row["request_id"], &row["address"]), (&json!("not-mine"), &json!("127.0.0.1")));
    assert_eq!(row["after"], json!({"path": "/api/v1/users/1"}));
    anna.post("/customers", person()).await.refused(403, "permission_missing");
    // also where the required permission depends on the request body
    anna.post("/auth/api-tokens", json!({"name": "x", "permissions": ["system:manage"]}))
        .await
        .refused(403, "grant_not_held");
    let rows = trail(&admin, "action=access.denied").await;
    let denied: Vec<(&str, &str)> = rows
        .iter()
        .map(|row| (row["entity_id"].as_str().unwrap(), row["after"]["path"].as_str().unwrap()))
        .collect();
    assert_eq!(
        denied,
        [
            ("system:manage", "/api/v1/auth/api-tokens"),
            ("customers:write", "/api/v1/customers"),
            ("users:read", "/api/v1/users/1")
        ]
    );
    assert_eq!(verified(&admin).await, intact());
}

#[scenario]
async fn reads_of_unmasked_personal_data_are_on_record_and_masked_ones_are_not(app: &App) {
    let admin = app.admin().await;
    hire(&admin, "olga", "supervisor").await;
    hire(&admin, "vera", "employee").await;
    let customers = [admin.customer().await, admin.customer().await];
    let vera = bearer(app, &pair(app, "vera").await);
    vera.get(&format!("/customers/{}", customers[0])).await.expect(200);
    vera.get("/customers").await.expect(200);
    let olga = bearer(app, &pair(app, "olga").await).with("X-Request-Id", "a-look");
    let at = app.clock.now();
    olga.get(&format!("/customers/{}", customers[0])).await.expect(200);
    olga.get("/customers").await.expect(200);
    app.advance(TimeDelta::minutes(1));
    app.flush().await;
    let rows = trail(&admin, "action=personal_data.read&ordering=seq").await;
    assert!(rows.iter().all(|row| row["actor"] == "olga" && row["request_id"] == "a-look"), "{rows:?}");
    assert!(
        rows.iter().all(|row| row["at"].as_str().unwrap().parse::<DateTime<Utc>>().unwrap() == at),
        "the time of the event, not of the write"
    );
    assert_eq!(
        (&rows[0]["entity"], &rows[0]["entity_id"]),
        (&json!("customer"), &json!(customers[0].to_string()))
    );
    let mut seen: Vec<i64> = rows.last().unwrap()["after"]["ids"]
        .as_array()
        .unwrap()
        .iter()
        .map(|id| id.as_i64().unwrap())
        .collect();
    seen.sort_unstable();
    assert_eq!((&rows.last().unwrap()["entity_id"], seen), (&json!("*"), customers.to_vec()));
    app.flush().await;
    assert_eq!(trail(&admin, "action=personal_data.read").await.len(), rows.len());
    assert_eq!(verified(&admin).await, intact());
}

#[scenario]
async fn an_altered_row_is_found_whichever_of_its_fields_it_is(app: &App) {
    let admin = app.admin().await;
    let row = history(app, &admin).await;
    assert_eq!(verified(&admin).await, intact());
    let number = "actor_id = actor_id + 98";
    let back = "actor_id = actor_id - 98";
    let mut changes = vec![(number.to_owned(), back.to_owned())];
    for column in
        ["actor", "address", "request_id", "action", "entity", "entity_id", "before", "after", "hash"]
    {
        let shorter = format!("{column} = NULLIF(SUBSTR({column}, 1, LENGTH({column}) - 1), '')");
        changes.push((format!("{column} = COALESCE({column}, '') || 'x'"), shorter));
    }
    for (change, back) in changes {
        assert_eq!(app.execute(&format!("UPDATE audit SET {change} WHERE seq = {row}")).await, 1);
        assert_eq!(verified(&admin).await, broken(row, "row_altered"), "{change}");
        app.execute(&format!("UPDATE audit SET {back} WHERE seq = {row}")).await;
        assert_eq!(verified(&admin).await, intact(), "{back}");
    }
    app.execute(&format!("UPDATE audit SET at = (SELECT MAX(at) FROM audit) WHERE seq = {row}")).await;
    assert_eq!(verified(&admin).await, broken(row, "row_altered"));
    // the earliest broken row is reported first
    app.execute("UPDATE audit SET actor = 'somebody' WHERE seq = 2").await;
    assert_eq!(verified(&admin).await, broken(2, "row_altered"));
}

#[scenario]
async fn a_removed_row_is_found_and_closing_the_gap_does_not_hide_it(app: &App) {
    let admin = app.admin().await;
    let row = history(app, &admin).await;
    app.execute(&format!("DELETE FROM audit WHERE seq = {row}")).await;
    assert_eq!(verified(&admin).await, broken(row, "row_missing"));
    app.execute(&format!("UPDATE audit SET seq = seq - 1 WHERE seq = {row} + 1")).await;
    assert_eq!(verified(&admin).await, broken(row, "row_altered"));
    // later rows are chained to the present rows and do not hide the break
    hire(&admin, "emma", "operator").await;
    assert_eq!(verified(&admin).await, broken(row, "row_altered"));
}

#[scenario]
async fn a_cut_tail_and_a_head_that_was_moved_are_found(app: &App) {
    let admin = app.admin().await;
    history(app, &admin).await;
    let last = app.scalar("SELECT MAX(seq) FROM audit").await;
    let hash = app.texts("SELECT hash FROM audit_head").await.remove(0);
    for change in ["hash = 'x'".to_owned(), format!("seq = {last} - 1"), "hash = ''".to_owned()] {
        app.execute(&format!("UPDATE audit_head SET {change}")).await;
        assert!(!verified(&admin).await.intact, "{change}");
        app.execute(&format!("UPDATE audit_head SET seq = {last}, hash = '{hash}'")).await;
        assert_eq!(verified(&admin).await, intact());
    }
    app.execute(&format!("DELETE FROM audit WHERE seq > {last} - 2")).await;
    assert_eq!(verified(&admin).await, broken(last - 1, "row_missing"));
    hire(&admin, "emma", "operator").await;
    assert_eq!(verified(&admin).await, broken(last - 1, "row_missing"));
    app.execute("DELETE FROM audit").await;
    assert_eq!(verified(&admin).await, broken(1, "row_missing"));
}

#[scenario]
async fn the_chain_holds_when_many_write_at_once(app: &App) {
    let admin = app.admin().await;
    let hires = (0..20).map(|n| {
        let admin = admin.clone();
        async move { hire(&admin, &format!("user{n}"), "operator").await }
    });
    futures_util::future::join_all(hires).await;
    assert_eq!(verified(&admin).await, intact());
    assert_eq!(trail(&admin, "action=user.created&actor=admin").await.len(), 20);
}
