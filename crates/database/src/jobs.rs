//! Jobs: background work.
//!
//! A [`Job`] defines its work, its interval and how instances share it; one [`Driver`] runs, spreads, stops and measures all jobs.
//! A turn is short: long work does a bounded part of it and asks for another turn.

use std::{
    collections::BTreeMap,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use chrono::{DateTime, TimeDelta, Utc};
use kernel::{Actor, Clock, Context, Origin, Policy, Result};
use serde::Serialize;
use tokio::{
    sync::{Notify, watch},
    time::timeout,
};
use utoipa::ToSchema;

use crate::{Db, Sql};

/// How long a job pauses after a failure.
const REST_AFTER_FAILURE: Duration = Duration::from_secs(5);
/// How long running turns may go on after the signal to stop.
const LONGEST_END: Duration = Duration::from_secs(10);
/// How long the last turn of a job may take when the program stops.
const LAST_TURNS: Duration = Duration::from_secs(5);

/// How long to pause before a failed last turn is retried.
const PAUSE_AT_THE_END: Duration = Duration::from_millis(100);

/// The outcome of a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// There is more to do now.
    More,
    /// Nothing is left to do for now.
    Idle,
}

impl Turn {
    /// [`Turn::More`] if there is more to do, otherwise [`Turn::Idle`].
    pub const fn more_if(there_is: bool) -> Self {
        if there_is { Self::More } else { Self::Idle }
    }
}

/// A running turn. It stays on the thread that started it.
pub type Turning<'a> = Pin<Box<dyn Future<Output = Result<Turn>> + 'a>>;

/// How the instances share a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sharing {
    /// The work concerns this instance's memory: each instance does its own, even when `JOBS` is off.
    Own,
    /// Each instance takes turns at any time: rows are claimed, or a repeated turn changes nothing.
    Claims,
    /// One instance at a time, which keeps the job for this long after it takes a turn.
    Lease(TimeDelta),
}

/// Background work.
pub trait Job {
    /// The name in the log, in the figures, and as the request id in the audit trail.
    fn name(&self) -> &'static str;

    /// How long to pause when nothing is left to do.
    fn every(&self) -> Duration;

    /// How the instances share the job.
    fn sharing(&self) -> Sharing {
        Sharing::Claims
    }

    /// A notifier that ends the pause early.
    fn bell(&self) -> Option<&Notify> {
        None
    }

    /// Does a bounded part of the work.
    fn turn<'a>(&'a self, office: &'a Office) -> Turning<'a>;

    /// Whether the job takes a last turn when the program stops, to store what is in memory.
    fn has_last_turn(&self) -> bool {
        false
    }
}

/// A signal that tells long-running tasks to stop.
#[derive(Clone)]
pub struct Stop(Arc<watch::Sender<bool>>);

impl Default for Stop {
    fn default() -> Self {
        Self(Arc::new(watch::channel(false).0))
    }
}

impl Stop {
    /// Sends the signal.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }

    /// Whether the signal was sent.
    pub fn is_stopping(&self) -> bool {
        *self.0.borrow()
    }

    /// A receiver of the signal.
    pub fn subscribe(&self) -> watch::Receiver<bool> {
        self.0.subscribe()
    }

    /// Waits for the signal.
    pub async fn stopped(&self) {
        // the sender lives as long as this value
        let _ = self.subscribe().wait_for(|stop| *stop).await;
    }
}

/// The parts of the program that jobs use.
#[derive(Clone)]
pub struct Office {
    /// The database.
    pub db: Db,
    /// The clock.
    pub clock: Clock,
    /// The operator's settings that rules depend on.
    pub policy: Arc<Policy>,
    /// The signal to stop.
    pub stop: Stop,
}

impl Office {
    /// The context of a use case that starts now, with this request id and this part of the system as the actor.
    pub fn context(&self, request_id: impl Into<String>, actor: &'static str) -> Arc<Context> {
        let origin = Origin { request_id: request_id.into(), ..Origin::default() };
        Arc::new(Context { now: self.clock.now(), policy: self.policy.clone(), origin, actor: Actor::system(actor) })
    }

    /// A copy of the context with the current time, for work that follows a slow call to another server; a request may then wait for
    /// the database anew.
    pub fn later(&self, context: &Context) -> Arc<Context> {
        let origin = Origin { patience: context.origin.patience.renewed(), ..context.origin.clone() };
        Arc::new(Context { now: self.clock.now(), origin, ..context.clone() })
    }
}

/// Figures about a job in this instance since its start.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
#[schema(example = json!({"name": "billing", "turns": 1440, "failures": 0, "busy_milliseconds": 5200, "last_turn_at": "2026-01-15T09:45:00Z", "last_error": null}))]
pub struct JobFigures {
    /// The name of the job.
    pub name: String,
    /// The number of turns.
    pub turns: u64,
    /// The number of failed turns.
    pub failures: u64,
    /// The total time of all turns, in milliseconds.
    pub busy_milliseconds: u64,
    /// When the last turn began.
    pub last_turn_at: Option<DateTime<Utc>>,
    /// The error code of the last failed turn.
    pub last_error: Option<String>,
}

/// The figures of all jobs of an instance.
#[derive(Clone, Default)]
pub struct Figures(Arc<Mutex<BTreeMap<&'static str, JobFigures>>>);

impl Figures {
    /// The figures by job, in the order of the names.
    pub fn all(&self) -> Vec<JobFigures> {
        self.lock().values().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<&'static str, JobFigures>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, name: &'static str, at: DateTime<Utc>, took: Duration, outcome: &Result<Turn>) {
        let mut all = self.lock();
        let figures = all.entry(name).or_insert_with(|| JobFigures { name: name.to_owned(), ..JobFigures::default() });
        figures.turns += 1;
        figures.busy_milliseconds += u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        figures.last_turn_at = Some(at);
        if let Err(error) = outcome {
            figures.failures += 1;
            figures.last_error = Some(error.code().name.to_owned());
        }
    }
}

/// Runs jobs until the program stops.
pub struct Driver {
    office: Office,
    figures: Figures,
    holder: String,
    jobs: Vec<Box<dyn Job>>,
}

impl Driver {
    /// A driver without jobs; `holder` names this instance in the leases of jobs.
    pub fn new(office: Office, figures: Figures, holder: String) -> Self {
        Self { office, figures, holder, jobs: Vec::new() }
    }

    /// Registers a job.
    pub fn add(&mut self, job: impl Job + 'static) {
        self.jobs.push(Box::new(job));
    }

    /// Keeps only the jobs that every serving instance runs.
    pub fn serve_only(&mut self) {
        self.jobs.retain(|job| job.sharing() == Sharing::Own);
    }

    /// Runs all jobs concurrently until the signal to stop, then lets running turns end for a while.
    ///
    /// A turn that hangs, as on a server that does not respond, is broken off; its transaction is rolled back, and its claims end.
    pub async fn run(&self) {
        let loops = self.jobs.iter().enumerate().map(|(number, job)| self.work(&**job, number));
        let too_long = async {
            self.office.stop.stopped().await;
            tokio::time::sleep(LONGEST_END).await;
        };
        tokio::select! {
            _ = futures_util::future::join_all(loops) => {}
            () = too_long => log::warn!("turns of jobs that took too long were broken off"),
        }
    }

    /// Takes the last turns. Call it when requests have ended too, because they add to what is in memory.
    pub async fn take_last_turns(&self) {
        for job in self.jobs.iter().filter(|job| job.has_last_turn()) {
            // connections opened by the request threads close with those threads, so the first attempt may fail
            let taken = async {
                while self.take_turn(&**job).await.is_err() {
                    tokio::time::sleep(PAUSE_AT_THE_END).await;
                }
            };
            if timeout(LAST_TURNS, taken).await.is_err() {
                log::error!("job {} did not finish its last turn", job.name());
            }
        }
    }

    async fn work(&self, job: &dyn Job, number: usize) {
        // jobs with the same interval do not all start at once
        self.rest(job, job.every().min(Duration::from_millis(37 * number as u64))).await;
        while !self.office.stop.is_stopping() {
            match self.take_turn(job).await {
                // lets other tasks run
                Ok(Turn::More) => tokio::task::yield_now().await,
                Ok(Turn::Idle) => self.rest(job, job.every()).await,
                Err(_) => self.rest(job, job.every().max(REST_AFTER_FAILURE)).await,
            }
        }
    }

    async fn take_turn(&self, job: &dyn Job) -> Result<Turn> {
        let (at, began) = (self.office.clock.now(), Instant::now());
        let is_mine = match job.sharing() {
            Sharing::Lease(time) => self.has_lease(job, time).await,
            Sharing::Own | Sharing::Claims => Ok(true),
        };
        let outcome = match is_mine {
            Ok(true) => job.turn(&self.office).await,
            Ok(false) => return Ok(Turn::Idle),
            Err(error) => Err(error),
        };
        self.figures.add(job.name(), at, began.elapsed(), &outcome);
        if let Err(error) = &outcome {
            log::warn!("job {} failed and will be retried: {error}", job.name());
        }
        outcome
    }

    async fn rest(&self, job: &dyn Job, pause: Duration) {
        let bell = async {
            match job.bell() {
                Some(bell) => bell.notified().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = self.office.stop.stopped() => {}
            () = bell => {}
        }
    }

    /// Whether this instance holds the job: it held it before, or nobody does.
    async fn has_lease(&self, job: &dyn Job, time: TimeDelta) -> Result<bool> {
        let context = self.office.context(job.name(), "jobs");
        let (name, until) = (job.name(), context.now + time);
        let taken = self.office.db.transaction(&context, async |tx| {
            Sql::new(
                "INSERT INTO job_leases (name, holder, until) VALUES ($1, $2, $3) ON CONFLICT (name) DO UPDATE \
                 SET holder = excluded.holder, until = excluded.until WHERE job_leases.until <= $4 OR job_leases.holder = excluded.holder",
            )
            .bind(name)
            .bind(&self.holder)
            .bind(until)
            .bind(tx.now())
            .execute(tx)
            .await
        });
        Ok(taken.await? == 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_count_turns_and_failures_by_job() {
        let figures = Figures::default();
        let at: DateTime<Utc> = "2026-01-15T09:45:00Z".parse().unwrap();
        figures.add("sweep", at, Duration::from_millis(3), &Ok(Turn::Idle));
        figures.add("sweep", at, Duration::from_millis(4), &Err(kernel::error::common::DATABASE_AWAY.into()));
        figures.add("relay", at, Duration::ZERO, &Ok(Turn::More));
        let all = figures.all();
        assert_eq!(all.iter().map(|job| job.name.as_str()).collect::<Vec<_>>(), ["relay", "sweep"]);
        let expected = JobFigures {
            name: "sweep".to_owned(),
            turns: 2,
            failures: 1,
            busy_milliseconds: 7,
            last_turn_at: Some(at),
            last_error: Some("database_away".to_owned()),
        };
        assert_eq!(all[1], expected);
    }

    #[tokio::test]
    async fn stopping_is_heard_before_and_after() {
        let stop = Stop::default();
        assert!(!stop.is_stopping());
        let waiting = stop.clone();
        let (_, ()) = tokio::join!(waiting.stopped(), async { stop.stop() });
        stop.stopped().await;
        assert!(stop.is_stopping());
    }
}
