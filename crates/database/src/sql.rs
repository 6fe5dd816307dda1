//! A statement with its values: written once, run on either engine.

use std::{
    borrow::Cow,
    hash::{DefaultHasher, Hash, Hasher},
};

use sqlx::{FromRow, postgres::PgRow, sqlite::SqliteRow};

use kernel::{
    Error, Result,
    column::{Arg, Column},
    error::common,
};

use crate::{
    Conn, Engine, EngineConn,
    error::{failure, failure_at},
};

/// A row that can be read from both engines. Derive `sqlx_macros::FromRow` to implement it.
pub trait Row: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin {}

impl<T> Row for T where T: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin {}

/// One statement: its text and the values for `$1`, `$2`, ….
#[derive(Clone, Debug)]
pub struct Sql {
    text: Cow<'static, str>,
    args: Vec<Arg>,
}

/// What a statement returned, before its rows become values.
enum Fetched {
    Sqlite(Vec<SqliteRow>),
    Postgres(Vec<PgRow>),
}

impl From<Vec<SqliteRow>> for Fetched {
    fn from(rows: Vec<SqliteRow>) -> Self {
        Self::Sqlite(rows)
    }
}

impl From<Vec<PgRow>> for Fetched {
    fn from(rows: Vec<PgRow>) -> Self {
        Self::Postgres(rows)
    }
}

impl Fetched {
    /// Reads every row as a `T`.
    fn read<T: Row>(self) -> Result<Vec<T>> {
        match self {
            Self::Sqlite(rows) => rows.iter().map(T::from_row).collect::<Result<_, _>>(),
            Self::Postgres(rows) => rows.iter().map(T::from_row).collect::<Result<_, _>>(),
        }
        .map_err(failure)
    }
}

/// How many rows are wanted.
#[derive(Clone, Copy)]
enum Wanted {
    All,
    First,
}

/// A statement of one engine with its values bound.
macro_rules! bound {
    ($sql:ident, $prepares:ident, |$bound:ident, $column:ident| $bind_column:expr) => {{
        let mut query = sqlx::query(&$sql.text).persistent($prepares);
        for arg in $sql.args {
            query = match arg {
                Arg::Int(value) => query.bind(value),
                Arg::Text(value) => query.bind(value.map(Cow::into_owned)),
                Arg::Bool(value) => query.bind(value),
                Arg::Time(value) => query.bind(value),
                Arg::Date(value) => query.bind(value),
                Arg::Bytes(value) => query.bind(value),
                Arg::Column($column) => {
                    let $bound = query;
                    $bind_column
                }
            };
        }
        query
    }};
}

/// Does the same with the statement and the connection of either engine.
macro_rules! run {
    ($sql:ident, $conn:ident, |$query:ident, $c:ident| $done:expr) => {{
        $conn.trace.note(&$sql);
        let (statement, row) = $sql.without_waiting($conn);
        let prepares = $conn.prepares();
        let outcome = match $conn.by_engine() {
            EngineConn::Sqlite($c) => {
                // whole columns are used on PostgreSQL only
                let $query = bound!(statement, prepares, |query, _column| query.bind(None::<i64>));
                $done
            }
            EngineConn::Postgres($c) => {
                let $query = bound!(statement, prepares, |query, column| match column {
                    Column::Int(values) => query.bind(values),
                    Column::Text(values) => query.bind(values),
                    Column::Bool(values) => query.bind(values),
                    Column::Time(values) => query.bind(values),
                    Column::Date(values) => query.bind(values),
                    Column::Bytes(values) => query.bind(values),
                });
                $done
            }
        };
        outcome.map_err(|error| match row {
            Some(row) => failure_at(error, row),
            None => failure(error),
        })
    }};
}

impl Sql {
    /// A statement whose values are added with [`Sql::bind`].
    pub const fn new(text: &'static str) -> Self {
        Self { text: Cow::Borrowed(text), args: Vec::new() }
    }

    /// A statement assembled from fixed SQL; values never enter the text.
    pub fn owned(text: String) -> Self {
        Self { text: Cow::Owned(text), args: Vec::new() }
    }

    /// Binds the value of the next `$n`.
    #[must_use]
    pub fn bind(mut self, value: impl Into<Arg>) -> Self {
        self.args.push(value.into());
        self
    }

    /// Binds the values of the next `$n`s.
    #[must_use]
    pub fn bind_all(mut self, values: impl IntoIterator<Item = Arg>) -> Self {
        self.args.extend(values);
        self
    }

    /// The statement's text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// A statement with these values and another text, such as `EXPLAIN` followed by this text.
    #[must_use]
    pub fn with_text(&self, text: String) -> Self {
        Self { text: Cow::Owned(text), args: self.args.clone() }
    }

    /// In the first attempt of a request's transaction, the statement that fails at once when a row that it would lock is locked, and the
    /// key of that row; otherwise the statement as it is.
    fn without_waiting(self, conn: &Conn) -> (Self, Option<u64>) {
        if conn.waits || conn.engine() == Engine::Sqlite || !self.locks_rows() {
            return (self, None);
        }
        let mut key = DefaultHasher::new();
        (&self.text, format!("{:?}", self.args)).hash(&mut key);
        (Self { text: Cow::Owned(format!("{} NOWAIT", self.text)), args: self.args }, Some(key.finish()))
    }

    /// Whether the statement locks the rows that it returns, and waits for those that are locked.
    fn locks_rows(&self) -> bool {
        let Some((_, lock)) = self.text.rsplit_once(" FOR ") else { return false };
        let is_clause = lock.bytes().all(|byte| byte.is_ascii_alphabetic() || matches!(byte, b' ' | b'_'));
        is_clause && ["UPDATE", "NO KEY UPDATE", "SHARE"].iter().any(|kind| lock.starts_with(kind)) && !lock.ends_with("LOCKED")
    }

    /// Fetches rows without knowing what they become, so that this is compiled once and not for every kind of row.
    async fn fetch(self, conn: &mut Conn, wanted: Wanted) -> Result<Fetched> {
        run!(self, conn, |query, c| match wanted {
            Wanted::All => query.fetch_all(c).await.map(Fetched::from),
            Wanted::First => query.fetch_optional(c).await.map(|row| Fetched::from(Vec::from_iter(row))),
        })
    }

    /// Returns every row.
    pub async fn all<T: Row>(self, conn: &mut Conn) -> Result<Vec<T>> {
        self.fetch(conn, Wanted::All).await?.read()
    }

    /// Returns the row, if there is one.
    pub async fn optional<T: Row>(self, conn: &mut Conn) -> Result<Option<T>> {
        Ok(self.fetch(conn, Wanted::First).await?.read()?.pop())
    }

    /// Returns the only row.
    pub async fn one<T: Row>(self, conn: &mut Conn) -> Result<T> {
        self.optional(conn).await?.ok_or_else(|| failure(sqlx::Error::RowNotFound))
    }

    /// Returns the only value of the only row.
    pub async fn scalar<T>(self, conn: &mut Conn) -> Result<T>
    where
        (T,): Row,
    {
        self.one::<(T,)>(conn).await.map(|(value,)| value)
    }

    /// Returns the only value of the row, if there is one.
    pub async fn optional_scalar<T>(self, conn: &mut Conn) -> Result<Option<T>>
    where
        (T,): Row,
    {
        Ok(self.optional::<(T,)>(conn).await?.map(|(value,)| value))
    }

    /// Returns the only value of every row.
    pub async fn scalars<T>(self, conn: &mut Conn) -> Result<Vec<T>>
    where
        (T,): Row,
    {
        Ok(self.all::<(T,)>(conn).await?.into_iter().map(|(value,)| value).collect())
    }

    /// Runs the statement and returns the number of affected rows.
    pub async fn execute(self, conn: &mut Conn) -> Result<u64> {
        run!(self, conn, |query, c| query.execute(c).await.map(|done| done.rows_affected()))
    }

    /// Runs an update of one row with an expected version. Errors: `stale_version` when there is no such row.
    pub async fn expect_one(self, conn: &mut Conn) -> Result<()> {
        match self.execute(conn).await? {
            1 => Ok(()),
            _ => Err(Error::new(common::STALE)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_that_wait_for_locked_rows_are_recognized() {
        for text in ["SELECT id FROM a WHERE id = $1 FOR UPDATE", "SELECT 1 FOR NO KEY UPDATE OF tariffs", "SELECT 1 FOR SHARE"] {
            assert!(Sql::new(text).locks_rows(), "{text}");
        }
        for text in [
            "SELECT id FROM a",
            "SELECT id FROM a FOR UPDATE OF a SKIP LOCKED",
            "UPDATE a SET b = 1 WHERE id IN (SELECT id FROM a FOR UPDATE) RETURNING id",
            "SELECT 1 FOR KEY SHARE OF prices",
        ] {
            assert!(!Sql::new(text).locks_rows(), "{text}");
        }
    }
}
