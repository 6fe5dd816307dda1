//! Bodies that are not sent or not read to the end: those of responses to HEAD, and chunked request bodies where the response is ready
//! earlier.
//!
//! If such a body is dropped before the response is sent, actix-web waits for the rest of it without a limit, to reuse the
//! connection. While the body is held, actix-web closes the connection soon after the response.

use std::{
    cell::RefCell,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
};

use actix_web::{
    HttpResponse,
    body::{BodySize, BoxBody, MessageBody},
    dev::{Payload, ServiceRequest},
    http::header,
    web::Bytes,
};
use futures_util::{StreamExt, stream};

use crate::connection::Activity;

/// A chunked request body, shared with its reader.
pub struct Held {
    _payload: Rc<RefCell<Payload>>,
}

impl Held {
    /// Holds the body, if it is chunked.
    pub fn of(request: &mut ServiceRequest) -> Option<Self> {
        if !request.headers().contains_key(header::TRANSFER_ENCODING) {
            return None;
        }
        let held = Rc::new(RefCell::new(request.parts_mut().1.take()));
        let shared = held.clone();
        let activity = request.request().conn_data::<Rc<Activity>>().cloned();
        let read = stream::poll_fn(move |context| {
            let outcome = shared.borrow_mut().poll_next_unpin(context);
            if let Some(activity) = &activity {
                activity.read_chunk(&outcome);
            }
            outcome
        });
        request.set_payload(Payload::Stream { payload: Box::pin(read) });
        Some(Self { _payload: held })
    }
}

/// The response to HEAD: the same headers, and nothing after them. The body is dropped, because a stream of events would never end.
pub fn without_body(response: HttpResponse) -> HttpResponse {
    let size = response.body().size();
    let mut response = response.map_body(|_, _| BoxBody::new(Nothing));
    // a body of unknown length that is not chunked: then neither its length nor an end is written after the head
    response.head_mut().no_chunking(true);
    if let BodySize::Sized(length) = size {
        response.headers_mut().insert(header::CONTENT_LENGTH, length.into());
    }
    response
}

struct Nothing;

impl MessageBody for Nothing {
    type Error = <BoxBody as MessageBody>::Error;

    fn size(&self) -> BodySize {
        BodySize::Stream
    }

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Poll::Ready(None)
    }
}
