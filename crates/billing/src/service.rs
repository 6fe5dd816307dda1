//! The use cases that join the life cycle of a contract with its money. Each is one transaction, whole or not at all.

use acl::{Granted, perm};
use contracts::{ActivateInput, Contract, ContractInput, ResumeInput, SuspendInput, TerminateInput};
use kernel::{
    Context, Edit, Expected, Result,
    db::{Conn, Tx},
    id::ContractId,
};

use crate::{charge::Service, settle, store};

/// Activates a draft and begins its first period; where the balance does not cover a prepaid fee, hold `debt` goes on.
///
/// Errors: those of [`contracts::load`] and [`contracts::activate`].
pub async fn activate(
    tx: &mut Tx,
    context: &Context,
    granted: &Granted<perm::ContractsActivate>,
    id: ContractId,
    input: &ActivateInput,
) -> Result<Contract> {
    let mut contract = contracts::load(tx, id).await?;
    contracts::activate(tx, context, granted, &mut contract, input.sim_id).await?;
    settle::settle(tx, context, granted.actor(), &mut contract, Service::FromToday).await?;
    Ok(contract)
}

/// Changes a contract; where its credit limit changed, settles what that covers or no longer does.
///
/// Errors: those of [`contracts::load`] and [`contracts::edit`].
pub async fn edit(
    tx: &mut Tx,
    context: &Context,
    granted: &Granted<perm::ContractsWrite>,
    id: ContractId,
    edit: &Edit<ContractInput>,
    expected: &Expected,
) -> Result<Contract> {
    let mut contract = contracts::load(tx, id).await?;
    let credit_limit = contract.credit_limit;
    contracts::edit(tx, context, granted, &mut contract, edit, expected).await?;
    if contract.credit_limit != credit_limit {
        settle::settle(tx, context, granted.actor(), &mut contract, Service::Unbroken).await?;
    }
    Ok(contract)
}

/// Places a hold by hand, once what began before it is settled. Errors: `contract_not_running`, `hold_present`.
pub async fn suspend(
    tx: &mut Tx,
    context: &Context,
    granted: &Granted<perm::ContractsHold>,
    id: ContractId,
    input: &SuspendInput,
) -> Result<Contract> {
    let mut contract = contracts::load(tx, id).await?;
    settle::catch_up(tx, context, granted.actor(), &mut contract).await?;
    contracts::place_hold(tx, context, granted.actor(), &mut contract, input.reason.into(), input.note.as_deref()).await?;
    Ok(contract)
}

/// Lifts a hold that was placed by hand; when it was the last, begins the period that is due.
///
/// Errors: `contract_not_running`, `hold_absent`.
pub async fn resume(
    tx: &mut Tx,
    context: &Context,
    granted: &Granted<perm::ContractsHold>,
    id: ContractId,
    input: &ResumeInput,
) -> Result<Contract> {
    let mut contract = contracts::load(tx, id).await?;
    contracts::lift_hold(tx, context, granted.actor(), &mut contract, input.reason.into()).await?;
    settle::settle(tx, context, granted.actor(), &mut contract, Service::FromToday).await?;
    Ok(contract)
}

/// Ends a contract and its running period; what is left on the balance is to be refunded, or is owed.
///
/// Errors: `contract_terminated`.
pub async fn terminate(
    tx: &mut Tx,
    context: &Context,
    granted: &Granted<perm::ContractsTerminate>,
    id: ContractId,
    input: &TerminateInput,
) -> Result<Contract> {
    let mut contract = contracts::load(tx, id).await?;
    contract.not_over()?;
    settle::end_period(tx, context, granted.actor(), &mut contract).await?;
    if contract.has_planned_change() {
        let plan = contract.plan();
        contracts::options::set(tx, context, granted.actor(), &mut contract, (&plan, &plan), "contract.planned_change_cancelled").await?;
    }
    contracts::terminate(tx, context, granted, &mut contract, &input.reason).await?;
    Ok(contract)
}

/// What breaks the invariants of periods (SPEC 14.2), in words for the operator's engineers.
pub async fn violations(conn: &mut Conn) -> Result<Vec<String>> {
    let periods = store::wrong_periods(conn).await?.into_iter();
    Ok(periods.map(|(id, what)| format!("contract {id} {what}")).collect())
}
