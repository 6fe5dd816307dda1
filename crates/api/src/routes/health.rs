//! Whether the program runs, and whether it can serve (SPEC 13.1).

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

/// How it stands.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"status": "ok"}))]
struct Health {
    /// `ok`.
    status: &'static str,
}

/// Whether the program runs.
#[utoipa::path(tag = "health", operation_id = "health_live", responses((status = 200, description = "It runs.", body = Health)))]
#[get("/health/live")]
async fn live() -> Reply {
    Ok(Answer::ok(&Health { status: "ok" })?)
}

/// Whether the program can serve: the database responds, has the right schema and can store changes.
#[utoipa::path(tag = "health", operation_id = "health_ready", responses((status = 200, description = "It can serve.", body = Health)))]
#[get("/health/ready")]
async fn ready(call: Call) -> Reply {
    if !call.state.schema.is_current(&call.state.db).await? {
        return Err(Error::new(common::DATABASE_AWAY).retry_after(5).into());
    }
    call.state.db.check_writable(call.context()).await?;
    Ok(Answer::ok(&Health { status: "ok" })?)
}
