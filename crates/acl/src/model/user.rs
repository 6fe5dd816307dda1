use chrono::{DateTime, TimeDelta, Utc};
use kernel::{error::Code, id::UserId};
use serde::Serialize;
use utoipa::ToSchema;

use super::refusal;
use crate::permission::Permission;

/// The number of failures in a row that locks sign-in.
const FAILURES_BEFORE_LOCK: i64 = 5;
/// The longest lock, in minutes.
const LONGEST_LOCK: i64 = 60;

/// A staff user.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "id": 7, "username": "a.ivanova", "full_name": "Анна Иванова", "email": "a.ivanova@example.com", "phone": "+79161234567",
    "role": "operator", "is_active": true, "valid_from": null, "valid_until": null, "is_blocked": false, "blocked_until": null,
    "block_reason": null, "is_locked": false, "last_login_at": "2026-03-02T06:00:00Z", "granted": ["payments:refund"], "denied": [],
    "version": 3, "created_at": "2026-01-12T09:30:00Z", "updated_at": "2026-03-01T12:00:00Z"
}))]
pub struct User {
    /// The user's id.
    pub id: UserId,
    /// The name to sign in with; unique, ignoring case.
    pub username: String,
    /// The full name.
    pub full_name: String,
    /// E-mail address.
    pub email: Option<String>,
    /// Phone number in the country's format.
    pub phone: Option<String>,
    /// The role's name.
    pub role: String,
    /// Whether the user may sign in at all.
    pub is_active: bool,
    /// When the account becomes valid; `null` for no limit.
    pub valid_from: Option<DateTime<Utc>>,
    /// When the account stops being valid; `null` for no limit.
    pub valid_until: Option<DateTime<Utc>>,
    /// Whether the user is blocked now.
    pub is_blocked: bool,
    /// When the block ends; `null` for no end.
    pub blocked_until: Option<DateTime<Utc>>,
    /// Why the user is blocked.
    pub block_reason: Option<String>,
    /// Whether sign-in is locked now because of wrong passwords.
    pub is_locked: bool,
    /// When the user last signed in.
    pub last_login_at: Option<DateTime<Utc>>,
    /// Permissions in addition to the role's.
    pub granted: Vec<Permission>,
    /// Permissions of the role that the user does not have.
    pub denied: Vec<Permission>,
    /// The version, which grows with each change; also the `ETag`.
    pub version: i64,
    /// When the user was created.
    pub created_at: DateTime<Utc>,
    /// When the user was last changed.
    pub updated_at: DateTime<Utc>,
}

/// The signed-in user and their permissions.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "id": 7, "username": "a.ivanova", "full_name": "Анна Иванова", "email": "a.ivanova@example.com", "phone": "+79161234567",
    "role": "operator", "role_title": "Оператор", "permissions": ["customers:read", "customers:write"],
    "last_login_at": "2026-03-02T06:00:00Z"
}))]
pub struct Profile {
    /// The user's id.
    pub id: UserId,
    /// The name to sign in with.
    pub username: String,
    /// The full name.
    pub full_name: String,
    /// E-mail address.
    pub email: Option<String>,
    /// Phone number.
    pub phone: Option<String>,
    /// The role's name.
    pub role: String,
    /// The title of the role.
    pub role_title: String,
    /// The permissions of the caller now, with this token.
    pub permissions: Vec<Permission>,
    /// When the user last signed in.
    pub last_login_at: Option<DateTime<Utc>>,
}

/// What decides whether an account may be used at a given moment.
#[derive(Clone, Debug, sqlx_macros::FromRow)]
pub struct AccountState {
    /// Whether the user may sign in at all.
    pub is_active: bool,
    /// When the account becomes valid.
    pub valid_from: Option<DateTime<Utc>>,
    /// When the account stops being valid.
    pub valid_until: Option<DateTime<Utc>>,
    /// When the user was blocked.
    pub blocked_at: Option<DateTime<Utc>>,
    /// When the block ends.
    pub blocked_until: Option<DateTime<Utc>>,
}

/// Why an account may not be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// It is inactive.
    Inactive,
    /// It is not yet valid.
    NotYetValid,
    /// It is no longer valid.
    NoLongerValid,
    /// It is blocked.
    Blocked,
}

impl Obstacle {
    /// The name of the obstacle in the audit trail.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Inactive => "inactive",
            Self::NotYetValid => "not_yet_valid",
            Self::NoLongerValid => "no_longer_valid",
            Self::Blocked => "blocked",
        }
    }

    /// The error code for a caller with a valid token.
    pub const fn code(self) -> Code {
        refusal::ACCOUNT_DISABLED
    }
}

impl AccountState {
    /// Whether a block is in effect.
    pub fn is_blocked(&self, now: DateTime<Utc>) -> bool {
        self.blocked_at.is_some() && self.blocked_until.is_none_or(|until| now < until)
    }

    /// Why the account may not be used now, if it may not.
    pub fn obstacle(&self, now: DateTime<Utc>) -> Option<Obstacle> {
        if !self.is_active {
            Some(Obstacle::Inactive)
        } else if self.is_blocked(now) {
            Some(Obstacle::Blocked)
        } else if self.valid_from.is_some_and(|from| now < from) {
            Some(Obstacle::NotYetValid)
        } else if self.valid_until.is_some_and(|until| until <= now) {
            Some(Obstacle::NoLongerValid)
        } else {
            None
        }
    }
}

/// When the lock of sign-in ends after this many failures in a row.
///
/// It lasts 1 minute after the fifth failure, then twice as long each time, up to an hour.
pub fn lock_after(failures: i64, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    // negative before the fifth failure; capped, because a larger shift overflows
    let doublings = u32::try_from(failures.saturating_sub(FAILURES_BEFORE_LOCK).min(32)).ok()?;
    Some(now + TimeDelta::minutes((1_i64 << doublings).min(LONGEST_LOCK)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noon() -> DateTime<Utc> {
        "2026-03-02T12:00:00Z".parse().unwrap()
    }

    fn standing() -> AccountState {
        AccountState { is_active: true, valid_from: None, valid_until: None, blocked_at: None, blocked_until: None }
    }

    #[test]
    fn five_failures_lock_for_a_minute_and_each_further_one_for_twice_as_long_up_to_an_hour() {
        let minutes = |failures| lock_after(failures, noon()).map(|until| (until - noon()).num_minutes());
        assert_eq!((0..5).map(minutes).collect::<Vec<_>>(), [None; 5]);
        assert_eq!((5..13).filter_map(minutes).collect::<Vec<_>>(), [1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(minutes(i64::MAX), Some(60));
    }

    #[test]
    fn an_account_is_usable_from_its_first_moment_to_just_before_its_last() {
        let (before, after) = (noon() - TimeDelta::seconds(1), noon() + TimeDelta::seconds(1));
        let from = AccountState { valid_from: Some(noon()), ..standing() };
        assert_eq!([before, noon(), after].map(|now| from.obstacle(now)), [Some(Obstacle::NotYetValid), None, None]);
        let until = AccountState { valid_until: Some(noon()), ..standing() };
        let over = Some(Obstacle::NoLongerValid);
        assert_eq!([before, noon(), after].map(|now| until.obstacle(now)), [None, over, over]);
    }

    #[test]
    fn a_block_without_an_end_holds_and_one_with_an_end_lifts_itself() {
        let blocked = AccountState { blocked_at: Some(noon()), ..standing() };
        assert_eq!(blocked.obstacle(noon() + TimeDelta::days(4_000)), Some(Obstacle::Blocked));
        let for_a_day = AccountState { blocked_until: Some(noon() + TimeDelta::days(1)), ..blocked };
        assert_eq!(for_a_day.obstacle(noon()), Some(Obstacle::Blocked));
        assert_eq!(for_a_day.obstacle(noon() + TimeDelta::days(1)), None);
        assert_eq!(AccountState { is_active: false, ..standing() }.obstacle(noon()), Some(Obstacle::Inactive));
    }
}
