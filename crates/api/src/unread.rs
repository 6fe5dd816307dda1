//! Chunked request bodies that are not read to the end, because the response is ready earlier.
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

/// A chunked request body, shared with its reader.
pub struct Held(Rc<RefCell<Payload>>);

impl Held {
    /// Holds the body, if it is chunked.
    pub fn of(request: &mut ServiceRequest) -> Option<Self> {
        if !request.headers().contains_key(header::TRANSFER_ENCODING) {
            return None;
        }
        let held = Rc::new(RefCell::new(request.parts_mut().1.take()));
        let shared = held.clone();
        let read = stream::poll_fn(move |context| shared.borrow_mut().poll_next_unpin(context));
        request.set_payload(Payload::Stream { payload: Box::pin(read) });
        Some(Self(held))
    }

    /// Keeps the held body, if there is one, until this response has been sent.
    pub fn until_sent(held: Option<Self>, response: HttpResponse) -> HttpResponse {
        match held {
            Some(held) => response.map_body(|_, body| BoxBody::new(Answer { body, _held: held.0 })),
            None => response,
        }
    }
}

struct Answer {
    body: BoxBody,
    _held: Rc<RefCell<Payload>>,
}

impl MessageBody for Answer {
    type Error = <BoxBody as MessageBody>::Error;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Pin::new(&mut self.get_mut().body).poll_next(context)
    }
}
