//! Reconciliations: settlement files of gateways, compared with the ledger.

use acl::perm;
use actix_web::{get, post, web};
use database::page::ListSpec;
use gateways::{
    Reconciliation, ReconciliationFilter, ReconciliationQuery, ReconciliationRow, ReconciliationRowFilter,
    reconciliation::{self, Span},
};
use kernel::{Error, digest::sha256, id::ReconciliationId};

use crate::{
    answer::{Answer, List, Reply},
    call::Call,
    extract::{CsvBody, ListQuery, Listing, Parameters, PathPart},
    guard::Guard,
    routes::mount::Mount,
};

pub fn configure(mount: &mut Mount<'_, '_>) {
    mount.service(list_reconciliations).service(create_reconciliation).service(get_reconciliation).service(list_reconciliation_rows);
}

impl ListQuery for ReconciliationFilter {
    const SPEC: ListSpec = reconciliation::LIST;
}

impl ListQuery for ReconciliationRowFilter {
    const SPEC: ListSpec = reconciliation::ROW_LIST;
}

/// The version of every reconciliation: its row never changes.
const VERSION: i64 = 1;

/// Compares a gateway's settlement file with the received payments and stores the result.
///
/// No money moves. The body is CSV in UTF-8 with a header line, and with cells separated by commas, semicolons or tabs. The columns
/// `reference` (the reference given to the gateway: the payment's id), `amount` and `currency` are read, others are ignored. A file
/// has up to 20 000 rows and 10 MiB. A file that cannot be read is refused, and all its errors are listed. `from` and `to` are the
/// days whose payments are reported as missing if the file does not contain them.
#[utoipa::path(
    tag = "payments",
    params(ReconciliationQuery),
    request_body(content = String, content_type = "text/csv", description = "The file.", example = "reference,amount,currency\n101,1000.00,RUB\n"),
    responses(
        (status = 201, description = "The reconciliation.", body = Reconciliation),
        (status = 413, description = "The file is over 10 MiB."),
        (status = 422, description = "`invalid`: the file cannot be read; `errors` lists everything that is wrong. `reconciliation_too_large`: too many payments were received on these days.")
    ),
    security(("bearer" = ["payments:reconcile"]))
)]
#[post("/payments/reconciliations")]
async fn create_reconciliation(
    call: Call,
    granted: Guard<perm::PaymentsReconcile>,
    query: Parameters<ReconciliationQuery>,
    file: CsvBody,
) -> Reply {
    let span = Span::of(&query.0, &call.state.gateways.names())?;
    let sha256 = sha256(&file.0);
    // reading takes a while, and must not block this thread
    let rows = web::block(move || reconciliation::read(&file.0)).await.map_err(Error::internal)??;
    let answer = call.write(async |tx| {
        let found = reconciliation::reconcile(tx, &granted, &span, &rows, &sha256).await?;
        Answer::created(format!("payments/reconciliations/{}", found.id), &found, VERSION)
    });
    Ok(answer.await?)
}

/// Lists reconciliations.
#[utoipa::path(
    tag = "payments",
    params(Listing<ReconciliationFilter>),
    responses((status = 200, description = "A page of reconciliations.", body = List<Reconciliation>)),
    security(("bearer" = ["payments:reconcile"]))
)]
#[get("/payments/reconciliations")]
async fn list_reconciliations(call: Call, granted: Guard<perm::PaymentsReconcile>, query: Listing<ReconciliationFilter>) -> Reply {
    let page = call.read(async |conn| reconciliation::list(conn, &granted, &query.filter, &query.paging).await).await?;
    Ok(call.page(page)?)
}

/// Returns a reconciliation.
#[utoipa::path(
    tag = "payments",
    params(("id" = ReconciliationId, Path, description = "The reconciliation's id.")),
    responses((status = 200, description = "The reconciliation.", body = Reconciliation)),
    security(("bearer" = ["payments:reconcile"]))
)]
#[get("/payments/reconciliations/{id}")]
async fn get_reconciliation(call: Call, granted: Guard<perm::PaymentsReconcile>, id: PathPart<ReconciliationId>) -> Reply {
    let found = call.read(async |conn| reconciliation::get(conn, &granted, id.0).await).await?;
    Ok(Answer::resource(&found, VERSION)?)
}

/// Lists the rows of a reconciliation: those of the file, then the payments missing in it.
#[utoipa::path(
    tag = "payments",
    params(("id" = ReconciliationId, Path, description = "The reconciliation's id."), Listing<ReconciliationRowFilter>),
    responses((status = 200, description = "A page of rows.", body = List<ReconciliationRow>)),
    security(("bearer" = ["payments:reconcile"]))
)]
#[get("/payments/reconciliations/{id}/rows")]
async fn list_reconciliation_rows(
    call: Call,
    granted: Guard<perm::PaymentsReconcile>,
    id: PathPart<ReconciliationId>,
    query: Listing<ReconciliationRowFilter>,
) -> Reply {
    let page = call.read(async |conn| reconciliation::rows(conn, &granted, id.0, &query.filter, &query.paging).await).await?;
    Ok(call.page(page)?)
}
