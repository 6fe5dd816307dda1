//! Roles, permissions, and who may grant what to whom.

use acl::Permission;
use futures_util::future::join;
use serde_json::{Value, json};

use super::{OTHER_PASSWORD, bearer, everything_in, hire, login, pair, permissions, role, trail};
use crate::harness::{App, Client, PASSWORD, id, scenario};

const RIGHTS: [&str; 4] = ["users", "user_permissions", "roles", "role_permissions"];

/// The permissions that the specification gives the built-in roles, but for the administrators, who have all.
const EMPLOYEE: [&str; 7] = [
    "customers:read",
    "sims:read",
    "tariffs:read",
    "contracts:read",
    "payments:read",
    "tickets:read",
    "tickets:write",
];
const OPERATOR: [&str; 21] = [
    "customers:read",
    "customers:write",
    "customers:pii",
    "customers:import",
    "sims:read",
    "sims:write",
    "sims:status",
    "sims:puk",
    "sims:import",
    "tariffs:read",
    "contracts:read",
    "contracts:write",
    "contracts:activate",
    "contracts:hold",
    "payments:read",
    "payments:take",
    "billing:read",
    "tickets:read",
    "tickets:write",
    "tickets:work",
    "notifications:read",
];
const SUPERVISOR: [&str; 28] = [
    "customers:read",
    "customers:merge",
    "customers:pii",
    "customers:export",
    "sims:read",
    "sims:export",
    "tariffs:read",
    "tariffs:write",
    "tariffs:export",
    "contracts:read",
    "contracts:hold",
    "contracts:terminate",
    "contracts:export",
    "payments:read",
    "payments:refund",
    "payments:correct",
    "payments:reconcile",
    "payments:export",
    "billing:read",
    "tickets:read",
    "tickets:write",
    "tickets:work",
    "tickets:assign",
    "tickets:export",
    "reports:read",
    "notifications:read",
    "users:read",
    "audit:read",
];

async fn role_id(admin: &Client, name: &str) -> i64 {
    let page = admin.get("/roles").await.expect(200);
    id(page["results"].as_array().unwrap().iter().find(|role| role["name"] == name).unwrap())
}

/// Signs in a user who manages users and roles and has few other permissions.
async fn personnel(app: &App) -> Client {
    let admin = app.admin().await;
    role(&admin, "personnel", &["users:read", "users:manage", "roles:manage", "customers:read"]).await;
    hire(&admin, "olga", "personnel").await;
    bearer(app, &pair(app, "olga").await)
}

#[scenario]
async fn a_role_is_made_read_changed_and_deleted(app: &App) {
    let admin = app.admin().await;
    let twice = ["payments:take", "customers:read", "payments:take"];
    let body = json!({
        "name": "cashier", "title": "Кассир", "description": "Принимает платежи", "permissions": twice
    });
    let reply = admin.post("/roles", body).await;
    let location = reply.header("location").to_owned();
    let made = reply.expect(201);
    assert_eq!(location, format!("/api/v1/roles/{}", id(&made)));
    assert_eq!(
        (&made["permissions"], &made["is_builtin"], &made["users_count"]),
        (&json!(["customers:read", "payments:take"]), &json!(false), &json!(0))
    );
    let read = admin.get(&location).await;
    let tag = read.header("etag").to_owned();
    assert_eq!(read.expect(200), made);
    admin.with("If-None-Match", &tag).get(&location).await.expect(304);

    let patched = admin.patch(&location, json!({"title": "Старший кассир"})).await.expect(200);
    assert_eq!(
        (&patched["title"], &patched["permissions"], &patched["version"]),
        (&json!("Старший кассир"), &made["permissions"], &json!(2))
    );
    let replaced =
        admin.put(&location, json!({"name": "till", "title": "Касса", "permissions": []})).await.expect(200);
    assert_eq!(
        (&replaced["name"], &replaced["description"], &replaced["permissions"]),
        (&json!("till"), &json!(""), &json!([]))
    );
    assert_eq!(
        admin.put(&location, replaced.clone()).await.expect(200),
        replaced,
        "a role as read can be sent back"
    );
    admin
        .with("If-Match", &tag)
        .patch(&location, json!({"title": "Поздно"}))
        .await
        .refused(412, "stale_version");
    admin.with("If-Match", &tag).delete(&location).await.refused(412, "stale_version");
    assert_eq!(admin.get(&location).await.expect(200), replaced);
    admin.delete(&location).await.expect(204);
    admin.get(&location).await.refused(404, "role_not_found");
    let rows = trail(&admin, &format!("entity=role&entity_id={}", id(&made))).await;
    let actions: Vec<&str> = rows.iter().map(|row| row["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["role.deleted", "role.updated", "role.updated", "role.created"]);
    assert_eq!(
        (&rows[1]["before"]["permissions"], &rows[1]["after"]["permissions"]),
        (&made["permissions"], &json!([]))
    );
}

#[scenario]
async fn roles_are_listed_filtered_and_searched(app: &App) {
    let admin = app.admin().await;
    role(&admin, "cashier", &["payments:take"]).await;
    let names = async |query: &str| {
        let page = admin.get(&format!("/roles?{query}")).await.expect(200);
        page["results"]
            .as_array()
            .unwrap()
            .iter()
            .map(|role| role["name"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(names("").await, ["admin", "cashier", "employee", "operator", "supervisor"]);
    assert_eq!(names("is_builtin=false").await, ["cashier"]);
    assert_eq!(names("search=СОТРУД").await, ["employee"]);
    let page = admin.get("/roles?is_builtin=true&ordering=-name").await.expect(200);
    let admins = page["results"].as_array().unwrap().last().unwrap();
    assert_eq!(
        (&admins["users_count"], admins["permissions"].as_array().unwrap().len()),
        (&json!(1), Permission::ALL.len())
    );
}

#[scenario]
async fn the_built_in_roles_begin_with_what_the_specification_gives_them(app: &App) {
    let admin = app.admin().await;
    let page = admin.get("/roles?is_builtin=true").await.expect(200);
    let held = |name: &str| {
        let role = page["results"].as_array().unwrap().iter().find(|role| role["name"] == name).unwrap();
        role["permissions"]
            .as_array()
            .unwrap()
            .iter()
            .map(|name| name.as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(held("employee"), EMPLOYEE);
    assert_eq!(held("operator"), OPERATOR);
    assert_eq!(held("supervisor"), SUPERVISOR);
    assert_eq!(held("admin").len(), Permission::ALL.len());
}

#[scenario]
async fn built_in_roles_keep_their_names_and_stay_and_the_administrators_is_not_edited(app: &App) {
    let admin = app.admin().await;
    let (admins, operators) = (role_id(&admin, "admin").await, role_id(&admin, "operator").await);
    let before = everything_in(app, &RIGHTS).await;
    for id in [admins, operators] {
        admin.delete(&format!("/roles/{id}")).await.refused(409, "builtin_role");
        admin.patch(&format!("/roles/{id}"), json!({"name": "renamed"})).await.refused(409, "builtin_role");
    }
    admin.patch(&format!("/roles/{admins}"), json!({"title": "Хозяин"})).await.refused(409, "builtin_role");
    admin
        .patch(&format!("/roles/{admins}"), json!({"permissions": ["customers:read"]}))
        .await
        .refused(409, "builtin_role");
    assert_eq!(everything_in(app, &RIGHTS).await, before);
    let edited = admin
        .patch(
            &format!("/roles/{operators}"),
            json!({"title": "Оператор зала", "permissions": ["customers:read"]}),
        )
        .await
        .expect(200);
    assert_eq!(
        (&edited["title"], &edited["permissions"], &edited["is_builtin"]),
        (&json!("Оператор зала"), &json!(["customers:read"]), &json!(true))
    );
}

#[scenario]
async fn a_role_that_somebody_has_is_not_deleted(app: &App) {
    let admin = app.admin().await;
    let cashiers = role(&admin, "cashier", &["payments:take"]).await;
    let path = format!("/roles/{}", id(&cashiers));
    let anna = hire(&admin, "anna", "cashier").await;
    assert_eq!(admin.get(&path).await.expect(200)["users_count"], 1);
    admin.delete(&path).await.refused(409, "role_in_use");
    assert_eq!(permissions(&bearer(app, &pair(app, "anna").await)).await, ["payments:take"]);
    admin.patch(&format!("/users/{}", id(&anna)), json!({"role": "employee"})).await.expect(200);
    admin.delete(&path).await.expect(204);
}

#[scenario]
async fn a_role_that_is_deleted_and_given_at_once_is_either_gone_or_kept(app: &App) {
    let admin = app.admin().await;
    for round in 0..8 {
        let name = format!("role{round}");
        let made = id(&role(&admin, &name, &["payments:take"]).await);
        let new = json!({
            "username": format!("user{round}"), "full_name": "Анна", "role": name, "password": PASSWORD
        });
        let path = format!("/roles/{made}");
        let (deleted, hired) = join(admin.delete(&path), admin.post("/users", new)).await;
        match (deleted.status, hired.status) {
            (204, 422) => assert_eq!(hired.wrong_fields(), [("/role".to_owned(), "not_found".to_owned())]),
            (409, 201) => drop(deleted.refused(409, "role_in_use")),
            _ => panic!("{} {}", deleted.text, hired.text),
        }
    }
}

#[scenario]
async fn what_is_wrong_with_a_role_is_named_and_nothing_made(app: &App) {
    let admin = app.admin().await;
    let cashiers = role(&admin, "cashier", &["payments:take"]).await;
    let path = format!("/roles/{}", id(&cashiers));
    let before = everything_in(app, &RIGHTS).await;
    let wrong = async |body: Value, fields: &[(&str, &str)]| {
        let reply = admin.post("/roles", body).await;
        let found = reply.wrong_fields();
        assert_eq!(
            found.iter().map(|(pointer, code)| (pointer.as_str(), code.as_str())).collect::<Vec<_>>(),
            fields,
            "{}",
            reply.asked
        );
        reply.refused(422, "invalid");
    };
    wrong(json!({}), &[("/name", "required"), ("/permissions", "required"), ("/title", "required")]).await;
    wrong(
        json!({"name": "Cashier", "title": "", "permissions": ["cash:take"], "users": 7}),
        &[
            ("/name", "invalid_format"),
            ("/permissions/0", "unknown_permission"),
            ("/title", "invalid_length"),
            ("/users", "unknown_field"),
        ],
    )
    .await;
    wrong(json!({"name": "1st", "title": "x", "permissions": []}), &[("/name", "invalid_format")]).await;
    wrong(json!({"name": "x", "title": "x", "permissions": []}), &[("/name", "invalid_length")]).await;
    admin
        .post("/roles", json!({"name": "cashier", "title": "x", "permissions": []}))
        .await
        .refused(409, "role_name_taken");
    admin
        .post("/roles", json!({"name": "admin", "title": "x", "permissions": []}))
        .await
        .refused(409, "role_name_taken");
    admin.patch(&path, json!({"name": "operator"})).await.refused(409, "role_name_taken");
    let reply =
        admin.patch(&path, json!({"users_count": 5, "is_builtin": true, "id": 1, "colour": "red"})).await;
    assert_eq!(reply.wrong_fields().len(), 4, "{}", reply.text);
    reply.refused(422, "invalid");
    assert_eq!(everything_in(app, &RIGHTS).await, before);
}

#[scenario]
async fn nobody_gives_in_any_way_what_they_do_not_hold(app: &App) {
    let olga = personnel(app).await;
    let admin = app.admin().await;
    let (personnel, clerks) =
        (role_id(&admin, "personnel").await, id(&role(&admin, "clerk", &["customers:read"]).await));
    let clerk = id(&hire(&admin, "clerk", "clerk").await);
    let operator = id(&hire(&admin, "boris", "operator").await);
    let holder = json!({"granted": [], "denied": ["customers:write"]});
    admin.put(&format!("/users/{operator}/permissions"), holder).await.expect(200);
    let boris = bearer(app, &pair(app, "boris").await);
    let before = everything_in(app, &RIGHTS).await;

    let new =
        |role: &str| json!({"username": "victor", "full_name": "Виктор", "role": role, "password": PASSWORD});
    let singles = |granted: &[&str], denied: &[&str]| json!({"granted": granted, "denied": denied});
    for refused in [
        olga.post(
            "/roles",
            json!({"name": "loot", "title": "x", "permissions": ["customers:read", "payments:refund"]}),
        )
        .await,
        olga.patch(
            &format!("/roles/{clerks}"),
            json!({"permissions": ["customers:read", "payments:refund"]}),
        )
        .await,
        olga.put(
            &format!("/roles/{personnel}"),
            json!({"name": "personnel", "title": "x", "permissions": ["users:manage", "system:manage"]}),
        )
        .await,
        olga.post("/users", new("operator")).await,
        olga.post("/users", new("admin")).await,
        olga.patch(&format!("/users/{clerk}"), json!({"role": "employee"})).await,
        olga.put(&format!("/users/{clerk}/permissions"), singles(&["customers:write"], &[])).await,
        // lifting a denial also grants, and so does a single grant of what the role already grants
        olga.put(&format!("/users/{operator}/permissions"), singles(&[], &[])).await,
        olga.put(&format!("/users/{operator}/permissions"), singles(&["sims:read"], &["customers:write"]))
            .await,
        // anyone who can set a password can use the account
        olga.post(&format!("/users/{operator}/reset-password"), json!({"password": OTHER_PASSWORD})).await,
        olga.post("/users/1/reset-password", json!({"password": OTHER_PASSWORD})).await,
    ] {
        assert!(
            refused.body["detail"].as_str().unwrap().contains(':'),
            "no permission is named: {}",
            refused.text
        );
        refused.refused(403, "grant_not_held");
    }
    assert_eq!(everything_in(app, &RIGHTS).await, before);
    boris.get("/auth/me").await.expect(200);
    admin.get("/auth/me").await.expect(200);
}

#[scenario]
async fn what_one_holds_one_may_give_and_anything_may_be_taken(app: &App) {
    let olga = personnel(app).await;
    let admin = app.admin().await;
    let (operators, operator) =
        (role_id(&admin, "operator").await, id(&hire(&admin, "boris", "operator").await));
    let readers = olga
        .post("/roles", json!({"name": "reader", "title": "Читатель", "permissions": ["customers:read"]}))
        .await
        .expect(201);
    let victor = json!({"username": "victor", "full_name": "Виктор", "role": "reader", "password": PASSWORD});
    let victor = id(&olga.post("/users", victor).await.expect(201));
    olga.put(&format!("/users/{victor}/permissions"), json!({"granted": ["users:read"], "denied": []}))
        .await
        .expect(200);
    olga.patch(&format!("/roles/{}", id(&readers)), json!({"permissions": ["users:read"]})).await.expect(200);
    olga.post(&format!("/users/{victor}/reset-password"), json!({"password": OTHER_PASSWORD}))
        .await
        .expect(200);
    login(app, "victor", OTHER_PASSWORD).await.expect(200);

    olga.put(&format!("/users/{operator}/permissions"), json!({"granted": [], "denied": ["sims:puk"]}))
        .await
        .expect(200);
    let less =
        json!({"title": "Оператор", "permissions": ["customers:read", "customers:write", "sims:read"]});
    olga.patch(&format!("/roles/{operators}"), less).await.expect(200);
    olga.patch(&format!("/users/{operator}"), json!({"full_name": "Борис Второй"})).await.expect(200);
    olga.patch(&format!("/users/{operator}"), json!({"role": "reader"})).await.expect(200);
    assert_eq!(permissions(&bearer(app, &pair(app, "boris").await)).await, ["users:read"]);
}

#[scenario]
async fn every_permission_has_a_sentence_in_both_languages(app: &App) {
    app.stranger().get("/permissions").await.refused(401, "not_signed_in");
    hire(&app.admin().await, "anna", "employee").await;
    let anna = bearer(app, &pair(app, "anna").await);
    let russian = anna.get("/permissions").await.expect(200);
    let english = anna.with("Accept-Language", "en-GB,ru;q=0.5").get("/permissions").await.expect(200);
    assert_eq!((&russian["count"], &russian["next"]), (&json!(Permission::ALL.len()), &json!(null)));
    let (russian, english) = (russian["results"].as_array().unwrap(), english["results"].as_array().unwrap());
    assert_eq!(russian.len(), Permission::ALL.len());
    for ((permission, russian), english) in Permission::ALL.iter().zip(russian).zip(english) {
        assert_eq!(
            (&russian["name"], &english["name"]),
            (&json!(permission.as_str()), &json!(permission.as_str()))
        );
        assert_eq!(english["description"], permission.sentence());
        let words = russian["description"].as_str().unwrap();
        assert!(
            words.chars().any(|letter| ('а'..='я').contains(&letter)) && words.ends_with('.'),
            "{permission}: {words}"
        );
    }
}
