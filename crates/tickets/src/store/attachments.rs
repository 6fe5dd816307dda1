//! SQL of attachments and left-over files.

use chrono::{DateTime, Utc};
use database::{
    Bulk, Conn, Filter, Page, Paging, Sql, Tx,
    page::{KeyKind, ListSpec, OrderField},
};
use kernel::{
    Result,
    id::{TicketAttachmentId, TicketId},
};

use crate::model::TicketAttachment;

/// Order fields of a ticket's attachments; by default in the order of attaching.
pub const LIST: ListSpec = ListSpec {
    order_fields: &[OrderField { name: "created_at", column: "ticket_attachments.created_at", kind: KeyKind::Time }],
    default_order: "created_at",
    id: "ticket_attachments.id",
    id_name: "id",
};

const SELECT: &str =
    "SELECT id, ticket_id, file_key, name, media_type, size, sha256, uploaded_by, uploader, created_at FROM ticket_attachments";

pub async fn list(conn: &mut Conn, ticket: TicketId, paging: &Paging) -> Result<Page<TicketAttachment>> {
    let mut conditions = Filter::new(conn.engine());
    conditions.equal("ticket_attachments.ticket_id", Some(ticket));
    paging.fetch(conn, SELECT, "ticket_attachments", conditions).await
}

pub async fn get(conn: &mut Conn, ticket: TicketId, id: TicketAttachmentId) -> Result<Option<TicketAttachment>> {
    Sql::owned(format!("{SELECT} WHERE id = $1 AND ticket_id = $2")).bind(id).bind(ticket).optional(conn).await
}

/// Returns a file of any ticket.
pub async fn find(conn: &mut Conn, id: TicketAttachmentId) -> Result<Option<TicketAttachment>> {
    Sql::owned(format!("{SELECT} WHERE id = $1")).bind(id).optional(conn).await
}

pub async fn count(conn: &mut Conn, ticket: TicketId) -> Result<i64> {
    Sql::new("SELECT CAST(COUNT(*) AS BIGINT) FROM ticket_attachments WHERE ticket_id = $1").bind(ticket).scalar(conn).await
}

pub async fn insert(tx: &mut Tx, attachment: &TicketAttachment) -> Result<TicketAttachmentId> {
    let columns = ["ticket_id", "file_key", "name", "media_type", "size", "sha256", "uploaded_by", "uploader", "created_at"];
    let mut rows = Bulk::into_table("ticket_attachments", &columns);
    rows.row(vec![
        attachment.ticket_id.into(),
        (&attachment.file_key).into(),
        (&attachment.name).into(),
        (&attachment.media_type).into(),
        attachment.size.into(),
        (&attachment.sha256).into(),
        attachment.uploaded_by.into(),
        (&attachment.uploader).into(),
        attachment.created_at.into(),
    ]);
    rows.insert_one(tx).await
}

pub async fn delete(tx: &mut Tx, id: TicketAttachmentId) -> Result<()> {
    Sql::new("DELETE FROM ticket_attachments WHERE id = $1").bind(id).execute(tx).await.map(drop)
}

/// Moves the files of a duplicate to the ticket that goes on.
pub async fn give(tx: &mut Tx, from: TicketId, to: TicketId) -> Result<()> {
    Sql::new("UPDATE ticket_attachments SET ticket_id = $2 WHERE ticket_id = $1").bind(from).bind(to).execute(tx).await.map(drop)
}

/// Records the files of a ticket as left over.
pub async fn leave_all(tx: &mut Tx, ticket: TicketId, since: DateTime<Utc>) -> Result<()> {
    Sql::new("INSERT INTO leftover_files (file_key, since) SELECT file_key, $2 FROM ticket_attachments WHERE ticket_id = $1")
        .bind(ticket)
        .bind(since)
        .execute(tx)
        .await
        .map(drop)
}

/// Records a file as left over: it has no attachment, or not yet.
pub async fn leave(tx: &mut Tx, key: &str, since: DateTime<Utc>) -> Result<()> {
    Sql::new("INSERT INTO leftover_files (file_key, since) VALUES ($1, $2)").bind(key.to_owned()).bind(since).execute(tx).await.map(drop)
}

/// Deletes the record of a file that is being attached; returns whether it was recorded later than this moment.
pub async fn take(tx: &mut Tx, key: &str, later_than: DateTime<Utc>) -> Result<bool> {
    let sql = Sql::new("DELETE FROM leftover_files WHERE file_key = $1 AND since > $2");
    Ok(sql.bind(key.to_owned()).bind(later_than).execute(tx).await? == 1)
}

/// Prevents attaching the file by changing its time; returns whether it was still left over.
pub async fn give_up(tx: &mut Tx, key: &str, since: DateTime<Utc>) -> Result<bool> {
    let sql = Sql::new("UPDATE leftover_files SET since = $2 WHERE file_key = $1");
    Ok(sql.bind(key.to_owned()).bind(since).execute(tx).await? == 1)
}

/// Deletes the record of a removed file.
pub async fn forget(tx: &mut Tx, key: &str) -> Result<()> {
    Sql::new("DELETE FROM leftover_files WHERE file_key = $1").bind(key.to_owned()).execute(tx).await.map(drop)
}

/// Returns the oldest files that were recorded as left over before this moment.
pub async fn left_before(conn: &mut Conn, moment: DateTime<Utc>, most: i64) -> Result<Vec<String>> {
    let rows: Vec<(String,)> =
        Sql::new("SELECT file_key FROM leftover_files WHERE since < $1 ORDER BY since LIMIT $2").bind(moment).bind(most).all(conn).await?;
    Ok(rows.into_iter().map(|(key,)| key).collect())
}
