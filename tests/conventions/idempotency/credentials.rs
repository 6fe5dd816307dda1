//! Whose key it is: a stored response is shown to nobody who may not see it now.

use serde_json::{Value, json};

use super::{essence, is_replay};
use crate::harness::{App, Client, PASSWORD, id, person, scenario, sim};

/// Issues a script token with these permissions.
async fn script(app: &App, owner: &Client, permissions: &[&str]) -> Client {
    let token = json!({"name": "script", "permissions": permissions});
    let issued = owner.post("/auth/api-tokens", token).await.expect(201);
    Client::new(&app.base, issued["token"].as_str()).with("idempotency-key", "k")
}

/// A user whose role has these permissions, and the path of the role.
async fn clerk(app: &App, admin: &Client, permissions: &[&str]) -> (Client, String) {
    let role = json!({"name": "clerk", "title": "x", "permissions": permissions});
    let role = format!("/roles/{}", id(&admin.post("/roles", role).await.expect(201)));
    let user = json!({"username": "clerk", "full_name": "x", "role": "clerk", "password": PASSWORD});
    admin.post("/users", user).await.expect(201);
    (app.sign_in("clerk", PASSWORD).await.with("idempotency-key", "k"), role)
}

#[scenario]
async fn a_script_never_gets_the_answers_of_its_owner_s_session_or_of_another_script(app: &App) {
    let admin = app.admin().await;
    let session = admin.with("idempotency-key", "k");
    let customer = admin.customer().await;
    let action = format!("/customers/{customer}/suspend");
    let first = session.post(&action, json!({"reason": "x"})).await;
    assert!(!first.text.contains('*'));
    // the key is another one for the script, so the action is tried and refused as it would be without a key
    let narrow = script(app, &admin, &["customers:read", "customers:write"]).await;
    let repeat = narrow.post(&action, json!({"reason": "x"})).await;
    assert!(!is_replay(&repeat));
    repeat.refused(409, "customer_wrong_state");
    // a script has keys of its own, and gets its own answer again
    let made = narrow.post("/customers", person()).await;
    let body: Value = serde_json::from_str(&made.text).unwrap();
    assert!(body["inn"].as_str().unwrap().contains('*'), "{body}");
    assert_eq!(made.status, 201);
    let other = script(app, &admin, &["customers:read", "customers:write", "customers:pii"]).await;
    other.post(&action, json!({"reason": "x"})).await.refused(409, "customer_wrong_state");
    // and the session its own
    let again = session.post(&action, json!({"reason": "x"})).await;
    assert!(is_replay(&again));
    assert_eq!(essence(&again), essence(&first));
}

#[scenario]
async fn a_script_that_repeats_its_request_gets_its_stored_answer(app: &App) {
    let admin = app.admin().await;
    let script = script(app, &admin, &["sims:read", "sims:write"]).await;
    let body = json!({"first": "+79990000000"});
    let first = script.post("/numbers", body.clone()).await;
    let again = script.post("/numbers", body).await;
    assert!(is_replay(&again));
    assert_eq!(essence(&again), essence(&first));
    assert_eq!(app.count("numbers").await, 1);
}

#[scenario]
async fn secrets_of_tokens_and_webhooks_are_not_handed_to_a_narrower_credential(app: &App) {
    let admin = app.admin().await;
    let session = admin.with("idempotency-key", "k");
    let narrow = script(app, &admin, &["tariffs:read", "webhooks:manage"]).await;
    let wide = json!({"name": "wide", "permissions": ["customers:read"]});
    let issued = session.post("/auth/api-tokens", wide.clone()).await.expect(201);
    let refusal = narrow.post("/auth/api-tokens", wide).await;
    assert!(!refusal.text.contains(issued["token"].as_str().unwrap()));
    refusal.refused(409, "not_a_session");

    let session = admin.with("idempotency-key", "hook");
    let narrow = narrow.with("idempotency-key", "hook");
    let hook = json!({"url": "https://example.com/hooks", "kinds": ["payment.received"]});
    let made = session.post("/webhook-endpoints", hook.clone()).await.expect(201);
    let other = narrow.post("/webhook-endpoints", hook).await;
    assert!(!is_replay(&other) && !other.text.contains(made["secret"].as_str().unwrap()), "{}", other.text);
}

#[scenario]
async fn after_a_right_was_lost_a_stored_answer_that_may_depend_on_it_is_refused(app: &App) {
    let admin = app.admin().await;
    let all = ["customers:read", "customers:write", "customers:pii", "sims:read", "sims:write", "sims:puk"];
    let (clerk, role) = clerk(app, &admin, &all).await;
    let (subscriber, card) = (person(), sim());
    let first = clerk.post("/customers", subscriber.clone()).await;
    assert!(first.text.contains(subscriber["inn"].as_str().unwrap()));
    let cards = clerk.with("idempotency-key", "card");
    let made = cards.post("/sims", card.clone()).await.expect(201);
    assert_eq!(made["puk_code"], "12345678");
    let counts = [app.count("customers").await, app.count("sims").await];

    for lost in ["customers:pii", "sims:puk"] {
        let left: Vec<&str> = all.into_iter().filter(|one| *one != lost).collect();
        admin.patch(&role, json!({"permissions": left})).await.expect(200);
        for (client, path, body) in [(&clerk, "/customers", &subscriber), (&cards, "/sims", &card)] {
            let refusal = client.post(path, body.clone()).await;
            assert!(!is_replay(&refusal));
            let problem = refusal.refused(403, "replay_right_lost");
            assert!(problem["detail"].as_str().unwrap().contains(lost), "{problem}");
        }
    }
    let denied = admin.get("/audit?action=access.denied").await.expect(200);
    assert_eq!(denied["count"], 4, "a refused replay is on record");
    // with the right given back, and with more rights, the answer is shown again
    let more: Vec<&str> = all.into_iter().chain(["tickets:read"]).collect();
    admin.patch(&role, json!({"permissions": more})).await.expect(200);
    let again = clerk.post("/customers", subscriber).await;
    assert!(is_replay(&again));
    assert_eq!(essence(&again), essence(&first));
    assert_eq!([app.count("customers").await, app.count("sims").await], counts);
}

#[scenario]
async fn a_replay_before_the_transaction_asks_for_the_rights_too(app: &App) {
    let admin = app.admin().await;
    let (clerk, role) = clerk(app, &admin, &["users:read", "users:manage", "sims:read"]).await;
    let new = json!({"username": "novice", "full_name": "x", "role": "clerk", "password": PASSWORD});
    let novice = id(&admin.post("/users", new).await.expect(201));
    let path = format!("/users/{novice}/reset-password");
    let body = json!({"password": "nine green bicycles at dawn"});
    clerk.post(&path, body.clone()).await.expect(200);
    admin.patch(&role, json!({"permissions": ["users:read", "users:manage"]})).await.expect(200);
    clerk.post(&path, body).await.refused(403, "replay_right_lost");
}

#[scenario]
async fn an_answer_of_an_earlier_version_is_repeated_only_to_whoever_may_see_everything(app: &App) {
    let admin = app.admin().await;
    let (clerk, _) = clerk(app, &admin, &["sims:read", "sims:write"]).await;
    let keyed = admin.with("idempotency-key", "k");
    for (client, first) in [(&keyed, "+79990000000"), (&clerk, "+79990000001")] {
        client.post("/numbers", json!({"first": first})).await.expect(201);
    }
    app.execute("UPDATE idempotency_keys SET permissions = NULL").await;
    assert!(is_replay(&keyed.post("/numbers", json!({"first": "+79990000000"})).await));
    clerk.post("/numbers", json!({"first": "+79990000001"})).await.refused(403, "replay_right_lost");
    assert_eq!(app.count("numbers").await, 2);
}
