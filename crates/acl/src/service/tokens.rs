//! The caller's own script tokens.

use chrono::SubsecRound;
use database::{
    Conn, Page, Paging, Tx,
    audit::Entry,
    page::{KeyKind, ListSpec, OrderField},
};
use kernel::{
    Error, Result,
    id::{ApiTokenId, UserId},
};

use super::auth::session_of;
use crate::{
    access::{API_TOKEN_PREFIX, permissions_of},
    grant::SignedIn,
    input::ApiTokenInput,
    model::{ApiToken, IssuedApiToken, refusal},
    permission::PermissionSet,
    random, store,
};

/// Tokens a user may have at a time.
const MOST_TOKENS: i64 = 100;

/// How script tokens are listed.
pub const LIST: ListSpec = ListSpec {
    order_fields: &[OrderField { name: "created_at", column: "api_tokens.created_at", kind: KeyKind::Time }],
    default_order: "-created_at",
    id: "api_tokens.id",
    id_name: "id",
};

/// Creates a script token; the result shows it only once.
///
/// Errors: `not_a_session`, `grant_not_held` naming the permission, `too_many_api_tokens`.
pub async fn create(tx: &mut Tx, signed_in: &SignedIn, input: &ApiTokenInput) -> Result<IssuedApiToken> {
    // a script could otherwise create a token that outlives its own
    session_of(signed_in)?;
    let permissions: PermissionSet = input.permissions.iter().copied().collect();
    if let Some(missing) = permissions.without(permissions_of(tx, signed_in.user_id).await?).iter().next() {
        return Err(Error::new(refusal::GRANT_NOT_HELD).with("permission", missing));
    }
    if store::tokens::count(tx, signed_in.user_id).await? >= MOST_TOKENS {
        return Err(Error::new(refusal::TOO_MANY_API_TOKENS).with("most", MOST_TOKENS));
    }
    let token = format!("{API_TOKEN_PREFIX}{}", random::random_secret()?);
    let new = store::tokens::NewToken {
        user_id: signed_in.user_id,
        name: &input.name,
        token_hash: random::sha256(&token),
        permissions,
        expires_at: input.expires_at.map(|end| end.trunc_subsecs(6)),
        now: tx.now(),
    };
    let expires_at = new.expires_at;
    let id = store::tokens::insert(tx, new).await?;
    let shown = ApiToken {
        id,
        name: input.name.clone(),
        permissions: permissions.iter().collect(),
        expires_at,
        last_used_at: None,
        created_at: tx.now(),
    };
    tx.record(Entry::new("api_token.created", "api_token", id).created(&shown));
    Ok(IssuedApiToken {
        id,
        token,
        name: shown.name,
        permissions: shown.permissions,
        expires_at,
        last_used_at: None,
        created_at: shown.created_at,
    })
}

/// The caller's tokens that were not revoked.
pub async fn list(conn: &mut Conn, signed_in: &SignedIn, paging: &Paging) -> Result<Page<ApiToken>> {
    of_user(conn, signed_in.user_id, paging).await
}

/// A user's tokens that were not revoked.
pub(super) async fn of_user(conn: &mut Conn, user: UserId, paging: &Paging) -> Result<Page<ApiToken>> {
    let rows = store::tokens::list(conn, user, paging).await?;
    Ok(rows.map(|row| ApiToken {
        id: row.id,
        name: row.name,
        permissions: PermissionSet::of_words(&row.permissions).iter().collect(),
        expires_at: row.expires_at,
        last_used_at: row.last_used_at,
        created_at: row.created_at,
    }))
}

/// Revokes one of the caller's tokens. Errors: `not_a_session`, `api_token_not_found`.
pub async fn revoke(tx: &mut Tx, signed_in: &SignedIn, id: ApiTokenId) -> Result<()> {
    session_of(signed_in)?;
    revoke_of(tx, signed_in.user_id, id).await
}

/// Revokes a user's token. Errors: `api_token_not_found`.
pub(super) async fn revoke_of(tx: &mut Tx, user: UserId, id: ApiTokenId) -> Result<()> {
    let name = store::tokens::revoke(tx, id, user).await?;
    let name = name.ok_or_else(|| Error::new(refusal::API_TOKEN_NOT_FOUND))?;
    store::raise_epoch(tx).await?;
    tx.record(Entry::new("api_token.revoked", "api_token", id).note("name", name).note("user_id", user.get()));
    Ok(())
}
