//! Lending of connections to PostgreSQL.

use std::{
    collections::VecDeque,
    ops::{Deref, DerefMut},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use kernel::error::{Error, Result, Transient, common};
use sqlx::{Executor, PgConnection, PgPool, Postgres, pool::PoolConnection};
use tokio::{
    runtime::Handle,
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

use crate::{
    LONGEST_WAIT,
    connect::{self, ConnectOptions, Pooling},
    error::{failure, unconnected},
};

/// How long an unused connection is kept.
pub(crate) const LONGEST_IDLE: Duration = Duration::from_secs(600);
/// How old a connection may get; the server's memory for it grows with the statements that it has run.
pub(crate) const LONGEST_LIFE: Duration = Duration::from_secs(1800);

/// The connections to a server: those in use, and those kept for the next use.
///
/// sqlx's pool opens and closes them, and bounds their number. It would also ping each returned connection: a round trip per
/// request, which shows no more than the next statement does. So connections whose work is done are kept here and not returned to
/// the pool.
pub(crate) struct Lending {
    pub(crate) pool: PgPool,
    places: Arc<Semaphore>,
    // whether a session of the server lasts for a transaction only
    in_transactions: bool,
    kept: Mutex<VecDeque<Kept>>,
}

struct Kept {
    connection: PoolConnection<Postgres>,
    opened: Instant,
    since: Instant,
}

impl Lending {
    /// Lends at most `pool_size` connections.
    pub(crate) fn new(pool: PgPool, options: &ConnectOptions) -> Arc<Self> {
        let size = usize::try_from(options.pool_size).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS);
        let in_transactions = options.pooling == Pooling::Transaction;
        Arc::new(Self { pool, places: Arc::new(Semaphore::new(size)), in_transactions, kept: Mutex::default() })
    }

    /// Whether a session of the server lasts for a transaction only.
    pub(crate) const fn in_transactions(&self) -> bool {
        self.in_transactions
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, VecDeque<Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Closes unused connections.
    pub(crate) fn drop_idle(&self) {
        let kept = std::mem::take(&mut *self.kept());
        for mut one in kept {
            one.connection.close_on_drop();
        }
        while let Some(mut connection) = self.pool.try_acquire() {
            connection.close_on_drop();
        }
    }

    /// Stops lending, and closes every connection once its work is done. Does not wait without limit: a connection whose work was
    /// cancelled on a thread that had ended its runtime is closed with the process only.
    pub(crate) async fn close(&self) {
        self.places.close();
        // dropped connections return to the pool, which closes them
        drop(std::mem::take(&mut *self.kept()));
        if timeout(LONGEST_WAIT, connect::close(&self.pool)).await.is_err() {
            log::debug!("a connection to the database is closed with the process");
        }
    }
}

/// The state of a connection that is returned.
#[derive(Clone, Copy, PartialEq, Eq)]
enum LeaseState {
    /// A statement may still run on it: the work was cancelled.
    Unknown,
    /// Nothing runs on it, but a statement failed.
    Doubtful,
    /// Nothing runs on it.
    Good,
}

/// A lent connection: returned when its work is done, closed when the work is cancelled.
///
/// After a cancelled statement, the state of the server and of the transaction is unknown; only closing the connection is certain
/// to roll back.
pub(crate) struct Lease {
    // `None` once it is returned
    connection: Option<PoolConnection<Postgres>>,
    opened: Instant,
    standing: LeaseState,
    lending: Arc<Lending>,
    // released after the connection, so that the next waiter finds the connection
    _place: OwnedSemaphorePermit,
}

impl Lease {
    /// Takes a connection. Errors: `database_away` when none is free in time, or none can be opened.
    pub(crate) async fn new(lending: &Arc<Lending>) -> Result<Self> {
        let away = || Error::new(common::DATABASE_AWAY).retry_after(1);
        let place = timeout(LONGEST_WAIT, lending.places.clone().acquire_owned()).await.map_err(|_| away())?.map_err(|_| away())?;
        let kept = lending.kept().pop_back();
        let (connection, opened) = match kept {
            Some(kept) => (kept.connection, kept.opened),
            None => (lending.pool.acquire().await.map_err(unconnected)?, Instant::now()),
        };
        Ok(Self { connection: Some(connection), opened, standing: LeaseState::Unknown, lending: lending.clone(), _place: place })
    }

    /// Takes a connection for reading: with a transaction if a session of the server lasts no longer.
    pub(crate) async fn for_reading(lending: &Arc<Lending>) -> Result<Self> {
        if lending.in_transactions { Self::begin(lending).await } else { Self::new(lending).await }
    }

    /// Whether a session of the server lasts for a transaction only.
    pub(crate) fn in_transactions(&self) -> bool {
        self.lending.in_transactions
    }

    /// Ends the reading.
    pub(crate) async fn end_reading(&mut self, succeeded: bool) -> Result<()> {
        match (self.lending.in_transactions, succeeded) {
            (true, true) => return self.commit().await,
            (true, false) => self.roll_back().await,
            (false, true) => self.done(),
            (false, false) => self.doubtful(),
        }
        Ok(())
    }

    /// Takes a connection and begins a transaction on it; retries on a fresh one when the connection is broken.
    pub(crate) async fn begin(lending: &Arc<Lending>) -> Result<Self> {
        match Self::begun(lending).await {
            Err(error) if error.is_transient() == Some(Transient::Connection) => {
                lending.drop_idle();
                Self::begun(lending).await
            }
            outcome => outcome,
        }
    }

    async fn begun(lending: &Arc<Lending>) -> Result<Self> {
        let mut lease = Self::new(lending).await?;
        (*lease).execute("BEGIN").await.map_err(failure)?;
        Ok(lease)
    }

    /// Commits the transaction.
    pub(crate) async fn commit(&mut self) -> Result<()> {
        (**self).execute("COMMIT").await.map_err(failure)?;
        self.done();
        Ok(())
    }

    /// Rolls back the transaction.
    pub(crate) async fn roll_back(&mut self) {
        if (**self).execute("ROLLBACK").await.is_ok() {
            self.done();
        }
    }

    /// Marks that nothing runs on the connection any more.
    pub(crate) fn done(&mut self) {
        self.standing = LeaseState::Good;
    }

    /// Marks that nothing runs on the connection any more, and that the last statement failed.
    pub(crate) fn doubtful(&mut self) {
        self.standing = LeaseState::Doubtful;
    }

    /// Marks that the connection is in use again.
    pub(crate) fn again(&mut self) {
        self.standing = LeaseState::Unknown;
    }
}

impl Deref for Lease {
    type Target = PgConnection;

    #[allow(clippy::expect_used, reason = "it is taken out when the lease is dropped, and not before")]
    fn deref(&self) -> &PgConnection {
        self.connection.as_ref().expect("a connection until the end")
    }
}

impl DerefMut for Lease {
    #[allow(clippy::expect_used, reason = "it is taken out when the lease is dropped, and not before")]
    fn deref_mut(&mut self) -> &mut PgConnection {
        self.connection.as_mut().expect("a connection until the end")
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let Some(mut connection) = self.connection.take() else { return };
        let now = Instant::now();
        // under this lock, `close` cannot take the kept connections
        let mut kept = self.lending.kept();
        if self.standing == LeaseState::Good && !self.lending.places.is_closed() && now.duration_since(self.opened) < LONGEST_LIFE {
            kept.push_back(Kept { connection, opened: self.opened, since: now });
            let is_stale = kept.front().is_some_and(|oldest| now.duration_since(oldest.since) > LONGEST_IDLE);
            let stale = if is_stale { kept.pop_front() } else { None };
            drop(kept);
            if let Some(mut stale) = stale {
                stale.connection.close_on_drop();
            }
            return;
        }
        drop(kept);
        match Handle::try_current() {
            // the connection closes when the process ends
            Err(_) => std::mem::forget(connection),
            Ok(_) if self.standing == LeaseState::Unknown => connection.close_on_drop(),
            // the pool pings it, and would wait for the reply without limit
            Ok(runtime) => drop(runtime.spawn(timeout(LONGEST_WAIT, connection.return_to_pool()))),
        }
    }
}

impl Drop for Lending {
    fn drop(&mut self) {
        if Handle::try_current().is_err() {
            // the connections close when the process ends
            std::mem::forget(std::mem::take(&mut *self.kept()));
        }
    }
}
