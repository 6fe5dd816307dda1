//! The use cases that join the life cycle of a contract with its money. Each is one transaction, whole or not at all.

use acl::{Granted, perm};
use contracts::{ActivateInput, Contract, ContractInput, ResumeInput, SuspendInput, TerminateInput};
use database::{Conn, Tx};
use kernel::{
    Edit, Expected, Result,
    id::{ContractId, CustomerId},
};

use crate::{charge::Service, settle, store};

/// Activates a draft and begins its first period; where the balance does not cover a prepaid fee, hold `debt` goes on.
///
/// Errors: those of [`contracts::steps::load`] and [`contracts::steps::activate`].
pub async fn activate(tx: &mut Tx, granted: &Granted<perm::ContractsActivate>, id: ContractId, input: &ActivateInput) -> Result<Contract> {
    let mut contract = contracts::steps::load(tx, id).await?;
    contracts::steps::activate(tx, granted, &mut contract, input.sim_id).await?;
    settle::settle(tx, &mut contract, Service::FromToday).await?;
    Ok(contract)
}

/// Changes a contract; where its credit limit changed, settles what that covers or no longer does.
///
/// Errors: those of [`contracts::steps::load`] and [`contracts::steps::edit`].
pub async fn edit(
    tx: &mut Tx,
    granted: &Granted<perm::ContractsWrite>,
    id: ContractId,
    edit: &Edit<ContractInput>,
    expected: &Expected,
) -> Result<Contract> {
    let mut contract = contracts::steps::load(tx, id).await?;
    let credit_limit = contract.credit_limit;
    contracts::steps::edit(tx, granted, &mut contract, edit, expected).await?;
    if contract.credit_limit != credit_limit {
        settle::settle(tx, &mut contract, Service::Unbroken).await?;
    }
    Ok(contract)
}

/// Places a hold by hand, once what began before it is settled. Errors: `contract_not_running`, `hold_present`.
pub async fn suspend(tx: &mut Tx, _granted: &Granted<perm::ContractsHold>, id: ContractId, input: &SuspendInput) -> Result<Contract> {
    let mut contract = contracts::steps::load(tx, id).await?;
    settle::catch_up(tx, &mut contract).await?;
    contracts::steps::place_hold(tx, &mut contract, input.reason.into(), input.note.as_deref()).await?;
    Ok(contract)
}

/// Lifts a hold that was placed by hand; when it was the last, begins the period that is due.
///
/// Errors: `contract_not_running`, `hold_absent`.
pub async fn resume(tx: &mut Tx, _granted: &Granted<perm::ContractsHold>, id: ContractId, input: &ResumeInput) -> Result<Contract> {
    let mut contract = contracts::steps::load(tx, id).await?;
    contracts::steps::lift_hold(tx, &mut contract, input.reason.into()).await?;
    settle::settle(tx, &mut contract, Service::FromToday).await?;
    Ok(contract)
}

/// Ends a contract and its running period; what is left on the balance is to be refunded, or is owed.
///
/// Errors: `contract_terminated`.
pub async fn terminate(
    tx: &mut Tx,
    granted: &Granted<perm::ContractsTerminate>,
    id: ContractId,
    input: &TerminateInput,
) -> Result<Contract> {
    let mut contract = contracts::steps::load(tx, id).await?;
    contract.not_over()?;
    settle::end_period(tx, &mut contract).await?;
    if contract.has_planned_change() {
        let plan = contract.plan();
        contracts::steps::set_options(tx, &mut contract, (&plan, &plan), "contract.planned_change_cancelled").await?;
    }
    contracts::steps::terminate(tx, granted, &mut contract, &input.reason).await?;
    Ok(contract)
}

/// The subscriber's active contracts without a period that runs today; no more than `most`.
pub async fn without_period(tx: &mut Tx, customer_id: CustomerId, most: i64) -> Result<Vec<ContractId>> {
    store::without_period(tx, customer_id, most).await
}

/// What breaks the invariants of periods, in words for the operator's engineers.
pub async fn violations(conn: &mut Conn) -> Result<Vec<String>> {
    let periods = store::wrong_periods(conn).await?.into_iter();
    Ok(periods.map(|(id, what)| format!("contract {id} {what}")).collect())
}
