//! SQL of mails from subscribers.

use chrono::{DateTime, Utc};
use database::{Bulk, Conn, Sql, Tx};
use kernel::{Result, id::InboundMailId};

use crate::model::InboundMail;

const SELECT: &str =
    "SELECT id, outcome, reason, ticket_id, comment_id, attached, left_out, message_id, sender, received_at FROM inbound_mails";

/// Returns the mail that was received before under this key.
pub async fn known(conn: &mut Conn, key: &str) -> Result<Option<InboundMail>> {
    Sql::owned(format!("{SELECT} WHERE mail_key = $1")).bind(key.to_owned()).optional(conn).await
}

/// Counts the mails of a sender since this moment.
pub async fn count_of(conn: &mut Conn, sender: &str, since: DateTime<Utc>) -> Result<i64> {
    let sql = Sql::new("SELECT CAST(COUNT(*) AS BIGINT) FROM inbound_mails WHERE sender = $1 AND received_at >= $2");
    sql.bind(sender.to_owned()).bind(since).scalar(conn).await
}

/// Errors: `duplicate` if the same mail was received meanwhile.
pub async fn insert(tx: &mut Tx, key: &str, mail: &InboundMail) -> Result<InboundMailId> {
    let columns =
        ["mail_key", "message_id", "sender", "outcome", "reason", "ticket_id", "comment_id", "attached", "left_out", "received_at"];
    let mut rows = Bulk::into_table("inbound_mails", &columns);
    rows.row(vec![
        key.to_owned().into(),
        (&mail.message_id).into(),
        (&mail.sender).into(),
        mail.outcome.into(),
        mail.reason.into(),
        mail.ticket_id.into(),
        mail.comment_id.into(),
        mail.attached.into(),
        mail.left_out.clone().into(),
        mail.received_at.into(),
    ]);
    rows.insert_one(tx).await
}

/// Removes the records of mails that were received before this moment, at most `limit`.
pub async fn forget(tx: &mut Tx, before: DateTime<Utc>, limit: i64) -> Result<u64> {
    Sql::new("DELETE FROM inbound_mails WHERE id IN (SELECT id FROM inbound_mails WHERE received_at < $1 ORDER BY received_at LIMIT $2)")
        .bind(before)
        .bind(limit)
        .execute(tx)
        .await
}
