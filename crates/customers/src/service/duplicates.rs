//! Likely duplicates: found through indexes, returned with score and reasons.

use std::cmp::Reverse;

use acl::{Granted, Permission, perm};
use database::{Tx, audit::Entry};
use kernel::{Result, id::CustomerId};
use serde_json::Value;

use crate::{
    input::{CustomerInput, DuplicateCheckInput},
    model::{Duplicate, Likeness, WARNED_OF},
    store,
};

/// The maximum number of records returned.
const MOST_TOLD: usize = 20;

/// Returns records that may be the same subscriber, the likeliest first.
///
/// Without `customers:pii`, only fields that the caller can see are compared: names, phone, e-mail, organization. So neither score nor
/// reasons help to guess masked values. The audit trail records the caller and the ids found.
pub async fn check_duplicates(tx: &mut Tx, granted: &Granted<perm::CustomersRead>, check: &DuplicateCheckInput) -> Result<Vec<Duplicate>> {
    let found = find(tx, check, granted.may(Permission::CustomersPii)).await?;
    let ids: Vec<Value> = found.iter().map(|duplicate| duplicate.customer_id.get().into()).collect();
    tx.record(Entry::new("customer.duplicates_checked", "customer", "*").note("ids", ids));
    Ok(found)
}

/// Returns the likely duplicates to warn about at registration; none without `customers:read`.
pub(super) async fn warnings(
    tx: &mut Tx,
    granted: &Granted<perm::CustomersWrite>,
    input: &CustomerInput,
    id: CustomerId,
) -> Result<Vec<Duplicate>> {
    if !granted.may(Permission::CustomersRead) {
        return Ok(Vec::new());
    }
    let mut found = find(tx, &DuplicateCheckInput::of(input, id), granted.may(Permission::CustomersPii)).await?;
    found.retain(|duplicate| duplicate.score >= WARNED_OF);
    Ok(found)
}

async fn find(tx: &mut Tx, check: &DuplicateCheckInput, with_personal_data: bool) -> Result<Vec<Duplicate>> {
    let likeness = Likeness::of_check(check, with_personal_data);
    let candidates = store::duplicates::candidates(tx, &likeness, check.customer_id).await?;
    let mut found: Vec<Duplicate> = candidates.into_iter().filter_map(|other| likeness.compare(other)).collect();
    found.sort_by_key(|duplicate| (Reverse(duplicate.score), duplicate.customer_id));
    found.truncate(MOST_TOLD);
    Ok(found)
}
