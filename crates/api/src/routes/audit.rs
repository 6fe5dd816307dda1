//! The audit trail.

use acl::{
    audit,
    input::AuditFilter,
    model::{AuditRow, Verification},
    perm,
};
use actix_web::get;
use database::page::ListSpec;

use crate::{
    answer::{Answer, List, Reply},
    call::Call,
    extract::{ListQuery, Listing},
    guard::Guard,
    routes::mount::Mount,
};

pub fn configure(mount: &mut Mount<'_, '_>) {
    mount.service(list_audit).service(verify_audit);
}

impl ListQuery for AuditFilter {
    const SPEC: ListSpec = audit::LIST;
}

/// Lists the audit trail.
#[utoipa::path(
    tag = "audit",
    params(Listing<AuditFilter>),
    responses((status = 200, description = "A page of the audit trail.", body = List<AuditRow>)),
    security(("bearer" = ["audit:read"]))
)]
#[get("/audit")]
async fn list_audit(call: Call, granted: Guard<perm::AuditRead>, query: Listing<AuditFilter>) -> Reply {
    let page = call.read(async |conn| audit::list(conn, &granted, &query.filter, &query.paging).await).await?;
    Ok(call.page(page)?)
}

/// Verifies the hash chain and finds the first row that was altered or removed.
#[utoipa::path(
    tag = "audit",
    responses((status = 200, description = "The result.", body = Verification)),
    security(("bearer" = ["audit:read"]))
)]
#[get("/audit/verify")]
async fn verify_audit(call: Call, granted: Guard<perm::AuditRead>) -> Reply {
    Ok(Answer::ok(&audit::verify(&call.state.db, call.context(), &granted).await?)?)
}
