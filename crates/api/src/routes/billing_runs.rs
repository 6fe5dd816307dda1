//! Billing runs.

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

/// Starts a billing run, which charges in the background everything that is due by its day.
///
/// If a run of the same kind for that day is already in progress, the response shows that run, and this instance helps with it. A
/// dry run only calculates what a run would do, and can be for a future day. Follow `Location` until its `state` is no longer
/// `running`.
#[utoipa::path(
    tag = "billing",
    request_body = RunInput,
    responses((status = 202, description = "The run, new or already in progress.", body = BillingRun)),
    security(("bearer" = ["billing:run"]))
)]
#[post("/billing/runs")]
async fn create_billing_run(call: Call, granted: Guard<perm::BillingRun>, input: Body<RunInput>) -> Reply<BillingRunId> {
    let answer = call.write(async |tx| {
        let run = run::start(tx, &granted, &input).await?;
        Ok(Answer::accepted(format!("billing/runs/{}", run.id), &run)?.having_made(run.id))
    });
    let answer = answer.await?;
    // a repeated request may ask for a run again: a finished run is left alone
    call.state.runs.ask(answer.made);
    Ok(answer)
}

/// Returns a billing run with its progress and its totals.
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

/// Lists billing runs.
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

/// Lists the contracts that a run could not charge, and why.
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
