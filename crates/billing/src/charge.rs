//! What a period costs, and the settling of what is due (SPEC 8.3).

use chrono::{Datelike, NaiveDate};
use contracts::{Contract, ContractStatus, HoldReason};
use kernel::{Context, Money, Result, audit::Actor, db::Tx};
use payments::{
    PaymentMethod, TransactionType,
    ledger::{self, Posting},
};
use tariffs::{TariffType, TariffVersion};

use crate::{
    period::{days, end_of_period, last_day},
    store::{self, PeriodRow},
};

/// The fee of a whole period: the version's price less the contract's discount, rounded half-even to the minor unit.
pub fn fee(version: &TariffVersion, contract: &Contract) -> Result<Money> {
    version.monthly_fee.less(contract.discount_percent)
}

/// From when the next period counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// The line was served without a break: the next period begins where the last one ended, and the billing day stays.
    Unbroken,
    /// The line starts, or comes back from a hold: the next period begins today, which becomes the billing day.
    FromToday,
}

/// Brings a locked contract in line with its balance: charges what is due, begins the periods that are due, one by one,
/// and places or lifts `debt`.
///
/// A prepaid period begins when `balance + credit_limit` covers its fee, else `debt` goes on; a postpaid one is charged
/// when it ends, and `debt` is on while the balance is below `-credit_limit`. Under any hold no period begins.
pub async fn settle(tx: &mut Tx, context: &Context, actor: &Actor, contract: &mut Contract, service: Service) -> Result<()> {
    if !matches!(contract.status, ContractStatus::Active | ContractStatus::Suspended) {
        return Ok(());
    }
    let today = context.today();
    // a debt is a break too: the fee is that of the day the line comes back, and that day becomes the billing day
    let mut service = if contract.is_held(HoldReason::Debt) { Service::FromToday } else { service };
    loop {
        let newest = store::newest(tx, contract.id).await?;
        if let Some(ended) = newest.as_ref().filter(|period| period.period_end <= today && period.charged_at.is_none()) {
            charge_ended(tx, context, actor, contract, ended).await?;
        }
        let running = newest.as_ref().is_some_and(|period| period.period_end > today);
        let start = match (service, &newest) {
            (Service::Unbroken, Some(period)) => period.period_end,
            _ => today,
        };
        let version = tariffs::version_on(tx, contract.tariff_id, start).await?;
        let fee = fee(&version, contract)?;
        let available = contract.balance.add(contract.credit_limit)?;
        let held_for_debt = contract.is_held(HoldReason::Debt);
        let in_debt = match version.tariff_type {
            // held for another reason it owes nothing: nothing begins while it is held
            TariffType::Prepaid => !running && available < fee && (contract.status == ContractStatus::Active || held_for_debt),
            TariffType::Postpaid => available < Money::ZERO,
        };
        if in_debt && !held_for_debt {
            contracts::place_hold(tx, context, actor, contract, HoldReason::Debt, None).await?;
        } else if !in_debt && held_for_debt {
            contracts::lift_hold(tx, context, actor, contract, HoldReason::Debt).await?;
        }
        if running || contract.status != ContractStatus::Active {
            return Ok(());
        }
        let billing_day = match (service, contract.billing_day.and_then(|day| u32::try_from(day).ok())) {
            (Service::Unbroken, Some(day)) => day,
            _ => start.day(),
        };
        begin_period(tx, context, actor, contract, &version, fee, (start, end_of_period(start, billing_day)), billing_day).await?;
        service = Service::Unbroken;
    }
}

/// Begins a period; a prepaid one is charged at once.
#[allow(clippy::too_many_arguments, reason = "a period is all of these, and each has its own type")]
async fn begin_period(
    tx: &mut Tx,
    context: &Context,
    actor: &Actor,
    contract: &mut Contract,
    version: &TariffVersion,
    fee: Money,
    (start, end): (NaiveDate, NaiveDate),
    billing_day: u32,
) -> Result<()> {
    let prepaid = version.tariff_type == TariffType::Prepaid;
    let charge = if prepaid && fee > Money::ZERO { Some(charge(tx, context, actor, contract, fee, (start, end)).await?) } else { None };
    let period = PeriodRow {
        contract_id: contract.id,
        period_start: start,
        period_end: end,
        tariff_version_id: version.id,
        fee: prepaid.then_some(fee),
        payment_id: charge,
        charged_at: prepaid.then_some(context.now),
    };
    store::insert_periods(tx, &[period]).await?;
    contracts::set_period(tx, context, contract, end, billing_day).await
}

/// Charges a postpaid period that has ended.
async fn charge_ended(tx: &mut Tx, context: &Context, actor: &Actor, contract: &mut Contract, period: &PeriodRow) -> Result<()> {
    let version = tariffs::version_by_id(tx, period.tariff_version_id).await?;
    let fee = fee(&version, contract)?;
    let payment_id = match fee {
        Money::ZERO => None,
        fee => Some(charge(tx, context, actor, contract, fee, (period.period_start, period.period_end)).await?),
    };
    let charged = PeriodRow { fee: Some(fee), payment_id, charged_at: Some(context.now), ..period.clone() };
    store::set_charged(tx, &charged).await
}

/// Ends the running period today. A postpaid one is charged for the days used, in proportion, rounded half-even.
pub async fn end_period(tx: &mut Tx, context: &Context, actor: &Actor, contract: &mut Contract) -> Result<()> {
    let today = context.today();
    let Some(mut period) = store::newest(tx, contract.id).await? else { return Ok(()) };
    if period.charged_at.is_none() && period.period_end <= today {
        settle(tx, context, actor, contract, Service::Unbroken).await?;
        period = store::newest(tx, contract.id).await?.unwrap_or(period);
    }
    if period.charged_at.is_none() {
        let version = tariffs::version_by_id(tx, period.tariff_version_id).await?;
        let whole = days(period.period_start, period.period_end);
        // the day of termination was served too
        let used = (days(period.period_start, today) + 1).clamp(0, whole);
        let fee = fee(&version, contract)?.share(used, whole)?;
        if fee > Money::ZERO {
            period.payment_id = Some(charge(tx, context, actor, contract, fee, (period.period_start, period.period_end)).await?);
        }
        period.fee = Some(fee);
        period.charged_at = Some(context.now);
        store::set_charged(tx, &period).await?;
    }
    store::end(tx, &period, today.clamp(period.period_start, period.period_end)).await
}

async fn charge(
    tx: &mut Tx,
    context: &Context,
    actor: &Actor,
    contract: &mut Contract,
    amount: Money,
    (start, end): (NaiveDate, NaiveDate),
) -> Result<kernel::id::PaymentId> {
    let posting = Posting {
        transaction_type: TransactionType::Charge,
        amount,
        method: PaymentMethod::System,
        transaction_id: None,
        description: Some(format!("{start} – {}", last_day(end))),
        period: Some((start, end)),
    };
    Ok(ledger::post(tx, context, actor, contract, posting).await?.id)
}
