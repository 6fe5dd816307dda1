//! Responses: pages, resources and what was made, ready to be sent or to be stored and given again.

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

/// Whether a tag is among those of an `If-None-Match`.
pub(crate) fn is_among(tags: &str, tag: &str) -> bool {
    tags.split(',').map(str::trim).any(|one| one == "*" || one.trim_start_matches("W/") == tag)
}

/// A page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct List<T> {
    /// How many match, exactly up to 100000; null when paging by cursor.
    pub count: Option<i64>,
    /// False when more match than were counted; null when paging by cursor.
    pub count_exact: Option<bool>,
    /// The next page.
    pub next: Option<String>,
    /// The page before; null when paging by cursor.
    pub previous: Option<String>,
    /// The rows.
    pub results: Vec<T>,
}

/// A response, finished but for the connection: it can be stored under an idempotency key and given again.
///
/// `T` is what the use case made, where the handler goes on with it after the commit: an id, mostly. It is stored with the
/// response, so that a repeat has it too.
#[derive(Clone, Debug)]
pub struct Answer<T = ()> {
    /// The status.
    pub status: StatusCode,
    /// `Location`, relative to the server.
    pub location: Option<String>,
    /// `ETag`.
    pub etag: Option<String>,
    /// JSON, or nothing.
    pub body: Vec<u8>,
    /// Whether it was given before.
    pub replayed: bool,
    /// Whether it may be kept by nobody.
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

    /// 201 with something new that has no version, and the list it is in.
    pub fn created_plain(location: String, resource: &impl Serialize) -> Result<Self> {
        let mut answer = Self::json(StatusCode::CREATED, resource)?;
        answer.location = Some(format!("/api/v1/{location}"));
        Ok(answer)
    }

    /// 201 with a new resource and where it is.
    pub fn created(location: String, resource: &impl Serialize, version: i64) -> Result<Self> {
        let mut answer = Self::json(StatusCode::CREATED, resource)?.tagged(version);
        answer.location = Some(format!("/api/v1/{location}"));
        Ok(answer)
    }

    /// 202 with the resource that is worked on, and what to watch.
    pub fn accepted(location: String, resource: &impl Serialize) -> Result<Self> {
        let mut answer = Self::json(StatusCode::ACCEPTED, resource)?;
        answer.location = Some(format!("/api/v1/{location}"));
        Ok(answer)
    }

    /// The same, saying more than the resource: tag and location stay those of the resource alone.
    pub fn saying(mut self, body: &impl Serialize) -> Result<Self> {
        self.body = serde_json::to_vec(body).map_err(Error::internal)?;
        Ok(self)
    }

    /// 204.
    pub fn empty() -> Self {
        Self { status: StatusCode::NO_CONTENT, location: None, etag: None, body: Vec::new(), replayed: false, secret: false, made: () }
    }

    /// The same, to be kept by nobody on the way.
    #[must_use]
    pub fn secret(mut self) -> Self {
        self.secret = true;
        self
    }

    /// The same response to a use case that made this.
    pub fn having_made<T>(self, made: T) -> Answer<T> {
        let Self { status, location, etag, body, replayed, secret, made: () } = self;
        Answer { status, location, etag, body, replayed, secret, made }
    }

    /// A strong tag: the version for `If-Match`, and a hash because what is shown depends on who asks.
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
