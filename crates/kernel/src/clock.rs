//! The only place that reads the system clock.

use std::sync::{Arc, Mutex};

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};

/// The source of the time: the system clock, or a clock that a test moves.
#[derive(Clone, Debug, Default)]
pub enum Clock {
    /// The system clock, truncated to microseconds, the precision of both engines.
    #[default]
    System,
    /// A clock that changes only through [`Clock::advance`].
    Manual(Arc<Mutex<DateTime<Utc>>>),
}

impl Clock {
    /// A manual clock set to `at`.
    pub fn manual(at: DateTime<Utc>) -> Self {
        Self::Manual(Arc::new(Mutex::new(at)))
    }

    /// The current time, truncated to microseconds.
    #[allow(clippy::disallowed_methods, reason = "this is the one clock")]
    pub fn now(&self) -> DateTime<Utc> {
        match self {
            Self::System => Utc::now(),
            Self::Manual(at) => *at.lock().unwrap_or_else(|poisoned| poisoned.into_inner()),
        }
        .trunc_subsecs(6)
    }

    /// Moves a manual clock by this much; has no effect on the system clock.
    pub fn advance(&self, by: TimeDelta) {
        if let Self::Manual(at) = self {
            *at.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) += by;
        }
    }
}
