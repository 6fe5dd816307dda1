//! The error type: a stable code with its kind, the wrong fields, and a cause that goes only to the log.

use std::{error::Error as StdError, fmt};

/// Success, or an [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The kind of an error; `api/problem.rs` maps each kind to an HTTP status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The request cannot be understood.
    Malformed,
    /// The caller is not signed in.
    Unauthenticated,
    /// The caller lacks a permission.
    Forbidden,
    /// The requested entity does not exist.
    NotFound,
    /// The path exists, but not with this method.
    WrongMethod,
    /// A duplicate, or impossible in the current state.
    Conflict,
    /// `If-Match` names a version that is not the current one.
    Stale,
    /// The request took too long to arrive.
    Slow,
    /// The body is over its limit.
    TooLarge,
    /// The media type of the body is not supported.
    WrongMediaType,
    /// The request is well-formed but breaks a rule.
    Invalid,
    /// Too many requests.
    TooMany,
    /// The database or another dependency is unavailable.
    Unavailable,
    /// An internal error of the server.
    Internal,
}

/// A stable, machine-readable error code; the locale files have its message under the same name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code {
    /// The kind of the error.
    pub kind: Kind,
    /// The value of `code` in the response, and the name of the message.
    pub name: &'static str,
}

/// Declares a module's codes and lists them in `ALL`, so that a test can check that each has a message in every language.
#[macro_export]
macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $kind:ident $wire:literal;)+) => {
        $($(#[$doc])* pub const $name: $crate::error::Code = $crate::error::Code { kind: $crate::error::Kind::$kind, name: $wire };)+
        /// Every code of this module.
        pub const ALL: &[$crate::error::Code] = &[$($name),+];
    };
}

/// Codes that any request may return.
pub mod common {
    crate::codes! {
        /// The request cannot be understood.
        MALFORMED = Malformed "malformed";
        /// A query parameter has an invalid value.
        INVALID_PARAMETER = Malformed "invalid_parameter";
        /// A query parameter is unknown; the error lists the known ones.
        UNKNOWN_PARAMETER = Malformed "unknown_parameter";
        /// The page is beyond the first 100 000 rows.
        PAGE_TOO_FAR = Malformed "page_too_far";
        /// The path does not exist.
        NO_SUCH_PATH = NotFound "no_such_path";
        /// The path exists, but not with this method.
        METHOD_NOT_ALLOWED = WrongMethod "method_not_allowed";
        /// The page is of an origin that may not call this server.
        ORIGIN_NOT_ALLOWED = Forbidden "origin_not_allowed";
        /// A browser asks for a header or a method that other origins may not use.
        PREFLIGHT_REFUSED = Malformed "preflight_refused";
        /// The row has changed since the caller read it.
        STALE = Stale "stale_version";
        /// The body did not arrive in time.
        BODY_TIMEOUT = Slow "body_timeout";
        /// The body is over its limit.
        BODY_TOO_LARGE = TooLarge "body_too_large";
        /// The media type of the body is not supported.
        UNSUPPORTED_MEDIA_TYPE = WrongMediaType "unsupported_media_type";
        /// One or more fields are wrong.
        INVALID = Invalid "invalid";
        /// A sum exceeds the largest amount.
        AMOUNT_OUT_OF_RANGE = Invalid "amount_out_of_range";
        /// The idempotency key was used with a different request.
        IDEMPOTENCY_KEY_REUSED = Invalid "idempotency_key_reused";
        /// The first request with the idempotency key is still running.
        IDEMPOTENCY_KEY_IN_USE = Conflict "idempotency_key_in_use";
        /// A unique value is taken.
        DUPLICATE = Conflict "duplicate";
        /// Another row refers to this one.
        IN_USE = Conflict "in_use";
        /// Too many requests.
        TOO_MANY_REQUESTS = TooMany "too_many_requests";
        /// The database did not respond in time.
        DATABASE_AWAY = Unavailable "database_away";
        /// The database has no space left, or its disk fails.
        DATABASE_FULL = Unavailable "database_full";
        /// The file store did not respond.
        FILES_AWAY = Unavailable "files_away";
        /// Only an empty database can be filled.
        DATABASE_NOT_EMPTY = Conflict "database_not_empty";
        /// An internal error; the log has its cause under the request id.
        INTERNAL = Internal "internal";
    }
}

/// Codes of wrong fields.
pub mod field {
    macro_rules! field_codes {
        ($($(#[$doc:meta])* $name:ident = $wire:literal;)+) => {
            $($(#[$doc])* pub const $name: &str = $wire;)+
            /// Every field code.
            pub const ALL: &[&str] = &[$($name),+];
        };
    }
    field_codes! {
        /// The field is required.
        REQUIRED = "required";
        /// The field is unknown.
        UNKNOWN = "unknown_field";
        /// The field is read-only, and the value differs from the current one.
        READ_ONLY = "read_only";
        /// The value has the wrong JSON type.
        TYPE = "invalid_type";
        /// The text does not have the field's format.
        FORMAT = "invalid_format";
        /// The value begins with a prefix that is reserved for the system.
        RESERVED = "reserved_prefix";
        /// Not one of the field's choices.
        CHOICE = "invalid_choice";
        /// Too short or too long.
        LENGTH = "invalid_length";
        /// Too small or too large.
        RANGE = "out_of_range";
        /// Not a positive id.
        RANGE_ID = "invalid_id";
        /// The text contains a control character.
        CONTROL_CHARACTER = "control_character";
        /// Not an amount of money.
        AMOUNT = "invalid_amount";
        /// Not a percentage from 0 to 100.
        PERCENT = "invalid_percent";
        /// Not a quantity.
        QUANTITY = "invalid_quantity";
        /// Not an e-mail address.
        EMAIL = "invalid_email";
        /// Not a phone number in the country's format.
        PHONE = "invalid_phone";
        /// Not a tax number in the country's format.
        INN = "invalid_inn";
        /// Not a document number in the country's format.
        DOCUMENT = "invalid_document";
        /// The person's age does not allow a contract.
        AGE = "invalid_age";
        /// Not an ICCID.
        ICCID = "invalid_iccid";
        /// The moment is in the past.
        IN_THE_PAST = "in_the_past";
        /// The end comes before the beginning.
        ENDS_BEFORE_BEGIN = "ends_before_begin";
        /// Refers to something that does not exist.
        NOT_FOUND = "not_found";
        /// Another row has this value.
        DUPLICATE = "duplicate_value";
        /// The permission does not exist.
        UNKNOWN_PERMISSION = "unknown_permission";
        /// The permission is both granted and denied.
        GRANTED_AND_DENIED = "granted_and_denied";
        /// The password is too easy to guess.
        WEAK_PASSWORD = "weak_password";
        /// The password is the user's name.
        PASSWORD_IS_USERNAME = "password_is_username";
        /// The current password does not match.
        WRONG_PASSWORD = "wrong_password";
        /// Does not belong to the same entity as the rest of the request.
        MISMATCH = "mismatch";
        /// The user may not work on tickets.
        ASSIGNEE_CANNOT_WORK = "assignee_cannot_work";
        /// The file is not UTF-8 text.
        ENCODING = "wrong_encoding";
        /// The file is empty.
        FILE_EMPTY = "file_empty";
        /// The type of the file is not allowed.
        FILE_TYPE = "file_type_not_allowed";
        /// The content of the file does not match its name or its declared type.
        FILE_MISMATCH = "file_type_mismatch";
        /// A template uses a placeholder that its messages do not have.
        UNKNOWN_PLACEHOLDER = "unknown_placeholder";
        /// Braces that do not form a placeholder.
        PLACEHOLDER_FORM = "invalid_placeholder";
        /// Not the URL of a web server.
        URL = "invalid_url";
        /// The address belongs to this machine or to a private network.
        URL_NOT_PUBLIC = "url_not_public";
    }
}

/// One wrong field.
#[derive(Clone, Debug)]
pub struct FieldError {
    /// JSON pointer into the body, or the parameter's name.
    pub pointer: String,
    /// One of [`field::ALL`].
    pub code: &'static str,
    /// Values for the message.
    pub args: Vec<(&'static str, String)>,
    /// The row that already has the value, if the caller may see it.
    pub existing_id: Option<i64>,
}

/// All wrong fields of one request, or the first [`MOST`](Self::MOST).
#[derive(Clone, Debug, Default)]
pub struct FieldErrors(pub Vec<FieldError>);

impl FieldErrors {
    /// Wrong fields that are kept: more than any person mends at once, and far fewer than a body of mistakes could have.
    pub const MOST: usize = 100;

    /// Whether looking for more is of no use.
    pub fn is_full(&self) -> bool {
        self.0.len() >= Self::MOST
    }

    /// Adds a wrong top-level field.
    pub fn add(&mut self, name: &str, code: &'static str) -> &mut FieldError {
        self.add_at(format!("/{name}"), code)
    }

    /// Adds a wrong value at a JSON pointer; where there are enough, in the place of the last.
    pub fn add_at(&mut self, pointer: String, code: &'static str) -> &mut FieldError {
        self.0.truncate(Self::MOST - 1);
        self.0.push(FieldError { pointer, code, args: Vec::new(), existing_id: None });
        let last = self.0.len() - 1;
        &mut self.0[last]
    }

    /// Whether this top-level field is already listed as wrong.
    pub fn names(&self, field: &str) -> bool {
        self.0.iter().any(|wrong| wrong.pointer.strip_prefix('/').is_some_and(|path| path.split('/').next() == Some(field)))
    }

    /// Succeeds when no field is wrong. Errors: `invalid` with every field.
    pub fn into_result(self) -> Result<()> {
        self.into_error(common::INVALID)
    }

    /// Succeeds when no field is wrong; otherwise fails with this code and every field.
    pub fn into_error(self, code: Code) -> Result<()> {
        if self.0.is_empty() { Ok(()) } else { Err(Error::new(code).fields(self)) }
    }
}

impl FieldError {
    /// Adds a value for the message.
    pub fn with(&mut self, name: &'static str, value: impl fmt::Display) -> &mut Self {
        self.args.push((name, value.to_string()));
        self
    }
}

/// An error that the API returns: a refused request or a failure of the server.
pub struct Error(Box<Inner>);

struct Inner {
    code: Code,
    args: Vec<(&'static str, String)>,
    fields: FieldErrors,
    retry_after: Option<u64>,
    transient: Option<Transient>,
    cause: Option<Box<dyn StdError + Send + Sync>>,
}

/// Why a retry may succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transient {
    /// Two transactions collided; nothing was changed.
    Collision,
    /// The connection broke.
    Connection,
    /// Another transaction holds the row with this key, and the statement did not wait for it; nothing was changed.
    Occupied(u64),
}

impl Error {
    /// An error with this code.
    pub fn new(code: Code) -> Self {
        Self(Box::new(Inner { code, args: Vec::new(), fields: FieldErrors::default(), retry_after: None, transient: None, cause: None }))
    }

    /// An `invalid` error for one wrong field.
    pub fn of_field(name: &str, code: &'static str) -> Self {
        let mut wrong = FieldErrors::default();
        wrong.add(name, code);
        Self::new(common::INVALID).fields(wrong)
    }

    /// An internal error; the cause goes only to the log.
    pub fn internal(cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::new(common::INTERNAL).cause(cause)
    }

    /// Adds a value for the message.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl fmt::Display) -> Self {
        self.0.args.push((name, value.to_string()));
        self
    }

    /// Adds the wrong fields, as many as are kept.
    #[must_use]
    pub fn fields(mut self, mut fields: FieldErrors) -> Self {
        fields.0.truncate(FieldErrors::MOST);
        self.0.fields = fields;
        self
    }

    /// Sets after how many seconds to retry.
    #[must_use]
    pub fn retry_after(mut self, seconds: u64) -> Self {
        self.0.retry_after = Some(seconds);
        self
    }

    /// Sets the underlying cause, for the log.
    #[must_use]
    pub fn cause(mut self, cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.cause = Some(cause.into());
        self
    }

    /// Marks that a retry may succeed.
    #[must_use]
    pub fn transient(mut self, why: Transient) -> Self {
        self.0.transient = Some(why);
        self
    }

    /// The stable code.
    pub fn code(&self) -> Code {
        self.0.code
    }

    /// The kind of the error.
    pub fn kind(&self) -> Kind {
        self.0.code.kind
    }

    /// Values for the message.
    pub fn args(&self) -> &[(&'static str, String)] {
        &self.0.args
    }

    /// The wrong fields.
    pub fn wrong_fields(&self) -> &[FieldError] {
        &self.0.fields.0
    }

    /// After how many seconds to retry, if known.
    pub fn seconds_to_wait(&self) -> Option<u64> {
        self.0.retry_after
    }

    /// Why a retry may succeed, if it may.
    pub fn is_transient(&self) -> Option<Transient> {
        self.0.transient
    }
}

impl From<Code> for Error {
    fn from(code: Code) -> Self {
        Self::new(code)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.code.name)?;
        for (name, value) in &self.0.args {
            write!(f, " {name}={value}")?;
        }
        for wrong in &self.0.fields.0 {
            write!(f, " {}:{}", wrong.pointer, wrong.code)?;
        }
        if let Some(cause) = &self.0.cause {
            write!(f, ": {cause}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.cause.as_deref().map(|cause| cause as _)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_unique_and_plain() {
        let names: Vec<&str> = common::ALL.iter().map(|code| code.name).chain(field::ALL.iter().copied()).collect();
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
        assert!(names.iter().all(|name| name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')), "{names:?}");
    }

    #[test]
    fn a_field_is_known_to_be_wrong_by_anything_within_it_and_nothing_beside_it() {
        let mut wrong = FieldErrors::default();
        wrong.add_at("/permissions/1".to_owned(), field::UNKNOWN_PERMISSION);
        wrong.add("name", field::REQUIRED);
        assert!(wrong.names("permissions") && wrong.names("name"));
        assert!(!wrong.names("perm") && !wrong.names("1") && !wrong.names("permissions/1") && !wrong.names(""));
    }

    #[test]
    fn nothing_wrong_is_no_error_and_anything_is_one_with_every_field() {
        assert!(FieldErrors::default().into_result().is_ok());
        let mut wrong = FieldErrors::default();
        wrong.add("a", field::REQUIRED);
        wrong.add("b", field::LENGTH).with("min", 1).with("max", 2);
        let error = wrong.into_error(common::INVALID_PARAMETER).unwrap_err();
        assert_eq!((error.code(), error.kind(), error.wrong_fields().len()), (common::INVALID_PARAMETER, Kind::Malformed, 2));
        assert_eq!(error.wrong_fields()[1].args, [("min", "1".to_owned()), ("max", "2".to_owned())]);
    }

    #[test]
    fn the_log_has_the_cause_and_the_caller_s_part_does_not() {
        let error = Error::internal("disk on fire").with("name", "x").retry_after(3).transient(Transient::Collision);
        assert_eq!(error.to_string(), "internal name=x: disk on fire");
        assert_eq!(error.source().unwrap().to_string(), "disk on fire");
        assert_eq!(
            (error.args(), error.seconds_to_wait(), error.is_transient()),
            (&[("name", "x".to_owned())][..], Some(3), Some(Transient::Collision))
        );
        assert!(error.wrong_fields().is_empty());
    }
}
