//! Connections that are closed when nothing moves on them, and that are read from no further than is needed.
//!
//! actix-web limits the wait for the first head on a connection, and the rest between requests. It limits neither the wait for a later
//! head that has begun, nor the wait for a client that does not read. So whoever opens connections and then does nothing would keep
//! them, and what is buffered for them, for ever.
//!
//! actix-web also turns everything that it has read into requests, hundreds from one buffer, before it answers the first of them; each
//! takes some kilobytes. So it gets heads in small pieces, and nothing but the body while a request runs. Where a chunked body ends is
//! known only to its reader, so of such a body it gets no more than the reader waits for.

use std::{
    cell::Cell,
    io,
    net::SocketAddr,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, Waker, ready},
    time::Duration,
};

use actix_web::{HttpRequest, http::header};
use database::jobs::Stop;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf, Take},
    net::TcpStream,
    time::{Instant, Sleep, sleep_until},
};

use crate::{
    app::{HEAD_WAIT, KEEP_ALIVE},
    bare,
};

/// Longest wait for a later head that has begun; the first one is answered before that.
const LATER_HEAD_WAIT: Duration = HEAD_WAIT.saturating_add(Duration::from_secs(1));
/// Longest rest between two requests. actix-web ends it earlier, unless a part of a head was there when the rest began.
const LONGEST_REST: Duration = KEEP_ALIVE.saturating_add(HEAD_WAIT);
/// How long a client may take no byte of a response.
const STANDSTILL: Duration = Duration::from_secs(30);
/// How long a client may take no byte of a response while the program stops.
const STANDSTILL_AT_THE_END: Duration = Duration::from_secs(5);

/// How much of a head is read before it is looked at. Larger ones are read in several pieces.
const HEAD_PIECE: u64 = 1024;
/// How much of a body of unknown length is read before it is looked at; behind its end there may be other requests.
const CHUNKED_PIECE: u64 = 2048;

/// How much of the body of the running request is still to be read.
#[derive(Clone, Copy)]
enum Body {
    /// At most so many bytes.
    Known(u64),
    Chunked {
        is_awaited: bool,
    },
}

/// What the requests on a connection do, as the edge notes it.
pub struct Activity {
    running: Cell<usize>,
    body: Cell<Body>,
    // who reads on once it may
    waiting: Cell<Option<Waker>>,
    // since when no request runs
    resting: Cell<Instant>,
    // since when there is a part of a head
    heard: Cell<Option<Instant>>,
}

impl Activity {
    fn new() -> Rc<Self> {
        Rc::new(Self {
            running: Cell::new(0),
            body: Cell::new(Body::Known(0)),
            waiting: Cell::new(None),
            resting: Cell::new(Instant::now()),
            heard: Cell::new(None),
        })
    }

    /// When the wait for the next request ends; `None` while one runs.
    fn deadline(&self) -> Option<Instant> {
        if self.running.get() > 0 {
            return None;
        }
        Some(self.heard.get().map_or_else(|| self.resting.get() + LONGEST_REST, |heard| heard + LATER_HEAD_WAIT))
    }

    /// How much may be read now, and whether it must be looked at before more is read; `None` while a request runs and has its body.
    fn allowance(&self) -> Option<(u64, bool)> {
        match self.body.get() {
            _ if self.running.get() == 0 => Some((HEAD_PIECE, true)),
            Body::Known(0) => None,
            Body::Known(rest) => Some((rest, false)),
            Body::Chunked { is_awaited } => is_awaited.then_some((CHUNKED_PIECE, true)),
        }
    }

    /// Notes what the reader of a chunked body got: `Ready(None)` at its end.
    pub fn read_chunk<T>(&self, outcome: &Poll<Option<T>>) {
        self.body.set(match outcome {
            Poll::Ready(None) => Body::Known(0),
            Poll::Ready(Some(_)) => Body::Chunked { is_awaited: false },
            Poll::Pending => Body::Chunked { is_awaited: true },
        });
        if outcome.is_pending() {
            self.read_on();
        }
    }

    /// Wakes the connection if it left unread what it was not allowed to read.
    fn read_on(&self) {
        if let Some(waiting) = self.waiting.take() {
            waiting.wake();
        }
    }

    /// Notes that so many bytes were read.
    fn took(&self, length: u64) {
        if let Body::Known(rest) = self.body.get() {
            self.body.set(Body::Known(rest.saturating_sub(length)));
        }
        self.hear();
    }

    fn hear(&self) {
        if self.running.get() == 0 && self.heard.get().is_none() {
            self.heard.set(Some(Instant::now()));
        }
    }
}

/// Marks that a request runs, until its response has been taken over by the connection.
pub struct Running(Rc<Activity>);

impl Running {
    /// Marks the beginning of a request; `None` on a connection that is not watched, as in unit tests.
    pub fn begin(request: &HttpRequest) -> Option<Self> {
        let activity = request.conn_data::<Rc<Activity>>()?.clone();
        activity.running.set(activity.running.get() + 1);
        activity.heard.set(None);
        let length = request.headers().get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        let is_chunked = request.headers().contains_key(header::TRANSFER_ENCODING);
        activity.body.set(if is_chunked { Body::Chunked { is_awaited: false } } else { Body::Known(length.unwrap_or(0)) });
        Some(Self(activity))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.running.set(self.0.running.get().saturating_sub(1));
        self.0.resting.set(Instant::now());
        self.0.read_on();
    }
}

/// A connection with a limit on each wait.
pub struct Watched {
    stream: Take<TcpStream>,
    // whether the last piece was a whole one, so that it must be looked at before more is read
    has_whole_piece: bool,
    activity: Rc<Activity>,
    stop: Stop,
    reading: Timer,
    writing: Timer,
    // since when the client takes nothing, and when that is checked next
    stands_still: Option<Instant>,
    checked_next: Option<Instant>,
    instead: Option<Instead>,
    address: Option<SocketAddr>,
}

impl Watched {
    /// Watches a connection; `stop` shortens the waits.
    pub fn new(stream: TcpStream, stop: Stop) -> Self {
        let address = stream.peer_addr().ok();
        Self {
            stream: stream.take(0),
            has_whole_piece: false,
            activity: Activity::new(),
            stop,
            reading: Timer(None),
            writing: Timer(None),
            stands_still: None,
            checked_next: None,
            instead: None,
            address,
        }
    }

    /// What the requests on this connection do.
    pub fn activity(&self) -> Rc<Activity> {
        self.activity.clone()
    }

    /// Writes to the client, unless it has taken nothing for too long.
    fn write(&mut self, context: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        if let Poll::Ready(outcome) = Pin::new(self.stream.get_mut()).poll_write(context, data) {
            self.stands_still = None;
            self.writing.0 = None;
            return Poll::Ready(outcome);
        }
        let now = Instant::now();
        let since = *self.stands_still.get_or_insert(now);
        let limit = if self.stop.is_stopping() { STANDSTILL_AT_THE_END } else { STANDSTILL };
        if now >= since + limit {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        // checks now and then whether the program stops
        let next = self.checked_next.filter(|next| *next > now).unwrap_or(now + STANDSTILL_AT_THE_END).min(since + limit);
        self.checked_next = Some(next);
        if self.writing.is_over(next, context) {
            context.waker().wake_by_ref();
        }
        Poll::Pending
    }
}

/// A response that is sent in place of a bare one.
struct Instead {
    bytes: Vec<u8>,
    written: usize,
    // the length of the bare one
    of: usize,
}

/// A timer that exists only while it is needed.
struct Timer(Option<Pin<Box<Sleep>>>);

impl Timer {
    /// Whether the moment has come; otherwise the task is woken then.
    fn is_over(&mut self, moment: Instant, context: &mut Context<'_>) -> bool {
        let sleep = self.0.get_or_insert_with(|| Box::pin(sleep_until(moment)));
        if sleep.deadline() != moment {
            sleep.as_mut().reset(moment);
        }
        sleep.as_mut().poll(context).is_ready()
    }
}

impl Watched {
    /// Notices that the client has gone, and reads nothing.
    fn poll_gone(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match ready!(self.stream.get_ref().poll_peek(context, &mut ReadBuf::new(&mut [0]))) {
            // that is the end, as a read would tell it
            Ok(0) => Poll::Ready(Ok(())),
            Ok(_) => {
                self.activity.waiting.set(Some(context.waker().clone()));
                Poll::Pending
            }
            Err(error) => Poll::Ready(Err(error)),
        }
    }
}

impl AsyncRead for Watched {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if std::mem::take(&mut this.has_whole_piece) {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let Some((limit, is_piece)) = this.activity.allowance() else { return this.poll_gone(context) };
        let before = buffer.filled().len();
        this.stream.set_limit(limit);
        match Pin::new(&mut this.stream).poll_read(context, buffer) {
            Poll::Pending => match this.activity.deadline() {
                Some(deadline) if this.reading.is_over(deadline, context) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
                _ => Poll::Pending,
            },
            outcome => {
                if buffer.filled().len() > before {
                    this.has_whole_piece = is_piece && this.stream.limit() == 0;
                    this.activity.took(limit - this.stream.limit());
                }
                outcome
            }
        }
    }
}

impl AsyncWrite for Watched {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.instead.is_none()
            && this.activity.running.get() == 0
            && let Some(whole) = bare::whole(data)
        {
            let (status, address) = (whole.status.as_u16(), this.address.map(|address| address.ip().to_string()));
            log::info!(
                target: "access", status, address = address.as_deref().unwrap_or("-"), request_id = &*whole.request_id;
                "what came is no request, or did not come in time"
            );
            this.instead = Some(Instead { bytes: whole.bytes, written: 0, of: data.len() });
        }
        let Some(mut instead) = this.instead.take() else { return this.write(context, data) };
        while let Some(rest) = instead.bytes.get(instead.written..).filter(|rest| !rest.is_empty()) {
            match this.write(context, rest) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(written)) => instead.written += written,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => {
                    this.instead = Some(instead);
                    return Poll::Pending;
                }
            }
        }
        Poll::Ready(Ok(instead.of))
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(self.get_mut().stream.get_mut()).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(Pin::new(this.stream.get_mut()).poll_flush(context))?;
        Pin::new(this.stream.get_mut()).poll_shutdown(context)
    }
}
