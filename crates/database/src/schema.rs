//! The schema of both engines: migrating a database, and checking that it is current.

use std::cmp::Ordering;

use kernel::{Error, Result, settings::StartError};
use sqlx::{Executor, migrate::Migrator};

use crate::{
    DatabaseUrl, Db, Engine, Pools, Sql,
    connect::{lock_beside, missing},
    refusals,
};

/// The number is any that nobody else locks.
const LOCK: &str = "SET LOCAL lock_timeout = 0; SELECT pg_advisory_xact_lock(7234502)";

const FORGET_STATEMENTS: &str = "DEALLOCATE ALL";

const NEWEST: &str = "SELECT COALESCE(MAX(version), 0) FROM _sqlx_migrations WHERE success";

/// The migrations that a database has.
struct Applied {
    count: i64,
    newest: i64,
}

fn unreadable(error: &Error) -> StartError {
    StartError::new("DATABASE_URL", format!("the database cannot be read: {error}"), "check the database")
}

/// The migrations of both engines. They are compiled into a separate crate, so that a new one rebuilds little.
pub struct Schema {
    /// The migrations of SQLite.
    pub sqlite: Migrator,
    /// The migrations of PostgreSQL.
    pub postgres: Migrator,
}

impl Schema {
    /// Migrates a database to the current schema, and returns how many migrations that took.
    ///
    /// Safe when several instances do it at once. Errors name the cause and the remedy.
    pub async fn migrate(&self, db: &Db, url: &DatabaseUrl) -> Result<u64, StartError> {
        let before = self.applied(db).await.map_err(|error| unreadable(&error))?;
        self.run(db, url).await?;
        let after = self.applied(db).await.map_err(|error| unreadable(&error))?;
        Ok(after.count.abs_diff(before.count))
    }

    async fn run(&self, db: &Db, url: &DatabaseUrl) -> Result<(), StartError> {
        // PostgreSQL's migrator takes an advisory lock; SQLite's has none, so a file beside the database is locked
        let _lock = match url {
            DatabaseUrl::Sqlite(path) => Some(lock_beside(path).await?),
            DatabaseUrl::Postgres(_) => None,
        };
        match &db.pools {
            Pools::Sqlite { write, .. } => self.sqlite.run(write).await,
            Pools::Postgres(lending) => {
                // in one transaction, because with a pooler a session may last no longer; its lock ends with it, and the second
                // instance waits for all migrations of the first, which may take longer than any request may wait
                let refused = |error: sqlx::Error| refusals::of_migration(url, &error.into());
                let mut tx = lending.pool.begin().await.map_err(refused)?;
                (&mut *tx).execute(LOCK).await.map_err(refused)?;
                // the migrator prepares statements under names, which others behind the same pooler may have used
                if lending.in_transactions() {
                    (&mut *tx).execute(FORGET_STATEMENTS).await.map_err(refused)?;
                }
                let migrator = Migrator { migrations: self.postgres.migrations.clone(), locking: false, ..Migrator::DEFAULT };
                let outcome = migrator.run(&mut *tx).await;
                if outcome.is_ok() {
                    if lending.in_transactions() {
                        (&mut *tx).execute(FORGET_STATEMENTS).await.map_err(refused)?;
                    }
                    tx.commit().await.map_err(refused)?;
                }
                outcome
            }
        }
        .map_err(|error| refusals::of_migration(url, &error))
    }

    /// Succeeds when a database has the schema of this program; for commands that neither create nor migrate one.
    ///
    /// Errors name the database and the remedy.
    pub async fn must_be_current(&self, db: &Db, url: &DatabaseUrl) -> Result<(), StartError> {
        self.must_be_there(db, url).await?;
        let applied = self.applied(db).await.map_err(|error| unreadable(&error))?;
        let refused = |cause: &str, remedy: &str| Err(StartError::new("DATABASE_URL", cause, remedy));
        match applied.newest.cmp(&self.newest(db.engine())) {
            Ordering::Equal => Ok(()),
            Ordering::Less => refused("the database has the schema of an older version of this program", "run telecom-crm migrate first"),
            Ordering::Greater => refused(
                "the database has the schema of a newer version of this program",
                "use the newer program, or restore the backup from before the upgrade",
            ),
        }
    }

    /// Succeeds when a database has a schema of this program, of whatever version.
    pub async fn must_be_there(&self, db: &Db, url: &DatabaseUrl) -> Result<(), StartError> {
        match self.applied(db).await {
            Ok(applied) if applied.count > 0 => Ok(()),
            Ok(_) => Err(missing(url)),
            Err(error) => Err(unreadable(&error)),
        }
    }

    /// The migrations that a database has; none if it is empty.
    async fn applied(&self, db: &Db) -> Result<Applied> {
        let there = match db.engine() {
            Engine::Sqlite => Sql::new("SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name = '_sqlx_migrations'"),
            Engine::Postgres => Sql::new("SELECT CAST(COUNT(to_regclass('_sqlx_migrations')) AS BIGINT)"),
        };
        if db.number(&there, &mut None).await? == 0 {
            return Ok(Applied { count: 0, newest: 0 });
        }
        let count = db.number(&Sql::new("SELECT COUNT(*) FROM _sqlx_migrations WHERE success"), &mut None).await?;
        let newest = db.number(&Sql::new(NEWEST), &mut None).await?;
        Ok(Applied { count, newest })
    }

    /// The version of the schema that this program needs: the number of the newest migration.
    pub fn newest(&self, engine: Engine) -> i64 {
        let migrations = match engine {
            Engine::Sqlite => &self.sqlite,
            Engine::Postgres => &self.postgres,
        };
        migrations.iter().map(|migration| migration.version).max().unwrap_or_default()
    }

    /// Whether a database has the schema that this program was built for, or a newer one.
    pub async fn is_current(&self, db: &Db) -> Result<bool> {
        Ok(db.number(&Sql::new(NEWEST), &mut None).await? >= self.newest(db.engine()))
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
