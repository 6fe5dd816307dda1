//! SQL of the queues of messages, in which the messages to one recipient keep the order of their events.
//!
//! The ids of messages grow in the order of the events. A message is claimed only when no earlier one to the same recipient is left, or
//! together with those before it. Claims of one channel follow each other (`message_queues`), because on PostgreSQL two that ran at once
//! would not see each other's rows.

use database::{Arg, Row, Sql, Tx};
use kernel::Result;

use super::{places, sending::Queue};
use crate::{backoff::LEASE, model::Channel};

/// The maximum number of held-up messages whose time is set at once.
const MOST_PUT_OFF: i64 = 1000;

/// An earlier message to the recipient of `notifications` that is sent later than `$1`: it waits for another attempt, or is being sent.
const EARLIER: &str = "SELECT earlier.next_attempt_at FROM notifications AS earlier WHERE earlier.channel = notifications.channel \
     AND earlier.recipient = notifications.recipient AND earlier.status = 'pending' AND earlier.id < notifications.id";

/// Claims due messages of a channel until the lease expires.
///
/// Claims the messages of some recipients, each from the first that is left on, without gaps.
pub async fn claim<T: Row>(tx: &mut Tx, queue: &Queue, channel: Channel, limit: i64) -> Result<Vec<T>> {
    let now = tx.now();
    let lock = format!("SELECT channel FROM message_queues WHERE channel = $1{}", tx.for_update());
    Sql::owned(lock).bind(channel).one::<(String,)>(tx).await?;
    queue.give_up(tx, channel.into()).await?;
    // materialized subqueries select the rows once, before any row is updated
    let text = format!(
        "WITH heads AS MATERIALIZED (SELECT recipient FROM notifications WHERE channel = $2 AND status = 'pending' \
         AND next_attempt_at <= $1 AND NOT EXISTS ({EARLIER}) ORDER BY next_attempt_at, id LIMIT $3), \
         due AS MATERIALIZED (SELECT id FROM notifications WHERE channel = $2 AND status = 'pending' AND next_attempt_at <= $1 \
         AND recipient IN (SELECT recipient FROM heads) AND NOT EXISTS ({EARLIER} AND earlier.next_attempt_at > $1) ORDER BY id LIMIT $3) \
         UPDATE notifications SET attempts = attempts + 1, next_attempt_at = $4{} WHERE id IN (SELECT id FROM due) RETURNING {}",
        queue.touch.replace('?', "$1"),
        queue.columns
    );
    let claimed: Vec<T> = Sql::owned(text).bind(now).bind(channel).bind(limit).bind(now + LEASE).all(tx).await?;
    if claimed.len() < usize::try_from(limit).unwrap_or(usize::MAX) {
        put_off(tx, channel).await?;
    }
    Ok(claimed)
}

/// Sets the time of messages that are held up to that of the one they wait for, so that they are not looked at before.
async fn put_off(tx: &mut Tx, channel: Channel) -> Result<()> {
    let now = tx.now();
    let latest = EARLIER.replacen("earlier.next_attempt_at", "MAX(earlier.next_attempt_at)", 1);
    let text = format!(
        "UPDATE notifications SET next_attempt_at = ({latest}) WHERE id IN (SELECT id FROM notifications WHERE channel = $2 \
         AND status = 'pending' AND next_attempt_at <= $1 AND EXISTS ({EARLIER} AND earlier.next_attempt_at > $1) LIMIT $3)"
    );
    Sql::owned(text).bind(now).bind(channel).bind(MOST_PUT_OFF).execute(tx).await.map(drop)
}

/// Makes the messages due that waited for these, which have been sent or have failed.
pub async fn wake_followers(tx: &mut Tx, ids: &[i64]) -> Result<()> {
    let now = tx.now();
    if ids.is_empty() {
        return Ok(());
    }
    let text = format!(
        "UPDATE notifications SET next_attempt_at = $1 WHERE status = 'pending' AND attempts = 0 AND next_attempt_at > $1 \
         AND (channel, recipient) IN (SELECT channel, recipient FROM notifications WHERE id IN ({}))",
        places(2, ids.len())
    );
    Sql::owned(text).bind(now).bind_all(ids.iter().map(|id| Arg::from(*id))).execute(tx).await.map(drop)
}
