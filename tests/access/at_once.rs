//! A change of permissions applies from the next request on, on every server.

use futures_util::future::{join, join_all};
use serde_json::json;

use super::{OTHER_PASSWORD, bearer, hire, pair, permissions, refresh, role};
use crate::harness::{App, Client, id, person, scenario};

/// Each worker thread has a cache, and all caches must be equally fresh.
const MANY_WORKERS: &[(&str, &str)] = &[("WORKERS", "3")];

/// One caller as a client of each of two servers, both of which have already served it.
async fn at_both(here: &App, there: &App, token: &str) -> [Client; 2] {
    let clients = [here, there].map(|app| Client::new(&app.base, Some(token)));
    for client in &clients {
        client.get("/auth/me").await.expect(200);
    }
    clients
}

async fn refused_at_both(clients: &[Client; 2], code: &str) {
    // the other server first, because it did not make the change itself
    for client in clients.iter().rev() {
        client.get("/auth/me").await.refused(401, code);
    }
}

fn access(pair: &serde_json::Value) -> &str {
    pair["access"].as_str().unwrap()
}

#[scenario]
async fn blocking_deactivating_and_deleting_a_user_count_at_once_on_both_servers(app: &App) {
    let admin = app.admin().await;
    let path = format!("/users/{}", id(&hire(&admin, "anna", "operator").await));
    app.beside(MANY_WORKERS, async |other| {
        let anna = at_both(app, other, access(&pair(app, "anna").await)).await;
        admin.post(&format!("{path}/block"), json!({"reason": "Проверка"})).await.expect(200);
        refused_at_both(&anna, "account_disabled").await;
        admin.post(&format!("{path}/unblock"), json!({})).await.expect(200);
        // blocking ended the sessions, and unblocking does not restore them
        refused_at_both(&anna, "session_ended").await;

        let anna = at_both(app, other, access(&pair(other, "anna").await)).await;
        admin.patch(&path, json!({"is_active": false})).await.expect(200);
        refused_at_both(&anna, "account_disabled").await;
        admin.patch(&path, json!({"is_active": true})).await.expect(200);
        let anna = at_both(app, other, access(&pair(other, "anna").await)).await;
        admin.patch(&path, json!({"valid_until": app.clock.now().to_rfc3339()})).await.expect(200);
        refused_at_both(&anna, "account_disabled").await;
        admin.patch(&path, json!({"valid_until": null})).await.expect(200);
        let anna = at_both(app, other, access(&pair(other, "anna").await)).await;
        admin.delete(&path).await.expect(204);
        refused_at_both(&anna, "token_invalid").await;
    })
    .await;
}

#[scenario]
async fn a_change_of_role_or_of_what_a_role_holds_counts_at_once_on_both_servers(app: &App) {
    let admin = app.admin().await;
    let anna_id = id(&hire(&admin, "anna", "operator").await);
    let clerks = role(&admin, "clerk", &["customers:read"]).await;
    app.beside(MANY_WORKERS, async |other| {
        let anna = at_both(app, other, access(&pair(app, "anna").await)).await;
        for client in &anna {
            client.post("/customers", person()).await.expect(201);
        }
        admin.patch(&format!("/users/{anna_id}"), json!({"role": "clerk"})).await.expect(200);
        for client in anna.iter().rev() {
            client.post("/customers", person()).await.refused(403, "permission_missing");
            assert_eq!(permissions(client).await, ["customers:read"]);
        }
        admin
            .patch(
                &format!("/roles/{}", id(&clerks)),
                json!({"permissions": ["customers:read", "customers:write"]}),
            )
            .await
            .expect(200);
        for client in anna.iter().rev() {
            client.post("/customers", person()).await.expect(201);
        }
        admin.patch(&format!("/roles/{}", id(&clerks)), json!({"permissions": []})).await.expect(200);
        for client in anna.iter().rev() {
            client.get("/customers").await.refused(403, "permission_missing");
        }
        assert_eq!(app.count("customers").await, 4);
    })
    .await;
}

#[scenario]
async fn single_grants_and_denials_count_at_once_on_both_servers(app: &App) {
    let admin = app.admin().await;
    let path = format!("/users/{}/permissions", id(&hire(&admin, "anna", "employee").await));
    app.beside(MANY_WORKERS, async |other| {
        let anna = at_both(app, other, access(&pair(app, "anna").await)).await;
        for client in &anna {
            client.post("/customers", person()).await.refused(403, "permission_missing");
        }
        admin.put(&path, json!({"granted": ["customers:write"], "denied": ["sims:read"]})).await.expect(200);
        for client in anna.iter().rev() {
            client.post("/customers", person()).await.expect(201);
            client.get("/sims").await.refused(403, "permission_missing");
        }
        admin.put(&path, json!({"granted": [], "denied": []})).await.expect(200);
        for client in anna.iter().rev() {
            client.post("/customers", person()).await.refused(403, "permission_missing");
            client.get("/sims").await.expect(200);
        }
        assert_eq!(app.count("customers").await, 2);
    })
    .await;
}

#[scenario]
async fn the_end_of_a_session_a_script_token_or_a_password_counts_at_once_on_both_servers(app: &App) {
    let admin = app.admin().await;
    let anna_id = id(&hire(&admin, "anna", "operator").await);
    app.beside(MANY_WORKERS, async |other| {
        let ending = at_both(app, other, access(&pair(app, "anna").await)).await;
        ending[0].post("/auth/logout", json!({})).await.expect(204);
        refused_at_both(&ending, "session_ended").await;

        let (first, second) = (pair(app, "anna").await, pair(other, "anna").await);
        let (staying, ending) =
            (at_both(app, other, access(&first)).await, at_both(app, other, access(&second)).await);
        let change = json!({"current_password": crate::harness::PASSWORD, "new_password": OTHER_PASSWORD});
        staying[0].post("/auth/change-password", change).await.expect(204);
        refused_at_both(&ending, "session_ended").await;

        let issued = staying[0]
            .post("/auth/api-tokens", json!({"name": "export", "permissions": ["customers:read"]}))
            .await
            .expect(201);
        let script = at_both(app, other, issued["token"].as_str().unwrap()).await;
        staying[0].delete(&format!("/auth/api-tokens/{}", id(&issued))).await.expect(204);
        refused_at_both(&script, "token_revoked").await;

        admin
            .post(&format!("/users/{anna_id}/reset-password"), json!({"password": crate::harness::PASSWORD}))
            .await
            .expect(200);
        refused_at_both(&staying, "session_ended").await;
        let reused = pair(other, "anna").await;
        let ending = at_both(app, other, access(&reused)).await;
        refresh(app, &reused["refresh"]).await.expect(200);
        app.advance(chrono::TimeDelta::seconds(10));
        refresh(app, &reused["refresh"]).await.refused(401, "refresh_reused");
        refused_at_both(&ending, "session_ended").await;
    })
    .await;
}

#[scenario]
async fn a_refresh_at_one_server_lengthens_the_session_at_the_other(app: &App) {
    app.beside(MANY_WORKERS, async |other| {
        let first = pair(app, "admin").await;
        at_both(app, other, access(&first)).await;
        app.advance(chrono::TimeDelta::days(6));
        let second = refresh(app, &first["refresh"]).await.expect(200);
        app.advance(chrono::TimeDelta::days(2));
        let third = refresh(other, &second["refresh"]).await.expect(200);
        at_both(app, other, access(&third)).await;
    })
    .await;
}

#[scenario]
async fn a_block_counts_at_once_also_in_a_crowd_of_requests(app: &App) {
    let admin = app.admin().await;
    let path = format!("/users/{}", id(&hire(&admin, "anna", "operator").await));
    app.beside(MANY_WORKERS, async |other| {
        let anna = at_both(app, other, access(&pair(app, "anna").await)).await;
        let blocked = std::cell::Cell::new(false);
        let caller = async |client: &Client| {
            let mut late = 0;
            while late < 3 {
                let after = blocked.get();
                let status = client.get("/auth/me").await.status;
                if after {
                    assert_eq!(status, 401, "sent after the response to the block");
                    late += 1;
                }
            }
        };
        let crowd = join_all(anna.iter().cycle().take(12).map(caller));
        let block = async {
            admin.post(&format!("{path}/block"), json!({"reason": "Проверка"})).await.expect(200);
            blocked.set(true);
        };
        join(crowd, block).await;
    })
    .await;
}

#[scenario]
async fn a_token_of_a_user_is_worth_nothing_on_another_database(app: &App) {
    let token = pair(app, "admin").await;
    let elsewhere = crate::harness::TestDatabase::fresh(app.database.engine).unwrap();
    let (other, stop) = App::start(elsewhere.clone(), elsewhere.settings(), app.clock.clone()).await;
    bearer(&other, &token).get("/auth/me").await.refused(401, "token_invalid");
    stop.stop(false).await;
    other.state.db.close().await;
    elsewhere.remove().await;
}
