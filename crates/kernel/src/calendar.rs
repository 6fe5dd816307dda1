//! Working time: the days, hours and holidays that deadlines are computed with.
//!
//! A [`Calendar`] holds the working days of the week, their hours, the holidays and the extra working days, all in the operator's time
//! zone. [`Calendar::after`] and [`Calendar::between`] walk from one working day to the next. A day on which the clocks change has its
//! actual length. A night shift belongs to the day on which it begins.

use std::{cmp::Ordering, collections::BTreeSet, str::FromStr};

use chrono::{DateTime, Datelike, Days, LocalResult, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone, Utc, Weekday};
use chrono_tz::Tz;

/// Minutes in a day.
const DAY: u32 = 24 * 60;

/// Working days, hours, holidays and extra working days in one time zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Calendar {
    time_zone: Tz,
    days: WorkingDays,
    hours: WorkingHours,
    holidays: BTreeSet<NaiveDate>,
    extra_days: BTreeSet<NaiveDate>,
}

/// The working days of the week; at least one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WorkingDays([bool; 7]);

impl Default for WorkingDays {
    fn default() -> Self {
        Self([true; 7])
    }
}

/// Parses `mon-fri`, or single days and spans separated by commas: `mon,wed-fri`.
impl FromStr for WorkingDays {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let day = |word: &str| -> Result<usize, ()> {
            let names = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
            names.iter().position(|name| *name == word.trim().to_ascii_lowercase()).ok_or(())
        };
        let mut days = [false; 7];
        for span in text.split(',') {
            let (first, last) = span.split_once('-').map_or((span, span), |span| span);
            let (first, last) = (day(first)?, day(last)?);
            // `sat-mon` wraps around the end of the week
            (0..=(last + 7 - first) % 7).for_each(|step| days[(first + step) % 7] = true);
        }
        Ok(Self(days))
    }
}

impl WorkingDays {
    fn has(self, day: Weekday) -> bool {
        self.0[day.num_days_from_monday() as usize]
    }
}

/// The working hours of a day: spans in order, with breaks between them, at least an hour in all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkingHours(Vec<Span>);

/// Minutes from midnight; a night shift closes on the next day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Span {
    opens: u32,
    closes: u32,
}

impl Default for WorkingHours {
    fn default() -> Self {
        Self(vec![Span { opens: 0, closes: DAY }])
    }
}

/// Parses `09:00-18:00`, or several spans separated by commas: `09:00-13:00,14:00-18:00`. `24:00` is the end of the day, and
/// `22:00-06:00` ends on the next one.
impl FromStr for WorkingHours {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let mut spans = text.split(',').map(str::parse).collect::<Result<Vec<Span>, ()>>()?;
        spans.sort_unstable();
        let (Some(first), Some(last)) = (spans.first(), spans.last()) else { return Err(()) };
        // the last shift may end on the next day, but not after the first one of that day has begun
        let in_order = spans.windows(2).all(|pair| pair[0].closes <= pair[1].opens) && last.closes <= first.opens + DAY;
        let minutes: u32 = spans.iter().map(|span| span.closes - span.opens).sum();
        if in_order && minutes >= 60 { Ok(Self(spans)) } else { Err(()) }
    }
}

impl FromStr for Span {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let minutes = |text: &str| -> Result<u32, ()> {
            let two_digits = |text: &str| text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
            let (hour, minute) = text.trim().split_once(':').filter(|(hour, minute)| two_digits(hour) && two_digits(minute)).ok_or(())?;
            let (hour, minute): (u32, u32) = (hour.parse().map_err(drop)?, minute.parse().map_err(drop)?);
            Some(hour * 60 + minute).filter(|at| minute < 60 && *at <= DAY).ok_or(())
        };
        let (opens, closes) = text.split_once('-').ok_or(())?;
        let (opens, closes) = (minutes(opens)?, minutes(closes)?);
        match closes.cmp(&opens) {
            Ordering::Greater => Ok(Self { opens, closes }),
            Ordering::Less if opens < DAY => Ok(Self { opens, closes: closes + DAY }),
            _ => Err(()),
        }
    }
}

impl Calendar {
    /// A calendar in which all time is working time.
    pub fn always(time_zone: Tz) -> Self {
        Self::new(time_zone, WorkingDays::default(), WorkingHours::default(), BTreeSet::new())
    }

    /// A calendar with these hours on these days of the week, except on holidays.
    pub fn new(time_zone: Tz, days: WorkingDays, hours: WorkingHours, holidays: BTreeSet<NaiveDate>) -> Self {
        Self { time_zone, days, hours, holidays, extra_days: BTreeSet::new() }
    }

    /// The calendar with these working days besides those of the week. A day that is also a holiday is none.
    #[must_use]
    pub fn with_extra_days(self, extra_days: BTreeSet<NaiveDate>) -> Self {
        Self { extra_days, ..self }
    }

    /// The first moment of a day.
    pub fn day_begins(&self, day: NaiveDate) -> Option<DateTime<Utc>> {
        self.moment(day, 0)
    }

    fn is_always(&self) -> bool {
        self.days == WorkingDays::default() && self.hours == WorkingHours::default() && self.holidays.is_empty()
    }

    /// The moment at which this much working time has passed since `start`.
    pub fn after(&self, start: DateTime<Utc>, mut time: TimeDelta) -> DateTime<Utc> {
        if self.is_always() || time <= TimeDelta::zero() {
            return start + time.max(TimeDelta::zero());
        }
        let mut at = start;
        for (opens, closes) in self.spans(start) {
            if closes <= start {
                continue;
            }
            at = start.max(opens);
            let span = (closes - at).max(TimeDelta::zero());
            if time <= span {
                return at + time;
            }
            time -= span;
        }
        // beyond the last day that can be represented
        at
    }

    /// The working time between two moments; zero when the second is not after the first.
    pub fn between(&self, from: DateTime<Utc>, to: DateTime<Utc>) -> TimeDelta {
        if self.is_always() {
            return (to - from).max(TimeDelta::zero());
        }
        let spans = self.spans(from).take_while(|(opens, _)| *opens < to);
        spans.map(|(opens, closes)| (closes.min(to) - opens.max(from)).max(TimeDelta::zero())).sum()
    }

    /// The working spans from this moment on, and those of the day before it, whose night shift may not have ended.
    fn spans(&self, from: DateTime<Utc>) -> impl Iterator<Item = (DateTime<Utc>, DateTime<Utc>)> + '_ {
        let today = from.with_timezone(&self.time_zone).date_naive();
        let first = today.pred_opt().unwrap_or(today);
        let is_working = |day: &NaiveDate| (self.days.has(day.weekday()) || self.extra_days.contains(day)) && !self.holidays.contains(day);
        let spans = first.iter_days().filter(is_working).flat_map(|day| self.hours.0.iter().map(move |span| (day, *span)));
        spans.map_while(|(day, span)| Some((self.moment(day, span.opens)?, self.moment(day, span.closes)?)))
    }

    /// The first moment at which the local clock shows this time on this day; if the clock skips it, the moment of the skip.
    fn moment(&self, day: NaiveDate, minutes: u32) -> Option<DateTime<Utc>> {
        let day = day.checked_add_days(Days::new(u64::from(minutes / DAY)))?;
        let minutes = minutes % DAY;
        let shown = day.and_time(NaiveTime::from_hms_opt(minutes / 60, minutes % 60, 0)?);
        match self.time_zone.from_local_datetime(&shown) {
            LocalResult::Single(at) | LocalResult::Ambiguous(at, _) => Some(at.to_utc()),
            LocalResult::None => self.leap_over(shown),
        }
    }

    /// The moment at which the clock skips this time.
    fn leap_over(&self, shown: NaiveDateTime) -> Option<DateTime<Utc>> {
        // the longest skip of any time zone is a whole day
        let before = (1..=25 * 60).find_map(|minutes| {
            let earlier = shown.checked_sub_signed(TimeDelta::minutes(minutes))?;
            self.time_zone.from_local_datetime(&earlier).latest()
        })?;
        let after = before.to_utc() + TimeDelta::minutes(1);
        let mut seconds = (0..=60).map(|seconds| before.to_utc() + TimeDelta::seconds(seconds));
        let leapt = |at: &DateTime<Utc>| at.with_timezone(&self.time_zone).naive_local() >= shown;
        Some(seconds.find(leapt).unwrap_or(after))
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::btree_set, prelude::*, sample::select};

    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn office(zone: Tz, holidays: &[&str]) -> Calendar {
        let holidays = holidays.iter().map(|day| day.parse().unwrap()).collect();
        Calendar::new(zone, "mon-fri".parse().unwrap(), "09:00-18:00".parse().unwrap(), holidays)
    }

    #[test]
    fn four_hours_from_friday_evening_end_on_monday_unless_that_is_off() {
        let moscow = Tz::Europe__Moscow;
        // Friday 17:00 in Moscow
        let friday = at("2026-02-20T14:00:00Z");
        assert_eq!(office(moscow, &[]).after(friday, TimeDelta::hours(4)), at("2026-02-23T09:00:00Z"));
        assert_eq!(office(moscow, &["2026-02-23"]).after(friday, TimeDelta::hours(4)), at("2026-02-24T09:00:00Z"));
        assert_eq!(office(moscow, &[]).after(friday, TimeDelta::hours(1)), at("2026-02-20T15:00:00Z"));
        assert_eq!(Calendar::always(moscow).after(friday, TimeDelta::hours(4)), at("2026-02-20T18:00:00Z"));
        assert_eq!(office(moscow, &[]).between(friday, at("2026-02-23T09:00:00Z")), TimeDelta::hours(4));
        assert_eq!(office(moscow, &[]).between(at("2026-02-21T00:00:00Z"), at("2026-02-22T12:00:00Z")), TimeDelta::zero());
    }

    #[test]
    fn a_day_on_which_the_clocks_change_is_as_long_as_it_is() {
        let whole_days = |zone| Calendar::new(zone, "sun".parse().unwrap(), WorkingHours::default(), BTreeSet::new());
        let berlin = whole_days(Tz::Europe__Berlin);
        assert_eq!(berlin.between(at("2026-03-28T00:00:00Z"), at("2026-03-31T00:00:00Z")), TimeDelta::hours(23));
        assert_eq!(berlin.between(at("2026-10-24T00:00:00Z"), at("2026-10-27T00:00:00Z")), TimeDelta::hours(25));
        // the clock skips the hour from two to three that night
        let night = Calendar::new(Tz::Europe__Berlin, WorkingDays::default(), "02:00-04:00".parse().unwrap(), BTreeSet::new());
        assert_eq!(night.between(at("2026-03-29T00:00:00Z"), at("2026-03-29T12:00:00Z")), TimeDelta::hours(1));
        let left_out = Calendar::new(Tz::Europe__Berlin, WorkingDays::default(), "02:00-03:00".parse().unwrap(), BTreeSet::new());
        assert_eq!(left_out.after(at("2026-03-28T23:00:00Z"), TimeDelta::minutes(30)), at("2026-03-30T00:30:00Z"));
        // Samoa skipped a whole Friday when it crossed the date line
        let apia = Calendar::new(Tz::Pacific__Apia, "fri".parse().unwrap(), "09:00-17:00".parse().unwrap(), BTreeSet::new());
        assert_eq!(apia.between(at("2011-12-25T00:00:00Z"), at("2012-01-05T00:00:00Z")), TimeDelta::zero());
    }

    #[test]
    fn days_and_hours_are_read_as_people_write_them() {
        let days = |text: &str| text.parse::<WorkingDays>().map(|days| days.0.map(u8::from));
        assert_eq!(days("mon-fri"), Ok([1, 1, 1, 1, 1, 0, 0]));
        assert_eq!(days("Mon, wed-Thu ,sun"), Ok([1, 0, 1, 1, 0, 0, 1]));
        assert_eq!(days("sat-mon"), Ok([1, 0, 0, 0, 0, 1, 1]));
        assert!(["", "monday", "mon-", "1-5", "mon;tue", "mon,,tue"].iter().all(|text| days(text).is_err()));
        let hours = |text: &str| text.parse::<WorkingHours>().map(|hours| hours.0.iter().map(|span| (span.opens, span.closes)).collect());
        assert_eq!(hours("09:30-18:00"), Ok(vec![(570, 1080)]));
        assert_eq!(hours("14:00-18:00, 09:00-13:00"), Ok(vec![(540, 780), (840, 1080)]));
        assert_eq!(hours("22:00-06:00"), Ok(vec![(1320, 1800)]));
        assert_eq!(hours("06:00-14:00,22:00-06:00"), Ok(vec![(360, 840), (1320, 1800)]));
        assert_eq!("00:00-24:00".parse(), Ok(WorkingHours::default()));
        let wrong = [
            "",
            "9:00-18:00",
            "09:00-09:00",
            "09:00-09:59",
            "09:00",
            "09:60-18:00",
            "09:00-24:01",
            "24:00-06:00",
            "+9:00-18:00",
            "09:00-18:00-19:00",
            "09:00-13:00,",
            "09:00-13:00,12:00-18:00",
            "05:00-09:00,22:00-06:00",
        ];
        assert!(wrong.iter().all(|text| text.parse::<WorkingHours>().is_err()));
    }

    #[test]
    fn breaks_are_not_worked_and_a_night_shift_belongs_to_the_day_on_which_it_begins() {
        let weekdays = |hours: &str| Calendar::new(Tz::UTC, "mon-fri".parse().unwrap(), hours.parse().unwrap(), BTreeSet::new());
        let with_lunch = weekdays("09:00-13:00,14:00-18:00");
        // a Friday
        assert_eq!(with_lunch.after(at("2026-02-20T12:00:00Z"), TimeDelta::hours(2)), at("2026-02-20T15:00:00Z"));
        assert_eq!(with_lunch.after(at("2026-02-20T13:30:00Z"), TimeDelta::hours(5)), at("2026-02-23T10:00:00Z"));
        assert_eq!(with_lunch.between(at("2026-02-20T00:00:00Z"), at("2026-02-23T00:00:00Z")), TimeDelta::hours(8));
        let nights = weekdays("22:00-06:00");
        // the night to Saturday began on Friday, and the one to Monday on Sunday
        assert_eq!(nights.between(at("2026-02-21T00:00:00Z"), at("2026-02-23T12:00:00Z")), TimeDelta::hours(6));
        assert_eq!(nights.after(at("2026-02-20T05:00:00Z"), TimeDelta::hours(2)), at("2026-02-20T23:00:00Z"));
        assert_eq!(nights.after(at("2026-02-21T05:00:00Z"), TimeDelta::hours(2)), at("2026-02-23T23:00:00Z"));
        assert_eq!(nights.after(at("2026-02-20T12:00:00Z"), TimeDelta::zero()), at("2026-02-20T12:00:00Z"));
    }

    #[test]
    fn an_extra_day_is_worked_and_a_holiday_is_not() {
        let day = |text: &str| BTreeSet::from([text.parse::<NaiveDate>().unwrap()]);
        let calendar = office(Tz::UTC, &["2026-03-09"]).with_extra_days(day("2026-02-28"));
        // from Friday evening to the Saturday that was moved to
        assert_eq!(calendar.after(at("2026-02-27T17:00:00Z"), TimeDelta::hours(2)), at("2026-02-28T10:00:00Z"));
        assert_eq!(calendar.between(at("2026-03-07T00:00:00Z"), at("2026-03-10T00:00:00Z")), TimeDelta::zero());
        let both = office(Tz::UTC, &["2026-02-28"]).with_extra_days(day("2026-02-28"));
        assert_eq!(both.between(at("2026-02-28T00:00:00Z"), at("2026-03-01T00:00:00Z")), TimeDelta::zero());
    }

    fn any_calendar() -> impl Strategy<Value = Calendar> {
        let zones = [
            Tz::Europe__Moscow,
            Tz::Asia__Bishkek,
            Tz::UTC,
            Tz::Europe__Berlin,
            Tz::America__New_York,
            Tz::America__Havana,
            Tz::Asia__Beirut,
            Tz::Australia__Lord_Howe,
            Tz::Pacific__Apia,
            Tz::America__Sao_Paulo,
        ];
        let day = (0_u64..2000).prop_map(|days| NaiveDate::from_ymd_opt(2010, 1, 1).unwrap() + Days::new(days));
        let extra_days = btree_set(day.clone(), 0..10);
        // from two to four changes between work and rest, the last of which may be on the next day
        let changes = btree_set(0_u32..24, 2..=4);
        let days = (select(zones.to_vec()), 1_u8..128, btree_set(day, 0..40), extra_days, changes, any::<bool>());
        days.prop_map(|(zone, days, holidays, extra_days, changes, by_night)| {
            let days = WorkingDays(std::array::from_fn(|day| days >> day & 1 == 1));
            let mut changes: Vec<u32> = changes.into_iter().map(|hour| hour * 60).collect();
            changes.truncate(changes.len() / 2 * 2);
            if by_night {
                changes.rotate_left(1);
                changes.iter_mut().last().into_iter().for_each(|last| *last += DAY);
            }
            let spans = changes.chunks(2).map(|pair| Span { opens: pair[0], closes: pair[1] }).collect();
            Calendar::new(zone, days, WorkingHours(spans), holidays).with_extra_days(extra_days)
        })
    }

    prop_compose! {
        /// From 2010 on, across all clock changes of five years.
        fn any_moment()(seconds in 1_262_304_000_i64..1_420_070_400, micros in 0_u32..1_000_000) -> DateTime<Utc> {
            DateTime::from_timestamp(seconds, micros * 1000).unwrap()
        }
    }

    proptest! {
        #[test]
        fn what_is_added_is_what_lies_between(calendar in any_calendar(), start in any_moment(), minutes in 0_i64..20_000) {
            let time = TimeDelta::minutes(minutes);
            let end = calendar.after(start, time);
            prop_assert!(end >= start);
            prop_assert_eq!(calendar.between(start, end), time);
        }

        #[test]
        fn added_in_two_parts_it_is_the_same(calendar in any_calendar(), start in any_moment(), first in 0_i64..9_000, second in 0_i64..9_000) {
            let (first, second) = (TimeDelta::minutes(first), TimeDelta::minutes(second));
            let both = calendar.after(start, first + second);
            let in_parts = calendar.after(calendar.after(start, first), second);
            prop_assert_eq!(calendar.between(start, in_parts), first + second);
            prop_assert!(second == TimeDelta::zero() || in_parts == both);
        }

        #[test]
        fn who_starts_later_never_ends_earlier(calendar in any_calendar(), start in any_moment(), later in 0_i64..9_000, minutes in 1_i64..9_000) {
            let time = TimeDelta::minutes(minutes);
            prop_assert!(calendar.after(start, time) <= calendar.after(start + TimeDelta::minutes(later), time));
        }

        #[test]
        fn time_between_adds_up_and_is_no_longer_than_the_clock_says(calendar in any_calendar(), a in any_moment(), b in 0_i64..90_000, c in 0_i64..90_000) {
            let b = a + TimeDelta::minutes(b);
            let c = b + TimeDelta::minutes(c);
            prop_assert_eq!(calendar.between(a, b) + calendar.between(b, c), calendar.between(a, c));
            prop_assert!(calendar.between(a, c) <= c - a);
            prop_assert_eq!(calendar.between(c, a), TimeDelta::zero());
        }
    }
}
