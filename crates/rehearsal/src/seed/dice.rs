//! Repeatable random values, past days, and unique values.

use chrono::{DateTime, Days, NaiveDate, TimeDelta, Utc};
use chrono_tz::Tz;
use rand::{RngExt, SeedableRng, rngs::StdRng};

/// Odd and not a multiple of 3, 5, 7 or 13, so that it shares no factor with the spaces over which indexes are spread here.
const STRIDE: u64 = 618_033_989;

/// A random generator that repeats its values for the same seed and stream.
pub struct Dice(StdRng);

impl Dice {
    /// Creates a separate generator for one batch, so that batches do not depend on each other's order.
    pub fn new(seed: u64, stream: u64) -> Self {
        Self(StdRng::seed_from_u64(seed.wrapping_add(stream.wrapping_mul(0x9E37_79B9_7F4A_7C15))))
    }

    /// Returns a number from `least` to `most`.
    pub fn between(&mut self, least: i64, most: i64) -> i64 {
        self.0.random_range(least..=most.max(least))
    }

    /// Returns true with a probability of `chance` percent.
    pub fn percent(&mut self, chance: u32) -> bool {
        self.0.random_ratio(chance.min(100), 100)
    }

    /// Picks an element; the slice must not be empty.
    pub fn pick<'a, T>(&mut self, among: &'a [T]) -> &'a T {
        &among[self.0.random_range(0..among.len())]
    }

    /// Returns a day from `first` to `last`.
    pub fn day(&mut self, first: NaiveDate, last: NaiveDate) -> NaiveDate {
        first + TimeDelta::days(self.between(0, (last - first).num_days()))
    }
}

/// Spreads indexes below `space` over it: no two get the same value, and neighbors are far apart.
///
/// `space` has no prime factors except 2, 3, 5, 7 and 13, and is at most 10⁹.
pub fn spread(index: u64, shift: u64, space: u64) -> u64 {
    (index % space + shift % space) % space * STRIDE % space
}

/// The days of the operator.
#[derive(Clone, Copy, Debug)]
pub struct Calendar {
    /// The present day. All generated events are before it, so that the time of day makes no difference.
    pub today: NaiveDate,
    /// The operator's time zone.
    pub time_zone: Tz,
}

impl Calendar {
    /// The day before today.
    pub fn yesterday(&self) -> NaiveDate {
        self.ago(1)
    }

    /// The day this many days before today.
    pub fn ago(&self, days: u64) -> NaiveDate {
        self.today.checked_sub_days(Days::new(days)).unwrap_or(self.today)
    }

    /// The moment this many minutes into a day.
    pub fn at(&self, day: NaiveDate, minute: i64) -> DateTime<Utc> {
        let local = day.and_time(chrono::NaiveTime::MIN) + TimeDelta::minutes(minute);
        let moment = local.and_local_timezone(self.time_zone).earliest();
        // a time skipped by the change to summer time is moved an hour later
        let moment = moment.or_else(|| (local + TimeDelta::hours(1)).and_local_timezone(self.time_zone).earliest());
        moment.map_or_else(|| local.and_utc(), |moment| moment.to_utc())
    }

    /// A moment of a day within opening hours.
    pub fn in_business_hours(&self, dice: &mut Dice, day: NaiveDate) -> DateTime<Utc> {
        self.at(day, dice.between(8 * 60, 20 * 60)) + TimeDelta::seconds(dice.between(0, 59))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_two_indexes_are_spread_to_the_same_place() {
        for space in [1_000_000, 2_000_000, 8_000_000] {
            let places: HashSet<u64> = (0..1_000_000).map(|index| spread(index, 777_777, space)).collect();
            assert_eq!(places.len(), 1_000_000, "{space}");
        }
        let slots: HashSet<u64> = (0..1_000_000).map(|index| spread(index, 5, 260_000_000)).collect();
        assert_eq!(slots.len(), 1_000_000);
    }

    #[test]
    fn the_same_seed_throws_the_same() {
        let throws = |seed, stream| {
            (0..20).map(move |_| 0).scan(Dice::new(seed, stream), |dice, _: i32| Some(dice.between(0, 1000))).collect::<Vec<_>>()
        };
        assert_eq!(throws(1, 2), throws(1, 2));
        assert_ne!(throws(1, 2), throws(1, 3));
    }
}
