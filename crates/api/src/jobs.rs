//! Background jobs of the HTTP edge: event streams, the sign-in limiter and idempotency keys.

use std::{sync::Arc, time::Duration};

use chrono::TimeDelta;
use database::jobs::{Driver, Job, Office, Sharing, Turn, Turning};

use crate::{
    idempotency,
    state::{SignIns, State},
    streams::{self, Streams},
};

/// Registers the jobs of the HTTP edge.
pub fn register(driver: &mut Driver, state: &State) {
    driver.add(Streaming(state.streams.clone()));
    driver.add(OldSignIns(state.sign_ins.clone()));
    driver.add(OldKeys);
}

/// Reads new events for the streams of this instance.
struct Streaming(Arc<Streams>);

impl Job for Streaming {
    fn name(&self) -> &'static str {
        "event streams"
    }

    fn every(&self) -> Duration {
        Duration::from_millis(500)
    }

    fn sharing(&self) -> Sharing {
        Sharing::Own
    }

    fn turn<'a>(&'a self, office: &'a Office) -> Turning<'a> {
        Box::pin(async move { Ok(Turn::more_if(streams::poll(&self.0, office).await?)) })
    }
}

/// Removes addresses without recent sign-in attempts from the limiter.
struct OldSignIns(Arc<SignIns>);

impl Job for OldSignIns {
    fn name(&self) -> &'static str {
        "tries to sign in"
    }

    fn every(&self) -> Duration {
        Duration::from_secs(600)
    }

    fn sharing(&self) -> Sharing {
        Sharing::Own
    }

    fn turn<'a>(&'a self, _: &'a Office) -> Turning<'a> {
        Box::pin(async move {
            self.0.forget_old();
            Ok(Turn::Idle)
        })
    }
}

/// Deletes expired idempotency keys.
struct OldKeys;

impl Job for OldKeys {
    fn name(&self) -> &'static str {
        "idempotency keys"
    }

    fn every(&self) -> Duration {
        Duration::from_secs(600)
    }

    fn sharing(&self) -> Sharing {
        Sharing::Lease(TimeDelta::minutes(20))
    }

    fn turn<'a>(&'a self, office: &'a Office) -> Turning<'a> {
        Box::pin(async move {
            let forgotten = idempotency::forget_old(&office.db, &office.context("chores", "chores")).await?;
            Ok(Turn::more_if(forgotten == idempotency::FORGOTTEN_AT_ONCE))
        })
    }
}
