//! Subscribers.

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use super::Office;
use crate::harness::person;

impl Office<'_> {
    /// A request with which this operation succeeds; `None` if there is none yet.
    pub(super) async fn change_of_customers(&self, method: &str, path: &str) -> Option<RequestBuilder> {
        let admin = &self.admin;
        let post = |path: &str, body: Value| admin.request(Method::POST, path).json(&body);
        Some(match (method, path) {
            ("POST", "/customers") => post(path, person()),
            ("PUT", "/customers/{id}") => {
                self.changed(&format!("/customers/{}", admin.customer().await), "notes", "Звонить вечером")
                    .await
            }
            ("PATCH", "/customers/{id}") => admin
                .request(Method::PATCH, &format!("/customers/{}", admin.customer().await))
                .json(&json!({"last_name": "Петров"})),
            ("DELETE", "/customers/{id}") => {
                admin.request(Method::DELETE, &format!("/customers/{}", admin.customer().await))
            }
            ("POST", "/customers/check-duplicates") => post(path, json!({"phone": "+79160000000"})),
            ("POST", "/customers/{id}/suspend" | "/customers/{id}/block") => post(
                &path.replace("{id}", &admin.customer().await.to_string()),
                json!({"reason": "по письму"}),
            ),
            ("POST", "/customers/{id}/activate") => {
                let customer = admin.customer().await;
                admin
                    .post(&format!("/customers/{customer}/suspend"), json!({"reason": "по письму"}))
                    .await
                    .expect(200);
                post(&format!("/customers/{customer}/activate"), json!({}))
            }
            ("POST", "/customers/{id}/restore") => {
                let customer = admin.customer().await;
                admin.delete(&format!("/customers/{customer}")).await.expect(204);
                post(&format!("/customers/{customer}/restore"), json!({}))
            }
            ("POST", "/customers/{id}/merge") => {
                let (one, other) = (admin.customer().await, admin.customer().await);
                post(&format!("/customers/{one}/merge"), json!({"duplicate_id": other}))
            }
            _ => return None,
        })
    }
}
