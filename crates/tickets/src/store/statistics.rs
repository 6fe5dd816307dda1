//! SQL of the statistics. The database computes the percentiles, so no single rows are read.

use chrono::{DateTime, Utc};
use database::{Conn, Sql};
use kernel::Result;

use crate::model::{TicketCategory, TicketPriority, TicketStatus, TicketTimes, TicketsOfAssignee};

/// A span of time in which tickets were filed.
#[derive(Clone, Copy, Debug)]
pub struct Span {
    /// Its first moment.
    pub from: DateTime<Utc>,
    /// The moment after its last.
    pub until: DateTime<Utc>,
}

/// The numbers of tickets with one status, category and priority.
#[derive(Debug, sqlx_macros::FromRow)]
pub struct Group {
    pub status: TicketStatus,
    pub category: TicketCategory,
    pub priority: TicketPriority,
    pub tickets: i64,
    pub overdue: i64,
}

pub async fn groups(conn: &mut Conn, span: Span) -> Result<Vec<Group>> {
    let now = conn.now();
    Sql::new(
        "SELECT status, category, priority, CAST(COUNT(*) AS BIGINT) AS tickets, \
         CAST(COUNT(*) FILTER (WHERE status NOT IN ('resolved', 'closed') AND due_at < COALESCE(stopped_at, $3)) AS BIGINT) AS overdue \
         FROM tickets WHERE created_at >= $1 AND created_at < $2 GROUP BY status, category, priority",
    )
    .bind(span.from)
    .bind(span.until)
    .bind(now)
    .all(conn)
    .await
}

pub async fn assignees(conn: &mut Conn, span: Span, most: i64) -> Result<Vec<TicketsOfAssignee>> {
    let now = conn.now();
    Sql::new(
        "SELECT tickets.assigned_to AS user_id, users.username, CAST(COUNT(*) AS BIGINT) AS tickets, \
         CAST(COUNT(*) FILTER (WHERE status NOT IN ('resolved', 'closed')) AS BIGINT) AS open, \
         CAST(COUNT(*) FILTER (WHERE status NOT IN ('resolved', 'closed') AND due_at < COALESCE(stopped_at, $3)) AS BIGINT) AS overdue, \
         CAST(COUNT(*) FILTER (WHERE resolved_at IS NOT NULL) AS BIGINT) AS resolved, \
         CAST(COUNT(*) FILTER (WHERE resolved_at <= due_at) AS BIGINT) AS within_deadline \
         FROM tickets JOIN users ON users.id = tickets.assigned_to WHERE tickets.created_at >= $1 AND tickets.created_at < $2 \
         GROUP BY tickets.assigned_to, users.username ORDER BY COUNT(*) DESC, tickets.assigned_to LIMIT $4",
    )
    .bind(span.from)
    .bind(span.until)
    .bind(now)
    .bind(most)
    .all(conn)
    .await
}

pub async fn first_response(conn: &mut Conn, span: Span) -> Result<TicketTimes> {
    times(conn, span, "response_seconds").await
}

pub async fn resolution(conn: &mut Conn, span: Span) -> Result<TicketTimes> {
    times(conn, span, "resolution_seconds").await
}

/// Computes the median and the 95th percentile by nearest rank. `column` must not come from input.
async fn times(conn: &mut Conn, span: Span, column: &'static str) -> Result<TicketTimes> {
    Sql::owned(format!(
        "SELECT CAST(COUNT(*) AS BIGINT) AS tickets, MIN(seconds) FILTER (WHERE place * 100 >= whole * 50) AS median_seconds, \
         MIN(seconds) FILTER (WHERE place * 100 >= whole * 95) AS p95_seconds FROM ( \
         SELECT {column} AS seconds, ROW_NUMBER() OVER (ORDER BY {column}) AS place, COUNT(*) OVER () AS whole \
         FROM tickets WHERE created_at >= $1 AND created_at < $2 AND {column} IS NOT NULL) AS ranked"
    ))
    .bind(span.from)
    .bind(span.until)
    .one(conn)
    .await
}

pub async fn within_deadline(conn: &mut Conn, span: Span) -> Result<i64> {
    Sql::new("SELECT CAST(COUNT(*) AS BIGINT) FROM tickets WHERE created_at >= $1 AND created_at < $2 AND resolved_at <= due_at")
        .bind(span.from)
        .bind(span.until)
        .scalar(conn)
        .await
}
