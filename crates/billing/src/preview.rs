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
    store,
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
    /// The first day of the period.
    pub period_start: NaiveDate,
    /// The day after the last day of the period.
    pub period_end: NaiveDate,
    /// The tariff.
    pub tariff_id: TariffId,
    /// The options.
    pub option_ids: OptionIds,
    /// The amount.
    pub amount: Money,
    /// The balance after the charge, if no payment comes before.
    pub balance_after: Money,
    /// Whether the balance and the credit limit cover the charge, if no payment comes before; if not, hold `debt` is placed instead.
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
    Ok(Preview {
        contract_id: id,
        balance: contract.balance,
        credit_limit: contract.credit_limit,
        holds: contract.holds.clone(),
        charges: foresee(&contract, newest, &book, today, months)?,
    })
}

fn foresee(contract: &Contract, newest: Option<PeriodRow>, book: &Book, today: NaiveDate, months: usize) -> Result<Vec<Foreseen>> {
    let mut charges = Vec::new();
    if contract.status == ContractStatus::Terminated {
        return Ok(charges);
    }
    let mut contract = contract.clone();
    let mut newest = newest;
    let running = newest.as_ref().is_some_and(|period| period.is_running(today));
    let mut service = if running {
        Service::Unbroken
    } else if contract.status == ContractStatus::Draft {
        Service::FromToday
    } else {
        Service::Unbroken.of(&contract)
    };
    // the running period uses the plan in force, later periods use the next plan
    let mut plan = contract.plan();
    let held = contract.holds.0.iter().any(|hold| *hold != HoldReason::Debt);
    let mut day = today;
    while charges.len() < months {
        match step(&contract, newest.as_ref(), service, day, book)? {
            Step::Charge => {
                let Some(period) = &mut newest else { break };
                let amount = period.charge(period.own_days(), contract.created_at)?;
                contract.balance = contract.balance.subtract(amount)?;
                let is_covered = available(&contract)? >= Money::ZERO;
                charges.push(foreseen(period, &plan, day, amount, &contract, is_covered));
            }
            // assumes service until the period ends
            Step::Wait { .. } => day = newest.as_ref().map_or(day, |period| period.period_end),
            Step::Begin { .. } if held => break,
            Step::Begin { next, .. } => {
                let mut period = PeriodRow::begun(&contract, &next);
                plan = book.plan.clone();
                contract.billing_day = Some(i64::from(next.billing_day));
                if next.terms.is_prepaid() {
                    let is_covered = available(&contract)? >= next.whole_fee;
                    contract.balance = contract.balance.subtract(next.whole_fee)?;
                    charges.push(foreseen(&period, &plan, day, next.whole_fee, &contract, is_covered));
                    period.charge(period.own_days(), contract.created_at)?;
                }
                newest = Some(period);
                service = Service::Unbroken;
            }
        }
    }
    Ok(charges)
}

fn foreseen(period: &PeriodRow, plan: &Plan, charge_on: NaiveDate, amount: Money, contract: &Contract, is_covered: bool) -> Foreseen {
    Foreseen {
        charge_on,
        period_start: period.period_start,
        period_end: period.period_end,
        tariff_id: plan.tariff_id,
        option_ids: OptionIds(plan.options.clone()),
        amount,
        balance_after: contract.balance,
        is_covered,
    }
}
