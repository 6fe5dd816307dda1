//! Reading settings: each has a name, a type, a default, and an error that names it.
//!
//! A feature reads its own section from a [`Reader`]; the program combines the sections.

use std::{collections::BTreeMap, fmt, io, str::FromStr};

use crate::Secret;

/// A setting with an invalid value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrongSetting {
    /// The name of the variable.
    pub name: &'static str,
    /// A description of the valid values.
    pub expected: &'static str,
}

impl fmt::Display for WrongSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // without the value: it may be a secret
        write!(f, "{}: expected {}", self.name, self.expected)
    }
}

/// Why the program cannot start or a command cannot run, as one sentence for the person at the terminal.
///
/// It names the setting or the path, the cause and the remedy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StartError {
    about: String,
    cause: String,
    remedy: String,
    is_wrong_setting: bool,
}

impl StartError {
    /// `about` is a setting or a path, `cause` what is wrong with it, `remedy` what to do.
    pub fn new(about: impl Into<String>, cause: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { about: about.into(), cause: cause.into(), remedy: remedy.into(), is_wrong_setting: false }
    }

    /// Marks that the cause is the value of a setting itself, and not the state of the machine or of another server.
    #[must_use]
    pub fn wrong_setting(self) -> Self {
        Self { is_wrong_setting: true, ..self }
    }

    /// Whether the cause is the value of a setting itself.
    pub const fn is_wrong_setting(&self) -> bool {
        self.is_wrong_setting
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; {}", self.about, self.cause, self.remedy)
    }
}

impl std::error::Error for StartError {}

/// What an operating-system error means, in words.
pub fn io_cause(error: &io::Error) -> String {
    use io::ErrorKind as K;
    let words = match error.kind() {
        K::PermissionDenied => "permission denied",
        K::NotFound => "it does not exist",
        K::AlreadyExists => "it exists already",
        K::AddrInUse => "another process uses it",
        K::AddrNotAvailable => "this machine does not have it",
        K::ConnectionRefused => "nothing listens there",
        K::ConnectionReset | K::ConnectionAborted | K::BrokenPipe | K::UnexpectedEof => "the connection was closed",
        K::TimedOut => "no response in time",
        K::HostUnreachable | K::NetworkUnreachable => "it cannot be reached",
        K::NotADirectory => "a part of the path is not a folder",
        K::IsADirectory => "it is a folder",
        K::ReadOnlyFilesystem => "the file system is read-only",
        K::StorageFull | K::QuotaExceeded => "no space is left",
        K::InvalidData => "it is not UTF-8 text",
        _ => return without_number(&error.to_string()),
    };
    words.to_owned()
}

/// The words of an operating-system error without its number.
fn without_number(words: &str) -> String {
    words.split(" (os error").next().unwrap_or_default().to_lowercase()
}

/// Reads settings from variables and collects the invalid ones.
pub struct Reader<'a> {
    variables: &'a BTreeMap<String, String>,
    wrong: Vec<WrongSetting>,
}

impl<'a> Reader<'a> {
    /// A reader of these variables.
    pub fn new(variables: &'a BTreeMap<String, String>) -> Self {
        Self { variables, wrong: Vec::new() }
    }

    /// The trimmed value; `None` if it is absent or blank.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(|value| value.trim()).filter(|value| !value.is_empty())
    }

    /// The parsed value, or `default` if it is absent or invalid; an invalid value is recorded.
    pub fn parsed<T>(&mut self, name: &'static str, expected: &'static str, parse: impl Fn(&str) -> Option<T>, default: T) -> T {
        match self.text(name).map(|text| parse(text).filter(|_| !text.contains(char::REPLACEMENT_CHARACTER))) {
            None => default,
            Some(Some(value)) => value,
            Some(None) => {
                self.wrong.push(WrongSetting { name, expected });
                default
            }
        }
    }

    /// A whole number within a range.
    pub fn number(&mut self, name: &'static str, expected: &'static str, range: std::ops::RangeInclusive<i64>, default: i64) -> i64 {
        self.parsed(name, expected, |text| text.parse().ok().filter(|value| range.contains(value)), default)
    }

    /// Items separated by commas; empty if the value is absent.
    pub fn listed<T>(&mut self, name: &'static str, expected: &'static str, parse: impl Fn(&str) -> Option<T>) -> Vec<T> {
        let items = |text: &str| text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(&parse).collect();
        self.parsed(name, expected, items, Vec::new())
    }

    /// A secret of at least `shortest` bytes.
    pub fn secret(&mut self, name: &'static str, expected: &'static str, shortest: usize) -> Option<Secret> {
        self.parsed(name, expected, |text| (text.len() >= shortest).then(|| Some(Secret::new(text.to_owned()))), None)
    }

    /// Whether a setting was recorded as invalid.
    pub fn is_wrong(&self, name: &str) -> bool {
        self.wrong.iter().any(|wrong| wrong.name == name)
    }

    /// Records a setting as invalid, unless it already is.
    pub fn refuse(&mut self, name: &'static str, expected: &'static str) {
        if !self.is_wrong(name) {
            self.wrong.push(WrongSetting { name, expected });
        }
    }

    /// All invalid settings, in the order in which they were read.
    pub fn wrong(&self) -> &[WrongSetting] {
        &self.wrong
    }
}

/// Parses a text with the type's `FromStr`.
pub fn parse_text<T: FromStr>(text: &str) -> Option<T> {
    text.parse().ok()
}

/// Parses `on` and `off`.
pub fn on_or_off(text: &str) -> Option<bool> {
    match text {
        "on" => Some(true),
        "off" => Some(false),
        _ => None,
    }
}

/// The web origin in a text: a scheme and a host without a path; `None` for anything else.
pub fn web_origin(text: &str) -> Option<String> {
    let text = text.trim_end_matches('/');
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"))?;
    let plain = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '-' | ':' | '[' | ']');
    (!host.is_empty() && host.chars().all(plain)).then(|| text.to_owned())
}
