//! What is attached to a request while it is served: the caller, the address and the request id.

use std::{net::IpAddr, sync::Arc, time::Duration};

use acl::Caller;
use actix_web::{HttpMessage, HttpRequest, web::Data};
use database::LONGEST_WAIT;
use kernel::{Actor, Context, Error, Origin, Patience, Result, error::common};

use crate::state::State;

/// What the edge notes about a request, for later steps.
#[derive(Clone, Debug)]
pub struct RequestInfo {
    /// Taken from `X-Request-Id`, or generated.
    pub request_id: Arc<str>,
    /// The caller's address, as trusted proxies report it.
    pub address: Option<IpAddr>,
    /// Scheme and host that clients use.
    pub base_url: Arc<str>,
    /// The path as received.
    pub path: Arc<str>,
}

/// SHA-256 of the body, which identifies a repeated request.
#[derive(Clone, Debug, Default)]
pub struct BodyDigest(pub String);

/// How long the next piece of a body may take while the program stops.
const WAIT_AT_THE_END: Duration = Duration::from_secs(5);

/// Waits for the next piece of a body; while the program stops, not for long. Errors: `body_timeout`.
pub async fn next_piece<T>(request: &HttpRequest, next: impl Future<Output = T>) -> Result<T> {
    let mut stopping = state(request).office.stop.subscribe();
    let given_up = async {
        if stopping.wait_for(|is_stopping| *is_stopping).await.is_err() {
            std::future::pending::<()>().await;
        }
        tokio::time::sleep(WAIT_AT_THE_END).await;
    };
    tokio::select! {
        biased;
        piece = next => Ok(piece),
        () = given_up => Err(Error::new(common::BODY_TIMEOUT)),
    }
}

/// State that all requests share.
#[allow(clippy::expect_used, reason = "the app is always built with its state")]
pub fn state(request: &HttpRequest) -> &Data<State> {
    request.app_data::<Data<State>>().expect("the app has its state")
}

/// What the edge noted about the request.
pub fn info(request: &HttpRequest) -> Option<RequestInfo> {
    request.extensions().get::<RequestInfo>().cloned()
}

/// The caller, once a guard has admitted one.
pub fn caller(request: &HttpRequest) -> Option<Arc<Caller>> {
    request.extensions().get::<Arc<Caller>>().cloned()
}

/// The token of an admitted caller.
#[derive(Clone)]
pub struct Bearer(pub Arc<str>);

/// The caller's token, once a guard has admitted the caller.
pub fn bearer(request: &HttpRequest) -> Option<Arc<str>> {
    request.extensions().get::<Bearer>().map(|bearer| bearer.0.clone())
}

/// SHA-256 of the body, once it is read; empty before.
pub fn body_digest(request: &HttpRequest) -> String {
    request.extensions().get::<BodyDigest>().cloned().unwrap_or_default().0
}

/// The context of this request's use case.
pub fn context(request: &HttpRequest) -> Arc<Context> {
    if let Some(context) = request.extensions().get::<Arc<Context>>() {
        return context.clone();
    }
    let context = arrived(request);
    request.extensions_mut().insert(context.clone());
    context
}

fn arrived(request: &HttpRequest) -> Arc<Context> {
    let extensions = request.extensions();
    let info = extensions.get::<RequestInfo>();
    let origin = Origin {
        request_id: info.map(|info| info.request_id.to_string()).unwrap_or_default(),
        address: info.and_then(|info| info.address).map(|address| address.to_string()),
        patience: Patience::of(LONGEST_WAIT),
    };
    state(request).context(origin, Actor::system("stranger"))
}
