//! A batch of a billing run: many due contracts, charged in a few statements.
//!
//! [`Bill`] computes what is due for each contract in memory; then one step writes all charges, periods, contracts and holds. Rare cases
//! (lifting hold `debt`, a credit for days under a hold, a planned change, a suspended contract) go through [`settle_on`], one contract after the other in the same
//! transaction.

use std::collections::HashMap;

use chrono::NaiveDate;
use contracts::{Contract, ContractStatus, HoldReason, steps::Debt};
use database::{Conn, Engine, Tx};
use kernel::{
    Error, Kind, Money, Result,
    id::{BillingRunId, ContractId, OptionId, PaymentId, TariffId},
};
use payments::{TransactionType, ledger};
use tariffs::{OptionPrice, TariffVersion};

use crate::{
    charge::Service,
    days::Breaks,
    due::{Bill, Book, Judging, Settling},
    fees::OptionFees,
    model::{Figures, PeriodRow},
    settle::{posting, settle_on},
    store,
};

/// The outcome of a batch.
#[derive(Default)]
pub struct Outcome {
    /// The totals.
    pub figures: Figures,
    /// The contracts that could not be charged, with their errors.
    pub failures: Vec<(ContractId, Error)>,
}

impl Outcome {
    fn count(&mut self, bill: &Bill) {
        if !bill.is_empty() {
            self.figures.count(bill.amounts(), bill.missing.is_some());
        }
    }

    fn failed(&mut self, id: ContractId, error: Error) {
        self.figures.count_failure();
        self.failures.push((id, error));
    }
}

/// A contract and its bill.
struct Due {
    contract: Contract,
    bill: Bill,
}

impl Settling {
    /// Everything that a run charges on a day.
    pub fn of_run(day: NaiveDate) -> Self {
        Self { day, service: Service::Unbroken, judging: Judging::Now, without: None }
    }
}

/// The number of contracts in one batch. In a billing run, a payment on one of them waits for it; SQLite has a single writer, so all
/// other writes wait.
pub const fn size(engine: Engine) -> usize {
    match engine {
        Engine::Sqlite => 200,
        Engine::Postgres => 500,
    }
}

/// Computes what is due on these contracts, without posting anything.
pub async fn reckon(conn: &mut Conn, ids: &[ContractId], how: Settling) -> Result<Outcome> {
    let (due, mut outcome) = work_out(conn, ids, how).await?;
    due.iter().for_each(|due| outcome.count(&due.bill));
    Ok(outcome)
}

/// Charges these locked contracts, in a run or for another step. Errors: those after which the whole batch must be rolled back.
pub async fn charge(tx: &mut Tx, run: Option<BillingRunId>, ids: &[ContractId], how: Settling) -> Result<Outcome> {
    let (mut due, mut outcome) = work_out(tx, ids, how).await?;
    due.retain(|due| !due.bill.is_empty());
    if let Some(run) = run {
        due.iter_mut().for_each(|due| due.bill.note_run(run));
    }
    let (mut plain, special): (Vec<Due>, Vec<Due>) =
        due.into_iter().partition(|due| due.contract.status == ContractStatus::Active && !due.bill.is_special);
    post(tx, &mut plain).await?;
    plain.iter().for_each(|due| outcome.count(&due.bill));
    let special_ids: Vec<ContractId> = special.iter().map(|due| due.contract.id).collect();
    for mut due in special {
        let settled = tx.attempt(async |tx| settle_on(tx, &mut due.contract, how).await).await?;
        match settled {
            Ok(()) => outcome.count(&due.bill),
            Err(error) => outcome.failed(due.bill.contract.id, error),
        }
    }
    if let Some(run) = run {
        store::note_run(tx, run, &special_ids).await?;
    }
    Ok(outcome)
}

/// Settles many locked contracts, however many there are, in batches of this transaction. Errors: the first one of a contract.
pub async fn settle_all(tx: &mut Tx, ids: &[ContractId], service: Service, judging: Judging) -> Result<()> {
    let how = Settling { day: tx.today(), service, judging, without: None };
    for part in ids.chunks(size(tx.engine())) {
        let outcome = charge(tx, None, part, how).await?;
        if let Some((_, error)) = outcome.failures.into_iter().next() {
            return Err(error);
        }
    }
    Ok(())
}

/// Before a hold is lifted from many contracts, places hold `debt` on those that could not go on without it, so that their lines do not
/// come back for a moment.
pub async fn judge_all_without(tx: &mut Tx, ids: &[ContractId], lifted: HoldReason) -> Result<()> {
    let how = Settling { day: tx.today(), service: Service::FromToday, judging: Judging::Now, without: Some(lifted) };
    for part in ids.chunks(size(tx.engine())) {
        for Due { contract, bill } in work_out(tx, part, how).await?.0 {
            if let Some(missing) = bill.missing.filter(|_| contract.status == ContractStatus::Active) {
                let mut contract = contracts::steps::load(tx, contract.id).await?;
                contracts::steps::hold_for_debt(tx, &mut contract, missing).await?;
                contracts::steps::tell_debt(tx, &contract, missing);
            }
        }
    }
    Ok(())
}

/// Reads the contracts and their terms, and computes the bill of each.
async fn work_out(conn: &mut Conn, ids: &[ContractId], how: Settling) -> Result<(Vec<Due>, Outcome)> {
    let contracts = contracts::read_all(conn, ids).await?;
    let mut newest: HashMap<ContractId, PeriodRow> =
        store::newest_of(conn, ids).await?.into_iter().map(|period| (period.contract_id, period)).collect();
    let mut breaks = Breaks::read_all(conn, newest.values()).await?;
    let prices = Prices::read(conn, &contracts, how.day).await?;
    let (mut all, mut outcome) = (Vec::with_capacity(contracts.len()), Outcome::default());
    for mut contract in contracts {
        if let Some(lifted) = how.without.filter(|hold| contract.is_held(*hold)) {
            contract = contract.released(lifted)?;
        }
        let newest = newest.remove(&contract.id);
        let book = match contract.has_planned_change() {
            true => Book::read(conn, &contract, newest.as_ref(), how.day, how.day).await?,
            false => prices.book(&contract, breaks.remove(&contract.id).unwrap_or_default()),
        };
        match Bill::of(&contract, newest, how, conn.now(), &book) {
            Ok(bill) => all.push(Due { contract, bill }),
            Err(error) if error.kind() == Kind::Unavailable => return Err(error),
            Err(error) => outcome.failed(contract.id, error),
        }
    }
    Ok((all, outcome))
}

/// The prices for the contracts of a batch.
struct Prices {
    versions: HashMap<TariffId, Vec<TariffVersion>>,
    options: Vec<OptionPrice>,
}

impl Prices {
    async fn read(conn: &mut Conn, contracts: &[Contract], day: NaiveDate) -> Result<Self> {
        let mut tariffs: Vec<TariffId> = contracts.iter().map(|contract| contract.tariff_id).collect();
        tariffs.sort_unstable();
        tariffs.dedup();
        let mut versions: HashMap<TariffId, Vec<TariffVersion>> = HashMap::new();
        for version in tariffs::versions_up_to(conn, &tariffs, day).await? {
            versions.entry(version.tariff_id).or_default().push(version);
        }
        let mut options: Vec<OptionId> = contracts.iter().flat_map(|contract| contract.next_options.0.iter().copied()).collect();
        options.sort_unstable();
        options.dedup();
        Ok(Self { versions, options: tariffs::options::prices(conn, &options).await? })
    }

    fn book(&self, contract: &Contract, breaks: Breaks) -> Book {
        let plan = contract.next_plan();
        let had: Vec<OptionPrice> = self.options.iter().filter(|price| plan.options.contains(&price.id)).cloned().collect();
        let versions = self.versions.get(&plan.tariff_id).cloned().unwrap_or_default();
        Book { plan, planned: None, versions, option_fees: OptionFees::of(&had), breaks }
    }
}

/// Writes what is due on active contracts: charges, then periods, then contracts, then holds.
async fn post(tx: &mut Tx, due: &mut [Due]) -> Result<()> {
    let charge = |period: &PeriodRow| {
        let amount = period.fee.filter(|fee| *fee > Money::ZERO)?;
        Some(posting(TransactionType::Charge, amount, &period.charged_for))
    };
    let charges = due.iter_mut().map(|due| {
        let postings = due.bill.charged().filter_map(charge).collect();
        (&mut due.contract, postings)
    });
    let ids = ledger::charge_all(tx, charges.collect()).await?;
    for (due, ids) in due.iter_mut().zip(ids) {
        due.name_charges(ids)?;
    }
    let ended: Vec<PeriodRow> = due.iter().filter_map(|due| due.bill.ended.clone()).collect();
    let charged = store::set_all_charged(tx, &ended).await?;
    if usize::try_from(charged).ok() != Some(ended.len()) {
        return Err(Error::internal("a period was charged concurrently despite the locks"));
    }
    let begun: Vec<PeriodRow> = due.iter().flat_map(|due| due.bill.begun.iter().cloned()).collect();
    store::insert_periods(tx, &begun).await?;
    let moved = due.iter_mut().filter(|due| due.bill.ended.is_some() || !due.bill.begun.is_empty());
    let mut moved: Vec<&mut Contract> = moved.map(|due| &mut due.contract).collect();
    contracts::steps::save_all(tx, &mut moved).await?;
    let held = due.iter_mut().filter_map(|due| Some(Debt { contract: &mut due.contract, missing: due.bill.missing? }));
    contracts::steps::hold_all_for_debt(tx, held.collect()).await
}

impl Due {
    /// Sets the transactions of the charged periods, and copies the results of the bill to the contract.
    fn name_charges(&mut self, ids: Vec<PaymentId>) -> Result<()> {
        let mut ids = ids.into_iter();
        for period in self.bill.ended.iter_mut().chain(&mut self.bill.begun) {
            if period.fee.is_some_and(|fee| fee > Money::ZERO) {
                period.payment_id = ids.next();
            }
        }
        if self.contract.balance != self.bill.contract.balance {
            return Err(Error::internal(format!("the ledger and the bill of contract {} differ", self.contract.id)));
        }
        self.contract.next_billing_date = self.bill.contract.next_billing_date;
        self.contract.billing_day = self.bill.contract.billing_day;
        Ok(())
    }
}
