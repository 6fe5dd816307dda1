//! Access and refresh tokens: rotation, forgery, change of keys.

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use chrono::TimeDelta;
use futures_util::future::join_all;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde_json::{Value, json};

use super::{bearer, hire, login, pair, refresh, trail};
use crate::harness::{App, Client, PASSWORD, scenario, secret};

const NEXT_SECRET: &str = "the next secret of the tests, after the change";

/// The claims of a token.
fn claims(token: &Value) -> Value {
    let mut validation = Validation::new(Algorithm::HS256);
    validation.validate_exp = false;
    validation.validate_aud = false;
    let key = DecodingKey::from_secret(secret().reveal().as_bytes());
    jsonwebtoken::decode::<Value>(token.as_str().unwrap(), &key, &validation).unwrap().claims
}

fn signed(claims: &Value, algorithm: Algorithm, key: &str) -> String {
    jsonwebtoken::encode(&Header::new(algorithm), claims, &EncodingKey::from_secret(key.as_bytes())).unwrap()
}

/// The code with which a bearer token is refused; `None` if it is accepted.
async fn judged(app: &App, token: &str) -> Option<String> {
    let reply = Client::new(&app.base, Some(token)).get("/auth/me").await;
    if reply.status == 200 {
        return None;
    }
    assert_eq!(reply.status, 401, "{}", reply.text);
    assert!(reply.header("www-authenticate").starts_with("Bearer"));
    Some(reply.body["code"].as_str().unwrap().to_owned())
}

#[scenario]
async fn refreshing_rotates_within_the_same_session(app: &App) {
    let first = pair(app, "admin").await;
    let reply = refresh(app, &first["refresh"]).await;
    assert_eq!(reply.header("cache-control"), "no-store");
    let second = reply.expect(200);
    assert_ne!(second["refresh"], first["refresh"]);
    assert_ne!(second["access"], first["access"]);
    assert_eq!((&second["user"], &second["expires_in"]), (&first["user"], &first["expires_in"]));
    assert_eq!(claims(&second["access"])["sid"], claims(&first["access"])["sid"]);
    bearer(app, &second).get("/auth/me").await.expect(200);
    refresh(app, &second["refresh"]).await.expect(200);
    assert_eq!(app.count("sessions").await, 1);
}

#[scenario]
async fn using_a_refresh_token_again_ends_the_whole_session_and_no_other(app: &App) {
    let elsewhere = pair(app, "admin").await;
    let first = pair(app, "admin").await;
    let second = refresh(app, &first["refresh"]).await.expect(200);
    bearer(app, &second).get("/auth/me").await.expect(200);
    app.advance(TimeDelta::seconds(10));
    refresh(app, &first["refresh"]).await.refused(401, "refresh_reused");
    for access in [&first, &second] {
        bearer(app, access).get("/auth/me").await.refused(401, "session_ended");
    }
    for token in [&first["refresh"], &second["refresh"]] {
        refresh(app, token).await.refused(401, "session_ended");
    }
    let admin = bearer(app, &elsewhere);
    let rows = trail(&admin, "action=auth.refresh_reused").await;
    assert_eq!(rows.len(), 1);
    assert_eq!(
        (&rows[0]["entity_id"], &rows[0]["actor"]),
        (&json!(claims(&first["access"])["sid"].to_string()), &json!("admin"))
    );
    refresh(app, &elsewhere["refresh"]).await.expect(200);
}

#[scenario]
async fn of_fifty_uses_at_once_each_gets_the_same_pair_and_the_token_is_exchanged_once(app: &App) {
    let watcher = app.admin().await;
    let first = pair(app, "admin").await;
    let replies = join_all((0..50).map(|_| refresh(app, &first["refresh"]))).await;
    let pairs: Vec<Value> = replies.into_iter().map(|reply| reply.expect(200)).collect();
    assert!(pairs.iter().all(|one| *one == pairs[0]));
    assert_ne!(pairs[0]["refresh"], first["refresh"]);
    bearer(app, &pairs[0]).get("/auth/me").await.expect(200);
    refresh(app, &pairs[0]["refresh"]).await.expect(200);
    let rotations = trail(&watcher, "action=auth.refreshed").await;
    assert_eq!((rotations.len(), trail(&watcher, "action=auth.refresh_reused").await.len()), (2, 0));
    assert_eq!(watcher.get("/audit/verify").await.expect(200)["intact"], true);
}

#[scenario]
async fn a_repeated_refresh_gets_the_same_pair_for_ten_seconds_and_only_before_the_next_exchange(app: &App) {
    let first = pair(app, "admin").await;
    let second = refresh(app, &first["refresh"]).await.expect(200);
    app.advance(TimeDelta::milliseconds(9_999));
    let rows = app.count("audit").await;
    let again = refresh(app, &first["refresh"]).await;
    assert_eq!(again.header("cache-control"), "no-store");
    assert_eq!(again.expect(200), second);
    assert_eq!(app.count("audit").await, rows, "nothing was exchanged");
    bearer(app, &second).get("/auth/me").await.expect(200);
    // the pair was used: who still has the first token is not its owner's second tab
    let third = refresh(app, &second["refresh"]).await.expect(200);
    refresh(app, &first["refresh"]).await.refused(401, "refresh_reused");
    refresh(app, &third["refresh"]).await.refused(401, "session_ended");

    let other = pair(app, "admin").await;
    refresh(app, &other["refresh"]).await.expect(200);
    bearer(app, &other).post("/auth/logout", json!({})).await.expect(204);
    refresh(app, &other["refresh"]).await.refused(401, "session_ended");
}

#[scenario]
async fn a_crowd_of_late_uses_ends_the_session_once(app: &App) {
    let watcher = app.admin().await;
    let first = pair(app, "admin").await;
    let second = refresh(app, &first["refresh"]).await.expect(200);
    app.advance(TimeDelta::seconds(10));
    let replies = join_all((0..50).map(|_| refresh(app, &first["refresh"]))).await;
    let mut codes: Vec<String> =
        replies.into_iter().map(|reply| reply.expect(401)["code"].as_str().unwrap().to_owned()).collect();
    codes.sort();
    assert_eq!(codes.remove(0), "refresh_reused");
    assert_eq!(codes, vec!["session_ended"; 49]);
    for access in [&first, &second] {
        bearer(app, access).get("/auth/me").await.refused(401, "session_ended");
    }
    assert_eq!(trail(&watcher, "action=auth.refresh_reused").await.len(), 1);
    assert_eq!(
        app.scalar("SELECT COUNT(*) FROM sessions WHERE revoked_at IS NULL").await,
        1,
        "the watcher's session"
    );
}

#[scenario]
async fn a_token_serves_only_what_it_was_made_for(app: &App) {
    let tokens = pair(app, "admin").await;
    let admin = bearer(app, &tokens);
    let script = admin
        .post("/auth/api-tokens", json!({"name": "export", "permissions": ["customers:read"]}))
        .await
        .expect(201);
    for token in [&tokens["access"], &script["token"], &json!("nonsense")] {
        refresh(app, token).await.refused(401, "token_invalid");
    }
    assert_eq!(judged(app, tokens["refresh"].as_str().unwrap()).await.as_deref(), Some("token_invalid"));
    // the refused request has changed nothing
    refresh(app, &tokens["refresh"]).await.expect(200);
    assert_eq!(trail(&admin, "action=auth.refresh_reused").await.len(), 0);
}

#[scenario]
async fn tokens_end_when_their_time_is_over(app: &App) {
    let tokens = pair(app, "admin").await;
    app.advance(TimeDelta::seconds(24 * 60 * 60 + 4));
    assert_eq!(
        judged(app, tokens["access"].as_str().unwrap()).await,
        None,
        "clocks may differ by five seconds"
    );
    app.advance(TimeDelta::seconds(1));
    assert_eq!(judged(app, tokens["access"].as_str().unwrap()).await.as_deref(), Some("token_expired"));

    app.advance(TimeDelta::days(5));
    let renewed = refresh(app, &tokens["refresh"]).await.expect(200);
    app.advance(TimeDelta::days(6));
    let renewed = refresh(app, &renewed["refresh"]).await.expect(200);
    bearer(app, &renewed).get("/auth/me").await.expect(200);
    app.advance(TimeDelta::days(7));
    refresh(app, &renewed["refresh"]).await.refused(401, "token_expired");
    app.advance(TimeDelta::days(7));
    refresh(app, &renewed["refresh"]).await.refused(401, "token_expired");
}

#[scenario]
async fn only_a_request_with_a_whole_bearer_token_is_signed_in(app: &App) {
    app.stranger().get("/auth/me").await.refused(401, "not_signed_in");
    let token = pair(app, "admin").await["access"].as_str().unwrap().to_owned();
    let with = async |header: String| app.stranger().with("Authorization", header).get("/auth/me").await;
    with(format!("bearer {token}")).await.expect(200);
    with(token.clone()).await.refused(401, "not_signed_in");
    with(format!("Basic {token}")).await.refused(401, "not_signed_in");
    with("Bearer ".to_owned()).await.refused(401, "not_signed_in");
    with("Bearer tcrm_".to_owned()).await.refused(401, "token_invalid");
    with(format!("Bearer {}", &token[..token.len() - 2])).await.refused(401, "token_invalid");
    with(format!("Bearer {}", "a".repeat(6000))).await.refused(401, "token_invalid");
}

#[scenario]
async fn a_forged_token_is_refused(app: &App) {
    let token = pair(app, "admin").await["access"].clone();
    let key = secret();
    let key = key.reveal();
    let good = claims(&token);
    assert_eq!(
        judged(app, &signed(&good, Algorithm::HS256, key)).await,
        None,
        "the valid token that the others vary"
    );
    let refused = Some("token_invalid".to_owned());

    assert_eq!(
        judged(app, &signed(&good, Algorithm::HS256, "another key, which is as long as it should be")).await,
        refused
    );
    assert_eq!(judged(app, &signed(&good, Algorithm::HS512, key)).await, refused);
    let body = BASE64_URL_SAFE_NO_PAD.encode(good.to_string());
    for header in [
        r#"{"alg":"none","typ":"JWT"}"#,
        r#"{"alg":"NONE"}"#,
        r#"{"alg":"HS256","typ":"JWT"}"#,
        r#"{"typ":"JWT"}"#,
    ] {
        let header = BASE64_URL_SAFE_NO_PAD.encode(header);
        assert_eq!(judged(app, &format!("{header}.{body}.")).await, refused);
    }
    for name in ["iss", "aud", "sub", "exp", "nbf", "iat", "jti", "sid", "typ"] {
        let mut less = good.clone();
        less.as_object_mut().unwrap().remove(name).unwrap();
        assert_eq!(judged(app, &signed(&less, Algorithm::HS256, key)).await, refused, "without {name}");
    }
    let now = app.clock.now().timestamp();
    for (name, value) in [
        ("iss", json!("somebody else")),
        ("aud", json!("somebody else")),
        ("sub", json!("2")),
        ("sub", json!("admin")),
        ("nbf", json!(now + 6)),
        ("iat", json!(now + 6)),
        ("sid", json!(1)),
        ("typ", json!("refresh")),
    ] {
        let mut other = good.clone();
        other[name] = value.clone();
        assert_eq!(judged(app, &signed(&other, Algorithm::HS256, key)).await, refused, "{name} = {value}");
    }
}

#[scenario]
async fn a_token_never_speaks_for_another_user(app: &App) {
    hire(&app.admin().await, "anna", "employee").await;
    let (admin, anna) = (pair(app, "admin").await, pair(app, "anna").await);
    let mut mixed = claims(&anna["access"]);
    mixed["sub"] = claims(&admin["access"])["sub"].clone();
    let forged = signed(&mixed, Algorithm::HS256, secret().reveal());
    assert_eq!(judged(app, &forged).await.as_deref(), Some("token_invalid"));
    let mut mixed = claims(&anna["refresh"]);
    mixed["sub"] = claims(&admin["access"])["sub"].clone();
    refresh(app, &json!(signed(&mixed, Algorithm::HS256, secret().reveal())))
        .await
        .refused(401, "token_invalid");
    refresh(app, &anna["refresh"]).await.expect(200);
}

#[scenario]
async fn during_a_change_of_keys_old_tokens_count_and_new_ones_are_signed_with_the_new_key(app: &App) {
    let keyed = app.stranger().with("Idempotency-Key", "before the change");
    let body = json!({"username": "admin", "password": PASSWORD});
    let old = keyed.post("/auth/login", body.clone()).await.expect(200);
    let during = [("JWT_SECRET", NEXT_SECRET), ("JWT_SECRET_PREVIOUS", secret().reveal())]
        .map(|(name, value)| (name, value.to_owned()));
    let during: Vec<(&str, &str)> = during.iter().map(|(name, value)| (*name, value.as_str())).collect();
    app.beside(&during, async |next| {
        bearer(next, &old).get("/auth/me").await.expect(200);
        // data that was stored under the old key can still be decrypted
        let replay = Client::new(&next.base, None)
            .with("Idempotency-Key", "before the change")
            .post("/auth/login", body)
            .await;
        assert_eq!(replay.header("idempotent-replayed"), "true");
        assert_eq!(replay.expect(200), old);
        let new = refresh(next, &old["refresh"]).await.expect(200);
        bearer(next, &new).get("/auth/me").await.expect(200);
        bearer(app, &new).get("/auth/me").await.refused(401, "token_invalid");
    })
    .await;
    app.beside(&[("JWT_SECRET", NEXT_SECRET)], async |after| {
        bearer(after, &old).get("/auth/me").await.refused(401, "token_invalid");
        login(after, "admin", PASSWORD).await.expect(200);
    })
    .await;
}
