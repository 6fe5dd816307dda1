//! SQL of promised payments.

use chrono::{DateTime, Utc};
use database::{
    Bulk, Conn, Filter, Page, Paging, Sql, Tx,
    page::{KeyKind, ListSpec, OrderField},
};
use kernel::{Money, Result, id::ContractId};

use super::{PromisedPayment, PromisedPaymentId};

pub const LIST: ListSpec = ListSpec {
    order_fields: &[OrderField { name: "granted_at", column: "promised_payments.granted_at", kind: KeyKind::Time }],
    default_order: "-granted_at",
    id: "promised_payments.id",
    id_name: "id",
};

macro_rules! select {
    ($tail:literal) => {
        concat!("SELECT id, contract_id, amount, fee, status, granted_at, granted_by, due_at, ended_at FROM promised_payments", $tail)
    };
}

/// Writes a new promise and returns its id; the id in it is not used.
pub async fn insert(tx: &mut Tx, promise: &PromisedPayment) -> Result<PromisedPaymentId> {
    let columns = ["contract_id", "amount", "fee", "status", "granted_at", "granted_by", "due_at"];
    let mut rows = Bulk::into_table("promised_payments", &columns);
    rows.row(vec![
        promise.contract_id.into(),
        promise.amount.into(),
        promise.fee.into(),
        promise.status.into(),
        promise.granted_at.into(),
        (&promise.granted_by).into(),
        promise.due_at.into(),
    ]);
    rows.insert_one(tx).await
}

/// The newest promise of a contract.
pub async fn newest(conn: &mut Conn, id: ContractId) -> Result<Option<PromisedPayment>> {
    Sql::new(select!(" WHERE contract_id = $1 ORDER BY granted_at DESC, id DESC LIMIT 1")).bind(id).optional(conn).await
}

/// A page of the promises of a contract.
pub async fn list(conn: &mut Conn, id: ContractId, paging: &Paging) -> Result<Page<PromisedPayment>> {
    let mut conditions = Filter::new(conn.engine());
    conditions.equal("promised_payments.contract_id", Some(id));
    paging.fetch(conn, select!(""), "promised_payments", conditions).await
}

/// Writes how an active promise ended. Errors: `stale_version` when it was not active any more.
pub async fn close(tx: &mut Tx, promise: &PromisedPayment) -> Result<()> {
    Sql::new("UPDATE promised_payments SET status = $1, ended_at = $2 WHERE id = $3 AND status = 'active'")
        .bind(promise.status)
        .bind(promise.ended_at)
        .bind(promise.id)
        .expect_one(tx)
        .await
}

/// What came in on a contract since a moment.
pub async fn paid_since(conn: &mut Conn, id: ContractId, since: DateTime<Utc>) -> Result<Money> {
    Sql::new(
        "SELECT CAST(COALESCE(SUM(amount), 0) AS BIGINT) FROM payments WHERE contract_id = $1 AND transaction_type = 'payment' \
         AND status = 'success' AND processed_at >= $2",
    )
    .bind(id)
    .bind(since)
    .scalar(conn)
    .await
}

/// The contracts with a promise whose time is over, the oldest first.
pub async fn due(conn: &mut Conn, most: i64) -> Result<Vec<ContractId>> {
    let now = conn.now();
    Sql::new("SELECT contract_id FROM promised_payments WHERE status = 'active' AND due_at <= $1 ORDER BY due_at, id LIMIT $2")
        .bind(now)
        .bind(most)
        .scalars(conn)
        .await
}

/// Contracts whose credit is not that of their active promise.
pub async fn disagreeing(conn: &mut Conn) -> Result<Vec<ContractId>> {
    Sql::new(
        "SELECT c.id FROM contracts c LEFT JOIN promised_payments p ON p.contract_id = c.id AND p.status = 'active' \
         WHERE c.promised_credit <> COALESCE(p.amount, 0) OR (c.status = 'terminated' AND p.id IS NOT NULL)",
    )
    .scalars(conn)
    .await
}
