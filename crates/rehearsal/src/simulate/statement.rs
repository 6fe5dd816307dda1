//! The statement of the database at the end, and its comparison with the expected states.

use std::{collections::BTreeMap, sync::Arc};

use chrono::NaiveDate;
use database::{Conn, Db, Sql};
use kernel::{Context, Money, Result, id::ContractId};

use super::{
    life::World,
    reckoning::{Hold, Reckoning, Row},
    steps::decimal,
};

/// The number of differences shown, because one wrong row leads to more.
const MOST_SHOWN: usize = 20;

const LEDGER: Sql = Sql::new(
    "SELECT contract_id, transaction_type, amount, period_start, period_end FROM payments WHERE status = 'success' \
     ORDER BY contract_id, ledger_number",
);
const CONTRACTS: Sql = Sql::new(
    "SELECT c.id, c.status, c.balance, c.total_charged, c.next_billing_date, c.billing_day, \
     COALESCE((SELECT string_agg(h.reason, ',') FROM contract_holds h WHERE h.contract_id = c.id AND h.lifted_at IS NULL), '') \
     FROM contracts c ORDER BY c.id",
);
const EVENTS: Sql = Sql::new("SELECT kind, COUNT(*) FROM events GROUP BY kind ORDER BY kind");

type LedgerRow = (ContractId, String, Money, Option<NaiveDate>, Option<NaiveDate>);
type ContractRow = (ContractId, String, Money, Money, Option<NaiveDate>, Option<i64>, String);

/// The contents of the database.
pub struct Found {
    ledgers: BTreeMap<ContractId, Vec<Row>>,
    contracts: Vec<ContractRow>,
    events: Vec<(String, i64)>,
}

impl Found {
    /// Reads the contents.
    pub async fn read(db: &Db, context: &Arc<Context>) -> Result<Self> {
        db.read(context, async |conn| Self::from(conn).await).await
    }

    async fn from(conn: &mut Conn) -> Result<Self> {
        let mut ledgers: BTreeMap<ContractId, Vec<Row>> = BTreeMap::new();
        for (contract, kind, amount, start, end) in LEDGER.clone().all::<LedgerRow>(conn).await? {
            let (kind, sign) = match kind.as_str() {
                "payment" => ("payment", 1),
                "charge" => ("charge", -1),
                "refund" => ("refund", -1),
                _ => ("correction", 1),
            };
            ledgers.entry(contract).or_default().push(Row { kind, effect: sign * amount.minor(), span: start.zip(end) });
        }
        Ok(Self { ledgers, contracts: CONTRACTS.clone().all(conn).await?, events: EVENTS.clone().all(conn).await? })
    }

    /// The differences from the expected states.
    pub fn differences(&self, world: &World) -> Vec<String> {
        let mut found = Vec::new();
        let by_id: BTreeMap<ContractId, &ContractRow> = self.contracts.iter().map(|contract| (contract.0, contract)).collect();
        for line in &world.lines {
            let (id, should) = (line.contract, &line.should);
            let ledger = self.ledgers.get(&id).map(Vec::as_slice).unwrap_or_default();
            let first = (0..ledger.len().max(should.rows.len())).find(|at| ledger.get(*at) != should.rows.get(*at));
            if let Some(at) = first {
                let [there, reckoned] = [ledger, &should.rows].map(|rows| rows.get(at).map_or("nothing".to_owned(), told));
                found.push(format!("contract {id}, row {}: there is {there}; it should be {reckoned}", at + 1));
            }
            let present = by_id.get(&id).map_or(String::new(), |contract| standing(contract));
            let wanted = should_stand(should);
            if present != wanted {
                found.push(format!("contract {id} is {present}; it should be {wanted}"));
            }
        }
        if self.contracts.len() != world.lines.len() {
            found.push(format!("there are {} contracts; there should be {}", self.contracts.len(), world.lines.len()));
        }
        let more = found.len().saturating_sub(MOST_SHOWN);
        found.truncate(MOST_SHOWN);
        if more > 0 {
            found.push(format!("and {more} more"));
        }
        found
    }

    /// The totals: money received, charged, refunded and left, and whether they agree.
    pub fn account(&self) -> (String, bool) {
        let rows: Vec<&Row> = self.ledgers.values().flatten().collect();
        let sum = |kind: &str| rows.iter().filter(|row| row.kind == kind).map(|row| row.effect).sum::<i64>();
        let count = |kind: &str| rows.iter().filter(|row| row.kind == kind).count();
        let left: i64 = self.contracts.iter().map(|contract| contract.2.minor()).sum();
        let (paid, charged, refunded, corrected) = (sum("payment"), -sum("charge"), -sum("refund"), sum("correction"));
        let agrees = paid - charged - refunded + corrected == left;
        let mut text = String::new();
        for (word, amount, kind) in [
            ("paid", paid, "payment"),
            ("charged", charged, "charge"),
            ("refunded", refunded, "refund"),
            ("corrected", corrected, "correction"),
        ] {
            text += &format!("{word:<10} {:>16}  by {} transactions\n", signed(amount), count(kind));
        }
        text += &format!("{:<10} {:>16}  on {} contracts\n", "left", signed(left), self.contracts.len());
        text += if agrees {
            "paid - charged - refunded + corrected is what is left\n"
        } else {
            "paid - charged - refunded + corrected IS NOT what is left\n"
        };
        let mut statuses: BTreeMap<&str, usize> = BTreeMap::new();
        for contract in &self.contracts {
            *statuses.entry(&contract.1).or_default() += 1;
        }
        let words = |pairs: Vec<String>| pairs.join(", ");
        text += &format!("contracts: {}\n", words(statuses.iter().map(|(status, count)| format!("{count} {status}")).collect()));
        text += &format!("events: {}\n", words(self.events.iter().map(|(kind, count)| format!("{count} {kind}")).collect()));
        (text, agrees)
    }

    /// The number of rows in all ledgers.
    pub fn rows(&self) -> usize {
        self.ledgers.values().map(Vec::len).sum()
    }
}

fn signed(minor: i64) -> String {
    format!("{}{}", if minor < 0 { "-" } else { "" }, decimal(minor.abs()))
}

fn told(row: &Row) -> String {
    let span = row.span.map(|(start, end)| format!(" for {start} to {end}")).unwrap_or_default();
    format!("a {} of {}{span}", row.kind, signed(row.effect))
}

fn standing((_, status, balance, charged, next, day, holds): &ContractRow) -> String {
    let mut holds: Vec<&str> = holds.split(',').filter(|hold| !hold.is_empty()).collect();
    holds.sort_unstable();
    words(status, balance.minor(), charged.minor(), *next, day.unwrap_or_default(), &holds)
}

fn should_stand(should: &Reckoning) -> String {
    let status = match should.is_over {
        true => "terminated",
        false if should.is_active() => "active",
        false => "suspended",
    };
    let word = |hold: &Hold| match hold {
        Hold::Request => "request",
        Hold::Fraud => "fraud",
        Hold::Customer => "customer",
        Hold::NoSim => "no_sim",
    };
    let mut holds: Vec<&str> = should.holds.iter().map(word).chain(should.debt.then_some("debt")).collect();
    holds.sort_unstable();
    words(status, should.balance, should.total_charged, should.next_start(), i64::from(should.billing_day), &holds)
}

fn words(status: &str, balance: i64, charged: i64, next: Option<NaiveDate>, billing_day: i64, holds: &[&str]) -> String {
    // the next period of a terminated contract is ignored
    let next =
        next.filter(|_| status != "terminated").map(|day| format!(", next period on {day} by day {billing_day}")).unwrap_or_default();
    format!("{status} with {} after charges of {}, held for {holds:?}{next}", signed(balance), signed(charged))
}
