//! What comes in: bodies of requests and filters of lists, with their rules.
//!
//! Types that hold a password or a token derive neither `Debug` nor `Serialize`, so that neither can end in a log.

use std::borrow::Cow;

use chrono::{DateTime, Datelike, Utc};
use kernel::{Context, FieldErrors, Input, error::field, id::UserId};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use validator::{Validate, ValidationError};

use crate::{password, permission::Permission};

/// Years that a moment may lie in: four digits, as RFC 3339 has them and both engines order them.
const YEARS: std::ops::RangeInclusive<i32> = 1900..=9999;

/// User name and password.
#[derive(Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"username": "admin", "password": "correct horse battery staple"}))]
pub struct LoginInput {
    /// The user's name; case does not matter.
    #[validate(length(min = 1, max = 50))]
    #[schema(min_length = 1, max_length = 50)]
    pub username: String,
    /// The user's password.
    #[validate(length(min = 1, max = 128))]
    #[schema(min_length = 1, max_length = 128, format = Password)]
    pub password: String,
}

impl Input for LoginInput {}

/// A refresh token.
#[derive(Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"refresh": "eyJhbGciOiJIUzI1NiJ9.e30.c2lnbmF0dXJl"}))]
pub struct RefreshInput {
    /// The refresh token of the newest pair.
    #[validate(length(min = 1, max = 4096))]
    #[schema(min_length = 1, max_length = 4096)]
    pub refresh: String,
}

impl Input for RefreshInput {}

/// A new password of one's own.
#[derive(Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"current_password": "correct horse battery staple", "new_password": "tram 17 to the lighthouse"}))]
pub struct ChangePasswordInput {
    /// The present password.
    #[validate(length(min = 1, max = 128))]
    #[schema(min_length = 1, max_length = 128, format = Password)]
    pub current_password: String,
    /// The new one: not easy to guess, and not the user name.
    #[validate(length(min = 10, max = 128))]
    #[schema(min_length = 10, max_length = 128, format = Password)]
    pub new_password: String,
}

impl Input for ChangePasswordInput {}

/// A new password for somebody else.
#[derive(Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"password": "tram 17 to the lighthouse"}))]
pub struct ResetPasswordInput {
    /// The new password: not easy to guess, and not the user name.
    #[validate(length(min = 10, max = 128))]
    #[schema(min_length = 10, max_length = 128, format = Password)]
    pub password: String,
}

impl Input for ResetPasswordInput {}

/// A token for a script.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "nightly export", "permissions": ["customers:export"], "expires_at": "2099-01-01T00:00:00Z"}))]
pub struct ApiTokenInput {
    /// What its owner calls it.
    #[validate(length(min = 1, max = 100))]
    #[schema(min_length = 1, max_length = 100)]
    pub name: String,
    /// What it may do, of what its owner may.
    #[validate(length(min = 1, max = 64))]
    #[schema(min_items = 1, max_items = 64)]
    pub permissions: Vec<Permission>,
    /// When it ends; `null` for never.
    pub expires_at: Option<DateTime<Utc>>,
}

impl Input for ApiTokenInput {
    fn check(&self, context: &Context, wrong: &mut FieldErrors) {
        check_moment("expires_at", self.expires_at, wrong);
        check_future("expires_at", self.expires_at, context, wrong);
    }
}

/// A role's editable fields.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "name": "cashier", "title": "Кассир", "description": "Принимает платежи", "permissions": ["customers:read", "payments:take"]
}))]
pub struct RoleInput {
    /// The name that users' `role` names: small Latin letters, digits, `_` and `-`, a letter first.
    #[validate(length(min = 2, max = 50), custom(function = "role_name_form"))]
    #[schema(min_length = 2, max_length = 50, pattern = r"^[a-z][a-z0-9_-]*$")]
    pub name: String,
    /// The title for people.
    #[validate(length(min = 1, max = 100))]
    #[schema(min_length = 1, max_length = 100)]
    pub title: String,
    /// What the role is for.
    #[serde(default)]
    #[validate(length(max = 1000))]
    #[schema(max_length = 1000)]
    pub description: String,
    /// What it holds.
    #[validate(length(max = 64))]
    #[schema(max_items = 64)]
    pub permissions: Vec<Permission>,
}

impl Input for RoleInput {}

/// A user's editable fields.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "username": "a.ivanova", "full_name": "Анна Иванова", "email": "a.ivanova@example.com", "phone": "+79161234567",
    "role": "operator", "is_active": true, "valid_from": null, "valid_until": null
}))]
pub struct UserInput {
    /// The name to sign in with: Latin letters, digits, `.`, `_` and `-`; unique, case aside.
    #[validate(length(min = 3, max = 50), custom(function = "username_form"))]
    #[schema(min_length = 3, max_length = 50, pattern = r"^[A-Za-z0-9._-]+$")]
    pub username: String,
    /// The name for people.
    #[validate(length(min = 1, max = 200))]
    #[schema(min_length = 1, max_length = 200)]
    pub full_name: String,
    /// E-mail address.
    #[validate(email, length(max = 254))]
    #[schema(format = Email, max_length = 254)]
    pub email: Option<String>,
    /// Phone number in the country's form, digits after a plus.
    #[schema(pattern = r"^\+(7[0-9]{10}|996[0-9]{9})$")]
    pub phone: Option<String>,
    /// The role's name.
    #[validate(length(min = 1, max = 50))]
    #[schema(min_length = 1, max_length = 50)]
    pub role: String,
    /// Whether the user may sign in at all.
    #[serde(default = "yes")]
    pub is_active: bool,
    /// From when the account is valid; `null` for always.
    pub valid_from: Option<DateTime<Utc>>,
    /// Until when the account is valid; `null` for ever.
    pub valid_until: Option<DateTime<Utc>>,
}

impl Input for UserInput {
    fn check(&self, context: &Context, wrong: &mut FieldErrors) {
        check_phone(self.phone.as_deref(), context, wrong);
        check_moment("valid_from", self.valid_from, wrong);
        check_moment("valid_until", self.valid_until, wrong);
        if let (Some(from), Some(until)) = (self.valid_from, self.valid_until)
            && until <= from
        {
            wrong.add("valid_until", field::ENDS_BEFORE_BEGIN);
        }
    }
}

/// A new user: the editable fields, and a first password.
#[derive(Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "username": "a.ivanova", "full_name": "Анна Иванова", "email": "a.ivanova@example.com", "phone": "+79161234567",
    "role": "operator", "is_active": true, "valid_from": null, "valid_until": null, "password": "tram 17 to the lighthouse"
}))]
pub struct NewUser {
    /// The name to sign in with: Latin letters, digits, `.`, `_` and `-`; unique, case aside.
    #[validate(length(min = 3, max = 50), custom(function = "username_form"))]
    #[schema(min_length = 3, max_length = 50, pattern = r"^[A-Za-z0-9._-]+$")]
    pub username: String,
    /// The name for people.
    #[validate(length(min = 1, max = 200))]
    #[schema(min_length = 1, max_length = 200)]
    pub full_name: String,
    /// E-mail address.
    #[validate(email, length(max = 254))]
    #[schema(format = Email, max_length = 254)]
    pub email: Option<String>,
    /// Phone number in the country's form, digits after a plus.
    #[schema(pattern = r"^\+(7[0-9]{10}|996[0-9]{9})$")]
    pub phone: Option<String>,
    /// The role's name.
    #[validate(length(min = 1, max = 50))]
    #[schema(min_length = 1, max_length = 50)]
    pub role: String,
    /// Whether the user may sign in at all.
    #[serde(default = "yes")]
    pub is_active: bool,
    /// From when the account is valid; `null` for always.
    pub valid_from: Option<DateTime<Utc>>,
    /// Until when the account is valid; `null` for ever.
    pub valid_until: Option<DateTime<Utc>>,
    /// The first password: not easy to guess, and not the user name.
    #[validate(length(min = 10, max = 128))]
    #[schema(min_length = 10, max_length = 128, format = Password)]
    pub password: String,
}

impl Input for NewUser {
    fn check(&self, context: &Context, wrong: &mut FieldErrors) {
        self.profile().check(context, wrong);
        // how strong it is takes long to say, and is said once all else is right
        if !wrong.names("password") && password::is_username(&self.password, &self.username) {
            wrong.add("password", field::PASSWORD_IS_USERNAME);
        }
    }
}

impl NewUser {
    /// Everything but the password.
    pub fn profile(&self) -> UserInput {
        UserInput {
            username: self.username.clone(),
            full_name: self.full_name.clone(),
            email: self.email.clone(),
            phone: self.phone.clone(),
            role: self.role.clone(),
            is_active: self.is_active,
            valid_from: self.valid_from,
            valid_until: self.valid_until,
        }
    }
}

/// A user's single grants and denials on top of the role; they replace those there are.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"granted": ["payments:refund"], "denied": ["sims:puk"]}))]
pub struct UserPermissionsInput {
    /// What the user may do beyond the role.
    #[validate(length(max = 64))]
    #[schema(max_items = 64)]
    pub granted: Vec<Permission>,
    /// What the user may not do in spite of the role.
    #[validate(length(max = 64))]
    #[schema(max_items = 64)]
    pub denied: Vec<Permission>,
}

impl Input for UserPermissionsInput {
    fn check(&self, _context: &Context, wrong: &mut FieldErrors) {
        for (at, permission) in self.denied.iter().enumerate() {
            if self.granted.contains(permission) {
                wrong.add_at(format!("/denied/{at}"), field::GRANTED_AND_DENIED).with("permission", permission);
            }
        }
    }
}

/// How long and why a user is blocked.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"until": "2099-01-01T00:00:00Z", "reason": "Утеря служебного телефона"}))]
pub struct BlockInput {
    /// Until when; `null` without an end.
    pub until: Option<DateTime<Utc>>,
    /// Why.
    #[validate(length(min = 1, max = 500))]
    #[schema(min_length = 1, max_length = 500)]
    pub reason: String,
}

impl Input for BlockInput {
    fn check(&self, context: &Context, wrong: &mut FieldErrors) {
        check_moment("until", self.until, wrong);
        check_future("until", self.until, context, wrong);
    }
}

/// Which users a list shows.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct UserFilter {
    /// Those with the role of this name.
    pub role: Option<String>,
    /// Those that are active, or those that are not.
    pub is_active: Option<bool>,
    /// Those made at this moment or later.
    pub created_at_after: Option<DateTime<Utc>>,
    /// Those made at this moment or earlier.
    pub created_at_before: Option<DateTime<Utc>>,
    /// Any part of user name, full name, e-mail or phone.
    pub search: Option<String>,
}

/// Which roles a list shows.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct RoleFilter {
    /// Those that are built in, or those that are not.
    pub is_builtin: Option<bool>,
    /// Any part of name or title.
    pub search: Option<String>,
}

/// Which rows of the audit trail a list shows.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct AuditFilter {
    /// What the user of this name did, or the part of the system.
    pub actor: Option<String>,
    /// What the user with this id did.
    pub actor_id: Option<UserId>,
    /// What happened to things of this type, such as `user`.
    pub entity: Option<String>,
    /// What happened to the thing with this id.
    pub entity_id: Option<String>,
    /// What was done, such as `user.updated`.
    pub action: Option<String>,
    /// At this moment or later.
    pub at_after: Option<DateTime<Utc>>,
    /// At this moment or earlier.
    pub at_before: Option<DateTime<Utc>>,
}

const fn yes() -> bool {
    true
}

fn form(right: bool) -> Result<(), ValidationError> {
    if right { Ok(()) } else { Err(ValidationError::new(field::FORMAT).with_message(Cow::Borrowed(field::FORMAT))) }
}

fn username_form(name: &str) -> Result<(), ValidationError> {
    form(name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-')))
}

fn role_name_form(name: &str) -> Result<(), ValidationError> {
    let letter_first = name.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase());
    form(letter_first && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'-')))
}

fn check_phone(phone: Option<&str>, context: &Context, wrong: &mut FieldErrors) {
    let country = context.policy.country;
    if phone.is_some_and(|phone| !country.is_phone(phone)) {
        wrong.add("phone", field::PHONE).with("prefix", country.phone_prefix()).with("digits", country.phone_digits());
    }
}

fn check_moment(name: &str, moment: Option<DateTime<Utc>>, wrong: &mut FieldErrors) {
    if moment.is_some_and(|moment| !YEARS.contains(&moment.year())) {
        wrong.add(name, field::RANGE).with("min", YEARS.start()).with("max", YEARS.end());
    }
}

fn check_future(name: &str, moment: Option<DateTime<Utc>>, context: &Context, wrong: &mut FieldErrors) {
    if moment.is_some_and(|moment| moment <= context.now) && !wrong.names(name) {
        wrong.add(name, field::IN_THE_PAST);
    }
}
