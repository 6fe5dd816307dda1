//! Events, as a list and as a stream.

use acl::refusal;
use actix_web::{
    HttpRequest, HttpResponse, Responder, get,
    http::header::{self, HeaderName},
};
use database::page::ListSpec;
use kernel::{
    FieldErrors, Result,
    error::{common, field},
};
use notifications::{EventFilter, RecordedEvent, events};

use crate::{
    answer::List,
    call::Call,
    extract::{ListQuery, Listing},
    guard::AnyCaller,
    problem::Refused,
    routes::mount::Mount,
    streams::{self, Asked},
};

pub fn configure(mount: &mut Mount<'_, '_>) {
    mount.service(list_events);
}

impl ListQuery for EventFilter {
    const SPEC: ListSpec = notifications::EVENT_LIST;
}

/// The media type of the stream.
const STREAM: &str = "text/event-stream";
/// The header with the last event that a client of a stream knows.
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// Lists or streams the events that you may see.
///
/// The response is a page or, with `Accept: text/event-stream`, a stream without end. Each kind of event needs the permission to
/// see its subject: payments, contracts, SIM cards, tickets, users. The stream continues after `Last-Event-ID` or `last_event_id`,
/// and without either begins with the next event; 0 asks for all events that are kept. After 15 seconds without an event it sends a
/// keep-alive. It ends when the token, the session or the account does.
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
        (status = 409, description = "`events_forgotten`: events after this id are deleted; read your data again and start without an id."),
        (status = 429, description = "`event_streams_full`: the limit of open streams is reached.")
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
    let filter = EventFilter { last_event_id: last_event_id(&call, query.filter.last_event_id)?, ..query.filter };
    if !call.header(header::ACCEPT).is_some_and(|accepted| accepted.to_ascii_lowercase().contains(STREAM)) {
        let page = call.read(async |conn| events::list(conn, &caller, &filter, &query.paging).await).await?;
        return Ok(call.page(page)?.respond_to(&request));
    }
    let token = call.header(header::AUTHORIZATION).and_then(|value| value.split_once(' ')).ok_or(refusal::NOT_SIGNED_IN)?.1;
    let asked =
        Asked { token: token.trim().to_owned(), caller: caller.0.0.clone(), kind: filter.kind, last_event_id: filter.last_event_id };
    let stream = streams::open(call.state.clone(), asked).await?;
    let mut response = HttpResponse::Ok();
    response.insert_header((header::CONTENT_TYPE, STREAM)).insert_header((header::CACHE_CONTROL, "no-store"));
    // proxies must not buffer the stream
    response.insert_header(("x-accel-buffering", "no"));
    Ok(response.streaming(stream))
}

/// Reads the last event id. The header takes precedence over the parameter, because a client that reconnects sends both. Errors:
/// `invalid_parameter`.
fn last_event_id(call: &Call, parameter: Option<i64>) -> Result<Option<i64>> {
    let mut wrong = FieldErrors::default();
    let header = call.raw_header(LAST_EVENT_ID).map(|text| text.parse::<i64>().ok());
    for (name, value) in [("Last-Event-ID", header), ("last_event_id", parameter.map(Some))] {
        if value.is_some_and(|id| id.is_none_or(|id| id < 0)) {
            wrong.add_at(name.to_owned(), field::RANGE).with("min", 0).with("max", i64::MAX);
        }
    }
    wrong.into_error(common::INVALID_PARAMETER)?;
    Ok(header.flatten().or(parameter))
}
