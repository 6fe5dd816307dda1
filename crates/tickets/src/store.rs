//! SQL of tickets.

pub mod attachments;
pub mod canned_answers;
pub mod comments;
pub mod inbound_mails;
pub mod journal;
pub mod statistics;

use database::{
    Arg, Bulk, Conn, Engine, Filter, Given, Page, Paging, Sql, Tx,
    page::{KeyKind, ListSpec, OrderField},
    search::{FoundType, Source},
};
use kernel::{
    Result,
    id::{ContractId, CustomerId, TicketId},
    text::search_text,
};

use crate::{
    input::{QueueFilter, TicketFilter},
    model::{Queue, Ticket, TicketPriority},
};

/// Order fields of ticket lists.
pub const LIST: ListSpec = ListSpec {
    order_fields: &[
        OrderField { name: "created_at", column: "tickets.created_at", kind: KeyKind::Time },
        OrderField { name: "updated_at", column: "tickets.updated_at", kind: KeyKind::Time },
        OrderField { name: "due_at", column: "tickets.due_at", kind: KeyKind::Time },
        OrderField { name: "priority_rank", column: "tickets.priority_rank", kind: KeyKind::Int },
    ],
    default_order: "-created_at",
    id: "tickets.id",
    id_name: "id",
};

/// Order fields of ticket queues; by default the earliest deadline comes first.
pub const QUEUE: ListSpec = ListSpec { default_order: "due_at", ..LIST };

/// Neither solved nor closed, written exactly as in the indexes.
const OPEN: &str = "tickets.status NOT IN ('resolved', 'closed')";
/// Open, and the deadline passed before the clock stopped; the same rule as in `Ticket::shown`.
const OVERDUE: &str = "(tickets.status NOT IN ('resolved', 'closed') AND tickets.due_at < ? AND (tickets.stopped_at IS NULL OR tickets.due_at < tickets.stopped_at))";
/// The negation of [`OVERDUE`].
const NOT_OVERDUE: &str = "(tickets.status IN ('resolved', 'closed') OR tickets.due_at >= ? OR tickets.due_at >= tickets.stopped_at)";

macro_rules! select {
    ($tail:literal) => {
        concat!(
            "SELECT id, number, customer_id, contract_id, category, subject, description, status, priority, priority_rank, assigned_to, ",
            "created_by, assigned_at, first_response_at, due_at, resolved_at, closed_at, resolution, merged_into, created_at, updated_at, version, ",
            "stopped_at, stopped_for, response_seconds, resolution_seconds FROM tickets",
            $tail
        )
    };
}

pub async fn get(conn: &mut Conn, id: TicketId) -> Result<Option<Ticket>> {
    Sql::new(select!(" WHERE id = $1")).bind(id).optional(conn).await
}

/// Returns the row, locked until the transaction ends.
pub async fn lock(tx: &mut Tx, id: TicketId) -> Result<Option<Ticket>> {
    let text = format!("{}{}", select!(" WHERE id = $1"), tx.for_update());
    let ticket: Option<Ticket> = Sql::owned(text).bind(id).optional(tx).await?;
    if let Some(ticket) = &ticket {
        tx.not_before(ticket.updated_at);
        // a comment does not change the ticket, but it has a step
        if let Some(at) = journal::last(tx, id).await? {
            tx.not_before(at);
        }
    }
    Ok(ticket)
}

pub async fn list(conn: &mut Conn, filter: &TicketFilter, paging: &Paging) -> Result<Page<Ticket>> {
    let mut conditions = Filter::new(conn.engine());
    conditions.any("tickets.status", filter.status.as_ref());
    conditions.any("tickets.category", filter.category.as_ref());
    // by rank, because that is the column with the index
    conditions.any("tickets.priority_rank", filter.priority.clone().map(|some| some.map(TicketPriority::rank)).as_ref());
    conditions.any("tickets.customer_id", filter.customer_id.as_ref());
    conditions.any("tickets.contract_id", filter.contract_id.as_ref());
    conditions.any("tickets.assigned_to", filter.assigned_to.as_ref());
    let overdue = if filter.overdue == Some(false) { NOT_OVERDUE } else { OVERDUE };
    conditions.value(overdue, filter.overdue.map(|_| conn.now()));
    conditions.at_least("tickets.created_at", filter.created_at_after);
    conditions.at_most("tickets.created_at", filter.created_at_before);
    conditions.search("tickets", filter.search.as_deref());
    paging.fetch(conn, select!(""), "tickets", conditions).await
}

pub async fn queue(conn: &mut Conn, queue: Queue, filter: &QueueFilter, paging: &Paging) -> Result<Page<Ticket>> {
    let mut conditions = Filter::new(conn.engine());
    match queue {
        Queue::Of(user) => conditions.equal("tickets.assigned_to", Some(user)),
        Queue::Unassigned => {
            conditions.when(true, OPEN);
            conditions.when(true, "tickets.assigned_to IS NULL");
        }
        Queue::Overdue => conditions.value(OVERDUE, Some(conn.now())),
    }
    conditions.any("tickets.status", filter.status.as_ref());
    conditions.any("tickets.category", filter.category.as_ref());
    conditions.any("tickets.priority_rank", filter.priority.clone().map(|some| some.map(TicketPriority::rank)).as_ref());
    conditions.search("tickets", filter.search.as_deref());
    paging.fetch(conn, select!(""), "tickets", conditions).await
}

/// Whether the ticket exists.
pub async fn exists(conn: &mut Conn, id: TicketId) -> Result<bool> {
    let found: Option<(i64,)> = Sql::new("SELECT id FROM tickets WHERE id = $1").bind(id).optional(conn).await?;
    Ok(found.is_some())
}

/// A subscriber that a ticket may concern.
#[derive(Clone, Copy, Debug, sqlx_macros::FromRow)]
pub struct Subject {
    /// The subscriber into which this one was merged.
    pub merged_into: Option<CustomerId>,
}

/// Returns the subscriber, which cannot be merged until the transaction ends.
pub async fn subject(tx: &mut Tx, id: CustomerId) -> Result<Option<Subject>> {
    let sql = match tx.engine() {
        Engine::Sqlite => Sql::new("SELECT merged_into FROM customers WHERE id = $1"),
        // SHARE: tickets of one subscriber may be filed concurrently
        Engine::Postgres => Sql::new("SELECT merged_into FROM customers WHERE id = $1 FOR SHARE"),
    };
    sql.bind(id).optional(tx).await
}

/// Returns the subscriber with this e-mail address in lower case, unless it is archived.
pub async fn customer_by_email(conn: &mut Conn, address: &str) -> Result<Option<CustomerId>> {
    let sql = Sql::new("SELECT id FROM customers WHERE email_key = $1 AND status <> 'archived'");
    let found: Option<(CustomerId,)> = sql.bind(address.to_owned()).optional(conn).await?;
    Ok(found.map(|(id,)| id))
}

/// Returns the ticket with this number, or the one into which it was merged.
pub async fn by_number(conn: &mut Conn, number: &str) -> Result<Option<TicketId>> {
    let found: Option<(TicketId, Option<TicketId>)> =
        Sql::new("SELECT id, merged_into FROM tickets WHERE number = $1").bind(number.to_owned()).optional(conn).await?;
    Ok(match found {
        Some((_, Some(into))) => Some(survivor(conn, into).await?),
        found => found.map(|(id, _)| id),
    })
}

/// Follows merges to the ticket that goes on.
async fn survivor(conn: &mut Conn, id: TicketId) -> Result<TicketId> {
    let text = "WITH RECURSIVE way (id, merged_into) AS (SELECT id, merged_into FROM tickets WHERE id = $1 \
         UNION SELECT tickets.id, tickets.merged_into FROM way JOIN tickets ON tickets.id = way.merged_into) \
         SELECT id FROM way WHERE merged_into IS NULL";
    let found: Option<(TicketId,)> = Sql::new(text).bind(id).optional(conn).await?;
    Ok(found.map_or(id, |(id,)| id))
}

/// Whether a ticket was merged into this one.
pub async fn has_duplicates(conn: &mut Conn, id: TicketId) -> Result<bool> {
    let found: Option<(TicketId,)> = Sql::new("SELECT id FROM tickets WHERE merged_into = $1 LIMIT 1").bind(id).optional(conn).await?;
    Ok(found.is_some())
}

/// Returns the subscriber of a contract.
pub async fn contract_holder(tx: &mut Tx, id: ContractId) -> Result<Option<CustomerId>> {
    let found: Option<(CustomerId,)> = Sql::new("SELECT customer_id FROM contracts WHERE id = $1").bind(id).optional(tx).await?;
    Ok(found.map(|(customer_id,)| customer_id))
}

pub async fn number_exists(tx: &mut Tx, number: &str) -> Result<bool> {
    let matches: i64 =
        Sql::new("SELECT CAST(COUNT(*) AS BIGINT) FROM tickets WHERE number = $1").bind(number.to_owned()).scalar(tx).await?;
    Ok(matches > 0)
}

const COLUMNS: [&str; 26] = [
    "number",
    "customer_id",
    "contract_id",
    "category",
    "subject",
    "description",
    "status",
    "priority",
    "priority_rank",
    "assigned_to",
    "created_by",
    "assigned_at",
    "first_response_at",
    "due_at",
    "resolved_at",
    "closed_at",
    "resolution",
    "merged_into",
    "stopped_at",
    "stopped_for",
    "response_seconds",
    "resolution_seconds",
    "search_text",
    "created_at",
    "updated_at",
    "version",
];

fn searched(ticket: &Ticket) -> String {
    search_text([&ticket.number, &ticket.subject, &ticket.description].map(|text| Some(text.as_str())))
}

fn values(ticket: &Ticket) -> Vec<Arg> {
    vec![
        (&ticket.number).into(),
        ticket.customer_id.into(),
        ticket.contract_id.into(),
        ticket.category.into(),
        (&ticket.subject).into(),
        (&ticket.description).into(),
        ticket.status.into(),
        ticket.priority.into(),
        ticket.priority_rank.into(),
        ticket.assigned_to.into(),
        ticket.created_by.into(),
        ticket.assigned_at.into(),
        ticket.first_response_at.into(),
        ticket.due_at.into(),
        ticket.resolved_at.into(),
        ticket.closed_at.into(),
        (&ticket.resolution).into(),
        ticket.merged_into.into(),
        ticket.stopped_at.into(),
        ticket.stopped_for.into(),
        ticket.response_seconds.into(),
        ticket.resolution_seconds.into(),
        searched(ticket).into(),
        ticket.created_at.into(),
        ticket.updated_at.into(),
        ticket.version.into(),
    ]
}

pub async fn insert(tx: &mut Tx, ticket: &Ticket) -> Result<TicketId> {
    let mut rows = Bulk::into_table("tickets", &COLUMNS);
    rows.row(values(ticket));
    rows.insert_one(tx).await
}

/// Inserts many tickets under the ids they have.
pub async fn insert_all(tx: &mut Tx, tickets: &[Ticket]) -> Result<()> {
    let columns: Vec<&str> = ["id"].into_iter().chain(COLUMNS).collect();
    let mut rows = Bulk::into_table("tickets", &columns);
    for ticket in tickets {
        rows.row([Arg::from(ticket.id)].into_iter().chain(values(ticket)).collect());
    }
    rows.execute(tx).await
}

/// Writes the changes of an action or an edit if the row still has the version before it. Errors: `stale_version`.
pub async fn update(tx: &mut Tx, before: &Ticket, after: &Ticket) -> Result<()> {
    Sql::new(
        "UPDATE tickets SET contract_id = $3, category = $4, subject = $5, description = $6, status = $7, priority = $8, \
         priority_rank = $9, assigned_to = $10, assigned_at = $11, first_response_at = $12, due_at = $13, resolved_at = $14, \
         closed_at = $15, resolution = $16, stopped_at = $17, stopped_for = $18, response_seconds = $19, resolution_seconds = $20, \
         search_text = $21, updated_at = $22, version = $23, merged_into = $24 WHERE id = $1 AND version = $2",
    )
    .bind(before.id)
    .bind(before.version)
    .bind(after.contract_id)
    .bind(after.category)
    .bind(&after.subject)
    .bind(&after.description)
    .bind(after.status)
    .bind(after.priority)
    .bind(after.priority_rank)
    .bind(after.assigned_to)
    .bind(after.assigned_at)
    .bind(after.first_response_at)
    .bind(after.due_at)
    .bind(after.resolved_at)
    .bind(after.closed_at)
    .bind(&after.resolution)
    .bind(after.stopped_at)
    .bind(after.stopped_for)
    .bind(after.response_seconds)
    .bind(after.resolution_seconds)
    .bind(searched(after))
    .bind(after.updated_at)
    .bind(after.version)
    .bind(after.merged_into)
    .expect_one(tx)
    .await
}

/// Deletes the ticket with its journal, comments and attachments. Errors: `stale_version`.
pub async fn delete(tx: &mut Tx, ticket: &Ticket) -> Result<()> {
    Sql::new("DELETE FROM tickets WHERE id = $1 AND version = $2").bind(ticket.id).bind(ticket.version).expect_one(tx).await
}

/// Describes tickets whose fields, journal or contract contradict their status or subscriber, and attached files marked as left over.
pub async fn violations(conn: &mut Conn) -> Result<Vec<String>> {
    let found: Vec<(TicketId, String)> = Sql::new(
        "SELECT id, what FROM ( \
         SELECT id, 'in progress, and nobody works on it' AS what FROM tickets WHERE status = 'in_progress' AND assigned_to IS NULL \
         UNION ALL SELECT id, 'its times are not those of its state' FROM tickets \
         WHERE (resolved_at IS NOT NULL AND status NOT IN ('resolved', 'closed')) OR (resolved_at IS NULL AND status = 'resolved') \
         OR ((closed_at IS NOT NULL) <> (status = 'closed')) OR ((stopped_at IS NULL) <> (status IN ('new', 'in_progress'))) \
         OR ((resolved_at IS NULL) <> (resolution IS NULL)) OR ((resolved_at IS NULL) <> (resolution_seconds IS NULL)) \
         OR ((first_response_at IS NULL) <> (response_seconds IS NULL)) \
         UNION ALL SELECT id, 'its journal ends in another state' FROM tickets WHERE status <> COALESCE( \
         (SELECT to_status FROM ticket_journal WHERE ticket_id = tickets.id ORDER BY id DESC LIMIT 1), '') \
         UNION ALL SELECT ticket_id, 'its journal goes back in time' FROM (SELECT ticket_id, at, \
         LAG(at) OVER (PARTITION BY ticket_id ORDER BY id) AS former FROM ticket_journal) AS steps WHERE former > at \
         UNION ALL SELECT id, 'its times go back' FROM tickets WHERE first_response_at < created_at OR assigned_at < created_at \
         OR resolved_at < created_at OR closed_at < created_at OR closed_at < resolved_at OR stopped_at < created_at \
         UNION ALL SELECT id, 'was merged and is not closed' FROM tickets WHERE merged_into IS NOT NULL AND status <> 'closed' \
         UNION ALL SELECT tickets.id, 'its contract is of another subscriber' FROM tickets JOIN contracts ON contracts.id = tickets.contract_id \
         WHERE contracts.customer_id <> tickets.customer_id \
         UNION ALL SELECT ticket_id, 'an attached file is marked as left over' FROM ticket_attachments \
         JOIN leftover_files ON leftover_files.file_key = ticket_attachments.file_key) AS broken ORDER BY id LIMIT 1000",
    )
    .all(conn)
    .await?;
    Ok(found.into_iter().map(|(id, what)| format!("ticket {id}: {what}")).collect())
}

/// Moves all tickets from one subscriber to another; returns their ids and new versions.
pub async fn give(tx: &mut Tx, from: CustomerId, to: CustomerId) -> Result<Vec<(TicketId, i64)>> {
    let now = tx.now();
    Sql::new(
        "UPDATE tickets SET customer_id = $2, updated_at = CASE WHEN updated_at > $3 THEN updated_at ELSE $3 END, \
         version = version + 1 WHERE customer_id = $1 RETURNING id, version",
    )
    .bind(from)
    .bind(to)
    .bind(now)
    .all(tx)
    .await
}

/// Returns these tickets, ordered by id.
pub async fn all(tx: &mut Tx, ids: &[TicketId]) -> Result<Vec<Ticket>> {
    const ALL: &str = select!(" JOIN given ON given.of_ticket = tickets.id ORDER BY id");
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    Given::one_column(&["of_ticket"], ids.iter().copied()).all(ALL, tx).await
}

/// Tickets in the search box.
pub const SEARCHED: Source =
    Source { found_type: FoundType::Ticket, table: "tickets", from: "tickets", title: "tickets.number", detail: "tickets.subject" };
