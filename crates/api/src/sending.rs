//! Response bodies on their way to the client.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use actix_web::{
    HttpResponse,
    body::{BodySize, BoxBody, MessageBody},
    web::Bytes,
};

use crate::{connection::Running, unread::Held};

/// The largest piece that is copied into the buffer of a connection at once. actix-web copies whatever a body gives in one piece, so a
/// client that does not read would hold a copy of a whole document.
const LARGEST_PIECE: usize = 16 * 1024;

/// What lasts until a response has been sent.
#[allow(dead_code, reason = "these are kept, and not read")]
pub struct Until {
    /// A chunked request body.
    pub held: Option<Held>,
    /// The mark that the request runs.
    pub running: Option<Running>,
}

impl Until {
    /// Gives the body of a response to the connection in pieces, and keeps what must last until the last of them.
    pub fn sent(self, response: HttpResponse) -> HttpResponse {
        response.map_body(|_, body| BoxBody::new(Sending { body, rest: Bytes::new(), _until: self }))
    }
}

struct Sending {
    body: BoxBody,
    rest: Bytes,
    _until: Until,
}

impl MessageBody for Sending {
    type Error = <BoxBody as MessageBody>::Error;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        let this = self.get_mut();
        // an empty piece would end a chunked body
        while this.rest.is_empty() {
            match ready!(Pin::new(&mut this.body).poll_next(context)) {
                Some(Ok(piece)) => this.rest = piece,
                end => return Poll::Ready(end),
            }
        }
        let length = this.rest.len().min(LARGEST_PIECE);
        Poll::Ready(Some(Ok(this.rest.split_to(length))))
    }
}
