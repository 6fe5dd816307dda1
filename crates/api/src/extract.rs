//! Extractors of bodies, path parameters and query parameters, each with its limits and refusals.

use std::{ops::Deref, str::FromStr, time::Duration};

use actix_web::{
    FromRequest, HttpMessage, HttpRequest,
    dev::Payload,
    http::{Method, header},
    web::{Bytes, BytesMut, Path},
};
use chrono::{DateTime, NaiveDate, NaiveTime};
use database::{
    Paging,
    page::{ListSpec, PagingParameters},
};
use futures_util::{StreamExt, future::LocalBoxFuture};
use kernel::{
    Edit, Error, FieldErrors, Input, Kind, Result,
    digest::sha256,
    error::{common, field},
    input,
};
use serde::{Serialize, de::DeserializeOwned};
use utoipa::{
    IntoParams,
    openapi::{
        KnownFormat, Object, ObjectBuilder, RefOr, Required, Schema, SchemaFormat,
        path::{Parameter, ParameterBuilder, ParameterIn},
        schema::{SchemaType, Type},
    },
};

use crate::{
    guard,
    problem::Refused,
    request::{self, BodyDigest},
};

/// Largest JSON body, in bytes.
pub const BODY_LIMIT: usize = 1024 * 1024;

/// Largest body of a caller who is not signed in: it contains a name, a password or a token.
pub const STRANGER_LIMIT: usize = 16 * 1024;

/// The length of the body, if the request declares it.
pub(crate) fn announced_length(request: &HttpRequest) -> Option<u64> {
    request.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok())
}

async fn read_body(request: &HttpRequest, payload: Payload) -> Result<Bytes> {
    read_up_to(BODY_LIMIT, request, payload).await
}

/// Reads a body of at most `limit` bytes. The time limit is `body_seconds` for each mebibyte of `limit`.
async fn read_up_to(limit: usize, request: &HttpRequest, mut payload: Payload) -> Result<Bytes> {
    guard::let_in(request).await?;
    if announced_length(request).is_some_and(|length| length > limit as u64) {
        return Err(Error::new(common::BODY_TOO_LARGE).with("limit", limit));
    }
    let read = async {
        let mut body = BytesMut::new();
        while let Some(chunk) = payload.next().await {
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
    let body = tokio::time::timeout(wait, read).await.map_err(|_| Error::new(common::BODY_TIMEOUT))??;
    request.extensions_mut().insert(BodyDigest(sha256(&body)));
    Ok(body)
}

fn expect_type(request: &HttpRequest, body: &Bytes, accepted: &[&str]) -> Result<()> {
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

/// A CSV body: a settlement file.
pub struct CsvBody(pub Bytes);

impl FromRequest for CsvBody {
    type Error = Refused;
    type Future = LocalBoxFuture<'static, Result<Self, Refused>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, payload) = (request.clone(), payload.take());
        Box::pin(async move {
            let body = read_up_to(gateways::reconciliation::MOST_BYTES, &request, payload).await?;
            // an empty body without a type is accepted here, and reported later as an empty file
            expect_type(&request, &body, &["text/csv"])?;
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
            let fields = Path::<T>::extract(&request).await;
            fields.map(|fields| Self(fields.into_inner())).map_err(|_| common::NO_SUCH_PATH.into())
        })
    }
}

/// Longest query parameter in characters, unless its filter sets another limit.
const LONGEST_PARAMETER: usize = 200;

fn is_plain_text(schema: &Object) -> bool {
    let text = match &schema.schema_type {
        SchemaType::Type(kind) => *kind == Type::String,
        SchemaType::Array(kinds) => kinds.contains(&Type::String),
        SchemaType::AnyValue => false,
    };
    text && schema.format.is_none() && schema.pattern.is_none() && schema.enum_values.is_none()
}

/// The filters of a list, and how it is ordered and paged.
pub trait ListQuery: DeserializeOwned + IntoParams {
    /// How the list is ordered and paged.
    const SPEC: ListSpec;
}

/// The query parameters of a list: its filters, its page and its order.
pub struct Listing<F> {
    /// The filters.
    pub filter: F,
    /// The page and the order.
    pub paging: Paging,
}

impl<F: ListQuery + 'static> FromRequest for Listing<F> {
    type Error = Refused;
    type Future = LocalBoxFuture<'static, Result<Self, Refused>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            guard::let_in(&request).await?;
            Ok(Self::parse(request.query_string())?)
        })
    }
}

impl<F: ListQuery> Listing<F> {
    fn parse(query: &str) -> Result<Self> {
        let known = Self::into_params(|| None);
        let mut paging = PagingParameters::default();
        let (pairs, mut wrong) = parameters(query, &known)?;
        let mut filters: Vec<(String, String)> = Vec::new();
        for (name, value) in pairs {
            match name.as_str() {
                "page" => paging.page = Some(value),
                "page_size" => paging.page_size = Some(value),
                "cursor" => paging.cursor = Some(value),
                "ordering" => paging.ordering = Some(value),
                _ => filters.push((name, value)),
            }
        }
        let filter = read_filters(filters, &mut wrong);
        let paging = match Paging::parse(F::SPEC, &paging) {
            Err(error) if error.kind() == Kind::Malformed && !error.wrong_fields().is_empty() => {
                wrong.0.extend(error.wrong_fields().iter().cloned());
                None
            }
            outcome => Some(outcome?),
        };
        wrong.into_error(common::INVALID_PARAMETER)?;
        match (filter, paging) {
            (Some(filter), Some(paging)) => Ok(Self { filter, paging }),
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
            let (pairs, mut wrong) = parameters(request.query_string(), &Q::into_params(|| Some(ParameterIn::Query)))?;
            let query = read_filters(pairs, &mut wrong);
            wrong.into_error(common::INVALID_PARAMETER)?;
            Ok(Self(query.ok_or(common::MALFORMED)?))
        })
    }
}

/// Splits a query string and checks each parameter against its documented schema. Errors: `unknown_parameter`, which names the
/// known ones.
fn parameters(query: &str, known: &[Parameter]) -> Result<(Vec<(String, String)>, FieldErrors)> {
    let pairs: Vec<(String, String)> =
        serde_urlencoded::from_str(query).map_err(|error| Error::new(common::MALFORMED).with("reason", "the query string").cause(error))?;
    let mut wrong = FieldErrors::default();
    let mut kept: Vec<(String, String)> = Vec::new();
    for (name, value) in pairs {
        let Some(parameter) = known.iter().find(|parameter| parameter.name == name) else {
            let names: Vec<&str> = known.iter().map(|parameter| parameter.name.as_str()).collect();
            return Err(Error::new(common::UNKNOWN_PARAMETER).with("name", name.escape_debug()).with("known", names.join(", ")));
        };
        let schema = match &parameter.schema {
            Some(RefOr::T(Schema::Object(schema))) => Some(schema),
            _ => None,
        };
        let longest = schema.and_then(|schema| schema.max_length).unwrap_or(LONGEST_PARAMETER);
        let is_moment = schema.is_some_and(|schema| schema.format == Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)));
        let is_date = schema.is_some_and(|schema| schema.format == Some(SchemaFormat::KnownFormat(KnownFormat::Date)));
        if value.chars().any(char::is_control) {
            wrong.add_at(name, field::CONTROL_CHARACTER);
        } else if value.chars().count() > longest {
            wrong.add_at(name, field::LENGTH).with("min", 0).with("max", longest);
        } else if kept.iter().any(|(other, _)| *other == name) {
            wrong.add_at(name, field::DUPLICATE);
        } else if is_date && !input::is_exact_date(&value) {
            wrong.add_at(name, field::FORMAT);
        } else if is_moment {
            match moment(&value) {
                Some(value) => kept.push((name, value)),
                None => drop(wrong.add_at(name, field::FORMAT)),
            }
        } else {
            kept.push((name, value));
        }
    }
    Ok((kept, wrong))
}

/// Parses an RFC 3339 time, and clamps it to years of four digits: both database engines order those, and no stored time is
/// outside.
fn moment(text: &str) -> Option<String> {
    let years = NaiveDate::from_ymd_opt(1, 1, 1)?.and_time(NaiveTime::MIN).and_utc()
        ..=NaiveDate::from_ymd_opt(9999, 12, 31)?.and_time(NaiveTime::MIN).and_utc();
    let moment = DateTime::parse_from_rfc3339(text).ok()?.to_utc();
    Some(moment.clamp(*years.start(), *years.end()).to_rfc3339())
}

/// Parses filters. Each one that cannot be parsed is noted and left out, so that the response names all wrong ones at once.
fn read_filters<F: DeserializeOwned>(mut filters: Vec<(String, String)>, wrong: &mut FieldErrors) -> Option<F> {
    loop {
        let query = serde_urlencoded::to_string(&filters).ok()?;
        match serde_urlencoded::from_str(&query) {
            Ok(filter) => return Some(filter),
            Err(_) => {
                let alone = |pair: &(String, String)| {
                    serde_urlencoded::to_string([pair]).is_ok_and(|query| serde_urlencoded::from_str::<F>(&query).is_ok())
                };
                let at = filters.iter().position(|pair| !alone(pair))?;
                wrong.add_at(filters.remove(at).0, field::FORMAT);
            }
        }
    }
}

impl<F: ListQuery> IntoParams for Listing<F> {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let integer = |maximum: i64| ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1)).maximum(Some(maximum));
        let parameter = |name: &str, description: String, schema: ObjectBuilder| {
            ParameterBuilder::new()
                .name(name)
                .parameter_in(ParameterIn::Query)
                .required(Required::False)
                .description(Some(description))
                .schema(Some(schema))
                .build()
        };
        let names: Vec<&str> = F::SPEC.order_fields.iter().map(|field| field.name).collect();
        let term = format!("-?({})", names.join("|"));
        let mut all = F::into_params(|| Some(ParameterIn::Query));
        for parameter in &mut all {
            if let Some(RefOr::T(Schema::Object(schema))) = &mut parameter.schema
                && is_plain_text(schema)
            {
                schema.max_length.get_or_insert(LONGEST_PARAMETER);
            }
        }
        all.extend([
            parameter("page", "Page number, from 1. Pages cover the first 100000 rows.".into(), integer(database::page::REACH)),
            parameter("page_size", "Rows per page; 100 by default.".into(), integer(database::page::MAX_PAGE_SIZE)),
            parameter(
                "cursor",
                "Pages by key instead of by number, without a count. Empty for the first page, then as given by `next`.".into(),
                ObjectBuilder::new().schema_type(Type::String).max_length(Some(1000)).pattern(Some("^[A-Za-z0-9_-]*$")),
            ),
            parameter(
                "ordering",
                format!(
                    "Fields to order by, separated by commas; `-` means descending: {}. `{}` by default.",
                    names.join(", "),
                    F::SPEC.default_order
                ),
                ObjectBuilder::new().schema_type(Type::String).pattern(Some(format!("^({term}(,{term}){{0,7}})?$"))),
            ),
        ]);
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_drawn_into_the_years_that_both_engines_order() {
        assert_eq!(moment("2026-01-15T12:30:00+03:00").as_deref(), Some("2026-01-15T09:30:00+00:00"));
        assert_eq!(moment("0000-01-01T00:00:00Z").as_deref(), Some("0001-01-01T00:00:00+00:00"));
        assert_eq!(moment("9999-12-31T23:59:59-23:59").as_deref(), Some("9999-12-31T00:00:00+00:00"));
        for wrong in ["2026-01-15", "+10000-01-01T00:00:00Z", "-0001-01-01T00:00:00Z", "2026-02-30T00:00:00Z", "2026-01-15T09:30:00", ""] {
            assert_eq!(moment(wrong), None, "{wrong}");
        }
    }
}
