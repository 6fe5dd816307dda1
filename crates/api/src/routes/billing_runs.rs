//! Billing runs (SPEC 8.4).

use acl::perm;
use actix_web::{get, post};
use billing::{BillingRun, FailureFilter, RunFailure, RunFilter, RunInput, run};
use database::page::ListSpec;
use kernel::id::BillingRunId;

use crate::{
    answer::{Answer, List, Reply},
    call::Call,
    extract::{Body, ListQuery, Listing, PathPart},
    guard::Guard,
    routes::mount::Mount,
};

pub fn configure(mount: &mut Mount<'_, '_>) {
    mount.service(list_billing_runs).service(get_billing_run).service(list_billing_run_failures).service(create_billing_run);
}

impl ListQuery for RunFilter {
    const SPEC: ListSpec = billing::RUNS;
}

impl ListQuery for FailureFilter {
    const SPEC: ListSpec = billing::FAILURES;
}

/// Starts a billing run: everything that is due by its day is charged, in the background.
///
/// Where a run of the same kind for that day is under way, that one is answered, and this instance helps with it. A dry run only
/// reckons what a run would do, and may be of a day to come. Follow `Location` until its `state` is no longer `running`.
#[utoipa::path(
    tag = "billing",
    request_body = RunInput,
    responses((status = 202, description = "The run, begun or under way already.", body = BillingRun)),
    security(("bearer" = ["billing:run"]))
)]
#[post("/billing/runs")]
async fn create_billing_run(call: Call, granted: Guard<perm::BillingRun>, input: Body<RunInput>) -> Reply<BillingRunId> {
    let answer = call.write(async |tx| {
        let run = run::start(tx, &granted, &input).await?;
        Ok(Answer::accepted(format!("billing/runs/{}", run.id), &run)?.having_made(run.id))
    });
    let answer = answer.await?;
    // a repeat asks for nothing new: a run that is over is left alone
    call.state.runs.ask(answer.made);
    Ok(answer)
}

/// One billing run, with how far it has come and what it came to.
#[utoipa::path(
    tag = "billing",
    params(("id" = BillingRunId, Path, description = "The run's id.")),
    responses((status = 200, description = "The run.", body = BillingRun)),
    security(("bearer" = ["billing:read"]))
)]
#[get("/billing/runs/{id}")]
async fn get_billing_run(call: Call, granted: Guard<perm::BillingRead>, id: PathPart<BillingRunId>) -> Reply {
    let run = call.read(async |conn| run::get(conn, &granted, id.0).await).await?;
    Ok(Answer::resource(&run, run.version)?)
}

/// A page of billing runs.
#[utoipa::path(
    tag = "billing",
    params(Listing<RunFilter>),
    responses((status = 200, description = "A page of runs.", body = List<BillingRun>)),
    security(("bearer" = ["billing:read"]))
)]
#[get("/billing/runs")]
async fn list_billing_runs(call: Call, granted: Guard<perm::BillingRead>, query: Listing<RunFilter>) -> Reply {
    let page = call.read(async |conn| run::list(conn, &granted, &query.filter, &query.paging).await).await?;
    Ok(call.page(page)?)
}

/// A page of the contracts that a run could not charge, with what was in the way.
#[utoipa::path(
    tag = "billing",
    params(("id" = BillingRunId, Path, description = "The run's id."), Listing<FailureFilter>),
    responses((status = 200, description = "A page of failures.", body = List<RunFailure>)),
    security(("bearer" = ["billing:read"]))
)]
#[get("/billing/runs/{id}/failures")]
async fn list_billing_run_failures(
    call: Call,
    granted: Guard<perm::BillingRead>,
    id: PathPart<BillingRunId>,
    query: Listing<FailureFilter>,
) -> Reply {
    let page = call.read(async |conn| run::failures(conn, &granted, id.0, &query.paging).await).await?;
    Ok(call.page(page.map(|failure| failure.worded(|code, values| call.locale().text(code, values))))?)
}
