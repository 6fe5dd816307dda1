//! The background jobs of a server, started by the tests at chosen times.

use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

use kernel::id::WebhookEndpointId;
use kernel::{Actor, Context, Origin, Result};
use notifications::{Channel, jobs as couriers};
use serde_json::Value;

use super::App;

/// The OpenAPI document, generated once for all tests.
pub fn document() -> &'static Value {
    static DOCUMENT: LazyLock<Value> = LazyLock::new(api::served::make_document);
    &DOCUMENT
}

impl App {
    /// The context for work that a test does directly.
    pub fn context(&self) -> Arc<Context> {
        let origin = Origin { request_id: "test".into(), ..Origin::default() };
        self.state.context(origin, Actor::system("test"))
    }

    /// Writes buffered data to the database. Retries, because connections of a
    /// stopped server end with its threads.
    pub async fn flush(&self) {
        for _ in 0..20 {
            if self.try_flush().await.is_ok() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        self.try_flush().await.unwrap();
    }

    async fn try_flush(&self) -> Result<()> {
        let (state, context) = (&self.state, self.state.office.context("chores", "chores"));
        while acl::reads::move_into_trail(&state.db, &context).await? {}
        state.denials.flush(&state.db, &context, false).await?;
        let gateway = state.office.context("chores", gateways::ACTOR);
        gateways::conversation::record_refused(&state.gateways, &state.db, &gateway).await?;
        state.access.flush_last_used(&context).await
    }

    /// Creates messages and deliveries for a batch of events and returns the number of events.
    pub async fn relay_events(&self) -> usize {
        couriers::relay_events(&self.state.office, &self.state.couriers).await.unwrap()
    }

    /// Creates messages and deliveries for all events.
    pub async fn relay_all(&self) {
        while self.relay_events().await > 0 {}
    }

    /// Sends a batch of messages and returns the number of messages claimed.
    pub async fn send_messages(&self, channel: Channel) -> usize {
        couriers::send_messages(&self.state.office, &self.state.couriers, channel).await.unwrap()
    }

    /// Sends a batch of deliveries to one endpoint and returns the number of deliveries claimed.
    pub async fn call_endpoint(&self, id: WebhookEndpointId) -> usize {
        couriers::call_endpoint(&self.state.office, &self.state.couriers, id).await.unwrap()
    }

    /// Sends a batch of deliveries to each endpoint and returns the number of deliveries claimed.
    pub async fn call_endpoints(&self) -> usize {
        couriers::call_endpoints(&self.state.office, &self.state.couriers).await.unwrap()
    }

    /// Removes expired data and returns the number of rows.
    pub async fn sweep(&self) -> usize {
        couriers::sweep(&self.state.office, &self.state.couriers).await.unwrap()
    }

    /// Encrypts the webhook secrets with the current key and returns the number of endpoints.
    pub async fn reseal(&self) -> usize {
        couriers::reseal(&self.state.office, &self.state.couriers).await.unwrap()
    }

    /// Ends the promised payments whose time is over.
    pub async fn end_promises(&self) {
        billing::promise::lapse_due(&self.state.office).await.unwrap();
    }

    /// Polls the gateways for due payments and returns whether there may be more.
    pub async fn poll_gateways(&self) -> bool {
        gateways::poll(&self.state.gateways, &self.state.office).await.unwrap()
    }

    /// Reads new events for the streams and returns whether there are more.
    pub async fn poll_streams(&self) -> bool {
        api::streams::poll(&self.state.streams, &self.state.office).await.unwrap()
    }

    /// Makes numbers available whose reservation or quarantine is over, and returns how many.
    pub async fn free_lapsed_numbers(&self) -> usize {
        sims::jobs::free_lapsed_numbers(&self.state.office).await.unwrap()
    }

    /// Brings subscribers and the keys of names from before the present forms into these forms; returns how many subscribers.
    pub async fn renew_forms(&self) -> usize {
        let office = &self.state.office;
        while database::order_keys::complete(office, &server::assembly::ORDERED).await.unwrap() {}
        customers::jobs::renew(office).await.unwrap()
    }

    /// Removes unreferenced files.
    pub async fn sweep_files(&self) -> Result<()> {
        tickets::jobs::sweep(&self.state.office, &self.state.files).await
    }

    /// Starts the daily billing run if it is due.
    pub async fn schedule_run(&self) {
        billing::jobs::schedule(&self.state.office, &self.state.runs, self.settings.billing_time)
            .await
            .unwrap();
    }

    /// Completes all billing runs.
    pub async fn work_off_runs(&self) -> Result<()> {
        billing::jobs::work_off(&self.state.office, &self.state.runs).await
    }
}

/// A path of the document with a value in the place of each parameter that could name something.
pub fn possible_path(document: &Value, path: &str) -> String {
    let operations =
        document["paths"][path].as_object().into_iter().flatten().map(|(_, operation)| operation);
    let parameters: Vec<&Value> =
        operations.flat_map(|operation| operation["parameters"].as_array().into_iter().flatten()).collect();
    let value = |name: &str| {
        let found = parameters.iter().find(|one| one["in"] == "path" && one["name"] == name);
        let schema = found.map_or(&Value::Null, |one| &one["schema"]);
        let pointer = schema["$ref"].as_str().map(|link| link.trim_start_matches('#'));
        let schema = pointer.map_or(schema, |pointer| document.pointer(pointer).unwrap());
        match (schema["enum"][0].as_str(), schema["format"].as_str()) {
            (Some(word), _) => word.to_owned(),
            (_, Some("uuid")) => "0193f0a2-6a5e-7c3b-9f64-2f6f0c1d2e3f".to_owned(),
            _ => "1".to_owned(),
        }
    };
    let part =
        |part: &str| part.strip_prefix('{').map_or(part.to_owned(), |name| value(name.trim_end_matches('}')));
    path.split('/').map(part).collect::<Vec<_>>().join("/")
}
