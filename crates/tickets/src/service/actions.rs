//! What is done to tickets: each action locks the ticket, asks the model, writes journal and audit trail.

use acl::{Granted, Permission, perm, users};
use database::Tx;
use kernel::{Result, id::TicketId};

use super::{assignable, keep, load, moment};
use crate::{
    input::{AssignInput, CloseInput, PriorityInput, ReopenInput, ResolveInput, WaitInput},
    model::{Ticket, TicketAction},
};

/// Gives a ticket to a user; a new one is then worked on.
///
/// Errors: `ticket_not_found`, `not_found` in the field `user_id` unless the account may be used now, `assignee_cannot_work`
/// there without permission to work on tickets, `ticket_wrong_state`.
pub async fn assign(tx: &mut Tx, _granted: &Granted<perm::TicketsAssign>, id: TicketId, input: &AssignInput) -> Result<Ticket> {
    let before = load(tx, id).await?;
    let after = before.assign(input.user_id, moment(tx.context()))?;
    let name = assignable(tx, "user_id", input.user_id).await?;
    finish(tx, (before, after), TicketAction::Assigned, Some(&name)).await
}

/// Begins to work on a ticket. Errors: `ticket_not_found`, `ticket_wrong_state`, `ticket_not_assigned`.
pub async fn start_work(tx: &mut Tx, _granted: &Granted<perm::TicketsWork>, id: TicketId) -> Result<Ticket> {
    let before = load(tx, id).await?;
    let after = before.start_work(moment(tx.context()))?;
    finish(tx, (before, after), TicketAction::Started, None).await
}

/// Puts a ticket on hold. Errors: `ticket_not_found`, `ticket_wrong_state`.
pub async fn wait(tx: &mut Tx, _granted: &Granted<perm::TicketsWork>, id: TicketId, input: &WaitInput) -> Result<Ticket> {
    let before = load(tx, id).await?;
    let after = before.wait(moment(tx.context()))?;
    finish(tx, (before, after), TicketAction::Waiting, Some(&input.reason)).await
}

/// Takes a ticket up after its hold. Errors: `ticket_not_found`, `ticket_wrong_state`.
pub async fn resume(tx: &mut Tx, _granted: &Granted<perm::TicketsWork>, id: TicketId) -> Result<Ticket> {
    let before = load(tx, id).await?;
    let after = before.resume(moment(tx.context()))?;
    finish(tx, (before, after), TicketAction::Resumed, None).await
}

/// Notes how a ticket was solved. Errors: `ticket_not_found`, `ticket_wrong_state`.
pub async fn resolve(tx: &mut Tx, _granted: &Granted<perm::TicketsWork>, id: TicketId, input: &ResolveInput) -> Result<Ticket> {
    let before = load(tx, id).await?;
    let after = before.resolve(&input.resolution, moment(tx.context()))?;
    finish(tx, (before, after), TicketAction::Resolved, Some(&input.resolution)).await
}

/// Closes a ticket. Errors: `ticket_not_found`, `ticket_wrong_state`, `required` in the field `reason` unless it was solved.
pub async fn close(tx: &mut Tx, _granted: &Granted<perm::TicketsWork>, id: TicketId, input: &CloseInput) -> Result<Ticket> {
    let before = load(tx, id).await?;
    let after = before.close(input.reason.as_deref(), moment(tx.context()))?;
    finish(tx, (before, after), TicketAction::Closed, input.reason.as_deref()).await
}

/// Takes a ticket up once more; it stays with its user, where that user may still work on tickets.
///
/// Errors: `ticket_not_found`, `ticket_wrong_state`.
pub async fn reopen(tx: &mut Tx, _granted: &Granted<perm::TicketsWork>, id: TicketId, input: &ReopenInput) -> Result<Ticket> {
    let before = load(tx, id).await?;
    let worker = match before.assigned_to {
        Some(user) => users::worker(tx, user, Permission::TicketsWork).await?,
        None => None,
    };
    let after = before.reopen(worker.is_some_and(|worker| worker.may), moment(tx.context()))?;
    finish(tx, (before, after), TicketAction::Reopened, Some(&input.reason)).await
}

/// Makes a ticket more or less urgent. Errors: `ticket_not_found`, `ticket_wrong_state`.
pub async fn change_priority(tx: &mut Tx, _granted: &Granted<perm::TicketsWork>, id: TicketId, input: &PriorityInput) -> Result<Ticket> {
    let before = load(tx, id).await?;
    let after = before.change_priority(input.priority, moment(tx.context()))?;
    if before.priority == after.priority {
        return Ok(before.shown(tx.now()));
    }
    let note = format!("{} → {}", before.priority, after.priority);
    finish(tx, (before, after), TicketAction::PriorityChanged, Some(&note)).await
}

async fn finish(tx: &mut Tx, (before, after): (Ticket, Ticket), action: TicketAction, note: Option<&str>) -> Result<Ticket> {
    keep(tx, (&before, &after), action, note).await?;
    Ok(after.shown(tx.now()))
}
