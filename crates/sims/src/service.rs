//! The use cases of SIM cards and numbers.

use acl::{Granted, Permission, perm};
use chrono::TimeDelta;
use kernel::{
    Context, Error, FieldErrors, Page, Paging, Result,
    audit::{Actor, Entry},
    db::{Conn, Tx},
    error::field,
    id::{ContractId, CustomerId, NumberId, SimId},
    search::{Found, Sought},
};
use serde_json::json;

use crate::{
    input::{NumberFilter, NumberInput, SimFilter, SimInput},
    model::{NewBinding, NewNumber, NewSim, Number, Sim, SimStatus, refusal},
    store,
};

/// How many numbers that are there already a refusal names.
const MOST_NAMED: i64 = 10;

/// One SIM card, without the PUK for those who may not see it. Errors: `sim_not_found`.
pub async fn get(conn: &mut Conn, granted: &Granted<perm::SimsRead>, id: SimId) -> Result<Sim> {
    let sim = store::get(conn, id).await?.ok_or(refusal::NOT_FOUND)?;
    Ok(sim.shown(granted.may(Permission::SimsPuk)))
}

/// A page of SIM cards, without the PUKs for those who may not see them.
pub async fn list(conn: &mut Conn, granted: &Granted<perm::SimsRead>, filter: &SimFilter, paging: &Paging) -> Result<Page<Sim>> {
    let with_puk = granted.may(Permission::SimsPuk);
    Ok(store::list(conn, filter, paging).await?.map(|sim| sim.shown(with_puk)))
}

/// Registers a free SIM card, with the number it is to carry.
///
/// Errors: `sim_duplicate` with every unique field that is taken, and, for those who may see it, by which card;
/// `number_not_available`, `number_taken`.
pub async fn create(tx: &mut Tx, context: &Context, granted: &Granted<perm::SimsWrite>, input: &SimInput) -> Result<Sim> {
    let mut taken = FieldErrors::default();
    for clash in store::clashes(tx, &input.iccid, &input.imsi).await? {
        let error = taken.add(&clash.field, field::DUPLICATE);
        error.existing_id = granted.may(Permission::SimsRead).then_some(clash.sim_id.get());
    }
    taken.into_error(refusal::DUPLICATE)?;
    let number = match &input.msisdn {
        Some(msisdn) => Some(number_to_carry(tx, context, granted, msisdn).await?),
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
        created_at: context.now,
    };
    let id = store::insert(tx, &new).await?;
    let sim = store::get(tx, id).await?.ok_or(refusal::NOT_FOUND)?;
    tx.record(Entry::new(granted.actor(), "sim.created", "sim", id).created(&sim.clone().shown(false)));
    Ok(sim.shown(granted.may(Permission::SimsPuk)))
}

/// The number for a new card: added if it is not there, else taken if it is available and no other card carries it.
async fn number_to_carry(tx: &mut Tx, context: &Context, granted: &Granted<perm::SimsWrite>, msisdn: &str) -> Result<Number> {
    let Some(number) = store::lock_msisdn(tx, msisdn).await? else {
        store::insert_numbers(tx, &[NewNumber::available(msisdn.to_owned(), context.now)]).await?;
        let number = store::lock_msisdn(tx, msisdn).await?.ok_or(refusal::NUMBER_NOT_FOUND)?;
        tx.record(Entry::new(granted.actor(), "number.created", "number", number.id).created(&number));
        return Ok(number);
    };
    let available = number.clone().put_on_sim(context.now, context.today())?;
    if let Some((carrier,)) = store::carrier(tx, number.id).await? {
        let mut taken = FieldErrors::default();
        taken.add("msisdn", field::DUPLICATE).existing_id = granted.may(Permission::SimsRead).then_some(carrier.get());
        return Err(Error::new(refusal::NUMBER_TAKEN).with("msisdn", number.msisdn).fields(taken));
    }
    change_number(tx, context, granted.actor(), "number.freed", &number, available).await
}

/// One phone number. Errors: `number_not_found`.
pub async fn get_number(conn: &mut Conn, _granted: &Granted<perm::SimsRead>, id: NumberId) -> Result<Number> {
    store::get_number(conn, id).await?.ok_or_else(|| refusal::NUMBER_NOT_FOUND.into())
}

/// A page of phone numbers.
pub async fn list_numbers(
    conn: &mut Conn,
    _granted: &Granted<perm::SimsRead>,
    filter: &NumberFilter,
    paging: &Paging,
) -> Result<Page<Number>> {
    store::list_numbers(conn, filter, paging).await
}

/// Adds a range of phone numbers, all or none. Errors: `number_duplicate`, naming the first ten that are there already.
pub async fn create_numbers(
    tx: &mut Tx,
    context: &Context,
    granted: &Granted<perm::SimsWrite>,
    input: &NumberInput,
) -> Result<Vec<Number>> {
    let new: Vec<NewNumber> = input.msisdns(context.policy.country).map(|msisdn| NewNumber::available(msisdn, context.now)).collect();
    let last = new.last().map_or(input.first.as_str(), |last| last.msisdn.as_str());
    let present = store::numbers_between(tx, &input.first, last, MOST_NAMED).await?;
    if !present.is_empty() {
        let named: Vec<String> = present.into_iter().map(|number| number.msisdn).collect();
        return Err(Error::new(refusal::NUMBER_DUPLICATE).with("numbers", named.join(", ")));
    }
    store::insert_numbers(tx, &new).await?;
    let numbers = store::numbers_between(tx, &input.first, last, input.count).await?;
    for number in &numbers {
        tx.record(Entry::new(granted.actor(), "number.created", "number", number.id).created(number));
    }
    Ok(numbers)
}

/// The SIM card without its PUK, kept as it is until the transaction ends. Errors: `not_found` in the field `sim_id`.
pub async fn find(tx: &mut Tx, id: SimId) -> Result<Sim> {
    let sim = store::lock(tx, id).await?.ok_or_else(|| Error::of_field("sim_id", field::NOT_FOUND))?;
    Ok(sim.shown(false))
}

/// The SIM card without its PUK, and the number it carries, as they are now and without a lock, for rules that only look.
pub async fn peek(conn: &mut Conn, id: SimId) -> Result<Option<(Sim, Option<Number>)>> {
    let Some(sim) = store::get(conn, id).await?.map(|sim| sim.shown(false)) else { return Ok(None) };
    let number = match sim.number_id {
        Some(number_id) => store::get_number(conn, number_id).await?,
        None => None,
    };
    Ok(Some((sim, number)))
}

/// Puts a free SIM card and the number it carries to the service of a contract; of two who try at once, one succeeds.
///
/// Errors: `not_found` in the field `sim_id`, `sim_not_free`, `sim_without_number`, `number_not_available`.
pub async fn bind(
    tx: &mut Tx,
    context: &Context,
    actor: &Actor,
    id: SimId,
    contract_id: ContractId,
    customer_id: CustomerId,
) -> Result<Sim> {
    let free = find(tx, id).await?;
    let bound = free.clone().bind(contract_id, context.now)?;
    let number = number_of(tx, &free).await?;
    let assigned = number.clone().assign(context.now, context.today())?;
    change_number(tx, context, actor, "number.assigned", &number, assigned).await?;
    let bound = change(tx, context, actor, "sim.bound", &free, bound).await?;
    let binding = NewBinding {
        sim_id: id,
        number_id: number.id,
        contract_id,
        customer_id,
        bound_at: context.now,
        bound_why: "activation".to_owned(),
        unbound: None,
    };
    store::insert_bindings(tx, &[binding]).await?;
    Ok(bound)
}

/// Suspends the SIM card of a contract that is being suspended; `None` when the contract has none, as after a loss.
///
/// Errors: `sim_not_active`.
pub async fn suspend(tx: &mut Tx, context: &Context, actor: &Actor, contract_id: ContractId) -> Result<Option<Sim>> {
    follow(tx, context, actor, contract_id, "sim.suspended", Sim::suspend_with_contract).await
}

/// Lets the SIM card of a contract that is being resumed serve again; `None` when the contract has none.
///
/// Errors: `sim_not_suspended`.
pub async fn resume(tx: &mut Tx, context: &Context, actor: &Actor, contract_id: ContractId) -> Result<Option<Sim>> {
    follow(tx, context, actor, contract_id, "sim.resumed", Sim::resume_with_contract).await
}

/// Closes the SIM card of a contract, ends the binding and lets the number rest; `None` when the contract has none.
pub async fn release(tx: &mut Tx, context: &Context, actor: &Actor, contract_id: ContractId, why: &str) -> Result<Option<Sim>> {
    let Some(sim) = store::lock_of_contract(tx, contract_id).await?.map(|sim| sim.shown(false)) else { return Ok(None) };
    let closed = sim.clone().unbind_and_close(context.now)?;
    let number = number_of(tx, &sim).await?;
    let rest = TimeDelta::try_days(context.policy.number_quarantine_days);
    let until = rest.and_then(|rest| context.today().checked_add_signed(rest));
    let until = until.ok_or_else(|| Error::internal("the quarantine of numbers ends beyond the calendar"))?;
    let resting = number.clone().quarantine(until);
    change_number(tx, context, actor, "number.quarantined", &number, resting).await?;
    let closed = store::update(tx, closed, context.now).await?;
    tx.record(Entry::new(actor, "sim.released", "sim", sim.id).change(&sim, &closed).note("why", why));
    store::end_binding(tx, sim.id, context.now, why).await?;
    Ok(Some(closed))
}

/// Lets the SIM cards of all contracts of a subscriber follow their contracts, which were all held or released at once.
pub async fn follow_contracts_of(tx: &mut Tx, context: &Context, actor: &Actor, customer_id: CustomerId) -> Result<()> {
    for (id, status, version) in store::follow_contracts_of(tx, customer_id, context.now).await? {
        let (action, former) = match status {
            SimStatus::Suspended => ("sim.suspended", SimStatus::Active),
            _ => ("sim.resumed", SimStatus::Suspended),
        };
        let (before, after) = (json!({"status": former, "version": version - 1}), json!({"status": status, "version": version}));
        tx.record(Entry::new(actor, action, "sim", id).change(&before, &after));
    }
    Ok(())
}

/// Gives the past and present bindings of one subscriber to another, who is the same. Answers how many there were.
pub async fn give_bindings(tx: &mut Tx, from: CustomerId, to: CustomerId) -> Result<u64> {
    store::give_bindings(tx, from, to).await
}

/// Changes the SIM card of a contract as the contract changes; one that an operator blocked may stay as it is.
async fn follow(
    tx: &mut Tx,
    context: &Context,
    actor: &Actor,
    contract_id: ContractId,
    action: &'static str,
    turn: fn(Sim) -> Result<Sim>,
) -> Result<Option<Sim>> {
    let Some(sim) = store::lock_of_contract(tx, contract_id).await?.map(|sim| sim.shown(false)) else { return Ok(None) };
    let turned = turn(sim.clone())?;
    change(tx, context, actor, action, &sim, turned).await.map(Some)
}

/// The number that a bound card, or one about to be bound, carries.
async fn number_of(tx: &mut Tx, sim: &Sim) -> Result<Number> {
    let id = sim.number_id.ok_or_else(|| Error::new(refusal::WITHOUT_NUMBER).with("iccid", &sim.iccid))?;
    store::lock_number(tx, id).await?.ok_or_else(|| refusal::NUMBER_NOT_FOUND.into())
}

/// Writes a card's new state and records it, unless it is the state before.
async fn change(tx: &mut Tx, context: &Context, actor: &Actor, action: &'static str, before: &Sim, after: Sim) -> Result<Sim> {
    if after == *before {
        return Ok(after);
    }
    let after = store::update(tx, after, context.now).await?;
    tx.record(Entry::new(actor, action, "sim", after.id).change(before, &after));
    Ok(after)
}

/// The same for a number.
async fn change_number(
    tx: &mut Tx,
    context: &Context,
    actor: &Actor,
    action: &'static str,
    before: &Number,
    after: Number,
) -> Result<Number> {
    if after == *before {
        return Ok(after);
    }
    let after = store::update_number(tx, after, context.now).await?;
    tx.record(Entry::new(actor, action, "number", after.id).change(before, &after));
    Ok(after)
}

/// Writes many SIM cards at once under ids reserved for them, from `first_id` on; the caller has checked them and records
/// the load in the audit trail.
pub async fn insert_all(tx: &mut Tx, first_id: i64, sims: &[NewSim]) -> Result<()> {
    store::insert_all(tx, first_id, sims).await
}

/// The same for phone numbers.
pub async fn insert_numbers(tx: &mut Tx, first_id: i64, numbers: &[NewNumber]) -> Result<()> {
    store::insert_numbers_from(tx, first_id, numbers).await
}

/// The same for bindings, whose ids nothing names and the database chooses.
pub async fn insert_bindings(tx: &mut Tx, bindings: &[NewBinding]) -> Result<()> {
    store::insert_bindings(tx, bindings).await
}

/// What breaks the invariants of SIM cards, numbers and bindings (SPEC 14.4), in words for the operator's engineers.
pub async fn violations(conn: &mut Conn) -> Result<Vec<String>> {
    let breaches = store::breaches(conn).await?;
    Ok(breaches.into_iter().map(|(sentence, id)| sentence.replace('#', &id.to_string())).collect())
}

/// What the search box finds among SIM cards.
pub async fn find_by_words(conn: &mut Conn, _: &Granted<perm::SimsRead>, sought: &Sought) -> Result<Vec<Found>> {
    store::SEARCHED.find(conn, sought).await
}
