//! Support tickets.

use acl::perm;
use actix_web::{delete, get, patch, post, put};
use database::page::ListSpec;
use kernel::id::{TicketId, UserId};
use tickets::{NewTicket, Queue, QueueFilter, StatisticsFilter, Ticket, TicketFilter, TicketInput, TicketStatistics};

use crate::{
    answer::{Answer, List, Reply},
    call::Call,
    expand::{Expandable, Expanding, Part},
    extract::{Body, Change, ListQuery, Listing, Parameters, PathPart},
    guard::Guard,
    routes::mount::Mount,
};

pub fn configure(mount: &mut Mount<'_, '_>) {
    // before the path with an id: the first match is taken
    mount.service(list_my_tickets).service(list_unassigned_tickets).service(list_overdue_tickets).service(get_ticket_statistics);
    mount.service(get_ticket).service(list_tickets).service(create_ticket);
    mount.service(replace_ticket).service(update_ticket).service(delete_ticket);
}

impl ListQuery for TicketFilter {
    const SPEC: ListSpec = tickets::LIST;
    const PARTS: &'static [Part] = Ticket::PARTS;
}

impl ListQuery for QueueFilter {
    const SPEC: ListSpec = tickets::QUEUE;
    const PARTS: &'static [Part] = Ticket::PARTS;
}

/// Returns a ticket.
#[utoipa::path(
    tag = "tickets",
    params(("id" = TicketId, Path, description = "The ticket's id."), Expanding<Ticket>),
    responses((status = 200, description = "The ticket.", body = Ticket)),
    security(("bearer" = ["tickets:read"]))
)]
#[get("/tickets/{id}")]
async fn get_ticket(call: Call, granted: Guard<perm::TicketsRead>, id: PathPart<TicketId>, query: Expanding<Ticket>) -> Reply {
    let ticket = call.read(async |conn| tickets::get(conn, &granted, id.0).await).await?;
    Ok(query.expand.one(&call, &ticket, ticket.version).await?)
}

/// Lists tickets.
#[utoipa::path(
    tag = "tickets",
    params(Listing<TicketFilter>),
    responses((status = 200, description = "A page of tickets.", body = List<Ticket>)),
    security(("bearer" = ["tickets:read"]))
)]
#[get("/tickets")]
async fn list_tickets(call: Call, granted: Guard<perm::TicketsRead>, query: Listing<TicketFilter>) -> Reply {
    let page = call.read(async |conn| tickets::list(conn, &granted, &query.filter, &query.paging).await).await?;
    Ok(query.expand.page(&call, page).await?)
}

/// Files a ticket.
///
/// Its deadline depends on its priority and is counted in working hours.
#[utoipa::path(
    tag = "tickets",
    request_body = NewTicket,
    responses(
        (status = 201, description = "The new ticket.", body = Ticket),
        (status = 403, description = "`permission_missing`, also for `assigned_to` without `tickets:assign`, and for priority `critical` without `tickets:work`."),
        (status = 409, description = "`customer_merged`: the subscriber was merged into another.")
    ),
    security(("bearer" = ["tickets:write"]))
)]
#[post("/tickets")]
async fn create_ticket(call: Call, granted: Guard<perm::TicketsWrite>, input: Body<NewTicket>) -> Reply {
    let answer = call.write(async |tx| {
        let ticket = tickets::create(tx, &granted, &input).await?;
        Answer::created(format!("tickets/{}", ticket.id), &ticket, ticket.version)
    });
    Ok(answer.await?)
}

async fn read_queue(call: &Call, granted: &Guard<perm::TicketsRead>, queue: Queue, query: &Listing<QueueFilter>) -> Reply {
    let read = call.read(async |conn| tickets::queue(conn, granted, queue, &query.filter, &query.paging).await);
    Ok(query.expand.page(call, read.await?).await?)
}

/// Lists the tickets that are assigned to the caller, earliest deadline first.
#[utoipa::path(
    tag = "tickets",
    params(Listing<QueueFilter>),
    responses((status = 200, description = "A page of tickets.", body = List<Ticket>)),
    security(("bearer" = ["tickets:read"]))
)]
#[get("/tickets/my_tickets")]
async fn list_my_tickets(call: Call, granted: Guard<perm::TicketsRead>, query: Listing<QueueFilter>) -> Reply {
    // the guard admits only users, and no ticket is assigned to user 0
    let queue = Queue::Of(call.context().actor.user_id.unwrap_or(UserId::new(0)));
    read_queue(&call, &granted, queue, &query).await
}

/// Lists the open tickets that are assigned to nobody, earliest deadline first.
#[utoipa::path(
    tag = "tickets",
    params(Listing<QueueFilter>),
    responses((status = 200, description = "A page of tickets.", body = List<Ticket>)),
    security(("bearer" = ["tickets:read"]))
)]
#[get("/tickets/unassigned")]
async fn list_unassigned_tickets(call: Call, granted: Guard<perm::TicketsRead>, query: Listing<QueueFilter>) -> Reply {
    read_queue(&call, &granted, Queue::Unassigned, &query).await
}

/// Lists the open tickets past their deadline, earliest deadline first.
#[utoipa::path(
    tag = "tickets",
    params(Listing<QueueFilter>),
    responses((status = 200, description = "A page of tickets.", body = List<Ticket>)),
    security(("bearer" = ["tickets:read"]))
)]
#[get("/tickets/overdue")]
async fn list_overdue_tickets(call: Call, granted: Guard<perm::TicketsRead>, query: Listing<QueueFilter>) -> Reply {
    read_queue(&call, &granted, Queue::Overdue, &query).await
}

/// Returns figures about the tickets filed on some days.
///
/// They show how many tickets were filed, how fast they were answered and resolved, and how many in time. Times are working time;
/// time spent waiting does not count towards the time to resolution.
#[utoipa::path(
    tag = "tickets",
    params(StatisticsFilter),
    responses((status = 200, description = "The figures.", body = TicketStatistics)),
    security(("bearer" = ["reports:read"]))
)]
#[get("/tickets/statistics")]
async fn get_ticket_statistics(call: Call, granted: Guard<perm::ReportsRead>, query: Parameters<StatisticsFilter>) -> Reply {
    let figures = call.read(async |conn| tickets::statistics(conn, &granted, &query).await).await?;
    Ok(Answer::ok(&figures)?)
}

async fn edit(call: &Call, granted: &Guard<perm::TicketsWrite>, id: TicketId, change: &Change<TicketInput>) -> Reply {
    let expected = call.expected()?;
    let answer = call.write(async |tx| {
        let ticket = tickets::edit(tx, granted, id, &change.0, &expected).await?;
        Answer::resource(&ticket, ticket.version)
    });
    Ok(answer.await?)
}

/// Replaces the content of a ticket.
///
/// State, priority and assignee have separate actions.
#[utoipa::path(
    tag = "tickets",
    params(("id" = TicketId, Path, description = "The ticket's id.")),
    request_body = TicketInput,
    responses(
        (status = 200, description = "The ticket.", body = Ticket),
        (status = 409, description = "`ticket_wrong_state`: the ticket must not be closed.")
    ),
    security(("bearer" = ["tickets:write"]))
)]
#[put("/tickets/{id}")]
async fn replace_ticket(call: Call, granted: Guard<perm::TicketsWrite>, id: PathPart<TicketId>, change: Change<TicketInput>) -> Reply {
    edit(&call, &granted, id.0, &change).await
}

/// Changes some fields of a ticket's content.
///
/// State, priority and assignee have separate actions.
#[utoipa::path(
    tag = "tickets",
    params(("id" = TicketId, Path, description = "The ticket's id.")),
    request_body = TicketInput,
    responses(
        (status = 200, description = "The ticket.", body = Ticket),
        (status = 409, description = "`ticket_wrong_state`: the ticket must not be closed.")
    ),
    security(("bearer" = ["tickets:write"]))
)]
#[patch("/tickets/{id}")]
async fn update_ticket(call: Call, granted: Guard<perm::TicketsWrite>, id: PathPart<TicketId>, change: Change<TicketInput>) -> Reply {
    edit(&call, &granted, id.0, &change).await
}

/// Deletes a new ticket that nobody has taken up or answered.
///
/// Other tickets are closed instead. The audit trail keeps the content.
#[utoipa::path(
    tag = "tickets",
    params(("id" = TicketId, Path, description = "The ticket's id.")),
    responses(
        (status = 204, description = "The ticket is deleted."),
        (status = 409, description = "`ticket_taken_up`.")
    ),
    security(("bearer" = ["tickets:delete"]))
)]
#[delete("/tickets/{id}")]
async fn delete_ticket(call: Call, granted: Guard<perm::TicketsDelete>, id: PathPart<TicketId>) -> Reply {
    let expected = call.expected()?;
    let answer = call.write(async |tx| {
        tickets::delete(tx, &granted, id.0, &expected).await?;
        Ok(Answer::empty())
    });
    Ok(answer.await?)
}
