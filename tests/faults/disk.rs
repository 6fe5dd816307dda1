//! A disk that is full or faulty, and recovers.

use serde_json::json;

use crate::{
    harness::{Client, Engine},
    program::{Place, Server, program},
};

/// A server on a disk that can be filled.
struct Disk<'a> {
    place: &'a Place,
    server: &'a Server,
}

impl Disk<'_> {
    /// Makes every write of a page fail.
    async fn fill(&self) {
        match self.place.engine() {
            Engine::Sqlite => self.server.limit_files(Some(4096)),
            // simulates the error of a full disk: the first fails at the commit, the second for any new table
            Engine::Postgres => {
                self.place
                    .execute(
                        "CREATE FUNCTION full_at_commit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                         RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100'; END $$;
                         CREATE FUNCTION full_for_tables() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN
                         RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100'; END $$;
                         CREATE CONSTRAINT TRIGGER full_disk AFTER INSERT ON payments DEFERRABLE INITIALLY DEFERRED
                         FOR EACH ROW EXECUTE FUNCTION full_at_commit();
                         CREATE EVENT TRIGGER full_disk ON ddl_command_start WHEN TAG IN ('CREATE TABLE', 'CREATE TABLE AS')
                         EXECUTE FUNCTION full_for_tables()",
                    )
                    .await;
            }
        }
    }

    /// Frees the space again.
    async fn clear(&self) {
        match self.place.engine() {
            Engine::Sqlite => self.server.limit_files(None),
            Engine::Postgres => {
                self.place
                    .execute(
                        "DROP EVENT TRIGGER full_disk; DROP TRIGGER full_disk ON payments;
                         DROP FUNCTION full_at_commit; DROP FUNCTION full_for_tables",
                    )
                    .await;
            }
        }
    }
}

fn cash(contract: i64) -> serde_json::Value {
    json!({"contract_id": contract, "amount": "1.00", "payment_method": "cash"})
}

async fn balance(admin: &Client, contract: i64) -> String {
    admin.contract(contract).await["balance"].as_str().unwrap().to_owned()
}

#[program]
async fn a_full_disk_refuses_changes_and_readiness_until_there_is_space_and_nothing_acknowledged_is_lost(
    place: &Place,
) {
    let server = place.serve_under_a_limit().await;
    let (admin, stranger) = (server.admin().await, Client::new(&server.base(), None));
    let contract = admin.draft("600.00").await;
    admin.post("/payments", cash(contract)).await.expect(201);
    let disk = Disk { place, server: &server };
    for round in 1..=3 {
        disk.fill().await;
        for attempt in 0..4 {
            let keyed = admin.with("idempotency-key", format!("{round} {attempt}"));
            let refused = keyed.post("/payments", cash(contract)).await;
            assert!(
                refused.header("retry-after").parse::<u64>().is_ok_and(|seconds| seconds > 0),
                "{}",
                refused.text
            );
            refused.refused(503, "database_full");
            stranger.get("/health/ready").await.refused(503, "database_full");
            stranger.get("/health/live").await.expect(200);
            // stored data can be read
            assert_eq!(balance(&admin, contract).await, format!("{}.00", 1 + (round - 1) * 4));
        }
        disk.clear().await;
        stranger.get("/health/ready").await.expect(200);
        for attempt in 0..4 {
            admin
                .with("idempotency-key", format!("{round} {attempt}"))
                .post("/payments", cash(contract))
                .await
                .expect(201);
        }
    }
    assert_eq!(balance(&admin, contract).await, "13.00");
    server.kill();
    let server = place.serve(&[]).await;
    assert_eq!(balance(&server.admin().await, contract).await, "13.00");
    server.stop();
    place.run(&["verify"], &[]).expect(0);
}
