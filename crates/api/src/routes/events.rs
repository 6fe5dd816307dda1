//! Events, as a list and as a stream.

use actix_web::{
    HttpRequest, HttpResponse, Responder, get,
    http::header::{self, HeaderName},
    post,
};
use chrono::TimeDelta;
use database::page::ListSpec;
use kernel::{
    FieldErrors, Result,
    error::{common, field},
    input::NoInput,
};
use notifications::{EventFilter, RecordedEvent, events};

use crate::{
    accept::prefers,
    answer::{List, Reply},
    call::Call,
    extract::{Body, ListQuery, Listing},
    guard::AnyCaller,
    links::{self, OneTimeLink},
    problem::Refused,
    routes::mount::Mount,
    streams::{self, Asked},
};

pub fn configure(mount: &mut Mount<'_, '_>) {
    mount.service(list_events).service(issue_event_ticket);
}

/// The path of the stream.
const PATH: &str = "/api/v1/events";
/// How long a ticket for a stream lives.
const TICKET_LIVES: TimeDelta = TimeDelta::seconds(30);

impl ListQuery for EventFilter {
    const SPEC: ListSpec = notifications::EVENT_LIST;
}

/// The media type of the stream.
const STREAM: &str = "text/event-stream";
/// The media type with its charset, without which some clients guess.
const STREAM_IN_UTF_8: &str = "text/event-stream; charset=utf-8";
/// The header with the last event that a client of a stream knows.
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// Lists or streams the events that you may see.
///
/// The response is a page or, with `Accept: text/event-stream`, a stream without end. Each kind of event needs the permission to
/// see its subject: subscribers, tariffs, contracts, payments, SIM cards, tickets, users. The stream continues after `Last-Event-ID`,
/// `lastEventId` or `last_event_id`, and without any of them begins with the next event; 0 asks for all events that are kept. After 3
/// seconds without an event it sends a comment as keep-alive. It ends when the token, the session or the account does. A browser's
/// `EventSource`, which sends no `Authorization`, opens it with a ticket from `POST /events/tickets`.
#[utoipa::path(
    tag = "events",
    params(
        ("Last-Event-ID" = Option<i64>, Header, description = "Only events after the one with this id.", minimum = 0),
        Listing<EventFilter>
    ),
    responses(
        (status = 200, description = "A page of events, or a stream of them.", content(
            (List<RecordedEvent> = "application/json"),
            (String = "text/event-stream")
        )),
        (status = 409, description = "`events_forgotten`: events after this id are deleted, or the id is beyond the newest event; read your data again and start without an id."),
        (status = 429, description = "`event_streams_full`: the limit of open streams is reached, or your share of them.")
    ),
    security(("bearer" = []))
)]
#[get("/events")]
async fn list_events(
    call: Call,
    caller: AnyCaller,
    request: HttpRequest,
    query: Listing<EventFilter>,
) -> std::result::Result<HttpResponse, Refused> {
    let filter = EventFilter { last_event_id: last_event_id(&call, &query.filter)?, ..query.filter };
    if !prefers(call.header(header::ACCEPT), STREAM, "application/json") {
        let page = call.read(async |conn| events::list(conn, &caller, &filter, &query.paging).await).await?;
        return Ok(call.page(page)?.respond_to(&request));
    }
    let asked = Asked { token: call.bearer()?, caller: caller.0.0.clone(), kind: filter.kind, last_event_id: filter.last_event_id };
    let stream = streams::open(call.state.clone(), asked).await?;
    let mut response = HttpResponse::Ok();
    response.insert_header((header::CONTENT_TYPE, STREAM_IN_UTF_8)).insert_header((header::CACHE_CONTROL, "no-store"));
    // proxies must not buffer the stream
    response.insert_header(("x-accel-buffering", "no"));
    Ok(response.streaming(stream))
}

/// Issues a ticket that opens one stream of events within 30 seconds.
///
/// For a browser's `EventSource`, which cannot send `Authorization`: open `url`. The stream shows what you may see and ends as it would
/// with your token. To reconnect, get another ticket.
#[utoipa::path(
    tag = "events",
    request_body = NoInput,
    responses(
        (status = 201, description = "The ticket, and the address that it opens.", body = OneTimeLink),
        (status = 429, description = "`too_many_tickets`: you have 500 unused tickets.")
    ),
    security(("bearer" = []))
)]
#[post("/events/tickets")]
async fn issue_event_ticket(call: Call, caller: AnyCaller, _: Body<NoInput>) -> Reply {
    let answer = call.write(async |tx| links::issue(tx, &call, &caller, PATH, TICKET_LIVES).await);
    Ok(answer.await?)
}

/// Reads the last event id. What a client that reconnects adds takes precedence over what its address had from the beginning: the header,
/// then `lastEventId`, then `last_event_id`. Errors: `invalid_parameter`.
fn last_event_id(call: &Call, filter: &EventFilter) -> Result<Option<i64>> {
    let mut wrong = FieldErrors::default();
    let header = call.raw_header(LAST_EVENT_ID).map(|text| text.parse::<i64>().ok());
    let parameters = [("lastEventId", filter.last_event_id_of_client.map(Some)), ("last_event_id", filter.last_event_id.map(Some))];
    for (name, value) in [("Last-Event-ID", header)].into_iter().chain(parameters) {
        if value.is_some_and(|id| id.is_none_or(|id| id < 0)) {
            wrong.add_at(name.to_owned(), field::RANGE).with("min", 0).with("max", i64::MAX);
        }
    }
    wrong.into_error(common::INVALID_PARAMETER)?;
    Ok(header.flatten().or(filter.last_event_id_of_client).or(filter.last_event_id))
}
