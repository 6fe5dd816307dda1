//! Jobs of access, which store what each instance holds in memory.

use std::{sync::Arc, time::Duration};

use database::jobs::{Driver, Job, Office, Sharing, Turn, Turning};

use crate::{access::Access, service::audit::ReadLog};

/// The actor and the request id of these jobs.
const ACTOR: &str = "chores";

/// Registers the jobs of access.
pub fn register(driver: &mut Driver, access: &Arc<Access>, reads: &Arc<ReadLog>) {
    driver.add(Reads(reads.clone()));
    driver.add(LastUses(access.clone()));
}

/// Writes reads of personal data to the audit trail.
struct Reads(Arc<ReadLog>);

impl Job for Reads {
    fn name(&self) -> &'static str {
        "reads of personal data"
    }

    fn every(&self) -> Duration {
        Duration::from_secs(1)
    }

    fn sharing(&self) -> Sharing {
        Sharing::Own
    }

    fn has_last_turn(&self) -> bool {
        true
    }

    fn turn<'a>(&'a self, office: &'a Office) -> Turning<'a> {
        Box::pin(async move {
            self.0.flush(&office.db, &office.context(ACTOR, ACTOR)).await?;
            Ok(Turn::Idle)
        })
    }
}

/// Stores when script tokens were last used.
struct LastUses(Arc<Access>);

impl Job for LastUses {
    fn name(&self) -> &'static str {
        "last uses of tokens"
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
            self.0.flush_last_used(&office.context(ACTOR, ACTOR)).await?;
            Ok(Turn::Idle)
        })
    }
}
