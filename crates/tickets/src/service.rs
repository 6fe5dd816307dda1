//! The use cases of tickets.

use acl::{Granted, perm};
use chrono::{DateTime, Utc};
use customers::CustomerStatus;
use kernel::{
    Context, Error, FieldErrors, Page, Paging, Result,
    audit::{Actor, Entry},
    db::{Conn, Tx},
    error::field,
    id::{CustomerId, TicketId},
    search::{Found, Sought},
};
use serde_json::json;

use crate::{
    input::{AssignInput, PastTicket, ResolveInput, TicketFilter, TicketInput},
    model::{Step, Ticket, TicketAction, number, refusal},
    store,
};

/// How many numbers are tried; of a thousand million a month, hardly ever more than one.
const NUMBER_TRIES: u32 = 8;

/// One ticket. Errors: `ticket_not_found`.
pub async fn get(conn: &mut Conn, context: &Context, _granted: &Granted<perm::TicketsRead>, id: TicketId) -> Result<Ticket> {
    let ticket = store::get(conn, id).await?.ok_or(refusal::NOT_FOUND)?;
    Ok(ticket.shown(context.now))
}

/// A page of tickets.
pub async fn list(
    conn: &mut Conn,
    context: &Context,
    _granted: &Granted<perm::TicketsRead>,
    filter: &TicketFilter,
    paging: &Paging,
) -> Result<Page<Ticket>> {
    Ok(store::list(conn, context, filter, paging).await?.map(|ticket| ticket.shown(context.now)))
}

/// Files a ticket. Errors: `not_found` and `mismatch` in the fields `customer_id` and `contract_id`, `customer_archived`.
pub async fn create(tx: &mut Tx, context: &Context, granted: &Granted<perm::TicketsWrite>, input: &TicketInput) -> Result<Ticket> {
    check_subject(tx, input).await?;
    let number = free_number(tx, context).await?;
    let mut ticket = input.filed(number, granted.actor().user_id, context.now, context.policy.ticket_hours);
    ticket.id = store::insert(tx, &ticket).await?;
    store::insert_steps(tx, granted.actor(), &[Step::filing(&ticket)]).await?;
    tx.record(Entry::new(granted.actor(), TicketAction::Created.audit_name(), "ticket", ticket.id).created(&ticket));
    Ok(ticket.shown(context.now))
}

/// Gives a ticket to a user; a new one is then worked on.
///
/// Errors: `ticket_not_found`, `not_found` in the field `user_id` unless the account may be used now, `ticket_wrong_state`.
pub async fn assign(
    tx: &mut Tx,
    context: &Context,
    granted: &Granted<perm::TicketsAssign>,
    id: TicketId,
    input: &AssignInput,
) -> Result<Ticket> {
    let before = store::lock(tx, id).await?.ok_or(refusal::NOT_FOUND)?;
    let found = store::active_user(tx, input.user_id, context.now).await?;
    let user = found.ok_or_else(|| Error::of_field("user_id", field::NOT_FOUND))?;
    let after = before.assign(user.id, context.now)?;
    keep(tx, granted.actor(), (&before, &after), TicketAction::Assigned, &user.username).await?;
    Ok(after.shown(context.now))
}

/// Notes how a ticket was solved. Errors: `ticket_not_found`, `ticket_wrong_state`.
pub async fn resolve(
    tx: &mut Tx,
    context: &Context,
    granted: &Granted<perm::TicketsWork>,
    id: TicketId,
    input: &ResolveInput,
) -> Result<Ticket> {
    let before = store::lock(tx, id).await?.ok_or(refusal::NOT_FOUND)?;
    let after = before.resolve(&input.resolution, context.now)?;
    keep(tx, granted.actor(), (&before, &after), TicketAction::Resolved, &input.resolution).await?;
    Ok(after.shown(context.now))
}

/// Writes many tickets with their past under ids reserved for them, from `first_id` on; the caller has checked them and
/// records the load in the audit trail.
///
/// Errors: `ticket_wrong_state` for one that was solved and never assigned, `duplicate` when a number is taken.
pub async fn insert_all(
    tx: &mut Tx,
    context: &Context,
    granted: &Granted<perm::TicketsWrite>,
    first_id: i64,
    past: &[PastTicket],
) -> Result<()> {
    let mut tickets = Vec::with_capacity(past.len());
    let mut steps = Vec::new();
    for (past, id) in past.iter().zip(first_id..) {
        // an odd factor leads no two ids to the same 30 bits, where chance would among many; and it hides that they follow each other
        let bits = (id as u32).wrapping_mul(0x9E37_79B1);
        let number = number_at(context, past.filed_at, bits);
        let mut ticket = past.input.filed(number, granted.actor().user_id, past.filed_at, context.policy.ticket_hours);
        ticket.id = TicketId::new(id);
        steps.push(Step::filing(&ticket));
        if let Some((user, at)) = &past.assigned {
            let after = ticket.assign(user.id, *at)?;
            steps.push(Step::between(&ticket, &after, TicketAction::Assigned, &user.username));
            ticket = after;
        }
        if let Some((resolution, at)) = &past.resolved {
            let after = ticket.resolve(resolution, *at)?;
            steps.push(Step::between(&ticket, &after, TicketAction::Resolved, resolution));
            ticket = after;
        }
        tickets.push(ticket);
    }
    store::insert_all(tx, &tickets).await?;
    store::insert_steps(tx, granted.actor(), &steps).await
}

/// Gives all tickets of one locked subscriber to another, who is the same. Answers how many there were.
pub async fn give(tx: &mut Tx, context: &Context, actor: &Actor, from: CustomerId, to: CustomerId) -> Result<usize> {
    let moved = store::give(tx, from, to, context.now).await?;
    for (id, version) in &moved {
        let (before, after) = (json!({"customer_id": from, "version": version - 1}), json!({"customer_id": to, "version": version}));
        tx.record(Entry::new(actor, "ticket.moved", "ticket", id).change(&before, &after).note("reason", "customer_merged"));
    }
    Ok(moved.len())
}

/// Whether there is a subscriber to file it for, and the contract is theirs.
async fn check_subject(tx: &mut Tx, input: &TicketInput) -> Result<()> {
    let mut wrong = FieldErrors::default();
    let customer = store::customer_status(tx, input.customer_id).await?;
    if customer.is_none() {
        wrong.add("customer_id", field::NOT_FOUND);
    }
    if let Some(contract_id) = input.contract_id {
        match store::contract_holder(tx, contract_id).await? {
            None => {
                wrong.add("contract_id", field::NOT_FOUND);
            }
            Some(holder) if holder != input.customer_id => {
                wrong.add("contract_id", field::MISMATCH);
            }
            Some(_) => {}
        }
    }
    wrong.into_result()?;
    if customer == Some(CustomerStatus::Archived) { Err(refusal::CUSTOMER_ARCHIVED.into()) } else { Ok(()) }
}

/// A number that no ticket has. Looked for beforehand, because after a clash PostgreSQL does no more in a transaction.
async fn free_number(tx: &mut Tx, context: &Context) -> Result<String> {
    for _ in 0..NUMBER_TRIES {
        let number = number_at(context, context.now, rand::random());
        if !store::number_exists(tx, &number).await? {
            return Ok(number);
        }
    }
    Err(Error::internal("no free ticket number was found"))
}

/// The number of a ticket filed at this moment: its month is the operator's.
fn number_at(context: &Context, at: DateTime<Utc>, bits: u32) -> String {
    number(at.with_timezone(&context.policy.time_zone).date_naive(), bits)
}

/// Writes an action: the ticket after it, its step in the journal, its entry in the audit trail.
async fn keep(tx: &mut Tx, actor: &Actor, (before, after): (&Ticket, &Ticket), action: TicketAction, note: &str) -> Result<()> {
    store::update(tx, before, after).await?;
    store::insert_steps(tx, actor, &[Step::between(before, after, action, note)]).await?;
    tx.record(Entry::new(actor, action.audit_name(), "ticket", after.id).change(before, after));
    Ok(())
}

/// What the search box finds among tickets.
pub async fn find_by_words(conn: &mut Conn, _: &Granted<perm::TicketsRead>, sought: &Sought) -> Result<Vec<Found>> {
    store::SEARCHED.find(conn, sought).await
}
