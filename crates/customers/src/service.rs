//! The use cases of subscribers.

use acl::{Granted, Permission, perm};
use chrono::{DateTime, Utc};
use kernel::{
    Context, Error, FieldErrors, Page, Paging, Result,
    audit::Entry,
    db::{Conn, Tx},
    error::field,
    id::CustomerId,
    search::{Found, Sought},
};

use crate::{
    input::{CustomerFilter, CustomerInput},
    model::{Customer, refusal},
    store,
};

/// One subscriber, masked for those who may not see personal data. Errors: `customer_not_found`.
pub async fn get(conn: &mut Conn, granted: &Granted<perm::CustomersRead>, id: CustomerId) -> Result<Customer> {
    let customer = store::get(conn, id).await?.ok_or(refusal::NOT_FOUND)?;
    Ok(customer.shown(granted.may(Permission::CustomersPii)))
}

/// A page of subscribers, masked for those who may not see personal data; a whole document number finds its holder only
/// for those who may.
pub async fn list(
    conn: &mut Conn,
    granted: &Granted<perm::CustomersRead>,
    filter: &CustomerFilter,
    paging: &Paging,
) -> Result<Page<Customer>> {
    let unmasked = granted.may(Permission::CustomersPii);
    Ok(store::list(conn, filter, paging, unmasked).await?.map(|customer| customer.shown(unmasked)))
}

/// Registers a subscriber. Errors: `customer_duplicate` with every unique field that is taken, and, for those who may see
/// it, by whom.
pub async fn create(tx: &mut Tx, context: &Context, granted: &Granted<perm::CustomersWrite>, input: &CustomerInput) -> Result<Customer> {
    let mut taken = FieldErrors::default();
    for clash in store::clashes(tx, input).await? {
        let error = taken.add(&clash.field, field::DUPLICATE);
        error.existing_id = granted.may(Permission::CustomersRead).then_some(clash.customer_id.get());
    }
    taken.into_error(refusal::DUPLICATE)?;
    let id = store::insert(tx, input, context.now).await?;
    let customer = store::get(tx, id).await?.ok_or(refusal::NOT_FOUND)?;
    tx.record(Entry::new(granted.actor(), "customer.created", "customer", id).created(&customer.clone().shown(false)));
    Ok(customer.shown(granted.may(Permission::CustomersPii)))
}

/// The subscriber, kept as it is until the transaction ends, if it is active.
///
/// Errors: `not_found` in the field `customer_id`, `customer_not_active`.
pub async fn find_active(tx: &mut Tx, id: CustomerId) -> Result<Customer> {
    let customer = store::lock(tx, id).await?.ok_or_else(|| Error::of_field("customer_id", field::NOT_FOUND))?;
    Ok(customer.active()?.shown(false))
}

/// The subscriber as it is now, masked and without a lock, for rules that only look.
pub async fn peek(conn: &mut Conn, id: CustomerId) -> Result<Option<Customer>> {
    Ok(store::get(conn, id).await?.map(|customer| customer.shown(false)))
}

/// Writes many subscribers at once under ids reserved for them, from `first_id` on; the caller has checked them and
/// records the load in the audit trail.
pub async fn insert_all(tx: &mut Tx, first_id: i64, inputs: &[(CustomerInput, DateTime<Utc>)]) -> Result<()> {
    store::insert_all(tx, first_id, inputs).await
}

/// What breaks the invariants of subscribers (SPEC 14.7), in words for the operator's engineers.
pub async fn violations(conn: &mut Conn) -> Result<Vec<String>> {
    let sharing = store::sharing_a_key(conn).await?;
    Ok(sharing.into_iter().map(|(id,)| format!("customer {id} shares a unique key with another that is not archived")).collect())
}

/// What the search box finds among subscribers.
pub async fn find_by_words(conn: &mut Conn, _: &Granted<perm::CustomersRead>, sought: &Sought) -> Result<Vec<Found>> {
    store::SEARCHED.find(conn, sought).await
}
