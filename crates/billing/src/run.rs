//! Billing runs (SPEC 8.4): everything that is due is charged, in batches, each its own transaction.
//!
//! A batch takes contracts that nobody else holds, charges them, and adds what it came to to the run, all or nothing: so a run may be
//! stopped at any moment and gone on with, and any number of instances may work on it at once. Who finds nothing more goes
//! through what is due once again, waiting for those that others hold, and then ends the run. It looks once in a transaction:
//! a look keeps locks on contracts that turned out to be charged meanwhile, and who waits may hold none. Whoever is at work on a run moves
//! its lease on with each batch; a run whose lease is over is taken up by whichever instance comes first.

use std::sync::{Arc, Mutex, PoisonError};

use acl::{Granted, perm};
use chrono::{NaiveDate, TimeDelta};
use database::{Conn, Db, Engine, Page, Paging, Tx, audit::Entry};
use kernel::{
    Context, Error, Kind, Result,
    error::{Transient, common},
    id::{BillingRunId, ContractId},
};

use crate::{
    batch::{self, Outcome},
    charge::Service,
    input::{RunFilter, RunInput},
    model::{BillingRun, Figures, Queue, RunFailure, RunState},
    settle::settle_on,
    store::runs::{self as store, NewRun, Place, Taking},
};

/// Refusals about billing runs.
pub mod refusal {
    kernel::codes! {
        /// No such run.
        NOT_FOUND = NotFound "billing_run_not_found";
    }
}

/// How long a run is left to whoever worked on it last.
fn lease() -> TimeDelta {
    TimeDelta::seconds(60)
}

/// Contracts in one transaction: a payment on one of them waits for it. SQLite's one writer keeps everybody waiting.
const fn batch_size(engine: Engine) -> i64 {
    match engine {
        Engine::Sqlite => 200,
        Engine::Postgres => 500,
    }
}

/// Who charges, in the ledger and in the audit trail.
pub const ACTOR: &str = "billing run";
/// Who starts the run of each day.
pub const SCHEDULE_ACTOR: &str = "billing schedule";

/// Starts a run. Where one for that day runs already, that one is answered, to be worked on together.
///
/// Errors: `invalid` where the date is out of range.
pub async fn start(tx: &mut Tx, _granted: &Granted<perm::BillingRun>, input: &RunInput) -> Result<BillingRun> {
    let billing_date = input.date.unwrap_or_else(|| tx.today());
    begin(tx, (billing_date, input.dry_run, None)).await
}

/// Whether the run of a day that the schedule asks for was begun.
pub async fn is_scheduled(conn: &mut Conn, day: NaiveDate) -> Result<bool> {
    Ok(store::newest_scheduled(conn).await?.is_some_and(|newest| newest >= day))
}

/// Starts the run of a day that the schedule asks for, unless that was done; then nothing is answered.
pub async fn start_scheduled(tx: &mut Tx, day: NaiveDate) -> Result<Option<BillingRun>> {
    if is_scheduled(tx, day).await? {
        return Ok(None);
    }
    begin(tx, (day, false, Some(day))).await.map(Some)
}

async fn begin(tx: &mut Tx, (billing_date, dry_run, scheduled_for): (NaiveDate, bool, Option<NaiveDate>)) -> Result<BillingRun> {
    let lease_until = tx.now() + lease();
    let new = NewRun { billing_date, dry_run, scheduled_for, started_by: tx.actor().name.clone(), lease_until };
    if let Some(run) = store::insert(tx, new).await? {
        let entry = Entry::new("billing_run.started", "billing_run", run.id);
        tx.record(entry.note("billing_date", billing_date.to_string()).note("dry_run", dry_run));
        return Ok(run);
    }
    // it was over between the two statements, or another instance was first with the schedule: look again
    let again = || Error::new(common::DATABASE_AWAY).retry_after(1).transient(Transient::Collision);
    let run = store::running(tx, billing_date, dry_run).await?.ok_or_else(again)?;
    if scheduled_for.is_some() {
        store::set_scheduled(tx, &run).await?;
    }
    Ok(run)
}

/// One run. Errors: `billing_run_not_found`.
pub async fn get(conn: &mut Conn, _granted: &Granted<perm::BillingRead>, id: BillingRunId) -> Result<BillingRun> {
    store::get(conn, id).await?.ok_or_else(|| refusal::NOT_FOUND.into())
}

/// A page of runs.
pub async fn list(conn: &mut Conn, _granted: &Granted<perm::BillingRead>, filter: &RunFilter, paging: &Paging) -> Result<Page<BillingRun>> {
    store::list(conn, filter, paging).await
}

/// A page of what a run could not charge. Errors: `billing_run_not_found`.
pub async fn failures(
    conn: &mut Conn,
    granted: &Granted<perm::BillingRead>,
    id: BillingRunId,
    paging: &Paging,
) -> Result<Page<RunFailure>> {
    get(conn, granted, id).await?;
    store::failures(conn, id, paging).await
}

/// The oldest run that nobody is at work on, now left to the caller.
pub async fn take_up(tx: &mut Tx) -> Result<Option<BillingRunId>> {
    let now = tx.now();
    store::take_up(tx, now + lease()).await
}

/// Whether there is a run that nobody is at work on.
pub async fn is_left(conn: &mut Conn) -> Result<bool> {
    store::is_left(conn).await
}

/// Leaves a run to others, who may take it up at once.
pub async fn let_go(tx: &mut Tx, id: BillingRunId) -> Result<()> {
    store::let_go(tx, id).await
}

/// Gives a run up; what it charged stands.
pub async fn give_up(tx: &mut Tx, id: BillingRunId, error: &Error) -> Result<()> {
    end(tx, id, RunState::Failed, Some(error.code().name)).await.map(drop)
}

async fn end(tx: &mut Tx, id: BillingRunId, state: RunState, failure: Option<&'static str>) -> Result<Option<BillingRun>> {
    let Some(run) = store::end(tx, id, state, failure).await? else { return Ok(None) };
    let action = if state == RunState::Failed { "billing_run.failed" } else { "billing_run.finished" };
    tx.record(Entry::new(action, "billing_run", id).created(&run));
    Ok(Some(run))
}

/// One who works on a run, batch by batch. Several may at once, in one instance or in many.
pub struct Worker {
    run: BillingRunId,
    number: u32,
    place: Place,
    is_last_round: bool,
}

impl Worker {
    /// At the beginning of what is due; of the workers of an instance, each with a number of its own.
    pub fn new(run: BillingRunId, number: u32) -> Self {
        Self { run, number, place: Place::before(Queue::Active), is_last_round: false }
    }

    /// The run.
    pub fn run(&self) -> BillingRunId {
        self.run
    }

    /// Does a batch. Answers the run as it then stands: no longer running when there is nothing more to do.
    ///
    /// A contract that cannot be charged is noted, and left out of this run. Errors: `billing_run_not_found`, and those of the
    /// database, after which it may be tried again.
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
                log::warn!("a batch of billing run {} is done again, one contract at a time: {error}", self.run);
                self.one_by_one(db, context, taken).await
            }
        }
    }

    /// Charges contracts each in a transaction of its own, after something in a whole batch went wrong.
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
                    let outcome = batch::reckon(tx, &[id], run.billing_date).await?;
                    if outcome.failures.is_empty() && !run.dry_run {
                        settle_on(tx, &mut contract, (Service::Unbroken, run.billing_date)).await?;
                    }
                    add(tx, &outcome).await
                })
                .await;
            run = match charged {
                Ok(run) => run,
                Err(error) if error.is_transient().is_some() || error.kind() == Kind::Unavailable => return Err(error),
                Err(error) => {
                    log::warn!("contract {id} is left out of billing run {}: {error}", run.id);
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
            // its place is for all who work on it, one after the other
            run = store::lock(tx, id).await?.ok_or(refusal::NOT_FOUND)?;
            self.place = store::place(tx, id).await?;
        }
        if run.state != RunState::Running {
            return Ok(run);
        }
        if run.due_count.is_none() {
            // by itself, so that it stands whatever comes of the first batch
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
            true => batch::reckon(tx, &ids, run.billing_date).await?,
            false => batch::charge(tx, &ids, run.billing_date).await?,
        };
        store::insert_failures(tx, id, &outcome.failures).await?;
        let lease_until = tx.now() + lease();
        store::add(tx, id, outcome.figures, self.place, lease_until).await
    }

    /// The next contracts that are due in this queue; in the last round those too that others held.
    async fn take(&self, tx: &mut Tx, run: &BillingRun) -> Result<Vec<(ContractId, NaiveDate)>> {
        let taking = match (run.dry_run, self.is_last_round) {
            (true, _) => Taking::Unlocked,
            (false, false) => Taking::Free,
            (false, true) => Taking::All,
        };
        store::due(tx, run, self.place, taking, batch_size(tx.engine())).await
    }

    /// Where nothing was found, goes on to the next queue, or to the last round; answers whether there is more to look through.
    fn goes_on(&mut self, run: &BillingRun) -> bool {
        (self.place, self.is_last_round) = match (self.place.queue, self.is_last_round) {
            (Queue::Active, is_last) => (Place::before(Queue::Held), is_last),
            (Queue::Held, false) if !run.dry_run => (Place::before(Queue::Active), true),
            (Queue::Held, _) => return false,
        };
        true
    }
}
