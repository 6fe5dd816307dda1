//! Users, roles, sessions and script tokens as they are shown, and the rules that need nothing else.

mod audit;
mod role;
mod session;
mod user;

pub use audit::{AuditRow, Breach, Verification};
pub use role::Role;
pub use session::{ApiToken, IssuedApiToken, Session, SessionId, TokenPair};
pub use user::{AccountState, Obstacle, Profile, User, lock_after};

/// The codes of this crate's refusals.
pub mod refusal {
    kernel::codes! {
        /// The request carries no token.
        NOT_SIGNED_IN = Unauthenticated "not_signed_in";
        /// The token is not one of ours, or not of the kind that is wanted here.
        TOKEN_INVALID = Unauthenticated "token_invalid";
        /// The token's time is over.
        TOKEN_EXPIRED = Unauthenticated "token_expired";
        /// The session was ended.
        SESSION_ENDED = Unauthenticated "session_ended";
        /// The token was revoked.
        TOKEN_REVOKED = Unauthenticated "token_revoked";
        /// The user is blocked, not active, or outside the time the account is valid.
        ACCOUNT_DISABLED = Unauthenticated "account_disabled";
        /// User name or password are wrong, or the account may not sign in now: which, strangers are not told.
        SIGN_IN_FAILED = Unauthenticated "sign_in_failed";
        /// Too many sign-ins from one address.
        SIGN_IN_RATE_LIMITED = TooMany "sign_in_rate_limited";
        /// A refresh token was used twice; its session has ended.
        REFRESH_REUSED = Unauthenticated "refresh_reused";
        /// The caller lacks the permission.
        PERMISSION_MISSING = Forbidden "permission_missing";
        /// The caller would give a permission they do not hold.
        GRANT_NOT_HELD = Forbidden "grant_not_held";
        /// No such user.
        USER_NOT_FOUND = NotFound "user_not_found";
        /// No such role.
        ROLE_NOT_FOUND = NotFound "role_not_found";
        /// No such session of the caller's.
        SESSION_NOT_FOUND = NotFound "session_not_found";
        /// No such script token of the caller's.
        API_TOKEN_NOT_FOUND = NotFound "api_token_not_found";
        /// No administrator who can sign in would remain.
        LAST_ADMINISTRATOR = Conflict "last_administrator";
        /// What nobody does to their own account.
        OWN_ACCOUNT = Conflict "own_account";
        /// A built-in role keeps its name and stays; `admin` is not edited at all.
        BUILTIN_ROLE = Conflict "builtin_role";
        /// Users have the role.
        ROLE_IN_USE = Conflict "role_in_use";
        /// Another role has the name.
        ROLE_NAME_TAKEN = Conflict "role_name_taken";
        /// Another user has the name.
        USERNAME_TAKEN = Conflict "username_taken";
        /// Other records name the user.
        USER_IN_USE = Conflict "user_in_use";
        /// The user is blocked already.
        ALREADY_BLOCKED = Conflict "already_blocked";
        /// The user is not blocked.
        NOT_BLOCKED = Conflict "not_blocked";
        /// The action needs a session; the caller came with a script token.
        NOT_A_SESSION = Conflict "not_a_session";
        /// The user has as many script tokens as a user may have.
        TOO_MANY_API_TOKENS = Conflict "too_many_api_tokens";
    }
}
