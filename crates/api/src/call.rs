//! One request on its way to the database and back. The edge owns the transaction: [`Call::write`] begins it, claims the
//! idempotency key in it, runs the use case, stores the answer with the key, and commits (SPEC 2.7).

use std::sync::Arc;

use acl::{Caller, SignedIn};
use actix_web::{
    FromRequest, HttpMessage, HttpRequest, HttpResponse, Responder,
    body::BoxBody,
    dev::Payload,
    http::{
        Method, StatusCode,
        header::{self, HeaderName},
    },
    web::Data,
};
use aws_lc_rs::digest::{SHA256, digest};
use kernel::{
    Context, Error, Expected, FieldErrors, Origin, Page, Result,
    db::{Conn, Tx},
    error::{common, field},
    locale::Locale,
    page::Step,
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    edge::RequestInfo,
    extract::BodyDigest,
    guard,
    idempotency::{self, Key},
    problem::{self, Refused},
    state::State,
};

/// What a handler answers.
pub type Reply = std::result::Result<Answer, Refused>;

/// Who calls, from where, and with which headers that bear on the answer.
pub struct Call {
    /// What every request shares.
    pub state: Data<State>,
    /// The surroundings of the use case.
    pub context: Context,
    request: HttpRequest,
}

impl FromRequest for Call {
    type Error = Refused;
    type Future = std::future::Ready<Result<Self, Refused>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let call = Self { state: guard::state(request).clone(), context: context(request), request: request.clone() };
        std::future::ready(Ok(call))
    }
}

/// The surroundings of this request's use case.
pub(crate) fn context(request: &HttpRequest) -> Context {
    let extensions = request.extensions();
    let info = extensions.get::<RequestInfo>();
    let origin = Origin {
        request_id: info.map(|info| info.request_id.to_string()).unwrap_or_default(),
        address: info.and_then(|info| info.address).map(|address| address.to_string()),
    };
    guard::state(request).context(origin)
}

impl Call {
    /// Runs reads on one connection.
    pub async fn read<T>(&self, work: impl AsyncFn(&mut Conn) -> Result<T>) -> Result<T> {
        // boxed: a handler's future is moved about, and this part of it is large
        Box::pin(self.state.db.read(work)).await
    }

    /// Runs a use case in a transaction and stores its answer under the request's idempotency key, if it has one.
    ///
    /// Errors: `idempotency_key_reused`, `idempotency_key_in_use`, and what `work` says; then nothing has happened.
    pub async fn write(&self, work: impl AsyncFn(&mut Tx) -> Result<Answer>) -> Result<Answer> {
        let key = self.idempotency_key()?;
        let answer = self
            .state
            .db
            .transaction(&self.context, async |tx| {
                let Some(key) = &key else { return work(tx).await };
                match idempotency::claim(tx, &self.context, key, &self.state.seals).await? {
                    Some(stored) => Ok(stored),
                    None => {
                        let answer = work(tx).await?;
                        idempotency::store(tx, key, &answer, &self.state.seals).await?;
                        Ok(answer)
                    }
                }
            })
            .await?;
        let refused = acl::refusal::ALL.iter().find(|code| answer.status.is_client_error() && code.name.as_bytes() == answer.body);
        refused.map_or(Ok(answer), |code| Err((*code).into()))
    }

    /// Stores another answer under the request's idempotency key, for a handler that goes on after it has written.
    pub async fn conclude(&self, answer: Answer) -> Result<Answer> {
        if let Some(key) = self.idempotency_key()? {
            self.state.db.transaction(&self.context, async |tx| idempotency::store(tx, &key, &answer, &self.state.seals).await).await?;
        }
        Ok(answer)
    }

    /// The answer stored under the request's idempotency key, if there is one: for a handler that does, before it writes,
    /// what a repeat could not do again.
    pub async fn replay(&self) -> Result<Option<Answer>> {
        let Some(key) = self.idempotency_key()? else { return Ok(None) };
        self.read(async |conn| idempotency::recall(conn, &self.context, &key, &self.state.seals).await).await
    }

    /// Notes that the caller saw the personal data of these; it is on record a moment later.
    pub async fn record_read(&self, entity: &'static str, ids: impl IntoIterator<Item = i64>) -> Result<()> {
        let Some(caller) = self.caller() else { return Ok(()) };
        let ids: Vec<i64> = ids.into_iter().collect();
        self.state.reads.note(&self.state.db, &self.context, &caller.actor(), entity, &ids).await
    }

    /// The versions that `If-Match` names; what cannot be read names none, so that nothing is written by mistake.
    pub fn expected(&self) -> Result<Expected> {
        let Some(header) = self.request.headers().get(header::IF_MATCH) else { return Ok(Expected::Any) };
        let header = header.to_str().unwrap_or_default();
        if header.trim() == "*" {
            return Ok(Expected::Any);
        }
        // a tag is "version-hash"; a weak or foreign one matches nothing
        let version = |tag: &str| tag.trim().strip_prefix('"')?.strip_suffix('"')?.split('-').next()?.parse().ok();
        Ok(Expected::Versions(header.split(',').filter_map(version).collect()))
    }

    /// A page of a list, with absolute links.
    pub fn page<T: Serialize>(&self, page: Page<T>) -> Result<Answer> {
        Answer::ok(&self.list(page))
    }

    /// The same, to be part of an answer.
    pub fn list<T>(&self, page: Page<T>) -> List<T> {
        let link = |step: Option<Step>| step.map(|step| self.link(&step));
        let (next, previous) = (link(page.next), link(page.previous));
        List {
            count: page.count.map(|count| count.value),
            count_exact: page.count.map(|count| count.exact),
            next,
            previous,
            results: page.results,
        }
    }

    fn link(&self, step: &Step) -> String {
        let (name, value) = match step {
            Step::Page(number) => ("page", number.to_string()),
            Step::Cursor(cursor) => ("cursor", cursor.clone()),
        };
        let pairs: Vec<(String, String)> = serde_urlencoded::from_str(self.request.query_string()).unwrap_or_default();
        let kept = pairs.into_iter().filter(|(other, _)| !matches!(other.as_str(), "page" | "cursor"));
        let query = serde_urlencoded::to_string(kept.chain([(name.to_owned(), value)]).collect::<Vec<_>>()).unwrap_or_default();
        format!("{}{}?{query}", self.base_url(), self.request.path())
    }

    fn base_url(&self) -> Arc<str> {
        self.request.extensions().get::<RequestInfo>().map(|info| info.base_url.clone()).unwrap_or_else(|| "".into())
    }

    /// The caller's language.
    pub fn locale(&self) -> &'static Locale {
        Locale::negotiate(self.header(header::ACCEPT_LANGUAGE))
    }

    /// The caller's address.
    pub fn address(&self) -> Option<std::net::IpAddr> {
        self.request.extensions().get::<RequestInfo>().and_then(|info| info.address)
    }

    /// A header, where it is readable text.
    pub fn header(&self, name: HeaderName) -> Option<&str> {
        self.request.headers().get(name).and_then(|value| value.to_str().ok())
    }

    /// A header that was sent, and nothing where it is no readable text.
    pub fn raw_header(&self, name: HeaderName) -> Option<&str> {
        self.request.headers().get(name).map(|value| value.to_str().unwrap_or_default())
    }

    /// The caller, where the handler asked for one.
    pub fn caller(&self) -> Option<SignedIn> {
        self.request.extensions().get::<Arc<Caller>>().cloned().map(SignedIn)
    }

    /// Refuses a key that cannot be one, for a handler that does something before it writes.
    pub fn check_idempotency_key(&self) -> Result<()> {
        self.idempotency_key().map(drop)
    }

    /// Whether the caller has what this tag names, by `If-None-Match`.
    pub fn has_already(&self, tag: &str) -> bool {
        self.header(header::IF_NONE_MATCH).is_some_and(|tags| is_among(tags, tag))
    }

    fn idempotency_key(&self) -> Result<Option<Key>> {
        if self.request.method() != Method::POST {
            return Ok(None);
        }
        let Some(value) = self.request.headers().get("idempotency-key") else { return Ok(None) };
        let text =
            value.to_str().ok().filter(|text| (1..=255).contains(&text.len()) && text.bytes().all(|byte| (b' '..=b'~').contains(&byte)));
        let Some(text) = text else {
            let mut wrong = FieldErrors::default();
            wrong.add_at("Idempotency-Key".to_owned(), field::LENGTH).with("min", 1).with("max", 255);
            return wrong.into_error(common::INVALID_PARAMETER).map(|()| None);
        };
        let digest = self.request.extensions().get::<BodyDigest>().cloned().unwrap_or_default();
        Ok(Some(Key {
            scope: self.caller().map_or_else(|| "anonymous".to_owned(), |caller| format!("user:{}", caller.user_id)),
            text: text.to_owned(),
            request: format!("{} {} {}", self.request.method(), self.request.uri(), digest.0),
        }))
    }
}

/// Whether a tag is among those of an `If-None-Match`.
fn is_among(tags: &str, tag: &str) -> bool {
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

/// An answer, finished but for the connection: it can be stored and given again.
#[derive(Clone, Debug)]
pub struct Answer {
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
}

impl Answer {
    fn json(status: StatusCode, body: &impl Serialize) -> Result<Self> {
        let body = serde_json::to_vec(body).map_err(Error::internal)?;
        Ok(Self { status, location: None, etag: None, body, replayed: false, secret: false })
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

    /// A refusal whose consequences are committed: the caller hears it, and what was done stays done.
    pub fn refusal(code: kernel::Code) -> Self {
        Self { status: problem::status(code.kind), body: code.name.as_bytes().to_vec(), ..Self::empty() }
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
        Self { status: StatusCode::NO_CONTENT, location: None, etag: None, body: Vec::new(), replayed: false, secret: false }
    }

    /// The same, to be kept by nobody on the way.
    #[must_use]
    pub fn secret(mut self) -> Self {
        self.secret = true;
        self
    }

    /// A strong tag: the version for `If-Match`, and a hash because what is shown depends on who asks.
    fn tagged(mut self, version: i64) -> Self {
        let hash: String = digest(&SHA256, &self.body).as_ref().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        self.etag = Some(format!("\"{version}-{hash}\""));
        self
    }
}

impl Responder for Answer {
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
