//! `telecom-crm seed`: realistic subscribers with their contracts and records; the same seed and day give the same data.
//!
//! What chance would not show, every state of everything, follows in the [`showcase`].
//!
//! A separate thread builds each batch of subscribers in memory ([`plan`]) while the previous batch is written. A batch is written in one
//! transaction, so the data satisfies every rule whenever the command is stopped.

mod complaints;
pub(crate) mod dice;
mod history;
mod homelands;
mod offers;
mod people;
mod plan;
mod showcase;

use std::{collections::BTreeMap, sync::Arc, time::Instant};

use acl::{Granted, perm};
use clap::{Args, value_parser};
use contracts::ContractStatus;
use database::{Db, Engine, Sql, Tx, audit::Entry, jobs::Office};
use kernel::{Context, Error, Result, error::common};
use tickets::Assignee;

use self::{
    dice::Calendar,
    people::People,
    plan::{BATCH, Batch, FirstIds, Plan},
    showcase::{MOST_PEOPLE, SCENES, Showcase},
};
use crate::progress::{Progress, print};

/// The tables that must be empty, because the generated values are unique only among themselves.
pub(crate) const ANYTHING_THERE: Sql = Sql::new(
    "SELECT CAST((SELECT COUNT(*) FROM (SELECT id FROM customers LIMIT 1) AS customer) + (SELECT COUNT(*) FROM (SELECT id FROM tariffs LIMIT 1) AS tariff) \
     + (SELECT COUNT(*) FROM (SELECT id FROM numbers LIMIT 1) AS number) + (SELECT COUNT(*) FROM (SELECT id FROM sims LIMIT 1) AS sim) AS BIGINT)",
);
/// The most subscribers: the unique values of more would repeat.
const MOST_CUSTOMERS: u64 = 1_000_000;
/// The number of days since the tariffs came into force.
const TARIFF_DAYS: u64 = 730;

/// Fills an empty database with realistic subscribers, SIMs, contracts, payments and tickets.
#[derive(Args)]
pub struct Seed {
    /// The number of subscribers.
    #[arg(long, default_value_t = 1000, value_parser = value_parser!(u32).range(1..=MOST_CUSTOMERS as i64))]
    customers: u32,
    /// The seed; on the same day, the same seed makes the same data.
    #[arg(long, default_value_t = 20_260_101)]
    seed: u64,
}

/// The number of rows written.
#[derive(Clone, Copy, Debug, Default)]
struct Written {
    customers: usize,
    sims: usize,
    contracts: usize,
    payments: usize,
    periods: usize,
    tickets: usize,
}

impl Seed {
    /// Writes the data. Errors: `database_not_empty`.
    pub async fn run(self, office: &Office) -> Result<()> {
        let began = Instant::now();
        let db = office.db.patient();
        let context = office.context("seed", "seed");
        if db.read(&context, async |conn| ANYTHING_THERE.clone().scalar::<i64>(conn).await).await? > 0 {
            return Err(common::DATABASE_NOT_EMPTY.into());
        }
        let plan = Arc::new(self.plan(&db, &context).await?);
        let customers = u64::from(self.customers);
        let mut progress = Progress::new(customers, "customers");
        let mut written = Written::default();
        let mut next = put_together(&plan, 0, customers);
        for batch_number in 0..customers.div_ceil(BATCH) {
            let batch = next.await.map_err(Error::internal)??;
            next = put_together(&plan, batch_number + 1, customers);
            db.transaction(&context, async |tx| write(tx, batch.clone()).await).await?;
            written.count(&batch);
            progress.reach(written.customers as u64);
        }
        progress.finish();
        if customers + MOST_PEOPLE * SCENES <= MOST_CUSTOMERS {
            Showcase::after(customers, &plan).play(office).await?;
        }
        db.close().await;
        let Written { customers, sims, contracts, payments, periods, tickets } = written;
        let (seconds, tenths) = (began.elapsed().as_secs(), began.elapsed().subsec_millis() / 100);
        print(format_args!(
            "{customers} customers, {contracts} contracts, {sims} SIMs, {payments} payments, {periods} periods and {tickets} tickets \
             in {seconds}.{tenths} s"
        ))
    }

    /// Writes the records that all batches refer to.
    async fn plan(&self, db: &Db, context: &Arc<Context>) -> Result<Plan> {
        let policy = &context.policy;
        let calendar = Calendar { today: context.today(), time_zone: policy.time_zone };
        let since = calendar.ago(TARIFF_DAYS);
        let offers = db
            .transaction(context, async |tx| {
                prepare(tx).await?;
                let offers = offers::write(tx, since, calendar.at(since, 10 * 60)).await?;
                let first = offers.first().map(|offer| offer.tariff_id.get()).unwrap_or_default();
                tx.record(Entry::new("seed.tariffs", "tariff", first).note("tariffs", offers.len()));
                Ok(offers)
            })
            .await?;
        let staff = Sql::new("SELECT id, username FROM users WHERE is_active AND blocked_at IS NULL ORDER BY id LIMIT 20");
        Ok(Plan {
            seed: self.seed,
            people: People { country: policy.country, today: calendar.today, shift: self.seed % 100_000_000 },
            calendar,
            offers,
            staff: db.read(context, async |conn| staff.clone().all::<Assignee>(conn).await).await?,
            actor: context.actor.clone(),
            quarantine_days: policy.number_quarantine_days,
        })
    }
}

impl Written {
    fn count(&mut self, batch: &Batch) {
        self.customers += batch.customers.len();
        self.sims += batch.sims.len();
        self.contracts += batch.contracts.len();
        self.payments += batch.payments.len();
        self.periods += batch.periods.len();
        self.tickets += batch.tickets.len();
    }
}

/// Starts to build a batch on another thread; a batch after the last one is empty.
fn put_together(plan: &Arc<Plan>, batch_number: u64, customers: u64) -> tokio::task::JoinHandle<Result<Batch>> {
    let plan = plan.clone();
    let count = customers.saturating_sub(batch_number * BATCH).min(BATCH);
    tokio::task::spawn_blocking(move || if count == 0 { Ok(Batch::default()) } else { plan.batch(batch_number, count) })
}

/// Prepares the connection for large writes.
async fn prepare(tx: &mut Tx) -> Result<()> {
    match tx.engine() {
        // the indexes of 50 000 subscribers exceed the default cache of 2 MiB; this connection gets 256 MiB
        Engine::Sqlite => Sql::new("PRAGMA cache_size = -262144").execute(tx).await.map(drop),
        Engine::Postgres => Ok(()),
    }
}

/// Writes a batch, parents before children. Contracts and SIMs refer to each other, which is checked at commit.
async fn write(tx: &mut Tx, batch: Batch) -> Result<()> {
    let first = FirstIds {
        customer: reserve(tx, "customers", batch.customers.len()).await?,
        number: reserve(tx, "numbers", batch.numbers.len()).await?,
        sim: reserve(tx, "sims", batch.sims.len()).await?,
        contract: reserve(tx, "contracts", batch.contracts.len()).await?,
        payment: reserve(tx, "payments", batch.payments.len()).await?,
    };
    let first_ticket = reserve(tx, "tickets", batch.tickets.len()).await?;
    let batch = batch.placed(first);
    let granted = Granted::<perm::TicketsWrite>::system("seed");
    customers::insert_all(tx, first.customer, &batch.customers).await?;
    sims::insert_numbers(tx, first.number, &batch.numbers).await?;
    sims::insert_all(tx, first.sim, &batch.sims).await?;
    contracts::insert_all(tx, &batch.contracts).await?;
    contracts::insert_holds(tx, batch.contracts.iter().map(|(contract, _)| contract)).await?;
    sims::insert_bindings(tx, &batch.bindings).await?;
    payments::insert_all(tx, &batch.payments).await?;
    billing::insert_periods(tx, &batch.periods).await?;
    tickets::insert_all(tx, &granted, first_ticket, &batch.tickets).await?;
    let mut living = BTreeMap::new();
    for (contract, _) in &batch.contracts {
        if matches!(contract.status, ContractStatus::Active | ContractStatus::Suspended) {
            *living.entry(contract.tariff_id).or_insert(0) += 1;
        }
    }
    for (tariff_id, contracts) in living {
        tariffs::count_contracts(tx, tariff_id, contracts);
    }
    tx.record(Entry::new("seed.batch", "customer", first.customer).note("customers", batch.customers.len()));
    Ok(())
}

/// Reserves ids for rows; a small batch may have none.
async fn reserve(tx: &mut Tx, table: &'static str, rows: usize) -> Result<i64> {
    // at least one: a sequence cannot be set to a value before its start
    tx.reserve_ids(table, i64::try_from(rows.max(1)).map_err(Error::internal)?).await
}
