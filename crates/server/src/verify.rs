//! `telecom-crm verify`: checks every invariant, and fails when one is broken.

use std::{process::ExitCode, sync::Arc};

use acl::{Granted, audit, perm};
use database::{
    Db,
    record::{self, SettingsOfRecord},
};
use kernel::{Actor, Clock, Context, Origin, Result};
use rehearsal::{Invariants, print};
use schema::SCHEMA;

use crate::{assembly, failure::Failure, settings::Settings};

/// The number of violations shown for each invariant; a broken database has thousands of the same kind.
const MOST_SHOWN: usize = 20;

/// Checks a database without changing it; stops at the first broken invariant.
pub async fn run(settings: &Settings) -> Result<ExitCode, Failure> {
    let db = assembly::connect(settings).await?.patient();
    SCHEMA.must_be_current(&db, &settings.database_url).await?;
    let origin = Origin { request_id: "verify".into(), ..Origin::default() };
    let context = Context { now: Clock::System.now(), policy: settings.policy.clone(), origin, actor: Actor::system("verify") };
    let context: Arc<Context> = context.into();
    if let Some(recorded) = db.read(&context, async |conn| record::find(conn).await).await? {
        recorded.must_allow(&SettingsOfRecord::of(&settings.policy))?;
    }
    for (invariant, found) in violations(&db, &context).await? {
        print(format_args!("{} {invariant}", if found.is_empty() { "ok    " } else { "BROKEN" }))?;
        for violation in found.iter().take(MOST_SHOWN) {
            print(format_args!("       {violation}"))?;
        }
        if found.len() > MOST_SHOWN {
            print(format_args!("       and {} more", found.len() - MOST_SHOWN))?;
        }
        if !found.is_empty() {
            return Ok(ExitCode::FAILURE);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Checks every invariant, using the feature that owns it.
pub async fn violations(db: &Db, context: &Arc<Context>) -> Result<Invariants> {
    Ok(vec![
        (
            "balances are the sums of their transactions; no payment is refunded beyond its amount",
            db.read(context, async |conn| Ok([payments::violations(conn).await?, gateways::violations(conn).await?].concat())).await?,
        ),
        ("each period is charged once; periods do not overlap", db.read(context, async |conn| billing::violations(conn).await).await?),
        ("contracts, holds and SIMs agree", db.read(context, async |conn| contracts::violations(conn).await).await?),
        ("a SIM and a number belong to one contract at most", db.read(context, async |conn| sims::violations(conn).await).await?),
        ("every tariff has its prices", db.read(context, async |conn| tariffs::violations(conn).await).await?),
        ("tickets are what their state and their journal say", db.read(context, async |conn| tickets::violations(conn).await).await?),
        ("no two subscribers share a unique key", db.read(context, async |conn| customers::violations(conn).await).await?),
        ("the audit trail is unbroken", broken_chain(db, context).await?),
    ])
}

async fn broken_chain(db: &Db, context: &Arc<Context>) -> Result<Vec<String>> {
    let found = audit::verify(db, context, &Granted::<perm::AuditRead>::system("verify")).await?;
    let first = found.first_broken.map(|seq| format!("at row {seq}")).unwrap_or_default();
    let reason = found.reason.map(|reason| reason.to_string()).unwrap_or_default();
    Ok(if found.intact { Vec::new() } else { vec![format!("the chain is broken {first}: {reason}")] })
}
