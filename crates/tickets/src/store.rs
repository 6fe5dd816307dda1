//! SQL of tickets.

use chrono::{DateTime, Utc};
use customers::CustomerStatus;
use kernel::{
    Context, Page, Paging, Result,
    audit::Actor,
    db::{Arg, Bulk, Conn, Engine, Filter, Sql, Tx},
    id::{ContractId, CustomerId, TicketId, UserId},
    page::{KeyKind, ListSpec, OrderField},
    search::{FoundType, Source},
    text::search_text,
};

use crate::{
    input::TicketFilter,
    model::{Assignee, Step, Ticket, TicketPriority},
};

/// How lists of tickets are ordered.
pub const LIST: ListSpec = ListSpec {
    order_fields: &[
        OrderField { name: "created_at", column: "tickets.created_at", kind: KeyKind::Time },
        OrderField { name: "due_at", column: "tickets.due_at", kind: KeyKind::Time },
    ],
    default_order: "-created_at",
    id: "tickets.id",
    id_name: "id",
};

macro_rules! select {
    ($tail:literal) => {
        concat!(
            "SELECT id, number, customer_id, contract_id, category, subject, description, status, priority, assigned_to, created_by, ",
            "assigned_at, first_response_at, due_at, resolved_at, closed_at, resolution, created_at, updated_at, version FROM tickets",
            $tail
        )
    };
}

pub async fn get(conn: &mut Conn, id: TicketId) -> Result<Option<Ticket>> {
    Sql::new(select!(" WHERE id = $1")).bind(id).optional(conn).await
}

/// The row, locked until the transaction ends.
pub async fn lock(tx: &mut Tx, id: TicketId) -> Result<Option<Ticket>> {
    let text = format!("{}{}", select!(" WHERE id = $1"), tx.for_update());
    Sql::owned(text).bind(id).optional(tx).await
}

pub async fn list(conn: &mut Conn, context: &Context, filter: &TicketFilter, paging: &Paging) -> Result<Page<Ticket>> {
    let mut conditions = Filter::new(conn.engine());
    conditions.equal("tickets.status", filter.status);
    conditions.equal("tickets.category", filter.category);
    // by rank, because that is the column with the index
    conditions.equal("tickets.priority_rank", filter.priority.map(TicketPriority::rank));
    conditions.equal("tickets.customer_id", filter.customer);
    conditions.equal("tickets.contract_id", filter.contract);
    conditions.equal("tickets.assigned_to", filter.assigned_to);
    // the same rule as in Ticket::shown
    let overdue = match filter.overdue {
        Some(false) => "(tickets.due_at >= ? OR tickets.status IN ('resolved', 'closed'))",
        Some(true) | None => "(tickets.due_at < ? AND tickets.status NOT IN ('resolved', 'closed'))",
    };
    conditions.value(overdue, filter.overdue.map(|_| context.now));
    conditions.at_least("tickets.created_at", filter.created_at_after);
    conditions.at_most("tickets.created_at", filter.created_at_before);
    conditions.search("tickets", filter.search.as_deref());
    paging.fetch(conn, select!(""), "tickets", conditions).await
}

/// Where the subscriber stands, kept so until the transaction ends.
pub async fn customer_status(tx: &mut Tx, id: CustomerId) -> Result<Option<CustomerStatus>> {
    let sql = match tx.engine() {
        Engine::Sqlite => Sql::new("SELECT status FROM customers WHERE id = $1"),
        // SHARE: several tickets of one subscriber may be filed at once, while nobody archives or merges the subscriber
        Engine::Postgres => Sql::new("SELECT status FROM customers WHERE id = $1 FOR SHARE"),
    };
    let found: Option<(CustomerStatus,)> = sql.bind(id).optional(tx).await?;
    Ok(found.map(|(status,)| status))
}

/// Whose contract it is.
pub async fn contract_holder(tx: &mut Tx, id: ContractId) -> Result<Option<CustomerId>> {
    let found: Option<(CustomerId,)> = Sql::new("SELECT customer_id FROM contracts WHERE id = $1").bind(id).optional(tx).await?;
    Ok(found.map(|(customer_id,)| customer_id))
}

/// The user, if the account may be used at this moment.
pub async fn active_user(tx: &mut Tx, id: UserId, now: DateTime<Utc>) -> Result<Option<Assignee>> {
    Sql::new(
        "SELECT id, username FROM users WHERE id = $1 AND is_active AND (blocked_at IS NULL OR blocked_until <= $2) \
         AND (valid_from IS NULL OR valid_from <= $2) AND (valid_until IS NULL OR valid_until > $2)",
    )
    .bind(id)
    .bind(now)
    .optional(tx)
    .await
}

pub async fn number_exists(tx: &mut Tx, number: &str) -> Result<bool> {
    let matches: i64 =
        Sql::new("SELECT CAST(COUNT(*) AS BIGINT) FROM tickets WHERE number = $1").bind(number.to_owned()).scalar(tx).await?;
    Ok(matches > 0)
}

const COLUMNS: [&str; 21] = [
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
    "search_text",
    "created_at",
    "updated_at",
    "version",
];

fn values(ticket: &Ticket) -> Vec<Arg> {
    let search = search_text([&ticket.number, &ticket.subject, &ticket.description].map(|text| Some(text.as_str())));
    vec![
        (&ticket.number).into(),
        ticket.customer_id.into(),
        ticket.contract_id.into(),
        ticket.category.into(),
        (&ticket.subject).into(),
        (&ticket.description).into(),
        ticket.status.into(),
        ticket.priority.into(),
        ticket.priority.rank().into(),
        ticket.assigned_to.into(),
        ticket.created_by.into(),
        ticket.assigned_at.into(),
        ticket.first_response_at.into(),
        ticket.due_at.into(),
        ticket.resolved_at.into(),
        ticket.closed_at.into(),
        (&ticket.resolution).into(),
        search.into(),
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

/// Writes many under the ids they carry.
pub async fn insert_all(tx: &mut Tx, tickets: &[Ticket]) -> Result<()> {
    let columns: Vec<&str> = ["id"].into_iter().chain(COLUMNS).collect();
    let mut rows = Bulk::into_table("tickets", &columns);
    for ticket in tickets {
        rows.row([Arg::from(ticket.id)].into_iter().chain(values(ticket)).collect());
    }
    rows.execute(tx).await
}

/// Writes what an action changed; the version before it must still stand. Errors: `stale_version`.
pub async fn update(tx: &mut Tx, before: &Ticket, after: &Ticket) -> Result<()> {
    Sql::new(
        "UPDATE tickets SET status = $3, assigned_to = $4, assigned_at = $5, first_response_at = $6, resolved_at = $7, resolution = $8, \
         updated_at = $9, version = $10 WHERE id = $1 AND version = $2",
    )
    .bind(before.id)
    .bind(before.version)
    .bind(after.status)
    .bind(after.assigned_to)
    .bind(after.assigned_at)
    .bind(after.first_response_at)
    .bind(after.resolved_at)
    .bind(&after.resolution)
    .bind(after.updated_at)
    .bind(after.version)
    .expect_one(tx)
    .await
}

/// Writes steps into the tickets' journals.
pub async fn insert_steps(tx: &mut Tx, actor: &Actor, steps: &[Step]) -> Result<()> {
    let columns = ["ticket_id", "at", "actor_id", "actor", "action", "from_status", "to_status", "note"];
    let mut rows = Bulk::into_table("ticket_journal", &columns);
    for step in steps {
        rows.row(vec![
            step.ticket_id.into(),
            step.at.into(),
            actor.user_id.into(),
            (&actor.name).into(),
            step.action.into(),
            step.from_status.map(|status| status.as_str()).into(),
            step.to_status.into(),
            (&step.note).into(),
        ]);
    }
    rows.execute(tx).await
}

/// Gives all tickets of one subscriber to another; answers their ids and new versions.
pub async fn give(tx: &mut Tx, from: CustomerId, to: CustomerId, now: DateTime<Utc>) -> Result<Vec<(TicketId, i64)>> {
    Sql::new("UPDATE tickets SET customer_id = $2, updated_at = $3, version = version + 1 WHERE customer_id = $1 RETURNING id, version")
        .bind(from)
        .bind(to)
        .bind(now)
        .all(tx)
        .await
}

/// How the search box finds tickets.
pub const SEARCHED: Source =
    Source { found_type: FoundType::Ticket, table: "tickets", from: "tickets", title: "tickets.number", detail: "tickets.subject" };
