//! Event streams to signed-in staff.
//!
//! One poller per instance reads the table of events, and all streams share what it reads, so the number of statements does not
//! depend on the number of streams. A stream begins by reading what it missed, and does so again when it falls behind. Its position
//! is the id of the last event that it knows; ids increase in the order of the commits.
//!
//! Clients differ, so a stream has nothing that some of them misread: every block has data, except for comments.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use acl::Caller;
use actix_web::web::{Bytes, Data};
use chrono::{DateTime, TimeDelta, Utc};
use database::{EventKind, jobs::Office};
use futures_util::{Stream, stream};
use kernel::{Context, Error, Result, Several};
use notifications::{RecordedEvent, audience, events, refusal};
use tokio::sync::{broadcast, watch};

use crate::{
    shares::{Place, Shares},
    state::State,
};

/// Events read at once.
const BATCH: i64 = 500;
/// Batches by which a slow stream may lag behind before it reads from the database.
const MOST_NEWS: usize = 64;
/// How often a stream without events sends a keep-alive. Common clients wait five seconds for data, unless told otherwise.
const BEAT_EVERY: TimeDelta = TimeDelta::seconds(3);
/// The first bytes of a stream: a comment, so that its reader knows at once that it is open.
const OPENED: &str = ": open\n\n";
/// A keep-alive: a comment. Its line break is sent later, because only the second write to a connection fails whose reader has left.
const BEAT: &str = ": still here\n";
/// The end of a keep-alive.
const BEAT_END: &str = "\n";
/// One in this many streams may belong to one caller.
const SHARE: usize = 10;
/// Streams that one caller may have, however few there are.
const LEAST_SHARE: usize = 2;
/// How often a stream without events checks whether its reader may still read.
const CHECK_EVERY: TimeDelta = TimeDelta::seconds(5);
/// How long a client waits before it reconnects.
const COME_BACK_AFTER: Duration = Duration::from_secs(3);

/// A batch of the poller: the events with ids above `after`, up to `last`.
#[derive(Debug)]
struct News {
    after: i64,
    last: i64,
    events: Vec<RecordedEvent>,
}

/// The event streams of an instance.
pub struct Streams {
    news: broadcast::Sender<Arc<News>>,
    read_up_to: Mutex<Option<i64>>,
    places: Arc<Shares>,
}

impl Streams {
    /// Allows this many open streams, and a share of them to each caller.
    pub fn new(places: usize) -> Self {
        let places = Shares::new(places, (places / SHARE).max(LEAST_SHARE));
        Self { news: broadcast::channel(MOST_NEWS).0, read_up_to: Mutex::default(), places }
    }

    /// The number of open streams.
    pub fn open(&self) -> usize {
        self.places.taken()
    }

    fn read_up_to(&self) -> Option<i64> {
        *self.read_up_to.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set_read_up_to(&self, id: Option<i64>) {
        *self.read_up_to.lock().unwrap_or_else(PoisonError::into_inner) = id;
    }
}

/// Reads new events and passes them to all streams; returns whether there are more.
///
/// Without open streams it reads nothing.
pub async fn poll(streams: &Streams, office: &Office) -> Result<bool> {
    let context = office.context("event streams", "event streams");
    if streams.news.receiver_count() == 0 {
        streams.set_read_up_to(None);
        return Ok(false);
    }
    let news = match streams.read_up_to() {
        Some(after) => {
            let events = office.db.read(&context, async |conn| events::after(conn, after, BATCH).await).await?;
            News { after, last: events.last().map_or(after, |event| event.id.get()), events }
        }
        // the first poll in a while: a stream that knows less reads the rest from the database
        None => {
            let newest = office.db.read(&context, async |conn| events::newest(conn).await).await?;
            News { after: newest, last: newest, events: Vec::new() }
        }
    };
    let more = news.events.len() as i64 == BATCH;
    streams.set_read_up_to(Some(news.last));
    // an error means only that all streams have closed meanwhile
    let _ = streams.news.send(Arc::new(news));
    Ok(more)
}

/// The reader of a stream, and the events it asks for.
pub struct Asked {
    /// The bearer token, which is checked again while the stream is open.
    pub token: Arc<str>,
    /// The owner of the token.
    pub caller: Arc<Caller>,
    /// Only events of these kinds.
    pub kind: Option<Several<EventKind>>,
    /// The last event that the reader knows; `None` begins with the next event.
    pub last_event_id: Option<i64>,
}

/// Opens a stream. Errors: `event_streams_full`, `events_forgotten`.
pub async fn open(state: Data<State>, asked: Asked) -> Result<impl Stream<Item = Result<Bytes, actix_web::Error>> + 'static> {
    let place = state.streams.places.take(asked.caller.user_id).map_err(|full| {
        let (limit, whose) = full.told();
        Error::new(refusal::STREAMS_FULL).with("limit", limit).with("whose", whose).retry_after(10)
    })?;
    // subscribe before reading, so that no event is missed in between
    let news = state.streams.news.subscribe();
    let context = state.office.context("event stream", "event streams");
    let known = state.db.read(&context, async |conn| match asked.last_event_id {
        Some(last) => events::must_be_kept(conn, last).await.map(|()| last),
        None => events::newest(conn).await,
    });
    let known = known.await?;
    let now = state.office.clock.now();
    let reader = Reader {
        stopping: state.office.stop.subscribe(),
        visible: visible(&asked.caller, asked.kind.as_ref()),
        state,
        asked,
        news,
        known,
        behind: true,
        begun: false,
        told_when_to_return: false,
        is_beating: false,
        said_at: now,
        checked_at: now,
        _place: place,
    };
    Ok(stream::unfold(reader, |mut reader| async move { reader.next().await.map(|piece| (Ok(piece), reader)) }))
}

fn visible(caller: &Caller, kinds: Option<&Several<EventKind>>) -> Vec<EventKind> {
    let all = audience::visible(|permission| caller.may(permission));
    all.into_iter().filter(|one| kinds.is_none_or(|kinds| kinds.contains(one))).collect()
}

struct Reader {
    state: Data<State>,
    asked: Asked,
    visible: Vec<EventKind>,
    news: broadcast::Receiver<Arc<News>>,
    stopping: watch::Receiver<bool>,
    /// The last event that the stream knows, whether or not its reader may see it.
    known: i64,
    /// Whether there may be later events that the next batches of the poller do not contain.
    behind: bool,
    begun: bool,
    /// Whether an event told the client how long to wait before it reconnects.
    told_when_to_return: bool,
    /// Whether the end of a keep-alive is still to be sent.
    is_beating: bool,
    said_at: DateTime<Utc>,
    checked_at: DateTime<Utc>,
    _place: Place,
}

impl Reader {
    /// The next piece of the stream; `None` at its end.
    async fn next(&mut self) -> Option<Bytes> {
        if !self.begun {
            self.begun = true;
            return Some(OPENED.into());
        }
        loop {
            if *self.stopping.borrow() {
                return None;
            }
            let events = if self.behind { self.catch_up().await? } else { self.hear().await? };
            if !self.may_go_on(!events.is_empty()).await {
                return None;
            }
            let now = self.state.office.clock.now();
            let blocks: String = events.iter().filter(|event| self.visible.contains(&event.kind)).filter_map(written).collect();
            if !blocks.is_empty() {
                self.said_at = now;
                return Some(self.begun_with(blocks).into());
            }
            if std::mem::take(&mut self.is_beating) {
                return Some(BEAT_END.into());
            }
            // a stream that is behind catches up first
            if !self.behind && now - self.said_at >= BEAT_EVERY {
                self.said_at = now;
                self.is_beating = true;
                return Some(BEAT.into());
            }
        }
    }

    /// The blocks after what is still to be said: the end of a keep-alive, and once when to reconnect.
    fn begun_with(&mut self, blocks: String) -> String {
        let end = if std::mem::take(&mut self.is_beating) { BEAT_END } else { "" };
        match std::mem::replace(&mut self.told_when_to_return, true) {
            true => format!("{end}{blocks}"),
            false => format!("{end}retry: {}\n{blocks}", COME_BACK_AFTER.as_millis()),
        }
    }

    /// Reads missed events. If they cannot be read, the stream ends, and the client reconnects for them.
    async fn catch_up(&mut self) -> Option<Vec<RecordedEvent>> {
        let known = self.known;
        let events = self.state.db.read(&self.context(), async |conn| events::after(conn, known, BATCH).await).await.ok()?;
        self.known = events.last().map_or(known, |event| event.id.get());
        self.behind = events.len() as i64 == BATCH;
        Some(events)
    }

    fn context(&self) -> Arc<Context> {
        self.state.office.context("event stream", "event streams")
    }

    /// Waits for the next batch of the poller.
    async fn hear(&mut self) -> Option<Vec<RecordedEvent>> {
        let news = tokio::select! {
            _ = self.stopping.changed() => return None,
            news = self.news.recv() => news,
        };
        match news {
            Ok(news) if news.after <= self.known => {
                let new = news.events.iter().filter(|event| event.id.get() > self.known).cloned().collect();
                self.known = self.known.max(news.last);
                Some(new)
            }
            Ok(_) | Err(broadcast::error::RecvError::Lagged(_)) => {
                self.behind = true;
                Some(Vec::new())
            }
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }

    /// Checks whether the reader may still read, and which kinds: before each piece, and at intervals without one.
    async fn may_go_on(&mut self, is_due: bool) -> bool {
        let now = self.state.office.clock.now();
        if !is_due && now - self.checked_at < CHECK_EVERY {
            return true;
        }
        self.checked_at = now;
        match self.state.access.authenticate(&self.asked.token, &self.context()).await {
            Ok(caller) => {
                self.visible = visible(&caller, self.asked.kind.as_ref());
                true
            }
            Err(_) => false,
        }
    }
}

/// An event in the format of the stream.
fn written(event: &RecordedEvent) -> Option<String> {
    let data = serde_json::to_string(event).ok()?;
    Some(format!("id: {}\nevent: {}\ndata: {data}\n\n", event.id, event.kind))
}
