//! The use cases of options: their fees, compatible tariffs and exclusions.
//!
//! Changing an option and adding it to a contract both lock the option's row, so that what was checked still holds at the write.

use acl::{Granted, Permission, perm};
use database::{Conn, Event, Page, Paging, Resource, Tx, audit::Entry, page::ListSpec};
use kernel::{
    Edit, Error, Expected, FieldErrors, Result,
    error::{common, field},
    id::{OptionId, TariffId},
};

use crate::{
    input::{OptionFilter, OptionInput},
    model::{OptionPrice, TariffOption, refusal},
    store::options as store,
};

/// Order fields of option lists.
pub const LIST: ListSpec = store::LIST;

/// Returns one option. Errors: `option_not_found`.
pub async fn get(conn: &mut Conn, _granted: &Granted<perm::TariffsRead>, id: OptionId) -> Result<TariffOption> {
    store::get(conn, id).await?.ok_or_else(|| refusal::OPTION_NOT_FOUND.into())
}

/// Returns a page of options.
pub async fn list(
    conn: &mut Conn,
    _granted: &Granted<perm::TariffsRead>,
    filter: &OptionFilter,
    paging: &Paging,
) -> Result<Page<TariffOption>> {
    store::list(conn, filter, paging).await
}

/// Creates an option.
///
/// Errors: `option_code_taken`, with the id of the other option if the caller may see it; `not_found` for unknown tariffs and options.
pub async fn create(tx: &mut Tx, granted: &Granted<perm::TariffsWrite>, input: &OptionInput) -> Result<TariffOption> {
    code_is_free(tx, granted, &input.code, None).await?;
    all_known(tx, input).await?;
    let id = store::insert(tx, input).await?;
    store::set_tariffs(tx, id, &input.tariff_ids).await?;
    set_exclusions(tx, id, &[], &input.excluded_option_ids).await?;
    let option = store::get(tx, id).await?.ok_or(refusal::OPTION_NOT_FOUND)?;
    tx.publish(Event::created(Resource::Option, id, &option));
    tx.record(Entry::new("option.created", "option", id).created(&option));
    Ok(option)
}

/// Changes an option; returns the option before and after the change.
///
/// A new fee applies to later periods and later changes of contracts. Contracts keep an option that is retired or no longer
/// compatible with their tariff. Errors: `option_not_found`, `stale_version`, `invalid`, `option_code_taken`.
pub async fn edit(
    tx: &mut Tx,
    granted: &Granted<perm::TariffsWrite>,
    id: OptionId,
    edit: &Edit<OptionInput>,
    expected: &Expected,
) -> Result<(TariffOption, TariffOption)> {
    store::lock(tx, &[id], true).await?;
    let before = store::get(tx, id).await?.ok_or(refusal::OPTION_NOT_FOUND)?;
    tx.not_before(before.updated_at);
    expected.check(before.version)?;
    let present = editable(&before);
    let mut input = edit.apply(&before, &present, tx.context())?;
    input.tariff_ids.sort_unstable();
    input.excluded_option_ids.sort_unstable();
    if input == present {
        return Ok((before.clone(), before));
    }
    code_is_free(tx, granted, &input.code, Some(id)).await?;
    if input.excluded_option_ids.contains(&id) {
        return Err(Error::of_field("excluded_option_ids", field::MISMATCH));
    }
    all_known(tx, &input).await?;
    store::update(tx, &before, &input).await?;
    if input.tariff_ids != present.tariff_ids {
        store::set_tariffs(tx, id, &input.tariff_ids).await?;
    }
    set_exclusions(tx, id, &present.excluded_option_ids, &input.excluded_option_ids).await?;
    let after = store::get(tx, id).await?.ok_or(refusal::OPTION_NOT_FOUND)?;
    tx.publish(Event::changed(Resource::Option, id, &after));
    tx.record(Entry::new("option.updated", "option", id).change(&before, &after));
    Ok((before, after))
}

/// Deletes an option that no contract has or had. Errors: `option_not_found`, `stale_version`, `option_in_use`.
pub async fn delete(tx: &mut Tx, _granted: &Granted<perm::TariffsDelete>, id: OptionId, expected: &Expected) -> Result<()> {
    store::lock(tx, &[id], true).await?;
    let before = store::get(tx, id).await?.ok_or(refusal::OPTION_NOT_FOUND)?;
    tx.not_before(before.updated_at);
    expected.check(before.version)?;
    store::touch(tx, &before.excluded_option_ids.0).await?;
    for other in &before.excluded_option_ids.0 {
        tx.record(Entry::new("option.updated", "option", other).note("no_longer_excludes", id.get()));
    }
    let in_use = |error: Error| match error.code() {
        common::IN_USE => Error::new(refusal::OPTION_IN_USE).with("code", &before.code),
        _ => error,
    };
    store::delete(tx, id).await.map_err(in_use)?;
    tx.publish(Event::deleted(Resource::Option, id, &before));
    tx.record(Entry::new("option.deleted", "option", id).deleted(&before));
    tell(tx, &before.excluded_option_ids.0).await
}

/// Notes that options are no longer compatible with a tariff, which has been deleted.
pub(super) async fn no_longer_fit(tx: &mut Tx, ids: &[OptionId], tariff: TariffId) -> Result<()> {
    store::touch(tx, ids).await?;
    for id in ids {
        tx.record(Entry::new("option.updated", "option", id).note("no_longer_fits", tariff.get()));
    }
    tell(tx, ids).await
}

/// Publishes what options have become because something else changed.
async fn tell(tx: &mut Tx, ids: &[OptionId]) -> Result<()> {
    for option in store::all(tx, ids).await? {
        tx.publish(Event::changed(Resource::Option, option.id, &option));
    }
    Ok(())
}

fn editable(option: &TariffOption) -> OptionInput {
    OptionInput {
        code: option.code.clone(),
        name: option.name.clone(),
        kind: option.kind,
        amount: option.amount,
        monthly_fee: option.monthly_fee,
        is_active: option.is_active,
        tariff_ids: option.tariff_ids.0.clone(),
        excluded_option_ids: option.excluded_option_ids.0.clone(),
    }
}

async fn code_is_free(tx: &mut Tx, granted: &Granted<perm::TariffsWrite>, code: &str, but: Option<OptionId>) -> Result<()> {
    let mut taken = FieldErrors::default();
    if let Some(other) = store::coded(tx, code).await?.filter(|other| Some(*other) != but) {
        taken.add("code", field::DUPLICATE).existing_id = granted.may(Permission::TariffsRead).then_some(other.get());
    }
    taken.into_error(refusal::OPTION_CODE_TAKEN)
}

/// Checks that the tariffs and options in an input exist.
async fn all_known(tx: &mut Tx, input: &OptionInput) -> Result<()> {
    let tariffs = store::known_tariffs(tx, &input.tariff_ids).await?;
    // an exclusion also changes the other option
    store::lock(tx, &input.excluded_option_ids, true).await?;
    let options = store::prices(tx, &input.excluded_option_ids).await?;
    let mut wrong = FieldErrors::default();
    for (at, _) in input.tariff_ids.iter().enumerate().filter(|(_, id)| !tariffs.contains(id)) {
        wrong.add_at(format!("/tariff_ids/{at}"), field::NOT_FOUND);
    }
    for (at, _) in input.excluded_option_ids.iter().enumerate().filter(|(_, id)| !options.iter().any(|known| known.id == **id)) {
        wrong.add_at(format!("/excluded_option_ids/{at}"), field::NOT_FOUND);
    }
    wrong.into_result()
}

async fn set_exclusions(tx: &mut Tx, id: OptionId, before: &[OptionId], after: &[OptionId]) -> Result<()> {
    let new: Vec<OptionId> = after.iter().copied().filter(|other| !before.contains(other)).collect();
    let gone: Vec<OptionId> = before.iter().copied().filter(|other| !after.contains(other)).collect();
    let touched: Vec<OptionId> = new.iter().chain(&gone).copied().collect();
    if touched.is_empty() {
        return Ok(());
    }
    store::set_exclusions(tx, id, after).await?;
    store::touch(tx, &touched).await?;
    let entry = |other: &OptionId| Entry::new("option.updated", "option", other);
    new.iter().for_each(|other| tx.record(entry(other).note("excludes", id.get())));
    gone.iter().for_each(|other| tx.record(entry(other).note("no_longer_excludes", id.get())));
    tell(tx, &touched).await
}

/// Returns the current fees of the options, ordered by code.
pub async fn prices(conn: &mut Conn, ids: &[OptionId]) -> Result<Vec<OptionPrice>> {
    store::prices(conn, ids).await
}

/// The options of a contract that are to be checked against each other and a tariff.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// All options that the contract would have.
    pub all: &'a [OptionId],
    /// Options that must be compatible with the tariff: the newly taken ones, or all if the tariff changes.
    pub to_fit: &'a [OptionId],
    /// Newly taken options, which must be for sale.
    pub new: &'a [OptionId],
}

impl<'a> Wanted<'a> {
    /// All options are newly taken.
    pub fn anew(all: &'a [OptionId]) -> Self {
        Self { all, to_fit: all, new: all }
    }
}

/// Locks the options against changes until the transaction ends, and checks them with [`check`].
pub async fn keep_and_check(tx: &mut Tx, tariff_id: TariffId, wanted: Wanted<'_>) -> Result<()> {
    store::lock(tx, wanted.all, false).await?;
    check(tx, tariff_id, wanted).await
}

/// Checks that a contract can have these options on a tariff.
///
/// Errors: `not_found` in the field `options`; `option_retired`, `option_incompatible` and `options_exclusive`, each with the options
/// concerned.
pub async fn check(conn: &mut Conn, tariff_id: TariffId, wanted: Wanted<'_>) -> Result<()> {
    let options = store::fits(conn, tariff_id, wanted.all).await?;
    if wanted.all.iter().any(|id| !options.iter().any(|option| option.id == *id)) {
        return Err(Error::of_field("options", field::NOT_FOUND));
    }
    let named = |code, ids: Vec<OptionId>| {
        let mut wrong = FieldErrors::default();
        ids.iter().for_each(|id| wrong.add("options", field::MISMATCH).existing_id = Some(id.get()));
        let codes: Vec<&str> = options.iter().filter(|option| ids.contains(&option.id)).map(|option| option.code.as_str()).collect();
        match ids.is_empty() {
            true => Ok(()),
            false => Err(Error::new(code).with("codes", codes.join(", ")).fields(wrong)),
        }
    };
    let of = |ids: &[OptionId], is_wrong: fn(&store::Fit) -> bool| {
        options.iter().filter(|option| ids.contains(&option.id) && is_wrong(option)).map(|option| option.id).collect::<Vec<_>>()
    };
    named(refusal::OPTION_RETIRED, of(wanted.new, |option| !option.is_active))?;
    named(refusal::OPTION_INCOMPATIBLE, of(wanted.to_fit, |option| !option.fits))?;
    let mut exclusive: Vec<OptionId> = Vec::new();
    for (one, other) in store::exclusive_pairs(conn, wanted.all).await? {
        exclusive.extend([one, other].iter().filter(|id| !exclusive.contains(id)).copied().collect::<Vec<_>>());
    }
    named(refusal::OPTIONS_EXCLUSIVE, exclusive)
}

/// Describes every violation of the invariants of options, for the operator's engineers.
pub async fn violations(conn: &mut Conn) -> Result<Vec<String>> {
    let one_sided = store::one_sided(conn).await?.into_iter();
    Ok(one_sided.map(|(one, other)| format!("option {one} excludes option {other}, which does not exclude it")).collect())
}
