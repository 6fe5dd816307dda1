//! The use cases of phone numbers, including the expiry of reservations and quarantines.

use acl::{Granted, Permission, perm};
use chrono::SubsecRound;
use database::{Conn, Event, Page, Paging, Resource, Tx, audit::Entry};
use kernel::{
    Error, FieldErrors, Result,
    error::{Transient, common, field},
    id::NumberId,
};

use super::{carried, change_number, rest_until, tell_number};
use crate::{
    input::{NumberFilter, NumberInput, NumberPortOutInput, NumberReserveInput},
    model::{NewNumber, Number, SimBinding, refusal},
    store,
};

/// The maximum number of existing phone numbers that a refusal lists.
const MOST_NAMED: i64 = 10;

/// Returns one phone number with its status at this time. Errors: `number_not_found`.
pub async fn get(conn: &mut Conn, _: &Granted<perm::SimsRead>, id: NumberId) -> Result<Number> {
    let number = store::numbers::get(conn, id).await?.ok_or(refusal::NUMBER_NOT_FOUND)?;
    Ok(number.shown(conn.now(), conn.today()))
}

/// Returns a page of phone numbers with their status at this time.
pub async fn list(conn: &mut Conn, _: &Granted<perm::SimsRead>, filter: &NumberFilter, paging: &Paging) -> Result<Page<Number>> {
    let (now, today) = (conn.now(), conn.today());
    Ok(store::numbers::list(conn, filter, paging).await?.map(|number| number.shown(now, today)))
}

/// Returns a page of a number's bindings, the latest first by default. Errors: `number_not_found`.
pub async fn history(conn: &mut Conn, _: &Granted<perm::SimsRead>, id: NumberId, paging: &Paging) -> Result<Page<SimBinding>> {
    if !store::numbers::exists(conn, id).await? {
        return Err(refusal::NUMBER_NOT_FOUND.into());
    }
    store::bindings::of_number(conn, id, paging).await
}

/// Adds a range of phone numbers, all or none. Errors: `number_duplicate` with the first ten that already exist.
pub async fn create(tx: &mut Tx, _granted: &Granted<perm::SimsWrite>, input: &NumberInput) -> Result<Vec<Number>> {
    let new: Vec<NewNumber> = input.msisdns(tx.policy().country).map(|msisdn| NewNumber::available(msisdn, tx.now())).collect();
    let last = new.last().map_or(input.first.as_str(), |last| last.msisdn.as_str());
    let present = store::numbers::between(tx, &input.first, last, MOST_NAMED).await?;
    if !present.is_empty() {
        let named: Vec<String> = present.into_iter().map(|number| number.msisdn).collect();
        return Err(Error::new(refusal::NUMBER_DUPLICATE).with("numbers", named.join(", ")));
    }
    store::numbers::insert_all(tx, &new).await.map_err(|error| added_meanwhile(error, &input.first))?;
    let numbers = store::numbers::between(tx, &input.first, last, input.count).await?;
    for number in &numbers {
        tx.publish(carried(Event::created(Resource::Number, number.id, number)));
        tx.record(Entry::new("number.created", "number", number.id).created(number));
    }
    Ok(numbers)
}

/// Reserves a number until a time, also for one subscriber.
///
/// Errors: `number_not_found`, `number_wrong_state`, `not_found` in the field `customer_id`.
pub async fn reserve(tx: &mut Tx, _granted: &Granted<perm::SimsWrite>, id: NumberId, input: &NumberReserveInput) -> Result<Number> {
    let before = store::numbers::lock(tx, id).await?.ok_or(refusal::NUMBER_NOT_FOUND)?;
    let reserved = before.clone().reserve(input.until.trunc_subsecs(6), input.customer_id, tx.now(), tx.today())?;
    let unknown = |error: Error| match error.code() == common::IN_USE {
        true => Error::of_field("customer_id", field::NOT_FOUND),
        false => error,
    };
    change_number(tx, "number.reserved", &before, reserved).await.map_err(unknown)
}

/// Ends a reservation, or takes back a ported-out number that another operator returned.
///
/// Errors: `number_not_found`, `number_wrong_state`.
pub async fn release(tx: &mut Tx, _granted: &Granted<perm::SimsWrite>, id: NumberId) -> Result<Number> {
    let before = store::numbers::lock(tx, id).await?.ok_or(refusal::NUMBER_NOT_FOUND)?;
    let released = before.clone().release(rest_until(tx.context())?, tx.now(), tx.today())?;
    let released = change_number(tx, "number.released", &before, released).await?;
    Ok(released.shown(tx.now(), tx.today()))
}

/// Records that a number went to another operator. Errors: `number_not_found`, `number_wrong_state`, `number_on_sim`.
pub async fn port_out(tx: &mut Tx, _granted: &Granted<perm::SimsWrite>, id: NumberId, input: &NumberPortOutInput) -> Result<Number> {
    let before = store::numbers::lock(tx, id).await?.ok_or(refusal::NUMBER_NOT_FOUND)?;
    let gone = before.clone().port_out(tx.now(), tx.today())?;
    let gone = store::numbers::update(tx, gone).await?;
    tell_number(tx, &gone).await?;
    let mut entry = Entry::new("number.ported_out", "number", id).change(&before, &gone);
    if let Some(note) = &input.note {
        entry = entry.note("note", note.as_str());
    }
    tx.record(entry);
    Ok(gone)
}

/// Makes up to `limit` numbers available whose reservation or quarantine has expired; returns how many.
///
/// Such numbers already count as available; this updates their rows.
pub async fn free_lapsed(tx: &mut Tx, _granted: &Granted<perm::SimsWrite>, limit: i64) -> Result<usize> {
    let (now, today) = (tx.now(), tx.today());
    let lapsed = store::numbers::lock_lapsed(tx, limit).await?;
    if lapsed.is_empty() {
        return Ok(0);
    }
    let ids: Vec<NumberId> = lapsed.iter().map(|number| number.id).collect();
    store::numbers::free_all(tx, &ids, now).await?;
    for before in &lapsed {
        let after = Number { updated_at: now, version: before.version + 1, ..before.clone().shown(now, today) };
        tx.publish(carried(Event::changed(Resource::Number, after.id, &after)));
        tx.record(Entry::new("number.freed", "number", before.id).change(before, &after));
    }
    Ok(lapsed.len())
}

/// Returns the number for a card, locked: a new one, or an existing one that is available and that no other card carries.
///
/// Errors: `number_not_available`, `number_taken`, `number_duplicate` if another request adds it at the same time.
pub(super) async fn number_to_carry(tx: &mut Tx, granted: &Granted<perm::SimsWrite>, msisdn: &str) -> Result<Number> {
    let Some(number) = store::numbers::lock_msisdn(tx, msisdn).await? else {
        let new = [NewNumber::available(msisdn.to_owned(), tx.now())];
        store::numbers::insert_all(tx, &new).await.map_err(|error| added_meanwhile(error, msisdn))?;
        let number = store::numbers::lock_msisdn(tx, msisdn).await?.ok_or(refusal::NUMBER_NOT_FOUND)?;
        tx.publish(carried(Event::created(Resource::Number, number.id, &number)));
        tx.record(Entry::new("number.created", "number", number.id).created(&number));
        return Ok(number);
    };
    let available = number.clone().put_on_sim(tx.now(), tx.today())?;
    if let Some(carrier) = number.sim_id {
        let mut taken = FieldErrors::default();
        taken.add("msisdn", field::DUPLICATE).existing_id = granted.may(Permission::SimsRead).then_some(carrier.get());
        return Err(Error::new(refusal::NUMBER_TAKEN).with("msisdn", number.msisdn).fields(taken));
    }
    change_number(tx, "number.freed", &number, available).await
}

/// Makes a unique violation retryable: another request added the number after the check, and the retry finds it.
fn added_meanwhile(error: Error, msisdn: &str) -> Error {
    match error.code() == common::DUPLICATE {
        true => Error::new(refusal::NUMBER_DUPLICATE).with("numbers", msisdn).transient(Transient::Collision),
        false => error,
    }
}
