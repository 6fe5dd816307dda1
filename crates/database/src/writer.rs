//! SQLite's only writing connection while a transaction is open on it.

use std::ops::{Deref, DerefMut};

use kernel::Result;
use sqlx::{Executor, Sqlite, SqliteConnection, SqlitePool, pool::PoolConnection};
use tokio::runtime::Handle;

use crate::error::failure;

/// A transaction on the writing connection.
///
/// When a commit or a rollback fails, SQLite may or may not have ended the transaction by itself. So the connection is closed,
/// which rolls back what is open, and the next transaction opens another. sqlx's own `Transaction` counts depth instead, and a
/// connection whose count is wrong refuses every later transaction.
pub(crate) struct Writer {
    // `None` once it is dropped
    connection: Option<PoolConnection<Sqlite>>,
    is_open: bool,
}

impl Writer {
    /// Takes the connection and begins a transaction, `IMMEDIATE` because a deferred one fails when its read turns into a write.
    pub(crate) async fn begin(pool: &SqlitePool) -> Result<Self> {
        let mut writer = Self { connection: Some(pool.acquire().await.map_err(failure)?), is_open: true };
        (*writer).execute("BEGIN IMMEDIATE").await.map_err(failure)?;
        Ok(writer)
    }

    /// Commits the transaction.
    pub(crate) async fn commit(&mut self) -> Result<()> {
        (**self).execute("COMMIT").await.map_err(failure)?;
        self.is_open = false;
        Ok(())
    }

    /// Rolls back the transaction.
    pub(crate) async fn roll_back(&mut self) {
        if (**self).execute("ROLLBACK").await.is_ok() {
            self.is_open = false;
        }
    }
}

impl Deref for Writer {
    type Target = SqliteConnection;

    #[allow(clippy::expect_used, reason = "it is taken out when the writer is dropped, and not before")]
    fn deref(&self) -> &SqliteConnection {
        self.connection.as_ref().expect("a connection until the end")
    }
}

impl DerefMut for Writer {
    #[allow(clippy::expect_used, reason = "it is taken out when the writer is dropped, and not before")]
    fn deref_mut(&mut self) -> &mut SqliteConnection {
        self.connection.as_mut().expect("a connection until the end")
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        let Some(mut connection) = self.connection.take() else { return };
        match (self.is_open, Handle::try_current()) {
            // the connection closes when the process ends
            (_, Err(_)) => std::mem::forget(connection),
            (true, Ok(_)) => connection.close_on_drop(),
            (false, Ok(_)) => {}
        }
    }
}
