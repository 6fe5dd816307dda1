//! SQL of account statements.

use chrono::{DateTime, Utc};
use database::{
    Conn, Filter, Page, Paging, Sql,
    page::{KeyKind, ListSpec, OrderField},
};
use kernel::{Money, Result, id::ContractId};

use super::select;
use crate::model::Payment;

/// How the rows of a statement are ordered.
pub const LIST: ListSpec = ListSpec {
    order_fields: &[OrderField { name: "ledger_number", column: "payments.ledger_number", kind: KeyKind::Int }],
    default_order: "ledger_number",
    id: "payments.id",
    id_name: "id",
};

/// The sums of a statement, all of one moment.
#[derive(Clone, Copy, sqlx::FromRow)]
pub struct Sums {
    /// What was there before.
    pub opening_balance: Money,
    /// Payments of the time.
    pub payments: Money,
    /// Charges of the time.
    pub charges: Money,
    /// Refunds of the time.
    pub refunds: Money,
    /// Corrections of the time, which have a sign.
    pub corrections: Money,
    /// The newest row that was summed up.
    pub newest: i64,
}

/// Sums up a contract's successful transactions before `from`, and by type from then to before `until`.
pub async fn sums(conn: &mut Conn, id: ContractId, (from, until): (DateTime<Utc>, DateTime<Utc>)) -> Result<Sums> {
    Sql::new(
        "SELECT CAST(COALESCE(SUM(CASE WHEN processed_at >= $2 THEN 0 WHEN transaction_type IN ('charge', 'refund') THEN -amount ELSE amount END), 0) \
           AS BIGINT) AS opening_balance, \
         CAST(COALESCE(SUM(CASE WHEN processed_at >= $2 AND transaction_type = 'payment' THEN amount ELSE 0 END), 0) AS BIGINT) AS payments, \
         CAST(COALESCE(SUM(CASE WHEN processed_at >= $2 AND transaction_type = 'charge' THEN amount ELSE 0 END), 0) AS BIGINT) AS charges, \
         CAST(COALESCE(SUM(CASE WHEN processed_at >= $2 AND transaction_type = 'refund' THEN amount ELSE 0 END), 0) AS BIGINT) AS refunds, \
         CAST(COALESCE(SUM(CASE WHEN processed_at >= $2 AND transaction_type = 'correction' THEN amount ELSE 0 END), 0) AS BIGINT) AS corrections, \
         COALESCE(MAX(ledger_number), 0) AS newest \
         FROM payments WHERE contract_id = $1 AND ledger_number > 0 AND processed_at < $3",
    )
    .bind(id)
    .bind(from)
    .bind(until)
    .one(conn)
    .await
}

/// The rows of that time, none newer than what was summed up.
pub async fn rows(
    conn: &mut Conn,
    id: ContractId,
    (from, until): (DateTime<Utc>, DateTime<Utc>),
    newest: i64,
    paging: &Paging,
) -> Result<Page<Payment>> {
    let mut conditions = Filter::new(conn.engine());
    conditions.equal("payments.contract_id", Some(id));
    conditions.value("payments.ledger_number > 0 AND payments.ledger_number <= ?", Some(newest));
    conditions.at_least("payments.processed_at", Some(from));
    conditions.value("payments.processed_at < ?", Some(until));
    paging.fetch(conn, select!(""), "payments", conditions).await
}
