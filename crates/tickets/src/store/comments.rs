//! SQL of comments.

use database::{
    Bulk, Conn, Filter, Page, Paging, Tx,
    page::{KeyKind, ListSpec, OrderField},
};
use kernel::{
    Result,
    id::{TicketCommentId, TicketId},
};

use crate::{input::CommentFilter, model::TicketComment};

/// Order fields of the comments on a ticket; by default in the order of writing.
pub const LIST: ListSpec = ListSpec {
    order_fields: &[OrderField { name: "created_at", column: "ticket_comments.created_at", kind: KeyKind::Time }],
    default_order: "created_at",
    id: "ticket_comments.id",
    id_name: "id",
};

pub async fn list(conn: &mut Conn, ticket: TicketId, filter: &CommentFilter, paging: &Paging) -> Result<Page<TicketComment>> {
    let mut conditions = Filter::new(conn.engine());
    conditions.equal("ticket_comments.ticket_id", Some(ticket));
    // one ticket has so few comments that this column needs no index
    conditions.equal("ticket_comments.is_internal", filter.is_internal);
    let select = "SELECT id, ticket_id, author_id, author, is_internal, text, created_at FROM ticket_comments";
    paging.fetch(conn, select, "ticket_comments", conditions).await
}

pub async fn insert(tx: &mut Tx, comment: &TicketComment) -> Result<TicketCommentId> {
    let columns = ["ticket_id", "author_id", "author", "is_internal", "text", "created_at"];
    let mut rows = Bulk::into_table("ticket_comments", &columns);
    rows.row(vec![
        comment.ticket_id.into(),
        comment.author_id.into(),
        (&comment.author).into(),
        comment.is_internal.into(),
        (&comment.text).into(),
        comment.created_at.into(),
    ]);
    rows.insert_one(tx).await
}
