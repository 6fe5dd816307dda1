//! The job that removes files from the store to which no attachment refers, and the records of old mails.

use std::{sync::Arc, time::Duration};

use chrono::TimeDelta;
use database::jobs::{Driver, Job, Office, Sharing, Turn, Turning};
use files::Files;
use kernel::Result;

use crate::{attachments, inbound};

/// The maximum number of files removed in one run; the rest waits for the next run.
const MOST_REMOVED: i64 = 100;
/// The maximum number of records of mails removed in one run.
const MOST_FORGOTTEN: i64 = 1000;
/// The actor and the request id of the job.
const ACTOR: &str = "chores";

/// Removes files that were never attached, or that could not be removed when they were detached, and the records of old mails.
pub async fn sweep(office: &Office, files: &Files) -> Result<()> {
    let context = office.context(ACTOR, ACTOR);
    let keys = office.db.read(&context, async |conn| attachments::left_over(conn, MOST_REMOVED).await).await?;
    for key in keys {
        attachments::discard(&office.db, &context, files, &key).await?;
    }
    office.db.transaction(&context, async |tx| inbound::forget(tx, MOST_FORGOTTEN).await).await.map(drop)
}

/// Registers the job.
pub fn register(driver: &mut Driver, files: &Arc<Files>) {
    driver.add(Sweeping(files.clone()));
}

struct Sweeping(Arc<Files>);

impl Job for Sweeping {
    fn name(&self) -> &'static str {
        "files without an owner"
    }

    fn every(&self) -> Duration {
        Duration::from_secs(600)
    }

    fn sharing(&self) -> Sharing {
        Sharing::Lease(TimeDelta::minutes(20))
    }

    fn turn<'a>(&'a self, office: &'a Office) -> Turning<'a> {
        Box::pin(async move { sweep(office, &self.0).await.map(|()| Turn::Idle) })
    }
}
