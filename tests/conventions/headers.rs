//! Request ids, security headers, other origins, proxies.

use reqwest::{Method, header::HeaderValue};
use serde_json::{Value, json};

use super::raw;
use crate::harness::{App, Client, Reply, id, scenario};

/// Creates a role and returns its audit row.
async fn audited(client: &Client) -> Value {
    let name = format!("role-{}", crate::harness::unique());
    let made = client.post("/roles", json!({"name": name, "title": "x", "permissions": []})).await;
    let request_id = made.header("x-request-id").to_owned();
    let made = id(&made.expect(201));
    let rows =
        client.get(&format!("/audit?entity=role&entity_id={made}&action=role.created")).await.expect(200);
    assert_eq!(rows["results"][0]["request_id"], request_id);
    rows["results"][0].clone()
}

async fn preflight(app: &App, origin: &str, method: &str) -> Reply {
    let request = app
        .stranger()
        .request(Method::OPTIONS, "/customers")
        .header("origin", origin)
        .header("access-control-request-method", method);
    let request = request.header(
        "access-control-request-headers",
        "authorization,content-type,if-match,idempotency-key,x-request-id,traceparent,tracestate,baggage,\
         x-requested-with,cache-control,pragma,accept",
    );
    Reply::read(format!("OPTIONS from {origin}"), request.send().await.unwrap()).await
}

#[scenario]
async fn a_request_id_is_taken_echoed_and_kept_with_what_was_done(app: &App) {
    let admin = app.admin().await;
    let longest = "x".repeat(128);
    for given in [
        "a",
        "desk-3:417/ü".trim_end_matches('ü'),
        "0193f0a2-6a5e-7c3b-9f64-2f6f0c1d2e3f",
        "!\"#$%&'()*+,-./:;<=>?@[]^_`{|}~",
        longest.as_str(),
    ] {
        assert_eq!(audited(&admin.with("x-request-id", given)).await["request_id"], given);
        let refused = admin.with("x-request-id", given).get("/customers/999").await;
        assert_eq!(
            (refused.header("x-request-id"), refused.body["request_id"].as_str()),
            (given, Some(given))
        );
    }
}

#[scenario]
async fn a_request_id_that_is_missing_or_malformed_is_made(app: &App) {
    let admin = app.admin().await;
    let is_made = |reply: &Reply| {
        let id = reply.header("x-request-id").to_owned();
        assert!(id.len() == 36 && id.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-'), "{id}");
        id
    };
    let first = is_made(&admin.get("/roles/1").await);
    assert_ne!(is_made(&admin.get("/roles/1").await), first);
    for malformed in
        ["".as_bytes(), b"two words", b"tab\there", "кириллица".as_bytes(), &[b'x'; 129], b"\xff"]
    {
        let request = admin
            .request(Method::GET, "/roles/1")
            .header("x-request-id", HeaderValue::from_bytes(malformed).unwrap());
        is_made(&Reply::read("GET".into(), request.send().await.unwrap()).await);
    }
    audited(&admin).await;
}

#[scenario]
async fn every_kind_of_answer_carries_the_security_headers_and_a_request_id(app: &App) {
    let admin = app.admin().await;
    let tag = admin.get("/roles/1").await.header("etag").to_owned();
    let role =
        id(&admin.post("/roles", json!({"name": "one", "title": "x", "permissions": []})).await.expect(201));
    let replies = [
        (200, admin.get("/roles").await),
        (200, app.stranger().get("/health/live").await),
        (200, app.stranger().get("/api/v1/openapi.json").await),
        (200, app.stranger().get("/swagger-ui/").await),
        (200, app.stranger().get("/swagger-ui/swagger-ui.css").await),
        (201, admin.post("/roles", json!({"name": "two", "title": "x", "permissions": []})).await),
        (204, admin.delete(&format!("/roles/{role}")).await),
        (304, admin.with("if-none-match", tag).get("/roles/1").await),
        (400, admin.get("/roles?x=1").await),
        (401, app.stranger().get("/roles").await),
        (404, app.stranger().get("/api/v1/nowhere").await),
        (404, app.stranger().get("/swagger-ui/nowhere").await),
        (405, admin.delete("/roles").await),
        (415, {
            let request = admin.request(Method::POST, "/roles").body("x");
            Reply::read("POST".into(), request.send().await.unwrap()).await
        }),
        (422, admin.post("/roles", json!({})).await),
        (204, preflight(app, "https://evil.example", "GET").await),
    ];
    for (status, reply) in replies {
        assert_eq!(reply.status, status, "{}: {}", reply.asked, reply.text);
        assert_eq!(reply.header("x-content-type-options"), "nosniff", "{}", reply.asked);
        assert_eq!(reply.header("x-frame-options"), "DENY", "{}", reply.asked);
        assert_eq!(reply.header("referrer-policy"), "no-referrer", "{}", reply.asked);
        assert!(
            reply.header("content-security-policy").contains("frame-ancestors 'none'"),
            "{}",
            reply.asked
        );
        assert_ne!(reply.header("x-request-id"), "", "{}", reply.asked);
        assert_eq!((reply.header("server"), reply.header("x-powered-by")), ("", ""), "{}", reply.asked);
    }
    let tokens = app
        .stranger()
        .post("/auth/login", json!({"username": "admin", "password": crate::harness::PASSWORD}))
        .await;
    assert_eq!(tokens.header("cache-control"), "no-store");
    assert!(admin.get("/roles/1").await.header("cache-control").contains("private"));
    let redirect = raw::get(app, "/").await;
    assert_eq!(raw::header(&redirect, "x-content-type-options"), Some("nosniff"));
}

#[scenario]
async fn no_other_origin_may_call_unless_it_is_set(app: &App) {
    for method in ["GET", "POST"] {
        let denied = preflight(app, "https://crm.example.com", method).await;
        // an ordinary OPTIONS request, whose response allows a browser nothing
        assert_eq!((denied.status, denied.header("allow")), (204, "GET, HEAD, OPTIONS, POST"));
        let allowed = denied.headers.keys().any(|name| name.as_str().starts_with("access-control-"));
        assert!(!allowed, "{:?}", denied.headers);
    }
    let request =
        app.stranger().request(Method::GET, "/health/live").header("origin", "https://crm.example.com");
    assert_eq!(
        Reply::read("GET".into(), request.send().await.unwrap()).await.header("access-control-allow-origin"),
        ""
    );
}

#[scenario(CORS_ALLOWED_ORIGINS = "https://crm.example.com, http://localhost:5173")]
async fn the_origins_that_are_set_may_call_and_read_refusals_too(app: &App) {
    let admin = app.admin().await;
    for origin in ["https://crm.example.com", "http://localhost:5173"] {
        for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"] {
            let allowed = preflight(app, origin, method).await;
            assert_eq!(
                (allowed.status, allowed.header("access-control-allow-origin")),
                (200, origin),
                "{}",
                allowed.text
            );
            assert!(allowed.header("access-control-allow-methods").contains(method));
            assert!(allowed.header("access-control-allow-headers").contains("idempotency-key"));
            assert_eq!(allowed.header("access-control-allow-credentials"), "");
        }
        let from = admin.with("origin", origin);
        for (status, reply) in [
            (200, from.get("/roles/1").await),
            (404, from.get("/roles/999").await),
            (422, from.post("/roles", json!({})).await),
            (404, from.get("/nowhere").await),
            (401, app.stranger().with("origin", origin).get("/roles").await),
            (405, from.delete("/roles").await),
            (400, from.get("/roles?x=1").await),
        ] {
            assert_eq!(
                (reply.status, reply.header("access-control-allow-origin")),
                (status, origin),
                "{}",
                reply.asked
            );
            let exposed = reply.header("access-control-expose-headers").to_lowercase();
            assert!(
                ["etag", "location", "x-request-id", "retry-after"].iter().all(|name| exposed.contains(name)),
                "{exposed}"
            );
            let varies: Vec<String> = reply
                .headers
                .get_all("vary")
                .iter()
                .map(|value| value.to_str().unwrap().to_lowercase())
                .collect();
            assert!(varies.join(", ").contains("origin"), "{varies:?}");
        }
    }
    for origin in [
        "https://evil.example",
        "http://crm.example.com",
        "https://crm.example.com.evil.example",
        "https://crm.example.com:8443",
        "null",
    ] {
        let denied = preflight(app, origin, "GET").await;
        assert_eq!(denied.header("access-control-allow-origin"), "", "{origin}");
        let problem = denied.refused(403, "origin_not_allowed");
        assert!(problem["detail"].as_str().unwrap().contains("CORS_ALLOWED_ORIGINS"), "{problem}");
        assert_eq!(
            admin.with("origin", origin).get("/roles/1").await.header("access-control-allow-origin"),
            "",
            "{origin}"
        );
    }
}

#[scenario(CORS_ALLOWED_ORIGINS = "https://crm.example.com")]
async fn a_preflight_that_asks_for_more_is_told_what_is_allowed(app: &App) {
    for (method, headers) in [("GET", "x-secret"), ("TRACE", "accept"), ("GET", "authorization,cookie")] {
        let request = app
            .stranger()
            .request(Method::OPTIONS, "/customers")
            .header("origin", "https://crm.example.com")
            .header("access-control-request-method", method)
            .header("access-control-request-headers", headers);
        let reply = Reply::read(format!("OPTIONS for {headers}"), request.send().await.unwrap()).await;
        let problem = reply.refused(400, "preflight_refused");
        let detail = problem["detail"].as_str().unwrap();
        assert!(
            ["traceparent", "x-requested-with", "idempotency-key"].iter().all(|name| detail.contains(name)),
            "{detail}"
        );
    }
}

#[scenario]
async fn languages_are_weighed_as_the_caller_weighs_them(app: &App) {
    let admin = app.admin().await;
    for (accepted, language) in [
        ("en;q=0, ru", "ru"),
        ("ru;q=0.1, en;q=0.9", "en"),
        ("en;q=0.1, ru;q=0.9", "ru"),
        ("de, en;q=0.5", "en"),
        ("*, en;q=0.5", "ru"),
        ("ru;q=0, *;q=0.5", "en"),
    ] {
        let refused = admin.with("accept-language", accepted).get("/roles/999").await;
        assert_eq!((refused.status, refused.header("content-language")), (404, language), "{accepted}");
    }
}

#[scenario]
async fn events_are_listed_for_whoever_would_rather_have_a_list(app: &App) {
    let admin = app.admin().await;
    for (accepted, media_type) in [
        ("application/json, text/event-stream;q=0.5", "application/json"),
        ("*/*", "application/json"),
        ("text/event-stream;q=0", "application/json"),
        ("text/event-stream", "text/event-stream"),
        ("application/json;q=0.1, text/event-stream", "text/event-stream"),
    ] {
        let reply = admin.with("accept", accepted).send(Method::HEAD, "/events", None).await;
        assert_eq!(reply.status, 200, "{accepted}");
        assert!(reply.header("content-type").starts_with(media_type), "{accepted}: {:?}", reply.headers);
    }
}

#[scenario]
async fn nobody_s_word_counts_about_where_a_request_comes_from(app: &App) {
    let admin = app
        .admin()
        .await
        .with("x-forwarded-for", "203.0.113.7")
        .with("x-forwarded-host", "crm.example.com")
        .with("x-forwarded-proto", "https");
    assert_eq!(audited(&admin).await["address"], "127.0.0.1");
    let next = admin.get("/roles?page_size=1").await.expect(200)["next"].clone();
    assert!(next.as_str().unwrap().starts_with(&app.base), "{next}");
}

#[scenario(TRUSTED_PROXIES = "127.0.0.1, 10.0.0.0/8, 2001:db8::/32")]
async fn a_trusted_proxy_s_word_counts_for_the_hop_before_it(app: &App) {
    let admin = app.admin().await;
    let address = async |lines: &[&str]| {
        let client =
            lines.iter().fold(admin.clone(), |client, line| client.with_line("x-forwarded-for", line));
        audited(&client).await["address"].as_str().unwrap().to_owned()
    };
    for (lines, expected) in [
        (vec!["203.0.113.7"], "203.0.113.7"),
        (vec!["2001:db9::7"], "2001:db9::7"),
        (vec!["203.0.113.7, 10.1.2.3"], "203.0.113.7"),
        // what the caller wrote comes before what a proxy appended
        (vec!["198.51.100.1, 203.0.113.7"], "203.0.113.7"),
        (vec!["198.51.100.1, 203.0.113.7, 10.1.2.3,10.9.9.9"], "203.0.113.7"),
        (vec!["198.51.100.1", "203.0.113.7"], "203.0.113.7"),
        (vec!["198.51.100.1", "203.0.113.7, 2001:db8::1", "10.0.0.1"], "203.0.113.7"),
        (vec!["198.51.100.1", "\u{ff}, 203.0.113.7"], "203.0.113.7"),
        // nothing beyond a malformed address can be trusted
        (vec!["198.51.100.1", "\u{ff}"], "127.0.0.1"),
        (vec!["198.51.100.1, unknown"], "127.0.0.1"),
        (vec!["198.51.100.1, unknown, 10.1.2.3"], "127.0.0.1"),
        (vec!["nonsense"], "127.0.0.1"),
        (vec![""], "127.0.0.1"),
        (vec!["10.1.2.3"], "127.0.0.1"),
        (vec![], "127.0.0.1"),
    ] {
        assert_eq!(address(&lines).await, expected, "{lines:?}");
    }
    let next = async |client: Client| {
        client.get("/roles?page_size=1").await.expect(200)["next"].as_str().unwrap().to_owned()
    };
    let proxied = admin.with("x-forwarded-host", "crm.example.com").with("x-forwarded-proto", "https");
    assert!(next(proxied).await.starts_with("https://crm.example.com/api/v1/roles?"));
    let strange =
        admin.with("x-forwarded-host", "evil.example/\"><script>").with("x-forwarded-proto", "javascript");
    let strange = next(strange).await;
    assert!(strange.starts_with("http://") && !strange.contains("script"), "{strange}");
}

#[scenario(PUBLIC_URL = "https://crm.example.com")]
async fn links_lead_to_the_public_url_where_it_is_set(app: &App) {
    let next =
        app.admin().await.get("/roles?page_size=1").await.expect(200)["next"].as_str().unwrap().to_owned();
    assert!(next.starts_with("https://crm.example.com/api/v1/roles?"), "{next}");
}
