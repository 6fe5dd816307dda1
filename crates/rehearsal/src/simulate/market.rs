//! The tariffs and options on sale, with all their prices.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use kernel::id::{OptionId, TariffId};

/// A tariff and options, by index in the [`Market`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// The tariff.
    pub tariff: usize,
    /// The options.
    pub options: BTreeSet<usize>,
}

/// A tariff.
#[derive(Clone, Debug)]
pub struct Tariff {
    /// Its id.
    pub id: TariffId,
    /// Whether a period is paid when it begins.
    pub is_prepaid: bool,
    /// Its prices in minor units, by the first day on which they apply.
    pub fees: BTreeMap<NaiveDate, i64>,
}

/// An option.
#[derive(Clone, Debug)]
pub struct Extra {
    /// Its id.
    pub id: OptionId,
    /// Its present price in minor units.
    pub fee: i64,
    /// The tariffs that it is compatible with.
    pub tariffs: BTreeSet<usize>,
}

/// All tariffs and options.
#[derive(Clone, Debug, Default)]
pub struct Market {
    /// The tariffs.
    pub tariffs: Vec<Tariff>,
    /// The options.
    pub options: Vec<Extra>,
    /// Whether the operator credits the days of a paid period that were under a hold.
    pub credits_holds: bool,
}

impl Market {
    /// The price of a tariff on a day.
    pub fn fee_on(&self, tariff: usize, day: NaiveDate) -> i64 {
        self.tariffs[tariff].fees.range(..=day).next_back().map_or(0, |(_, fee)| *fee)
    }

    /// Whether the options are compatible with the tariff.
    pub fn fits(&self, plan: &Plan) -> bool {
        plan.options.iter().all(|option| self.options[*option].tariffs.contains(&plan.tariff))
    }
}
