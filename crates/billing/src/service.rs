//! The use cases that change a contract and move its money, each in one transaction.

use acl::{Granted, perm};
use contracts::{ActivateInput, Contract, ContractInput, ResumeInput, SuspendInput, TerminateInput};
use database::{Conn, Tx};
use kernel::{
    Edit, Expected, Result,
    id::{ContractId, CustomerId},
};

use crate::{charge::Service, settle, store};

/// Activates a draft and begins its first period; places hold `debt` if the balance does not cover a prepaid fee.
///
/// Errors: those of [`contracts::steps::load`] and [`contracts::steps::activate`].
pub async fn activate(tx: &mut Tx, granted: &Granted<perm::ContractsActivate>, id: ContractId, input: &ActivateInput) -> Result<Contract> {
    let mut contract = contracts::steps::load(tx, id).await?;
    contracts::steps::activate(tx, granted, &mut contract, input.sim_id).await?;
    settle::settle(tx, &mut contract, Service::FromToday).await?;
    Ok(contract)
}

/// Changes a contract; after a change of the credit limit or the discount, settles the contract.
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
    let (credit_limit, discount) = (contract.credit_limit, contract.discount_percent);
    contracts::steps::edit(tx, granted, &mut contract, edit, expected).await?;
    if (contract.credit_limit, contract.discount_percent) != (credit_limit, discount) {
        settle::settle(tx, &mut contract, Service::Unbroken).await?;
    }
    Ok(contract)
}

/// Places a hold by hand, after settling what is due. Errors: `contract_not_running`, `hold_present`.
pub async fn suspend(tx: &mut Tx, _granted: &Granted<perm::ContractsHold>, id: ContractId, input: &SuspendInput) -> Result<Contract> {
    let mut contract = contracts::steps::load(tx, id).await?;
    settle::catch_up(tx, &mut contract).await?;
    contracts::steps::place_hold(tx, &mut contract, input.reason.into(), input.note.as_deref()).await?;
    settle::settle(tx, &mut contract, Service::Unbroken).await?;
    Ok(contract)
}

/// Lifts a hold that was placed by hand; without further holds, begins the period that is due.
///
/// Errors: `contract_not_running`, `hold_absent`.
pub async fn resume(tx: &mut Tx, _granted: &Granted<perm::ContractsHold>, id: ContractId, input: &ResumeInput) -> Result<Contract> {
    let mut contract = contracts::steps::load(tx, id).await?;
    settle::judge_without(tx, &mut contract, input.reason.into()).await?;
    contracts::steps::lift_hold(tx, &mut contract, input.reason.into()).await?;
    settle::settle(tx, &mut contract, Service::FromToday).await?;
    Ok(contract)
}

/// Terminates a contract and its running period; the remaining balance is to be refunded or is owed. On request, the days of a prepaid
/// period that were not used are credited first.
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
    settle::end_period(tx, &mut contract, input.refund_unused).await?;
    if contract.has_planned_change() {
        let plan = contract.plan();
        contracts::steps::set_options(tx, &mut contract, &plan, &plan, "contract.planned_change_cancelled").await?;
    }
    contracts::steps::terminate(tx, granted, &mut contract, &input.reason).await?;
    Ok(contract)
}

/// Finds the subscriber's active and suspended contracts without a period that runs today.
pub async fn without_period(tx: &mut Tx, customer_id: CustomerId) -> Result<Vec<ContractId>> {
    store::without_period(tx, customer_id).await
}

/// Finds broken invariants of periods, described for the operator's engineers.
pub async fn violations(conn: &mut Conn) -> Result<Vec<String>> {
    let periods = store::wrong_periods(conn).await?.into_iter();
    Ok(periods.map(|(id, what)| format!("contract {id} {what}")).collect())
}
