//! The posting of what is due, by the rules of `charge`.

use chrono::NaiveDate;
use contracts::{Contract, ContractStatus, HoldReason};
use kernel::{
    Context, Money, Result,
    audit::{Actor, Entry},
    db::Tx,
    id::PaymentId,
};
use payments::{
    PaymentMethod, TransactionType,
    ledger::{self, Posting},
};

use crate::{
    charge::{Beginning, Service, Swap, beginning, in_debt_before, in_debt_while, start_of_next},
    period::{days, last_day},
    store::{self, PeriodRow},
    terms::{OptionFees, Terms, still_fits},
};

/// Brings a locked contract in line with its balance: charges what is due, begins the periods that are due, one by one,
/// and places or lifts `debt`.
///
/// A prepaid period begins when `balance + credit_limit` covers its fee, else `debt` goes on; a postpaid one is charged
/// when it ends, and `debt` is on while the balance is below `-credit_limit`. Under any hold no period begins. A change that
/// waits for the next period takes effect when that begins; one that can no longer be is dropped, and that is recorded.
pub async fn settle(tx: &mut Tx, context: &Context, actor: &Actor, contract: &mut Contract, service: Service) -> Result<()> {
    if !matches!(contract.status, ContractStatus::Active | ContractStatus::Suspended) {
        return Ok(());
    }
    let today = context.today();
    let mut service = service.of(contract);
    loop {
        let newest = store::newest(tx, contract.id).await?;
        if let Some(ended) = newest.as_ref().filter(|period| !period.is_running(today) && period.charged_at.is_none()) {
            charge_ended(tx, context, actor, contract, ended).await?;
        }
        if let Some(running) = newest.as_ref().filter(|period| period.is_running(today)) {
            let in_debt = in_debt_while(contract, running)?;
            return hold_debt(tx, context, actor, contract, in_debt).await;
        }
        let start = start_of_next(newest.as_ref(), service, today);
        let planned = contract.has_planned_change();
        let fits = !planned || still_fits(tx, &contract.plan(), &contract.next_plan()).await?;
        let plan = if fits { contract.next_plan() } else { contract.plan() };
        let version = tariffs::keep_version_on(tx, plan.tariff_id, start).await?;
        let option_fees = OptionFees::of(&tariffs::options::prices(tx, &plan.options).await?);
        let next = beginning(contract, service, start, Terms { version, option_fees })?;
        let in_debt = in_debt_before(contract, &next)?;
        hold_debt(tx, context, actor, contract, in_debt).await?;
        if contract.status != ContractStatus::Active {
            return Ok(());
        }
        if planned {
            let action = if fits { "contract.plan_changed" } else { "contract.planned_change_dropped" };
            contracts::options::set(tx, context, actor, contract, (&plan, &plan), action).await?;
        }
        begin_period(tx, context, actor, contract, next).await?;
        service = Service::Unbroken;
    }
}

/// Settles a line that is about to be held or ended: a period that has begun while it was served is due, also where the nightly
/// run has not come to it yet, or was missed. A line that is not served has nothing to begin.
pub async fn catch_up(tx: &mut Tx, context: &Context, actor: &Actor, contract: &mut Contract) -> Result<()> {
    match contract.status {
        ContractStatus::Active => settle(tx, context, actor, contract, Service::Unbroken).await,
        ContractStatus::Draft | ContractStatus::Suspended | ContractStatus::Terminated => Ok(()),
    }
}

async fn hold_debt(tx: &mut Tx, context: &Context, actor: &Actor, contract: &mut Contract, in_debt: bool) -> Result<()> {
    match (in_debt, contract.is_held(HoldReason::Debt)) {
        (true, false) => contracts::place_hold(tx, context, actor, contract, HoldReason::Debt, None).await,
        (false, true) => contracts::lift_hold(tx, context, actor, contract, HoldReason::Debt).await,
        _ => Ok(()),
    }
}

/// Begins a period; a prepaid one is charged at once.
async fn begin_period(tx: &mut Tx, context: &Context, actor: &Actor, contract: &mut Contract, next: Beginning) -> Result<()> {
    let Beginning { start, end, billing_day, terms, whole_fee } = next;
    let mut period = PeriodRow {
        contract_id: contract.id,
        period_start: start,
        period_end: end,
        tariff_version_id: terms.version.id,
        whole_fee,
        whole_days: days(start, end),
        fee: None,
        credited: Money::ZERO,
        payment_id: None,
        charged_at: None,
        option_fees: terms.option_fees.clone(),
    };
    if terms.is_prepaid() {
        charge(tx, context, actor, contract, &mut period, whole_fee).await?;
    }
    store::insert_periods(tx, &[period]).await?;
    contracts::set_period(tx, context, contract, end, billing_day).await
}

/// Charges a postpaid period that has ended.
async fn charge_ended(tx: &mut Tx, context: &Context, actor: &Actor, contract: &mut Contract, period: &PeriodRow) -> Result<()> {
    let mut charged = period.clone();
    let amount = period.amount()?;
    charge(tx, context, actor, contract, &mut charged, amount).await?;
    store::set_charged(tx, &charged).await
}

/// Ends the running period today. A postpaid one is charged for the days used, in proportion, rounded half-even.
pub async fn end_period(tx: &mut Tx, context: &Context, actor: &Actor, contract: &mut Contract) -> Result<()> {
    let today = context.today();
    catch_up(tx, context, actor, contract).await?;
    let Some(mut period) = store::newest(tx, contract.id).await? else { return Ok(()) };
    if period.charged_at.is_none() && !period.is_running(today) {
        settle(tx, context, actor, contract, Service::Unbroken).await?;
        period = store::newest(tx, contract.id).await?.unwrap_or(period);
    }
    if period.charged_at.is_none() {
        // the day of termination was served too
        let used = (days(period.period_start, today) + 1).clamp(0, days(period.period_start, period.period_end));
        let amount = period.share(used)?;
        charge(tx, context, actor, contract, &mut period, amount).await?;
        store::set_charged(tx, &period).await?;
    }
    store::end(tx, &period, today.clamp(period.period_start, period.period_end)).await
}

/// Charges an amount for a period, and notes it in the row, which the caller saves; nothing leaves no ledger row.
pub async fn charge(
    tx: &mut Tx,
    context: &Context,
    actor: &Actor,
    contract: &mut Contract,
    period: &mut PeriodRow,
    amount: Money,
) -> Result<()> {
    if amount > Money::ZERO {
        let span = (period.period_start, period.period_end);
        period.payment_id = Some(post(tx, context, actor, contract, (TransactionType::Charge, amount), span).await?);
    }
    period.fee = Some(amount);
    period.charged_at = Some(context.now);
    Ok(())
}

/// Gives back what was charged for the rest of a period, from `from` on; nothing leaves no ledger row.
pub async fn credit(
    tx: &mut Tx,
    context: &Context,
    actor: &Actor,
    contract: &mut Contract,
    period: &PeriodRow,
    (from, amount): (NaiveDate, Money),
) -> Result<()> {
    let Some(charge) = period.payment_id.filter(|_| amount > Money::ZERO) else { return Ok(()) };
    let span = (from, period.period_end);
    let credit = post(tx, context, actor, contract, (TransactionType::Correction, amount), span).await?;
    store::note_credit(tx, credit, charge).await
}

async fn post(
    tx: &mut Tx,
    context: &Context,
    actor: &Actor,
    contract: &mut Contract,
    (transaction_type, amount): (TransactionType, Money),
    (start, end): (NaiveDate, NaiveDate),
) -> Result<PaymentId> {
    let posting = Posting {
        transaction_type,
        amount,
        method: PaymentMethod::System,
        transaction_id: None,
        description: Some(format!("{start} – {}", last_day(end))),
        period: Some((start, end)),
    };
    Ok(ledger::post(tx, context, actor, contract, posting).await?.id)
}

/// Records what a change of tariff or options moved.
pub fn record_swap(tx: &mut Tx, actor: &Actor, contract: &Contract, moved: Swap) {
    let entry = Entry::new(actor, "contract.period_swapped", "contract", contract.id);
    tx.record(entry.note("used", moved.used.to_string()).note("credit", moved.credit.to_string()).note("charge", moved.charge.to_string()));
}
