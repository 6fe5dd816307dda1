//! What happens to a subscriber across domains: with contracts, SIM cards, tickets and notifications. Each use case is one transaction.
//!
//! Everywhere the contracts are locked before the subscriber, and a few statements change all of them at once.
use acl::{Granted, perm};
use billing::{
    Service,
    steps::{self, settle, without_period},
};
use contracts::steps::of_customer;
use customers::{Customer, CustomerInput, MergeInput, StatusReasonInput, refusal as customer_refusal};
use database::Tx;
use kernel::{Edit, Error, Expected, Result, id::CustomerId};

/// Refusals of what befalls a subscriber with all contracts.
pub mod refusal {
    kernel::codes! {
        /// More contracts would begin a period at once than one transaction can bear.
        TOO_MANY_PERIODS = Conflict "customer_too_many_periods";
    }
}

/// How many contracts may begin a period in one transaction: each is charged by itself.
const MOST_PERIODS: i64 = 100;

/// Changes a subscriber's own fields; under a new name the contracts are found by it.
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

/// Pauses a subscriber: every contract that runs gets hold `customer`. Errors: `customer_not_found`, `customer_wrong_state`.
pub async fn suspend(tx: &mut Tx, granted: &Granted<perm::CustomersWrite>, id: CustomerId, input: &StatusReasonInput) -> Result<Customer> {
    of_customer::lock(tx, id).await?;
    let customer = customers::steps::load(tx, id).await?;
    catch_up(tx, id).await?;
    let customer = customers::steps::suspend(tx, granted, &customer, &input.reason).await?;
    hold(tx, &customer, &input.reason).await
}

/// Bars a subscriber: every contract that runs without hold `customer` gets it.
///
/// Errors: `customer_not_found`, `customer_wrong_state`.
pub async fn block(tx: &mut Tx, granted: &Granted<perm::CustomersWrite>, id: CustomerId, input: &StatusReasonInput) -> Result<Customer> {
    of_customer::lock(tx, id).await?;
    let customer = customers::steps::load(tx, id).await?;
    catch_up(tx, id).await?;
    let customer = customers::steps::block(tx, granted, &customer, &input.reason).await?;
    hold(tx, &customer, &input.reason).await
}

/// Settles lines on which a period has begun that was not charged yet, as many as one transaction bears; on those beyond, the
/// period begins when they come back.
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

/// Lets a subscriber be served again: hold `customer` is lifted from every contract, and no other hold. A contract that is
/// active by that begins the period that is due, or is held for debt.
///
/// Errors: `customer_not_found`, `customer_wrong_state`, `customer_too_many_periods`.
pub async fn activate(tx: &mut Tx, granted: &Granted<perm::CustomersWrite>, id: CustomerId) -> Result<Customer> {
    of_customer::lock(tx, id).await?;
    let customer = customers::steps::load(tx, id).await?;
    let customer = customers::steps::activate(tx, granted, &customer).await?;
    let released = of_customer::release(tx, id).await?;
    sims::steps::follow_contracts_of(tx, id).await?;
    // where a period runs, it was charged or will be when it ends: there is nothing to settle
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

/// Archives a subscriber whose contracts are all over.
///
/// Errors: `customer_not_found`, `stale_version`, `customer_wrong_state`, `customer_has_contracts`.
pub async fn archive(tx: &mut Tx, granted: &Granted<perm::CustomersDelete>, id: CustomerId, expected: &Expected) -> Result<()> {
    let customer = customers::steps::load(tx, id).await?;
    // with the subscriber locked no contract is drawn up
    let open = of_customer::not_over(tx, id).await?;
    customers::steps::archive(tx, granted, &customer, open, expected).await
}

/// Makes one subscriber of two: contracts, tickets, notifications and the history of SIM cards go to the survivor, the duplicate
/// is archived for good.
///
/// Errors: `customer_not_found`, `not_found` in the field `duplicate_id`, `customer_merge_with_itself`,
/// `customer_wrong_state` when one of them is archived, `customer_merge_mismatch`.
pub async fn merge(tx: &mut Tx, granted: &Granted<perm::CustomersMerge>, id: CustomerId, input: &MergeInput) -> Result<Customer> {
    if id == input.duplicate_id {
        return Err(customer_refusal::MERGE_WITH_ITSELF.into());
    }
    of_customer::lock_both(tx, id, input.duplicate_id).await?;
    let (survivor, duplicate) = customers::steps::load_both(tx, id, input.duplicate_id).await?;
    duplicate.merged(&survivor)?;
    let names = (duplicate.clone().shown(false).full_name, survivor.clone().shown(false).full_name);
    let contracts = of_customer::give(tx, (duplicate.id, &names.0), (survivor.id, &names.1)).await?;
    let tickets = tickets::give(tx, duplicate.id, survivor.id).await?;
    let count = |moved: u64| usize::try_from(moved).map_err(Error::internal);
    let bindings = count(sims::steps::give_bindings(tx, duplicate.id, survivor.id).await?)?;
    let notifications = count(notifications::notifications::give(tx, duplicate.id, survivor.id).await?)?;
    let moved = [("contracts", contracts), ("tickets", tickets), ("sim_bindings", bindings), ("notifications", notifications)];
    customers::steps::merge(tx, granted, &survivor, &duplicate, &moved).await
}
