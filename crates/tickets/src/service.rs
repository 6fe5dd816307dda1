//! The use cases of tickets: file, read, edit and delete; the actions are in `service/actions.rs`.

pub mod actions;
pub mod attachments;
pub mod canned_answers;
pub mod comments;
pub mod inbound;
pub mod merging;
pub mod statistics;

use acl::{Granted, Permission, perm, users};
use chrono::{DateTime, Utc};
use database::{
    Conn, Event, EventKind, Page, Paging, Tx,
    audit::Entry,
    search::{Found, Sought},
};
use kernel::{
    Context, Edit, Error, Expected, FieldErrors, Result,
    error::field,
    id::{ContractId, CustomerId, TicketCommentId, TicketId, UserId},
};
use serde_json::{Value, json};

use crate::{
    input::{NewTicket, PastTicket, QueueFilter, TicketFilter, TicketInput},
    model::{
        Now, Queue, Step, Ticket, TicketAction, TicketComment, TicketPriority,
        TicketStatus::{InProgress, New, Resolved, Waiting},
        TicketStep, number, refusal,
    },
    store,
};

/// The maximum number of attempts to find a free number; with a billion numbers a month, one is almost always enough.
const NUMBER_TRIES: u32 = 8;

/// Returns one ticket. Errors: `ticket_not_found`.
pub async fn get(conn: &mut Conn, _granted: &Granted<perm::TicketsRead>, id: TicketId) -> Result<Ticket> {
    let ticket = store::get(conn, id).await?.ok_or(refusal::NOT_FOUND)?;
    Ok(ticket.shown(conn.now()))
}

/// Returns a page of tickets.
pub async fn list(conn: &mut Conn, _granted: &Granted<perm::TicketsRead>, filter: &TicketFilter, paging: &Paging) -> Result<Page<Ticket>> {
    Ok(store::list(conn, filter, paging).await?.map(|ticket| ticket.shown(conn.now())))
}

/// Returns a page of the tickets of one user, of the unassigned or of the overdue tickets.
pub async fn queue(
    conn: &mut Conn,
    _granted: &Granted<perm::TicketsRead>,
    queue: Queue,
    filter: &QueueFilter,
    paging: &Paging,
) -> Result<Page<Ticket>> {
    Ok(store::queue(conn, queue, filter, paging).await?.map(|ticket| ticket.shown(conn.now())))
}

/// Returns a page of a ticket's journal. Errors: `ticket_not_found`.
pub async fn history(conn: &mut Conn, _granted: &Granted<perm::TicketsRead>, id: TicketId, paging: &Paging) -> Result<Page<TicketStep>> {
    must_exist(conn, id).await?;
    store::journal::list(conn, id, paging).await
}

/// Files a ticket.
///
/// Errors: `not_found` and `mismatch` in the fields `customer_id` and `contract_id`, `customer_merged`; with an assignee also those
/// of `assign`; `permission_missing` for an assignee without `tickets:assign`, and for priority `critical` without `tickets:work`.
pub async fn create(tx: &mut Tx, granted: &Granted<perm::TicketsWrite>, input: &NewTicket) -> Result<Ticket> {
    let needs = |permission: Permission| match granted.may(permission) {
        true => Ok(()),
        false => Err(Error::new(acl::refusal::PERMISSION_MISSING).with("permission", permission)),
    };
    if input.assigned_to.is_some() {
        needs(Permission::TicketsAssign)?;
    }
    if input.priority == TicketPriority::Critical {
        needs(Permission::TicketsWork)?;
    }
    check_subject(tx, input.customer_id, input.contract_id).await?;
    let assignee = match input.assigned_to {
        Some(user) => Some(assignable(tx, "assigned_to", user).await?),
        None => None,
    };
    let number = free_number(tx).await?;
    let mut ticket = input.filed(number, tx.actor().user_id, moment(tx));
    ticket.id = store::insert(tx, &ticket).await?;
    let assigned = assignee.map(|name| Step::between(&ticket, &ticket, TicketAction::Assigned, Some(&name)));
    let steps: Vec<Step> = [Step::filing(&ticket)].into_iter().chain(assigned).collect();
    store::journal::insert(tx, &steps).await?;
    tx.record(Entry::new(TicketAction::Created.audit_name(), "ticket", ticket.id).created(&ticket));
    tell(tx, EventKind::TicketCreated, &ticket, json!({}));
    Ok(ticket.shown(tx.now()))
}

/// Changes a ticket's category, texts and contract.
///
/// Errors: `ticket_not_found`, `stale_version`, `invalid`, `not_found` and `mismatch` in the field `contract_id`,
/// `ticket_wrong_state` if it is closed.
pub async fn edit(
    tx: &mut Tx,
    _granted: &Granted<perm::TicketsWrite>,
    id: TicketId,
    edit: &Edit<TicketInput>,
    expected: &Expected,
) -> Result<Ticket> {
    let before = load(tx, id).await?;
    expected.check(before.version)?;
    let present = TicketInput::of(&before);
    let input = edit.apply(&before.clone().shown(tx.now()), &present, tx.context())?;
    if input == present {
        return Ok(before.shown(tx.now()));
    }
    before.only_from(&[New, InProgress, Waiting, Resolved])?;
    if input.contract_id != present.contract_id {
        check_contract(tx, before.customer_id, input.contract_id).await?.into_result()?;
    }
    let changes = present.changes(&input);
    let TicketInput { contract_id, category, subject, description } = input;
    let after = Ticket { contract_id, category, subject, description, ..before.changed(moment(tx)) };
    keep(tx, &before, &after, TicketAction::Edited, Some(&changes)).await?;
    Ok(after.shown(tx.now()))
}

/// Deletes a new ticket without a response, such as one filed by mistake; other tickets can only be closed.
///
/// Errors: `ticket_not_found`, `stale_version`, `ticket_taken_up`.
pub async fn delete(tx: &mut Tx, _granted: &Granted<perm::TicketsDelete>, id: TicketId, expected: &Expected) -> Result<()> {
    let before = load(tx, id).await?;
    expected.check(before.version)?;
    let is_untouched = before.status == New && before.first_response_at.is_none();
    if !is_untouched || store::journal::left_new(tx, id).await? || store::has_duplicates(tx, id).await? {
        return Err(Error::new(refusal::TAKEN_UP));
    }
    store::attachments::leave_all(tx, id, DateTime::UNIX_EPOCH).await?;
    store::delete(tx, &before).await?;
    tell(tx, EventKind::TicketDeleted, &before, json!({}));
    tx.record(Entry::new("ticket.deleted", "ticket", id).deleted(&before.shown(tx.now())));
    Ok(())
}

/// Inserts many past tickets with their journals under reserved ids, beginning with `first_id`.
///
/// The caller validates them and records the load in the audit trail. Errors: `ticket_wrong_state` for a ticket that was solved but
/// never assigned, `duplicate` if a number is taken.
pub async fn insert_all(tx: &mut Tx, _granted: &Granted<perm::TicketsWrite>, first_id: i64, past: &[PastTicket]) -> Result<()> {
    let mut tickets = Vec::with_capacity(past.len());
    let (mut steps, mut answers) = (Vec::new(), Vec::new());
    for (past, id) in past.iter().zip(first_id..) {
        // an odd factor gives consecutive ids distinct 30-bit values, unlike random numbers, and hides that the ids are consecutive
        let bits = (id as u32).wrapping_mul(0x9E37_79B1);
        let number = number_at(tx.context(), past.filed_at, bits);
        let mut ticket = past.input.filed(number, tx.actor().user_id, Now { at: past.filed_at, policy: tx.policy() });
        ticket.id = TicketId::new(id);
        steps.push(Step::filing(&ticket));
        if let Some((user, at)) = &past.assigned {
            let after = ticket.assign(user.id, Now { at: *at, policy: tx.policy() })?;
            steps.push(Step::between(&ticket, &after, TicketAction::Assigned, Some(&user.username)));
            ticket = after;
            if let Some(text) = &past.answer {
                ticket = ticket.answered(Now { at: *at, policy: tx.policy() }).unwrap_or(ticket);
                steps.push(Step::beside(&ticket, *at, TicketAction::Commented, None));
                answers.push(TicketComment {
                    id: TicketCommentId::new(0),
                    ticket_id: ticket.id,
                    author_id: Some(user.id),
                    author: user.username.clone(),
                    is_from_customer: false,
                    is_internal: false,
                    text: text.clone(),
                    created_at: *at,
                });
            }
        }
        if let Some((resolution, at)) = &past.resolved {
            let after = ticket.resolve(resolution, Now { at: *at, policy: tx.policy() })?;
            steps.push(Step::between(&ticket, &after, TicketAction::Resolved, Some(resolution)));
            ticket = after;
        }
        tickets.push(ticket);
    }
    store::insert_all(tx, &tickets).await?;
    store::comments::insert_all(tx, &answers).await?;
    store::journal::insert(tx, &steps).await
}

/// Moves all tickets from a locked, merged subscriber to its survivor. Returns how many there were.
pub async fn give(tx: &mut Tx, from: CustomerId, to: CustomerId) -> Result<usize> {
    let moved = store::give(tx, from, to).await?;
    for (id, version) in &moved {
        let (before, after) = (json!({"customer_id": from, "version": version - 1}), json!({"customer_id": to, "version": version}));
        tx.record(Entry::new("ticket.moved", "ticket", id).change(&before, &after).note("reason", "customer_merged"));
    }
    let ids: Vec<TicketId> = moved.iter().map(|(id, _)| *id).collect();
    for ticket in store::all(tx, &ids).await? {
        tell(tx, EventKind::TicketChanged, &ticket, json!({}));
    }
    Ok(moved.len())
}

/// Checks that the subscriber exists and was not merged into another, and that the contract belongs to it.
async fn check_subject(tx: &mut Tx, customer_id: CustomerId, contract_id: Option<ContractId>) -> Result<()> {
    let customer = store::subject(tx, customer_id).await?;
    let mut wrong = check_contract(tx, customer_id, contract_id).await?;
    if customer.is_none() {
        wrong.add("customer_id", field::NOT_FOUND);
    }
    wrong.into_result()?;
    match customer.and_then(|customer| customer.merged_into) {
        Some(survivor) => Err(Error::new(customers::refusal::MERGED).with("survivor", survivor)),
        None => Ok(()),
    }
}

/// Returns the field errors of the contract.
async fn check_contract(tx: &mut Tx, customer_id: CustomerId, contract_id: Option<ContractId>) -> Result<FieldErrors> {
    let mut wrong = FieldErrors::default();
    if let Some(contract_id) = contract_id {
        match store::contract_holder(tx, contract_id).await? {
            None => drop(wrong.add("contract_id", field::NOT_FOUND)),
            Some(holder) if holder != customer_id => drop(wrong.add("contract_id", field::MISMATCH)),
            Some(_) => {}
        }
    }
    Ok(wrong)
}

/// Returns the name of a user to whom a ticket can be assigned.
///
/// Errors in the field `name`: `not_found` unless the account is usable, `assignee_cannot_work` without `tickets:work`.
async fn assignable(tx: &mut Tx, name: &str, user: UserId) -> Result<String> {
    let worker = users::worker(tx, user, Permission::TicketsWork).await?;
    let worker = worker.ok_or_else(|| Error::of_field(name, field::NOT_FOUND))?;
    if worker.may { Ok(worker.username) } else { Err(Error::of_field(name, field::ASSIGNEE_CANNOT_WORK)) }
}

/// Returns an unused ticket number. It is checked in advance, because a unique violation aborts the transaction in PostgreSQL.
async fn free_number(tx: &mut Tx) -> Result<String> {
    for _ in 0..NUMBER_TRIES {
        let number = number_at(tx.context(), tx.now(), rand::random());
        if !store::number_exists(tx, &number).await? {
            return Ok(number);
        }
    }
    Err(Error::internal("no free ticket number was found"))
}

/// The number of a ticket filed at this moment; the month is that of the operator's time zone.
fn number_at(context: &Context, at: DateTime<Utc>, bits: u32) -> String {
    number(at.with_timezone(&context.policy.time_zone).date_naive(), bits)
}

/// Returns the ticket, locked until the transaction ends. Errors: `ticket_not_found`.
async fn load(tx: &mut Tx, id: TicketId) -> Result<Ticket> {
    Ok(store::lock(tx, id).await?.ok_or(refusal::NOT_FOUND)?)
}

/// Checks that the ticket exists. Errors: `ticket_not_found`.
async fn must_exist(conn: &mut Conn, id: TicketId) -> Result<()> {
    if store::exists(conn, id).await? { Ok(()) } else { Err(refusal::NOT_FOUND.into()) }
}

fn moment(tx: &Tx) -> Now<'_> {
    Now { at: tx.now(), policy: tx.policy() }
}

/// Writes an action: the changed ticket, the step in the journal, the entry in the audit trail, and the events.
async fn keep(tx: &mut Tx, before: &Ticket, after: &Ticket, action: TicketAction, note: Option<&str>) -> Result<()> {
    store::update(tx, before, after).await?;
    store::journal::insert(tx, &[Step::between(before, after, action, note)]).await?;
    tx.record(Entry::new(action.audit_name(), "ticket", after.id).change(before, after));
    if before.status != after.status {
        tell(tx, EventKind::TicketStatusChanged, after, json!({"status_before": before.status}));
    }
    if action == TicketAction::Assigned {
        tell(tx, EventKind::TicketAssigned, after, json!({"assigned_before": before.assigned_to}));
    }
    if before.status == after.status && action != TicketAction::Assigned {
        tell(tx, EventKind::TicketChanged, after, json!({}));
    }
    Ok(())
}

/// Publishes an event of a ticket: the ticket, and what else there is to tell.
fn tell(tx: &mut Tx, kind: EventKind, ticket: &Ticket, more: Value) {
    // whether it is overdue changes by itself
    let event = Event::new(kind, "ticket", ticket.id, ticket).without("is_overdue");
    let event = more.as_object().into_iter().flatten().fold(event, |event, (name, value)| event.with(name, value.clone()));
    tx.publish(event.of_contract(ticket.contract_id).of_customer(ticket.customer_id));
}

/// Finds tickets for the search box.
pub async fn find_by_words(conn: &mut Conn, _: &Granted<perm::TicketsRead>, sought: &Sought) -> Result<Vec<Found>> {
    store::SEARCHED.find(conn, sought, &[]).await
}

/// Describes every violation of the invariants of tickets, for the operator's engineers.
pub async fn violations(conn: &mut Conn) -> Result<Vec<String>> {
    store::violations(conn).await
}
