//! Users, roles and sessions.

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use super::{OTHER_PASSWORD, Office};
use crate::harness::{Client, PASSWORD, id, unique};

impl Office<'_> {
    pub(super) fn new_user() -> Value {
        let name = format!("user{}", unique());
        json!({"username": name, "full_name": "Анна Иванова", "role": "operator", "password": PASSWORD})
    }

    /// Creates a user and returns the signed-in client and the name.
    pub(super) async fn somebody(&self) -> (Client, String) {
        let user = self.admin.post("/users", Self::new_user()).await.expect(201);
        let name = user["username"].as_str().unwrap().to_owned();
        (self.app.sign_in(&name, PASSWORD).await, name)
    }

    pub(super) async fn user(&self) -> i64 {
        id(&self.admin.post("/users", Self::new_user()).await.expect(201))
    }

    pub(super) fn new_role() -> Value {
        json!({"name": format!("role{}", unique()), "title": "Кассир", "permissions": ["payments:take"]})
    }

    pub(super) async fn role(&self) -> i64 {
        id(&self.admin.post("/roles", Self::new_role()).await.expect(201))
    }

    /// A request with which this operation of signing in and out, of sessions or of one's own script tokens
    /// succeeds; `None` if there is none yet.
    pub(super) async fn change_of_sign_in(&self, method: &str, path: &str) -> Option<RequestBuilder> {
        let admin = &self.admin;
        let post = |path: &str, body: Value| admin.request(Method::POST, path).json(&body);
        Some(match (method, path) {
            ("POST", "/auth/login") => self
                .app
                .stranger()
                .request(Method::POST, path)
                .json(&json!({"username": "admin", "password": PASSWORD})),
            ("POST", "/auth/token") => {
                let form = [("grant_type", "password"), ("username", "admin"), ("password", PASSWORD)];
                self.app.stranger().request(Method::POST, path).form(&form)
            }
            ("POST", "/auth/refresh") => {
                let pair = self
                    .app
                    .stranger()
                    .post("/auth/login", json!({"username": "admin", "password": PASSWORD}))
                    .await
                    .expect(200);
                self.app.stranger().request(Method::POST, path).json(&json!({"refresh": pair["refresh"]}))
            }
            ("POST", "/auth/logout" | "/auth/logout-all") => {
                self.somebody().await.0.request(Method::POST, path)
            }
            ("POST", "/auth/change-password") => {
                let body = json!({"current_password": PASSWORD, "new_password": OTHER_PASSWORD});
                self.somebody().await.0.request(Method::POST, path).json(&body)
            }
            ("DELETE", "/auth/sessions/{id}") => {
                let (client, name) = self.somebody().await;
                self.app.sign_in(&name, PASSWORD).await;
                let sessions = client.get("/auth/sessions").await.expect(200);
                let other = sessions["results"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .find(|session| session["is_current"] == false)
                    .unwrap()
                    .clone();
                client.request(
                    Method::DELETE,
                    &format!(
                        "/auth/sessions/{}",
                        other["id"].as_str().map_or_else(|| other["id"].to_string(), str::to_owned)
                    ),
                )
            }
            ("POST", "/auth/api-tokens") => {
                post(path, json!({"name": "nightly", "permissions": ["customers:read"]}))
            }
            ("DELETE", "/auth/api-tokens/{id}") => {
                let token = admin
                    .post("/auth/api-tokens", json!({"name": "old", "permissions": ["customers:read"]}))
                    .await
                    .expect(201);
                admin.request(Method::DELETE, &format!("/auth/api-tokens/{}", id(&token)))
            }
            _ => return None,
        })
    }

    /// A request with which this operation on users succeeds; `None` if there is none yet.
    pub(super) async fn change_of_users(&self, method: &str, path: &str) -> Option<RequestBuilder> {
        let admin = &self.admin;
        let post = |path: &str, body: Value| admin.request(Method::POST, path).json(&body);
        Some(match (method, path) {
            ("DELETE", "/users/{id}/api-tokens/{token_id}") => {
                let (client, name) = self.somebody().await;
                let token = json!({"name": "old", "permissions": ["customers:read"]});
                let token = id(&client.post("/auth/api-tokens", token).await.expect(201));
                let user = id(&admin.get(&format!("/users?search={name}")).await.expect(200)["results"][0]);
                admin.request(Method::DELETE, &format!("/users/{user}/api-tokens/{token}"))
            }
            ("POST", "/users") => post(path, Self::new_user()),
            ("PUT", "/users/{id}") => {
                self.changed(&format!("/users/{}", self.user().await), "full_name", "Анна Петрова").await
            }
            ("PATCH", "/users/{id}") => admin
                .request(Method::PATCH, &format!("/users/{}", self.user().await))
                .json(&json!({"full_name": "Анна Петрова"})),
            ("DELETE", "/users/{id}") => {
                admin.request(Method::DELETE, &format!("/users/{}", self.user().await))
            }
            ("PUT", "/users/{id}/permissions") => {
                let body = json!({"granted": ["payments:refund"], "denied": ["sims:puk"]});
                admin.request(Method::PUT, &format!("/users/{}/permissions", self.user().await)).json(&body)
            }
            ("POST", "/users/{id}/block") => {
                post(&format!("/users/{}/block", self.user().await), json!({"reason": "уволен"}))
            }
            ("POST", "/users/{id}/unblock") => {
                let user = self.user().await;
                admin.post(&format!("/users/{user}/block"), json!({"reason": "по ошибке"})).await.expect(200);
                post(&format!("/users/{user}/unblock"), json!({}))
            }
            ("POST", "/users/{id}/reset-password") => post(
                &format!("/users/{}/reset-password", self.user().await),
                json!({"password": OTHER_PASSWORD}),
            ),
            _ => return None,
        })
    }

    /// A request with which this operation on roles succeeds; `None` if there is none yet.
    pub(super) async fn change_of_roles(&self, method: &str, path: &str) -> Option<RequestBuilder> {
        let admin = &self.admin;
        let post = |path: &str, body: Value| admin.request(Method::POST, path).json(&body);
        Some(match (method, path) {
            ("POST", "/roles") => post(path, Self::new_role()),
            ("PUT", "/roles/{id}") => {
                self.changed(&format!("/roles/{}", self.role().await), "title", "Старший кассир").await
            }
            ("PATCH", "/roles/{id}") => admin
                .request(Method::PATCH, &format!("/roles/{}", self.role().await))
                .json(&json!({"permissions": []})),
            ("DELETE", "/roles/{id}") => {
                admin.request(Method::DELETE, &format!("/roles/{}", self.role().await))
            }
            _ => return None,
        })
    }
}
