//! A statement with its values: written once, run on either engine.

use std::borrow::Cow;

use chrono::{DateTime, NaiveDate, Utc};
use sqlx::{AssertSqlSafe, FromRow, SqlSafeStr, SqlStr, postgres::PgRow, sqlite::SqliteRow};

use super::{Conn, EngineConn};
use crate::error::{Error, Result, common};

/// A row that both engines can give. Derive `sqlx::FromRow` to have it.
pub trait Row: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin {}

impl<T> Row for T where T: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin {}

/// A value for a statement. `None` is NULL, of a known type because PostgreSQL wants one.
#[derive(Clone, Debug)]
pub enum Arg {
    /// BIGINT / INTEGER.
    Int(Option<i64>),
    /// TEXT.
    Text(Option<Cow<'static, str>>),
    /// BOOLEAN / INTEGER.
    Bool(Option<bool>),
    /// TIMESTAMPTZ / TEXT.
    Time(Option<DateTime<Utc>>),
    /// DATE / TEXT.
    Date(Option<NaiveDate>),
    /// BYTEA / BLOB.
    Bytes(Option<Vec<u8>>),
    /// A whole column, which PostgreSQL takes as an array; SQLite has none.
    Column(Column),
}

/// The values of one column in many rows.
#[derive(Clone, Debug)]
pub enum Column {
    /// BIGINT.
    Int(Vec<Option<i64>>),
    /// TEXT.
    Text(Vec<Option<Cow<'static, str>>>),
    /// BOOLEAN.
    Bool(Vec<Option<bool>>),
    /// TIMESTAMPTZ.
    Time(Vec<Option<DateTime<Utc>>>),
    /// DATE.
    Date(Vec<Option<NaiveDate>>),
    /// BYTEA.
    Bytes(Vec<Option<Vec<u8>>>),
}

macro_rules! args {
    ($($from:ty => $variant:ident;)+) => {$(
        impl From<$from> for Arg {
            fn from(value: $from) -> Self {
                Self::$variant(Some(value.into()))
            }
        }

        impl From<Option<$from>> for Arg {
            fn from(value: Option<$from>) -> Self {
                Self::$variant(value.map(Into::into))
            }
        }
    )+};
}

args! {
    i64 => Int;
    String => Text;
    &'static str => Text;
    bool => Bool;
    DateTime<Utc> => Time;
    NaiveDate => Date;
    Vec<u8> => Bytes;
}

impl From<&String> for Arg {
    fn from(value: &String) -> Self {
        Self::Text(Some(value.clone().into()))
    }
}

impl From<&Option<String>> for Arg {
    fn from(value: &Option<String>) -> Self {
        Self::Text(value.clone().map(Into::into))
    }
}

/// One statement: its text and the values for `$1`, `$2`, ….
#[derive(Clone, Debug)]
pub struct Sql {
    text: Cow<'static, str>,
    args: Vec<Arg>,
}

macro_rules! run {
    ($sql:ident, $conn:ident, $make:expr, |$query:ident, $c:ident| $fetch:expr) => {{
        $conn.trace.note(&$sql);
        let text: SqlStr = match $sql.text {
            Cow::Borrowed(text) => text.into_sql_str(),
            // built from our own words and `$n` only: values never enter the text
            Cow::Owned(text) => AssertSqlSafe(text).into_sql_str(),
        };
        macro_rules! bound {
            (|$bound:ident, $column:ident| $bind_column:expr) => {{
                let mut query = $make(text);
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
        match $conn.by_engine() {
            EngineConn::Sqlite($c) => {
                // a column is made for PostgreSQL alone
                let $query = bound!(|query, _column| query.bind(None::<i64>));
                $fetch
            }
            EngineConn::Postgres($c) => {
                let $query = bound!(|query, column| match column {
                    Column::Int(values) => query.bind(values),
                    Column::Text(values) => query.bind(values),
                    Column::Bool(values) => query.bind(values),
                    Column::Time(values) => query.bind(values),
                    Column::Date(values) => query.bind(values),
                    Column::Bytes(values) => query.bind(values),
                });
                $fetch
            }
        }
    }};
}

impl Sql {
    /// A statement whose values follow by [`Sql::bind`].
    pub const fn new(text: &'static str) -> Self {
        Self { text: Cow::Borrowed(text), args: Vec::new() }
    }

    /// A statement put together from our own words; values never go into the text.
    pub fn owned(text: String) -> Self {
        Self { text: Cow::Owned(text), args: Vec::new() }
    }

    /// The value of the next `$n`.
    #[must_use]
    pub fn bind(mut self, value: impl Into<Arg>) -> Self {
        self.args.push(value.into());
        self
    }

    /// The values of the next `$n`s.
    #[must_use]
    pub fn bind_all(mut self, values: impl IntoIterator<Item = Arg>) -> Self {
        self.args.extend(values);
        self
    }

    /// The statement's text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The same values to another text, which may say more of the statement.
    #[must_use]
    pub fn with_text(&self, text: String) -> Self {
        Self { text: Cow::Owned(text), args: self.args.clone() }
    }

    /// Every row.
    pub async fn all<T: Row>(self, conn: &mut Conn) -> Result<Vec<T>> {
        run!(self, conn, sqlx::query_as::<_, T>, |query, c| Ok(query.fetch_all(c).await?))
    }

    /// The row, if there is one.
    pub async fn optional<T: Row>(self, conn: &mut Conn) -> Result<Option<T>> {
        run!(self, conn, sqlx::query_as::<_, T>, |query, c| Ok(query.fetch_optional(c).await?))
    }

    /// The one row.
    pub async fn one<T: Row>(self, conn: &mut Conn) -> Result<T> {
        run!(self, conn, sqlx::query_as::<_, T>, |query, c| Ok(query.fetch_one(c).await?))
    }

    /// The one value of the one row.
    pub async fn scalar<T>(self, conn: &mut Conn) -> Result<T>
    where
        (T,): Row,
    {
        self.one::<(T,)>(conn).await.map(|(value,)| value)
    }

    /// Runs it; answers how many rows it touched.
    pub async fn execute(self, conn: &mut Conn) -> Result<u64> {
        run!(self, conn, sqlx::query, |query, c| Ok(query.execute(c).await?.rows_affected()))
    }

    /// Runs an update of one row that names the version it expects. Errors: `stale_version` when there is no such row.
    pub async fn expect_one(self, conn: &mut Conn) -> Result<()> {
        match self.execute(conn).await? {
            1 => Ok(()),
            _ => Err(Error::new(common::STALE)),
        }
    }
}
