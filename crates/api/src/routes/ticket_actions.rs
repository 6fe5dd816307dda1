//! Actions on tickets.

use acl::perm;
use actix_web::post;
use kernel::{id::TicketId, input::NoInput};
use tickets::{AssignInput, CloseInput, MergeTicketsInput, PriorityInput, ReopenInput, ResolveInput, Ticket, WaitInput};

use crate::{
    answer::{Answer, Reply},
    call::Call,
    extract::{Body, PathPart},
    guard::Guard,
    routes::mount::Mount,
};

pub fn configure(mount: &mut Mount<'_, '_>) {
    mount.service(assign_ticket).service(start_ticket).service(put_ticket_on_hold).service(resume_ticket);
    mount.service(resolve_ticket).service(close_ticket).service(reopen_ticket).service(change_ticket_priority);
    mount.service(merge_tickets);
}

/// Assigns a ticket to a user who may work on tickets.
///
/// A new ticket is in progress from then on.
#[utoipa::path(
    tag = "tickets",
    params(("id" = TicketId, Path, description = "The ticket's id.")),
    request_body = AssignInput,
    responses(
        (status = 200, description = "The ticket.", body = Ticket),
        (status = 409, description = "`ticket_wrong_state`: the ticket must be new, in_progress or waiting.")
    ),
    security(("bearer" = ["tickets:assign"]))
)]
#[post("/tickets/{id}/assign")]
async fn assign_ticket(call: Call, granted: Guard<perm::TicketsAssign>, id: PathPart<TicketId>, input: Body<AssignInput>) -> Reply {
    let answer = call.write(async |tx| {
        let ticket = tickets::assign(tx, &granted, id.0, &input).await?;
        Answer::resource(&ticket, ticket.version)
    });
    Ok(answer.await?)
}

/// Begins work on a new ticket that was assigned when it was filed.
#[utoipa::path(
    tag = "tickets",
    params(("id" = TicketId, Path, description = "The ticket's id.")),
    request_body = NoInput,
    responses(
        (status = 200, description = "The ticket.", body = Ticket),
        (status = 409, description = "`ticket_wrong_state`: the ticket must be new; `ticket_not_assigned`.")
    ),
    security(("bearer" = ["tickets:work"]))
)]
#[post("/tickets/{id}/start_work")]
async fn start_ticket(call: Call, granted: Guard<perm::TicketsWork>, id: PathPart<TicketId>, _input: Body<NoInput>) -> Reply {
    let answer = call.write(async |tx| {
        let ticket = tickets::start_work(tx, &granted, id.0).await?;
        Answer::resource(&ticket, ticket.version)
    });
    Ok(answer.await?)
}

/// Sets a ticket to waiting.
///
/// Its deadline is paused: when the ticket is resumed, `due_at` moves by the working time that it waited.
#[utoipa::path(
    tag = "tickets",
    params(("id" = TicketId, Path, description = "The ticket's id.")),
    request_body = WaitInput,
    responses(
        (status = 200, description = "The ticket.", body = Ticket),
        (status = 409, description = "`ticket_wrong_state`: the ticket must be new or in_progress.")
    ),
    security(("bearer" = ["tickets:work"]))
)]
#[post("/tickets/{id}/wait")]
async fn put_ticket_on_hold(call: Call, granted: Guard<perm::TicketsWork>, id: PathPart<TicketId>, input: Body<WaitInput>) -> Reply {
    let answer = call.write(async |tx| {
        let ticket = tickets::wait(tx, &granted, id.0, &input).await?;
        Answer::resource(&ticket, ticket.version)
    });
    Ok(answer.await?)
}

/// Resumes a waiting ticket.
///
/// It is in progress, or new if it is assigned to nobody.
#[utoipa::path(
    tag = "tickets",
    params(("id" = TicketId, Path, description = "The ticket's id.")),
    request_body = NoInput,
    responses(
        (status = 200, description = "The ticket.", body = Ticket),
        (status = 409, description = "`ticket_wrong_state`: the ticket must be waiting.")
    ),
    security(("bearer" = ["tickets:work"]))
)]
#[post("/tickets/{id}/resume")]
async fn resume_ticket(call: Call, granted: Guard<perm::TicketsWork>, id: PathPart<TicketId>, _input: Body<NoInput>) -> Reply {
    let answer = call.write(async |tx| {
        let ticket = tickets::resume(tx, &granted, id.0).await?;
        Answer::resource(&ticket, ticket.version)
    });
    Ok(answer.await?)
}

/// Resolves a ticket.
#[utoipa::path(
    tag = "tickets",
    params(("id" = TicketId, Path, description = "The ticket's id.")),
    request_body = ResolveInput,
    responses(
        (status = 200, description = "The ticket.", body = Ticket),
        (status = 409, description = "`ticket_wrong_state`: the ticket must be in_progress or waiting.")
    ),
    security(("bearer" = ["tickets:work"]))
)]
#[post("/tickets/{id}/resolve")]
async fn resolve_ticket(call: Call, granted: Guard<perm::TicketsWork>, id: PathPart<TicketId>, input: Body<ResolveInput>) -> Reply {
    let answer = call.write(async |tx| {
        let ticket = tickets::resolve(tx, &granted, id.0, &input).await?;
        Answer::resource(&ticket, ticket.version)
    });
    Ok(answer.await?)
}

/// Closes a ticket.
///
/// A ticket that is not resolved needs a reason.
#[utoipa::path(
    tag = "tickets",
    params(("id" = TicketId, Path, description = "The ticket's id.")),
    request_body = CloseInput,
    responses(
        (status = 200, description = "The ticket.", body = Ticket),
        (status = 409, description = "`ticket_wrong_state`: the ticket must not be closed.")
    ),
    security(("bearer" = ["tickets:work"]))
)]
#[post("/tickets/{id}/close")]
async fn close_ticket(call: Call, granted: Guard<perm::TicketsWork>, id: PathPart<TicketId>, input: Body<CloseInput>) -> Reply {
    let answer = call.write(async |tx| {
        let ticket = tickets::close(tx, &granted, id.0, &input).await?;
        Answer::resource(&ticket, ticket.version)
    });
    Ok(answer.await?)
}

/// Reopens a resolved or closed ticket.
///
/// It stays assigned to its user and is in progress. If that account may no longer work on tickets, the ticket is new and assigned
/// to nobody. It has the time that was left when it was resolved or closed. The journal keeps the earlier times.
#[utoipa::path(
    tag = "tickets",
    params(("id" = TicketId, Path, description = "The ticket's id.")),
    request_body = ReopenInput,
    responses(
        (status = 200, description = "The ticket.", body = Ticket),
        (status = 409, description = "`ticket_wrong_state`: the ticket must be resolved or closed.")
    ),
    security(("bearer" = ["tickets:work"]))
)]
#[post("/tickets/{id}/reopen")]
async fn reopen_ticket(call: Call, granted: Guard<perm::TicketsWork>, id: PathPart<TicketId>, input: Body<ReopenInput>) -> Reply {
    let answer = call.write(async |tx| {
        let ticket = tickets::reopen(tx, &granted, id.0, &input).await?;
        Answer::resource(&ticket, ticket.version)
    });
    Ok(answer.await?)
}

/// Changes the priority of a ticket.
///
/// `due_at` becomes what it would be if the ticket had been filed with this priority.
#[utoipa::path(
    tag = "tickets",
    params(("id" = TicketId, Path, description = "The ticket's id.")),
    request_body = PriorityInput,
    responses(
        (status = 200, description = "The ticket.", body = Ticket),
        (status = 409, description = "`ticket_wrong_state`: the ticket must not be closed.")
    ),
    security(("bearer" = ["tickets:work"]))
)]
#[post("/tickets/{id}/change_priority")]
async fn change_ticket_priority(
    call: Call,
    granted: Guard<perm::TicketsWork>,
    id: PathPart<TicketId>,
    input: Body<PriorityInput>,
) -> Reply {
    let answer = call.write(async |tx| {
        let ticket = tickets::change_priority(tx, &granted, id.0, &input).await?;
        Answer::resource(&ticket, ticket.version)
    });
    Ok(answer.await?)
}

/// Merges a duplicate into a ticket.
///
/// The ticket gets the comments and files of the duplicate, which is closed for good and names the ticket in `merged_into`. Mail that
/// names the duplicate becomes a comment on the ticket.
#[utoipa::path(
    tag = "tickets",
    params(("id" = TicketId, Path, description = "The id of the ticket that goes on.")),
    request_body = MergeTicketsInput,
    responses(
        (status = 200, description = "The ticket that goes on.", body = Ticket),
        (status = 409, description = "`ticket_wrong_state`: the ticket must not be closed; `ticket_merged`: one of them was merged before; `ticket_attachments_full`: together they have over 100 files.")
    ),
    security(("bearer" = ["tickets:work"]))
)]
#[post("/tickets/{id}/merge")]
async fn merge_tickets(call: Call, granted: Guard<perm::TicketsWork>, id: PathPart<TicketId>, input: Body<MergeTicketsInput>) -> Reply {
    let answer = call.write(async |tx| {
        let ticket = tickets::merge(tx, &granted, id.0, &input).await?;
        Answer::resource(&ticket, ticket.version)
    });
    Ok(answer.await?)
}
