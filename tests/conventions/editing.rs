//! Versions, conditional requests and edits of the editable resources.

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{App, Client, PASSWORD, id, person, prepaid, scenario, sim};

async fn role(admin: &Client) -> String {
    let new = json!({
        "name": "cashier", "title": "Кассир", "description": "Принимает платежи",
        "permissions": ["customers:read", "payments:take"]
    });
    format!("/roles/{}", id(&admin.post("/roles", new).await.expect(201)))
}

async fn user(admin: &Client) -> String {
    let new = json!({
        "username": "anna", "full_name": "Анна", "email": "anna@example.com", "phone": "+79161234567",
        "role": "operator", "password": PASSWORD, "valid_from": "2026-01-01T00:00:00Z",
        "valid_until": "2030-01-01T00:00:00.5Z"
    });
    format!("/users/{}", id(&admin.post("/users", new).await.expect(201)))
}

/// The resource, and the number of audit rows, neither of which a refused edit may change.
async fn standing(app: &App, admin: &Client, path: &str) -> (Value, i64) {
    (admin.get(path).await.expect(200), app.count("audit").await)
}

#[scenario]
async fn reading_one_gives_a_strong_tag_that_changes_with_every_change(app: &App) {
    let admin = app.admin().await;
    let path = role(&admin).await;
    let first = admin.get(&path).await;
    let tag = first.header("etag").to_owned();
    assert!(tag.starts_with("\"1-") && tag.ends_with('"') && tag.len() > 6, "{tag}");
    assert_eq!(admin.get(&path).await.header("etag"), tag);
    let changed = admin.patch(&path, json!({"title": "Главный кассир"})).await;
    assert_ne!(changed.header("etag"), tag);
    assert_eq!(changed.header("etag"), admin.get(&path).await.header("etag"));
    assert_eq!(changed.expect(200)["version"], 2);
}

#[scenario]
async fn what_the_caller_has_already_is_not_sent_again(app: &App) {
    let admin = app.admin().await;
    let path = role(&admin).await;
    let tag = admin.get(&path).await.header("etag").to_owned();
    let if_none_match = async |tags: &str| admin.with("if-none-match", tags).get(&path).await;
    for tags in [
        tag.clone(),
        format!("W/{tag}"),
        format!("\"other\", {tag}"),
        format!("\"other\",{tag} , \"third\""),
        "*".to_owned(),
    ] {
        let reply = if_none_match(&tags).await;
        assert_eq!(
            (reply.status, reply.text.as_str(), reply.header("etag")),
            (304, "", tag.as_str()),
            "{tags}"
        );
    }
    for tags in ["\"other\"", "W/\"other\"", "\"1-0000000000000000\"", "\"\""] {
        assert_eq!(if_none_match(tags).await.status, 200, "{tags}");
    }
    admin.patch(&path, json!({"title": "Другой"})).await.expect(200);
    assert_eq!(if_none_match(&tag).await.expect(200)["title"], "Другой");
    // `If-None-Match` applies to reads only
    let patched = admin.with("if-none-match", "*").patch(&path, json!({"title": "Третий"})).await;
    assert_eq!(patched.expect(200)["title"], "Третий");
}

#[scenario]
async fn an_edit_with_a_stale_tag_changes_nothing(app: &App) {
    let admin = app.admin().await;
    for (path, change, whole) in [
        (
            role(&admin).await,
            json!({"title": "x"}),
            json!({"name": "cashier", "title": "x", "permissions": []}),
        ),
        (
            user(&admin).await,
            json!({"full_name": "x"}),
            json!({"username": "anna", "full_name": "x", "role": "operator"}),
        ),
    ] {
        let stale = admin.get(&path).await.header("etag").to_owned();
        let field = if path.starts_with("/roles") { "description" } else { "email" };
        let fresh = admin.patch(&path, json!({field: "new@example.com"})).await.header("etag").to_owned();
        let before = standing(app, &admin, &path).await;
        for tags in [
            stale.clone(),
            format!("W/{stale}"),
            "\"other\"".to_owned(),
            format!("{stale}, \"other\""),
            "\"99999999999999999999-0\"".to_owned(),
            "\"\"".to_owned(),
        ] {
            let admin = admin.with("if-match", &tags);
            admin.patch(&path, change.clone()).await.refused(412, "stale_version");
            admin.put(&path, whole.clone()).await.refused(412, "stale_version");
            admin.delete(&path).await.refused(412, "stale_version");
            if path.starts_with("/users") {
                admin
                    .put(&format!("{path}/permissions"), json!({"granted": ["sims:puk"], "denied": []}))
                    .await
                    .refused(412, "stale_version");
            }
        }
        // a malformed list of tags matches no version
        for no_tags in ["abc", "2", "\"open", "", "\"a\" \"b\"", ",", "**"] {
            admin.with("if-match", no_tags).patch(&path, change.clone()).await.refused(412, "stale_version");
        }
        assert_eq!(standing(app, &admin, &path).await, before);
        // the current tag, alone or among others, in the weak form that a compressing proxy makes of it, and `*`
        let weak = admin.with("if-match", format!("W/{fresh}")).patch(&path, change.clone()).await;
        assert_eq!(weak.status, 200, "{}", weak.text);
        let fresh = weak.header("etag").to_owned();
        let with = admin.with("if-match", format!("\"other\", {fresh}"));
        let next = with.patch(&path, change.clone()).await;
        let fresh = next.header("etag").to_owned();
        next.expect(200);
        let put = admin.with("if-match", fresh).put(&path, whole).await;
        put.expect(200);
        admin.with("if-match", "*").delete(&path).await.expect(204);
    }
}

#[scenario]
async fn a_patch_keeps_what_is_absent_and_clears_what_is_null(app: &App) {
    let admin = app.admin().await;
    let path = user(&admin).await;
    let before = admin.get(&path).await.expect(200);
    let patch = json!({"email": null, "full_name": "Анна Иванова"}).to_string();
    let request = admin
        .request(Method::PATCH, &path)
        .header("content-type", "application/merge-patch+json")
        .body(patch);
    let after = crate::harness::Reply::read("PATCH".into(), request.send().await.unwrap()).await.expect(200);
    let mut expected = before.clone();
    (expected["email"], expected["full_name"], expected["version"]) =
        (json!(null), json!("Анна Иванова"), json!(2));
    assert_eq!(after, expected);
    // a list is replaced whole, and a required field cannot be cleared
    let role = role(&admin).await;
    assert_eq!(
        admin.patch(&role, json!({"permissions": ["sims:read"]})).await.expect(200)["permissions"],
        json!(["sims:read"])
    );
    let reply = admin.patch(&role, json!({"name": null, "title": null})).await;
    assert_eq!(
        reply.wrong_fields(),
        [("/name".to_owned(), "required".to_owned()), ("/title".to_owned(), "required".to_owned())]
    );
    assert_eq!(admin.patch(&role, json!({"description": null})).await.expect(200)["description"], "");
    // a request without differences changes nothing
    let same = admin.patch(&path, json!({})).await.expect(200);
    assert_eq!(same, after);
}

#[scenario]
async fn a_put_replaces_the_whole(app: &App) {
    let admin = app.admin().await;
    let path = user(&admin).await;
    let after = admin
        .put(&path, json!({"username": "anna", "full_name": "Анна", "role": "operator"}))
        .await
        .expect(200);
    assert_eq!(
        (&after["email"], &after["phone"], &after["valid_from"], &after["valid_until"]),
        (&json!(null), &json!(null), &json!(null), &json!(null))
    );
    let before = standing(app, &admin, &path).await;
    let reply = admin.put(&path, json!({"full_name": "Анна", "role": null})).await;
    assert_eq!(
        reply.wrong_fields(),
        [("/role".to_owned(), "required".to_owned()), ("/username".to_owned(), "required".to_owned())],
        "{}",
        reply.text
    );
    assert_eq!(standing(app, &admin, &path).await, before);
}

#[scenario]
async fn what_was_read_can_be_sent_back(app: &App) {
    let admin = app.admin().await;
    for path in [
        role(&admin).await,
        user(&admin).await,
        "/roles/1".to_owned(),
        "/roles/3".to_owned(),
        "/users/1".to_owned(),
    ] {
        let before = standing(app, &admin, &path).await;
        for method in [Method::PUT, Method::PATCH] {
            let reply = admin.send(method.clone(), &path, Some(before.0.clone())).await;
            assert_eq!(reply.expect(200), before.0, "{method} {path}");
        }
        assert_eq!(standing(app, &admin, &path).await, before, "{path}");
    }
    // with one field changed, only that field changes
    let mut edited = admin.get("/users/2").await.expect(200);
    edited["full_name"] = json!("Анна Каренина");
    let after = admin.put("/users/2", edited.clone()).await.expect(200);
    edited["version"] = json!(2);
    assert_eq!(after, edited);
}

/// Sends the whole record back by each method, with another value in one field.
async fn send_back(
    client: &Client,
    path: &str,
    read: &Value,
    change: (&str, Value),
) -> [crate::harness::Reply; 2] {
    let mut whole = read.clone();
    whole[change.0] = change.1;
    let put = client.put(path, whole.clone()).await;
    whole["version"] = if put.status == 200 { put.body["version"].clone() } else { whole["version"].clone() };
    [put, client.patch(path, whole).await]
}

#[scenario]
async fn a_whole_record_is_taken_with_the_current_version_whatever_time_has_changed(app: &App) {
    let admin = app.admin().await;
    // a ticket that is due meanwhile
    let (customer, contract) = (admin.customer().await, admin.draft("0.00").await);
    let ticket = json!({"customer_id": customer, "category": "sim", "subject": "PUK", "description": "Забыл", "priority": "critical"});
    let made = admin.post("/tickets", ticket).await.expect(201);
    let path = format!("/tickets/{}", id(&made));
    let read = admin.get(&path).await.expect(200);
    // as long as the sign-in lasts, and longer than the deadline
    app.execute("UPDATE tickets SET due_at = created_at").await;
    app.advance(chrono::TimeDelta::seconds(1));
    let due = admin.get(&path).await.expect(200);
    assert_eq!(
        (&read["is_overdue"], &due["is_overdue"], &due["version"]),
        (&json!(false), &json!(true), &read["version"])
    );
    for reply in send_back(&admin, &path, &read, ("subject", json!("Другая тема"))).await {
        assert_eq!(reply.expect(200)["subject"], "Другая тема");
    }
    // a user who signs in meanwhile
    let path = user(&admin).await;
    let read = admin.get(&path).await.expect(200);
    app.sign_in("anna", PASSWORD).await;
    let signed_in = admin.get(&path).await.expect(200);
    assert_ne!(signed_in["last_login_at"], read["last_login_at"]);
    for reply in send_back(&admin, &path, &read, ("full_name", json!("Анна Каренина"))).await {
        assert_eq!(reply.expect(200)["last_login_at"], signed_in["last_login_at"]);
    }
    // without its version the record still has to be as it is
    let mut without = read.clone();
    without.as_object_mut().unwrap().remove("version");
    let refused = admin.put(&path, without).await;
    assert!(
        refused.wrong_fields().contains(&("/last_login_at".to_owned(), "read_only".to_owned())),
        "{}",
        refused.text
    );
    // a contract that is paid meanwhile has another version
    let path = format!("/contracts/{contract}");
    let read = admin.get(&path).await.expect(200);
    admin.pay(contract, "5.00").await;
    let before = standing(app, &admin, &path).await;
    for reply in send_back(&admin, &path, &read, ("notes", json!("новое"))).await {
        reply.refused(412, "stale_version");
    }
    assert_eq!(standing(app, &admin, &path).await, before);
    for reply in send_back(&admin, &path, &before.0, ("notes", json!("новое"))).await {
        let after = reply.expect(200);
        assert_eq!((&after["notes"], &after["balance"]), (&json!("новое"), &json!("5.00")));
    }
}

#[scenario]
async fn what_a_post_answered_can_be_sent_back(app: &App) {
    let admin = app.admin().await;
    admin.post("/customers", person()).await.expect(201);
    let (customer, tariff) = (admin.customer().await, admin.prepaid_tariff("1.00").await);
    let hook = json!({"url": "https://example.com/hooks", "kinds": ["payment.received"]});
    let option =
        json!({"code": "extra", "name": "Ещё", "kind": "data", "amount": "1", "monthly_fee": "1.00"});
    let ticket =
        json!({"customer_id": customer, "category": "sim", "subject": "PUK", "description": "Забыл"});
    let role = json!({"name": "cashier", "title": "Кассир", "permissions": []});
    let employee =
        json!({"username": "boris", "full_name": "Борис", "role": "operator", "password": PASSWORD});
    for (list, new) in [
        ("/customers", person()),
        ("/sims", sim()),
        ("/tariffs", prepaid("1.00")),
        ("/options", option),
        ("/contracts", json!({"customer_id": customer, "tariff_id": tariff})),
        ("/tickets", ticket),
        ("/users", employee),
        ("/roles", role),
        ("/webhook-endpoints", hook),
    ] {
        let made = admin.post(list, new).await.expect(201);
        let path = format!("{list}/{}", id(&made));
        let read = admin.get(&path).await.expect(200);
        for method in [Method::PUT, Method::PATCH] {
            let reply = admin.send(method.clone(), &path, Some(made.clone())).await;
            assert_eq!(reply.expect(200), read, "{method} {path}");
        }
        // what it never showed stays unknown
        let mut more = made.clone();
        more["colour"] = json!("red");
        let refused = admin.patch(&path, more).await;
        assert_eq!(refused.wrong_fields(), [("/colour".to_owned(), "unknown_field".to_owned())], "{path}");
    }
    // a template, which has no POST
    let path = "/notification-templates/payment.received/sms/ru";
    let mut template = admin.get(path).await.expect(200);
    template["text"] = json!("{{amount}}");
    let after = admin.put(path, template.clone()).await.expect(200);
    assert_eq!((&after["text"], after["version"].as_i64()), (&json!("{{amount}}"), Some(1)));
    admin.put(path, template).await.refused(412, "stale_version");
    let read_only = admin.put(path, json!({"text": "{{amount}}", "is_customized": false})).await;
    assert_eq!(read_only.wrong_fields(), [("/is_customized".to_owned(), "read_only".to_owned())]);
}

#[scenario]
async fn what_can_only_be_read_is_refused_when_it_differs_and_the_unknown_always(app: &App) {
    let admin = app.admin().await;
    let path = user(&admin).await;
    let before = standing(app, &admin, &path).await;
    let mut body = before.0.clone();
    for (name, value) in [
        ("id", json!(999)),
        ("version", json!(7)),
        ("is_blocked", json!(true)),
        ("created_at", json!("2020-01-01T00:00:00Z")),
        ("granted", json!(["sims:puk"])),
        ("last_login_at", json!("2026-01-01T00:00:00Z")),
    ] {
        body[name] = value;
    }
    body["full_name"] = json!("");
    body["colour"] = json!("red");
    body["password"] = json!("another password");
    let expected = [
        ("/colour", "unknown_field"),
        ("/created_at", "read_only"),
        ("/full_name", "invalid_length"),
        ("/granted", "read_only"),
        ("/id", "read_only"),
        ("/is_blocked", "read_only"),
        ("/last_login_at", "read_only"),
        ("/password", "unknown_field"),
        ("/version", "read_only"),
    ]
    .map(|(pointer, code)| (pointer.to_owned(), code.to_owned()));
    for method in [Method::PUT, Method::PATCH] {
        let reply = admin.send(method, &path, Some(body.clone())).await;
        assert_eq!(reply.wrong_fields(), expected, "{}", reply.text);
        reply.refused(422, "invalid");
    }
    assert_eq!(standing(app, &admin, &path).await, before);
    // each alone, beside a valid change
    for (name, value) in
        [("id", json!("2")), ("version", json!(null)), ("is_locked", json!(0)), ("updated_at", json!(null))]
    {
        let reply = admin.patch(&path, json!({name: value, "full_name": "x"})).await;
        assert_eq!(reply.wrong_fields(), [(format!("/{name}"), "read_only".to_owned())], "{}", reply.text);
    }
    assert_eq!(standing(app, &admin, &path).await, before);
}

#[scenario]
async fn two_patches_of_different_fields_at_once_both_survive(app: &App) {
    let admin = app.admin().await;
    let path = role(&admin).await;
    for round in 0..15 {
        let patches = [
            json!({"title": format!("Роль {round}")}),
            json!({"description": format!("Описание {round}")}),
            json!({"permissions": [(["sims:read", "sims:write", "sims:puk"][round % 3])]}),
        ];
        for reply in join_all(patches.map(|patch| {
            let (admin, path) = (admin.clone(), path.clone());
            async move { admin.patch(&path, patch).await }
        }))
        .await
        {
            reply.expect(200);
        }
        let after = admin.get(&path).await.expect(200);
        assert_eq!(
            (&after["title"], &after["description"]),
            (&json!(format!("Роль {round}")), &json!(format!("Описание {round}")))
        );
        assert_eq!(after["version"], 1 + 3 * (round + 1));
    }
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn of_many_edits_with_one_tag_one_wins(app: &App) {
    let admin = app.admin().await;
    let path = role(&admin).await;
    let tag = admin.get(&path).await.header("etag").to_owned();
    let replies = join_all((0..10).map(|n| {
        let (admin, path) = (admin.with("if-match", &tag), path.clone());
        async move { admin.patch(&path, json!({"title": format!("Роль {n}")})).await }
    }))
    .await;
    assert_eq!(replies.iter().filter(|reply| reply.status == 200).count(), 1);
    for reply in replies.into_iter().filter(|reply| reply.status != 200) {
        reply.refused(412, "stale_version");
    }
    assert_eq!(admin.get(&path).await.expect(200)["version"], 2);
}
