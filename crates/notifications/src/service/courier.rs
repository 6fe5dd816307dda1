//! Sends due rows: claims them for a limited time, sends them outside of any transaction, and saves the outcomes.
//!
//! Messages to one recipient are sent in the order of their events, one after the other; a message that fails for now holds up those
//! behind it. Different recipients do not wait for each other.

use std::{
    cell::Cell,
    collections::{BTreeMap, HashMap},
    rc::Rc,
    sync::Arc,
    time::Instant,
};

use chrono::TimeDelta;
use database::{Tx, jobs::Office};
use futures_util::{StreamExt, stream};
use kernel::{Context, Result};

use crate::{
    backoff::{SHIFT, next_attempt},
    channel::{Letter, Outcome, Sender},
    model::Channel,
    store::{
        messages,
        sending::{Note, Queue},
        webhooks,
    },
};

/// The number of messages claimed at once.
const BATCH: i64 = 64;
/// The number of recipients written to at the same time, per channel and instance.
const AT_ONCE: usize = 8;
/// The number of outcomes saved in one transaction.
const NOTED_AT_ONCE: usize = 32;

/// The queue of messages.
pub(crate) const MESSAGES: Queue = Queue {
    table: "notifications",
    part: "channel",
    columns: "id, attempts, message_id, recipient, subject, text, thread, created_at",
    touch: ", updated_at = ?, version = version + 1",
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

    /// What must be sent in order with this; `None` if the order does not matter.
    fn lane(&self) -> Option<&str>;
}

impl Claimed for Letter {
    fn row(&self) -> (i64, i64) {
        (self.id, self.attempts)
    }

    fn lane(&self) -> Option<&str> {
        Some(&self.recipient)
    }
}

/// Sends one batch of due messages of a channel; returns how many were accepted.
///
/// When the server is unavailable, messages without an attempt are released at once. Errors: `database_away` while claiming.
pub async fn send_due(office: &Office, channel: Channel, sender: &Sender) -> Result<usize> {
    let context = surroundings(office);
    if sender.pauses(context.now) {
        return Ok(0);
    }
    if !office.db.read(&context, async |conn| MESSAGES.is_due(conn, channel.into()).await).await? {
        return Ok(0);
    }
    let context = surroundings(office);
    let claim = async |tx: &mut Tx| messages::claim(tx, &MESSAGES, channel, BATCH).await;
    let letters: Vec<Letter> = office.db.transaction(&context, claim).await?;
    let send = async |letter: &Letter| {
        let outcome = sender.send(letter).await;
        if let Outcome::Later { seconds, .. } = &outcome {
            sender.pause(office.clock.now() + TimeDelta::seconds(*seconds));
        }
        outcome
    };
    Ok(work_off(office, &MESSAGES, letters, AT_ONCE, send).await)
}

/// Divides rows into lanes, each in the order of the ids.
fn lanes<T: Claimed>(mut claimed: Vec<T>) -> Vec<Vec<T>> {
    claimed.sort_by_key(Claimed::row);
    let (mut lanes, mut known): (Vec<Vec<T>>, HashMap<String, usize>) = (Vec::new(), HashMap::new());
    for one in claimed {
        let at = match one.lane() {
            Some(lane) => *known.entry(lane.to_owned()).or_insert(lanes.len()),
            None => lanes.len(),
        };
        match lanes.get_mut(at) {
            Some(lane) => lane.push(one),
            None => lanes.push(vec![one]),
        }
    }
    lanes
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
    let tries = stream::iter(lanes(claimed)).map(|lane| {
        let held_up = Rc::new(Cell::new(false));
        let tries = stream::iter(lane).then(move |one| {
            let held_up = held_up.clone();
            async move {
                if held_up.get() || halted.get() || begun.elapsed() > SHIFT {
                    return (one.row(), None);
                }
                let outcome = send(&one).await;
                held_up.set(outcome.is_for_now());
                if matches!(outcome, Outcome::Away { .. } | Outcome::Later { .. }) {
                    halted.set(true);
                }
                (one.row(), Some(outcome))
            }
        });
        Box::pin(tries)
    });
    let mut chunks = std::pin::pin!(tries.flatten_unordered(at_once).ready_chunks(NOTED_AT_ONCE));
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
            // not an attempt that counts: the server has not looked at the message
            Some(Outcome::Later { status, seconds }) => {
                let next = tx.now() + TimeDelta::seconds(*seconds);
                queue.postpone(tx, *id, next, &format!("the gateway answered {status} and asked to wait {seconds} s")).await?;
            }
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
    if queue.table == "notifications" {
        let given_up = failed.iter().filter(|note| note.failed == Some(None)).map(|note| note.id);
        messages::wake_followers(tx, &all.iter().copied().chain(given_up).collect::<Vec<_>>()).await?;
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
