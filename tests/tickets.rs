//! Tickets from filing to closing: states, deadlines, comments, files, statistics.

mod attachments;
mod bucket;
mod canned_answers;
mod deadlines;
mod edits;
mod inbound;
mod merging;
mod order;
mod records;
mod states;
mod statistics;

use serde_json::{Value, json};

use crate::harness::{App, Client, PASSWORD, id};

/// An office with tickets: an administrator who assigns, an operator who works, and a subscriber.
struct Desk {
    admin: Client,
    operator: Client,
    /// The operator's id.
    worker: i64,
    customer: i64,
}

impl Desk {
    async fn open(app: &App) -> Self {
        let (admin, operator) = (app.admin().await, app.user("operator").await);
        let worker = id(&operator.get("/auth/me").await.expect(200));
        let customer = admin.customer().await;
        Self { admin, operator, worker, customer }
    }

    /// Signs both in again, after the clock was moved past the end of their tokens.
    async fn back(mut self, app: &App) -> Self {
        (self.admin, self.operator) = (app.admin().await, app.sign_in("operator", PASSWORD).await);
        self
    }

    fn complaint(&self) -> Value {
        json!({
            "customer_id": self.customer, "category": "technical", "subject": "Нет связи",
            "description": "С утра телефон не видит сеть", "priority": "high"
        })
    }

    async fn file(&self) -> Value {
        self.operator.post("/tickets", self.complaint()).await.expect(201)
    }

    /// The ticket after one action of the administrator.
    async fn act(&self, ticket: &Value, action: &str) -> Value {
        let body = self.body(action);
        self.admin.post(&format!("/tickets/{}/{action}", ticket["id"]), body).await.expect(200)
    }

    /// A valid body for the action.
    fn body(&self, action: &str) -> Value {
        match action {
            "assign" => json!({"user_id": self.worker}),
            "wait" => json!({"reason": "Ждём ответа"}),
            "resolve" => json!({"resolution": "Перезапущена станция"}),
            "close" => json!({"reason": "Отозвано"}),
            "reopen" => json!({"reason": "Снова пропала"}),
            "change_priority" => json!({"priority": "critical"}),
            _ => json!({}),
        }
    }

    /// Writes to the subscriber.
    async fn write(&self, ticket: &Value, text: &str) -> Value {
        let body = json!({"text": text, "is_internal": false});
        self.operator.post(&format!("/tickets/{}/comments", ticket["id"]), body).await.expect(201)
    }

    /// A ticket after these actions.
    async fn ticket_after(&self, actions: &[&str]) -> Value {
        let mut ticket = self.file().await;
        for action in actions {
            ticket = self.act(&ticket, action).await;
        }
        ticket
    }

    async fn now(&self, ticket: &Value) -> Value {
        self.admin.get(&format!("/tickets/{}", ticket["id"])).await.expect(200)
    }

    /// The actions in a ticket's journal, with the states after them.
    async fn journal(&self, ticket: &Value) -> Vec<(String, String)> {
        let page = self.admin.get(&format!("/tickets/{}/history", ticket["id"])).await.expect(200);
        let text = |step: &Value, name: &str| step[name].as_str().unwrap().to_owned();
        page["results"]
            .as_array()
            .unwrap()
            .iter()
            .map(|step| (text(step, "action"), text(step, "to_status")))
            .collect()
    }
}
