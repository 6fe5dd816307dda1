//! The use cases of subscribers. Those that also concern contracts and money are in `billing`, which calls these.

mod duplicates;
mod standing;
mod statistics;

pub use duplicates::check_duplicates;
pub use standing::{activate, archive, block, load, load_both, merge, restore, suspend};
pub use statistics::statistics;

use acl::{Granted, Permission, perm};
use chrono::{DateTime, Utc};
use database::{
    Conn, Page, Paging, Tx,
    audit::Entry,
    search::{Found, Sought},
};
use kernel::{
    Edit, Error, Expected, FieldErrors, Result,
    error::{Transient, common, field},
    id::CustomerId,
};
use serde_json::Value;

use crate::{
    input::{CustomerFilter, CustomerInput},
    model::{Contact, Customer, CustomerStatus, HistoryRow, RegisteredCustomer, refusal},
    store,
};

/// One subscriber, masked for those who may not see personal data. Errors: `customer_not_found`.
pub async fn get(conn: &mut Conn, granted: &Granted<perm::CustomersRead>, id: CustomerId) -> Result<Customer> {
    let customer = store::get(conn, id).await?.ok_or(refusal::NOT_FOUND)?;
    Ok(customer.shown(granted.may(Permission::CustomersPii)))
}

/// Whether there is this subscriber, for the lists of what is theirs. Errors: `customer_not_found`.
pub async fn must_exist(conn: &mut Conn, id: CustomerId) -> Result<()> {
    if store::exists(conn, id).await? { Ok(()) } else { Err(refusal::NOT_FOUND.into()) }
}

/// A page of subscribers, masked for those who may not see personal data; a whole document number finds its holder only
/// for those who may. Errors: `permission_missing` for others who filter by `city`.
pub async fn list(
    conn: &mut Conn,
    granted: &Granted<perm::CustomersRead>,
    filter: &CustomerFilter,
    paging: &Paging,
) -> Result<Page<Customer>> {
    let unmasked = granted.may(Permission::CustomersPii);
    if filter.city.is_some() && !unmasked {
        return Err(Error::new(acl::refusal::PERMISSION_MISSING).with("permission", Permission::CustomersPii));
    }
    Ok(store::list(conn, filter, paging, unmasked).await?.map(|customer| customer.shown(unmasked)))
}

/// What happened to a subscriber, to those merged into it, and, as far as the caller may see them, to their contracts,
/// SIM cards, payments and tickets. Errors: `customer_not_found`.
pub async fn history(conn: &mut Conn, granted: &Granted<perm::CustomersRead>, id: CustomerId, paging: &Paging) -> Result<Page<HistoryRow>> {
    let all = store::history::with_merged(conn, id).await?;
    if all.is_empty() {
        return Err(refusal::NOT_FOUND.into());
    }
    let shown = store::history::Shown {
        contracts: granted.may(Permission::ContractsRead),
        sims: granted.may(Permission::SimsRead),
        payments: granted.may(Permission::PaymentsRead),
        tickets: granted.may(Permission::TicketsRead),
    };
    store::history::list(conn, &all, shown, paging).await
}

/// Registers a subscriber, and warns of likely duplicates. Errors: `customer_duplicate` with every unique field that is
/// taken, and, for those who may see it, by whom.
pub async fn create(tx: &mut Tx, granted: &Granted<perm::CustomersWrite>, input: &CustomerInput) -> Result<RegisteredCustomer> {
    refuse_clashes(tx, granted, input, None).await?;
    let id = store::insert(tx, input).await.map_err(taken_meanwhile)?;
    let customer = store::get(tx, id).await?.ok_or(refusal::NOT_FOUND)?;
    let warnings = duplicates::warnings(tx, granted, input, id).await?;
    tx.record(Entry::new("customer.created", "customer", id).created(&customer.clone().shown(false)));
    Ok(RegisteredCustomer { customer: customer.shown(granted.may(Permission::CustomersPii)), warnings })
}

/// Errors: `customer_duplicate` with every unique field that another subscriber has, who is not archived; those who may
/// see personal data are told who it is.
async fn refuse_clashes(
    tx: &mut Tx,
    granted: &Granted<perm::CustomersWrite>,
    input: &CustomerInput,
    own: Option<CustomerId>,
) -> Result<()> {
    let told = granted.may(Permission::CustomersRead) && granted.may(Permission::CustomersPii);
    let mut taken = FieldErrors::default();
    for clash in store::clashes(tx, input, own).await? {
        taken.add(&clash.field, field::DUPLICATE).existing_id = told.then_some(clash.customer_id.get());
    }
    taken.into_error(refusal::DUPLICATE)
}

/// Another request took a unique value between the look and the write: the next try sees who has it, and says so.
fn taken_meanwhile(error: Error) -> Error {
    if error.code() == common::DUPLICATE { Error::new(refusal::DUPLICATE).transient(Transient::Collision) } else { error }
}

/// A subscriber before and after an edit.
#[derive(Clone, Debug)]
pub struct Edited {
    /// The name as it was.
    pub former_name: String,
    /// The subscriber as it is now, in the form for whoever asked.
    pub customer: Customer,
}

/// Whether an edit would change the name, as far as can be seen without a lock.
pub async fn would_rename(
    conn: &mut Conn,
    granted: &Granted<perm::CustomersWrite>,
    id: CustomerId,
    edit: &Edit<CustomerInput>,
) -> Result<bool> {
    let Some(customer) = store::get(conn, id).await? else { return Ok(false) };
    let present = customer.editable();
    let names = |input: &CustomerInput| {
        let CustomerInput { customer_type, last_name, first_name, patronymic, organization_name, .. } = input.clone();
        (customer_type, last_name, first_name, patronymic, organization_name)
    };
    let shown = customer.shown(granted.may(Permission::CustomersPii));
    // what is wrong with it is told when it is done
    Ok(edit.apply(&shown, &present, conn.context()).is_ok_and(|input| names(&input) != names(&present)))
}

/// Changes a subscriber's own fields; in an archived one too, so that what keeps it from coming back can be changed.
///
/// Errors: `customer_not_found`, `stale_version`, `invalid`, `customer_duplicate`.
pub async fn edit(
    tx: &mut Tx,
    granted: &Granted<perm::CustomersWrite>,
    id: CustomerId,
    edit: &Edit<CustomerInput>,
    expected: &Expected,
) -> Result<Edited> {
    let before = load(tx, id).await?;
    expected.check(before.version)?;
    let unmasked = granted.may(Permission::CustomersPii);
    let present = before.editable();
    let shown = before.clone().shown(unmasked);
    let input = edit.apply(&shown, &present, tx.context())?;
    if input == present {
        return Ok(Edited { former_name: shown.full_name.clone(), customer: shown });
    }
    if before.status != CustomerStatus::Archived {
        refuse_clashes(tx, granted, &input, Some(id)).await?;
    }
    store::update(tx, &before, &input).await.map_err(taken_meanwhile)?;
    let after = store::get(tx, id).await?.ok_or(refusal::NOT_FOUND)?;
    let entry = Entry::new("customer.updated", "customer", id);
    // by name too: masked before and masked after may look the same
    let changed = entry.change(&before.shown(false), &after.clone().shown(false)).note("changed", changed_fields(&present, &input)?);
    tx.record(changed);
    Ok(Edited { former_name: shown.full_name, customer: after.shown(unmasked) })
}

fn changed_fields(before: &CustomerInput, after: &CustomerInput) -> Result<Vec<String>> {
    let fields = |input: &CustomerInput| serde_json::to_value(input).map_err(Error::internal);
    let (before, after) = (fields(before)?, fields(after)?);
    let after = after.as_object().into_iter().flatten();
    Ok(after.filter(|(name, value)| before.get(*name).unwrap_or(&Value::Null) != *value).map(|(name, _)| name.clone()).collect())
}

/// The subscriber as it is, kept so until the transaction ends. Errors: `not_found` in the field `customer_id`.
pub async fn find(tx: &mut Tx, id: CustomerId) -> Result<Customer> {
    let customer = store::keep(tx, id).await?.ok_or_else(|| Error::of_field("customer_id", field::NOT_FOUND))?;
    Ok(customer.shown(false))
}

/// The subscriber, kept as it is until the transaction ends, if it is active.
///
/// Errors: `not_found` in the field `customer_id`, `customer_not_active`.
pub async fn find_active(tx: &mut Tx, id: CustomerId) -> Result<Customer> {
    find(tx, id).await?.active()
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
    let sharing = sharing.into_iter().map(|(id,)| format!("customer {id} shares a unique key with another that is not archived"));
    let wrong = store::out_of_step(conn).await?;
    Ok(sharing.chain(wrong.into_iter().map(|(id, what)| format!("customer {id} {what}"))).collect())
}

/// What the search box finds among subscribers.
pub async fn find_by_words(conn: &mut Conn, _: &Granted<perm::CustomersRead>, sought: &Sought) -> Result<Vec<Found>> {
    store::SEARCHED.find(conn, sought).await
}

/// How these subscribers can be told of something that happened; those who are archived are not told.
pub async fn contacts(conn: &mut Conn, ids: &[CustomerId]) -> Result<Vec<Contact>> {
    store::contacts(conn, ids).await
}
