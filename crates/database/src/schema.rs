//! The schema of both engines: migrating a database, and checking that it is current.

use kernel::{Error, Result};
use sqlx::migrate::Migrator;

use crate::{DatabaseUrl, Db, Engine, Pools, Sql, connect::lock_beside, error::failure};

/// The migrations of both engines. They are compiled into a separate crate, so that a new one rebuilds little.
pub struct Schema {
    /// The migrations of SQLite.
    pub sqlite: Migrator,
    /// The migrations of PostgreSQL.
    pub postgres: Migrator,
}

impl Schema {
    /// Migrates a database to the current schema; safe when several instances do it at once.
    pub async fn migrate(&self, db: &Db, url: &DatabaseUrl) -> Result<()> {
        // PostgreSQL's migrator takes an advisory lock; SQLite's has none, so a file beside the database is locked
        let _lock = match url {
            DatabaseUrl::Sqlite(path) => Some(lock_beside(path).await?),
            DatabaseUrl::Postgres(_) => None,
        };
        match &db.pools {
            Pools::Sqlite { write, .. } => self.sqlite.run(write).await,
            Pools::Postgres(lending) => {
                // the second instance waits for all migrations of the first, which may take longer than any request may
                // wait; the connection is closed, so that no request gets its setting
                let mut connection = lending.pool.acquire().await.map_err(failure)?;
                sqlx::query("SET lock_timeout = 0").execute(&mut *connection).await.map_err(failure)?;
                let outcome = self.postgres.run(&mut *connection).await;
                connection.close().await.map_err(failure)?;
                outcome
            }
        }
        .map_err(Error::internal)
    }

    /// Whether a database has the schema that this program was built for, or a newer one.
    pub async fn is_current(&self, db: &Db) -> Result<bool> {
        let newest = match db.engine() {
            Engine::Sqlite => &self.sqlite,
            Engine::Postgres => &self.postgres,
        }
        .iter()
        .map(|migration| migration.version)
        .max();
        let applied = db.number(&Sql::new("SELECT COALESCE(MAX(version), 0) FROM _sqlx_migrations WHERE success"), &mut None).await?;
        Ok(newest.is_none_or(|newest| applied >= newest))
    }

    /// A sum of the checksums of all migrations, which shows when a test's template is out of date.
    pub fn fingerprint(&self) -> String {
        let migrations = self.sqlite.iter().chain(self.postgres.iter());
        let sum = migrations.fold(0_u64, |sum, migration| {
            migration.checksum.iter().fold(sum, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(*byte)))
        });
        sum.to_string()
    }
}
