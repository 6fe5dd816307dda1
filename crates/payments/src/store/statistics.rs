//! SQL of payment statistics.

use database::{Conn, Sql};
use kernel::Result;

use crate::{
    statement::Span,
    statistics::{OfMethod, OfStatus, OfType},
};

/// Counts and sums the payments created in the span, by status.
pub async fn by_status(conn: &mut Conn, span: Span) -> Result<Vec<OfStatus>> {
    Sql::new(
        "SELECT CASE WHEN refunded_payments.payment_id IS NOT NULL THEN 'refunded' ELSE payments.status END AS status, \
         CAST(COUNT(*) AS BIGINT) AS count, CAST(SUM(payments.amount) AS BIGINT) AS amount FROM payments \
         LEFT JOIN refunded_payments ON refunded_payments.payment_id = payments.id \
         WHERE payments.transaction_type = 'payment' AND payments.created_at >= $1 AND payments.created_at < $2 GROUP BY 1 ORDER BY 1",
    )
    .bind(span.begins_at)
    .bind(span.ends_at)
    .all(conn)
    .await
}

/// Counts and sums the successful transactions, by type.
pub async fn by_type(conn: &mut Conn, span: Span) -> Result<Vec<OfType>> {
    Sql::new(
        "SELECT transaction_type, CAST(COUNT(*) AS BIGINT) AS count, CAST(SUM(amount) AS BIGINT) AS amount FROM payments \
         WHERE status = 'success' AND processed_at >= $1 AND processed_at < $2 GROUP BY transaction_type ORDER BY transaction_type",
    )
    .bind(span.begins_at)
    .bind(span.ends_at)
    .all(conn)
    .await
}

/// Counts and sums the received payments, by payment method.
pub async fn by_method(conn: &mut Conn, span: Span) -> Result<Vec<OfMethod>> {
    Sql::new(
        "SELECT payment_method, CAST(COUNT(*) AS BIGINT) AS count, CAST(SUM(amount) AS BIGINT) AS amount FROM payments \
         WHERE status = 'success' AND transaction_type = 'payment' AND processed_at >= $1 AND processed_at < $2 \
         GROUP BY payment_method ORDER BY payment_method",
    )
    .bind(span.begins_at)
    .bind(span.ends_at)
    .all(conn)
    .await
}
