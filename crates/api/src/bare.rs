//! Responses that actix-web makes by itself, because what came is no request or did not come in time.
//!
//! They have a status and nothing else. This adds the problem document that every other refusal has.

use actix_web::{body::MessageBody, http::StatusCode};
use kernel::{Error, error::common};
use uuid::Uuid;

use crate::problem::{self, Asked, MEDIA_TYPE};

/// A whole response in place of a bare one.
pub struct Whole {
    /// The status, which stays.
    pub status: StatusCode,
    /// The id by which the log names it.
    pub request_id: String,
    /// The response.
    pub bytes: Vec<u8>,
}

/// The response to send in place of this one; `None` if it is not a bare one.
pub fn whole(written: &[u8]) -> Option<Whole> {
    // nearly every response ends this question here
    if !written.starts_with(b"HTTP/1.1 4") || !written.ends_with(b"\r\n\r\n") {
        return None;
    }
    let head = std::str::from_utf8(written).ok()?.to_ascii_lowercase();
    if head.matches("\r\n\r\n").count() != 1 || head.contains("x-request-id") {
        return None;
    }
    let status = StatusCode::from_bytes(written.get(9..12)?).ok()?;
    let code = if status == StatusCode::REQUEST_TIMEOUT { common::BODY_TIMEOUT } else { common::MALFORMED };
    let request_id = Uuid::now_v7().to_string();
    let asked = Asked { path: "", request_id: &request_id, accept_language: None, is_oauth: false };
    let body = problem::of_status(&Error::new(code), status, asked).into_body().try_into_bytes().ok()?;
    let line = format!(
        "HTTP/1.1 {} {}\r\ncontent-type: {MEDIA_TYPE}\r\ncontent-length: {}\r\nx-request-id: {request_id}\r\n\
         x-content-type-options: nosniff\r\ncache-control: no-store\r\nconnection: close\r\n\r\n",
        status.as_u16(),
        status.canonical_reason().unwrap_or_default(),
        body.len()
    );
    Some(Whole { status, request_id, bytes: [line.as_bytes(), &body].concat() })
}

#[cfg(test)]
mod tests {
    #[test]
    fn only_bare_refusals_are_replaced() {
        let bare = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
        let whole = super::whole(bare).unwrap();
        let text = String::from_utf8(whole.bytes).unwrap();
        assert!(text.starts_with("HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-type: application/problem+json\r\n"), "{text}");
        let (_, body) = text.split_once("\r\n\r\n").unwrap();
        let problem: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!((&problem["status"], &problem["code"]), (&serde_json::json!(431), &serde_json::json!("malformed")));
        assert!(text.contains(&format!("content-length: {}\r\n", body.len())));
        for other in [
            &b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"[..],
            b"HTTP/1.1 404 Not Found\r\nx-request-id: 1\r\ncontent-length: 0\r\n\r\n",
            b"HTTP/1.1 400 Bad Request\r\ncontent-length: 2\r\n\r\n{}",
            b"HTTP/1.1 400 Bad Request\r\n\r\nHTTP/1.1 400 Bad Request\r\n\r\n",
            b"",
        ] {
            assert!(super::whole(other).is_none());
        }
    }
}
