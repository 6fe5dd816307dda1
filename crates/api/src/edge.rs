//! Middleware around every request: path forms, request id, security headers, problems, panics and the access log.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Instant};

use acl::Caller;
use actix_cors::CorsError;
use actix_web::{
    Error as ActixError, HttpMessage, HttpRequest, HttpResponse, ResponseError,
    body::{BodySize, BoxBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    http::{
        ConnectionType, Method, StatusCode, Uri, Version,
        header::{self, HeaderMap, HeaderName, HeaderValue},
        uri::PathAndQuery,
    },
    middleware::Next,
    web::{Bytes, Data},
};
use futures_util::FutureExt;
use kernel::{Code, Error, error::common};
use log::Level;
use uuid::Uuid;

use crate::{
    app::ALLOWED_HEADERS,
    connection::Running,
    problem::{self, Asked, Refused},
    request::{self, RequestInfo},
    sending::Until,
    state::State,
    unread::{self, Held},
};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Wraps every request.
pub async fn around(
    state: Data<State>,
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, ActixError> {
    let started = Instant::now();
    let info = describe(&state, &request);
    let accept_language = request.headers().get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let method = request.method().clone();
    // every path that can be read also tells its headers alone
    if method == Method::HEAD {
        request.head_mut().method = Method::GET;
    }
    request.extensions_mut().insert(info.clone());
    set_path(&mut request);
    let until = Until { held: Held::of(&mut request), running: Running::begin(request.request()) };
    let is_oauth = request.path() == problem::TOKEN_PATH;
    let asked = Asked { path: &info.path, request_id: &info.request_id, accept_language: accept_language.as_deref(), is_oauth };

    let outcome = AssertUnwindSafe(next.call(request)).catch_unwind().await;
    let served = match outcome {
        Ok(Ok(response)) => Ok(response.map_into_boxed_body()),
        Ok(Err(error)) => Err(match error.as_error::<Refused>() {
            Some(refused) => refused_answer(&refused.0, asked),
            None => problem_of_status(error.as_response_error().status_code(), asked),
        }),
        Err(panic) => {
            let words = panic.downcast_ref::<&str>().map(|words| (*words).to_owned()).or_else(|| panic.downcast_ref::<String>().cloned());
            let error = Error::internal(format!("panic: {}", words.unwrap_or_default()));
            Err(refused_answer(&error, asked))
        }
    };

    let log = |status: StatusCode, route: &str, user: &str| {
        // checks that succeed come every few seconds and say nothing
        let level = if route.starts_with("/health/") && status.is_success() { Level::Debug } else { Level::Info };
        log::log!(
            target: "access", level, method = method.as_str(), route, status = status.as_u16(),
            microseconds = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX), user,
            address = info.address.map(|address| address.to_string()).as_deref().unwrap_or("-"), request_id = &*info.request_id; "request"
        );
    };
    match served {
        Ok(response) => {
            let (request, response) = response.into_parts();
            if response.status() == StatusCode::FORBIDDEN {
                record_denied(&request, &response, &info).await;
            }
            let mut response = finished(response, asked);
            if request.version() < Version::HTTP_11 {
                without_chunks(&mut response);
            }
            add_headers(response.headers_mut(), &info);
            let route = request.match_pattern();
            let extensions = request.extensions();
            let user = extensions.get::<Arc<Caller>>().map_or("-", |caller| caller.username.as_str());
            log(response.status(), route.as_deref().unwrap_or("-"), user);
            drop(extensions);
            let response = if method == Method::HEAD { unread::without_body(response) } else { response };
            Ok(ServiceResponse::new(request, until.sent(response)))
        }
        Err(mut response) => {
            add_headers(response.headers_mut(), &info);
            log(response.status(), "-", "-");
            let response = if method == Method::HEAD { unread::without_body(response) } else { response };
            Err(Rendered(std::cell::RefCell::new(Some(until.sent(response)))).into())
        }
    }
}

/// Ends a body of unknown length with the connection, because HTTP/1.0 has no chunks.
fn without_chunks(response: &mut HttpResponse) {
    if response.body().size() == BodySize::Stream {
        response.head_mut().no_chunking(true);
        response.head_mut().set_connection_type(ConnectionType::Close);
    }
}

/// Records a denied access in the audit trail, whether the guard or a use case refused it.
async fn record_denied(request: &HttpRequest, response: &HttpResponse, info: &RequestInfo) {
    let refused = response.error().and_then(|error| error.as_error::<Refused>());
    let permission = refused.and_then(|refused| refused.0.args().iter().find(|(name, _)| *name == "permission")?.1.parse().ok());
    let caller = request.extensions().get::<Arc<Caller>>().cloned();
    if let (Some(permission), Some(caller)) = (permission, caller) {
        let (state, context) = (request::state(request), request::context(request));
        // the access stays denied even if this cannot be recorded
        if let Err(error) = state.denials.note(&state.db, &context.acting_as(caller.actor()), permission, &info.path).await {
            log::error!("cannot record a denied access: {error}");
        }
    }
}

/// A finished response without its request, which the error or panic has consumed.
struct Rendered(std::cell::RefCell<Option<HttpResponse>>);

impl std::fmt::Debug for Rendered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Rendered")
    }
}

impl std::fmt::Display for Rendered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a finished response")
    }
}

impl ResponseError for Rendered {
    fn error_response(&self) -> HttpResponse {
        self.0.borrow_mut().take().unwrap_or_else(|| HttpResponse::new(StatusCode::INTERNAL_SERVER_ERROR))
    }
}

/// Turns an error response that is not a problem yet into one.
fn finished(response: HttpResponse, asked: Asked<'_>) -> HttpResponse {
    let is_problem = response.headers().get(header::CONTENT_TYPE).is_some_and(|value| value == problem::media_type(asked.is_oauth));
    let refused = response.error().and_then(|error| error.as_error::<Refused>());
    let of_another_origin = response.error().and_then(|error| error.as_error::<CorsError>());
    let mut problem = match (refused, of_another_origin) {
        (Some(refused), _) => refused_answer(&refused.0, asked),
        (None, Some(error)) => refused_answer(&refused_origin(error), asked),
        (None, None) if (response.status().is_client_error() || response.status().is_server_error()) && !is_problem => {
            problem_of_status(response.status(), asked)
        }
        (None, None) => return response,
    };
    // keep the CORS headers, so that other origins can read refusals too
    for (name, value) in response.headers() {
        if *name == header::VARY || name.as_str().starts_with("access-control-") {
            problem.headers_mut().append(name.clone(), value.clone());
        }
    }
    problem
}

/// The error for a preflight request that is refused.
fn refused_origin(error: &CorsError) -> Error {
    match error {
        CorsError::OriginNotAllowed | CorsError::MissingOrigin | CorsError::WildcardOrigin => common::ORIGIN_NOT_ALLOWED.into(),
        _ => Error::new(common::PREFLIGHT_REFUSED).with("headers", ALLOWED_HEADERS.join(", ")),
    }
}

fn refused_answer(error: &Error, asked: Asked<'_>) -> HttpResponse {
    if error.code().kind == kernel::Kind::Internal {
        log::error!(request_id = asked.request_id; "{error}");
    } else if [common::DATABASE_AWAY, common::DATABASE_FULL].contains(&error.code()) {
        log::warn!(request_id = asked.request_id; "{error}");
    }
    problem::answer(error, asked)
}

/// Builds the problem for an error of a library.
fn problem_of_status(status: StatusCode, asked: Asked<'_>) -> HttpResponse {
    let code: Code = match status {
        StatusCode::NOT_FOUND => common::NO_SUCH_PATH,
        StatusCode::METHOD_NOT_ALLOWED => common::METHOD_NOT_ALLOWED,
        StatusCode::REQUEST_TIMEOUT => common::BODY_TIMEOUT,
        StatusCode::PAYLOAD_TOO_LARGE => common::BODY_TOO_LARGE,
        StatusCode::UNSUPPORTED_MEDIA_TYPE => common::UNSUPPORTED_MEDIA_TYPE,
        status if status.is_client_error() => common::MALFORMED,
        _ => common::INTERNAL,
    };
    refused_answer(&Error::new(code).with("reason", status), asked)
}

fn describe(state: &State, request: &ServiceRequest) -> RequestInfo {
    let headers = request.headers();
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let well_formed = |id: &&str| (1..=128).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic());
    let request_id = text(REQUEST_ID).filter(well_formed).map_or_else(|| Uuid::now_v7().to_string(), str::to_owned);
    let peer = request.peer_addr().map(|address| address.ip());
    let behind_proxy = peer.is_some_and(|peer| state.is_trusted_proxy(peer));
    let forwarded = |name: &'static str| text(HeaderName::from_static(name)).filter(|_| behind_proxy);
    // the last address that is not a trusted proxy; some proxies add a header line instead of an item, and everything before
    // an item that is not an address may be forged
    let address = if behind_proxy {
        let lines: Vec<&[u8]> = headers.get_all("x-forwarded-for").map(HeaderValue::as_bytes).collect();
        let items = lines.iter().rev().flat_map(|line| line.rsplit(|byte| *byte == b','));
        let mut hops = items.map_while(|item| std::str::from_utf8(item).ok()?.trim().parse().ok());
        hops.find(|address| !state.is_trusted_proxy(*address)).or(peer)
    } else {
        peer
    };
    let base_url = match &state.settings.public_url {
        Some(url) => url.clone(),
        None => {
            let scheme = forwarded("x-forwarded-proto").filter(|scheme| *scheme == "https").unwrap_or("http");
            let plain = |host: &&str| host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte));
            let host = forwarded("x-forwarded-host").or_else(|| text(header::HOST)).filter(plain).unwrap_or("localhost");
            format!("{scheme}://{host}")
        }
    };
    RequestInfo { request_id: request_id.into(), address, base_url: base_url.into(), path: request.path().into() }
}

/// Addresses of one record below `/payments` that an id of a payment could be read into, and their present ones.
const FORMER: [(&str, &str); 2] =
    [("/api/v1/payments/gateway-refunds/", "/api/v1/gateway-refunds/"), ("/api/v1/payments/reconciliations/", "/api/v1/reconciliations/")];

/// Maps `/api/x` to `/api/v1/x` and former addresses to the present ones, and removes trailing slashes, except for Swagger UI, whose relative links need them.
fn set_path(request: &mut ServiceRequest) {
    let path = request.path();
    let trimmed = path.trim_end_matches('/');
    let wanted = match trimmed.strip_prefix("/api/") {
        Some(rest) => {
            let first = rest.split('/').next().unwrap_or_default();
            let versioned =
                first.strip_prefix('v').is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()));
            if versioned { format!("/api/{rest}") } else { format!("/api/v1/{rest}") }
        }
        None if trimmed.is_empty() || path.starts_with("/swagger-ui") => return,
        None => trimmed.to_owned(),
    };
    let former = FORMER.iter().find_map(|(former, present)| Some(format!("{present}{}", wanted.strip_prefix(former)?)));
    let wanted = former.unwrap_or(wanted);
    if wanted == path {
        return;
    }
    let with_query = match request.uri().query() {
        Some(query) => format!("{wanted}?{query}"),
        None => wanted,
    };
    let mut parts = request.uri().clone().into_parts();
    if let Ok(path_and_query) = PathAndQuery::from_maybe_shared(Bytes::from(with_query)) {
        parts.path_and_query = Some(path_and_query);
        if let Ok(uri) = Uri::from_parts(parts) {
            request.match_info_mut().get_mut().update(&uri);
            request.head_mut().uri = uri;
        }
    }
}

fn add_headers(headers: &mut HeaderMap, info: &RequestInfo) {
    let mut set = |name: HeaderName, value: &'static str| {
        if !headers.contains_key(&name) {
            headers.insert(name, HeaderValue::from_static(value));
        }
    };
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(header::X_FRAME_OPTIONS, "DENY");
    set(header::REFERRER_POLICY, "no-referrer");
    set(HeaderName::from_static("cross-origin-opener-policy"), "same-origin");
    if info.path.starts_with("/swagger-ui") {
        // the page sets some of its styles inline
        set(
            header::CONTENT_SECURITY_POLICY,
            "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'",
        );
    } else {
        set(header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'");
        // only the caller may store it, and must revalidate it with its ETag
        set(header::CACHE_CONTROL, "private, no-cache");
        headers.append(header::VARY, HeaderValue::from_static("Authorization, Accept-Language"));
    }
    if let Ok(id) = HeaderValue::from_str(&info.request_id) {
        headers.insert(REQUEST_ID, id);
    }
}
