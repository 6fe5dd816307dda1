//! A row, or the whole file, that somebody else keeps locked: who needs it waits a bounded time, and all others are served.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::json;
use sqlx::{Connection, Executor, PgConnection, SqliteConnection};

use crate::harness::{App, Client, Engine, Reply, scenario};

/// The longest wait for the database, plus a margin for a busy machine.
const AT_MOST: Duration = Duration::from_millis(4_000);

/// Somebody else's transaction that is still open.
enum Other {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

impl Other {
    /// Locks the row of this contract; on SQLite, the file.
    async fn locks(app: &App, contract: i64) -> Self {
        let url = app.database.url.as_str();
        match app.database.engine {
            Engine::Sqlite => {
                let mut connection = SqliteConnection::connect(url).await.unwrap();
                connection.execute("BEGIN IMMEDIATE").await.unwrap();
                Self::Sqlite(connection)
            }
            Engine::Postgres => {
                let mut connection = PgConnection::connect(url).await.unwrap();
                connection.execute("BEGIN").await.unwrap();
                sqlx::query("SELECT id FROM contracts WHERE id = $1 FOR UPDATE")
                    .bind(contract)
                    .execute(&mut connection)
                    .await
                    .unwrap();
                Self::Postgres(connection)
            }
        }
    }

    async fn ends(self) {
        match self {
            Self::Sqlite(mut connection) => {
                connection.execute("ROLLBACK").await.unwrap();
                connection.close().await.unwrap();
            }
            Self::Postgres(mut connection) => {
                connection.execute("ROLLBACK").await.unwrap();
                connection.close().await.unwrap();
            }
        }
    }
}

async fn pays(client: Client, contract: i64) -> (Reply, Duration) {
    let begun = Instant::now();
    let body = json!({"contract_id": contract, "amount": "1.00", "payment_method": "cash"});
    let reply = client.post("/payments", body).await;
    (reply, begun.elapsed())
}

/// What others do meanwhile, for as long as the payers wait: each request is served at once.
async fn others_are_served(app: &App, admin: &Client, free: i64) {
    for _ in 0..10 {
        tokio::time::sleep(Duration::from_millis(150)).await;
        let begun = Instant::now();
        admin.get(&format!("/contracts/{free}")).await.expect(200);
        if app.database.engine == Engine::Postgres {
            admin.pay(free, "1.00").await;
        }
        assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    }
}

#[scenario(DATABASE_POOL_SIZE = "8")]
async fn forty_who_wait_for_one_contract_do_not_keep_others_waiting(app: &App) {
    let admin = app.admin().await;
    let (locked, free) = (admin.draft("1.00").await, admin.draft("1.00").await);
    let other = Other::locks(app, locked).await;
    let payers = join_all((0..40).map(|_| pays(admin.clone(), locked)));
    let (paid, ()) = tokio::join!(payers, others_are_served(app, &admin, free));
    for (reply, took) in paid {
        assert!(took < AT_MOST, "{took:?}");
        assert!(!reply.header("retry-after").is_empty());
        reply.refused(503, "database_away");
    }
    assert_eq!(admin.contract(locked).await["balance"], "0.00");
    other.ends().await;
    // those who come when it is free are all served, one after the other
    for (reply, _) in join_all((0..40).map(|_| pays(admin.clone(), locked))).await {
        reply.expect(201);
    }
    assert_eq!(admin.contract(locked).await["balance"], "40.00");
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario(DATABASE_POOL_SIZE = "8")]
async fn forty_who_wait_for_one_contract_are_served_when_it_becomes_free(app: &App) {
    let admin = app.admin().await;
    let contract = admin.draft("1.00").await;
    let other = Other::locks(app, contract).await;
    let release = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        other.ends().await;
    };
    let payers = join_all((0..40).map(|_| pays(admin.clone(), contract)));
    let (paid, ()) = tokio::join!(payers, release);
    let served = paid.iter().filter(|(reply, _)| reply.status == 201).count();
    for (reply, took) in paid {
        assert!([201, 503].contains(&reply.status) && took < AT_MOST, "{took:?}: {}", reply.text);
    }
    assert!(served >= 20, "{served}");
    assert_eq!(admin.contract(contract).await["balance"], format!("{served}.00"));
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario(DATABASE_POOL_SIZE = "4")]
async fn repeats_of_a_request_that_still_runs_do_not_keep_others_waiting(app: &App) {
    let admin = app.admin().await;
    let (locked, free) = (admin.draft("1.00").await, admin.draft("1.00").await);
    let other = Other::locks(app, locked).await;
    let keyed = admin.with("idempotency-key", "k");
    let repeats = join_all((0..12).map(|_| pays(keyed.clone(), locked)));
    let (repeated, ()) = tokio::join!(repeats, others_are_served(app, &admin, free));
    for (reply, took) in repeated {
        assert!(took < AT_MOST, "{took:?}");
        assert!([409, 503].contains(&reply.status), "{}", reply.text);
    }
    other.ends().await;
    let (first, second) = (pays(keyed.clone(), locked).await.0, pays(keyed, locked).await.0);
    assert_eq!(first.expect(201), second.expect(201));
    assert_eq!(admin.contract(locked).await["balance"], "1.00");
    assert_eq!(app.violations().await, Vec::<String>::new());
}
