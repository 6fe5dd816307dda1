//! Access control: sign-in, tokens, passwords, users and their permissions, roles, the audit trail.

mod administrators;
mod at_once;
mod audit;
mod first_administrator;
mod oauth;
mod on_record;
mod passwords;
mod roles;
mod script_tokens;
mod sessions;
mod sign_in;
mod tokens;
mod users;

use database::Sql;
use serde_json::{Value, json};

use crate::harness::{App, Client, PASSWORD, Reply};

const OTHER_PASSWORD: &str = "nine green bicycles at dawn";

/// Sends a sign-in request.
async fn login(app: &App, username: &str, password: &str) -> Reply {
    app.stranger().post("/auth/login", json!({"username": username, "password": password})).await
}

/// Signs in with the usual password and returns the response body.
async fn pair(app: &App, username: &str) -> Value {
    login(app, username, PASSWORD).await.expect(200)
}

/// A client with the access token of a token pair.
fn bearer(app: &App, pair: &Value) -> Client {
    Client::new(&app.base, pair["access"].as_str())
}

async fn refresh(app: &App, token: &Value) -> Reply {
    app.stranger().post("/auth/refresh", json!({"refresh": token})).await
}

/// Creates a user with this name and role and the usual password.
async fn hire(admin: &Client, username: &str, role: &str) -> Value {
    let user = json!({"username": username, "full_name": "Анна Иванова", "role": role, "password": PASSWORD});
    admin.post("/users", user).await.expect(201)
}

/// Creates a role with this name and these permissions.
async fn role(admin: &Client, name: &str, permissions: &[&str]) -> Value {
    admin.post("/roles", json!({"name": name, "title": name, "permissions": permissions})).await.expect(201)
}

/// The user as an administrator sees it.
async fn user(admin: &Client, id: i64) -> Value {
    admin.get(&format!("/users/{id}")).await.expect(200)
}

/// The permissions that the caller has now.
async fn permissions(caller: &Client) -> Vec<String> {
    let me = caller.get("/auth/me").await.expect(200);
    me["permissions"].as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned()).collect()
}

/// The newest audit rows that match a query.
async fn trail(admin: &Client, query: &str) -> Vec<Value> {
    admin.get(&format!("/audit?page_size=500&{query}")).await.expect(200)["results"]
        .as_array()
        .unwrap()
        .clone()
}

/// All text in these tables, one row per line, to check that a secret is not in it.
async fn everything_in(app: &App, tables: &[&str]) -> String {
    let mut all = String::new();
    for table in tables {
        let row = match app.database.engine {
            crate::harness::Engine::Postgres => format!("SELECT CAST(ROW({table}.*) AS TEXT) FROM {table}"),
            crate::harness::Engine::Sqlite => {
                let columns = app
                    .texts(&format!(
                        "SELECT 'COALESCE(CAST(' || name || ' AS TEXT), '''')' \
                         FROM pragma_table_info('{table}')"
                    ))
                    .await;
                format!("SELECT {} FROM {table}", columns.join(" || ' ' || "))
            }
        };
        all.push_str(&app.texts(&row).await.join("\n"));
    }
    all
}

/// The stored responses of idempotent requests, byte by byte.
async fn stored_answers(app: &App) -> Vec<Vec<u8>> {
    let rows: Vec<(Vec<u8>,)> = app
        .state
        .db
        .read(&app.context(), async |conn| Sql::new("SELECT body FROM idempotency_keys").all(conn).await)
        .await
        .unwrap();
    rows.into_iter().map(|(body,)| body).collect()
}
