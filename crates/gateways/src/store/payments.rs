//! SQL of payments through gateways.

use chrono::{DateTime, Utc};
use database::{Bulk, Conn, Sql, Tx};
use kernel::{Result, id::PaymentId};
use payments::{Payment, Quarantine};

/// Inserts the gateway data of a payment.
pub async fn insert(tx: &mut Tx, payment: &Payment, gateway: &str, return_url: &str, next_poll_at: DateTime<Utc>) -> Result<()> {
    let columns = ["payment_id", "gateway", "return_url", "created_at", "expires_at", "next_poll_at"];
    let mut rows = Bulk::into_table("gateway_payments", &columns);
    rows.row(vec![
        payment.id.into(),
        gateway.to_owned().into(),
        return_url.to_owned().into(),
        payment.created_at.into(),
        payment.expires_at.into(),
        next_poll_at.into(),
    ]);
    rows.execute(tx).await
}

/// Whether the payment is one of this gateway's.
pub async fn is_of(conn: &mut Conn, id: PaymentId, gateway: &str) -> Result<bool> {
    let found: Option<(PaymentId,)> = Sql::new("SELECT payment_id FROM gateway_payments WHERE payment_id = $1 AND gateway = $2")
        .bind(id)
        .bind(gateway.to_owned())
        .optional(conn)
        .await?;
    Ok(found.is_some())
}

/// The URL to which the payer returns.
pub async fn return_url(conn: &mut Conn, id: PaymentId) -> Result<Option<String>> {
    let found: Option<(String,)> =
        Sql::new("SELECT return_url FROM gateway_payments WHERE payment_id = $1").bind(id).optional(conn).await?;
    Ok(found.map(|(url,)| url))
}

/// Saves the gateway's id of the payment, and its link.
pub async fn set_link(tx: &mut Tx, payment: &Payment, gateway_payment_id: &str) -> Result<()> {
    Sql::new("UPDATE gateway_payments SET gateway_payment_id = $1, link = $2 WHERE payment_id = $3")
        .bind(gateway_payment_id.to_owned())
        .bind(&payment.link)
        .bind(payment.id)
        .execute(tx)
        .await
        .map(drop)
}

/// Sets or clears the reason why a payment waits for a decision.
pub async fn set_quarantine(tx: &mut Tx, id: PaymentId, quarantine: Option<Quarantine>) -> Result<()> {
    Sql::new("UPDATE gateway_payments SET quarantine = $1 WHERE payment_id = $2").bind(quarantine).bind(id).execute(tx).await.map(drop)
}

/// Sets when the gateway is polled next, if ever.
pub async fn set_next_poll(tx: &mut Tx, id: PaymentId, at: Option<DateTime<Utc>>) -> Result<()> {
    Sql::new("UPDATE gateway_payments SET next_poll_at = $1 WHERE payment_id = $2").bind(at).bind(id).execute(tx).await.map(drop)
}

/// The gateways with a due request.
pub async fn waited_for(conn: &mut Conn) -> Result<Vec<String>> {
    let now = conn.now();
    Sql::new(
        "SELECT gateway FROM gateway_payments WHERE next_poll_at <= $1 UNION SELECT gateway FROM gateway_refunds WHERE next_try_at <= $1",
    )
    .bind(now)
    .scalars(conn)
    .await
}

/// Claims due payments of a gateway: nobody else claims them until `again_at`.
pub async fn claim_due(tx: &mut Tx, gateway: &str, again_at: DateTime<Utc>, limit: i64) -> Result<Vec<PaymentId>> {
    let now = tx.now();
    let lock = tx.skip_locked();
    let text = format!(
        "UPDATE gateway_payments SET next_poll_at = $1 WHERE payment_id IN (SELECT payment_id FROM gateway_payments \
         WHERE gateway = $2 AND next_poll_at <= $3 ORDER BY next_poll_at LIMIT $4{lock}) RETURNING payment_id"
    );
    Sql::owned(text).bind(again_at).bind(gateway.to_owned()).bind(now).bind(limit).scalars(tx).await
}
