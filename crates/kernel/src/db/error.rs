//! What an engine's error means to the caller.

use sqlx::error::{DatabaseError, ErrorKind};

use crate::error::{Error, Transient, common};

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        use sqlx::Error as E;
        match &error {
            E::PoolTimedOut => Self::new(common::DATABASE_AWAY).retry_after(1).cause(error),
            E::PoolClosed | E::WorkerCrashed => Self::new(common::DATABASE_AWAY).retry_after(5).cause(error),
            E::Io(_) | E::Protocol(_) | E::Tls(_) => {
                Self::new(common::DATABASE_AWAY).retry_after(1).transient(Transient::Connection).cause(error)
            }
            E::Database(database) => match meaning(database.as_ref()) {
                Meaning::Collision => Self::new(common::DATABASE_AWAY).retry_after(1).transient(Transient::Collision).cause(error),
                Meaning::Gone => Self::new(common::DATABASE_AWAY).retry_after(1).transient(Transient::Connection).cause(error),
                Meaning::Busy => Self::new(common::DATABASE_AWAY).retry_after(1).cause(error),
                Meaning::Taken => Self::new(common::DUPLICATE).cause(error),
                Meaning::Needed => Self::new(common::IN_USE).cause(error),
                Meaning::Other => Self::internal(error),
            },
            _ => Self::internal(error),
        }
    }
}

enum Meaning {
    Collision,
    Gone,
    Busy,
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
        // lock_not_available, query_canceled (statement time-out), too_many_connections; SQLITE_BUSY and its kin
        Some("55P03" | "57014" | "53300" | "5" | "6" | "261" | "517" | "773") => Meaning::Busy,
        // admin_shutdown, crash_shutdown, cannot_connect_now
        Some("57P01" | "57P02" | "57P03") => Meaning::Gone,
        _ => Meaning::Other,
    }
}
