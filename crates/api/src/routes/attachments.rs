//! Files attached to tickets.

use acl::perm;
use actix_web::{
    HttpResponse, delete, get,
    http::header::{self, Charset, ContentDisposition, DispositionParam, DispositionType, ExtendedValue},
    post,
};
use chrono::TimeDelta;
use database::page::ListSpec;
use files::Files;
use kernel::{
    Error,
    error::common,
    id::{TicketAttachmentId, TicketId},
    input::NoInput,
};
use serde::Deserialize;
use tickets::{TicketAttachment, attachments};
use utoipa::IntoParams;

use crate::{
    answer::{Answer, List, Reply},
    call::Call,
    extract::{Body, ListQuery, Listing, Parameters, PathFields, PathPart},
    guard::Guard,
    links::{self, OneTimeLink},
    problem::Refused,
    routes::mount::Mount,
    upload::{AttachmentForm, Upload},
};

pub fn configure(mount: &mut Mount<'_, '_>) {
    mount.service(list_ticket_attachments).service(attach_file).service(download_attachment).service(remove_attachment);
    mount.service(link_attachment);
}

/// How long the address of one download lives.
const LINK_LIVES: TimeDelta = TimeDelta::seconds(60);

/// The query parameters of a download.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct DownloadQuery {
    /// The ticket in an address from `POST /attachments/{id}/link`, in place of the header `Authorization`.
    #[param(max_length = 100)]
    #[allow(dead_code, reason = "the guard reads it, and the document shows it")]
    ticket: Option<String>,
}

/// The path parameters that identify an attached file.
#[derive(Deserialize)]
struct AttachmentPath {
    id: TicketId,
    attachment_id: TicketAttachmentId,
}

/// The list of files has no filters.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct AttachmentFilter {}

impl ListQuery for AttachmentFilter {
    const SPEC: ListSpec = tickets::ATTACHMENT_LIST;
}

/// Lists the files attached to a ticket.
#[utoipa::path(
    tag = "tickets",
    params(("id" = TicketId, Path, description = "The ticket's id."), Listing<AttachmentFilter>),
    responses((status = 200, description = "A page of files.", body = List<TicketAttachment>)),
    security(("bearer" = ["tickets:read"]))
)]
#[get("/tickets/{id}/attachments")]
async fn list_ticket_attachments(
    call: Call,
    granted: Guard<perm::TicketsRead>,
    id: PathPart<TicketId>,
    query: Listing<AttachmentFilter>,
) -> Reply {
    let page = call.read(async |conn| attachments::list(conn, &granted, id.0, &query.paging).await).await?;
    Ok(call.page(page)?)
}

/// Attaches a file of up to 10 MiB to a ticket.
///
/// The content decides what the file is, and its name and declared type must agree with the content. If the name contains a path,
/// only its last part is kept.
#[utoipa::path(
    tag = "tickets",
    params(("id" = TicketId, Path, description = "The ticket's id.")),
    request_body(content = AttachmentForm, content_type = "multipart/form-data"),
    responses(
        (status = 201, description = "The attached file.", body = TicketAttachment),
        (status = 409, description = "`ticket_attachments_full`: a ticket can have 100 files."),
        (status = 413, description = "The file is over 10 MiB."),
        (status = 429, description = "`too_many_requests`: only a few files are received at the same time.")
    ),
    security(("bearer" = ["tickets:write"]))
)]
#[post("/tickets/{id}/attachments")]
async fn attach_file(call: Call, granted: Guard<perm::TicketsWrite>, id: PathPart<TicketId>, upload: Upload) -> Reply {
    call.check_idempotency_key()?;
    call.read(async |conn| attachments::may_add(conn, &granted, id.0).await).await?;
    let _place = call.caller().map(|caller| call.state.uploads.take(caller.user_id)).transpose().map_err(|full| {
        let (limit, whose) = full.told();
        Error::new(common::TOO_MANY_REQUESTS).with("limit", limit).with("whose", whose).retry_after(1)
    })?;
    let key = Files::new_key();
    let (db, context) = (&call.state.db, call.context());
    db.transaction(context, async |tx| attachments::announce(tx, &granted, &key).await).await?;
    let outcome = match upload.receive(&call.state.files, &key).await {
        Err(error) => Err(error),
        Ok(file) => {
            call.write(async |tx| {
                let attachment = attachments::add(tx, &granted, id.0, &file).await?;
                Answer::created_plain(format!("tickets/{}/attachments/{}", id.0, attachment.id), &attachment)
            })
            .await
        }
    };
    if !matches!(&outcome, Ok(answer) if !answer.replayed) {
        tidy(&call, &key).await;
    }
    Ok(outcome?)
}

/// Removes a file that belongs to no ticket. If this fails, the file is removed later.
pub(super) async fn tidy(call: &Call, key: &str) {
    if let Err(error) = attachments::discard(&call.state.db, call.context(), &call.state.files, key).await {
        log::warn!(request_id = &*call.context().origin.request_id; "cannot remove an unused file now: {error}");
    }
}

/// Downloads an attached file.
///
/// Browsers save the file instead of opening it. An `<img>` or `<a>`, which sends no `Authorization`, opens it by an address from
/// `POST /attachments/{id}/link`.
#[utoipa::path(
    tag = "tickets",
    params(
        ("id" = TicketId, Path, description = "The ticket's id."),
        ("attachment_id" = TicketAttachmentId, Path, description = "The file's id."),
        DownloadQuery
    ),
    responses((status = 200, description = "The file.", body = Vec<u8>, content_type = "application/octet-stream")),
    security(("bearer" = ["tickets:read"]))
)]
#[get("/tickets/{id}/attachments/{attachment_id}")]
async fn download_attachment(
    call: Call,
    granted: Guard<perm::TicketsRead>,
    at: PathFields<AttachmentPath>,
    _: Parameters<DownloadQuery>,
) -> Result<HttpResponse, Refused> {
    let file = call.read(async |conn| attachments::get(conn, &granted, at.id, at.attachment_id).await).await?;
    // the file may show personal data, such as a passport
    call.record_read("ticket_attachment", [file.id.get()]).await?;
    let tag = format!("\"{}-{}\"", attachments::VERSION, file.sha256.get(..16).unwrap_or_default());
    let mut response = HttpResponse::Ok();
    response.insert_header((header::ETAG, tag.clone()));
    if call.has_already(&tag) {
        return Ok(response.status(actix_web::http::StatusCode::NOT_MODIFIED).finish());
    }
    let content = call.state.files.read(&file.file_key).await?;
    // whoever has a one-time address may show a picture by it, on a page of another origin too
    let is_shown = call.has_ticket() && file.media_type.starts_with("image/");
    let (media_type, policy) =
        if is_shown { (file.media_type.as_str(), "cross-origin") } else { ("application/octet-stream", "same-origin") };
    response
        .insert_header(saved_as(&file.name))
        // should a browser open it as a page, it has no scripts, no forms and no origin
        .insert_header((header::CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox; frame-ancestors 'none'"))
        .insert_header(("cross-origin-resource-policy", policy))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((header::CONTENT_TYPE, media_type.to_owned()))
        .no_chunking(u64::try_from(file.size).map_err(Error::internal)?);
    Ok(response.streaming(content))
}

/// Makes an address that downloads an attached file once, within 60 seconds.
///
/// For an `<img>` or `<a>`, which cannot send `Authorization`: use `url`. Whoever opens it gets the file in your name.
#[utoipa::path(
    tag = "tickets",
    params(("id" = TicketAttachmentId, Path, description = "The file's id.")),
    request_body = NoInput,
    responses(
        (status = 201, description = "The address, and its ticket.", body = OneTimeLink),
        (status = 429, description = "`too_many_tickets`: you have 500 unused tickets.")
    ),
    security(("bearer" = ["tickets:read"]))
)]
#[post("/attachments/{id}/link")]
async fn link_attachment(call: Call, granted: Guard<perm::TicketsRead>, id: PathPart<TicketAttachmentId>, _: Body<NoInput>) -> Reply {
    let caller = call.caller().ok_or(acl::refusal::NOT_SIGNED_IN)?;
    let answer = call.write(async |tx| {
        let file = attachments::find(tx, &granted, id.0).await?;
        let path = format!("/api/v1/tickets/{}/attachments/{}", file.ticket_id, file.id);
        links::issue(tx, &call, &caller, &path, LINK_LIVES).await
    });
    Ok(answer.await?)
}

/// The full name of the file, and an ASCII one for programs that support no other.
fn saved_as(name: &str) -> ContentDisposition {
    let plain: String =
        name.chars().map(|letter| if letter.is_ascii_alphanumeric() || "._- ".contains(letter) { letter } else { '_' }).collect();
    let full = ExtendedValue { charset: Charset::Ext("UTF-8".into()), language_tag: None, value: name.as_bytes().to_vec() };
    let parameters = vec![DispositionParam::Filename(plain), DispositionParam::FilenameExt(full)];
    ContentDisposition { disposition: DispositionType::Attachment, parameters }
}

/// Removes an attached file.
///
/// To remove a file that another user attached, you need `tickets:delete`.
#[utoipa::path(
    tag = "tickets",
    params(
        ("id" = TicketId, Path, description = "The ticket's id."),
        ("attachment_id" = TicketAttachmentId, Path, description = "The file's id.")
    ),
    responses(
        (status = 204, description = "The file is removed."),
        (status = 403, description = "`permission_missing`, also for another user's file without `tickets:delete`.")
    ),
    security(("bearer" = ["tickets:write"]))
)]
#[delete("/tickets/{id}/attachments/{attachment_id}")]
async fn remove_attachment(call: Call, granted: Guard<perm::TicketsWrite>, at: PathFields<AttachmentPath>) -> Reply<String> {
    let expected = call.expected()?;
    let answer = call.write(async |tx| {
        let file_key = attachments::remove(tx, &granted, at.id, at.attachment_id, &expected).await?;
        Ok(Answer::empty().having_made(file_key))
    });
    let answer = answer.await?;
    tidy(&call, &answer.made).await;
    Ok(answer)
}
