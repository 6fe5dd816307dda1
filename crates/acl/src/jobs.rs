//! Jobs of access: they store what each instance holds in memory, and move and delete rows.

use std::{sync::Arc, time::Duration};

use chrono::TimeDelta;
use database::jobs::{Driver, Job, Office, Sharing, Turn, Turning};

use crate::{
    access::Access,
    service::{denials::DenialLog, reads, sessions},
};

/// The actor and the request id of these jobs.
const ACTOR: &str = "chores";

/// Registers the jobs of access.
pub fn register(driver: &mut Driver, access: &Arc<Access>, denials: &Arc<DenialLog>) {
    driver.add(Reads);
    driver.add(Denials(denials.clone()));
    driver.add(LastUses(access.clone()));
    driver.add(OldSessions);
}

/// Moves reads of personal data into the audit trail.
struct Reads;

impl Job for Reads {
    fn name(&self) -> &'static str {
        "reads of personal data"
    }

    fn every(&self) -> Duration {
        Duration::from_secs(1)
    }

    fn turn<'a>(&'a self, office: &'a Office) -> Turning<'a> {
        Box::pin(async move { Ok(Turn::more_if(reads::move_into_trail(&office.db, &office.context(ACTOR, ACTOR)).await?)) })
    }
}

/// Records the refused accesses that were counted.
struct Denials(Arc<DenialLog>);

impl Job for Denials {
    fn name(&self) -> &'static str {
        "refused accesses"
    }

    fn every(&self) -> Duration {
        Duration::from_secs(10)
    }

    fn sharing(&self) -> Sharing {
        Sharing::Own
    }

    fn has_last_turn(&self) -> bool {
        true
    }

    fn turn<'a>(&'a self, office: &'a Office) -> Turning<'a> {
        Box::pin(async move {
            self.0.flush(&office.db, &office.context(ACTOR, ACTOR), office.stop.is_stopping()).await?;
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

/// Deletes sessions that ended long ago, and addresses from which nobody has signed in for long.
struct OldSessions;

impl Job for OldSessions {
    fn name(&self) -> &'static str {
        "old sessions"
    }

    fn every(&self) -> Duration {
        Duration::from_secs(600)
    }

    fn sharing(&self) -> Sharing {
        Sharing::Lease(TimeDelta::minutes(20))
    }

    fn turn<'a>(&'a self, office: &'a Office) -> Turning<'a> {
        Box::pin(async move { Ok(Turn::more_if(sessions::purge(&office.db, &office.context(ACTOR, ACTOR)).await?)) })
    }
}
