//! Connections to PostgreSQL, on loan from the pool.

use std::ops::{Deref, DerefMut};

use sqlx::{Executor, PgConnection, PgPool, Postgres, pool::PoolConnection};
use tokio::{runtime::Handle, time::timeout};

use super::LONGEST_WAIT;
use crate::error::Result;

/// A connection that goes back to the pool when its work is done, and is closed when that was given up half-way.
///
/// Whoever gives up a statement does not know whether the server still lives. The pool asks each connection that comes
/// back for a sign of life and waits for it without end: those that died without a word would use up the pool. So does
/// nobody know what state a transaction was left in; closing the connection is what undoes it for certain.
pub(super) struct Lease {
    connection: PoolConnection<Postgres>,
    is_done: bool,
}

impl Lease {
    /// Takes a connection out of the pool.
    pub(super) async fn new(pool: &PgPool) -> Result<Self> {
        Ok(Self { connection: pool.acquire().await?, is_done: false })
    }

    /// Takes a connection and begins a transaction on it.
    pub(super) async fn begin(pool: &PgPool) -> Result<Self> {
        let mut lease = Self::new(pool).await?;
        lease.connection.execute("BEGIN").await?;
        Ok(lease)
    }

    /// Commits the transaction.
    pub(super) async fn commit(&mut self) -> Result<()> {
        self.connection.execute("COMMIT").await?;
        self.done();
        Ok(())
    }

    /// Undoes the transaction.
    pub(super) async fn roll_back(&mut self) {
        if self.connection.execute("ROLLBACK").await.is_ok() {
            self.done();
        }
    }

    /// Nothing runs on it any more.
    pub(super) fn done(&mut self) {
        self.is_done = true;
    }

    /// Something runs on it once more.
    pub(super) fn again(&mut self) {
        self.is_done = false;
    }
}

impl Deref for Lease {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.connection
    }
}

impl DerefMut for Lease {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.connection
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if !self.is_done {
            self.connection.close_on_drop();
        } else if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(timeout(LONGEST_WAIT, self.connection.return_to_pool()));
        }
    }
}
