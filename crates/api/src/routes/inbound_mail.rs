//! Mail from subscribers.

use acl::perm;
use actix_web::{FromRequest, HttpRequest, dev::Payload, post, web::Bytes};
use files::Files;
use futures_util::future::LocalBoxFuture;
use kernel::{
    Error, Result,
    digest::sha256,
    error::{common, field},
};
use tickets::{
    InboundMail, InboundQuery, LeftOutFile, MOST_BYTES, MOST_MAIL_BYTES, Mail, MailFile, NewFile, Sniffer, attachments,
    inbound::{self, MailFiles},
    safe_name,
};
use tokio::sync::OwnedSemaphorePermit;

use super::attachments::tidy;
use crate::{
    answer::{Answer, Reply},
    call::Call,
    extract::{Parameters, expect_type, read_up_to},
    guard::{self, Guard},
    problem::Refused,
    request,
    routes::mount::Mount,
};

pub fn configure(mount: &mut Mount<'_, '_>) {
    mount.service(receive_mail);
}

/// The source of a message as received.
struct MailBody {
    source: Bytes,
    _place: OwnedSemaphorePermit,
}

impl FromRequest for MailBody {
    type Error = Refused;
    type Future = LocalBoxFuture<'static, Result<Self, Refused>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, payload) = (request.clone(), payload.take());
        Box::pin(async move {
            guard::let_in(&request).await?;
            let places = request::state(&request).mails.clone();
            let place = places.try_acquire_owned().map_err(|_| Error::new(common::TOO_MANY_REQUESTS).retry_after(1))?;
            let source = read_up_to(MOST_MAIL_BYTES, &request, payload).await?;
            expect_type(&request, &source, &["message/rfc822"])?;
            Ok(Self { source, _place: place })
        })
    }
}

/// Receives a mail from a subscriber.
///
/// It becomes a comment on the ticket whose number is in its subject or reply headers, and otherwise a new ticket of the subscriber
/// with the sender's address. A waiting ticket is resumed; a resolved or closed one is reopened. Mail written by programs is ignored,
/// and a mail that comes again changes nothing. Files that cannot be attached are listed in `left_out`.
#[utoipa::path(
    tag = "tickets",
    params(InboundQuery),
    request_body(content = String, content_type = "message/rfc822", description = "The source of the message, up to 15 MiB.", example = json!("From: ivanov@example.com\r\nSubject: Нет связи\r\n\r\nС утра телефон не видит сеть.")),
    responses(
        (status = 201, description = "The mail, which is a new ticket or comment.", body = InboundMail),
        (status = 200, description = "The mail, which was ignored, or had been received before.", body = InboundMail),
        (status = 413, description = "The message is over 15 MiB."),
        (status = 422, description = "`mail_unreadable`; `mail_sender_unknown`: no subscriber has the sender's address."),
        (status = 429, description = "`too_many_requests`: only a few mails are received at the same time.")
    ),
    security(("bearer" = ["tickets:write"]))
)]
#[post("/tickets/inbound")]
async fn receive_mail(call: Call, granted: Guard<perm::TicketsWrite>, query: Parameters<InboundQuery>, body: MailBody) -> Reply {
    // before the mail itself is recognised as a repeat, whose answer is another one
    if let Some(answer) = call.replay().await? {
        return Ok(answer);
    }
    let source = body.source.clone();
    // large mails take long enough to hold up other requests of this thread
    let mail = actix_web::web::block(move || Mail::parse(&source)).await.map_err(Error::internal)??;
    if let Some(known) = call.read(async |conn| inbound::known(conn, &granted, &mail).await).await? {
        return Ok(Answer::ok(&known)?);
    }
    let files = if mail.automatic.is_some() { MailFiles::default() } else { keep_files(&call, &granted, &mail.files).await? };
    let outcome = call.write(async |tx| {
        let received = inbound::receive(tx, &granted, &mail, &files, &query).await?;
        match received.ticket_id.filter(|_| !received.is_repeat) {
            Some(ticket) => Answer::created_plain(format!("tickets/{ticket}"), &received),
            None => Answer::ok(&received),
        }
    });
    let outcome = outcome.await;
    for file in &files.kept {
        // a file that was attached is not left over, so it stays
        tidy(&call, &file.file_key).await;
    }
    Ok(outcome?)
}

/// Writes the files that can be attached into the store.
async fn keep_files(call: &Call, granted: &Guard<perm::TicketsWrite>, given: &[MailFile]) -> Result<MailFiles> {
    let mut files = MailFiles::default();
    for file in given {
        match accepted(file) {
            Ok(new) => {
                let (db, context) = (&call.state.db, call.context());
                db.transaction(context, async |tx| attachments::announce(tx, granted, &new.file_key).await).await?;
                let mut writing = call.state.files.begin(&new.file_key).await?;
                writing.write(&file.content).await?;
                writing.finish().await?;
                files.kept.push(new);
            }
            Err(code) => files.left_out.push(LeftOutFile { name: file.name.chars().take(255).collect(), code: code.to_owned() }),
        }
    }
    Ok(files)
}

/// Checks a file. The content and the extension of the name decide: mail programs declare types at random.
///
/// Errors: the code of what is wrong with it.
fn accepted(file: &MailFile) -> Result<NewFile, &'static str> {
    let code = |error: Error| error.wrong_fields().first().map_or(field::FILE_TYPE, |wrong| wrong.code);
    let name = safe_name(&file.name).map_err(code)?;
    if file.content.len() as u64 > MOST_BYTES {
        return Err(common::BODY_TOO_LARGE.name);
    }
    let mut sniffer = Sniffer::default();
    sniffer.feed(&file.content);
    let media_type = sniffer.verdict(&name, None).map_err(code)?;
    let size = i64::try_from(file.content.len()).map_err(|_| common::BODY_TOO_LARGE.name)?;
    Ok(NewFile { file_key: Files::new_key(), name, media_type, size, sha256: sha256(&file.content) })
}
