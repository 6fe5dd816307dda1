//! Billing runs in the background: those that were asked for here, those that nobody is at work on any more, and the daily one.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use billing::{
    BillingRun, RunState,
    run::{self, Worker},
};
use chrono::{Days, NaiveDate};
use futures_util::future::join_all;
use kernel::{Context, Error, Origin, Result, db::Engine, id::BillingRunId};
use tokio::{sync::Notify, time::sleep};

use crate::state::State;

/// How often it is looked whether a run is to be begun or taken up.
const LOOK: Duration = Duration::from_secs(5);
/// How long is waited before a batch that failed is tried again; each time longer.
const PAUSE: Duration = Duration::from_millis(500);
/// Failures in a row after which a run is given up.
const MOST_FAILURES: u32 = 6;
/// Runs that wait here; more than these are taken up later.
const MOST_WAITING: usize = 100;
/// Batches at work at once on PostgreSQL: while the database writes one, the next is worked out.
const WORKERS: u32 = 2;

/// Runs that this instance is to work on, and whether it is to stop.
#[derive(Default)]
pub struct Runs {
    asked: Mutex<VecDeque<BillingRunId>>,
    news: Notify,
    stopping: AtomicBool,
}

impl Runs {
    /// Asks for a run to be worked on here, once its record is committed.
    pub fn ask(&self, id: BillingRunId) {
        let mut asked = self.asked();
        if asked.len() < MOST_WAITING && !asked.contains(&id) {
            asked.push_back(id);
        }
        drop(asked);
        self.news.notify_one();
    }

    /// Stops the work after the batches that are under way.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
        self.news.notify_one();
    }

    /// Whether the work is to stop.
    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    fn asked(&self) -> std::sync::MutexGuard<'_, VecDeque<BillingRunId>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The surroundings of the work on a run.
pub fn context(state: &State, id: BillingRunId) -> Context {
    state.context(Origin { request_id: format!("billing run {id}"), address: None })
}

/// Works until it is told to stop.
pub async fn work(state: Arc<State>) {
    while !state.runs.is_stopping() {
        if let Err(error) = schedule(&state).await {
            log::warn!("the daily billing run could not be begun yet: {error}");
        }
        if let Err(error) = work_off(&state).await {
            log::warn!("billing runs rest for now: {error}");
        }
        tokio::select! {
            () = state.runs.news.notified() => {}
            () = sleep(LOOK) => {}
        }
    }
}

/// Works on the runs that were asked for and on those that nobody is at work on, until there are none.
pub async fn work_off(state: &State) -> Result<()> {
    while !state.runs.is_stopping() {
        let asked = state.runs.asked().pop_front();
        let id = match asked {
            Some(id) => Some(id),
            None => {
                let context = state.context(Origin { request_id: "billing runs".into(), address: None });
                // a look first: a transaction keeps SQLite's one writer from others
                if !state.db.read(async |conn| run::is_left(conn, &context).await).await? {
                    return Ok(());
                }
                state.db.transaction(&context, async |tx| run::take_up(tx, &context).await).await?
            }
        };
        let Some(id) = id else { return Ok(()) };
        match to_its_end(state, id, &mut |_| {}).await {
            Ok(run) => log::info!("billing run {id} of {}: {}, {} of {:?}", run.billing_date, run.state, run.done_count, run.due_count),
            Err(error) => log::error!("billing run {id} rests for now: {error}"),
        }
    }
    Ok(())
}

/// Begins the run of the last day whose time has come, unless that was done, here or elsewhere.
pub async fn schedule(state: &State) -> Result<()> {
    let context = state.context(Origin { request_id: "billing schedule".into(), address: None });
    let Some(day) = scheduled_day(state, &context) else { return Ok(()) };
    // a look without a lock first: it is so on all but one of many
    if state.db.read(async |conn| run::is_scheduled(conn, day).await).await? {
        return Ok(());
    }
    if let Some(run) = state.db.transaction(&context, async |tx| run::start_scheduled(tx, &context, day).await).await? {
        state.runs.ask(run.id);
    }
    Ok(())
}

/// The last day on which the time of the daily run has come.
fn scheduled_day(state: &State, context: &Context) -> Option<NaiveDate> {
    let time = state.settings.billing_time?;
    let local = context.now.with_timezone(&context.policy.time_zone).naive_local();
    if local.time() >= time { Some(local.date()) } else { local.date().checked_sub_days(Days::new(1)) }
}

/// Works on a run until it is over or the work is to stop; says after each batch how it stands.
///
/// Errors: what went wrong so often in a row that the run rests, or was given up.
pub async fn to_its_end(state: &State, id: BillingRunId, said: &mut dyn FnMut(&BillingRun)) -> Result<BillingRun> {
    let workers = match state.db.engine() {
        Engine::Sqlite => 1,
        Engine::Postgres => WORKERS,
    };
    let said = Mutex::new(said);
    // other instances begin elsewhere, so that they wait for each other as little as can be
    let first: u32 = rand::random_range(0..1000);
    let outcomes = join_all((first..first + workers).map(|number| alone(state, Worker::new(id, number), &said))).await;
    let run = outcomes.into_iter().collect::<Result<Vec<_>>>()?.into_iter().max_by_key(|run| run.version);
    let run = run.ok_or_else(|| Error::internal("nobody worked on the run"))?;
    if run.state == RunState::Running {
        let context = context(state, id);
        state.db.transaction(&context, async |tx| run::let_go(tx, &context, id).await).await?;
    }
    Ok(run)
}

async fn alone(state: &State, mut worker: Worker, said: &Mutex<&mut dyn FnMut(&BillingRun)>) -> Result<BillingRun> {
    let id = worker.run();
    let db = state.db.patient();
    let mut failures = 0;
    loop {
        let context = context(state, id);
        match worker.batch(&db, &context).await {
            Ok(run) => {
                failures = 0;
                said.lock().unwrap_or_else(PoisonError::into_inner)(&run);
                if run.state != RunState::Running || state.runs.is_stopping() {
                    return Ok(run);
                }
            }
            Err(error) => {
                failures += 1;
                if failures == MOST_FAILURES || state.runs.is_stopping() {
                    return give_up(state, id, error).await;
                }
                log::warn!("a batch of billing run {id} is tried again: {error}");
                sleep(PAUSE * 2_u32.pow(failures - 1)).await;
            }
        }
    }
}

/// After an error that stays: a database that is away may come back, and the run with it; anything else ends the run.
async fn give_up(state: &State, id: BillingRunId, error: Error) -> Result<BillingRun> {
    if error.kind() != kernel::Kind::Unavailable && error.kind() != kernel::Kind::NotFound {
        let context = context(state, id);
        state.db.transaction(&context, async |tx| run::give_up(tx, &context, id, &error).await).await?;
    }
    Err(error)
}
