//! Signing in and out, and the caller's sessions and script tokens.

use acl::{
    SessionId, auth,
    input::{ApiTokenInput, ChangePasswordInput, LoginInput, RefreshInput},
    model::{ApiToken, IssuedApiToken, Profile, Session, TokenPair},
    sessions, tokens,
};
use actix_web::{delete, get, http::header, post};
use database::page::ListSpec;
use kernel::{
    Context, Error, FieldErrors,
    error::{common, field},
    id::ApiTokenId,
    input::{self, NoInput},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    answer::{Answer, List, Reply},
    call::Call,
    extract::{Body, Form, ListQuery, Listing, PathPart, StrangersBody},
    guard::AnyCaller,
    problem::OauthProblem,
    routes::mount::Mount,
};

pub fn configure(mount: &mut Mount<'_, '_>) {
    mount.service(login).service(oauth_token).service(refresh).service(logout).service(logout_all).service(me).service(change_password);
    mount.service(list_sessions).service(end_session);
    mount.service(list_api_tokens).service(create_api_token).service(revoke_api_token);
}

/// Longest refresh token that is read, in bytes.
const LONGEST_REFRESH_TOKEN: usize = 4096;

/// The list of the caller's sessions has no filters.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct SessionFilter {}

impl ListQuery for SessionFilter {
    const SPEC: ListSpec = sessions::LIST;
}

/// The list of the caller's script tokens has no filters.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct ApiTokenFilter {}

impl ListQuery for ApiTokenFilter {
    const SPEC: ListSpec = tokens::LIST;
}

/// A pair of tokens, with the field names of OAuth 2.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"access_token": "eyJhbGciOi…", "token_type": "Bearer", "expires_in": 900, "refresh_token": "eyJhbGciOi…"}))]
struct OauthTokens {
    /// The token to send with each request.
    access_token: String,
    /// Always `Bearer`.
    token_type: &'static str,
    /// Lifetime of the access token, in seconds.
    expires_in: i64,
    /// The token to exchange for the next pair; it can be used once.
    refresh_token: String,
}

/// The form of an OAuth 2 grant: user name and password, or a refresh token.
#[derive(Deserialize, ToSchema)]
#[schema(example = json!({"grant_type": "password", "username": "admin", "password": "correct horse battery staple"}))]
struct TokenForm {
    /// The kind of grant: `password`, which is the default, or `refresh_token`.
    #[schema(pattern = "^(password|refresh_token)$")]
    grant_type: Option<String>,
    /// The user name; case does not matter. Required with `password`.
    #[schema(min_length = 1, max_length = 50)]
    username: Option<String>,
    /// The user's password. Required with `password`.
    #[schema(min_length = 1, max_length = 128, format = Password)]
    password: Option<String>,
    /// The refresh token of the newest pair. Required with `refresh_token`.
    #[schema(min_length = 1, max_length = 4096)]
    refresh_token: Option<String>,
    /// Not used; accepted because clients send it.
    scope: Option<String>,
    /// Not used; accepted because clients send it.
    client_id: Option<String>,
    /// Not used; accepted because clients send it.
    client_secret: Option<String>,
}

/// What the form asks for.
enum Grant {
    Password(LoginInput),
    Refresh(RefreshInput),
}

impl TokenForm {
    /// Errors: `invalid` with each wrong field by its name in the form.
    fn grant(self, context: &Context) -> kernel::Result<Grant> {
        for (name, unused) in [("scope", self.scope), ("client_id", self.client_id), ("client_secret", self.client_secret)] {
            if unused.is_some_and(|text| input::has_forbidden_character(&text)) {
                return Err(Error::of_field(name, field::CONTROL_CHARACTER));
            }
        }
        match self.grant_type.as_deref() {
            None | Some("password") => {
                let fields = [("username", self.username), ("password", self.password)];
                let given = fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?.into())));
                input::from_fields(given.collect(), context).map(Grant::Password)
            }
            Some("refresh_token") => match self.refresh_token {
                Some(token) if (1..=LONGEST_REFRESH_TOKEN).contains(&token.len()) => Ok(Grant::Refresh(RefreshInput { refresh: token })),
                Some(_) => {
                    let mut wrong = FieldErrors::default();
                    wrong.add("refresh_token", field::LENGTH).with("min", 1).with("max", LONGEST_REFRESH_TOKEN);
                    Err(Error::new(common::INVALID).fields(wrong))
                }
                None => Err(Error::of_field("refresh_token", field::REQUIRED)),
            },
            Some(_) => Err(Error::of_field("grant_type", field::CHOICE)),
        }
    }
}

/// Checks the password outside any transaction, then opens a session; `shape` builds the response.
async fn sign_in(call: &Call, input: &LoginInput, shape: impl Fn(TokenPair) -> kernel::Result<Answer>) -> Reply {
    call.state.sign_ins.count(call.address())?;
    let access = &call.state.access;
    let verified = auth::verify_password(&call.state.db, access, call.context(), input).await?;
    let user_agent = call.header(header::USER_AGENT);
    let answer = call.write(async |tx| {
        let pair = auth::open_session(tx, access, &verified, user_agent).await?;
        Ok(shape(pair)?.secret())
    });
    Ok(answer.await?)
}

/// Signs in with user name and password.
///
/// Five failures in a row lock the account for a growing time. The number of attempts per address and minute is limited.
#[utoipa::path(
    tag = "auth",
    request_body = LoginInput,
    responses(
        (status = 200, description = "A pair of tokens.", body = TokenPair),
        (status = 401, description = "`sign_in_failed`: the name or the password is wrong, or the account may not sign in now."),
        (status = 413, description = "The body is over 16 KiB."),
        (status = 429, description = "`sign_in_rate_limited`, `too_many_requests`: wait as long as `Retry-After` says.")
    )
)]
#[post("/auth/login")]
async fn login(call: Call, input: StrangersBody<LoginInput>) -> Reply {
    sign_in(&call, &input, |pair| Answer::ok(&pair)).await
}

/// Signs in, or renews the pair of tokens, as OAuth 2 clients do.
///
/// Grants: `password`, which *Authorize* in Swagger UI uses, and `refresh_token`. Refusals are problems that also have the members
/// `error` and `error_description` of RFC 6749, and are sent as `application/json`, as it demands.
#[utoipa::path(
    tag = "auth",
    request_body(content = TokenForm, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "A pair of tokens.", body = OauthTokens),
        (status = 401, description = "`sign_in_failed`: the name or the password is wrong, or the account may not sign in now. Of a refresh token: `token_invalid`, `token_expired`, `session_ended`, `refresh_reused`, `account_disabled`.", body = OauthProblem),
        (status = 413, description = "The body is over 16 KiB."),
        (status = 422, description = "`invalid`: a field is missing or wrong.", body = OauthProblem),
        (status = 429, description = "`sign_in_rate_limited`, `too_many_requests`: wait as long as `Retry-After` says.", body = OauthProblem)
    )
)]
#[post("/auth/token")]
async fn oauth_token(call: Call, form: Form<TokenForm>) -> Reply {
    let shape = |pair: TokenPair| {
        let TokenPair { access: access_token, refresh: refresh_token, token_type, expires_in, .. } = pair;
        Answer::ok(&OauthTokens { access_token, token_type, expires_in, refresh_token })
    };
    match form.0.grant(call.context())? {
        Grant::Password(input) => sign_in(&call, &input, shape).await,
        Grant::Refresh(input) => renew(&call, &input, shape).await,
    }
}

/// Exchanges a refresh token; `shape` builds the response.
async fn renew(call: &Call, input: &RefreshInput, shape: impl Fn(TokenPair) -> kernel::Result<Answer>) -> Reply {
    let answer = call.write_or_refuse(async |tx| match auth::refresh(tx, &call.state.access, input).await? {
        auth::Refreshed::Renewed(pair) => Ok(Ok(shape(*pair)?.secret())),
        // the end of the session is committed, though the caller is refused
        auth::Refreshed::Reused => Ok(Err(acl::refusal::REFRESH_REUSED)),
    });
    Ok(answer.await?)
}

/// Exchanges a refresh token for the next pair of tokens.
///
/// A refresh token can be exchanged once. A repeat within ten seconds returns the same pair, for two tabs of a browser and for lost
/// responses; any later use ends the whole session.
#[utoipa::path(
    tag = "auth",
    request_body = RefreshInput,
    responses(
        (status = 200, description = "The next pair of tokens.", body = TokenPair),
        (status = 401, description = "`token_invalid`, `token_expired`, `session_ended`, `refresh_reused`, `account_disabled`: sign in again."),
        (status = 413, description = "The body is over 16 KiB.")
    )
)]
#[post("/auth/refresh")]
async fn refresh(call: Call, input: StrangersBody<RefreshInput>) -> Reply {
    renew(&call, &input, |pair| Answer::ok(&pair)).await
}

/// Ends the caller's session.
#[utoipa::path(
    tag = "auth",
    request_body = NoInput,
    responses(
        (status = 204, description = "The session has ended."),
        (status = 409, description = "`not_a_session`: a script token has no session.")
    ),
    security(("bearer" = []))
)]
#[post("/auth/logout")]
async fn logout(call: Call, caller: AnyCaller, _input: Body<NoInput>) -> Reply {
    let answer = call.write(async |tx| {
        auth::logout(tx, &caller).await?;
        Ok(Answer::empty())
    });
    Ok(answer.await?)
}

/// Ends all of the caller's sessions.
#[utoipa::path(
    tag = "auth",
    request_body = NoInput,
    responses(
        (status = 204, description = "All sessions have ended."),
        (status = 409, description = "`not_a_session`: a script token has no session.")
    ),
    security(("bearer" = []))
)]
#[post("/auth/logout-all")]
async fn logout_all(call: Call, caller: AnyCaller, _input: Body<NoInput>) -> Reply {
    let answer = call.write(async |tx| {
        auth::logout_all(tx, &caller).await?;
        Ok(Answer::empty())
    });
    Ok(answer.await?)
}

/// Returns the caller's profile, role and effective permissions.
#[utoipa::path(tag = "auth", responses((status = 200, description = "Profile, role and effective permissions.", body = Profile)), security(("bearer" = [])))]
#[get("/auth/me")]
async fn me(call: Call, caller: AnyCaller) -> Reply {
    let profile = call.read(async |conn| auth::me(conn, &caller).await).await?;
    Ok(Answer::ok(&profile)?)
}

/// Changes the caller's password and ends the caller's other sessions.
#[utoipa::path(
    tag = "auth",
    request_body = ChangePasswordInput,
    responses(
        (status = 204, description = "The password is changed."),
        (status = 409, description = "`not_a_session`: a script token cannot change its owner's password."),
        (status = 429, description = "`sign_in_rate_limited`, `too_many_requests`: wait as long as `Retry-After` says.")
    ),
    security(("bearer" = []))
)]
#[post("/auth/change-password")]
async fn change_password(call: Call, caller: AnyCaller, input: Body<ChangePasswordInput>) -> Reply {
    // before the password is checked: a repeated request has the old password, which is no longer valid
    if let Some(answer) = call.replay().await? {
        return Ok(answer);
    }
    // a present password can be guessed here as at sign-in
    call.state.sign_ins.count(call.address())?;
    let state = &call.state;
    let new = auth::prepare_password_change(&state.db, &state.access, call.context(), &caller, &input).await?;
    let answer = call.write(async |tx| {
        auth::change_password(tx, &caller, &new).await?;
        Ok(Answer::empty())
    });
    Ok(answer.await?)
}

/// Lists the caller's sessions.
#[utoipa::path(
    tag = "auth",
    params(Listing<SessionFilter>),
    responses((status = 200, description = "A page of sessions.", body = List<Session>)),
    security(("bearer" = []))
)]
#[get("/auth/sessions")]
async fn list_sessions(call: Call, caller: AnyCaller, query: Listing<SessionFilter>) -> Reply {
    let page = call.read(async |conn| sessions::list(conn, &caller, &query.paging).await).await?;
    Ok(call.page(page)?)
}

/// Ends one of the caller's sessions.
#[utoipa::path(
    tag = "auth",
    params(("id" = SessionId, Path, description = "The session's id.")),
    responses(
        (status = 204, description = "The session has ended."),
        (status = 409, description = "`not_a_session`: a script token cannot end sessions.")
    ),
    security(("bearer" = []))
)]
#[delete("/auth/sessions/{id}")]
async fn end_session(call: Call, caller: AnyCaller, id: PathPart<SessionId>) -> Reply {
    let answer = call.write(async |tx| {
        sessions::end(tx, &caller, id.0).await?;
        Ok(Answer::empty())
    });
    Ok(answer.await?)
}

/// Lists the caller's script tokens.
#[utoipa::path(
    tag = "auth",
    params(Listing<ApiTokenFilter>),
    responses((status = 200, description = "A page of tokens, without their secret part.", body = List<ApiToken>)),
    security(("bearer" = []))
)]
#[get("/auth/api-tokens")]
async fn list_api_tokens(call: Call, caller: AnyCaller, query: Listing<ApiTokenFilter>) -> Reply {
    let page = call.read(async |conn| tokens::list(conn, &caller, &query.paging).await).await?;
    Ok(call.page(page)?)
}

/// Creates a script token.
///
/// The response is the only one that contains the token.
#[utoipa::path(
    tag = "auth",
    request_body = ApiTokenInput,
    responses(
        (status = 201, description = "The token.", body = IssuedApiToken),
        (status = 403, description = "`grant_not_held`: you can grant only permissions that you hold."),
        (status = 409, description = "`not_a_session`, `too_many_api_tokens`.")
    ),
    security(("bearer" = []))
)]
#[post("/auth/api-tokens")]
async fn create_api_token(call: Call, caller: AnyCaller, input: Body<ApiTokenInput>) -> Reply {
    let answer = call.write(async |tx| {
        let token = tokens::create(tx, &caller, &input).await?;
        Ok(Answer::created_plain("auth/api-tokens".to_owned(), &token)?.secret())
    });
    Ok(answer.await?)
}

/// Revokes one of the caller's script tokens.
#[utoipa::path(
    tag = "auth",
    params(("id" = ApiTokenId, Path, description = "The token's id.")),
    responses(
        (status = 204, description = "The token is revoked."),
        (status = 409, description = "`not_a_session`: a script token cannot revoke tokens.")
    ),
    security(("bearer" = []))
)]
#[delete("/auth/api-tokens/{id}")]
async fn revoke_api_token(call: Call, caller: AnyCaller, id: PathPart<ApiTokenId>) -> Reply {
    let answer = call.write(async |tx| {
        tokens::revoke(tx, &caller, id.0).await?;
        Ok(Answer::empty())
    });
    Ok(answer.await?)
}
