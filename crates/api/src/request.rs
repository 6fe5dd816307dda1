//! What is attached to a request while it is served: the caller, the address and the request id.

use std::{net::IpAddr, sync::Arc};

use acl::Caller;
use actix_web::{HttpMessage, HttpRequest, web::Data};
use kernel::{Actor, Context, Origin};

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
    };
    state(request).context(origin, Actor::system("stranger"))
}
