//! Pure functions that compute the cost of a period and what is due. Charging, the change of a tariff, the quote and the preview all use
//! them; `settle` does the posting.

use chrono::{Datelike, NaiveDate};
use contracts::{Contract, ContractStatus, HoldReason};
use kernel::{Money, Result};

use crate::{
    days::{Breaks, DayRanges},
    model::PeriodRow,
    period::{end_of_period, is_billing_day},
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

    /// A break that ends on the day on which the next period is due anyway moves nothing: the billing day stays, also where a short month
    /// has moved the due day.
    #[must_use]
    pub fn resumed_on(self, contract: &Contract, newest: Option<&PeriodRow>, day: NaiveDate) -> Self {
        let billing_day = contract.billing_day.and_then(|day| u32::try_from(day).ok());
        let is_due =
            newest.is_some_and(|period| period.period_end == day) && billing_day.is_some_and(|billing| is_billing_day(day, billing));
        if is_due { Self::Unbroken } else { self }
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

/// What is missing while this period runs: the contract should have hold `debt` until it is paid. Nothing, if it should not.
pub fn missing_while(contract: &Contract, running: &PeriodRow) -> Result<Option<Money>> {
    // a prepaid period is paid for, unless with credit against a promise that was broken
    let must_be_covered = running.charged_at.is_none() || contract.is_promise_broken;
    if must_be_covered { missing(contract, Money::ZERO) } else { Ok(None) }
}

/// What is missing for this period to begin: the contract should have hold `debt` until it is paid. Nothing, if it should not.
pub fn missing_before(contract: &Contract, next: &Beginning) -> Result<Option<Money>> {
    if !next.terms.is_prepaid() {
        return missing(contract, Money::ZERO);
    }
    // under another hold it owes nothing, because no period begins
    let owes = contract.status == ContractStatus::Active || contract.is_held(HoldReason::Debt);
    // what costs nothing needs no balance
    let must_be_covered = next.whole_fee > Money::ZERO || contract.is_promise_broken;
    if owes && must_be_covered { missing(contract, next.whole_fee) } else { Ok(None) }
}

fn missing(contract: &Contract, needed: Money) -> Result<Option<Money>> {
    let available = available(contract)?;
    if available < needed { needed.subtract(available).map(Some) } else { Ok(None) }
}

/// The balance plus the credit limit.
pub fn available(contract: &Contract) -> Result<Money> {
    contract.balance.add(contract.credit_limit)?.add(contract.promised_credit)
}

/// The amounts that a change in the middle of a period moves, with their days.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Swap {
    /// The days already served but not yet charged, in a postpaid period.
    pub used_days: DayRanges,
    /// The charge for these days.
    pub used: Money,
    /// The days that were already charged and are not used.
    pub credited_days: DayRanges,
    /// The credit for these days.
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

/// The new terms of the rest of a period.
#[derive(Clone, Copy, Debug)]
pub struct NewTerms {
    /// The fee of a whole period.
    pub whole_fee: Money,
    /// Whether the rest is charged at once.
    pub is_prepaid: bool,
}

/// Computes the amounts of a change in a running period: the unused days are credited at the price actually charged, or the days served
/// are charged, and the days left are charged at the new price, each rounded half-even. The day of the change counts as left.
pub fn swap(running: &PeriodRow, on: NaiveDate, terms: NewTerms, breaks: &Breaks) -> Result<Swap> {
    let on = on.clamp(running.period_start, running.period_end);
    let days_left = DayRanges::of(on, running.period_end).count();
    let charge = if terms.is_prepaid { terms.whole_fee.share(days_left, running.whole_days)? } else { Money::ZERO };
    match running.fee {
        Some(fee) => {
            let credited_days = breaks.unused(running, on);
            let credit = fee.share(credited_days.count(), running.own_days())?;
            Ok(Swap { used_days: DayRanges::default(), used: Money::ZERO, credited_days, credit, charge })
        }
        None => {
            let used_days = breaks.served(running.period_start, on);
            let used = running.share(used_days.count())?;
            Ok(Swap { used_days, used, credited_days: DayRanges::default(), credit: Money::ZERO, charge })
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Days};
    use contracts::HoldTime;
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
            charged_for: DayRanges::default(),
        };
        if charged {
            period.charge(period.all_days(), DateTime::UNIX_EPOCH).unwrap();
        }
        period
    }

    /// A change on a line that was never on hold.
    fn change(running: &PeriodRow, on: NaiveDate, whole_fee: Money, is_prepaid: bool) -> Swap {
        swap(running, on, NewTerms { whole_fee, is_prepaid }, &Breaks::default()).unwrap()
    }

    /// What is charged for days used, credited, and charged for days left.
    fn moved(swap: &Swap) -> [i64; 3] {
        [swap.used, swap.credit, swap.charge].map(Money::minor)
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
        assert_eq!(moved(&change(&running, day(7), money(56_000), true)), [0, 21_000, 42_000]);
        assert_eq!(moved(&change(&running, day(0), money(14_000), true)), [0, 28_000, 14_000]);
        // to postpaid: nothing is charged before the period ends
        assert_eq!(moved(&change(&running, day(27), money(56_000), false)), [0, 1_000, 0]);
        // from postpaid: the days served are charged
        let running = period(28, 28_000, 28, false);
        let swapped = change(&running, day(7), money(56_000), true);
        assert_eq!((moved(&swapped), swapped.used_days), ([7_000, 0, 42_000], DayRanges::of(day(0), day(7))));
        assert_eq!(moved(&change(&running, day(7), money(56_000), false)), [7_000, 0, 0]);
    }

    #[test]
    fn days_under_a_hold_are_not_charged_and_are_credited_only_where_the_operator_does_so() {
        let at = |day: NaiveDate| day.and_hms_opt(9, 0, 0).unwrap().and_utc();
        let holds = vec![HoldTime { contract_id: ContractId::new(1), placed_at: at(day(2)), lifted_at: Some(at(day(12))) }];
        let terms = NewTerms { whole_fee: money(28_000), is_prepaid: false };
        let of = |charged, are_credited| {
            let breaks = Breaks::of(holds.clone(), |moment| moment.date_naive(), are_credited);
            moved(&swap(&period(28, 28_000, 28, charged), day(20), terms, &breaks).unwrap())
        };
        // nine of the twenty days before the change
        assert_eq!((of(false, false), of(false, true)), ([11_000, 0, 0], [11_000, 0, 0]));
        assert_eq!((of(true, false), of(true, true)), ([0, 8_000, 0], [0, 17_000, 0]));
    }

    #[test]
    fn a_day_before_the_period_begins_counts_as_its_first() {
        let running = period(28, 28_000, 28, true);
        let early = day(0) - Days::new(3);
        assert_eq!(change(&running, early, money(14_000), true), change(&running, day(0), money(14_000), true));
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
            let swapped = change(&running, day(used), money(new), true);
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
            let swapped = change(&running, day(used.min(length - 1)), money(fee), true);
            prop_assert_eq!(swapped.due().unwrap(), Money::ZERO);
        }

        #[test]
        fn however_often_a_period_is_cut_its_parts_make_the_whole_within_a_unit_each(fee in 0_i64..9_999_999_999, cuts in proptest::collection::btree_set(1_u64..30, 0..6), prepaid in any::<bool>()) {
            let mut running = period(30, fee, 30, prepaid);
            let (mut charged, mut at) = (running.fee.unwrap_or(Money::ZERO).minor(), 0);
            for cut in &cuts {
                let moved = change(&running, day(*cut), money(fee), prepaid);
                charged += moved.due().unwrap().minor();
                at = *cut;
                running = PeriodRow { period_start: day(at), fee: prepaid.then_some(moved.charge), ..running };
            }
            prop_assert_eq!(running.own_days(), 30 - at as i64);
            if !prepaid {
                charged += running.amount().unwrap().minor();
            }
            prop_assert!((charged - fee).abs() <= cuts.len() as i64, "{} of {}", charged, fee);
        }
    }
}
