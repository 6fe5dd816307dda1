//! Changes of SIM cards that change the state of their contract, and with it what is due.
//!
//! A contract is active if and only if its card is. So a contract has hold `no_sim` if and only if its card is blocked or missing. What
//! began before the hold is settled first, and lifting the hold settles the contract as with any other hold.

use acl::{Granted, perm};
use contracts::{Contract, ContractStatus, HoldReason};
use database::Tx;
use kernel::{
    Result,
    id::{ContractId, SimId},
};
use sims::{ReplaceSimInput, Sim, SimBlockInput, SimDeactivateInput};

use crate::{charge::Service, settle};

/// Blocks a SIM card; its contract, if any, is suspended with hold `no_sim`. Errors: `sim_not_found`, `sim_wrong_state`.
pub async fn block_sim(tx: &mut Tx, granted: &Granted<perm::SimsStatus>, id: SimId, input: &SimBlockInput) -> Result<Sim> {
    let contract_id = sims::steps::contract_of(tx, id).await?;
    let mut contract = held(tx, contract_id).await?;
    if let Some(contract) = &mut contract {
        settle::catch_up(tx, contract).await?;
    }
    sims::steps::block(tx, granted, id, contract_id, &input.reason).await?;
    if let Some(mut contract) = contract {
        contracts::steps::place_hold(tx, &mut contract, HoldReason::NoSim, Some(&input.reason)).await?;
        settle::settle(tx, &mut contract, Service::Unbroken).await?;
    }
    sims::present(tx, granted, id).await
}

/// Unblocks a SIM card, restoring its former state. A contract with no other hold becomes active again, and a due period begins. Errors:
/// `sim_not_found`, `sim_wrong_state`.
pub async fn unblock_sim(tx: &mut Tx, granted: &Granted<perm::SimsStatus>, id: SimId) -> Result<Sim> {
    let contract_id = sims::steps::contract_of(tx, id).await?;
    let contract = held(tx, contract_id).await?;
    let Some(mut contract) = contract.filter(|contract| contract.is_held(HoldReason::NoSim)) else {
        sims::steps::unblock(tx, granted, id, contract_id, false).await?;
        return sims::present(tx, granted, id).await;
    };
    settle::judge_without(tx, &mut contract, HoldReason::NoSim).await?;
    contracts::steps::lift_hold(tx, &mut contract, HoldReason::NoSim).await?;
    sims::steps::unblock(tx, granted, id, contract_id, contract.status == ContractStatus::Active).await?;
    settle::settle(tx, &mut contract, Service::FromToday).await?;
    sims::present(tx, granted, id).await
}

/// Closes a bound SIM card that is lost, stolen or broken; its contract has hold `no_sim` until another card is bound.
///
/// Errors: `sim_not_found`, `sim_not_bound`.
pub async fn deactivate_sim(tx: &mut Tx, granted: &Granted<perm::SimsStatus>, id: SimId, input: &SimDeactivateInput) -> Result<Sim> {
    let contract_id = sims::steps::contract_of(tx, id).await?;
    match held(tx, contract_id).await? {
        Some(mut contract) => {
            settle::catch_up(tx, &mut contract).await?;
            contracts::steps::lose_sim(tx, granted, &mut contract, id, &input.why()).await?;
            settle::settle(tx, &mut contract, Service::Unbroken).await?;
        }
        // the card has no contract, and the error names its state
        None => drop(sims::steps::deactivate(tx, granted, id, None, &input.why()).await?),
    }
    sims::present(tx, granted, id).await
}

/// Moves a contract's number to a free SIM card and closes the present card, if any. If the contract had no working card, hold `no_sim` is
/// lifted; without further holds, a due period begins.
///
/// Errors: `contract_not_found`, `contract_not_running`, `not_found` in the field `sim_id`, `sim_not_free`.
pub async fn replace_sim(
    tx: &mut Tx,
    granted: &Granted<perm::ContractsWrite>,
    id: ContractId,
    input: &ReplaceSimInput,
) -> Result<Contract> {
    let mut contract = contracts::steps::load(tx, id).await?;
    settle::judge_without(tx, &mut contract, HoldReason::NoSim).await?;
    let was_without = contracts::steps::replace_sim(tx, granted, &mut contract, input.sim_id, &input.reason).await?;
    if was_without {
        settle::settle(tx, &mut contract, Service::FromToday).await?;
    }
    Ok(contract)
}

async fn held(tx: &mut Tx, id: Option<ContractId>) -> Result<Option<Contract>> {
    match id {
        Some(id) => contracts::steps::load(tx, id).await.map(Some),
        None => Ok(None),
    }
}
