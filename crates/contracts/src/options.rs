//! The use cases of a contract's tariff and options that move no money; `billing` adds the charges.

use acl::{Granted, perm};
use database::{Conn, Page, Paging, Tx, audit::Entry, page::ListSpec};
use kernel::{
    Edit, Error, Expected, FieldErrors, Result,
    error::field,
    id::{ContractId, OptionId, TariffId},
};
use tariffs::{
    OptionIds, OptionInput, TariffOption,
    options::{Wanted, keep_and_check},
};

use crate::{
    model::{Contract, ContractStatus, refusal},
    plan::{ContractOption, MOST_OPTIONS, Plan},
    store,
};

/// The sort orders of a contract's options.
pub const LIST: ListSpec = store::options::LIST;

/// Lists the options of a contract. Errors: `contract_not_found`.
pub async fn list(
    conn: &mut Conn,
    _granted: &Granted<perm::ContractsRead>,
    id: ContractId,
    paging: &Paging,
) -> Result<Page<ContractOption>> {
    store::get(conn, id).await?.ok_or(refusal::NOT_FOUND)?;
    store::options::list(conn, id, paging).await
}

/// Checks the options of a draft, and locks them until the transaction ends.
///
/// Errors: `not_found` in the field `options`, `option_retired`, `option_incompatible`, `options_exclusive`.
pub async fn check_draft(tx: &mut Tx, tariff_id: TariffId, options: &[OptionId]) -> Result<()> {
    few(options)?;
    keep_and_check(tx, tariff_id, Wanted::anew(options)).await
}

/// Replaces the options of a draft, which [`check_draft`] has checked. The caller saves the draft and records the change.
pub async fn set_draft(tx: &mut Tx, id: ContractId, before: &[OptionId], after: &[OptionId]) -> Result<()> {
    let but = |these: &[OptionId], those: &[OptionId]| these.iter().filter(|id| !those.contains(id)).copied().collect::<Vec<_>>();
    store::options::delete(tx, id, &but(before, after)).await?;
    store::options::insert(tx, id, &but(after, before)).await
}

fn few(options: &[OptionId]) -> Result<()> {
    if options.len() <= MOST_OPTIONS {
        return Ok(());
    }
    let mut wrong = FieldErrors::default();
    wrong.add("options", field::LENGTH).with("min", 0).with("max", MOST_OPTIONS);
    wrong.into_result()
}

/// Checks the planned tariff and options of a locked contract, for now and for the next period. Locks the options until the transaction
/// ends.
///
/// An option that the contract already has may be retired, and may be incompatible with a tariff that does not change. Errors: those of
/// [`check_draft`].
pub async fn check(tx: &mut Tx, contract: &Contract, plan: &Plan, next: &Plan) -> Result<()> {
    let had: Vec<OptionId> = contract.options.0.iter().chain(&contract.next_options.0).copied().collect();
    for (of, before) in [(plan, contract.plan()), (next, contract.next_plan())] {
        few(&of.options)?;
        if *of == before {
            continue;
        }
        let new: Vec<OptionId> = of.options.iter().filter(|id| !had.contains(id)).copied().collect();
        let to_fit = if of.tariff_id == before.tariff_id { &new } else { &of.options };
        keep_and_check(tx, of.tariff_id, Wanted { all: &of.options, to_fit, new: &new }).await?;
    }
    Ok(())
}

/// Saves these plans, which [`check`] has checked, on a locked contract and records `action`.
///
/// Updates the contract counts of the tariffs. Errors: `stale_version`.
pub async fn set(tx: &mut Tx, contract: &mut Contract, plan: &Plan, next: &Plan, action: &'static str) -> Result<()> {
    let before = contract.clone();
    let mut after = contract.clone();
    after.tariff_id = plan.tariff_id;
    after.next_tariff_id = (next.tariff_id != plan.tariff_id).then_some(next.tariff_id);
    after.options = OptionIds(plan.options.clone());
    after.next_options = OptionIds(next.options.clone());
    let living = matches!(before.status, ContractStatus::Active | ContractStatus::Suspended);
    if living && before.tariff_id != after.tariff_id {
        tariffs::count_contracts(tx, before.tariff_id, -1);
        tariffs::count_contracts(tx, after.tariff_id, 1);
    }
    store::options::set(tx, &before, plan, next).await?;
    store::options::save_tariff(tx, &mut after).await?;
    tx.record(Entry::new(action, "contract", after.id).change(&before, &after));
    *contract = after;
    Ok(())
}

/// Changes an option, unless a contract would then have options that exclude each other.
///
/// Errors: those of [`tariffs::options::edit`], `options_had_together`.
pub async fn edit_option(
    tx: &mut Tx,
    granted: &Granted<perm::TariffsWrite>,
    id: OptionId,
    edit: &Edit<OptionInput>,
    expected: &Expected,
) -> Result<TariffOption> {
    let (before, after) = tariffs::options::edit(tx, granted, id, edit, expected).await?;
    let new: Vec<OptionId> =
        after.excluded_option_ids.0.iter().filter(|other| !before.excluded_option_ids.0.contains(other)).copied().collect();
    let together = store::options::had_together(tx, id, &new).await?;
    if together.is_empty() {
        return Ok(after);
    }
    let mut wrong = FieldErrors::default();
    for (other, _) in &together {
        wrong.add("excluded_option_ids", field::MISMATCH).existing_id = Some(other.get());
    }
    let contracts: Vec<String> = together.iter().map(|(_, contract)| contract.to_string()).collect();
    Err(Error::new(refusal::OPTIONS_HAD_TOGETHER).with("contracts", contracts.join(", ")).fields(wrong))
}
