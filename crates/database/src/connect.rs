//! Opening and creating a database of either engine.

use std::{
    fmt,
    fs::{self, File},
    path::{Path, PathBuf},
    str::FromStr,
    sync::Arc,
};

use kernel::error::{Error, Result};
use sqlx::{
    ConnectOptions as _,
    postgres::{PgConnectOptions, PgPoolOptions},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use crate::{
    Db, LONGEST_WAIT, Pools,
    error::failure,
    lease::{LONGEST_IDLE, LONGEST_LIFE, Lending},
};

/// Reading connections on SQLite; more than the number of cores gains nothing.
const SQLITE_READERS: u32 = 4;
/// Attempts to open the file at the start, each of up to `LONGEST_WAIT`.
const TRIES_TO_OPEN: u32 = 10;

/// The location of the database: `sqlite://path` or `postgres://…`. `Debug` omits the password.
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
    /// The folder for files beside the database; for a PostgreSQL server, `data` in the working folder.
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
    /// The location of the database.
    pub url: DatabaseUrl,
    /// The largest number of connections to PostgreSQL.
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
                // one process at a time: SQLite does not wait while another sets the journal mode of a new file
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
                // without a round trip that tests a connection before each use; reads are tried twice instead
                let pool = PgPoolOptions::new()
                    .max_connections(options.pool_size)
                    .acquire_timeout(LONGEST_WAIT)
                    .test_before_acquire(false)
                    .idle_timeout(LONGEST_IDLE)
                    .max_lifetime(LONGEST_LIFE);
                Pools::Postgres(Lending::new(pool.connect_with(server).await.map_err(failure)?, options.pool_size))
            }
        };
        Ok(Self { pools, patience: Some(LONGEST_WAIT), trace: Arc::default(), cannot_write: Arc::default() })
    }
}

/// Opens a file, and retries when that takes too long: on a busy machine the first write to the disk may be slow.
async fn opened<T>(open: impl AsyncFn() -> sqlx::Result<T>) -> Result<T> {
    for _ in 1..TRIES_TO_OPEN {
        match open().await {
            Err(sqlx::Error::PoolTimedOut) => log::warn!("the database file is slow to open"),
            outcome => return outcome.map_err(failure),
        }
    }
    open().await.map_err(failure)
}

pub(crate) async fn lock_beside(path: &Path) -> Result<File> {
    let mut name = path.as_os_str().to_owned();
    name.push("-migrate.lock");
    let file = File::options().create(true).truncate(false).write(true).open(PathBuf::from(name)).map_err(Error::internal)?;
    tokio::task::spawn_blocking(move || file.lock().map(|()| file)).await.map_err(Error::internal)?.map_err(Error::internal)
}
