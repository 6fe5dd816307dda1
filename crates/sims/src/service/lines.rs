//! What becomes of a card and its number with the contract they serve: for the contracts above, which hold the contract.
//!
//! Locks are taken in the order contract, card, number. Who comes by the card's id asks [`contract_of`] first, locks that
//! contract, and then acts on the card, which must still be that contract's.

use acl::{Granted, perm};
use database::{Conn, Tx, audit::Entry};
use kernel::{
    Error, Result,
    error::{Transient, common, field},
    id::{ContractId, CustomerId, SimId},
};
use serde_json::json;

use super::{change_number, change_sim, rest_until, tell};
use crate::{
    model::{NewBinding, Number, Sim, SimStatus, refusal},
    store,
};

/// The SIM card without its PUK, kept as it is until the transaction ends. Errors: `not_found` in the field `sim_id`.
pub async fn find(tx: &mut Tx, id: SimId) -> Result<Sim> {
    let sim = store::sims::lock(tx, id).await?.ok_or_else(|| Error::of_field("sim_id", field::NOT_FOUND))?;
    Ok(sim.shown(false))
}

/// The SIM card without its PUK, and the number it carries, as they are now and without a lock, for rules that only look.
pub async fn peek(conn: &mut Conn, id: SimId) -> Result<Option<(Sim, Option<Number>)>> {
    let Some(sim) = store::sims::get(conn, id).await?.map(|sim| sim.shown(false)) else { return Ok(None) };
    let number = match sim.number_id {
        Some(number_id) => store::numbers::get(conn, number_id).await?,
        None => None,
    };
    Ok(Some((sim, number)))
}

/// The contract that a card serves, to be locked before the card is. Errors: `sim_not_found`.
pub async fn contract_of(tx: &mut Tx, id: SimId) -> Result<Option<ContractId>> {
    Ok(store::sims::get(tx, id).await?.ok_or(refusal::NOT_FOUND)?.contract_id)
}

/// The contract that a phone number belongs to, if it belongs to one.
pub async fn contract_of_msisdn(conn: &mut Conn, msisdn: &str) -> Result<Option<ContractId>> {
    store::numbers::contract_of(conn, msisdn).await
}

/// Puts a free SIM card and the number it carries to the service of a contract; of two who try at once, one succeeds.
///
/// Errors: `not_found` in the field `sim_id`, `sim_not_free`, `sim_without_number`, `number_not_available`.
pub async fn bind(tx: &mut Tx, id: SimId, contract_id: ContractId, customer_id: CustomerId) -> Result<Sim> {
    let free = find(tx, id).await?;
    let bound = free.clone().bind(contract_id, tx.now())?;
    let number_id = bound.number_id.ok_or_else(|| Error::new(refusal::WITHOUT_NUMBER).with("iccid", &free.iccid))?;
    let number = store::numbers::lock(tx, number_id).await?.ok_or(refusal::NUMBER_NOT_FOUND)?;
    let assigned = number.clone().assign(contract_id, tx.now(), tx.today())?;
    change_number(tx, "number.assigned", &number, assigned).await?;
    let bound = change_sim(tx, &free, bound, Entry::new("sim.bound", "sim", id)).await?;
    begin_binding(tx, &bound, (contract_id, customer_id), "activation".to_owned()).await?;
    Ok(bound)
}

/// Suspends the SIM card of a contract that is being suspended; `None` when the contract has none, as after a loss.
///
/// Errors: `sim_not_active`.
pub async fn suspend(tx: &mut Tx, contract_id: ContractId) -> Result<Option<Sim>> {
    follow(tx, contract_id, "sim.suspended", Sim::suspend_with_contract).await
}

/// Lets the SIM card of a contract that is being resumed serve again; `None` when the contract has none.
///
/// Errors: `sim_not_suspended`.
pub async fn resume(tx: &mut Tx, contract_id: ContractId) -> Result<Option<Sim>> {
    follow(tx, contract_id, "sim.resumed", Sim::resume_with_contract).await
}

/// Closes the SIM card of a contract that is over, ends the binding and lets the number rest; `None` when the contract had
/// no card, whose number rests all the same.
pub async fn release(tx: &mut Tx, contract_id: ContractId, why: &str) -> Result<Option<Sim>> {
    let closed = match store::sims::lock_of_contract(tx, contract_id).await? {
        Some(sim) => Some(unbind(tx, "sim.released", sim, why).await?.shown(false)),
        None => None,
    };
    if let Some(number) = store::numbers::lock_of_contract(tx, contract_id).await? {
        let resting = number.clone().quarantine(rest_until(tx.context())?);
        change_number(tx, "number.quarantined", &number, resting).await?;
    }
    Ok(closed)
}

/// Lets the SIM cards of all contracts of a subscriber follow their contracts, which were all held or released at once.
pub async fn follow_contracts_of(tx: &mut Tx, customer_id: CustomerId) -> Result<()> {
    let now = tx.now();
    let followed = store::sims::follow_contracts_of(tx, customer_id, now).await?;
    record_followed(tx, followed);
    Ok(())
}

/// Suspends the cards of contracts that are all being suspended at once; one that an operator blocked stays so.
pub async fn suspend_all(tx: &mut Tx, contracts: &[ContractId]) -> Result<()> {
    let now = tx.now();
    let followed = store::sims::suspend_all(tx, contracts, now).await?;
    record_followed(tx, followed);
    Ok(())
}

fn record_followed(tx: &mut Tx, followed: Vec<store::sims::Followed>) {
    for (id, contract_id, status, version) in followed {
        let (action, former) = match status {
            SimStatus::Suspended => ("sim.suspended", SimStatus::Active),
            _ => ("sim.resumed", SimStatus::Suspended),
        };
        let (before, after) = (json!({"status": former, "version": version - 1}), json!({"status": status, "version": version}));
        tx.record(Entry::new(action, "sim", id).change(&before, &after));
        tell(tx, id, contract_id, (former, status));
    }
}

/// Gives the past and present bindings of one subscriber to another, who is the same. Answers how many there were.
pub async fn give_bindings(tx: &mut Tx, from: CustomerId, to: CustomerId) -> Result<u64> {
    store::bindings::give(tx, from, to).await
}

/// Bars a card; `contract_id` is the contract that the caller holds for it, on which hold `no_sim` then belongs.
///
/// Errors: `sim_not_found`, `sim_wrong_state`.
pub async fn block(
    tx: &mut Tx,
    _granted: &Granted<perm::SimsStatus>,
    id: SimId,
    contract_id: Option<ContractId>,
    reason: &str,
) -> Result<()> {
    let sim = of_contract(tx, id, contract_id).await?;
    let blocked = sim.clone().block(reason)?;
    change_sim(tx, &sim, blocked, Entry::new("sim.blocked", "sim", id)).await.map(drop)
}

/// Lets a barred card be what it was; `is_served` says whether its contract is active.
///
/// Errors: `sim_not_found`, `sim_wrong_state`.
pub async fn unblock(
    tx: &mut Tx,
    _granted: &Granted<perm::SimsStatus>,
    id: SimId,
    contract_id: Option<ContractId>,
    is_served: bool,
) -> Result<()> {
    let sim = of_contract(tx, id, contract_id).await?;
    let unblocked = sim.clone().unblock(is_served)?;
    change_sim(tx, &sim, unblocked, Entry::new("sim.unblocked", "sim", id)).await.map(drop)
}

/// Closes the card of a contract that goes on without it; the number stays the contract's. Answers the card as it was.
///
/// Errors: `sim_not_found`, `sim_not_bound`.
pub async fn deactivate(
    tx: &mut Tx,
    _granted: &Granted<perm::SimsStatus>,
    id: SimId,
    contract_id: Option<ContractId>,
    why: &str,
) -> Result<Sim> {
    let sim = of_contract(tx, id, contract_id).await?;
    let before = sim.clone().shown(false);
    unbind(tx, "sim.deactivated", sim, why).await?;
    Ok(before)
}

/// Puts a free card in the place of a contract's present one, if it has one: the new card takes the number, the old one is
/// closed. A number that the new card carried is let go.
///
/// Errors: `not_found` in the field `sim_id`, `sim_not_free`.
pub async fn replace(
    tx: &mut Tx,
    id: SimId,
    (contract_id, customer_id): (ContractId, CustomerId),
    is_served: bool,
    why: &str,
) -> Result<Sim> {
    let old = store::sims::lock_of_contract(tx, contract_id).await?;
    let free = find(tx, id).await?.free()?;
    let number = store::numbers::lock_of_contract(tx, contract_id).await?;
    let number = number.ok_or_else(|| Error::internal(format!("contract {contract_id} has no number for its new SIM")))?;
    // first the old one: no two cards carry one number
    if let Some(old) = old {
        unbind(tx, "sim.replaced", old, why).await?;
    }
    let bound = free.clone().take_over(contract_id, (number.id, number.msisdn), is_served, tx.now())?;
    let bound = change_sim(tx, &free, bound, Entry::new("sim.bound", "sim", id).note("why", why)).await?;
    begin_binding(tx, &bound, (contract_id, customer_id), format!("replacement: {why}")).await?;
    Ok(bound)
}

/// The card, locked, if it is still that contract's; else the transaction is tried again with what is so now.
async fn of_contract(tx: &mut Tx, id: SimId, contract_id: Option<ContractId>) -> Result<Sim> {
    let sim = store::sims::lock(tx, id).await?.ok_or(refusal::NOT_FOUND)?;
    if sim.contract_id == contract_id {
        return Ok(sim);
    }
    Err(Error::new(common::DATABASE_AWAY).retry_after(1).transient(Transient::Collision))
}

/// Takes a card from its contract, closes it and ends the binding.
async fn unbind(tx: &mut Tx, action: &'static str, sim: Sim, why: &str) -> Result<Sim> {
    let closed = sim.clone().unbind_and_close(tx.now())?;
    let entry = Entry::new(action, "sim", sim.id);
    let closed = store::sims::update(tx, closed).await?;
    tell(tx, sim.id, sim.contract_id, (sim.status, closed.status));
    tx.record(entry.change(&sim.shown(false), &closed.clone().shown(false)).note("why", why));
    store::bindings::end(tx, closed.id, why).await?;
    Ok(closed)
}

/// Notes that a card and its number serve a contract from now on.
async fn begin_binding(tx: &mut Tx, sim: &Sim, (contract_id, customer_id): (ContractId, CustomerId), why: String) -> Result<()> {
    let number_id = sim.number_id.ok_or_else(|| Error::new(refusal::WITHOUT_NUMBER).with("iccid", &sim.iccid))?;
    let (sim_id, bound_at, bound_why, unbound) = (sim.id, tx.now(), why, None);
    store::bindings::insert_all(tx, &[NewBinding { sim_id, number_id, contract_id, customer_id, bound_at, bound_why, unbound }]).await
}

/// Changes the SIM card of a contract as the contract changes; one that an operator blocked may stay as it is.
async fn follow(tx: &mut Tx, contract_id: ContractId, action: &'static str, turn: fn(Sim) -> Result<Sim>) -> Result<Option<Sim>> {
    let Some(sim) = store::sims::lock_of_contract(tx, contract_id).await? else { return Ok(None) };
    let turned = turn(sim.clone())?;
    let entry = Entry::new(action, "sim", sim.id);
    Ok(Some(change_sim(tx, &sim, turned, entry).await?.shown(false)))
}
