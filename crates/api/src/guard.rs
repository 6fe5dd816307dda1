//! Checks the token and the permission before a handler runs.

use std::{ops::Deref, sync::Arc};

use acl::{Caller, Granted, PermissionType, SignedIn, refusal};
use actix_web::{FromRequest, HttpMessage, HttpRequest, dev::Payload, http::header};
use futures_util::future::LocalBoxFuture;
use kernel::Result;
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

async fn caller(request: &HttpRequest) -> Result<Arc<Caller>> {
    let header = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let bearer = header.and_then(|value| value.split_once(' ')).filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    let (_, token) = bearer.ok_or(refusal::NOT_SIGNED_IN)?;
    let state = request::state(request);
    let caller = state.access.authenticate(token.trim(), &request::context(request)).await?;
    request.extensions_mut().insert(caller.clone());
    Ok(caller)
}
