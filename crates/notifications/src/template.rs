//! Texts with placeholders such as `{{amount}}`; all other text is literal.

use std::{
    collections::{BTreeMap, HashMap},
    sync::LazyLock,
};

use database::EventKind;
use kernel::{Error, FieldErrors, Result, error::field};

use crate::{
    audience,
    model::{Channel, Language},
};

/// The maximum length of a message, in characters: placeholder values can make it longer than its template.
const MOST_OF_TEXT: usize = 10_000;
/// The maximum length of a text message, so that it has at most about ten parts.
const MOST_OF_SMS: usize = 700;
/// The maximum length of a subject line.
const MOST_OF_SUBJECT: usize = 300;

/// A parsed text.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Pattern(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Value(String),
}

/// An error in a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Fault {
    /// Unclosed or empty braces.
    Form,
    /// A placeholder that messages of this kind do not have.
    Unknown(String),
}

impl Pattern {
    fn parse(text: &str, known: &[&str]) -> Result<Self, Fault> {
        let (mut parts, mut rest) = (Vec::new(), text);
        while let Some((before, after)) = rest.split_once("{{") {
            let (name, behind) = after.split_once("}}").ok_or(Fault::Form)?;
            let name = name.trim();
            if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_') {
                return Err(Fault::Form);
            }
            if !known.contains(&name) {
                return Err(Fault::Unknown(name.to_owned()));
            }
            parts.extend([Part::Text(before.to_owned()), Part::Value(name.to_owned())]);
            rest = behind;
        }
        parts.push(Part::Text(rest.to_owned()));
        Ok(Self(parts))
    }

    fn fill(&self, values: &HashMap<&'static str, String>, most: usize) -> String {
        let part = |part: &Part| match part {
            Part::Text(text) => text.clone(),
            Part::Value(name) => values.get(name.as_str()).cloned().unwrap_or_default(),
        };
        self.0.iter().map(part).collect::<String>().chars().take(most).collect()
    }
}

/// The parsed subject line and text of one kind of message.
#[derive(Clone, Debug)]
pub struct Prepared {
    subject: Pattern,
    text: Pattern,
    channel: Channel,
}

impl Prepared {
    /// Parses both texts. Errors: `invalid` with `unknown_placeholder`, which lists the known ones, and `invalid_placeholder`.
    pub fn new(kind: EventKind, channel: Channel, subject: &str, text: &str) -> Result<Self> {
        let known = audience::of(kind).placeholders;
        let mut wrong = FieldErrors::default();
        let mut read = |name: &'static str, text: &str| {
            Pattern::parse(text, known).unwrap_or_else(|fault| {
                match fault {
                    Fault::Form => drop(wrong.add(name, field::PLACEHOLDER_FORM)),
                    Fault::Unknown(unknown) => {
                        wrong.add(name, field::UNKNOWN_PLACEHOLDER).with("name", unknown).with("known", known.join(", "));
                    }
                }
                Pattern(Vec::new())
            })
        };
        let (subject, text) = (read("subject", subject), read("text", text));
        wrong.into_result()?;
        Ok(Self { subject, text, channel })
    }

    /// Inserts these values into the subject line and the text.
    pub fn fill(&self, values: &HashMap<&'static str, String>) -> (String, String) {
        let most = if self.channel == Channel::Sms { MOST_OF_SMS } else { MOST_OF_TEXT };
        // a value may have line breaks, but a subject line may not
        let subject = self.subject.fill(values, MOST_OF_SUBJECT).split_whitespace().collect::<Vec<_>>().join(" ");
        (subject, self.text.fill(values, most).trim_end().to_owned())
    }
}

/// A built-in text.
#[derive(Clone, Debug, Default)]
pub struct Builtin {
    /// The subject line.
    pub subject: String,
    /// The text.
    pub text: String,
}

#[derive(Default)]
struct Book {
    texts: BTreeMap<(String, String), Builtin>,
    words: BTreeMap<String, String>,
}

static BOOKS: LazyLock<[Book; 2]> =
    LazyLock::new(|| [Book::read(include_str!("../templates/ru.txt")), Book::read(include_str!("../templates/en.txt"))]);

impl Book {
    fn of(language: Language) -> &'static Self {
        match language {
            Language::Ru => &BOOKS[0],
            Language::En => &BOOKS[1],
        }
    }

    fn read(text: &str) -> Self {
        let mut book = Self::default();
        for section in text.split("\n[").skip(1) {
            let Some((head, body)) = section.split_once("]\n") else { continue };
            match head.split_once(' ') {
                None => book
                    .words
                    .extend(body.lines().filter_map(|line| line.split_once(" = ")).map(|(name, word)| (name.to_owned(), word.to_owned()))),
                Some((kind, channel)) => {
                    let (subject, text) = match body.strip_prefix("Subject: ").and_then(|rest| rest.split_once('\n')) {
                        Some((subject, text)) => (subject, text),
                        None => ("", body),
                    };
                    let builtin = Builtin { subject: subject.to_owned(), text: text.trim().to_owned() };
                    book.texts.insert((kind.to_owned(), channel.to_owned()), builtin);
                }
            }
        }
        book
    }
}

/// The built-in text; none if this channel does not carry this kind.
pub fn builtin(kind: EventKind, channel: Channel, language: Language) -> Option<&'static Builtin> {
    if !audience::is_told(kind, channel) {
        return None;
    }
    Book::of(language).texts.get(&(kind.as_str().to_owned(), channel.as_str().to_owned()))
}

/// The name of a code in a language; the code itself if it has no name.
pub fn word(language: Language, group: &str, word: &str) -> String {
    Book::of(language).words.get(&format!("{group}.{word}")).cloned().unwrap_or_else(|| word.to_owned())
}

/// The parsed built-in text. Errors: `internal` if it is missing, which a test excludes.
pub fn prepared_builtin(kind: EventKind, channel: Channel, language: Language) -> Result<Prepared> {
    let builtin = builtin(kind, channel, language).ok_or_else(|| Error::internal(format!("no text for {kind} by {channel}")))?;
    Prepared::new(kind, channel, &builtin.subject, &builtin.text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_a_text_for_each_channel_in_each_language_and_no_text_is_left_over() {
        for language in Language::ALL {
            let mut told = 0;
            for (kind, channel) in audience::all_told() {
                let prepared =
                    prepared_builtin(kind, channel, *language).unwrap_or_else(|error| panic!("{kind} {channel} {language}: {error}"));
                let filled = prepared.fill(&HashMap::new());
                assert_eq!(filled.0.is_empty(), channel == Channel::Sms, "{kind} {channel} {language}");
                told += 1;
            }
            assert_eq!(Book::of(*language).texts.len(), told, "{language}");
        }
        let words = |language| Book::of(language).words.keys().collect::<Vec<_>>();
        assert_eq!(words(Language::Ru), words(Language::En));
    }

    #[test]
    fn placeholders_are_filled_and_all_else_stays() {
        let prepared =
            Prepared::new(EventKind::PaymentReceived, Channel::Email, "{{ name }}", "{a} {{amount}}{{currency}} }} $1 <b>").unwrap();
        let values = [("name", "Иванов\nП.".to_owned()), ("amount", "{{balance}}".to_owned())].into();
        assert_eq!(prepared.fill(&values), ("Иванов П.".to_owned(), "{a} {{balance}} }} $1 <b>".to_owned()));
    }

    #[test]
    fn what_is_no_placeholder_or_not_known_is_refused() {
        for (text, code) in [
            ("{{amount", field::PLACEHOLDER_FORM),
            ("{{}}", field::PLACEHOLDER_FORM),
            ("{{ a b }}", field::PLACEHOLDER_FORM),
            ("{{#each x}}", field::PLACEHOLDER_FORM),
            ("{{password}}", field::UNKNOWN_PLACEHOLDER),
        ] {
            let error = Prepared::new(EventKind::PaymentReceived, Channel::Sms, "", text).unwrap_err();
            assert_eq!(error.wrong_fields()[0].code, code, "{text}");
        }
    }

    #[test]
    fn a_text_message_has_a_bound_whatever_its_values_are() {
        let prepared = Prepared::new(EventKind::PaymentReceived, Channel::Sms, "", "{{name}}").unwrap();
        assert_eq!(prepared.fill(&[("name", "ё".repeat(5000))].into()).1.chars().count(), MOST_OF_SMS);
    }
}
