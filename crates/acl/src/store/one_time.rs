//! SQL of one-time tickets.

use chrono::{DateTime, Utc};
use database::{Conn, Sql, Tx};
use kernel::{Result, id::UserId};

/// A ticket that is not yet stored.
pub(crate) struct NewTicket<'a> {
    pub(crate) hash: String,
    pub(crate) path: &'a str,
    pub(crate) user_id: UserId,
    /// The encrypted token.
    pub(crate) token: Vec<u8>,
    pub(crate) expires_at: DateTime<Utc>,
}

pub(crate) async fn insert(tx: &mut Tx, new: NewTicket<'_>) -> Result<()> {
    Sql::new("INSERT INTO one_time_tickets (hash, path, user_id, token, expires_at) VALUES ($1, $2, $3, $4, $5)")
        .bind(new.hash)
        .bind(new.path.to_owned())
        .bind(new.user_id)
        .bind(new.token)
        .bind(new.expires_at)
        .execute(tx)
        .await
        .map(drop)
}

/// The number of a user's tickets that have not expired.
pub(crate) async fn count(conn: &mut Conn, user: UserId) -> Result<i64> {
    let now = conn.now();
    Sql::new("SELECT CAST(COUNT(*) AS BIGINT) FROM one_time_tickets WHERE user_id = $1 AND expires_at > $2")
        .bind(user)
        .bind(now)
        .scalar(conn)
        .await
}

/// Takes a ticket for this path out of the table, so that it opens nothing again; returns the encrypted token.
pub(crate) async fn take(tx: &mut Tx, hash: &str, path: &str) -> Result<Option<Vec<u8>>> {
    let now = tx.now();
    let taken: Option<(Vec<u8>,)> =
        Sql::new("DELETE FROM one_time_tickets WHERE hash = $1 AND path = $2 AND expires_at > $3 RETURNING token")
            .bind(hash.to_owned())
            .bind(path.to_owned())
            .bind(now)
            .optional(tx)
            .await?;
    Ok(taken.map(|(token,)| token))
}

/// Removes expired tickets.
pub(crate) async fn sweep(tx: &mut Tx) -> Result<()> {
    let now = tx.now();
    Sql::new("DELETE FROM one_time_tickets WHERE expires_at <= $1").bind(now).execute(tx).await.map(drop)
}
