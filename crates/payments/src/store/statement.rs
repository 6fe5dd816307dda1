//! SQL of account statements.

use database::{
    Conn, Filter, Page, Paging, Sql,
    page::{KeyKind, ListSpec, OrderField},
};
use kernel::{Money, Result, id::ContractId};

use super::select;
use crate::{model::Payment, statement::Span};

/// The sort orders of statement rows.
pub const LIST: ListSpec = ListSpec {
    order_fields: &[OrderField { name: "ledger_number", column: "payments.ledger_number", kind: KeyKind::Int }],
    default_order: "ledger_number",
    id: "payments.id",
    id_name: "id",
};

/// The sums of a statement, all read at one moment.
#[derive(Clone, Copy, sqlx_macros::FromRow)]
pub struct Sums {
    /// The balance before the range.
    pub opening_balance: Money,
    /// The sum of payments.
    pub payments: Money,
    /// The sum of charges.
    pub charges: Money,
    /// The sum of refunds and payouts.
    pub refunds: Money,
    /// The sum of corrections, positive or negative.
    pub corrections: Money,
    /// The number of the newest row in the sums.
    pub newest: i64,
}

/// Sums a contract's successful transactions: those before the span, and by type those in it.
pub async fn sums(conn: &mut Conn, id: ContractId, span: Span) -> Result<Sums> {
    Sql::new(
        "SELECT CAST(COALESCE(SUM(CASE WHEN processed_at >= $2 THEN 0 WHEN transaction_type IN ('charge', 'refund', 'payout') THEN -amount ELSE amount END), 0) \
           AS BIGINT) AS opening_balance, \
         CAST(COALESCE(SUM(CASE WHEN processed_at >= $2 AND transaction_type = 'payment' THEN amount ELSE 0 END), 0) AS BIGINT) AS payments, \
         CAST(COALESCE(SUM(CASE WHEN processed_at >= $2 AND transaction_type = 'charge' THEN amount ELSE 0 END), 0) AS BIGINT) AS charges, \
         CAST(COALESCE(SUM(CASE WHEN processed_at >= $2 AND transaction_type IN ('refund', 'payout') THEN amount ELSE 0 END), 0) AS BIGINT) AS refunds, \
         CAST(COALESCE(SUM(CASE WHEN processed_at >= $2 AND transaction_type = 'correction' THEN amount ELSE 0 END), 0) AS BIGINT) AS corrections, \
         COALESCE(MAX(ledger_number), 0) AS newest \
         FROM payments WHERE contract_id = $1 AND ledger_number > 0 AND processed_at < $3",
    )
    .bind(id)
    .bind(span.begins_at)
    .bind(span.ends_at)
    .one(conn)
    .await
}

/// Lists the rows of the range, none newer than the sums.
pub async fn rows(conn: &mut Conn, id: ContractId, span: Span, newest: i64, paging: &Paging) -> Result<Page<Payment>> {
    let mut conditions = Filter::new(conn.engine());
    conditions.equal("payments.contract_id", Some(id));
    conditions.value("payments.ledger_number > 0 AND payments.ledger_number <= ?", Some(newest));
    conditions.at_least("payments.processed_at", Some(span.begins_at));
    conditions.value("payments.processed_at < ?", Some(span.ends_at));
    paging.fetch(conn, select!(""), "payments", conditions).await
}
