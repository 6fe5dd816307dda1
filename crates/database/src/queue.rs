//! Queues for locked rows, so that those who wait for one row do not hold all connections.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::OwnedMutexGuard;

type Places = HashMap<u64, Arc<tokio::sync::Mutex<()>>>;

/// The queues of this instance, by the key of a row.
///
/// A transaction that meets a locked row is rolled back and gives its connection back. It then waits here, in order of arrival, and only
/// the first of a queue waits at the database. Whoever waits here holds no lock there, so a queue cannot become part of a deadlock.
#[derive(Default)]
pub(crate) struct Queues(Mutex<Places>);

impl Queues {
    /// Waits for the turn of the caller.
    pub(crate) async fn turn(self: Arc<Self>, row: u64) -> Turn {
        let place = self.lock().entry(row).or_default().clone();
        // made before the wait, so that a cancelled wait is cleared away too
        let mut turn = Turn { queues: self, row, first: None };
        turn.first = Some(place.lock_owned().await);
        turn
    }

    fn lock(&self) -> MutexGuard<'_, Places> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The first place in a queue; the next one gets it when this is dropped.
pub struct Turn {
    queues: Arc<Queues>,
    row: u64,
    first: Option<OwnedMutexGuard<()>>,
}

impl Drop for Turn {
    fn drop(&mut self) {
        drop(self.first.take());
        let mut places = self.queues.lock();
        // counted under the lock, so nobody joins the queue meanwhile
        if places.get(&self.row).is_some_and(|place| Arc::strong_count(place) == 1) {
            places.remove(&self.row);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    #[tokio::test]
    async fn one_at_a_time_has_the_turn_for_a_row_and_nothing_is_left_behind() {
        let queues = Arc::new(Queues::default());
        let first = queues.clone().turn(1).await;
        let other = queues.clone().turn(2).await;
        assert!(timeout(Duration::from_millis(10), queues.clone().turn(1)).await.is_err());
        drop(first);
        let next = timeout(Duration::from_millis(10), queues.clone().turn(1)).await.unwrap();
        drop((next, other));
        assert!(queues.lock().is_empty());
    }
}
