//! SQL of payment statistics.
//!
//! `COALESCE` around a column that every row has leaves SQLite the index on `processed_at` only, which has all that the statements read:
//! without figures about the table, it would take the index of one word and read the whole ledger.

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

/// Counts and sums the successful transactions, by type. Automatic credits are taken off the charges.
pub async fn by_type(conn: &mut Conn, span: Span) -> Result<Vec<OfType>> {
    Sql::new(
        "SELECT CASE WHEN is_credit THEN 'charge' ELSE transaction_type END AS transaction_type, \
         CAST(SUM(CASE WHEN is_credit THEN 0 ELSE 1 END) AS BIGINT) AS count, \
         CAST(SUM(CASE WHEN is_credit THEN -amount ELSE amount END) AS BIGINT) AS amount FROM \
         (SELECT COALESCE(transaction_type, '') AS transaction_type, amount, \
         COALESCE(transaction_type, '') = 'correction' AND period_start IS NOT NULL AS is_credit FROM payments \
         WHERE processed_at >= $1 AND processed_at < $2 AND COALESCE(status, '') = 'success') AS counted GROUP BY 1 ORDER BY 1",
    )
    .bind(span.begins_at)
    .bind(span.ends_at)
    .all(conn)
    .await
}

/// Counts and sums the received payments, by payment method.
pub async fn by_method(conn: &mut Conn, span: Span) -> Result<Vec<OfMethod>> {
    Sql::new(
        "SELECT COALESCE(payment_method, '') AS payment_method, CAST(COUNT(*) AS BIGINT) AS count, CAST(SUM(amount) AS BIGINT) AS amount FROM payments \
         WHERE processed_at >= $1 AND processed_at < $2 AND COALESCE(status, '') = 'success' AND COALESCE(transaction_type, '') = 'payment' \
         GROUP BY COALESCE(payment_method, '') ORDER BY 1",
    )
    .bind(span.begins_at)
    .bind(span.ends_at)
    .all(conn)
    .await
}
