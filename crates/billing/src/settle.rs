//! Posts what is due on one contract, by the steps of `due`.

use chrono::NaiveDate;
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
    due::{Book, Planned, Step, step},
    model::PeriodRow,
    period::{days, last_day},
    promise, store,
};

/// Settles a locked contract: charges what is due, begins the due periods one by one, and places or lifts hold `debt`.
///
/// A prepaid period begins when `balance + credit_limit` covers its fee, otherwise hold `debt` is placed. A postpaid period is charged
/// when it ends, and hold `debt` is active while the balance is below `-credit_limit`. Under any hold no period begins. A planned change
/// takes effect when the next period begins; one that is no longer possible is dropped, and the audit records that.
pub async fn settle(tx: &mut Tx, contract: &mut Contract, service: Service) -> Result<()> {
    let today = tx.today();
    settle_on(tx, contract, service, today).await
}

/// Settles a locked contract as on a day that may be past: charges only what was due by then.
pub async fn settle_on(tx: &mut Tx, contract: &mut Contract, service: Service, day: NaiveDate) -> Result<()> {
    if !matches!(contract.status, ContractStatus::Active | ContractStatus::Suspended) {
        return Ok(());
    }
    promise::settle(tx, contract).await?;
    let mut service = service.of(contract);
    let mut newest = store::newest(tx, contract.id).await?;
    let book = Book::read(tx, contract, newest.as_ref(), day, day).await?;
    let mut planned = book.planned;
    loop {
        match step(contract, newest.as_ref(), service, day, &book)? {
            Step::Charge => {
                if let Some(ended) = &mut newest {
                    let whole = ended.own_days();
                    charge(tx, contract, ended, whole).await?;
                    store::set_charged(tx, ended).await?;
                }
            }
            Step::Wait { in_debt } => return hold_debt(tx, contract, in_debt).await,
            Step::Begin { next, in_debt } => {
                hold_debt(tx, contract, in_debt).await?;
                if contract.status != ContractStatus::Active {
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

/// Settles a contract that is about to be suspended or terminated: a period that began while it was in service is due, even if the nightly
/// run has not processed it yet. A contract out of service has no period to begin.
pub async fn catch_up(tx: &mut Tx, contract: &mut Contract) -> Result<()> {
    match contract.status {
        ContractStatus::Active => settle(tx, contract, Service::Unbroken).await,
        ContractStatus::Draft | ContractStatus::Suspended | ContractStatus::Terminated => Ok(()),
    }
}

async fn hold_debt(tx: &mut Tx, contract: &mut Contract, in_debt: bool) -> Result<()> {
    match (in_debt, contract.is_held(HoldReason::Debt)) {
        (true, false) => contracts::steps::place_hold(tx, contract, HoldReason::Debt, None).await,
        (false, true) => contracts::steps::lift_hold(tx, contract, HoldReason::Debt).await,
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
        let whole = period.own_days();
        charge(tx, contract, &mut period, whole).await?;
    }
    store::insert_periods(tx, std::slice::from_ref(&period)).await?;
    contracts::steps::set_period(tx, contract, next.end, next.billing_day).await?;
    Ok(period)
}

/// Ends the running period today. A postpaid period is charged for the days used, in proportion, rounded half-even.
pub async fn end_period(tx: &mut Tx, contract: &mut Contract) -> Result<()> {
    let today = tx.today();
    promise::end(tx, contract).await?;
    catch_up(tx, contract).await?;
    let Some(mut period) = store::newest(tx, contract.id).await? else { return Ok(()) };
    if period.charged_at.is_none() && !period.is_running(today) {
        settle(tx, contract, Service::Unbroken).await?;
        period = store::newest(tx, contract.id).await?.unwrap_or(period);
    }
    if period.charged_at.is_none() {
        // the day of termination counts as used
        let used = (days(period.period_start, today) + 1).clamp(0, days(period.period_start, period.period_end));
        charge(tx, contract, &mut period, used).await?;
        store::set_charged(tx, &period).await?;
    }
    store::end(tx, &period, today.clamp(period.period_start, period.period_end)).await
}

/// Charges this number of days of a period and sets the charge on the row, which the caller saves. A zero amount creates no transaction.
pub async fn charge(tx: &mut Tx, contract: &mut Contract, period: &mut PeriodRow, days: i64) -> Result<()> {
    let amount = period.charge(days, tx.now())?;
    if amount > Money::ZERO {
        let charge = posting(TransactionType::Charge, amount, period.period_start, period.period_end);
        period.payment_id = Some(ledger::post(tx, contract, charge).await?.id);
    }
    Ok(())
}

/// Credits a charge for the days of a period from `from` on. A zero amount creates no transaction.
pub async fn credit(tx: &mut Tx, contract: &mut Contract, period: &PeriodRow, from: NaiveDate, amount: Money) -> Result<()> {
    let Some(charge) = period.payment_id.filter(|_| amount > Money::ZERO) else { return Ok(()) };
    let credit = ledger::post(tx, contract, posting(TransactionType::Correction, amount, from, period.period_end)).await?;
    store::note_credit(tx, credit.id, charge).await
}

/// Builds a transaction for the days from `start` to the day before `end`.
pub fn posting(transaction_type: TransactionType, amount: Money, start: NaiveDate, end: NaiveDate) -> Posting {
    Posting {
        transaction_type,
        amount,
        method: PaymentMethod::System,
        transaction_id: None,
        description: Some(format!("{start} – {}", last_day(end))),
        period: Some((start, end)),
    }
}

/// Records the amounts of a change of tariff or options.
pub fn record_swap(tx: &mut Tx, contract: &Contract, moved: Swap) {
    let entry = Entry::new("contract.period_swapped", "contract", contract.id);
    tx.record(entry.note("used", moved.used.to_string()).note("credit", moved.credit.to_string()).note("charge", moved.charge.to_string()));
}
