//! Opening, creating and migrating a database of either engine.

use std::{
    fmt,
    fs::{self, File},
    path::{Path, PathBuf},
    str::FromStr,
    sync::Arc,
};

use sqlx::{
    ConnectOptions as _,
    migrate::Migrator,
    postgres::{PgConnectOptions, PgPoolOptions},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use super::{
    Db, Engine, LONGEST_WAIT, Pools,
    lease::{LONGEST_IDLE, LONGEST_LIFE, Lending},
};
use crate::error::{Error, Result};

static SQLITE_MIGRATIONS: Migrator = sqlx::migrate!("../../migrations/sqlite");
static POSTGRES_MIGRATIONS: Migrator = sqlx::migrate!("../../migrations/postgres");

/// Reading connections on SQLite: more than the cores wins nothing.
const SQLITE_READERS: u32 = 4;
/// Tries to open a file at the start, of up to `LONGEST_WAIT` each.
const TRIES_TO_OPEN: u32 = 10;

/// Where the database is: `sqlite://path` or `postgres://…`. `Debug` leaves the password out.
#[derive(Clone)]
pub enum DatabaseUrl {
    /// A file, created when missing.
    Sqlite(PathBuf),
    /// A PostgreSQL server.
    Postgres(Box<PgConnectOptions>),
}

impl FromStr for DatabaseUrl {
    type Err = ();

    fn from_str(url: &str) -> Result<Self, ()> {
        if let Some(path) = url.strip_prefix("sqlite://") {
            return if path.is_empty() { Err(()) } else { Ok(Self::Sqlite(path.into())) };
        }
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            return url.parse().map(|options| Self::Postgres(Box::new(options))).map_err(drop);
        }
        Err(())
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite://{}", path.display()),
            Self::Postgres(options) => write!(f, "postgres://{}/{}", options.get_host(), options.get_database().unwrap_or("")),
        }
    }
}

impl DatabaseUrl {
    /// The folder to keep things beside the database in; the working folder's `data` for a server elsewhere.
    pub fn folder(&self) -> PathBuf {
        match self {
            Self::Sqlite(path) => path.parent().map(Path::to_path_buf).unwrap_or_default(),
            Self::Postgres(_) => "data".into(),
        }
    }
}

/// How to open a database.
#[derive(Clone, Debug)]
pub struct ConnectOptions {
    /// Where it is.
    pub url: DatabaseUrl,
    /// Most connections to PostgreSQL.
    pub pool_size: u32,
}

impl Db {
    /// Opens the database, creating the SQLite file and its folder when missing.
    ///
    /// Errors: `database_away`, or `internal` with the cause.
    pub async fn connect(options: &ConnectOptions) -> Result<Self> {
        let pools = match &options.url {
            DatabaseUrl::Sqlite(path) => {
                if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
                    fs::create_dir_all(folder).map_err(Error::internal)?;
                }
                let file = SqliteConnectOptions::new()
                    .filename(path)
                    .create_if_missing(true)
                    .journal_mode(SqliteJournalMode::Wal)
                    .synchronous(SqliteSynchronous::Full)
                    .foreign_keys(true)
                    .busy_timeout(LONGEST_WAIT)
                    .optimize_on_close(true, 400)
                    .disable_statement_logging();
                let pool = || {
                    SqlitePoolOptions::new().acquire_timeout(LONGEST_WAIT).test_before_acquire(false).idle_timeout(None).max_lifetime(None)
                };
                // one at a time: SQLite does not wait for somebody who is just giving a new file its journal mode
                let _lock = lock_beside(path).await?;
                let write = opened(async || pool().max_connections(1).connect_with(file.clone()).await).await?;
                let read = pool().max_connections(SQLITE_READERS).connect_lazy_with(file.read_only(true));
                Pools::Sqlite { read, write }
            }
            DatabaseUrl::Postgres(server) => {
                let server = server
                    .as_ref()
                    .clone()
                    .application_name("telecom-crm")
                    .options([
                        ("lock_timeout", "2s"),
                        ("idle_in_transaction_session_timeout", "60s"),
                        ("TimeZone", "UTC"),
                        ("client_min_messages", "warning"),
                    ])
                    .disable_statement_logging();
                // without the round trip that tests a connection before each use; reads try twice instead
                let pool = PgPoolOptions::new()
                    .max_connections(options.pool_size)
                    .acquire_timeout(LONGEST_WAIT)
                    .test_before_acquire(false)
                    .idle_timeout(LONGEST_IDLE)
                    .max_lifetime(LONGEST_LIFE);
                Pools::Postgres(Lending::new(pool.connect_with(server).await?, options.pool_size))
            }
        };
        Ok(Self { pools, patience: Some(LONGEST_WAIT), trace: Arc::default(), cannot_write: Arc::default() })
    }

    /// Brings the schema up to date; safe when several instances do it at once.
    pub async fn migrate(&self, url: &DatabaseUrl) -> Result<()> {
        // PostgreSQL's migrator takes an advisory lock; SQLite's has none, so a file beside the database is locked
        let _lock = match url {
            DatabaseUrl::Sqlite(path) => Some(lock_beside(path).await?),
            DatabaseUrl::Postgres(_) => None,
        };
        match &self.pools {
            Pools::Sqlite { write, .. } => SQLITE_MIGRATIONS.run(write).await,
            Pools::Postgres(lending) => {
                // whoever comes second waits for all of the first one's migrations, which may take longer than any request
                // may wait; the connection is closed, so that no request has its patience
                let mut connection = lending.pool.acquire().await?;
                sqlx::query("SET lock_timeout = 0").execute(&mut *connection).await?;
                let outcome = POSTGRES_MIGRATIONS.run(&mut *connection).await;
                connection.close().await?;
                outcome
            }
        }
        .map_err(Error::internal)
    }

    /// Whether the schema is the one this program was built for.
    pub async fn is_migrated(&self) -> Result<bool> {
        let newest = match self.engine() {
            Engine::Sqlite => &SQLITE_MIGRATIONS,
            Engine::Postgres => &POSTGRES_MIGRATIONS,
        }
        .iter()
        .map(|migration| migration.version)
        .max();
        let applied: Option<i64> =
            self.read(async |conn| super::Sql::new("SELECT MAX(version) FROM _sqlx_migrations WHERE success").scalar(conn).await).await?;
        Ok(applied >= newest)
    }

    /// Sum of all migrations' checksums, by which a test template is known to be stale.
    pub fn schema_fingerprint() -> String {
        SQLITE_MIGRATIONS
            .iter()
            .chain(POSTGRES_MIGRATIONS.iter())
            .fold(0_u64, |sum, migration| {
                migration.checksum.iter().fold(sum, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(*byte)))
            })
            .to_string()
    }
}

/// Opens a file, and tries again where that takes long: on a busy machine the first write to the disk may.
async fn opened<T>(open: impl AsyncFn() -> sqlx::Result<T>) -> Result<T> {
    for _ in 1..TRIES_TO_OPEN {
        match open().await {
            Err(sqlx::Error::PoolTimedOut) => log::warn!("the database file is slow to open"),
            outcome => return Ok(outcome?),
        }
    }
    Ok(open().await?)
}

async fn lock_beside(path: &Path) -> Result<File> {
    let mut name = path.as_os_str().to_owned();
    name.push("-migrate.lock");
    let file = File::options().create(true).truncate(false).write(true).open(PathBuf::from(name)).map_err(Error::internal)?;
    tokio::task::spawn_blocking(move || file.lock().map(|()| file)).await.map_err(Error::internal)?.map_err(Error::internal)
}
