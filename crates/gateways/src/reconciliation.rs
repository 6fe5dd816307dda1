//! Settlement files: the rows of a report of a gateway, of terminals or of a bank, compared with the ledger.
//!
//! [`file`] reads the rows; [`compare`] is pure. No money moves.

mod cells;
pub mod file;

use std::collections::{HashMap, HashSet};

use acl::{Granted, perm};
use chrono::{NaiveDate, TimeDelta};
use database::{Conn, Page, Paging, Tx, audit::Entry, page::ListSpec};
use kernel::{
    Error, FieldErrors, Money, Result,
    error::{common, field},
    id::{PaymentId, ReconciliationId, ReconciliationRowId},
};
use payments::PaymentStatus;

use crate::{
    input::{ReconciliationFilter, ReconciliationQuery, ReconciliationRowFilter, positive},
    model::{Reconciliation, ReconciliationRow, RowKind, refusal},
    store::reconciliations::{self as store, GivenBack, Ours},
    terminal::Network,
};
use file::{FileRow, MOST_ROWS, Settled, Unreadable};

/// The sort orders of reconciliation lists.
pub const LIST: ListSpec = store::LIST;
/// The sort orders of a reconciliation's rows: first those of the file, then the payments that it does not have.
pub const ROW_LIST: ListSpec = store::ROW_LIST;

/// The maximum number of days of a file.
pub const MOST_DAYS: i64 = 31;
/// The name of a bank's statement in a request.
const BANK: &str = "bank";

/// Who issued a settlement file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A payment gateway: its references are ids of payments.
    Gateway(String),
    /// A network of terminals: its references are its own ids of payments.
    Terminals(Network),
    /// A bank: its references are the transaction ids of bank transfers.
    Bank,
}

impl Source {
    /// The name in requests and responses.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Gateway(name) => name,
            Self::Terminals(network) => network.as_str(),
            Self::Bank => BANK,
        }
    }

    /// Every source, given the gateways and the networks of terminals in use.
    pub fn all<'a>(gateways: &[&str], networks: impl IntoIterator<Item = &'a Network>) -> Vec<Self> {
        let gateways = gateways.iter().map(|name| Self::Gateway((*name).to_owned()));
        let mut all: Vec<Self> = gateways.collect();
        for network in networks.into_iter().cloned().chain([Network::sole()]) {
            let terminals = Self::Terminals(network);
            if !all.contains(&terminals) {
                all.push(terminals);
            }
        }
        all.push(Self::Bank);
        all
    }

    /// The reference by which this source knows a payment.
    fn reference(&self, payment: &Ours) -> String {
        let transaction_id = payment.transaction_id.as_deref();
        match self {
            Self::Gateway(_) => None,
            Self::Terminals(network) => transaction_id.and_then(|id| network.txn_id(id)),
            Self::Bank => transaction_id,
        }
        .map_or_else(|| payment.id.to_string(), str::to_owned)
    }
}

/// The source and the days of a file.
#[derive(Clone, Debug)]
pub struct Span {
    /// The source.
    pub source: Source,
    /// The first day.
    pub from: NaiveDate,
    /// The last day.
    pub to: NaiveDate,
}

impl Span {
    /// Checks the query against these sources. Errors: `invalid_parameter`.
    pub fn of(query: &ReconciliationQuery, sources: &[Source]) -> Result<Self> {
        let mut wrong = FieldErrors::default();
        let mut required = |name: &str, is_there: bool| {
            if !is_there {
                wrong.add_at(name.to_owned(), field::REQUIRED);
            }
        };
        required("gateway", query.gateway.is_some());
        required("from", query.from.is_some());
        required("to", query.to.is_some());
        let source = query.gateway.as_deref().and_then(|name| sources.iter().find(|source| source.as_str() == name));
        if query.gateway.is_some() && source.is_none() {
            let names: Vec<&str> = sources.iter().map(Source::as_str).collect();
            wrong.add_at("gateway".to_owned(), field::CHOICE).with("choices", names.join(", "));
        }
        if let (Some(from), Some(to)) = (query.from, query.to) {
            if to < from {
                wrong.add_at("to".to_owned(), field::ENDS_BEFORE_BEGIN);
            } else if to - from >= TimeDelta::days(MOST_DAYS) {
                wrong.add_at("to".to_owned(), field::RANGE).with("min", from).with("max", from + TimeDelta::days(MOST_DAYS - 1));
            }
        }
        wrong.into_error(common::INVALID_PARAMETER)?;
        match (source.cloned(), query.from, query.to) {
            (Some(source), Some(from), Some(to)) => Ok(Self { source, from, to }),
            _ => Err(common::INVALID_PARAMETER.into()),
        }
    }
}

/// What the ledger has of a source.
#[derive(Clone, Debug, Default)]
pub struct Books {
    /// The payments that the file names.
    pub named: Vec<Ours>,
    /// The refunds of these payments.
    pub given_back: Vec<GivenBack>,
    /// The payments received on the days of the file.
    pub came_in: Vec<Ours>,
    /// The refunds made on these days.
    pub went_out: Vec<GivenBack>,
}

/// Compares the rows of a file with the ledger.
///
/// A file without refunds is taken for one that does not list them.
pub fn compare(source: &Source, file: &[FileRow], books: &Books, currency: &str) -> Vec<ReconciliationRow> {
    let mut comparison = Comparison::new(source, books, currency);
    let mut rows: Vec<ReconciliationRow> = Vec::with_capacity(file.len());
    for row in file {
        rows.push(match &row.content {
            Ok(theirs) if theirs.amount < Money::ZERO => comparison.refund(row.line, theirs),
            Ok(theirs) => comparison.payment(row.line, theirs),
            Err(unreadable) => not_read(row.line, unreadable),
        });
    }
    let has_refunds = file.iter().any(|row| row.content.as_ref().is_ok_and(|theirs| theirs.amount < Money::ZERO));
    rows.extend(comparison.missing_there(has_refunds));
    rows
}

/// The state of a comparison.
struct Comparison<'a> {
    source: &'a Source,
    books: &'a Books,
    currency: &'a str,
    ours: HashMap<String, &'a Ours>,
    open_refunds: HashMap<PaymentId, Vec<&'a GivenBack>>,
    named: HashSet<PaymentId>,
    listed_refunds: HashSet<PaymentId>,
}

impl<'a> Comparison<'a> {
    fn new(source: &'a Source, books: &'a Books, currency: &'a str) -> Self {
        let ours = books.named.iter().map(|one| (source.reference(one), one)).collect();
        let mut open_refunds: HashMap<PaymentId, Vec<&GivenBack>> = HashMap::new();
        for refund in &books.given_back {
            open_refunds.entry(refund.payment_id).or_default().push(refund);
        }
        Self { source, books, currency, ours, open_refunds, named: HashSet::new(), listed_refunds: HashSet::new() }
    }

    fn payment(&mut self, line: u64, theirs: &Settled) -> ReconciliationRow {
        let found = self.ours.get(&theirs.reference).copied();
        let is_repeated = found.is_some_and(|one| !self.named.insert(one.id));
        let kind = match found.filter(|one| one.status == PaymentStatus::Success) {
            None => RowKind::MissingHere,
            Some(_) if is_repeated => RowKind::Repeated,
            Some(one) if one.amount == theirs.amount && theirs.currency == self.currency => RowKind::Matched,
            Some(_) => RowKind::DifferentAmount,
        };
        ReconciliationRow {
            payment_id: found.map(|one| one.id),
            our_amount: found.map(|one| one.amount),
            our_status: found.map(|one| one.status),
            ..of_file(kind, line, theirs)
        }
    }

    /// Compares a row below zero with the refunds of the payment: the one with the same amount, or else the first.
    fn refund(&mut self, line: u64, theirs: &Settled) -> ReconciliationRow {
        let found = self.ours.get(&theirs.reference).copied();
        let open = found.and_then(|one| self.open_refunds.get_mut(&one.id)).filter(|open| !open.is_empty());
        let ours = open.map(|open| {
            let place = open.iter().position(|refund| refund.amount == theirs.amount.negated()).unwrap_or_default();
            open.remove(place)
        });
        self.listed_refunds.extend(ours.map(|refund| refund.id));
        let is_equal = |ours: &GivenBack| ours.amount == theirs.amount.negated() && theirs.currency == self.currency;
        let kind = match ours {
            None => RowKind::MissingHere,
            Some(ours) if is_equal(ours) => RowKind::Matched,
            Some(_) => RowKind::DifferentAmount,
        };
        ReconciliationRow {
            payment_id: found.map(|one| one.id),
            our_amount: ours.map(|refund| refund.amount.negated()),
            our_status: ours.map(|_| PaymentStatus::Success),
            ..of_file(kind, line, theirs)
        }
    }

    fn missing_there(&self, has_refunds: bool) -> impl Iterator<Item = ReconciliationRow> {
        let payments = self.books.came_in.iter().filter(move |one| !self.named.contains(&one.id)).map(move |one| ReconciliationRow {
            payment_id: Some(one.id),
            our_amount: Some(one.amount),
            our_status: Some(one.status),
            ..empty(RowKind::MissingThere, self.source.reference(one))
        });
        let refunds = self.books.went_out.iter().filter(move |refund| has_refunds && !self.listed_refunds.contains(&refund.id));
        payments.chain(refunds.map(move |refund| ReconciliationRow {
            payment_id: Some(refund.payment_id),
            our_amount: Some(refund.amount.negated()),
            our_status: Some(PaymentStatus::Success),
            ..empty(RowKind::MissingThere, self.source.reference(&refund.payment()))
        }))
    }
}

fn empty(kind: RowKind, reference: String) -> ReconciliationRow {
    ReconciliationRow {
        id: ReconciliationRowId::new(0),
        kind,
        line: None,
        reference,
        payment_id: None,
        their_amount: None,
        their_currency: None,
        our_amount: None,
        our_status: None,
        problem: None,
        text: None,
    }
}

fn of_file(kind: RowKind, line: u64, theirs: &Settled) -> ReconciliationRow {
    ReconciliationRow {
        line: i64::try_from(line).ok(),
        their_amount: Some(theirs.amount),
        their_currency: Some(theirs.currency.clone()),
        ..empty(kind, theirs.reference.clone())
    }
}

fn not_read(line: u64, unreadable: &Unreadable) -> ReconciliationRow {
    ReconciliationRow {
        line: i64::try_from(line).ok(),
        problem: Some(unreadable.problem.to_owned()),
        text: Some(unreadable.text.clone()),
        ..empty(RowKind::Unreadable, unreadable.reference.clone())
    }
}

/// Reads what the ledger has of the source of a file. Errors: `reconciliation_too_large`.
async fn books(tx: &mut Tx, span: &Span, file: &[FileRow]) -> Result<Books> {
    let references = file.iter().filter_map(|row| row.content.as_ref().ok()).map(|theirs| theirs.reference.as_str());
    let named = match &span.source {
        Source::Gateway(_) => {
            let ids: HashSet<PaymentId> = references.filter_map(positive).map(PaymentId::new).collect();
            store::by_ids(tx, &span.source, &ids.into_iter().collect::<Vec<_>>()).await?
        }
        source => {
            let transaction_id = |reference: &str| match source {
                Source::Terminals(network) => network.transaction_id(reference),
                _ => reference.to_owned(),
            };
            let ids: HashSet<String> = references.map(transaction_id).collect();
            store::by_transaction_ids(tx, source, &ids.into_iter().collect::<Vec<_>>()).await?
        }
    };
    let days = store::Days {
        from: tx.context().day_begins(span.from),
        until: tx.context().day_begins(span.to + TimeDelta::days(1)),
        limit: i64::try_from(MOST_ROWS).map_err(Error::internal)? + 1,
    };
    let came_in = store::came_in(tx, &span.source, days).await?;
    let went_out = store::went_out(tx, &span.source, days).await?;
    if came_in.len().max(went_out.len()) > MOST_ROWS {
        return Err(Error::new(refusal::RECONCILIATION_TOO_LARGE).with("limit", MOST_ROWS));
    }
    let ids: Vec<PaymentId> = named.iter().map(|one| one.id).collect();
    Ok(Books { given_back: store::given_back(tx, &ids).await?, named, came_in, went_out })
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
    let books = books(tx, span, file).await?;
    let rows = compare(&span.source, file, &books, tx.policy().country.currency());
    let count = |kind| i64::try_from(rows.iter().filter(|row| row.kind == kind).count()).unwrap_or(i64::MAX);
    let mut reconciliation = Reconciliation {
        id: ReconciliationId::new(0),
        gateway: span.source.as_str().to_owned(),
        from: span.from,
        to: span.to,
        file_sha256: sha256.to_owned(),
        file_rows: i64::try_from(file.len()).map_err(Error::internal)?,
        matched: count(RowKind::Matched),
        missing_here: count(RowKind::MissingHere),
        missing_there: count(RowKind::MissingThere),
        different_amount: count(RowKind::DifferentAmount),
        repeated: count(RowKind::Repeated),
        unreadable: count(RowKind::Unreadable),
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
    use super::*;

    fn money(text: &str) -> Money {
        text.parse().unwrap()
    }

    fn ours(id: i64, amount: &str, status: PaymentStatus) -> Ours {
        Ours { id: PaymentId::new(id), transaction_id: None, amount: money(amount), status }
    }

    fn given_back(id: i64, payment: i64, amount: &str) -> GivenBack {
        GivenBack { id: PaymentId::new(id), payment_id: PaymentId::new(payment), transaction_id: None, amount: money(amount) }
    }

    fn found(file: &str, books: &Books) -> Vec<(String, RowKind)> {
        let file = file::read(file.as_bytes(), kernel::country::Country::Ru).unwrap();
        let rows = compare(&Source::Gateway("sandbox".to_owned()), &file, books, "RUB");
        rows.into_iter().map(|row| (row.reference, row.kind)).collect()
    }

    fn expected(rows: &[(&str, RowKind)]) -> Vec<(String, RowKind)> {
        rows.iter().map(|(reference, kind)| ((*reference).to_owned(), *kind)).collect()
    }

    #[test]
    fn both_sides_are_put_beside_each_other() {
        let named = vec![
            ours(1, "10.00", PaymentStatus::Success),
            ours(2, "20.00", PaymentStatus::Success),
            ours(3, "30.00", PaymentStatus::Failed),
            ours(5, "50.00", PaymentStatus::Success),
        ];
        let came_in = vec![named[0].clone(), ours(4, "40.00", PaymentStatus::Success)];
        let books = Books { named, came_in, ..Books::default() };
        let file =
            "reference,amount,currency\n1,10,RUB\n2,19.99,RUB\n3,30,RUB\n5,50,USD\n999,1,RUB\nabc,1,RUB\n01,1,RUB\n1,10,RUB\n7,x,RUB\n";
        let rows = [
            ("1", RowKind::Matched),
            ("2", RowKind::DifferentAmount),
            ("3", RowKind::MissingHere),
            ("5", RowKind::DifferentAmount),
            ("999", RowKind::MissingHere),
            ("abc", RowKind::MissingHere),
            ("01", RowKind::MissingHere),
            ("1", RowKind::Repeated),
            ("7", RowKind::Unreadable),
            ("4", RowKind::MissingThere),
        ];
        assert_eq!(found(file, &books), expected(&rows));
    }

    #[test]
    fn rows_below_zero_are_compared_with_refunds_one_by_one() {
        let named = vec![ours(1, "10.00", PaymentStatus::Success), ours(2, "20.00", PaymentStatus::Success)];
        let refunds = vec![given_back(11, 1, "3.00"), given_back(12, 1, "4.00"), given_back(13, 2, "20.00")];
        let went_out = [refunds.clone(), vec![given_back(14, 3, "1.00")]].concat();
        let books = Books { came_in: named.clone(), named, given_back: refunds, went_out };
        let file = "reference,amount\n1,10\n2,20\n1,-4\n1,-2.99\n1,-3\n9,-1\n";
        let rows = [
            ("1", RowKind::Matched),
            ("2", RowKind::Matched),
            ("1", RowKind::Matched),
            ("1", RowKind::DifferentAmount),
            ("1", RowKind::MissingHere),
            ("9", RowKind::MissingHere),
            ("2", RowKind::MissingThere),
            ("3", RowKind::MissingThere),
        ];
        assert_eq!(found(file, &books), expected(&rows));
        // a file that lists no refunds
        assert_eq!(found("reference,amount\n1,10\n2,20\n", &books), expected(&[("1", RowKind::Matched), ("2", RowKind::Matched)]));
    }
}
