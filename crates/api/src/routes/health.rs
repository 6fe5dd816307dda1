//! Health checks: whether the program runs, and whether it can serve.

use actix_web::get;
use kernel::{Error, error::common};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    answer::{Answer, Reply},
    call::Call,
    routes::mount::Mount,
};

pub fn configure(mount: &mut Mount<'_, '_>) {
    mount.service(live).service(ready);
}

/// Whether the program can serve, and which parts of it cannot.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"status": "ok", "files": "ok"}))]
struct Readiness {
    /// Always `ok`.
    status: &'static str,
    /// The store of attached files: `ok`, or `away` while files can be neither attached nor read; all else works.
    files: FileStanding,
}

kernel::text_enum! {
    /// Whether the store of attached files can be reached.
    pub enum FileStanding {
        /// It can be reached.
        Ok = "ok",
        /// It cannot be reached with its settings.
        Away = "away",
    }
}

/// The result of a health check.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"status": "ok"}))]
struct Health {
    /// Always `ok`.
    status: &'static str,
}

/// Checks whether the program runs.
#[utoipa::path(tag = "health", operation_id = "health_live", responses((status = 200, description = "Running.", body = Health)))]
#[get("/health/live")]
async fn live() -> Reply {
    Ok(Answer::ok(&Health { status: "ok" })?)
}

/// Checks whether the program can serve requests.
///
/// The database must respond, have the expected schema and be able to store changes.
#[utoipa::path(tag = "health", operation_id = "health_ready", responses((status = 200, description = "Ready to serve.", body = Readiness)))]
#[get("/health/ready")]
async fn ready(call: Call) -> Reply {
    if !call.state.schema.is_current(&call.state.db).await? {
        return Err(Error::new(common::DATABASE_AWAY).retry_after(5).into());
    }
    call.state.db.check_writable(call.context()).await?;
    let files = if call.state.files.are_there().await { FileStanding::Ok } else { FileStanding::Away };
    Ok(Answer::ok(&Readiness { status: "ok", files })?)
}
