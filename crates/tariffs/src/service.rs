//! The use cases of tariffs.

use acl::{Granted, Permission, perm};
use chrono::{DateTime, NaiveDate, Utc};
use kernel::{
    Context, Error, FieldErrors, Page, Paging, Result,
    audit::Entry,
    db::{Conn, Tx},
    error::field,
    id::{TariffId, TariffVersionId},
};

use crate::{
    input::{TariffFilter, TariffInput},
    model::{Tariff, TariffVersion, refusal},
    store,
};

/// One tariff with the prices in force today. Errors: `tariff_not_found`.
pub async fn get(conn: &mut Conn, context: &Context, _granted: &Granted<perm::TariffsRead>, id: TariffId) -> Result<Tariff> {
    store::get(conn, id, context.today()).await?.ok_or_else(|| refusal::NOT_FOUND.into())
}

/// A page of tariffs with the prices in force today.
pub async fn list(
    conn: &mut Conn,
    context: &Context,
    _granted: &Granted<perm::TariffsRead>,
    filter: &TariffFilter,
    paging: &Paging,
) -> Result<Page<Tariff>> {
    store::list(conn, filter, paging, context.today()).await
}

/// Makes a tariff whose prices are in force from today.
///
/// Errors: `tariff_name_taken`, and, for those who may see it, by which tariff.
pub async fn create(tx: &mut Tx, context: &Context, granted: &Granted<perm::TariffsWrite>, input: &TariffInput) -> Result<Tariff> {
    let mut taken = FieldErrors::default();
    if let Some((other,)) = store::named(tx, &input.name).await? {
        taken.add("name", field::DUPLICATE).existing_id = granted.may(Permission::TariffsRead).then_some(other.get());
    }
    taken.into_error(refusal::NAME_TAKEN)?;
    let id = store::insert(tx, input, context.today(), context.now).await?;
    let tariff = store::get(tx, id, context.today()).await?.ok_or(refusal::NOT_FOUND)?;
    tx.record(Entry::new(granted.actor(), "tariff.created", "tariff", id).created(&tariff));
    Ok(tariff)
}

/// The tariff with the prices in force today, kept as it is until the transaction ends, if it is for sale.
///
/// Errors: `not_found` in the field `tariff_id`, `tariff_retired`.
pub async fn find_active(tx: &mut Tx, context: &Context, id: TariffId) -> Result<Tariff> {
    let tariff = store::lock(tx, id, context.today()).await?.ok_or_else(|| Error::of_field("tariff_id", field::NOT_FOUND))?;
    tariff.for_sale()
}

/// The tariff as it is now, without a lock, for rules that only look.
pub async fn peek(conn: &mut Conn, context: &Context, id: TariffId) -> Result<Option<Tariff>> {
    store::get(conn, id, context.today()).await
}

/// The version of a tariff in force on a day, retired or not. Errors: `tariff_not_found` when none was yet.
pub async fn version_on(conn: &mut Conn, id: TariffId, day: NaiveDate) -> Result<TariffVersion> {
    store::version_on(conn, id, day).await?.ok_or_else(|| refusal::NOT_FOUND.into())
}

/// The version that a charge names. Errors: `tariff_not_found`.
pub async fn version_by_id(conn: &mut Conn, id: TariffVersionId) -> Result<TariffVersion> {
    store::version_by_id(conn, id).await?.ok_or_else(|| refusal::NOT_FOUND.into())
}

/// Adds `change` to the number of contracts that have the tariff and are not terminated; the caller records why.
///
/// Errors: `tariff_not_found`.
pub async fn count_contracts(tx: &mut Tx, id: TariffId, change: i64) -> Result<()> {
    match store::count_contracts(tx, id, change).await? {
        true => Ok(()),
        false => Err(refusal::NOT_FOUND.into()),
    }
}

/// Writes many tariffs at once under ids reserved for them, from `first_id` on, each with the day its prices are in force
/// from and the moment it was made; the caller has checked them and records the load in the audit trail.
pub async fn insert_all(tx: &mut Tx, first_id: i64, inputs: &[(TariffInput, NaiveDate, DateTime<Utc>)]) -> Result<()> {
    store::insert_all(tx, first_id, inputs).await
}

/// What breaks the invariants of tariffs, in words for the operator's engineers.
pub async fn violations(conn: &mut Conn) -> Result<Vec<String>> {
    let priceless = store::without_prices(conn).await?;
    Ok(priceless.into_iter().map(|(id,)| format!("tariff {id} has no version with prices")).collect())
}
