//! The use cases of subscribers. Those that also concern contracts are in `subscribers`, which calls these.

mod duplicates;
mod standing;
mod statistics;

pub use duplicates::check_duplicates;
pub use standing::{activate, archive, block, load, load_both, merge, restore, suspend};
pub use statistics::statistics;

use std::collections::BTreeMap;

use acl::{Granted, Permission, perm};
use chrono::{DateTime, Utc};
use database::{
    Conn, Event, Page, Paging, Resource, Tx,
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
    input::{CustomerFilter, CustomerInput, personal_data},
    model::{Contact, Customer, CustomerShort, CustomerStatus, HistoryRow, RegisteredCustomer, refusal},
    store,
};

/// Returns one subscriber; personal data is masked without `customers:pii`. Errors: `customer_not_found`.
pub async fn get(conn: &mut Conn, granted: &Granted<perm::CustomersRead>, id: CustomerId) -> Result<Customer> {
    let customer = store::get(conn, id).await?.ok_or(refusal::NOT_FOUND)?;
    Ok(customer.shown(granted.may(Permission::CustomersPii)))
}

/// The short forms of these subscribers, for the records that name them.
pub async fn short_forms(conn: &mut Conn, _granted: &Granted<perm::CustomersRead>, ids: &[CustomerId]) -> Result<Vec<CustomerShort>> {
    Ok(store::short::all(conn, ids).await?.into_iter().map(Into::into).collect())
}

/// Checks that a subscriber exists, for lists of what belongs to it. Errors: `customer_not_found`.
pub async fn must_exist(conn: &mut Conn, id: CustomerId) -> Result<()> {
    if store::exists(conn, id).await? { Ok(()) } else { Err(refusal::NOT_FOUND.into()) }
}

/// Returns a page of subscribers.
///
/// Without `customers:pii`, personal data is masked and a document number finds nobody. Errors: `permission_missing` for the filter
/// `city` without `customers:pii`.
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

/// Returns a page of the history of a subscriber and of those merged into it.
///
/// It includes the contracts, SIM cards, payments and tickets that the caller may see. Errors: `customer_not_found`.
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

/// Registers a subscriber and returns it with its likely duplicates.
///
/// Errors: `customer_duplicate` with every unique field that is taken, and with the id of the other subscriber if the caller may see it.
pub async fn create(tx: &mut Tx, granted: &Granted<perm::CustomersWrite>, input: &CustomerInput) -> Result<RegisteredCustomer> {
    refuse_clashes(tx, granted, input, None).await?;
    let id = store::insert(tx, input).await.map_err(taken_meanwhile)?;
    let customer = store::get(tx, id).await?.ok_or(refusal::NOT_FOUND)?;
    let warnings = duplicates::warnings(tx, granted, input, id).await?;
    let masked = customer.clone().shown(false);
    tx.publish(Event::created(Resource::Customer, id, &masked).of_customer(id));
    tx.record(Entry::new("customer.created", "customer", id).created(&masked));
    Ok(RegisteredCustomer { customer: customer.shown(granted.may(Permission::CustomersPii)), warnings })
}

/// Checks that no other subscriber that is not archived has a unique value of `input`.
///
/// Errors: `customer_duplicate` with every such field; it names the others if the caller may see personal data.
async fn refuse_clashes(
    tx: &mut Tx,
    granted: &Granted<perm::CustomersWrite>,
    input: &CustomerInput,
    own: Option<CustomerId>,
) -> Result<()> {
    let is_told = granted.may(Permission::CustomersRead) && granted.may(Permission::CustomersPii);
    let clashes = store::clashes(tx, input, own).await?;
    if clashes.is_empty() {
        return Ok(());
    }
    let (mut taken, mut owners) = (FieldErrors::default(), BTreeMap::new());
    for clash in clashes {
        taken.add(&clash.field, field::DUPLICATE).existing_id = is_told.then_some(clash.customer_id.get());
        if is_told && let Some(other) = store::get(tx, clash.customer_id).await? {
            let id = other.id.get();
            owners.insert(id, format!("{id} ({})", other.shown(false).short_name));
        }
    }
    let owners: Vec<String> = owners.into_values().collect();
    let owners = if owners.is_empty() { NO_OWNER.to_owned() } else { owners.join(", ") };
    Err(Error::new(refusal::DUPLICATE).with("owner", owners).fields(taken))
}

/// Says in a refusal that the caller is not told whose the values are.
const NO_OWNER: &str = "none";

/// Makes a unique violation retryable: another request took the value after the check, and the retry reports which one.
fn taken_meanwhile(error: Error) -> Error {
    match error.code() == common::DUPLICATE {
        true => Error::new(refusal::DUPLICATE).with("owner", NO_OWNER).transient(Transient::Collision),
        false => error,
    }
}

/// A subscriber before and after an edit.
#[derive(Clone, Debug)]
pub struct Edited {
    /// The name before the edit.
    pub former_name: String,
    /// The subscriber after the edit, in the form that the caller may see.
    pub customer: Customer,
}

/// Whether an edit would change the name, according to an unlocked read.
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
    // the edit itself reports an invalid input
    Ok(edit.apply(&shown, &present, conn.context()).is_ok_and(|input| names(&input) != names(&present)))
}

/// Changes a subscriber's fields.
///
/// An archived subscriber can be edited too, to change a value that prevents restoring it.
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
    // the names of changed fields too: two masked values may be equal
    let changed = entry.change(&before.shown(false), &after.clone().shown(false)).note("changed", changed_fields(&present, &input)?);
    tx.record(changed);
    tell(tx, &after);
    Ok(Edited { former_name: shown.full_name, customer: after.shown(unmasked) })
}

/// Publishes what a subscriber has become, with its personal data masked.
pub(crate) fn tell(tx: &mut Tx, customer: &Customer) {
    tx.publish(Event::changed(Resource::Customer, customer.id, &customer.clone().shown(false)).of_customer(customer.id));
}

fn changed_fields(before: &CustomerInput, after: &CustomerInput) -> Result<Vec<String>> {
    let fields = |input: &CustomerInput| serde_json::to_value(input).map_err(Error::internal);
    let (before, after) = (fields(before)?, fields(after)?);
    let after = after.as_object().into_iter().flatten();
    Ok(after.filter(|(name, value)| before.get(*name).unwrap_or(&Value::Null) != *value).map(|(name, _)| name.clone()).collect())
}

/// Returns the subscriber, which cannot change until the transaction ends. Errors: `not_found` in the field `customer_id`.
pub async fn find(tx: &mut Tx, id: CustomerId) -> Result<Customer> {
    let customer = store::keep(tx, id).await?.ok_or_else(|| Error::of_field("customer_id", field::NOT_FOUND))?;
    Ok(customer.shown(false))
}

/// Returns the subscriber if it is active; it cannot change until the transaction ends.
///
/// Errors: `not_found` in the field `customer_id`, `customer_not_active`.
pub async fn find_active(tx: &mut Tx, id: CustomerId) -> Result<Customer> {
    find(tx, id).await?.active()
}

/// Returns the subscriber, masked and without a lock, for read-only rules.
pub async fn peek(conn: &mut Conn, id: CustomerId) -> Result<Option<Customer>> {
    Ok(store::get(conn, id).await?.map(|customer| customer.shown(false)))
}

/// Inserts many subscribers under reserved ids, beginning with `first_id`.
///
/// The caller validates them and records the load in the audit trail.
pub async fn insert_all(tx: &mut Tx, first_id: i64, inputs: &[(CustomerInput, DateTime<Utc>)]) -> Result<()> {
    store::insert_all(tx, first_id, inputs).await
}

/// Describes every violation of the invariants of subscribers, for the operator's engineers.
pub async fn violations(conn: &mut Conn) -> Result<Vec<String>> {
    let sharing = store::sharing_a_key(conn).await?;
    let sharing = sharing.into_iter().map(|(id,)| format!("customer {id} shares a unique key with another that is not archived"));
    let wrong = store::out_of_step(conn).await?;
    Ok(sharing.chain(wrong.into_iter().map(|(id, what)| format!("customer {id} {what}"))).collect())
}

/// Finds subscribers for the search box: by the parsed text, and with `customers:pii` by the text as a document or tax number.
pub async fn find_by_words(conn: &mut Conn, granted: &Granted<perm::CustomersRead>, text: &str, sought: &Sought) -> Result<Vec<Found>> {
    let exact = if granted.may(Permission::CustomersPii) { personal_data(text) } else { Vec::new() };
    store::SEARCHED.find(conn, sought, &exact).await
}

/// Returns the contact details of these subscribers, without archived ones.
pub async fn contacts(conn: &mut Conn, ids: &[CustomerId]) -> Result<Vec<Contact>> {
    store::contacts(conn, ids).await
}
