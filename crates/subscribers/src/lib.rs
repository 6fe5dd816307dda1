//! Use cases of a subscriber that also change contracts, SIM cards, tickets and notifications. Each is one transaction.
//!
//! Contracts are always locked before the subscriber, and a few statements change all of them at once.
use acl::{Granted, perm};
use billing::{
    Service,
    steps::{self, settle, without_period},
};
use contracts::steps::of_customer;
use customers::{Customer, CustomerInput, MergeInput, StatusReasonInput, refusal as customer_refusal};
use database::Tx;
use kernel::{Edit, Error, Expected, Result, id::CustomerId};

/// Refusals of use cases that concern a subscriber and all its contracts.
pub mod refusal {
    kernel::codes! {
        /// More contracts would begin a period than one transaction can handle.
        TOO_MANY_PERIODS = Conflict "customer_too_many_periods";
    }
}

/// The maximum number of contracts that begin a period in one transaction; each is charged separately.
const MOST_PERIODS: i64 = 100;

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
    catch_up(tx, id).await?;
    let customer = customers::steps::suspend(tx, granted, &customer, &input.reason).await?;
    hold(tx, &customer, &input.reason).await
}

/// Blocks a subscriber: every running contract without hold `customer` gets it.
///
/// Errors: `customer_not_found`, `customer_wrong_state`.
pub async fn block(tx: &mut Tx, granted: &Granted<perm::CustomersWrite>, id: CustomerId, input: &StatusReasonInput) -> Result<Customer> {
    of_customer::lock(tx, id).await?;
    let customer = customers::steps::load(tx, id).await?;
    catch_up(tx, id).await?;
    let customer = customers::steps::block(tx, granted, &customer, &input.reason).await?;
    hold(tx, &customer, &input.reason).await
}

/// Charges the due periods of up to [`MOST_PERIODS`] contracts. On further contracts, the period begins when they are active again.
async fn catch_up(tx: &mut Tx, id: CustomerId) -> Result<()> {
    for due in without_period(tx, id, MOST_PERIODS).await? {
        let mut contract = contracts::steps::load(tx, due).await?;
        steps::catch_up(tx, &mut contract).await?;
    }
    Ok(())
}

async fn hold(tx: &mut Tx, customer: &Customer, reason: &str) -> Result<Customer> {
    of_customer::hold(tx, customer.id, reason).await?;
    sims::steps::follow_contracts_of(tx, customer.id).await?;
    Ok(customer.clone())
}

/// Activates a subscriber: lifts hold `customer`, and no other hold, from every contract.
///
/// A contract that becomes active begins the period that is due, or is held for debt.
///
/// Errors: `customer_not_found`, `customer_wrong_state`, `customer_too_many_periods`.
pub async fn activate(tx: &mut Tx, granted: &Granted<perm::CustomersWrite>, id: CustomerId) -> Result<Customer> {
    of_customer::lock(tx, id).await?;
    let customer = customers::steps::load(tx, id).await?;
    let customer = customers::steps::activate(tx, granted, &customer).await?;
    let released = of_customer::release(tx, id).await?;
    sims::steps::follow_contracts_of(tx, id).await?;
    // a contract with a running period has nothing to settle: the period was charged, or is charged when it ends
    let due = without_period(tx, id, MOST_PERIODS + 1).await?;
    let many = Error::new(refusal::TOO_MANY_PERIODS).with("most", MOST_PERIODS);
    if i64::try_from(due.len()).map_err(Error::internal)? > MOST_PERIODS {
        return Err(many);
    }
    for mut contract in released.into_iter().filter(|contract| due.contains(&contract.id)) {
        settle(tx, &mut contract, Service::FromToday).await?;
    }
    Ok(customer)
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
/// The duplicate is archived permanently.
///
/// Errors: `customer_not_found`, `not_found` in the field `duplicate_id`, `customer_merge_with_itself`,
/// `customer_wrong_state` if one of them is archived, `customer_merge_mismatch`.
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
    customers::steps::merge(tx, granted, &survivor, &duplicate, &moved).await
}
