//! Changes to all contracts of a subscriber at once, when the subscriber changes.
//!
//! The caller locks the contracts first ([`lock`]), then the subscriber, and only then changes anything: while the subscriber is locked,
//! none of their contracts can be activated.

use database::{Conn, Tx, audit::Entry};
use kernel::{
    Error, Result,
    error::common,
    id::{ContractId, CustomerId},
    text::searchable,
};
use serde_json::json;

use crate::{
    model::{Contract, HoldReason},
    service::tell,
    store::{self as rows, of_customer as store, tell as tell_row},
};

/// Locks all contracts of a subscriber until the transaction ends; call it before locking the subscriber.
pub async fn lock(tx: &mut Tx, customer_id: CustomerId) -> Result<()> {
    store::lock(tx, [customer_id; 2]).await
}

/// Locks all contracts of two subscribers, always in the same order.
pub async fn lock_both(tx: &mut Tx, one: CustomerId, other: CustomerId) -> Result<()> {
    store::lock(tx, [one, other]).await
}

/// Counts the contracts of a subscriber that are not terminated, including drafts.
pub async fn not_over(conn: &mut Conn, customer_id: CustomerId) -> Result<i64> {
    store::not_over(conn, customer_id).await
}

/// Places hold `customer` on every running contract of a locked subscriber that does not have it. Returns the changed contracts.
pub async fn hold(tx: &mut Tx, customer_id: CustomerId, note: &str) -> Result<Vec<Contract>> {
    let before: Vec<Contract> =
        store::running(tx, customer_id).await?.into_iter().filter(|contract| !contract.is_held(HoldReason::Customer)).collect();
    let ids: Vec<ContractId> = before.iter().map(|contract| contract.id).collect();
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    all_of_them(store::hold(tx, customer_id, &ids, note).await?, &ids)?;
    record(tx, "contract.suspended", before, |contract| contract.held(HoldReason::Customer))
}

/// Lifts hold `customer` from every contract of a locked subscriber that has it. Returns the changed contracts.
pub async fn release(tx: &mut Tx, customer_id: CustomerId) -> Result<Vec<Contract>> {
    let before: Vec<Contract> =
        store::running(tx, customer_id).await?.into_iter().filter(|contract| contract.is_held(HoldReason::Customer)).collect();
    let ids: Vec<ContractId> = before.iter().map(|contract| contract.id).collect();
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    all_of_them(store::release(tx, customer_id).await?, &ids)?;
    record(tx, "contract.resumed", before, |contract| contract.released(HoldReason::Customer))
}

/// Moves all contracts of a locked subscriber to another. Returns their number.
pub async fn give(tx: &mut Tx, from: CustomerId, former_name: &str, to: CustomerId, name: &str) -> Result<usize> {
    rename(tx, from, former_name, name).await?;
    let moved = store::give(tx, from, to).await?;
    for (id, version) in &moved {
        let (before, after) = (json!({"customer_id": from, "version": version - 1}), json!({"customer_id": to, "version": version}));
        tx.record(Entry::new("contract.moved", "contract", id).change(&before, &after).note("reason", "customer_merged"));
    }
    let ids: Vec<ContractId> = moved.iter().map(|(id, _)| *id).collect();
    for contract in rows::all(tx, &ids).await? {
        tell_row(tx, &contract);
    }
    Ok(moved.len())
}

/// Replaces the subscriber's name in the search texts of their contracts.
pub async fn rename(tx: &mut Tx, customer_id: CustomerId, former: &str, name: &str) -> Result<()> {
    let (former, name) = (searchable(former), searchable(name));
    if former == name { Ok(()) } else { store::rename(tx, customer_id, &former, &name).await }
}

/// Errors: `stale_version` when the statement did not change all of these contracts, despite the locks.
fn all_of_them(changed: u64, ids: &[ContractId]) -> Result<()> {
    if usize::try_from(changed).is_ok_and(|changed| changed == ids.len()) { Ok(()) } else { Err(Error::new(common::STALE)) }
}

/// Records what one statement did to all contracts, by the transition that applies to one.
fn record(tx: &mut Tx, action: &'static str, before: Vec<Contract>, turn: impl Fn(&Contract) -> Result<Contract>) -> Result<Vec<Contract>> {
    let mut all = Vec::with_capacity(before.len());
    for contract in before {
        let after = Contract { version: contract.version + 1, updated_at: tx.now(), ..turn(&contract)? };
        let entry = Entry::new(action, "contract", after.id).change(&contract, &after);
        tx.record(entry.note("reason", HoldReason::Customer.as_str()));
        tell_row(tx, &after);
        tell(tx, &contract, &after, Some(HoldReason::Customer));
        all.push(after);
    }
    Ok(all)
}
