//! How long a request may wait for the database.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// The time that one request may wait for the database in all: its guard, its use case and its repetitions share it.
///
/// Clones share what is left. Jobs have no common limit: each of their transactions has its own.
#[derive(Clone, Debug, Default)]
pub struct Patience(Option<Shared>);

#[derive(Clone, Debug)]
struct Shared {
    whole: Duration,
    microseconds_left: Arc<AtomicU64>,
}

impl Patience {
    /// This much time in all.
    pub fn of(whole: Duration) -> Self {
        let microseconds = u64::try_from(whole.as_micros()).unwrap_or(u64::MAX);
        Self(Some(Shared { whole, microseconds_left: Arc::new(AtomicU64::new(microseconds)) }))
    }

    /// As much time again, for work that follows a slow call to another server.
    #[must_use]
    pub fn renewed(&self) -> Self {
        self.0.as_ref().map(|shared| Self::of(shared.whole)).unwrap_or_default()
    }

    /// The time that is left; `None` without a common limit.
    pub fn left(&self) -> Option<Duration> {
        self.0.as_ref().map(|shared| Duration::from_micros(shared.microseconds_left.load(Ordering::Relaxed)))
    }

    /// Subtracts time that was spent.
    pub fn spend(&self, time: Duration) {
        let Some(shared) = &self.0 else { return };
        let spent = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        shared.microseconds_left.update(Ordering::Relaxed, Ordering::Relaxed, |left| left.saturating_sub(spent));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_share_what_is_left_and_it_never_falls_below_nothing() {
        let whole = Patience::of(Duration::from_secs(3));
        let same = whole.clone();
        same.spend(Duration::from_secs(1));
        assert_eq!(whole.left(), Some(Duration::from_secs(2)));
        whole.spend(Duration::from_secs(9));
        assert_eq!(same.left(), Some(Duration::ZERO));
        assert_eq!(whole.renewed().left(), Some(Duration::from_secs(3)));
        assert_eq!(whole.left(), Some(Duration::ZERO));
    }

    #[test]
    fn work_without_a_request_has_no_common_limit() {
        let none = Patience::default();
        none.spend(Duration::from_secs(9));
        assert_eq!((none.left(), none.renewed().left()), (None, None));
    }
}
