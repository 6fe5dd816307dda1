//! SQL of contract statistics.

use chrono::Datelike;
use database::{Conn, Sql};
use kernel::Result;

use crate::statistics::{ContractsOfHold, ContractsOfStatus, Totals};

pub async fn by_status(conn: &mut Conn) -> Result<Vec<ContractsOfStatus>> {
    Sql::new("SELECT status, CAST(COUNT(*) AS BIGINT) AS count FROM contracts GROUP BY status ORDER BY status").all(conn).await
}

pub async fn by_hold(conn: &mut Conn) -> Result<Vec<ContractsOfHold>> {
    Sql::new("SELECT reason, CAST(COUNT(*) AS BIGINT) AS count FROM contract_holds WHERE lifted_at IS NULL GROUP BY reason ORDER BY reason")
        .all(conn)
        .await
}

/// Reads the totals of balances, and the contracts of the current month.
pub async fn totals(conn: &mut Conn) -> Result<Totals> {
    let today = conn.today();
    Sql::new(
        "SELECT (SELECT CAST(COALESCE(SUM(balance), 0) AS BIGINT) FROM contracts WHERE balance > 0) AS prepaid_total, \
         (SELECT CAST(COALESCE(SUM(balance), 0) AS BIGINT) FROM contracts WHERE balance < 0) AS owed_total, \
         (SELECT CAST(COUNT(*) AS BIGINT) FROM contracts WHERE balance < 0) AS owing, \
         (SELECT CAST(COUNT(*) AS BIGINT) FROM contracts WHERE activation_date >= $1 AND activation_date <= $2) AS activated, \
         (SELECT CAST(COUNT(*) AS BIGINT) FROM contracts WHERE termination_date >= $1 AND termination_date <= $2) AS terminated",
    )
    .bind(today.with_day(1).unwrap_or(today))
    .bind(today)
    .one(conn)
    .await
}
