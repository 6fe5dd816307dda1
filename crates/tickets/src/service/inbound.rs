//! Mail from subscribers becomes tickets and comments.

use acl::{Granted, Permission, perm};
use chrono::TimeDelta;
use database::{Conn, Tx, audit::Entry};
use kernel::{
    Error, Result,
    error::common,
    id::{CustomerId, InboundMailId, TicketId},
    text::{JsonText, masked},
};
use serde_json::json;

use super::{actions, attachments, comments, create, keep, load, moment};
use crate::{
    input::{InboundQuery, NewTicket},
    mail::Mail,
    model::{
        Automatic, InboundMail, LeftOutFile, MOST_FILES, MailOutcome, NewFile, Ticket, TicketAction, TicketCategory, TicketPriority,
        TicketStatus::{Closed, Resolved, Waiting},
        refusal,
    },
    store::{self, inbound_mails as mails},
};

/// The maximum number of mails that one sender may send in an hour: two programs that reply to each other are stopped by it.
const MOST_IN_AN_HOUR: i64 = 30;
/// How long the record of a mail is kept.
const KEPT_DAYS: i64 = 365;
/// Why a ticket is resumed or reopened.
const REASON: &str = "e-mail";

/// The files of a mail: those in the store, and those that cannot be attached.
#[derive(Clone, Debug, Default)]
pub struct MailFiles {
    /// Announced files in the store.
    pub kept: Vec<NewFile>,
    /// The others.
    pub left_out: Vec<LeftOutFile>,
}

/// Returns what became of the mail if it was received before.
pub async fn known(conn: &mut Conn, granted: &Granted<perm::TicketsWrite>, mail: &Mail) -> Result<Option<InboundMail>> {
    let found = mails::known(conn, &mail.key).await?;
    Ok(found.map(|found| InboundMail { is_repeat: true, ..found }.shown(granted.may(Permission::CustomersPii))))
}

/// Receives a mail: files a ticket for the subscriber with the sender's address, or adds a comment to the ticket that the subject or a
/// reply header names. A ticket that waits is resumed, and one that is solved or closed is reopened. Automatic mail changes nothing.
///
/// Errors: `mail_sender_unknown`, those of a new ticket for the subscriber of the query, `files_away`.
pub async fn receive(
    tx: &mut Tx,
    granted: &Granted<perm::TicketsWrite>,
    mail: &Mail,
    files: &MailFiles,
    query: &InboundQuery,
) -> Result<InboundMail> {
    if let Some(known) = known(tx, granted, mail).await? {
        return Ok(known);
    }
    let mut received = InboundMail {
        id: InboundMailId::new(0),
        outcome: MailOutcome::Ignored,
        reason: ignored(tx, mail).await?,
        ticket_id: None,
        comment_id: None,
        attached: 0,
        left_out: JsonText(json!([])),
        message_id: mail.message_id.clone(),
        sender: mail.sender.clone(),
        received_at: tx.now(),
        is_repeat: false,
    };
    if received.reason.is_none() {
        let id = match named(tx, mail).await? {
            Some(id) => {
                received.outcome = MailOutcome::CommentAdded;
                let (ticket, comment) = answer(tx, id, mail).await?;
                received.comment_id = Some(comment);
                ticket
            }
            None => {
                received.outcome = MailOutcome::TicketCreated;
                file(tx, granted, mail, query).await?
            }
        };
        received.ticket_id = Some(id);
        attach(tx, granted, id, files, &mut received).await?;
    }
    // another request may have received the same mail since; then this one is tried again and finds it
    let collision = |error: Error| match error.code() == common::DUPLICATE {
        true => error.transient(kernel::error::Transient::Collision),
        false => error,
    };
    received.id = mails::insert(tx, &mail.key, &received).await.map_err(collision)?;
    let shown = received.shown(granted.may(Permission::CustomersPii));
    tx.record(
        Entry::new("mail.received", "inbound_mail", shown.id).created(&InboundMail { sender: masked(&mail.sender), ..shown.clone() }),
    );
    Ok(shown)
}

/// Why the mail is ignored, if it is.
async fn ignored(tx: &mut Tx, mail: &Mail) -> Result<Option<Automatic>> {
    if mail.automatic.is_some() {
        return Ok(mail.automatic);
    }
    let since = tx.now() - TimeDelta::hours(1);
    let is_loop = mails::count_of(tx, &mail.sender, since).await? >= MOST_IN_AN_HOUR;
    Ok(is_loop.then_some(Automatic::Loop))
}

/// The first ticket that the mail names.
async fn named(tx: &mut Tx, mail: &Mail) -> Result<Option<TicketId>> {
    for number in &mail.numbers {
        if let Some(id) = store::by_number(tx, number).await? {
            return Ok(Some(id));
        }
    }
    Ok(None)
}

/// Adds the mail to a ticket, and lets the work on it go on.
async fn answer(tx: &mut Tx, id: TicketId, mail: &Mail) -> Result<(TicketId, kernel::id::TicketCommentId)> {
    let ticket = load(tx, id).await?;
    let comment = comments::add_from_customer(tx, &ticket, masked(&mail.sender), mail.text.clone()).await?;
    match ticket.status {
        Waiting => {
            let resumed = ticket.resume(moment(tx))?;
            keep(tx, &ticket, &resumed, TicketAction::Resumed, Some(REASON)).await?;
        }
        Resolved | Closed => drop(actions::reopen_for(tx, ticket, REASON).await?),
        _ => {}
    }
    Ok((id, comment.id))
}

/// Files the mail as a new ticket.
async fn file(tx: &mut Tx, granted: &Granted<perm::TicketsWrite>, mail: &Mail, query: &InboundQuery) -> Result<TicketId> {
    let customer_id: Option<CustomerId> = store::customer_by_email(tx, &mail.sender).await?.or(query.fallback_customer_id);
    let customer_id = customer_id.ok_or_else(|| Error::new(refusal::MAIL_SENDER_UNKNOWN))?;
    let input = NewTicket {
        customer_id,
        contract_id: None,
        category: query.category.unwrap_or(TicketCategory::Other),
        subject: mail.subject.clone(),
        description: mail.text.clone(),
        priority: TicketPriority::default(),
        assigned_to: None,
    };
    let ticket: Ticket = create(tx, granted, &input).await?;
    Ok(ticket.id)
}

/// Attaches the files until the ticket is full.
async fn attach(
    tx: &mut Tx,
    granted: &Granted<perm::TicketsWrite>,
    id: TicketId,
    files: &MailFiles,
    received: &mut InboundMail,
) -> Result<()> {
    let mut left_out = files.left_out.clone();
    let mut room = MOST_FILES - store::attachments::count(tx, id).await?;
    for file in &files.kept {
        if room <= 0 {
            left_out.push(LeftOutFile { name: file.name.clone(), code: refusal::ATTACHMENTS_FULL.name.to_owned() });
            continue;
        }
        attachments::add(tx, granted, id, file).await?;
        received.attached += 1;
        room -= 1;
    }
    received.left_out = JsonText(serde_json::to_value(left_out).map_err(Error::internal)?);
    Ok(())
}

/// Removes the records of old mails, at most `limit`; returns how many.
pub async fn forget(tx: &mut Tx, limit: i64) -> Result<u64> {
    let now = tx.now();
    mails::forget(tx, now - TimeDelta::days(KEPT_DAYS), limit).await
}
