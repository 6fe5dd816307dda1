//! The actions on tickets: each locks the ticket, applies the model's action, and writes journal and audit trail.

use acl::{Granted, Permission, perm, users};
use database::Tx;
use kernel::{Result, id::TicketId};

use super::{assignable, keep, load, moment};
use crate::{
    input::{AssignInput, CloseInput, PriorityInput, ReopenInput, ResolveInput, WaitInput},
    model::{Ticket, TicketAction},
};

/// Assigns a ticket to a user; a new ticket becomes in progress.
///
/// Errors: `ticket_not_found`, `not_found` in the field `user_id` unless the account is usable, `assignee_cannot_work` in that field
/// without `tickets:work`, `ticket_wrong_state`.
pub async fn assign(tx: &mut Tx, _granted: &Granted<perm::TicketsAssign>, id: TicketId, input: &AssignInput) -> Result<Ticket> {
    let before = load(tx, id).await?;
    let after = before.assign(input.user_id, moment(tx))?;
    let name = assignable(tx, "user_id", input.user_id).await?;
    finish(tx, before, after, TicketAction::Assigned, Some(&name)).await
}

/// Starts work on a ticket. Errors: `ticket_not_found`, `ticket_wrong_state`, `ticket_not_assigned`.
pub async fn start_work(tx: &mut Tx, _granted: &Granted<perm::TicketsWork>, id: TicketId) -> Result<Ticket> {
    let before = load(tx, id).await?;
    let after = before.start_work(moment(tx))?;
    finish(tx, before, after, TicketAction::Started, None).await
}

/// Puts a ticket on hold. Errors: `ticket_not_found`, `ticket_wrong_state`.
pub async fn wait(tx: &mut Tx, _granted: &Granted<perm::TicketsWork>, id: TicketId, input: &WaitInput) -> Result<Ticket> {
    let before = load(tx, id).await?;
    let after = before.wait(moment(tx))?;
    finish(tx, before, after, TicketAction::Waiting, Some(&input.reason)).await
}

/// Ends the hold of a ticket. Errors: `ticket_not_found`, `ticket_wrong_state`.
pub async fn resume(tx: &mut Tx, _granted: &Granted<perm::TicketsWork>, id: TicketId) -> Result<Ticket> {
    let before = load(tx, id).await?;
    let after = before.resume(moment(tx))?;
    finish(tx, before, after, TicketAction::Resumed, None).await
}

/// Marks a ticket as solved. Errors: `ticket_not_found`, `ticket_wrong_state`.
pub async fn resolve(tx: &mut Tx, _granted: &Granted<perm::TicketsWork>, id: TicketId, input: &ResolveInput) -> Result<Ticket> {
    let before = load(tx, id).await?;
    let after = before.resolve(&input.resolution, moment(tx))?;
    finish(tx, before, after, TicketAction::Resolved, Some(&input.resolution)).await
}

/// Closes a ticket. Errors: `ticket_not_found`, `ticket_wrong_state`, `required` in the field `reason` unless it was solved.
pub async fn close(tx: &mut Tx, _granted: &Granted<perm::TicketsWork>, id: TicketId, input: &CloseInput) -> Result<Ticket> {
    let before = load(tx, id).await?;
    let after = before.close(input.reason.as_deref(), moment(tx))?;
    finish(tx, before, after, TicketAction::Closed, input.reason.as_deref()).await
}

/// Reopens a ticket; it stays assigned if its user may still work on tickets.
///
/// Errors: `ticket_not_found`, `ticket_wrong_state`.
pub async fn reopen(tx: &mut Tx, _granted: &Granted<perm::TicketsWork>, id: TicketId, input: &ReopenInput) -> Result<Ticket> {
    let before = load(tx, id).await?;
    reopen_for(tx, before, &input.reason).await
}

/// Reopens a locked ticket for this reason. Errors: `ticket_wrong_state`, `ticket_merged`.
pub(super) async fn reopen_for(tx: &mut Tx, before: Ticket, reason: &str) -> Result<Ticket> {
    let worker = match before.assigned_to {
        Some(user) => users::worker(tx, user, Permission::TicketsWork).await?,
        None => None,
    };
    let after = before.reopen(worker.is_some_and(|worker| worker.may), moment(tx))?;
    finish(tx, before, after, TicketAction::Reopened, Some(reason)).await
}

/// Changes the priority of a ticket. Errors: `ticket_not_found`, `ticket_wrong_state`.
pub async fn change_priority(tx: &mut Tx, _granted: &Granted<perm::TicketsWork>, id: TicketId, input: &PriorityInput) -> Result<Ticket> {
    let before = load(tx, id).await?;
    let after = before.change_priority(input.priority, moment(tx))?;
    if before.priority == after.priority {
        return Ok(before.shown(tx.now()));
    }
    let note = format!("{} → {}", before.priority, after.priority);
    finish(tx, before, after, TicketAction::PriorityChanged, Some(&note)).await
}

async fn finish(tx: &mut Tx, before: Ticket, after: Ticket, action: TicketAction, note: Option<&str>) -> Result<Ticket> {
    keep(tx, &before, &after, action, note).await?;
    Ok(after.shown(tx.now()))
}
