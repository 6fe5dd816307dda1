//! What an error of an engine means to the person who starts the program.
//!
//! Decided by codes, never by the words of an error.

use std::{io, path::Path};

use kernel::settings::{StartError, io_cause};
use sqlx::{error::DatabaseError, migrate::MigrateError, postgres::PgConnectOptions};

use crate::DatabaseUrl;

const ABOUT: &str = "DATABASE_URL";

/// The file or its folder cannot be used.
pub(crate) fn of_file(path: &Path, error: &io::Error) -> StartError {
    let about = format!("{ABOUT} ({})", full(path).display());
    let remedy = match error.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "let the user of the program write to this file and to its folder, or name another file"
        }
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "free some space, or name a file on another disk",
        _ => "correct the path",
    };
    StartError::new(about, io_cause(error), remedy)
}

/// SQLite does not open the file.
pub(crate) fn of_sqlite(path: &Path, error: &sqlx::Error) -> StartError {
    let code = match error {
        sqlx::Error::Database(error) => error.code().and_then(|code| code.parse::<u32>().ok()).map(|code| code & 0xff),
        _ => None,
    };
    // SQLITE_READONLY, SQLITE_IOERR, SQLITE_CORRUPT, SQLITE_FULL, SQLITE_CANTOPEN, SQLITE_NOTADB
    let (cause, remedy) = match code {
        Some(26) => ("the file is not an SQLite database", "name another file, or move this one away"),
        Some(11) => ("the database file is damaged", "restore the newest backup"),
        Some(13) => ("no space is left", "free some space, or name a file on another disk"),
        Some(8 | 14) => ("permission denied", "let the user of the program write to this file and to its folder"),
        Some(10) => ("the disk reports an error", "check the disk"),
        _ if matches!(error, sqlx::Error::PoolTimedOut) => {
            ("it did not open in time", "check the disk, and end other programs that use the file")
        }
        _ => ("the database does not open", "check the file and its disk"),
    };
    StartError::new(format!("{ABOUT} ({})", full(path).display()), with_words(cause, error, code.is_none()), remedy)
}

/// PostgreSQL does not accept a connection.
pub(crate) fn of_postgres(server: &PgConnectOptions, error: &sqlx::Error) -> StartError {
    let (at, role, database) = (address(server), server.get_username(), server.get_database().unwrap_or(server.get_username()));
    let (cause, remedy) = match error {
        sqlx::Error::Io(error) => {
            (format!("no PostgreSQL server at {at} ({})", io_cause(error)), "start the server, or correct the host and the port".to_owned())
        }
        sqlx::Error::PoolTimedOut => {
            (format!("the server at {at} does not respond"), "start the server, or correct the host and the port".to_owned())
        }
        sqlx::Error::Tls(_) => (
            format!("no encrypted connection to the server at {at}"),
            "let the system trust its certificate, or set sslmode in the URL".to_owned(),
        ),
        sqlx::Error::Database(error) => of_state(error.as_ref(), role, database, &at),
        error => (with_words(&format!("the server at {at} accepts no connection"), error, true), "check the server".to_owned()),
    };
    StartError::new(ABOUT, cause, remedy)
}

/// Cause and remedy by SQLSTATE.
fn of_state(error: &dyn DatabaseError, role: &str, database: &str, at: &str) -> (String, String) {
    let code = error.code().unwrap_or_default();
    let owned = |cause: String, remedy: &str| (cause, remedy.to_owned());
    match code.as_ref() {
        "3D000" => (
            format!("the database {database} does not exist at {at}"),
            format!("create it (see docs/operations.md), or correct its name: CREATE DATABASE {database} …"),
        ),
        "28P01" => owned(format!("{at} refuses the password of the role {role}"), "correct the user and the password in the URL"),
        "28000" => (
            format!("the role {role} does not exist at {at}, or may not log in"),
            format!("create it, or allow it to log in: ALTER ROLE {role} LOGIN; otherwise check pg_hba.conf"),
        ),
        "42501" => (
            format!("the role {role} may not connect to the database {database}"),
            format!("allow it: GRANT CONNECT ON DATABASE {database} TO {role}"),
        ),
        "53300" => owned(format!("{at} has no connections left"), "raise max_connections, or lower DATABASE_POOL_SIZE of the instances"),
        "55000" => (
            format!("the database {database} takes no connections"),
            format!("allow them: ALTER DATABASE {database} ALLOW_CONNECTIONS true"),
        ),
        "57P03" => owned(format!("the server at {at} is starting or stopping"), "start this program again when it is up"),
        // PgBouncer's code for a start-up parameter that it does not know
        "08P01" => owned(
            format!("{at} refuses the start-up parameters, as PgBouncer does"),
            "set ignore_startup_parameters = options there, and see \"PgBouncer\" in docs/operations.md",
        ),
        code => owned(format!("{at} accepts no connection: {} ({code})", error.message()), "check the server and its log"),
    }
}

/// A migration does not succeed.
pub(crate) fn of_migration(url: &DatabaseUrl, error: &MigrateError) -> StartError {
    let back = "start the newer program, or restore the backup from before the upgrade";
    let (cause, remedy) = match error {
        MigrateError::VersionMissing(version) => {
            (format!("the database has the schema of a newer version of this program (migration {version})"), back.to_owned())
        }
        MigrateError::VersionMismatch(version) => (
            format!("the database has another schema than this program makes (migration {version} differs)"),
            "start the program that made it".to_owned(),
        ),
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => of_migrating(url, error),
        error => (format!("the database cannot be migrated: {error}"), "check the database".to_owned()),
    };
    StartError::new(ABOUT, cause, remedy)
}

fn of_migrating(url: &DatabaseUrl, error: &sqlx::Error) -> (String, String) {
    let server = match url {
        DatabaseUrl::Postgres(server) => server,
        DatabaseUrl::Sqlite(path) => {
            return (of_sqlite(path, error).to_string(), "then start again".to_owned());
        }
    };
    let (role, database) = (server.get_username(), server.get_database().unwrap_or(server.get_username()));
    let code = match error {
        sqlx::Error::Database(error) => error.code().unwrap_or_default().into_owned(),
        _ => String::new(),
    };
    match code.as_str() {
        "42501" => (
            format!("the role {role} may not create tables or the extension pg_trgm in the database {database}"),
            format!("make it the owner: ALTER DATABASE {database} OWNER TO {role}; or grant CREATE on the database and on its schema"),
        ),
        "0A000" | "58P01" => (
            "the server does not have the extension pg_trgm".to_owned(),
            "install it there; many systems have it in a package named postgresql-contrib".to_owned(),
        ),
        "25006" => (format!("the database {database} is read-only, as a replica is"), "name the primary server".to_owned()),
        "53100" => ("the server has no space left".to_owned(), "free some space there".to_owned()),
        _ => (with_words("the database cannot be migrated", error, true), "check the server and its log".to_owned()),
    }
}

/// Where the server is: a socket, or a host and a port.
pub(crate) fn address(server: &PgConnectOptions) -> String {
    match server.get_socket() {
        Some(socket) => format!("{} (port {})", socket.display(), server.get_port()),
        None => format!("{}:{}", server.get_host(), server.get_port()),
    }
}

/// The path from the root, since a relative one means something else in another folder.
pub(crate) fn full(path: &Path) -> std::path::PathBuf {
    let full = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    // without the dots that people write
    full.components().collect()
}

fn with_words(cause: &str, error: &sqlx::Error, wanted: bool) -> String {
    match error {
        sqlx::Error::Database(error) if wanted => format!("{cause}: {}", error.message()),
        _ => cause.to_owned(),
    }
}
