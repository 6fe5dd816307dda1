//! Dates of billing periods: from one billing day to the next, moved to the last day in short months.

use chrono::{Datelike, Days, NaiveDate};

/// The day after the last day of the period that begins on `start`: the first billing day later than `start`.
///
/// `billing_day` is 1 to 31; a shorter month uses its last day.
pub fn end_of_period(start: NaiveDate, billing_day: u32) -> NaiveDate {
    let this_month = billing_date(start.year(), start.month(), billing_day);
    if this_month > start {
        return this_month;
    }
    let (year, month) = if start.month() == 12 { (start.year() + 1, 1) } else { (start.year(), start.month() + 1) };
    billing_date(year, month, billing_day)
}

/// Whether periods by this billing day begin on `day`.
pub fn is_billing_day(day: NaiveDate, billing_day: u32) -> bool {
    billing_date(day.year(), day.month(), billing_day) == day
}

/// The billing day of a month.
fn billing_date(year: i32, month: u32, billing_day: u32) -> NaiveDate {
    (28..=billing_day)
        .rev()
        .chain([billing_day.min(28)])
        .find_map(|day| NaiveDate::from_ymd_opt(year, month, day))
        // unreachable before the year 262142, where dates end
        .unwrap_or(NaiveDate::MAX)
}

/// The number of days in `start..end`.
pub fn days(start: NaiveDate, end: NaiveDate) -> i64 {
    (end - start).num_days()
}

/// The last day of a period.
pub fn last_day(end: NaiveDate) -> NaiveDate {
    end.checked_sub_days(Days::new(1)).unwrap_or(end)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn date(year: i32, month: u32, day: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(year, month, day).unwrap()
    }

    #[test]
    fn the_31st_is_shortened_and_comes_back() {
        let mut start = date(2026, 1, 31);
        let mut starts = vec![start];
        for _ in 0..4 {
            start = end_of_period(start, 31);
            starts.push(start);
        }
        assert_eq!(starts, [date(2026, 1, 31), date(2026, 2, 28), date(2026, 3, 31), date(2026, 4, 30), date(2026, 5, 31)]);
        assert_eq!(end_of_period(date(2028, 1, 31), 31), date(2028, 2, 29));
        assert_eq!(end_of_period(date(2026, 12, 15), 15), date(2027, 1, 15));
    }

    #[test]
    fn in_ten_years_no_billing_day_drifts_whatever_day_it_begins_on() {
        // from the end of January to the beginning of March, in leap years and common years
        for first in date(2027, 12, 31).iter_days().take_while(|day| *day <= date(2028, 3, 1)) {
            for billing_day in 1..=31 {
                let mut start = first;
                for _ in 0..120 {
                    let end = end_of_period(start, billing_day);
                    // the billing day of its month, or the last day of a shorter month, with none in between
                    let falls = |day: &NaiveDate| {
                        let is_last = day.succ_opt().unwrap().day() == 1;
                        day.day() == billing_day || (is_last && day.day() < billing_day)
                    };
                    let between: Vec<_> = start.iter_days().skip(1).take_while(|day| *day <= end).filter(falls).collect();
                    assert_eq!(between, [end], "from {start} by day {billing_day}");
                    start = end;
                }
            }
        }
    }

    proptest! {
        #[test]
        fn periods_tile_and_never_drift(year in 2000_i32..2100, month in 1_u32..=12, billing_day in 1_u32..=31) {
            let mut start = billing_date(year, month, billing_day);
            for step in 1..=48 {
                let end = end_of_period(start, billing_day);
                prop_assert!(end > start && (28..=31).contains(&days(start, end)), "{start} to {end}");
                let months = (month - 1 + step) as i32;
                prop_assert_eq!((end.year(), end.month()), (year + months / 12, (months % 12 + 1) as u32));
                prop_assert!(end.day() == billing_day || (end.day() < billing_day && last_day(end_of_period(end, 1)) == end));
                start = end;
            }
        }
    }
}
