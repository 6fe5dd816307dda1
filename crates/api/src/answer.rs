//! Responses: pages and resources, ready to be sent, or to be stored and replayed.

use actix_web::{
    HttpRequest, HttpResponse, Responder,
    body::BoxBody,
    http::{Method, StatusCode, header},
};
use kernel::{Error, Result, digest::sha256};
use serde::Serialize;
use utoipa::ToSchema;

use crate::problem::Refused;

/// What a handler returns.
pub type Reply<T = ()> = std::result::Result<Answer<T>, Refused>;

/// Whether an `If-None-Match` header names a tag.
pub(crate) fn is_among(tags: &str, tag: &str) -> bool {
    tags.split(',').map(str::trim).any(|one| one == "*" || one.trim_start_matches("W/") == tag)
}

/// A page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct List<T> {
    /// Number of matching rows, exact up to 100000; null when paging by cursor.
    pub count: Option<i64>,
    /// False if more rows match than were counted; null when paging by cursor.
    pub count_exact: Option<bool>,
    /// URL of the next page, if there is one.
    pub next: Option<String>,
    /// URL of the previous page, if there is one; null when paging by cursor.
    pub previous: Option<String>,
    /// The rows.
    pub results: Vec<T>,
}

impl<T> List<T> {
    /// A list that the program fixes, on one page.
    pub fn whole(results: Vec<T>) -> Self {
        Self { count: i64::try_from(results.len()).ok(), count_exact: Some(true), next: None, previous: None, results }
    }
}

/// A complete response, to be sent, or to be stored under an idempotency key and replayed.
///
/// `T` is what the use case made, for a handler that continues after the commit; mostly an id. It is stored with the response,
/// so that a repeated request has it too.
#[derive(Clone, Debug)]
pub struct Answer<T = ()> {
    /// The HTTP status.
    pub status: StatusCode,
    /// The `Location` header, relative to the server.
    pub location: Option<String>,
    /// The `ETag` header.
    pub etag: Option<String>,
    /// The body: JSON, or empty.
    pub body: Vec<u8>,
    /// Whether the response is a replay of a stored one.
    pub replayed: bool,
    /// Whether nobody may store it (`Cache-Control: no-store`).
    pub secret: bool,
    /// What the use case made.
    pub made: T,
}

impl Answer {
    fn json(status: StatusCode, body: &impl Serialize) -> Result<Self> {
        let body = serde_json::to_vec(body).map_err(Error::internal)?;
        Ok(Self { status, location: None, etag: None, body, replayed: false, secret: false, made: () })
    }

    /// 200 with this body.
    pub fn ok(body: &impl Serialize) -> Result<Self> {
        Self::json(StatusCode::OK, body)
    }

    /// 200 with a resource of this version, and its `ETag`.
    pub fn resource(resource: &impl Serialize, version: i64) -> Result<Self> {
        Ok(Self::ok(resource)?.tagged(version))
    }

    /// 201 with a new resource that has no version, and its `Location`.
    pub fn created_plain(location: String, resource: &impl Serialize) -> Result<Self> {
        let mut answer = Self::json(StatusCode::CREATED, resource)?;
        answer.location = Some(format!("/api/v1/{location}"));
        Ok(answer)
    }

    /// 201 with a new resource of this version, its `ETag` and its `Location`.
    pub fn created(location: String, resource: &impl Serialize, version: i64) -> Result<Self> {
        let mut answer = Self::json(StatusCode::CREATED, resource)?.tagged(version);
        answer.location = Some(format!("/api/v1/{location}"));
        Ok(answer)
    }

    /// 202 with the resource in progress, and in `Location` what to poll.
    pub fn accepted(location: String, resource: &impl Serialize) -> Result<Self> {
        let mut answer = Self::json(StatusCode::ACCEPTED, resource)?;
        answer.location = Some(format!("/api/v1/{location}"));
        Ok(answer)
    }

    /// Replaces the body by one with more than the resource; `ETag` and `Location` stay.
    pub fn saying(mut self, body: &impl Serialize) -> Result<Self> {
        self.body = serde_json::to_vec(body).map_err(Error::internal)?;
        Ok(self)
    }

    /// 204 without a body.
    pub fn empty() -> Self {
        Self { status: StatusCode::NO_CONTENT, location: None, etag: None, body: Vec::new(), replayed: false, secret: false, made: () }
    }

    /// Forbids storing the response.
    #[must_use]
    pub fn secret(mut self) -> Self {
        self.secret = true;
        self
    }

    /// Attaches what the use case made.
    pub fn having_made<T>(self, made: T) -> Answer<T> {
        let Self { status, location, etag, body, replayed, secret, made: () } = self;
        Answer { status, location, etag, body, replayed, secret, made }
    }

    /// Adds a strong tag: the version for `If-Match`, and a hash of the body, because the body depends on the caller.
    fn tagged(mut self, version: i64) -> Self {
        let hash = sha256(&self.body);
        self.etag = Some(format!("\"{version}-{}\"", &hash[..16]));
        self
    }
}

impl<T> Responder for Answer<T> {
    type Body = BoxBody;

    fn respond_to(self, request: &HttpRequest) -> HttpResponse {
        let mut response = HttpResponse::build(self.status);
        if let Some(location) = self.location {
            response.insert_header((header::LOCATION, location));
        }
        if self.replayed {
            response.insert_header(("idempotent-replayed", "true"));
        }
        if self.secret {
            response.insert_header((header::CACHE_CONTROL, "no-store"));
        }
        if let Some(etag) = self.etag {
            let known = request.headers().get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
            let unchanged = request.method() == Method::GET && known.is_some_and(|tags| is_among(tags, &etag));
            response.insert_header((header::ETAG, etag));
            if unchanged {
                return response.status(StatusCode::NOT_MODIFIED).finish();
            }
        }
        if self.status == StatusCode::NO_CONTENT {
            return response.finish();
        }
        response.insert_header((header::CONTENT_TYPE, "application/json")).body(self.body)
    }
}
