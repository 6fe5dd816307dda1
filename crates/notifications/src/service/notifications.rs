//! Notifications as shown to staff.

use acl::{Granted, Permission, SignedIn, perm};
use chrono::TimeDelta;
use database::{Conn, Page, Paging, Tx, audit::Entry};
use kernel::{
    Error, Result,
    id::{CustomerId, NotificationId},
};
use serde_json::json;

use crate::{
    input::{InboxFilter, NotificationFilter},
    model::{Channel, Notification, refusal},
    store::notifications as store,
};

/// Returns a notification, with a masked address for callers who may not see personal data. Errors: `notification_not_found`.
pub async fn get(conn: &mut Conn, granted: &Granted<perm::NotificationsRead>, id: NotificationId) -> Result<Notification> {
    let notification = store::get(conn, id).await?.ok_or(refusal::NOT_FOUND)?;
    Ok(notification.shown(granted.may(Permission::CustomersPii)))
}

/// Lists notifications, masked in the same way.
pub async fn list(
    conn: &mut Conn,
    granted: &Granted<perm::NotificationsRead>,
    filter: &NotificationFilter,
    paging: &Paging,
) -> Result<Page<Notification>> {
    let unmasked = granted.may(Permission::CustomersPii);
    Ok(store::list(conn, filter, paging).await?.map(|notification| notification.shown(unmasked)))
}

/// Lists the caller's own notifications.
pub async fn inbox(conn: &mut Conn, caller: &SignedIn, filter: &InboxFilter, paging: &Paging) -> Result<Page<Notification>> {
    store::inbox(conn, caller.user_id, filter, paging).await
}

/// Marks one of the caller's notifications as read, unless it already is. Errors: `notification_not_found`.
pub async fn read(tx: &mut Tx, caller: &SignedIn, id: NotificationId) -> Result<Notification> {
    let before = store::lock(tx, id).await?.filter(|one| one.user_id == Some(caller.user_id)).ok_or(refusal::NOT_FOUND)?;
    if before.read_at.is_some() {
        return Ok(before);
    }
    let mut after = Notification { read_at: Some(tx.now()), ..before.clone() };
    store::update(tx, &mut after).await?;
    let (was, is) = (json!({"read_at": before.read_at}), json!({"read_at": after.read_at}));
    tx.record(Entry::new("notification.read", "notification", id).change(&was, &is));
    Ok(after)
}

/// Moves all notifications of a locked subscriber to another, for a merge; their recipients stay. Returns their number.
pub async fn give(tx: &mut Tx, from: CustomerId, to: CustomerId) -> Result<u64> {
    store::give(tx, from, to).await
}

/// Sends a message again that failed or was not sent, with the same id and text.
///
/// `configured` lists the channels that can send. Errors: `notification_not_found`, `notification_wrong_state`, `channel_not_configured`.
pub async fn retry(
    tx: &mut Tx,
    granted: &Granted<perm::NotificationsManage>,
    id: NotificationId,
    configured: impl Fn(Channel) -> bool,
) -> Result<Notification> {
    let before = store::lock(tx, id).await?.ok_or(refusal::NOT_FOUND)?;
    let mut after = before.retried(tx.now())?;
    if !configured(after.channel) {
        return Err(Error::new(refusal::CHANNEL_NOT_CONFIGURED).with("channel", after.channel));
    }
    store::update(tx, &mut after).await?;
    let (was, is) = (json!({"status": before.status}), json!({"status": after.status}));
    tx.record(Entry::new("notification.retried", "notification", id).change(&was, &is));
    Ok(after.shown(granted.may(Permission::CustomersPii)))
}

/// Removes notifications that are older than this and not pending, a limited number at a time; returns how many.
pub async fn forget(tx: &mut Tx, days: i64, limit: i64) -> Result<usize> {
    let now = tx.now();
    store::forget(tx, now - TimeDelta::days(days), limit).await
}
