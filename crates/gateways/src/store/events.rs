//! SQL of gateway events.

use database::{
    Conn, Filter, Page, Paging, Sql, Tx,
    page::{KeyKind, ListSpec, OrderField},
};
use kernel::{Result, id::GatewayEventId};
use payments::EventOutcome;

use crate::{input::GatewayEventFilter, model::GatewayEvent};

/// The sort orders of event lists.
pub const LIST: ListSpec = ListSpec {
    order_fields: &[OrderField { name: "received_at", column: "gateway_events.received_at", kind: KeyKind::Time }],
    default_order: "-received_at",
    id: "gateway_events.id",
    id_name: "id",
};

/// Inserts an event and returns its id; returns nothing if it exists.
pub async fn insert(tx: &mut Tx, event: &GatewayEvent) -> Result<Option<GatewayEventId>> {
    // on PostgreSQL this waits for a concurrent transaction with the same event
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

/// Finds an event by the gateway's own id.
pub async fn get(conn: &mut Conn, gateway: &str, event_id: &str) -> Result<Option<GatewayEvent>> {
    let text = format!("{SELECT_EVENT} WHERE gateway = $1 AND event_id = $2");
    Sql::owned(text).bind(gateway.to_owned()).bind(event_id.to_owned()).optional(conn).await
}

/// Saves the outcome of an event.
pub async fn set_outcome(tx: &mut Tx, id: GatewayEventId, outcome: EventOutcome) -> Result<()> {
    Sql::new("UPDATE gateway_events SET outcome = $1 WHERE id = $2").bind(outcome).bind(id).execute(tx).await.map(drop)
}

/// Lists events.
pub async fn list(conn: &mut Conn, filter: &GatewayEventFilter, paging: &Paging) -> Result<Page<GatewayEvent>> {
    let mut conditions = Filter::new(conn.engine());
    conditions.any("gateway_events.payment_id", filter.payment_id.as_ref());
    conditions.equal("gateway_events.gateway", filter.gateway.clone());
    conditions.any("gateway_events.outcome", filter.outcome.as_ref());
    conditions.at_least("gateway_events.received_at", filter.received_at_after);
    conditions.at_most("gateway_events.received_at", filter.received_at_before);
    paging.fetch(conn, SELECT_EVENT, "gateway_events", conditions).await
}
