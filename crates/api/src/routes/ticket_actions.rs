//! What is done to tickets (SPEC 9.2).

use acl::perm;
use actix_web::post;
use kernel::{id::TicketId, input::NoInput};
use tickets::{AssignInput, CloseInput, PriorityInput, ReopenInput, ResolveInput, Ticket, WaitInput};

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
}

/// Gives a ticket to somebody who may work on tickets; a new one is in progress from then on.
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
        let ticket = tickets::assign(tx, &granted, id.0, &input).await?;
        Answer::resource(&ticket, ticket.version)
    });
    Ok(answer.await?)
}

/// Begins to work on a new ticket that was given to somebody when it was filed.
#[utoipa::path(
    tag = "tickets",
    params(("id" = TicketId, Path, description = "The ticket's id.")),
    request_body = NoInput,
    responses(
        (status = 200, description = "The ticket.", body = Ticket),
        (status = 409, description = "`ticket_wrong_state`: only new tickets; `ticket_not_assigned`.")
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

/// Puts a ticket on hold.
///
/// Its clock stands still: when it goes on, `due_at` moves by the working time that it waited.
#[utoipa::path(
    tag = "tickets",
    params(("id" = TicketId, Path, description = "The ticket's id.")),
    request_body = WaitInput,
    responses(
        (status = 200, description = "The ticket.", body = Ticket),
        (status = 409, description = "`ticket_wrong_state`: only new and in_progress tickets.")
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

/// Takes a ticket up after its hold: in progress, or new where it is assigned to nobody.
#[utoipa::path(
    tag = "tickets",
    params(("id" = TicketId, Path, description = "The ticket's id.")),
    request_body = NoInput,
    responses(
        (status = 200, description = "The ticket.", body = Ticket),
        (status = 409, description = "`ticket_wrong_state`: only waiting tickets.")
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

/// Solves a ticket.
#[utoipa::path(
    tag = "tickets",
    params(("id" = TicketId, Path, description = "The ticket's id.")),
    request_body = ResolveInput,
    responses(
        (status = 200, description = "The ticket.", body = Ticket),
        (status = 409, description = "`ticket_wrong_state`: only in_progress and waiting tickets.")
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

/// Closes a ticket; one that was not solved needs a reason.
#[utoipa::path(
    tag = "tickets",
    params(("id" = TicketId, Path, description = "The ticket's id.")),
    request_body = CloseInput,
    responses(
        (status = 200, description = "The ticket.", body = Ticket),
        (status = 409, description = "`ticket_wrong_state`: any ticket but a closed one.")
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

/// Takes a solved or closed ticket up once more.
///
/// It stays with its user and is in progress; where that account may no longer work on tickets, it is new and nobody's. It has what was left of its time when it was solved or closed. The journal keeps the earlier times.
#[utoipa::path(
    tag = "tickets",
    params(("id" = TicketId, Path, description = "The ticket's id.")),
    request_body = ReopenInput,
    responses(
        (status = 200, description = "The ticket.", body = Ticket),
        (status = 409, description = "`ticket_wrong_state`: only resolved and closed tickets.")
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

/// Makes a ticket more or less urgent; `due_at` becomes what it would be had it been filed so.
#[utoipa::path(
    tag = "tickets",
    params(("id" = TicketId, Path, description = "The ticket's id.")),
    request_body = PriorityInput,
    responses(
        (status = 200, description = "The ticket.", body = Ticket),
        (status = 409, description = "`ticket_wrong_state`: any ticket but a closed one.")
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
