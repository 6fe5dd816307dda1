//! Tariffs and options.

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use super::Office;
use crate::harness::{prepaid, unique};

impl Office<'_> {
    /// Creates an option for this tariff.
    pub(super) async fn option(&self, tariff: Option<i64>) -> i64 {
        self.admin.option("10.00", tariff.as_slice()).await
    }

    /// A request with which this operation succeeds; `None` if there is none yet.
    pub(super) async fn change_of_tariffs(&self, method: &str, path: &str) -> Option<RequestBuilder> {
        let admin = &self.admin;
        let post = |path: &str, body: Value| admin.request(Method::POST, path).json(&body);
        Some(match (method, path) {
            ("POST", "/tariffs") => post(path, prepaid("100.00")),
            ("PUT", "/tariffs/{id}") => {
                self.changed(
                    &format!("/tariffs/{}", admin.prepaid_tariff("1.00").await),
                    "monthly_fee",
                    "2.00",
                )
                .await
            }
            ("PATCH", "/tariffs/{id}") => {
                let path = format!("/tariffs/{}", admin.prepaid_tariff("1.00").await);
                admin
                    .request(Method::PATCH, &path)
                    .json(&json!({"monthly_fee": "2.00", "effective_from": "2026-03-01"}))
            }
            ("DELETE", "/tariffs/{id}") => {
                admin.request(Method::DELETE, &format!("/tariffs/{}", admin.prepaid_tariff("1.00").await))
            }
            ("POST", "/tariffs/{id}/deactivate") => {
                post(&format!("/tariffs/{}/deactivate", admin.prepaid_tariff("1.00").await), json!({}))
            }
            ("POST", "/tariffs/{id}/activate") => {
                let tariff = admin.prepaid_tariff("1.00").await;
                admin.post(&format!("/tariffs/{tariff}/deactivate"), json!({})).await.expect(200);
                post(&format!("/tariffs/{tariff}/activate"), json!({}))
            }
            ("POST", "/options") => {
                let body = json!({
                    "code": format!("NEW{}", unique()), "name": "Ещё", "kind": "service",
                    "monthly_fee": "1.00"
                });
                post(path, body)
            }
            ("PUT", "/options/{id}") => {
                self.changed(&format!("/options/{}", self.option(None).await), "name", "Другая").await
            }
            ("PATCH", "/options/{id}") => {
                let other = self.option(None).await;
                let path = format!("/options/{}", self.option(None).await);
                admin.request(Method::PATCH, &path).json(&json!({"excluded_option_ids": [other]}))
            }
            ("DELETE", "/options/{id}") => {
                admin.request(Method::DELETE, &format!("/options/{}", self.option(None).await))
            }
            _ => return None,
        })
    }
}
