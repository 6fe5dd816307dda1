//! SQL of cashiers' totals.

use database::{
    Conn, Filter, Page, Paging,
    page::{KeyKind, ListSpec, OrderField},
};
use kernel::Result;

use crate::{shift::ShiftTotals, statement::Span};

/// The sort orders of a shift.
pub const LIST: ListSpec = ListSpec {
    order_fields: &[
        OrderField { name: "cashier", column: "shift.cashier", kind: KeyKind::Text },
        OrderField { name: "payment_method", column: "shift.payment_method", kind: KeyKind::Text },
    ],
    default_order: "cashier,payment_method",
    id: "shift.id",
    id_name: "id",
};

/// Whose totals to list.
pub enum Whose {
    /// Those of all cashiers.
    Everybodys,
    /// Those of this one.
    Of(String),
}

/// The totals by cashier and method; `$1` and `$2` are the first and the last moment, which an index on the time finds. The other
/// conditions are written so that no index serves them: SQLite would choose one that finds most of the table.
macro_rules! totals {
    ($tail:literal) => {
        concat!(
            "(SELECT MIN(id) AS id, processed_by AS cashier, payment_method, ",
            "CAST(SUM(CASE WHEN transaction_type = 'payment' THEN 1 ELSE 0 END) AS BIGINT) AS received_count, ",
            "CAST(SUM(CASE WHEN transaction_type = 'payment' THEN amount ELSE 0 END) AS BIGINT) AS received_amount, ",
            "CAST(SUM(CASE WHEN transaction_type = 'payment' THEN 0 ELSE 1 END) AS BIGINT) AS returned_count, ",
            "CAST(SUM(CASE WHEN transaction_type = 'payment' THEN 0 ELSE amount END) AS BIGINT) AS returned_amount, ",
            "CAST(SUM(CASE WHEN transaction_type = 'payment' THEN amount ELSE -amount END) AS BIGINT) AS net_amount ",
            "FROM payments WHERE processed_at >= $1 AND processed_at < $2 AND COALESCE(status, '') = 'success' ",
            "AND COALESCE(transaction_type, '') IN ('payment', 'refund', 'payout') AND COALESCE(processed_by, '') <> ''",
            $tail,
            " GROUP BY processed_by, payment_method) AS shift"
        )
    };
}

/// A page of the totals of the span.
pub async fn list(conn: &mut Conn, span: Span, whose: Whose, paging: &Paging) -> Result<Page<ShiftTotals>> {
    const ALL: &str = totals!("");
    const OWN: &str = totals!(" AND COALESCE(processed_by, '') = $3");
    let mut conditions = Filter::new(conn.engine());
    // always true; they bind the values that the table names
    conditions.value("? IS NOT NULL", Some(span.begins_at));
    conditions.value("? IS NOT NULL", Some(span.ends_at));
    let table = match whose {
        Whose::Everybodys => ALL,
        Whose::Of(cashier) => {
            conditions.value("shift.cashier = ?", Some(cashier));
            OWN
        }
    };
    paging.fetch(conn, &format!("SELECT * FROM {table}"), table, conditions).await
}
