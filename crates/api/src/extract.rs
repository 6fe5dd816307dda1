//! Extractors of bodies, path parameters and query parameters, each with its limits and refusals.

use std::{ops::Deref, pin::pin, str::FromStr, time::Duration};

use actix_web::{
    FromRequest, HttpMessage, HttpRequest,
    dev::Payload,
    http::{Method, header},
    web::{Bytes, BytesMut, Path},
};
use database::{
    Paging,
    page::{ListSpec, PagingParameters},
};
use futures_util::{FutureExt, StreamExt, future::LocalBoxFuture};
use kernel::{Edit, Error, Input, Kind, Result, digest::sha256, error::common, id::is_loose_number, input, several};
use serde::{Serialize, de::DeserializeOwned};
use utoipa::{
    IntoParams,
    openapi::{
        ArrayBuilder, KnownFormat, Object, ObjectBuilder, Ref, RefOr, Required, Schema, SchemaFormat,
        path::{Parameter, ParameterBuilder, ParameterIn, ParameterStyle},
        schema::Type,
    },
};

use crate::{
    expand::{self, Expand, Part},
    guard,
    parameters::{self, LONGEST_PARAMETER, Pair, is_a},
    problem::Refused,
    request::{self, BodyDigest},
};

/// Largest JSON body, in bytes.
pub const BODY_LIMIT: usize = 1024 * 1024;

/// Largest body of a caller who is not signed in: it contains a name, a password or a token.
pub const STRANGER_LIMIT: usize = 16 * 1024;

/// Longest cursor in characters: the keys of a row by every field that a list can be ordered by, the longest names among them.
const LONGEST_CURSOR: usize = 6000;

/// The length of the body, if the request declares it.
pub(crate) fn announced_length(request: &HttpRequest) -> Option<u64> {
    request.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok())
}

async fn read_body(request: &HttpRequest, payload: Payload) -> Result<Bytes> {
    read_up_to(BODY_LIMIT, request, payload).await
}

/// Reads a body of at most `limit` bytes. The time limit is `body_seconds` for each mebibyte of `limit`.
pub(crate) async fn read_up_to(limit: usize, request: &HttpRequest, mut payload: Payload) -> Result<Bytes> {
    guard::let_in(request).await?;
    if announced_length(request).is_some_and(|length| length > limit as u64) {
        return Err(Error::new(common::BODY_TOO_LARGE).with("limit", limit));
    }
    let read = async {
        let mut body = BytesMut::new();
        while let Some(chunk) = request::next_piece(request, payload.next()).await? {
            let chunk =
                chunk.map_err(|error| Error::new(common::MALFORMED).with("reason", "the body is incomplete").cause(error.to_string()))?;
            if body.len() + chunk.len() > limit {
                return Err(Error::new(common::BODY_TOO_LARGE).with("limit", limit));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body.freeze())
    };
    let mebibytes = u64::try_from(limit.div_ceil(BODY_LIMIT)).unwrap_or(1);
    let wait = Duration::from_secs(request::state(request).settings.body_seconds.saturating_mul(mebibytes));
    let mut read = pin!(read);
    let body = match read.as_mut().now_or_never() {
        Some(body) => body?,
        None => {
            let body = tokio::time::timeout(wait, read).await.map_err(|_| Error::new(common::BODY_TIMEOUT))??;
            guard::let_in_again(request).await?;
            body
        }
    };
    request.extensions_mut().insert(BodyDigest(sha256(&body)));
    Ok(body)
}

pub(crate) fn expect_type(request: &HttpRequest, body: &Bytes, accepted: &[&str]) -> Result<()> {
    let given = request.headers().get(header::CONTENT_TYPE).map(|value| value.to_str().unwrap_or_default());
    let essence = given.map(|value| value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase());
    match essence {
        None if body.is_empty() => Ok(()),
        Some(essence) if accepted.contains(&essence.as_str()) => Ok(()),
        _ => Err(Error::new(common::UNSUPPORTED_MEDIA_TYPE).with("accepted", accepted.join(", "))),
    }
}

/// A JSON body of at most `MOST` bytes, parsed and validated.
pub struct Body<I, const MOST: usize = BODY_LIMIT>(pub I);

/// The JSON body of whoever has not signed in.
pub type StrangersBody<I> = Body<I, STRANGER_LIMIT>;

impl<I, const MOST: usize> Deref for Body<I, MOST> {
    type Target = I;

    fn deref(&self) -> &I {
        &self.0
    }
}

impl<I: Input + 'static, const MOST: usize> FromRequest for Body<I, MOST> {
    type Error = Refused;
    type Future = LocalBoxFuture<'static, Result<Self, Refused>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, payload) = (request.clone(), payload.take());
        Box::pin(async move {
            let body = read_up_to(MOST, &request, payload).await?;
            expect_type(&request, &body, &["application/json"])?;
            Ok(Self(input::parse(&body, &request::context(&request))?))
        })
    }
}

/// The bytes of a JSON body as received, because its signature covers them.
pub struct RawBody(pub Bytes);

impl FromRequest for RawBody {
    type Error = Refused;
    type Future = LocalBoxFuture<'static, Result<Self, Refused>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, payload) = (request.clone(), payload.take());
        Box::pin(async move {
            let body = read_body(&request, payload).await?;
            expect_type(&request, &body, &["application/json"])?;
            Ok(Self(body))
        })
    }
}

/// The body of a form of whoever has not signed in, of any type, because old devices send none or a wrong one.
pub struct AnyBody(pub Bytes);

impl FromRequest for AnyBody {
    type Error = Refused;
    type Future = LocalBoxFuture<'static, Result<Self, Refused>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, payload) = (request.clone(), payload.take());
        Box::pin(async move { Ok(Self(read_up_to(STRANGER_LIMIT, &request, payload).await?)) })
    }
}

/// The types by which browsers and mail programs call a CSV file.
const TABLES: [&str; 5] = ["text/csv", "application/csv", "text/tab-separated-values", "text/plain", "application/vnd.ms-excel"];

/// A CSV body: a settlement file.
pub struct CsvBody(pub Bytes);

impl FromRequest for CsvBody {
    type Error = Refused;
    type Future = LocalBoxFuture<'static, Result<Self, Refused>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, payload) = (request.clone(), payload.take());
        Box::pin(async move {
            let body = read_up_to(gateways::reconciliation::file::MOST_BYTES, &request, payload).await?;
            // an empty body without a type is accepted here, and reported later as an empty file
            expect_type(&request, &body, &TABLES)?;
            Ok(Self(body))
        })
    }
}

/// A URL-encoded form, as OAuth 2 clients send it to sign in.
pub struct Form<I>(pub I);

impl<I: DeserializeOwned + 'static> FromRequest for Form<I> {
    type Error = Refused;
    type Future = LocalBoxFuture<'static, Result<Self, Refused>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, payload) = (request.clone(), payload.take());
        Box::pin(async move {
            let body = read_up_to(STRANGER_LIMIT, &request, payload).await?;
            expect_type(&request, &body, &["application/x-www-form-urlencoded"])?;
            let form = serde_urlencoded::from_bytes(&body)
                .map_err(|error| Error::new(common::MALFORMED).with("reason", "the form").cause(error))?;
            Ok(Self(form))
        })
    }
}

/// The body of a PUT or a JSON Merge Patch, to be applied to the stored record.
pub struct Change<I>(pub Edit<I>);

impl<I: Input + Serialize + 'static> FromRequest for Change<I> {
    type Error = Refused;
    type Future = LocalBoxFuture<'static, Result<Self, Refused>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, payload) = (request.clone(), payload.take());
        Box::pin(async move {
            let body = read_body(&request, payload).await?;
            let patch = request.method() == Method::PATCH;
            expect_type(
                &request,
                &body,
                if patch { &["application/merge-patch+json", "application/json"] } else { &["application/json"] },
            )?;
            let fields = input::object(&body)?;
            Ok(Self(if patch { Edit::merge(fields) } else { Edit::replace(fields) }))
        })
    }
}

/// The first parameter of the path. A value that cannot be parsed names nothing, so the response is 404.
pub struct PathPart<T>(pub T);

impl<T: FromStr + 'static> FromRequest for PathPart<T> {
    type Error = Refused;
    type Future = LocalBoxFuture<'static, Result<Self, Refused>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            guard::let_in(&request).await?;
            let part = request.match_info().iter().next().and_then(|(_, text)| text.parse().ok());
            part.map(Self).ok_or_else(|| common::NO_SUCH_PATH.into())
        })
    }
}

/// The parameters of the path by name. A value that cannot be parsed names nothing, so the response is 404.
pub struct PathFields<T>(pub T);

impl<T> Deref for PathFields<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: DeserializeOwned + 'static> FromRequest for PathFields<T> {
    type Error = Refused;
    type Future = LocalBoxFuture<'static, Result<Self, Refused>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            guard::let_in(&request).await?;
            // serde would read `+1` and `01` as the id 1
            if request.match_info().iter().any(|(_, text)| is_loose_number(text)) {
                return Err(common::NO_SUCH_PATH.into());
            }
            let fields = Path::<T>::extract(&request).await;
            fields.map(|fields| Self(fields.into_inner())).map_err(|_| common::NO_SUCH_PATH.into())
        })
    }
}

/// The filters of a list, and how it is ordered and paged.
pub trait ListQuery: DeserializeOwned + IntoParams {
    /// How the list is ordered and paged.
    const SPEC: ListSpec;
    /// What its rows can be shown with.
    const PARTS: &'static [Part] = &[];
}

/// The query parameters of a list: its filters, its page and its order.
pub struct Listing<F> {
    /// The filters.
    pub filter: F,
    /// The page and the order.
    pub paging: Paging,
    /// What its rows are shown with.
    pub expand: Expand,
}

impl<F: ListQuery + 'static> FromRequest for Listing<F> {
    type Error = Refused;
    type Future = LocalBoxFuture<'static, Result<Self, Refused>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            guard::let_in(&request).await?;
            Ok(Self::parse(request.query_string(), request.path())?)
        })
    }
}

impl<F: ListQuery> Listing<F> {
    fn parse(query: &str, path: &str) -> Result<Self> {
        let known = Self::into_params(|| None);
        let mut paging = PagingParameters { list: path.to_owned(), ..PagingParameters::default() };
        let (pairs, mut wrong) = parameters::parse(query, &known)?;
        let mut filters: Vec<Pair> = Vec::new();
        let mut expand = Expand::default();
        for (name, value) in pairs {
            match name.as_str() {
                "page" => paging.page = Some(value),
                "page_size" => paging.page_size = Some(value),
                "cursor" => paging.cursor = Some(value),
                "ordering" => paging.ordering = Some(value),
                "ids" => paging.ids = Some(value),
                "updated_at_after" => paging.updated_at_after = Some(value),
                "updated_at_before" => paging.updated_at_before = Some(value),
                "expand" => expand = Expand::of(&value, F::PARTS),
                _ => filters.push((name, value)),
            }
        }
        let filter = parameters::read(filters, &mut wrong);
        let paging = match Paging::parse(F::SPEC, &paging) {
            Err(error) if error.kind() == Kind::Malformed && !error.wrong_fields().is_empty() => {
                wrong.0.extend(error.wrong_fields().iter().cloned());
                None
            }
            outcome => Some(outcome?),
        };
        wrong.into_error(common::INVALID_PARAMETER)?;
        match (filter, paging) {
            (Some(filter), Some(paging)) => Ok(Self { filter, paging, expand }),
            _ => Err(Error::new(common::MALFORMED)),
        }
    }
}

/// The query parameters of a request that is not a list.
pub struct Parameters<Q>(pub Q);

impl<Q> Deref for Parameters<Q> {
    type Target = Q;

    fn deref(&self) -> &Q {
        &self.0
    }
}

impl<Q: DeserializeOwned + IntoParams + 'static> FromRequest for Parameters<Q> {
    type Error = Refused;
    type Future = LocalBoxFuture<'static, Result<Self, Refused>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            guard::let_in(&request).await?;
            let (pairs, mut wrong) = parameters::parse(request.query_string(), &Q::into_params(|| Some(ParameterIn::Query)))?;
            let query = parameters::read(pairs, &mut wrong);
            wrong.into_error(common::INVALID_PARAMETER)?;
            Ok(Self(query.ok_or(common::MALFORMED)?))
        })
    }
}

/// Completes the filters of a list: bounds for texts, one style for lists of values, and the short names of filters by ids.
fn complete(filters: &mut Vec<Parameter>) {
    let mut short = Vec::new();
    for filter in filters.iter_mut() {
        match &mut filter.schema {
            Some(RefOr::T(Schema::Object(schema))) if is_plain_text(schema) => {
                schema.max_length.get_or_insert(LONGEST_PARAMETER);
            }
            Some(RefOr::T(Schema::Array(list))) => {
                list.min_items.get_or_insert(1);
                list.max_items.get_or_insert(several::MOST);
                (filter.style, filter.explode) = (Some(ParameterStyle::Form), Some(false));
            }
            _ => {}
        }
        if let Some(name) = parameters::short_name(filter) {
            let mut other = filter.clone();
            (other.name, other.description) = (name.to_owned(), Some(format!("Short for `{}`.", filter.name)));
            short.push(other);
        }
    }
    short.retain(|short| filters.iter().all(|filter| filter.name != short.name));
    filters.extend(short);
}

fn is_plain_text(schema: &Object) -> bool {
    is_a(schema, &Type::String) && schema.format.is_none() && schema.pattern.is_none() && schema.enum_values.is_none()
}

fn parameter(name: &str, description: String, schema: impl Into<RefOr<Schema>>) -> Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Query)
        .required(Required::False)
        .description(Some(description))
        .schema(Some(schema))
        .build()
}

impl<F: ListQuery> IntoParams for Listing<F> {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let integer = |maximum: i64| ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1)).maximum(Some(maximum));
        let text = || ObjectBuilder::new().schema_type(Type::String);
        let moment = || text().format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)));
        let names = F::SPEC.order_names();
        let term = format!("-?({})", names.join("|"));
        let mut all = F::into_params(|| Some(ParameterIn::Query));
        all.push(parameter(
            "ids",
            "Only those of these that the list has; ids separated by commas.".into(),
            ArrayBuilder::new().items(Ref::from_schema_name("Id")),
        ));
        if F::SPEC.updated_at().is_some() {
            all.push(parameter("updated_at_after", "Last changed at this moment or later.".into(), moment()));
            all.push(parameter("updated_at_before", "Last changed at this moment or earlier.".into(), moment()));
        }
        all.extend(expand::parameter(F::PARTS));
        complete(&mut all);
        all.extend([
            parameter("page", "Page number, from 1. Pages cover the first 100000 rows.".into(), integer(database::page::REACH)),
            parameter("page_size", "Rows per page; 100 by default.".into(), integer(database::page::MAX_PAGE_SIZE)),
            parameter(
                "cursor",
                "Pages by key instead of by number, without a count. Empty for the first page, then as given by `next`.".into(),
                text().max_length(Some(LONGEST_CURSOR)).pattern(Some("^[A-Za-z0-9_-]*$")),
            ),
            parameter(
                "ordering",
                format!(
                    "Fields to order by, separated by commas; `-` means descending: {}. `{}` by default.",
                    names.join(", "),
                    F::SPEC.default_order
                ),
                text().pattern(Some(format!("^({term}(,{term}){{0,7}})?$"))),
            ),
        ]);
        all
    }
}
