//! The account statement of a contract: the opening balance, every transaction, and the closing balance of a range of days.

use acl::{Granted, perm};
use chrono::{DateTime, Datelike, NaiveDate, Utc};
use database::{Conn, Page, Paging, page::ListSpec};
use kernel::{
    Context, Error, FieldErrors, Money, Result,
    error::{common, field},
    id::ContractId,
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    model::Payment,
    store::{self, statement::Sums},
};

/// The sort orders of statement rows.
pub const LIST: ListSpec = store::statement::LIST;

/// The years that a range may cover.
const YEARS: std::ops::RangeInclusive<i32> = 2000..=2100;

/// A range of days.
#[derive(Clone, Copy, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Days {
    /// The first day; by default the first of this month.
    pub from: Option<NaiveDate>,
    /// The last day; by default today.
    pub to: Option<NaiveDate>,
}

/// A checked range of days, and the moments at which it begins and ends.
#[derive(Clone, Copy, Debug)]
pub struct Span {
    /// The first day.
    pub from: NaiveDate,
    /// The last day.
    pub to: NaiveDate,
    /// When the first day begins.
    pub begins_at: DateTime<Utc>,
    /// When the day after the last begins.
    pub ends_at: DateTime<Utc>,
}

impl Days {
    /// Checks the range.
    ///
    /// Errors: `invalid_parameter` for days outside the years 2000 to 2100, and for a last day before the first.
    pub fn span(self, context: &Context) -> Result<Span> {
        let to = self.to.unwrap_or_else(|| context.today());
        let from = self.from.unwrap_or_else(|| to.min(context.today()).with_day(1).unwrap_or(to));
        let mut wrong = FieldErrors::default();
        for (name, day) in [("from", from), ("to", to)] {
            if !YEARS.contains(&day.year()) {
                wrong.add_at(name.to_owned(), field::RANGE).with("min", "2000-01-01").with("max", "2100-12-31");
            }
        }
        if wrong.0.is_empty() && from > to {
            wrong.add_at("to".to_owned(), field::ENDS_BEFORE_BEGIN);
        }
        wrong.into_error(common::INVALID_PARAMETER)?;
        let after = to.succ_opt().ok_or_else(|| Error::internal("the day after the last day is out of range"))?;
        Ok(Span { from, to, begins_at: context.day_begins(from), ends_at: context.day_begins(after) })
    }
}

/// The sums of an account statement; they match its rows to the kopeck.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(example = json!({
    "contract_id": 12, "from": "2026-01-01", "to": "2026-01-31", "opening_balance": "0.00", "payments": "1000.00", "charges": "600.00",
    "refunds": "0.00", "corrections": "-50.00", "closing_balance": "350.00"
}))]
pub struct Statement {
    /// The contract.
    pub contract_id: ContractId,
    /// The first day.
    pub from: NaiveDate,
    /// The last day.
    pub to: NaiveDate,
    /// The balance at the beginning of the first day.
    pub opening_balance: Money,
    /// The sum of payments.
    #[schema(value_type = kernel::money::MoneyTotal)]
    pub payments: Money,
    /// The sum of charges.
    #[schema(value_type = kernel::money::MoneyTotal)]
    pub charges: Money,
    /// The sum of refunds and payouts.
    #[schema(value_type = kernel::money::MoneyTotal)]
    pub refunds: Money,
    /// The sum of corrections, positive or negative.
    #[schema(value_type = kernel::money::MoneyTotal)]
    pub corrections: Money,
    /// The balance at the end of the last day, or now.
    pub closing_balance: Money,
}

impl Statement {
    fn new(contract_id: ContractId, span: Span, sums: &Sums) -> Result<Self> {
        let Span { from, to, .. } = span;
        let Sums { opening_balance, payments, charges, refunds, corrections, .. } = *sums;
        let closing = [payments.minor(), -charges.minor(), -refunds.minor(), corrections.minor()].into_iter().sum::<i64>();
        let closing_balance = Money::from_minor(opening_balance.minor() + closing)?;
        Ok(Self { contract_id, from, to, opening_balance, payments, charges, refunds, corrections, closing_balance })
    }
}

/// Returns an account statement, with a page of its rows and the number of the newest row.
///
/// Errors: `contract_not_found`, `invalid_parameter`.
pub async fn statement(
    conn: &mut Conn,
    _: &Granted<perm::PaymentsRead>,
    id: ContractId,
    days: Days,
    paging: &Paging,
) -> Result<(Statement, Page<Payment>, i64)> {
    let span = days.span(conn.context())?;
    contracts::exists(conn, id).await?;
    let sums = store::statement::sums(conn, id, span).await?;
    let rows = store::statement::rows(conn, id, span, sums.newest, paging).await?;
    Ok((Statement::new(id, span, &sums)?, rows, sums.newest))
}
