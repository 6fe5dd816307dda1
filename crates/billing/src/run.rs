//! Billing runs: everything that is due is charged, in batches, each in its own transaction.
//!
//! A batch takes contracts that no other transaction has locked, charges them, and adds its totals to the run, all or nothing. So a run
//! can be stopped at any moment and resumed, and any number of instances can work on it at once. A worker that finds no more contracts
//! goes through the due contracts once again, waiting for locked ones, and then ends the run. It queries once per transaction, because a
//! query keeps locks on contracts that were charged meanwhile, and a worker that waits must hold no locks. Each batch extends the run's
//! lease; any instance may resume a run whose lease has expired.

use std::sync::{Arc, Mutex, PoisonError};

use acl::{Granted, perm};
use chrono::{NaiveDate, TimeDelta};
use database::{Conn, Db, Page, Paging, Tx, audit::Entry};
use kernel::{
    Context, Error, Kind, Result,
    error::{Transient, common},
    id::{BillingRunId, ContractId},
};

use crate::{
    batch::{self, Outcome},
    due::Settling,
    input::{RunFilter, RunInput},
    model::{BillingRun, Figures, Queue, RunFailure, RunState},
    settle::settle_on,
    store::{
        note_run,
        runs::{self as store, NewRun, Place, Taking},
    },
};

/// Refusals about billing runs.
pub mod refusal {
    kernel::codes! {
        /// No such run.
        NOT_FOUND = NotFound "billing_run_not_found";
    }
}

/// How long a run without progress stays reserved for its last worker.
fn lease() -> TimeDelta {
    TimeDelta::seconds(60)
}

/// The actor of charges, in the ledger and in the audit trail.
pub const ACTOR: &str = "billing run";
/// The actor that starts the daily run.
pub const SCHEDULE_ACTOR: &str = "billing schedule";

/// Starts a run. If a run for that day is already running, returns that one.
///
/// Errors: `invalid` where the date is out of range.
pub async fn start(tx: &mut Tx, _granted: &Granted<perm::BillingRun>, input: &RunInput) -> Result<BillingRun> {
    let billing_date = input.date.unwrap_or_else(|| tx.today());
    begin(tx, billing_date, input.dry_run, None).await
}

/// Whether the scheduled run of a day exists.
pub async fn is_scheduled(conn: &mut Conn, day: NaiveDate) -> Result<bool> {
    Ok(store::newest_scheduled(conn).await?.is_some_and(|newest| newest >= day))
}

/// Starts the scheduled run of a day; returns nothing if it exists.
pub async fn start_scheduled(tx: &mut Tx, day: NaiveDate) -> Result<Option<BillingRun>> {
    if is_scheduled(tx, day).await? {
        return Ok(None);
    }
    begin(tx, day, false, Some(day)).await.map(Some)
}

async fn begin(tx: &mut Tx, billing_date: NaiveDate, dry_run: bool, scheduled_for: Option<NaiveDate>) -> Result<BillingRun> {
    let lease_until = tx.now() + lease();
    let new = NewRun { billing_date, dry_run, scheduled_for, started_by: tx.actor().name.clone(), lease_until };
    if let Some(run) = store::insert(tx, new).await? {
        let entry = Entry::new("billing_run.started", "billing_run", run.id);
        tx.record(entry.note("billing_date", billing_date.to_string()).note("dry_run", dry_run));
        return Ok(run);
    }
    // the run ended between the two statements, or another instance scheduled it first: retry
    let again = || Error::new(common::DATABASE_AWAY).retry_after(1).transient(Transient::Collision);
    let run = store::running(tx, billing_date, dry_run).await?.ok_or_else(again)?;
    if scheduled_for.is_some() {
        store::set_scheduled(tx, &run).await?;
    }
    Ok(run)
}

/// Returns a run. Errors: `billing_run_not_found`.
pub async fn get(conn: &mut Conn, _granted: &Granted<perm::BillingRead>, id: BillingRunId) -> Result<BillingRun> {
    store::get(conn, id).await?.ok_or_else(|| refusal::NOT_FOUND.into())
}

/// Lists runs.
pub async fn list(conn: &mut Conn, _granted: &Granted<perm::BillingRead>, filter: &RunFilter, paging: &Paging) -> Result<Page<BillingRun>> {
    store::list(conn, filter, paging).await
}

/// Lists the failures of a run. Errors: `billing_run_not_found`.
pub async fn failures(
    conn: &mut Conn,
    granted: &Granted<perm::BillingRead>,
    id: BillingRunId,
    paging: &Paging,
) -> Result<Page<RunFailure>> {
    get(conn, granted, id).await?;
    store::failures(conn, id, paging).await
}

/// Reserves the oldest abandoned run for the caller.
pub async fn take_up(tx: &mut Tx) -> Result<Option<BillingRunId>> {
    let now = tx.now();
    store::take_up(tx, now + lease()).await
}

/// Whether there is an abandoned run.
pub async fn is_left(conn: &mut Conn) -> Result<bool> {
    store::is_left(conn).await
}

/// Releases a run, so that other instances may resume it at once.
pub async fn let_go(tx: &mut Tx, id: BillingRunId) -> Result<()> {
    store::let_go(tx, id).await
}

/// Ends a run after an error; its charges remain.
pub async fn give_up(tx: &mut Tx, id: BillingRunId, error: &Error) -> Result<()> {
    end(tx, id, RunState::Failed, Some(error.code().name)).await.map(drop)
}

async fn end(tx: &mut Tx, id: BillingRunId, state: RunState, failure: Option<&'static str>) -> Result<Option<BillingRun>> {
    let Some(run) = store::end(tx, id, state, failure).await? else { return Ok(None) };
    let action = if state == RunState::Failed { "billing_run.failed" } else { "billing_run.finished" };
    tx.record(Entry::new(action, "billing_run", id).created(&run));
    Ok(Some(run))
}

/// A worker on a run, batch by batch. A run may have several, in one instance or in many.
pub struct Worker {
    run: BillingRunId,
    number: u32,
    place: Place,
    is_last_round: bool,
}

impl Worker {
    /// Creates a worker at the beginning of the queue, with its own number within the instance.
    pub fn new(run: BillingRunId, number: u32) -> Self {
        Self { run, number, place: Place::before(Queue::Active), is_last_round: false }
    }

    /// The id of the run.
    pub fn run(&self) -> BillingRunId {
        self.run
    }

    /// Processes a batch. Returns the run after it, which is no longer running when nothing is left.
    ///
    /// A contract that cannot be charged is recorded as a failure and excluded from this run. Errors: `billing_run_not_found`, and those
    /// of the database, after which the caller may retry.
    pub async fn batch(&mut self, db: &Db, context: &Arc<Context>) -> Result<BillingRun> {
        let taken = Mutex::new(Vec::new());
        let before = (self.place, self.is_last_round);
        let outcome = db
            .transaction(context, async |tx| {
                let mut part = Part { number: self.number, place: before.0, is_last_round: before.1, taken: &taken };
                let run = part.work(tx, self.run).await?;
                Ok((run, part.place, part.is_last_round))
            })
            .await;
        let taken = taken.into_inner().unwrap_or_else(PoisonError::into_inner);
        match outcome {
            Ok((run, place, is_last_round)) => {
                (self.place, self.is_last_round) = (place, is_last_round);
                Ok(run)
            }
            Err(error) if taken.is_empty() || error.is_transient().is_some() || error.kind() == Kind::Unavailable => Err(error),
            Err(error) => {
                log::warn!("a batch of billing run {} is repeated one contract at a time: {error}", self.run);
                self.one_by_one(db, context, taken).await
            }
        }
    }

    /// Charges each contract in its own transaction, after an error in a whole batch.
    async fn one_by_one(&mut self, db: &Db, context: &Arc<Context>, taken: Vec<(ContractId, NaiveDate)>) -> Result<BillingRun> {
        let mut run = db.read(context, async |conn| store::get(conn, self.run).await?.ok_or_else(|| refusal::NOT_FOUND.into())).await?;
        for (id, date) in taken {
            let place = Place { date, id, ..self.place };
            let add = async |tx: &mut Tx, outcome: &Outcome| {
                store::insert_failures(tx, run.id, &outcome.failures).await?;
                let lease_until = context.now + lease();
                store::add(tx, run.id, outcome.figures, place, lease_until).await
            };
            let charged = db
                .transaction(context, async |tx| {
                    let mut contract = contracts::steps::load(tx, id).await?;
                    let outcome = batch::reckon(tx, &[id], Settling::of_run(run.billing_date)).await?;
                    if outcome.failures.is_empty() && !run.dry_run {
                        settle_on(tx, &mut contract, Settling::of_run(run.billing_date)).await?;
                        note_run(tx, run.id, &[id]).await?;
                    }
                    add(tx, &outcome).await
                })
                .await;
            run = match charged {
                Ok(run) => run,
                Err(error) if error.is_transient().is_some() || error.kind() == Kind::Unavailable => return Err(error),
                Err(error) => {
                    log::warn!("contract {id} is excluded from billing run {}: {error}", run.id);
                    let figures = Figures { done: 1, failed: 1, ..Figures::default() };
                    let outcome = Outcome { figures, failures: vec![(id, error)] };
                    db.transaction(context, async |tx| add(tx, &outcome).await).await?
                }
            };
            self.place = place;
        }
        Ok(run)
    }
}

/// One transaction of a worker.
struct Part<'a> {
    number: u32,
    place: Place,
    is_last_round: bool,
    taken: &'a Mutex<Vec<(ContractId, NaiveDate)>>,
}

impl Part<'_> {
    async fn work(&mut self, tx: &mut Tx, id: BillingRunId) -> Result<BillingRun> {
        store::prepare_batch(tx, self.number).await?;
        let mut run = store::get(tx, id).await?.ok_or(refusal::NOT_FOUND)?;
        if run.dry_run {
            // all workers of a dry run share its place, one after the other
            run = store::lock(tx, id).await?.ok_or(refusal::NOT_FOUND)?;
            self.place = store::place(tx, id).await?;
        }
        if run.state != RunState::Running {
            return Ok(run);
        }
        if run.due_count.is_none() {
            // in its own transaction, so that it is kept whatever happens to the first batch
            return store::set_due(tx, &run).await?.map_or_else(|| Ok(run), Ok);
        }
        let (found, (last, date)) = loop {
            let found = self.take(tx, &run).await?;
            if let Some(last) = found.last().copied() {
                break (found, last);
            }
            if !self.goes_on(&run) {
                let ended = end(tx, id, RunState::Finished, None).await?;
                return match ended {
                    Some(run) => Ok(run),
                    None => store::get(tx, id).await?.ok_or_else(|| refusal::NOT_FOUND.into()),
                };
            }
            if !run.dry_run {
                return Ok(run);
            }
        };
        self.place = Place { date, id: last, ..self.place };
        let ids: Vec<ContractId> = found.iter().map(|(id, _)| *id).collect();
        *self.taken.lock().unwrap_or_else(PoisonError::into_inner) = found;
        let outcome = match run.dry_run {
            true => batch::reckon(tx, &ids, Settling::of_run(run.billing_date)).await?,
            false => batch::charge(tx, Some(run.id), &ids, Settling::of_run(run.billing_date)).await?,
        };
        store::insert_failures(tx, id, &outcome.failures).await?;
        // by this clock, whatever the last change of a contract says
        let lease_until = tx.context().now + lease();
        store::add(tx, id, outcome.figures, self.place, lease_until).await
    }

    /// Takes the next due contracts of this queue; in the last round also those that were locked.
    async fn take(&self, tx: &mut Tx, run: &BillingRun) -> Result<Vec<(ContractId, NaiveDate)>> {
        let taking = match (run.dry_run, self.is_last_round) {
            (true, _) => Taking::Unlocked,
            (false, false) => Taking::Free,
            (false, true) => Taking::All,
        };
        let most = i64::try_from(batch::size(tx.engine())).map_err(Error::internal)?;
        store::due(tx, run, self.place, taking, most).await
    }

    /// After an empty result, moves to the next queue or to the last round. Returns whether there is more to process.
    fn goes_on(&mut self, run: &BillingRun) -> bool {
        (self.place, self.is_last_round) = match (self.place.queue, self.is_last_round) {
            (Queue::Active, is_last) => (Place::before(Queue::Held), is_last),
            (Queue::Held, is_last) => (Place::before(Queue::Debt), is_last),
            (Queue::Debt, false) if !run.dry_run => (Place::before(Queue::Active), true),
            (Queue::Debt, _) => return false,
        };
        true
    }
}
