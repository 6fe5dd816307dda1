//! Every error of every operation is a problem that the document describes.

use std::{collections::BTreeSet, time::Duration};

use crate::harness::document;
use kernel::error::field;
use reqwest::{
    Method, RequestBuilder,
    header::{CONTENT_TYPE, HeaderMap, HeaderName},
};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use super::{Operation, words};
use crate::harness::{App, Client, Reply, possible_path, scenario};

/// Texts that no response may contain.
const INTERNAL: [&str; 8] = ["sqlx", "SELECT", "INSERT", ".rs", "crates/", "panicked", "Error(", "serde"];

/// Ids that match no resource.
const NO_IDS: [&str; 7] =
    ["0", "-1", "no-id", "9223372036854775807", "9223372036854775808", "1.5", "%D1%84%00"];

/// Whether the path is that of the token endpoint, in any form: its problems are also errors of RFC 6749.
fn is_oauth(path: &str) -> bool {
    ["/api/v1/auth/token", "/api/auth/token"].contains(&path.trim_end_matches('/'))
}

/// The media type of a problem; OAuth 2 clients look into nothing but `application/json`.
fn media_type(path: &str) -> &'static str {
    if is_oauth(path) { "application/json" } else { "application/problem+json" }
}

/// Checks the properties that every problem has.
#[track_caller]
fn check(reply: &Reply, path: &str) {
    let asked = &reply.asked;
    let problem =
        reply.body.as_object().unwrap_or_else(|| panic!("{asked} returned {} {}", reply.status, reply.text));
    assert!(reply.status >= 400, "{asked} returned {} {}", reply.status, reply.text);
    assert_eq!(reply.header("content-type"), media_type(path), "{asked}");
    let members: BTreeSet<&str> = problem.keys().map(String::as_str).collect();
    let texts = ["type", "title", "detail", "code", "instance", "request_id"];
    let of_oauth = ["error", "error_description"].into_iter().filter(|_| is_oauth(path));
    let texts: Vec<&str> = texts.into_iter().chain(of_oauth).collect();
    assert_eq!(
        members,
        texts.iter().copied().chain(["status", "errors"]).collect::<BTreeSet<_>>(),
        "{asked}"
    );
    for member in texts {
        assert!(
            problem[member].as_str().is_some_and(|text| !text.is_empty()),
            "{asked}: {member} in {}",
            reply.text
        );
    }
    let code = problem["code"].as_str().unwrap();
    assert_eq!(problem["type"], format!("urn:telecom-crm:problem:{code}"), "{asked}");
    assert_eq!(problem["status"], reply.status, "{asked}");
    assert_eq!(problem["instance"], path, "{asked}");
    assert_eq!(problem["request_id"], reply.header("x-request-id"), "{asked}");
    let kind = words::codes().iter().find(|known| known.name == code).map(|known| known.kind);
    let kind = kind.unwrap_or_else(|| panic!("{asked}: unknown code {code}"));
    assert_eq!(api::problem::status(kind), reply.status, "{asked}: {code}");
    for wrong in problem["errors"].as_array().unwrap() {
        let named = wrong["code"].as_str().is_some_and(|code| field::ALL.contains(&code));
        let told = wrong["message"].as_str().is_some_and(|message| !message.is_empty());
        assert!(named && told && wrong["pointer"].is_string(), "{asked}: {wrong}");
    }
    for (status, header) in
        [(401, "www-authenticate"), (405, "allow"), (429, "retry-after"), (503, "retry-after")]
    {
        assert!(
            reply.status != status || !reply.header(header).is_empty(),
            "{asked}: {status} without {header}"
        );
    }
    for word in INTERNAL {
        assert!(!reply.text.contains(word), "{asked} contains `{word}`: {}", reply.text);
    }
}

/// An operation and the data for its requests.
struct Probe<'a> {
    operation: &'a Operation,
    client: &'a Client,
}

impl Probe<'_> {
    fn request(&self, path: &str) -> RequestBuilder {
        self.client.request(self.operation.method.clone(), path)
    }

    /// Sends a request that must be refused with this status and code, as a documented problem.
    async fn refused(&self, path: &str, request: RequestBuilder, status: u16, code: &str) -> Reply {
        let reply =
            Reply::read(format!("{} at {path}", self.operation.name()), request.send().await.unwrap()).await;
        self.check(&reply, path, status, code);
        reply
    }

    fn check(&self, reply: &Reply, path: &str, status: u16, code: &str) {
        check(reply, path.split('?').next().unwrap());
        let found = (reply.status, reply.body["code"].as_str().unwrap());
        let named = code.is_empty() || found.1 == code;
        assert!(found.0 == status && named, "{} returned {found:?} instead of {status} {code}", reply.asked);
        let documented =
            self.operation.said["responses"][status.to_string()]["content"].get(media_type(path));
        assert!(documented.is_some(), "{}: {status} is not documented", self.operation.name());
    }
}

/// Sends a raw request head, which a client library would not send, and returns the response.
async fn with_head(probe: &Probe<'_>, path: &str, headers: &str) -> Reply {
    let Probe { operation, client } = probe;
    let address = client.address();
    let token = client.token.as_deref().unwrap_or("none");
    let head = format!(
        "{} {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\n{headers}\r\n",
        operation.method
    );
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let whole = async {
        loop {
            let text = String::from_utf8_lossy(&answer).into_owned();
            if let Some((head, body)) = text.split_once("\r\n\r\n")
                && let Some(length) = head
                    .to_lowercase()
                    .split("content-length: ")
                    .nth(1)
                    .and_then(|rest| rest.lines().next()?.parse::<usize>().ok())
                && body.len() >= length
            {
                return text;
            }
            assert!(
                stream.read_buf(&mut answer).await.unwrap() > 0,
                "{}: the connection ended after {text:?}",
                operation.name()
            );
        }
    };
    let text = timeout(Duration::from_secs(10), whole)
        .await
        .unwrap_or_else(|_| panic!("{}: no response", operation.name()));
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let mut headers = HeaderMap::new();
    for (name, value) in head.lines().skip(1).filter_map(|line| line.split_once(": ")) {
        headers.insert(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
    }
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Reply {
        status,
        headers,
        text: body.to_owned(),
        body: serde_json::from_str(body).unwrap_or(Value::Null),
        asked: operation.name(),
    }
}

/// Sends bodies that are no JSON, no object, or an object with an unknown field; each must be refused.
async fn refuses_what_is_no_object(probe: &Probe<'_>, path: &str, media_type: &str) {
    let sent = |body: &'static [u8]| probe.request(path).header(CONTENT_TYPE, media_type).body(body);
    for broken in [b"{\"half\":".as_slice(), b"{}{}", b"\xff\xfe", b"\0", b"{\"a\": \"\xff\"}", b"{'a': 1}"] {
        probe.refused(path, sent(broken), 400, "malformed").await;
    }
    for other in [b"[]".as_slice(), b"null", b"\"text\"", b"1"] {
        probe.refused(path, sent(other), 422, "invalid").await;
    }
    let deep = format!("{{\"deep\": {}{}}}", "[".repeat(5000), "]".repeat(5000));
    probe
        .refused(path, probe.request(path).header(CONTENT_TYPE, media_type).body(deep), 400, "malformed")
        .await;
    // an edit needs the existing resource, so a missing one is reported first
    if probe.operation.method == Method::POST {
        let reply = probe.refused(path, sent(b"{\"no_such_field\": 1}"), 422, "invalid").await;
        assert!(
            reply.wrong_fields().contains(&("/no_such_field".to_owned(), "unknown_field".to_owned())),
            "{}",
            reply.text
        );
    }
}

#[scenario]
async fn a_body_that_cannot_be_read_is_a_problem_of_every_operation_that_takes_one(app: &App) {
    let document = document();
    let admin = app.admin().await;
    for operation in Operation::all(document).iter().filter(|operation| operation.has_body()) {
        let probe = Probe { operation, client: &admin };
        // what names nothing is reported before the body
        let path = possible_path(document, &operation.path);
        let media_types = operation.said["requestBody"]["content"].as_object().unwrap();
        let media_type = media_types.keys().next().unwrap();
        let sent = |media_type: &str, body: &'static [u8]| {
            probe.request(&path).header(CONTENT_TYPE, media_type).body(body)
        };
        // a signed body is not read before its signature is checked
        if media_type.ends_with("json") && !operation.is_signed() {
            refuses_what_is_no_object(&probe, &path, media_type).await;
        }
        let (is_form, is_table) = (media_type == "multipart/form-data", media_types.contains_key("text/csv"));
        // terminals send a wrong type or none, so theirs is not read; what is missing here is their key
        let (status, code) = match operation.path == "/terminal/v1" {
            true => (401, "terminal_key_wrong"),
            false => (415, "unsupported_media_type"),
        };
        let others = [
            // which is how some programs call a table
            if is_table { "text/html" } else { "text/plain" },
            "application/xml",
            if is_form { "multipart/mixed; boundary=x" } else { "multipart/form-data; boundary=x" },
            "application/jsonx",
            "json",
        ];
        for other in others {
            probe.refused(&path, sent(other, b"{}"), status, code).await;
        }
        probe.refused(&path, probe.request(&path).body("{}"), status, code).await;

        // ten mebibytes plus the multipart overhead for a file, fifteen for a mail, otherwise one
        let limit = match media_type.as_str() {
            "multipart/form-data" => 10 * 1024 * 1024 + 64 * 1024,
            "message/rfc822" => 15 * 1024 * 1024,
            _ if is_table => 10 * 1024 * 1024,
            _ => 1024 * 1024,
        };
        let announced = format!("Content-Type: {media_type}\r\nContent-Length: {}\r\n", limit + 1);
        probe.check(&with_head(&probe, &path, &announced).await, &path, 413, "body_too_large");
        let sent = vec![b' '; limit + 1];
        probe
            .refused(
                &path,
                probe.request(&path).header(CONTENT_TYPE, media_type).body(sent),
                413,
                "body_too_large",
            )
            .await;
    }
}

#[scenario]
async fn an_id_of_nothing_is_not_found_by_any_operation(app: &App) {
    let document = document();
    let admin = app.admin().await;
    for operation in Operation::all(document).iter().filter(|operation| operation.has_id()) {
        let probe = Probe { operation, client: &admin };
        for id in NO_IDS {
            let path = operation.at(id);
            let request = match operation.example(document) {
                Some((media_type, example)) => {
                    probe.request(&path).header(CONTENT_TYPE, media_type).body(example.to_string())
                }
                None => probe.request(&path),
            };
            let reply = probe.refused(&path, request, 404, "").await;
            assert!(
                reply.body["code"].as_str().unwrap().ends_with("_not_found")
                    || reply.body["code"] == "no_such_path",
                "{}",
                reply.text
            );
        }
    }
}

#[scenario]
async fn an_unknown_parameter_is_refused_by_every_list_and_the_known_ones_are_named(app: &App) {
    let admin = app.admin().await;
    for operation in
        Operation::all(document()).iter().filter(|operation| operation.has_query() && !operation.is_signed())
    {
        let probe = Probe { operation, client: &admin };
        let path = format!("{}?no_such_parameter=1", operation.at("999999"));
        let reply = probe.refused(&path, probe.request(&path), 400, "unknown_parameter").await;
        let detail = reply.body["detail"].as_str().unwrap();
        for parameter in operation.said["parameters"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|parameter| parameter["in"] == "query")
        {
            assert!(
                detail.contains(parameter["name"].as_str().unwrap()),
                "{parameter} is not named in {detail}"
            );
        }
        for wrong in [
            "page=0",
            "page=x",
            "page_size=501",
            "ordering=password",
            "cursor=%21",
            "page=1&page=2",
            "search=%00",
        ] {
            let path = format!("{}?{wrong}", operation.at("999999"));
            probe.refused(&path, probe.request(&path), 400, "").await;
        }
    }
}

#[scenario]
async fn a_wrong_path_is_not_found_and_a_wrong_method_names_the_right_ones(app: &App) {
    let document = document();
    let admin = app.admin().await;
    for (path, item) in document["paths"].as_object().unwrap() {
        let path = possible_path(document, path);
        let mut right: BTreeSet<String> =
            item.as_object().unwrap().keys().map(|method| method.to_uppercase()).collect();
        right.insert("OPTIONS".to_owned());
        if right.contains("GET") {
            right.insert("HEAD".to_owned());
        }
        for method in [
            Method::GET,
            Method::POST,
            Method::PUT,
            Method::PATCH,
            Method::DELETE,
            Method::OPTIONS,
            Method::TRACE,
        ] {
            if right.contains(method.as_str()) {
                continue;
            }
            // common variants of a path
            let other_forms = [path.clone(), format!("{path}/"), path.replace("/api/v1/", "/api/")];
            for form in other_forms.iter().take(if path.starts_with("/api/") { 3 } else { 1 }) {
                for client in [&admin, &app.stranger()] {
                    let reply = client.send(method.clone(), form, None).await;
                    check(&reply, form);
                    assert_eq!(
                        (reply.status, reply.body["code"].as_str()),
                        (405, Some("method_not_allowed")),
                        "{method} {form}"
                    );
                    let allow: BTreeSet<String> =
                        reply.header("allow").split(", ").map(str::to_owned).collect();
                    assert_eq!(allow, right, "{method} {form}");
                }
            }
        }
        let beyond = format!("{path}/no/such/part");
        let reply = admin.get(&beyond).await;
        check(&reply, &beyond);
        assert_eq!((reply.status, reply.body["code"].as_str()), (404, Some("no_such_path")), "{beyond}");
    }
    for path in [
        "/api",
        "/api/",
        "/api/v1",
        "/api/v1/",
        "/api/v2/customers",
        "/api/v1/none",
        "/health",
        "/swagger-ui/none.js",
        "/api//v1//customers",
    ] {
        let reply = app.stranger().get(path).await;
        check(&reply, path);
        assert_eq!(reply.status, 404, "{path}");
    }
}

#[scenario]
async fn a_token_that_is_no_good_is_a_problem_of_every_operation_that_needs_one(app: &App) {
    let past = app.admin().await.token.unwrap();
    let broken = format!("{}x", &past[..past.len() - 1]);
    for operation in Operation::all(document()).iter().filter(|operation| !operation.is_public()) {
        let path = operation.at("1");
        for token in ["nonsense", broken.as_str(), "tcrm_nonsense", ""] {
            let client = Client::new(&app.base, Some(token));
            let probe = Probe { operation, client: &client };
            let reply = probe.refused(&path, probe.request(&path), 401, "").await;
            assert!(reply.header("www-authenticate").starts_with("Bearer "), "{}", reply.asked);
        }
        for header in ["Basic YWRtaW46YWRtaW4=", "Bearer", "Bearer\u{e9}"] {
            let client = app.stranger().with("Authorization", header);
            let probe = Probe { operation, client: &client };
            probe.refused(&path, probe.request(&path), 401, "not_signed_in").await;
        }
    }
}

#[scenario]
async fn conditional_and_idempotency_headers_that_cannot_be_are_problems(app: &App) {
    let document = document();
    let admin = app.admin().await;
    for operation in Operation::all(document)
        .iter()
        .filter(|operation| operation.method == Method::POST && operation.has_id() && !operation.is_signed())
    {
        let client = admin.with("Idempotency-Key", "k".repeat(256));
        let probe = Probe { operation, client: &client };
        let path = operation.at("999999");
        let (media_type, example) = operation.example(document).unwrap();
        let request = probe.request(&path).header(CONTENT_TYPE, media_type).body(example.to_string());
        probe.refused(&path, request, 400, "invalid_parameter").await;
    }
}
