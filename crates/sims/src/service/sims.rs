//! The use cases of SIM cards that do not concern a contract.

use acl::{Granted, Permission, perm};
use database::{
    Conn, Event, Page, Paging, Resource, Tx,
    audit::Entry,
    search::{Found, Sought},
};
use kernel::{
    Edit, Error, Expected, FieldErrors, Result,
    error::{Transient, common, field},
    id::SimId,
};

use super::{change_sim, numbers::number_to_carry, present, tell};
use crate::{
    input::{FreeSimFilter, SimFilter, SimInput},
    model::{NewSim, NumberStatus, RegisteredSim, Sim, SimBinding, SimKind, SimShort, SimStatistics, SimStatus, refusal},
    store,
};

/// Returns one SIM card, without the PUK unless the caller may see it. Errors: `sim_not_found`.
pub async fn get(conn: &mut Conn, granted: &Granted<perm::SimsRead>, id: SimId) -> Result<Sim> {
    let sim = store::sims::get(conn, id).await?.ok_or(refusal::NOT_FOUND)?;
    Ok(sim.shown(granted.may(Permission::SimsPuk)))
}

/// The short forms of these SIM cards, for the records that name them.
pub async fn short_forms(conn: &mut Conn, _granted: &Granted<perm::SimsRead>, ids: &[SimId]) -> Result<Vec<SimShort>> {
    store::sims::short_forms(conn, ids).await
}

/// Returns a page of SIM cards, without the PUKs unless the caller may see them.
pub async fn list(conn: &mut Conn, granted: &Granted<perm::SimsRead>, filter: &SimFilter, paging: &Paging) -> Result<Page<Sim>> {
    let with_puk = granted.may(Permission::SimsPuk);
    Ok(store::sims::list(conn, filter, paging).await?.map(|sim| sim.shown(with_puk)))
}

/// Returns a page of the free SIM cards.
pub async fn list_free(conn: &mut Conn, granted: &Granted<perm::SimsRead>, filter: &FreeSimFilter, paging: &Paging) -> Result<Page<Sim>> {
    list(conn, granted, &filter.into(), paging).await
}

/// Returns a page of a SIM card's bindings, the latest first by default. Errors: `sim_not_found`.
pub async fn history(conn: &mut Conn, _: &Granted<perm::SimsRead>, id: SimId, paging: &Paging) -> Result<Page<SimBinding>> {
    if !store::sims::exists(conn, id).await? {
        return Err(refusal::NOT_FOUND.into());
    }
    store::bindings::of_sim(conn, id, paging).await
}

/// Returns the numbers of SIM cards and phone numbers by status and kind.
pub async fn statistics(conn: &mut Conn, _: &Granted<perm::ReportsRead>) -> Result<SimStatistics> {
    let mut found = SimStatistics::default();
    for (about, word, count) in store::sims::counts(conn).await? {
        match (about.as_str(), word.parse(), word.parse(), word.parse()) {
            ("sim_status", Ok(status), ..) => {
                found.total += count;
                *match status {
                    SimStatus::Free => &mut found.by_status.free,
                    SimStatus::Active => &mut found.by_status.active,
                    SimStatus::Suspended => &mut found.by_status.suspended,
                    SimStatus::Blocked => &mut found.by_status.blocked,
                    SimStatus::Closed => &mut found.by_status.closed,
                } += count;
            }
            ("sim_kind", _, Ok(kind), _) => {
                *match kind {
                    SimKind::Physical => &mut found.by_kind.physical,
                    SimKind::Esim => &mut found.by_kind.esim,
                } += count;
            }
            ("free_with_number", ..) => found.free_with_number = count,
            ("number", .., Ok(status)) => *found.numbers.of(status) += count,
            // expired, but the row still has the old status
            ("lapsed", .., Ok(status)) => {
                *found.numbers.of(status) -= count;
                *found.numbers.of(NumberStatus::Available) += count;
            }
            _ => return Err(Error::internal(format!("the count {about} has the unknown value {word}"))),
        }
    }
    Ok(found)
}

/// Registers a free SIM card with the number that it carries, if any, and returns it with what is unusual about it.
///
/// Errors: `sim_duplicate` with every unique field that is taken, and with the id of the other card if the caller may see it;
/// `number_not_available`, `number_taken`.
pub async fn create(tx: &mut Tx, granted: &Granted<perm::SimsWrite>, input: &SimInput) -> Result<RegisteredSim> {
    refuse_clashes(tx, granted, input, None).await?;
    let number = match &input.msisdn {
        Some(msisdn) => Some(number_to_carry(tx, granted, msisdn).await?),
        None => None,
    };
    let new = NewSim {
        iccid: input.iccid.clone(),
        imsi: input.imsi.clone(),
        puk_code: input.puk_code.clone(),
        kind: input.kind,
        status: SimStatus::Free,
        number: number.map(|number| (number.id, number.msisdn)),
        contract_id: None,
        activated_at: None,
        deactivated_at: None,
        created_at: tx.now(),
    };
    let id = store::sims::insert(tx, &new).await.map_err(duplicate)?;
    let sim = store::sims::get(tx, id).await?.ok_or(refusal::NOT_FOUND)?;
    let shown = sim.clone().shown(false);
    tx.publish(Event::created(Resource::Sim, id, &shown));
    tx.record(Entry::new("sim.created", "sim", id).created(&shown));
    let warnings = input.warnings(tx.policy().country);
    Ok(RegisteredSim { sim: sim.shown(granted.may(Permission::SimsPuk)), warnings })
}

/// Changes a SIM card: all fields while it is free, only kind and PUK until it is closed.
///
/// Errors: `sim_not_found`, `stale_version`, `invalid`, also for a field that may not change in this state, `sim_wrong_state` for a
/// closed card, and those of [`create`].
pub async fn edit(tx: &mut Tx, granted: &Granted<perm::SimsWrite>, id: SimId, change: &Edit<SimInput>, expected: &Expected) -> Result<Sim> {
    let before = store::sims::lock(tx, id).await?.ok_or(refusal::NOT_FOUND)?;
    let now = tx.now();
    expected.check(before.version)?;
    let present_input = SimInput::of(&before);
    let sees_puk = granted.may(Permission::SimsPuk);
    let mut input = change.apply(&before.clone().shown(sees_puk), &present_input, tx.context())?;
    if !sees_puk && input.puk_code.is_none() {
        // a caller that cannot see the PUK does not mean to clear it by omitting it
        input.puk_code.clone_from(&present_input.puk_code);
    }
    let changed = present_input.changed(&input);
    before.editable(&changed)?;
    if !changed.is_empty() {
        refuse_clashes(tx, granted, &input, Some(id)).await?;
        let number = match &input.msisdn {
            Some(msisdn) if before.msisdn.as_ref() != Some(msisdn) => {
                let number = number_to_carry(tx, granted, msisdn).await?;
                Some((number.id, number.msisdn))
            }
            Some(_) => before.number_id.zip(before.msisdn.clone()),
            None => None,
        };
        let (number_id, msisdn) = number.unzip();
        let SimInput { iccid, imsi, puk_code, kind, .. } = input;
        let after = Sim { iccid, imsi, puk_code, kind, number_id, msisdn, ..before.clone() };
        let after = store::sims::edit(tx, after, now).await.map_err(duplicate)?;
        tell(tx, &before, &after).await?;
        let mut entry = Entry::new("sim.updated", "sim", id).change(&before.clone().shown(false), &after.shown(false));
        if changed.contains(&"puk_code") {
            entry = entry.note("puk_code", "changed");
        }
        tx.record(entry);
    }
    present(tx, granted, id).await
}

/// Deletes a SIM card that never served a contract; its number remains.
///
/// Errors: `sim_not_found`, `stale_version`, `sim_was_bound`, `sim_in_use` while a draft contract refers to it.
pub async fn delete(tx: &mut Tx, _granted: &Granted<perm::SimsDelete>, id: SimId, expected: &Expected) -> Result<()> {
    let before = store::sims::lock(tx, id).await?.ok_or(refusal::NOT_FOUND)?;
    expected.check(before.version)?;
    if store::bindings::was_bound(tx, id).await? {
        return Err(Error::new(refusal::WAS_BOUND).with("status", before.status));
    }
    let in_use = |error: Error| if error.code() == common::IN_USE { Error::new(refusal::IN_USE).cause(error) } else { error };
    store::sims::delete(tx, &before).await.map_err(in_use)?;
    let shown = before.shown(false);
    tx.publish(Event::deleted(Resource::Sim, id, &shown));
    tx.record(Entry::new("sim.deleted", "sim", id).deleted(&shown));
    Ok(())
}

/// Closes a SIM card that never served a contract, and drops its number. Errors: `sim_not_found`, `sim_wrong_state`.
pub async fn close(tx: &mut Tx, granted: &Granted<perm::SimsStatus>, id: SimId) -> Result<Sim> {
    let before = store::sims::lock(tx, id).await?.ok_or(refusal::NOT_FOUND)?;
    let closed = before.clone().close(tx.now())?;
    change_sim(tx, &before, closed, Entry::new("sim.closed", "sim", id)).await?;
    present(tx, granted, id).await
}

/// Checks that no other card has a unique value of `input`. Errors: `sim_duplicate` with every such field.
async fn refuse_clashes(tx: &mut Tx, granted: &Granted<perm::SimsWrite>, input: &SimInput, but: Option<SimId>) -> Result<()> {
    let mut taken = FieldErrors::default();
    for clash in store::sims::clashes(tx, &input.iccid, &input.imsi, but).await? {
        let error = taken.add(&clash.field, field::DUPLICATE);
        error.existing_id = granted.may(Permission::SimsRead).then_some(clash.sim_id.get());
    }
    taken.into_error(refusal::DUPLICATE)
}

/// Makes a unique violation retryable: another request took the value after the check, and the retry reports which one.
fn duplicate(error: Error) -> Error {
    if error.code() == common::DUPLICATE { Error::new(refusal::DUPLICATE).transient(Transient::Collision) } else { error }
}

/// Finds SIM cards for the search box.
pub async fn find_by_words(conn: &mut Conn, _: &Granted<perm::SimsRead>, sought: &Sought) -> Result<Vec<Found>> {
    store::sims::SEARCHED.find(conn, sought, &[]).await
}
