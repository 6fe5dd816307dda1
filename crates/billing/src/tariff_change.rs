//! Changes of a contract's tariff and options, with the money that they move.
//!
//! *now* ends the running period today and begins another for its rest. The unused days are credited at the price actually charged, and
//! the days left are charged by the new terms, each as a transaction; for a postpaid period the days served are charged now, and the rest
//! when it ends. After a change of tariff, the new period uses the version in force today and the present discount; after a change of
//! options it keeps both. An option keeps the fee with which the period began. A prepaid change needs a balance that covers it.
//! *next_period* stores the change on the contract until the next period. Hold `debt` is decided on after the change.

use acl::{Granted, perm};
use contracts::{ChangeTariffInput, Contract, ContractOptionsInput, ContractStatus, Plan, When, refusal as contract_refusal};
use database::Tx;
use kernel::{Error, Money, Result, id::ContractId, money::Percent};

use crate::{
    charge::{NewTerms, Service, Swap, available, swap},
    days::Breaks,
    fees::OptionFees,
    model::PeriodRow,
    refusal, settle, store,
    terms::Terms,
};

type Writing = Granted<perm::ContractsWrite>;

/// Changes the tariff of an active or suspended contract; its options stay, and must all be compatible with the new tariff.
///
/// *now* replaces a planned change of tariff. Errors: `contract_not_found`, `contract_not_in_force`, `contract_terminated`,
/// `tariff_retired`, `tariff_unchanged`, `option_incompatible` with each option that is incompatible with the new tariff,
/// `balance_too_low`.
pub async fn change_tariff(tx: &mut Tx, _granted: &Writing, id: ContractId, input: &ChangeTariffInput) -> Result<Contract> {
    let mut contract = contracts::steps::load(tx, id).await?;
    contract.changes_tariff()?;
    let tariff = tariffs::find_active_instead(tx, input.tariff_id, contract.tariff_id).await?;
    settle::catch_up(tx, &mut contract).await?;
    let (plan, next) = (contract.plan(), contract.next_plan());
    let unchanged = || Err(Error::new(contract_refusal::TARIFF_UNCHANGED).with("name", &tariff.name));
    let on_new = |plan: &Plan| Plan { tariff_id: tariff.id, options: plan.options.clone() };
    match input.when {
        When::Now if plan.tariff_id == tariff.id => unchanged(),
        When::Now => apply(tx, contract, on_new(&plan), on_new(&next)).await,
        When::NextPeriod if plan.tariff_id == tariff.id || next.tariff_id == tariff.id => unchanged(),
        When::NextPeriod => apply(tx, contract, plan, on_new(&next)).await,
    }
}

/// Adds and removes options, all or none. On a draft the change takes effect at activation.
///
/// Errors: `contract_not_found`, `contract_terminated`, `options_present`, `options_absent`, `not_found` in the field `options`,
/// `option_retired`, `option_incompatible`, `options_exclusive`, `balance_too_low`.
pub async fn change_options(tx: &mut Tx, _granted: &Writing, id: ContractId, input: &ContractOptionsInput) -> Result<Contract> {
    let mut contract = contracts::steps::load(tx, id).await?;
    contract.not_over()?;
    settle::catch_up(tx, &mut contract).await?;
    let (plan, next) = (contract.plan(), contract.next_plan());
    let changed = |of: &Plan| Plan { tariff_id: of.tariff_id, options: input.applied(&of.options) };
    let in_force_too = input.when == When::Now || contract.status == ContractStatus::Draft;
    let to = if in_force_too { (changed(&plan), changed(&next)) } else { (plan.clone(), changed(&next)) };
    // each requested option must make a difference
    let has = |id| next.options.contains(id) && (!in_force_too || plan.options.contains(id));
    let lacks = |id| !next.options.contains(id) && (!in_force_too || !plan.options.contains(id));
    if input.add.iter().any(has) {
        return Err(contract_refusal::OPTIONS_PRESENT.into());
    }
    if input.remove.iter().any(lacks) {
        return Err(contract_refusal::OPTIONS_ABSENT.into());
    }
    apply(tx, contract, to.0, to.1).await
}

/// Cancels the changes planned for the next period: the change of tariff, and the options to add or to remove.
///
/// Errors: `contract_not_found`, `contract_terminated`, `no_planned_change`.
pub async fn cancel_planned(tx: &mut Tx, _granted: &Writing, id: ContractId) -> Result<Contract> {
    let mut contract = contracts::steps::load(tx, id).await?;
    contract.not_over()?;
    if !contract.has_planned_change() {
        return Err(contract_refusal::NO_PLANNED_CHANGE.into());
    }
    let plan = contract.plan();
    contracts::steps::set_options(tx, &mut contract, &plan, &plan, "contract.planned_change_cancelled").await?;
    Ok(contract)
}

/// Saves new plans on a locked contract, and moves the money if the running period changes.
async fn apply(tx: &mut Tx, mut contract: Contract, plan: Plan, next: Plan) -> Result<Contract> {
    contracts::options::check(tx, &contract, &plan, &next).await?;
    let before = contract.plan();
    if plan != before && contract.status != ContractStatus::Draft {
        let running = store::newest(tx, contract.id).await?.filter(|period| period.is_running(tx.today()));
        if let Some(running) = running {
            swap_running(tx, &mut contract, &running, &plan).await?;
        }
    }
    let action = match (plan == before, next == plan) {
        (false, _) => "contract.plan_changed",
        (true, false) => "contract.change_planned",
        (true, true) => "contract.planned_change_cancelled",
    };
    contracts::steps::set_options(tx, &mut contract, &plan, &next, action).await?;
    settle::settle(tx, &mut contract, Service::Unbroken).await?;
    Ok(contract)
}

/// Ends the running period and begins another for its rest; a period that began today is replaced.
async fn swap_running(tx: &mut Tx, contract: &mut Contract, running: &PeriodRow, plan: &Plan) -> Result<()> {
    let (terms, discount) = new_terms(tx, contract, running, plan).await?;
    let whole_fee = terms.whole_fee(discount)?;
    let new = NewTerms { whole_fee, is_prepaid: terms.is_prepaid() };
    let mut ended = running.clone();
    if new.is_prepaid && running.charged_at.is_none() && contract.status == ContractStatus::Suspended {
        // nothing is paid in advance for a line on hold
        let moved = settle::stop_period(tx, contract, &mut ended).await?;
        settle::record_swap(tx, contract, &moved);
        return Ok(());
    }
    let breaks = Breaks::of_period(tx, running).await?;
    let moved = swap(running, tx.today(), new, &breaks)?;
    covered(contract, &moved, new)?;
    settle::credit(tx, contract, &mut ended, &moved.credited_days, moved.credit).await?;
    // where the operator's day went back, the period begins after today
    let on = tx.today().clamp(running.period_start, running.period_end);
    let mut rest = PeriodRow {
        period_start: on,
        tariff_version_id: terms.version.id,
        option_fees: terms.option_fees.clone(),
        discount_percent: Some(discount),
        whole_fee,
        fee: None,
        charged_days: None,
        credited: Money::ZERO,
        payment_id: None,
        charged_at: None,
        billing_run_id: None,
        ..running.clone()
    };
    let began_today = running.period_start == on;
    if !began_today {
        if ended.charged_at.is_none() {
            settle::charge(tx, contract, &mut ended, moved.used_days.clone()).await?;
            store::set_charged(tx, &ended).await?;
        }
        store::cut(tx, &ended, on).await?;
    }
    if new.is_prepaid {
        let left = rest.all_days();
        settle::charge(tx, contract, &mut rest, left).await?;
    }
    settle::record_swap(tx, contract, &moved);
    match began_today {
        true => store::replace(tx, &rest).await,
        false => store::insert_periods(tx, &[rest]).await,
    }
}

/// The terms and the discount of the rest of a period. Only a change of tariff applies the prices of today and the present discount: other
/// contracts also get them with their next period, and so do other options.
async fn new_terms(tx: &mut Tx, contract: &Contract, running: &PeriodRow, plan: &Plan) -> Result<(Terms, Percent)> {
    let is_same_tariff = plan.tariff_id == contract.tariff_id;
    let version = match is_same_tariff {
        true => tariffs::version_by_id(tx, running.tariff_version_id).await?,
        false => tariffs::keep_version_on(tx, plan.tariff_id, tx.today()).await?,
    };
    let present = OptionFees::of(&tariffs::options::prices(tx, &plan.options).await?);
    let discount = running.discount_percent.filter(|_| is_same_tariff).unwrap_or(contract.discount_percent);
    Ok((Terms { version, option_fees: running.option_fees.keeping(&plan.options, &present) }, discount))
}

/// Errors: `balance_too_low` when the balance does not cover a change that is paid in advance.
fn covered(contract: &Contract, moved: &Swap, new: NewTerms) -> Result<()> {
    let (due, available) = (moved.due()?, available(contract)?);
    if !new.is_prepaid || due <= Money::ZERO || available >= due {
        return Ok(());
    }
    let missing = due.subtract(available)?;
    Err(Error::new(refusal::BALANCE_TOO_LOW).with("due", due).with("missing", missing))
}
