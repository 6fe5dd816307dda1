//! Runs the use case of a request. The edge owns the transaction: [`Call::write`] begins it, claims the idempotency key in it,
//! runs the use case, stores the response with the key, and commits.

use std::{cell::OnceCell, sync::Arc};

use acl::{PermissionSet, SignedIn};
use actix_web::{
    FromRequest, HttpRequest,
    dev::Payload,
    http::{
        Method,
        header::{self, HeaderName},
    },
    web::Data,
};
use database::{Conn, Page, Tx, page::Step};
use kernel::{
    Actor, Code, Context, Error, Expected, FieldErrors, Result,
    error::{common, field},
};
use messages::Locale;
use serde::Serialize;

use crate::{
    answer::{Answer, List, is_among},
    idempotency::{self, Key, Made},
    problem::Refused,
    request,
    state::State,
};

/// A request as its handler sees it: the caller, the address, and the headers that affect the response.
pub struct Call {
    /// State that all requests share.
    pub state: Data<State>,
    arrived: Arc<Context>,
    acting: OnceCell<Arc<Context>>,
    request: HttpRequest,
}

impl FromRequest for Call {
    type Error = Refused;
    type Future = std::future::Ready<Result<Self, Refused>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let call = Self {
            state: request::state(request).clone(),
            arrived: request::context(request),
            acting: OnceCell::new(),
            request: request.clone(),
        };
        std::future::ready(Ok(call))
    }
}

impl Call {
    /// The context of the use case, with the caller as its actor.
    pub fn context(&self) -> &Arc<Context> {
        self.acting.get_or_init(|| match self.caller() {
            Some(caller) => self.arrived.acting_as(caller.actor()),
            None => self.arrived.clone(),
        })
    }

    /// Makes the system the actor, for a request without a signed-in caller.
    #[must_use]
    pub fn acting_as(mut self, actor: &'static str) -> Self {
        self.acting = OnceCell::from(self.arrived.acting_as(Actor::system(actor)));
        self
    }

    /// Runs reads on one connection.
    pub async fn read<T>(&self, work: impl AsyncFn(&mut Conn) -> Result<T>) -> Result<T> {
        self.state.db.read(self.context(), work).await
    }

    /// Runs a use case in a transaction and stores its response under the request's idempotency key, if it has one.
    ///
    /// Returns the response with what the use case made, fresh or replayed.
    /// Errors: `idempotency_key_reused`, `idempotency_key_in_use`, `replay_right_lost`, and those of `work`; then nothing is changed.
    pub async fn write<T: Made>(&self, work: impl AsyncFn(&mut Tx) -> Result<Answer<T>>) -> Result<Answer<T>> {
        self.write_or_refuse(async |tx| work(tx).await.map(Ok)).await
    }

    /// Runs a use case whose refusal may change something.
    ///
    /// A refusal that `work` returns inside `Ok` is committed with its changes, and releases the idempotency key.
    /// Errors: that refusal; and those of [`Call::write`], after which nothing is changed.
    pub async fn write_or_refuse<T: Made>(
        &self,
        work: impl AsyncFn(&mut Tx) -> Result<std::result::Result<Answer<T>, Code>>,
    ) -> Result<Answer<T>> {
        let (key, seals) = (self.idempotency_key()?, &self.state.seals);
        // repeats that arrive while the first request runs wait here, and not each with a connection
        let _turn = match &key {
            Some(key) => {
                let turn = self.state.db.turn(self.context(), &(&key.scope, &key.text)).await;
                Some(turn.map_err(|error| Error::new(common::IDEMPOTENCY_KEY_IN_USE).cause(error))?)
            }
            None => None,
        };
        let outcome = self.state.db.transaction(self.context(), async |tx| {
            let Some(key) = &key else { return work(tx).await };
            if let Some(stored) = idempotency::claim(tx, key, seals).await? {
                return Ok(Ok(stored));
            }
            let outcome = work(tx).await?;
            match &outcome {
                Ok(answer) => idempotency::store(tx, key, answer, seals).await?,
                Err(_) => idempotency::release(tx, key).await?,
            }
            Ok(outcome)
        });
        outcome.await?.map_err(Into::into)
    }

    /// Replaces the response stored under the request's idempotency key, for a handler that continues after its transaction.
    pub async fn conclude<T: Made>(&self, answer: Answer<T>) -> Result<Answer<T>> {
        if let Some(key) = self.idempotency_key()? {
            let seals = &self.state.seals;
            self.state.db.transaction(self.context(), async |tx| idempotency::store(tx, &key, &answer, seals).await).await?;
        }
        Ok(answer)
    }

    /// The response stored under the request's idempotency key, if there is one.
    ///
    /// For a handler that, before its transaction, does something that cannot be repeated.
    pub async fn replay<T: Made>(&self) -> Result<Option<Answer<T>>> {
        let Some(key) = self.idempotency_key()? else { return Ok(None) };
        self.read(async |conn| idempotency::recall(conn, &key, &self.state.seals).await).await
    }

    /// Puts on record that the caller sees the personal data of these; the audit trail lists it a moment later.
    ///
    /// Errors: `database_away`, `database_full`; what cannot be put on record must not be shown.
    pub async fn record_read(&self, entity: &'static str, ids: impl IntoIterator<Item = i64>) -> Result<()> {
        if self.caller().is_none() {
            return Ok(());
        }
        let ids: Vec<i64> = ids.into_iter().collect();
        self.state.reads.note(&self.state.db, self.context(), entity, &ids).await
    }

    /// The versions that `If-Match` names. An unreadable header names none, so that nothing is overwritten by mistake.
    pub fn expected(&self) -> Result<Expected> {
        let Some(header) = self.request.headers().get(header::IF_MATCH) else { return Ok(Expected::Any) };
        let header = header.to_str().unwrap_or_default();
        if header.trim() == "*" {
            return Ok(Expected::Any);
        }
        // a tag is "version-hash"; a proxy that compresses makes it weak, and still names the version
        let version = |tag: &str| tag.trim().trim_start_matches("W/").strip_prefix('"')?.strip_suffix('"')?.split('-').next()?.parse().ok();
        Ok(Expected::Versions(header.split(',').filter_map(version).collect()))
    }

    /// Responds with a page of a list, with absolute links.
    pub fn page<T: Serialize>(&self, page: Page<T>) -> Result<Answer> {
        Answer::ok(&self.list(page))
    }

    /// A page of a list with absolute links, as part of a larger response.
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

    /// Scheme and host that clients use.
    pub fn base_url(&self) -> Arc<str> {
        request::info(&self.request).map(|info| info.base_url).unwrap_or_default()
    }

    /// The caller's language.
    pub fn locale(&self) -> &'static Locale {
        Locale::negotiate(self.header(header::ACCEPT_LANGUAGE))
    }

    /// The caller's address.
    pub fn address(&self) -> Option<std::net::IpAddr> {
        request::info(&self.request).and_then(|info| info.address)
    }

    /// The value of a header, if it is sent and is text.
    pub fn header(&self, name: HeaderName) -> Option<&str> {
        self.request.headers().get(name).and_then(|value| value.to_str().ok())
    }

    /// The value of a header, if it is sent; empty if it is not text.
    pub fn raw_header(&self, name: HeaderName) -> Option<&str> {
        self.request.headers().get(name).map(|value| value.to_str().unwrap_or_default())
    }

    /// The signed-in caller, if the handler requires one.
    pub fn caller(&self) -> Option<SignedIn> {
        request::caller(&self.request).map(SignedIn)
    }

    /// The token of the signed-in caller. Errors: `not_signed_in` for a handler that requires none.
    pub fn bearer(&self) -> Result<Arc<str>> {
        request::bearer(&self.request).ok_or_else(|| acl::refusal::NOT_SIGNED_IN.into())
    }

    /// Whether the caller came with a one-time ticket.
    pub fn has_ticket(&self) -> bool {
        self.caller().is_some() && !self.request.headers().contains_key(header::AUTHORIZATION)
    }

    /// Refuses a malformed idempotency key, for a handler that does something before its transaction.
    pub fn check_idempotency_key(&self) -> Result<()> {
        self.idempotency_key().map(drop)
    }

    /// Whether `If-None-Match` names this tag, so that the caller already has the content.
    pub fn has_already(&self, tag: &str) -> bool {
        self.header(header::IF_NONE_MATCH).is_some_and(|tags| is_among(tags, tag))
    }

    fn idempotency_key(&self) -> Result<Option<Key>> {
        if self.request.method() != Method::POST {
            return Ok(None);
        }
        let Some(value) = self.request.headers().get("idempotency-key") else { return Ok(None) };
        let printable = value.to_str().ok().filter(|text| text.bytes().all(|byte| (b' '..=b'~').contains(&byte)));
        let mut wrong = FieldErrors::default();
        let text = printable.unwrap_or_default();
        if printable.is_none() {
            wrong.add_at("Idempotency-Key".to_owned(), field::FORMAT).with("form", "key");
        } else if !(1..=255).contains(&text.len()) {
            wrong.add_at("Idempotency-Key".to_owned(), field::LENGTH).with("min", 1).with("max", 255);
        }
        wrong.into_error(common::INVALID_PARAMETER)?;
        let (digest, caller) = (request::body_digest(&self.request), self.caller());
        Ok(Some(Key {
            scope: caller.as_ref().map_or_else(|| "anonymous".to_owned(), |caller| caller.key_scope()),
            permissions: caller.map_or_else(PermissionSet::default, |caller| caller.permissions),
            text: text.to_owned(),
            request: format!("{} {} {}", self.request.method(), self.request.uri(), digest),
        }))
    }
}
