//! A billing period as stored in the database.

use chrono::{DateTime, NaiveDate, Utc};
use kernel::{
    Money, Result,
    id::{ContractId, PaymentId, TariffVersionId},
};

use crate::{fees::OptionFees, period::days};

/// A billing period of a contract.
#[derive(Clone, Debug, sqlx::FromRow)]
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
    /// The fee of a whole period, less the discount; fixed when the period begins.
    pub whole_fee: Money,
    /// The days of a whole period; more than its own days if it is the rest of a period that a change cut.
    pub whole_days: i64,
    /// The charged amount; none while a postpaid period runs.
    pub fee: Option<Money>,
    /// The amount that was credited when a change cut the period.
    pub credited: Money,
    /// The transaction of the charge, if the amount is not zero.
    pub payment_id: Option<PaymentId>,
    /// When it was charged.
    pub charged_at: Option<DateTime<Utc>>,
}

impl PeriodRow {
    /// Whether it has not ended on this day.
    pub fn is_running(&self, today: NaiveDate) -> bool {
        self.period_end > today
    }

    /// The cost of this number of its days.
    pub fn share(&self, days: i64) -> Result<Money> {
        self.whole_fee.share(days, self.whole_days)
    }

    /// The cost of its own days: less than the whole fee if it began in the middle.
    pub fn amount(&self) -> Result<Money> {
        self.share(days(self.period_start, self.period_end))
    }
}
