//! Templates of notifications.

use acl::perm;
use actix_web::{delete, get, put};
use database::EventKind;
use notifications::{
    Channel, Language, Template, TemplateInput,
    templates::{self, Key},
};
use serde::Deserialize;

use crate::{
    answer::{Answer, List, Reply},
    call::Call,
    extract::{Change, PathFields},
    guard::Guard,
    routes::mount::Mount,
};

/// The path parameters that identify a template.
#[derive(Deserialize)]
struct TemplatePath {
    kind: EventKind,
    channel: Channel,
    language: Language,
}

impl TemplatePath {
    fn key(&self) -> Key {
        Key { kind: self.kind, channel: self.channel, language: self.language }
    }
}

pub fn configure(mount: &mut Mount<'_, '_>) {
    mount.service(list_templates).service(get_template).service(set_template).service(reset_template);
}

/// Lists all templates.
///
/// There is one for each kind of event, channel and language in which somebody is notified. They are ordered by these, and always
/// on one page.
#[utoipa::path(
    tag = "notifications",
    responses((status = 200, description = "All templates.", body = List<Template>)),
    security(("bearer" = ["notifications:manage"]))
)]
#[get("/notification-templates")]
async fn list_templates(call: Call, granted: Guard<perm::NotificationsManage>) -> Reply {
    let results = call.read(async |conn| templates::list(conn, &granted).await).await?;
    Ok(Answer::ok(&List::whole(results))?)
}

/// Returns a template.
#[utoipa::path(
    tag = "notifications",
    params(
        ("kind" = EventKind, Path, description = "The kind of event."),
        ("channel" = Channel, Path, description = "The channel of the notification."),
        ("language" = Language, Path, description = "The language of the notification.")
    ),
    responses((status = 200, description = "The template.", body = Template)),
    security(("bearer" = ["notifications:manage"]))
)]
#[get("/notification-templates/{kind}/{channel}/{language}")]
async fn get_template(call: Call, granted: Guard<perm::NotificationsManage>, at: PathFields<TemplatePath>) -> Reply {
    let template = call.read(async |conn| templates::get(conn, &granted, at.key()).await).await?;
    Ok(Answer::resource(&template, template.version)?)
}

/// Changes the text of notifications created from now on; existing ones keep their text.
///
/// Placeholders such as `{{amount}}` are replaced by values. Field `placeholders` of the template lists those available.
#[utoipa::path(
    tag = "notifications",
    params(
        ("kind" = EventKind, Path, description = "The kind of event."),
        ("channel" = Channel, Path, description = "The channel of the notification."),
        ("language" = Language, Path, description = "The language of the notification.")
    ),
    request_body = TemplateInput,
    responses((status = 200, description = "The template.", body = Template)),
    security(("bearer" = ["notifications:manage"]))
)]
#[put("/notification-templates/{kind}/{channel}/{language}")]
async fn set_template(
    call: Call,
    granted: Guard<perm::NotificationsManage>,
    at: PathFields<TemplatePath>,
    change: Change<TemplateInput>,
) -> Reply {
    let expected = call.expected()?;
    let answer = call.write(async |tx| {
        let template = templates::set(tx, &granted, at.key(), &change.0, &expected).await?;
        Answer::resource(&template, template.version)
    });
    Ok(answer.await?)
}

/// Restores the built-in text of a template.
#[utoipa::path(
    tag = "notifications",
    params(
        ("kind" = EventKind, Path, description = "The kind of event."),
        ("channel" = Channel, Path, description = "The channel of the notification."),
        ("language" = Language, Path, description = "The language of the notification.")
    ),
    responses((status = 204, description = "The built-in text is restored.")),
    security(("bearer" = ["notifications:manage"]))
)]
#[delete("/notification-templates/{kind}/{channel}/{language}")]
async fn reset_template(call: Call, granted: Guard<perm::NotificationsManage>, at: PathFields<TemplatePath>) -> Reply {
    let expected = call.expected()?;
    let answer = call.write(async |tx| {
        templates::reset(tx, &granted, at.key(), &expected).await?;
        Ok(Answer::empty())
    });
    Ok(answer.await?)
}
