//! What this instance does beside requests.

use acl::perm;
use actix_web::get;
use database::jobs::JobFigures;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    answer::{Answer, Reply},
    call::Call,
    guard::Guard,
    routes::mount::Mount,
};

pub fn configure(mount: &mut Mount<'_, '_>) {
    mount.service(get_jobs);
}

/// The jobs of the instance that responds.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"jobs": [{
    "name": "billing runs", "turns": 1440, "failures": 0, "busy_milliseconds": 5200, "last_turn_at": "2026-01-15T09:45:00Z", "last_error": null
}]}))]
struct Jobs {
    /// The jobs that have taken a turn, by name.
    jobs: Vec<JobFigures>,
}

/// What the jobs of this instance have done since it started.
///
/// Each instance counts its own turns. Where `JOBS` is `off`, only the jobs that belong to serving requests take any.
#[utoipa::path(
    tag = "health",
    responses((status = 200, description = "The figures of each job.", body = Jobs)),
    security(("bearer" = ["system:manage"]))
)]
#[get("/jobs")]
async fn get_jobs(call: Call, _granted: Guard<perm::SystemManage>) -> Reply {
    Ok(Answer::ok(&Jobs { jobs: call.state.jobs.all() })?)
}
