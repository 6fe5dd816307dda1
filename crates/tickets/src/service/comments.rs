//! What is said about tickets.

use acl::{Granted, perm};
use kernel::{
    Context, Page, Paging, Result,
    audit::Entry,
    db::{Conn, Tx},
    id::{TicketCommentId, TicketId},
};

use super::{load, must_exist, now};
use crate::{
    input::{CommentFilter, CommentInput},
    model::{Step, TicketAction, TicketComment},
    store,
};

/// A page of the comments on a ticket. Errors: `ticket_not_found`.
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

/// Comments on a ticket, in any state. The first one for the subscriber is an answer. Errors: `ticket_not_found`.
pub async fn add(
    tx: &mut Tx,
    context: &Context,
    granted: &Granted<perm::TicketsWrite>,
    id: TicketId,
    input: &CommentInput,
) -> Result<TicketComment> {
    let ticket = load(tx, id).await?;
    let actor = granted.actor();
    let mut comment = TicketComment {
        id: TicketCommentId::new(0),
        ticket_id: id,
        author_id: actor.user_id,
        author: actor.name.clone(),
        is_internal: input.is_internal,
        text: input.text.clone(),
        created_at: context.now,
    };
    comment.id = store::comments::insert(tx, &comment).await?;
    if !comment.is_internal
        && let Some(answered) = ticket.answered(now(context))
    {
        store::update(tx, &ticket, &answered).await?;
        tx.record(Entry::new(actor, "ticket.answered", "ticket", id).change(&ticket, &answered));
    }
    store::journal::insert(tx, actor, &[Step::beside(&ticket, context.now, TicketAction::Commented, None)]).await?;
    tx.record(Entry::new(actor, TicketAction::Commented.audit_name(), "ticket", id).created(&comment));
    Ok(comment)
}
