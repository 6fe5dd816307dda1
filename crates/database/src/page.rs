//! Pages of lists: by number with an exact count up to 100 000, or by cursor without a count.
//!
//! What every list understands is here and not in each list: `ids`, the range of `updated_at`, and the order by id.

use std::collections::BTreeSet;

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use chrono::{DateTime, Datelike, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use kernel::{
    Error, FieldErrors, Money, Result, Several,
    column::Arg,
    digest::sha256,
    error::{common, field},
    text::order_key,
};

use crate::{Conn, Filter, Row, Sql};

/// The default number of rows on a page.
pub const DEFAULT_PAGE_SIZE: i64 = 100;
/// The largest number of rows on a page.
pub const MAX_PAGE_SIZE: i64 = 500;
/// The largest number of matches that are counted exactly, and of rows that pages by number reach.
pub const REACH: i64 = 100_000;

/// The name by which every list can be ordered, whatever its rows call their id.
const ID: &str = "id";
/// The field with the time of a row's last change.
const UPDATED_AT: &str = "updated_at";

/// Years that are allowed in the times and dates of a cursor.
const YEARS: std::ops::RangeInclusive<i32> = 1..=9999;

/// A field that a list can be ordered by. Its column is never NULL, because the engines order NULL differently.
#[derive(Clone, Copy, Debug)]
pub struct OrderField {
    /// The JSON name, which clients use.
    pub name: &'static str,
    /// The SQL column.
    pub column: &'static str,
    /// The type of its values, to read them back from a cursor.
    pub kind: KeyKind,
}

/// The type of a column that a list is ordered by.
#[derive(Clone, Copy, Debug)]
pub enum KeyKind {
    /// A number.
    Int,
    /// Text.
    Text,
    /// A name. The column holds [its key](order_key), in which the order of bytes is that of a dictionary.
    Name,
    /// A moment.
    Time,
    /// A date.
    Date,
    /// Money, stored in minor units.
    Money,
    /// True or false.
    Bool,
}

/// How a list is ordered and paged.
#[derive(Clone, Copy, Debug)]
pub struct ListSpec {
    /// The fields clients may order by.
    pub order_fields: &'static [OrderField],
    /// The default order, in the form that clients use.
    pub default_order: &'static str,
    /// The column of the id, which makes every order total.
    pub id: &'static str,
    /// The id's JSON name.
    pub id_name: &'static str,
}

/// The paging and order that a client asked for.
#[derive(Clone, Debug)]
pub struct Paging {
    size: i64,
    position: Position,
    order: Vec<(OrderField, bool)>,
    order_text: String,
    list: String,
    ids: Option<Several<i64>>,
    updated_at: Range,
    spec: ListSpec,
}

/// The rows that were last changed from one moment to another.
#[derive(Clone, Copy, Debug, Default)]
struct Range {
    after: Option<DateTime<Utc>>,
    before: Option<DateTime<Utc>>,
}

#[derive(Clone, Debug)]
enum Position {
    Page(i64),
    Cursor(Option<Cursor>),
}

/// The end of a page: the list, the order, the keys of the last row, and its id.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Cursor {
    l: String,
    o: String,
    k: Vec<Value>,
    i: i64,
}

/// The paging parameters as received.
#[derive(Clone, Debug, Default)]
pub struct PagingParameters {
    /// `page`, from 1.
    pub page: Option<String>,
    /// `page_size`, at most 500.
    pub page_size: Option<String>,
    /// `cursor`; empty for the first page.
    pub cursor: Option<String>,
    /// `ordering`.
    pub ordering: Option<String>,
    /// `ids`: only rows with these.
    pub ids: Option<String>,
    /// `updated_at_after`: only rows changed at this moment or later.
    pub updated_at_after: Option<String>,
    /// `updated_at_before`: only rows changed at this moment or earlier.
    pub updated_at_before: Option<String>,
    /// The path of the list, because a cursor leads on in one list only.
    pub list: String,
}

/// The number of matching rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count {
    /// The number, at most 100 000.
    pub value: i64,
    /// Whether the number is exact.
    pub exact: bool,
}

/// The position of another page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A page by number.
    Page(i64),
    /// A page by cursor.
    Cursor(String),
}

/// A page of a list.
#[derive(Clone, Debug)]
pub struct Page<T> {
    /// The number of matching rows; not counted when paging by cursor.
    pub count: Option<Count>,
    /// The next page, if there is one.
    pub next: Option<Step>,
    /// The previous page, when paging by number.
    pub previous: Option<Step>,
    /// The rows.
    pub results: Vec<T>,
}

impl ListSpec {
    /// The names of the fields that clients may order by: those of the list, and the id.
    pub fn order_names(&self) -> Vec<&'static str> {
        let own = self.order_fields.iter().map(|field| field.name);
        own.chain([ID].into_iter().filter(|_| self.order_fields.iter().all(|field| field.name != ID))).collect()
    }

    /// The column of the time of the last change, if the rows change and have one.
    pub fn updated_at(&self) -> Option<&'static str> {
        self.order_fields.iter().find(|field| field.name == UPDATED_AT).map(|field| field.column)
    }

    fn order_field(&self, name: &str) -> Option<OrderField> {
        let id = (name == ID).then_some(OrderField { name: self.id_name, column: self.id, kind: KeyKind::Int });
        self.order_fields.iter().find(|field| field.name == name).copied().or(id)
    }
}

impl<T> Page<T> {
    /// Converts each row of the page.
    pub fn map<U>(self, turn: impl FnMut(T) -> U) -> Page<U> {
        Page { count: self.count, next: self.next, previous: self.previous, results: self.results.into_iter().map(turn).collect() }
    }
}

impl Paging {
    /// Reads the paging parameters. Errors: `invalid_parameter` with each wrong one, `page_too_far`.
    pub fn parse(spec: ListSpec, given: &PagingParameters) -> Result<Self> {
        let mut wrong = FieldErrors::default();
        let size = match given.page_size.as_deref().map(str::parse::<i64>) {
            None => DEFAULT_PAGE_SIZE,
            Some(Ok(size)) if (1..=MAX_PAGE_SIZE).contains(&size) => size,
            Some(_) => {
                wrong.add_at("page_size".to_owned(), field::RANGE).with("min", 1).with("max", MAX_PAGE_SIZE);
                DEFAULT_PAGE_SIZE
            }
        };
        let page = match given.page.as_deref().map(str::parse::<i64>) {
            None => 1,
            Some(Ok(page)) if page >= 1 => page,
            Some(_) => {
                wrong.add_at("page".to_owned(), field::RANGE).with("min", 1).with("max", (REACH + size - 1) / size);
                1
            }
        };
        let asked = given.ordering.as_deref().filter(|text| !text.is_empty()).unwrap_or(spec.default_order);
        let order = parse_order(&spec, asked, &mut wrong);
        let terms = order.iter().map(|(field, descending)| format!("{}{}", if *descending { "-" } else { "" }, field.name));
        let (order_text, list) = (terms.collect::<Vec<_>>().join(","), sha256(given.list.as_bytes())[..8].to_owned());
        let fits = |cursor: &Cursor| cursor.l == list && cursor.o == order_text && keys(&order, cursor).is_some();
        let position = match &given.cursor {
            None => Position::Page(page),
            Some(text) if text.is_empty() => Position::Cursor(None),
            Some(text) => match decode(text).filter(fits) {
                Some(cursor) => Position::Cursor(Some(cursor)),
                None => {
                    wrong.add_at("cursor".to_owned(), field::FORMAT).with("form", "cursor");
                    Position::Cursor(None)
                }
            },
        };
        let ids = read(&given.ids, "ids", field::RANGE_ID, &mut wrong);
        let updated_at = Range {
            after: read(&given.updated_at_after, "updated_at_after", field::FORMAT, &mut wrong),
            before: read(&given.updated_at_before, "updated_at_before", field::FORMAT, &mut wrong),
        };
        wrong.into_error(common::INVALID_PARAMETER)?;
        if matches!(position, Position::Page(page) if (page - 1).saturating_mul(size) >= REACH) {
            return Err(Error::new(common::PAGE_TOO_FAR).with("reach", REACH));
        }
        Ok(Self { size, position, order, order_text, list, ids, updated_at, spec })
    }

    /// Whether the list is ordered by this field, for permissions that depend on it.
    pub fn orders_by(&self, name: &str) -> bool {
        self.order.iter().any(|(field, _)| field.name == name)
    }

    /// Reads the page with one statement, and the count with another when paging by number.
    ///
    /// `select` is the statement up to the `WHERE`; `from` is the part of it that the count needs. The rows' JSON must contain the
    /// fields of the order and the id.
    pub async fn fetch<T: Row + Serialize>(&self, conn: &mut Conn, select: &str, from: &str, mut filter: Filter) -> Result<Page<T>> {
        filter.any(self.spec.id, self.ids.as_ref());
        if let Some(column) = self.spec.updated_at() {
            filter.at_least(column, self.updated_at.after);
            filter.at_most(column, self.updated_at.before);
        }
        match &self.position {
            Position::Page(page) => self.by_number(conn, select, from, filter, *page).await,
            Position::Cursor(cursor) => self.by_cursor(conn, select, filter, cursor.as_ref()).await,
        }
    }

    async fn by_number<T: Row>(&self, conn: &mut Conn, select: &str, from: &str, mut filter: Filter, page: i64) -> Result<Page<T>> {
        // counting stops one row past the reach, so its cost is bounded on a list of millions
        let count = format!("SELECT CAST(COUNT(*) AS BIGINT) FROM (SELECT 1 FROM {from}{} LIMIT {}) AS matches", filter.text, REACH + 1);
        let found: i64 = Sql::owned(count).bind_all(filter.args.clone()).scalar(conn).await?;
        filter.narrow();
        let values = filter.args.len();
        let text = format!("{select}{}{} LIMIT ${} OFFSET ${}", filter.text, self.order_by(), values + 1, values + 2);
        let offset = (page - 1) * self.size;
        // the last page ends at the reach, even if the page size does not divide it
        let results = Sql::owned(text).bind_all(filter.args).bind(self.size.min(REACH - offset)).bind(offset).all(conn).await?;
        let last = (found.min(REACH) + self.size - 1) / self.size;
        Ok(Page {
            count: Some(Count { value: found.min(REACH), exact: found <= REACH }),
            next: (page < last).then_some(Step::Page(page + 1)),
            previous: (page > 1).then(|| Step::Page((page - 1).min(last.max(1)))),
            results,
        })
    }

    async fn by_cursor<T: Row + Serialize>(
        &self,
        conn: &mut Conn,
        select: &str,
        mut filter: Filter,
        after: Option<&Cursor>,
    ) -> Result<Page<T>> {
        filter.narrow();
        if let Some(cursor) = after {
            self.seek(&mut filter, cursor);
        }
        let text = format!("{select}{}{} LIMIT ${}", filter.text, self.order_by(), filter.args.len() + 1);
        // one row more than asked for tells whether there is a next page
        let mut results: Vec<T> = Sql::owned(text).bind_all(filter.args).bind(self.size + 1).all(conn).await?;
        let more = results.len() as i64 > self.size;
        results.truncate(usize::try_from(self.size).unwrap_or_default());
        let next = match results.last().filter(|_| more) {
            Some(last) => Some(Step::Cursor(self.cursor_at(last)?)),
            None => None,
        };
        Ok(Page { count: None, next, previous: None, results })
    }

    /// The clause ` ORDER BY …`, which ends in the id in the direction of the last field.
    fn order_by(&self) -> String {
        let direction = |descending| if descending { " DESC" } else { "" };
        let terms = self.columns().into_iter().map(|(column, descending)| format!("{column}{}", direction(descending)));
        format!(" ORDER BY {}", terms.collect::<Vec<_>>().join(", "))
    }

    /// The columns of the order with their directions. The last is the id, in the direction of the field before it.
    fn columns(&self) -> Vec<(&'static str, bool)> {
        let mut columns: Vec<(&str, bool)> = self.order.iter().map(|(field, descending)| (field.column, *descending)).collect();
        if !self.ends_with_id() {
            columns.push((self.spec.id, self.id_descends()));
        }
        columns
    }

    fn ends_with_id(&self) -> bool {
        self.order.last().is_some_and(|(field, _)| field.column == self.spec.id)
    }

    fn id_descends(&self) -> bool {
        self.order.last().is_some_and(|(_, descending)| *descending)
    }

    /// Adds the condition for rows after the cursor: a row comparison, which can use an index, if all directions agree.
    fn seek(&self, filter: &mut Filter, cursor: &Cursor) {
        let Some(mut keys) = keys(&self.order, cursor) else { return };
        if !self.ends_with_id() {
            keys.push(Arg::Int(Some(cursor.i)));
        }
        let columns = self.columns();
        let sign = |descending| if descending { "<" } else { ">" };
        let first = filter.args.len() + 1;
        filter.args.extend(keys);
        let all_agree = columns.iter().all(|(_, descending)| *descending == columns[0].1);
        if all_agree {
            let names: Vec<&str> = columns.iter().map(|(column, _)| *column).collect();
            let values: Vec<String> = (0..columns.len()).map(|at| format!("${}", first + at)).collect();
            filter.when(true, &format!("({}) {} ({})", names.join(", "), sign(columns[0].1), values.join(", ")));
        } else {
            let alternatives: Vec<String> = (0..columns.len())
                .map(|at| {
                    let equal = (0..at).map(|before| format!("{} = ${}", columns[before].0, first + before));
                    let beyond = format!("{} {} ${}", columns[at].0, sign(columns[at].1), first + at);
                    format!("({})", equal.chain([beyond]).collect::<Vec<_>>().join(" AND "))
                })
                .collect();
            filter.when(true, &format!("({})", alternatives.join(" OR ")));
        }
    }

    fn cursor_at(&self, row: &impl Serialize) -> Result<String> {
        let row = serde_json::to_value(row).map_err(Error::internal)?;
        let missing = |name: &str| Error::internal(format!("the rows of this list lack {name}, which orders it"));
        let key = |name: &str| row.get(name).cloned().ok_or_else(|| missing(name));
        let cursor = Cursor {
            l: self.list.clone(),
            o: self.order_text.clone(),
            k: self.order.iter().map(|(field, _)| key(field.name)).collect::<Result<_>>()?,
            i: key(self.spec.id_name)?.as_i64().ok_or_else(|| missing(self.spec.id_name))?,
        };
        let json = serde_json::to_vec(&cursor).map_err(Error::internal)?;
        Ok(BASE64_URL_SAFE_NO_PAD.encode(json))
    }
}

fn parse_order(spec: &ListSpec, text: &str, wrong: &mut FieldErrors) -> Vec<(OrderField, bool)> {
    let mut order = Vec::new();
    let (mut seen, mut is_total) = (BTreeSet::new(), false);
    for term in text.split(',') {
        let (name, descending) = term.strip_prefix('-').map_or((term, false), |name| (name, true));
        match spec.order_field(name) {
            // a repeated field changes nothing, and neither does one after the id
            Some(field) if is_total || !seen.insert(field.name) => {}
            Some(field) => {
                is_total = field.column == spec.id;
                order.push((field, descending));
            }
            None => {
                wrong.add_at("ordering".to_owned(), field::CHOICE).with("choices", spec.order_names().join(", "));
                break;
            }
        }
    }
    order
}

/// Reads a parameter that is given in the right form, or notes that it is wrong.
fn read<T: std::str::FromStr>(given: &Option<String>, name: &str, code: &'static str, wrong: &mut FieldErrors) -> Option<T> {
    let value = given.as_deref()?.parse().ok();
    if value.is_none() {
        wrong.add_at(name.to_owned(), code);
    }
    value
}

fn decode(text: &str) -> Option<Cursor> {
    serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(text).ok()?).ok()
}

fn keys(order: &[(OrderField, bool)], cursor: &Cursor) -> Option<Vec<Arg>> {
    if order.len() != cursor.k.len() {
        return None;
    }
    order
        .iter()
        .zip(&cursor.k)
        .map(|((field, _), key)| {
            Some(match field.kind {
                KeyKind::Int => key.as_i64()?.into(),
                KeyKind::Text => key.as_str().filter(|text| !text.contains('\0'))?.to_owned().into(),
                KeyKind::Name => order_key(key.as_str().filter(|text| !text.contains('\0'))?).into(),
                // no row has a year outside this range, and PostgreSQL fails on some of those years
                KeyKind::Time => key.as_str()?.parse::<DateTime<Utc>>().ok().filter(|time| YEARS.contains(&time.year()))?.into(),
                KeyKind::Date => key.as_str()?.parse::<NaiveDate>().ok().filter(|date| YEARS.contains(&date.year()))?.into(),
                KeyKind::Money => key.as_str()?.parse::<Money>().ok()?.into(),
                KeyKind::Bool => key.as_bool()?.into(),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests;
