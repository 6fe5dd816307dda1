//! How often and how long work on the database is tried.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    pin::pin,
    sync::{Arc, atomic::Ordering},
    time::Instant,
};

use kernel::{
    Context,
    error::{Error, Result, Transient, common},
};
use tokio::time::timeout;

use crate::{
    Db, Tx,
    queue::Turn,
    unit::{Kept, Unit},
};

/// How many times a transaction that collides with another is attempted before the error is returned.
const WRITE_TRIES: u32 = 4;
/// How many times a read is attempted when its connection breaks.
const READ_TRIES: u32 = 2;

impl Db {
    /// Runs `work` in a transaction and commits it with its audit trail; an error leaves nothing changed.
    ///
    /// `work` runs again when the transaction collided with another. The first attempt of a request does not wait for a row that another
    /// transaction has locked: it gives its connection back and queues for the row.
    ///
    /// Errors: `database_away` when the database does not respond in time, and the errors of `work`.
    pub async fn transaction<T>(&self, context: &Arc<Context>, work: impl AsyncFn(&mut Tx) -> Result<T>) -> Result<T> {
        let work = Kept::new(work);
        self.run_transaction(context, &work).await?;
        work.made()
    }

    async fn run_transaction(&self, context: &Arc<Context>, work: &dyn Unit<Tx>) -> Result<()> {
        let (mut tries, mut turn): (u32, Option<Turn>) = (WRITE_TRIES, None);
        let outcome = loop {
            let waits = turn.is_some() || context.origin.patience.left().is_none();
            let outcome = self.bounded(context, self.attempt(context, waits, work)).await;
            match outcome.as_ref().err().and_then(Error::is_transient) {
                Some(Transient::Occupied(row)) if turn.is_none() => {
                    let queued = async { Ok(self.queues.clone().turn(row).await) };
                    turn = Some(self.bounded(context, queued).await?);
                }
                Some(Transient::Collision) if tries > 1 => tries -= 1,
                _ => break outcome,
            }
        };
        if let Err(error) = &outcome {
            if error.code() == common::DATABASE_FULL {
                self.cannot_write.store(true, Ordering::Relaxed);
            }
            if error.is_transient() == Some(Transient::Connection) {
                // the others lead to the same server
                self.drop_idle();
            }
        }
        outcome
    }

    async fn attempt(&self, context: &Arc<Context>, waits: bool, work: &dyn Unit<Tx>) -> Result<()> {
        let mut tx = self.begin(context, waits).await?;
        match work.run(&mut tx).await {
            Ok(()) => tx.commit().await,
            Err(error) => {
                tx.roll_back().await;
                Err(error)
            }
        }
    }

    /// Waits until no other work of this instance has the turn of this name, and keeps it until the turn is dropped.
    ///
    /// For transactions that would otherwise wait for each other at the database, each with a connection.
    /// Errors: `database_away` when it takes longer than the request may wait.
    pub async fn turn(&self, context: &Context, name: &impl Hash) -> Result<Turn> {
        let mut key = DefaultHasher::new();
        name.hash(&mut key);
        self.bounded(context, async { Ok(self.queues.clone().turn(key.finish()).await) }).await
    }

    /// Runs a read, and once more when its connection is broken.
    pub(crate) async fn read_twice<T, F: Future<Output = Result<T>>>(&self, context: &Context, attempt: impl Fn() -> F) -> Result<T> {
        for _ in 1..READ_TRIES {
            match self.bounded(context, attempt()).await {
                Err(error) if error.is_transient() == Some(Transient::Connection) => self.drop_idle(),
                outcome => return outcome,
            }
        }
        self.bounded(context, attempt()).await
    }

    /// Waits for work that another caller does on the database, within what the request has left of its time.
    ///
    /// Errors: `database_away` when that is too little, and the errors of `work`.
    pub async fn within<T>(&self, context: &Context, work: impl Future<Output = Result<T>>) -> Result<T> {
        self.bounded(context, work).await
    }

    /// Runs work within the time limit: what a request has left of its time, or else the limit of one transaction.
    async fn bounded<T>(&self, context: &Context, work: impl Future<Output = Result<T>>) -> Result<T> {
        // pinned in place: these futures are large, and moving them shows in a profile
        let work = pin!(work);
        let Some(limit) = self.patience else { return work.await };
        let (shared, began) = (&context.origin.patience, Instant::now());
        let outcome = timeout(shared.left().unwrap_or(limit), work).await;
        shared.spend(began.elapsed());
        outcome.unwrap_or_else(|_| Err(Error::new(common::DATABASE_AWAY).retry_after(1)))
    }
}
