//! Counts statements for tests and metrics, and records them for a test that asks.

use std::sync::{
    Mutex, MutexGuard, OnceLock, PoisonError,
    atomic::{AtomicU64, Ordering},
};

use crate::Sql;

#[derive(Default)]
pub(crate) struct Trace {
    count: AtomicU64,
    kept: OnceLock<Mutex<Vec<Sql>>>,
}

impl Trace {
    pub(crate) fn note(&self, statement: &Sql) {
        self.count.fetch_add(1, Ordering::Relaxed);
        if let Some(kept) = self.kept.get() {
            lock(kept).push(statement.clone());
        }
    }

    pub(crate) fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    /// The statements that ran since the last call; the first call starts the recording.
    pub(crate) fn take(&self) -> Vec<Sql> {
        std::mem::take(&mut *lock(self.kept.get_or_init(Mutex::default)))
    }
}

fn lock(kept: &Mutex<Vec<Sql>>) -> MutexGuard<'_, Vec<Sql>> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}
