//! The meaning of an engine's error for the caller.

use sqlx::error::{DatabaseError, ErrorKind};

use kernel::error::{Error, Kind, Transient, common};

/// Converts an engine's error.
pub(crate) fn failure(error: sqlx::Error) -> Error {
    use sqlx::Error as E;
    match &error {
        E::PoolTimedOut => Error::new(common::DATABASE_AWAY).retry_after(1).cause(error),
        E::PoolClosed | E::WorkerCrashed => Error::new(common::DATABASE_AWAY).retry_after(5).cause(error),
        E::Io(_) | E::Protocol(_) | E::Tls(_) => {
            Error::new(common::DATABASE_AWAY).retry_after(1).transient(Transient::Connection).cause(error)
        }
        E::Database(database) => match meaning(database.as_ref()) {
            Meaning::Collision => Error::new(common::DATABASE_AWAY).retry_after(1).transient(Transient::Collision).cause(error),
            Meaning::Gone => Error::new(common::DATABASE_AWAY).retry_after(1).transient(Transient::Connection).cause(error),
            Meaning::Full => Error::new(common::DATABASE_FULL).retry_after(10).cause(error),
            Meaning::Busy => Error::new(common::DATABASE_AWAY).retry_after(1).cause(error),
            Meaning::Taken => Error::new(common::DUPLICATE).cause(error),
            Meaning::Needed => Error::new(common::IN_USE).cause(error),
            Meaning::Other => Error::internal(error),
        },
        _ => Error::internal(error),
    }
}

/// Converts the reason why no connection could be opened: whatever it is, the database is unavailable.
///
/// The role may not log in, the database takes no connections, the password changed: the database's administrator mends these, and
/// the program goes on by itself.
pub(crate) fn unconnected(error: sqlx::Error) -> Error {
    match failure(error) {
        away if away.kind() == Kind::Unavailable => away,
        other => Error::new(common::DATABASE_AWAY).retry_after(5).cause(other),
    }
}

/// Converts an engine's error of a statement that locks the row with this key without waiting for it.
pub(crate) fn failure_at(error: sqlx::Error, row: u64) -> Error {
    // lock_not_available
    let is_occupied = error.as_database_error().is_some_and(|database| database.code().as_deref() == Some("55P03"));
    let error = failure(error);
    if is_occupied { error.transient(Transient::Occupied(row)) } else { error }
}

enum Meaning {
    Collision,
    Gone,
    Busy,
    Full,
    Taken,
    Needed,
    Other,
}

fn meaning(error: &dyn DatabaseError) -> Meaning {
    match error.kind() {
        ErrorKind::UniqueViolation => return Meaning::Taken,
        ErrorKind::ForeignKeyViolation => return Meaning::Needed,
        _ => {}
    }
    // SQLSTATE on PostgreSQL, the extended result code on SQLite
    match error.code().as_deref() {
        Some("40001" | "40P01") => Meaning::Collision,
        // lock_not_available, query_canceled (statement time-out), too_many_connections; SQLITE_BUSY and related codes
        Some("55P03" | "57014" | "53300" | "5" | "6" | "261" | "517" | "773") => Meaning::Busy,
        // admin_shutdown, crash_shutdown, cannot_connect_now, database_dropped; connection exceptions; read_only_sql_transaction:
        // after a failover the server is a replica, and a new connection may reach the new primary
        Some("57P01" | "57P02" | "57P03" | "57P04" | "08000" | "08003" | "08006" | "08P01" | "25006") => Meaning::Gone,
        // disk_full, out_of_memory, configuration_limit_exceeded, io_error; SQLITE_FULL
        Some("53100" | "53200" | "53400" | "58030" | "13") => Meaning::Full,
        Some(code) if is_sqlite_io_error(code) => Meaning::Full,
        _ => Meaning::Other,
    }
}

/// Whether the code is SQLITE_IOERR for any operation; the upper bytes of the extended code name the operation.
fn is_sqlite_io_error(code: &str) -> bool {
    code.len() < 5 && code.parse().is_ok_and(|code: u32| code & 0xff == 10)
}

#[cfg(test)]
mod tests {
    use std::{borrow::Cow, fmt};

    use super::*;

    /// An error of an engine with this code.
    #[derive(Debug)]
    struct Coded(&'static str);

    impl fmt::Display for Coded {
        fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str(self.0)
        }
    }

    impl std::error::Error for Coded {}

    impl DatabaseError for Coded {
        fn message(&self) -> &str {
            self.0
        }

        fn code(&self) -> Option<Cow<'_, str>> {
            Some(self.0.into())
        }

        fn as_error(&self) -> &(dyn std::error::Error + Send + Sync + 'static) {
            self
        }

        fn as_error_mut(&mut self) -> &mut (dyn std::error::Error + Send + Sync + 'static) {
            self
        }

        fn into_error(self: Box<Self>) -> Box<dyn std::error::Error + Send + Sync + 'static> {
            self
        }

        fn kind(&self) -> ErrorKind {
            ErrorKind::Other
        }
    }

    fn of(code: &'static str) -> Error {
        failure(sqlx::Error::Database(Box::new(Coded(code))))
    }

    #[test]
    fn an_error_of_the_disk_is_a_database_that_cannot_write() {
        // SQLITE_FULL; SQLITE_IOERR, and of it READ, WRITE, FSYNC, DIR_FSYNC, TRUNCATE, DELETE, SHMSIZE, MMAP, COMMIT_ATOMIC, DATA
        let sqlite = ["13", "10", "266", "778", "1034", "1290", "1546", "2570", "4874", "6154", "7690", "8202"];
        for code in sqlite.into_iter().chain(["53100", "58030"]) {
            let error = of(code);
            assert_eq!((error.code(), error.seconds_to_wait()), (common::DATABASE_FULL, Some(10)), "{code}");
        }
    }

    #[test]
    fn other_errors_are_not_those_of_the_disk() {
        // SQLITE_BUSY and BUSY_SNAPSHOT, and a lock that is not available
        for code in ["5", "517", "55P03"] {
            assert_eq!(of(code).code(), common::DATABASE_AWAY, "{code}");
        }
        // SQLITE_ERROR, CORRUPT, READONLY and MISMATCH; undefined_table; and what looks like SQLITE_IOERR in its last byte, or is no number
        for code in ["1", "11", "8", "20", "42P01", "23050", "", "-10", "10x", "XX000"] {
            assert!(!is_sqlite_io_error(code), "{code}");
            assert_ne!(of(code).code(), common::DATABASE_FULL, "{code}");
        }
    }
}
