//! SQL of transactions. There is an insert and no update: a successful one is final, and the database refuses otherwise.

use kernel::{
    Page, Paging, Result,
    db::{Arg, Bulk, Conn, Filter, Sql, Tx},
    id::{ContractId, PaymentId},
    page::{KeyKind, ListSpec, OrderField},
};

use crate::{input::PaymentFilter, model::Payment};

/// How lists of transactions are ordered.
pub const LIST: ListSpec = ListSpec {
    order_fields: &[
        OrderField { name: "created_at", column: "payments.created_at", kind: KeyKind::Time },
        OrderField { name: "amount", column: "payments.amount", kind: KeyKind::Money },
    ],
    default_order: "-created_at",
    id: "payments.id",
    id_name: "id",
};

macro_rules! select {
    ($tail:literal) => {
        concat!(
            "SELECT id, contract_id, transaction_type, amount, status, payment_method, transaction_id, description, created_at, processed_at, ",
            "processed_by, balance_after, refund_of, period_start, period_end, version, ",
            "CAST(COALESCE((SELECT SUM(amount) FROM payments refunds ",
            "WHERE refunds.refund_of = payments.id AND refunds.status = 'success'), 0) AS BIGINT) AS refunded_amount ",
            "FROM payments",
            $tail
        )
    };
}

pub async fn get(conn: &mut Conn, id: PaymentId) -> Result<Option<Payment>> {
    Sql::new(select!(" WHERE id = $1")).bind(id).optional(conn).await
}

pub async fn list(conn: &mut Conn, filter: &PaymentFilter, paging: &Paging) -> Result<Page<Payment>> {
    let mut conditions = Filter::new(conn.engine());
    conditions.equal("payments.contract_id", filter.contract);
    conditions.equal("payments.transaction_type", filter.transaction_type);
    conditions.equal("payments.status", filter.status);
    conditions.equal("payments.payment_method", filter.payment_method);
    conditions.at_least("payments.created_at", filter.created_at_after);
    conditions.at_most("payments.created_at", filter.created_at_before);
    conditions.at_least("payments.amount", filter.amount_min);
    conditions.at_most("payments.amount", filter.amount_max);
    paging.fetch(conn, select!(""), "payments", conditions).await
}

pub async fn by_transaction_id(conn: &mut Conn, transaction_id: &str) -> Result<Option<PaymentId>> {
    let found: Option<(PaymentId,)> =
        Sql::new("SELECT id FROM payments WHERE transaction_id = $1").bind(transaction_id.to_owned()).optional(conn).await?;
    Ok(found.map(|(id,)| id))
}

const COLUMNS: [&str; 15] = [
    "contract_id",
    "transaction_type",
    "amount",
    "status",
    "payment_method",
    "transaction_id",
    "description",
    "created_at",
    "processed_at",
    "processed_by",
    "balance_after",
    "refund_of",
    "period_start",
    "period_end",
    "version",
];

fn values(payment: &Payment) -> Vec<Arg> {
    vec![
        payment.contract_id.into(),
        payment.transaction_type.into(),
        payment.amount.into(),
        payment.status.into(),
        payment.payment_method.into(),
        (&payment.transaction_id).into(),
        (&payment.description).into(),
        payment.created_at.into(),
        payment.processed_at.into(),
        (&payment.processed_by).into(),
        payment.balance_after.into(),
        payment.refund_of.into(),
        payment.period_start.into(),
        payment.period_end.into(),
        payment.version.into(),
    ]
}

/// Writes a new transaction; the id in it is not used. Answers the id it was given.
pub async fn insert(tx: &mut Tx, payment: &Payment) -> Result<PaymentId> {
    let mut rows = Bulk::into_table("payments", &COLUMNS);
    rows.row(values(payment));
    rows.insert_one(tx).await
}

/// Writes many transactions under the ids they carry.
pub async fn insert_all(tx: &mut Tx, payments: &[Payment]) -> Result<()> {
    let columns: Vec<&str> = ["id"].into_iter().chain(COLUMNS).collect();
    let mut rows = Bulk::into_table("payments", &columns);
    for payment in payments {
        rows.row([Arg::from(payment.id)].into_iter().chain(values(payment)).collect());
    }
    rows.execute(tx).await
}

/// Contracts whose balance is not the signed sum of their successful transactions, or not what the newest left (SPEC 14.1).
pub async fn wrong_balances(conn: &mut Conn) -> Result<Vec<(ContractId,)>> {
    Sql::new(
        "SELECT c.id FROM contracts c LEFT JOIN (SELECT contract_id, MAX(id) AS newest, \
         SUM(CASE WHEN transaction_type IN ('charge', 'refund') THEN -amount ELSE amount END) AS total, \
         SUM(CASE WHEN transaction_type = 'charge' THEN amount ELSE 0 END) AS charged \
         FROM payments WHERE status = 'success' GROUP BY contract_id) p ON p.contract_id = c.id \
         LEFT JOIN payments n ON n.id = p.newest \
         WHERE c.balance <> COALESCE(p.total, 0) OR c.balance <> COALESCE(n.balance_after, 0) OR c.total_charged <> COALESCE(p.charged, 0)",
    )
    .all(conn)
    .await
}

/// Payments of which more was given back than was paid (SPEC 14.5).
pub async fn refunded_too_much(conn: &mut Conn) -> Result<Vec<(PaymentId,)>> {
    Sql::new(
        "SELECT p.id FROM payments p JOIN (SELECT refund_of, SUM(amount) AS total FROM payments WHERE refund_of IS NOT NULL AND status = 'success' \
         GROUP BY refund_of) r ON r.refund_of = p.id WHERE r.total > p.amount",
    )
    .all(conn)
    .await
}
