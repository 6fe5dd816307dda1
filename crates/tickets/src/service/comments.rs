//! The use cases of comments.

use acl::{Granted, perm};
use database::{Conn, EventKind, Page, Paging, Tx, audit::Entry};
use kernel::{
    Result,
    id::{TicketCommentId, TicketId},
};

use super::{load, moment, must_exist};
use crate::{
    input::{CommentFilter, CommentInput},
    model::{Step, Ticket, TicketAction, TicketComment},
    store,
};

/// Returns a page of the comments on a ticket. Errors: `ticket_not_found`.
pub async fn list(
    conn: &mut Conn,
    _granted: &Granted<perm::TicketsRead>,
    id: TicketId,
    filter: &CommentFilter,
    paging: &Paging,
) -> Result<Page<TicketComment>> {
    must_exist(conn, id).await?;
    store::comments::list(conn, id, filter, paging).await
}

/// Adds a comment to a ticket in any status. Errors: `ticket_not_found`, `ticket_merged`.
///
/// A comment for the subscriber is the first response if there was none before.
pub async fn add(tx: &mut Tx, _granted: &Granted<perm::TicketsWrite>, id: TicketId, input: &CommentInput) -> Result<TicketComment> {
    let ticket = load(tx, id).await?;
    ticket.not_merged()?;
    let actor = tx.actor();
    let comment = TicketComment {
        id: TicketCommentId::new(0),
        ticket_id: id,
        author_id: actor.user_id,
        author: actor.name.clone(),
        is_from_customer: false,
        is_internal: input.is_internal,
        text: input.text.clone(),
        created_at: tx.now(),
    };
    let comment = write(tx, &ticket, comment).await?;
    if !comment.is_internal
        && let Some(answered) = ticket.answered(moment(tx))
    {
        store::update(tx, &ticket, &answered).await?;
        tx.record(Entry::new("ticket.answered", "ticket", id).change(&ticket, &answered));
        super::tell(tx, EventKind::TicketChanged, &answered, serde_json::json!({}));
    }
    Ok(comment)
}

/// Adds what the subscriber wrote to a locked ticket.
pub(super) async fn add_from_customer(tx: &mut Tx, ticket: &Ticket, author: String, text: String) -> Result<TicketComment> {
    let comment = TicketComment {
        id: TicketCommentId::new(0),
        ticket_id: ticket.id,
        author_id: None,
        author,
        is_from_customer: true,
        is_internal: false,
        text,
        created_at: tx.now(),
    };
    write(tx, ticket, comment).await
}

async fn write(tx: &mut Tx, ticket: &Ticket, mut comment: TicketComment) -> Result<TicketComment> {
    comment.id = store::comments::insert(tx, &comment).await?;
    store::journal::insert(tx, &[Step::beside(ticket, comment.created_at, TicketAction::Commented, None)]).await?;
    tx.record(Entry::new(TicketAction::Commented.audit_name(), "ticket", ticket.id).created(&comment));
    Ok(comment)
}
