//! Contracts.

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use super::Office;

impl Office<'_> {
    /// Creates a contract in its first period.
    pub(super) async fn running(&self) -> i64 {
        let contract = self.admin.draft("100.00").await;
        self.admin.pay(contract, "100.00").await;
        self.admin.activate(contract).await;
        contract
    }

    /// Creates a contract in its first period with money left; returns it and its tariff.
    pub(super) async fn with_tariff(&self) -> (i64, i64) {
        let contract = self.running().await;
        self.admin.pay(contract, "500.00").await;
        (contract, self.admin.contract(contract).await["tariff_id"].as_i64().unwrap())
    }

    /// A request with which this operation succeeds; `None` if there is none yet.
    pub(super) async fn change_of_contracts(&self, method: &str, path: &str) -> Option<RequestBuilder> {
        let admin = &self.admin;
        let post = |path: &str, body: Value| admin.request(Method::POST, path).json(&body);
        Some(match (method, path) {
            ("POST", "/contracts") => {
                let (customer, tariff) = (admin.customer().await, admin.prepaid_tariff("100.00").await);
                post(path, json!({"customer_id": customer, "tariff_id": tariff}))
            }
            ("POST", "/contracts/{id}/activate") => {
                post(&format!("/contracts/{}/activate", admin.draft("0.00").await), json!({}))
            }
            ("POST", "/contracts/{id}/promised-payment") => {
                post(&format!("/contracts/{}/promised-payment", self.running().await), json!({}))
            }
            ("POST", "/contracts/{id}/suspend") => {
                post(&format!("/contracts/{}/suspend", self.running().await), json!({"reason": "request"}))
            }
            ("POST", "/contracts/{id}/resume") => {
                let contract = self.running().await;
                admin
                    .post(&format!("/contracts/{contract}/suspend"), json!({"reason": "fraud"}))
                    .await
                    .expect(200);
                post(&format!("/contracts/{contract}/resume"), json!({"reason": "fraud"}))
            }
            ("POST", "/contracts/{id}/terminate") => {
                post(&format!("/contracts/{}/terminate", self.running().await), json!({"reason": "переезд"}))
            }
            ("POST", "/contracts/{id}/payouts") => {
                let (contract, _) = self.with_tariff().await;
                admin
                    .post(&format!("/contracts/{contract}/terminate"), json!({"reason": "переезд"}))
                    .await
                    .expect(200);
                let body = json!({"amount": "5.00", "payment_method": "cash", "reason": "остаток"});
                post(&format!("/contracts/{contract}/payouts"), body)
            }
            ("PUT", "/contracts/{id}") => {
                self.changed(&format!("/contracts/{}", admin.draft("1.00").await), "notes", "позвонить").await
            }
            ("PATCH", "/contracts/{id}") => admin
                .request(Method::PATCH, &format!("/contracts/{}", self.running().await))
                .json(&json!({"discount_percent": "10"})),
            ("DELETE", "/contracts/{id}") => {
                admin.request(Method::DELETE, &format!("/contracts/{}", admin.draft("1.00").await))
            }
            ("POST", "/contracts/{id}/add_balance") => {
                post(&format!("/contracts/{}/add_balance", self.running().await), json!({"amount": "5.00"}))
            }
            ("POST", "/contracts/{id}/deduct_balance") => post(
                &format!("/contracts/{}/deduct_balance", self.running().await),
                json!({"amount": "5.00", "description": "ошибка"}),
            ),
            _ => return self.change_of_services(method, path).await,
        })
    }

    /// A request with which this operation on the SIM, the tariff or the options of a contract succeeds;
    /// `None` if there is none yet.
    async fn change_of_services(&self, method: &str, path: &str) -> Option<RequestBuilder> {
        let admin = &self.admin;
        let post = |path: &str, body: Value| admin.request(Method::POST, path).json(&body);
        Some(match (method, path) {
            ("POST", "/contracts/{id}/replace-sim") => {
                let (contract, sim) = (self.running().await, admin.sim().await);
                post(&format!("/contracts/{contract}/replace-sim"), json!({"sim_id": sim, "reason": "износ"}))
            }
            ("POST", "/contracts/{id}/change-tariff") => {
                let (contract, _) = self.with_tariff().await;
                let body = json!({"tariff_id": admin.prepaid_tariff("200.00").await, "when": "now"});
                post(&format!("/contracts/{contract}/change-tariff"), body)
            }
            ("POST", "/contracts/{id}/options") => {
                let (contract, tariff) = self.with_tariff().await;
                let body = json!({"add": [self.option(Some(tariff)).await], "when": "now"});
                post(&format!("/contracts/{contract}/options"), body)
            }
            ("POST", "/contracts/{id}/cancel-change") => {
                let (contract, _) = self.with_tariff().await;
                let body = json!({"tariff_id": admin.prepaid_tariff("200.00").await, "when": "next_period"});
                admin.post(&format!("/contracts/{contract}/change-tariff"), body).await.expect(200);
                post(&format!("/contracts/{contract}/cancel-change"), json!({}))
            }
            _ => return None,
        })
    }
}
