//! SQL of settlement files and their comparison with the ledger.

use chrono::{DateTime, Utc};
use database::{
    Arg, Bulk, Conn, Filter, Page, Paging, Sql, Tx,
    page::{KeyKind, ListSpec, OrderField},
};
use kernel::{
    Money, Result,
    id::{PaymentId, ReconciliationId},
};
use payments::PaymentStatus;

use crate::{
    input::{ReconciliationFilter, ReconciliationRowFilter},
    model::{Reconciliation, ReconciliationRow},
};

/// The sort orders of reconciliation lists.
pub const LIST: ListSpec = ListSpec {
    order_fields: &[OrderField { name: "created_at", column: "reconciliations.created_at", kind: KeyKind::Time }],
    default_order: "-created_at",
    id: "reconciliations.id",
    id_name: "id",
};

/// The sort orders of a reconciliation's rows: first those of the file, then the payments that it does not have.
pub const ROW_LIST: ListSpec = ListSpec {
    order_fields: &[OrderField { name: "id", column: "reconciliation_rows.id", kind: KeyKind::Int }],
    default_order: "id",
    id: "reconciliation_rows.id",
    id_name: "id",
};

/// The number of references in one statement.
const AT_ONCE: usize = 1000;

/// A payment in the ledger.
#[derive(Clone, Copy, Debug, sqlx_macros::FromRow)]
pub struct Ours {
    /// The payment.
    pub id: PaymentId,
    /// The amount.
    pub amount: Money,
    /// The status.
    pub status: PaymentStatus,
}

/// Finds the payments of a gateway among these.
pub async fn by_ids(conn: &mut Conn, gateway: &str, ids: &[PaymentId]) -> Result<Vec<Ours>> {
    let mut found = Vec::with_capacity(ids.len());
    for some in ids.chunks(AT_ONCE) {
        let places: Vec<String> = (0..some.len()).map(|place| format!("${}", place + 2)).collect();
        let text = format!(
            "SELECT id, amount, status FROM payments WHERE gateway = $1 AND transaction_type = 'payment' AND id IN ({})",
            places.join(", ")
        );
        let rows: Vec<Ours> = Sql::owned(text).bind(gateway.to_owned()).bind_all(some.iter().map(|id| Arg::from(*id))).all(conn).await?;
        found.extend(rows);
    }
    Ok(found)
}

/// Finds the payments of a gateway received in a time range, at most `limit`.
pub async fn came_in(conn: &mut Conn, gateway: &str, from: DateTime<Utc>, until: DateTime<Utc>, limit: i64) -> Result<Vec<Ours>> {
    Sql::new(
        "SELECT id, amount, status FROM payments WHERE status = 'success' AND processed_at >= $1 AND processed_at < $2 AND gateway = $3 \
         AND transaction_type = 'payment' ORDER BY processed_at, id LIMIT $4",
    )
    .bind(from)
    .bind(until)
    .bind(gateway.to_owned())
    .bind(limit)
    .all(conn)
    .await
}

macro_rules! select {
    ($tail:literal) => {
        concat!(
            "SELECT reconciliations.id, reconciliations.gateway, reconciliations.from_date, reconciliations.to_date, reconciliations.file_sha256, ",
            "reconciliations.file_rows, reconciliations.matched, reconciliations.missing_here, reconciliations.missing_there, ",
            "reconciliations.different_amount, reconciliations.created_by, reconciliations.created_at FROM reconciliations",
            $tail
        )
    };
}

pub async fn get(conn: &mut Conn, id: ReconciliationId) -> Result<Option<Reconciliation>> {
    Sql::new(select!(" WHERE reconciliations.id = $1")).bind(id).optional(conn).await
}

pub async fn list(conn: &mut Conn, filter: &ReconciliationFilter, paging: &Paging) -> Result<Page<Reconciliation>> {
    let mut conditions = Filter::new(conn.engine());
    conditions.equal("reconciliations.gateway", filter.gateway.clone());
    paging.fetch(conn, select!(""), "reconciliations", conditions).await
}

pub async fn rows(
    conn: &mut Conn,
    id: ReconciliationId,
    filter: &ReconciliationRowFilter,
    paging: &Paging,
) -> Result<Page<ReconciliationRow>> {
    let mut conditions = Filter::new(conn.engine());
    conditions.equal("reconciliation_rows.reconciliation_id", Some(id));
    conditions.equal("reconciliation_rows.kind", filter.kind);
    let select = "SELECT reconciliation_rows.id, reconciliation_rows.kind, reconciliation_rows.line, reconciliation_rows.reference, \
                  reconciliation_rows.payment_id, reconciliation_rows.their_amount, reconciliation_rows.their_currency, \
                  reconciliation_rows.our_amount, reconciliation_rows.our_status FROM reconciliation_rows";
    paging.fetch(conn, select, "reconciliation_rows", conditions).await
}

/// Inserts a reconciliation with its rows, ignoring the ids in them, and returns its new id.
pub async fn insert(tx: &mut Tx, reconciliation: &Reconciliation, rows: &[ReconciliationRow]) -> Result<ReconciliationId> {
    let columns = [
        "gateway",
        "from_date",
        "to_date",
        "file_sha256",
        "file_rows",
        "matched",
        "missing_here",
        "missing_there",
        "different_amount",
        "created_by",
        "created_at",
    ];
    let mut one = Bulk::into_table("reconciliations", &columns);
    one.row(vec![
        (&reconciliation.gateway).into(),
        reconciliation.from.into(),
        reconciliation.to.into(),
        (&reconciliation.file_sha256).into(),
        reconciliation.file_rows.into(),
        reconciliation.matched.into(),
        reconciliation.missing_here.into(),
        reconciliation.missing_there.into(),
        reconciliation.different_amount.into(),
        (&reconciliation.created_by).into(),
        reconciliation.created_at.into(),
    ]);
    let id: ReconciliationId = one.insert_one(tx).await?;
    let columns =
        ["reconciliation_id", "kind", "line", "reference", "payment_id", "their_amount", "their_currency", "our_amount", "our_status"];
    let mut all = Bulk::into_table("reconciliation_rows", &columns);
    for row in rows {
        all.row(vec![
            id.into(),
            row.kind.into(),
            row.line.into(),
            (&row.reference).into(),
            row.payment_id.into(),
            row.their_amount.into(),
            (&row.their_currency).into(),
            row.our_amount.into(),
            row.our_status.into(),
        ]);
    }
    all.execute(tx).await?;
    Ok(id)
}
