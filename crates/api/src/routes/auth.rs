//! Signing in and out, and the caller's sessions and script tokens.

use acl::{
    SessionId, auth,
    input::{ApiTokenInput, ChangePasswordInput, LoginInput, RefreshInput},
    model::{ApiToken, IssuedApiToken, Profile, Session, TokenPair},
    sessions, tokens,
};
use actix_web::{delete, get, http::header, post};
use database::page::ListSpec;
use kernel::{id::ApiTokenId, input::NoInput};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    answer::{Answer, List, Reply},
    call::Call,
    extract::{Body, Form, ListQuery, Listing, PathPart, StrangersBody},
    guard::AnyCaller,
    routes::mount::Mount,
};

pub fn configure(mount: &mut Mount<'_, '_>) {
    mount.service(login).service(oauth_token).service(refresh).service(logout).service(logout_all).service(me).service(change_password);
    mount.service(list_sessions).service(end_session);
    mount.service(list_api_tokens).service(create_api_token).service(revoke_api_token);
}

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

/// The form of an OAuth 2 password grant.
#[derive(Deserialize, ToSchema)]
#[schema(example = json!({"grant_type": "password", "username": "admin", "password": "correct horse battery staple"}))]
struct PasswordForm {
    /// The kind of grant: `password`.
    #[schema(pattern = "^password$")]
    grant_type: Option<String>,
    /// The user name; case does not matter.
    #[schema(min_length = 1, max_length = 50)]
    username: String,
    /// The user's password.
    #[schema(min_length = 1, max_length = 128, format = Password)]
    password: String,
    /// Not used; accepted because clients send it.
    scope: Option<String>,
    /// Not used; accepted because clients send it.
    client_id: Option<String>,
    /// Not used; accepted because clients send it.
    client_secret: Option<String>,
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

/// Signs in with the password grant of OAuth 2.
///
/// *Authorize* in Swagger UI uses it.
#[utoipa::path(
    tag = "auth",
    request_body(content = PasswordForm, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "A pair of tokens.", body = OauthTokens),
        (status = 401, description = "`sign_in_failed`: the name or the password is wrong, or the account may not sign in now."),
        (status = 413, description = "The body is over 16 KiB."),
        (status = 429, description = "`sign_in_rate_limited`, `too_many_requests`: wait as long as `Retry-After` says.")
    )
)]
#[post("/auth/token")]
async fn oauth_token(call: Call, form: Form<PasswordForm>) -> Reply {
    let Form(form) = form;
    if form.grant_type.is_some_and(|grant| grant != "password") {
        return Err(kernel::Error::of_field("grant_type", kernel::error::field::CHOICE).into());
    }
    for (name, unused) in [("scope", form.scope), ("client_id", form.client_id), ("client_secret", form.client_secret)] {
        if unused.is_some_and(|text| kernel::input::has_forbidden_character(&text)) {
            return Err(kernel::Error::of_field(name, kernel::error::field::CONTROL_CHARACTER).into());
        }
    }
    let fields = [("username", form.username), ("password", form.password)].map(|(name, value)| (name.to_owned(), value.into()));
    let input: LoginInput = kernel::input::from_fields(fields.into_iter().collect(), call.context())?;
    let shape = |pair: TokenPair| {
        let TokenPair { access: access_token, refresh: refresh_token, token_type, expires_in, .. } = pair;
        Answer::ok(&OauthTokens { access_token, token_type, expires_in, refresh_token })
    };
    sign_in(&call, &input, shape).await
}

/// Exchanges a refresh token for the next pair of tokens.
///
/// A refresh token can be used once. A second use ends the whole session.
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
    let answer = call.write_or_refuse(async |tx| match auth::refresh(tx, &call.state.access, &input).await? {
        auth::Refreshed::Renewed(pair) => Ok(Ok(Answer::ok(&pair)?.secret())),
        // the end of the session is committed, though the caller is refused
        auth::Refreshed::Reused => Ok(Err(acl::refusal::REFRESH_REUSED)),
    });
    Ok(answer.await?)
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
