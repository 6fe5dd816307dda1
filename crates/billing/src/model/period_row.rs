//! A billing period as stored in the database.

use chrono::{DateTime, NaiveDate, Utc};
use kernel::{
    Money, Result,
    id::{BillingRunId, ContractId, PaymentId, TariffVersionId},
    money::Percent,
};

use crate::{days::DayRanges, fees::OptionFees, period::days};

/// A billing period of a contract.
#[derive(Clone, Debug, sqlx_macros::FromRow)]
pub struct PeriodRow {
    /// The contract.
    pub contract_id: ContractId,
    /// The first day.
    pub period_start: NaiveDate,
    /// The day after the last day.
    pub period_end: NaiveDate,
    /// The version of the tariff with its prices.
    pub tariff_version_id: TariffVersionId,
    /// The options that it is charged for, with their fees.
    pub option_fees: OptionFees,
    /// The discount in the fee of a whole period; none for periods that began before it was kept.
    pub discount_percent: Option<Percent>,
    /// The fee of a whole period, less the discount; fixed when the period begins.
    pub whole_fee: Money,
    /// The days of a whole period; more than its own days if it is the rest of a period that a change cut.
    pub whole_days: i64,
    /// The charged amount; none while a postpaid period runs.
    pub fee: Option<Money>,
    /// The days that were charged.
    pub charged_days: Option<i64>,
    /// The amount that was credited when a change cut the period.
    pub credited: Money,
    /// The transaction of the charge, if the amount is not zero.
    pub payment_id: Option<PaymentId>,
    /// When it was charged.
    pub charged_at: Option<DateTime<Utc>>,
    /// The billing run that charged it, if one did.
    pub billing_run_id: Option<BillingRunId>,
    /// The days of the charge that is being made; the ledger keeps them.
    #[sqlx(skip)]
    pub charged_for: DayRanges,
}

impl PeriodRow {
    /// Whether it has not ended on this day.
    pub fn is_running(&self, today: NaiveDate) -> bool {
        self.period_end > today
    }

    /// Whether all its days were charged, as when it began.
    pub fn is_paid_whole(&self) -> bool {
        self.charged_days.is_none_or(|days| days == self.own_days())
    }

    /// The cost of this number of its days.
    pub fn share(&self, days: i64) -> Result<Money> {
        self.whole_fee.share(days, self.whole_days)
    }

    /// The cost of its own days: less than the whole fee if it began in the middle.
    pub fn amount(&self) -> Result<Money> {
        self.share(self.own_days())
    }

    /// The days from its first to its last.
    pub fn own_days(&self) -> i64 {
        days(self.period_start, self.period_end)
    }

    /// All its days.
    pub fn all_days(&self) -> DayRanges {
        DayRanges::of(self.period_start, self.period_end)
    }

    /// Sets the charge for these of its days, and returns the amount.
    pub fn charge(&mut self, of: DayRanges, at: DateTime<Utc>) -> Result<Money> {
        let amount = self.share(of.count())?;
        self.fee = Some(amount);
        self.charged_days = Some(of.count());
        self.charged_at = Some(at);
        self.charged_for = of;
        Ok(amount)
    }
}
