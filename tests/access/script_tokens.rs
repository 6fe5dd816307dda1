//! API tokens for scripts.

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::{OTHER_PASSWORD, bearer, everything_in, hire, pair, permissions, trail};
use crate::harness::{App, Client, PASSWORD, id, person, scenario};

async fn issue(owner: &Client, permissions: &[&str]) -> Value {
    owner
        .post("/auth/api-tokens", json!({"name": "nightly export", "permissions": permissions}))
        .await
        .expect(201)
}

fn script(app: &App, issued: &Value) -> Client {
    Client::new(&app.base, issued["token"].as_str())
}

#[scenario]
async fn a_script_token_is_shown_once_and_only_its_hash_is_kept(app: &App) {
    let admin = app.admin().await;
    let reply = admin
        .post(
            "/auth/api-tokens",
            json!({"name": "nightly export", "permissions": ["sims:read", "customers:read"]}),
        )
        .await;
    assert_eq!(
        (reply.header("cache-control"), reply.header("location")),
        ("no-store", "/api/v1/auth/api-tokens")
    );
    let issued = reply.expect(201);
    let token = issued["token"].as_str().unwrap();
    assert!(token.starts_with("tcrm_") && token.len() >= 48, "256 random bits: {token}");
    assert_eq!(issued["permissions"], json!(["customers:read", "sims:read"]));
    assert_eq!((&issued["expires_at"], &issued["last_used_at"]), (&json!(null), &json!(null)));

    let listed = admin.get("/auth/api-tokens").await;
    assert!(!listed.text.contains("tcrm_"));
    let listed = listed.expect(200);
    assert_eq!(
        (listed["count"].as_i64(), &listed["results"][0]["name"]),
        (Some(1), &json!("nightly export"))
    );
    assert_eq!(listed["results"][0].get("token"), None);
    let all = everything_in(app, &["api_tokens", "audit"]).await;
    assert!(!all.contains(token) && !all.contains(token.trim_start_matches("tcrm_")));
    assert_eq!(app.scalar("SELECT COUNT(*) FROM api_tokens WHERE LENGTH(token_hash) = 64").await, 1);
    // the stored hash cannot be used as a token
    let hash = app.texts("SELECT token_hash FROM api_tokens").await.remove(0);
    for stolen in [hash.clone(), format!("tcrm_{hash}")] {
        Client::new(&app.base, Some(&stolen)).get("/auth/me").await.refused(401, "token_invalid");
    }
    assert_eq!(trail(&admin, "action=api_token.created").await[0]["entity_id"], id(&issued).to_string());
}

#[scenario]
async fn a_script_can_do_no_more_than_it_was_given(app: &App) {
    let admin = app.admin().await;
    let script = script(app, &issue(&admin, &["customers:read"]).await);
    assert_eq!(permissions(&script).await, ["customers:read"]);
    script.get("/customers").await.expect(200);
    let refusal = script.get("/sims").await.refused(403, "permission_missing");
    assert!(refusal["detail"].as_str().unwrap().contains("sims:read"));
    script.post("/customers", person()).await.refused(403, "permission_missing");
    script.get("/users").await.refused(403, "permission_missing");
    assert_eq!(app.count("customers").await, 0);
    let customer = admin.customer().await;
    let masked = script.get(&format!("/customers/{customer}")).await.expect(200);
    assert!(masked["inn"].as_str().unwrap().contains('*'), "personal data is not granted: {masked}");
}

#[scenario]
async fn a_script_can_do_no_more_than_its_owner_can_now(app: &App) {
    let admin = app.admin().await;
    let anna = id(&hire(&admin, "anna", "operator").await);
    let owner = bearer(app, &pair(app, "anna").await);
    let script = script(app, &issue(&owner, &["customers:read", "customers:write"]).await);
    script.post("/customers", person()).await.expect(201);

    let deny = async |denied: Value| {
        admin
            .put(&format!("/users/{anna}/permissions"), json!({"granted": [], "denied": denied}))
            .await
            .expect(200)
    };
    deny(json!(["customers:write"])).await;
    script.post("/customers", person()).await.refused(403, "permission_missing");
    assert_eq!(app.count("customers").await, 1);
    assert_eq!(permissions(&script).await, ["customers:read"]);
    deny(json!([])).await;
    script.post("/customers", person()).await.expect(201);
    admin.patch(&format!("/users/{anna}"), json!({"role": "employee"})).await.expect(200);
    script.post("/customers", person()).await.refused(403, "permission_missing");
    // permissions that the owner gets later do not extend to the token
    admin.patch(&format!("/users/{anna}"), json!({"role": "admin"})).await.expect(200);
    script.get("/sims").await.refused(403, "permission_missing");

    owner.post("/auth/logout-all", json!({})).await.expect(204);
    script.get("/customers").await.expect(200);
    admin.post(&format!("/users/{anna}/block"), json!({"reason": "Увольнение"})).await.expect(200);
    script.get("/customers").await.refused(401, "account_disabled");
    admin.post(&format!("/users/{anna}/unblock"), json!({})).await.expect(200);
    script.get("/customers").await.expect(200);
    admin.patch(&format!("/users/{anna}"), json!({"is_active": false})).await.expect(200);
    script.get("/customers").await.refused(401, "account_disabled");
    admin.delete(&format!("/users/{anna}")).await.expect(204);
    script.get("/customers").await.refused(401, "token_invalid");
    assert_eq!(app.count("customers").await, 2);
}

#[scenario]
async fn a_script_token_ends_at_its_time(app: &App) {
    let admin = app.admin().await;
    let at = |by: TimeDelta| json!((app.clock.now() + by).to_rfc3339());
    let body =
        |end: Value| json!({"name": "for a day", "permissions": ["customers:read"], "expires_at": end});
    for past in [at(TimeDelta::zero()), at(-TimeDelta::days(1))] {
        let reply = admin.post("/auth/api-tokens", body(past)).await;
        assert_eq!(reply.wrong_fields(), [("/expires_at".to_owned(), "in_the_past".to_owned())]);
        reply.refused(422, "invalid");
    }
    assert_eq!(app.count("api_tokens").await, 0);
    let script =
        script(app, &admin.post("/auth/api-tokens", body(at(TimeDelta::hours(12)))).await.expect(201));
    script.get("/customers").await.expect(200);
    app.advance(TimeDelta::hours(12) - TimeDelta::seconds(1));
    script.get("/customers").await.expect(200);
    app.advance(TimeDelta::seconds(1));
    script.get("/customers").await.refused(401, "token_expired");
}

#[scenario]
async fn a_revoked_script_token_is_dead_and_gone_from_the_list(app: &App) {
    let admin = app.admin().await;
    hire(&admin, "anna", "operator").await;
    let owner = bearer(app, &pair(app, "anna").await);
    let issued = issue(&owner, &["customers:read"]).await;
    let path = format!("/auth/api-tokens/{}", id(&issued));
    assert_eq!(admin.get("/auth/api-tokens").await.expect(200)["count"], 0, "others' tokens are not listed");
    admin.delete(&path).await.refused(404, "api_token_not_found");
    script(app, &issued).get("/customers").await.expect(200);

    owner.delete(&path).await.expect(204);
    script(app, &issued).get("/customers").await.refused(401, "token_revoked");
    assert_eq!(owner.get("/auth/api-tokens").await.expect(200)["count"], 0);
    owner.delete(&path).await.refused(404, "api_token_not_found");
    assert_eq!(trail(&admin, "action=api_token.revoked").await.len(), 1);
}

#[scenario]
async fn the_last_use_of_a_script_token_is_noted(app: &App) {
    let admin = app.admin().await;
    let issued = issue(&admin, &["customers:read"]).await;
    let last_use =
        async || admin.get("/auth/api-tokens").await.expect(200)["results"][0]["last_used_at"].clone();
    app.flush().await;
    assert_eq!(last_use().await, json!(null));
    script(app, &issued).get("/customers").await.expect(200);
    app.advance(TimeDelta::hours(1));
    let used_at = app.clock.now();
    script(app, &issued).get("/sims").await.refused(403, "permission_missing");
    app.advance(TimeDelta::hours(1));
    app.flush().await;
    assert_eq!(last_use().await.as_str().unwrap().parse::<chrono::DateTime<chrono::Utc>>().unwrap(), used_at);
    // no request was made in between
    app.flush().await;
    assert_eq!(last_use().await.as_str().unwrap().parse::<chrono::DateTime<chrono::Utc>>().unwrap(), used_at);
}

#[scenario]
async fn what_belongs_to_a_session_is_not_for_scripts(app: &App) {
    let admin = app.admin().await;
    let issued = issue(&admin, &["customers:read", "users:manage"]).await;
    let script = script(app, &issued);
    let session = id(&admin.get("/auth/sessions").await.expect(200)["results"][0]);
    let hash = app.texts("SELECT password_hash FROM users").await;
    let more = json!({"name": "more", "permissions": ["customers:read"]});
    script.post("/auth/api-tokens", more).await.refused(409, "not_a_session");
    script.delete(&format!("/auth/api-tokens/{}", id(&issued))).await.refused(409, "not_a_session");
    script.post("/auth/logout", json!({})).await.refused(409, "not_a_session");
    script.post("/auth/logout-all", json!({})).await.refused(409, "not_a_session");
    script.delete(&format!("/auth/sessions/{session}")).await.refused(409, "not_a_session");
    let change = json!({"current_password": PASSWORD, "new_password": OTHER_PASSWORD});
    script.post("/auth/change-password", change).await.refused(409, "not_a_session");
    // the token cannot get around this through its owner's account
    let reset = json!({"password": OTHER_PASSWORD});
    script.post("/users/1/reset-password", reset).await.refused(409, "own_account");

    assert_eq!(app.texts("SELECT password_hash FROM users").await, hash);
    assert_eq!(app.count("api_tokens").await, 1);
    admin.get("/auth/me").await.expect(200);
    script.get("/customers").await.expect(200);
}

#[scenario]
async fn nobody_gives_a_script_what_they_do_not_hold(app: &App) {
    let admin = app.admin().await;
    hire(&admin, "anna", "employee").await;
    let anna = bearer(app, &pair(app, "anna").await);
    let more = json!({"name": "more", "permissions": ["customers:read", "customers:write"]});
    let refusal = anna.post("/auth/api-tokens", more).await.refused(403, "grant_not_held");
    assert!(refusal["detail"].as_str().unwrap().contains("customers:write"));
    let unknown = json!({"name": "x", "permissions": ["customers:read", "customers:own"]});
    let unknown = anna.post("/auth/api-tokens", unknown).await;
    assert_eq!(unknown.wrong_fields(), [("/permissions/1".to_owned(), "unknown_permission".to_owned())]);
    unknown.refused(422, "invalid");
    anna.post("/auth/api-tokens", json!({"name": "x", "permissions": []})).await.refused(422, "invalid");
    assert_eq!(app.count("api_tokens").await, 0);
}

#[scenario]
async fn a_user_has_a_bounded_number_of_script_tokens(app: &App) {
    let admin = app.admin().await;
    app.execute(
        "WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 99) \
         INSERT INTO api_tokens (user_id, name, token_hash, permissions, created_at) \
         SELECT 1, 'many', 'hash ' || CAST(n AS TEXT), '', (SELECT MIN(created_at) FROM users) FROM numbers",
    )
    .await;
    let last = issue(&admin, &["customers:read"]).await;
    let body = json!({"name": "one too many", "permissions": ["customers:read"]});
    admin.post("/auth/api-tokens", body.clone()).await.refused(409, "too_many_api_tokens");
    assert_eq!(app.count("api_tokens").await, 100);
    admin.delete(&format!("/auth/api-tokens/{}", id(&last))).await.expect(204);
    admin.post("/auth/api-tokens", body).await.expect(201);
}

#[scenario]
async fn an_administrator_sees_and_revokes_the_script_tokens_of_others(app: &App) {
    let admin = app.admin().await;
    let (anna_id, vera_id) =
        (id(&hire(&admin, "anna", "operator").await), id(&hire(&admin, "vera", "operator").await));
    let anna = bearer(app, &pair(app, "anna").await);
    let issued = issue(&anna, &["customers:read"]).await;
    let (token, path) = (id(&issued), format!("/users/{anna_id}/api-tokens"));
    let listed = admin.get(&path).await;
    assert!(!listed.text.contains("tcrm_"));
    let listed = listed.expect(200);
    assert_eq!((&listed["count"], &listed["results"][0]["name"]), (&json!(1), &json!("nightly export")));
    assert_eq!(admin.get(&format!("/users/{vera_id}/api-tokens")).await.expect(200)["count"], 0);
    admin.get("/users/999/api-tokens").await.refused(404, "user_not_found");

    anna.get(&path).await.refused(403, "permission_missing");
    anna.delete(&format!("{path}/{token}")).await.refused(403, "permission_missing");
    // a token is found only under its owner
    admin.delete(&format!("/users/{vera_id}/api-tokens/{token}")).await.refused(404, "api_token_not_found");
    admin.delete(&format!("{path}/999")).await.refused(404, "api_token_not_found");
    script(app, &issued).get("/customers").await.expect(200);

    admin.delete(&format!("{path}/{token}")).await.expect(204);
    script(app, &issued).get("/customers").await.refused(401, "token_revoked");
    admin.delete(&format!("{path}/{token}")).await.refused(404, "api_token_not_found");
    assert_eq!(anna.get("/auth/api-tokens").await.expect(200)["count"], 0);
    let row = trail(&admin, "action=api_token.revoked").await.remove(0);
    assert_eq!((&row["actor"], &row["after"]["user_id"]), (&json!("admin"), &json!(anna_id)));
}
