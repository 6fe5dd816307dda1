//! SQL of payments through gateways.

use database::{
    Conn, Filter, Page, Paging, Sql, Tx,
    page::{KeyKind, ListSpec, OrderField},
};
use kernel::{Result, id::PaymentId, text::search_text};

use super::select;
use crate::model::Payment;

/// The sort orders of the list of payments that wait for a decision.
pub const QUARANTINED_LIST: ListSpec = ListSpec {
    order_fields: &[
        OrderField { name: "created_at", column: "gateway_payments.created_at", kind: KeyKind::Time },
        OrderField { name: "updated_at", column: "payments.updated_at", kind: KeyKind::Time },
    ],
    default_order: "-created_at",
    id: "gateway_payments.payment_id",
    id_name: "id",
};

/// Marks a pending payment as accepted by its gateway.
pub async fn set_processing(tx: &mut Tx, payment: &Payment) -> Result<()> {
    let now = tx.now();
    Sql::new("UPDATE payments SET status = 'processing', updated_at = $3, version = version + 1 WHERE id = $1 AND version = $2")
        .bind(payment.id)
        .bind(payment.version)
        .bind(now)
        .expect_one(tx)
        .await
}

/// Sets the transaction id of a payment. Errors: `stale_version`.
pub async fn set_transaction_id(tx: &mut Tx, payment: &Payment, transaction_id: &str) -> Result<()> {
    let now = tx.now();
    Sql::new(
        "UPDATE payments SET transaction_id = $1, search_text = $2, updated_at = $5, version = version + 1 WHERE id = $3 AND version = $4",
    )
    .bind(transaction_id.to_owned())
    .bind(search_text([Some(transaction_id), payment.description.as_deref()]))
    .bind(payment.id)
    .bind(payment.version)
    .bind(now)
    .expect_one(tx)
    .await
}

/// Increments a payment's version, unless the payment is successful: its row never changes.
pub async fn touch(tx: &mut Tx, id: PaymentId) -> Result<()> {
    let now = tx.now();
    Sql::new("UPDATE payments SET updated_at = $2, version = version + 1 WHERE id = $1 AND status <> 'success'")
        .bind(id)
        .bind(now)
        .execute(tx)
        .await
        .map(drop)
}

/// Lists the payments that wait for a decision.
pub async fn list_quarantined(conn: &mut Conn, paging: &Paging) -> Result<Page<Payment>> {
    let mut conditions = Filter::new(conn.engine());
    conditions.when(true, "gateway_payments.quarantine IS NOT NULL");
    let counted = "gateway_payments JOIN payments ON payments.id = gateway_payments.payment_id";
    paging.fetch(conn, select!(""), counted, conditions).await
}

/// Finds payments whose row contradicts their gateway's row.
pub async fn disagreeing(conn: &mut Conn) -> Result<Vec<(PaymentId,)>> {
    Sql::new(
        "SELECT p.id FROM payments p LEFT JOIN gateway_payments g ON g.payment_id = p.id WHERE p.gateway IS NOT NULL AND p.transaction_type = 'payment' \
         AND (g.payment_id IS NULL OR g.gateway <> p.gateway) \
         UNION ALL SELECT g.payment_id FROM gateway_payments g JOIN payments p ON p.id = g.payment_id WHERE p.gateway IS NULL OR p.gateway <> g.gateway",
    )
    .all(conn)
    .await
}
