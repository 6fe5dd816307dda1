//! Request bodies and list filters, with their rules.
//!
//! Types that hold a password or a token derive neither `Debug` nor `Serialize`, so that neither can appear in a log.

use std::borrow::Cow;

use chrono::{DateTime, Datelike, Utc};
use kernel::{
    Context, FieldErrors, Input, Several,
    error::field,
    id::{ApiTokenId, UserId},
    phone::{check_contact, normalize_contact},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use validator::{Validate, ValidationError};

use crate::{password, permission::Permission};

/// Years that are allowed in a time: four digits, as RFC 3339 requires and both engines sort them.
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

/// A change of the caller's own password.
#[derive(Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"current_password": "correct horse battery staple", "new_password": "tram 17 to the lighthouse"}))]
pub struct ChangePasswordInput {
    /// The current password.
    #[validate(length(min = 1, max = 128))]
    #[schema(min_length = 1, max_length = 128, format = Password)]
    pub current_password: String,
    /// The new password: not easy to guess, and not the user name.
    #[validate(length(min = 10, max = 128))]
    #[schema(min_length = 10, max_length = 128, format = Password)]
    pub new_password: String,
}

impl Input for ChangePasswordInput {}

/// A new password for another user.
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

/// A new script token.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "nightly export", "permissions": ["customers:export"], "expires_at": "2099-01-01T00:00:00Z"}))]
pub struct ApiTokenInput {
    /// The name that the owner gives the token.
    #[validate(length(min = 1, max = 100))]
    #[schema(min_length = 1, max_length = 100)]
    pub name: String,
    /// The permissions of the token, out of the owner's.
    #[validate(length(min = 1, max = 64))]
    #[schema(min_items = 1, max_items = 64)]
    pub permissions: Vec<Permission>,
    /// When the token expires; `null` for never.
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
    /// The name, which a user's `role` refers to: lower-case Latin letters, digits, `_` and `-`, beginning with a letter.
    #[validate(length(min = 2, max = 50), custom(function = "role_name_form"))]
    #[schema(min_length = 2, max_length = 50, pattern = r"^[a-z][a-z0-9_-]*$")]
    pub name: String,
    /// The title that is displayed.
    #[validate(length(min = 1, max = 100))]
    #[schema(min_length = 1, max_length = 100)]
    pub title: String,
    /// What the role is for.
    #[serde(default)]
    #[validate(length(max = 1000))]
    #[schema(max_length = 1000)]
    pub description: String,
    /// The permissions of the role.
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
    /// The name to sign in with: Latin letters, digits, `.`, `_` and `-`; unique, ignoring case.
    #[validate(length(min = 3, max = 50), custom(function = "username_form"))]
    #[schema(min_length = 3, max_length = 50, pattern = r"^[A-Za-z0-9._-]+$")]
    pub username: String,
    /// The full name.
    #[validate(length(min = 1, max = 200))]
    #[schema(min_length = 1, max_length = 200)]
    pub full_name: String,
    /// E-mail address.
    #[validate(custom(function = "kernel::email::valid"), length(max = 254))]
    #[schema(format = Email, max_length = 254)]
    pub email: Option<String>,
    /// Phone number of any country, in any notation.
    #[schema(max_length = 40)]
    pub phone: Option<String>,
    /// The role's name.
    #[validate(length(min = 1, max = 50))]
    #[schema(min_length = 1, max_length = 50)]
    pub role: String,
    /// Whether the user may sign in at all.
    #[serde(default = "yes")]
    pub is_active: bool,
    /// When the account becomes valid; `null` for no limit.
    pub valid_from: Option<DateTime<Utc>>,
    /// When the account stops being valid; `null` for no limit.
    pub valid_until: Option<DateTime<Utc>>,
}

impl Input for UserInput {
    fn normalize(&mut self, context: &Context) {
        self.phone.iter_mut().for_each(|phone| normalize_contact(phone, context.policy.country));
    }

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

/// A new user: the editable fields and the first password.
#[derive(Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
// in the document not `NewUser`, which is how Go names the constructor of a `User`
#[schema(as = UserCreateInput, example = json!({
    "username": "a.ivanova", "full_name": "Анна Иванова", "email": "a.ivanova@example.com", "phone": "+79161234567",
    "role": "operator", "is_active": true, "valid_from": null, "valid_until": null, "password": "tram 17 to the lighthouse"
}))]
pub struct NewUser {
    /// The name to sign in with: Latin letters, digits, `.`, `_` and `-`; unique, ignoring case.
    #[validate(length(min = 3, max = 50), custom(function = "username_form"))]
    #[schema(min_length = 3, max_length = 50, pattern = r"^[A-Za-z0-9._-]+$")]
    pub username: String,
    /// The full name.
    #[validate(length(min = 1, max = 200))]
    #[schema(min_length = 1, max_length = 200)]
    pub full_name: String,
    /// E-mail address.
    #[validate(custom(function = "kernel::email::valid"), length(max = 254))]
    #[schema(format = Email, max_length = 254)]
    pub email: Option<String>,
    /// Phone number of any country, in any notation.
    #[schema(max_length = 40)]
    pub phone: Option<String>,
    /// The role's name.
    #[validate(length(min = 1, max = 50))]
    #[schema(min_length = 1, max_length = 50)]
    pub role: String,
    /// Whether the user may sign in at all.
    #[serde(default = "yes")]
    pub is_active: bool,
    /// When the account becomes valid; `null` for no limit.
    pub valid_from: Option<DateTime<Utc>>,
    /// When the account stops being valid; `null` for no limit.
    pub valid_until: Option<DateTime<Utc>>,
    /// The first password: not easy to guess, and not the user name.
    #[validate(length(min = 10, max = 128))]
    #[schema(min_length = 10, max_length = 128, format = Password)]
    pub password: String,
}

impl Input for NewUser {
    fn normalize(&mut self, context: &Context) {
        self.phone.iter_mut().for_each(|phone| normalize_contact(phone, context.policy.country));
    }

    fn check(&self, context: &Context, wrong: &mut FieldErrors) {
        self.profile().check(context, wrong);
        // how strong it is takes long to say, and is said once all else is right
        if !wrong.names("password") && password::is_username(&self.password, &self.username) {
            wrong.add("password", field::PASSWORD_IS_USERNAME);
        }
    }
}

impl NewUser {
    /// All fields except the password.
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

/// A user's single grants and denials in addition to the role; they replace the existing ones.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"granted": ["payments:refund"], "denied": ["sims:puk"]}))]
pub struct UserPermissionsInput {
    /// Permissions in addition to the role's.
    #[validate(length(max = 64))]
    #[schema(max_items = 64)]
    pub granted: Vec<Permission>,
    /// Permissions of the role that the user does not have.
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
    /// When the block ends; `null` for no end.
    pub until: Option<DateTime<Utc>>,
    /// The reason for the block.
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

/// The filters of a list of users.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct UserFilter {
    /// Users with the role of this name.
    pub role: Option<String>,
    /// Active users, or inactive ones.
    pub is_active: Option<bool>,
    /// Users created at this time or later.
    pub created_at_after: Option<DateTime<Utc>>,
    /// Users created at this time or earlier.
    pub created_at_before: Option<DateTime<Utc>>,
    /// Any part of the user name, full name, e-mail address or phone number.
    pub search: Option<String>,
}

/// The filters of a list of roles.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct RoleFilter {
    /// Built-in roles, or custom ones.
    pub is_builtin: Option<bool>,
    /// Any part of the name or title.
    pub search: Option<String>,
}

/// The filters of a list of audit rows.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct AuditFilter {
    /// Actions of the user or the part of the system with this name.
    pub actor: Option<String>,
    /// Actions of the user with this id.
    #[param(value_type = Option<Vec<UserId>>)]
    pub actor_id: Option<Several<UserId>>,
    /// Actions of the script token with this id.
    #[param(value_type = Option<Vec<ApiTokenId>>)]
    pub token_id: Option<Several<ApiTokenId>>,
    /// Rows about entities of this type, such as `user`.
    pub entity: Option<String>,
    /// Rows about the entity with this id.
    pub entity_id: Option<String>,
    /// Rows of this action, such as `user.updated`.
    pub action: Option<String>,
    /// Rows of this time or later.
    pub at_after: Option<DateTime<Utc>>,
    /// Rows of this time or earlier.
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
    if let Some(phone) = phone {
        check_contact("phone", phone, context.policy.country, wrong);
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
