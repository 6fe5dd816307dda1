//! The caller's own sessions and profile.

use chrono::TimeDelta;
use serde_json::json;

use super::{bearer, hire, pair, permissions, refresh, trail};
use crate::harness::{App, id, scenario};

#[scenario]
async fn signing_out_ends_this_session_only(app: &App) {
    let (here, there) = (pair(app, "admin").await, pair(app, "admin").await);
    let reply = bearer(app, &here).post("/auth/logout", json!({})).await;
    assert_eq!(reply.text, "");
    reply.expect(204);
    bearer(app, &here).get("/auth/me").await.refused(401, "session_ended");
    bearer(app, &here).post("/auth/logout", json!({})).await.refused(401, "session_ended");
    refresh(app, &here["refresh"]).await.refused(401, "session_ended");
    bearer(app, &there).get("/auth/me").await.expect(200);
    refresh(app, &there["refresh"]).await.expect(200);
    assert_eq!(trail(&bearer(app, &there), "action=auth.signed_out").await.len(), 1);
}

#[scenario]
async fn signing_out_everywhere_ends_all_of_ones_own_sessions_and_nobody_elses(app: &App) {
    let admin = app.admin().await;
    hire(&admin, "anna", "employee").await;
    let annas = [pair(app, "anna").await, pair(app, "anna").await];
    bearer(app, &annas[0]).post("/auth/logout-all", json!({})).await.expect(204);
    for pair in &annas {
        bearer(app, pair).get("/auth/me").await.refused(401, "session_ended");
        refresh(app, &pair["refresh"]).await.refused(401, "session_ended");
    }
    assert_eq!(trail(&admin, "action=auth.signed_out_everywhere").await[0]["after"]["sessions"], 2);
    bearer(app, &pair(app, "anna").await).get("/auth/me").await.expect(200);
}

#[scenario]
async fn one_sees_ones_own_open_sessions_the_newest_first(app: &App) {
    let admin = app.admin().await;
    hire(&admin, "anna", "employee").await;
    let phone = app.stranger().with("User-Agent", "Phone/1.0");
    let first = phone
        .post("/auth/login", json!({"username": "anna", "password": crate::harness::PASSWORD}))
        .await
        .expect(200);
    app.advance(TimeDelta::minutes(5));
    let second = pair(app, "anna").await;
    let over = pair(app, "anna").await;
    bearer(app, &over).post("/auth/logout", json!({})).await.expect(204);

    let seen = bearer(app, &second).get("/auth/sessions").await.expect(200);
    assert_eq!(seen["count"], 2);
    let (newest, oldest) = (&seen["results"][0], &seen["results"][1]);
    assert_eq!((&newest["is_current"], &oldest["is_current"]), (&json!(true), &json!(false)));
    assert_eq!((&oldest["user_agent"], &oldest["address"]), (&json!("Phone/1.0"), &json!("127.0.0.1")));
    assert!(oldest["created_at"].as_str() < newest["created_at"].as_str());
    bearer(app, &first).get("/auth/sessions?user=1").await.refused(400, "unknown_parameter");

    app.advance(TimeDelta::days(7) - TimeDelta::minutes(1));
    refresh(app, &second["refresh"]).await.expect(200);
    let admin = app.admin().await;
    assert_eq!(
        admin.get("/auth/sessions").await.expect(200)["count"],
        1,
        "expired sessions are not included in the list"
    );
}

#[scenario]
async fn one_ends_ones_own_sessions_and_nobody_elses(app: &App) {
    let admin = app.admin().await;
    hire(&admin, "anna", "employee").await;
    let (here, there) = (pair(app, "anna").await, pair(app, "anna").await);
    let anna = bearer(app, &here);
    let of_admin = id(&admin.get("/auth/sessions").await.expect(200)["results"][0]);
    anna.delete(&format!("/auth/sessions/{of_admin}")).await.refused(404, "session_not_found");
    anna.delete("/auth/sessions/0").await.expect(404);
    admin.get("/auth/me").await.expect(200);

    let sessions = anna.get("/auth/sessions").await.expect(200);
    let other = sessions["results"]
        .as_array()
        .unwrap()
        .iter()
        .find(|session| session["is_current"] == false)
        .unwrap();
    let path = format!("/auth/sessions/{}", id(other));
    anna.delete(&path).await.expect(204);
    bearer(app, &there).get("/auth/me").await.refused(401, "session_ended");
    refresh(app, &there["refresh"]).await.refused(401, "session_ended");
    anna.delete(&path).await.refused(404, "session_not_found");
    let this = id(&anna.get("/auth/sessions").await.expect(200)["results"][0]);
    anna.delete(&format!("/auth/sessions/{this}")).await.expect(204);
    anna.get("/auth/me").await.refused(401, "session_ended");
    assert_eq!(trail(&admin, "action=auth.session_ended").await.len(), 2);
}

#[scenario]
async fn one_sees_who_one_is_and_what_one_may_do(app: &App) {
    let admin = app.admin().await;
    let anna = id(&hire(&admin, "anna", "employee").await);
    admin
        .patch(&format!("/users/{anna}"), json!({"email": "anna@example.com", "phone": "+79161234567"}))
        .await
        .expect(200);
    let rights = json!({"granted": ["payments:refund"], "denied": ["sims:read"]});
    admin.put(&format!("/users/{anna}/permissions"), rights).await.expect(200);
    let tokens = pair(app, "anna").await;
    let anna = bearer(app, &tokens);
    let me = anna.get("/auth/me").await.expect(200);
    assert_eq!(
        (&me["username"], &me["full_name"], &me["role"]),
        (&json!("anna"), &json!("Анна Иванова"), &json!("employee"))
    );
    assert_eq!(
        (&me["role_title"], &me["email"], &me["phone"]),
        (&json!("Сотрудник"), &json!("anna@example.com"), &json!("+79161234567"))
    );
    let may = [
        "customers:read",
        "tariffs:read",
        "contracts:read",
        "payments:read",
        "payments:refund",
        "tickets:read",
        "tickets:write",
    ];
    assert_eq!(permissions(&anna).await, may);
    assert_eq!(me, tokens["user"]);
}
