//! One SQL text, two engines: [`Db`] opens either, [`Sql`] runs the same statement on both.
//!
//! Reads go through [`Db::read`], which retries once when a connection breaks. Changes go through [`Db::transaction`], which is
//! atomic, writes the audit trail last, and retries when two transactions collide. Only this crate distinguishes the engines;
//! where SQL really differs, other code does so with `match conn.engine()`.

pub mod audit;
mod connect;
mod error;
pub mod events;
mod filter;
pub mod jobs;
mod lease;
pub mod order_keys;
pub mod page;
mod queue;
pub mod record;
mod refusals;
mod rows;
mod schema;
pub mod search;
mod sql;
mod trace;
mod tries;
mod unit;
mod writer;

use std::{
    collections::BTreeMap,
    ops::{Deref, DerefMut},
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
    error::{Error, Kind, Result, common},
};
use lease::{Lease, Lending};
use queue::Queues;
use sqlx::{PgConnection, Sqlite, SqliteConnection, SqlitePool, pool::PoolConnection};
use trace::Trace;
use unit::{Kept, Unit};
use writer::Writer;

pub use connect::{ConnectOptions, DatabaseUrl, Pooling};
pub use events::{Event, EventKind, Resource};
pub use filter::Filter;
pub use kernel::column::Arg;
pub use page::{Page, Paging};
pub use queue::Turn;
pub use rows::{Bulk, Given};
pub use schema::Schema;
pub use sql::{Row, Sql};

use crate::{audit::Entry, error::failure};

/// Longest wait for the database before the caller is asked to retry later.
pub const LONGEST_WAIT: Duration = Duration::from_secs(3);

/// The database engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// SQLite, the embedded engine.
    Sqlite,
    /// PostgreSQL.
    Postgres,
}

/// The database: connection pools of one of the engines.
#[derive(Clone)]
pub struct Db {
    pools: Pools,
    patience: Option<Duration>,
    trace: Arc<Trace>,
    // a write failed because the disk is full or faulty, and no probe has succeeded since
    cannot_write: Arc<AtomicBool>,
    queues: Arc<Queues>,
}

#[derive(Clone)]
enum Pools {
    // one writing connection, because SQLite has one writer; several reading ones
    Sqlite { read: SqlitePool, write: SqlitePool },
    Postgres(Arc<Lending>),
}

/// A connection that can read, and the context of the use case that reads.
pub struct Conn {
    backend: Backend,
    trace: Arc<Trace>,
    context: Arc<Context>,
    // whether a statement that locks a row waits for another transaction that has locked it
    waits: bool,
    now: DateTime<Utc>,
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

/// An atomic transaction. It can do everything that a [`Conn`] can.
pub struct Tx {
    conn: Conn,
    trail: Vec<Entry>,
    events: Vec<Event>,
    counts: BTreeMap<(&'static str, i64), i64>,
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
    /// The context of the use case.
    pub fn context(&self) -> &Arc<Context> {
        &self.context
    }

    /// The time of the use case: that of its context, unless [`Conn::not_before`] moved it.
    pub fn now(&self) -> DateTime<Utc> {
        self.now
    }

    /// Moves the time forward to `moment` if it is earlier.
    ///
    /// A use case calls this with the last change of what it has locked. Its own time may be earlier: it began before it waited for the
    /// lock, and clocks differ and are set back. So the times of one thing never contradict the order of its changes. `today` stays.
    pub fn not_before(&mut self, moment: DateTime<Utc>) {
        self.now = self.now.max(moment);
    }

    /// Today's date in the operator's time zone.
    pub fn today(&self) -> NaiveDate {
        self.context.today()
    }

    /// The operator's settings that rules depend on.
    pub fn policy(&self) -> &Arc<Policy> {
        &self.context.policy
    }

    /// The actor of the use case.
    pub fn actor(&self) -> &Actor {
        &self.context.actor
    }

    /// The database engine.
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

    /// Whether statements stay prepared on the server under a name, which a pooler that lends a session for a transaction does not allow.
    fn prepares(&self) -> bool {
        match &self.backend {
            Backend::Postgres(conn) => !conn.in_transactions(),
            Backend::SqliteRead(_) | Backend::SqliteWrite(_) => true,
        }
    }

    /// Ends the reading on the connection, on which nothing runs any more.
    async fn end_reading(&mut self, succeeded: bool) -> Result<()> {
        match &mut self.backend {
            Backend::Postgres(conn) => conn.end_reading(succeeded).await,
            Backend::SqliteRead(_) | Backend::SqliteWrite(_) => Ok(()),
        }
    }

    /// Whether the connection may be kept for the next reading.
    fn may_be_kept(&self, db: &Db) -> bool {
        !matches!(&db.pools, Pools::Postgres(lending) if lending.in_transactions())
    }

    /// Marks that the connection is in use again.
    fn again(mut self) -> Self {
        if let Backend::Postgres(conn) = &mut self.backend {
            conn.again();
        }
        self
    }

    /// The clause `FOR UPDATE`, if the engine locks rows; SQLite has one writer and needs none.
    pub fn for_update(&self) -> &'static str {
        match self.engine() {
            Engine::Sqlite => "",
            Engine::Postgres => " FOR UPDATE",
        }
    }

    /// The clause that locks free rows and skips locked ones, if the engine locks rows: instances share work without waiting for each
    /// other.
    pub fn skip_locked(&self) -> &'static str {
        match self.engine() {
            Engine::Sqlite => "",
            Engine::Postgres => " FOR UPDATE SKIP LOCKED",
        }
    }

    /// Reserves `count` consecutive ids of a table for a bulk load and returns the first.
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
    /// Takes this many ids of a table, for rows that refer to each other before they are written.
    ///
    /// The ids need not be consecutive, because others may take ids meanwhile. `table` is never input.
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
    /// Runs `work`; when it fails, undoes its changes and keeps the rest of the transaction, which continues.
    ///
    /// The outer error is one after which the transaction cannot continue: a collision, or an unavailable database.
    pub async fn attempt<T>(&mut self, work: impl AsyncFnOnce(&mut Tx) -> Result<T>) -> Result<Result<T>> {
        let (trail, events, counts) = (self.trail.len(), self.events.len(), self.counts.clone());
        Sql::new("SAVEPOINT attempt").execute(self).await?;
        let outcome = work(self).await;
        match &outcome {
            Ok(_) => {}
            Err(error) if error.is_transient().is_some() || error.kind() == Kind::Unavailable => return outcome.map(Ok),
            Err(_) => {
                Sql::new("ROLLBACK TO SAVEPOINT attempt").execute(self).await?;
                self.trail.truncate(trail);
                self.events.truncate(events);
                self.counts = counts;
            }
        }
        Sql::new("RELEASE SAVEPOINT attempt").execute(self).await?;
        Ok(outcome)
    }

    /// Adds an entry to the audit trail; it is chained and written when the transaction commits.
    pub fn record(&mut self, entry: Entry) {
        self.trail.push(entry);
    }

    /// Publishes an event; it is written when the transaction commits.
    pub fn publish(&mut self, event: Event) {
        self.events.push(event);
    }

    /// Adds to a counter that many transactions change; `statement` adds `$2` to the counter of the row with id `$1`.
    ///
    /// The counters are written when the transaction commits, in the order of statements and ids: so they are locked for as short a time
    /// as possible, and two transactions that change the same counters do not deadlock.
    pub fn count(&mut self, statement: &'static str, id: i64, change: i64) {
        *self.counts.entry((statement, id)).or_default() += change;
    }

    async fn write_counts(&mut self) -> Result<()> {
        for ((statement, id), change) in std::mem::take(&mut self.counts) {
            if change != 0 && Sql::new(statement).bind(id).bind(change).execute(&mut self.conn).await? != 1 {
                return Err(Error::internal(format!("no row {id} to count in: {statement}")));
            }
        }
        Ok(())
    }

    /// Rolls back the transaction.
    async fn roll_back(mut self) {
        match &mut self.conn.backend {
            Backend::SqliteWrite(tx) => tx.roll_back().await,
            Backend::Postgres(tx) => tx.roll_back().await,
            Backend::SqliteRead(_) => {}
        }
    }

    async fn commit(mut self) -> Result<()> {
        self.write_counts().await?;
        let (trail, published) = (std::mem::take(&mut self.trail), std::mem::take(&mut self.events));
        if !(trail.is_empty() && published.is_empty()) {
            // last before the commit, because all transactions share the lock on the head of the chain
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
    /// The database engine.
    pub fn engine(&self) -> Engine {
        match self.pools {
            Pools::Sqlite { .. } => Engine::Sqlite,
            Pools::Postgres(_) => Engine::Postgres,
        }
    }

    /// The number of statements that were run, for tests and metrics.
    pub fn statements(&self) -> u64 {
        self.trace.count()
    }

    /// The statements that ran since the last call; the first call starts the recording. For tests of query plans.
    pub fn traced(&self) -> Vec<Sql> {
        self.trace.take()
    }

    /// The database without a time limit on a transaction, for long work.
    #[must_use]
    pub fn patient(&self) -> Self {
        Self { patience: None, ..self.clone() }
    }

    /// Closes every connection once its work is done.
    pub async fn close(&self) {
        match &self.pools {
            Pools::Sqlite { read, write } => {
                connect::close(read).await;
                // last: it writes the log back into the file
                connect::close(write).await;
            }
            Pools::Postgres(lending) => lending.close().await,
        }
    }

    async fn connection(&self, context: &Arc<Context>) -> Result<Conn> {
        let backend = match &self.pools {
            Pools::Sqlite { read, .. } => Backend::SqliteRead(read.acquire().await.map_err(failure)?),
            Pools::Postgres(lending) => Backend::Postgres(Lease::for_reading(lending).await?),
        };
        Ok(Conn { backend, trace: self.trace.clone(), context: context.clone(), waits: true, now: context.now })
    }

    async fn begin(&self, context: &Arc<Context>, waits: bool) -> Result<Tx> {
        let backend = match &self.pools {
            Pools::Sqlite { write, .. } => Backend::SqliteWrite(Writer::begin(write).await?),
            Pools::Postgres(lending) => Backend::Postgres(Lease::begin(lending).await?),
        };
        let conn = Conn { backend, trace: self.trace.clone(), context: context.clone(), waits, now: context.now };
        Ok(Tx { conn, trail: Vec::new(), events: Vec::new(), counts: BTreeMap::new() })
    }

    /// Closes unused connections.
    ///
    /// When one is broken, the others are too. Also, a connection is woken by the thread that opened it: with one that was opened
    /// during startup, each request would take a detour through a thread that serves no requests.
    pub fn drop_idle(&self) {
        if let Pools::Postgres(lending) = &self.pools {
            lending.drop_idle();
        }
    }

    /// Runs reads on one connection; retries once on a fresh one when the connection is broken.
    ///
    /// Errors: `database_away` when the database does not respond within [`LONGEST_WAIT`], which a request has for all its steps
    /// together; and the errors of `work`.
    pub async fn read<T>(&self, context: &Arc<Context>, work: impl AsyncFn(&mut Conn) -> Result<T>) -> Result<T> {
        let work = Kept::new(work);
        self.run_reads(context, &work).await?;
        work.made()
    }

    async fn run_reads(&self, context: &Arc<Context>, work: &dyn Unit<Conn>) -> Result<()> {
        self.read_twice(context, || async {
            let mut conn = self.connection(context).await?;
            let outcome = work.run(&mut conn).await;
            let ended = conn.end_reading(outcome.is_ok()).await;
            outcome.and(ended)
        })
        .await
    }

    /// Reads one number with one statement, like [`Db::read`]; its future can move between threads, for spawned tasks.
    ///
    /// A caller that reads repeatedly keeps the connection in `kept`: taking and returning one costs more than the query.
    pub async fn number(&self, statement: &Sql, kept: &mut Option<Conn>) -> Result<i64> {
        let context = nobody();
        let kept = Mutex::new(kept);
        let lock = || kept.lock().unwrap_or_else(PoisonError::into_inner);
        self.read_twice(&context, || async {
            let held = lock().take();
            let mut conn = match held {
                Some(conn) => conn.again(),
                None => self.connection(&context).await?,
            };
            let number = statement.clone().scalar(&mut conn).await?;
            conn.end_reading(true).await?;
            if conn.may_be_kept(self) {
                **lock() = Some(conn);
            }
            Ok(number)
        })
        .await
    }

    /// Checks that changes can be committed.
    ///
    /// Asks PostgreSQL whether it is read-only, as after a failover. If a write has failed because the disk is full or faulty, makes a
    /// small write that leaves nothing behind.
    ///
    /// Errors: `database_full`, `database_away`.
    pub async fn check_writable(&self, context: &Arc<Context>) -> Result<()> {
        if self.engine() == Engine::Postgres && self.is_read_only().await? {
            // a new connection may lead to the new primary
            self.drop_idle();
            if self.is_read_only().await? {
                return Err(Error::new(common::DATABASE_AWAY).retry_after(5).cause("the server is read-only"));
            }
        }
        if !self.cannot_write.load(Ordering::Relaxed) {
            return Ok(());
        }
        let probe = match self.engine() {
            // a page of the file is written although its content stays the same
            Engine::Sqlite => "PRAGMA user_version = 0",
            // a file is created and extended
            Engine::Postgres => "CREATE TEMPORARY TABLE write_probe ON COMMIT DROP AS SELECT 1 AS one",
        };
        self.transaction(context, async |tx| Sql::new(probe).execute(tx).await.map(drop)).await?;
        // only the probe clears this: another write may have succeeded in space that was left
        self.cannot_write.store(false, Ordering::Relaxed);
        Ok(())
    }

    async fn is_read_only(&self) -> Result<bool> {
        let asked = "SELECT CAST(CASE current_setting('transaction_read_only') WHEN 'on' THEN 1 ELSE 0 END AS BIGINT)";
        Ok(self.number(&Sql::new(asked), &mut None).await? == 1)
    }
}

/// A context for a single statement that does not depend on it.
fn nobody() -> Arc<Context> {
    static NOBODY: LazyLock<Arc<Context>> = LazyLock::new(|| {
        let policy = Policy::standard(Country::default()).into();
        Arc::new(Context { now: DateTime::UNIX_EPOCH, policy, origin: Origin::default(), actor: Actor::system("nobody") })
    });
    NOBODY.clone()
}
