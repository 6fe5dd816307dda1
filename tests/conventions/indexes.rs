//! An index behind each filter and each ordering (SPEC 2.4, 15), as the engines themselves plan it.

use kernel::db::{Engine, Sql};

use crate::{harness::App, scenario};

/// How the engine goes about a statement, with all that could do without an index made unattractive.
async fn plan(app: &App, sql: &str) -> String {
    let context = app.state.context(kernel::Origin::default());
    let lines = app.state.db.transaction(&context, async |tx| match tx.engine() {
        Engine::Sqlite => {
            let rows: Vec<(i64, i64, i64, String)> = Sql::owned(format!("EXPLAIN QUERY PLAN {sql}")).all(tx).await?;
            Ok(rows.into_iter().map(|(.., line)| line).collect::<Vec<_>>())
        }
        Engine::Postgres => {
            for setting in ["enable_seqscan", "enable_sort"] {
                Sql::owned(format!("SET LOCAL {setting} = off")).execute(tx).await?;
            }
            let rows: Vec<(String,)> = Sql::owned(format!("EXPLAIN {sql}")).all(tx).await?;
            Ok(rows.into_iter().map(|(line,)| line).collect())
        }
    });
    lines.await.unwrap().join("\n")
}

/// Filters by table: a condition, and whether its rows also come in the list's usual order.
const FILTERS: [(&str, &str, bool); 26] = [
    ("contracts", "status = 'active'", true),
    ("contracts", "customer_id = 1", true),
    ("contracts", "tariff_id = 1", true),
    ("contracts", "id IN (SELECT contract_id FROM contract_holds WHERE reason = 'debt' AND lifted_at IS NULL)", false),
    ("contracts", "balance >= 100", false),
    ("contracts", "balance <= 100", false),
    ("contracts", "created_at >= '2026-01-31T09:00:00+00:00'", true),
    ("contracts", "created_at <= '2026-01-31T09:00:00+00:00'", true),
    ("contracts", "signed_date >= '2026-01-31'", false),
    ("contracts", "signed_date <= '2026-01-31'", false),
    ("contracts", "next_billing_date >= '2026-01-31'", false),
    ("contracts", "next_billing_date <= '2026-01-31'", false),
    ("contracts", "activation_date >= '2026-01-31'", false),
    ("contracts", "termination_date >= '2026-01-31'", false),
    ("payments", "contract_id = 1", true),
    ("payments", "transaction_type = 'charge'", true),
    ("payments", "status = 'pending'", true),
    ("payments", "id IN (SELECT payment_id FROM refunded_payments)", false),
    ("payments", "payment_method = 'cash'", true),
    ("payments", "refund_of = 1", false),
    ("payments", "transaction_id = 't-1'", false),
    ("payments", "created_at >= '2026-01-31T09:00:00+00:00'", true),
    ("payments", "created_at <= '2026-01-31T09:00:00+00:00'", true),
    ("payments", "status = 'success' AND processed_at >= '2026-01-31T09:00:00+00:00'", false),
    ("payments", "amount >= 100", false),
    ("payments", "contract_id = 1 AND ledger_number > 5", false),
];

const ORDERS: [(&str, &str); 6] = [
    ("contracts", "created_at"),
    ("contracts", "signed_date"),
    ("contracts", "balance"),
    ("contracts", "number"),
    ("payments", "created_at"),
    ("payments", "amount"),
];

scenario! {
    async fn every_filter_of_contracts_and_payments_has_an_index(app) {
        for (table, condition, ordered) in FILTERS {
            let order = if ordered { " ORDER BY created_at DESC, id DESC LIMIT 100" } else { "" };
            let plan = plan(app, &format!("SELECT {table}.* FROM {table} WHERE {condition}{order}")).await;
            let (by_index, by_hand) = match app.state.db.engine() {
                Engine::Sqlite => (plan.contains("SEARCH"), plan.contains(&format!("SCAN {table}")) || plan.contains("TEMP B-TREE")),
                Engine::Postgres => (plan.contains("Index"), plan.contains(&format!("Seq Scan on {table}")) || plan.contains("Sort")),
            };
            assert!(by_index && !by_hand, "{table} WHERE {condition}{order}:\n{plan}");
        }
    }

    async fn every_ordering_of_contracts_and_payments_has_an_index(app) {
        for (table, column) in ORDERS {
            for direction in ["", " DESC"] {
                let plan = plan(app, &format!("SELECT {table}.* FROM {table} ORDER BY {column}{direction}, id{direction} LIMIT 100")).await;
                let (by_index, by_hand) = match app.state.db.engine() {
                    Engine::Sqlite => (plan.contains("USING INDEX"), plan.contains("TEMP B-TREE")),
                    // by a unique column there is nothing left to sort behind it
                    Engine::Postgres => (plan.contains("Index Scan"), plan.contains("Sort") && !plan.contains("Presorted Key")),
                };
                assert!(by_index && !by_hand, "{table} ORDER BY {column}{direction}:\n{plan}");
            }
        }
    }
}
