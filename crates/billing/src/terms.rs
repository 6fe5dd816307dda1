//! The terms of a period: a version of a tariff, and the fee of each option at the start of the period.

use kernel::{Money, Result, money::Percent};
use tariffs::{TariffType, TariffVersion};

use crate::fees::{OptionFees, fee};

/// The terms of a period.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// The tariff's prices.
    pub version: TariffVersion,
    /// The options with their fees.
    pub option_fees: OptionFees,
}

impl Terms {
    /// The fee of a whole period.
    pub fn whole_fee(&self, discount: Percent) -> Result<Money> {
        fee(self.version.monthly_fee, self.option_fees.fees(), discount)
    }

    /// Whether a period is charged when it begins.
    pub fn is_prepaid(&self) -> bool {
        self.version.tariff_type == TariffType::Prepaid
    }
}
