//! The job that computes the keys by which names are ordered, for rows that were written before there were keys.

use std::time::Duration;

use kernel::{Result, text::order_key};

use crate::{
    Given, Sql,
    jobs::{Driver, Job, Office, Turn, Turning},
};

/// The number of rows that one transaction completes.
const AT_ONCE: i64 = 500;
/// The actor of the job.
const ACTOR: &str = "order of names";

/// A table with names and their keys. An empty key is not computed yet.
#[derive(Clone, Copy, Debug)]
pub struct Named {
    /// Reads the ids and names of up to `$1` rows without a key.
    pub missing: &'static str,
    /// Writes the keys, from `given (row_id, new_key)`, to rows that still have none.
    pub complete: &'static str,
}

/// Registers the job for these tables.
pub fn register(driver: &mut Driver, tables: &'static [Named]) {
    driver.add(OrderKeys { tables });
}

/// Computes up to 500 missing keys of each table; returns whether there may be more.
pub async fn complete(office: &Office, tables: &[Named]) -> Result<bool> {
    let mut is_more = false;
    for table in tables {
        let context = office.context("order-keys", ACTOR);
        let missing: Vec<(i64, String)> =
            office.db.read(&context, async |conn| Sql::new(table.missing).bind(AT_ONCE).all(conn).await).await?;
        if missing.is_empty() {
            continue;
        }
        let written = office.db.transaction(&context, async |tx| {
            let mut rows = Given::of(&["row_id", "new_key"]);
            for (id, name) in &missing {
                rows.row(vec![(*id).into(), order_key(name).into()]);
            }
            rows.execute(table.complete, tx).await
        });
        written.await?;
        is_more |= i64::try_from(missing.len()) == Ok(AT_ONCE);
    }
    Ok(is_more)
}

struct OrderKeys {
    tables: &'static [Named],
}

impl Job for OrderKeys {
    fn name(&self) -> &'static str {
        "order keys"
    }

    fn every(&self) -> Duration {
        Duration::from_secs(3600)
    }

    fn turn<'a>(&'a self, office: &'a Office) -> Turning<'a> {
        Box::pin(async move { Ok(Turn::more_if(complete(office, self.tables).await?)) })
    }
}
