//! Statistics of subscribers, counted from indexes alone.

use chrono::{DateTime, Utc};
use database::{Conn, Sql};
use kernel::Result;

use crate::model::{CustomerStatus, CustomerType};

/// Counts subscribers by status and type.
pub async fn by_status_and_type(conn: &mut Conn) -> Result<Vec<(CustomerStatus, CustomerType, i64)>> {
    Sql::new("SELECT status, customer_type, CAST(COUNT(*) AS BIGINT) FROM customers GROUP BY status, customer_type").all(conn).await
}

/// Counts subscribers with an active contract.
pub async fn with_active_contract(conn: &mut Conn) -> Result<i64> {
    Sql::new("SELECT CAST(COUNT(DISTINCT customer_id) AS BIGINT) FROM contracts WHERE status = 'active'").scalar(conn).await
}

/// Counts subscribers registered between each of these moments and the next.
pub async fn registered_between(conn: &mut Conn, moments: &[DateTime<Utc>]) -> Result<Vec<i64>> {
    let count = |at: usize| {
        format!(
            "SELECT {at} AS place, CAST(COUNT(*) AS BIGINT) AS found FROM customers WHERE created_at >= ${} AND created_at < ${}",
            at + 1,
            at + 2
        )
    };
    let spans = moments.len().saturating_sub(1);
    if spans == 0 {
        return Ok(Vec::new());
    }
    let counts: Vec<String> = (0..spans).map(count).collect();
    let text = format!("SELECT found FROM ({}) AS counts ORDER BY place", counts.join(" UNION ALL "));
    let rows: Vec<(i64,)> = Sql::owned(text).bind_all(moments.iter().map(|moment| (*moment).into())).all(conn).await?;
    Ok(rows.into_iter().map(|(found,)| found).collect())
}
