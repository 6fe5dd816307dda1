//! SQL of refunds through gateways.

use chrono::{DateTime, Utc};
use database::{
    Bulk, Conn, Filter, Page, Paging, Sql, Tx,
    page::{KeyKind, ListSpec, OrderField},
};
use kernel::{
    Result,
    id::{GatewayRefundId, PaymentId},
};

use crate::{input::GatewayRefundFilter, model::GatewayRefund};

/// The sort orders of refund lists.
pub const LIST: ListSpec = ListSpec {
    order_fields: &[
        OrderField { name: "created_at", column: "gateway_refunds.created_at", kind: KeyKind::Time },
        OrderField { name: "updated_at", column: "gateway_refunds.updated_at", kind: KeyKind::Time },
    ],
    default_order: "-created_at",
    id: "gateway_refunds.id",
    id_name: "id",
};

macro_rules! select {
    ($tail:literal) => {
        concat!(
            "SELECT gateway_refunds.id, gateway_refunds.payment_id, gateway_refunds.gateway, gateway_refunds.amount, gateway_refunds.reason, ",
            "gateway_refunds.status, gateway_refunds.gateway_refund_id, gateway_refunds.failure_reason, gateway_refunds.refund_id, ",
            "gateway_refunds.requested_by, gateway_refunds.created_at, gateway_refunds.updated_at, gateway_refunds.finished_at, gateway_refunds.attempts, ",
            "gateway_refunds.asked_until, gateway_refunds.version FROM gateway_refunds",
            $tail
        )
    };
}

/// Reads a refund.
pub async fn get(conn: &mut Conn, id: GatewayRefundId) -> Result<Option<GatewayRefund>> {
    Sql::new(select!(" WHERE gateway_refunds.id = $1")).bind(id).optional(conn).await
}

/// Whether this gateway's id of a refund is known.
pub async fn is_known(conn: &mut Conn, gateway: &str, gateway_refund_id: &str) -> Result<bool> {
    let found: Option<(GatewayRefundId,)> = Sql::new("SELECT id FROM gateway_refunds WHERE gateway = $1 AND gateway_refund_id = $2")
        .bind(gateway.to_owned())
        .bind(gateway_refund_id.to_owned())
        .optional(conn)
        .await?;
    Ok(found.is_some())
}

/// Lists refunds.
pub async fn list(conn: &mut Conn, filter: &GatewayRefundFilter, paging: &Paging) -> Result<Page<GatewayRefund>> {
    let mut conditions = Filter::new(conn.engine());
    conditions.any("gateway_refunds.payment_id", filter.payment_id.as_ref());
    conditions.equal("gateway_refunds.gateway", filter.gateway.clone());
    conditions.any("gateway_refunds.status", filter.status.as_ref());
    paging.fetch(conn, select!(""), "gateway_refunds", conditions).await
}

/// Inserts a refund, ignoring the id in it, and returns its new id.
pub async fn insert(tx: &mut Tx, refund: &GatewayRefund, next_try_at: Option<DateTime<Utc>>) -> Result<GatewayRefundId> {
    let columns = [
        "payment_id",
        "gateway",
        "amount",
        "reason",
        "status",
        "gateway_refund_id",
        "refund_id",
        "requested_by",
        "created_at",
        "updated_at",
        "finished_at",
        "asked_until",
        "next_try_at",
    ];
    let mut rows = Bulk::into_table("gateway_refunds", &columns);
    rows.row(vec![
        refund.payment_id.into(),
        (&refund.gateway).into(),
        refund.amount.into(),
        (&refund.reason).into(),
        refund.status.into(),
        (&refund.gateway_refund_id).into(),
        refund.refund_id.into(),
        (&refund.requested_by).into(),
        refund.created_at.into(),
        refund.updated_at.into(),
        refund.finished_at.into(),
        refund.asked_until.into(),
        next_try_at.into(),
    ]);
    rows.insert_one(tx).await
}

/// Saves the state of a refund and when its gateway is asked next, if ever; increments its version. Errors: `stale_version`.
pub async fn save(tx: &mut Tx, refund: &mut GatewayRefund, next_try_at: Option<DateTime<Utc>>) -> Result<()> {
    let now = tx.now();
    Sql::new(
        "UPDATE gateway_refunds SET status = $1, gateway_refund_id = $2, failure_reason = $3, refund_id = $4, finished_at = $5, asked_until = $6, \
         next_try_at = $7, updated_at = $10, version = version + 1 WHERE id = $8 AND version = $9",
    )
    .bind(refund.status)
    .bind(&refund.gateway_refund_id)
    .bind(&refund.failure_reason)
    .bind(refund.refund_id)
    .bind(refund.finished_at)
    .bind(refund.asked_until)
    .bind(next_try_at)
    .bind(refund.id)
    .bind(refund.version)
    .bind(now)
    .expect_one(tx)
    .await?;
    refund.updated_at = now;
    refund.version += 1;
    Ok(())
}

/// Recomputes the sum of requested refunds of a payment.
pub async fn sum_up(tx: &mut Tx, id: PaymentId) -> Result<()> {
    Sql::new(
        "UPDATE gateway_payments SET refund_requested = (SELECT CAST(COALESCE(SUM(amount), 0) AS BIGINT) FROM gateway_refunds \
         WHERE gateway_refunds.payment_id = $1 AND gateway_refunds.status IN ('requested', 'unanswered')) WHERE payment_id = $1",
    )
    .bind(id)
    .execute(tx)
    .await
    .map(drop)
}

/// Claims a due refund: nobody else claims it until `again_at`.
pub async fn claim(tx: &mut Tx, id: GatewayRefundId, again_at: DateTime<Utc>) -> Result<Option<GatewayRefund>> {
    let taken = Sql::new("UPDATE gateway_refunds SET next_try_at = $1, attempts = attempts + 1 WHERE id = $2 AND status = 'requested'")
        .bind(again_at)
        .bind(id)
        .execute(tx)
        .await?;
    if taken == 1 { get(tx, id).await } else { Ok(None) }
}

/// Claims due refunds of a gateway one by one.
pub async fn due(tx: &mut Tx, gateway: &str, again_at: DateTime<Utc>, limit: i64) -> Result<Vec<GatewayRefundId>> {
    let now = tx.now();
    let lock = tx.skip_locked();
    let text = format!(
        "UPDATE gateway_refunds SET next_try_at = $1, attempts = attempts + 1 WHERE id IN (SELECT id FROM gateway_refunds \
         WHERE gateway = $2 AND next_try_at <= $3 ORDER BY next_try_at LIMIT $4{lock}) RETURNING id"
    );
    Sql::owned(text).bind(again_at).bind(gateway.to_owned()).bind(now).bind(limit).scalars(tx).await
}

/// Finds payments whose sum of requested refunds is wrong.
pub async fn disagreeing(conn: &mut Conn) -> Result<Vec<PaymentId>> {
    Sql::new(
        "SELECT g.payment_id FROM gateway_payments g WHERE g.refund_requested <> (SELECT COALESCE(SUM(r.amount), 0) FROM gateway_refunds r \
         WHERE r.payment_id = g.payment_id AND r.status IN ('requested', 'unanswered')) \
         UNION ALL SELECT r.payment_id FROM gateway_refunds r JOIN payments p ON p.id = r.refund_id \
         WHERE p.refund_of IS NULL OR p.refund_of <> r.payment_id OR p.amount <> r.amount",
    )
    .scalars(conn)
    .await
}
