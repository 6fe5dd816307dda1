//! The jobs of gateways: polling, and recording rejected events.

use std::{sync::Arc, time::Duration};

use database::jobs::{Driver, Job, Office, Sharing, Turn, Turning};

use crate::conversation::{ACTOR, Gateways, poll, record_refused};

/// Registers the jobs of gateways.
pub fn register(driver: &mut Driver, gateways: &Arc<Gateways>) {
    driver.add(Polling(gateways.clone()));
    driver.add(RefusedEvents(gateways.clone()));
}

/// Polls gateways for due payments and refunds. Rows are claimed, so instances share the work.
struct Polling(Arc<Gateways>);

impl Job for Polling {
    fn name(&self) -> &'static str {
        "gateways"
    }

    fn every(&self) -> Duration {
        Duration::from_secs(30)
    }

    fn turn<'a>(&'a self, office: &'a Office) -> Turning<'a> {
        Box::pin(async move { Ok(Turn::more_if(poll(&self.0, office).await?)) })
    }
}

/// Records the rejected events that this instance has counted since the last turn.
struct RefusedEvents(Arc<Gateways>);

impl Job for RefusedEvents {
    fn name(&self) -> &'static str {
        "refused gateway events"
    }

    fn every(&self) -> Duration {
        Duration::from_secs(30)
    }

    fn sharing(&self) -> Sharing {
        Sharing::Own
    }

    fn has_last_turn(&self) -> bool {
        true
    }

    fn turn<'a>(&'a self, office: &'a Office) -> Turning<'a> {
        Box::pin(async move {
            record_refused(&self.0, &office.db, &office.context("chores", ACTOR)).await?;
            Ok(Turn::Idle)
        })
    }
}
