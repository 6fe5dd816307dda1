//! Computes what is due on a contract, step by step, as pure functions. This is the only place with these rules: `settle` posts one step
//! after another, a billing run posts the steps of many contracts at once, and the preview shows them.

use chrono::{DateTime, NaiveDate, Utc};
use contracts::{Contract, ContractStatus, HoldReason, Plan};
use database::Conn;
use kernel::{
    Error, Kind, Money, Result,
    id::{BillingRunId, OptionId},
};
use payments::TransactionType;
use tariffs::TariffVersion;

use crate::{
    charge::{Beginning, Service, beginning, in_debt_before, in_debt_while, start_of_next},
    fees::OptionFees,
    model::PeriodRow,
    period::days,
    terms::Terms,
};

/// The outcome of a planned change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Planned {
    /// It takes effect.
    TakesEffect,
    /// It is no longer possible and is dropped.
    IsDropped,
}

/// The terms of a contract's next periods.
#[derive(Clone, Debug)]
pub struct Book {
    /// The tariff and the options from the next period on.
    pub plan: Plan,
    /// The outcome of the planned change, if any.
    pub planned: Option<Planned>,
    /// The prices of that tariff, oldest first.
    pub versions: Vec<TariffVersion>,
    /// The fees of the options.
    pub option_fees: OptionFees,
}

impl Book {
    /// Reads the terms of a contract's periods that begin up to `last`.
    pub async fn read(conn: &mut Conn, contract: &Contract, newest: Option<&PeriodRow>, today: NaiveDate, last: NaiveDate) -> Result<Self> {
        let planned = match contract.has_planned_change() {
            false => None,
            true if still_fits(conn, &contract.plan(), &contract.next_plan()).await? => Some(Planned::TakesEffect),
            true => Some(Planned::IsDropped),
        };
        let plan = if planned == Some(Planned::IsDropped) { contract.plan() } else { contract.next_plan() };
        let first = newest.map_or(today, |period| period.period_end.min(today));
        let versions = tariffs::versions_between(conn, plan.tariff_id, first, last).await?;
        let option_fees = OptionFees::of(&tariffs::options::prices(conn, &plan.options).await?);
        Ok(Self { plan, planned, versions, option_fees })
    }

    /// The terms of a period that begins on this day. Errors: `tariff_not_found` when the tariff had no prices yet.
    fn terms(&self, day: NaiveDate) -> Result<Terms> {
        let version = self.versions.iter().rev().find(|version| version.effective_from <= day);
        let version = *version.ok_or_else(|| Error::new(tariffs::refusal::NOT_FOUND))?;
        Ok(Terms { version, option_fees: self.option_fees.clone() })
    }
}

/// The next step on a contract.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// The newest period has ended and is still to be charged.
    Charge,
    /// The newest period is running.
    Wait {
        /// Whether the contract should have hold `debt`.
        in_debt: bool,
    },
    /// A period begins, unless the contract should have hold `debt` instead, or another hold is active.
    Begin {
        /// The period.
        next: Beginning,
        /// Whether the balance does not cover the period.
        in_debt: bool,
    },
}

/// Computes the next step on this day.
pub fn step(contract: &Contract, newest: Option<&PeriodRow>, service: Service, day: NaiveDate, book: &Book) -> Result<Step> {
    match newest {
        Some(period) if period.is_running(day) => return Ok(Step::Wait { in_debt: in_debt_while(contract, period)? }),
        Some(period) if period.charged_at.is_none() => return Ok(Step::Charge),
        _ => {}
    }
    let start = start_of_next(newest, service, day);
    let next = beginning(contract, service, start, book.terms(start)?)?;
    let in_debt = in_debt_before(contract, &next)?;
    Ok(Step::Begin { next, in_debt })
}

/// Whether a planned change is still possible: the tariff may no longer offer the options, or they may now exclude each other.
async fn still_fits(conn: &mut Conn, present: &Plan, planned: &Plan) -> Result<bool> {
    let changed = present.tariff_id != planned.tariff_id;
    let new: Vec<OptionId> = planned.options.iter().filter(|id| changed || !present.options.contains(id)).copied().collect();
    // a tariff or an option that was retired after the change was planned stays allowed
    let wanted = tariffs::options::Wanted { all: &planned.options, to_fit: &new, new: &[] };
    match tariffs::options::check(conn, planned.tariff_id, wanted).await {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == Kind::Conflict => Ok(false),
        Err(error) => Err(error),
    }
}

impl PeriodRow {
    /// Builds a period that begins, not yet charged.
    pub fn begun(contract: &Contract, next: &Beginning) -> Self {
        Self {
            contract_id: contract.id,
            period_start: next.start,
            period_end: next.end,
            tariff_version_id: next.terms.version.id,
            option_fees: next.terms.option_fees.clone(),
            discount_percent: Some(contract.discount_percent),
            whole_fee: next.whole_fee,
            whole_days: days(next.start, next.end),
            fee: None,
            charged_days: None,
            credited: Money::ZERO,
            payment_id: None,
            charged_at: None,
            billing_run_id: None,
        }
    }
}

/// Everything due on a contract on a day, computed but not posted.
#[derive(Clone, Debug)]
pub struct Bill {
    /// The contract after posting, except for its version.
    pub contract: Contract,
    /// The ended period, if it is charged now.
    pub ended: Option<PeriodRow>,
    /// The periods that begin.
    pub begun: Vec<PeriodRow>,
    /// Whether hold `debt` is placed.
    pub is_held: bool,
    /// Whether hold `debt` is lifted, or a planned change takes effect or is dropped: rare cases, which [`settle`](crate::settle) posts.
    pub is_special: bool,
}

impl Bill {
    /// Computes what is due.
    ///
    /// Errors: `amount_out_of_range`, `tariff_not_found`.
    pub fn of(contract: &Contract, newest: Option<PeriodRow>, day: NaiveDate, now: DateTime<Utc>, book: &Book) -> Result<Self> {
        let mut service = Service::Unbroken.of(contract);
        let mut bill = Self { contract: contract.clone(), ended: None, begun: Vec::new(), is_held: false, is_special: false };
        let mut newest = newest;
        loop {
            match step(&bill.contract, newest.as_ref(), service, day, book)? {
                Step::Charge => {
                    let Some(period) = &mut newest else { return Ok(bill) };
                    bill.charge(period.charge(period.own_days(), now)?)?;
                    match bill.begun.last_mut() {
                        Some(begun) => *begun = period.clone(),
                        None => bill.ended = newest.clone(),
                    }
                }
                Step::Wait { in_debt } => return bill.held_for_debt(in_debt),
                Step::Begin { next, in_debt } => {
                    bill = bill.held_for_debt(in_debt)?;
                    if bill.contract.status != ContractStatus::Active {
                        return Ok(bill);
                    }
                    bill.is_special |= book.planned.is_some() && bill.begun.is_empty();
                    let mut period = PeriodRow::begun(contract, &next);
                    if next.terms.is_prepaid() {
                        bill.charge(period.charge(period.own_days(), now)?)?;
                    }
                    bill.contract.next_billing_date = Some(next.end);
                    bill.contract.billing_day = Some(i64::from(next.billing_day));
                    bill.begun.push(period.clone());
                    newest = Some(period);
                    service = Service::Unbroken;
                }
            }
        }
    }

    fn charge(&mut self, amount: Money) -> Result<()> {
        self.contract.move_balance(TransactionType::Charge.effect(amount), amount)
    }

    fn held_for_debt(mut self, in_debt: bool) -> Result<Self> {
        match (in_debt, self.contract.is_held(HoldReason::Debt)) {
            (true, false) => {
                self.is_held = true;
                self.contract = self.contract.held(HoldReason::Debt)?;
            }
            (false, true) => {
                self.is_special = true;
                self.contract = self.contract.released(HoldReason::Debt)?;
            }
            _ => {}
        }
        Ok(self)
    }

    /// Notes the run on the periods that are charged.
    pub fn note_run(&mut self, run: BillingRunId) {
        let periods = self.ended.iter_mut().chain(&mut self.begun).filter(|period| period.fee.is_some());
        periods.for_each(|period| period.billing_run_id = Some(run));
    }

    /// Whether nothing is due.
    pub fn is_empty(&self) -> bool {
        self.ended.is_none() && self.begun.is_empty() && !self.is_held && !self.is_special
    }

    /// The charged periods in order, including those with no fee.
    pub fn charged(&self) -> impl Iterator<Item = &PeriodRow> {
        self.ended.iter().chain(&self.begun).filter(|period| period.fee.is_some())
    }

    /// The amounts of the charges.
    pub fn amounts(&self) -> impl Iterator<Item = Money> {
        self.charged().filter_map(|period| period.fee).filter(|fee| *fee > Money::ZERO)
    }
}
