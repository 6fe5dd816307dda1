//! The use cases of tariffs.

pub mod options;

use acl::{Granted, Permission, perm};
use chrono::{DateTime, NaiveDate, Utc};
use database::{Conn, Event, Page, Paging, Resource, Tx, audit::Entry};
use kernel::{
    Edit, Error, Expected, FieldErrors, Result,
    error::{common, field},
    id::{TariffId, TariffVersionId},
};
use serde_json::Value;

use crate::{
    input::{TariffEdit, TariffFilter, TariffInput},
    model::{PriceVersion, Tariff, TariffChange, TariffShort, TariffVersion, refusal},
    store,
};

/// Returns one tariff with the prices in force today. Errors: `tariff_not_found`.
pub async fn get(conn: &mut Conn, _granted: &Granted<perm::TariffsRead>, id: TariffId) -> Result<Tariff> {
    let today = conn.today();
    store::get(conn, id, today).await?.ok_or_else(|| refusal::NOT_FOUND.into())
}

/// Returns a page of tariffs with the prices in force today.
pub async fn list(conn: &mut Conn, _granted: &Granted<perm::TariffsRead>, filter: &TariffFilter, paging: &Paging) -> Result<Page<Tariff>> {
    store::list(conn, filter, paging).await
}

/// The short forms of these tariffs, with the fees in force today.
pub async fn short_forms(conn: &mut Conn, _granted: &Granted<perm::TariffsRead>, ids: &[TariffId]) -> Result<Vec<TariffShort>> {
    store::short_forms(conn, ids).await
}

/// Creates a tariff whose prices are in force from today.
///
/// Errors: `tariff_name_taken`, with the id of the other tariff if the caller may see it.
pub async fn create(tx: &mut Tx, granted: &Granted<perm::TariffsWrite>, input: &TariffInput) -> Result<Tariff> {
    let today = tx.today();
    let actor = tx.actor().clone();
    name_is_free(tx, granted, &input.name, None).await?;
    let id = store::insert(tx, input, today, &actor.name).await?;
    let tariff = store::get(tx, id, today).await?.ok_or(refusal::NOT_FOUND)?;
    tx.record(Entry::new("tariff.created", "tariff", id).created(&tariff));
    tell(tx, Event::created(Resource::Tariff, id, &tariff), id).await?;
    Ok(tariff)
}

/// Publishes what a tariff has become, with its announced prices, which nothing else tells when their day comes.
///
/// The number of its contracts changes without the tariff, so it is left out.
async fn tell(tx: &mut Tx, event: Event, id: TariffId) -> Result<()> {
    let announced = store::announced(tx, id).await?;
    let announced = serde_json::to_value(announced).map_err(Error::internal)?;
    tx.publish(event.without("contracts_count").with("next_versions", announced));
    Ok(())
}

async fn name_is_free(tx: &mut Tx, granted: &Granted<perm::TariffsWrite>, name: &str, but: Option<TariffId>) -> Result<()> {
    let mut taken = FieldErrors::default();
    if let Some((other,)) = store::named(tx, name).await?.filter(|(other,)| Some(*other) != but) {
        taken.add("name", field::DUPLICATE).existing_id = granted.may(Permission::TariffsRead).then_some(other.get());
    }
    taken.into_error(refusal::NAME_TAKEN)
}

/// Changes a tariff; new prices or allowances create a version, or replace the one that begins on the same day.
///
/// Errors: `tariff_not_found`, `stale_version`, `invalid`, `tariff_name_taken`, `tariff_version_in_use` if periods have begun under the
/// version of that day.
pub async fn edit(
    tx: &mut Tx,
    granted: &Granted<perm::TariffsWrite>,
    id: TariffId,
    edit: &Edit<TariffEdit>,
    expected: &Expected,
) -> Result<Tariff> {
    let today = tx.today();
    let before = store::lock(tx, id, today).await?.ok_or(refusal::NOT_FOUND)?;
    expected.check(before.version)?;
    let present = editable(&before);
    let input = edit.apply(&before, &present, tx.context())?;
    let new_prices = input.prices() != before.prices();
    let other_day = input.effective_from.is_some_and(|day| day != before.effective_from);
    let first_day = match new_prices || other_day {
        true => Some(input.first_day(before.effective_from, today).map_err(|wrong| Error::new(common::INVALID).fields(wrong))?),
        false => None,
    };
    if first_day.is_none() && (TariffEdit { effective_from: present.effective_from, ..input.clone() }) == present {
        return Ok(before);
    }
    name_is_free(tx, granted, &input.name, Some(id)).await?;
    store::update(tx, &before, &input).await?;
    if let Some(first_day) = first_day {
        set_prices(tx, &before, &input, first_day).await?;
    }
    let after = store::get(tx, id, today).await?.ok_or(refusal::NOT_FOUND)?;
    tx.record(Entry::new("tariff.updated", "tariff", id).change(&before, &after));
    tell(tx, Event::changed(Resource::Tariff, id, &after), id).await?;
    Ok(after)
}

fn editable(tariff: &Tariff) -> TariffEdit {
    TariffEdit {
        name: tariff.name.clone(),
        description: tariff.description.clone(),
        monthly_fee: tariff.monthly_fee,
        minutes_included: tariff.minutes_included,
        sms_included: tariff.sms_included,
        data_gb_included: tariff.data_gb_included,
        minute_overage_cost: tariff.minute_overage_cost,
        sms_overage_cost: tariff.sms_overage_cost,
        data_gb_overage_cost: tariff.data_gb_overage_cost,
        extra_options: match &tariff.extra_options.0 {
            Value::Object(options) => options.clone(),
            _ => serde_json::Map::new(),
        },
        priority: tariff.priority,
        effective_from: Some(tariff.effective_from),
    }
}

/// Creates the version that begins on a day, or replaces it if no period has begun under it.
async fn set_prices(tx: &mut Tx, tariff: &Tariff, input: &TariffEdit, first_day: NaiveDate) -> Result<()> {
    let now = tx.now();
    let actor = tx.actor().clone();
    let prices = input.prices();
    let replaced = store::version_of_day(tx, tariff.id, first_day).await?;
    if replaced.is_some() {
        let in_use = |error: Error| match error.code() {
            common::IN_USE => Error::new(refusal::VERSION_IN_USE).with("day", first_day),
            _ => error,
        };
        store::delete_version(tx, tariff.id, first_day).await.map_err(in_use)?;
    }
    store::insert_version(tx, tariff.id, &prices, first_day, now, &actor.name).await?;
    let (action, before) = match &replaced {
        Some(version) => ("tariff.version_replaced", version.prices()),
        None => ("tariff.version_created", tariff.prices()),
    };
    let entry = Entry::new(action, "tariff", tariff.id).change(&before, &prices);
    tx.record(entry.note("effective_from", first_day.to_string()));
    Ok(())
}

/// Retires a tariff; contracts that have it keep it. Errors: `tariff_not_found`, `tariff_already_retired`.
pub async fn deactivate(tx: &mut Tx, _granted: &Granted<perm::TariffsWrite>, id: TariffId) -> Result<Tariff> {
    let today = tx.today();
    let before = store::lock(tx, id, today).await?.ok_or(refusal::NOT_FOUND)?;
    let after = before.deactivated()?;
    set_active(tx, "tariff.deactivated", &before, after).await
}

/// Puts a tariff on sale again. Errors: `tariff_not_found`, `tariff_already_active`.
pub async fn activate(tx: &mut Tx, _granted: &Granted<perm::TariffsWrite>, id: TariffId) -> Result<Tariff> {
    let today = tx.today();
    let before = store::lock(tx, id, today).await?.ok_or(refusal::NOT_FOUND)?;
    let after = before.activated()?;
    set_active(tx, "tariff.activated", &before, after).await
}

async fn set_active(tx: &mut Tx, action: &'static str, before: &Tariff, mut after: Tariff) -> Result<Tariff> {
    let now = tx.now();
    store::set_active(tx, &after, now).await?;
    after.version += 1;
    after.updated_at = now;
    tx.record(Entry::new(action, "tariff", after.id).change(before, &after));
    tell(tx, Event::changed(Resource::Tariff, after.id, &after), after.id).await?;
    Ok(after)
}

/// Deletes a tariff to which no contract and no period refers.
///
/// Errors: `tariff_not_found`, `stale_version`, `tariff_in_use`.
pub async fn delete(tx: &mut Tx, _granted: &Granted<perm::TariffsDelete>, id: TariffId, expected: &Expected) -> Result<()> {
    let today = tx.today();
    let before = store::lock(tx, id, today).await?.ok_or(refusal::NOT_FOUND)?;
    expected.check(before.version)?;
    let in_use = |error: Error| match error.code() {
        common::IN_USE => Error::new(refusal::IN_USE).with("name", &before.name),
        _ => error,
    };
    let fitting = store::options::of_tariff(tx, id).await?;
    store::delete(tx, id).await.map_err(in_use)?;
    tx.record(Entry::new("tariff.deleted", "tariff", id).deleted(&before));
    tell(tx, Event::deleted(Resource::Tariff, id, &before), id).await?;
    options::no_longer_fit(tx, &fitting, id).await?;
    Ok(())
}

/// Returns a page of a tariff's versions. Errors: `tariff_not_found`.
pub async fn versions(conn: &mut Conn, granted: &Granted<perm::TariffsRead>, id: TariffId, paging: &Paging) -> Result<Page<PriceVersion>> {
    exists(conn, granted, id).await?;
    store::versions(conn, id, paging).await
}

/// Returns a page of a tariff's changes. Errors: `tariff_not_found`.
pub async fn history(conn: &mut Conn, granted: &Granted<perm::TariffsRead>, id: TariffId, paging: &Paging) -> Result<Page<TariffChange>> {
    exists(conn, granted, id).await?;
    store::history(conn, id, paging).await
}

/// Checks that a tariff exists. Errors: `tariff_not_found`.
pub async fn exists<P>(conn: &mut Conn, _granted: &Granted<P>, id: TariffId) -> Result<()> {
    match store::exists(conn, id).await? {
        true => Ok(()),
        false => Err(refusal::NOT_FOUND.into()),
    }
}

/// Returns the tariff with the prices in force today if it is for sale, locked until the transaction ends.
///
/// Errors: `not_found` in the field `tariff_id`, `tariff_retired`.
pub async fn find_active(tx: &mut Tx, id: TariffId) -> Result<Tariff> {
    let today = tx.today();
    let tariff = store::lock(tx, id, today).await?.ok_or_else(|| Error::of_field("tariff_id", field::NOT_FOUND))?;
    tariff.for_sale()
}

/// Returns the tariff without a lock, for read-only rules.
pub async fn peek(conn: &mut Conn, id: TariffId) -> Result<Option<Tariff>> {
    let today = conn.today();
    store::get(conn, id, today).await
}

/// Returns the tariff to which a contract is to change; it and the present tariff are locked until the transaction ends.
///
/// Errors: `not_found` in the field `tariff_id`, `tariff_retired`.
pub async fn find_active_instead(tx: &mut Tx, id: TariffId, present: TariffId) -> Result<Tariff> {
    store::lock_all(tx, [id, present]).await?;
    find_active(tx, id).await
}

/// Returns the version of a tariff in force on a day, even of a retired tariff. Errors: `tariff_not_found` if there was none yet.
pub async fn version_on(conn: &mut Conn, id: TariffId, day: NaiveDate) -> Result<TariffVersion> {
    store::version_on(conn, id, day).await?.ok_or_else(|| refusal::NOT_FOUND.into())
}

/// Returns the version of a tariff in force on a day, for a period with its terms; it cannot be replaced until the transaction ends.
pub async fn keep_version_on(tx: &mut Tx, id: TariffId, day: NaiveDate) -> Result<TariffVersion> {
    store::keep_version_on(tx, id, day).await?.ok_or_else(|| refusal::NOT_FOUND.into())
}

/// Returns the version to which a period refers. Errors: `tariff_not_found`.
pub async fn version_by_id(conn: &mut Conn, id: TariffVersionId) -> Result<TariffVersion> {
    store::version_by_id(conn, id).await?.ok_or_else(|| refusal::NOT_FOUND.into())
}

/// Returns the versions of a tariff that are in force on any day of this span, the oldest first.
pub async fn versions_between(conn: &mut Conn, id: TariffId, first: NaiveDate, last: NaiveDate) -> Result<Vec<TariffVersion>> {
    store::versions_between(conn, id, first, last).await
}

/// Returns the versions of many tariffs that are in force on any day up to `last`, the oldest first.
pub async fn versions_up_to(conn: &mut Conn, ids: &[TariffId], last: NaiveDate) -> Result<Vec<TariffVersion>> {
    store::versions_up_to(conn, ids, last).await
}

/// Adds `change` to the number of contracts that have the tariff and are not terminated; the caller records the reason.
///
/// The number is written when the transaction commits, so that transactions which change several tariffs do not deadlock.
pub fn count_contracts(tx: &mut Tx, id: TariffId, change: i64) {
    store::count_contracts(tx, id, change);
}

/// Inserts many tariffs under reserved ids, beginning with `first_id`.
///
/// Each has the first day of its prices and its time of creation. The caller validates them and records the load in the audit trail.
pub async fn insert_all(tx: &mut Tx, first_id: i64, inputs: &[(TariffInput, NaiveDate, DateTime<Utc>)], by: &str) -> Result<()> {
    store::insert_all(tx, first_id, inputs, by).await
}

/// Describes every violation of the invariants of tariffs and options, for the operator's engineers.
pub async fn violations(conn: &mut Conn) -> Result<Vec<String>> {
    let priceless = store::without_prices(conn).await?.into_iter();
    let mut all: Vec<String> = priceless.map(|(id,)| format!("tariff {id} has no version with prices")).collect();
    all.extend(options::violations(conn).await?);
    Ok(all)
}
