//! SQL of comments.

use database::{
    Arg, Bulk, Conn, Filter, Page, Paging, Sql, Tx,
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
    let select = "SELECT id, ticket_id, author_id, author, is_from_customer, is_internal, text, created_at FROM ticket_comments";
    paging.fetch(conn, select, "ticket_comments", conditions).await
}

pub async fn insert(tx: &mut Tx, comment: &TicketComment) -> Result<TicketCommentId> {
    let mut rows = Bulk::into_table("ticket_comments", &COLUMNS);
    rows.row(values(comment));
    rows.insert_one(tx).await
}

/// Inserts many comments.
pub async fn insert_all(tx: &mut Tx, comments: &[TicketComment]) -> Result<()> {
    let mut rows = Bulk::into_table("ticket_comments", &COLUMNS);
    comments.iter().for_each(|comment| rows.row(values(comment)));
    rows.execute(tx).await
}

/// Moves the comments of a duplicate to the ticket that goes on.
pub async fn give(tx: &mut Tx, from: TicketId, to: TicketId) -> Result<()> {
    Sql::new("UPDATE ticket_comments SET ticket_id = $2 WHERE ticket_id = $1").bind(from).bind(to).execute(tx).await.map(drop)
}

const COLUMNS: [&str; 7] = ["ticket_id", "author_id", "author", "is_from_customer", "is_internal", "text", "created_at"];

fn values(comment: &TicketComment) -> Vec<Arg> {
    vec![
        comment.ticket_id.into(),
        comment.author_id.into(),
        (&comment.author).into(),
        comment.is_from_customer.into(),
        comment.is_internal.into(),
        (&comment.text).into(),
        comment.created_at.into(),
    ]
}
