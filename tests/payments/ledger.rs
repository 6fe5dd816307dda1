//! The ledger is append-only, and the database enforces it.

use database::Engine;
use futures_util::future::join_all;
use serde_json::json;

use crate::harness::{App, id, scenario};

/// Every stored row of the ledger.
async fn stored(app: &App) -> Vec<String> {
    let columns = [
        "id",
        "contract_id",
        "transaction_type",
        "amount",
        "status",
        "COALESCE(transaction_id, '')",
        "COALESCE(balance_after, 0)",
        "COALESCE(ledger_number, 0)",
        "version",
    ];
    app.texts(&format!(
        "SELECT {} FROM payments ORDER BY id",
        columns.map(|column| format!("CAST({column} AS TEXT)")).join(" || ' ' || ")
    ))
    .await
}

/// Statements that would change, remove or replace transaction 1, which is successful.
fn changes_of_what_succeeded(engine: Engine, contract: i64) -> Vec<String> {
    let new = "(id, contract_id, transaction_type, amount, status, payment_method, transaction_id, \
               created_at, updated_at, processed_at, balance_after, ledger_number) VALUES";
    let row = |id: &str, transaction_id: &str, ledger_number: i64| {
        format!(
            "({id}, {contract}, 'payment', 99900, 'success', 'cash', {transaction_id}, \
             '2026-01-31T09:00:00+00:00', '2026-01-31T09:00:00+00:00', '2026-01-31T09:00:00+00:00', \
             99900, {ledger_number})"
        )
    };
    let mut attempts = vec![
        "UPDATE payments SET amount = 1000000 WHERE id = 1".to_owned(),
        "UPDATE payments SET balance_after = 0".into(),
        "UPDATE payments SET status = 'pending' WHERE id = 1".into(),
        "UPDATE payments SET description = 'x' WHERE id = 1".into(),
        "DELETE FROM payments WHERE id = 1".into(),
        "DELETE FROM payments".into(),
        "UPDATE payments SET id = 99 WHERE id = 1".into(),
    ];
    attempts.extend(match engine {
        Engine::Sqlite => vec![
            format!("INSERT OR REPLACE INTO payments {new} {}", row("1", "'other'", 5)),
            format!("REPLACE INTO payments {new} {}", row("NULL", "'t-1'", 6)),
            format!("REPLACE INTO payments {new} {}", row("NULL", "NULL", 1)),
            format!(
                "INSERT INTO payments {new} {} ON CONFLICT (id) DO UPDATE SET amount = 1",
                row("1", "NULL", 9)
            ),
            "UPDATE OR REPLACE payments SET id = 1 WHERE id = 2".into(),
            "UPDATE OR REPLACE payments SET transaction_id = 't-1' WHERE id = 2".into(),
        ],
        Engine::Postgres => vec![
            "TRUNCATE payments CASCADE".into(),
            "TRUNCATE contracts CASCADE".into(),
            format!(
                "INSERT INTO payments {new} {} ON CONFLICT (id) DO UPDATE SET amount = 1",
                row("1", "NULL", 9)
            ),
            format!(
                "MERGE INTO payments AS p USING (SELECT 1 AS id) AS s ON p.id = s.id WHEN MATCHED THEN DELETE"
            ),
        ],
    });
    attempts
}

#[scenario]
async fn no_sql_changes_removes_or_replaces_a_successful_transaction(app: &App) {
    let admin = app.admin().await;
    let contract = admin.draft("600.00").await;
    admin
        .post(
            "/payments",
            json!({
                "contract_id": contract, "amount": "10.00", "payment_method": "cash", "transaction_id": "t-1"
            }),
        )
        .await
        .expect(201);
    let pending = id(&admin
        .post(
            "/payments",
            json!({
                "contract_id": contract, "amount": "7.00", "payment_method": "card", "transaction_id": "t-2"
            }),
        )
        .await
        .expect(201));
    assert_eq!(pending, 2);
    let before = stored(app).await;
    for attempt in changes_of_what_succeeded(app.state.db.engine(), contract) {
        let context = app.context();
        let refused = app
            .state
            .db
            .transaction(&context, async |tx| database::Sql::owned(attempt.clone()).execute(tx).await)
            .await;
        let told =
            refused.err().map(|error| error.to_string()).unwrap_or_else(|| panic!("{attempt} succeeded"));
        assert!(told.contains("a successful transaction is never"), "{attempt}: {told}");
        assert_eq!(stored(app).await, before, "{attempt}");
    }
    // pending payments can be decided
    admin.post("/payments/2/process", json!({})).await.expect(200);
    assert_eq!(admin.contract(contract).await["balance"], "17.00");
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn a_transaction_is_of_a_state_and_a_form_that_there_can_be(app: &App) {
    let admin = app.admin().await;
    let contract = admin.draft("600.00").await;
    admin.pay(contract, "10.00").await;
    admin
        .post("/payments", json!({"contract_id": contract, "amount": "7.00", "payment_method": "card"}))
        .await
        .expect(201);
    for change in [
        "status = 'refunded'",
        "status = 'eaten'",
        "status = 'success'",
        "status = 'success', balance_after = 1700, processed_at = created_at",
        "balance_after = 5",
        "ledger_number = 2",
        "amount = 0",
        "amount = -1",
        "transaction_type = 'refund'",
        "refund_of = 1",
        "transaction_type = 'correction', amount = 0",
    ] {
        let context = app.context();
        let sql = format!("UPDATE payments SET {change} WHERE id = 2");
        let refused = app
            .state
            .db
            .transaction(&context, async |tx| database::Sql::owned(sql.clone()).execute(tx).await)
            .await;
        assert!(refused.is_err(), "{change} succeeded");
    }
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn one_transaction_id_counts_once_also_on_different_contracts_at_once(app: &App) {
    let admin = app.admin().await;
    let mut contracts = Vec::new();
    for _ in 0..12 {
        contracts.push(admin.draft("1.00").await);
    }
    for method in ["cash", "card"] {
        let tries = contracts.iter().map(|contract| {
            let body = json!({
                "contract_id": contract, "amount": "5.00", "payment_method": method,
                "transaction_id": format!("once-{method}")
            });
            let admin = admin.clone();
            async move { admin.post("/payments", body).await }
        });
        let replies = join_all(tries).await;
        assert_eq!(replies.iter().filter(|reply| reply.status == 201).count(), 1, "{method}");
        for reply in replies.into_iter().filter(|reply| reply.status != 201) {
            assert_eq!(reply.wrong_fields(), [("/transaction_id".to_owned(), "duplicate_value".to_owned())]);
            reply.refused(409, "payment_duplicate");
        }
    }
    assert_eq!(app.scalar("SELECT CAST(SUM(balance) AS BIGINT) FROM contracts").await, 500);
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn postings_of_every_sort_at_once_are_all_counted_in_one_order(app: &App) {
    let admin = app.admin().await;
    let contract = admin.draft("1.00").await;
    let payment = id(&admin.pay(contract, "100.00").await);
    let mut pending = Vec::new();
    for _ in 0..5 {
        pending.push(id(&admin
            .post("/payments", json!({"contract_id": contract, "amount": "3.00", "payment_method": "card"}))
            .await
            .expect(201)));
    }
    let mut steps = Vec::new();
    for card in pending {
        steps.push((format!("/payments/{card}/process"), json!({})));
        steps.push((
            "/payments".to_owned(),
            json!({"contract_id": contract, "amount": "2.00", "payment_method": "cash"}),
        ));
        steps.push((format!("/payments/{payment}/refund"), json!({"amount": "1.00", "reason": "x"})));
        steps.push((
            "/payments/corrections".to_owned(),
            json!({"contract_id": contract, "amount": "-0.50", "reason": "x"}),
        ));
        steps.push((format!("/contracts/{contract}/add_balance"), json!({"amount": "0.25"})));
    }
    let replies = join_all(steps.into_iter().map(|(path, body)| {
        let admin = admin.clone();
        async move { admin.post(&path, body).await }
    }))
    .await;
    assert!(replies.iter().all(|reply| matches!(reply.status, 200 | 201)), "{replies:?}");
    assert_eq!(admin.contract(contract).await["balance"], "118.75");
    let statement = admin.get(&format!("/contracts/{contract}/statement")).await.expect(200);
    let numbers: Vec<i64> = statement["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["ledger_number"].as_i64().unwrap())
        .collect();
    assert_eq!(numbers, (1..=26).collect::<Vec<_>>());
    assert_eq!(statement["closing_balance"], "118.75");
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn verify_finds_a_ledger_that_does_not_hold_together(app: &App) {
    let admin = app.admin().await;
    let contract = admin.draft("1.00").await;
    let payment = id(&admin.pay(contract, "10.00").await);
    let second = id(&admin.pay(contract, "5.00").await);
    admin.post(&format!("/payments/{payment}/refund"), json!({"reason": "x"})).await.expect(200);
    assert_eq!(app.violations().await, Vec::<String>::new());
    let say = async |sql: String, said: &str| {
        app.execute(&sql).await;
        let found = app.violations().await;
        assert!(found.iter().any(|violation| violation.contains(said)), "{sql}: {found:?}");
    };
    // a missing note of a refund, and an extra one
    say(format!("DELETE FROM refunded_payments WHERE payment_id = {payment}"), "do not fit each other").await;
    app.execute(&format!(
        "INSERT INTO refunded_payments (payment_id, refunded_at) \
         VALUES ({payment}, '2026-01-31T09:00:00+00:00')"
    ))
    .await;
    assert_eq!(app.violations().await, Vec::<String>::new());
    say(
        format!(
            "INSERT INTO refunded_payments (payment_id, refunded_at) \
             VALUES ({second}, '2026-01-31T09:00:00+00:00')"
        ),
        "do not fit each other",
    )
    .await;
    app.execute(&format!("DELETE FROM refunded_payments WHERE payment_id = {second}")).await;
    // an inserted row that leaves a gap and a wrong balance
    say(
        format!(
            "INSERT INTO payments (contract_id, transaction_type, amount, status, payment_method, \
             created_at, updated_at, processed_at, balance_after, ledger_number) \
             VALUES ({contract}, 'payment', 100, 'success', 'cash', '2026-01-31T09:00:00+00:00', \
             '2026-01-31T09:00:00+00:00', '2026-01-31T09:00:00+00:00', 77700, 9)"
        ),
        "does not continue the ledger",
    )
    .await;
}
