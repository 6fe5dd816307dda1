//! The job of billing runs. It works on runs started on this instance, abandoned runs, and the daily run.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use chrono::{Days, NaiveDate, NaiveTime};
use database::{
    Engine,
    jobs::{Driver, Job, Office, Turn, Turning},
};
use futures_util::future::join_all;
use kernel::{Context, Error, Kind, Result, id::BillingRunId, settings::Reader};
use tokio::{sync::Notify, time::sleep};

use crate::{
    model::{BillingRun, RunState},
    promise,
    run::{self, Worker},
};

/// How often the job checks for a run to begin or to resume.
const QUERY_EVERY: Duration = Duration::from_secs(5);
/// The pause before a failed batch is retried; it doubles each time.
const PAUSE: Duration = Duration::from_millis(500);
/// The number of consecutive failures after which a run fails.
const MOST_FAILURES: u32 = 6;
/// The number of runs that wait on this instance; further ones are picked up later.
const MOST_WAITING: usize = 100;
/// The number of concurrent batches on PostgreSQL: while the database writes one, the next is computed.
const WORKERS: u32 = 2;

/// Runs that this instance works on.
#[derive(Default)]
pub struct Runs {
    asked: Mutex<VecDeque<BillingRunId>>,
    news: Notify,
}

impl Runs {
    /// Queues a run on this instance, once its record is committed.
    pub fn ask(&self, id: BillingRunId) {
        let mut asked = self.asked();
        if asked.len() < MOST_WAITING && !asked.contains(&id) {
            asked.push_back(id);
        }
        drop(asked);
        self.news.notify_one();
    }

    fn asked(&self) -> MutexGuard<'_, VecDeque<BillingRunId>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads the local time at which the daily run begins; `None` switches it off.
pub fn read_billing_time(from: &mut Reader<'_>) -> Option<NaiveTime> {
    let parse = |text: &str| match text {
        "off" => Some(None),
        text => NaiveTime::parse_from_str(text, "%H:%M").ok().filter(|time| time.format("%H:%M").to_string() == text).map(Some),
    };
    from.parsed("BILLING_TIME", "a time of day, such as 02:00, or off", parse, NaiveTime::from_hms_opt(2, 0, 0))
}

/// Registers the jobs of billing.
pub fn register(driver: &mut Driver, runs: &Arc<Runs>, billing_time: Option<NaiveTime>) {
    driver.add(Billing { runs: runs.clone(), billing_time });
    driver.add(promise::Lapsing);
}

/// Begins the daily run and works on open runs. A run has its own lease, and instances share its batches.
struct Billing {
    runs: Arc<Runs>,
    billing_time: Option<NaiveTime>,
}

impl Job for Billing {
    fn name(&self) -> &'static str {
        "billing runs"
    }

    fn every(&self) -> Duration {
        QUERY_EVERY
    }

    fn bell(&self) -> Option<&Notify> {
        Some(&self.runs.news)
    }

    fn turn<'a>(&'a self, office: &'a Office) -> Turning<'a> {
        Box::pin(async move {
            let scheduled = schedule(office, &self.runs, self.billing_time).await;
            work_off(office, &self.runs).await?;
            scheduled.map(|()| Turn::Idle)
        })
    }
}

/// The context of the work on a run.
fn context(office: &Office, id: BillingRunId) -> Arc<Context> {
    office.context(format!("billing run {id}"), run::ACTOR)
}

/// Works on the runs queued here and on abandoned runs, until none is left. Errors: the last one that paused a run.
pub async fn work_off(office: &Office, runs: &Runs) -> Result<()> {
    let mut outcome = Ok(());
    while !office.stop.is_stopping() {
        let asked = runs.asked().pop_front();
        let id = match asked {
            Some(id) => Some(id),
            None => {
                let context = office.context("billing runs", run::ACTOR);
                // read first: a transaction would block other writers on SQLite
                if !office.db.read(&context, async |conn| run::is_left(conn).await).await? {
                    return outcome;
                }
                office.db.transaction(&context, async |tx| run::take_up(tx).await).await?
            }
        };
        let Some(id) = id else { return outcome };
        match to_its_end(office, id, &mut |_| {}).await {
            Ok(run) => log::info!(
                "billing run {id} of {}: {}, {} of {}",
                run.billing_date,
                run.state,
                run.done_count,
                run.due_count.unwrap_or_default()
            ),
            Err(error) => {
                log::error!("billing run {id} is paused: {error}");
                outcome = Err(error);
            }
        }
    }
    outcome
}

/// Begins the run of the last day whose time has come, unless this or another instance already has.
pub async fn schedule(office: &Office, runs: &Runs, billing_time: Option<NaiveTime>) -> Result<()> {
    let context = office.context("billing schedule", run::SCHEDULE_ACTOR);
    let Some(day) = scheduled_day(billing_time, &context) else { return Ok(()) };
    // read without a lock first: the run nearly always exists already
    if office.db.read(&context, async |conn| run::is_scheduled(conn, day).await).await? {
        return Ok(());
    }
    if let Some(run) = office.db.transaction(&context, async |tx| run::start_scheduled(tx, day).await).await? {
        runs.ask(run.id);
    }
    Ok(())
}

/// The last day on which the time of the daily run has come.
fn scheduled_day(billing_time: Option<NaiveTime>, context: &Context) -> Option<NaiveDate> {
    let time = billing_time?;
    let local = context.now.with_timezone(&context.policy.time_zone).naive_local();
    if local.time() >= time { Some(local.date()) } else { local.date().checked_sub_days(Days::new(1)) }
}

/// Works on a run until it ends or the process stops. Calls `said` with the run after each batch.
///
/// Errors: the last of too many consecutive failures, after which the run is paused or has failed.
pub async fn to_its_end(office: &Office, id: BillingRunId, said: &mut dyn FnMut(&BillingRun)) -> Result<BillingRun> {
    let workers = match office.db.engine() {
        Engine::Sqlite => 1,
        Engine::Postgres => WORKERS,
    };
    let said = Mutex::new(said);
    // instances begin at different numbers to reduce waiting for each other
    let first: u32 = rand::random_range(0..1000);
    let outcomes = join_all((first..first + workers).map(|number| alone(office, Worker::new(id, number), &said))).await;
    let run = outcomes.into_iter().collect::<Result<Vec<_>>>()?.into_iter().max_by_key(|run| run.version);
    let run = run.ok_or_else(|| Error::internal("no worker processed the run"))?;
    if run.state == RunState::Running {
        let context = context(office, id);
        office.db.transaction(&context, async |tx| run::let_go(tx, id).await).await?;
    }
    Ok(run)
}

async fn alone(office: &Office, mut worker: Worker, said: &Mutex<&mut dyn FnMut(&BillingRun)>) -> Result<BillingRun> {
    let id = worker.run();
    let db = office.db.patient();
    let mut failures = 0;
    loop {
        let context = context(office, id);
        match worker.batch(&db, &context).await {
            Ok(run) => {
                failures = 0;
                said.lock().unwrap_or_else(PoisonError::into_inner)(&run);
                if run.state != RunState::Running || office.stop.is_stopping() {
                    return Ok(run);
                }
            }
            Err(error) => {
                failures += 1;
                if failures == MOST_FAILURES || office.stop.is_stopping() {
                    return give_up(office, id, error).await;
                }
                log::warn!("a batch of billing run {id} is retried: {error}");
                sleep(PAUSE * 2_u32.pow(failures - 1)).await;
            }
        }
    }
}

/// Handles a persistent error: the run can resume when an unavailable database comes back; any other error fails the run.
async fn give_up(office: &Office, id: BillingRunId, error: Error) -> Result<BillingRun> {
    if error.kind() != Kind::Unavailable && error.kind() != Kind::NotFound {
        let context = context(office, id);
        office.db.transaction(&context, async |tx| run::give_up(tx, id, &error).await).await?;
    }
    Err(error)
}
