//! Opening and creating a database of either engine.

use std::{
    fmt,
    fs::{self, File},
    path::{Path, PathBuf},
    str::FromStr,
    sync::Arc,
};

use kernel::settings::StartError;
use sqlx::{
    ConnectOptions as _, Connection, Executor, PgConnection, Row,
    postgres::{PgConnectOptions, PgPoolOptions},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use tokio::time::timeout;

use crate::{
    Db, LONGEST_WAIT, Pools,
    lease::{LONGEST_IDLE, LONGEST_LIFE, Lending},
    refusals,
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

/// For how long a connection to PostgreSQL leads to the same session of the server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pooling {
    /// As long as it is open: without a pooler, or with PgBouncer in session mode.
    #[default]
    Session,
    /// For a transaction, as with PgBouncer in transaction mode. Statements are not prepared in advance, and reads run in a transaction.
    Transaction,
}

impl FromStr for Pooling {
    type Err = ();

    fn from_str(word: &str) -> Result<Self, ()> {
        match word {
            "session" => Ok(Self::Session),
            "transaction" => Ok(Self::Transaction),
            _ => Err(()),
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
    /// What a pooler before PostgreSQL does.
    pub pooling: Pooling,
    /// Whether a missing SQLite file is created. A mistyped name must not become a new, empty database.
    pub may_create: bool,
}

impl Db {
    /// Opens the database. Errors name the setting, the cause and the remedy.
    pub async fn connect(options: &ConnectOptions) -> Result<Self, StartError> {
        let pools = match &options.url {
            DatabaseUrl::Sqlite(path) => open_file(path, options.may_create).await?,
            DatabaseUrl::Postgres(server) => {
                let mut server = session(server);
                if options.pooling == Pooling::Transaction {
                    server = server.statement_cache_capacity(0);
                }
                check_server(&server).await?;
                // without a round trip that tests a connection before each use; reads are tried twice instead
                let pool = PgPoolOptions::new()
                    .max_connections(options.pool_size)
                    .acquire_timeout(LONGEST_WAIT)
                    .test_before_acquire(false)
                    .idle_timeout(LONGEST_IDLE)
                    .max_lifetime(LONGEST_LIFE);
                Pools::Postgres(Lending::new(pool.connect_lazy_with(server), options))
            }
        };
        Ok(Self { pools, patience: Some(LONGEST_WAIT), trace: Arc::default(), cannot_write: Arc::default(), queues: Arc::default() })
    }
}

async fn open_file(path: &Path, may_create: bool) -> Result<Pools, StartError> {
    if !may_create {
        must_be_there(path)?;
    }
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::create_dir_all(folder).map_err(|error| refusals::of_file(folder, &error))?;
    }
    let file = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(may_create)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(LONGEST_WAIT)
        .optimize_on_close(true, 400)
        .disable_statement_logging();
    let pool = || SqlitePoolOptions::new().acquire_timeout(LONGEST_WAIT).test_before_acquire(false).idle_timeout(None).max_lifetime(None);
    // one process at a time: SQLite does not wait while another sets the journal mode of a new file
    let _lock = lock_beside(path).await?;
    // SQLite would open a file that may not be written read-only, and fail at the first change
    File::options().read(true).append(true).create(may_create).open(path).map_err(|error| refusals::of_file(path, &error))?;
    let write = opened(async || pool().max_connections(1).connect_with(file.clone()).await).await;
    let write = write.map_err(|error| refusals::of_sqlite(path, &error))?;
    // readers cannot write statistics: sqlx would give up closing them (findings/sqlx-read-only-optimize.sh)
    let reading = file.read_only(true).optimize_on_close(false, None);
    let read = pool().max_connections(SQLITE_READERS).connect_lazy_with(reading);
    Ok(Pools::Sqlite { read, write })
}

/// Closes every connection once its work is done.
pub(crate) async fn close<DB: sqlx::Database>(pool: &sqlx::Pool<DB>) {
    pool.close().await;
    // sqlx passes over a connection that is being given back meanwhile (findings/sqlx-pool-close.sh)
    while pool.size() > 0 {
        pool.close().await;
    }
}

fn must_be_there(path: &Path) -> Result<(), StartError> {
    match fs::metadata(path) {
        Ok(found) if found.is_file() && found.len() > 0 => Ok(()),
        Ok(_) => Err(missing(&DatabaseUrl::Sqlite(path.into()))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(missing(&DatabaseUrl::Sqlite(path.into()))),
        Err(error) => Err(refusals::of_file(path, &error)),
    }
}

/// The refusal of a command that needs a database with content.
pub(crate) fn missing(url: &DatabaseUrl) -> StartError {
    let remedy = "correct the name, or make the database with telecom-crm migrate";
    match url {
        DatabaseUrl::Sqlite(path) => {
            let path = refusals::full(path);
            StartError::new("DATABASE_URL", format!("there is no database of this program at {}", path.display()), remedy)
        }
        DatabaseUrl::Postgres(server) => {
            let name = server.get_database().unwrap_or(server.get_username());
            let at = refusals::address(server);
            StartError::new("DATABASE_URL", format!("the database {name} at {at} is empty"), remedy)
        }
    }
}

/// The limits and the zone that every session on PostgreSQL has.
const SESSION: [(&str, &str); 4] =
    [("lock_timeout", "2s"), ("idle_in_transaction_session_timeout", "60s"), ("TimeZone", "UTC"), ("client_min_messages", "warning")];

fn session(server: &PgConnectOptions) -> PgConnectOptions {
    server.clone().application_name("telecom-crm").options(SESSION).disable_statement_logging()
}

/// Connects once, because the pool would report most causes as a time-out, and checks what the program relies on.
async fn check_server(server: &PgConnectOptions) -> Result<(), StartError> {
    let refused = |error: &sqlx::Error| refusals::of_postgres(server, error);
    let connected = timeout(LONGEST_WAIT, PgConnection::connect_with(server)).await;
    let mut connection = connected.map_err(|_| refused(&sqlx::Error::PoolTimedOut))?.map_err(|error| refused(&error))?;
    let asked = "SELECT current_setting('server_encoding'), current_setting('lock_timeout'), \
                 current_setting('idle_in_transaction_session_timeout'), current_setting('TimeZone')";
    // without preparing it, because a pooler may run the two steps on different sessions
    let found = connection.fetch_one(asked).await.map_err(|error| refused(&error))?;
    let text = |column: usize| found.try_get::<String, _>(column).map_err(|error| refused(&error));
    let (encoding, lock_timeout, idle_timeout, zone) = (text(0)?, text(1)?, text(2)?, text(3)?);
    // an unclosed connection is no reason to refuse
    let _closed = connection.close().await;
    let (role, database) = (server.get_username(), server.get_database().unwrap_or(server.get_username()));
    if encoding != "UTF8" {
        let cause = format!("the database {database} has the encoding {encoding}");
        let remedy = "make a database with ENCODING 'UTF8', as docs/operations.md shows, and name it";
        return Err(StartError::new("DATABASE_URL", cause, remedy));
    }
    if (lock_timeout.as_str(), idle_timeout.as_str(), zone.as_str()) != ("2s", "1min", "UTC") {
        let cause = "the limits of the sessions do not reach the server, because a connection pooler ignores them";
        let remedy = format!(
            "set them for the role: ALTER ROLE {role} SET lock_timeout = '2s'; \
             ALTER ROLE {role} SET idle_in_transaction_session_timeout = '60s'; ALTER ROLE {role} SET TimeZone = 'UTC'"
        );
        return Err(StartError::new("DATABASE_URL", cause, remedy));
    }
    Ok(())
}

/// Opens a file, and retries when that takes too long: on a busy machine the first write to the disk may be slow.
async fn opened<T>(open: impl AsyncFn() -> sqlx::Result<T>) -> sqlx::Result<T> {
    for _ in 1..TRIES_TO_OPEN {
        match open().await {
            Err(sqlx::Error::PoolTimedOut) => log::warn!("the database file is slow to open"),
            outcome => return outcome,
        }
    }
    open().await
}

pub(crate) async fn lock_beside(path: &Path) -> Result<File, StartError> {
    let mut name = path.as_os_str().to_owned();
    name.push("-migrate.lock");
    let name = PathBuf::from(name);
    let file = File::options().create(true).truncate(false).write(true).open(&name).map_err(|error| refusals::of_file(path, &error))?;
    let locked = tokio::task::spawn_blocking(move || file.lock().map(|()| file)).await;
    locked.map_err(std::io::Error::other).flatten().map_err(|error| refusals::of_file(path, &error))
}
