//! Connections to PostgreSQL, on loan.

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

use crate::{LONGEST_WAIT, error::failure};

/// How long a connection is kept that nobody uses.
pub(crate) const LONGEST_IDLE: Duration = Duration::from_secs(600);
/// How old a connection may get: what a server keeps for each grows with the statements that it has seen.
pub(crate) const LONGEST_LIFE: Duration = Duration::from_secs(1800);

/// The connections to a server: those at work, and those that are kept for the next.
///
/// sqlx's pool opens and closes them, and bounds their number. What it would do on top is to ask each connection that comes back for
/// a sign of life: a round trip with each request, to learn what the next statement tells as well. So connections whose
/// work is done are kept here instead.
pub(crate) struct Lending {
    pub(crate) pool: PgPool,
    places: Arc<Semaphore>,
    kept: Mutex<VecDeque<Kept>>,
}

struct Kept {
    connection: PoolConnection<Postgres>,
    opened: Instant,
    since: Instant,
}

impl Lending {
    /// Of at most so many connections.
    pub(crate) fn new(pool: PgPool, size: u32) -> Arc<Self> {
        let places = Arc::new(Semaphore::new(usize::try_from(size).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS)));
        Arc::new(Self { pool, places, kept: Mutex::default() })
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, VecDeque<Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Closes the connections that nobody uses.
    pub(crate) fn drop_idle(&self) {
        let kept = std::mem::take(&mut *self.kept());
        for mut one in kept {
            one.connection.close_on_drop();
        }
        while let Some(mut connection) = self.pool.try_acquire() {
            connection.close_on_drop();
        }
    }

    /// Closes every connection once its work is done, and lends no more.
    pub(crate) async fn close(&self) {
        self.places.close();
        // what is dropped goes back to the pool, which closes it
        drop(std::mem::take(&mut *self.kept()));
        self.pool.close().await;
    }
}

/// What is known of a connection that is given back.
#[derive(Clone, Copy, PartialEq, Eq)]
enum LeaseState {
    /// Something may run on it: work was given up half-way.
    Unknown,
    /// Nothing runs on it, and something went wrong.
    Doubtful,
    /// Nothing runs on it.
    Good,
}

/// A connection that is given back when its work is done, and is closed when that was given up half-way.
///
/// Whoever gives up a statement does not know whether the server still lives, nor what state a transaction was left in; closing
/// the connection is what undoes it for certain.
pub(crate) struct Lease {
    // taken out when it is given back
    connection: Option<PoolConnection<Postgres>>,
    opened: Instant,
    standing: LeaseState,
    lending: Arc<Lending>,
    // given back after the connection: who waits for it finds the connection
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
            None => (lending.pool.acquire().await.map_err(failure)?, Instant::now()),
        };
        Ok(Self { connection: Some(connection), opened, standing: LeaseState::Unknown, lending: lending.clone(), _place: place })
    }

    /// Takes a connection and begins a transaction on it; on a fresh one when the connection turns out to be broken.
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

    /// Undoes the transaction.
    pub(crate) async fn roll_back(&mut self) {
        if (**self).execute("ROLLBACK").await.is_ok() {
            self.done();
        }
    }

    /// Nothing runs on it any more.
    pub(crate) fn done(&mut self) {
        self.standing = LeaseState::Good;
    }

    /// Nothing runs on it any more, and the last statement failed, for whatever reason.
    pub(crate) fn doubtful(&mut self) {
        self.standing = LeaseState::Doubtful;
    }

    /// Something runs on it once more.
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
        // while it is locked nobody closes what is kept
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
            // the end of the process closes it
            Err(_) => std::mem::forget(connection),
            Ok(_) if self.standing == LeaseState::Unknown => connection.close_on_drop(),
            // the pool asks it for a sign of life, and would wait for that without end
            Ok(runtime) => drop(runtime.spawn(timeout(LONGEST_WAIT, connection.return_to_pool()))),
        }
    }
}

impl Drop for Lending {
    fn drop(&mut self) {
        if Handle::try_current().is_err() {
            // the end of the process closes them
            std::mem::forget(std::mem::take(&mut *self.kept()));
        }
    }
}
