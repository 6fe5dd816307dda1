//! The next charges of a contract, computed by the functions that charge it.

use acl::{Granted, perm};
use chrono::{Months, NaiveDate};
use contracts::{Contract, ContractStatus, HoldReason, Holds, Plan};
use database::Conn;
use kernel::{
    Error, FieldErrors, Money, Result,
    error::{common, field},
    id::{ContractId, TariffId},
};
use serde::{Deserialize, Serialize};
use tariffs::OptionIds;
use utoipa::{IntoParams, ToSchema};

use crate::{
    charge::{Service, available},
    due::{Book, Step, step},
    model::PeriodRow,
    promise, store,
};

/// The number of charges shown by default.
const USUAL_MONTHS: i64 = 3;
/// The maximum number of charges shown.
const MOST_MONTHS: i64 = 24;

/// How many charges to preview.
#[derive(Clone, Copy, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PreviewQuery {
    /// How many charges to show, 1 to 24; 3 by default.
    #[param(minimum = 1, maximum = 24)]
    pub months: Option<i64>,
}

impl PreviewQuery {
    fn months(self) -> Result<usize> {
        let months = self.months.unwrap_or(USUAL_MONTHS);
        usize::try_from(months).ok().filter(|_| (1..=MOST_MONTHS).contains(&months)).ok_or_else(|| {
            let mut wrong = FieldErrors::default();
            wrong.add_at("months".to_owned(), field::RANGE).with("min", 1).with("max", MOST_MONTHS);
            Error::new(common::INVALID_PARAMETER).fields(wrong)
        })
    }
}

/// A future charge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(example = json!({
    "charge_on": "2026-02-15", "period_start": "2026-02-15", "period_end": "2026-03-15", "tariff_id": 3, "option_ids": [2],
    "amount": "720.00", "balance_after": "-320.00", "is_covered": false
}))]
pub struct Foreseen {
    /// The day of the charge: the first day of a prepaid period, the day after the last day of a postpaid one.
    pub charge_on: NaiveDate,
    /// The first day that is charged.
    pub period_start: NaiveDate,
    /// The day after the last day that is charged.
    pub period_end: NaiveDate,
    /// The tariff.
    pub tariff_id: TariffId,
    /// The options.
    pub option_ids: OptionIds,
    /// The amount.
    pub amount: Money,
    /// The balance after the charge, if no payment comes before.
    pub balance_after: Money,
    /// Whether the balance, the credit limit and the credit of a promised payment that has not ended by then cover the charge, if no payment
    /// comes before; if not, hold `debt` is placed instead.
    pub is_covered: bool,
}

/// The future charges of a contract.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "contract_id": 12, "balance": "400.00", "credit_limit": "0.00", "holds": [],
    "charges": [{
        "charge_on": "2026-02-15", "period_start": "2026-02-15", "period_end": "2026-03-15", "tariff_id": 3, "option_ids": [2],
        "amount": "720.00", "balance_after": "-320.00", "is_covered": false
    }]
}))]
pub struct Preview {
    /// The contract.
    pub contract_id: ContractId,
    /// The present balance.
    pub balance: Money,
    /// How far below zero the balance may go.
    pub credit_limit: Money,
    /// The active holds; under any hold except `debt` no period begins, so no charge is shown.
    pub holds: Holds,
    /// The charges in order, assuming service without a break and no further changes.
    pub charges: Vec<Foreseen>,
}

/// Computes the future charges of a contract. A draft counts as activated today, and a debt as paid today.
///
/// Errors: `contract_not_found`, `invalid_parameter`.
pub async fn preview(conn: &mut Conn, _granted: &Granted<perm::BillingRead>, id: ContractId, query: PreviewQuery) -> Result<Preview> {
    let months = query.months()?;
    let contract = contracts::read(conn, id).await?;
    let today = conn.today();
    let newest = store::newest(conn, id).await?;
    // missed periods come first, so no period begins later than this day
    let last = today.checked_add_months(Months::new(25)).unwrap_or(today);
    let book = Book::read(conn, &contract, newest.as_ref(), today, last).await?;
    let promised_until = promise::credited_until(conn, &contract).await?;
    let foresight = Foresight { book: &book, today, months, promised_until };
    Ok(Preview {
        contract_id: id,
        balance: contract.balance,
        credit_limit: contract.credit_limit,
        holds: contract.holds.clone(),
        charges: foresight.charges(&contract, newest)?,
    })
}

/// What decides about future charges besides the contract and its newest period.
struct Foresight<'a> {
    book: &'a Book,
    today: NaiveDate,
    months: usize,
    /// The last day on which the credit of a promised payment counts.
    promised_until: Option<NaiveDate>,
}

impl Foresight<'_> {
    fn charges(&self, contract: &Contract, newest: Option<PeriodRow>) -> Result<Vec<Foreseen>> {
        let mut charges = Vec::new();
        if contract.status == ContractStatus::Terminated {
            return Ok(charges);
        }
        let mut contract = contract.clone();
        let mut newest = newest;
        let mut service = self.service(&contract, newest.as_ref());
        // the running period uses the plan in force, later periods use the next plan
        let mut plan = contract.plan();
        let held = contract.holds.0.iter().any(|hold| *hold != HoldReason::Debt);
        let mut day = self.today;
        while charges.len() < self.months {
            self.end_promise(&mut contract, day)?;
            match step(&contract, newest.as_ref(), service, day, self.book)? {
                Step::Charge { served } => {
                    let Some(period) = &mut newest else { break };
                    let amount = period.charge(served, contract.created_at)?;
                    contract.balance = contract.balance.subtract(amount)?;
                    let is_covered = available(&contract)? >= Money::ZERO;
                    charges.push(foreseen(period, &plan, day, amount, &contract, is_covered));
                }
                Step::Credit { amount, .. } => {
                    let Some(period) = &mut newest else { break };
                    period.credited = amount;
                    contract.balance = contract.balance.add(amount)?;
                }
                // assumes service until the period ends
                Step::Wait { .. } => day = newest.as_ref().map_or(day, |period| period.period_end),
                Step::Begin { .. } if held => break,
                Step::Begin { next, .. } => {
                    let mut period = PeriodRow::begun(&contract, &next);
                    plan = self.book.plan.clone();
                    contract.billing_day = Some(i64::from(next.billing_day));
                    if next.terms.is_prepaid() {
                        let is_covered = next.whole_fee == Money::ZERO || available(&contract)? >= next.whole_fee;
                        contract.balance = contract.balance.subtract(next.whole_fee)?;
                        charges.push(foreseen(&period, &plan, day, next.whole_fee, &contract, is_covered));
                        period.charge(period.all_days(), contract.created_at)?;
                    }
                    newest = Some(period);
                    service = Service::Unbroken;
                }
            }
        }
        Ok(charges)
    }

    fn service(&self, contract: &Contract, newest: Option<&PeriodRow>) -> Service {
        if newest.is_some_and(|period| period.is_running(self.today)) {
            Service::Unbroken
        } else if contract.status == ContractStatus::Draft {
            Service::FromToday
        } else {
            Service::Unbroken.of(contract)
        }
    }

    /// Takes away the credit of a promised payment whose time is over on this day.
    fn end_promise(&self, contract: &mut Contract, day: NaiveDate) -> Result<()> {
        if contract.promised_credit > Money::ZERO && self.promised_until.is_some_and(|last| day > last) {
            contract.promised_credit = Money::ZERO;
            contract.is_promise_broken = available(contract)? < Money::ZERO;
        }
        Ok(())
    }
}

fn foreseen(period: &PeriodRow, plan: &Plan, charge_on: NaiveDate, amount: Money, contract: &Contract, is_covered: bool) -> Foreseen {
    // the days that are charged, or those that the period will have
    let days = period.charged_for.bounds();
    Foreseen {
        charge_on,
        period_start: days.map_or(period.period_start, |days| days.start),
        period_end: days.map_or(period.period_end, |days| days.end),
        tariff_id: plan.tariff_id,
        option_ids: OptionIds(plan.options.clone()),
        amount,
        balance_after: contract.balance,
        is_covered,
    }
}
