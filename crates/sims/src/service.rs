//! The use cases of SIM cards and numbers.

pub mod lines;
pub mod numbers;
pub mod sims;

use acl::{Granted, Permission, PermissionType};
use database::{Conn, Event, EventKind, Tx, audit::Entry};
use kernel::{
    Context, Error, Result,
    id::{ContractId, SimId},
};
use serde_json::json;

use crate::{
    model::{NewBinding, NewNumber, NewSim, Number, Sim, SimStatus, refusal},
    store,
};

/// Returns the card after a change, for the response; if it contains the PUK, the audit trail records the reading.
///
/// Errors: `sim_not_found`.
pub async fn present<P: PermissionType>(tx: &mut Tx, granted: &Granted<P>, id: SimId) -> Result<Sim> {
    let sim = store::sims::get(tx, id).await?.ok_or(refusal::NOT_FOUND)?.shown(granted.may(Permission::SimsPuk));
    if sim.puk_code.is_some() {
        tx.record(Entry::new("personal_data.read", "sim", id));
    }
    Ok(sim)
}

/// Writes a card's new state and records it, unless nothing changed.
async fn change_sim(tx: &mut Tx, before: &Sim, after: Sim, entry: Entry) -> Result<Sim> {
    if after == *before {
        return Ok(after);
    }
    let after = store::sims::update(tx, after).await?;
    tx.record(entry.change(&before.clone().shown(false), &after.clone().shown(false)));
    tell(tx, after.id, after.contract_id, before.status, after.status);
    Ok(after)
}

/// Publishes an event if the card's status changed.
fn tell(tx: &mut Tx, id: SimId, contract_id: Option<ContractId>, before: SimStatus, after: SimStatus) {
    if before != after {
        let data = json!({"status": after, "status_before": before});
        tx.publish(Event::new(EventKind::SimStatusChanged, "sim", id, &data).of_contract(contract_id));
    }
}

/// Writes a number's new state and records it, unless nothing changed.
async fn change_number(tx: &mut Tx, action: &'static str, before: &Number, after: Number) -> Result<Number> {
    if after == *before {
        return Ok(after);
    }
    let after = store::numbers::update(tx, after).await?;
    tx.record(Entry::new(action, "number", after.id).change(before, &after));
    Ok(after)
}

/// The first day on which a number that is quarantined today may be given out again.
fn rest_until(context: &Context) -> Result<chrono::NaiveDate> {
    let rest = chrono::TimeDelta::try_days(context.policy.number_quarantine_days);
    let until = rest.and_then(|rest| context.today().checked_add_signed(rest));
    until.ok_or_else(|| Error::internal("the quarantine of numbers ends beyond the calendar"))
}

/// Inserts many SIM cards under reserved ids, beginning with `first_id`.
///
/// The caller validates them and records the load in the audit trail.
pub async fn insert_all(tx: &mut Tx, first_id: i64, sims: &[NewSim]) -> Result<()> {
    store::sims::insert_all(tx, first_id, sims).await
}

/// Inserts many phone numbers under reserved ids, beginning with `first_id`.
///
/// The caller validates them and records the load in the audit trail.
pub async fn insert_numbers(tx: &mut Tx, first_id: i64, numbers: &[NewNumber]) -> Result<()> {
    store::numbers::insert_all_from(tx, first_id, numbers).await
}

/// Inserts many bindings; the database assigns their ids, because nothing refers to them.
pub async fn insert_bindings(tx: &mut Tx, bindings: &[NewBinding]) -> Result<()> {
    store::bindings::insert_all(tx, bindings).await
}

/// Describes every violation of the invariants of SIM cards, numbers and bindings, for the operator's engineers.
pub async fn violations(conn: &mut Conn) -> Result<Vec<String>> {
    let breaches = store::breaches(conn).await?;
    Ok(breaches.into_iter().map(|(sentence, id)| sentence.replace('#', &id.to_string())).collect())
}
