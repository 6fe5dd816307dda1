//! The use cases of attachments. The files are in a store outside the database; the database has their records.
//!
//! A file is written before the transaction that attaches it, and removed after the one that detaches it. So that no file is lost if
//! the program stops in between, its key is first recorded as left over ([`announce`]); the transaction that attaches the file deletes
//! that record. A file whose record remains for some time has no attachment and is removed ([`left_over`]).

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

/// How long after [`announce`] a file can be attached.
const LONGEST_UPLOAD: TimeDelta = TimeDelta::hours(1);
/// The age of a record after which no upload can still be running, even if the clocks of two instances differ.
const SURELY_OVER: TimeDelta = TimeDelta::hours(2);
/// The version of every attachment; attachments never change.
pub const VERSION: i64 = 1;

/// Returns a page of a ticket's files. Errors: `ticket_not_found`.
pub async fn list(
    conn: &mut Conn,
    _granted: &Granted<perm::TicketsRead>,
    ticket: TicketId,
    paging: &Paging,
) -> Result<Page<TicketAttachment>> {
    must_exist(conn, ticket).await?;
    rows::list(conn, ticket, paging).await
}

/// Returns one of a ticket's files. Errors: `ticket_attachment_not_found`.
pub async fn get(
    conn: &mut Conn,
    _granted: &Granted<perm::TicketsRead>,
    ticket: TicketId,
    id: TicketAttachmentId,
) -> Result<TicketAttachment> {
    Ok(rows::get(conn, ticket, id).await?.ok_or(refusal::ATTACHMENT_NOT_FOUND)?)
}

/// Returns a file of any ticket. Errors: `ticket_attachment_not_found`.
pub async fn find(conn: &mut Conn, _granted: &Granted<perm::TicketsRead>, id: TicketAttachmentId) -> Result<TicketAttachment> {
    Ok(rows::find(conn, id).await?.ok_or(refusal::ATTACHMENT_NOT_FOUND)?)
}

/// Checks before an upload that a file can be attached. Errors: `ticket_not_found`, `ticket_attachments_full`.
pub async fn may_add(conn: &mut Conn, _granted: &Granted<perm::TicketsWrite>, ticket: TicketId) -> Result<()> {
    must_exist(conn, ticket).await?;
    not_full(conn, ticket).await
}

/// Checks that so many files can be attached. Errors: `ticket_attachments_full`.
pub(super) async fn room_for(conn: &mut Conn, ticket: TicketId, files: i64) -> Result<()> {
    let full = rows::count(conn, ticket).await? + files > MOST_FILES;
    if full { Err(Error::new(refusal::ATTACHMENTS_FULL).with("most", MOST_FILES)) } else { Ok(()) }
}

async fn not_full(conn: &mut Conn, ticket: TicketId) -> Result<()> {
    room_for(conn, ticket, 1).await
}

/// Records a file's key before the file is written.
pub async fn announce(tx: &mut Tx, _granted: &Granted<perm::TicketsWrite>, key: &str) -> Result<()> {
    let now = tx.now();
    rows::leave(tx, key, now).await
}

/// Attaches an announced file that is in the store.
///
/// Errors: `ticket_not_found`, `ticket_merged`, `ticket_attachments_full`, `files_away` if the upload took too long.
pub async fn add(tx: &mut Tx, _granted: &Granted<perm::TicketsWrite>, ticket: TicketId, file: &NewFile) -> Result<TicketAttachment> {
    let ticket = load(tx, ticket).await?;
    ticket.not_merged()?;
    not_full(tx, ticket.id).await?;
    // by this clock, whatever the last change of the ticket says
    let since = tx.context().now - LONGEST_UPLOAD;
    if !rows::take(tx, &file.file_key, since).await? {
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
        created_at: tx.now(),
        file_key: file.file_key.clone(),
    };
    attachment.id = rows::insert(tx, &attachment).await?;
    let step = Step::beside(&ticket, tx.now(), TicketAction::Attached, Some(&attachment.name));
    store::journal::insert(tx, &[step]).await?;
    tx.record(Entry::new(TicketAction::Attached.audit_name(), "ticket", ticket.id).created(&attachment));
    Ok(attachment)
}

/// Detaches a file; a caller that did not attach it needs `tickets:delete`. Returns the key of the file, which the caller removes.
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

/// Gives up an announced file; returns whether it has no attachment and may be removed.
pub async fn give_up(tx: &mut Tx, key: &str) -> Result<bool> {
    rows::give_up(tx, key, DateTime::UNIX_EPOCH).await
}

/// Deletes the record of a removed file.
pub async fn forget(tx: &mut Tx, key: &str) -> Result<()> {
    rows::forget(tx, key).await
}

/// Returns the keys of up to `most` files without an attachment.
pub async fn left_over(conn: &mut Conn, most: i64) -> Result<Vec<String>> {
    let now = conn.now();
    rows::left_before(conn, now - SURELY_OVER, most).await
}

/// Removes a left-over file and its record, unless it belongs to an attachment by now.
///
/// It must not run in a transaction, because it calls the store. Errors: `files_away`, and those of the database.
pub async fn discard(db: &Db, context: &Arc<Context>, files: &Files, key: &str) -> Result<()> {
    if db.transaction(context, async |tx| give_up(tx, key).await).await? {
        files.remove(key).await?;
        db.transaction(context, async |tx| forget(tx, key).await).await?;
    }
    Ok(())
}
