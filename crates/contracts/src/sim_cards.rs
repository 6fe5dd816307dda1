//! The loss and the replacement of a running contract's SIM card.

use acl::{Granted, perm};
use database::{Tx, audit::Entry};
use kernel::{Result, id::SimId, text::search_text};

use crate::{
    model::{Contract, ContractStatus, HoldReason},
    service::tell,
    store,
};

/// Unbinds and closes the SIM card of a locked contract when the card can no longer be used. Hold `no_sim` stays active until another card
/// is bound; the contract keeps its number.
///
/// Errors: `sim_not_found`, `sim_not_bound`.
pub async fn lose_sim(tx: &mut Tx, granted: &Granted<perm::SimsStatus>, contract: &mut Contract, sim_id: SimId, why: &str) -> Result<()> {
    let before = contract.clone();
    // a blocked card has already placed the hold
    let is_new = !before.is_held(HoldReason::NoSim);
    let mut after = if is_new { before.held(HoldReason::NoSim)? } else { before.clone() };
    // subscriber before SIM, as in activation
    let customer = customers::find(tx, after.customer_id).await?;
    let sim = sims::steps::deactivate(tx, granted, sim_id, Some(after.id), why).await?;
    after.sim_id = None;
    store::save(tx, &mut after).await?;
    if is_new {
        store::place_hold(tx, after.id, HoldReason::NoSim, Some(why)).await?;
    }
    let search = [Some(after.number.as_str()), Some(&customer.full_name), sim.msisdn.as_deref()];
    store::set_search_text(tx, after.id, search_text(search)).await?;
    tx.record(Entry::new("contract.sim_lost", "contract", after.id).change(&before, &after).note("reason", why));
    tell(tx, &before, &after, Some(HoldReason::NoSim));
    *contract = after;
    Ok(())
}

/// Binds another SIM card to a locked contract that is active or suspended: moves the number to it, closes the present card, if any, and
/// lifts hold `no_sim`. Returns whether that hold was active.
///
/// Errors: `contract_not_running`, and `not_found` in the field `sim_id`, `sim_not_free`.
pub async fn replace_sim(
    tx: &mut Tx,
    _granted: &Granted<perm::ContractsWrite>,
    contract: &mut Contract,
    sim_id: SimId,
    why: &str,
) -> Result<bool> {
    contract.running()?;
    let before = contract.clone();
    let was_without = before.is_held(HoldReason::NoSim);
    let mut after = if was_without { before.released(HoldReason::NoSim)? } else { before.clone() };
    let is_served = after.status == ContractStatus::Active;
    // subscriber before SIM, as in activation
    let customer = customers::find(tx, after.customer_id).await?;
    let sim = sims::steps::replace(tx, sim_id, after.id, after.customer_id, is_served, why).await?;
    after.sim_id = Some(sim_id);
    store::save(tx, &mut after).await?;
    if was_without {
        store::lift_holds(tx, after.id, Some(HoldReason::NoSim)).await?;
    }
    let search = [Some(after.number.as_str()), Some(&customer.full_name), sim.msisdn.as_deref(), Some(&sim.iccid)];
    store::set_search_text(tx, after.id, search_text(search)).await?;
    tx.record(Entry::new("contract.sim_replaced", "contract", after.id).change(&before, &after).note("reason", why));
    tell(tx, &before, &after, Some(HoldReason::NoSim));
    *contract = after;
    Ok(was_without)
}
