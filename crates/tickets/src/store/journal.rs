//! SQL of the journal.

use chrono::{DateTime, Utc};
use database::{
    Bulk, Conn, Filter, Page, Paging, Sql, Tx,
    page::{KeyKind, ListSpec, OrderField},
};
use kernel::{Result, id::TicketId};

use crate::model::{Step, TicketStep};

/// Order fields of a ticket's journal; by default in the order of the steps.
pub const LIST: ListSpec = ListSpec {
    order_fields: &[OrderField { name: "at", column: "ticket_journal.at", kind: KeyKind::Time }],
    default_order: "at",
    id: "ticket_journal.id",
    id_name: "id",
};

pub async fn list(conn: &mut Conn, ticket: TicketId, paging: &Paging) -> Result<Page<TicketStep>> {
    let mut conditions = Filter::new(conn.engine());
    conditions.equal("ticket_journal.ticket_id", Some(ticket));
    let select = "SELECT id, ticket_id, at, actor_id, actor, action, from_status, to_status, note FROM ticket_journal";
    paging.fetch(conn, select, "ticket_journal", conditions).await
}

/// Returns the time of a ticket's last step.
pub async fn last(conn: &mut Conn, ticket: TicketId) -> Result<Option<DateTime<Utc>>> {
    let sql = Sql::new("SELECT at FROM ticket_journal WHERE ticket_id = $1 ORDER BY at DESC, id DESC LIMIT 1");
    let found: Option<(DateTime<Utc>,)> = sql.bind(ticket).optional(conn).await?;
    Ok(found.map(|(at,)| at))
}

/// Whether a ticket was ever in another status than `new`.
pub async fn left_new(conn: &mut Conn, ticket: TicketId) -> Result<bool> {
    let sql = Sql::new("SELECT id FROM ticket_journal WHERE ticket_id = $1 AND to_status <> 'new' LIMIT 1");
    let found: Option<(i64,)> = sql.bind(ticket).optional(conn).await?;
    Ok(found.is_some())
}

/// Inserts steps into the tickets' journals.
pub async fn insert(tx: &mut Tx, steps: &[Step]) -> Result<()> {
    let columns = ["ticket_id", "at", "actor_id", "actor", "action", "from_status", "to_status", "note"];
    let mut rows = Bulk::into_table("ticket_journal", &columns);
    for step in steps {
        rows.row(vec![
            step.ticket_id.into(),
            step.at.into(),
            tx.actor().user_id.into(),
            (&tx.actor().name).into(),
            step.action.into(),
            step.from_status.into(),
            step.to_status.into(),
            (&step.note).into(),
        ]);
    }
    rows.execute(tx).await
}
