//! Users, roles, sessions and script tokens as they are shown, and the rules that depend on nothing else.

mod audit;
mod role;
mod session;
mod short;
mod user;

pub use audit::{AuditRow, Breach, Verification};
pub use role::Role;
pub use session::{ApiToken, IssuedApiToken, Session, SessionId, TokenPair};
pub use short::UserShort;
pub use user::{AccountState, Obstacle, Profile, User, lock_after};

/// The error codes of this crate.
pub mod refusal {
    kernel::codes! {
        /// The request carries no token.
        NOT_SIGNED_IN = Unauthenticated "not_signed_in";
        /// The token was not issued here, or it is of the wrong kind.
        TOKEN_INVALID = Unauthenticated "token_invalid";
        /// The token has expired.
        TOKEN_EXPIRED = Unauthenticated "token_expired";
        /// The session has ended.
        SESSION_ENDED = Unauthenticated "session_ended";
        /// The token was revoked.
        TOKEN_REVOKED = Unauthenticated "token_revoked";
        /// The one-time ticket does not exist, was used, has expired or opens another address.
        TICKET_INVALID = Unauthenticated "ticket_invalid";
        /// The user is blocked or inactive, or the account is not valid at this time.
        ACCOUNT_DISABLED = Unauthenticated "account_disabled";
        /// The user name or password is wrong, or the account may not sign in now; the caller cannot see which.
        SIGN_IN_FAILED = Unauthenticated "sign_in_failed";
        /// Too many sign-ins from one address.
        SIGN_IN_RATE_LIMITED = TooMany "sign_in_rate_limited";
        /// The user has the largest number of unused one-time tickets that is allowed.
        TOO_MANY_TICKETS = TooMany "too_many_tickets";
        /// A refresh token was used twice; its session has ended.
        REFRESH_REUSED = Unauthenticated "refresh_reused";
        /// The caller lacks the permission.
        PERMISSION_MISSING = Forbidden "permission_missing";
        /// The caller cannot give a permission that they do not hold.
        GRANT_NOT_HELD = Forbidden "grant_not_held";
        /// The answer that is stored under the idempotency key was made for somebody who could do more than the caller can now.
        REPLAY_RIGHT_LOST = Forbidden "replay_right_lost";
        /// The user manages users or roles and holds a permission that the caller lacks.
        USER_HOLDS_MORE = Forbidden "user_holds_more";
        /// The user does not exist.
        USER_NOT_FOUND = NotFound "user_not_found";
        /// The role does not exist.
        ROLE_NOT_FOUND = NotFound "role_not_found";
        /// The caller has no such session.
        SESSION_NOT_FOUND = NotFound "session_not_found";
        /// The user has no such script token.
        API_TOKEN_NOT_FOUND = NotFound "api_token_not_found";
        /// No administrator who can sign in would remain.
        LAST_ADMINISTRATOR = Conflict "last_administrator";
        /// The action is not allowed on the caller's own account.
        OWN_ACCOUNT = Conflict "own_account";
        /// A built-in role cannot be renamed or deleted; `admin` cannot be edited at all.
        BUILTIN_ROLE = Conflict "builtin_role";
        /// Users have the role.
        ROLE_IN_USE = Conflict "role_in_use";
        /// Another role has the name.
        ROLE_NAME_TAKEN = Conflict "role_name_taken";
        /// Another user has the name.
        USERNAME_TAKEN = Conflict "username_taken";
        /// Other records refer to the user.
        USER_IN_USE = Conflict "user_in_use";
        /// The user is blocked already.
        ALREADY_BLOCKED = Conflict "already_blocked";
        /// The user is not blocked.
        NOT_BLOCKED = Conflict "not_blocked";
        /// The action needs a session, but the caller used a script token.
        NOT_A_SESSION = Conflict "not_a_session";
        /// The user has the largest number of script tokens that is allowed.
        TOO_MANY_API_TOKENS = Conflict "too_many_api_tokens";
    }
}
