//! Jobs: turns, leases, failures, the last turn and the end.

use std::{
    cell::Cell,
    rc::Rc,
    time::{Duration, Instant},
};

use chrono::TimeDelta;
use database::jobs::{Driver, Figures, Job, Office, Sharing, Stop, Turn, Turning};
use kernel::error::common;

use crate::harness::{App, scenario};

/// A job that counts its turns.
struct Counting {
    name: &'static str,
    sharing: Sharing,
    turns: Rc<Cell<u32>>,
    fails_first: u32,
}

impl Job for Counting {
    fn name(&self) -> &'static str {
        self.name
    }

    fn every(&self) -> Duration {
        Duration::from_millis(10)
    }

    fn sharing(&self) -> Sharing {
        self.sharing
    }

    fn has_last_turn(&self) -> bool {
        self.sharing == Sharing::Own
    }

    fn turn<'a>(&'a self, _: &'a Office) -> Turning<'a> {
        Box::pin(async move {
            self.turns.set(self.turns.get() + 1);
            if self.turns.get() <= self.fails_first {
                return Err(common::DATABASE_AWAY.into());
            }
            // a few at once, and then a rest
            Ok(Turn::more_if(!self.turns.get().is_multiple_of(5)))
        })
    }
}

/// A driver of an instance with one job, and what it counts.
fn instance(app: &App, stop: &Stop, holder: &str, job: Counting) -> (Driver, Figures) {
    let office = Office { stop: stop.clone(), ..app.state.office.clone() };
    let figures = Figures::default();
    let mut driver = Driver::new(office, figures.clone(), holder.to_owned());
    driver.add(job);
    (driver, figures)
}

fn counting(name: &'static str, sharing: Sharing, turns: &Rc<Cell<u32>>) -> Counting {
    Counting { name, sharing, turns: turns.clone(), fails_first: 0 }
}

/// Waits until this holds, however busy the machine is.
async fn until(condition: impl Fn() -> bool) {
    for _ in 0..1000 {
        if condition() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("no job has come to its turn in ten seconds");
}

#[scenario]
async fn one_instance_at_a_time_has_a_job_with_a_lease_and_another_takes_it_over_when_the_lease_ends(
    app: &App,
) {
    let (stop, lease) = (Stop::default(), Sharing::Lease(TimeDelta::minutes(20)));
    let turns = [Rc::default(), Rc::default()];
    let (one, _) = instance(app, &stop, "one", counting("sweep", lease, &turns[0]));
    let (other, figures) = instance(app, &stop, "other", counting("sweep", lease, &turns[1]));
    let end = async {
        until(|| turns.iter().any(|turns| turns.get() > 0)).await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        stop.stop();
    };
    tokio::join!(one.run(), other.run(), end);
    let counts: Vec<u32> = turns.iter().map(|turns| turns.get()).collect();
    assert!(counts.iter().filter(|count| **count > 0).count() == 1, "{counts:?}");

    // the one that had it is gone, and its lease is over
    app.advance(TimeDelta::minutes(21));
    let (stop, before) = (Stop::default(), counts[1]);
    let (other, _) = instance(app, &stop, "a third", counting("sweep", lease, &turns[1]));
    let end = async {
        until(|| turns[1].get() > before).await;
        stop.stop();
    };
    tokio::join!(other.run(), end);
    assert!(turns[1].get() > before);
    assert!(figures.all().iter().all(|job| job.failures == 0), "{:?}", figures.all());
}

#[scenario]
async fn a_job_that_fails_is_counted_and_its_last_turn_is_tried_until_it_succeeds(app: &App) {
    let (stop, turns) = (Stop::default(), Rc::default());
    let job =
        Counting { name: "write down", sharing: Sharing::Own, turns: Rc::clone(&turns), fails_first: 3 };
    let (driver, figures) = instance(app, &stop, "one", job);
    let end = async {
        until(|| turns.get() > 0).await;
        stop.stop();
    };
    let began = Instant::now();
    tokio::join!(driver.run(), end);
    // one turn failed and the job rested; the end cut the rest short
    assert_eq!((turns.get(), figures.all()[0].failures), (1, 1));
    // requests may run longer than that; once they have ended, two more tries fail, and the last one does not
    driver.take_last_turns().await;
    let all = figures.all();
    assert_eq!((turns.get(), all[0].turns, all[0].failures), (4, 4, 3), "{all:?}");
    assert_eq!(all[0].last_error.as_deref(), Some("database_away"));
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
}

#[scenario]
async fn an_instance_that_only_serves_keeps_the_jobs_that_belong_to_serving(app: &App) {
    let (stop, own, shared) = (Stop::default(), Rc::default(), Rc::default());
    let (mut driver, figures) = instance(app, &stop, "one", counting("own", Sharing::Own, &own));
    driver.add(counting("shared", Sharing::Claims, &shared));
    driver.serve_only();
    let end = async {
        until(|| own.get() > 1).await;
        stop.stop();
    };
    tokio::join!(driver.run(), end);
    assert!(own.get() > 1 && shared.get() == 0);
    assert_eq!(figures.all().iter().map(|job| job.name.as_str()).collect::<Vec<_>>(), ["own"]);
}

#[scenario]
async fn figures_are_for_those_who_run_the_system(app: &App) {
    let admin = app.admin().await;
    assert_eq!(
        admin.get("/jobs").await.expect(200)["jobs"],
        serde_json::json!([]),
        "no jobs run in this test"
    );
    app.user("supervisor").await.get("/jobs").await.refused(403, "permission_missing");
}
