//! SQL of notifications.

use chrono::{DateTime, Utc};
use database::{
    Arg, Bulk, Conn, EventKind, Filter, Page, Paging, Sql, Tx,
    page::{KeyKind, ListSpec, OrderField},
};
use kernel::{
    Result,
    id::{ContractId, CustomerId, EventId, NotificationId, UserId},
};

use super::places;
use crate::{
    input::{InboxFilter, NotificationFilter},
    model::{Channel, Notification, NotificationStatus},
};

/// The sort orders of notification lists.
pub const LIST: ListSpec = ListSpec {
    order_fields: &[
        OrderField { name: "created_at", column: "notifications.created_at", kind: KeyKind::Time },
        OrderField { name: "updated_at", column: "notifications.updated_at", kind: KeyKind::Time },
    ],
    default_order: "-created_at",
    id: "notifications.id",
    id_name: "id",
};

/// The sort orders of an inbox.
pub const INBOX: ListSpec = LIST;

const SELECT: &str = "SELECT notifications.id, notifications.kind, notifications.channel, notifications.status, notifications.event_id, \
     notifications.contract_id, notifications.customer_id, notifications.user_id, notifications.recipient, notifications.subject, \
     notifications.text, notifications.message_id, notifications.attempts, notifications.next_attempt_at, notifications.last_error, \
     notifications.created_at, notifications.updated_at, notifications.sent_at, notifications.read_at, notifications.version FROM notifications";

pub async fn get(conn: &mut Conn, id: NotificationId) -> Result<Option<Notification>> {
    Sql::owned(format!("{SELECT} WHERE notifications.id = $1")).bind(id).optional(conn).await
}

/// Moves all notifications of a subscriber to another, for a merge. Returns their number.
pub async fn give(tx: &mut Tx, from: CustomerId, to: CustomerId) -> Result<u64> {
    let now = tx.now();
    Sql::new("UPDATE notifications SET customer_id = $1, updated_at = $3, version = version + 1 WHERE customer_id = $2")
        .bind(to)
        .bind(from)
        .bind(now)
        .execute(tx)
        .await
}

/// Reads a notification and locks it until the transaction ends.
pub async fn lock(tx: &mut Tx, id: NotificationId) -> Result<Option<Notification>> {
    Sql::owned(format!("{SELECT} WHERE notifications.id = $1{}", tx.for_update())).bind(id).optional(tx).await
}

pub async fn list(conn: &mut Conn, filter: &NotificationFilter, paging: &Paging) -> Result<Page<Notification>> {
    let mut conditions = Filter::new(conn.engine());
    conditions.any("notifications.contract_id", filter.contract_id.as_ref());
    conditions.any("notifications.customer_id", filter.customer_id.as_ref());
    conditions.any("notifications.channel", filter.channel.as_ref());
    conditions.any("notifications.status", filter.status.as_ref());
    conditions.any("notifications.kind", filter.kind.as_ref());
    conditions.at_least("notifications.created_at", filter.created_at_after);
    conditions.at_most("notifications.created_at", filter.created_at_before);
    paging.fetch(conn, SELECT, "notifications", conditions).await
}

pub async fn inbox(conn: &mut Conn, user: UserId, filter: &InboxFilter, paging: &Paging) -> Result<Page<Notification>> {
    let mut conditions = Filter::new(conn.engine());
    conditions.equal("notifications.user_id", Some(user));
    conditions.when(filter.is_read == Some(true), "notifications.read_at IS NOT NULL");
    conditions.when(filter.is_read == Some(false), "notifications.read_at IS NULL");
    paging.fetch(conn, SELECT, "notifications", conditions).await
}

/// A notification to insert.
pub struct NewNotification {
    pub kind: EventKind,
    pub channel: Channel,
    pub status: NotificationStatus,
    pub event_id: EventId,
    pub contract_id: Option<ContractId>,
    pub customer_id: Option<CustomerId>,
    pub user_id: Option<UserId>,
    pub recipient: String,
    pub subject: String,
    pub text: String,
    pub message_id: String,
    /// The number of the ticket that it is about.
    pub thread: Option<String>,
}

const COLUMNS: [&str; 17] = [
    "kind",
    "channel",
    "status",
    "event_id",
    "contract_id",
    "customer_id",
    "user_id",
    "recipient",
    "subject",
    "text",
    "message_id",
    "thread",
    "next_attempt_at",
    "created_at",
    "updated_at",
    "sent_at",
    "version",
];

/// Inserts many notifications.
pub async fn insert_all(tx: &mut Tx, all: Vec<NewNotification>) -> Result<()> {
    let now = tx.now();
    let mut rows = Bulk::into_table("notifications", &COLUMNS);
    for one in all {
        let when = |status: NotificationStatus| Arg::from((one.status == status).then_some(now));
        let (next_attempt_at, sent_at) = (when(NotificationStatus::Pending), when(NotificationStatus::Sent));
        rows.row(vec![
            one.kind.into(),
            one.channel.into(),
            one.status.into(),
            one.event_id.into(),
            one.contract_id.into(),
            one.customer_id.into(),
            one.user_id.into(),
            one.recipient.into(),
            one.subject.into(),
            one.text.into(),
            one.message_id.into(),
            one.thread.into(),
            next_attempt_at,
            now.into(),
            now.into(),
            sent_at,
            1_i64.into(),
        ]);
    }
    rows.execute(tx).await
}

/// Saves the status of a notification and increments its version. Errors: `stale_version` after a concurrent change.
pub async fn update(tx: &mut Tx, after: &mut Notification) -> Result<()> {
    let now = tx.now();
    Sql::new(
        "UPDATE notifications SET status = $1, attempts = $2, next_attempt_at = $3, read_at = $4, updated_at = $7, version = version + 1 \
         WHERE id = $5 AND version = $6",
    )
    .bind(after.status)
    .bind(after.attempts)
    .bind(after.next_attempt_at)
    .bind(after.read_at)
    .bind(after.id)
    .bind(after.version)
    .bind(now)
    .expect_one(tx)
    .await?;
    after.updated_at = now;
    after.version += 1;
    Ok(())
}

/// Removes the oldest notifications created before this moment that are not pending; returns how many.
pub async fn forget(tx: &mut Tx, before: DateTime<Utc>, limit: i64) -> Result<usize> {
    let oldest: Vec<(NotificationId,)> =
        Sql::new("SELECT id FROM notifications WHERE created_at < $1 AND status <> 'pending' ORDER BY created_at, id LIMIT $2")
            .bind(before)
            .bind(limit)
            .all(tx)
            .await?;
    if !oldest.is_empty() {
        let text = format!("DELETE FROM notifications WHERE id IN ({})", places(1, oldest.len()));
        Sql::owned(text).bind_all(oldest.iter().map(|(id,)| Arg::from(*id))).execute(tx).await?;
    }
    Ok(oldest.len())
}
