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
    charge::{Beginning, Service, beginning, missing_before, missing_while, start_of_next},
    days::{Breaks, DayRanges},
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

/// What decides about the next steps besides the contract and its newest period: the terms of its next periods, and when it was on hold.
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
    /// When the contract was not served in its newest period.
    pub breaks: Breaks,
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
        Ok(Self { plan, planned, versions, option_fees, breaks: Breaks::read(conn, newest).await? })
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
    Charge {
        /// The days on which the contract was served.
        served: DayRanges,
    },
    /// The newest period was paid in advance and has ended, and its days under a hold are still to be credited.
    Credit {
        /// These days.
        days: DayRanges,
        /// Their share of what was charged.
        amount: Money,
    },
    /// The newest period is running.
    Wait {
        /// What is missing; the contract should have hold `debt` until it is paid.
        missing: Option<Money>,
    },
    /// A period begins, unless the contract should have hold `debt` instead, or another hold is active.
    Begin {
        /// The period.
        next: Beginning,
        /// What is missing to cover the period.
        missing: Option<Money>,
    },
}

/// Computes the next step on this day.
pub fn step(contract: &Contract, newest: Option<&PeriodRow>, service: Service, day: NaiveDate, book: &Book) -> Result<Step> {
    match newest {
        Some(period) if period.is_running(day) => return Ok(Step::Wait { missing: missing_while(contract, period)? }),
        Some(period) if period.charged_at.is_none() => {
            return Ok(Step::Charge { served: book.breaks.served(period.period_start, period.period_end) });
        }
        Some(period) => {
            if let Some(credit) = credit_of_holds(period, &book.breaks)? {
                return Ok(credit);
            }
        }
        None => {}
    }
    let service = service.resumed_on(contract, newest, day);
    let start = start_of_next(newest, service, day);
    let next = beginning(contract, service, start, book.terms(start)?)?;
    let missing = missing_before(contract, &next)?;
    Ok(Step::Begin { next, missing })
}

/// What is credited for the days under a hold of a period that was paid in advance and has ended, unless that was done.
fn credit_of_holds(ended: &PeriodRow, breaks: &Breaks) -> Result<Option<Step>> {
    let Some(fee) = ended.fee.filter(|_| ended.credited == Money::ZERO && ended.is_paid_whole()) else { return Ok(None) };
    let days = breaks.credited(ended, ended.period_end);
    let amount = fee.share(days.count(), ended.own_days())?;
    Ok((amount > Money::ZERO).then_some(Step::Credit { days, amount }))
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
            charged_for: DayRanges::default(),
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
    /// What is missing, if hold `debt` is placed.
    pub missing: Option<Money>,
    /// Whether hold `debt` is lifted, days under a hold are credited, or a planned change takes effect or is dropped: rare cases, which
    /// [`settle`](crate::settle) posts.
    pub is_special: bool,
}

/// For which day a bill is computed, and how.
#[derive(Clone, Copy, Debug)]
pub struct Settling {
    /// The day up to which everything is due.
    pub day: NaiveDate,
    /// Where the next period starts.
    pub service: Service,
    /// When hold `debt` is decided on.
    pub judging: Judging,
    /// A hold that is computed as if it were lifted already.
    pub without: Option<HoldReason>,
}

/// When hold `debt` is decided on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judging {
    /// At once.
    Now,
    /// By a later step of the same transaction, which changes what is owed: until then, what is not covered is left as it is, so that no
    /// line goes off and on within one request.
    Later,
}

impl Bill {
    /// Computes what is due.
    ///
    /// Errors: `amount_out_of_range`, `tariff_not_found`.
    pub fn of(contract: &Contract, newest: Option<PeriodRow>, how: Settling, now: DateTime<Utc>, book: &Book) -> Result<Self> {
        let mut service = how.service.of(contract);
        let mut bill = Self { contract: contract.clone(), ended: None, begun: Vec::new(), missing: None, is_special: false };
        let mut newest = newest;
        loop {
            match step(&bill.contract, newest.as_ref(), service, how.day, book)? {
                Step::Charge { served } => {
                    let Some(period) = &mut newest else { return Ok(bill) };
                    bill.charge(period.charge(served, now)?)?;
                    match bill.begun.last_mut() {
                        Some(begun) => *begun = period.clone(),
                        None => bill.ended = newest.clone(),
                    }
                }
                Step::Credit { amount, .. } => {
                    let Some(period) = &mut newest else { return Ok(bill) };
                    period.credited = amount;
                    bill.is_special = true;
                    bill.contract.move_balance(amount, amount.negated())?;
                }
                Step::Wait { missing } => return bill.judged(missing, how.judging),
                Step::Begin { next, missing } => {
                    bill = bill.judged(missing, how.judging)?;
                    let waits = missing.is_some() && how.judging == Judging::Later;
                    if waits || bill.contract.status != ContractStatus::Active {
                        return Ok(bill);
                    }
                    newest = Some(bill.begin(&next, book, now)?);
                    service = Service::Unbroken;
                }
            }
        }
    }

    /// Begins a period, and charges a prepaid one.
    fn begin(&mut self, next: &Beginning, book: &Book, now: DateTime<Utc>) -> Result<PeriodRow> {
        self.is_special |= book.planned.is_some() && self.begun.is_empty();
        let mut period = PeriodRow::begun(&self.contract, next);
        if next.terms.is_prepaid() {
            self.charge(period.charge(period.all_days(), now)?)?;
        }
        self.contract.next_billing_date = Some(next.end);
        self.contract.billing_day = Some(i64::from(next.billing_day));
        self.begun.push(period.clone());
        Ok(period)
    }

    fn charge(&mut self, amount: Money) -> Result<()> {
        self.contract.move_balance(TransactionType::Charge.effect(amount), amount)
    }

    fn judged(mut self, missing: Option<Money>, judging: Judging) -> Result<Self> {
        if judging == Judging::Later {
            return Ok(self);
        }
        match (missing, self.contract.is_held(HoldReason::Debt)) {
            (Some(_), false) => {
                self.missing = missing;
                self.contract = self.contract.held(HoldReason::Debt)?;
            }
            (None, true) => {
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
        self.ended.is_none() && self.begun.is_empty() && self.missing.is_none() && !self.is_special
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
