//! HEAD wherever there is GET, and OPTIONS.

use reqwest::Method;
use serde_json::Value;
use tokio::io::AsyncWriteExt;

use super::{office, raw};
use crate::harness::{App, Client, Reply, document, possible_path, scenario};

async fn head(client: &Client, path: &str) -> Reply {
    client.send(Method::HEAD, path, None).await
}

#[scenario]
async fn head_says_what_get_says_without_the_body(app: &App) {
    let admin = office::furnish(app).await;
    let paths = document()["paths"].as_object().unwrap().iter().filter(|(_, item)| item["get"].is_object());
    let documented = paths.map(|(path, _)| possible_path(document(), path));
    let others = ["/", "/swagger-ui/", "/api/v1/openapi.json", "/api/customers/1/"].map(str::to_owned);
    for path in documented.chain(others) {
        // a verification takes long, and redirects are followed
        if path == "/" || path.ends_with("/audit/verify") {
            continue;
        }
        let (whole, alone) = (admin.get(&path).await, head(&admin, &path).await);
        assert_eq!((alone.status, alone.text.as_str()), (whole.status, ""), "{path}");
        for name in ["content-type", "etag", "location", "allow", "content-language", "cache-control"] {
            assert_eq!(alone.header(name), whole.header(name), "{name} of {path}");
        }
        assert_ne!(alone.header("x-request-id"), "", "{path}");
        // figures of jobs and the trail change from one request to the next
        if whole.status == 200 && !["/jobs", "/audit"].iter().any(|part| path.contains(part)) {
            assert_eq!(alone.header("content-length"), whole.text.len().to_string(), "{path}");
        }
    }
}

#[scenario]
async fn head_is_guarded_and_conditional_as_get_is(app: &App) {
    let admin = app.admin().await;
    for (path, status) in [("/roles", 401), ("/roles/1", 401), ("/nowhere", 404), ("/roles/abc", 401)] {
        let reply = head(&app.stranger(), path).await;
        assert_eq!((reply.status, reply.text.as_str()), (status, ""), "{path}");
    }
    let clerk = app.user("employee").await;
    assert_eq!(head(&clerk, "/users").await.status, 403);
    for (path, status) in [("/roles/999", 404), ("/roles?page=0", 400), ("/auth/login", 405)] {
        let reply = head(&admin, path).await;
        assert_eq!((reply.status, reply.text.as_str()), (status, ""), "{path}");
        assert_eq!(reply.header("content-type"), "application/problem+json", "{path}");
    }
    assert_eq!(head(&admin, "/auth/login").await.header("allow"), "OPTIONS, POST");
    let tag = admin.get("/roles/1").await.header("etag").to_owned();
    assert_eq!(head(&admin.with("if-none-match", &tag), "/roles/1").await.status, 304);
    assert_eq!(head(&admin.with("if-none-match", "\"other\""), "/roles/1").await.header("etag"), tag);
}

#[scenario(EVENT_STREAMS = "1")]
async fn a_connection_serves_on_after_head_also_of_a_stream(app: &App) {
    let admin = app.admin().await;
    let token = admin.token.clone().unwrap();
    let asked = |method: &str, path: &str, accept: &str| {
        format!(
            "{method} /api/v1{path} HTTP/1.1\r\nHost: crm.test\r\nAuthorization: Bearer {token}\r\n\
             Accept: {accept}\r\n\r\n"
        )
    };
    let mut stream = raw::connect(app).await;
    // more often than there are places for streams
    for accept in ["application/json", "text/event-stream", "text/event-stream", "text/event-stream"] {
        stream.write_all(asked("HEAD", "/events", accept).as_bytes()).await.unwrap();
        let head = raw::head(&mut stream).await;
        assert!(head.starts_with("HTTP/1.1 200 ") && head.contains(accept), "{head}");
        stream.write_all(asked("GET", "/roles/1", "*/*").as_bytes()).await.unwrap();
        let (answer, _) = raw::answer(&mut stream).await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        let role: Value = serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap();
        assert_eq!(role["id"], 1, "{answer}");
    }
    // also when the next request is there before the first response
    let both = format!("{}{}", asked("HEAD", "/roles/1", "*/*"), asked("GET", "/roles/1", "*/*"));
    stream.write_all(both.as_bytes()).await.unwrap();
    let first = raw::head(&mut stream).await;
    assert!(first.starts_with("HTTP/1.1 200 "), "{first}");
    let (second, _) = raw::answer(&mut stream).await;
    assert!(second.starts_with("HTTP/1.1 200 ") && second.ends_with('}'), "{second}");
}

#[scenario]
async fn options_names_the_methods_of_a_path_to_everybody(app: &App) {
    for (path, allow) in [
        ("/customers", "GET, HEAD, OPTIONS, POST"),
        ("/customers/1", "DELETE, GET, HEAD, OPTIONS, PATCH, PUT"),
        ("/api/customers/", "GET, HEAD, OPTIONS, POST"),
        ("/contracts/7/activate", "OPTIONS, POST"),
        ("/tickets/overdue", "GET, HEAD, OPTIONS"),
        ("/health/live", "GET, HEAD, OPTIONS"),
    ] {
        for client in [app.stranger(), app.admin().await] {
            let reply = client.send(Method::OPTIONS, path, None).await;
            assert_eq!(
                (reply.status, reply.text.as_str(), reply.header("allow")),
                (204, "", allow),
                "{path}"
            );
        }
    }
    for path in ["/nowhere", "/customers/abc", "/customers/1/nothing"] {
        app.stranger().send(Method::OPTIONS, path, None).await.refused(404, "no_such_path");
    }
}

#[scenario]
async fn a_path_that_names_nothing_is_unknown_for_every_method(app: &App) {
    let admin = app.admin().await;
    for path in [
        "/customers/abc",
        "/contracts/1.0",
        "/contracts/abc/activate",
        "/auth/sessions/this",
        "/notification-templates/payment.received/pigeon/ru",
        "/payments/99999999999999999999/refund",
    ] {
        for method in [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
            let reply = admin.send(method.clone(), path, None).await;
            assert_eq!(
                (reply.status, reply.body["code"].as_str()),
                (404, Some("no_such_path")),
                "{method} {path}"
            );
        }
    }
    admin.post("/customers/1", serde_json::json!({})).await.refused(405, "method_not_allowed");
}
