//! Bodies that arrive after their heads: the caller's rights count when the body has ended.

use std::time::Duration;

use futures_util::future::{join, join3};
use serde_json::{Value, json};
use tokio::{io::AsyncWriteExt, time::sleep};

use super::raw;
use crate::harness::{App, Client, PASSWORD, id, scenario};

/// When the caller's rights change, and when the body ends, after the head and the first half of the body were sent.
const CHANGED: Duration = Duration::from_millis(400);
const ENDED: Duration = Duration::from_millis(1200);

/// Sends a request whose body comes in two halves; returns the status and the body of the response.
async fn slow(app: &App, token: &str, path: &str, media_type: &str, body: &str) -> (u16, Value) {
    let (first, second) = body.split_at(body.len() / 2);
    let head = format!(
        "POST /api/v1{path} HTTP/1.1\r\nHost: crm.test\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: {media_type}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{first}",
        body.len()
    );
    let mut stream = raw::connect(app).await;
    stream.write_all(head.as_bytes()).await.unwrap();
    sleep(ENDED).await;
    stream.write_all(second.as_bytes()).await.unwrap();
    let (answer, _) = raw::answer(&mut stream).await;
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap();
    let body = answer.split_once("\r\n\r\n").map(|(_, body)| serde_json::from_str(body).unwrap_or_default());
    (status, body.unwrap_or_default())
}

/// An operator with this name: the id, and the access token of a session.
async fn operator(app: &App, admin: &Client, name: &str) -> (i64, String) {
    let user = json!({"username": name, "full_name": "x", "role": "operator", "password": PASSWORD});
    let user = id(&admin.post("/users", user).await.expect(201));
    (user, app.sign_in(name, PASSWORD).await.token.unwrap())
}

const FILE: &str = "--edge\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\n\
                    Content-Type: text/plain\r\n\r\ntext\r\n--edge--\r\n";
const FORM: &str = "multipart/form-data; boundary=edge";

#[scenario]
async fn whoever_is_blocked_before_the_body_has_ended_changes_nothing(app: &App) {
    let admin = app.admin().await;
    let (anna, token) = operator(app, &admin, "anna").await;
    let ticket =
        json!({"customer_id": admin.customer().await, "category": "sim", "subject": "x", "description": "x"});
    let ticket = id(&admin.post("/tickets", ticket).await.expect(201));
    let body = json!({"first": "+79990000000"}).to_string();
    let block = async {
        sleep(CHANGED).await;
        admin.post(&format!("/users/{anna}/block"), json!({"reason": "Увольнение"})).await.expect(200);
    };
    let files = format!("/tickets/{ticket}/attachments");
    let (numbers, file, ()) = join3(
        slow(app, &token, "/numbers", "application/json", &body),
        slow(app, &token, &files, FORM, FILE),
        block,
    )
    .await;
    for (status, problem) in [numbers, file] {
        assert_eq!((status, &problem["code"]), (401, &json!("account_disabled")), "{problem}");
    }
    let counts = [app.count("numbers").await, app.count("ticket_attachments").await];
    assert_eq!((counts, app.count("leftover_files").await), ([0, 0], 0));
}

#[scenario]
async fn whoever_loses_a_right_before_the_body_has_ended_is_refused_and_others_are_served(app: &App) {
    let admin = app.admin().await;
    let ((anna, token), (_, other)) =
        (operator(app, &admin, "anna").await, operator(app, &admin, "boris").await);
    let [first, second] = ["+79990000000", "+79990000001"].map(|first| json!({"first": first}).to_string());
    let deny = async {
        sleep(CHANGED).await;
        let less = json!({"granted": [], "denied": ["sims:write"]});
        admin.put(&format!("/users/{anna}/permissions"), less).await.expect(200);
    };
    let (refused, served, ()) = join3(
        slow(app, &token, "/numbers", "application/json", &first),
        slow(app, &other, "/numbers", "application/json", &second),
        deny,
    )
    .await;
    assert_eq!((refused.0, &refused.1["code"]), (403, &json!("permission_missing")), "{}", refused.1);
    assert_eq!(served.0, 201, "{}", served.1);
    assert_eq!(app.count("numbers").await, 1);
}

#[scenario(ACCESS_TOKEN_MINUTES = "1")]
async fn a_token_that_expires_while_the_body_arrives_still_counts(app: &App) {
    let admin = app.admin().await;
    let (_, token) = operator(app, &admin, "anna").await;
    let body = json!({"first": "+79990000000"}).to_string();
    let expire = async {
        sleep(CHANGED).await;
        app.advance(chrono::TimeDelta::minutes(2));
    };
    let (answer, ()) = join(slow(app, &token, "/numbers", "application/json", &body), expire).await;
    assert_eq!(answer.0, 201, "{}", answer.1);
}
