//! Many rows in few statements: inserted ([`Bulk`]), or passed to a statement that reads them like a table ([`Given`]).
//!
//! PostgreSQL takes each column as an array, so that the text is the same for any number of rows, and is parsed and planned once.
//! SQLite has no arrays and takes the rows as `VALUES`.

use kernel::{
    Result,
    column::{Arg, Column},
};

use crate::{Conn, Engine, Row, Sql};

/// An `INSERT` of any number of rows in as few statements as the engines allow.
pub struct Bulk {
    head: String,
    columns: usize,
    rows: Vec<Vec<Arg>>,
}

/// Values in one statement on SQLite, whose limit is 32 766; shorter statements parse faster.
const MOST_VALUES: usize = 16_000;
/// Rows in one statement on PostgreSQL: both sides hold the whole message in memory.
const MOST_ROWS: usize = 10_000;

impl Bulk {
    /// An insert into these columns of a table; neither is ever input.
    pub fn into_table(table: &'static str, columns: &[&'static str]) -> Self {
        Self { head: format!("INSERT INTO {table} ({}) ", columns.join(", ")), columns: columns.len(), rows: Vec::new() }
    }

    /// Adds a row, its values in the order of the columns.
    pub fn row(&mut self, values: Vec<Arg>) {
        debug_assert_eq!(values.len(), self.columns);
        self.rows.push(values);
    }

    /// Writes the only row and returns its id.
    pub async fn insert_one<T>(self, conn: &mut Conn) -> Result<T>
    where
        (T,): Row,
    {
        debug_assert_eq!(self.rows.len(), 1);
        let text = format!("{}{} RETURNING id", self.head, values(conn.engine(), 1, self.columns));
        Sql::owned(text).bind_all(self.rows.into_iter().flatten()).scalar(conn).await
    }

    /// Writes all rows.
    pub async fn execute(self, conn: &mut Conn) -> Result<()> {
        for chunk in chunks(conn.engine(), self.columns, self.rows) {
            let (source, args) = source(conn.engine(), self.columns, chunk)?;
            Sql::owned(format!("{}{source}", self.head)).bind_all(args).execute(conn).await?;
        }
        Ok(())
    }
}

/// Rows that a statement reads as the table `given`.
pub struct Given {
    columns: &'static [&'static str],
    rows: Vec<Vec<Arg>>,
}

impl Given {
    /// An empty table with these columns, which are never input.
    pub fn of(columns: &'static [&'static str]) -> Self {
        Self { columns, rows: Vec::new() }
    }

    /// A table with one column.
    pub fn one_column(column: &'static [&'static str; 1], values: impl IntoIterator<Item = impl Into<Arg>>) -> Self {
        Self { columns: column, rows: values.into_iter().map(|value| vec![value.into()]).collect() }
    }

    /// Adds a row, its values in the order of the columns.
    pub fn row(&mut self, values: Vec<Arg>) {
        debug_assert_eq!(values.len(), self.columns.len());
        self.rows.push(values);
    }

    /// Runs the statement, in parts if there are many rows; returns the number of affected rows.
    pub async fn execute(self, statement: &'static str, conn: &mut Conn) -> Result<u64> {
        let mut touched = 0;
        for sql in self.statements(statement, conn.engine())? {
            touched += sql.execute(conn).await?;
        }
        Ok(touched)
    }

    /// Runs the statement, in parts if there are many rows; returns every row.
    pub async fn all<T: Row>(self, statement: &'static str, conn: &mut Conn) -> Result<Vec<T>> {
        let mut all = Vec::new();
        for sql in self.statements(statement, conn.engine())? {
            all.extend(sql.all::<T>(conn).await?);
        }
        Ok(all)
    }

    fn statements(self, statement: &'static str, engine: Engine) -> Result<Vec<Sql>> {
        let one = |chunk| {
            let (source, args) = source(engine, self.columns.len(), chunk)?;
            Ok(Sql::owned(format!("WITH given ({}) AS ({source}) {statement}", self.columns.join(", "))).bind_all(args))
        };
        chunks(engine, self.columns.len(), self.rows).into_iter().map(one).collect()
    }
}

/// Splits the rows into as many parts as the engine needs.
fn chunks(engine: Engine, columns: usize, rows: Vec<Vec<Arg>>) -> Vec<Vec<Vec<Arg>>> {
    let most = match engine {
        Engine::Sqlite => (MOST_VALUES / columns).max(1),
        Engine::Postgres => MOST_ROWS,
    };
    let mut rows = rows.into_iter().peekable();
    let mut chunks = Vec::new();
    while rows.peek().is_some() {
        chunks.push(rows.by_ref().take(most).collect());
    }
    chunks
}

/// The SQL for the rows, and its values.
fn source(engine: Engine, columns: usize, rows: Vec<Vec<Arg>>) -> Result<(String, Vec<Arg>)> {
    if engine == Engine::Sqlite || rows.len() == 1 {
        return Ok((values(engine, rows.len(), columns), rows.into_iter().flatten().collect()));
    }
    let mut made: Vec<Column> =
        rows.first().map(|row| row.iter().map(Column::like).collect::<Result<_>>()).transpose()?.unwrap_or_default();
    for row in rows {
        for (column, value) in made.iter_mut().zip(row) {
            column.push(value)?;
        }
    }
    let arrays: Vec<String> = made.iter().enumerate().map(|(at, column)| format!("${}::{}[]", at + 1, column.type_name())).collect();
    Ok((format!("SELECT * FROM UNNEST({})", arrays.join(", ")), made.into_iter().map(Arg::Column).collect()))
}

/// `VALUES ($1, $2), ($3, $4), …`; plain `?` on SQLite, which searches for each `$n` by name, one after the other.
fn values(engine: Engine, rows: usize, columns: usize) -> String {
    let place = |number: usize| match engine {
        Engine::Sqlite => "?".to_owned(),
        Engine::Postgres => format!("${number}"),
    };
    let row = |row: usize| format!("({})", (1..=columns).map(|column| place(row * columns + column)).collect::<Vec<_>>().join(", "));
    format!("VALUES {}", (0..rows).map(row).collect::<Vec<_>>().join(", "))
}
