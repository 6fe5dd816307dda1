//! Comments on tickets, and their journals.

use acl::perm;
use actix_web::{get, post};
use database::page::ListSpec;
use kernel::id::TicketId;
use tickets::{CommentFilter, CommentInput, HistoryFilter, TicketComment, TicketStep};

use crate::{
    answer::{Answer, List, Reply},
    call::Call,
    extract::{Body, ListQuery, Listing, PathPart},
    guard::Guard,
    routes::mount::Mount,
};

pub fn configure(mount: &mut Mount<'_, '_>) {
    mount.service(list_ticket_comments).service(add_ticket_comment).service(list_ticket_history);
}

impl ListQuery for CommentFilter {
    const SPEC: ListSpec = tickets::COMMENT_LIST;
}

impl ListQuery for HistoryFilter {
    const SPEC: ListSpec = tickets::HISTORY_LIST;
}

/// Lists the comments on a ticket.
#[utoipa::path(
    tag = "tickets",
    params(("id" = TicketId, Path, description = "The ticket's id."), Listing<CommentFilter>),
    responses((status = 200, description = "A page of comments.", body = List<TicketComment>)),
    security(("bearer" = ["tickets:read"]))
)]
#[get("/tickets/{id}/comments")]
async fn list_ticket_comments(
    call: Call,
    granted: Guard<perm::TicketsRead>,
    id: PathPart<TicketId>,
    query: Listing<CommentFilter>,
) -> Reply {
    let page = call.read(async |conn| tickets::comments::list(conn, &granted, id.0, &query.filter, &query.paging).await).await?;
    Ok(call.page(page)?)
}

/// Adds a comment to a ticket, for the staff or for the subscriber.
///
/// The first comment for the subscriber is the ticket's first response, unless it already had one.
#[utoipa::path(
    tag = "tickets",
    params(("id" = TicketId, Path, description = "The ticket's id.")),
    request_body = CommentInput,
    responses(
        (status = 201, description = "The new comment.", body = TicketComment),
        (status = 409, description = "`ticket_merged`: comment on the ticket that it was merged into.")
    ),
    security(("bearer" = ["tickets:write"]))
)]
#[post("/tickets/{id}/comments")]
async fn add_ticket_comment(call: Call, granted: Guard<perm::TicketsWrite>, id: PathPart<TicketId>, input: Body<CommentInput>) -> Reply {
    let answer = call.write(async |tx| {
        let comment = tickets::comments::add(tx, &granted, id.0, &input).await?;
        Answer::created_plain(format!("tickets/{}/comments", id.0), &comment)
    });
    Ok(answer.await?)
}

/// Lists a ticket's journal: every step since it was filed.
#[utoipa::path(
    tag = "tickets",
    params(("id" = TicketId, Path, description = "The ticket's id."), Listing<HistoryFilter>),
    responses((status = 200, description = "A page of steps.", body = List<TicketStep>)),
    security(("bearer" = ["tickets:read"]))
)]
#[get("/tickets/{id}/history")]
async fn list_ticket_history(
    call: Call,
    granted: Guard<perm::TicketsRead>,
    id: PathPart<TicketId>,
    query: Listing<HistoryFilter>,
) -> Reply {
    let page = call.read(async |conn| tickets::history(conn, &granted, id.0, &query.paging).await).await?;
    Ok(call.page(page)?)
}
