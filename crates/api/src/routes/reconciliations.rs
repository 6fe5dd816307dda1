//! Reconciliations: settlement files of gateways, compared with the ledger.

use acl::perm;
use actix_web::{get, post, web};
use database::page::ListSpec;
use gateways::{
    Reconciliation, ReconciliationFilter, ReconciliationQuery, ReconciliationRow, ReconciliationRowFilter,
    reconciliation::{self, Source, Span, file},
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

/// Compares a settlement file of a gateway, of terminals or of a bank with the received payments.
///
/// The result is stored. No money moves. The file is CSV as gateways, banks and spreadsheets write it: UTF-8, UTF-16 or Windows-1251; commas, semicolons, tabs
/// or vertical bars; a decimal point or comma. The columns with the reference, the amount and the currency are found by English and
/// Russian heads; without a currency, it is the operator's. The reference is the payment's id for a gateway, `txn_id` for terminals, and
/// the transaction id of the transfer for a bank. Amounts below zero are refunds. Empty rows and totals are passed over, and a row that
/// cannot be read is listed as `unreadable`. A file has up to 20 000 rows and 10 MiB. `from` and `to` are the days whose payments are
/// reported as missing if the file does not contain them; so are refunds, if the file contains refunds.
#[utoipa::path(
    tag = "payments",
    params(ReconciliationQuery),
    request_body(
        content((String = "text/csv", example = "reference,amount,currency\n101,1000.00,RUB\n"), (String = "application/vnd.ms-excel")),
        description = "The file. Spreadsheets send it as `application/vnd.ms-excel`; `text/plain` is also taken."
    ),
    responses(
        (status = 201, description = "The reconciliation.", body = Reconciliation),
        (status = 413, description = "The file is over 10 MiB."),
        (status = 422, description = "`invalid`: the file is no text, has too many rows, or lacks a column. `reconciliation_too_large`: too many payments were received on these days.")
    ),
    security(("bearer" = ["payments:reconcile"]))
)]
#[post("/payments/reconciliations")]
async fn create_reconciliation(
    call: Call,
    granted: Guard<perm::PaymentsReconcile>,
    query: Parameters<ReconciliationQuery>,
    body: CsvBody,
) -> Reply {
    let networks = call.state.terminal.keys.iter().map(|key| &key.network);
    let span = Span::of(&query.0, &Source::all(&call.state.gateways.names(), networks))?;
    let sha256 = sha256(&body.0);
    let country = call.context().policy.country;
    // reading takes a while, and must not block this thread
    let rows = web::block(move || file::read(&body.0, country)).await.map_err(Error::internal)??;
    let answer = call.write(async |tx| {
        let found = reconciliation::reconcile(tx, &granted, &span, &rows, &sha256).await?;
        Answer::created(format!("reconciliations/{}", found.id), &found, VERSION)
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
#[get("/reconciliations/{id}")]
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
#[get("/reconciliations/{id}/rows")]
async fn list_reconciliation_rows(
    call: Call,
    granted: Guard<perm::PaymentsReconcile>,
    id: PathPart<ReconciliationId>,
    query: Listing<ReconciliationRowFilter>,
) -> Reply {
    let page = call.read(async |conn| reconciliation::rows(conn, &granted, id.0, &query.filter, &query.paging).await).await?;
    Ok(call.page(page)?)
}
