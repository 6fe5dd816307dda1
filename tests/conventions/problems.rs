//! Refusals have one format, two languages, and no internal details.

use database::Engine;
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{App, Client, Reply, person, scenario};

async fn send_text(
    client: &Client,
    method: Method,
    path: &str,
    media_type: &str,
    body: impl Into<Vec<u8>>,
) -> Reply {
    let body = body.into();
    let asked =
        format!("{method} {path} {media_type} {}", String::from_utf8_lossy(&body[..body.len().min(200)]));
    let mut request = client.request(method, path).body(body);
    if !media_type.is_empty() {
        request = request.header("content-type", media_type);
    }
    Reply::read(asked, request.send().await.unwrap()).await
}

/// Checks the properties that every problem has.
fn whole(reply: &Reply, path: &str) {
    let body = &reply.body;
    // OAuth 2 clients look into nothing but `application/json`
    let media_type =
        if path == "/api/v1/auth/token" { "application/json" } else { "application/problem+json" };
    assert_eq!(reply.header("content-type"), media_type, "{}: {}", reply.asked, reply.text);
    let text = |name: &str| {
        body[name]
            .as_str()
            .unwrap_or_else(|| panic!("{} has no {name}: {}", reply.asked, reply.text))
            .to_owned()
    };
    assert_eq!(body["status"], reply.status, "{}", reply.asked);
    assert_eq!(text("type"), format!("urn:telecom-crm:problem:{}", text("code")));
    assert_eq!(text("instance"), path.split('?').next().unwrap());
    assert_eq!(text("request_id"), reply.header("x-request-id"));
    assert!(
        !text("title").is_empty() && text("detail").len() > 10 && text("detail") != text("code"),
        "{}",
        reply.text
    );
    for error in body["errors"].as_array().unwrap() {
        assert!(error["pointer"].is_string() && error["code"].is_string(), "{error}");
        assert!(
            error["message"].as_str().unwrap().len() > 10 && error["message"] != error["code"],
            "{error}"
        );
    }
    for internal in [
        "sqlx",
        "SELECT",
        "INSERT",
        "relation",
        "no such table",
        "constraint",
        ".rs",
        "/root",
        "/work",
        "::",
        "panic",
        "serde",
        "Some(",
        "None",
        "{ $",
        "expected",
    ] {
        assert!(!reply.text.contains(internal), "{} shows {internal}: {}", reply.asked, reply.text);
    }
}

/// One refusal of every kind.
async fn refusals(app: &App, language: &str) -> Vec<(String, Reply)> {
    let say =
        |client: Client| if language.is_empty() { client } else { client.with("accept-language", language) };
    let admin = say(app.admin().await);
    let employee = say(app.sign_in("employee", crate::harness::PASSWORD).await);
    let stranger = say(app.stranger());
    let role = json!({"name": "cashier", "title": "Кассир", "permissions": []});
    vec![
        (
            "/api/v1/customers".into(),
            send_text(&admin, Method::POST, "/customers", "application/json", "{").await,
        ),
        ("/api/v1/customers".into(), admin.get("/customers?nonsense=1").await),
        ("/api/v1/customers".into(), admin.get("/customers?page=0").await),
        ("/api/v1/customers".into(), admin.get("/customers?page=9999").await),
        ("/api/v1/customers".into(), stranger.get("/customers").await),
        ("/api/v1/customers".into(), say(Client::new(&app.base, Some("nonsense"))).get("/customers").await),
        (
            "/api/v1/auth/login".into(),
            stranger.post("/auth/login", json!({"username": "admin", "password": "wrong password"})).await,
        ),
        ("/api/v1/users".into(), employee.get("/users").await),
        ("/api/v1/customers/999".into(), admin.get("/customers/999").await),
        ("/nowhere".into(), admin.get(&format!("{}/nowhere", app.base)).await),
        ("/api/v1/customers".into(), admin.delete("/customers").await),
        ("/health/live".into(), stranger.post("/health/live", json!({})).await),
        (
            "/api/v1/roles".into(),
            admin.post("/roles", json!({"name": "admin", "title": "x", "permissions": []})).await,
        ),
        ("/api/v1/roles/1".into(), admin.with("if-match", "\"999-0\"").patch("/roles/1", json!({})).await),
        (
            "/api/v1/customers".into(),
            send_text(&admin, Method::POST, "/customers", "application/json", vec![b' '; 1024 * 1024 + 1])
                .await,
        ),
        ("/api/v1/customers".into(), send_text(&admin, Method::POST, "/customers", "text/plain", "{}").await),
        (
            "/api/v1/customers".into(),
            admin.post("/customers", json!({"customer_type": "robot", "phone": 1, "colour": "red"})).await,
        ),
        ("/api/v1/roles".into(), admin.with("idempotency-key", "").post("/roles", role).await),
    ]
}

#[scenario]
async fn every_refusal_has_the_same_shape_in_either_language_and_the_same_code(app: &App) {
    app.user("employee").await;
    let statuses = [400, 400, 400, 400, 401, 401, 401, 403, 404, 404, 405, 405, 409, 412, 413, 415, 422, 400];
    let (by_default, russian, english) = (
        refusals(app, "").await,
        refusals(app, "ru-RU,ru;q=0.9,en;q=0.1").await,
        refusals(app, "en-GB").await,
    );
    let other = refusals(app, "de, fr;q=0.5").await;
    for (at, status) in statuses.into_iter().enumerate() {
        let [none, ru, en, de] = [&by_default[at], &russian[at], &english[at], &other[at]];
        for (path, reply) in [none, ru, en, de] {
            assert_eq!(reply.status, status, "{}: {}", reply.asked, reply.text);
            whole(reply, path);
        }
        let codes = |(_, reply): &(String, Reply)| (reply.body["code"].clone(), reply.wrong_fields());
        assert_eq!(codes(ru), codes(en));
        assert_eq!((codes(none), &none.1.body["detail"]), (codes(ru), &ru.1.body["detail"]));
        assert_eq!(de.1.body["detail"], ru.1.body["detail"]);
        let is_cyrillic =
            |text: &Value| text.as_str().unwrap().chars().any(|letter| ('а'..='я').contains(&letter));
        assert!(
            is_cyrillic(&ru.1.body["detail"]) && !is_cyrillic(&en.1.body["detail"]),
            "{} {}",
            ru.1.text,
            en.1.text
        );
        assert_eq!((ru.1.header("content-language"), en.1.header("content-language")), ("ru", "en"));
    }
    let unauthenticated = &by_default[4].1;
    assert!(unauthenticated.header("www-authenticate").starts_with("Bearer"));
    assert!(
        by_default[7].1.body["detail"].as_str().unwrap().contains("users:read"),
        "{}",
        by_default[7].1.text
    );
    assert_eq!(by_default[10].1.header("allow"), "GET, HEAD, OPTIONS, POST");
}

/// Checks that these fields are wrong, and no others.
#[track_caller]
fn only_wrong(reply: &Reply, expected: &[(&str, &str)]) {
    let expected: Vec<(String, String)> =
        expected.iter().map(|(pointer, code)| ((*pointer).to_owned(), (*code).to_owned())).collect();
    assert_eq!(reply.wrong_fields(), expected, "{}", reply.text);
}

#[scenario]
async fn every_wrong_field_is_named_at_once_and_nothing_is_written(app: &App) {
    let admin = app.admin().await;
    let (customers, audit) = (app.count("customers").await, app.count("audit").await);
    let wrong = json!({
        "customer_type": "individual", "last_name": 5, "patronymic": "x".repeat(101),
        "birth_date": "17.05.1990", "document_type": "paper", "passport_number": "123456", "phone": "123",
        "email": "not-an-address", "notes": "a\u{0}b", "colour": "red", "status": "active", "inn": null
    });
    let reply = admin.post("/customers", wrong).await;
    let expected = [
        ("/birth_date", "invalid_format"),
        ("/colour", "unknown_field"),
        ("/document_type", "invalid_choice"),
        ("/email", "invalid_email"),
        ("/first_name", "required"),
        ("/last_name", "invalid_type"),
        ("/notes", "control_character"),
        ("/patronymic", "invalid_length"),
        ("/phone", "invalid_phone"),
        ("/status", "unknown_field"),
    ];
    only_wrong(&reply, &expected);
    reply.refused(422, "invalid");
    let empty = admin.post("/users", json!({})).await;
    only_wrong(&empty, &["/full_name", "/password", "/role", "/username"].map(|name| (name, "required")));
    let user = json!({
        "username": "a b", "full_name": "", "role": 7, "password": "short", "is_active": "yes",
        "valid_from": "2026-05-01T00:00:00Z", "valid_until": "2026-04-01T00:00:00Z", "email": 1, "phone": "+1"
    });
    let user = admin.post("/users", user).await;
    let expected = [
        ("/email", "invalid_type"),
        ("/full_name", "invalid_length"),
        ("/is_active", "invalid_type"),
        ("/password", "invalid_length"),
        ("/phone", "invalid_phone"),
        ("/role", "invalid_type"),
        ("/username", "invalid_format"),
        ("/valid_until", "ends_before_begin"),
    ];
    only_wrong(&user, &expected);
    let role = admin
        .post(
            "/roles",
            json!({"name": "cashier", "title": "Кассир", "permissions": ["customers:read", "customers:fly"]}),
        )
        .await;
    only_wrong(&role, &[("/permissions/1", "unknown_permission")]);
    assert_eq!(
        (app.count("customers").await, app.count("audit").await, app.count("users").await),
        (customers, audit, 1)
    );
}

#[scenario]
async fn a_body_that_is_no_json_is_malformed_and_one_that_is_no_object_is_invalid(app: &App) {
    let admin = app.admin().await;
    let deep = format!("{{\"name\": {}1{}}}", "[".repeat(200), "]".repeat(200));
    let malformed: Vec<Vec<u8>> = [
        "{",
        "}",
        "{]",
        "nonsense",
        "{\"a\": }",
        "{\"a\": 1,}",
        "{'a': 1}",
        "{\"a\": 1} x",
        "{\"a\": \"\\ud800\"}",
        "{\"a\": \"line\nbreak\"}",
        "{\"a\": undefined}",
        "{\"title\": \"a\", \"title\": \"b\"}",
        "{\"name\": \"x\", \"permissions\": [{\"a\": 1, \"a\": 1}]}",
        &deep,
        &"[".repeat(100_000),
        &"{\"a\":".repeat(50_000),
        " ",
        "\u{feff}{}",
    ]
    .iter()
    .map(|text| text.as_bytes().to_vec())
    .chain([b"{\"a\": \"\xff\"}".to_vec(), vec![0, 1, 2]])
    .collect();
    for body in malformed {
        let (post, patch) = (
            send_text(&admin, Method::POST, "/roles", "application/json", body.clone()).await,
            send_text(&admin, Method::PATCH, "/roles/2", "application/json", body).await,
        );
        for reply in [post, patch] {
            assert!(!reply.body["detail"].as_str().unwrap().contains("nonsense"), "{}", reply.text);
            reply.refused(400, "malformed");
        }
    }
    for body in ["[]", "null", "1", "\"text\"", "true", "[{}]"] {
        for (method, path) in
            [(Method::POST, "/roles"), (Method::PATCH, "/roles/2"), (Method::PUT, "/roles/2")]
        {
            let reply = send_text(&admin, method, path, "application/json", body).await;
            only_wrong(&reply, &[("", "invalid_type")]);
            reply.refused(422, "invalid");
        }
    }
    // an empty body is an empty object for a creation, and invalid as a merge patch
    let empty = send_text(&admin, Method::POST, "/roles", "application/json", "").await;
    assert_eq!(empty.wrong_fields().len(), 3, "{}", empty.text);
    send_text(&admin, Method::PATCH, "/roles/2", "application/json", "").await.refused(400, "malformed");
    assert_eq!((app.count("roles").await, app.scalar("SELECT MAX(version) FROM roles").await), (4, 1));
}

#[scenario]
async fn a_body_of_another_media_type_is_refused(app: &App) {
    let admin = app.admin().await;
    let role = |name: &str| json!({"name": name, "title": "Роль", "permissions": []}).to_string();
    for media_type in [
        "",
        "text/plain",
        "application/xml",
        "multipart/form-data; boundary=x",
        "application/x-www-form-urlencoded",
        "application/jsonp",
        "application/merge-patch+json",
        "json",
        "application/json-patch+json",
    ] {
        send_text(&admin, Method::POST, "/roles", media_type, role("cashier"))
            .await
            .refused(415, "unsupported_media_type");
    }
    for media_type in ["", "text/plain", "application/json-patch+json"] {
        send_text(&admin, Method::PATCH, "/roles/2", media_type, "{\"title\": \"x\"}")
            .await
            .refused(415, "unsupported_media_type");
    }
    send_text(&admin, Method::PUT, "/roles/2", "application/merge-patch+json", "{}")
        .await
        .refused(415, "unsupported_media_type");
    send_text(&admin, Method::POST, "/auth/token", "application/json", "{}")
        .await
        .refused(415, "unsupported_media_type");
    assert_eq!(app.count("roles").await, 4);
    for (n, media_type) in [
        "application/json",
        "application/json; charset=utf-8",
        "APPLICATION/JSON",
        "application/json;charset=\"utf-8\"",
    ]
    .into_iter()
    .enumerate()
    {
        send_text(&admin, Method::POST, "/roles", media_type, role(&format!("role{n}"))).await.expect(201);
    }
}

#[scenario]
async fn another_method_is_refused_and_the_documented_ones_are_named(app: &App) {
    let admin = app.admin().await;
    let document = admin.get("/api/v1/openapi.json").await.expect(200);
    for (path, item) in document["paths"].as_object().unwrap() {
        let mut documented: Vec<String> = item
            .as_object()
            .unwrap()
            .keys()
            .map(|method| method.to_uppercase())
            .filter(|method| method != "PARAMETERS")
            .collect();
        documented.sort();
        let real = crate::harness::possible_path(&document, path);
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "PURGE"] {
            if !documented.contains(&method.to_owned()) {
                // a path may also match that of another resource,
                // such as /audit/{id} and /audit/verify
                let reply = admin.send(Method::from_bytes(method.as_bytes()).unwrap(), &real, None).await;
                assert!(
                    documented.iter().all(|one| reply.header("allow").split(", ").any(|other| other == one)),
                    "{method} {real}: {:?}",
                    reply.headers
                );
                reply.refused(405, "method_not_allowed");
            }
        }
    }
}

#[scenario]
async fn a_fault_of_ours_shows_nothing_of_what_is_inside_and_passes(app: &App) {
    let admin = app.admin().await;
    admin.get("/tickets").await.expect(200);
    let rename = |from: &str, to: &str| format!("ALTER TABLE {from} RENAME TO {to}");
    app.execute(&rename("tickets", "tickets_gone")).await;
    for path in ["/tickets", "/tickets/1", "/tickets?search=gone"] {
        let reply = admin.get(path).await;
        whole(&reply, &format!("/api/v1{path}"));
        assert!(!reply.text.contains("tickets_gone"));
        assert_eq!(reply.header("retry-after"), "");
        reply.refused(500, "internal");
    }
    app.execute(&rename("tickets_gone", "tickets")).await;
    admin.get("/tickets").await.expect(200);
    if app.state.db.engine() == Engine::Sqlite {
        assert_eq!(app.violations().await, Vec::<String>::new());
    }
}

#[scenario]
async fn a_duplicate_names_the_fields_and_the_record_that_has_them(app: &App) {
    let admin = app.admin().await;
    let one = person();
    let first = admin.post("/customers", one.clone()).await.expect(201);
    let reply = admin.post("/customers", one).await;
    only_wrong(
        &reply,
        &["/email", "/inn", "/passport_number", "/phone"].map(|name| (name, "duplicate_value")),
    );
    let problem = reply.refused(409, "customer_duplicate");
    assert!(
        problem["errors"].as_array().unwrap().iter().all(|error| error["existing_id"] == first["id"]),
        "{problem}"
    );
    assert_eq!(app.count("customers").await, 1);
}
