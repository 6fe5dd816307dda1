//! Payments, gateways and billing.

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use super::Office;
use crate::{gateways, harness::id};

impl Office<'_> {
    /// Creates a pending payment.
    pub(super) async fn pending(&self) -> i64 {
        let body = json!({
            "contract_id": self.admin.draft("1.00").await, "amount": "5.00", "payment_method": "card"
        });
        id(&self.admin.post("/payments", body).await.expect(201))
    }

    /// Creates a gateway payment that waits for a decision.
    pub(super) async fn quarantined(&self) -> Value {
        let payment = gateways::link(&self.admin, self.admin.draft("1.00").await, "5.00").await;
        gateways::tell(self.app, &format!("wrong-{}", payment["id"]), gateways::succeeded(&payment, "4.00"))
            .await;
        payment
    }

    /// A request with which this operation on payments or billing succeeds; `None` if there is none yet.
    pub(super) async fn change_of_payments(&self, method: &str, path: &str) -> Option<RequestBuilder> {
        let admin = &self.admin;
        let post = |path: &str, body: Value| admin.request(Method::POST, path).json(&body);
        Some(match (method, path) {
            ("POST", "/billing/runs") => post(path, json!({"dry_run": true})),
            ("POST", "/payments/corrections") => post(
                path,
                json!({"contract_id": self.running().await, "amount": "-5.00", "reason": "ошибка"}),
            ),
            ("POST", "/payments/{id}/process") => {
                post(&format!("/payments/{}/process", self.pending().await), json!({}))
            }
            ("POST", "/payments/{id}/cancel") => {
                post(&format!("/payments/{}/cancel", self.pending().await), json!({}))
            }
            ("POST", "/payments/{id}/fail") => {
                post(&format!("/payments/{}/fail", self.pending().await), json!({"reason": "банк отказал"}))
            }
            ("DELETE", "/payments/{id}") => {
                admin.request(Method::DELETE, &format!("/payments/{}", self.pending().await))
            }
            ("POST", "/payments/{id}/refund") => {
                let payment = id(&admin.pay(admin.draft("1.00").await, "5.00").await);
                post(&format!("/payments/{payment}/refund"), json!({"reason": "не туда"}))
            }
            ("POST", "/payments/links") => post(path, gateways::order(admin.draft("1.00").await, "5.00")),
            ("POST", "/payments/{id}/resolve") => post(
                &format!("/payments/{}/resolve", self.quarantined().await["id"]),
                json!({"decision": "fail", "reason": "деньги вернули"}),
            ),
            ("POST", "/payments/reconciliations") => {
                let path = format!("{path}?gateway=sandbox&from=2026-01-31&to=2026-01-31");
                admin
                    .request(Method::POST, &path)
                    .header("content-type", "text/csv")
                    .body("reference,amount,currency\n1,1.00,RUB\n")
            }
            ("POST", "/payments") => {
                let contract = admin.draft("100.00").await;
                post(path, json!({"contract_id": contract, "amount": "1.00", "payment_method": "cash"}))
            }
            _ => return None,
        })
    }

    /// A request with which this operation of gateways or terminals succeeds; `None` if there is none yet.
    pub(super) async fn change_of_gateways(&self, method: &str, path: &str) -> Option<RequestBuilder> {
        let admin = &self.admin;
        let post = |path: &str, body: Value| admin.request(Method::POST, path).json(&body);
        Some(match (method, path) {
            ("POST", "/gateway-refunds/{id}/resolve") => post(
                &format!("/gateway-refunds/{}/resolve", gateways::unanswered_refund(self.app, admin).await),
                json!({"decision": "accept", "reason": "банк подтвердил"}),
            ),
            ("POST", "/webhooks/payments/{gateway}") => {
                let payment = gateways::link(admin, admin.draft("1.00").await, "5.00").await;
                let event = gateways::signed(
                    self.app,
                    gateways::KEY,
                    "audited",
                    &gateways::succeeded(&payment, "5.00"),
                );
                let request = self
                    .app
                    .stranger()
                    .request(Method::POST, "/webhooks/payments/sandbox")
                    .header("content-type", "application/json");
                event
                    .headers
                    .iter()
                    .fold(request, |request, (name, value)| request.header(*name, value))
                    .body(event.body)
            }
            ("POST", "/terminal/v1") => {
                let contract = admin.contract(admin.draft("1.00").await).await;
                let form = [
                    ("command", "pay"),
                    ("txn_id", "1234567"),
                    ("txn_date", "20260131120000"),
                    ("account", contract["number"].as_str().unwrap()),
                    ("sum", "5.00"),
                ];
                gateways::terminals::terminal(self.app).request(Method::POST, path).form(&form)
            }
            _ => return None,
        })
    }
}
