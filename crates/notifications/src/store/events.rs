//! SQL of events, and of the relay's position.

use chrono::{DateTime, Utc};
use database::{
    Arg, Conn, Engine, EventKind, Filter, Page, Paging, Sql, Tx,
    page::{KeyKind, ListSpec, OrderField},
};
use kernel::Result;

use super::places;
use crate::{input::EventFilter, model::RecordedEvent};

/// The sort orders of event lists.
pub const LIST: ListSpec = ListSpec {
    order_fields: &[OrderField { name: "id", column: "events.id", kind: KeyKind::Int }],
    default_order: "id",
    id: "events.id",
    id_name: "id",
};

const SELECT: &str = "SELECT events.id, events.kind, events.entity, events.entity_id, events.contract_id, events.customer_id, events.data, \
     events.created_at FROM events";

/// Lists the events of these kinds.
pub async fn list(conn: &mut Conn, filter: &EventFilter, kinds: &[EventKind], paging: &Paging) -> Result<Page<RecordedEvent>> {
    let mut conditions = Filter::new(conn.engine());
    match &filter.kind {
        Some(asked) => match asked.clone().only(|kind| kinds.contains(kind)) {
            Some(asked) => conditions.any("events.kind", Some(&asked)),
            None => conditions.when(true, "1 = 0"),
        },
        None if kinds.len() == EventKind::ALL.len() => {}
        None if !kinds.is_empty() => {
            let marks = vec!["?"; kinds.len()].join(", ");
            conditions.values(&format!("events.kind IN ({marks})"), kinds.iter().map(|kind| (*kind).into()));
        }
        _ => conditions.when(true, "1 = 0"),
    }
    conditions.value("events.id > ?", filter.last_event_id);
    paging.fetch(conn, SELECT, "events", conditions).await
}

/// Reads the next events after this one, in their order.
pub async fn after(conn: &mut Conn, id: i64, limit: i64) -> Result<Vec<RecordedEvent>> {
    Sql::owned(format!("{SELECT} WHERE events.id > $1 ORDER BY events.id LIMIT $2")).bind(id).bind(limit).all(conn).await
}

/// The id of the newest event, even if it is no longer stored.
pub async fn newest(conn: &mut Conn) -> Result<i64> {
    Sql::new("SELECT COALESCE((SELECT MAX(id) FROM events), forgotten_id) FROM event_relay WHERE id = 1").scalar(conn).await
}

/// The id of the last event that is no longer stored.
pub async fn forgotten(conn: &mut Conn) -> Result<i64> {
    Sql::new("SELECT forgotten_id FROM event_relay WHERE id = 1").scalar(conn).await
}

/// Whether there are unprocessed events.
pub async fn is_behind(conn: &mut Conn) -> Result<bool> {
    let behind: i64 = Sql::new(
        "SELECT CAST(COUNT(*) AS BIGINT) FROM (SELECT 1 FROM events WHERE id > (SELECT last_event_id FROM event_relay WHERE id = 1) LIMIT 1) \
         AS next",
    )
    .scalar(conn)
    .await?;
    Ok(behind > 0)
}

/// Reads the relay's position and locks it until the transaction ends; returns nothing while another instance has locked it.
pub async fn lock_relay(tx: &mut Tx) -> Result<Option<i64>> {
    let skip = match tx.engine() {
        Engine::Sqlite => "",
        // a second instance has nothing to do here, and does not wait
        Engine::Postgres => " FOR UPDATE SKIP LOCKED",
    };
    let row: Option<(i64,)> = Sql::owned(format!("SELECT last_event_id FROM event_relay WHERE id = 1{skip}")).optional(tx).await?;
    Ok(row.map(|(id,)| id))
}

/// Saves the relay's position: every event up to this one is processed.
pub async fn set_told(tx: &mut Tx, id: i64) -> Result<()> {
    Sql::new("UPDATE event_relay SET last_event_id = $1 WHERE id = 1").bind(id).execute(tx).await.map(drop)
}

/// Removes the oldest processed events before this moment; returns how many.
pub async fn forget(tx: &mut Tx, before: DateTime<Utc>, limit: i64) -> Result<usize> {
    // ids follow time, so no index by time is needed
    let oldest: Vec<(i64,)> = Sql::new(
        "SELECT id FROM (SELECT id, created_at FROM events WHERE id <= (SELECT last_event_id FROM event_relay WHERE id = 1) \
         ORDER BY id LIMIT $1) AS oldest WHERE created_at < $2 ORDER BY id",
    )
    .bind(limit)
    .bind(before)
    .all(tx)
    .await?;
    let Some((last,)) = oldest.last() else { return Ok(0) };
    Sql::new("UPDATE event_relay SET forgotten_id = $1 WHERE id = 1 AND forgotten_id < $1").bind(*last).execute(tx).await?;
    let text = format!("DELETE FROM events WHERE id IN ({})", places(1, oldest.len()));
    Sql::owned(text).bind_all(oldest.iter().map(|(id,)| Arg::from(*id))).execute(tx).await?;
    Ok(oldest.len())
}
