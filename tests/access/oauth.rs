//! The token endpoint, as OAuth 2 clients use it.

use chrono::TimeDelta;
use reqwest::Method;
use serde_json::{Value, json};

use super::{OTHER_PASSWORD, hire, refresh, trail};
use crate::harness::{App, Client, PASSWORD, Reply, id, scenario};

async fn send(app: &App, form: &[(&str, &str)]) -> Reply {
    let request = app.stranger().request(Method::POST, "/auth/token").form(form);
    Reply::read(format!("{form:?}"), request.send().await.unwrap()).await
}

fn field_names(object: &Value) -> Vec<&str> {
    let mut names: Vec<&str> = object.as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    names
}

/// Checks a refusal: the problem, and the members of RFC 6749 beside it.
#[track_caller]
fn refused(reply: Reply, status: u16, code: &str, error: &str) {
    let problem = reply.refused(status, code);
    assert_eq!(problem["error"], error, "{problem}");
    let told = problem["error_description"].as_str().unwrap();
    let is_allowed = |letter: char| matches!(letter, ' '..='~') && letter != '"' && letter != '\\';
    assert!(!told.is_empty() && told.chars().all(is_allowed), "{told}");
}

#[scenario]
async fn the_oauth_form_signs_in_by_oauths_names(app: &App) {
    let send = async |form: &[(&str, &str)]| send(app, form).await;
    let reply =
        send(&[("grant_type", "password"), ("username", "admin"), ("password", PASSWORD), ("scope", "")])
            .await;
    assert_eq!(reply.header("cache-control"), "no-store");
    let tokens = reply.expect(200);
    assert_eq!(field_names(&tokens), ["access_token", "expires_in", "refresh_token", "token_type"]);
    assert_eq!(tokens["token_type"], "Bearer");
    crate::harness::Client::new(&app.base, tokens["access_token"].as_str()).get("/auth/me").await.expect(200);
    refresh(app, &tokens["refresh_token"]).await.expect(200);

    let sessions = app.count("sessions").await;
    send(&[("grant_type", "password"), ("username", "admin"), ("password", OTHER_PASSWORD)])
        .await
        .refused(401, "sign_in_failed");
    let unused = [("username", "admin"), ("password", PASSWORD), ("scope", "\u{84}")];
    let wrong = send(&unused).await;
    assert_eq!(wrong.wrong_fields(), [("/scope".to_owned(), "control_character".to_owned())]);
    wrong.refused(422, "invalid");
    let other_grant =
        send(&[("grant_type", "client_credentials"), ("username", "admin"), ("password", PASSWORD)]).await;
    assert_eq!(other_grant.wrong_fields(), [("/grant_type".to_owned(), "invalid_choice".to_owned())]);
    other_grant.refused(422, "invalid");
    app.stranger()
        .post("/auth/token", json!({"username": "admin", "password": PASSWORD}))
        .await
        .refused(415, "unsupported_media_type");
    assert_eq!(app.count("sessions").await, sessions);
}

#[scenario]
async fn an_oauth_client_renews_its_tokens_and_learns_when_it_cannot(app: &App) {
    let admin = app.admin().await;
    let first = send(app, &[("grant_type", "password"), ("username", "admin"), ("password", PASSWORD)])
        .await
        .expect(200);
    let renew = async |tokens: &Value| {
        let token = tokens["refresh_token"].as_str().unwrap();
        send(app, &[("grant_type", "refresh_token"), ("refresh_token", token), ("client_id", "x")]).await
    };
    let reply = renew(&first).await;
    assert_eq!(reply.header("cache-control"), "no-store");
    let second = reply.expect(200);
    assert_eq!(field_names(&second), ["access_token", "expires_in", "refresh_token", "token_type"]);
    assert_ne!(second["refresh_token"], first["refresh_token"]);
    Client::new(&app.base, second["access_token"].as_str()).get("/auth/me").await.expect(200);
    // two tabs, or a lost response
    assert_eq!(renew(&first).await.expect(200), second);
    app.advance(TimeDelta::seconds(10));
    refused(renew(&first).await, 401, "refresh_reused", "invalid_grant");
    refused(renew(&second).await, 401, "session_ended", "invalid_grant");
    Client::new(&app.base, second["access_token"].as_str())
        .get("/auth/me")
        .await
        .refused(401, "session_ended");
    assert_eq!(trail(&admin, "action=auth.refresh_reused").await.len(), 1);
}

#[scenario]
async fn refusals_of_the_token_endpoint_have_the_members_that_oauth_clients_read(app: &App) {
    let admin = app.admin().await;
    let sessions = app.count("sessions").await;
    let access = admin.token.clone().unwrap();
    let grant = |grant: &'static str| ("grant_type", grant);
    let (name, word) = (("username", "admin"), ("password", PASSWORD));
    for (form, status, code, error) in [
        (vec![grant("password"), name, ("password", OTHER_PASSWORD)], 401, "sign_in_failed", "invalid_grant"),
        (vec![grant("client_credentials"), name, word], 422, "invalid", "unsupported_grant_type"),
        (vec![grant("password"), name], 422, "invalid", "invalid_request"),
        (vec![grant("refresh_token")], 422, "invalid", "invalid_request"),
        (vec![grant("refresh_token"), ("refresh_token", "")], 422, "invalid", "invalid_request"),
        (
            vec![grant("refresh_token"), ("refresh_token", access.as_str())],
            401,
            "token_invalid",
            "invalid_grant",
        ),
        (vec![], 422, "invalid", "invalid_request"),
    ] {
        refused(send(app, &form).await, status, code, error);
    }
    let wrong = send(app, &[grant("refresh_token")]).await;
    assert_eq!(wrong.wrong_fields(), [("/refresh_token".to_owned(), "required".to_owned())]);
    // whatever the language and the form of the path; other endpoints have none of these members
    let request = app.stranger().with("Accept-Language", "ru").request(Method::POST, "/api/auth/token/");
    let reply = Reply::read("a sign-in".into(), request.json(&json!({})).send().await.unwrap()).await;
    refused(reply, 415, "unsupported_media_type", "invalid_request");
    let other = refresh(app, &json!("nonsense")).await.refused(401, "token_invalid");
    assert_eq!((other.get("error"), other.get("error_description")), (None, None));
    assert_eq!(app.count("sessions").await, sessions);
}

#[scenario]
async fn a_blocked_user_renews_nothing(app: &App) {
    let admin = app.admin().await;
    let anna = id(&hire(&admin, "anna", "operator").await);
    let tokens = send(app, &[("grant_type", "password"), ("username", "anna"), ("password", PASSWORD)])
        .await
        .expect(200);
    let form =
        [("grant_type", "refresh_token"), ("refresh_token", tokens["refresh_token"].as_str().unwrap())];
    send(app, &form).await.expect(200);
    let block = json!({"reason": "Проверка"});
    admin.post(&format!("/users/{anna}/block"), block).await.expect(200);
    // also within the time in which a repeat gets the same pair
    refused(send(app, &form).await, 401, "session_ended", "invalid_grant");
}

#[scenario]
async fn an_address_that_signs_in_too_often_is_told_so_in_oauths_words(app: &App) {
    app.beside(&[("SIGN_INS_PER_MINUTE", "1")], async |strict| {
        let form = [("username", "admin"), ("password", PASSWORD)];
        send(strict, &form).await.expect(200);
        refused(send(strict, &form).await, 429, "sign_in_rate_limited", "temporarily_unavailable");
    })
    .await;
}
