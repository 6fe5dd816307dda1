//! The jobs of the program itself: with `JOBS=off` it only serves.

use std::{collections::BTreeSet, time::Duration};

use serde_json::{Value, json};

use super::{Place, Server};
use crate::harness::Client;
use scenario::program;

async fn names(admin: &Client) -> BTreeSet<String> {
    let figures: Value = admin.get("/jobs").await.expect(200);
    figures["jobs"].as_array().unwrap().iter().map(|job| job["name"].as_str().unwrap().to_owned()).collect()
}

/// Waits until the jobs have had their first turns.
async fn settled(server: &Server) -> (Client, BTreeSet<String>) {
    let admin = server.admin().await;
    for _ in 0..100 {
        if names(&admin).await.contains("event streams") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let found = names(&admin).await;
    (admin, found)
}

#[program]
async fn every_job_takes_turns_and_an_instance_with_jobs_off_leaves_the_work_to_others(place: &Place) {
    let server = place.serve_with_password(&[("JOBS", "off")]).await;
    let (admin, found) = settled(&server).await;
    assert!(found.contains("refused accesses") && found.contains("event streams"), "{found:?}");
    for work in ["billing runs", "event relay", "gateways", "e-mail", "webhooks", "numbers"] {
        assert!(!found.contains(work), "{work} took a turn although jobs are off");
    }
    // what it begins waits for an instance that works
    let run = admin.post("/billing/runs", json!({})).await.expect(202);
    tokio::time::sleep(Duration::from_millis(500)).await;
    let run = format!("/billing/runs/{}", run["id"]);
    assert_eq!(admin.get(&run).await.expect(200)["state"], "running");
    server.stop();

    let server = place.serve(&[]).await;
    let (admin, found) = settled(&server).await;
    for work in ["billing runs", "event relay", "gateways", "webhooks", "numbers", "idempotency keys"] {
        assert!(found.contains(work), "{work} has taken no turn: {found:?}");
    }
    let figures = admin.get("/jobs").await.expect(200);
    let failures: Vec<&Value> =
        figures["jobs"].as_array().unwrap().iter().filter(|job| job["failures"] != 0).collect();
    assert!(failures.is_empty(), "{failures:?}");
    server.stop();
}
