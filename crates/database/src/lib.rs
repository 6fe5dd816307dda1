//! One SQL text, two engines: [`Db`] opens either, [`Sql`] runs the same statement on both.
//!
//! Reads go through [`Db::read`], which tries once more when a connection breaks. Changes go through
//! [`Db::transaction`], which commits whole or not at all, writes the audit trail as its last act, and tries again
//! when two transactions collide. The engines are told apart only in this crate and, where SQL truly differs, by
//! `match conn.engine()` in plain sight.

pub mod audit;
mod connect;
mod error;
pub mod events;
mod filter;
pub mod jobs;
mod lease;
pub mod page;
mod rows;
mod schema;
pub mod search;
mod sql;
mod trace;
mod writer;

use std::{
    ops::{Deref, DerefMut},
    pin::pin,
    sync::{
        Arc, LazyLock, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use chrono::{DateTime, NaiveDate, Utc};
use kernel::{
    Actor, Context, Origin, Policy,
    country::Country,
    error::{Error, Kind, Result, Transient, common},
};
use lease::{Lease, Lending};
use sqlx::{PgConnection, Sqlite, SqliteConnection, SqlitePool, pool::PoolConnection};
use tokio::time::timeout;
use trace::Trace;
use writer::Writer;

pub use connect::{ConnectOptions, DatabaseUrl};
pub use events::{Event, EventKind};
pub use filter::Filter;
pub use kernel::column::Arg;
pub use page::{Page, Paging};
pub use rows::{Bulk, Given};
pub use schema::Schema;
pub use sql::{Row, Sql};

use crate::{audit::Entry, error::failure};

/// Longest wait for the database before the caller is asked to come back.
pub const LONGEST_WAIT: Duration = Duration::from_secs(3);
/// How often a transaction that collided with another is tried before the caller hears of it.
const WRITE_TRIES: u32 = 4;
/// How often a read is tried when its connection breaks.
const READ_TRIES: u32 = 2;

/// The engine beneath.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// The embedded engine.
    Sqlite,
    /// PostgreSQL.
    Postgres,
}

/// The database: a pool on one engine or the other.
#[derive(Clone)]
pub struct Db {
    pools: Pools,
    patience: Option<Duration>,
    trace: Arc<Trace>,
    // a write failed for lack of space or by a fault of the disk, and no probe has succeeded since
    cannot_write: Arc<AtomicBool>,
}

#[derive(Clone)]
enum Pools {
    // one writing connection, because SQLite has one writer; several reading ones beside it
    Sqlite { read: SqlitePool, write: SqlitePool },
    Postgres(Arc<Lending>),
}

/// A connection that can read, and the surroundings of the use case that reads.
pub struct Conn {
    backend: Backend,
    trace: Arc<Trace>,
    context: Arc<Context>,
}

enum Backend {
    SqliteRead(PoolConnection<Sqlite>),
    SqliteWrite(Writer),
    Postgres(Lease),
}

/// A connection by engine, for the one macro that runs statements.
enum EngineConn<'a> {
    Sqlite(&'a mut SqliteConnection),
    Postgres(&'a mut PgConnection),
}

/// A transaction: whole or not at all. It can do all that a [`Conn`] can.
pub struct Tx {
    conn: Conn,
    trail: Vec<Entry>,
    events: Vec<Event>,
}

impl Deref for Tx {
    type Target = Conn;

    fn deref(&self) -> &Conn {
        &self.conn
    }
}

impl DerefMut for Tx {
    fn deref_mut(&mut self) -> &mut Conn {
        &mut self.conn
    }
}

impl Conn {
    /// The surroundings of the use case.
    pub fn context(&self) -> &Arc<Context> {
        &self.context
    }

    /// The present moment, which stands still during a use case.
    pub fn now(&self) -> DateTime<Utc> {
        self.context.now
    }

    /// Today's date where the operator is.
    pub fn today(&self) -> NaiveDate {
        self.context.today()
    }

    /// The operator's settings that rules depend on.
    pub fn policy(&self) -> &Arc<Policy> {
        &self.context.policy
    }

    /// Who does what this use case does.
    pub fn actor(&self) -> &Actor {
        &self.context.actor
    }

    /// The engine beneath.
    pub fn engine(&self) -> Engine {
        match self.backend {
            Backend::SqliteRead(_) | Backend::SqliteWrite(_) => Engine::Sqlite,
            Backend::Postgres(_) => Engine::Postgres,
        }
    }

    fn by_engine(&mut self) -> EngineConn<'_> {
        match &mut self.backend {
            Backend::SqliteRead(conn) => EngineConn::Sqlite(conn),
            Backend::SqliteWrite(tx) => EngineConn::Sqlite(tx),
            Backend::Postgres(conn) => EngineConn::Postgres(conn),
        }
    }

    /// Nothing runs on it any more, and something went wrong.
    fn doubtful(&mut self) {
        if let Backend::Postgres(conn) = &mut self.backend {
            conn.doubtful();
        }
    }

    /// Nothing runs on it any more.
    fn done(&mut self) {
        if let Backend::Postgres(conn) = &mut self.backend {
            conn.done();
        }
    }

    /// Something runs on it once more.
    fn again(mut self) -> Self {
        if let Backend::Postgres(conn) = &mut self.backend {
            conn.again();
        }
        self
    }

    /// `FOR UPDATE` where the engine locks rows; SQLite's one writer needs none.
    pub fn for_update(&self) -> &'static str {
        match self.engine() {
            Engine::Sqlite => "",
            Engine::Postgres => " FOR UPDATE",
        }
    }

    /// Locks the rows that nobody else has and leaves the others out, where the engine locks rows: instances share work without
    /// waiting for each other.
    pub fn skip_locked(&self) -> &'static str {
        match self.engine() {
            Engine::Sqlite => "",
            Engine::Postgres => " FOR UPDATE SKIP LOCKED",
        }
    }

    /// Reserves `count` consecutive ids of a table for a bulk load and answers the first.
    ///
    /// `table` is never input.
    pub async fn reserve_ids(&mut self, table: &'static str, count: i64) -> Result<i64> {
        match self.engine() {
            Engine::Sqlite => {
                Sql::owned(format!("SELECT COALESCE((SELECT seq FROM sqlite_sequence WHERE name = '{table}'), 0) + 1")).scalar(self).await
            }
            // one setval under the table's lock: nobody can take an id in between
            Engine::Postgres => {
                Sql::owned(format!("LOCK TABLE {table} IN SHARE ROW EXCLUSIVE MODE")).execute(self).await?;
                let sequence = format!("pg_get_serial_sequence('{table}', 'id')");
                let first: i64 = Sql::owned(format!("SELECT nextval({sequence})")).scalar(self).await?;
                Sql::owned(format!("SELECT setval({sequence}, $1)")).bind(first + count - 1).execute(self).await?;
                Ok(first)
            }
        }
    }
}

impl Conn {
    /// Takes this many ids of a table, for rows that are to name each other before they are written.
    ///
    /// Others may take theirs meanwhile, so they need not follow each other. `table` is never input.
    pub async fn take_ids(&mut self, table: &'static str, count: usize) -> Result<Vec<i64>> {
        let count = i64::try_from(count).map_err(Error::internal)?;
        match self.engine() {
            Engine::Sqlite => {
                let first = self.reserve_ids(table, count).await?;
                Ok((first..first + count).collect())
            }
            Engine::Postgres => {
                let text = format!("SELECT nextval(pg_get_serial_sequence('{table}', 'id')) FROM generate_series(1, $1)");
                let rows: Vec<(i64,)> = Sql::owned(text).bind(count).all(self).await?;
                Ok(rows.into_iter().map(|(id,)| id).collect())
            }
        }
    }
}

impl Tx {
    /// Does `work`, and when it fails leaves nothing of it; the rest of the transaction stands, and goes on.
    ///
    /// The outer error is one after which the transaction cannot go on: a collision, or a database that is away.
    pub async fn attempt<T>(&mut self, work: impl AsyncFnOnce(&mut Tx) -> Result<T>) -> Result<Result<T>> {
        let (trail, events) = (self.trail.len(), self.events.len());
        Sql::new("SAVEPOINT attempt").execute(self).await?;
        let outcome = work(self).await;
        match &outcome {
            Ok(_) => {}
            Err(error) if error.is_transient().is_some() || error.kind() == Kind::Unavailable => return outcome.map(Ok),
            Err(_) => {
                Sql::new("ROLLBACK TO SAVEPOINT attempt").execute(self).await?;
                self.trail.truncate(trail);
                self.events.truncate(events);
            }
        }
        Sql::new("RELEASE SAVEPOINT attempt").execute(self).await?;
        Ok(outcome)
    }

    /// Adds an entry to the audit trail; it is chained and written when the transaction commits.
    pub fn record(&mut self, entry: Entry) {
        self.trail.push(entry);
    }

    /// Tells others of something that this transaction does; it is written when the transaction commits.
    pub fn publish(&mut self, event: Event) {
        self.events.push(event);
    }

    /// Undoes everything.
    async fn roll_back(mut self) {
        match &mut self.conn.backend {
            Backend::SqliteWrite(tx) => tx.roll_back().await,
            Backend::Postgres(tx) => tx.roll_back().await,
            Backend::SqliteRead(_) => {}
        }
    }

    async fn commit(mut self) -> Result<()> {
        let (trail, published) = (std::mem::take(&mut self.trail), std::mem::take(&mut self.events));
        if !(trail.is_empty() && published.is_empty()) {
            // the last thing before the commit, because the head of the chain is one lock for all
            audit::append(&mut self.conn, trail).await?;
            events::append(&mut self.conn, published).await?;
        }
        match self.conn.backend {
            Backend::SqliteWrite(mut tx) => tx.commit().await?,
            Backend::Postgres(mut tx) => tx.commit().await?,
            Backend::SqliteRead(_) => {}
        }
        Ok(())
    }
}

impl Db {
    /// The engine beneath.
    pub fn engine(&self) -> Engine {
        match self.pools {
            Pools::Sqlite { .. } => Engine::Sqlite,
            Pools::Postgres(_) => Engine::Postgres,
        }
    }

    /// How many statements have been run, for tests and metrics.
    pub fn statements(&self) -> u64 {
        self.trace.count()
    }

    /// The statements that ran since this was asked last; the first time, from now on. For tests of how they are planned.
    pub fn traced(&self) -> Vec<Sql> {
        self.trace.take()
    }

    /// The same database for long work: no bound on how long one transaction may take.
    #[must_use]
    pub fn patient(&self) -> Self {
        Self { patience: None, ..self.clone() }
    }

    /// Closes every connection once its work is done.
    pub async fn close(&self) {
        match &self.pools {
            Pools::Sqlite { read, write } => {
                read.close().await;
                write.close().await;
            }
            Pools::Postgres(lending) => lending.close().await,
        }
    }

    async fn connection(&self, context: &Arc<Context>) -> Result<Conn> {
        let backend = match &self.pools {
            Pools::Sqlite { read, .. } => Backend::SqliteRead(read.acquire().await.map_err(failure)?),
            Pools::Postgres(lending) => Backend::Postgres(Lease::new(lending).await?),
        };
        Ok(Conn { backend, trace: self.trace.clone(), context: context.clone() })
    }

    async fn begin(&self, context: &Arc<Context>) -> Result<Tx> {
        let backend = match &self.pools {
            Pools::Sqlite { write, .. } => Backend::SqliteWrite(Writer::begin(write).await?),
            Pools::Postgres(lending) => Backend::Postgres(Lease::begin(lending).await?),
        };
        let conn = Conn { backend, trace: self.trace.clone(), context: context.clone() };
        Ok(Tx { conn, trail: Vec::new(), events: Vec::new() })
    }

    /// Closes the connections that nobody uses.
    ///
    /// Where one is broken, those beside it are too. And a connection is woken by the thread that opened it: those that were
    /// opened while starting would cost each request a detour over a thread that serves none.
    pub fn drop_idle(&self) {
        if let Pools::Postgres(lending) = &self.pools {
            lending.drop_idle();
        }
    }

    /// Runs reads on one connection; once more on a fresh one when the connection turns out to be broken.
    ///
    /// Errors: `database_away` when the database does not answer within [`LONGEST_WAIT`], and what `work` says.
    pub async fn read<T>(&self, context: &Arc<Context>, work: impl AsyncFn(&mut Conn) -> Result<T>) -> Result<T> {
        self.tried(Transient::Connection, READ_TRIES, || async {
            let mut conn = self.connection(context).await?;
            let outcome = work(&mut conn).await;
            match &outcome {
                Ok(_) => conn.done(),
                Err(_) => conn.doubtful(),
            }
            outcome
        })
        .await
    }

    /// One number by one statement, as [`Db::read`] would; its future may move between threads, for tasks of their own.
    ///
    /// Who asks again and again keeps the connection in `kept` meanwhile: taking one and giving it back costs more than
    /// the question.
    pub async fn number(&self, statement: &Sql, kept: &mut Option<Conn>) -> Result<i64> {
        let context = nobody();
        let kept = Mutex::new(kept);
        let lock = || kept.lock().unwrap_or_else(PoisonError::into_inner);
        self.tried(Transient::Connection, READ_TRIES, || async {
            let held = lock().take();
            let mut conn = match held {
                Some(conn) => conn.again(),
                None => self.connection(&context).await?,
            };
            let number = statement.clone().scalar(&mut conn).await?;
            conn.done();
            **lock() = Some(conn);
            Ok(number)
        })
        .await
    }

    /// Runs `work` in a transaction and commits it with its audit trail; on an error nothing has happened.
    ///
    /// Errors: `database_away` when the database does not answer in time, and what `work` says.
    pub async fn transaction<T>(&self, context: &Arc<Context>, work: impl AsyncFn(&mut Tx) -> Result<T>) -> Result<T> {
        let outcome = self
            .tried(Transient::Collision, WRITE_TRIES, || async {
                let mut tx = self.begin(context).await?;
                match work(&mut tx).await {
                    Ok(outcome) => tx.commit().await.map(|()| outcome),
                    Err(error) => {
                        tx.roll_back().await;
                        Err(error)
                    }
                }
            })
            .await;
        if outcome.as_ref().is_err_and(|error| error.code() == common::DATABASE_FULL) {
            self.cannot_write.store(true, Ordering::Relaxed);
        }
        outcome
    }

    /// Checks that changes can be committed. Costs nothing unless a write has failed for lack of space or by a fault of the disk; then it
    /// makes a small one that leaves nothing behind.
    ///
    /// Errors: `database_full`, `database_away`.
    pub async fn check_writable(&self, context: &Arc<Context>) -> Result<()> {
        if !self.cannot_write.load(Ordering::Relaxed) {
            return Ok(());
        }
        let probe = match self.engine() {
            // a page of the file is written although its content stays the same
            Engine::Sqlite => "PRAGMA user_version = 0",
            // a file is made and extended
            Engine::Postgres => "CREATE TEMPORARY TABLE write_probe ON COMMIT DROP AS SELECT 1 AS one",
        };
        self.transaction(context, async |tx| Sql::new(probe).execute(tx).await.map(drop)).await?;
        // other writes may have found a place that was left
        self.cannot_write.store(false, Ordering::Relaxed);
        Ok(())
    }

    /// Tries, each time within the bound, as long as what went wrong is `mishap` and there are tries left.
    async fn tried<T, F: Future<Output = Result<T>>>(&self, mishap: Transient, tries: u32, attempt: impl Fn() -> F) -> Result<T> {
        for _ in 1..tries {
            match self.bounded(attempt()).await {
                Err(error) if error.is_transient() == Some(mishap) => {
                    if mishap == Transient::Connection {
                        self.drop_idle();
                    }
                }
                outcome => return outcome,
            }
        }
        self.bounded(attempt()).await
    }

    async fn bounded<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        // pinned where it was made: these futures are large, and moving them shows in a profile
        let work = pin!(work);
        match self.patience {
            None => work.await,
            Some(patience) => timeout(patience, work).await.unwrap_or_else(|_| Err(Error::new(common::DATABASE_AWAY).retry_after(1))),
        }
    }
}

/// The surroundings of a single statement that depends on none.
fn nobody() -> Arc<Context> {
    static NOBODY: LazyLock<Arc<Context>> = LazyLock::new(|| {
        let policy = Policy::standard(Country::default()).into();
        Arc::new(Context { now: DateTime::UNIX_EPOCH, policy, origin: Origin::default(), actor: Actor::system("nobody") })
    });
    NOBODY.clone()
}
