//! The job that makes numbers available whose reservation or quarantine has expired.

use std::time::Duration;

use acl::{Granted, perm};
use database::jobs::{Driver, Job, Office, Turn, Turning};
use kernel::{Error, Result};

use crate::numbers;

/// The maximum number of phone numbers that one transaction makes available.
pub const NUMBERS_AT_ONCE: usize = 500;
/// The actor of the job in the audit trail.
const ACTOR: &str = "numbers that have run out";

/// Makes numbers available whose reservation or quarantine has expired; returns how many, at most [`NUMBERS_AT_ONCE`].
///
/// Rows that another instance has locked are skipped. A failure does no harm: the numbers count as available anyway.
pub async fn free_lapsed_numbers(office: &Office) -> Result<usize> {
    let limit = i64::try_from(NUMBERS_AT_ONCE).map_err(Error::internal)?;
    let granted = Granted::<perm::SimsWrite>::system(ACTOR);
    let context = office.context("chores", ACTOR);
    office.db.transaction(&context, async |tx| numbers::free_lapsed(tx, &granted, limit).await).await
}

/// Registers the job.
pub fn register(driver: &mut Driver) {
    driver.add(LapsedNumbers);
}

struct LapsedNumbers;

impl Job for LapsedNumbers {
    fn name(&self) -> &'static str {
        "numbers"
    }

    fn every(&self) -> Duration {
        Duration::from_secs(60)
    }

    fn turn<'a>(&'a self, office: &'a Office) -> Turning<'a> {
        Box::pin(async move { Ok(Turn::more_if(free_lapsed_numbers(office).await? == NUMBERS_AT_ONCE)) })
    }
}
