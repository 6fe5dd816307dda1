//! Sends due rows: claims them for a limited time, sends them outside of any transaction, and saves the outcomes.

use std::{cell::Cell, collections::BTreeMap, sync::Arc, time::Instant};

use database::{Tx, jobs::Office};
use futures_util::{StreamExt, stream};
use kernel::{Context, Result};

use crate::{
    backoff::{SHIFT, next_attempt},
    channel::{Letter, Outcome, Sender},
    model::Channel,
    store::{
        sending::{Note, Queue},
        webhooks,
    },
};

/// The number of messages claimed at once.
const BATCH: i64 = 64;
/// The number of concurrent messages, per channel and instance.
const AT_ONCE: usize = 8;
/// The number of outcomes saved in one transaction.
const NOTED_AT_ONCE: usize = 32;

/// The queue of messages.
pub(crate) const MESSAGES: Queue = Queue {
    table: "notifications",
    part: "channel",
    columns: "id, attempts, message_id, recipient, subject, text, created_at",
    touch: ", version = version + 1",
    done: "sent",
    done_at: "sent_at",
};

/// The actor and the request id of senders.
const ACTOR: &str = "couriers";

/// The context of a sender's next step.
pub fn surroundings(office: &Office) -> Arc<Context> {
    office.context(ACTOR, ACTOR)
}

/// A claimed row.
pub(crate) trait Claimed {
    /// The id and the number of attempts, including this one.
    fn row(&self) -> (i64, i64);
}

impl Claimed for Letter {
    fn row(&self) -> (i64, i64) {
        (self.id, self.attempts)
    }
}

/// Sends one batch of due messages of a channel; returns how many were accepted.
///
/// When the server is unavailable, messages without an attempt are released at once. Errors: `database_away` while claiming.
pub async fn send_due(office: &Office, channel: Channel, sender: &Sender) -> Result<usize> {
    let context = surroundings(office);
    if !office.db.read(&context, async |conn| MESSAGES.is_due(conn, channel.into()).await).await? {
        return Ok(0);
    }
    let context = surroundings(office);
    let letters: Vec<Letter> = office.db.transaction(&context, async |tx| MESSAGES.claim(tx, channel.into(), BATCH).await).await?;
    Ok(work_off(office, &MESSAGES, letters, AT_ONCE, async |letter| sender.send(letter).await).await)
}

/// Sends the claimed rows and saves the outcomes; returns how many were accepted.
pub(crate) async fn work_off<T: Claimed>(
    office: &Office,
    queue: &Queue,
    claimed: Vec<T>,
    at_once: usize,
    send: impl AsyncFn(&T) -> Outcome,
) -> usize {
    let (begun, halted, send) = (Instant::now(), Cell::new(false), &send);
    let halted = &halted;
    let tries = stream::iter(claimed).map(|one| async move {
        if halted.get() || begun.elapsed() > SHIFT {
            return (one.row(), None);
        }
        let outcome = send(&one).await;
        if matches!(outcome, Outcome::Away { .. }) {
            halted.set(true);
        }
        (one.row(), Some(outcome))
    });
    let mut chunks = std::pin::pin!(tries.buffer_unordered(at_once).ready_chunks(NOTED_AT_ONCE));
    let mut taken = 0;
    while let Some(chunk) = chunks.next().await {
        taken += chunk.iter().filter(|(_, outcome)| matches!(outcome, Some(Outcome::Taken { .. }))).count();
        let context = surroundings(office);
        let noted = office.db.transaction(&context, async |tx| note(tx, queue, &chunk).await).await;
        if let Err(error) = noted {
            // they are sent again with the same ids after the lease expires
            log::warn!("the outcomes of {} messages could not be saved: {error}", chunk.len());
        }
    }
    taken
}

type Tried = ((i64, i64), Option<Outcome>);

async fn note(tx: &mut Tx, queue: &Queue, chunk: &[Tried]) -> Result<()> {
    let mut taken: BTreeMap<Option<i64>, Vec<i64>> = BTreeMap::new();
    let (mut untried, mut failed) = (Vec::new(), Vec::new());
    for ((id, attempts), outcome) in chunk {
        match outcome {
            None => untried.push(*id),
            Some(Outcome::Taken { status }) => taken.entry(*status).or_default().push(*id),
            Some(Outcome::Refused { status, error, for_good }) => {
                let next = if *for_good { None } else { next_attempt(*attempts, tx.now()) };
                failed.push(Note { id: *id, attempts: *attempts, failed: Some(next), status: *status, error: error.clone() });
            }
            Some(Outcome::Away { status, error }) => {
                let next = next_attempt(*attempts, tx.now());
                failed.push(Note { id: *id, attempts: *attempts, failed: Some(next), status: *status, error: error.clone() });
            }
        }
    }
    let all: Vec<i64> = taken.values().flatten().copied().collect();
    queue.note_done(tx, &all).await?;
    queue.release(tx, &untried).await?;
    for note in &failed {
        queue.note_failed(tx, note).await?;
    }
    if queue.table == "webhook_deliveries" {
        for note in failed {
            taken.entry(note.status).or_default().push(note.id);
        }
        for (status, ids) in taken {
            webhooks::set_last_status(tx, &ids, status).await?;
        }
    }
    Ok(())
}
