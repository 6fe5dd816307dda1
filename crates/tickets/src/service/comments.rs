//! The use cases of comments.

use acl::{Granted, perm};
use database::{Conn, Page, Paging, Tx, audit::Entry};
use kernel::{
    Result,
    id::{TicketCommentId, TicketId},
};

use super::{load, moment, must_exist};
use crate::{
    input::{CommentFilter, CommentInput},
    model::{Step, TicketAction, TicketComment},
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

/// Adds a comment to a ticket in any status. Errors: `ticket_not_found`.
///
/// A comment for the subscriber is the first response if there was none before.
pub async fn add(tx: &mut Tx, _granted: &Granted<perm::TicketsWrite>, id: TicketId, input: &CommentInput) -> Result<TicketComment> {
    let now = tx.now();
    let ticket = load(tx, id).await?;
    let actor = tx.actor();
    let mut comment = TicketComment {
        id: TicketCommentId::new(0),
        ticket_id: id,
        author_id: actor.user_id,
        author: actor.name.clone(),
        is_internal: input.is_internal,
        text: input.text.clone(),
        created_at: now,
    };
    comment.id = store::comments::insert(tx, &comment).await?;
    if !comment.is_internal
        && let Some(answered) = ticket.answered(moment(tx.context()))
    {
        store::update(tx, &ticket, &answered).await?;
        tx.record(Entry::new("ticket.answered", "ticket", id).change(&ticket, &answered));
    }
    store::journal::insert(tx, &[Step::beside(&ticket, now, TicketAction::Commented, None)]).await?;
    tx.record(Entry::new(TicketAction::Commented.audit_name(), "ticket", id).created(&comment));
    Ok(comment)
}
