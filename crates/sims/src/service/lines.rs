//! Changes of a card and its number with the contract they serve, for callers that have locked the contract.
//!
//! Locks are taken in the order contract, card, number. A caller that has only the card's id first gets the contract from
//! [`contract_of`], locks it, and then acts on the card, which must still belong to that contract.

use acl::{Granted, perm};
use database::{Conn, Tx, audit::Entry};
use kernel::{
    Error, Result,
    error::{Transient, common, field},
    id::{ContractId, CustomerId, SimId},
};
use serde_json::json;

use super::{Owner, change_number, change_sim, rest_until, tell, tell_with};
use crate::{
    model::{NewBinding, Number, Sim, SimStatus, refusal},
    store,
};

/// Returns the SIM card without its PUK, locked until the transaction ends. Errors: `not_found` in the field `sim_id`.
pub async fn find(tx: &mut Tx, id: SimId) -> Result<Sim> {
    let sim = store::sims::lock(tx, id).await?.ok_or_else(|| Error::of_field("sim_id", field::NOT_FOUND))?;
    Ok(sim.shown(false))
}

/// Returns the SIM card without its PUK and the number it carries, without a lock, for read-only rules.
pub async fn peek(conn: &mut Conn, id: SimId) -> Result<Option<(Sim, Option<Number>)>> {
    let Some(sim) = store::sims::get(conn, id).await?.map(|sim| sim.shown(false)) else { return Ok(None) };
    let number = match sim.number_id {
        Some(number_id) => store::numbers::get(conn, number_id).await?,
        None => None,
    };
    Ok(Some((sim, number)))
}

/// Returns the contract that a card serves, which must be locked before the card. Errors: `sim_not_found`.
pub async fn contract_of(tx: &mut Tx, id: SimId) -> Result<Option<ContractId>> {
    Ok(store::sims::get(tx, id).await?.ok_or(refusal::NOT_FOUND)?.contract_id)
}

/// Returns the contract to which a phone number is assigned, if any.
pub async fn contract_of_msisdn(conn: &mut Conn, msisdn: &str) -> Result<Option<ContractId>> {
    store::numbers::contract_of(conn, msisdn).await
}

/// Binds a free SIM card and the number it carries to a contract; of two concurrent attempts, one succeeds.
///
/// Errors: `not_found` in the field `sim_id`, `sim_not_free`, `sim_without_number`, `number_not_available`, `number_reserved`.
pub async fn bind(tx: &mut Tx, id: SimId, contract_id: ContractId, customer_id: CustomerId) -> Result<Sim> {
    let free = find(tx, id).await?;
    let bound = free.clone().bind(contract_id, tx.now())?;
    let number_id = bound.number_id.ok_or_else(|| Error::new(refusal::WITHOUT_NUMBER).with("iccid", &free.iccid))?;
    let number = store::numbers::lock(tx, number_id).await?.ok_or(refusal::NUMBER_NOT_FOUND)?;
    let assigned = number.clone().assign(contract_id, customer_id, tx.now(), tx.today())?;
    change_number(tx, "number.assigned", &number, assigned).await?;
    let bound = change_sim(tx, &free, bound, Entry::new("sim.bound", "sim", id)).await?;
    begin_binding(tx, &bound, contract_id, customer_id, "activation".to_owned()).await?;
    Ok(bound)
}

/// Suspends the SIM card of a contract that is being suspended; `None` if the contract has none, as after a loss.
///
/// Errors: `sim_not_active`.
pub async fn suspend(tx: &mut Tx, contract_id: ContractId) -> Result<Option<Sim>> {
    follow(tx, contract_id, "sim.suspended", Sim::suspend_with_contract).await
}

/// Resumes the SIM card of a contract that is being resumed; `None` if the contract has none.
///
/// Errors: `sim_not_suspended`.
pub async fn resume(tx: &mut Tx, contract_id: ContractId) -> Result<Option<Sim>> {
    follow(tx, contract_id, "sim.resumed", Sim::resume_with_contract).await
}

/// Closes the SIM card of a contract that is being terminated, ends the binding and quarantines the number.
///
/// Returns `None` if the contract had no card; its number is quarantined all the same.
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

/// Brings the SIM cards of a subscriber in line with their contracts, which were all held or released at once.
pub async fn follow_contracts_of(tx: &mut Tx, customer_id: CustomerId) -> Result<()> {
    let now = tx.now();
    let followed = store::sims::follow_contracts_of(tx, customer_id, now).await?;
    record_followed(tx, followed);
    Ok(())
}

/// Suspends the cards of contracts that are all being suspended at once; blocked cards stay blocked.
pub async fn suspend_all(tx: &mut Tx, contracts: &[ContractId]) -> Result<()> {
    let now = tx.now();
    let followed = store::sims::suspend_all(tx, contracts, now).await?;
    record_followed(tx, followed);
    Ok(())
}

fn record_followed(tx: &mut Tx, followed: Vec<store::sims::Followed>) {
    for store::sims::Followed { sim, customer_id } in followed {
        let (action, former) = match sim.status {
            SimStatus::Suspended => ("sim.suspended", SimStatus::Active),
            _ => ("sim.resumed", SimStatus::Suspended),
        };
        let (before, after) =
            (json!({"status": former, "version": sim.version - 1}), json!({"status": sim.status, "version": sim.version}));
        tx.record(Entry::new(action, "sim", sim.id).change(&before, &after));
        tell_with(tx, former, &sim, Owner { contract_id: sim.contract_id, customer_id: Some(customer_id) });
    }
}

/// Moves all bindings, past and present, from a merged subscriber to its survivor. Returns how many there were.
pub async fn give_bindings(tx: &mut Tx, from: CustomerId, to: CustomerId) -> Result<u64> {
    store::numbers::reserve_for_other(tx, from, to).await?;
    store::bindings::give(tx, from, to).await
}

/// Blocks a card. `contract_id` is its contract, which the caller has locked and on which it places hold `no_sim`.
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

/// Unblocks a card; `is_served` says whether its contract is active.
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

/// Closes the card of a contract that continues without it and keeps the number. Returns the card as it was before.
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

/// Replaces a contract's card, if it has one, with a free card: the new card takes the contract's number, the old card is closed.
///
/// A number that the new card carried is dropped.
///
/// Errors: `not_found` in the field `sim_id`, `sim_not_free`.
pub async fn replace(tx: &mut Tx, id: SimId, contract_id: ContractId, customer_id: CustomerId, is_served: bool, why: &str) -> Result<Sim> {
    let old = store::sims::lock_of_contract(tx, contract_id).await?;
    let free = find(tx, id).await?.free()?;
    let number = store::numbers::lock_of_contract(tx, contract_id).await?;
    let number = number.ok_or_else(|| Error::internal(format!("contract {contract_id} has no number for its new SIM")))?;
    // the old one first: two cards must not carry one number
    if let Some(old) = old {
        unbind(tx, "sim.replaced", old, why).await?;
    }
    let bound = free.clone().take_over(contract_id, number.id, number.msisdn, is_served, tx.now())?;
    let bound = change_sim(tx, &free, bound, Entry::new("sim.bound", "sim", id).note("why", why)).await?;
    begin_binding(tx, &bound, contract_id, customer_id, format!("replacement: {why}")).await?;
    Ok(bound)
}

/// Returns the card, locked, if it still belongs to that contract; otherwise the error makes the transaction run again.
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
    tell(tx, &sim, &closed).await?;
    tx.record(entry.change(&sim.shown(false), &closed.clone().shown(false)).note("why", why));
    store::bindings::end(tx, closed.id, why).await?;
    Ok(closed)
}

/// Records that a card and its number serve a contract from now on.
async fn begin_binding(tx: &mut Tx, sim: &Sim, contract_id: ContractId, customer_id: CustomerId, why: String) -> Result<()> {
    let number_id = sim.number_id.ok_or_else(|| Error::new(refusal::WITHOUT_NUMBER).with("iccid", &sim.iccid))?;
    let (sim_id, bound_at, bound_why, unbound) = (sim.id, tx.now(), why, None);
    store::bindings::insert_all(tx, &[NewBinding { sim_id, number_id, contract_id, customer_id, bound_at, bound_why, unbound }]).await
}

/// Changes the SIM card of a contract with the contract; a blocked card may stay unchanged.
async fn follow(tx: &mut Tx, contract_id: ContractId, action: &'static str, turn: fn(Sim) -> Result<Sim>) -> Result<Option<Sim>> {
    let Some(sim) = store::sims::lock_of_contract(tx, contract_id).await? else { return Ok(None) };
    let turned = turn(sim.clone())?;
    let entry = Entry::new(action, "sim", sim.id);
    Ok(Some(change_sim(tx, &sim, turned, entry).await?.shown(false)))
}
