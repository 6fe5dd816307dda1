//! Messages and webhooks.

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use super::Office;
use crate::harness::id;

impl Office<'_> {
    pub(super) fn new_endpoint() -> Value {
        json!({"url": "https://example.com/hooks", "kinds": ["payment.received"]})
    }

    pub(super) async fn endpoint(&self) -> i64 {
        id(&self.admin.post("/webhook-endpoints", Self::new_endpoint()).await.expect(201))
    }

    /// Creates a ticket and returns the newest message on this channel that meets the condition after it.
    pub(super) async fn told(&self, channel: &str) -> i64 {
        self.ticket().await;
        while self.app.relay_events().await > 0 {}
        let (channel, rest) = channel.split_once(' ').unwrap_or((channel, ""));
        self.app
            .scalar(&format!("SELECT MAX(id) FROM notifications WHERE channel = '{channel}' {rest}"))
            .await
    }

    /// A request with which this operation succeeds; `None` if there is none yet.
    pub(super) async fn change_of_notifications(&self, method: &str, path: &str) -> Option<RequestBuilder> {
        let admin = &self.admin;
        let post = |path: &str, body: Value| admin.request(Method::POST, path).json(&body);
        Some(match (method, path) {
            ("POST", "/events/tickets") => post(path, json!({})),
            ("POST", "/notifications/{id}/read") => {
                post(&format!("/notifications/{}/read", self.told("in_app AND user_id = 1").await), json!({}))
            }
            ("POST", "/notifications/{id}/retry") => {
                let email = self.told("email").await;
                self.app
                    .execute(&format!(
                        "UPDATE notifications SET status = 'failed', next_attempt_at = NULL \
                         WHERE id = {email}"
                    ))
                    .await;
                post(&format!("/notifications/{email}/retry"), json!({}))
            }
            ("PUT", "/notification-templates/{kind}/{channel}/{language}") => {
                let path = "/notification-templates/payment.received/sms/en";
                admin.request(Method::PUT, path).json(&json!({"text": "{{amount}} is there"}))
            }
            ("DELETE", "/notification-templates/{kind}/{channel}/{language}") => {
                let path = "/notification-templates/balance.low/sms/en";
                admin.put(path, json!({"text": "{{balance}} is left"})).await.expect(200);
                admin.request(Method::DELETE, path)
            }
            ("POST", "/webhook-endpoints") => post(path, Self::new_endpoint()),
            ("PUT", "/webhook-endpoints/{id}") => {
                self.changed(
                    &format!("/webhook-endpoints/{}", self.endpoint().await),
                    "description",
                    "Бухгалтерия",
                )
                .await
            }
            ("PATCH", "/webhook-endpoints/{id}") => admin
                .request(Method::PATCH, &format!("/webhook-endpoints/{}", self.endpoint().await))
                .json(&json!({"is_active": false})),
            ("DELETE", "/webhook-endpoints/{id}") => {
                admin.request(Method::DELETE, &format!("/webhook-endpoints/{}", self.endpoint().await))
            }
            ("POST", "/webhook-endpoints/{id}/rotate-secret" | "/webhook-endpoints/{id}/test") => {
                post(&path.replace("{id}", &self.endpoint().await.to_string()), json!({}))
            }
            ("POST", "/webhook-deliveries/{id}/retry") => {
                let test = admin
                    .post(&format!("/webhook-endpoints/{}/test", self.endpoint().await), json!({}))
                    .await
                    .expect(200);
                self.app
                    .execute(&format!(
                        "UPDATE webhook_deliveries SET status = 'failed', next_attempt_at = NULL \
                         WHERE id = {}",
                        id(&test)
                    ))
                    .await;
                post(&format!("/webhook-deliveries/{}/retry", id(&test)), json!({}))
            }
            _ => return None,
        })
    }
}
