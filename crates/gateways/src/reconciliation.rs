//! Settlement files: the rows of a gateway's report, compared with the ledger.
//!
//! A file is CSV in UTF-8 with a header line. [`read`] reports all errors of a file at once; [`compare`] is pure.

use std::collections::{BTreeMap, HashSet};

use acl::{Granted, perm};
use chrono::{NaiveDate, TimeDelta};
use csv::{ReaderBuilder, StringRecord, Trim};
use database::{Conn, Page, Paging, Tx, audit::Entry, page::ListSpec};
use kernel::{
    Error, FieldErrors, Money, Result,
    error::{common, field},
    id::{PaymentId, ReconciliationId, ReconciliationRowId},
};
use payments::PaymentStatus;

use crate::{
    input::{ReconciliationFilter, ReconciliationQuery, ReconciliationRowFilter},
    model::{Reconciliation, ReconciliationRow, RowKind, refusal},
    store::reconciliations::{self as store, Ours},
};

/// The sort orders of reconciliation lists.
pub const LIST: ListSpec = store::LIST;
/// The sort orders of a reconciliation's rows: first those of the file, then the payments that it does not have.
pub const ROW_LIST: ListSpec = store::ROW_LIST;

/// The maximum size of a file, in bytes.
pub const MOST_BYTES: usize = 10 * 1024 * 1024;
/// The maximum number of rows in a file, and of payments on its days.
pub const MOST_ROWS: usize = 20_000;
/// The maximum number of days of a file.
pub const MOST_DAYS: i64 = 31;
/// The maximum length of a cell that is read.
const LONGEST_CELL: usize = 64;
/// The maximum number of columns; unknown columns are ignored.
const MOST_COLUMNS: usize = 100;
/// The maximum number of reported cells; a file of a different kind would have only errors.
const MOST_WRONG: usize = 100;
/// The columns that are read.
const COLUMNS: [&str; 3] = ["reference", "amount", "currency"];

/// A row of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileRow {
    /// The line where it begins, from 1.
    pub line: u64,
    /// The reference that was sent to the gateway.
    pub reference: String,
    /// The amount.
    pub amount: Money,
    /// The currency.
    pub currency: String,
}

/// The gateway and the days of a file.
#[derive(Clone, Debug)]
pub struct Span {
    /// The gateway.
    pub gateway: String,
    /// The first day.
    pub from: NaiveDate,
    /// The last day.
    pub to: NaiveDate,
}

impl Span {
    /// Checks the query against these gateways. Errors: `invalid_parameter`.
    pub fn of(query: &ReconciliationQuery, gateways: &[&str]) -> Result<Self> {
        let mut wrong = FieldErrors::default();
        let mut required = |name: &str, is_there: bool| {
            if !is_there {
                wrong.add_at(name.to_owned(), field::REQUIRED);
            }
        };
        required("gateway", query.gateway.is_some());
        required("from", query.from.is_some());
        required("to", query.to.is_some());
        if query.gateway.as_deref().is_some_and(|name| !gateways.contains(&name)) {
            wrong.add_at("gateway".to_owned(), field::CHOICE).with("choices", gateways.join(", "));
        }
        if let (Some(from), Some(to)) = (query.from, query.to) {
            if to < from {
                wrong.add_at("to".to_owned(), field::ENDS_BEFORE_BEGIN);
            } else if to - from >= TimeDelta::days(MOST_DAYS) {
                wrong.add_at("to".to_owned(), field::RANGE).with("min", from).with("max", from + TimeDelta::days(MOST_DAYS - 1));
            }
        }
        wrong.into_error(common::INVALID_PARAMETER)?;
        match (query.gateway.clone(), query.from, query.to) {
            (Some(gateway), Some(from), Some(to)) => Ok(Self { gateway, from, to }),
            _ => Err(common::INVALID_PARAMETER.into()),
        }
    }
}

/// Reads a file. Errors: `invalid` with the errors at `/file`, `/columns/…` and `/rows/<line>/…`.
pub fn read(bytes: &[u8]) -> Result<Vec<FileRow>> {
    let text = std::str::from_utf8(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)).ok().filter(|text| !text.contains('\0'));
    let text = text.ok_or_else(|| Error::of_field("file", field::ENCODING))?;
    if text.trim().is_empty() {
        return Err(Error::of_field("file", field::FILE_EMPTY));
    }
    // the reader finds lines by their last character, so it would count `\r\n` wrongly
    let text = text.replace("\r\n", "\n");
    let mut reader = ReaderBuilder::new().delimiter(delimiter(&text)).trim(Trim::All).from_reader(text.as_bytes());
    let unreadable = |_| Error::of_field("file", field::FORMAT);
    let head = reader.headers().map_err(unreadable)?.clone();
    let columns = columns(&head)?;
    let mut wrong = FieldErrors::default();
    let (mut rows, mut seen) = (Vec::new(), HashSet::new());
    for record in reader.records() {
        let record = match record {
            Ok(record) => record,
            Err(error) => {
                // the row has more or fewer cells than the header; the reader continues with the next row
                let line = line(&text, error.position());
                wrong.add_at(format!("/rows/{line}"), field::FORMAT);
                if wrong.0.len() >= MOST_WRONG {
                    break;
                }
                continue;
            }
        };
        if rows.len() >= MOST_ROWS {
            wrong.add("rows", field::LENGTH).with("min", 0).with("max", MOST_ROWS);
            break;
        }
        if let Some(row) = row(&record, line(&text, record.position()), columns, &mut wrong) {
            if !seen.insert(row.reference.clone()) {
                wrong.add_at(format!("/rows/{}/reference", row.line), field::DUPLICATE);
            }
            rows.push(row);
        }
        if wrong.0.len() >= MOST_WRONG {
            break;
        }
    }
    wrong.into_result().map(|()| rows)
}

/// The delimiter of the header line: the most frequent candidate.
fn delimiter(text: &str) -> u8 {
    let head = text.lines().next().unwrap_or_default();
    let count = |byte: u8| head.bytes().filter(|other| *other == byte).count();
    [b',', b';', b'\t'].into_iter().rev().max_by_key(|byte| count(*byte)).unwrap_or(b',')
}

/// Finds the columns that are read. Errors: `invalid`, naming each missing or duplicate column.
fn columns(head: &StringRecord) -> Result<[usize; 3]> {
    let mut wrong = FieldErrors::default();
    if head.len() > MOST_COLUMNS {
        wrong.add("columns", field::LENGTH).with("min", COLUMNS.len()).with("max", MOST_COLUMNS);
    }
    let places = COLUMNS.map(|name| {
        let mut found = head.iter().enumerate().filter(|(_, cell)| cell.eq_ignore_ascii_case(name)).map(|(place, _)| place);
        let place = found.next();
        match (place, found.next()) {
            (None, _) => drop(wrong.add_at(format!("/columns/{name}"), field::REQUIRED)),
            (Some(_), Some(_)) => drop(wrong.add_at(format!("/columns/{name}"), field::DUPLICATE)),
            (Some(_), None) => {}
        }
        place.unwrap_or_default()
    });
    wrong.into_result().map(|()| places)
}

/// The line where a row begins; the reader's position is before the empty lines.
fn line(text: &str, position: Option<&csv::Position>) -> u64 {
    let Some(position) = position else { return 0 };
    let rest = usize::try_from(position.byte()).ok().and_then(|at| text.as_bytes().get(at..)).unwrap_or_default();
    position.line() + rest.iter().take_while(|byte| **byte == b'\n').count() as u64
}

fn row(record: &StringRecord, line: u64, columns: [usize; 3], wrong: &mut FieldErrors) -> Option<FileRow> {
    let [reference, amount, currency] = columns.map(|place| record.get(place).unwrap_or_default());
    let known = wrong.0.len();
    let mut cell = |name: &str, code| {
        wrong.add_at(format!("/rows/{line}/{name}"), code);
    };
    let plain = |text: &str| text.len() <= LONGEST_CELL && !text.chars().any(char::is_control);
    if reference.is_empty() {
        cell("reference", field::REQUIRED);
    } else if !plain(reference) {
        cell("reference", field::FORMAT);
    }
    let amount: Option<Money> = amount.parse().ok().filter(|amount| *amount > Money::ZERO);
    if amount.is_none() {
        cell("amount", field::AMOUNT);
    }
    if currency.len() != 3 || !currency.bytes().all(|byte| byte.is_ascii_uppercase()) {
        cell("currency", field::FORMAT);
    }
    let right = wrong.0.len() == known;
    amount.filter(|_| right).map(|amount| FileRow { line, reference: reference.to_owned(), amount, currency: currency.to_owned() })
}

/// The payment id in a reference, if it is a valid one.
fn payment_id(reference: &str) -> Option<PaymentId> {
    reference.parse().ok().filter(|id: &i64| *id > 0 && id.to_string() == reference).map(PaymentId::new)
}

/// Compares the rows of a file with the payments that they name and with those received on its days.
pub fn compare(file: &[FileRow], named: &[Ours], came_in: &[Ours], currency: &str) -> Vec<ReconciliationRow> {
    let ours: BTreeMap<PaymentId, &Ours> = named.iter().map(|one| (one.id, one)).collect();
    let mut in_file = HashSet::new();
    let id = ReconciliationRowId::new(0);
    let mut rows: Vec<ReconciliationRow> = Vec::with_capacity(file.len());
    for theirs in file {
        let found = payment_id(&theirs.reference).and_then(|id| ours.get(&id).copied());
        let counts = found.filter(|one| one.status == PaymentStatus::Success);
        let kind = match counts {
            None => RowKind::MissingHere,
            Some(one) if one.amount == theirs.amount && theirs.currency == currency => RowKind::Matched,
            Some(_) => RowKind::DifferentAmount,
        };
        in_file.extend(found.map(|one| one.id));
        rows.push(ReconciliationRow {
            id,
            kind,
            line: i64::try_from(theirs.line).ok(),
            reference: theirs.reference.clone(),
            payment_id: found.map(|one| one.id),
            their_amount: Some(theirs.amount),
            their_currency: Some(theirs.currency.clone()),
            our_amount: found.map(|one| one.amount),
            our_status: found.map(|one| one.status),
        });
    }
    let missing = came_in.iter().filter(|one| !in_file.contains(&one.id));
    rows.extend(missing.map(|one| ReconciliationRow {
        id,
        kind: RowKind::MissingThere,
        line: None,
        reference: one.id.to_string(),
        payment_id: Some(one.id),
        their_amount: None,
        their_currency: None,
        our_amount: Some(one.amount),
        our_status: Some(one.status),
    }));
    rows
}

/// Compares a file with the ledger and stores the result. No money moves.
///
/// Errors: `reconciliation_too_large` when its days have too many payments to compare at once.
pub async fn reconcile(
    tx: &mut Tx,
    _granted: &Granted<perm::PaymentsReconcile>,
    span: &Span,
    file: &[FileRow],
    sha256: &str,
) -> Result<Reconciliation> {
    let ids: Vec<PaymentId> = file.iter().filter_map(|row| payment_id(&row.reference)).collect();
    let named = store::by_ids(tx, &span.gateway, &ids).await?;
    let (from, until) = (tx.context().day_begins(span.from), tx.context().day_begins(span.to + TimeDelta::days(1)));
    let limit = i64::try_from(MOST_ROWS).map_err(Error::internal)?;
    let came_in = store::came_in(tx, &span.gateway, from, until, limit + 1).await?;
    if came_in.len() > MOST_ROWS {
        return Err(Error::new(refusal::RECONCILIATION_TOO_LARGE).with("limit", MOST_ROWS));
    }
    let rows = compare(file, &named, &came_in, tx.policy().country.currency());
    let count = |kind| i64::try_from(rows.iter().filter(|row| row.kind == kind).count()).unwrap_or(i64::MAX);
    let mut reconciliation = Reconciliation {
        id: ReconciliationId::new(0),
        gateway: span.gateway.clone(),
        from: span.from,
        to: span.to,
        file_sha256: sha256.to_owned(),
        file_rows: i64::try_from(file.len()).map_err(Error::internal)?,
        matched: count(RowKind::Matched),
        missing_here: count(RowKind::MissingHere),
        missing_there: count(RowKind::MissingThere),
        different_amount: count(RowKind::DifferentAmount),
        created_by: tx.actor().name.clone(),
        created_at: tx.now(),
    };
    reconciliation.id = store::insert(tx, &reconciliation, &rows).await?;
    tx.record(Entry::new("reconciliation.created", "reconciliation", reconciliation.id).created(&reconciliation));
    Ok(reconciliation)
}

/// Returns a reconciliation. Errors: `reconciliation_not_found`.
pub async fn get(conn: &mut Conn, _: &Granted<perm::PaymentsReconcile>, id: ReconciliationId) -> Result<Reconciliation> {
    store::get(conn, id).await?.ok_or_else(|| refusal::RECONCILIATION_NOT_FOUND.into())
}

/// Lists reconciliations.
pub async fn list(
    conn: &mut Conn,
    _: &Granted<perm::PaymentsReconcile>,
    filter: &ReconciliationFilter,
    paging: &Paging,
) -> Result<Page<Reconciliation>> {
    store::list(conn, filter, paging).await
}

/// Lists the rows of a reconciliation. Errors: `reconciliation_not_found`.
pub async fn rows(
    conn: &mut Conn,
    granted: &Granted<perm::PaymentsReconcile>,
    id: ReconciliationId,
    filter: &ReconciliationRowFilter,
    paging: &Paging,
) -> Result<Page<ReconciliationRow>> {
    get(conn, granted, id).await?;
    store::rows(conn, id, filter, paging).await
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn wrong(text: &[u8]) -> Vec<(String, &'static str)> {
        let error = read(text).unwrap_err();
        error.wrong_fields().iter().map(|wrong| (wrong.pointer.clone(), wrong.code)).collect()
    }

    fn amounts(text: &str) -> Vec<(String, String)> {
        read(text.as_bytes()).unwrap().into_iter().map(|row| (row.reference, row.amount.to_string())).collect()
    }

    #[test]
    fn commas_semicolons_and_tabs_other_columns_and_a_byte_order_mark_are_taken() {
        let expected = [("7".to_owned(), "100.50".to_owned()), ("8".to_owned(), "0.30".to_owned())];
        for text in [
            "reference,amount,currency\n7,100.5,RUB\n8,0.30,RUB\n",
            "\u{feff}Reference;Payer;AMOUNT;currency\r\n7;\"Иванов; Пётр\";100.50;RUB\r\n\r\n8;=1+1;0.3;RUB",
            "currency\treference\tamount\nRUB\t 7 \t100.50\nRUB\t8\t0.3\n",
        ] {
            assert_eq!(amounts(text), expected, "{text}");
        }
        assert_eq!(amounts("reference,amount,currency\n"), []);
        for text in ["reference,amount,currency\n\n\n7,1,RUB", "reference,amount,currency\r\n\r\n\r\n7,1,RUB\r\n"] {
            assert_eq!(read(text.as_bytes()).unwrap()[0].line, 4, "{text:?}");
        }
    }

    #[test]
    fn everything_that_is_wrong_is_named_at_once() {
        assert_eq!(wrong(b""), [("/file".to_owned(), field::FILE_EMPTY)]);
        assert_eq!(wrong(b"\xff\xfe1,2"), [("/file".to_owned(), field::ENCODING)]);
        assert_eq!(wrong(b"reference,amount,currency\n7\0,1,RUB"), [("/file".to_owned(), field::ENCODING)]);
        let head = [("/columns/reference".to_owned(), field::DUPLICATE), ("/columns/currency".to_owned(), field::REQUIRED)];
        assert_eq!(wrong(b"reference,amount,Reference\n7,1,7\n"), head);
        let rows = "reference,amount,currency\n,1,RUB\n7,1e2,rub\n8,1,RUB\n8,2,RUB\n9,1\n10,=1+1,RUB\n11,-1,RUB\n12,0.001,RUB\n";
        let expected = [
            ("/rows/2/reference", field::REQUIRED),
            ("/rows/3/amount", field::AMOUNT),
            ("/rows/3/currency", field::FORMAT),
            ("/rows/5/reference", field::DUPLICATE),
            ("/rows/6", field::FORMAT),
            ("/rows/7/amount", field::AMOUNT),
            ("/rows/8/amount", field::AMOUNT),
            ("/rows/9/amount", field::AMOUNT),
        ];
        assert_eq!(wrong(rows.as_bytes()), expected.map(|(pointer, code)| (pointer.to_owned(), code)));
    }

    #[test]
    fn a_file_has_bounds() {
        let file = |rows: usize| {
            let rows: String = (1..=rows).map(|n| format!("{n},1.00,RUB\n")).collect();
            format!("reference,amount,currency\n{rows}")
        };
        assert_eq!(read(file(MOST_ROWS).as_bytes()).unwrap().len(), MOST_ROWS);
        assert_eq!(wrong(file(MOST_ROWS + 1).as_bytes()), [("/rows".to_owned(), field::LENGTH)]);
        let all_wrong = format!("reference,amount,currency\n{}", "x,x,x\n".repeat(5000));
        assert!(wrong(all_wrong.as_bytes()).len() <= MOST_WRONG + 3);
        assert_eq!(wrong(format!("reference,amount,currency\n{},1,RUB\n", "9".repeat(65)).as_bytes()).len(), 1);
    }

    #[test]
    fn both_sides_are_put_beside_each_other() {
        let money = |text: &str| text.parse::<Money>().unwrap();
        let ours = |id, amount, status| Ours { id: PaymentId::new(id), amount: money(amount), status };
        let named = [
            ours(1, "10.00", PaymentStatus::Success),
            ours(2, "20.00", PaymentStatus::Success),
            ours(3, "30.00", PaymentStatus::Failed),
            ours(5, "50.00", PaymentStatus::Success),
        ];
        let came_in = [named[0], ours(4, "40.00", PaymentStatus::Success)];
        let file = read(b"reference,amount,currency\n1,10,RUB\n2,19.99,RUB\n3,30,RUB\n5,50,USD\n999,1,RUB\nabc,1,RUB\n01,1,RUB\n").unwrap();
        let rows = compare(&file, &named, &came_in, "RUB");
        let found: Vec<(&str, RowKind)> = rows.iter().map(|row| (row.reference.as_str(), row.kind)).collect();
        let expected = [
            ("1", RowKind::Matched),
            ("2", RowKind::DifferentAmount),
            ("3", RowKind::MissingHere),
            ("5", RowKind::DifferentAmount),
            ("999", RowKind::MissingHere),
            ("abc", RowKind::MissingHere),
            ("01", RowKind::MissingHere),
            ("4", RowKind::MissingThere),
        ];
        assert_eq!(found, expected);
        assert_eq!((rows[2].our_status, rows[2].our_amount), (Some(PaymentStatus::Failed), Some(money("30.00"))));
    }

    proptest! {
        #[test]
        fn no_bytes_make_reading_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), text in "[a-z0-9,;\"\n\t=+.-]{0,200}") {
            let _ = read(&bytes);
            let _ = read(text.as_bytes());
            let _ = read(format!("reference,amount,currency\n{text}").as_bytes());
        }
    }
}
