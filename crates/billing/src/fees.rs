//! The fee of a whole period: the tariff and each option, less the discount.

use std::{fmt, str::FromStr};

use database::Arg;
use kernel::{Error, Money, Result, id::OptionId, money::Percent};
use serde::Serialize;
use tariffs::OptionPrice;
use utoipa::ToSchema;

/// Computes the fee of a whole period: the tariff and the options, less the discount, rounded half-even to the minor unit.
pub fn fee(tariff_fee: Money, option_fees: impl IntoIterator<Item = Money>, discount: Percent) -> Result<Money> {
    option_fees.into_iter().try_fold(tariff_fee, Money::add)?.less(discount)
}

/// The fee of an option at the start of a period.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(example = json!({"option_id": 2, "monthly_fee": "100.00"}))]
pub struct OptionFee {
    /// The option.
    pub option_id: OptionId,
    /// Its fee for a whole period.
    pub monthly_fee: Money,
}

/// The fee of each option at the start of the period.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct OptionFees(pub Vec<OptionFee>);

impl OptionFees {
    /// The present fees of these options.
    pub fn of(prices: &[OptionPrice]) -> Self {
        Self(prices.iter().map(|price| OptionFee { option_id: price.id, monthly_fee: price.monthly_fee }).collect())
    }

    /// The fees without the option ids.
    pub fn fees(&self) -> impl Iterator<Item = Money> {
        self.0.iter().map(|fee| fee.monthly_fee)
    }

    /// The fees of these options: an option already in the list keeps its fee.
    #[must_use]
    pub fn keeping(&self, options: &[OptionId], prices: &Self) -> Self {
        let find = |fees: &Self, id: OptionId| fees.0.iter().find(|fee| fee.option_id == id).copied();
        Self(options.iter().filter_map(|id| find(self, *id).or_else(|| find(prices, *id))).collect())
    }
}

impl fmt::Display for OptionFees {
    /// Formats ids and minor units as `2:15000,5:3000`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, fee) in self.0.iter().enumerate() {
            write!(f, "{}{}:{}", if at == 0 { "" } else { "," }, fee.option_id, fee.monthly_fee.minor())?;
        }
        Ok(())
    }
}

impl FromStr for OptionFees {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let one = |pair: &str| {
            let (id, fee) = pair.split_once(':')?;
            Some(OptionFee { option_id: OptionId::new(id.parse().ok()?), monthly_fee: Money::from_minor(fee.parse().ok()?).ok()? })
        };
        let wrong = || Error::internal(format!("{text:?} is not a list of options and their fees"));
        let pairs = text.split(',').filter(|pair| !pair.is_empty()).map(|pair| one(pair).ok_or_else(wrong));
        pairs.collect::<Result<_>>().map(Self)
    }
}

impl From<&OptionFees> for Arg {
    fn from(fees: &OptionFees) -> Self {
        fees.to_string().into()
    }
}

kernel::text_column!(OptionFees);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fee_of(id: i64, minor: i64) -> OptionFee {
        OptionFee { option_id: OptionId::new(id), monthly_fee: Money::from_minor(minor).unwrap() }
    }

    proptest! {
        #[test]
        fn what_is_noted_of_options_is_read_back(fees in proptest::collection::vec((1_i64..1000, 0_i64..=9_999_999_999_999), 0..50)) {
            let fees = OptionFees(fees.into_iter().map(|(id, minor)| fee_of(id, minor)).collect());
            prop_assert_eq!(fees.to_string().parse::<OptionFees>().unwrap(), fees);
        }

        #[test]
        fn no_text_makes_it_panic(text in ".*") {
            let _ = text.parse::<OptionFees>();
        }
    }

    #[test]
    fn an_option_keeps_its_fee_until_the_period_ends() {
        let fees = |pairs: &[(i64, i64)]| OptionFees(pairs.iter().map(|(id, minor)| fee_of(*id, *minor)).collect());
        let (noted, present) = (fees(&[(1, 100), (2, 200)]), fees(&[(1, 999), (3, 300)]));
        assert_eq!(noted.keeping(&[OptionId::new(1), OptionId::new(3)], &present), fees(&[(1, 100), (3, 300)]));
    }
}
