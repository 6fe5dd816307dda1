//! The SQL conditions for words that are searched for, in the form that each engine finds by an index.

use kernel::column::Arg;

use super::readings::{Reading, Word};
use crate::Engine;

/// The shortest word that is found inside another by an index, in letters: a trigram.
pub(super) const TRIGRAM: usize = 3;

/// What may stand before a word in a search text: the beginning of a field, a space, or the quotation mark of a company's name.
pub(super) const BEFORE_WORDS: [char; 3] = ['\n', ' ', '"'];

/// How much of a word of a row must match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    /// The whole word.
    Whole,
    /// Its beginning.
    Beginning,
    /// Any part of it.
    Anywhere,
}

impl Extent {
    /// The shortest word that an index finds: the blank before a word counts.
    pub(super) const fn shortest(self) -> usize {
        match self {
            Self::Whole | Self::Beginning => TRIGRAM - 1,
            Self::Anywhere => TRIGRAM,
        }
    }
}

/// Where texts are searched for; none of it is ever input.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'a> {
    /// The table, which has an `id`.
    pub(crate) table: &'a str,
    /// The column, in the form of [`kernel::text::searchable`], with a trigram index on PostgreSQL.
    pub(crate) column: &'a str,
    /// SQLite's trigram table of the column.
    pub(crate) index: &'a str,
}

/// A column that must have a value exactly.
#[derive(Clone, Debug)]
pub struct Exactly {
    /// The column, without its table; it has an index.
    pub column: &'static str,
    /// The value.
    pub value: String,
}

impl Place<'_> {
    /// The condition that a row matches one of the readings or one of the exact values; there is at least one reading.
    pub(crate) fn condition(&self, engine: Engine, readings: &[Reading], exact: &[Exactly], args: &mut Vec<Arg>) -> String {
        match (engine, readings, exact) {
            (Engine::Postgres, ..) => {
                let table = self.table;
                let mut ways: Vec<String> = readings.iter().map(|reading| self.words(reading, Extent::Anywhere, args)).collect();
                ways.extend(exact.iter().map(|one| format!("{table}.{} = {}", one.column, bound(args, one.value.clone()))));
                format!("({})", ways.join(" OR "))
            }
            (Engine::Sqlite, [reading], []) => self.matched(reading, Extent::Anywhere, None, args),
            (Engine::Sqlite, ..) => {
                let table = self.table;
                let mut sources = Vec::new();
                for reading in readings {
                    sources.push(format!("SELECT id FROM {table} WHERE {}", self.matched(reading, Extent::Anywhere, None, args)));
                }
                for one in exact {
                    sources.push(format!("SELECT id FROM {table} WHERE {} = {}", one.column, bound(args, one.value.clone())));
                }
                format!("{table}.id IN ({})", sources.join(" UNION "))
            }
        }
    }

    /// The conditions for all words of a reading on PostgreSQL.
    pub(super) fn words(&self, reading: &Reading, extent: Extent, args: &mut Vec<Arg>) -> String {
        let column = format!("{}.{}", self.table, self.column);
        let one = |word: &Word| match (word, extent) {
            (Word::Inside(text), Extent::Anywhere) => format!("{column} LIKE {}", bound(args, format!("%{}%", escaped(text)))),
            // an expression that the trigram index reads once, with the blanks around the word
            (Word::Inside(text), Extent::Whole) => {
                let sign = |letter: char| letter.is_ascii_punctuation().then_some('\\').into_iter().chain([letter]);
                let quoted: String = text.chars().flat_map(sign).collect();
                format!("{column} ~ {}", bound(args, format!("[\n \"]{quoted}([\n \"]|$)")))
            }
            (Word::Inside(text), Extent::Beginning) | (Word::Begins(text), _) => {
                let ways = BEFORE_WORDS.map(|before| format!("{column} LIKE {}", bound(args, format!("%{before}{}%", escaped(text)))));
                format!("({})", ways.join(" OR "))
            }
        };
        reading.iter().map(one).collect::<Vec<_>>().join(" AND ")
    }

    /// The conditions for all words of a reading on SQLite: one query of the trigram table for words that are long enough, which returns no
    /// more than `most` rows if it says all; other words are searched for row by row.
    pub(super) fn matched(&self, reading: &Reading, extent: Extent, most: Option<i64>, args: &mut Vec<Arg>) -> String {
        let Self { table, column, index } = self;
        let is_long = |word: &&Word| matches!(word, Word::Inside(_)) && word.length() >= extent.shortest();
        let (long, short): (Vec<&Word>, Vec<&Word>) = reading.iter().partition(is_long);
        let mut conditions = Vec::new();
        if !long.is_empty() {
            let phrases = long.iter().map(|word| {
                let quoted = word.text().replace('"', "\"\"");
                match extent {
                    Extent::Anywhere => format!("\"{quoted}\""),
                    Extent::Whole | Extent::Beginning => format!("(\"\n{quoted}\" OR \" {quoted}\" OR \"\"\"{quoted}\")"),
                }
            });
            let phrases = bound(args, phrases.collect::<Vec<_>>().join(" AND "));
            let most =
                most.filter(|_| short.is_empty() && extent != Extent::Whole).map(|most| format!(" LIMIT {most}")).unwrap_or_default();
            conditions.push(format!("{table}.id IN (SELECT rowid FROM {index} WHERE {index} MATCH {phrases}{most})"));
        }
        if extent == Extent::Whole {
            // what separates words as line breaks, so that each word is between two
            let lines = format!("replace(replace({table}.{column}, ' ', char(10)), '\"', char(10)) || char(10)");
            let whole = long.iter().map(|word| format!("instr({lines}, {}) > 0", bound(args, format!("\n{}\n", word.text()))));
            conditions.extend(whole);
        }
        for word in short {
            conditions.push(contains("instr", &format!("{table}.{column}"), word, args));
        }
        conditions.join(" AND ")
    }
}

/// The condition that a column contains a word, without an index; `function` finds one text in another.
pub(crate) fn contains(function: &str, column: &str, word: &Word, args: &mut Vec<Arg>) -> String {
    match word {
        Word::Inside(text) => format!("{function}({column}, {}) > 0", bound(args, text.clone())),
        Word::Begins(text) => {
            let ways = BEFORE_WORDS.map(|before| format!("{function}({column}, {}) > 0", bound(args, format!("{before}{text}"))));
            format!("({})", ways.join(" OR "))
        }
    }
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_")
}

/// Binds a value and returns its place.
fn bound(args: &mut Vec<Arg>, value: String) -> String {
    args.push(value.into());
    format!("${}", args.len())
}
