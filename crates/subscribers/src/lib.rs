//! Use cases of a subscriber that also change contracts, SIM cards, tickets and notifications. Each is one transaction.
//!
//! Contracts are always locked before the subscriber, and a few statements change all of them at once.

use std::collections::HashSet;

use acl::{Granted, Permission, perm};
use billing::{
    Service,
    steps::{Judging, judge_all_without, settle_all, without_period},
};
use contracts::{HoldReason, steps::of_customer};
use customers::{Customer, CustomerInput, CustomerStatus, MergeInput, StatusReasonInput, refusal as customer_refusal};
use database::Tx;
use kernel::{
    Edit, Error, Expected, Result,
    id::{ContractId, CustomerId},
};

/// Changes a subscriber's fields; after a change of name, the search finds the contracts by the new name.
///
/// Errors: `customer_not_found`, `stale_version`, `invalid`, `customer_duplicate`.
pub async fn edit(
    tx: &mut Tx,
    granted: &Granted<perm::CustomersWrite>,
    id: CustomerId,
    edit: &Edit<CustomerInput>,
    expected: &Expected,
) -> Result<Customer> {
    if customers::steps::would_rename(tx, granted, id, edit).await? {
        of_customer::lock(tx, id).await?;
    }
    let edited = customers::steps::edit(tx, granted, id, edit, expected).await?;
    of_customer::rename(tx, id, &edited.former_name, &edited.customer.full_name).await?;
    Ok(edited.customer)
}

/// Suspends a subscriber: every running contract gets hold `customer`. Errors: `customer_not_found`, `customer_wrong_state`.
pub async fn suspend(tx: &mut Tx, granted: &Granted<perm::CustomersWrite>, id: CustomerId, input: &StatusReasonInput) -> Result<Customer> {
    of_customer::lock(tx, id).await?;
    let customer = customers::steps::load(tx, id).await?;
    let customer = customers::steps::suspend(tx, granted, &customer, &input.reason).await?;
    hold(tx, &customer, &input.reason).await
}

/// Blocks a subscriber: every running contract without hold `customer` gets it.
///
/// Errors: `customer_not_found`, `customer_wrong_state`.
pub async fn block(tx: &mut Tx, granted: &Granted<perm::CustomersWrite>, id: CustomerId, input: &StatusReasonInput) -> Result<Customer> {
    of_customer::lock(tx, id).await?;
    let customer = customers::steps::load(tx, id).await?;
    let customer = customers::steps::block(tx, granted, &customer, &input.reason).await?;
    hold(tx, &customer, &input.reason).await
}

/// Holds every running contract, after what was due on it is charged: a period that began before the nightly run came was served.
async fn hold(tx: &mut Tx, customer: &Customer, reason: &str) -> Result<Customer> {
    let due = without_period(tx, customer.id).await?;
    settle_all(tx, &due, Service::Unbroken, Judging::Later).await?;
    of_customer::hold(tx, customer.id, reason).await?;
    sims::steps::follow_contracts_of(tx, customer.id).await?;
    settle_all(tx, &due, Service::Unbroken, Judging::Now).await?;
    Ok(customer.clone())
}

/// Activates a subscriber: lifts hold `customer`, and no other hold, from every contract.
///
/// A contract that becomes active begins the period that is due, or is held for debt.
///
/// Errors: `customer_not_found`, `customer_wrong_state`.
pub async fn activate(tx: &mut Tx, granted: &Granted<perm::CustomersWrite>, id: CustomerId) -> Result<Customer> {
    of_customer::lock(tx, id).await?;
    let customer = customers::steps::load(tx, id).await?;
    let customer = customers::steps::activate(tx, granted, &customer).await?;
    release(tx, id).await?;
    Ok(customer)
}

/// Lifts hold `customer` from every contract, settles those that have no running period, and returns whether it was on any.
async fn release(tx: &mut Tx, id: CustomerId) -> Result<bool> {
    // a contract with a running period has nothing to settle: the period was charged, or is charged when it ends
    let idle = without_period(tx, id).await?;
    judge_all_without(tx, &idle, HoldReason::Customer).await?;
    let released: HashSet<ContractId> = of_customer::release(tx, id).await?.into_iter().map(|contract| contract.id).collect();
    sims::steps::follow_contracts_of(tx, id).await?;
    let due: Vec<ContractId> = idle.into_iter().filter(|id| released.contains(id)).collect();
    settle_all(tx, &due, Service::FromToday, Judging::Now).await?;
    Ok(!released.is_empty())
}

/// Archives a subscriber whose contracts are all terminated.
///
/// Errors: `customer_not_found`, `stale_version`, `customer_wrong_state`, `customer_has_contracts`.
pub async fn archive(tx: &mut Tx, granted: &Granted<perm::CustomersDelete>, id: CustomerId, expected: &Expected) -> Result<()> {
    let customer = customers::steps::load(tx, id).await?;
    // while the subscriber is locked, no contract is drawn up
    let open = of_customer::not_over(tx, id).await?;
    customers::steps::archive(tx, granted, &customer, open, expected).await
}

/// Merges two subscribers: contracts, tickets, notifications and the history of SIM cards go to the survivor.
///
/// The duplicate is archived permanently, and the survivor's status decides from then on: contracts that come from a blocked duplicate to an
/// active survivor lose hold `customer`, and those that come to a blocked survivor get it. Losing a hold requires `customers:write`, as
/// activating a subscriber does.
///
/// Errors: `customer_not_found`, `not_found` in the field `duplicate_id`, `customer_merge_with_itself`,
/// `customer_wrong_state` if one of them is archived, `customer_merge_mismatch`, `permission_missing`.
pub async fn merge(tx: &mut Tx, granted: &Granted<perm::CustomersMerge>, id: CustomerId, input: &MergeInput) -> Result<Customer> {
    if id == input.duplicate_id {
        return Err(customer_refusal::MERGE_WITH_ITSELF.into());
    }
    of_customer::lock_both(tx, id, input.duplicate_id).await?;
    let (survivor, duplicate) = customers::steps::load_both(tx, id, input.duplicate_id).await?;
    duplicate.merged(&survivor)?;
    let (former_name, name) = (duplicate.clone().shown(false).full_name, survivor.clone().shown(false).full_name);
    let contracts = of_customer::give(tx, duplicate.id, &former_name, survivor.id, &name).await?;
    let tickets = tickets::give(tx, duplicate.id, survivor.id).await?;
    let count = |moved: u64| usize::try_from(moved).map_err(Error::internal);
    let bindings = count(sims::steps::give_bindings(tx, duplicate.id, survivor.id).await?)?;
    let notifications = count(notifications::notifications::give(tx, duplicate.id, survivor.id).await?)?;
    let moved = [("contracts", contracts), ("tickets", tickets), ("sim_bindings", bindings), ("notifications", notifications)];
    let merged = customers::steps::merge(tx, granted, &survivor, &duplicate, &moved).await?;
    align(tx, granted, &survivor).await?;
    Ok(merged)
}

/// Places or lifts hold `customer` on contracts that came to a subscriber with another status.
async fn align(tx: &mut Tx, granted: &Granted<perm::CustomersMerge>, survivor: &Customer) -> Result<()> {
    if survivor.status != CustomerStatus::Active {
        return hold(tx, survivor, survivor.status_reason.as_deref().unwrap_or_default()).await.map(drop);
    }
    if release(tx, survivor.id).await? && !granted.may(Permission::CustomersWrite) {
        return Err(Error::new(acl::refusal::PERMISSION_MISSING).with("permission", Permission::CustomersWrite));
    }
    Ok(())
}
