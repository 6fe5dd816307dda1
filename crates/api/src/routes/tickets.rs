//! Support tickets (SPEC 9).

use acl::perm;
use actix_web::{get, post};
use kernel::{id::TicketId, page::ListSpec};
use tickets::{AssignInput, ResolveInput, Ticket, TicketFilter, TicketInput};
use utoipa_actix_web::service_config::ServiceConfig;

use crate::{
    call::{Answer, Call, List, Reply},
    extract::{Body, ListQuery, Listing, PathPart},
    guard::Guard,
};

pub fn configure(config: &mut ServiceConfig) {
    config.service(get_ticket).service(list_tickets).service(create_ticket).service(assign_ticket).service(resolve_ticket);
}

impl ListQuery for TicketFilter {
    const SPEC: ListSpec = tickets::LIST;
}

/// One ticket.
#[utoipa::path(
    tag = "tickets",
    params(("id" = TicketId, Path, description = "The ticket's id.")),
    responses((status = 200, description = "The ticket.", body = Ticket)),
    security(("bearer" = ["tickets:read"]))
)]
#[get("/tickets/{id}")]
async fn get_ticket(call: Call, granted: Guard<perm::TicketsRead>, id: PathPart<TicketId>) -> Reply {
    let ticket = call.read(async |conn| tickets::get(conn, &call.context, &granted, id.0).await).await?;
    Ok(Answer::resource(&ticket, ticket.version)?)
}

/// A page of tickets.
#[utoipa::path(
    tag = "tickets",
    params(Listing<TicketFilter>),
    responses((status = 200, description = "A page of tickets.", body = List<Ticket>)),
    security(("bearer" = ["tickets:read"]))
)]
#[get("/tickets")]
async fn list_tickets(call: Call, granted: Guard<perm::TicketsRead>, query: Listing<TicketFilter>) -> Reply {
    let page = call.read(async |conn| tickets::list(conn, &call.context, &granted, &query.filter, &query.paging).await).await?;
    Ok(call.page(page)?)
}

/// Files a ticket; its deadline follows from its priority.
#[utoipa::path(
    tag = "tickets",
    request_body = TicketInput,
    responses(
        (status = 201, description = "The new ticket.", body = Ticket),
        (status = 409, description = "`customer_archived`.")
    ),
    security(("bearer" = ["tickets:write"]))
)]
#[post("/tickets")]
async fn create_ticket(call: Call, granted: Guard<perm::TicketsWrite>, input: Body<TicketInput>) -> Reply {
    let answer = call.write(async |tx| {
        let ticket = tickets::create(tx, &call.context, &granted, &input).await?;
        Answer::created(format!("tickets/{}", ticket.id), &ticket, ticket.version)
    });
    Ok(answer.await?)
}

/// Gives a ticket to somebody; a new one is in progress from then on.
#[utoipa::path(
    tag = "tickets",
    params(("id" = TicketId, Path, description = "The ticket's id.")),
    request_body = AssignInput,
    responses(
        (status = 200, description = "The ticket.", body = Ticket),
        (status = 409, description = "`ticket_wrong_state`: only new, in_progress and waiting tickets.")
    ),
    security(("bearer" = ["tickets:assign"]))
)]
#[post("/tickets/{id}/assign")]
async fn assign_ticket(call: Call, granted: Guard<perm::TicketsAssign>, id: PathPart<TicketId>, input: Body<AssignInput>) -> Reply {
    let answer = call.write(async |tx| {
        let ticket = tickets::assign(tx, &call.context, &granted, id.0, &input).await?;
        Answer::resource(&ticket, ticket.version)
    });
    Ok(answer.await?)
}

/// Solves a ticket.
#[utoipa::path(
    tag = "tickets",
    params(("id" = TicketId, Path, description = "The ticket's id.")),
    request_body = ResolveInput,
    responses(
        (status = 200, description = "The ticket, resolved.", body = Ticket),
        (status = 409, description = "`ticket_wrong_state`: only in_progress and waiting tickets.")
    ),
    security(("bearer" = ["tickets:work"]))
)]
#[post("/tickets/{id}/resolve")]
async fn resolve_ticket(call: Call, granted: Guard<perm::TicketsWork>, id: PathPart<TicketId>, input: Body<ResolveInput>) -> Reply {
    let answer = call.write(async |tx| {
        let ticket = tickets::resolve(tx, &call.context, &granted, id.0, &input).await?;
        Answer::resource(&ticket, ticket.version)
    });
    Ok(answer.await?)
}
