//! SQL of billing runs.

use chrono::{DateTime, NaiveDate, Utc};
use database::{
    Bulk, Conn, Engine, Filter, Page, Paging, Sql, Tx,
    page::{KeyKind, ListSpec, OrderField},
};
use kernel::{
    Error, Result,
    id::{BillingRunId, ContractId},
};
use serde_json::{Map, Value};

use crate::{
    input::RunFilter,
    model::{BillingRun, Figures, Queue, RunFailure, RunState},
};

/// The sort orders of run lists.
pub const RUNS: ListSpec = ListSpec {
    order_fields: &[
        OrderField { name: "started_at", column: "billing_runs.started_at", kind: KeyKind::Time },
        OrderField { name: "updated_at", column: "billing_runs.updated_at", kind: KeyKind::Time },
        OrderField { name: "billing_date", column: "billing_runs.billing_date", kind: KeyKind::Date },
    ],
    default_order: "-started_at",
    id: "billing_runs.id",
    id_name: "id",
};

/// The sort orders of a run's failures.
pub const FAILURES: ListSpec = ListSpec {
    order_fields: &[OrderField { name: "contract_id", column: "billing_run_failures.contract_id", kind: KeyKind::Int }],
    default_order: "contract_id",
    id: "billing_run_failures.contract_id",
    id_name: "contract_id",
};

macro_rules! columns {
    () => {
        "id, billing_date, dry_run, state, started_by, started_at, updated_at, finished_at, due_count, done_count, charged_count, skipped_count, \
         debt_count, failed_count, charges_count, sum_charged, failure, version"
    };
}

pub async fn get(conn: &mut Conn, id: BillingRunId) -> Result<Option<BillingRun>> {
    Sql::new(concat!("SELECT ", columns!(), " FROM billing_runs WHERE id = $1")).bind(id).optional(conn).await
}

/// Reads a run and locks it until the transaction ends.
pub async fn lock(tx: &mut Tx, id: BillingRunId) -> Result<Option<BillingRun>> {
    let text = format!(concat!("SELECT ", columns!(), " FROM billing_runs WHERE id = $1{}"), tx.for_update());
    let run: Option<BillingRun> = Sql::owned(text).bind(id).optional(tx).await?;
    Ok(run.inspect(|run| tx.not_before(run.started_at)))
}

pub async fn list(conn: &mut Conn, filter: &RunFilter, paging: &Paging) -> Result<Page<BillingRun>> {
    let mut conditions = Filter::new(conn.engine());
    conditions.any("billing_runs.state", filter.state.as_ref());
    conditions.equal("billing_runs.dry_run", filter.dry_run);
    conditions.at_least("billing_runs.billing_date", filter.billing_date_after);
    conditions.at_most("billing_runs.billing_date", filter.billing_date_before);
    paging.fetch(conn, concat!("SELECT ", columns!(), " FROM billing_runs"), "billing_runs", conditions).await
}

pub async fn failures(conn: &mut Conn, id: BillingRunId, paging: &Paging) -> Result<Page<RunFailure>> {
    let mut conditions = Filter::new(conn.engine());
    conditions.equal("billing_run_failures.run_id", Some(id));
    let select = "SELECT billing_run_failures.contract_id, contracts.number AS contract_number, billing_run_failures.code, \
         billing_run_failures.arguments, billing_run_failures.failed_at FROM billing_run_failures \
         JOIN contracts ON contracts.id = billing_run_failures.contract_id";
    paging.fetch(conn, select, "billing_run_failures", conditions).await
}

/// A run to insert.
pub struct NewRun {
    pub billing_date: NaiveDate,
    pub dry_run: bool,
    pub scheduled_for: Option<NaiveDate>,
    pub started_by: String,
    pub lease_until: DateTime<Utc>,
}

/// Inserts a run; returns nothing if a run for that day is running, or one was scheduled for it.
pub async fn insert(tx: &mut Tx, run: NewRun) -> Result<Option<BillingRun>> {
    let now = tx.now();
    Sql::new(concat!(
        "INSERT INTO billing_runs (billing_date, dry_run, state, scheduled_for, started_by, started_at, updated_at, lease_until) ",
        "VALUES ($1, $2, 'running', $3, $4, $5, $5, $6) ON CONFLICT DO NOTHING RETURNING ",
        columns!()
    ))
    .bind(run.billing_date)
    .bind(run.dry_run)
    .bind(run.scheduled_for)
    .bind(run.started_by)
    .bind(now)
    .bind(run.lease_until)
    .optional(tx)
    .await
}

/// Finds the running run for this day.
pub async fn running(tx: &mut Tx, billing_date: NaiveDate, dry_run: bool) -> Result<Option<BillingRun>> {
    Sql::new(concat!("SELECT ", columns!(), " FROM billing_runs WHERE billing_date = $1 AND dry_run = $2 AND state = 'running'"))
        .bind(billing_date)
        .bind(dry_run)
        .optional(tx)
        .await
}

/// The newest day for which a run was scheduled.
pub async fn newest_scheduled(conn: &mut Conn) -> Result<Option<NaiveDate>> {
    Sql::new("SELECT MAX(scheduled_for) FROM billing_runs").scalar(conn).await
}

/// Marks a run as the scheduled run of its day.
pub async fn set_scheduled(tx: &mut Tx, run: &BillingRun) -> Result<()> {
    let now = tx.now();
    Sql::new("UPDATE billing_runs SET scheduled_for = billing_date, updated_at = $2, version = version + 1 WHERE id = $1 AND scheduled_for IS NULL")
        .bind(run.id)
        .bind(now)
        .execute(tx)
        .await
        .map(drop)
}

/// Whether there is an abandoned run.
pub async fn is_left(conn: &mut Conn) -> Result<bool> {
    let now = conn.now();
    let left: Option<(BillingRunId,)> =
        Sql::new("SELECT id FROM billing_runs WHERE state = 'running' AND lease_until < $1 LIMIT 1").bind(now).optional(conn).await?;
    Ok(left.is_some())
}

/// Reserves the oldest abandoned run for the caller; concurrent callers get different runs.
pub async fn take_up(tx: &mut Tx, lease_until: DateTime<Utc>) -> Result<Option<BillingRunId>> {
    let now = tx.now();
    let found: Option<(BillingRunId,)> = Sql::new(
        "UPDATE billing_runs SET lease_until = $1 WHERE lease_until < $2 AND id = \
         (SELECT id FROM billing_runs WHERE state = 'running' AND lease_until < $2 ORDER BY id LIMIT 1) RETURNING id",
    )
    .bind(lease_until)
    .bind(now)
    .optional(tx)
    .await?;
    Ok(found.map(|(id,)| id))
}

/// Lets other instances resume a run at once.
pub async fn let_go(tx: &mut Tx, id: BillingRunId) -> Result<()> {
    let now = tx.now();
    Sql::new("UPDATE billing_runs SET lease_until = $1 WHERE id = $2 AND state = 'running'").bind(now).bind(id).execute(tx).await.map(drop)
}

/// Saves how many contracts are due; does nothing if they were counted already.
pub async fn set_due(tx: &mut Tx, run: &BillingRun) -> Result<Option<BillingRun>> {
    let now = tx.now();
    Sql::new(concat!(
        "UPDATE billing_runs SET version = version + 1, updated_at = $3, due_count = (SELECT COUNT(*) FROM contracts WHERE status = 'active' AND next_billing_date <= $1) \
         + (SELECT COUNT(*) FROM contract_periods JOIN contracts ON contracts.id = contract_periods.contract_id AND contracts.status = 'suspended' \
         WHERE contract_periods.charged_at IS NULL AND contract_periods.ended_on IS NULL AND contract_periods.period_end <= $1) \
         WHERE id = $2 AND due_count IS NULL RETURNING ",
        columns!()
    ))
    .bind(run.billing_date)
    .bind(run.id)
    .bind(now)
    .optional(tx)
    .await
}

/// Adds the totals and the place of a part of a run. Returns the run after it.
pub async fn add(tx: &mut Tx, id: BillingRunId, figures: Figures, place: Place, lease_until: DateTime<Utc>) -> Result<BillingRun> {
    let now = tx.now();
    Sql::new(concat!(
        "UPDATE billing_runs SET done_count = done_count + $1, charged_count = charged_count + $2, skipped_count = skipped_count + $3, ",
        "debt_count = debt_count + $4, failed_count = failed_count + $5, charges_count = charges_count + $6, sum_charged = sum_charged + $7, ",
        "place_queue = $8, place_date = $9, place_id = $10, lease_until = $11, updated_at = $13, version = version + 1 WHERE id = $12 RETURNING ",
        columns!()
    ))
    .bind(figures.done)
    .bind(figures.charged)
    .bind(figures.skipped)
    .bind(figures.debt)
    .bind(figures.failed)
    .bind(figures.charges)
    .bind(figures.sum)
    .bind(place.queue)
    .bind(place.date)
    .bind(place.id)
    .bind(lease_until)
    .bind(id)
    .bind(now)
    .one(tx)
    .await
}

/// Ends a running run; returns nothing if it has already ended.
pub async fn end(tx: &mut Tx, id: BillingRunId, state: RunState, failure: Option<&'static str>) -> Result<Option<BillingRun>> {
    let now = tx.now();
    Sql::new(concat!(
        "UPDATE billing_runs SET state = $1, failure = $2, finished_at = $3, updated_at = $3, version = version + 1 WHERE id = $4 AND state = 'running' RETURNING ",
        columns!()
    ))
    .bind(state)
    .bind(failure)
    .bind(now)
    .bind(id)
    .optional(tx)
    .await
}

/// Inserts the contracts that could not be charged.
pub async fn insert_failures(tx: &mut Tx, id: BillingRunId, failures: &[(ContractId, Error)]) -> Result<()> {
    let now = tx.now();
    let mut rows = Bulk::into_table("billing_run_failures", &["run_id", "contract_id", "code", "arguments", "failed_at"]);
    for (contract_id, error) in failures {
        let arguments: Map<String, Value> = error.args().iter().map(|(name, value)| ((*name).to_owned(), value.as_str().into())).collect();
        rows.row(vec![id.into(), (*contract_id).into(), error.code().name.into(), Value::Object(arguments).to_string().into(), now.into()]);
    }
    rows.execute(tx).await
}

/// The place in a run: due contracts are taken by day, then by contract id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx_macros::FromRow)]
pub struct Place {
    /// The queue.
    #[sqlx(rename = "place_queue")]
    pub queue: Queue,
    /// The day of the last contract.
    #[sqlx(rename = "place_date")]
    pub date: NaiveDate,
    /// The last contract.
    #[sqlx(rename = "place_id")]
    pub id: ContractId,
}

impl Place {
    /// The place before everything in a queue.
    pub fn before(queue: Queue) -> Self {
        Self { queue, date: NaiveDate::from_ymd_opt(1, 1, 1).unwrap_or_default(), id: ContractId::new(0) }
    }
}

/// The place of a dry run.
pub async fn place(tx: &mut Tx, id: BillingRunId) -> Result<Place> {
    Sql::new("SELECT place_queue, place_date, place_id FROM billing_runs WHERE id = $1").bind(id).one(tx).await
}

/// The number of batches that a database processes at once, for all instances; more would only compete for the processors.
const AT_ONCE: u32 = 4;
/// The first of the advisory locks for these batches; PostgreSQL advisory locks have numbers instead of names.
const FIRST_LOCK: i64 = 0x6269_6c6c_696e_6700;

/// Prepares a transaction for a batch of the worker with this number, once fewer than [`AT_ONCE`] others are running.
///
/// Its lock timeout is longer than a request's, because a slow worker elsewhere must not make it fail. Its statements use generic plans:
/// plans for the first parameters of each connection would read whole tables.
pub async fn prepare_batch(tx: &mut Tx, worker: u32) -> Result<()> {
    match tx.engine() {
        Engine::Sqlite => Ok(()),
        Engine::Postgres => {
            let settings = "SELECT set_config('lock_timeout', '30s', TRUE) || set_config('plan_cache_mode', 'force_generic_plan', TRUE)";
            Sql::new(settings).execute(tx).await?;
            let lock = FIRST_LOCK + i64::from(worker % AT_ONCE);
            Sql::new("SELECT pg_advisory_xact_lock($1)").bind(lock).execute(tx).await.map(drop)
        }
    }
}

/// How contracts are taken, so that other workers do not also take them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taking {
    /// Only contracts that are not locked.
    Free,
    /// Also locked contracts, once they are unlocked.
    All,
    /// Without a lock, for reading only.
    Unlocked,
}

/// Takes the next due contracts after a place, without those that failed in this run.
pub async fn due(tx: &mut Tx, run: &BillingRun, place: Place, taking: Taking, most: i64) -> Result<Vec<(ContractId, NaiveDate)>> {
    let select = match place.queue {
        Queue::Active => {
            "SELECT contracts.id, contracts.next_billing_date FROM contracts WHERE contracts.status = 'active' \
             AND contracts.next_billing_date <= $1 AND (contracts.next_billing_date, contracts.id) > ($2, $3) AND NOT EXISTS \
             (SELECT 1 FROM billing_run_failures WHERE run_id = $4 AND contract_id = contracts.id) \
             ORDER BY contracts.next_billing_date, contracts.id LIMIT $5"
        }
        Queue::Held => {
            "SELECT contracts.id, contract_periods.period_end FROM contract_periods \
             JOIN contracts ON contracts.id = contract_periods.contract_id AND contracts.status = 'suspended' \
             WHERE contract_periods.charged_at IS NULL AND contract_periods.ended_on IS NULL AND contract_periods.period_end <= $1 \
             AND (contract_periods.period_end, contract_periods.contract_id) > ($2, $3) AND NOT EXISTS \
             (SELECT 1 FROM billing_run_failures WHERE run_id = $4 AND contract_id = contracts.id) \
             ORDER BY contract_periods.period_end, contract_periods.contract_id LIMIT $5"
        }
        // by id alone; the day is that of the place, which stays the same. A period that is still to be charged is in the queue before.
        Queue::Debt => {
            "SELECT contracts.id, contracts.signed_date FROM contract_holds JOIN contracts ON contracts.id = contract_holds.contract_id \
             AND contracts.status = 'suspended' AND (contracts.next_billing_date IS NULL OR contracts.next_billing_date <= $1) \
             WHERE contract_holds.reason = 'debt' AND contract_holds.lifted_at IS NULL AND contracts.signed_date > $2 \
             AND contract_holds.contract_id > $3 AND NOT EXISTS \
             (SELECT 1 FROM billing_run_failures WHERE run_id = $4 AND contract_id = contracts.id) AND NOT EXISTS \
             (SELECT 1 FROM contract_periods WHERE contract_periods.contract_id = contracts.id AND contract_periods.charged_at IS NULL \
             AND contract_periods.ended_on IS NULL) ORDER BY contract_holds.contract_id LIMIT $5"
        }
    };
    // SQLite's single writer already excludes others
    let lock = match (tx.engine(), taking) {
        (Engine::Sqlite, _) | (Engine::Postgres, Taking::Unlocked) => "",
        (Engine::Postgres, Taking::Free) => " FOR NO KEY UPDATE OF contracts SKIP LOCKED",
        (Engine::Postgres, Taking::All) => " FOR NO KEY UPDATE OF contracts",
    };
    let select = Sql::owned(format!("{select}{lock}")).bind(run.billing_date).bind(place.date).bind(place.id).bind(run.id).bind(most);
    let found: Vec<(ContractId, NaiveDate)> = select.all(tx).await?;
    Ok(match place.queue {
        Queue::Active | Queue::Held => found,
        Queue::Debt => found.into_iter().map(|(id, _)| (id, place.date)).collect(),
    })
}
