//! Each filter, search and ordering of each list has an index,
//! according to the query plans for the statements that the server ran.

use std::collections::BTreeMap;

use crate::harness::document;
use database::{Engine, Sql};
use serde_json::{Value, json};

use super::{filters, office, raw::encoded};
use crate::harness::{App, Client, scenario};

/// Tables that grow with the number of subscribers; full scans of the others are acceptable.
const LARGE: [&str; 17] = [
    "audit",
    "contract_periods",
    "contracts",
    "customers",
    "events",
    "gateway_events",
    "gateway_payments",
    "gateway_refunds",
    "notifications",
    "numbers",
    "payments",
    "reconciliation_rows",
    "sim_bindings",
    "sims",
    "ticket_journal",
    "tickets",
    "webhook_deliveries",
];

/// The query plan of a statement, with plans that need no index made expensive.
async fn plan(app: &App, statement: &Sql) -> String {
    let context = app.context();
    let lines = app.state.db.transaction(&context, async |tx| match tx.engine() {
        Engine::Sqlite => {
            let rows: Vec<(i64, i64, i64, String)> =
                statement.with_text(format!("EXPLAIN QUERY PLAN {}", statement.text())).all(tx).await?;
            Ok(rows.into_iter().map(|(.., line)| line).collect::<Vec<_>>())
        }
        Engine::Postgres => {
            for setting in ["enable_seqscan", "enable_sort", "enable_hashjoin"] {
                Sql::owned(format!("SET LOCAL {setting} = off")).execute(tx).await?;
            }
            let rows: Vec<(String,)> =
                statement.with_text(format!("EXPLAIN {}", statement.text())).all(tx).await?;
            Ok(rows.into_iter().map(|(line,)| line).collect())
        }
    });
    lines.await.unwrap().join("\n")
}

/// The statements of one request that read a page or count rows.
async fn statements(app: &App, client: &Client, path: &str) -> Vec<Sql> {
    app.state.db.traced();
    client.get(path).await.expect(200);
    app.state
        .db
        .traced()
        .into_iter()
        .filter(|sql| sql.text().starts_with("SELECT") && sql.text().contains(" LIMIT "))
        .collect()
}

/// Partial indexes: a full scan of one reads only the selected part of the table.
async fn partial(app: &App) -> Vec<String> {
    match app.state.db.engine() {
        Engine::Sqlite => {
            app.texts("SELECT name FROM sqlite_master WHERE type = 'index' AND sql LIKE '% WHERE %'").await
        }
        Engine::Postgres => {
            app.texts("SELECT CAST(indexname AS TEXT) FROM pg_indexes WHERE indexdef LIKE '% WHERE %'").await
        }
    }
}

/// Large tables that this plan scans completely.
fn scanned(plan: &str, engine: Engine, partial: &[String]) -> Vec<&'static str> {
    let of_part = |line: &str| partial.iter().any(|index| line.split(' ').any(|word| word == index));
    let scans = |table: &&&str| match engine {
        Engine::Sqlite => plan.lines().any(|line| {
            let mut words = line.trim_start_matches(['|', '-', '`', ' ']).split(' ');
            words.next() == Some("SCAN") && words.next() == Some(**table) && !of_part(line)
        }),
        Engine::Postgres => {
            let lines: Vec<&str> = plan.lines().collect();
            lines.iter().enumerate().any(|(at, line)| {
                let of_table =
                    line.contains(&format!(" on {table} ")) || line.ends_with(&format!(" on {table}"));
                // an index is useful only with a condition;
                // the condition is below the node, with a deeper indent
                let indent = line.len() - line.trim_start().len();
                let mut below = lines[at + 1..]
                    .iter()
                    .take_while(|next| next.len() - next.trim_start().len() > indent && !next.contains("->"));
                of_table
                    && (line.contains("Seq Scan")
                        || line.contains("Index")
                            && !of_part(line)
                            && !below.any(|next| next.contains("Cond:")))
            })
        }
    };
    LARGE.iter().filter(scans).copied().collect()
}

/// The parameters of each list by path, with their schemas.
/// Ids in paths are those of the office.
fn lists(ids: &BTreeMap<&str, i64>) -> Vec<(String, Vec<Value>)> {
    let document = document();
    let mut lists = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        let parameters: Vec<Value> =
            methods["get"]["parameters"].as_array().into_iter().flatten().cloned().collect();
        if !parameters.iter().any(|parameter| parameter["name"] == "ordering") {
            continue;
        }
        let path = path.trim_start_matches("/api/v1");
        let of = path.trim_start_matches('/').split('/').next().unwrap();
        let id = ids.get(of.trim_end_matches('s')).copied().unwrap_or(1);
        let mut path = path.to_owned();
        if let (Some(from), Some(to)) = (path.find('{'), path.find('}')) {
            path.replace_range(from..=to, &id.to_string());
        }
        lists.push((path, parameters.into_iter().filter(|parameter| parameter["in"] == "query").collect()));
    }
    lists
}

/// A valid value for the filter.
fn value(path: &str, parameter: &Value, tried: &[filters::Tried]) -> String {
    let name = parameter["name"].as_str().unwrap();
    if let Some(one) = tried.iter().find(|one| one.list == path && one.filter == name) {
        return one.some.clone();
    }
    let document = document();
    let items = &parameter["schema"]["items"];
    let given = if items.is_object() { items } else { &parameter["schema"] };
    let reference = given["$ref"].as_str().map(|reference| reference.trim_start_matches('#'));
    let schema = reference.map_or(given, |pointer| document.pointer(pointer).unwrap());
    if let Some(word) = schema["enum"][0].as_str() {
        return encoded(word);
    }
    let known = match (schema["format"].as_str(), name) {
        (Some("date-time"), _) => "2026-01-31T09:00:00Z",
        (Some("date"), _) => "2026-01-31",
        (_, "search") => "иванов",
        (_, "city") => "Москва",
        (_, "hold") => "debt",
        (_, name) if name.ends_with("_min") || name.ends_with("_max") => "100.00",
        _ if schema["type"].to_string().contains("boolean") => "true",
        _ if schema["type"].to_string().contains("integer") => "1",
        _ => panic!("{path}?{name}: no known value for {parameter}"),
    };
    encoded(known)
}

#[scenario]
async fn every_filter_of_every_list_has_an_index(app: &App) {
    let admin = office::furnish(app).await;
    let ids = filters::ids(&admin).await;
    let tried = filters::tried(&ids);
    let (engine, partial) = (app.state.db.engine(), partial(app).await);
    let mut wrong = Vec::new();
    for (path, parameters) in lists(&ids) {
        for parameter in parameters {
            let name = parameter["name"].as_str().unwrap();
            // the ticket of a stream is a credential, not a filter
            if ["page", "page_size", "cursor", "ordering", "expand"].contains(&name)
                || (path.as_str(), name) == ("/events", "ticket")
            {
                continue;
            }
            let query = format!("{path}?{name}={}", value(&path, &parameter, &tried));
            // the count has no ordering that an index could serve instead
            let counts = statements(app, &admin, &query)
                .await
                .into_iter()
                .filter(|sql| sql.text().starts_with("SELECT CAST(COUNT(*)"));
            for count in counts {
                let plan = plan(app, &count).await;
                let scanned = scanned(&plan, engine, &partial);
                if !scanned.is_empty() {
                    wrong.push(format!("{query} goes through {scanned:?}: {}\n{plan}\n", count.text()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[scenario]
async fn every_ordering_of_every_list_has_an_index(app: &App) {
    let admin = office::furnish(app).await;
    let ids = filters::ids(&admin).await;
    let sorts = match app.state.db.engine() {
        Engine::Sqlite => "TEMP B-TREE FOR ORDER BY",
        Engine::Postgres => "Sort Key",
    };
    let mut wrong = Vec::new();
    for (path, parameters) in lists(&ids) {
        // lists below one resource and small tables are short enough to sort
        if path.chars().any(|letter| letter.is_ascii_digit())
            || !LARGE.contains(&path.split('/').nth(1).unwrap())
            // its rows are sums, one for each cashier and method, which no index has in order
            || path == "/payments/shift"
        {
            continue;
        }
        let ordering = parameters.iter().find(|parameter| parameter["name"] == "ordering").unwrap();
        let pattern = ordering["schema"]["pattern"].as_str().unwrap();
        let names = &pattern[pattern.find("-?(").unwrap() + 3..pattern.find(')').unwrap()];
        // a list of a part of a table is read sorted in its default order, and sorts for other orders
        let orders: Vec<String> = match path.matches('/').count() {
            1 => names
                .split('|')
                .flat_map(|name| [format!("&ordering={name}"), format!("&ordering=-{name}")])
                .collect(),
            _ => vec![String::new()],
        };
        for order in orders {
            let query = format!("{path}?cursor={order}");
            for page in statements(app, &admin, &query).await {
                let plan = plan(app, &page).await;
                if plan.contains(sorts) && !plan.contains("Presorted Key") {
                    wrong.push(format!("{query} sorts: {}\n{plan}\n", page.text()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[scenario]
async fn likely_duplicates_and_histories_are_found_through_indexes(app: &App) {
    let admin = office::furnish(app).await;
    let (engine, partial) = (app.state.db.engine(), partial(app).await);
    let check = json!({
        "last_name": "Иванов", "first_name": "Иван", "birth_date": "1990-05-17", "document_type": "passport",
        "passport_number": "123456", "inn": "500100732259", "organization_code": "1",
        "address": "Москва, Лесная, 5", "phone": "+79161234567", "email": "ivanov@example.com"
    });
    app.state.db.traced();
    admin.post("/customers/check-duplicates", check).await.expect(200);
    let found: Vec<Sql> =
        app.state.db.traced().into_iter().filter(|sql| sql.text().contains("AS arm_")).collect();
    let mut asked = statements(app, &admin, "/customers/1/history").await;
    assert_eq!((found.len(), asked.len()), (1, 2));
    // on PostgreSQL only the count: without sorts, the planner reads a page backwards through the trail
    asked
        .retain(|statement| engine == Engine::Sqlite || statement.text().starts_with("SELECT CAST(COUNT(*)"));
    asked.extend(found);
    for statement in asked {
        let plan = plan(app, &statement).await;
        assert_eq!(scanned(&plan, engine, &partial), Vec::<&str>::new(), "{}\n{plan}", statement.text());
    }
}
