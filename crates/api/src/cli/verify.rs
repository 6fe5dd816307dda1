//! `telecom-crm verify`: every invariant of SPEC 14, and a non-zero exit when one is broken.

use std::process::ExitCode;

use acl::{Granted, audit, perm};
use kernel::{
    Result,
    db::{DatabaseUrl, Db},
};

use crate::{app, settings::Settings};

/// Violations shown of each invariant; a broken database has thousands of the same.
const MOST_SHOWN: usize = 20;

/// Checks a database without changing it; stops at the first invariant that is broken.
pub async fn run(settings: &Settings) -> Result<ExitCode> {
    if let DatabaseUrl::Sqlite(path) = &settings.database_url
        && !path.exists()
    {
        eprintln!("DATABASE_URL: there is no database at {}", path.display());
        return Ok(ExitCode::FAILURE);
    }
    let db = app::connect(settings).await?.patient();
    for (invariant, found) in violations(&db).await? {
        println!("{} {invariant}", if found.is_empty() { "ok    " } else { "BROKEN" });
        for violation in found.iter().take(MOST_SHOWN) {
            println!("       {violation}");
        }
        if found.len() > MOST_SHOWN {
            println!("       and {} more", found.len() - MOST_SHOWN);
        }
        if !found.is_empty() {
            return Ok(ExitCode::FAILURE);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Every invariant with what breaks it.
pub async fn violations(db: &Db) -> Result<Vec<(&'static str, Vec<String>)>> {
    Ok(vec![
        (
            "balances are the sums of their transactions; no payment is refunded beyond its amount",
            db.read(async |conn| payments::violations(conn).await).await?,
        ),
        ("each period is charged once; periods do not overlap", db.read(async |conn| billing::violations(conn).await).await?),
        ("contracts, holds and SIMs agree", db.read(async |conn| contracts::violations(conn).await).await?),
        ("a SIM and a number belong to one contract at most", db.read(async |conn| sims::violations(conn).await).await?),
        ("every tariff has its prices", db.read(async |conn| tariffs::violations(conn).await).await?),
        ("tickets are what their state and their journal say", db.read(async |conn| tickets::violations(conn).await).await?),
        ("no two subscribers share a unique key", db.read(async |conn| customers::violations(conn).await).await?),
        ("the audit trail is unbroken", broken_chain(db).await?),
    ])
}

async fn broken_chain(db: &Db) -> Result<Vec<String>> {
    let found = audit::verify(db, &Granted::<perm::AuditRead>::system("verify")).await?;
    let first = found.first_broken.map(|seq| format!("at row {seq}")).unwrap_or_default();
    let reason = found.reason.map(|reason| reason.to_string()).unwrap_or_default();
    Ok(if found.intact { Vec::new() } else { vec![format!("the chain is broken {first}: {reason}")] })
}
