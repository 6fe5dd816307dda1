//! Streams of events to signed-in staff.
//!
//! One poller per instance reads the table of events, and all streams share what it read: so the number of streams does not
//! show in the number of statements. A stream begins by reading what it missed itself, and does so again when it falls behind;
//! what it goes by is the id of the last event that it knows, and ids grow in the order of the commits.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use acl::Caller;
use actix_web::web::{Bytes, Data};
use chrono::{DateTime, TimeDelta, Utc};
use database::{EventKind, jobs::Office};
use futures_util::{Stream, stream};
use kernel::{Context, Error, Result};
use notifications::{RecordedEvent, audience, events, refusal};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, broadcast, watch};

use crate::state::State;

/// Events read at once.
const BATCH: i64 = 500;
/// Pieces of news that a slow stream may be behind before it reads for itself.
const MOST_NEWS: usize = 64;
/// How often a stream without events says that it lives.
const BEAT_EVERY: TimeDelta = TimeDelta::seconds(15);
/// How often a stream without events asks whether its reader still may read.
const CHECK_EVERY: TimeDelta = TimeDelta::seconds(5);
/// How long a client waits before it comes back.
const COME_BACK_AFTER: Duration = Duration::from_secs(3);

/// What the poller read: the events after one, up to another.
#[derive(Debug)]
struct News {
    after: i64,
    last: i64,
    events: Vec<RecordedEvent>,
}

/// The streams of an instance.
pub struct Streams {
    news: broadcast::Sender<Arc<News>>,
    read_up_to: Mutex<Option<i64>>,
    places: Arc<Semaphore>,
}

impl Streams {
    /// With places for so many.
    pub fn new(places: usize) -> Self {
        Self { news: broadcast::channel(MOST_NEWS).0, read_up_to: Mutex::default(), places: Arc::new(Semaphore::new(places)) }
    }

    fn read_up_to(&self) -> Option<i64> {
        *self.read_up_to.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set_read_up_to(&self, id: Option<i64>) {
        *self.read_up_to.lock().unwrap_or_else(PoisonError::into_inner) = id;
    }
}

/// Reads what happened since the last time and hands it to all streams; answers whether there is more. Without streams it reads
/// nothing.
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
        // the first in a while: whoever knows less reads it for itself
        None => {
            let newest = office.db.read(&context, async |conn| events::newest(conn).await).await?;
            News { after: newest, last: newest, events: Vec::new() }
        }
    };
    let more = news.events.len() as i64 == BATCH;
    streams.set_read_up_to(Some(news.last));
    // whoever went away meanwhile needs no news
    let _ = streams.news.send(Arc::new(news));
    Ok(more)
}

/// Who reads a stream, and what of it.
pub struct Asked {
    /// The bearer token, which is looked at again and again.
    pub token: String,
    /// Whose it is.
    pub caller: Arc<Caller>,
    /// Only events of this kind.
    pub kind: Option<EventKind>,
    /// The last event that the reader knows; none to begin with the next.
    pub last_event_id: Option<i64>,
}

/// Opens a stream. Errors: `event_streams_full`, `events_forgotten`.
pub async fn open(state: Data<State>, asked: Asked) -> Result<impl Stream<Item = Result<Bytes, actix_web::Error>> + 'static> {
    let place = state.streams.places.clone().try_acquire_owned();
    let place = place.map_err(|_| Error::new(refusal::STREAMS_FULL).retry_after(10))?;
    // before the look at what there is, so that nothing falls between the two
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
        visible: visible(&asked.caller, asked.kind),
        state,
        asked,
        news,
        known,
        behind: true,
        begun: false,
        said_at: now,
        checked_at: now,
        _place: place,
    };
    Ok(stream::unfold(reader, |mut reader| async move { reader.next().await.map(|piece| (Ok(piece), reader)) }))
}

fn visible(caller: &Caller, kind: Option<EventKind>) -> Vec<EventKind> {
    let all = audience::visible(|permission| caller.may(permission));
    all.into_iter().filter(|one| kind.is_none_or(|kind| kind == *one)).collect()
}

struct Reader {
    state: Data<State>,
    asked: Asked,
    visible: Vec<EventKind>,
    news: broadcast::Receiver<Arc<News>>,
    stopping: watch::Receiver<bool>,
    /// The last event it knows, whether or not it may see it.
    known: i64,
    /// Whether there may be events after that which the news to come will not bring.
    behind: bool,
    begun: bool,
    said_at: DateTime<Utc>,
    checked_at: DateTime<Utc>,
    _place: OwnedSemaphorePermit,
}

impl Reader {
    /// The next piece of the stream; none at its end.
    async fn next(&mut self) -> Option<Bytes> {
        if !self.begun {
            self.begun = true;
            return Some(format!("retry: {}\n\n", COME_BACK_AFTER.as_millis()).into());
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
            let piece: String = events.iter().filter(|event| self.visible.contains(&event.kind)).filter_map(written).collect();
            if !piece.is_empty() {
                self.said_at = now;
                return Some(piece.into());
            }
            // whoever is behind first learns how far it has come
            if !self.behind && now - self.said_at >= BEAT_EVERY {
                self.said_at = now;
                // with the last event that it need not ask for again, though it never saw it
                return Some(format!(": still here\nid: {}\n\n", self.known).into());
            }
        }
    }

    /// Reads what it missed; what cannot be read ends the stream, and the client comes back for it.
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

    /// Waits for news.
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

    /// Whether the reader still may read, and what: before each piece, and now and then without one.
    async fn may_go_on(&mut self, is_due: bool) -> bool {
        let now = self.state.office.clock.now();
        if !is_due && now - self.checked_at < CHECK_EVERY {
            return true;
        }
        self.checked_at = now;
        match self.state.access.authenticate(&self.asked.token, &self.context()).await {
            Ok(caller) => {
                self.visible = visible(&caller, self.asked.kind);
                true
            }
            Err(_) => false,
        }
    }
}

/// An event as it stands in a stream.
fn written(event: &RecordedEvent) -> Option<String> {
    let data = serde_json::to_string(event).ok()?;
    Some(format!("id: {}\nevent: {}\ndata: {data}\n\n", event.id, event.kind))
}
