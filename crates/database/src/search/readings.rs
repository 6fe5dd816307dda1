//! The ways to read a text that is searched for: as words, as a phone number, as a name with initials.

use kernel::{
    phone::{is_separator, national_parts},
    text::searchable,
};

/// The fewest digits that are read as a part of a phone number if something separates them.
const FEWEST_DIGITS: usize = 5;
/// The most digits that may be the beginning of a phone number with its trunk prefix.
const MOST_DIALLED: usize = 10;

/// A word that is searched for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Word {
    /// Occurs anywhere.
    Inside(String),
    /// A word of the row begins with it: an initial.
    Begins(String),
}

impl Word {
    pub(crate) fn text(&self) -> &str {
        match self {
            Self::Inside(text) | Self::Begins(text) => text,
        }
    }

    pub(crate) fn length(&self) -> usize {
        self.text().chars().count()
    }
}

/// Words which all must occur.
pub(crate) type Reading = Vec<Word>;

/// The ways to read a text; a row that matches one of them is found. Empty if the text has no words.
///
/// A phone number is read without its separators and without the code or trunk prefix of any known country, since all ways of writing
/// it share that part. What may be something else is also read as the words it consists of.
pub(crate) fn readings(text: &str) -> Vec<Reading> {
    let text = searchable(text);
    let tokens: Vec<&str> = text.split(' ').filter(|token| !token.is_empty()).collect();
    if tokens.is_empty() {
        return Vec::new();
    }
    let inside = |tokens: &[&str]| tokens.iter().map(|token| Word::Inside((*token).to_owned())).collect::<Vec<_>>();
    let literal = inside(&tokens);
    let mut all = Vec::new();
    match phone_within(&tokens) {
        Some(Phone { at, numbers }) => {
            let run = &tokens[at.clone()];
            // its words alone would find too much, unless it is one word or each is long enough to be found by an index
            if run.len() == 1 || run.iter().all(|token| token.len() > 2) {
                all.push(literal);
            }
            for number in numbers {
                all.push([inside(&tokens[..at.start]), vec![Word::Inside(number)], inside(&tokens[at.end..])].concat());
            }
        }
        None => all.push(literal),
    }
    if tokens.iter().any(|token| initials(token).is_some()) {
        let named = |token: &&str| match initials(token) {
            Some(letters) => letters.into_iter().map(|letter| Word::Begins(letter.into())).collect(),
            None => inside(&[*token]),
        };
        all.push(tokens.iter().flat_map(named).collect());
    }
    let mut seen: Vec<Reading> = Vec::new();
    all.retain(|reading| {
        let is_new = !seen.contains(reading);
        seen.push(reading.clone());
        is_new
    });
    all
}

/// A phone number within the tokens, and the digits that it may stand for.
struct Phone {
    at: std::ops::Range<usize>,
    numbers: Vec<String>,
}

/// The first tokens in a row that are written as a phone number or a part of one.
fn phone_within(tokens: &[&str]) -> Option<Phone> {
    let is_part = |token: &str| token.chars().all(|letter| letter.is_ascii_digit() || letter == '+' || is_separator(letter));
    let mut start = 0;
    while start < tokens.len() {
        let length = tokens[start..].iter().take_while(|token| is_part(token)).count();
        let at = start..start + length;
        let numbers = numbers(&tokens[at.clone()]);
        if !numbers.is_empty() {
            return Some(Phone { at, numbers });
        }
        start += length.max(1);
    }
    None
}

fn numbers(run: &[&str]) -> Vec<String> {
    let written = run.concat();
    let digits: String = written.chars().filter(char::is_ascii_digit).collect();
    if digits.len() < FEWEST_DIGITS {
        return Vec::new();
    }
    let mut numbers: Vec<String> = national_parts(&digits).map(str::to_owned).collect();
    if !numbers.is_empty() {
        // the number of another country, or an ICCID, may contain all of them
        if !written.contains('+') && run.len() == 1 && written == digits {
            numbers.push(digits);
        }
    } else if written.trim_start_matches('(').starts_with('+') {
        numbers.push(format!("+{digits}"));
    } else {
        if digits.len() <= MOST_DIALLED
            && let Some(rest) = digits.strip_prefix(['8', '0'])
        {
            numbers.push(rest.to_owned());
        }
        numbers.push(digits);
    }
    numbers.dedup();
    numbers
}

/// The letters of a token like `е.` or `е.с.`.
fn initials(token: &str) -> Option<Vec<char>> {
    let mut letters = Vec::new();
    for part in token.strip_suffix('.').unwrap_or(token).split('.') {
        let mut part = part.chars();
        match (part.next(), part.next()) {
            (Some(letter), None) if letter.is_alphabetic() => letters.push(letter),
            _ => return None,
        }
    }
    token.contains('.').then_some(letters)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<String> {
        let word = |word: &Word| match word {
            Word::Inside(text) => text.clone(),
            Word::Begins(text) => format!("^{text}"),
        };
        readings(text).iter().map(|reading| reading.iter().map(word).collect::<Vec<_>>().join(" ")).collect()
    }

    #[test]
    fn a_phone_number_is_known_however_it_is_written() {
        for text in [
            "8 916 123-45-67",
            "+7 (916) 123-45-67",
            "8 (916) 123\u{2011}45\u{2013}67",
            "8\u{a0}916\u{a0}123\u{a0}45\u{a0}67",
            "7 916 123 45 67",
        ] {
            assert_eq!(read(text), ["9161234567"], "{text}");
        }
        for (text, expected) in [
            ("916 123-45-67", &["916 123-45-67", "9161234567"][..]),
            ("(916) 123-45-67", &["(916) 123-45-67", "9161234567"]),
            ("8(916)1234567", &["8(916)1234567", "9161234567"]),
            ("+79161234567", &["+79161234567", "9161234567"]),
            ("89161234567", &["89161234567", "9161234567"]),
            ("123-45-67", &["123-45-67", "1234567"]),
            ("8 916 12", &["91612", "891612"]),
            ("+7 916 12", &["+791612"]),
            ("0 555 123 456", &["555123456"]),
            ("+996 555 12 34 56", &["555123456"]),
            ("иванов 8 916 123-45-67", &["иванов 9161234567"]),
            // an ICCID keeps all its digits
            ("89701 01000 00000 0001", &["89701 01000 00000 0001", "8970101000000000001"]),
            ("202611-01234567", &["202611-01234567", "20261101234567"]),
            ("12-34", &["12-34"]),
            ("кв. 12 34", &["кв. 12 34"]),
            ("1234", &["1234"]),
        ] {
            assert_eq!(read(text), expected, "{text}");
        }
        assert_eq!(readings(" \u{a0} "), Vec::<Reading>::new());
    }

    #[test]
    fn initials_begin_words() {
        assert_eq!(read("Соколов Е. С."), ["соколов е. с.", "соколов ^е ^с"]);
        assert_eq!(read("Соколов Е.С."), ["соколов е.с.", "соколов ^е ^с"]);
        for other in ["т", "ул. лесная", "a.b.co", "1.5", "."] {
            assert_eq!(read(other).len(), 1, "{other}");
        }
    }
}
