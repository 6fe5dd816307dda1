//! Settlement files as gateways, networks of terminals, banks and spreadsheets write them.
//!
//! The text may be UTF-8, UTF-16 with its mark, or Windows-1251; cells are separated by commas, semicolons, tabs or vertical bars. Lines
//! before the heads of the columns, empty rows and totals are passed over. A row that cannot be read is kept with its reason.

use csv::{ReaderBuilder, StringRecord, Trim};
use encoding_rs::{Encoding, UTF_8, WINDOWS_1251};
use kernel::{
    Error, FieldErrors, Money, Result,
    country::Country,
    error::{common, field},
    text::searchable,
};

use super::cells::{amount, currency, plain};

/// The maximum size of a file, in bytes.
pub const MOST_BYTES: usize = 10 * 1024 * 1024;
/// The maximum number of rows in a file, and of payments on its days.
pub const MOST_ROWS: usize = 20_000;
/// The maximum length of a reference, in bytes.
const LONGEST_REFERENCE: usize = 100;
/// The maximum length of the text of an unreadable row that is kept, in characters.
const LONGEST_TEXT: usize = 200;
/// The heads of the columns are within so many lines.
const HEAD_WITHIN: usize = 50;
/// The lines that one row may have: a cell in quotes may contain line breaks.
const MOST_LINES: usize = 20;
/// The maximum number of columns; unknown columns are ignored.
const MOST_COLUMNS: usize = 100;
/// The separators of cells, the most usual in a file of a spreadsheet first.
const SEPARATORS: [u8; 4] = [b';', b',', b'\t', b'|'];
/// The first words of a row with totals.
const TOTALS: [&str; 6] = ["итог", "итого", "всего", "total", "totals", "grand"];
/// The maximum number of lines, with those that are passed over.
const MOST_LINES_OF_FILE: usize = 10 * MOST_ROWS;
/// The heads of the column with the reference, the most exact first.
const REFERENCE: [&str; 26] = [
    "reference",
    "txn_id",
    "txn id",
    "order_id",
    "order id",
    "payment_id",
    "payment id",
    "transaction_id",
    "transaction id",
    "референс",
    "номер заказа",
    "id заказа",
    "id платежа",
    "номер платежа",
    "№ платежа",
    "код платежа",
    "id транзакции",
    "номер транзакции",
    "№ транзакции",
    "id операции",
    "номер операции",
    "номер документа",
    "№ документа",
    "номер",
    "№",
    "документ",
];
/// The heads of the column with the amount, the most exact first.
const AMOUNT: [&str; 9] = [
    "amount",
    "сумма платежа",
    "сумма операции",
    "сумма транзакции",
    "сумма документа",
    "сумма зачисления",
    "сумма",
    "sum",
    "payment amount",
];
/// The heads of the column with the currency.
const CURRENCY: [&str; 6] = ["currency", "валюта", "код валюты", "валюта платежа", "валюта операции", "ccy"];

/// A row of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileRow {
    /// The line where it begins, from 1.
    pub line: u64,
    /// What it says.
    pub content: std::result::Result<Settled, Unreadable>,
}

/// Money that the other side reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settled {
    /// The reference of the payment.
    pub reference: String,
    /// The amount; below zero for a refund.
    pub amount: Money,
    /// The currency.
    pub currency: String,
}

/// A row that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// The reference, if the row has one.
    pub reference: String,
    /// What is wrong: the code of a field error.
    pub problem: &'static str,
    /// The beginning of the row.
    pub text: String,
}

/// The separator, the line of the heads and the columns.
struct Layout {
    separator: u8,
    head: usize,
    columns: usize,
    reference: usize,
    amount: usize,
    currency: Option<usize>,
}

/// Reads a file. Errors: `invalid` with the errors at `/file`, `/columns/…` and `/rows`.
pub fn read(bytes: &[u8], country: Country) -> Result<Vec<FileRow>> {
    let text = decoded(bytes).ok_or_else(|| Error::of_field("file", field::ENCODING))?;
    if text.trim().is_empty() {
        return Err(Error::of_field("file", field::FILE_EMPTY));
    }
    if text.bytes().filter(|byte| *byte == b'\n').count() > MOST_LINES_OF_FILE {
        return Err(too_long());
    }
    let lines: Vec<&str> = text.split('\n').map(|line| line.trim_end_matches('\r')).collect();
    let layout = Layout::of(&lines)?;
    let mut rows = Vec::new();
    let mut at = layout.head + 1;
    while at < lines.len() {
        let taken = lines_of_row(&lines[at..], layout.separator);
        let line = u64::try_from(at).unwrap_or(u64::MAX).saturating_add(1);
        if let Some(content) = row(&lines[at..at + taken], &layout, country) {
            if rows.len() >= MOST_ROWS {
                return Err(too_long());
            }
            rows.push(FileRow { line, content });
        }
        at += taken;
    }
    Ok(rows)
}

fn too_long() -> Error {
    let mut wrong = FieldErrors::default();
    wrong.add("rows", field::LENGTH).with("min", 0).with("max", MOST_ROWS);
    Error::new(common::INVALID).fields(wrong)
}

/// The text of a file; `None` if it is no text. Whole UTF-8 goes first; other bytes are what Russian spreadsheets write.
fn decoded(bytes: &[u8]) -> Option<String> {
    let encoding = match Encoding::for_bom(bytes) {
        Some((encoding, _)) => encoding,
        None if std::str::from_utf8(bytes).is_ok() => UTF_8,
        None => WINDOWS_1251,
    };
    let (text, _, has_errors) = encoding.decode(bytes);
    let is_text = !has_errors && !text.chars().any(|letter| letter.is_control() && !matches!(letter, '\n' | '\r' | '\t'));
    // a carriage return alone ends a line in old files
    let is_old = text.contains('\r') && !text.contains('\n');
    is_text.then(|| if is_old { text.replace('\r', "\n") } else { text.into_owned() })
}

impl Layout {
    /// Finds the heads of the columns. Errors: `invalid`, naming each missing or repeated column of the first line.
    fn of(lines: &[&str]) -> Result<Self> {
        let given = lines.first().and_then(|line| separator_line(line));
        let separators = given.map_or(SEPARATORS.to_vec(), |separator| vec![separator]);
        let first = lines.iter().position(|line| !line.trim().is_empty() && separator_line(line).is_none()).unwrap_or_default();
        for (head, line) in lines.iter().enumerate().skip(first).take(HEAD_WITHIN) {
            for separator in &separators {
                if let Some(layout) = cells(line, *separator, true).and_then(|cells| Self::in_head(&cells, *separator, head)) {
                    return Ok(layout);
                }
            }
        }
        Err(missing(lines.get(first).copied().unwrap_or_default(), &separators))
    }

    fn in_head(cells: &StringRecord, separator: u8, head: usize) -> Option<Self> {
        let heads: Vec<String> = cells.iter().map(head_word).collect();
        let reference = only(&heads, &REFERENCE)??;
        let amount = only(&heads, &AMOUNT)??;
        let currency = only(&heads, &CURRENCY)?;
        let columns = heads.len();
        (columns <= MOST_COLUMNS).then_some(Self { separator, head, columns, reference, amount, currency })
    }
}

/// The place of the column with the most exact of these heads; `None` when two columns have it.
#[allow(clippy::option_option, reason = "repeated, absent and found are three different things")]
fn only(heads: &[String], known: &[&str]) -> Option<Option<usize>> {
    let places = |name: &str| heads.iter().enumerate().filter(|(_, head)| *head == name).map(|(place, _)| place).collect::<Vec<_>>();
    match known.iter().map(|name| places(name)).find(|places| !places.is_empty()).as_deref() {
        None => Some(None),
        Some([place]) => Some(Some(*place)),
        Some(_) => None,
    }
}

/// The head of a column, without case, quotes and the currency that banks add to it.
fn head_word(cell: &str) -> String {
    let folded = searchable(&plain(cell)).replace(['"', '\'', '«', '»'], "");
    let bare = folded.trim_end_matches(['.', ':', ')', ' ']);
    let ends = ["руб", "rub", "₽", "сом", "kgs", "тенге", "kzt", "сум", "uzs"];
    let without = ends.iter().find_map(|end| bare.strip_suffix(*end)).filter(|rest| rest.ends_with([',', '(', ' ']));
    without.unwrap_or(bare).trim_end_matches([',', '(', ' ']).to_owned()
}

/// Names each column that the first line lacks or has twice.
fn missing(line: &str, separators: &[u8]) -> Error {
    let heads = |separator: u8| -> Vec<String> {
        cells(line, separator, true).map(|cells| cells.iter().map(head_word).collect()).unwrap_or_default()
    };
    let heads = separators.iter().map(|separator| heads(*separator)).max_by_key(Vec::len).unwrap_or_default();
    let mut wrong = FieldErrors::default();
    if heads.len() > MOST_COLUMNS {
        wrong.add("columns", field::LENGTH).with("min", 2).with("max", MOST_COLUMNS);
    }
    for (name, known, is_required) in
        [("reference", REFERENCE.as_slice(), true), ("amount", AMOUNT.as_slice(), true), ("currency", CURRENCY.as_slice(), false)]
    {
        match only(&heads, known) {
            None => drop(wrong.add_at(format!("/columns/{name}"), field::DUPLICATE)),
            Some(None) if is_required => drop(wrong.add_at(format!("/columns/{name}"), field::REQUIRED)),
            Some(_) => {}
        }
    }
    wrong.into_result().err().unwrap_or_else(|| Error::of_field("file", field::FORMAT))
}

/// The separator that a spreadsheet names in the line `sep=;`.
fn separator_line(line: &str) -> Option<u8> {
    let named = line.trim_matches(['"', ' ']).to_ascii_lowercase();
    let separator = named.strip_prefix("sep=")?.bytes().next().unwrap_or(b'\t');
    SEPARATORS.contains(&separator).then_some(separator)
}

/// The number of lines of the first row: more than one when a cell in quotes has line breaks.
fn lines_of_row(lines: &[&str], separator: u8) -> usize {
    let mut is_open = false;
    for (count, line) in lines.iter().take(MOST_LINES).enumerate() {
        is_open = ends_in_quotes(line, separator, is_open);
        if !is_open {
            return count + 1;
        }
    }
    // the quote is never closed: it belongs to the text
    1
}

/// Whether a cell in quotes is still open at the end of a line.
fn ends_in_quotes(line: &str, separator: u8, mut is_open: bool) -> bool {
    let mut at_start = !is_open;
    let mut bytes = line.bytes().peekable();
    while let Some(byte) = bytes.next() {
        match (is_open, byte) {
            // two quotes stand for one
            (true, b'"') if bytes.peek() == Some(&b'"') => drop(bytes.next()),
            // any other quote within a cell is text
            (true, b'"') => is_open = bytes.peek().is_some_and(|next| *next != separator),
            (true, _) => {}
            (false, b'"') if at_start => (is_open, at_start) = (true, false),
            (false, byte) => at_start = byte == separator,
        }
    }
    is_open
}

fn cells(text: &str, separator: u8, quoting: bool) -> Option<StringRecord> {
    let mut reader = ReaderBuilder::new();
    reader.delimiter(separator).has_headers(false).flexible(true).trim(Trim::All).quoting(quoting).buffer_capacity(512);
    reader.from_reader(text.as_bytes()).records().next()?.ok()
}

/// Reads a row; `None` for an empty one and for totals.
fn row(lines: &[&str], layout: &Layout, country: Country) -> Option<std::result::Result<Settled, Unreadable>> {
    let text = lines.join("\n");
    let quoting = lines.len() > 1 || !ends_in_quotes(&text, layout.separator, false);
    let cells = cells(&text, layout.separator, quoting)?;
    let first = cells.iter().map(plain).find(|cell| !cell.is_empty())?;
    let cell = |place: usize| cells.get(place).map(plain).unwrap_or_default();
    let reference = reference(&cell(layout.reference));
    let word = searchable(&first).split([' ', ':', '.', ',']).next().unwrap_or_default().to_owned();
    if TOTALS.contains(&word.as_str()) && (reference.is_empty() || reference == first) {
        return None;
    }
    // an unquoted decimal comma between commas would cut an amount in two
    let is_too_long = cells.iter().skip(layout.columns).any(|cell| !plain(cell).is_empty());
    let unreadable = |problem| {
        let reference = if reference.len() <= LONGEST_REFERENCE { reference.clone() } else { String::new() };
        Err(Unreadable { reference, problem, text: text.chars().take(LONGEST_TEXT).collect() })
    };
    Some(if reference.is_empty() {
        unreadable(field::REQUIRED)
    } else if is_too_long || reference.len() > LONGEST_REFERENCE || reference.chars().any(char::is_control) {
        unreadable(field::FORMAT)
    } else if let Some(amount) = amount(&cell(layout.amount)).filter(|amount| *amount != Money::ZERO) {
        match layout.currency.map_or(Some(country.currency().to_owned()), |place| currency(&cell(place), country)) {
            Some(currency) => Ok(Settled { reference, amount, currency }),
            None => unreadable(field::FORMAT),
        }
    } else {
        unreadable(field::AMOUNT)
    })
}

/// A reference, without the decimals that a spreadsheet adds to a number.
fn reference(cell: &str) -> String {
    match cell.strip_suffix(".0") {
        Some(digits) if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) => digits.to_owned(),
        _ => cell.to_owned(),
    }
}

#[cfg(test)]
mod tests;
