//! The job that brings subscribers from before the present forms of texts and keys into these forms.
//!
//! A new version may compare, find and order names in another way than the one that wrote a row. A migration then empties the keys, and this
//! job computes them: until it has come to a row, the row is found and ordered as before or not at all.

use std::time::Duration;

use acl::{Granted, perm};
use database::{
    Tx,
    audit::Entry,
    jobs::{Driver, Job, Office, Turn, Turning},
};
use kernel::{Result, text::cleaned};

use crate::{
    input::CustomerInput,
    service,
    store::{
        self,
        forms::{self, Renewed},
    },
};

/// The number of rows that one transaction completes.
pub const FORMS_AT_ONCE: usize = 200;
/// The actor of the job in the audit trail.
const ACTOR: &str = "forms of subscribers";

/// Registers the job.
pub fn register(driver: &mut Driver) {
    driver.add(Forms);
}

/// Brings up to [`FORMS_AT_ONCE`] subscribers into the present form; returns how many.
pub async fn renew(office: &Office) -> Result<usize> {
    let granted = Granted::<perm::CustomersWrite>::system(ACTOR);
    let context = office.context("forms", ACTOR);
    office.db.transaction(&context, async |tx| renew_some(tx, &granted).await).await
}

async fn renew_some(tx: &mut Tx, _granted: &Granted<perm::CustomersWrite>) -> Result<usize> {
    let outdated = forms::outdated(tx, i64::try_from(FORMS_AT_ONCE).map_err(kernel::Error::internal)?).await?;
    let rows: Vec<Renewed> = outdated.into_iter().map(renewed).collect();
    if rows.is_empty() {
        return Ok(0);
    }
    forms::renew(tx, &rows).await?;
    for row in rows.iter().filter(|row| row.is_changed) {
        tx.record(Entry::new("customer.cleaned", "customer", row.before.id));
        if let Some(after) = store::get(tx, row.before.id).await? {
            service::tell(tx, &after);
        }
    }
    Ok(rows.len())
}

fn renewed(before: crate::Customer) -> Renewed {
    let input = before.editable();
    let optional = |text: &Option<String>| text.as_deref().map(|text| cleaned(text).into_owned()).filter(|text| !text.is_empty());
    let clean = CustomerInput {
        last_name: optional(&input.last_name),
        first_name: optional(&input.first_name),
        patronymic: optional(&input.patronymic),
        organization_name: optional(&input.organization_name),
        organization_code: optional(&input.organization_code),
        address: optional(&input.address),
        notes: optional(&input.notes),
        ..input.clone()
    };
    Renewed { before, is_changed: clean != input, input: clean }
}

struct Forms;

impl Job for Forms {
    fn name(&self) -> &'static str {
        "forms of subscribers"
    }

    fn every(&self) -> Duration {
        Duration::from_secs(3600)
    }

    fn turn<'a>(&'a self, office: &'a Office) -> Turning<'a> {
        Box::pin(async move { Ok(Turn::more_if(renew(office).await? == FORMS_AT_ONCE)) })
    }
}
