//! Status changes of a subscriber: suspend, block, activate, archive, restore and merge.

use acl::{Granted, Permission, perm};
use database::{Tx, audit::Entry};
use kernel::{Error, Expected, Result, error::field, id::CustomerId};

use super::{refuse_clashes, taken_meanwhile, tell};
use crate::{
    model::{Customer, refusal},
    store,
};

/// Returns the subscriber, locked until the transaction ends. Errors: `customer_not_found`.
///
/// The caller locks the subscriber's contracts first.
pub async fn load(tx: &mut Tx, id: CustomerId) -> Result<Customer> {
    store::lock(tx, id).await?.ok_or_else(|| refusal::NOT_FOUND.into())
}

/// Returns two subscribers, locked in the order of their ids so that two opposite merges do not deadlock.
///
/// Errors: `customer_not_found` for the first, `not_found` in the field `duplicate_id` for the second.
pub async fn load_both(tx: &mut Tx, id: CustomerId, duplicate_id: CustomerId) -> Result<(Customer, Customer)> {
    let (one, other) = if id <= duplicate_id {
        let one = store::lock(tx, id).await?;
        (one, store::lock(tx, duplicate_id).await?)
    } else {
        let other = store::lock(tx, duplicate_id).await?;
        (store::lock(tx, id).await?, other)
    };
    Ok((one.ok_or(refusal::NOT_FOUND)?, other.ok_or_else(|| Error::of_field("duplicate_id", field::NOT_FOUND))?))
}

/// Activates a locked subscriber. Errors: `customer_wrong_state`.
pub async fn activate(tx: &mut Tx, granted: &Granted<perm::CustomersWrite>, customer: &Customer) -> Result<Customer> {
    let after = turn(tx, customer, customer.activated()?, "customer.activated").await?;
    Ok(after.shown(granted.may(Permission::CustomersPii)))
}

/// Suspends a locked subscriber. Errors: `customer_wrong_state`.
pub async fn suspend(tx: &mut Tx, granted: &Granted<perm::CustomersWrite>, customer: &Customer, reason: &str) -> Result<Customer> {
    let after = turn(tx, customer, customer.suspended(reason)?, "customer.suspended").await?;
    Ok(after.shown(granted.may(Permission::CustomersPii)))
}

/// Blocks a locked subscriber. Errors: `customer_wrong_state`.
pub async fn block(tx: &mut Tx, granted: &Granted<perm::CustomersWrite>, customer: &Customer, reason: &str) -> Result<Customer> {
    let after = turn(tx, customer, customer.blocked(reason)?, "customer.blocked").await?;
    Ok(after.shown(granted.may(Permission::CustomersPii)))
}

/// Archives a locked subscriber with `open_contracts` contracts that are not terminated.
///
/// Errors: `stale_version`, `customer_wrong_state`, `customer_has_contracts`.
pub async fn archive(
    tx: &mut Tx,
    _granted: &Granted<perm::CustomersDelete>,
    customer: &Customer,
    open_contracts: i64,
    expected: &Expected,
) -> Result<()> {
    expected.check(customer.version)?;
    let archived = customer.archived()?;
    if open_contracts > 0 {
        return Err(Error::new(refusal::HAS_CONTRACTS).with("contracts", open_contracts));
    }
    turn(tx, customer, archived, "customer.archived").await.map(drop)
}

/// Restores an archived subscriber, unless another one has its unique values by now.
///
/// Errors: `customer_not_found`, `customer_wrong_state`, `customer_merged`, `customer_duplicate`.
pub async fn restore(tx: &mut Tx, granted: &Granted<perm::CustomersWrite>, id: CustomerId) -> Result<Customer> {
    let archived = load(tx, id).await?;
    let restored = archived.restored()?;
    refuse_clashes(tx, granted, &archived.editable(), Some(id)).await?;
    let after = turn(tx, &archived, restored, "customer.restored").await.map_err(taken_meanwhile)?;
    Ok(after.shown(granted.may(Permission::CustomersPii)))
}

/// Merges two locked subscribers: archives the duplicate and increases the survivor's version.
///
/// The duplicate's phones and e-mail addresses become further ones of the survivor.
///
/// `moved` has the numbers of moved records by kind, for the audit trail.
///
/// Errors: `customer_merge_with_itself`, `customer_wrong_state`, `customer_merge_mismatch`.
pub async fn merge(
    tx: &mut Tx,
    granted: &Granted<perm::CustomersMerge>,
    survivor: &Customer,
    duplicate: &Customer,
    moved: &[(&'static str, usize)],
) -> Result<Customer> {
    let now = tx.now();
    let merged = duplicate.merged(survivor)?;
    turn(tx, duplicate, merged, "customer.merged").await?;
    let mut after = survivor.with_contacts_of(duplicate);
    store::save_further(tx, &after).await?;
    store::save_status(tx, &mut after, now).await?;
    let entry = Entry::new("customer.duplicate_taken_in", "customer", survivor.id);
    let entry = entry.change(&survivor.clone().shown(false), &after.clone().shown(false)).note("duplicate_id", duplicate.id.get());
    tell(tx, &after);
    tx.record(moved.iter().fold(entry, |entry, (what, count)| entry.note(what, *count)));
    Ok(after.shown(granted.may(Permission::CustomersPii)))
}

/// Writes a subscriber's new status and records the change.
async fn turn(tx: &mut Tx, before: &Customer, mut after: Customer, action: &'static str) -> Result<Customer> {
    let now = tx.now();
    store::save_status(tx, &mut after, now).await?;
    tx.record(Entry::new(action, "customer", after.id).change(&before.clone().shown(false), &after.clone().shown(false)));
    tell(tx, &after);
    Ok(after)
}
