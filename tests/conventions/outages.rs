//! A database that is unavailable, silent, or back again. PostgreSQL only: SQLite is a file.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::json;

use crate::harness::{App, Engine, Proxy, Reply, TestDatabase, behind_a_proxy, person};

/// The longest wait for the database, plus a margin for a busy machine.
const AT_MOST: Duration = Duration::from_millis(4_500);

fn with_proxy(set: &[(&str, &str)], scene: impl AsyncFn(&App, &Proxy)) {
    if let Some(database) = TestDatabase::fresh(Engine::Postgres) {
        behind_a_proxy(database, set, scene);
    }
}

async fn timed(reply: impl Future<Output = Reply>) -> (Reply, Duration) {
    let started = Instant::now();
    (reply.await, started.elapsed())
}

/// Checks that the request was refused because the database is unavailable.
fn away((reply, took): (Reply, Duration)) {
    let wait: u64 = reply.header("retry-after").parse().unwrap_or_else(|_| {
        panic!("{} returned {} without Retry-After: {}", reply.asked, reply.status, reply.text)
    });
    assert!((1..=30).contains(&wait), "{wait}");
    assert!(took < AT_MOST, "{} took {took:?}", reply.asked);
    reply.refused(503, "database_away");
}

/// Repeats a request until it succeeds and returns the number of failures before.
async fn failures_until_it_serves(app: &App, client: &crate::harness::Client) -> usize {
    for failures in 0..12 {
        let (reply, took) = timed(client.get("/roles/1")).await;
        if reply.status == 200 {
            app.stranger().get("/health/ready").await.expect(200);
            return failures;
        }
        away((reply, took));
    }
    panic!("the server does not recover")
}

#[test]
fn a_silent_database_is_away_within_seconds_and_nothing_is_half_done() {
    with_proxy(&[], async |app, proxy| {
        let admin = app.admin().await;
        let contract = admin.draft("600.00").await;
        let stranger = app.stranger();
        proxy.silence();
        let payment = json!({"contract_id": contract, "amount": "5.00", "payment_method": "cash"});
        let keyed = admin.with("idempotency-key", "k");
        let (read, listed, write, ready, live) = tokio::join!(
            timed(admin.get("/roles/1")),
            timed(admin.get("/customers?search=иван")),
            timed(keyed.post("/payments", payment.clone())),
            timed(stranger.get("/health/ready")),
            timed(stranger.get("/health/live")),
        );
        [read, listed, write, ready].into_iter().for_each(away);
        assert!(live.0.status == 200 && live.1 < Duration::from_secs(1), "{:?}", live.1);
        proxy.open();
        failures_until_it_serves(app, &admin).await;
        // whether or not the payment was made, a repeat with the key makes it once
        keyed.post("/payments", payment).await.expect(201);
        assert_eq!(
            (admin.contract(contract).await["balance"].clone(), app.count("payments").await),
            (json!("5.00"), 1)
        );
        assert_eq!(app.violations().await, Vec::<String>::new());
    });
}

#[test]
fn whoever_comes_while_others_wait_for_a_silent_database_waits_no_longer_than_they() {
    with_proxy(&[], async |app, proxy| {
        let admin = app.admin().await;
        proxy.silence();
        let late = |milliseconds: u64| {
            let admin = admin.clone();
            async move {
                tokio::time::sleep(Duration::from_millis(milliseconds)).await;
                timed(admin.get("/roles/1")).await
            }
        };
        join_all([0, 300, 1500, 2800, 3100].map(late)).await.into_iter().for_each(away);
        proxy.open();
        failures_until_it_serves(app, &admin).await;
    });
}

#[test]
fn a_database_that_turns_connections_away_is_away_and_back_when_it_takes_them() {
    with_proxy(&[], async |app, proxy| {
        let admin = app.admin().await;
        let stranger = app.stranger();
        proxy.close();
        let role = json!({"name": "one", "title": "x", "permissions": []});
        let (read, write, ready) = tokio::join!(
            timed(admin.get("/roles/1")),
            timed(admin.post("/roles", role.clone())),
            timed(stranger.get("/health/ready"))
        );
        [read, write, ready].into_iter().for_each(away);
        proxy.open();
        failures_until_it_serves(app, &admin).await;
        admin.post("/roles", role).await.expect(201);
        assert_eq!(app.count("roles").await, 5);
    });
}

#[test]
fn reads_survive_cut_connections_because_they_are_tried_once_more() {
    with_proxy(&[], async |app, proxy| {
        let admin = app.admin().await;
        for round in 0..3 {
            // several connections are idle when they are cut
            join_all((0..8).map(|_| admin.get("/customers"))).await;
            let made = proxy.made();
            proxy.cut();
            for path in ["/roles/1", "/roles", "/customers?search=x", "/auth/me"] {
                admin.get(path).await.expect(200);
            }
            app.stranger().get("/health/ready").await.expect(200);
            assert!(proxy.made() > made, "round {round} had no new connection");
        }
    });
}

#[test]
fn a_write_on_a_cut_connection_is_done_once_by_its_key_and_never_half() {
    with_proxy(&[], async |app, proxy| {
        let admin = app.admin().await;
        let contract = admin.draft("600.00").await;
        let mut balance = 0;
        for round in 0..5 {
            let keyed = admin.with("idempotency-key", format!("round {round}"));
            let payment = json!({"contract_id": contract, "amount": 1, "payment_method": "cash"});
            // before the transaction begins, and while it runs
            let cut = async {
                tokio::time::sleep(Duration::from_millis(round * 3)).await;
                proxy.cut();
            };
            let (reply, ()) = tokio::join!(timed(keyed.post("/payments", payment.clone())), cut);
            if reply.0.status != 201 {
                away(reply);
            }
            let mut again = keyed.post("/payments", payment.clone()).await;
            for _ in 0..20 {
                if again.status == 201 {
                    break;
                }
                again = keyed.post("/payments", payment.clone()).await;
            }
            again.expect(201);
            balance += 1;
            assert_eq!(admin.contract(contract).await["balance"], format!("{balance}.00"));
        }
        assert_eq!(app.count("payments").await, 5);
        assert_eq!(app.violations().await, Vec::<String>::new());
    });
}

#[test]
fn connections_that_die_without_a_word_are_replaced_and_do_not_use_up_the_pool() {
    with_proxy(&[("DATABASE_POOL_SIZE", "3")], async |app, proxy| {
        let admin = app.admin().await;
        join_all((0..6).map(|_| admin.get("/customers"))).await;
        proxy.lose();
        let failures = failures_until_it_serves(app, &admin).await;
        assert!(failures <= 3, "{failures} requests failed with a pool of 3");
        for _ in 0..6 {
            let (reply, took) = timed(admin.get("/customers")).await;
            assert!(reply.status == 200 || failures < 3, "{}", reply.text);
            assert!(took < AT_MOST, "{took:?}");
        }
        // by now no dead connection is left in the pool
        join_all((0..6).map(|_| admin.get("/customers")))
            .await
            .into_iter()
            .for_each(|reply| drop(reply.expect(200)));
        admin.customer().await;
    });
}

#[test]
fn a_writer_whose_connection_dies_without_a_word_does_not_use_up_the_pool() {
    with_proxy(&[("DATABASE_POOL_SIZE", "2")], async |app, proxy| {
        let admin = app.admin().await;
        for round in 0..3 {
            proxy.lose();
            let role = json!({"name": format!("role-{round}"), "title": "x", "permissions": []});
            let (reply, took) = timed(admin.post("/roles", role)).await;
            assert!(took < 2 * AT_MOST, "{took:?}");
            if reply.status != 201 {
                away((reply, took));
            }
            failures_until_it_serves(app, &admin).await;
        }
    });
}

#[test]
fn connections_that_the_server_ended_while_nobody_used_them_cost_no_request() {
    with_proxy(&[], async |app, _| {
        let admin = app.admin().await;
        let contract = admin.draft("600.00").await;
        for round in 1..=3 {
            join_all((0..6).map(|_| admin.get("/roles/1"))).await;
            let others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                          WHERE datname = current_database() AND pid <> pg_backend_pid()";
            app.execute(others).await;
            let pay = || {
                admin.post(
                    "/payments",
                    json!({"contract_id": contract, "amount": "1.00", "payment_method": "cash"}),
                )
            };
            for reply in join_all((0..4).map(|_| pay())).await {
                reply.expect(201);
            }
            assert_eq!(admin.contract(contract).await["balance"], format!("{}.00", 4 * round));
        }
    });
}

/// Runs SQL on the server, apart from the program.
async fn on_the_server(app: &App, sql: &str) {
    use sqlx::Connection;
    // another database, since this one may take no connections
    let (before, query) = app.database.url.split_once('?').unwrap();
    let (server, _) = before.rsplit_once('/').unwrap();
    let mut connection = sqlx::PgConnection::connect(&format!("{server}/postgres?{query}")).await.unwrap();
    sqlx::raw_sql(sql).execute(&mut connection).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    connection.close().await.unwrap();
}

fn name(app: &App) -> String {
    let (before, _) = app.database.url.split_once('?').unwrap();
    before.rsplit_once('/').unwrap().1.to_owned()
}

/// Runs a scene on a server whose role belongs to it alone, so that its rights can be taken away.
fn with_a_role(scene: impl AsyncFn(&App, &str)) {
    with_proxy(&[], async |app, _| {
        let role = format!("crm_role_{}_{}", std::process::id(), crate::harness::unique());
        on_the_server(app, &format!("CREATE ROLE {role} LOGIN SUPERUSER")).await;
        let (scheme, rest) = app.database.url.split_once("://").unwrap();
        let (_, place) = rest.split_once('@').unwrap();
        let url = format!("{scheme}://{role}@{place}");
        app.beside(&[("DATABASE_URL", &url)], async |other| scene(other, &role).await).await;
        on_the_server(app, &format!("DROP ROLE {role}")).await;
    });
}

/// Checks that everything is refused because the database is unavailable, and that the program goes on afterwards.
async fn everything_is_away(app: &App, admin: &crate::harness::Client) {
    let role = json!({"name": "one", "title": "x", "permissions": []});
    let stranger = app.stranger();
    for _ in 0..2 {
        let (read, listed, write, ready, live) = tokio::join!(
            timed(admin.get("/roles/1")),
            timed(admin.get("/customers")),
            timed(admin.post("/roles", role.clone())),
            timed(stranger.get("/health/ready")),
            stranger.get("/health/live"),
        );
        [read, listed, write, ready].into_iter().for_each(away);
        live.expect(200);
    }
}

/// Ends the connections of the program.
async fn cut(app: &App) {
    let name = name(app);
    on_the_server(
        app,
        &format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}' AND pid <> pg_backend_pid()"),
    )
    .await;
}

#[test]
fn a_role_that_may_not_log_in_any_more_is_a_database_that_is_away() {
    with_a_role(async |app, role| {
        let admin = app.admin().await;
        on_the_server(app, &format!("ALTER ROLE {role} NOLOGIN")).await;
        cut(app).await;
        everything_is_away(app, &admin).await;
        on_the_server(app, &format!("ALTER ROLE {role} LOGIN")).await;
        failures_until_it_serves(app, &admin).await;
    });
}

#[test]
fn a_database_that_takes_no_connections_is_away() {
    with_proxy(&[], async |app, _| {
        let admin = app.admin().await;
        on_the_server(app, &format!("ALTER DATABASE {} ALLOW_CONNECTIONS false", name(app))).await;
        cut(app).await;
        everything_is_away(app, &admin).await;
        on_the_server(app, &format!("ALTER DATABASE {} ALLOW_CONNECTIONS true", name(app))).await;
        failures_until_it_serves(app, &admin).await;
    });
}

#[test]
fn a_server_that_became_a_replica_takes_no_changes_and_is_not_ready_until_there_is_a_primary_again() {
    with_proxy(&[], async |app, proxy| {
        let admin = app.admin().await;
        let (stranger, roles) = (app.stranger(), app.count("roles").await);
        let role = json!({"name": "one", "title": "x", "permissions": []});
        on_the_server(app, &format!("ALTER DATABASE {} SET default_transaction_read_only = on", name(app)))
            .await;
        proxy.cut();
        // noticed without a change
        away(timed(stranger.get("/health/ready")).await);
        for _ in 0..3 {
            let keyed = admin.with("idempotency-key", "k");
            away(timed(keyed.post("/roles", role.clone())).await);
            away(timed(admin.post("/customers", person())).await);
            away(timed(stranger.get("/health/ready")).await);
            // what is there can be read
            admin.get("/roles/1").await.expect(200);
        }
        on_the_server(app, &format!("ALTER DATABASE {} RESET default_transaction_read_only", name(app)))
            .await;
        // connections that were opened to the replica are not kept
        failures_until_it_serves(app, &admin).await;
        admin.with("idempotency-key", "k").post("/roles", role).await.expect(201);
        assert_eq!(app.count("roles").await, roles + 1);
    });
}
