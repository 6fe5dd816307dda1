//! Values that a statement passes to a column, for either engine.

use std::borrow::Cow;

use chrono::{DateTime, NaiveDate, Utc};

use crate::error::{Error, Result};

/// A value for a statement. `None` is NULL; the variant gives its type, which PostgreSQL needs.
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
    /// A whole column, passed to PostgreSQL as an array; SQLite has no arrays.
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

impl Column {
    /// A column of these values, of which there is at least one. Errors: `internal` when they differ in type.
    pub fn of(values: Vec<Arg>) -> Result<Self> {
        let first = values.first().ok_or_else(|| Error::internal("a column without values"))?;
        let mut column = Self::like(first)?;
        values.into_iter().try_for_each(|value| column.push(value))?;
        Ok(column)
    }

    /// An empty column for values of this value's type. Errors: `internal` when the value is itself a column.
    pub fn like(value: &Arg) -> Result<Self> {
        Ok(match value {
            Arg::Int(_) => Self::Int(Vec::new()),
            Arg::Text(_) => Self::Text(Vec::new()),
            Arg::Bool(_) => Self::Bool(Vec::new()),
            Arg::Time(_) => Self::Time(Vec::new()),
            Arg::Date(_) => Self::Date(Vec::new()),
            Arg::Bytes(_) => Self::Bytes(Vec::new()),
            Arg::Column(_) => return Err(Error::internal("a column within a column")),
        })
    }

    /// Adds a value. Errors: `internal` when its type differs from the column's.
    pub fn push(&mut self, value: Arg) -> Result<()> {
        match (self, value) {
            (Self::Int(values), Arg::Int(value)) => values.push(value),
            (Self::Text(values), Arg::Text(value)) => values.push(value),
            (Self::Bool(values), Arg::Bool(value)) => values.push(value),
            (Self::Time(values), Arg::Time(value)) => values.push(value),
            (Self::Date(values), Arg::Date(value)) => values.push(value),
            (Self::Bytes(values), Arg::Bytes(value)) => values.push(value),
            (column, value) => return Err(Error::internal(format!("{value:?} in a column of {}", column.type_name()))),
        }
        Ok(())
    }

    /// The name of the type in PostgreSQL.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Int(_) => "bigint",
            Self::Text(_) => "text",
            Self::Bool(_) => "boolean",
            Self::Time(_) => "timestamptz",
            Self::Date(_) => "date",
            Self::Bytes(_) => "bytea",
        }
    }
}
