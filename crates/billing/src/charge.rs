//! Pure functions that compute the cost of a period and what is due. Charging, the change of a tariff, the quote and the preview all use
//! them; `settle` does the posting.

use chrono::{Datelike, NaiveDate};
use contracts::{Contract, ContractStatus, HoldReason};
use kernel::{Money, Result};

use crate::{
    model::PeriodRow,
    period::{days, end_of_period},
    terms::Terms,
};

/// Where the next period starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// Service continued without a break: the next period begins where the last one ended, and the billing day stays.
    Unbroken,
    /// Service starts, or resumes after a hold: the next period begins today, which becomes the billing day.
    FromToday,
}

impl Service {
    /// Hold `debt` is a break too: the next period begins, at the fee of that day, on the day service resumes, which becomes the billing
    /// day.
    #[must_use]
    pub fn of(self, contract: &Contract) -> Self {
        if contract.is_held(HoldReason::Debt) { Self::FromToday } else { self }
    }
}

/// A period that is about to begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beginning {
    /// The first day.
    pub start: NaiveDate,
    /// The day after the last day.
    pub end: NaiveDate,
    /// The day of the month on which periods begin from now on.
    pub billing_day: u32,
    /// The terms of the period.
    pub terms: Terms,
    /// The fee of a whole period.
    pub whole_fee: Money,
}

/// The first day of the next period.
pub fn start_of_next(newest: Option<&PeriodRow>, service: Service, today: NaiveDate) -> NaiveDate {
    match (service, newest) {
        (Service::Unbroken, Some(period)) => period.period_end,
        _ => today,
    }
}

/// Computes the period that begins on `start` with these terms.
pub fn beginning(contract: &Contract, service: Service, start: NaiveDate, terms: Terms) -> Result<Beginning> {
    let billing_day = match (service, contract.billing_day.and_then(|day| u32::try_from(day).ok())) {
        (Service::Unbroken, Some(day)) => day,
        _ => start.day(),
    };
    let whole_fee = terms.whole_fee(contract.discount_percent)?;
    Ok(Beginning { start, end: end_of_period(start, billing_day), billing_day, terms, whole_fee })
}

/// Whether the contract should have hold `debt` while this period runs.
pub fn in_debt_while(contract: &Contract, running: &PeriodRow) -> Result<bool> {
    // a prepaid period is paid for, unless with credit against a promise that was broken
    Ok((running.charged_at.is_none() || contract.is_promise_broken) && available(contract)? < Money::ZERO)
}

/// Whether the contract should have hold `debt` instead of beginning this period.
pub fn in_debt_before(contract: &Contract, next: &Beginning) -> Result<bool> {
    let available = available(contract)?;
    Ok(match next.terms.is_prepaid() {
        // under another hold it owes nothing, because no period begins
        true => available < next.whole_fee && (contract.status == ContractStatus::Active || contract.is_held(HoldReason::Debt)),
        false => available < Money::ZERO,
    })
}

/// The balance plus the credit limit.
pub fn available(contract: &Contract) -> Result<Money> {
    contract.balance.add(contract.credit_limit)?.add(contract.promised_credit)
}

/// The amounts that a change in the middle of a period moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Swap {
    /// The charge for days already served but not yet charged, in a postpaid period.
    pub used: Money,
    /// The credit for days left after the change that were already charged.
    pub credit: Money,
    /// The charge for the days left, by the new terms; zero for a postpaid tariff.
    pub charge: Money,
}

impl Swap {
    /// The amount that the balance must cover.
    pub fn due(&self) -> Result<Money> {
        self.used.add(self.charge)?.subtract(self.credit)
    }
}

/// Computes the amounts of a change in a running period to terms with the fee `whole_fee`: the unused days are credited at the price
/// actually charged, and the days left are charged at the new one, each rounded half-even. The day of the change counts as left.
pub fn swap(running: &PeriodRow, today: NaiveDate, whole_fee: Money, prepaid: bool) -> Result<Swap> {
    let length = days(running.period_start, running.period_end);
    let used_days = days(running.period_start, today).clamp(0, length);
    let days_left = length - used_days;
    let (used, credit) = match running.fee {
        Some(fee) => (Money::ZERO, fee.share(days_left, length)?),
        None => (running.share(used_days)?, Money::ZERO),
    };
    let charge = if prepaid { whole_fee.share(days_left, running.whole_days)? } else { Money::ZERO };
    Ok(Swap { used, credit, charge })
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Days};
    use kernel::{
        id::{ContractId, TariffVersionId},
        money::Percent,
    };
    use proptest::prelude::*;

    use super::*;
    use crate::fees::{OptionFees, fee};

    fn money(minor: i64) -> Money {
        Money::from_minor(minor).unwrap()
    }

    fn percent(hundredths: i64) -> Percent {
        format!("{}.{:02}", hundredths / 100, hundredths % 100).parse().unwrap()
    }

    fn day(number: u64) -> NaiveDate {
        NaiveDate::from_ymd_opt(2026, 1, 31).unwrap() + Days::new(number)
    }

    /// Builds a period of `length` days; a whole one has `whole` days and costs `fee`. It is charged at its start, or not yet.
    fn period(length: u64, fee: i64, whole: i64, charged: bool) -> PeriodRow {
        let mut period = PeriodRow {
            contract_id: ContractId::new(1),
            period_start: day(0),
            period_end: day(length),
            tariff_version_id: TariffVersionId::new(1),
            option_fees: OptionFees::default(),
            discount_percent: None,
            whole_fee: money(fee),
            whole_days: whole,
            fee: None,
            charged_days: None,
            credited: Money::ZERO,
            payment_id: None,
            charged_at: None,
            billing_run_id: None,
        };
        if charged {
            period.charge(period.own_days(), DateTime::UNIX_EPOCH).unwrap();
        }
        period
    }

    #[test]
    fn halves_of_a_discount_go_to_the_even_unit() {
        let fee =
            |tariff, options: &[i64], discount| fee(money(tariff), options.iter().copied().map(money), percent(discount)).unwrap().minor();
        assert_eq!((fee(5, &[], 5000), fee(10, &[5], 5000), fee(65_000, &[15_000, 3_000], 1000)), (2, 8, 74_700));
        assert_eq!((fee(65_000, &[15_000], 0), fee(65_000, &[15_000], 10_000), fee(0, &[], 1234)), (80_000, 0, 0));
        // the sum is discounted, not each line
        assert_eq!(fee(5, &[5], 5000), 5);
    }

    #[test]
    fn a_swap_gives_back_the_unused_days_of_what_was_charged_and_charges_the_rest_anew() {
        let running = period(28, 28_000, 28, true);
        assert_eq!(
            swap(&running, day(7), money(56_000), true).unwrap(),
            Swap { used: money(0), credit: money(21_000), charge: money(42_000) }
        );
        assert_eq!(
            swap(&running, day(0), money(14_000), true).unwrap(),
            Swap { used: money(0), credit: money(28_000), charge: money(14_000) }
        );
        // to postpaid: nothing is charged before the period ends
        assert_eq!(swap(&running, day(27), money(56_000), false).unwrap(), Swap { used: money(0), credit: money(1_000), charge: money(0) });
        // from postpaid: the days served are charged
        let running = period(28, 28_000, 28, false);
        assert_eq!(
            swap(&running, day(7), money(56_000), true).unwrap(),
            Swap { used: money(7_000), credit: money(0), charge: money(42_000) }
        );
        assert_eq!(swap(&running, day(7), money(56_000), false).unwrap(), Swap { used: money(7_000), credit: money(0), charge: money(0) });
    }

    proptest! {
        #[test]
        fn the_fee_lies_between_nothing_and_the_sum_and_is_off_by_half_a_unit_at_most(tariff in 0_i64..9_999_999, options in proptest::collection::vec(0_i64..999_999, 0..10), discount in 0_i64..=10_000) {
            let sum = tariff + options.iter().sum::<i64>();
            let fee = fee(money(tariff), options.into_iter().map(money), percent(discount)).unwrap().minor();
            prop_assert!((0..=sum).contains(&fee));
            prop_assert!((fee * 10_000 - sum * (10_000 - discount)).abs() <= 5_000);
        }

        #[test]
        fn no_unit_is_lost_by_a_swap(fee in 0_i64..9_999_999_999, new in 0_i64..9_999_999_999, length in 1_u64..=31, used in 0_u64..31, more in 0_i64..10) {
            let used = used.min(length - 1);
            let running = period(length, fee, length as i64 + more, true);
            let charged = running.fee.unwrap().minor();
            let swapped = swap(&running, day(used), money(new), true).unwrap();
            let used_share = charged - swapped.credit.minor();
            // exact within half a unit, on both sides of the cut
            prop_assert!((swapped.credit.minor() * length as i64 * 2 - charged * (length - used) as i64 * 2).abs() <= length as i64);
            prop_assert!((used_share * length as i64 * 2 - charged * used as i64 * 2).abs() <= length as i64);
            prop_assert!((0..=charged).contains(&swapped.credit.minor()) && (used > 0 || used_share == 0));
            prop_assert_eq!(swapped.due().unwrap().minor(), swapped.charge.minor() - swapped.credit.minor());
        }

        #[test]
        fn changing_to_the_same_price_costs_nothing(fee in 0_i64..9_999_999_999, length in 1_u64..=31, used in 0_u64..31) {
            let running = period(length, fee, length as i64, true);
            let swapped = swap(&running, day(used.min(length - 1)), money(fee), true).unwrap();
            prop_assert_eq!(swapped.due().unwrap(), Money::ZERO);
        }

        #[test]
        fn however_often_a_period_is_cut_its_parts_make_the_whole_within_a_unit_each(fee in 0_i64..9_999_999_999, cuts in proptest::collection::btree_set(1_u64..30, 0..6), prepaid in any::<bool>()) {
            let mut running = period(30, fee, 30, prepaid);
            let (mut charged, mut at) = (running.fee.unwrap_or(Money::ZERO).minor(), 0);
            for cut in &cuts {
                let moved = swap(&running, day(*cut), money(fee), prepaid).unwrap();
                charged += moved.due().unwrap().minor();
                at = *cut;
                running = PeriodRow { period_start: day(at), fee: prepaid.then_some(moved.charge), ..running };
            }
            prop_assert_eq!(days(running.period_start, running.period_end), 30 - at as i64);
            if !prepaid {
                charged += running.amount().unwrap().minor();
            }
            prop_assert!((charged - fee).abs() <= cuts.len() as i64, "{} of {}", charged, fee);
        }
    }
}
