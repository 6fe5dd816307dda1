//! Notifications and the inbox.

use acl::{Permission, perm};
use actix_web::{get, post};
use database::page::ListSpec;
use kernel::{id::NotificationId, input::NoInput};
use notifications::{InboxFilter, Notification, NotificationFilter, notifications as messages};

use crate::{
    answer::{Answer, List, Reply},
    call::Call,
    expand::{Expandable, Expanding, Part},
    extract::{Body, ListQuery, Listing, PathPart},
    guard::{AnyCaller, Guard},
    routes::mount::Mount,
};

pub fn configure(mount: &mut Mount<'_, '_>) {
    // before the path with an id, which also matches it
    mount.service(list_inbox);
    mount.service(get_notification).service(list_notifications).service(retry_notification).service(read_notification);
}

impl ListQuery for NotificationFilter {
    const SPEC: ListSpec = notifications::LIST;
    const PARTS: &'static [Part] = Notification::PARTS;
}

impl ListQuery for InboxFilter {
    const SPEC: ListSpec = notifications::INBOX_LIST;
    const PARTS: &'static [Part] = Notification::PARTS;
}

/// The entity under which reads of addresses are recorded.
const ENTITY: &str = "notification";

/// Returns a notification: its text, its recipient and its delivery.
#[utoipa::path(
    tag = "notifications",
    params(("id" = NotificationId, Path, description = "The notification's id."), Expanding<Notification>),
    responses((status = 200, description = "The notification.", body = Notification)),
    security(("bearer" = ["notifications:read"]))
)]
#[get("/notifications/{id}")]
async fn get_notification(
    call: Call,
    granted: Guard<perm::NotificationsRead>,
    id: PathPart<NotificationId>,
    query: Expanding<Notification>,
) -> Reply {
    let notification = call.read(async |conn| messages::get(conn, &granted, id.0).await).await?;
    if granted.may(Permission::CustomersPii) && notification.customer_id.is_some() {
        call.record_read(ENTITY, [notification.id.get()]).await?;
    }
    Ok(query.expand.one(&call, &notification, notification.version).await?)
}

/// Lists notifications to subscribers and staff.
#[utoipa::path(
    tag = "notifications",
    params(Listing<NotificationFilter>),
    responses((status = 200, description = "A page of notifications.", body = List<Notification>)),
    security(("bearer" = ["notifications:read"]))
)]
#[get("/notifications")]
async fn list_notifications(call: Call, granted: Guard<perm::NotificationsRead>, query: Listing<NotificationFilter>) -> Reply {
    let page = call.read(async |conn| messages::list(conn, &granted, &query.filter, &query.paging).await).await?;
    if granted.may(Permission::CustomersPii) {
        let of_subscribers = page.results.iter().filter(|one| one.customer_id.is_some());
        call.record_read(ENTITY, of_subscribers.map(|one| one.id.get())).await?;
    }
    Ok(query.expand.page(&call, page).await?)
}

/// Lists the caller's notifications, newest first.
#[utoipa::path(
    tag = "notifications",
    params(Listing<InboxFilter>),
    responses((status = 200, description = "A page of notifications.", body = List<Notification>)),
    security(("bearer" = []))
)]
#[get("/notifications/inbox")]
async fn list_inbox(call: Call, caller: AnyCaller, query: Listing<InboxFilter>) -> Reply {
    let page = call.read(async |conn| messages::inbox(conn, &caller, &query.filter, &query.paging).await).await?;
    Ok(query.expand.page(&call, page).await?)
}

/// Marks one of the caller's notifications as read.
#[utoipa::path(
    tag = "notifications",
    params(("id" = NotificationId, Path, description = "The notification's id.")),
    request_body = NoInput,
    responses((status = 200, description = "The notification.", body = Notification)),
    security(("bearer" = []))
)]
#[post("/notifications/{id}/read")]
async fn read_notification(call: Call, caller: AnyCaller, id: PathPart<NotificationId>, _input: Body<NoInput>) -> Reply {
    let answer = call.write(async |tx| {
        let notification = messages::read(tx, &caller, id.0).await?;
        Answer::resource(&notification, notification.version)
    });
    Ok(answer.await?)
}

/// Sends a message again that failed, or that was kept while its channel had no settings.
///
/// The text and the id stay the same.
#[utoipa::path(
    tag = "notifications",
    params(("id" = NotificationId, Path, description = "The notification's id.")),
    request_body = NoInput,
    responses(
        (status = 200, description = "The notification, pending.", body = Notification),
        (status = 409, description = "`notification_wrong_state`, `channel_not_configured`.")
    ),
    security(("bearer" = ["notifications:manage"]))
)]
#[post("/notifications/{id}/retry")]
async fn retry_notification(
    call: Call,
    granted: Guard<perm::NotificationsManage>,
    id: PathPart<NotificationId>,
    _input: Body<NoInput>,
) -> Reply {
    let has = |channel| call.state.couriers.rules.has(channel);
    let answer = call.write(async |tx| {
        let notification = messages::retry(tx, &granted, id.0, has).await?;
        Answer::resource(&notification, notification.version)
    });
    let answer = answer.await?;
    if granted.may(Permission::CustomersPii) {
        call.record_read(ENTITY, [id.0.get()]).await?;
    }
    Ok(answer)
}
