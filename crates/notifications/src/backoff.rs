//! The retry schedule of undelivered messages.

use chrono::{DateTime, TimeDelta, Utc};

/// The number of attempts before a message fails.
pub const MOST_ATTEMPTS: i64 = 12;
/// How long a claimed message stays reserved; longer than it takes to send a batch.
pub const LEASE: TimeDelta = TimeDelta::minutes(3);
/// How long a sender works on the messages that it has claimed.
pub const SHIFT: std::time::Duration = std::time::Duration::from_secs(60);

const FIRST_WAIT: i64 = 10;
const LONGEST_WAIT: i64 = 12 * 60 * 60;

/// When to retry after this many attempts: 10 s, then three times as long each time up to half a day, two days in all; never after the
/// twelfth.
pub fn next_attempt(attempts: i64, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    if attempts >= MOST_ATTEMPTS {
        return None;
    }
    let tripled = u32::try_from(attempts.saturating_sub(1).max(0)).ok()?;
    let seconds = 3_i64.saturating_pow(tripled).saturating_mul(FIRST_WAIT).min(LONGEST_WAIT);
    Some(now + TimeDelta::seconds(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_up_to_half_a_day_and_end_with_the_twelfth_try() {
        let now = DateTime::UNIX_EPOCH;
        let waits: Vec<i64> = (1..MOST_ATTEMPTS).map(|n| (next_attempt(n, now).unwrap() - now).num_seconds()).collect();
        assert_eq!(waits, [10, 30, 90, 270, 810, 2430, 7290, 21870, 43200, 43200, 43200]);
        assert_eq!(next_attempt(MOST_ATTEMPTS, now), None);
    }
}
