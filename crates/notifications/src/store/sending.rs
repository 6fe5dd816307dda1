//! SQL of the sending queues: claims due rows for a limited time and saves the outcomes. Both tables with such rows use it.

use chrono::{DateTime, Utc};
use database::{Arg, Conn, Engine, Row, Sql, Tx};
use kernel::Result;

use super::places;
use crate::backoff::{LEASE, MOST_ATTEMPTS};

/// A table of rows to send, with `id`, `attempts` and `next_attempt_at`, and a column that divides it into queues.
pub struct Queue {
    /// The name of the table.
    pub table: &'static str,
    /// The column that divides the table.
    pub part: &'static str,
    /// The columns that a sender needs.
    pub columns: &'static str,
    /// Further assignments at each change, in which `?` is the present moment.
    pub touch: &'static str,
    /// The status of an accepted row.
    pub done: &'static str,
    /// The column for the time of acceptance.
    pub done_at: &'static str,
}

/// The outcome of a row.
pub struct Note {
    pub id: i64,
    pub attempts: i64,
    /// `None` when the row was accepted; otherwise the time of the next attempt, if any.
    pub failed: Option<Option<DateTime<Utc>>>,
    pub status: Option<i64>,
    pub error: Option<String>,
}

impl Queue {
    /// Whether this queue has a due row.
    pub async fn is_due(&self, conn: &mut Conn, part: Arg) -> Result<bool> {
        let now = conn.now();
        let text = format!(
            "SELECT CAST(COUNT(*) AS BIGINT) FROM (SELECT 1 FROM {} WHERE {} = $1 AND status = 'pending' AND next_attempt_at <= $2 LIMIT 1) AS due",
            self.table, self.part
        );
        let due: i64 = Sql::owned(text).bind_all([part]).bind(now).scalar(conn).await?;
        Ok(due > 0)
    }

    /// Marks rows as failed that were claimed for the last time without a saved outcome.
    pub async fn give_up(&self, tx: &mut Tx, part: Arg) -> Result<()> {
        let now = tx.now();
        let Self { table, part: column, touch, .. } = self;
        let text = format!(
            "UPDATE {table} SET status = 'failed', next_attempt_at = NULL, last_error = 'no outcome was noted'{} \
             WHERE {column} = $1 AND status = 'pending' AND next_attempt_at <= $2 AND attempts >= $3",
            touch.replace('?', "$2")
        );
        Sql::owned(text).bind_all([part]).bind(now).bind(MOST_ATTEMPTS).execute(tx).await.map(drop)
    }

    /// Claims due rows, oldest first, until the lease expires: until then no other sender claims them, and the outcome must be saved.
    pub async fn claim<T: Row>(&self, tx: &mut Tx, part: Arg, limit: i64) -> Result<Vec<T>> {
        let now = tx.now();
        let Self { table, part: column, columns, touch, .. } = self;
        self.give_up(tx, part.clone()).await?;
        let skip = match tx.engine() {
            Engine::Sqlite => "",
            Engine::Postgres => " FOR UPDATE SKIP LOCKED",
        };
        // a materialized subquery selects the rows once, before any row is updated
        let text = format!(
            "WITH due AS MATERIALIZED (SELECT id FROM {table} WHERE {column} = $2 AND status = 'pending' AND next_attempt_at <= $3 \
             ORDER BY next_attempt_at, id LIMIT $4{skip}) \
             UPDATE {table} SET attempts = attempts + 1, next_attempt_at = $1{} WHERE id IN (SELECT id FROM due) RETURNING {columns}",
            touch.replace('?', "$3")
        );
        Sql::owned(text).bind(now + LEASE).bind_all([part]).bind(now).bind(limit).all(tx).await
    }

    /// Releases rows that were claimed but not attempted.
    pub async fn release(&self, tx: &mut Tx, ids: &[i64]) -> Result<()> {
        let now = tx.now();
        if ids.is_empty() {
            return Ok(());
        }
        let text = format!(
            "UPDATE {} SET attempts = attempts - 1, next_attempt_at = $1{} WHERE status = 'pending' AND id IN ({})",
            self.table,
            self.touch.replace('?', "$1"),
            places(2, ids.len())
        );
        Sql::owned(text).bind(now).bind_all(ids.iter().map(|id| Arg::from(*id))).execute(tx).await.map(drop)
    }

    /// Releases a row for a later moment without counting the attempt.
    pub async fn postpone(&self, tx: &mut Tx, id: i64, next: DateTime<Utc>, why: &str) -> Result<()> {
        let now = tx.now();
        let text = format!(
            "UPDATE {} SET attempts = attempts - 1, next_attempt_at = $1, last_error = $2{} WHERE status = 'pending' AND id = $3",
            self.table,
            self.touch.replace('?', "$4")
        );
        let sql = Sql::owned(text).bind(next).bind(why.to_owned()).bind(id);
        let sql = if self.touch.contains('?') { sql.bind(now) } else { sql };
        sql.execute(tx).await.map(drop)
    }

    /// Marks rows as accepted, in one statement, even if another sender has claimed them meanwhile.
    pub async fn note_done(&self, tx: &mut Tx, ids: &[i64]) -> Result<()> {
        let now = tx.now();
        if ids.is_empty() {
            return Ok(());
        }
        let text = format!(
            "UPDATE {} SET status = '{}', {} = $1, next_attempt_at = NULL, last_error = NULL{} WHERE status = 'pending' AND id IN ({})",
            self.table,
            self.done,
            self.done_at,
            self.touch.replace('?', "$1"),
            places(2, ids.len())
        );
        Sql::owned(text).bind(now).bind_all(ids.iter().map(|id| Arg::from(*id))).execute(tx).await.map(drop)
    }

    /// Saves a failed attempt, unless another sender has claimed the row since.
    pub async fn note_failed(&self, tx: &mut Tx, note: &Note) -> Result<()> {
        let now = tx.now();
        let next = note.failed.flatten();
        let status = if next.is_some() { "pending" } else { "failed" };
        let text = format!(
            "UPDATE {} SET status = $1, next_attempt_at = $2, last_error = $3{} WHERE id = $4 AND attempts = $5 AND status = 'pending'",
            self.table,
            self.touch.replace('?', "$6")
        );
        let sql = Sql::owned(text).bind(status).bind(next).bind(&note.error).bind(note.id).bind(note.attempts);
        let sql = if self.touch.contains('?') { sql.bind(now) } else { sql };
        sql.execute(tx).await.map(drop)
    }
}
