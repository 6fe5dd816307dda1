//! The variables that settings are read from: the environment and the file `.env`.

use std::{collections::BTreeMap, ffi::OsString, fs, io, path::Path};

use kernel::settings::{StartError, io_cause};

/// The name of the file.
pub const FILE: &str = ".env";

/// Every setting with its default, as the file to copy shows them.
const EXAMPLE: &str = include_str!("../../../.env.example");

/// The settings of `docker-compose.yml` alone, which the program does not read.
const OF_COMPOSE: [&str; 1] = ["POSTGRES_PASSWORD"];

/// Where the value of a variable comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The environment of the process.
    Environment,
    /// This line of `.env`.
    Line(usize),
}

/// Variables with their sources.
#[derive(Clone, Debug, Default)]
pub struct Variables {
    values: BTreeMap<String, String>,
    lines: BTreeMap<String, usize>,
    warnings: Vec<String>,
}

impl Variables {
    /// Reads `.env`, if there is one, and the environment, which takes precedence. Errors name the line.
    pub fn read() -> Result<Self, StartError> {
        let mut variables = Self::of_file(Path::new(FILE))?;
        // the replacement character of invalid UTF-8 makes the value invalid
        let lossy = |text: OsString| text.to_string_lossy().into_owned();
        for (name, value) in std::env::vars_os() {
            let name = lossy(name);
            variables.lines.remove(&name);
            variables.values.insert(name, lossy(value));
        }
        Ok(variables)
    }

    fn of_file(path: &Path) -> Result<Self, StartError> {
        let bytes = match fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(StartError::new(FILE, io_cause(&error), "let the user of the program read the file")),
        };
        let text = std::str::from_utf8(&bytes).map_err(|error| {
            let line = 1 + bytes[..error.valid_up_to()].iter().filter(|byte| **byte == b'\n').count();
            wrong(line, "it is not UTF-8 text", "save the file as UTF-8")
        })?;
        let mut variables = Self::default();
        // some editors begin a file with a byte order mark
        for (at, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
            if let Some((name, value)) = setting(line, at + 1)? {
                variables.take(name, value, at + 1);
            }
        }
        Ok(variables)
    }

    fn take(&mut self, name: &str, value: String, line: usize) {
        if !is_known(name) {
            let nearest = known().map(|(known, _)| (strsim::osa_distance(known, name), known)).min().filter(|(away, _)| *away <= 3);
            let hint = nearest.map(|(_, known)| format!("; did you mean {known}?")).unwrap_or_default();
            self.warnings.push(format!("{FILE}, line {line}: {name} is not a setting{hint}"));
        }
        if let Some(earlier) = self.lines.insert(name.to_owned(), line) {
            self.warnings.push(format!("{FILE}, line {line}: {name} is set again; line {earlier} has no effect"));
        }
        self.values.insert(name.to_owned(), value);
    }

    /// The values by name.
    pub fn values(&self) -> &BTreeMap<String, String> {
        &self.values
    }

    /// Where the value comes from; `None` if the variable is not set or empty.
    pub fn source(&self, name: &str) -> Option<Source> {
        self.values.get(name).filter(|value| !value.trim().is_empty())?;
        Some(self.lines.get(name).map_or(Source::Environment, |line| Source::Line(*line)))
    }

    /// What is probably a mistake in `.env`, but no reason not to start.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }
}

/// The names of all settings with their defaults, in the order of `.env.example`; an empty default depends on the machine or on other
/// settings.
pub fn known() -> impl Iterator<Item = (&'static str, &'static str)> {
    EXAMPLE.lines().filter_map(|line| line.strip_prefix('#')?.split_once('=').filter(|(name, _)| is_name(name)))
}

/// The settings that the program reads.
pub fn read_by_the_program() -> impl Iterator<Item = (&'static str, &'static str)> {
    known().filter(|(name, _)| !OF_COMPOSE.contains(name))
}

fn is_known(name: &str) -> bool {
    name.starts_with("COMPOSE_") || known().any(|(known, _)| known == name)
}

fn is_name(text: &str) -> bool {
    text.bytes().next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn wrong(line: usize, cause: &str, remedy: &str) -> StartError {
    StartError::new(format!("{FILE}, line {line}"), cause, remedy).wrong_setting()
}

/// The name and the value in a line; `None` for a blank line and a comment.
fn setting(line: &str, number: usize) -> Result<Option<(&str, String)>, StartError> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let line = line.strip_prefix("export ").unwrap_or(line);
    let (name, value) = line.split_once('=').map(|(name, value)| (name.trim(), value.trim())).unwrap_or_default();
    if !is_name(name) {
        return Err(wrong(number, "it is not of the form NAME=value", "correct the line, or begin it with #"));
    }
    let value = match value.as_bytes().first() {
        // whatever is between single quotes means itself
        Some(b'\'') => return Ok(Some((name, quoted(&value[1..], '\'', number)?))),
        Some(b'"') => quoted(&value[1..], '"', number)?,
        _ => plain(value).to_owned(),
    };
    // Docker Compose and shells put the value of the other variable here
    if value.contains("${") {
        let remedy = "write the value out, or put it between single quotes if it really has these characters";
        return Err(wrong(number, "references to other variables, such as ${NAME}, are not replaced", remedy));
    }
    Ok(Some((name, value)))
}

/// A value without quotes ends at a comment.
fn plain(value: &str) -> &str {
    if value.starts_with('#') {
        return "";
    }
    let comment = value.char_indices().zip(value.chars().skip(1)).find(|((_, before), hash)| before.is_whitespace() && *hash == '#');
    comment.map_or(value, |((at, _), _)| value[..at].trim_end())
}

/// The value up to the closing quote. Between double quotes a backslash keeps the next character from having a meaning.
fn quoted(rest: &str, quote: char, number: usize) -> Result<String, StartError> {
    let mut value = String::new();
    let mut letters = rest.chars();
    loop {
        match letters.next() {
            Some(letter) if letter == quote => break,
            Some('\\') if quote == '"' => match letters.next() {
                Some('n') => value.push('\n'),
                Some(letter) => value.push(letter),
                None => return Err(unclosed(number)),
            },
            Some(letter) => value.push(letter),
            None => return Err(unclosed(number)),
        }
    }
    let after = letters.as_str().trim();
    if after.is_empty() || after.starts_with('#') {
        return Ok(value);
    }
    let remedy = "put the whole value between quotes, or use the other kind of quotes";
    Err(wrong(number, "there is text after the closing quote", remedy))
}

fn unclosed(number: usize) -> StartError {
    wrong(number, "the quote is not closed on its line", "close it, or put the value between the other kind of quotes")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(line: &str) -> String {
        setting(line, 1).unwrap().unwrap().1
    }

    #[test]
    fn values_are_what_people_mean() {
        for (line, meant) in [
            ("SMTP_FROM=Telecom <noreply@example.com>", "Telecom <noreply@example.com>"),
            ("ADMIN_PASSWORD=pa$word and 100 % more", "pa$word and 100 % more"),
            ("ADMIN_PASSWORD='pa${x}word # \"1\"'", "pa${x}word # \"1\""),
            ("ADMIN_PASSWORD=\"it's \\\"so\\\" \\\\ \"  # a comment", "it's \"so\" \\ "),
            ("  export COUNTRY = kg  # Bishkek", "kg"),
            ("COUNTRY=# none", ""),
            ("JWT_SECRET=a#b#c", "a#b#c"),
            ("BIND=", ""),
            ("URL=postgres://u:p@h/d?options=-c%20x=1", "postgres://u:p@h/d?options=-c%20x=1"),
        ] {
            assert_eq!(value(line), meant, "{line}");
        }
        assert!(setting("# COUNTRY=kg", 1).unwrap().is_none() && setting(" \t", 1).unwrap().is_none());
    }

    #[test]
    fn what_cannot_be_read_is_named_by_its_line_and_not_shown() {
        for line in
            ["hunter2", "=hunter2", "MY NAME=hunter2", "A=\"hunter2", "A='hunter2", "A=\"hunter2\" more", "A=${B}hunter2", "A=\"x\\"]
        {
            let refusal = setting(line, 7).unwrap_err();
            assert!(refusal.is_wrong_setting());
            let refusal = refusal.to_string();
            assert!(refusal.starts_with(".env, line 7: ") && !refusal.contains("hunter2"), "{line}: {refusal}");
        }
    }

    #[test]
    fn a_misspelled_name_and_a_repeated_one_are_noticed() {
        let mut variables = Variables::default();
        variables.take("CUONTRY", "kg".into(), 3);
        variables.take("SOMETHING_ELSE_ENTIRELY", "1".into(), 4);
        variables.take("COUNTRY", "kg".into(), 5);
        variables.take("COUNTRY", "kz".into(), 6);
        variables.take("COMPOSE_PROJECT_NAME", "crm".into(), 7);
        assert_eq!(
            variables.warnings(),
            [
                ".env, line 3: CUONTRY is not a setting; did you mean COUNTRY?",
                ".env, line 4: SOMETHING_ELSE_ENTIRELY is not a setting",
                ".env, line 6: COUNTRY is set again; line 5 has no effect"
            ]
        );
        assert_eq!((variables.source("COUNTRY"), variables.source("BIND")), (Some(Source::Line(6)), None));
    }
}
