//! Tickets.

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use super::Office;
use crate::harness::{Reply, id, unique};

impl Office<'_> {
    pub(super) async fn ticket(&self) -> i64 {
        id(&self.admin.post("/tickets", self.new_ticket().await).await.expect(201))
    }

    pub(super) async fn new_ticket(&self) -> Value {
        json!({
            "customer_id": self.admin.customer().await, "category": "technical", "subject": "Нет связи",
            "description": "С утра"
        })
    }

    /// A request with which this operation succeeds; `None` if there is none yet.
    pub(super) async fn change_of_tickets(&self, method: &str, path: &str) -> Option<RequestBuilder> {
        let admin = &self.admin;
        let post = |path: &str, body: Value| admin.request(Method::POST, path).json(&body);
        Some(match (method, path) {
            ("POST", "/tickets") => post(path, self.new_ticket().await),
            ("PUT", "/tickets/{id}") => {
                self.changed(&format!("/tickets/{}", self.ticket().await), "subject", "Связь пропадает").await
            }
            ("PATCH", "/tickets/{id}") => admin
                .request(Method::PATCH, &format!("/tickets/{}", self.ticket().await))
                .json(&json!({"category": "sim"})),
            ("DELETE", "/tickets/{id}") => {
                admin.request(Method::DELETE, &format!("/tickets/{}", self.ticket().await))
            }
            ("POST", "/tickets/{id}/comments") => post(
                &format!("/tickets/{}/comments", self.ticket().await),
                json!({"text": "проверяем", "is_internal": false}),
            ),
            ("POST", "/tickets/{id}/merge") => {
                let mut twice = self.new_ticket().await;
                let ticket = id(&admin.post("/tickets", twice.clone()).await.expect(201));
                twice["subject"] = json!("Снова нет связи");
                let duplicate = id(&admin.post("/tickets", twice).await.expect(201));
                post(&format!("/tickets/{ticket}/merge"), json!({"duplicate_id": duplicate}))
            }
            ("POST", "/tickets/inbound") => {
                let customer = admin.customer().await;
                let email = admin.get(&format!("/customers/{customer}")).await.expect(200)["email"].clone();
                admin
                    .request(Method::POST, path)
                    .header("content-type", "message/rfc822")
                    .body(format!("From: {}\r\nSubject: Hello\r\n\r\nNo signal", email.as_str().unwrap()))
            }
            _ => return self.action_on_a_ticket(method, path).await,
        })
    }

    /// A request with which this action on a ticket succeeds; `None` if there is none yet.
    async fn action_on_a_ticket(&self, method: &str, path: &str) -> Option<RequestBuilder> {
        let admin = &self.admin;
        let post = |path: &str, body: Value| admin.request(Method::POST, path).json(&body);
        Some(match (method, path) {
            ("POST", "/tickets/{id}/assign") => post(
                &format!("/tickets/{}/assign", self.ticket().await),
                json!({"user_id": self.user().await}),
            ),
            ("POST", "/tickets/{id}/start_work") => {
                let mut given = self.new_ticket().await;
                given["assigned_to"] = json!(self.user().await);
                post(
                    &format!("/tickets/{}/start_work", id(&admin.post("/tickets", given).await.expect(201))),
                    json!({}),
                )
            }
            ("POST", "/tickets/{id}/wait") => {
                post(&format!("/tickets/{}/wait", self.ticket().await), json!({"reason": "ждём"}))
            }
            ("POST", "/tickets/{id}/resume") => {
                let ticket = self.ticket().await;
                admin.post(&format!("/tickets/{ticket}/wait"), json!({"reason": "ждём"})).await.expect(200);
                post(&format!("/tickets/{ticket}/resume"), json!({}))
            }
            ("POST", "/tickets/{id}/resolve") => {
                let ticket = self.ticket().await;
                admin
                    .post(&format!("/tickets/{ticket}/assign"), json!({"user_id": self.user().await}))
                    .await
                    .expect(200);
                post(&format!("/tickets/{ticket}/resolve"), json!({"resolution": "перезапущено"}))
            }
            ("POST", "/tickets/{id}/close") => {
                post(&format!("/tickets/{}/close", self.ticket().await), json!({"reason": "отозвано"}))
            }
            ("POST", "/tickets/{id}/reopen") => {
                let ticket = self.ticket().await;
                admin
                    .post(&format!("/tickets/{ticket}/close"), json!({"reason": "отозвано"}))
                    .await
                    .expect(200);
                post(&format!("/tickets/{ticket}/reopen"), json!({"reason": "снова"}))
            }
            ("POST", "/tickets/{id}/change_priority") => post(
                &format!("/tickets/{}/change_priority", self.ticket().await),
                json!({"priority": "critical"}),
            ),
            _ => return None,
        })
    }

    /// A request with which this operation on attached files succeeds; `None` if there is none yet.
    pub(super) async fn change_of_attachments(&self, method: &str, path: &str) -> Option<RequestBuilder> {
        let admin = &self.admin;
        let post = |path: &str, body: Value| admin.request(Method::POST, path).json(&body);
        Some(match (method, path) {
            ("POST", "/tickets/{id}/attachments") => admin.file(
                &format!("/tickets/{}/attachments", self.ticket().await),
                "заметка.txt",
                "text/plain",
                "Номер вышки 7".as_bytes(),
            ),
            ("POST", "/attachments/{id}/link") => {
                let files = format!("/tickets/{}/attachments", self.ticket().await);
                let sent = admin.file(&files, "a.txt", "text/plain", b"text").send().await.unwrap();
                let file = id(&Reply::read(files, sent).await.expect(201));
                post(&format!("/attachments/{file}/link"), json!({}))
            }
            ("DELETE", "/tickets/{id}/attachments/{attachment_id}") => {
                let files = format!("/tickets/{}/attachments", self.ticket().await);
                let sent = admin.file(&files, "a.txt", "text/plain", b"text").send().await.unwrap();
                admin.request(
                    Method::DELETE,
                    &format!("{files}/{}", id(&Reply::read(files.clone(), sent).await.expect(201))),
                )
            }
            _ => return None,
        })
    }

    /// A request with which this operation on canned answers succeeds; `None` if there is none yet.
    pub(super) async fn change_of_canned_answers(&self, method: &str, path: &str) -> Option<RequestBuilder> {
        let admin = &self.admin;
        let post = |path: &str, body: Value| admin.request(Method::POST, path).json(&body);
        Some(match (method, path) {
            ("POST", "/canned-answers") => post(path, json!({"title": "Привет", "text": "Здравствуйте"})),
            ("PUT", "/canned-answers/{id}") => self.changed(&self.canned_answer().await, "text", "Да").await,
            ("PATCH", "/canned-answers/{id}") => admin
                .request(Method::PATCH, &self.canned_answer().await)
                .json(&json!({"text": "Добрый день"})),
            ("DELETE", "/canned-answers/{id}") => admin.request(Method::DELETE, &self.canned_answer().await),
            _ => return None,
        })
    }

    /// The path of a new canned answer.
    async fn canned_answer(&self) -> String {
        let body = json!({"title": format!("Ответ {}", unique()), "text": "Здравствуйте"});
        format!("/canned-answers/{}", id(&self.admin.post("/canned-answers", body).await.expect(201)))
    }
}
