//! The use cases of SIM cards and numbers.

pub mod lines;
pub mod numbers;
pub mod sims;

use acl::{Granted, Permission, PermissionType};
use database::{Conn, Event, EventKind, Resource, Tx, audit::Entry};
use kernel::{
    Context, Error, Result,
    id::{ContractId, CustomerId, SimId},
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
    tell(tx, before, &after).await?;
    Ok(after)
}

/// The contract that a card or a number serves, and its subscriber.
#[derive(Clone, Copy, Debug, Default)]
struct Owner {
    contract_id: Option<ContractId>,
    customer_id: Option<CustomerId>,
}

impl Owner {
    async fn of(tx: &mut Tx, contract_id: Option<ContractId>) -> Result<Self> {
        let customer_id = match contract_id {
            Some(id) => store::customer_of(tx, id).await?,
            None => None,
        };
        Ok(Self { contract_id, customer_id })
    }
}

/// Publishes what a card has become, and its new status if it has one.
async fn tell(tx: &mut Tx, before: &Sim, after: &Sim) -> Result<()> {
    // a card that leaves its contract is still told with it
    let owner = Owner::of(tx, after.contract_id.or(before.contract_id)).await?;
    tell_with(tx, before.status, after, owner);
    Ok(())
}

/// Publishes what a card has become, for a caller that knows whose it is.
fn tell_with(tx: &mut Tx, before: SimStatus, after: &Sim, owner: Owner) {
    let its = if after.contract_id.is_some() { owner } else { Owner::default() };
    let changed = Event::changed(Resource::Sim, after.id, &after.clone().shown(false));
    tx.publish(changed.of_contract(its.contract_id).of_customer(its.customer_id));
    if before != after.status {
        let data = json!({"iccid": after.iccid, "msisdn": after.msisdn, "status": after.status, "status_before": before});
        let event = Event::new(EventKind::SimStatusChanged, "sim", after.id, &data);
        tx.publish(event.of_contract(owner.contract_id).of_customer(owner.customer_id));
    }
}

/// Writes a number's new state and records it, unless nothing changed.
async fn change_number(tx: &mut Tx, action: &'static str, before: &Number, after: Number) -> Result<Number> {
    if after == *before {
        return Ok(after);
    }
    let after = store::numbers::update(tx, after).await?;
    tx.record(Entry::new(action, "number", after.id).change(before, &after));
    tell_number(tx, &after).await?;
    Ok(after)
}

/// Publishes what a number has become.
async fn tell_number(tx: &mut Tx, number: &Number) -> Result<()> {
    let owner = Owner::of(tx, number.contract_id).await?;
    let event = carried(Event::changed(Resource::Number, number.id, number));
    tx.publish(event.of_contract(owner.contract_id).of_customer(owner.customer_id));
    Ok(())
}

/// Which card carries a number is a property of the card, which has a version of its own.
fn carried(number: Event) -> Event {
    number.without("sim_id")
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
