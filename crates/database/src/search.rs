//! The search box: the query, the candidate rows, and their ranks.

use serde::Serialize;
use utoipa::ToSchema;

use kernel::{Result, column::Arg, country::Country, text::searchable};

use crate::{Conn, Engine, Sql};

/// Candidate rows per type and way of matching; more results are of no use to a user.
const MOST_CANDIDATES: i64 = 200;
/// The shortest text that is searched for, in letters.
pub const SHORTEST: usize = 2;
/// The shortest word that is found inside another, in letters: a trigram.
const SHORTEST_INSIDE: usize = 3;

kernel::text_enum! {
    /// The type of an entity that the search box finds.
    pub enum FoundType {
        /// A subscriber.
        Customer = "customer",
        /// A contract.
        Contract = "contract",
        /// A SIM card.
        Sim = "sim",
        /// A ticket.
        Ticket = "ticket",
    }
}

/// A search result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Found {
    /// The type of the entity.
    #[serde(rename = "type")]
    pub found_type: FoundType,
    /// The id of the entity.
    pub id: i64,
    /// The title: a name, an ICCID or a number.
    pub title: String,
    /// A detail that distinguishes it from others: a phone number, a subscriber or a subject.
    pub detail: Option<String>,
    /// The status of the entity.
    pub status: String,
    #[serde(skip)]
    rank: u8,
}

#[derive(sqlx_macros::FromRow)]
struct Row {
    id: i64,
    title: String,
    detail: Option<String>,
    status: String,
    search_text: String,
}

/// The parsed text of the search box.
#[derive(Clone, Debug)]
pub struct Sought {
    words: Vec<String>,
}

impl Sought {
    /// Parses a text; `None` if it is too short to search for.
    pub fn parse(text: &str, country: Country) -> Option<Self> {
        let words: Vec<String> = match phone(text, country) {
            Some(digits) => vec![digits],
            None => searchable(text).split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect(),
        };
        words.iter().any(|word| word.chars().count() >= SHORTEST).then_some(Self { words })
    }

    /// Ranks a row's search text, the best lowest: a whole field, the beginning of a field, the words in order, the beginnings of
    /// words, or anything else.
    fn rank(&self, search_text: &str) -> u8 {
        let whole = self.words.join(" ");
        let starts = |word: &String| search_text.split([' ', '\n']).any(|other| other.starts_with(word.as_str()));
        let fields = || search_text.split('\n').filter(|field| !field.is_empty());
        // a phone number also matches without its country code
        let bare = |field: &str| field.trim_start_matches('+').ends_with(&whole) && whole.len() >= 7 && is_digits(&whole);
        if fields().any(|field| field == whole || bare(field)) {
            0
        } else if fields().any(|field| field.starts_with(&whole)) {
            1
        } else if search_text.replace('\n', " ").contains(&format!(" {whole}")) {
            2
        } else if self.words.iter().all(starts) {
            3
        } else {
            4
        }
    }
}

fn is_digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The digits of a phone number in any notation, without the country code or the trunk prefix.
fn phone(text: &str, country: Country) -> Option<String> {
    let digits: String = text.chars().filter(|letter| !matches!(letter, ' ' | '-' | '(' | ')' | '+' | '\u{a0}')).collect();
    // an ICCID or an IMSI may contain spaces too
    if !is_digits(&digits) || digits.len() < 7 {
        return None;
    }
    let code = country.phone_prefix().trim_start_matches('+');
    let subscriber = [code, country.trunk_prefix()].into_iter().find_map(|prefix| {
        let rest = digits.strip_prefix(prefix)?;
        (rest.len() == country.phone_digits()).then(|| rest.to_owned())
    });
    // a contract number may be digits around one hyphen
    let is_bare = digits.len() == country.phone_digits() && text.matches('-').count() > 1;
    subscriber.or_else(|| (is_bare || !text.contains('-')).then_some(digits))
}

/// Where entities of one type are read from; none of it is ever input.
pub struct Source {
    /// The type of the entities.
    pub found_type: FoundType,
    /// The table, which has `id` and `search_text`, a trigram index on PostgreSQL and a trigram table `<table>_search` on SQLite.
    pub table: &'static str,
    /// The table and its joins.
    pub from: &'static str,
    /// The column or expression for `title`.
    pub title: &'static str,
    /// The column or expression for `detail`.
    pub detail: &'static str,
}

impl Source {
    /// Finds matching rows with one statement that uses indexes and is bounded by [`MOST_CANDIDATES`].
    ///
    /// Matches at the beginning of words are searched for separately from matches anywhere, so that a sequence of letters that occurs
    /// in half of all names does not hide the names that begin with it.
    pub async fn find(&self, conn: &mut Conn, sought: &Sought) -> Result<Vec<Found>> {
        let Self { found_type, table, from, title, detail } = self;
        let mut args: Vec<Arg> = Vec::new();
        let branch = |matches: Vec<String>| {
            format!(
                "SELECT * FROM (SELECT {table}.id AS id, {title} AS title, {detail} AS detail, {table}.status AS status, \
                 {table}.search_text AS search_text FROM {from} WHERE {} LIMIT {MOST_CANDIDATES}) AS candidates",
                matches.join(" AND ")
            )
        };
        let beginning = branch(self.matches(conn.engine(), sought, true, &mut args));
        let text = match self.matches(conn.engine(), sought, false, &mut args) {
            none if none.is_empty() => beginning,
            anywhere => format!("{beginning} UNION {}", branch(anywhere)),
        };
        let rows: Vec<Row> = Sql::owned(text).bind_all(args).all(conn).await?;
        let found = |row: Row| Found {
            found_type: *found_type,
            id: row.id,
            title: row.title,
            detail: row.detail,
            status: row.status,
            rank: sought.rank(&row.search_text),
        };
        Ok(rows.into_iter().map(found).collect())
    }

    /// The conditions for words at the beginning of a word or anywhere; empty if no word is long enough for an index. Shorter words
    /// only filter.
    fn matches(&self, engine: Engine, sought: &Sought, beginning: bool, args: &mut Vec<Arg>) -> Vec<String> {
        let table = self.table;
        let length = |word: &String| word.chars().count();
        let least = if beginning { SHORTEST } else { SHORTEST_INSIDE };
        if !sought.words.iter().any(|word| length(word) >= least) {
            return Vec::new();
        }
        match engine {
            Engine::Postgres => sought.words.iter().map(|word| like(table, word, beginning, args)).collect(),
            Engine::Sqlite => matched(table, &sought.words, beginning, least, args),
        }
    }
}

/// The condition that a word occurs anywhere, or begins a word or a field.
fn like(table: &str, word: &str, beginning: bool, args: &mut Vec<Arg>) -> String {
    let escaped = word.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
    let patterns = match beginning {
        true => vec![format!("%\n{escaped}%"), format!("% {escaped}%")],
        false => vec![format!("%{escaped}%")],
    };
    let alternatives = patterns.into_iter().map(|pattern| {
        args.push(pattern.into());
        format!("{table}.search_text LIKE ${}", args.len())
    });
    format!("({})", alternatives.collect::<Vec<_>>().join(" OR "))
}

/// The conditions for all words on SQLite: one query of the trigram table for words of at least `least` letters; shorter words
/// filter the rows that it finds.
fn matched(table: &str, words: &[String], beginning: bool, least: usize, args: &mut Vec<Arg>) -> Vec<String> {
    let (long, short): (Vec<&String>, Vec<&String>) = words.iter().partition(|word| word.chars().count() >= least);
    let phrases = long.into_iter().map(|word| {
        let quoted = word.replace('"', "\"\"");
        if beginning { format!("(\"\n{quoted}\" OR \" {quoted}\")") } else { format!("\"{quoted}\"") }
    });
    args.push(phrases.collect::<Vec<_>>().join(" AND ").into());
    // if nothing is filtered afterwards, no more rows are needed than there are candidates
    let most = if short.is_empty() { format!(" LIMIT {MOST_CANDIDATES}") } else { String::new() };
    let found = format!("{table}.id IN (SELECT rowid FROM {table}_search WHERE {table}_search MATCH ${}{most})", args.len());
    let filters = short.into_iter().map(|word| {
        args.push(word.clone().into());
        format!("instr({table}.search_text, ${}) > 0", args.len())
    });
    [found].into_iter().chain(filters).collect()
}

/// The best `most` results, best first; results of equal rank by type, then the newest first.
pub fn best(mut found: Vec<Found>, most: usize) -> Vec<Found> {
    found.sort_by_key(|one| (one.rank, one.found_type, -one.id));
    found.truncate(most);
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernel::text::search_text;

    fn rank(sought: &str, fields: &[&str]) -> u8 {
        Sought::parse(sought, Country::Ru).unwrap().rank(&search_text(fields.iter().copied().map(Some)))
    }

    #[test]
    fn whole_fields_go_before_beginnings_and_those_before_the_middle() {
        let person = ["Иванов", "Пётр", "Сергеевич", "+79161234567", "ivanov@example.com"];
        for (sought, expected) in [
            ("иванов", 0),
            ("Петр", 0),
            ("8 (916) 123-45-67", 0),
            ("+7 916 1234567", 0),
            ("Иван", 1),
            ("+7916", 1),
            ("иванов пётр", 2),
            ("пётр иванов", 3),
            ("пет серг", 3),
            ("ергеев", 4),
            ("1234567", 0),
            ("23456", 4),
        ] {
            assert_eq!(rank(sought, &person), expected, "{sought}");
        }
        assert_eq!(rank("сигнал пропал", &["T-1", "Сегодня сигнал пропал"]), 2);
    }

    #[test]
    fn a_phone_number_is_known_however_it_is_written() {
        let digits = |text, country| Sought::parse(text, country).unwrap().words;
        for text in ["+79161234567", "8 916 123-45-67", "7(916)1234567", "916 123 45 67", "916 123-45-67", "9161234567"] {
            assert_eq!(digits(text, Country::Ru), ["9161234567"], "{text}");
        }
        assert_eq!(digits("0555 123456", Country::Kg), ["555123456"]);
        assert_eq!(digits("+996 555 123456", Country::Kg), ["555123456"]);
        for text in ["+998 90 123-45-67", "998901234567", "8 90 123-45-67", "90 123-45-67", "(90) 123 45 67", "901234567"] {
            assert_eq!(digits(text, Country::Uz), ["901234567"], "{text}");
        }
        // an ICCID keeps all its digits
        assert_eq!(digits("89701 01000 00000 0001", Country::Ru), ["8970101000000000001"]);
        for other in ["202611-0a1b2c3d", "202611-01234567", "202611-0123", "2026-01-31"] {
            assert_eq!(digits(other, Country::Ru), [other]);
        }
    }

    #[test]
    fn a_single_letter_is_too_short_and_two_are_not() {
        for (text, fits) in [("", false), (" ", false), ("а", false), ("а б", false), ("ан", true), ("ли а", true)] {
            assert_eq!(Sought::parse(text, Country::Ru).is_some(), fits, "{text:?}");
        }
    }
}
