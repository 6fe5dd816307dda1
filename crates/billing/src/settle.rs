//! Posts what is due on one contract, by the steps of `due`.

use chrono::Datelike;
use contracts::{Contract, ContractStatus, HoldReason};
use database::{Tx, audit::Entry};
use kernel::{
    Error, Money, Result,
    error::{Transient, common},
};
use payments::{
    PaymentMethod, TransactionType,
    ledger::{self, Posting},
};

use crate::{
    charge::{Beginning, Service, Swap},
    days::{Breaks, DayRanges},
    due::{Book, Judging, Planned, Settling, Step, step},
    model::PeriodRow,
    promise, store,
};

/// Settles a locked contract: charges what is due, begins the due periods one by one, and places or lifts hold `debt`.
///
/// A prepaid period begins when `balance + credit_limit` covers its fee, otherwise hold `debt` is placed. A postpaid period is charged
/// when it ends, and hold `debt` is active while the balance is below `-credit_limit`. Under any hold no period begins. A planned change
/// takes effect when the next period begins; one that is no longer possible is dropped, and the audit records that.
pub async fn settle(tx: &mut Tx, contract: &mut Contract, service: Service) -> Result<()> {
    let how = Settling { day: tx.today(), service, judging: Judging::Now, without: None };
    settle_on(tx, contract, how).await
}

/// Settles a locked contract as on a day that may be past: charges only what was due by then.
pub async fn settle_on(tx: &mut Tx, contract: &mut Contract, how: Settling) -> Result<()> {
    if !matches!(contract.status, ContractStatus::Active | ContractStatus::Suspended) {
        return Ok(());
    }
    promise::settle(tx, contract).await?;
    let mut service = how.service.of(contract);
    let mut newest = store::newest(tx, contract.id).await?;
    let book = Book::read(tx, contract, newest.as_ref(), how.day, how.day).await?;
    let mut planned = book.planned;
    loop {
        match step(contract, newest.as_ref(), service, how.day, &book)? {
            Step::Charge { served } => {
                if let Some(ended) = &mut newest {
                    charge(tx, contract, ended, served).await?;
                    store::set_charged(tx, ended).await?;
                }
            }
            Step::Credit { days, amount } => {
                if let Some(ended) = &mut newest {
                    credit(tx, contract, ended, &days, amount).await?;
                    store::set_credited(tx, ended).await?;
                }
            }
            Step::Wait { missing } => return hold_debt(tx, contract, missing, how.judging).await,
            Step::Begin { next, missing } => {
                hold_debt(tx, contract, missing, how.judging).await?;
                let waits = missing.is_some() && how.judging == Judging::Later;
                if waits || contract.status != ContractStatus::Active {
                    return Ok(());
                }
                if let Some(planned) = planned.take() {
                    let action = match planned {
                        Planned::TakesEffect => "contract.plan_changed",
                        Planned::IsDropped => "contract.planned_change_dropped",
                    };
                    contracts::steps::set_options(tx, contract, &book.plan, &book.plan, action).await?;
                }
                newest = Some(begin_period(tx, contract, next).await?);
                service = Service::Unbroken;
            }
        }
    }
}

/// Charges what is due on a contract before a step that changes what is owed: a period that began while it was in service is due, even if
/// the nightly run has not processed it yet. The caller decides on hold `debt` afterwards, by [`settle`].
pub async fn catch_up(tx: &mut Tx, contract: &mut Contract) -> Result<()> {
    let how = Settling { day: tx.today(), service: Service::Unbroken, judging: Judging::Later, without: None };
    settle_on(tx, contract, how).await
}

/// Before a hold is lifted, places hold `debt` on a contract that could not go on without it, so that its line does not come back for a
/// moment.
pub async fn judge_without(tx: &mut Tx, contract: &mut Contract, lifted: HoldReason) -> Result<()> {
    // that the hold is absent is refused by the step that lifts it
    let Ok(after) = contract.released(lifted) else { return Ok(()) };
    if after.status != ContractStatus::Active {
        return Ok(());
    }
    catch_up(tx, contract).await?;
    let after = contract.released(lifted)?;
    let today = tx.today();
    let newest = store::newest(tx, contract.id).await?;
    let book = Book::read(tx, contract, newest.as_ref(), today, today).await?;
    let missing = match step(&after, newest.as_ref(), Service::FromToday, today, &book)? {
        Step::Wait { missing } | Step::Begin { missing, .. } => missing,
        Step::Charge { .. } | Step::Credit { .. } => None,
    };
    let Some(missing) = missing else { return Ok(()) };
    contracts::steps::hold_for_debt(tx, contract, missing).await?;
    contracts::steps::tell_debt(tx, contract, missing);
    Ok(())
}

async fn hold_debt(tx: &mut Tx, contract: &mut Contract, missing: Option<Money>, judging: Judging) -> Result<()> {
    if judging == Judging::Later {
        return Ok(());
    }
    match (missing, contract.is_held(HoldReason::Debt)) {
        (Some(missing), false) => contracts::steps::hold_for_debt(tx, contract, missing).await,
        (None, true) => contracts::steps::lift_hold(tx, contract, HoldReason::Debt).await,
        _ => Ok(()),
    }
}

/// Begins a period; a prepaid one is charged at once.
async fn begin_period(tx: &mut Tx, contract: &mut Contract, next: Beginning) -> Result<PeriodRow> {
    let kept = tariffs::keep_version_on(tx, next.terms.version.tariff_id, next.start).await?;
    if kept != next.terms.version {
        // the prices changed since they were read: repeat the request with the present ones
        return Err(Error::new(common::DATABASE_AWAY).retry_after(1).transient(Transient::Collision));
    }
    let mut period = PeriodRow::begun(contract, &next);
    if next.terms.is_prepaid() {
        let whole = period.all_days();
        charge(tx, contract, &mut period, whole).await?;
    }
    store::insert_periods(tx, std::slice::from_ref(&period)).await?;
    contracts::steps::set_period(tx, contract, next.end, next.billing_day).await?;
    Ok(period)
}

/// Ends the running period today. A postpaid period is charged for the days served; the day of termination counts as served, unless the
/// contract was on hold all day. Of a period that was paid in advance, the days that were not used are credited on request, and those
/// under a hold where the operator credits them.
pub async fn end_period(tx: &mut Tx, contract: &mut Contract, is_unused_refunded: bool) -> Result<()> {
    let today = tx.today();
    promise::end(tx, contract).await?;
    catch_up(tx, contract).await?;
    let Some(mut period) = store::newest(tx, contract.id).await? else { return Ok(()) };
    let breaks = Breaks::of_period(tx, &period).await?;
    let until = today.succ_opt().unwrap_or(today).clamp(period.period_start, period.period_end);
    if period.charged_at.is_none() {
        let served = breaks.served(period.period_start, until);
        charge(tx, contract, &mut period, served).await?;
        store::set_charged(tx, &period).await?;
    } else if let Some(fee) = period.fee.filter(|_| period.is_running(today)) {
        let days = if is_unused_refunded { breaks.unserved(&period, until) } else { breaks.credited(&period, until) };
        let amount = fee.share(days.count(), period.own_days())?;
        credit(tx, contract, &mut period, &days, amount).await?;
    }
    store::end(tx, &period, today.clamp(period.period_start, period.period_end)).await
}

/// Ends a running period that is not charged yet with today, for a contract that is on hold and whose next period is to be paid in
/// advance: none follows until the hold is lifted. Returns the charged days and the amount.
pub async fn stop_period(tx: &mut Tx, contract: &mut Contract, period: &mut PeriodRow) -> Result<Swap> {
    let today = tx.today();
    let first_left = period.period_start.succ_opt().unwrap_or(period.period_end);
    let end = today.succ_opt().unwrap_or(today).clamp(first_left, period.period_end);
    let used_days = Breaks::of_period(tx, period).await?.served(period.period_start, end);
    charge(tx, contract, period, used_days.clone()).await?;
    store::set_charged(tx, period).await?;
    store::shorten(tx, period, end).await?;
    contracts::steps::set_period(tx, contract, end, end.day()).await?;
    let used = period.fee.unwrap_or_default();
    Ok(Swap { used_days, used, credited_days: DayRanges::default(), credit: Money::ZERO, charge: Money::ZERO })
}

/// Charges these days of a period and sets the charge on the row, which the caller saves. A zero amount creates no transaction.
pub async fn charge(tx: &mut Tx, contract: &mut Contract, period: &mut PeriodRow, days: DayRanges) -> Result<()> {
    let amount = period.charge(days, tx.now())?;
    if amount > Money::ZERO {
        let charge = posting(TransactionType::Charge, amount, &period.charged_for);
        period.payment_id = Some(ledger::post(tx, contract, charge).await?.id);
    }
    Ok(())
}

/// Credits these days of a period that was charged, and sets the credit on the row, which the caller saves. A zero amount creates no
/// transaction.
pub async fn credit(tx: &mut Tx, contract: &mut Contract, period: &mut PeriodRow, days: &DayRanges, amount: Money) -> Result<()> {
    let Some(charge) = period.payment_id.filter(|_| amount > Money::ZERO) else { return Ok(()) };
    let credit = ledger::post(tx, contract, posting(TransactionType::Correction, amount, days)).await?;
    period.credited = amount;
    store::note_credit(tx, credit.id, charge).await
}

/// Builds a transaction for these days. Its description names each range of them, its period goes from the first day to the last.
pub fn posting(transaction_type: TransactionType, amount: Money, days: &DayRanges) -> Posting {
    Posting {
        transaction_type,
        amount,
        method: PaymentMethod::System,
        transaction_id: None,
        description: Some(days.to_string()),
        paid_at: None,
        period: days.bounds().map(|range| (range.start, range.end)),
    }
}

/// Records the amounts of a change of tariff or options.
pub fn record_swap(tx: &mut Tx, contract: &Contract, moved: &Swap) {
    let entry = Entry::new("contract.period_swapped", "contract", contract.id);
    tx.record(entry.note("used", moved.used.to_string()).note("credit", moved.credit.to_string()).note("charge", moved.charge.to_string()));
}
