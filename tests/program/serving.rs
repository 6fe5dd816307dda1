//! The log.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
};

use reqwest::{Method, header::CONTENT_TYPE};
use serde_json::{Value, json};

use super::{PASSWORD, PATIENCE, Place, program};
use crate::harness::{Client, id, person, sim};

/// The log lines about requests.
fn access_lines(log: &str) -> Vec<Value> {
    let lines =
        log.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("not JSON: {line}")));
    lines.filter(|line: &Value| line["target"] == "access").collect()
}

/// A password that nobody has.
const NOBODYS_PASSWORD: &str = "a password that nobody has";
/// A password that was typed into the field of the name.
const MISPLACED_PASSWORD: &str = "correct horse battery";

/// What the log may not have: passwords and tokens, and what was sent of a person and of a SIM.
fn secrets(tokens: &Value, script: &Value, person: &Value, sim: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let mut secrets = vec![
        PASSWORD.to_owned(),
        NOBODYS_PASSWORD.to_owned(),
        MISPLACED_PASSWORD.to_owned(),
        "9161234567".to_owned(),
        "argon2".to_owned(),
    ];
    secrets.extend([&tokens["access"], &tokens["refresh"], &script["token"]].map(text));
    secrets.extend(
        ["last_name", "passport_number", "inn", "phone", "email", "address", "birth_date"]
            .map(|field| text(&person[field])),
    );
    secrets.extend(["iccid", "imsi", "puk_code", "msisdn"].map(|field| text(&sim[field])));
    secrets.push("%D0%98%D0%B2".to_owned());
    secrets
}

/// Sends requests with secrets and personal data in every part; returns what of it the log may not have.
async fn requests_with_secrets(base: &str) -> Vec<String> {
    let stranger = Client::new(base, None);
    let tokens =
        stranger.post("/auth/login", json!({"username": "admin", "password": PASSWORD})).await.expect(200);
    let admin = Client::new(base, tokens["access"].as_str());
    let script = admin
        .post("/auth/api-tokens", json!({"name": "script", "permissions": ["customers:read"]}))
        .await
        .expect(201);
    let (person, sim) = (person(), sim());
    let customer =
        id(&admin.with("X-Request-Id", "the-creation").post("/customers", person.clone()).await.expect(201));
    admin.post("/customers", person.clone()).await.refused(409, "customer_duplicate");
    admin.post("/sims", sim.clone()).await.expect(201);
    admin.with("X-Request-Id", "the-reading").get(&format!("/customers/{customer}")).await.expect(200);
    admin
        .get(&format!("/customers?search={}", person["passport_number"].as_str().unwrap()))
        .await
        .expect(200);
    Client::new(base, script["token"].as_str())
        .get("/customers?search=%D0%98%D0%B2%D0%B0%D0%BD%D0%BE%D0%B2")
        .await
        .expect(200);
    stranger
        .with("X-Request-Id", "the-stranger")
        .post("/auth/login", json!({"username": "admin", "password": NOBODYS_PASSWORD}))
        .await
        .expect(401);
    // a common mistake: the password in the field of the name
    stranger.post("/auth/login", json!({"username": MISPLACED_PASSWORD, "password": "x"})).await.expect(401);
    let form = stranger
        .request(Method::POST, "/auth/token")
        .header(CONTENT_TYPE, "text/plain")
        .body(format!("password={NOBODYS_PASSWORD}"));
    form.send().await.unwrap();
    admin.with("X-Request-Id", "nowhere").get("/no/such/+79161234567").await.expect(404);
    secrets(&tokens, &script, &person, &sim)
}

#[program]
async fn each_request_leaves_one_line_with_its_route_and_without_secrets_or_personal_data(place: &Place) {
    let server = place.serve_with_password(&[("LOG_FORMAT", "json"), ("LOG_LEVEL", "trace")]).await;
    let secrets = requests_with_secrets(&server.base()).await;
    let log = server.stop().err;

    let lines = access_lines(&log);
    for line in &lines {
        for field in ["method", "route", "user", "address", "request_id", "time"] {
            assert!(line[field].as_str().is_some_and(|text| !text.is_empty()), "{field} is not in {line}");
        }
        assert!(line["status"].as_u64().is_some() && line["microseconds"].as_u64().is_some(), "{line}");
    }
    let of = |request_id: &str| {
        let found: Vec<&Value> = lines.iter().filter(|line| line["request_id"] == request_id).collect();
        assert_eq!(found.len(), 1, "{request_id}: {found:?}");
        let line = found[0];
        (line["method"].clone(), line["route"].clone(), line["status"].clone(), line["user"].clone())
    };
    assert_eq!(of("the-creation"), (json!("POST"), json!("/api/v1/customers"), json!(201), json!("admin")));
    assert_eq!(
        of("the-reading"),
        (json!("GET"), json!("/api/v1/customers/{id}"), json!(200), json!("admin"))
    );
    assert_eq!(of("the-stranger"), (json!("POST"), json!("/api/v1/auth/login"), json!(401), json!("-")));
    assert_eq!(of("nowhere"), (json!("GET"), json!("-"), json!(404), json!("-")));

    for secret in secrets {
        let line = log.lines().find(|line| line.contains(&secret));
        assert_eq!(line, None, "the log has `{secret}`");
    }
}

#[program]
async fn lines_for_people_have_the_same_fields(place: &Place) {
    let server = place.serve_with_password(&[]).await;
    server.admin().await.with("X-Request-Id", "the-one").get("/users").await.expect(200);
    let log = server.stop().err;
    let line = log.lines().find(|line| line.contains("the-one")).unwrap_or_else(|| panic!("{log}"));
    for part in [
        "access",
        "method=GET",
        "route=/api/v1/users",
        "status=200",
        "user=admin",
        "address=127.0.0.1",
        "request_id=the-one",
        "microseconds=",
    ] {
        assert!(line.contains(part), "{part} is not in {line}");
    }
    assert!(log.contains("serving on http://"), "{log}");
    let first = log.lines().next().unwrap();
    let version = env!("CARGO_PKG_VERSION");
    for part in [
        &format!("telecom-crm {version} on "),
        "country ru",
        "time zone Europe/Moscow",
        "schema ",
        " migrations applied",
    ] {
        assert!(first.contains(part), "{part} is not in {first}");
    }
    // checks that succeed say nothing, and those that fail do
    assert!(!log.contains("/health/"), "{log}");
}

#[program]
async fn the_address_in_the_log_is_the_one_that_a_trusted_proxy_reports(place: &Place) {
    let server = place.serve_with_password(&[("TRUSTED_PROXIES", "127.0.0.1"), ("LOG_FORMAT", "json")]).await;
    let outside = Client::new(&server.base(), None).with("X-Forwarded-For", "203.0.113.9");
    outside.get("/users").await.expect(401);
    let log = server.stop().err;
    let addresses: Vec<Value> = access_lines(&log).iter().map(|line| line["address"].clone()).collect();
    assert_eq!(addresses, [json!("203.0.113.9")]);
}

#[program]
async fn what_is_no_request_leaves_a_line_too(place: &Place) {
    let server = place.serve_with_password(&[("LOG_FORMAT", "json")]).await;
    let mut stream = TcpStream::connect(&server.bind).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(b"GET /health/live HTTP/1.1\r\nHost x\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (_, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{answer}"));
    let problem: Value = serde_json::from_str(body).unwrap();
    assert_eq!(problem["status"], 400, "{answer}");
    let log = server.stop().err;
    let lines = access_lines(&log);
    let its: Vec<&Value> = lines.iter().filter(|line| line["request_id"] == problem["request_id"]).collect();
    let [line] = its[..] else { panic!("not one line: {lines:?}") };
    assert_eq!((&line["status"], &line["address"]), (&json!(400), &json!("127.0.0.1")), "{line}");
}

/// A store that refuses every request in the same way; returns its address.
fn refusing_store(status: &'static str, code: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let (mut head, mut piece) = (Vec::new(), [0; 4096]);
            while !head.windows(4).any(|end| end == b"\r\n\r\n") {
                match stream.read(&mut piece) {
                    Ok(read @ 1..) => head.extend_from_slice(&piece[..read]),
                    _ => break,
                }
            }
            let body = format!("<?xml version=\"1.0\"?>\n<Error>\n  <Code>{code}</Code>\n</Error>\n");
            let length = body.len();
            let answer = format!(
                "HTTP/1.1 {status}\r\nContent-Type: application/xml\r\nContent-Length: {length}\r\n\
                 Connection: close\r\n\r\n{body}"
            );
            // a client that has gone needs no answer
            let _gone = stream.write_all(answer.as_bytes());
        }
    });
    address
}

#[program]
async fn a_bucket_that_is_missing_or_refuses_the_key_leaves_one_line_that_says_so(place: &Place) {
    for (status, code, words) in [
        ("404 Not Found", "NoSuchBucket", "there is no such bucket"),
        ("403 Forbidden", "InvalidAccessKeyId", "the key is wrong"),
    ] {
        let address = refusing_store(status, code);
        let server = place
            .serve(&[
                ("ATTACHMENTS_URL", "s3://crm-files/tickets"),
                ("ATTACHMENTS_S3_ENDPOINT", &address),
                ("ATTACHMENTS_S3_KEY_ID", "crm-key"),
                ("ATTACHMENTS_S3_SECRET_KEY", "a-secret-of-the-tests"),
            ])
            .await;
        let stranger = Client::new(&server.base(), None);
        for _ in 0..3 {
            assert_eq!(stranger.get("/health/ready").await.expect(200)["files"], "away");
        }
        let log = server.stop().err;
        let lines: Vec<&str> =
            log.lines().filter(|line| line.contains("the store of attached files")).collect();
        let [line] = lines[..] else { panic!("not one line: {log}") };
        for part in ["ERROR", "ATTACHMENTS_URL", words, code] {
            assert!(line.contains(part), "{part} is not in {line}");
        }
        assert!(!log.contains("a-secret-of-the-tests"), "{log}");
    }
}
