//! Subscribers: entering, finding, states, editing, duplicates, and related records.

mod duplicates;
mod editing;
mod entering;
mod finding;
mod merging;
mod standing;
mod theirs;

use serde_json::{Value, json};

use crate::harness::{App, Client, id, person};

/// A person with these fields changed.
fn person_with(changes: Value) -> Value {
    let mut one = person();
    for (name, value) in changes.as_object().unwrap() {
        one[name] = value.clone();
    }
    one
}

/// Registers a person with these fields changed and returns the subscriber's id.
async fn registered(client: &Client, changes: Value) -> i64 {
    id(&client.post("/customers", person_with(changes)).await.expect(201))
}

impl Client {
    async fn customer_at(&self, id: i64) -> Value {
        self.get(&format!("/customers/{id}")).await.expect(200)
    }

    /// Creates an active contract of this subscriber, with this fee and its first period paid.
    async fn running_of(&self, customer: i64, fee: &str) -> i64 {
        let contract = self.draft_of(customer, fee).await;
        if fee != "0.00" {
            self.pay(contract, fee).await;
        }
        self.activate(contract).await;
        contract
    }

    async fn draft_of(&self, customer: i64, fee: &str) -> i64 {
        let (tariff, sim) = (self.prepaid_tariff(fee).await, self.sim().await);
        id(&self
            .post("/contracts", json!({"customer_id": customer, "tariff_id": tariff, "sim_id": sim}))
            .await
            .expect(201))
    }

    async fn terminate(&self, contract: i64) {
        self.post(&format!("/contracts/{contract}/terminate"), json!({"reason": "переезд"}))
            .await
            .expect(200);
    }

    /// Brings a new subscriber into this status.
    async fn bring(&self, customer: i64, status: &str) {
        let path = format!("/customers/{customer}");
        match status {
            "active" => {}
            "suspended" => {
                drop(self.post(&format!("{path}/suspend"), json!({"reason": "по письму"})).await.expect(200))
            }
            "blocked" => {
                drop(self.post(&format!("{path}/block"), json!({"reason": "обман"})).await.expect(200))
            }
            "archived" => drop(self.delete(&path).await.expect(204)),
            other => panic!("{other}"),
        }
    }
}

/// All counts that a refusal must not change.
async fn standing(app: &App) -> Vec<i64> {
    let mut all = vec![app.scalar("SELECT CAST(COALESCE(SUM(version), 0) AS BIGINT) FROM customers").await];
    all.push(app.scalar("SELECT CAST(COALESCE(SUM(version), 0) AS BIGINT) FROM contracts").await);
    all.push(app.scalar("SELECT CAST(COALESCE(SUM(version), 0) AS BIGINT) FROM tickets").await);
    all.push(app.scalar("SELECT COUNT(*) FROM contract_holds WHERE lifted_at IS NULL").await);
    all.push(app.count("payments").await);
    all.push(
        app.scalar(
            "SELECT COUNT(*) FROM audit WHERE action <> 'personal_data.read' AND action <> 'access.denied'",
        )
        .await,
    );
    all
}
