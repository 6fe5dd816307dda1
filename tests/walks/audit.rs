//! Every successful change is in the audit trail.

mod access;
mod contracts;
mod customers;
mod notifications;
mod payments;
mod sims;
mod tariffs;
mod tickets;

use crate::harness::document;
use database::Sql;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use super::Operation;
use crate::harness::{App, Client, PASSWORD, Reply, scenario};

/// Another password that is hard to guess.
const OTHER_PASSWORD: &str = "seven herons over the canal";

struct Office<'a> {
    app: &'a App,
    admin: Client,
}

impl Office<'_> {
    /// A PUT of the resource as read, with one field changed.
    async fn changed(&self, path: &str, field: &str, value: &str) -> RequestBuilder {
        let mut body = self.admin.get(path).await.expect(200);
        body[field] = json!(value);
        self.admin.request(Method::PUT, path).json(&body)
    }

    /// A request with which this operation succeeds; `None` if there is none yet.
    async fn change(&self, operation: &str) -> Option<RequestBuilder> {
        let (method, path) = operation.split_once(' ').unwrap();
        let path = path.strip_prefix("/api/v1").unwrap_or(path);
        match path.split('/').nth(1).unwrap() {
            "auth" => self.change_of_sign_in(method, path).await,
            "users" => self.change_of_users(method, path).await,
            "roles" => self.change_of_roles(method, path).await,
            "customers" => self.change_of_customers(method, path).await,
            "sims" | "numbers" => self.change_of_sims(method, path).await,
            "tariffs" | "options" => self.change_of_tariffs(method, path).await,
            "contracts" => self.change_of_contracts(method, path).await,
            "billing" | "payments" => self.change_of_payments(method, path).await,
            "gateway-refunds" | "webhooks" | "terminal" => self.change_of_gateways(method, path).await,
            "tickets" | "attachments" if path.contains("/attachments") => {
                self.change_of_attachments(method, path).await
            }
            "tickets" => self.change_of_tickets(method, path).await,
            "canned-answers" => self.change_of_canned_answers(method, path).await,
            "events"
            | "notifications"
            | "notification-templates"
            | "webhook-endpoints"
            | "webhook-deliveries" => self.change_of_notifications(method, path).await,
            _ => None,
        }
    }
}

#[scenario(SMTP_URL = "smtp://127.0.0.1:9", SMTP_FROM = "crm@example.com")]
async fn every_successful_change_is_on_record_with_its_request_and_without_secrets(app: &App) {
    let office = Office { app, admin: app.admin().await };
    for operation in Operation::all(document()).iter().filter(|operation| operation.method != Method::GET) {
        let name = operation.name();
        let Some(request) = office.change(&name).await else {
            panic!("{name}: add a successful request to walks/audit")
        };
        let before = app.count("audit").await;
        let reply =
            Reply::read(name.clone(), request.header("X-Request-Id", "the-one").send().await.unwrap()).await;
        assert!((200..300).contains(&reply.status), "{name} returned {}: {}", reply.status, reply.text);

        let newest = office.admin.get("/audit?page_size=500").await.expect(200);
        let rows: Vec<&Value> = newest["results"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|row| row["seq"].as_i64().unwrap() > before)
            .collect();
        assert!(!rows.is_empty(), "{name} has no audit row");
        for row in rows {
            assert_eq!(
                (row["request_id"].as_str(), row["address"].as_str()),
                (Some("the-one"), Some("127.0.0.1")),
                "{name}: {row}"
            );
            assert!(row["actor_id"].is_i64() || operation.is_signed(), "{name}: no actor: {row}");
            for secret in [PASSWORD, OTHER_PASSWORD, "$argon2", "tcrm_", "eyJ", "12345678\"", "87654321"] {
                assert!(!row.to_string().contains(secret), "{name}: `{secret}` in the audit row: {row}");
            }
        }
    }
    let verified = office.admin.get("/audit/verify").await.expect(200);
    assert_eq!(
        (&verified["intact"], verified["rows"].as_i64()),
        (&json!(true), Some(app.count("audit").await))
    );
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn a_row_that_was_altered_or_removed_is_found(app: &App) {
    let admin = app.admin().await;
    admin.prepaid_tariff("1.00").await;
    admin.customer().await;
    let rows = app.count("audit").await;
    let behind_our_back = async |sql: &str| {
        let context = app.context();
        let text = sql.replace("$row", &(rows - 1).to_string());
        app.state
            .db
            .transaction(&context, async |tx| Sql::owned(text.clone()).execute(tx).await)
            .await
            .unwrap();
        admin.get("/audit/verify").await.expect(200)
    };
    let broken =
        |reason: &str| json!({"rows": rows - 2, "intact": false, "first_broken": rows - 1, "reason": reason});
    assert_eq!(
        behind_our_back("UPDATE audit SET actor = 'nobody' WHERE seq = $row").await,
        broken("row_altered")
    );
    assert_eq!(behind_our_back("DELETE FROM audit WHERE seq = $row").await, broken("row_missing"));
}
