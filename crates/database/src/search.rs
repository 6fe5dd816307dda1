//! Search: how a text is read, how the words of it are found, and for the search box the candidate rows and their ranks.

mod place;
mod readings;

use serde::Serialize;
use utoipa::ToSchema;

use kernel::{Result, column::Arg};

use crate::{Conn, Engine, Sql};

pub use place::Exactly;
use place::{BEFORE_WORDS, Extent};
pub(crate) use place::{Place, contains};
pub(crate) use readings::{Reading, Word, readings};

/// Candidate rows per type and way of matching; more results are of no use to a user.
const MOST_CANDIDATES: i64 = 200;
/// The shortest text that is searched for, in letters.
pub const SHORTEST: usize = 2;

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
    readings: Vec<Reading>,
}

impl Sought {
    /// Parses a text; `None` if it is too short to search for.
    pub fn parse(text: &str) -> Option<Self> {
        let readings = readings(text);
        readings.iter().flatten().any(|word| word.length() >= SHORTEST).then_some(Self { readings })
    }

    /// Ranks a row's search text, the best lowest, by the reading that fits best.
    fn rank(&self, search_text: &str) -> u8 {
        self.readings.iter().map(|reading| rank(reading, search_text)).min().unwrap_or(u8::MAX)
    }
}

/// A whole field goes first; then whole words, the beginning of a field, the words in order at the beginnings of words, the beginnings
/// of words, and anything else.
fn rank(reading: &Reading, search_text: &str) -> u8 {
    let whole = reading.iter().map(Word::text).collect::<Vec<_>>().join(" ");
    let fields = || search_text.split('\n').filter(|field| !field.is_empty());
    let words = || search_text.split(BEFORE_WORDS);
    // a phone number also matches without its country code
    let bare = |field: &str| field.trim_start_matches('+').ends_with(&whole) && whole.len() >= 7 && is_digits(&whole);
    let is_begun = |word: &Word| words().any(|other| other.starts_with(word.text()));
    let is_whole = |word: &Word| match word {
        Word::Inside(text) => words().any(|other| other == text),
        Word::Begins(_) => is_begun(word),
    };
    if fields().any(|field| field == whole || bare(field)) {
        0
    } else if reading.iter().all(is_whole) {
        1
    } else if fields().any(|field| field.starts_with(&whole)) {
        2
    } else if search_text.replace('\n', " ").contains(&format!(" {whole}")) {
        3
    } else if reading.iter().all(is_begun) {
        4
    } else {
        5
    }
}

fn is_digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
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
    /// Finds matching rows with one statement that uses indexes and is bounded by [`MOST_CANDIDATES`] for each way of matching.
    ///
    /// Whole words, beginnings of words and parts of words are searched for separately, so that neither a name that begins many others
    /// nor a sequence of letters that occurs in half of all names hides what fits better. Rows with one of the `exact` values are found too.
    pub async fn find(&self, conn: &mut Conn, sought: &Sought, exact: &[Exactly]) -> Result<Vec<Found>> {
        let Self { found_type, table, from, title, detail } = self;
        let mut args: Vec<Arg> = Vec::new();
        let branch = |condition: String| {
            format!(
                "SELECT * FROM (SELECT {table}.id AS id, {title} AS title, {detail} AS detail, {table}.status AS status, \
                 {table}.search_text AS search_text FROM {from} WHERE {condition} LIMIT {MOST_CANDIDATES}) AS candidates"
            )
        };
        let mut branches = Vec::new();
        for reading in &sought.readings {
            for extent in [Extent::Whole, Extent::Beginning, Extent::Anywhere] {
                // without a word that an index finds, the whole table would be read
                if reading.iter().any(|word| matches!(word, Word::Inside(_)) && word.length() >= extent.shortest()) {
                    branches.push(branch(self.condition(conn.engine(), reading, extent, &mut args)));
                }
            }
        }
        for Exactly { column, value } in exact {
            args.push(value.clone().into());
            branches.push(branch(format!("{table}.{column} = ${}", args.len())));
        }
        let rows: Vec<Row> = Sql::owned(branches.join(" UNION ")).bind_all(args).all(conn).await?;
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

    /// The condition for all words of a reading. Words that are too short for an index only filter.
    fn condition(&self, engine: Engine, reading: &Reading, extent: Extent, args: &mut Vec<Arg>) -> String {
        let index = format!("{}_search", self.table);
        let place = Place { table: self.table, column: "search_text", index: &index };
        match engine {
            Engine::Postgres => place.words(reading, extent, args),
            Engine::Sqlite => place.matched(reading, extent, Some(MOST_CANDIDATES), args),
        }
    }
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
        Sought::parse(sought).unwrap().rank(&search_text(fields.iter().copied().map(Some)))
    }

    #[test]
    fn whole_fields_go_before_whole_words_and_those_before_beginnings_and_the_middle() {
        let person = ["Иванов", "Пётр", "Сергеевич", "+79161234567", "ivanov@example.com"];
        for (sought, expected) in [
            ("иванов", 0),
            ("Петр", 0),
            ("8 (916) 123-45-67", 0),
            ("+7 916 1234567", 0),
            ("иванов пётр", 1),
            ("пётр иванов", 1),
            ("Иванов П. С.", 1),
            ("Иван", 2),
            ("+7916", 2),
            ("иванов пет", 3),
            ("пет серг", 4),
            ("ергеев", 5),
            ("1234567", 0),
            ("23456", 5),
        ] {
            assert_eq!(rank(sought, &person), expected, "{sought}");
        }
        assert_eq!(rank("сигнал пропал", &["T-1", "Сегодня сигнал пропал"]), 1);
        assert_eq!(rank("смирнов", &["ООО «Смирнов»"]), 1);
        assert!(rank("смирнов", &["АО Смирнов"]) < rank("смирнов", &["Смирнова"]));
    }

    #[test]
    fn a_single_letter_is_too_short_and_two_are_not() {
        for (text, fits) in [("", false), (" ", false), ("а", false), ("а б", false), ("ан", true), ("ли а", true)] {
            assert_eq!(Sought::parse(text).is_some(), fits, "{text:?}");
        }
    }
}
