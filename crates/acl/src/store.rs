//! The SQL of this crate, and nothing else.

pub(crate) mod audit;
pub(crate) mod permissions;
pub(crate) mod roles;
pub(crate) mod sessions;
pub(crate) mod tokens;
pub(crate) mod users;

use database::{Conn, Sql};
use kernel::Result;

/// The present epoch.
pub(crate) const EPOCH: Sql = Sql::new("SELECT value FROM access_epoch WHERE id = 1");

/// Makes every instance forget what it remembers of who may do what, from the moment the transaction commits.
pub(crate) async fn raise_epoch(conn: &mut Conn) -> Result<()> {
    Sql::new("UPDATE access_epoch SET value = value + 1 WHERE id = 1").execute(conn).await?;
    Ok(())
}

/// `$1, $2, …` for an `IN`.
fn places(count: usize) -> String {
    (1..=count).map(|number| format!("${number}")).collect::<Vec<_>>().join(", ")
}
