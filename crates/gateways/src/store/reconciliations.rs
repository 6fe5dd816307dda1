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
    reconciliation::Source,
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
#[derive(Clone, Debug, sqlx_macros::FromRow)]
pub struct Ours {
    /// The payment.
    pub id: PaymentId,
    /// The transaction id.
    pub transaction_id: Option<String>,
    /// The amount.
    pub amount: Money,
    /// The status.
    pub status: PaymentStatus,
}

/// A refund in the ledger.
#[derive(Clone, Debug, sqlx_macros::FromRow)]
pub struct GivenBack {
    /// The refund.
    pub id: PaymentId,
    /// The refunded payment.
    pub payment_id: PaymentId,
    /// The transaction id of the refunded payment.
    pub transaction_id: Option<String>,
    /// The amount of the refund.
    pub amount: Money,
}

impl GivenBack {
    /// The refunded payment, as far as a reference to it is concerned.
    pub fn payment(&self) -> Ours {
        let transaction_id = self.transaction_id.clone();
        Ours { id: self.payment_id, transaction_id, amount: self.amount, status: PaymentStatus::Success }
    }
}

/// A time range, and the largest number of rows to read in it.
#[derive(Clone, Copy, Debug)]
pub struct Days {
    /// The beginning.
    pub from: DateTime<Utc>,
    /// The end, which is not part of the range.
    pub until: DateTime<Utc>,
    /// The largest number of rows.
    pub limit: i64,
}

/// The condition for payments of a source, with their table and the next free parameter, and its values.
fn condition(source: &Source, table: &str, parameter: usize) -> (String, Vec<Arg>) {
    // the term with IN is that of the index
    let by_method =
        |method: &str| format!("{table}.payment_method IN ('terminal', 'bank_transfer') AND {table}.payment_method = '{method}'");
    match source {
        Source::Gateway(name) => (format!("{table}.gateway = ${parameter}"), vec![name.clone().into()]),
        Source::Terminals(network) => {
            let text = format!(
                "{} AND {table}.transaction_id LIKE ${parameter} AND {table}.transaction_id NOT LIKE ${}",
                by_method("terminal"),
                parameter + 1
            );
            // ids are digits, so that ids of a network whose name begins with this one have one colon more
            let (theirs, of_others) = (format!("{}:%", network.as_str()), format!("{}:%:%", network.as_str()));
            (text, vec![theirs.into(), of_others.into()])
        }
        Source::Bank => (by_method("bank_transfer"), Vec::new()),
    }
}

async fn among(conn: &mut Conn, source: &Source, column: &str, keys: Vec<Arg>) -> Result<Vec<Ours>> {
    let mut found = Vec::with_capacity(keys.len());
    for some in keys.chunks(AT_ONCE) {
        let places: Vec<String> = (1..=some.len()).map(|place| format!("${place}")).collect();
        let (condition, values) = condition(source, "payments", some.len() + 1);
        let text = format!(
            "SELECT id, transaction_id, amount, status FROM payments WHERE {column} IN ({}) AND transaction_type = 'payment' AND {condition}",
            places.join(", ")
        );
        let rows: Vec<Ours> = Sql::owned(text).bind_all(some.iter().cloned()).bind_all(values).all(conn).await?;
        found.extend(rows);
    }
    Ok(found)
}

/// Finds the payments of a source among these.
pub async fn by_ids(conn: &mut Conn, source: &Source, ids: &[PaymentId]) -> Result<Vec<Ours>> {
    among(conn, source, "id", ids.iter().map(|id| Arg::from(*id)).collect()).await
}

/// Finds the payments of a source with these transaction ids.
pub async fn by_transaction_ids(conn: &mut Conn, source: &Source, ids: &[String]) -> Result<Vec<Ours>> {
    among(conn, source, "transaction_id", ids.iter().map(|id| Arg::from(id.clone())).collect()).await
}

/// Finds the payments of a source received in a time range.
pub async fn came_in(conn: &mut Conn, source: &Source, days: Days) -> Result<Vec<Ours>> {
    let (condition, values) = condition(source, "payments", 4);
    let text = format!(
        "SELECT id, transaction_id, amount, status FROM payments WHERE status = 'success' AND processed_at >= $1 AND processed_at < $2 \
         AND transaction_type = 'payment' AND {condition} ORDER BY processed_at, id LIMIT $3"
    );
    Sql::owned(text).bind(days.from).bind(days.until).bind(days.limit).bind_all(values).all(conn).await
}

/// Finds the refunds of payments of a source made in a time range.
pub async fn went_out(conn: &mut Conn, source: &Source, days: Days) -> Result<Vec<GivenBack>> {
    let (of_payment, values) = condition(source, "payments", 4);
    // a refund has the method and the gateway of its payment
    let of_refund = match source {
        Source::Gateway(_) => "refunds.gateway = $4",
        Source::Terminals(_) => "refunds.payment_method IN ('terminal', 'bank_transfer') AND refunds.payment_method = 'terminal'",
        Source::Bank => "refunds.payment_method IN ('terminal', 'bank_transfer') AND refunds.payment_method = 'bank_transfer'",
    };
    let text = format!(
        "SELECT refunds.id, payments.id AS payment_id, payments.transaction_id, refunds.amount FROM payments AS refunds \
         JOIN payments ON payments.id = refunds.refund_of WHERE refunds.status = 'success' AND refunds.processed_at >= $1 \
         AND refunds.processed_at < $2 AND refunds.transaction_type = 'refund' AND {of_refund} AND {of_payment} \
         ORDER BY refunds.processed_at, refunds.id LIMIT $3"
    );
    Sql::owned(text).bind(days.from).bind(days.until).bind(days.limit).bind_all(values).all(conn).await
}

/// Finds the refunds of these payments.
pub async fn given_back(conn: &mut Conn, payments: &[PaymentId]) -> Result<Vec<GivenBack>> {
    let mut found = Vec::new();
    for some in payments.chunks(AT_ONCE) {
        let places: Vec<String> = (1..=some.len()).map(|place| format!("${place}")).collect();
        let text = format!(
            "SELECT refunds.id, payments.id AS payment_id, payments.transaction_id, refunds.amount FROM payments AS refunds \
             JOIN payments ON payments.id = refunds.refund_of WHERE refunds.refund_of IN ({}) AND refunds.status = 'success' \
             ORDER BY refunds.id",
            places.join(", ")
        );
        let rows: Vec<GivenBack> = Sql::owned(text).bind_all(some.iter().map(|id| Arg::from(*id))).all(conn).await?;
        found.extend(rows);
    }
    Ok(found)
}

macro_rules! select {
    ($tail:literal) => {
        concat!(
            "SELECT reconciliations.id, reconciliations.gateway, reconciliations.from_date, reconciliations.to_date, reconciliations.file_sha256, ",
            "reconciliations.file_rows, reconciliations.matched, reconciliations.missing_here, reconciliations.missing_there, ",
            "reconciliations.different_amount, reconciliations.repeated, reconciliations.unreadable, reconciliations.created_by, reconciliations.created_at FROM reconciliations",
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
    conditions.any("reconciliation_rows.kind", filter.kind.as_ref());
    let select = "SELECT reconciliation_rows.id, reconciliation_rows.kind, reconciliation_rows.line, reconciliation_rows.reference, \
                  reconciliation_rows.payment_id, reconciliation_rows.their_amount, reconciliation_rows.their_currency, \
                  reconciliation_rows.our_amount, reconciliation_rows.our_status, reconciliation_rows.problem, \
                  reconciliation_rows.text FROM reconciliation_rows";
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
        "repeated",
        "unreadable",
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
        reconciliation.repeated.into(),
        reconciliation.unreadable.into(),
        (&reconciliation.created_by).into(),
        reconciliation.created_at.into(),
    ]);
    let id: ReconciliationId = one.insert_one(tx).await?;
    let columns = [
        "reconciliation_id",
        "kind",
        "line",
        "reference",
        "payment_id",
        "their_amount",
        "their_currency",
        "our_amount",
        "our_status",
        "problem",
        "text",
    ];
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
            (&row.problem).into(),
            (&row.text).into(),
        ]);
    }
    all.execute(tx).await?;
    Ok(id)
}
