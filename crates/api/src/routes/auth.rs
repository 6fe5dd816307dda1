//! Signing in and out, one's own sessions and tokens for scripts (SPEC 3.1, 3.3).

use acl::{
    SessionId, auth,
    input::{ApiTokenInput, ChangePasswordInput, LoginInput, RefreshInput},
    model::{ApiToken, IssuedApiToken, Profile, Session, TokenPair},
    sessions, tokens,
};
use actix_web::{delete, get, http::header, post};
use kernel::{id::ApiTokenId, input::NoInput, page::ListSpec};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    call::{Answer, Call, List, Reply},
    extract::{Body, Form, ListQuery, Listing, PathPart, StrangersBody},
    guard::AnyCaller,
    routes::mount::Mount,
};

pub fn configure(mount: &mut Mount<'_, '_>) {
    mount.service(login).service(oauth_token).service(refresh).service(logout).service(logout_all).service(me).service(change_password);
    mount.service(list_sessions).service(end_session);
    mount.service(list_api_tokens).service(create_api_token).service(revoke_api_token);
}

/// One's own sessions have no filters.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct SessionFilter {}

impl ListQuery for SessionFilter {
    const SPEC: ListSpec = sessions::LIST;
}

/// One's own tokens have no filters.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct ApiTokenFilter {}

impl ListQuery for ApiTokenFilter {
    const SPEC: ListSpec = tokens::LIST;
}

/// The tokens by OAuth 2's names.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"access_token": "eyJhbGciOi…", "token_type": "Bearer", "expires_in": 900, "refresh_token": "eyJhbGciOi…"}))]
struct OauthTokens {
    /// The token to send with each request.
    access_token: String,
    /// Always `Bearer`.
    token_type: &'static str,
    /// Seconds the access token lives.
    expires_in: i64,
    /// The token that buys the next pair, once.
    refresh_token: String,
}

/// OAuth 2's password form.
#[derive(Deserialize, ToSchema)]
#[schema(example = json!({"grant_type": "password", "username": "admin", "password": "correct horse battery staple"}))]
struct PasswordForm {
    /// `password`.
    #[schema(pattern = "^password$")]
    grant_type: Option<String>,
    /// The user's name; case does not matter.
    #[schema(min_length = 1, max_length = 50)]
    username: String,
    /// The user's password.
    #[schema(min_length = 1, max_length = 128, format = Password)]
    password: String,
    /// Not used; taken because clients send it.
    #[allow(dead_code, reason = "only to be taken")]
    scope: Option<String>,
    /// Not used; taken because clients send it.
    #[allow(dead_code, reason = "only to be taken")]
    client_id: Option<String>,
    /// Not used; taken because clients send it.
    #[allow(dead_code, reason = "only to be taken")]
    client_secret: Option<String>,
}

/// Checks the password outside any transaction, then opens a session; `shape` gives the answer its form.
async fn sign_in(call: &Call, input: &LoginInput, shape: impl Fn(TokenPair) -> kernel::Result<Answer>) -> Reply {
    call.state.count_sign_in(call.address())?;
    let access = &call.state.access;
    let verified = auth::verify_password(&call.state.db, access, &call.context, input).await?;
    let user_agent = call.header(header::USER_AGENT);
    let answer = call.write(async |tx| {
        let pair = auth::open_session(tx, access, &call.context, &verified, user_agent).await?;
        Ok(shape(pair)?.secret())
    });
    Ok(answer.await?)
}

/// Signs in with user name and password.
///
/// Five failures in a row lock the account for a growing time; an address may try only so often in a minute.
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

/// Signs in as OAuth 2 clients do; *Authorize* in Swagger UI uses it.
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
    let fields = [("username", form.username), ("password", form.password)].map(|(name, value)| (name.to_owned(), value.into()));
    let input: LoginInput = kernel::input::from_fields(fields.into_iter().collect(), &call.context)?;
    let shape = |pair: TokenPair| {
        let TokenPair { access: access_token, refresh: refresh_token, token_type, expires_in, .. } = pair;
        Answer::ok(&OauthTokens { access_token, token_type, expires_in, refresh_token })
    };
    sign_in(&call, &input, shape).await
}

/// Gives the next pair of tokens for a refresh token, which dies; using it again ends the whole session.
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
    let answer = call.write(async |tx| match auth::refresh(tx, &call.state.access, &call.context, &input).await? {
        auth::Refreshed::Renewed(pair) => Ok(Answer::ok(&pair)?.secret()),
        // the end of the session is committed, though the caller is refused
        auth::Refreshed::Reused => Ok(Answer::refusal(acl::refusal::REFRESH_REUSED)),
    });
    Ok(answer.await?)
}

/// Ends the session.
#[utoipa::path(
    tag = "auth",
    request_body = NoInput,
    responses(
        (status = 204, description = "The session has ended."),
        (status = 409, description = "`not_a_session`: a token for scripts has no session.")
    ),
    security(("bearer" = []))
)]
#[post("/auth/logout")]
async fn logout(call: Call, caller: AnyCaller, _input: Body<NoInput>) -> Reply {
    let answer = call.write(async |tx| {
        auth::logout(tx, &call.context, &caller).await?;
        Ok(Answer::empty())
    });
    Ok(answer.await?)
}

/// Ends all of one's sessions.
#[utoipa::path(
    tag = "auth",
    request_body = NoInput,
    responses(
        (status = 204, description = "All sessions have ended."),
        (status = 409, description = "`not_a_session`: a token for scripts has no session.")
    ),
    security(("bearer" = []))
)]
#[post("/auth/logout-all")]
async fn logout_all(call: Call, caller: AnyCaller, _input: Body<NoInput>) -> Reply {
    let answer = call.write(async |tx| {
        auth::logout_all(tx, &call.context, &caller).await?;
        Ok(Answer::empty())
    });
    Ok(answer.await?)
}

/// Who one is, and what one may do now.
#[utoipa::path(tag = "auth", responses((status = 200, description = "Profile, role and effective permissions.", body = Profile)), security(("bearer" = [])))]
#[get("/auth/me")]
async fn me(call: Call, caller: AnyCaller) -> Reply {
    let profile = call.read(async |conn| auth::me(conn, &caller).await).await?;
    Ok(Answer::ok(&profile)?)
}

/// Changes one's password and ends one's other sessions.
#[utoipa::path(
    tag = "auth",
    request_body = ChangePasswordInput,
    responses(
        (status = 204, description = "The password is changed."),
        (status = 409, description = "`not_a_session`: a token for scripts cannot change its owner's password."),
        (status = 429, description = "`sign_in_rate_limited`, `too_many_requests`: wait as long as `Retry-After` says.")
    ),
    security(("bearer" = []))
)]
#[post("/auth/change-password")]
async fn change_password(call: Call, caller: AnyCaller, input: Body<ChangePasswordInput>) -> Reply {
    // once it is changed, the present password is no longer the one that a repeat of the request names
    if let Some(answer) = call.replay().await? {
        return Ok(answer);
    }
    let state = &call.state;
    let new = auth::prepare_password_change(&state.db, &state.access, &call.context, &caller, &input).await?;
    let answer = call.write(async |tx| {
        auth::change_password(tx, &call.context, &caller, &new).await?;
        Ok(Answer::empty())
    });
    Ok(answer.await?)
}

/// A page of one's sessions.
#[utoipa::path(
    tag = "auth",
    params(Listing<SessionFilter>),
    responses((status = 200, description = "A page of sessions.", body = List<Session>)),
    security(("bearer" = []))
)]
#[get("/auth/sessions")]
async fn list_sessions(call: Call, caller: AnyCaller, query: Listing<SessionFilter>) -> Reply {
    let page = call.read(async |conn| sessions::list(conn, &call.context, &caller, &query.paging).await).await?;
    Ok(call.page(page)?)
}

/// Ends one of one's sessions.
#[utoipa::path(
    tag = "auth",
    params(("id" = SessionId, Path, description = "The session's id.")),
    responses(
        (status = 204, description = "The session has ended."),
        (status = 409, description = "`not_a_session`: a token for scripts cannot end sessions.")
    ),
    security(("bearer" = []))
)]
#[delete("/auth/sessions/{id}")]
async fn end_session(call: Call, caller: AnyCaller, id: PathPart<SessionId>) -> Reply {
    let answer = call.write(async |tx| {
        sessions::end(tx, &call.context, &caller, id.0).await?;
        Ok(Answer::empty())
    });
    Ok(answer.await?)
}

/// A page of one's tokens for scripts.
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

/// Makes a token for a script; it is shown this once.
#[utoipa::path(
    tag = "auth",
    request_body = ApiTokenInput,
    responses(
        (status = 201, description = "The token.", body = IssuedApiToken),
        (status = 403, description = "`grant_not_held`: nobody gives what they do not hold."),
        (status = 409, description = "`not_a_session`, `too_many_api_tokens`.")
    ),
    security(("bearer" = []))
)]
#[post("/auth/api-tokens")]
async fn create_api_token(call: Call, caller: AnyCaller, input: Body<ApiTokenInput>) -> Reply {
    let answer = call.write(async |tx| {
        let token = tokens::create(tx, &call.context, &caller, &input).await?;
        Ok(Answer::created_plain("auth/api-tokens".to_owned(), &token)?.secret())
    });
    Ok(answer.await?)
}

/// Revokes one of one's tokens for scripts.
#[utoipa::path(
    tag = "auth",
    params(("id" = ApiTokenId, Path, description = "The token's id.")),
    responses(
        (status = 204, description = "The token is revoked."),
        (status = 409, description = "`not_a_session`: a token for scripts cannot revoke tokens.")
    ),
    security(("bearer" = []))
)]
#[delete("/auth/api-tokens/{id}")]
async fn revoke_api_token(call: Call, caller: AnyCaller, id: PathPart<ApiTokenId>) -> Reply {
    let answer = call.write(async |tx| {
        tokens::revoke(tx, &call.context, &caller, id.0).await?;
        Ok(Answer::empty())
    });
    Ok(answer.await?)
}
