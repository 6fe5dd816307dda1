//! Options: what they cost, the tariffs they go with, and what they exclude.
//!
//! A change of an option and the taking of it by a contract lock the option's row against each other, so that what was checked
//! still holds when it is written.

use acl::{Granted, Permission, perm};
use database::{Conn, Page, Paging, Tx, audit::Entry, page::ListSpec};
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

/// How lists of options are ordered.
pub const LIST: ListSpec = store::LIST;

/// One option. Errors: `option_not_found`.
pub async fn get(conn: &mut Conn, _granted: &Granted<perm::TariffsRead>, id: OptionId) -> Result<TariffOption> {
    store::get(conn, id).await?.ok_or_else(|| refusal::OPTION_NOT_FOUND.into())
}

/// A page of options.
pub async fn list(
    conn: &mut Conn,
    _granted: &Granted<perm::TariffsRead>,
    filter: &OptionFilter,
    paging: &Paging,
) -> Result<Page<TariffOption>> {
    store::list(conn, filter, paging).await
}

/// Makes an option.
///
/// Errors: `option_code_taken`, and, for those who may see it, by which option; `not_found` for unknown tariffs and options.
pub async fn create(tx: &mut Tx, granted: &Granted<perm::TariffsWrite>, input: &OptionInput) -> Result<TariffOption> {
    code_is_free(tx, granted, &input.code, None).await?;
    all_known(tx, input).await?;
    let id = store::insert(tx, input).await?;
    store::set_tariffs(tx, id, &input.tariff_ids).await?;
    set_exclusions(tx, id, &[], &input.excluded_option_ids).await?;
    let option = store::get(tx, id).await?.ok_or(refusal::OPTION_NOT_FOUND)?;
    tx.record(Entry::new("option.created", "option", id).created(&option));
    Ok(option)
}

/// Changes an option; answers it as it was and as it is.
///
/// A new fee counts for periods that begin later and for changes of contracts made later. Contracts keep an option that is
/// retired or no longer goes with their tariff. Errors: `option_not_found`, `stale_version`, `invalid`, `option_code_taken`.
pub async fn edit(
    tx: &mut Tx,
    granted: &Granted<perm::TariffsWrite>,
    id: OptionId,
    edit: &Edit<OptionInput>,
    expected: &Expected,
) -> Result<(TariffOption, TariffOption)> {
    store::lock(tx, &[id], true).await?;
    let before = store::get(tx, id).await?.ok_or(refusal::OPTION_NOT_FOUND)?;
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
    tx.record(Entry::new("option.updated", "option", id).change(&before, &after));
    Ok((before, after))
}

/// Deletes an option that no contract has or had. Errors: `option_not_found`, `stale_version`, `option_in_use`.
pub async fn delete(tx: &mut Tx, _granted: &Granted<perm::TariffsDelete>, id: OptionId, expected: &Expected) -> Result<()> {
    store::lock(tx, &[id], true).await?;
    let before = store::get(tx, id).await?.ok_or(refusal::OPTION_NOT_FOUND)?;
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
    tx.record(Entry::new("option.deleted", "option", id).deleted(&before));
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

/// Tariffs and options that an input names must exist.
async fn all_known(tx: &mut Tx, input: &OptionInput) -> Result<()> {
    let tariffs = store::known_tariffs(tx, &input.tariff_ids).await?;
    // to be excluded is a change of the other option too
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
    Ok(())
}

/// What the options cost now, by their codes.
pub async fn prices(conn: &mut Conn, ids: &[OptionId]) -> Result<Vec<OptionPrice>> {
    store::prices(conn, ids).await
}

/// Whether these options can be had together on a tariff.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// All that the contract would have.
    pub all: &'a [OptionId],
    /// Those that must go with the tariff: the ones taken anew, or all of them when the tariff changes.
    pub to_fit: &'a [OptionId],
    /// Those taken anew, which must be for sale.
    pub new: &'a [OptionId],
}

impl<'a> Wanted<'a> {
    /// Everything is new.
    pub fn anew(all: &'a [OptionId]) -> Self {
        Self { all, to_fit: all, new: all }
    }
}

/// Keeps the options as they are until the transaction ends, then checks them as [`check`] does.
pub async fn keep_and_check(tx: &mut Tx, tariff_id: TariffId, wanted: Wanted<'_>) -> Result<()> {
    store::lock(tx, wanted.all, false).await?;
    check(tx, tariff_id, wanted).await
}

/// Errors: `not_found` in the field `options`; `option_retired`, `option_incompatible` and `options_exclusive`, each with the options
/// that are in the way.
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

/// What breaks the invariants of options, in words for the operator's engineers.
pub async fn violations(conn: &mut Conn) -> Result<Vec<String>> {
    let one_sided = store::one_sided(conn).await?.into_iter();
    Ok(one_sided.map(|(one, other)| format!("option {one} excludes option {other}, which does not exclude it")).collect())
}
