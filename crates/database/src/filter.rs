//! The `WHERE` clause of a list, with only the conditions that a client asked for.

use kernel::{
    Several,
    column::{Arg, Column},
};

use crate::{
    Engine,
    search::{Exactly, Place, contains, readings},
};

/// Conditions joined by `AND`. Columns and SQL are never input; values are bound.
pub struct Filter {
    engine: Engine,
    pub(crate) text: String,
    pub(crate) args: Vec<Arg>,
    pub(crate) on_page: Vec<&'static str>,
}

impl Filter {
    /// A filter without conditions.
    pub fn new(engine: Engine) -> Self {
        Self { engine, text: String::new(), args: Vec::new(), on_page: Vec::new() }
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

    /// Adds a condition for the rows only, where the count comes from a table of its own that has no others.
    pub fn on_page(&mut self, condition: &'static str) {
        self.on_page.push(condition);
    }

    /// Adds the conditions for the rows only.
    pub(crate) fn narrow(&mut self) {
        for condition in std::mem::take(&mut self.on_page) {
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
        let text = self.bound(condition, values);
        self.and(&text);
    }

    /// Binds the values of the `?`s, in their order, and returns the condition with their numbers.
    pub fn bound(&mut self, condition: &str, values: impl IntoIterator<Item = Arg>) -> String {
        let mut text = condition.to_owned();
        for value in values {
            self.args.push(value);
            text = text.replacen('?', &format!("${}", self.args.len()), 1);
        }
        text
    }

    /// Requires one of these conditions, if there are any.
    pub fn either(&mut self, conditions: &[String]) {
        if !conditions.is_empty() {
            self.and(&format!("({})", conditions.join(" OR ")));
        }
    }

    /// Adds `column = value`, if there is a value.
    pub fn equal<T: Into<Arg>>(&mut self, column: &str, value: Option<T>) {
        self.value(&format!("{column} = ?"), value);
    }

    /// Requires `column` to be one of these values, if there are any.
    ///
    /// On PostgreSQL the text of the condition does not depend on their number.
    pub fn any<T: Into<Arg> + Clone>(&mut self, column: &str, values: Option<&Several<T>>) {
        if let Some(values) = values {
            let condition = self.one_of(column, values);
            self.and(&condition);
        }
    }

    /// Binds these values, and returns the condition that `column` is one of them, as a part of a larger condition.
    pub fn one_of<T: Into<Arg> + Clone>(&mut self, column: &str, values: &Several<T>) -> String {
        let args: Vec<Arg> = values.values().iter().map(|value| value.clone().into()).collect();
        // PostgreSQL takes them as one array
        let array = (args.len() > 1 && self.engine == Engine::Postgres).then(|| Column::of(args.clone()).ok()).flatten();
        let condition = match (&array, args.len()) {
            (Some(_), _) => format!("{column} = ANY(?)"),
            (None, 1) => format!("{column} = ?"),
            (None, count) => format!("{column} IN ({})", vec!["?"; count].join(", ")),
        };
        self.bound(&condition, array.map_or(args, |array| vec![Arg::Column(array)]))
    }

    /// Adds `column >= value`, if there is a value.
    pub fn at_least<T: Into<Arg>>(&mut self, column: &str, value: Option<T>) {
        self.value(&format!("{column} >= ?"), value);
    }

    /// Adds `column <= value`, if there is a value.
    pub fn at_most<T: Into<Arg>>(&mut self, column: &str, value: Option<T>) {
        self.value(&format!("{column} <= ?"), value);
    }

    /// Requires every word of `search` to occur in the row's `search_text`, ignoring case and the difference between letters that people swap.
    ///
    /// A phone number is found however it is written, and a name also by initials. `table` has the columns `id` and `search_text`, a trigram
    /// index on PostgreSQL, and on SQLite a trigram table `<table>_search`. Words of one or two letters cannot use trigrams and are searched
    /// for row by row.
    pub fn search(&mut self, table: &str, search: Option<&str>) {
        self.search_or(table, search, &[]);
    }

    /// Works like [`Filter::search`], but also accepts rows with one of these values. Without words in `search` there is no condition.
    pub fn search_or(&mut self, table: &str, search: Option<&str>, exact: &[Exactly]) {
        self.words(&Place { table, column: "search_text", index: &format!("{table}_search") }, search, exact);
    }

    /// Requires every word of `search` to occur in another column of the row, which is stored in the form of
    /// [`searchable`](kernel::text::searchable).
    ///
    /// The column has its own index: `index` names SQLite's trigram table.
    pub fn search_in(&mut self, table: &str, column: &str, index: &str, search: Option<&str>) {
        self.words(&Place { table, column, index }, search, &[]);
    }

    fn words(&mut self, place: &Place<'_>, search: Option<&str>, exact: &[Exactly]) {
        let readings = readings(search.unwrap_or_default());
        if !readings.is_empty() {
            let condition = place.condition(self.engine, &readings, exact, &mut self.args);
            self.and(&condition);
        }
    }

    /// Requires every word of `search` to occur in `column`, row by row: for a small table without a trigram index.
    pub fn contains(&mut self, column: &str, search: Option<&str>) {
        let function = match self.engine {
            Engine::Postgres => "strpos",
            Engine::Sqlite => "instr",
        };
        let mut ways = Vec::new();
        for reading in readings(search.unwrap_or_default()) {
            let words: Vec<String> = reading.iter().map(|word| contains(function, column, word, &mut self.args)).collect();
            ways.push(words.join(" AND "));
        }
        if !ways.is_empty() {
            self.and(&format!("({})", ways.join(" OR ")));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_value_is_compared_and_several_are_an_array_or_a_list() {
        let sql = |engine, text: &str| {
            let mut filter = Filter::new(engine);
            filter.equal("t.kind", Some("x"));
            filter.any("t.id", Some(&text.parse::<Several<i64>>().unwrap()));
            (filter.text, filter.args.len())
        };
        for engine in [Engine::Sqlite, Engine::Postgres] {
            assert_eq!(sql(engine, "7"), (" WHERE t.kind = $1 AND t.id = $2".to_owned(), 2));
        }
        assert_eq!(sql(Engine::Sqlite, "7,8"), (" WHERE t.kind = $1 AND t.id IN ($2, $3)".to_owned(), 3));
        assert_eq!(sql(Engine::Postgres, "7,8"), (" WHERE t.kind = $1 AND t.id = ANY($2)".to_owned(), 2));
        let mut none = Filter::new(Engine::Sqlite);
        none.any::<i64>("t.id", None);
        assert_eq!(none.text, "");
    }
}
