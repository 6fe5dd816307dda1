//! Reads of unmasked personal data, which are put on record before the data is sent.
//!
//! A read that cannot be put on record is not answered. Requests that read at the same time share one transaction, and none of them
//! waits for the head of the audit trail: the rows go into a table of their own, from which a job moves them into the trail.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use database::{Db, LONGEST_WAIT, audit::Entry};
use kernel::{Code, Context, Error, Kind, Result, error::common};
use tokio::{sync::oneshot, time::timeout};

use crate::store::reads::{self, Read};

/// Reads put on record in one transaction, and moved into the trail in one.
const BATCH: usize = 500;

/// Reads that requests are waiting to have put on record.
#[derive(Default)]
pub struct ReadLog {
    waiting: Mutex<Vec<Waiting>>,
    writing: tokio::sync::Mutex<()>,
}

/// A read, and where its request learns that it is on record.
struct Waiting {
    read: Read,
    written: oneshot::Sender<Result<(), Code>>,
}

impl ReadLog {
    /// Puts on record that the context's actor reads the personal data of these entities; returns when it is committed.
    ///
    /// Errors: `database_away`, `database_full`; then the data must not be shown.
    pub async fn note(&self, db: &Db, context: &Arc<Context>, entity: &'static str, ids: &[i64]) -> Result<()> {
        if ids.is_empty() {
            return Ok(());
        }
        let (written, mut outcome) = oneshot::channel();
        self.waiting().push(Waiting { read: Read::new(context, entity, ids), written });
        let work = async {
            tokio::select! {
                biased;
                written = &mut outcome => written.ok(),
                // whoever gets the turn writes for all who have come in the meantime
                _turn = self.writing.lock() => loop {
                    match outcome.try_recv() {
                        Err(oneshot::error::TryRecvError::Empty) => self.write(db, context).await,
                        written => break written.ok(),
                    }
                }
            }
        };
        // nothing is heard when the request that was writing has given up
        let outcome = timeout(LONGEST_WAIT, work).await.ok().flatten().unwrap_or(Err(common::DATABASE_AWAY));
        outcome.map_err(|code| match code.kind {
            Kind::Unavailable => Error::new(code).retry_after(1),
            _ => Error::new(code),
        })
    }

    /// Writes a batch of waiting reads, and tells the outcome to their requests.
    async fn write(&self, db: &Db, context: &Arc<Context>) {
        let (batch, told): (Vec<Read>, Vec<_>) = {
            let mut waiting = self.waiting();
            let most = waiting.len().min(BATCH);
            waiting.drain(..most).map(|one| (one.read, one.written)).unzip()
        };
        let outcome = db.transaction(context, async |tx| reads::insert(tx, &batch).await).await;
        if let Err(error) = &outcome {
            log::warn!("cannot record reads of personal data: {error}");
        }
        for one in told {
            // a request that gave up needs no outcome
            let _gone = one.send(outcome.as_ref().copied().map_err(Error::code));
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Moves a batch of reads into the audit trail; returns whether there may be more.
pub async fn move_into_trail(db: &Db, context: &Arc<Context>) -> Result<bool> {
    let most = i64::try_from(BATCH).map_err(Error::internal)?;
    let moved = db.transaction(context, async |tx| {
        let batch = reads::take(tx, most).await?;
        let count = batch.len();
        for Read { at, actor, origin, entity, ids } in batch {
            let entry = match ids.as_slice() {
                [id] => Entry::new("personal_data.read", entity, id),
                _ => Entry::new("personal_data.read", entity, "*").note("ids", ids),
            };
            tx.record(entry.by(&actor).happened(at, origin));
        }
        Ok(count)
    });
    Ok(moved.await? == BATCH)
}
