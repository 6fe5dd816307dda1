//! SIM cards and numbers.

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use super::Office;
use crate::harness::{id, sim, unique};

impl Office<'_> {
    /// Creates a card that is assigned to a contract.
    pub(super) async fn bound_sim(&self) -> i64 {
        self.admin.contract(self.running().await).await["sim_id"].as_i64().unwrap()
    }

    /// Creates an available number.
    pub(super) async fn phone_number(&self) -> i64 {
        id(&self.admin.post("/numbers", json!({"first": format!("+7902{:07}", unique())})).await.expect(201)
            [0])
    }

    /// A request with which this operation succeeds; `None` if there is none yet.
    pub(super) async fn change_of_sims(&self, method: &str, path: &str) -> Option<RequestBuilder> {
        let admin = &self.admin;
        let post = |path: &str, body: Value| admin.request(Method::POST, path).json(&body);
        Some(match (method, path) {
            ("POST", "/sims") => post(path, sim()),
            ("PUT", "/sims/{id}") => {
                self.changed(&format!("/sims/{}", admin.sim().await), "puk_code", "87654321").await
            }
            ("PATCH", "/sims/{id}") => admin
                .request(Method::PATCH, &format!("/sims/{}", admin.sim().await))
                .json(&json!({"puk_code": "87654321"})),
            ("DELETE", "/sims/{id}") => {
                admin.request(Method::DELETE, &format!("/sims/{}", admin.sim().await))
            }
            ("POST", "/sims/{id}/block") => {
                post(&format!("/sims/{}/block", self.bound_sim().await), json!({"reason": "клон"}))
            }
            ("POST", "/sims/{id}/unblock") => {
                let sim = self.bound_sim().await;
                admin.post(&format!("/sims/{sim}/block"), json!({"reason": "клон"})).await.expect(200);
                post(&format!("/sims/{sim}/unblock"), json!({}))
            }
            ("POST", "/sims/{id}/close") => post(&format!("/sims/{}/close", admin.sim().await), json!({})),
            ("POST", "/sims/{id}/deactivate") => {
                post(&format!("/sims/{}/deactivate", self.bound_sim().await), json!({"reason": "stolen"}))
            }
            ("POST", "/numbers/{id}/reserve") => post(
                &format!("/numbers/{}/reserve", self.phone_number().await),
                json!({"until": "2026-02-01T00:00:00Z"}),
            ),
            ("POST", "/numbers/{id}/release") => {
                let number = self.phone_number().await;
                admin
                    .post(&format!("/numbers/{number}/reserve"), json!({"until": "2026-02-01T00:00:00Z"}))
                    .await
                    .expect(200);
                post(&format!("/numbers/{number}/release"), json!({}))
            }
            ("POST", "/numbers/{id}/port-out") => {
                post(&format!("/numbers/{}/port-out", self.phone_number().await), json!({}))
            }
            ("POST", "/numbers") => post(path, json!({"first": format!("+7901{:07}", unique()), "count": 1})),
            _ => return None,
        })
    }
}
