//! Checks the token and the permission before a handler runs.

use std::{ops::Deref, sync::Arc};

use acl::{Caller, Granted, PermissionType, SignedIn, one_time, refusal};
use actix_web::{
    FromRequest, HttpMessage, HttpRequest,
    dev::Payload,
    http::{Method, header},
};
use futures_util::future::LocalBoxFuture;
use kernel::{Error, Result};
use tokio::sync::watch;

use crate::{problem::Refused, request};

/// A caller who holds permission `P`; dereferences to the proof that use cases require.
pub struct Guard<P>(Granted<P>);

impl<P> Deref for Guard<P> {
    type Target = Granted<P>;

    fn deref(&self) -> &Granted<P> {
        &self.0
    }
}

impl<P: PermissionType> FromRequest for Guard<P> {
    type Error = Refused;
    type Future = LocalBoxFuture<'static, Result<Self, Refused>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        let door = shut(&request);
        Box::pin(async move {
            let caller = caller(&request).await?;
            let granted = Granted::check(&caller)?;
            door.send_replace(true);
            Ok(Self(granted))
        })
    }
}

/// A signed-in caller, with any permissions.
pub struct AnyCaller(pub SignedIn);

impl Deref for AnyCaller {
    type Target = SignedIn;

    fn deref(&self) -> &SignedIn {
        &self.0
    }
}

impl FromRequest for AnyCaller {
    type Error = Refused;
    type Future = LocalBoxFuture<'static, Result<Self, Refused>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        let door = shut(&request);
        Box::pin(async move {
            let caller = caller(&request).await?;
            door.send_replace(true);
            Ok(Self(SignedIn(caller)))
        })
    }
}

/// Whether the handler's guard has admitted the caller.
#[derive(Clone)]
struct Door(watch::Receiver<bool>);

fn shut(request: &HttpRequest) -> watch::Sender<bool> {
    let (door, seen) = watch::channel(false);
    request.extensions_mut().insert(Door(seen));
    door
}

/// Waits until the guard has admitted the caller, if the handler has a guard.
///
/// The arguments of a handler are extracted concurrently, and the first error becomes the response. Without this wait, a caller
/// without permission would learn what is wrong with a path or a body, and the body would be read.
pub(crate) async fn let_in(request: &HttpRequest) -> Result<()> {
    let door = request.extensions().get::<Door>().cloned();
    let Some(Door(mut door)) = door else { return Ok(()) };
    // the guard was dropped without admitting the caller: its own refusal is already the response
    door.wait_for(|open| *open).await.map(drop).map_err(|_| refusal::NOT_SIGNED_IN.into())
}

/// Checks once more that the caller may do this, after a body that did not arrive together with its head.
///
/// Errors: those of the guard, when the caller was blocked or signed out since, or has lost a permission.
pub(crate) async fn let_in_again(request: &HttpRequest) -> Result<()> {
    let Some(admitted) = request::caller(request) else { return Ok(()) };
    let (state, context) = (request::state(request), request::context(request));
    let caller = state.access.authenticate_at(bearer(request)?, &context, state.office.clock.now()).await?;
    match admitted.permissions.without(caller.permissions).iter().next() {
        Some(lost) => Err(Error::new(refusal::PERMISSION_MISSING).with("permission", lost)),
        None => Ok(()),
    }
}

fn bearer(request: &HttpRequest) -> Result<&str> {
    let header = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let bearer = header.and_then(|value| value.split_once(' ')).filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    bearer.map(|(_, token)| token.trim()).ok_or_else(|| refusal::NOT_SIGNED_IN.into())
}

async fn caller(request: &HttpRequest) -> Result<Arc<Caller>> {
    let token = match bearer(request) {
        Ok(token) => token.to_owned(),
        Err(_) => redeemed(request).await?,
    };
    let state = request::state(request);
    let caller = state.access.authenticate(&token, &request::context(request)).await?;
    request.extensions_mut().insert(caller.clone());
    request.extensions_mut().insert(request::Bearer(token.into()));
    Ok(caller)
}

/// The query parameter with a one-time ticket, in place of the header.
pub const TICKET: &str = "ticket";

/// The token for which the request's one-time ticket stands. Errors: `not_signed_in` without one, `ticket_invalid`.
async fn redeemed(request: &HttpRequest) -> Result<String> {
    let pairs: Vec<(String, String)> = serde_urlencoded::from_str(request.query_string()).unwrap_or_default();
    let ticket = pairs.into_iter().find(|(name, _)| name == TICKET).filter(|_| request.method() == Method::GET);
    let (_, ticket) = ticket.ok_or(refusal::NOT_SIGNED_IN)?;
    let (state, context) = (request::state(request), request::context(request));
    state.db.transaction(&context, async |tx| one_time::redeem(tx, &state.seals, request.path(), &ticket).await).await
}
