//! SQL of what gateways have in hand, and of what they said.

use chrono::{DateTime, Utc};
use kernel::{
    Page, Paging, Result,
    db::{Bulk, Conn, Engine, Filter, Sql, Tx},
    id::{GatewayEventId, PaymentId},
    page::{KeyKind, ListSpec, OrderField},
    text::search_text,
};

use super::select;
use crate::{
    input::gateway::GatewayEventFilter,
    model::{
        Payment,
        gateway::{EventOutcome, GatewayEvent, Quarantine},
    },
};

/// How the list of payments that wait for a decision is ordered.
pub const QUARANTINED_LIST: ListSpec = ListSpec {
    order_fields: &[OrderField { name: "created_at", column: "gateway_payments.created_at", kind: KeyKind::Time }],
    default_order: "-created_at",
    id: "gateway_payments.payment_id",
    id_name: "id",
};

/// How lists of events are ordered.
pub const EVENT_LIST: ListSpec = ListSpec {
    order_fields: &[OrderField { name: "received_at", column: "gateway_events.received_at", kind: KeyKind::Time }],
    default_order: "-received_at",
    id: "gateway_events.id",
    id_name: "id",
};

/// Writes down that a gateway shall take a payment.
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

/// Whether this gateway takes the payment.
pub async fn is_of(conn: &mut Conn, id: PaymentId, gateway: &str) -> Result<bool> {
    let found: Option<(PaymentId,)> = Sql::new("SELECT payment_id FROM gateway_payments WHERE payment_id = $1 AND gateway = $2")
        .bind(id)
        .bind(gateway.to_owned())
        .optional(conn)
        .await?;
    Ok(found.is_some())
}

/// Where a payer goes after paying.
pub async fn return_url(conn: &mut Conn, id: PaymentId) -> Result<Option<String>> {
    let found: Option<(String,)> =
        Sql::new("SELECT return_url FROM gateway_payments WHERE payment_id = $1").bind(id).optional(conn).await?;
    Ok(found.map(|(url,)| url))
}

/// Notes what the gateway calls the payment, and where it is paid.
pub async fn set_link(tx: &mut Tx, payment: &Payment, gateway_payment_id: &str, transaction_id: &str) -> Result<()> {
    Sql::new("UPDATE gateway_payments SET gateway_payment_id = $1, link = $2 WHERE payment_id = $3")
        .bind(gateway_payment_id.to_owned())
        .bind(&payment.link)
        .bind(payment.id)
        .execute(tx)
        .await?;
    Sql::new("UPDATE payments SET transaction_id = $1, search_text = $2, version = version + 1 WHERE id = $3 AND version = $4")
        .bind(transaction_id.to_owned())
        .bind(search_text([Some(transaction_id), payment.description.as_deref()]))
        .bind(payment.id)
        .bind(payment.version)
        .expect_one(tx)
        .await
}

/// Notes that the gateway has taken a pending payment on.
pub async fn set_processing(tx: &mut Tx, payment: &Payment) -> Result<()> {
    Sql::new("UPDATE payments SET status = 'processing', version = version + 1 WHERE id = $1 AND version = $2")
        .bind(payment.id)
        .bind(payment.version)
        .expect_one(tx)
        .await
}

/// Has a payment wait for somebody's decision, or wait no longer. Its version moves on, but for a successful row, which never changes.
pub async fn set_quarantine(tx: &mut Tx, id: PaymentId, quarantine: Option<Quarantine>) -> Result<()> {
    Sql::new("UPDATE gateway_payments SET quarantine = $1 WHERE payment_id = $2").bind(quarantine).bind(id).execute(tx).await?;
    Sql::new("UPDATE payments SET version = version + 1 WHERE id = $1 AND status <> 'success'").bind(id).execute(tx).await.map(drop)
}

/// Says when the gateway is asked next, if ever.
pub async fn set_next_poll(tx: &mut Tx, id: PaymentId, at: Option<DateTime<Utc>>) -> Result<()> {
    Sql::new("UPDATE gateway_payments SET next_poll_at = $1 WHERE payment_id = $2").bind(at).bind(id).execute(tx).await.map(drop)
}

/// The gateways that are to be asked about something now.
pub async fn waited_for(conn: &mut Conn, now: DateTime<Utc>) -> Result<Vec<String>> {
    let names: Vec<(String,)> = Sql::new(
        "SELECT gateway FROM gateway_payments WHERE next_poll_at <= $1 UNION SELECT gateway FROM gateway_refunds WHERE next_try_at <= $1",
    )
    .bind(now)
    .all(conn)
    .await?;
    Ok(names.into_iter().map(|(name,)| name).collect())
}

/// Takes payments about which a gateway is to be asked: nobody else takes them until `again_at`.
pub async fn claim_due(tx: &mut Tx, gateway: &str, now: DateTime<Utc>, again_at: DateTime<Utc>, limit: i64) -> Result<Vec<PaymentId>> {
    let lock = match tx.engine() {
        Engine::Sqlite => "",
        // several instances ask at once, and none waits for another
        Engine::Postgres => " FOR UPDATE SKIP LOCKED",
    };
    let text = format!(
        "UPDATE gateway_payments SET next_poll_at = $1 WHERE payment_id IN (SELECT payment_id FROM gateway_payments \
         WHERE gateway = $2 AND next_poll_at <= $3 ORDER BY next_poll_at LIMIT $4{lock}) RETURNING payment_id"
    );
    let ids: Vec<(PaymentId,)> = Sql::owned(text).bind(again_at).bind(gateway.to_owned()).bind(now).bind(limit).all(tx).await?;
    Ok(ids.into_iter().map(|(id,)| id).collect())
}

pub async fn list_quarantined(conn: &mut Conn, paging: &Paging) -> Result<Page<Payment>> {
    let mut conditions = Filter::new(conn.engine());
    conditions.when(true, "gateway_payments.quarantine IS NOT NULL");
    paging.fetch(conn, select!(""), "gateway_payments", conditions).await
}

/// Writes an event down, unless it is there already; answers its id.
pub async fn insert_event(tx: &mut Tx, event: &GatewayEvent) -> Result<Option<GatewayEventId>> {
    // on PostgreSQL this waits for another that brings the same event
    let inserted: Option<(GatewayEventId,)> = Sql::new(
        "INSERT INTO gateway_events (gateway, event_id, event_type, reference, payment_id, amount, currency, reason, gateway_refund_id, outcome, \
         received_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT (gateway, event_id) DO NOTHING RETURNING id",
    )
    .bind(&event.gateway)
    .bind(&event.event_id)
    .bind(event.event_type)
    .bind(&event.reference)
    .bind(event.payment_id)
    .bind(event.amount)
    .bind(&event.currency)
    .bind(&event.reason)
    .bind(&event.gateway_refund_id)
    .bind(event.outcome)
    .bind(event.received_at)
    .optional(tx)
    .await?;
    Ok(inserted.map(|(id,)| id))
}

const SELECT_EVENT: &str = "SELECT gateway_events.id, gateway_events.gateway, gateway_events.event_id, gateway_events.event_type, \
    gateway_events.reference, gateway_events.payment_id, gateway_events.amount, gateway_events.currency, gateway_events.reason, \
    gateway_events.gateway_refund_id, gateway_events.outcome, gateway_events.received_at FROM gateway_events";

/// An event by the gateway's own id of it.
pub async fn event(conn: &mut Conn, gateway: &str, event_id: &str) -> Result<Option<GatewayEvent>> {
    let text = format!("{SELECT_EVENT} WHERE gateway = $1 AND event_id = $2");
    Sql::owned(text).bind(gateway.to_owned()).bind(event_id.to_owned()).optional(conn).await
}

/// Notes what came of an event.
pub async fn set_outcome(tx: &mut Tx, id: GatewayEventId, outcome: EventOutcome) -> Result<()> {
    Sql::new("UPDATE gateway_events SET outcome = $1 WHERE id = $2").bind(outcome).bind(id).execute(tx).await.map(drop)
}

pub async fn list_events(conn: &mut Conn, filter: &GatewayEventFilter, paging: &Paging) -> Result<Page<GatewayEvent>> {
    let mut conditions = Filter::new(conn.engine());
    conditions.equal("gateway_events.payment_id", filter.payment);
    conditions.equal("gateway_events.gateway", filter.gateway.clone());
    conditions.equal("gateway_events.outcome", filter.outcome);
    conditions.at_least("gateway_events.received_at", filter.received_at_after);
    conditions.at_most("gateway_events.received_at", filter.received_at_before);
    paging.fetch(conn, SELECT_EVENT, "gateway_events", conditions).await
}

/// Payments whose row and what their gateway has in hand do not say the same.
pub async fn disagreeing(conn: &mut Conn) -> Result<Vec<(PaymentId,)>> {
    Sql::new(
        "SELECT p.id FROM payments p LEFT JOIN gateway_payments g ON g.payment_id = p.id WHERE p.gateway IS NOT NULL AND p.transaction_type = 'payment' \
         AND (g.payment_id IS NULL OR g.gateway <> p.gateway) \
         UNION ALL SELECT g.payment_id FROM gateway_payments g JOIN payments p ON p.id = g.payment_id WHERE p.gateway IS NULL OR p.gateway <> g.gateway \
         UNION ALL SELECT g.payment_id FROM gateway_payments g WHERE g.refund_requested <> (SELECT COALESCE(SUM(r.amount), 0) FROM gateway_refunds r \
         WHERE r.payment_id = g.payment_id AND r.status IN ('requested', 'unanswered')) \
         UNION ALL SELECT r.payment_id FROM gateway_refunds r JOIN payments p ON p.id = r.refund_id \
         WHERE p.refund_of IS NULL OR p.refund_of <> r.payment_id OR p.amount <> r.amount",
    )
    .all(conn)
    .await
}
