//! SQL of webhook endpoints and of deliveries to them.

use chrono::{DateTime, Utc};
use database::{
    Arg, Bulk, Conn, Filter, Page, Paging, Sql, Tx,
    page::{KeyKind, ListSpec, OrderField},
};
use kernel::{
    Result,
    id::{EventId, WebhookDeliveryId, WebhookEndpointId},
};

use super::places;
use crate::{
    input::{DeliveryFilter, WebhookEndpointInput},
    model::{Kinds, WebhookDelivery, WebhookEndpoint},
};

/// The sort orders of endpoint lists.
pub const ENDPOINTS: ListSpec = ListSpec {
    order_fields: &[
        OrderField { name: "created_at", column: "webhook_endpoints.created_at", kind: KeyKind::Time },
        OrderField { name: "updated_at", column: "webhook_endpoints.updated_at", kind: KeyKind::Time },
    ],
    default_order: "created_at",
    id: "webhook_endpoints.id",
    id_name: "id",
};

/// The sort orders of delivery lists.
pub const DELIVERIES: ListSpec = ListSpec {
    order_fields: &[OrderField { name: "created_at", column: "webhook_deliveries.created_at", kind: KeyKind::Time }],
    default_order: "-created_at",
    id: "webhook_deliveries.id",
    id_name: "id",
};

macro_rules! endpoint_columns {
    () => {
        "webhook_endpoints.id, webhook_endpoints.url, webhook_endpoints.kinds, webhook_endpoints.description, webhook_endpoints.is_active, \
         webhook_endpoints.previous_until AS previous_secret_until, webhook_endpoints.created_at, webhook_endpoints.updated_at, \
         webhook_endpoints.version"
    };
}

const SELECT_ENDPOINT: &str = concat!("SELECT ", endpoint_columns!(), " FROM webhook_endpoints");
const SELECT_DELIVERY: &str = "SELECT webhook_deliveries.id, webhook_deliveries.endpoint_id, webhook_deliveries.event_id, webhook_deliveries.kind, \
     webhook_deliveries.message_id, webhook_deliveries.status, webhook_deliveries.attempts, webhook_deliveries.next_attempt_at, \
     webhook_deliveries.last_status, webhook_deliveries.last_error, webhook_deliveries.created_at, webhook_deliveries.delivered_at \
     FROM webhook_deliveries";

pub async fn get(conn: &mut Conn, id: WebhookEndpointId) -> Result<Option<WebhookEndpoint>> {
    let text = format!("{SELECT_ENDPOINT} WHERE webhook_endpoints.id = $1 AND NOT webhook_endpoints.is_deleted");
    Sql::owned(text).bind(id).optional(conn).await
}

/// Reads an endpoint and locks it until the transaction ends.
pub async fn lock(tx: &mut Tx, id: WebhookEndpointId) -> Result<Option<WebhookEndpoint>> {
    let text = format!("{SELECT_ENDPOINT} WHERE webhook_endpoints.id = $1 AND NOT webhook_endpoints.is_deleted{}", tx.for_update());
    let endpoint: Option<WebhookEndpoint> = Sql::owned(text).bind(id).optional(tx).await?;
    Ok(endpoint.inspect(|endpoint| tx.not_before(endpoint.updated_at)))
}

pub async fn list(conn: &mut Conn, paging: &Paging) -> Result<Page<WebhookEndpoint>> {
    let mut conditions = Filter::new(conn.engine());
    conditions.when(true, "NOT webhook_endpoints.is_deleted");
    paging.fetch(conn, SELECT_ENDPOINT, "webhook_endpoints", conditions).await
}

pub async fn count(conn: &mut Conn) -> Result<i64> {
    Sql::new("SELECT CAST(COUNT(*) AS BIGINT) FROM webhook_endpoints WHERE NOT is_deleted").scalar(conn).await
}

/// The active endpoints with their kinds.
pub async fn active(conn: &mut Conn) -> Result<Vec<(WebhookEndpointId, Kinds)>> {
    Sql::new("SELECT id, kinds FROM webhook_endpoints WHERE is_active AND NOT is_deleted ORDER BY id").all(conn).await
}

pub async fn insert(tx: &mut Tx, input: &WebhookEndpointInput, secret: Vec<u8>) -> Result<WebhookEndpointId> {
    let now = tx.now();
    let mut rows = Bulk::into_table(
        "webhook_endpoints",
        &["url", "kinds", "description", "is_active", "is_deleted", "secret", "created_at", "updated_at", "version"],
    );
    rows.row(vec![
        (&input.url).into(),
        (&Kinds(input.kinds.clone())).into(),
        (&input.description).into(),
        input.is_active.into(),
        false.into(),
        secret.into(),
        now.into(),
        now.into(),
        1_i64.into(),
    ]);
    rows.insert_one(tx).await
}

pub async fn update(tx: &mut Tx, before: &WebhookEndpoint, input: &WebhookEndpointInput) -> Result<()> {
    let now = tx.now();
    Sql::new(
        "UPDATE webhook_endpoints SET url = $1, kinds = $2, description = $3, is_active = $4, updated_at = $5, version = version + 1 \
         WHERE id = $6 AND version = $7",
    )
    .bind(&input.url)
    .bind(&Kinds(input.kinds.clone()))
    .bind(&input.description)
    .bind(input.is_active)
    .bind(now)
    .bind(before.id)
    .bind(before.version)
    .expect_one(tx)
    .await
}

/// Makes the present secret the previous one, which signs until the given moment.
pub async fn rotate(tx: &mut Tx, before: &WebhookEndpoint, secret: Vec<u8>, until: DateTime<Utc>) -> Result<()> {
    let now = tx.now();
    Sql::new(
        "UPDATE webhook_endpoints SET previous_secret = secret, secret = $1, previous_until = $2, updated_at = $3, version = version + 1 \
         WHERE id = $4 AND version = $5",
    )
    .bind(secret)
    .bind(until)
    .bind(now)
    .bind(before.id)
    .bind(before.version)
    .expect_one(tx)
    .await
}

/// Hides an endpoint and erases its secrets.
pub async fn delete(tx: &mut Tx, before: &WebhookEndpoint) -> Result<()> {
    let now = tx.now();
    Sql::new(
        "UPDATE webhook_endpoints SET is_deleted = $1, is_active = $2, secret = $3, previous_secret = NULL, previous_until = NULL, \
         updated_at = $4, version = version + 1 WHERE id = $5 AND version = $6",
    )
    .bind(true)
    .bind(false)
    .bind(Vec::new())
    .bind(now)
    .bind(before.id)
    .bind(before.version)
    .expect_one(tx)
    .await
}

/// The encrypted secrets of an endpoint.
#[derive(sqlx_macros::FromRow)]
pub struct SealedSecrets {
    pub id: WebhookEndpointId,
    pub url: String,
    pub secret: Vec<u8>,
    pub previous_secret: Option<Vec<u8>>,
    pub previous_until: Option<DateTime<Utc>>,
}

/// The URL and the secrets of an endpoint; none when it is not active.
pub async fn target(conn: &mut Conn, id: WebhookEndpointId) -> Result<Option<SealedSecrets>> {
    Sql::new(
        "SELECT id, url, secret, previous_secret, previous_until FROM webhook_endpoints WHERE id = $1 AND is_active AND NOT is_deleted",
    )
    .bind(id)
    .optional(conn)
    .await
}

/// Reads the secrets of all endpoints and locks them until the transaction ends.
pub async fn all_secrets(tx: &mut Tx) -> Result<Vec<SealedSecrets>> {
    let text = format!(
        "SELECT id, url, secret, previous_secret, previous_until FROM webhook_endpoints WHERE NOT is_deleted ORDER BY id{}",
        tx.for_update()
    );
    Sql::owned(text).all(tx).await
}

/// Saves the re-encrypted secrets.
pub async fn set_secrets(tx: &mut Tx, secrets: &SealedSecrets) -> Result<()> {
    Sql::new("UPDATE webhook_endpoints SET secret = $1, previous_secret = $2 WHERE id = $3")
        .bind(secrets.secret.clone())
        .bind(secrets.previous_secret.clone())
        .bind(secrets.id)
        .execute(tx)
        .await
        .map(drop)
}

/// The active endpoints with due deliveries.
pub async fn due(conn: &mut Conn) -> Result<Vec<WebhookEndpointId>> {
    let now = conn.now();
    let rows: Vec<(WebhookEndpointId,)> = Sql::new(
        "SELECT id FROM webhook_endpoints WHERE is_active AND NOT is_deleted AND EXISTS (SELECT 1 FROM webhook_deliveries d \
         WHERE d.endpoint_id = webhook_endpoints.id AND d.status = 'pending' AND d.next_attempt_at <= $1) ORDER BY id",
    )
    .bind(now)
    .all(conn)
    .await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// A delivery to insert.
pub struct NewDelivery {
    pub endpoint_id: WebhookEndpointId,
    pub event_id: Option<EventId>,
    pub kind: &'static str,
    pub message_id: String,
    pub body: String,
}

const DELIVERY_COLUMNS: [&str; 8] = ["endpoint_id", "event_id", "kind", "message_id", "body", "status", "next_attempt_at", "created_at"];

fn values(delivery: NewDelivery, now: DateTime<Utc>) -> Vec<Arg> {
    vec![
        delivery.endpoint_id.into(),
        delivery.event_id.into(),
        delivery.kind.into(),
        delivery.message_id.into(),
        delivery.body.into(),
        "pending".into(),
        now.into(),
        now.into(),
    ]
}

pub async fn insert_deliveries(tx: &mut Tx, deliveries: Vec<NewDelivery>) -> Result<()> {
    let now = tx.now();
    let mut rows = Bulk::into_table("webhook_deliveries", &DELIVERY_COLUMNS);
    deliveries.into_iter().for_each(|delivery| rows.row(values(delivery, now)));
    rows.execute(tx).await
}

pub async fn insert_delivery(tx: &mut Tx, delivery: NewDelivery) -> Result<WebhookDeliveryId> {
    let now = tx.now();
    let mut rows = Bulk::into_table("webhook_deliveries", &DELIVERY_COLUMNS);
    rows.row(values(delivery, now));
    rows.insert_one(tx).await
}

pub async fn list_deliveries(
    conn: &mut Conn,
    id: WebhookEndpointId,
    filter: &DeliveryFilter,
    paging: &Paging,
) -> Result<Page<WebhookDelivery>> {
    let mut conditions = Filter::new(conn.engine());
    conditions.equal("webhook_deliveries.endpoint_id", Some(id));
    conditions.any("webhook_deliveries.status", filter.status.as_ref());
    paging.fetch(conn, SELECT_DELIVERY, "webhook_deliveries", conditions).await
}

/// Reads a delivery to an existing endpoint and locks it until the transaction ends.
pub async fn lock_delivery(tx: &mut Tx, id: WebhookDeliveryId) -> Result<Option<WebhookDelivery>> {
    let text = format!(
        "{SELECT_DELIVERY} WHERE webhook_deliveries.id = $1 AND webhook_deliveries.endpoint_id IN \
         (SELECT id FROM webhook_endpoints WHERE NOT is_deleted){}",
        tx.for_update()
    );
    Sql::owned(text).bind(id).optional(tx).await
}

pub async fn set_pending(tx: &mut Tx, delivery: &WebhookDelivery) -> Result<()> {
    Sql::new(
        "UPDATE webhook_deliveries SET status = $1, attempts = $2, next_attempt_at = $3, delivered_at = NULL WHERE id = $4 AND status <> $1",
    )
    .bind(delivery.status)
    .bind(delivery.attempts)
    .bind(delivery.next_attempt_at)
    .bind(delivery.id)
    .expect_one(tx)
    .await
}

/// Saves the status of the last response to deliveries.
pub async fn set_last_status(tx: &mut Tx, ids: &[i64], status: Option<i64>) -> Result<()> {
    if ids.is_empty() {
        return Ok(());
    }
    let text = format!("UPDATE webhook_deliveries SET last_status = $1 WHERE id IN ({})", places(2, ids.len()));
    Sql::owned(text).bind(status).bind_all(ids.iter().map(|id| Arg::from(*id))).execute(tx).await.map(drop)
}

/// Removes some deliveries of an endpoint: any if it was deleted, otherwise those before this moment that are not pending. Returns how
/// many.
pub async fn forget(tx: &mut Tx, id: WebhookEndpointId, before: Option<DateTime<Utc>>, limit: i64) -> Result<usize> {
    let sql = match before {
        None => Sql::new("SELECT id FROM webhook_deliveries WHERE endpoint_id = $1 ORDER BY created_at, id LIMIT $2").bind(id).bind(limit),
        Some(before) => Sql::new(
            "SELECT id FROM webhook_deliveries WHERE endpoint_id = $1 AND created_at < $3 AND status <> 'pending' ORDER BY created_at, id LIMIT $2",
        )
        .bind(id)
        .bind(limit)
        .bind(before),
    };
    let oldest: Vec<(i64,)> = sql.all(tx).await?;
    if !oldest.is_empty() {
        let text = format!("DELETE FROM webhook_deliveries WHERE id IN ({})", places(1, oldest.len()));
        Sql::owned(text).bind_all(oldest.iter().map(|(id,)| Arg::from(*id))).execute(tx).await?;
    }
    Ok(oldest.len())
}

/// Reads every endpoint, and whether it was deleted.
pub async fn all(conn: &mut Conn) -> Result<Vec<(WebhookEndpointId, bool)>> {
    Sql::new("SELECT id, is_deleted FROM webhook_endpoints ORDER BY id").all(conn).await
}

/// Removes a deleted endpoint that has no deliveries left.
pub async fn remove(tx: &mut Tx, id: WebhookEndpointId) -> Result<()> {
    Sql::new("DELETE FROM webhook_endpoints WHERE id = $1 AND is_deleted").bind(id).execute(tx).await.map(drop)
}
