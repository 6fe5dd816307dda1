//! Errors as RFC 9457 problems. Only this module maps errors to status codes.

use actix_web::{
    HttpResponse, HttpResponseBuilder, ResponseError,
    http::{StatusCode, header},
};
use kernel::{Error, Kind};
use messages::Locale;
use serde::Serialize;
use utoipa::ToSchema;

/// The media type of every error, but for those of the token endpoint.
pub const MEDIA_TYPE: &str = "application/problem+json";

/// The path of the endpoint whose errors OAuth 2 clients read.
pub const TOKEN_PATH: &str = "/api/v1/auth/token";

/// The media type of an error; OAuth 2 clients look into nothing but `application/json`.
pub const fn media_type(is_oauth: bool) -> &'static str {
    if is_oauth { "application/json" } else { MEDIA_TYPE }
}

/// An error that a handler returns. The edge adds the texts, the instance and the request id.
#[derive(Debug)]
pub struct Refused(pub Error);

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Self(error)
    }
}

impl From<kernel::Code> for Refused {
    fn from(code: kernel::Code) -> Self {
        Self(code.into())
    }
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl ResponseError for Refused {
    fn status_code(&self) -> StatusCode {
        status(self.0.kind())
    }

    fn error_response(&self) -> HttpResponse {
        HttpResponse::new(self.status_code())
    }
}

/// The HTTP status of a kind of error.
pub fn status(kind: Kind) -> StatusCode {
    match kind {
        Kind::Malformed => StatusCode::BAD_REQUEST,
        Kind::Unauthenticated => StatusCode::UNAUTHORIZED,
        Kind::Forbidden => StatusCode::FORBIDDEN,
        Kind::NotFound => StatusCode::NOT_FOUND,
        Kind::WrongMethod => StatusCode::METHOD_NOT_ALLOWED,
        Kind::Slow => StatusCode::REQUEST_TIMEOUT,
        Kind::Conflict => StatusCode::CONFLICT,
        Kind::Stale => StatusCode::PRECONDITION_FAILED,
        Kind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Kind::WrongMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        Kind::Invalid => StatusCode::UNPROCESSABLE_ENTITY,
        Kind::TooMany => StatusCode::TOO_MANY_REQUESTS,
        Kind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Kind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// An error, as every endpoint returns it (RFC 9457).
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "type": "urn:telecom-crm:problem:invalid", "title": "Unprocessable Entity", "status": 422, "detail": "Some fields are wrong; each is listed in errors.",
    "code": "invalid", "instance": "/api/v1/customers", "request_id": "0193f0a2-6a5e-7c3b-9f64-2f6f0c1d2e3f",
    "errors": [{"pointer": "/phone", "code": "invalid_phone", "message": "A phone number is +7 and 10 digits."}]
}))]
pub struct Problem {
    /// A URI that names the kind of problem.
    pub r#type: String,
    /// The name of the HTTP status.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What happened and what to do, in the caller's language.
    pub detail: String,
    /// The stable name of the problem, which does not depend on the language.
    pub code: String,
    /// The requested path.
    pub instance: String,
    /// The request's id, by which the log has details.
    pub request_id: String,
    /// Every wrong field, or the first hundred.
    pub errors: Vec<ProblemField>,
}

/// An error of the token endpoint: a problem with the members that OAuth 2 clients read (RFC 6749).
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "type": "urn:telecom-crm:problem:refresh_reused", "title": "Unauthorized", "status": 401,
    "detail": "This refresh token was already used, so the session was ended for security. Sign in again.",
    "code": "refresh_reused", "instance": "/api/v1/auth/token", "request_id": "0193f0a2-6a5e-7c3b-9f64-2f6f0c1d2e3f", "errors": [],
    "error": "invalid_grant", "error_description": "This refresh token was already used, so the session was ended for security. Sign in again."
}))]
pub struct OauthProblem {
    /// The problem.
    #[serde(flatten)]
    pub problem: Problem,
    /// The kind of error by RFC 6749: `invalid_grant` for a wrong password or token, `invalid_request`, `unsupported_grant_type`,
    /// `temporarily_unavailable`, `server_error`.
    pub error: String,
    /// What happened and what to do, in English.
    pub error_description: String,
}

impl OauthProblem {
    fn of(error: &Error, problem: Problem) -> Self {
        let kind = match error.kind() {
            Kind::Unauthenticated => "invalid_grant",
            Kind::TooMany | Kind::Unavailable => "temporarily_unavailable",
            Kind::Internal => "server_error",
            _ if error.wrong_fields().iter().any(|wrong| wrong.pointer == "/grant_type") => "unsupported_grant_type",
            _ => "invalid_request",
        };
        // the standard allows ASCII without quotation marks and backslashes
        let told = Locale::negotiate(Some("en")).text(error.code().name, error.args());
        let is_allowed = |letter: char| matches!(letter, ' '..='~') && !matches!(letter, '"' | '\\');
        let error_description = told.chars().map(|letter| if is_allowed(letter) { letter } else { ' ' }).collect();
        Self { problem, error: kind.to_owned(), error_description }
    }
}

/// One wrong field.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(example = json!({"pointer": "/phone", "code": "invalid_phone", "message": "A phone number is +7 and 10 digits."}))]
pub struct ProblemField {
    /// JSON pointer into the body, or the parameter's name.
    pub pointer: String,
    /// The stable name of what is wrong.
    pub code: String,
    /// What is wrong, in the caller's language.
    pub message: String,
    /// The id of the record that already has the value, if the caller may see it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub existing_id: Option<i64>,
}

/// The properties of a request that its problem depends on.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The path as received.
    pub path: &'a str,
    /// The request's id.
    pub request_id: &'a str,
    /// The `Accept-Language` header.
    pub accept_language: Option<&'a str>,
    /// Whether the caller is an OAuth 2 client, at the token endpoint.
    pub is_oauth: bool,
}

/// The most that a problem repeats of what a client sent in `errors`, in bytes.
const MOST_REPEATED: usize = 6 * 1024;
/// The most of one name or value that a problem repeats, in bytes.
const LONGEST_REPEATED: usize = 512;

/// The beginning of a name or value.
fn cut(text: &str) -> String {
    if text.len() <= LONGEST_REPEATED { text.to_owned() } else { format!("{}…", &text[..text.floor_char_boundary(LONGEST_REPEATED)]) }
}

fn cut_values(args: &[(&'static str, String)]) -> Vec<(&'static str, String)> {
    args.iter().map(|(name, value)| (*name, cut(value))).collect()
}

/// Builds the response for an error.
pub fn answer(error: &Error, asked: Asked<'_>) -> HttpResponse {
    of_status(error, status(error.kind()), asked)
}

/// Builds the response for an error to which the web framework has already given a status.
pub fn of_status(error: &Error, status: StatusCode, asked: Asked<'_>) -> HttpResponse {
    let locale = Locale::negotiate(asked.accept_language);
    let code = error.code().name;
    let mut room = MOST_REPEATED;
    let errors = error.wrong_fields().iter().map_while(|wrong| {
        let (pointer, args) = (cut(&wrong.pointer), cut_values(&wrong.args));
        // what a client sent may be long, and a problem that repeats all of it would be longer still
        let repeated = pointer.len() + args.iter().map(|(_, value)| value.len()).sum::<usize>();
        room = room.checked_sub(repeated)?;
        let message = locale.text(wrong.code, &args);
        Some(ProblemField { pointer, code: wrong.code.to_owned(), message, existing_id: wrong.existing_id })
    });
    let problem = Problem {
        r#type: format!("urn:telecom-crm:problem:{code}"),
        title: status.canonical_reason().unwrap_or_default().to_owned(),
        status: status.as_u16(),
        detail: locale.text(code, &cut_values(error.args())),
        code: code.to_owned(),
        instance: cut(asked.path),
        request_id: asked.request_id.to_owned(),
        errors: errors.collect(),
    };
    let mut response = HttpResponseBuilder::new(status);
    response.insert_header((header::CONTENT_TYPE, media_type(asked.is_oauth))).insert_header((header::CONTENT_LANGUAGE, locale.tag()));
    if let Some(seconds) = error.seconds_to_wait() {
        response.insert_header((header::RETRY_AFTER, seconds));
    }
    if error.kind() == Kind::Unauthenticated {
        let challenge = error.args().iter().find(|(name, _)| *name == "challenge").map(|(_, challenge)| challenge.as_str());
        response.insert_header((header::WWW_AUTHENTICATE, challenge.unwrap_or("Bearer realm=\"telecom-crm\"")));
    }
    if let Some((_, methods)) = error.args().iter().find(|(name, _)| *name == "allow") {
        response.insert_header((header::ALLOW, methods.as_str()));
    }
    if asked.is_oauth { response.json(OauthProblem::of(error, problem)) } else { response.json(problem) }
}
