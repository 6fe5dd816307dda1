//! A billing period as it is stored.

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
    /// Its first day.
    pub period_start: NaiveDate,
    /// The day after its last.
    pub period_end: NaiveDate,
    /// The prices it is charged by.
    pub tariff_version_id: TariffVersionId,
    /// The options that it is charged for.
    pub option_fees: OptionFees,
    /// What a whole period costs by that, less the discount: fixed when it begins.
    pub whole_fee: Money,
    /// Days of the whole period; more than its own where it is the rest of one that a change cut.
    pub whole_days: i64,
    /// What was charged; nothing yet while a postpaid period runs.
    pub fee: Option<Money>,
    /// What of that was given back when a change cut it.
    pub credited: Money,
    /// The charge, where there was something to charge.
    pub payment_id: Option<PaymentId>,
    /// When it was charged.
    pub charged_at: Option<DateTime<Utc>>,
}

impl PeriodRow {
    /// Whether it has not ended yet on this day.
    pub fn is_running(&self, today: NaiveDate) -> bool {
        self.period_end > today
    }

    /// What these of its days cost.
    pub fn share(&self, days: i64) -> Result<Money> {
        self.whole_fee.share(days, self.whole_days)
    }

    /// What it costs as long as it is: less than a whole one where it began in between.
    pub fn amount(&self) -> Result<Money> {
        self.share(days(self.period_start, self.period_end))
    }
}
