//! Addresses from which users have signed in.

use chrono::{DateTime, Utc};
use database::{Conn, Sql};
use kernel::{Result, id::UserId};

/// Addresses kept for a user; the one that was used longest ago gives way to a new one.
const MOST_ADDRESSES: i64 = 20;

/// Remembers that the user has signed in from this address.
pub(crate) async fn remember(conn: &mut Conn, user: UserId, address: &str) -> Result<()> {
    let now = conn.now();
    Sql::new(
        "INSERT INTO known_addresses (user_id, address, last_used_at) VALUES ($1, $2, $3) \
         ON CONFLICT (user_id, address) DO UPDATE SET last_used_at = excluded.last_used_at",
    )
    .bind(user)
    .bind(address.to_owned())
    .bind(now)
    .execute(conn)
    .await?;
    Sql::new(
        "DELETE FROM known_addresses WHERE user_id = $1 AND address NOT IN \
         (SELECT address FROM known_addresses WHERE user_id = $1 ORDER BY last_used_at DESC, address LIMIT $2)",
    )
    .bind(user)
    .bind(MOST_ADDRESSES)
    .execute(conn)
    .await?;
    Ok(())
}

/// Records a sign-in from a known address, if no lock was set on it in between; returns whether it was recorded.
pub(crate) async fn note_sign_in(conn: &mut Conn, user: UserId, address: &str) -> Result<bool> {
    let now = conn.now();
    let noted = Sql::new(
        "UPDATE known_addresses SET failed_sign_ins = 0, locked_until = NULL, last_used_at = $3 \
         WHERE user_id = $1 AND address = $2 AND (locked_until IS NULL OR locked_until <= $3)",
    )
    .bind(user)
    .bind(address.to_owned())
    .bind(now)
    .execute(conn)
    .await?;
    Ok(noted == 1)
}

/// Counts a wrong password from a known address, unless it is already locked; returns the failures in a row.
pub(crate) async fn count_failure(conn: &mut Conn, user: UserId, address: &str) -> Result<Option<i64>> {
    let now = conn.now();
    let counted: Option<(i64,)> = Sql::new(
        "UPDATE known_addresses SET failed_sign_ins = failed_sign_ins + 1 \
         WHERE user_id = $1 AND address = $2 AND (locked_until IS NULL OR locked_until <= $3) RETURNING failed_sign_ins",
    )
    .bind(user)
    .bind(address.to_owned())
    .bind(now)
    .optional(conn)
    .await?;
    Ok(counted.map(|(failures,)| failures))
}

pub(crate) async fn lock_until(conn: &mut Conn, user: UserId, address: &str, until: DateTime<Utc>) -> Result<()> {
    Sql::new("UPDATE known_addresses SET locked_until = $3 WHERE user_id = $1 AND address = $2")
        .bind(user)
        .bind(address.to_owned())
        .bind(until)
        .execute(conn)
        .await
        .map(drop)
}

/// Lifts the locks on all addresses of a user.
pub(crate) async fn unlock(conn: &mut Conn, user: UserId) -> Result<()> {
    Sql::new("UPDATE known_addresses SET failed_sign_ins = 0, locked_until = NULL WHERE user_id = $1")
        .bind(user)
        .execute(conn)
        .await
        .map(drop)
}

/// Forgets all addresses of a user.
pub(crate) async fn forget(conn: &mut Conn, user: UserId) -> Result<()> {
    Sql::new("DELETE FROM known_addresses WHERE user_id = $1").bind(user).execute(conn).await.map(drop)
}

/// Deletes up to `most` addresses that were last used before `before`; returns how many.
pub(crate) async fn purge(conn: &mut Conn, before: DateTime<Utc>, most: i64) -> Result<u64> {
    Sql::new(
        "DELETE FROM known_addresses WHERE (user_id, address) IN \
         (SELECT user_id, address FROM known_addresses WHERE last_used_at < $1 ORDER BY last_used_at LIMIT $2)",
    )
    .bind(before)
    .bind(most)
    .execute(conn)
    .await
}
