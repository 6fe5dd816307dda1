//! Files attached to tickets. The files themselves lie in a store beside the database; here is what is known of them.
//!
//! A file is written before the transaction that attaches it, and removed after the one that detaches it. So that none is
//! lost sight of when the program stops in between, its key is written down first ([`announce`]) and crossed out by the
//! transaction that attaches it. Whatever still stands there after a while is nobody's, and is removed ([`left_over`]).

use std::sync::Arc;

use acl::{Granted, Permission, perm};
use chrono::{DateTime, TimeDelta};
use database::{Conn, Db, Page, Paging, Tx, audit::Entry};
use files::Files;
use kernel::{
    Context, Error, Expected, Result,
    error::common,
    id::{TicketAttachmentId, TicketId},
};

use super::{load, must_exist};
use crate::{
    model::{MOST_FILES, NewFile, Step, TicketAction, TicketAttachment, refusal},
    store::{self, attachments as rows},
};

/// How long a file may wait to be attached once its key was written down.
const LONGEST_UPLOAD: TimeDelta = TimeDelta::hours(1);
/// Twice as long is surely over, also where the clocks of two instances differ.
const SURELY_OVER: TimeDelta = TimeDelta::hours(2);
/// A file stays as it is, so its version does too.
pub const VERSION: i64 = 1;

/// A page of a ticket's files. Errors: `ticket_not_found`.
pub async fn list(
    conn: &mut Conn,
    _granted: &Granted<perm::TicketsRead>,
    ticket: TicketId,
    paging: &Paging,
) -> Result<Page<TicketAttachment>> {
    must_exist(conn, ticket).await?;
    rows::list(conn, ticket, paging).await
}

/// One of a ticket's files. Errors: `ticket_attachment_not_found`.
pub async fn get(
    conn: &mut Conn,
    _granted: &Granted<perm::TicketsRead>,
    ticket: TicketId,
    id: TicketAttachmentId,
) -> Result<TicketAttachment> {
    Ok(rows::get(conn, ticket, id).await?.ok_or(refusal::ATTACHMENT_NOT_FOUND)?)
}

/// Whether a file could be attached now, before it is sent. Errors: `ticket_not_found`, `ticket_attachments_full`.
pub async fn may_add(conn: &mut Conn, _granted: &Granted<perm::TicketsWrite>, ticket: TicketId) -> Result<()> {
    must_exist(conn, ticket).await?;
    not_full(conn, ticket).await
}

async fn not_full(conn: &mut Conn, ticket: TicketId) -> Result<()> {
    let full = rows::count(conn, ticket).await? >= MOST_FILES;
    if full { Err(Error::new(refusal::ATTACHMENTS_FULL).with("most", MOST_FILES)) } else { Ok(()) }
}

/// Writes down a file's key before the file is written.
pub async fn announce(tx: &mut Tx, _granted: &Granted<perm::TicketsWrite>, key: &str) -> Result<()> {
    let now = tx.now();
    rows::leave(tx, key, now).await
}

/// Attaches a file that was announced and lies in the store.
///
/// Errors: `ticket_not_found`, `ticket_attachments_full`, `files_away` when the file took too long and was given up.
pub async fn add(tx: &mut Tx, _granted: &Granted<perm::TicketsWrite>, ticket: TicketId, file: &NewFile) -> Result<TicketAttachment> {
    let now = tx.now();
    let ticket = load(tx, ticket).await?;
    not_full(tx, ticket.id).await?;
    if !rows::take(tx, &file.file_key, now - LONGEST_UPLOAD).await? {
        return Err(Error::new(common::FILES_AWAY).retry_after(1));
    }
    let actor = tx.actor();
    let mut attachment = TicketAttachment {
        id: TicketAttachmentId::new(0),
        ticket_id: ticket.id,
        name: file.name.clone(),
        media_type: file.media_type.to_owned(),
        size: file.size,
        sha256: file.sha256.clone(),
        uploaded_by: actor.user_id,
        uploader: actor.name.clone(),
        created_at: now,
        file_key: file.file_key.clone(),
    };
    attachment.id = rows::insert(tx, &attachment).await?;
    let step = Step::beside(&ticket, now, TicketAction::Attached, Some(&attachment.name));
    store::journal::insert(tx, &[step]).await?;
    tx.record(Entry::new(TicketAction::Attached.audit_name(), "ticket", ticket.id).created(&attachment));
    Ok(attachment)
}

/// Detaches a file; whoever did not attach it needs `tickets:delete`. Answers the key of the file, which is to be removed.
///
/// Errors: `ticket_not_found`, `ticket_attachment_not_found`, `stale_version`, `permission_missing`.
pub async fn remove(
    tx: &mut Tx,
    granted: &Granted<perm::TicketsWrite>,
    ticket: TicketId,
    id: TicketAttachmentId,
    expected: &Expected,
) -> Result<String> {
    let ticket = load(tx, ticket).await?;
    let attachment = rows::get(tx, ticket.id, id).await?.ok_or(refusal::ATTACHMENT_NOT_FOUND)?;
    let actor = tx.actor();
    if attachment.uploaded_by != actor.user_id && !granted.may(Permission::TicketsDelete) {
        return Err(Error::new(acl::refusal::PERMISSION_MISSING).with("permission", Permission::TicketsDelete));
    }
    expected.check(VERSION)?;
    rows::delete(tx, id).await?;
    rows::leave(tx, &attachment.file_key, DateTime::UNIX_EPOCH).await?;
    let step = Step::beside(&ticket, tx.now(), TicketAction::Detached, Some(&attachment.name));
    store::journal::insert(tx, &[step]).await?;
    tx.record(Entry::new(TicketAction::Detached.audit_name(), "ticket", ticket.id).deleted(&attachment));
    Ok(attachment.file_key)
}

/// Lets go of an announced file; answers whether it is nobody's indeed, and may be removed.
pub async fn give_up(tx: &mut Tx, key: &str) -> Result<bool> {
    rows::give_up(tx, key, DateTime::UNIX_EPOCH).await
}

/// Crosses out the key of a file that is no more.
pub async fn forget(tx: &mut Tx, key: &str) -> Result<()> {
    rows::forget(tx, key).await
}

/// Keys of files that are nobody's, a bounded number.
pub async fn left_over(conn: &mut Conn, most: i64) -> Result<Vec<String>> {
    let now = conn.now();
    rows::left_before(conn, now - SURELY_OVER, most).await
}

/// Removes a file that no attachment names, and its record; a file that belongs to an attachment by now stays.
///
/// Not to be run in a transaction: it asks the store. Errors: `files_away`, and those of the database.
pub async fn discard(db: &Db, context: &Arc<Context>, files: &Files, key: &str) -> Result<()> {
    if db.transaction(context, async |tx| give_up(tx, key).await).await? {
        files.remove(key).await?;
        db.transaction(context, async |tx| forget(tx, key).await).await?;
    }
    Ok(())
}
