//! The `WHERE` clause of a list, with only the conditions that a client asked for.

use kernel::{column::Arg, text::searchable};

use crate::Engine;

/// Conditions joined by `AND`. Columns and SQL are never input; values are bound.
pub struct Filter {
    engine: Engine,
    pub(crate) text: String,
    pub(crate) args: Vec<Arg>,
}

impl Filter {
    /// A filter without conditions.
    pub fn new(engine: Engine) -> Self {
        Self { engine, text: String::new(), args: Vec::new() }
    }

    fn and(&mut self, condition: &str) {
        self.text.push_str(if self.text.is_empty() { " WHERE " } else { " AND " });
        self.text.push_str(condition);
    }

    /// Adds a condition without a value, if it was asked for.
    pub fn when(&mut self, asked: bool, condition: &str) {
        if asked {
            self.and(condition);
        }
    }

    /// Adds a condition in which `?` is the value, if there is one.
    pub fn value<T: Into<Arg>>(&mut self, condition: &str, value: Option<T>) {
        if let Some(value) = value {
            self.args.push(value.into());
            self.and(&condition.replace('?', &format!("${}", self.args.len())));
        }
    }

    /// Adds a condition in which the `?`s are these values, in their order.
    pub fn values(&mut self, condition: &str, values: impl IntoIterator<Item = Arg>) {
        let mut text = condition.to_owned();
        for value in values {
            self.args.push(value);
            text = text.replacen('?', &format!("${}", self.args.len()), 1);
        }
        self.and(&text);
    }

    /// Adds `column = value`, if there is a value.
    pub fn equal<T: Into<Arg>>(&mut self, column: &str, value: Option<T>) {
        self.value(&format!("{column} = ?"), value);
    }

    /// Adds `column >= value`, if there is a value.
    pub fn at_least<T: Into<Arg>>(&mut self, column: &str, value: Option<T>) {
        self.value(&format!("{column} >= ?"), value);
    }

    /// Adds `column <= value`, if there is a value.
    pub fn at_most<T: Into<Arg>>(&mut self, column: &str, value: Option<T>) {
        self.value(&format!("{column} <= ?"), value);
    }

    /// Requires every word of `search` to occur in the row's `search_text`, ignoring case and ё/е.
    ///
    /// `table` has the columns `id` and `search_text`, a trigram index on PostgreSQL, and on SQLite a trigram table
    /// `<table>_search`. Words of one or two letters cannot use trigrams and are searched for row by row.
    pub fn search(&mut self, table: &str, search: Option<&str>) {
        self.search_or(table, search, "", None);
    }

    /// Works like [`Filter::search`], but also accepts rows whose `column` is exactly `value`.
    pub fn search_or(&mut self, table: &str, search: Option<&str>, column: &str, value: Option<&str>) {
        let Some(mut condition) = self.words(table, "search_text", &format!("{table}_search"), search) else { return };
        if let Some(value) = value {
            self.args.push(value.to_owned().into());
            condition = format!("(({condition}) OR {column} = ${})", self.args.len());
        }
        self.and(&condition);
    }

    /// Requires every word of `search` to occur in another column of the row, which is stored in the form of [`searchable`].
    ///
    /// The column has its own index: `index` names SQLite's trigram table.
    pub fn search_in(&mut self, table: &str, column: &str, index: &str, search: Option<&str>) {
        if let Some(condition) = self.words(table, column, index, search) {
            self.and(&condition);
        }
    }

    fn words(&mut self, table: &str, column: &str, index: &str, search: Option<&str>) -> Option<String> {
        let text = searchable(search.unwrap_or_default());
        let words = text.split(' ').filter(|word| !word.is_empty());
        let words: Vec<String> = words.map(|word| self.word(table, column, index, word)).collect();
        (!words.is_empty()).then(|| words.join(" AND "))
    }

    fn word(&mut self, table: &str, column: &str, index: &str, word: &str) -> String {
        let (condition, value) = match self.engine {
            Engine::Postgres => {
                let escaped: String = word
                    .chars()
                    .flat_map(|letter| ['%', '_', '\\'].contains(&letter).then_some('\\').into_iter().chain([letter]))
                    .collect();
                (format!("{table}.{column} LIKE "), format!("%{escaped}%"))
            }
            Engine::Sqlite if word.chars().count() >= 3 => {
                (format!("{table}.id IN (SELECT rowid FROM {index} WHERE {index} MATCH "), format!("\"{}\"", word.replace('"', "\"\"")))
            }
            Engine::Sqlite => (format!("instr({table}.{column}, "), word.to_owned()),
        };
        let close = ")".repeat(condition.matches('(').count());
        self.args.push(value.into());
        let found = if condition.starts_with("instr") { " > 0" } else { "" };
        format!("{condition}${}{close}{found}", self.args.len())
    }

    /// Requires every word of `search` to occur in `column`, row by row: for a small table without a trigram index.
    pub fn contains(&mut self, column: &str, search: Option<&str>) {
        let function = match self.engine {
            Engine::Postgres => "strpos",
            Engine::Sqlite => "instr",
        };
        for word in searchable(search.unwrap_or_default()).split(' ').filter(|word| !word.is_empty()) {
            self.value(&format!("{function}({column}, ?) > 0"), Some(word.to_owned()));
        }
    }
}
