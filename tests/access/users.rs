//! Staff users: creating, changing, blocking and deleting them.

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::join;
use serde_json::{Value, json};

use super::{
    OTHER_PASSWORD, bearer, everything_in, hire, login, pair, permissions, refresh, role, trail, user,
};
use crate::harness::{App, PASSWORD, Reply, id, scenario};

fn wrong(reply: &Reply) -> Vec<String> {
    reply.wrong_fields().into_iter().map(|(pointer, code)| format!("{pointer} {code}")).collect()
}

fn names(page: &Value) -> Vec<&str> {
    page["results"].as_array().unwrap().iter().map(|user| user["username"].as_str().unwrap()).collect()
}

#[scenario]
async fn a_user_is_made_read_changed_and_deleted(app: &App) {
    let admin = app.admin().await;
    let reply = admin
        .post(
            "/users",
            json!({
                "username": "A.Ivanova", "full_name": "Анна Иванова", "email": "anna@example.com",
                "phone": "+79161234567", "role": "operator", "valid_from": "2026-01-01T00:00:00Z",
                "valid_until": "2027-01-01T03:00:00+03:00", "password": PASSWORD
            }),
        )
        .await;
    let location = reply.header("location").to_owned();
    let made = reply.expect(201);
    assert_eq!(location, format!("/api/v1/users/{}", id(&made)));
    assert_eq!(
        (&made["username"], &made["is_active"], &made["version"]),
        (&json!("A.Ivanova"), &json!(true), &json!(1))
    );
    assert_eq!(
        (&made["is_blocked"], &made["is_locked"], &made["last_login_at"]),
        (&json!(false), &json!(false), &json!(null))
    );
    assert_eq!(
        made["valid_until"].as_str().unwrap().parse::<DateTime<Utc>>().unwrap(),
        "2027-01-01T00:00:00Z".parse::<DateTime<Utc>>().unwrap()
    );

    let read = admin.get(&location).await;
    let tag = read.header("etag").to_owned();
    assert_eq!(read.expect(200), made);
    admin.with("If-None-Match", &tag).get(&location).await.expect(304);
    let patched =
        admin.patch(&location, json!({"full_name": "Анна Петрова", "email": null})).await.expect(200);
    assert_eq!(
        (&patched["full_name"], &patched["email"], &patched["phone"]),
        (&json!("Анна Петрова"), &json!(null), &made["phone"])
    );
    assert_eq!(patched["version"], 2);
    let put = json!({"username": "anna", "full_name": "Анна Сидорова", "role": "employee"});
    let replaced = admin.put(&location, put).await.expect(200);
    assert_eq!(
        (&replaced["username"], &replaced["role"], &replaced["phone"]),
        (&json!("anna"), &json!("employee"), &json!(null))
    );
    assert_eq!((&replaced["valid_until"], &replaced["is_active"]), (&json!(null), &json!(true)));
    // a request without differences changes nothing
    assert_eq!(
        admin.patch(&location, json!({"role": "employee"})).await.expect(200)["version"],
        replaced["version"]
    );
    login(app, "A.Ivanova", PASSWORD).await.refused(401, "sign_in_failed");
    login(app, "anna", PASSWORD).await.expect(200);

    admin.delete(&location).await.expect(204);
    admin.get(&location).await.refused(404, "user_not_found");
    admin.delete(&location).await.refused(404, "user_not_found");
    login(app, "anna", PASSWORD).await.refused(401, "sign_in_failed");
    assert_eq!(app.count("sessions").await, 1, "the administrator's session");
    let rows = trail(&admin, &format!("entity=user&entity_id={}&ordering=seq", id(&made))).await;
    let actions: Vec<&str> = rows.iter().map(|row| row["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["user.created", "user.updated", "user.updated", "user.deleted"]);
    assert_eq!((&rows[3]["before"]["username"], &rows[3]["after"]), (&json!("anna"), &json!(null)));
}

#[scenario]
async fn every_wrong_field_of_a_new_user_is_named_at_once_and_no_user_is_made(app: &App) {
    let admin = app.admin().await;
    let reply = admin.post("/users", json!({
        "username": "анна", "full_name": "", "email": "nowhere", "phone": "8916123", "role": "operator",
        "is_active": "yes", "valid_from": "2026-02-01T00:00:00Z", "valid_until": "2026-02-01T00:00:00Z",
        "password": "short", "is_admin": true
    })).await;
    let fields = [
        "/email invalid_email",
        "/full_name invalid_length",
        "/is_active invalid_type",
        "/is_admin unknown_field",
        "/password invalid_length",
        "/phone invalid_phone",
        "/username invalid_format",
        "/valid_until ends_before_begin",
    ];
    assert_eq!(wrong(&reply), fields);
    reply.refused(422, "invalid");
    let nothing = admin.post("/users", json!({})).await;
    assert_eq!(
        wrong(&nothing),
        ["/full_name required", "/password required", "/role required", "/username required"]
    );
    let no_role = admin
        .post(
            "/users",
            json!({"username": "anna", "full_name": "Анна", "role": "wizard", "password": PASSWORD}),
        )
        .await;
    assert_eq!(wrong(&no_role), ["/role not_found"]);
    no_role.refused(422, "invalid");
    assert_eq!(app.count("users").await, 1);
}

#[scenario]
async fn a_user_name_is_unique_whatever_its_case(app: &App) {
    let admin = app.admin().await;
    let anna = id(&hire(&admin, "Anna", "operator").await);
    let boris = id(&hire(&admin, "boris", "operator").await);
    let again = json!({"username": "aNNA", "full_name": "Анна", "role": "operator", "password": PASSWORD});
    admin.post("/users", again).await.refused(409, "username_taken");
    admin.patch(&format!("/users/{boris}"), json!({"username": "ANNA"})).await.refused(409, "username_taken");
    assert_eq!((app.count("users").await, &user(&admin, boris).await["username"]), (3, &json!("boris")));
    let twin =
        |name: &str| json!({"username": name, "full_name": "Вера", "role": "operator", "password": PASSWORD});
    let (one, other) = join(admin.post("/users", twin("vera")), admin.post("/users", twin("VERA"))).await;
    let late = if one.status == 201 { other } else { one };
    late.refused(409, "username_taken");
    assert_eq!(app.count("users").await, 4);
    // a user's own name may change its case
    assert_eq!(
        admin.patch(&format!("/users/{anna}"), json!({"username": "ANNA"})).await.expect(200)["username"],
        "ANNA"
    );
}

#[scenario]
async fn what_a_client_read_it_may_send_back_but_read_only_fields_do_not_change(app: &App) {
    let admin = app.admin().await;
    let anna = hire(&admin, "anna", "operator").await;
    let path = format!("/users/{}", id(&anna));
    assert_eq!(admin.put(&path, anna.clone()).await.expect(200), anna);
    assert_eq!(admin.patch(&path, anna.clone()).await.expect(200), anna);
    let reply = admin
        .patch(
            &path,
            json!({
                "id": 1, "version": 7, "is_blocked": true, "granted": ["system:manage"],
                "last_login_at": "2026-01-01T00:00:00Z", "password": OTHER_PASSWORD, "password_hash": "x",
                "full_name": "Анна Другая"
            }),
        )
        .await;
    let fields = [
        "/granted read_only",
        "/id read_only",
        "/is_blocked read_only",
        "/last_login_at read_only",
        "/password unknown_field",
        "/password_hash unknown_field",
        "/version read_only",
    ];
    assert_eq!(wrong(&reply), fields);
    reply.refused(422, "invalid");
    let reply = admin
        .put(
            &path,
            json!({"username": "anna", "full_name": "Анна", "role": "operator", "password": OTHER_PASSWORD}),
        )
        .await;
    assert_eq!(wrong(&reply), ["/password unknown_field"]);
    assert_eq!(user(&admin, id(&anna)).await, anna);
    login(app, "anna", PASSWORD).await.expect(200);
}

#[scenario]
async fn a_stale_if_match_changes_nothing(app: &App) {
    let admin = app.admin().await;
    let anna = hire(&admin, "anna", "operator").await;
    let path = format!("/users/{}", id(&anna));
    let stale = admin.with("If-Match", admin.get(&path).await.header("etag"));
    let fresh = admin.patch(&path, json!({"full_name": "Анна Петрова"})).await;
    let tag = fresh.header("etag").to_owned();
    let changed = fresh.expect(200);
    stale.patch(&path, json!({"full_name": "Анна Сидорова"})).await.refused(412, "stale_version");
    stale
        .put(&path, json!({"username": "anna", "full_name": "Анна", "role": "admin"}))
        .await
        .refused(412, "stale_version");
    stale
        .put(&format!("{path}/permissions"), json!({"granted": ["customers:export"], "denied": []}))
        .await
        .refused(412, "stale_version");
    stale.delete(&path).await.refused(412, "stale_version");
    assert_eq!(user(&admin, id(&anna)).await, changed);
    let fresh = admin.with("If-Match", tag);
    let (one, other) = join(
        fresh.patch(&path, json!({"full_name": "Анна Первая"})),
        fresh.patch(&path, json!({"full_name": "Анна Вторая"})),
    )
    .await;
    let (first, second) = if one.status == 200 { (one, other) } else { (other, one) };
    second.refused(412, "stale_version");
    let tag = first.header("etag").to_owned();
    assert_eq!(user(&admin, id(&anna)).await, first.expect(200));
    admin.with("If-Match", tag).delete(&path).await.expect(204);
}

#[scenario]
async fn users_are_listed_filtered_searched_and_ordered(app: &App) {
    let admin = app.admin().await;
    app.advance(TimeDelta::hours(1));
    hire(&admin, "boris", "operator").await;
    app.advance(TimeDelta::hours(1));
    let zoya = json!({
        "username": "zoya", "full_name": "Зоя Ёлкина", "role": "employee", "email": "zoya@example.com",
        "phone": "+79160000001", "is_active": false, "password": PASSWORD
    });
    admin.post("/users", zoya).await.expect(201);
    let list = async |query: &str| admin.get(&format!("/users?{query}")).await.expect(200);
    assert_eq!(names(&list("").await), ["admin", "boris", "zoya"]);
    assert_eq!(names(&list("ordering=-username").await), ["zoya", "boris", "admin"]);
    assert_eq!(names(&list("ordering=-created_at").await), ["zoya", "boris", "admin"]);
    assert_eq!(names(&list("role=employee").await), ["zoya"]);
    assert_eq!(names(&list("role=wizard").await), [""; 0]);
    assert_eq!(names(&list("is_active=false").await), ["zoya"]);
    for search in ["ёЛКИ", "ZOY", "@example", "0000001"] {
        assert_eq!(names(&list(&format!("search={search}")).await), ["zoya"], "{search}");
    }
    assert_eq!(names(&list("search=%25").await), [""; 0]);
    assert_eq!(
        names(&list("created_at_after=2026-01-31T10:00:00Z&created_at_before=2026-01-31T10:00:00Z").await),
        ["boris"]
    );
    let page = list("page_size=2").await;
    assert_eq!((names(&page), &page["count"]), (vec!["admin", "boris"], &json!(3)));
    admin.get("/users?password=x").await.refused(400, "unknown_parameter");
}

#[scenario]
async fn a_block_ends_the_sessions_and_lifts_itself_at_its_end(app: &App) {
    let admin = app.admin().await;
    let anna = id(&hire(&admin, "anna", "operator").await);
    let tokens = pair(app, "anna").await;
    let path = format!("/users/{anna}");
    let until = (app.clock.now() + TimeDelta::days(3)).to_rfc3339();
    let blocked =
        admin.post(&format!("{path}/block"), json!({"until": until, "reason": "Отпуск"})).await.expect(200);
    assert_eq!(
        (&blocked["is_blocked"], &blocked["block_reason"], &blocked["is_active"]),
        (&json!(true), &json!("Отпуск"), &json!(true))
    );
    bearer(app, &tokens).get("/auth/me").await.refused(401, "account_disabled");
    refresh(app, &tokens["refresh"]).await.refused(401, "session_ended");
    login(app, "anna", PASSWORD).await.refused(401, "sign_in_failed");
    admin.post(&format!("{path}/block"), json!({"reason": "Ещё раз"})).await.refused(409, "already_blocked");
    assert_eq!(user(&admin, anna).await, blocked);

    app.advance(TimeDelta::days(3) - TimeDelta::seconds(1));
    let admin = app.admin().await;
    login(app, "anna", PASSWORD).await.refused(401, "sign_in_failed");
    app.advance(TimeDelta::seconds(1));
    let free = user(&admin, anna).await;
    assert_eq!(
        (&free["is_blocked"], &free["blocked_until"], &free["block_reason"]),
        (&json!(false), &json!(null), &json!(null))
    );
    bearer(app, &tokens).get("/auth/me").await.expect(401);
    login(app, "anna", PASSWORD).await.expect(200);
    admin.post(&format!("{path}/unblock"), json!({})).await.refused(409, "not_blocked");
    admin.post(&format!("{path}/block"), json!({"reason": "Опять"})).await.expect(200);
}

#[scenario]
async fn a_block_says_why_and_ends_in_the_future_if_at_all(app: &App) {
    let admin = app.admin().await;
    let anna = hire(&admin, "anna", "operator").await;
    let path = format!("/users/{}/block", id(&anna));
    let reply = admin.post(&path, json!({"until": app.clock.now().to_rfc3339()})).await;
    assert_eq!(wrong(&reply), ["/reason required", "/until in_the_past"]);
    reply.refused(422, "invalid");
    let reply = admin.post(&path, json!({"until": "tomorrow", "reason": ""})).await;
    assert_eq!(wrong(&reply), ["/reason invalid_length", "/until invalid_format"]);
    admin.post("/users/999/block", json!({"reason": "Нет такого"})).await.refused(404, "user_not_found");
    assert_eq!(user(&admin, id(&anna)).await, anna);
    let reply = admin.post(&path, json!({"reason": "Без срока"})).await.expect(200);
    assert_eq!(reply["blocked_until"], json!(null));
    app.advance(TimeDelta::days(4000));
    login(app, "anna", PASSWORD).await.refused(401, "sign_in_failed");
    let admin = app.admin().await;
    admin.post(&format!("/users/{}/unblock", id(&anna)), json!({})).await.expect(200);
    login(app, "anna", PASSWORD).await.expect(200);
}

#[scenario]
async fn whom_other_records_name_is_not_deleted(app: &App) {
    let admin = app.admin().await;
    let anna = id(&hire(&admin, "anna", "operator").await);
    let caller = bearer(app, &pair(app, "anna").await);
    let customer = caller.customer().await;
    let ticket = json!({
        "customer_id": customer, "category": "technical", "subject": "Нет связи", "description": "С утра"
    });
    caller.post("/tickets", ticket).await.expect(201);
    admin.delete(&format!("/users/{anna}")).await.refused(409, "user_in_use");
    caller.get("/auth/me").await.expect(200);
    assert_eq!(trail(&admin, "action=user.deleted").await.len(), 0);
}

#[scenario]
async fn whoever_only_reads_users_changes_none(app: &App) {
    let admin = app.admin().await;
    hire(&admin, "olga", "supervisor").await;
    let anna = id(&hire(&admin, "anna", "operator").await);
    let olga = bearer(app, &pair(app, "olga").await);
    let before = everything_in(app, &["users", "user_permissions"]).await;
    olga.get(&format!("/users/{anna}")).await.expect(200);
    let new = json!({"username": "boris", "full_name": "Борис", "role": "employee", "password": PASSWORD});
    for refused in [
        olga.post("/users", new).await,
        olga.patch(&format!("/users/{anna}"), json!({"full_name": "Другая"})).await,
        olga.delete(&format!("/users/{anna}")).await,
        olga.put(&format!("/users/{anna}/permissions"), json!({"granted": [], "denied": ["sims:read"]}))
            .await,
        olga.post(&format!("/users/{anna}/block"), json!({"reason": "Так"})).await,
        olga.post(&format!("/users/{anna}/unblock"), json!({})).await,
        olga.post(&format!("/users/{anna}/reset-password"), json!({"password": OTHER_PASSWORD})).await,
    ] {
        assert!(
            refused.refused(403, "permission_missing")["detail"].as_str().unwrap().contains("users:manage")
        );
    }
    assert_eq!(everything_in(app, &["users", "user_permissions"]).await, before);
}

#[scenario]
async fn single_grants_and_denials_replace_those_there_were(app: &App) {
    let admin = app.admin().await;
    let anna = id(&hire(&admin, "anna", "operator").await);
    let path = format!("/users/{anna}/permissions");
    let first = admin
        .put(&path, json!({"granted": ["payments:refund", "audit:read"], "denied": ["sims:puk"]}))
        .await
        .expect(200);
    assert_eq!(
        (&first["granted"], &first["denied"]),
        (&json!(["payments:refund", "audit:read"]), &json!(["sims:puk"]))
    );
    let second = admin.put(&path, json!({"granted": ["audit:read"], "denied": []})).await.expect(200);
    assert_eq!(
        (&second["granted"], &second["denied"], &second["version"]),
        (&json!(["audit:read"]), &json!([]), &json!(3))
    );
    let reply = admin.put(&path, json!({"granted": ["sims:puk", "sims:own"], "denied": ["sims:puk"]})).await;
    assert_eq!(wrong(&reply), ["/granted/1 unknown_permission"]);
    let reply = admin.put(&path, json!({"granted": ["sims:puk"], "denied": ["sims:puk"]})).await;
    assert_eq!(wrong(&reply), ["/denied/0 granted_and_denied"]);
    let reply = admin.put(&path, json!({"denied": []})).await;
    assert_eq!(wrong(&reply), ["/granted required"]);
    assert_eq!(user(&admin, anna).await, second);
    let rows = trail(&admin, "action=user.permissions_changed").await;
    assert_eq!(
        (rows.len(), &rows[0]["before"]["denied"], &rows[0]["after"]["denied"]),
        (2, &json!(["sims:puk"]), &json!([]))
    );
    // a single grant is kept when the role changes
    role(&admin, "nothing", &[]).await;
    admin.patch(&format!("/users/{anna}"), json!({"role": "nothing"})).await.expect(200);
    assert_eq!(permissions(&bearer(app, &pair(app, "anna").await)).await, ["audit:read"]);
}
