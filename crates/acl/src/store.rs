//! The SQL of this crate.

pub(crate) mod addresses;
pub(crate) mod audit;
pub(crate) mod one_time;
pub(crate) mod permissions;
pub(crate) mod reads;
pub(crate) mod roles;
pub(crate) mod sessions;
pub(crate) mod tokens;
pub(crate) mod users;

use database::{Conn, Sql};
use kernel::Result;

/// The statement that reads the current epoch.
pub(crate) const EPOCH: Sql = Sql::new("SELECT value FROM access_epoch WHERE id = 1");

/// Invalidates the cached callers of every instance from the moment the transaction commits.
pub(crate) async fn raise_epoch(conn: &mut Conn) -> Result<()> {
    Sql::new("UPDATE access_epoch SET value = value + 1 WHERE id = 1").execute(conn).await?;
    Ok(())
}

/// The placeholders `$1, $2, …` of an `IN`.
fn places(count: usize) -> String {
    (1..=count).map(|number| format!("${number}")).collect::<Vec<_>>().join(", ")
}
