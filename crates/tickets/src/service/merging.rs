//! Merging tickets about the same matter.

use acl::{Granted, perm};
use database::Tx;
use kernel::{Error, Result, error::field, id::TicketId};

use super::{attachments, keep, load, moment};
use crate::{
    input::MergeTicketsInput,
    model::{MergedTickets, Ticket, TicketAction},
    store,
};

/// Merges a duplicate into a ticket, which gets its comments and files. The duplicate is closed.
///
/// Errors: `ticket_not_found`, `not_found` and `mismatch` in the field `duplicate_id`, `ticket_wrong_state`, `ticket_merged`,
/// `ticket_attachments_full`.
pub async fn merge(tx: &mut Tx, _granted: &Granted<perm::TicketsWork>, id: TicketId, input: &MergeTicketsInput) -> Result<Ticket> {
    let duplicate_id = input.duplicate_id;
    if id == duplicate_id {
        return Err(Error::of_field("duplicate_id", field::MISMATCH));
    }
    // always in the order of the ids, so that opposite merges do not deadlock
    let (ticket, duplicate) = if id.get() < duplicate_id.get() {
        let ticket = load(tx, id).await?;
        (ticket, store::lock(tx, duplicate_id).await?)
    } else {
        let duplicate = store::lock(tx, duplicate_id).await?;
        (load(tx, id).await?, duplicate)
    };
    // a missing ticket is reported before a missing duplicate
    let duplicate = duplicate.ok_or_else(|| Error::of_field("duplicate_id", field::NOT_FOUND))?;
    let merged = ticket.absorb(&duplicate, moment(tx))?;
    let files = store::attachments::count(tx, duplicate_id).await?;
    attachments::room_for(tx, id, files).await?;
    store::comments::give(tx, duplicate_id, id).await?;
    store::attachments::give(tx, duplicate_id, id).await?;
    let MergedTickets { kept, duplicate: closed } = merged;
    keep(tx, &duplicate, &closed, TicketAction::Merged, Some(&ticket.number)).await?;
    keep(tx, &ticket, &kept, TicketAction::Merged, Some(&duplicate.number)).await?;
    Ok(kept.shown(tx.now()))
}
