//! On which days of a period a contract was served, and on which it was under a hold.
//!
//! The day on which a hold is placed or lifted counts as served. Holds that overlap, whatever their reasons, are one break.

use std::{collections::HashMap, fmt};

use chrono::{DateTime, Days, NaiveDate, Utc};
use contracts::{HoldTime, HoldsSince};
use database::Conn;
use kernel::{Money, Result, id::ContractId};

use crate::{
    model::PeriodRow,
    period::{days, last_day},
};

/// Ranges of days that a description names one by one; of more it names the first and the last day only.
const MOST_NAMED: usize = 6;

/// A range of days that is not empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DayRange {
    /// The first day.
    pub start: NaiveDate,
    /// The day after the last.
    pub end: NaiveDate,
}

/// Ranges of days in order, with gaps between them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DayRanges(Vec<DayRange>);

impl DayRanges {
    /// All days from `start` to the day before `end`.
    pub fn of(start: NaiveDate, end: NaiveDate) -> Self {
        Self(if start < end { vec![DayRange { start, end }] } else { Vec::new() })
    }

    /// How many days there are.
    pub fn count(&self) -> i64 {
        self.0.iter().map(|range| days(range.start, range.end)).sum()
    }

    /// From the first to the last day; nothing if there is none.
    pub fn bounds(&self) -> Option<DayRange> {
        Some(DayRange { start: self.0.first()?.start, end: self.0.last()?.end })
    }

    /// The other days from `start` to the day before `end`.
    #[must_use]
    pub fn without(&self, start: NaiveDate, end: NaiveDate) -> Self {
        let (mut others, mut from) = (Vec::new(), start);
        for range in self.0.iter().filter(|range| range.end > start && range.start < end) {
            others.extend(Self::of(from, range.start).0);
            from = range.end;
        }
        others.extend(Self::of(from, end).0);
        Self(others)
    }
}

impl fmt::Display for DayRanges {
    /// Formats first and last days, as in `2026-02-10 – 2026-02-12, 2026-02-20 – 2026-03-09`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bounds = self.bounds().filter(|_| self.0.len() > MOST_NAMED);
        let named: Vec<String> = bounds
            .iter()
            .chain(self.0.iter().filter(|_| bounds.is_none()))
            .map(|range| format!("{} – {}", range.start, last_day(range.end)))
            .collect();
        f.write_str(&named.join(", "))
    }
}

/// When a contract was not served, and what follows from that for a period that was paid in advance.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Breaks {
    unserved: DayRanges,
    are_credited: bool,
}

impl Breaks {
    /// The breaks that these holds make. `day_of` is the operator's day of a moment.
    pub fn of(mut holds: Vec<HoldTime>, day_of: impl Fn(DateTime<Utc>) -> NaiveDate, are_credited: bool) -> Self {
        holds.sort_unstable_by_key(|hold| hold.placed_at);
        let mut merged: Vec<HoldTime> = Vec::new();
        for hold in holds {
            match merged.last_mut() {
                Some(last) if last.lifted_at.is_none_or(|lifted| hold.placed_at <= lifted) => {
                    last.lifted_at = last.lifted_at.zip(hold.lifted_at).map(|(one, other)| one.max(other));
                }
                _ => merged.push(hold),
            }
        }
        let ranges = merged.into_iter().flat_map(|hold| {
            let placed = day_of(hold.placed_at);
            DayRanges::of(placed + Days::new(1), hold.lifted_at.map_or(NaiveDate::MAX, &day_of)).0
        });
        Self { unserved: DayRanges(ranges.collect()), are_credited }
    }

    /// The days served from `start` to the day before `end`.
    pub fn served(&self, start: NaiveDate, end: NaiveDate) -> DayRanges {
        self.unserved.without(start, end)
    }

    /// The days of a period that was paid in advance which are given back when it ends on `end`: those under a hold, if the operator
    /// credits them.
    pub fn credited(&self, period: &PeriodRow, end: NaiveDate) -> DayRanges {
        match self.are_credited {
            true => self.served(period.period_start, end).without(period.period_start, end),
            false => DayRanges::default(),
        }
    }

    /// The days that are given back when a change or a termination cuts a period that was paid in advance: those from `on`, and those
    /// that [`Breaks::credited`] names.
    pub fn unused(&self, period: &PeriodRow, on: NaiveDate) -> DayRanges {
        match self.are_credited {
            true => self.served(period.period_start, on).without(period.period_start, period.period_end),
            false => DayRanges::of(on, period.period_end),
        }
    }

    /// The days of a period on which there was no service before `on`, and those from `on`.
    pub fn unserved(&self, period: &PeriodRow, on: NaiveDate) -> DayRanges {
        self.served(period.period_start, on).without(period.period_start, period.period_end)
    }

    /// Reads the breaks in a period, also where a period that was paid in advance keeps its price.
    pub async fn of_period(conn: &mut Conn, period: &PeriodRow) -> Result<Self> {
        let context = conn.context().clone();
        let since = HoldsSince { contract_id: period.contract_id, since: context.day_begins(period.period_start) };
        let holds = contracts::hold_times(conn, &[since]).await?;
        let zone = context.policy.time_zone;
        Ok(Self::of(holds, |moment| moment.with_timezone(&zone).date_naive(), context.policy.credits_holds))
    }

    /// Reads the breaks in the newest period of a contract.
    pub async fn read(conn: &mut Conn, newest: Option<&PeriodRow>) -> Result<Self> {
        let newest = newest.as_slice().iter().copied();
        Ok(Self::read_all(conn, newest).await?.into_values().next().unwrap_or_default())
    }

    /// Reads the breaks in the newest periods of many contracts. A contract that is not in the result has none that matter: its period is
    /// paid, and the operator credits no holds.
    pub async fn read_all<'a>(conn: &mut Conn, newest: impl Iterator<Item = &'a PeriodRow>) -> Result<HashMap<ContractId, Self>> {
        let are_credited = conn.policy().credits_holds;
        let matters = |period: &&PeriodRow| period.charged_at.is_none() || are_credited && period.fee.is_some_and(|fee| fee > Money::ZERO);
        let context = conn.context().clone();
        let since: Vec<HoldsSince> = newest
            .filter(matters)
            .map(|period| HoldsSince { contract_id: period.contract_id, since: context.day_begins(period.period_start) })
            .collect();
        let mut holds: HashMap<ContractId, Vec<HoldTime>> = since.iter().map(|of| (of.contract_id, Vec::new())).collect();
        for hold in contracts::hold_times(conn, &since).await? {
            holds.entry(hold.contract_id).or_default().push(hold);
        }
        let zone = context.policy.time_zone;
        let day_of = |moment: DateTime<Utc>| moment.with_timezone(&zone).date_naive();
        Ok(holds.into_iter().map(|(id, holds)| (id, Self::of(holds, day_of, are_credited))).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn hold(placed: &str, lifted: Option<&str>) -> HoldTime {
        let moment = |text: &str| format!("{text}:00Z").parse().unwrap();
        HoldTime { contract_id: ContractId::new(1), placed_at: moment(placed), lifted_at: lifted.map(moment) }
    }

    fn served(holds: &[HoldTime]) -> String {
        let breaks = Breaks::of(holds.to_vec(), |moment| moment.date_naive(), false);
        breaks.served(day("2026-02-10"), day("2026-03-10")).to_string()
    }

    #[test]
    fn the_days_on_which_a_hold_is_placed_or_lifted_are_served() {
        assert_eq!(served(&[]), "2026-02-10 – 2026-03-09");
        assert_eq!(served(&[hold("2026-02-12T09:00", None)]), "2026-02-10 – 2026-02-12");
        let lifted = hold("2026-02-12T09:00", Some("2026-02-20T09:00"));
        assert_eq!(served(&[lifted]), "2026-02-10 – 2026-02-12, 2026-02-20 – 2026-03-09");
        assert_eq!(served(&[hold("2026-02-12T09:00", Some("2026-02-13T09:00"))]), "2026-02-10 – 2026-03-09");
        // begun before the period, and lifted after its end
        assert_eq!(served(&[hold("2026-02-01T09:00", Some("2026-02-12T09:00"))]), "2026-02-12 – 2026-03-09");
        assert_eq!(served(&[hold("2026-03-01T09:00", Some("2026-04-12T09:00"))]), "2026-02-10 – 2026-03-01");
        assert_eq!(served(&[hold("2026-02-01T09:00", None)]), "");
    }

    #[test]
    fn holds_that_overlap_are_one_break_and_those_that_do_not_leave_their_days_between() {
        let (one, other) = (hold("2026-02-12T09:00", Some("2026-02-15T09:00")), hold("2026-02-15T08:00", Some("2026-02-20T09:00")));
        assert_eq!(served(&[other, one]), "2026-02-10 – 2026-02-12, 2026-02-20 – 2026-03-09");
        let later = hold("2026-02-15T10:00", Some("2026-02-20T09:00"));
        assert_eq!(served(&[one, later]), "2026-02-10 – 2026-02-12, 2026-02-15 – 2026-02-15, 2026-02-20 – 2026-03-09");
        let within = hold("2026-02-13T09:00", Some("2026-02-14T09:00"));
        assert_eq!(served(&[hold("2026-02-12T09:00", None), within]), "2026-02-10 – 2026-02-12");
    }

    #[test]
    fn many_ranges_are_named_by_their_first_and_last_day() {
        let ranges =
            (1..=7).map(|at| DayRange { start: day(&format!("2026-02-{:02}", at * 3)), end: day(&format!("2026-02-{:02}", at * 3 + 1)) });
        let ranges = DayRanges(ranges.collect());
        assert_eq!((ranges.count(), ranges.to_string().as_str()), (7, "2026-02-03 – 2026-02-21"));
    }
}
