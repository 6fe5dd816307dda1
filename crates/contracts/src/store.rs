//! SQL of contracts and their holds.

pub mod history;
pub mod options;
pub mod statistics;

use chrono::NaiveDate;
use database::{
    Arg, Bulk, Conn, Engine, Event, Filter, Given, Page, Paging, Resource, Sql, Tx,
    page::{KeyKind, ListSpec, OrderField},
    search::{FoundType, Source},
};
use kernel::{Error, Result, error::common, id::ContractId};

use crate::{
    details::{DetailsRow, Hold, HoldTime, HoldsSince},
    input::ContractFilter,
    model::{Contract, ContractShort, HoldReason},
    texts::TextRow,
};

/// The sort orders of contract lists.
pub const LIST: ListSpec = ListSpec {
    order_fields: &[
        OrderField { name: "created_at", column: "contracts.created_at", kind: KeyKind::Time },
        OrderField { name: "updated_at", column: "contracts.updated_at", kind: KeyKind::Time },
        OrderField { name: "signed_date", column: "contracts.signed_date", kind: KeyKind::Date },
        OrderField { name: "balance", column: "contracts.balance", kind: KeyKind::Money },
        OrderField { name: "number", column: "contracts.number", kind: KeyKind::Text },
    ],
    default_order: "-created_at",
    id: "contracts.id",
    id_name: "id",
};

macro_rules! columns {
    () => {
        concat!(
            "contracts.id, contracts.number, contracts.customer_id, contracts.tariff_id, contracts.sim_id, contracts.status, ",
            "contracts.signed_date, contracts.activation_date, contracts.termination_date, contracts.balance, contracts.credit_limit, ",
            "contracts.promised_credit, contracts.is_promise_broken, ",
            "contracts.total_charged, contracts.discount_percent, contracts.next_billing_date, contracts.billing_day, contracts.notes, ",
            "contracts.created_at, contracts.updated_at, contracts.version, ",
            "COALESCE((SELECT string_agg(reason, ',' ORDER BY reason) FROM contract_holds ",
            "WHERE contract_id = contracts.id AND lifted_at IS NULL), '') AS holds, contracts.next_tariff_id, ",
            "COALESCE((SELECT string_agg(CAST(option_id AS TEXT), ',' ORDER BY option_id) FROM contract_options ",
            "WHERE contract_id = contracts.id AND removed_at IS NULL AND is_in_force), '') AS options, ",
            "COALESCE((SELECT string_agg(CAST(option_id AS TEXT), ',' ORDER BY option_id) FROM contract_options ",
            "WHERE contract_id = contracts.id AND removed_at IS NULL AND is_in_next), '') AS next_options"
        )
    };
}

macro_rules! select {
    ($tail:literal) => {
        concat!("SELECT ", columns!(), " FROM contracts", $tail)
    };
}

// declared after the macros that it uses
pub mod of_customer;

pub async fn get(conn: &mut Conn, id: ContractId) -> Result<Option<Contract>> {
    Sql::new(select!(" WHERE contracts.id = $1")).bind(id).optional(conn).await
}

/// Reads these contracts, ordered by id.
pub async fn all(conn: &mut Conn, ids: &[ContractId]) -> Result<Vec<Contract>> {
    const ALL: &str =
        concat!("SELECT ", columns!(), " FROM given JOIN contracts ON contracts.id = given.of_contract ORDER BY contracts.id");
    Given::one_column(&["of_contract"], ids.iter().copied()).all(ALL, conn).await
}

/// Reads a contract with the fields of its subscriber, its tariff on this day and its SIM, and what can be given back, in one statement.
pub async fn details(conn: &mut Conn, id: ContractId, day: NaiveDate) -> Result<Option<DetailsRow>> {
    Sql::new(concat!(
        "SELECT ",
        columns!(),
        ", customers.customer_type, customers.last_name, customers.first_name, customers.patronymic, customers.organization_name, ",
        "customers.phone AS customer_phone, customers.status AS customer_status, ",
        "tariffs.name AS tariff_name, tariffs.tariff_type, tariffs.is_active AS tariff_is_active, prices.monthly_fee, ",
        "sims.iccid, sims.kind AS sim_kind, sims.status AS sim_status, numbers.msisdn, ",
        // what can be given back is asked of the ledger only where a contract has ended
        "CASE WHEN contracts.status = 'terminated' THEN (SELECT CAST(COALESCE(SUM(CASE WHEN transaction_type = 'payment' THEN amount ",
        "ELSE -amount END), 0) AS BIGINT) FROM payments WHERE payments.contract_id = contracts.id AND payments.status = 'success' ",
        "AND transaction_type IN ('payment', 'refund')) END AS unrefunded, ",
        "CASE WHEN contracts.status = 'terminated' THEN (SELECT CAST(COALESCE(SUM(refund_requested), 0) AS BIGINT) FROM payments ",
        "JOIN gateway_payments ON gateway_payments.payment_id = payments.id WHERE payments.contract_id = contracts.id) END ",
        "AS refund_requested FROM contracts ",
        "JOIN customers ON customers.id = contracts.customer_id JOIN tariffs ON tariffs.id = contracts.tariff_id ",
        "LEFT JOIN tariff_versions AS prices ON prices.tariff_id = tariffs.id AND prices.effective_from = ",
        "(SELECT MAX(effective_from) FROM tariff_versions WHERE tariff_id = tariffs.id AND effective_from <= $2) ",
        "LEFT JOIN sims ON sims.id = contracts.sim_id LEFT JOIN numbers ON numbers.id = sims.number_id WHERE contracts.id = $1"
    ))
    .bind(id)
    .bind(day)
    .optional(conn)
    .await
}

/// Reads the active holds, in the order in which they were placed.
pub async fn present_holds(conn: &mut Conn, id: ContractId) -> Result<Vec<Hold>> {
    Sql::new("SELECT reason, note, placed_at, placed_by FROM contract_holds WHERE contract_id = $1 AND lifted_at IS NULL ORDER BY id")
        .bind(id)
        .all(conn)
        .await
}

/// Reads the holds of contracts that lasted at a moment given for each contract, and later ones.
pub async fn hold_times(conn: &mut Conn, since: &[HoldsSince]) -> Result<Vec<HoldTime>> {
    let mut rows = Given::of(&["of_contract", "since"]);
    for of in since {
        rows.row(vec![of.contract_id.into(), of.since.into()]);
    }
    let select = "SELECT contract_holds.contract_id, contract_holds.placed_at, contract_holds.lifted_at FROM given \
         JOIN contract_holds ON contract_holds.contract_id = given.of_contract \
         AND (contract_holds.lifted_at IS NULL OR contract_holds.lifted_at >= given.since)";
    rows.all(select, conn).await
}

/// Reads a contract and locks it until the transaction ends.
pub async fn lock(tx: &mut Tx, id: ContractId) -> Result<Option<Contract>> {
    // in a separate statement: only a read after the lock is acquired sees the changes of its previous holder; NO KEY, so that a ticket
    // on the contract, which refers to it and may hold a lock that is wanted next, does not wait for this one
    if tx.engine() == Engine::Postgres {
        Sql::new("SELECT id FROM contracts WHERE id = $1 FOR NO KEY UPDATE").bind(id).optional::<(ContractId,)>(tx).await?;
    }
    let contract = get(tx, id).await?;
    Ok(contract.inspect(|contract| tx.not_before(contract.updated_at)))
}

/// Reads the short forms of these contracts.
pub async fn short_forms(conn: &mut Conn, ids: &[ContractId]) -> Result<Vec<ContractShort>> {
    const ALL: &str = "SELECT contracts.id, contracts.number, contracts.customer_id, contracts.status FROM given \
         JOIN contracts ON contracts.id = given.of_id";
    Given::one_column(&["of_id"], ids.iter().copied()).all(ALL, conn).await
}

pub async fn list(conn: &mut Conn, filter: &ContractFilter, paging: &Paging) -> Result<Page<Contract>> {
    let mut conditions = Filter::new(conn.engine());
    conditions.any("contracts.status", filter.status.as_ref());
    conditions.any("contracts.customer_id", filter.customer_id.as_ref());
    conditions.any("contracts.tariff_id", filter.tariff_id.as_ref());
    if let Some(reasons) = &filter.hold {
        let reason = conditions.one_of("reason", reasons);
        conditions.when(true, &format!("contracts.id IN (SELECT contract_id FROM contract_holds WHERE {reason} AND lifted_at IS NULL)"));
    }
    conditions.at_least("contracts.created_at", filter.created_at_after);
    conditions.at_most("contracts.created_at", filter.created_at_before);
    conditions.at_least("contracts.balance", filter.balance_min);
    conditions.at_most("contracts.balance", filter.balance_max);
    conditions.at_least("contracts.signed_date", filter.signed_date_after);
    conditions.at_most("contracts.signed_date", filter.signed_date_before);
    conditions.at_least("contracts.next_billing_date", filter.next_billing_date_after);
    conditions.at_most("contracts.next_billing_date", filter.next_billing_date_before);
    conditions.search("contracts", filter.search.as_deref());
    paging.fetch(conn, select!(""), "contracts", conditions).await
}

pub async fn exists(conn: &mut Conn, id: ContractId) -> Result<bool> {
    let found: Option<(ContractId,)> = Sql::new("SELECT id FROM contracts WHERE id = $1").bind(id).optional(conn).await?;
    Ok(found.is_some())
}

pub async fn by_number(conn: &mut Conn, number: &str) -> Result<Option<ContractId>> {
    let found: Option<(ContractId,)> =
        Sql::new("SELECT id FROM contracts WHERE number = $1").bind(number.to_owned()).optional(conn).await?;
    Ok(found.map(|(id,)| id))
}

pub async fn number_exists(tx: &mut Tx, number: &str) -> Result<bool> {
    Ok(by_number(tx, number).await?.is_some())
}

const COLUMNS: [&str; 21] = [
    "number",
    "customer_id",
    "tariff_id",
    "sim_id",
    "status",
    "signed_date",
    "activation_date",
    "termination_date",
    "balance",
    "credit_limit",
    "promised_credit",
    "is_promise_broken",
    "total_charged",
    "discount_percent",
    "next_billing_date",
    "billing_day",
    "notes",
    "search_text",
    "created_at",
    "updated_at",
    "version",
];

fn values(contract: &Contract, search_text: String) -> Vec<Arg> {
    vec![
        (&contract.number).into(),
        contract.customer_id.into(),
        contract.tariff_id.into(),
        contract.sim_id.into(),
        contract.status.into(),
        contract.signed_date.into(),
        contract.activation_date.into(),
        contract.termination_date.into(),
        contract.balance.into(),
        contract.credit_limit.into(),
        contract.promised_credit.into(),
        contract.is_promise_broken.into(),
        contract.total_charged.into(),
        contract.discount_percent.into(),
        contract.next_billing_date.into(),
        contract.billing_day.into(),
        (&contract.notes).into(),
        search_text.into(),
        contract.created_at.into(),
        contract.updated_at.into(),
        contract.version.into(),
    ]
}

/// Inserts a contract, ignoring the id in it, and returns its new id.
pub async fn insert(tx: &mut Tx, contract: &Contract, search_text: String) -> Result<ContractId> {
    let mut rows = Bulk::into_table("contracts", &COLUMNS);
    rows.row(values(contract, search_text));
    let id: ContractId = rows.insert_one(tx).await?;
    let event = Event::created(Resource::Contract, id, contract).with("id", id.get());
    tx.publish(event.of_contract(Some(id)).of_customer(contract.customer_id));
    Ok(id)
}

/// Publishes what a contract has become. Every write of its row does, so that no change is missing in copies that others keep.
pub fn tell(tx: &mut Tx, contract: &Contract) {
    let event = Event::changed(Resource::Contract, contract.id, contract);
    tx.publish(event.of_contract(Some(contract.id)).of_customer(contract.customer_id));
}

/// Saves the mutable fields of a contract and increments its version. Errors: `stale_version` after a concurrent change.
pub async fn save(tx: &mut Tx, contract: &mut Contract) -> Result<()> {
    let now = tx.now();
    Sql::new(
        "UPDATE contracts SET sim_id = $1, status = $2, activation_date = $3, termination_date = $4, balance = $5, total_charged = $6, \
         next_billing_date = $7, billing_day = $8, promised_credit = $9, is_promise_broken = $10, updated_at = $11, version = version + 1 \
         WHERE id = $12 AND version = $13",
    )
    .bind(contract.sim_id)
    .bind(contract.status)
    .bind(contract.activation_date)
    .bind(contract.termination_date)
    .bind(contract.balance)
    .bind(contract.total_charged)
    .bind(contract.next_billing_date)
    .bind(contract.billing_day)
    .bind(contract.promised_credit)
    .bind(contract.is_promise_broken)
    .bind(now)
    .bind(contract.id)
    .bind(contract.version)
    .expect_one(tx)
    .await?;
    contract.version += 1;
    contract.updated_at = now;
    tell(tx, contract);
    Ok(())
}

/// Saves what billing changes on many contracts, and increments their versions. Errors: `stale_version` after a concurrent change.
pub async fn save_all(tx: &mut Tx, contracts: &mut [&mut Contract]) -> Result<()> {
    let now = tx.now();
    let mut rows = Given::of(&[
        "of_id",
        "of_version",
        "new_status",
        "new_balance",
        "new_total",
        "new_billing_date",
        "new_billing_day",
        "new_updated_at",
    ]);
    for contract in contracts.iter() {
        rows.row(vec![
            contract.id.into(),
            contract.version.into(),
            contract.status.into(),
            contract.balance.into(),
            contract.total_charged.into(),
            contract.next_billing_date.into(),
            contract.billing_day.into(),
            contract.updated_at.max(now).into(),
        ]);
    }
    let update = "UPDATE contracts SET status = given.new_status, balance = given.new_balance, total_charged = given.new_total, \
         next_billing_date = given.new_billing_date, billing_day = given.new_billing_day, updated_at = given.new_updated_at, \
         version = version + 1 FROM given WHERE id = given.of_id AND version = given.of_version";
    let changed = rows.execute(update, tx).await?;
    if usize::try_from(changed).ok() != Some(contracts.len()) {
        return Err(Error::new(common::STALE));
    }
    for contract in contracts {
        contract.version += 1;
        contract.updated_at = contract.updated_at.max(now);
        tell(tx, contract);
    }
    Ok(())
}

/// Saves what an edit may change on a contract and increments its version. Errors: `stale_version` after a concurrent change.
pub async fn save_edit(tx: &mut Tx, contract: &mut Contract) -> Result<()> {
    let now = tx.now();
    Sql::new(
        "UPDATE contracts SET customer_id = $1, tariff_id = $2, sim_id = $3, signed_date = $4, credit_limit = $5, discount_percent = $6, \
         notes = $7, updated_at = $8, version = version + 1 WHERE id = $9 AND version = $10",
    )
    .bind(contract.customer_id)
    .bind(contract.tariff_id)
    .bind(contract.sim_id)
    .bind(contract.signed_date)
    .bind(contract.credit_limit)
    .bind(contract.discount_percent)
    .bind(&contract.notes)
    .bind(now)
    .bind(contract.id)
    .bind(contract.version)
    .expect_one(tx)
    .await?;
    contract.version += 1;
    contract.updated_at = now;
    tell(tx, contract);
    Ok(())
}

/// Deletes a contract that no record refers to. Errors: `in_use`, `stale_version`.
pub async fn delete(tx: &mut Tx, contract: &Contract) -> Result<()> {
    Sql::new("DELETE FROM contracts WHERE id = $1 AND version = $2").bind(contract.id).bind(contract.version).expect_one(tx).await?;
    let event = Event::deleted(Resource::Contract, contract.id, contract);
    tx.publish(event.of_contract(Some(contract.id)).of_customer(contract.customer_id));
    Ok(())
}

pub async fn set_search_text(tx: &mut Tx, id: ContractId, search_text: String) -> Result<()> {
    Sql::new("UPDATE contracts SET search_text = $1 WHERE id = $2").bind(search_text).bind(id).execute(tx).await.map(drop)
}

pub async fn place_hold(tx: &mut Tx, id: ContractId, reason: HoldReason, note: Option<&str>) -> Result<()> {
    let now = tx.now();
    Sql::new("INSERT INTO contract_holds (contract_id, reason, note, placed_at, placed_by) VALUES ($1, $2, $3, $4, $5)")
        .bind(id)
        .bind(reason)
        .bind(note.map(str::to_owned))
        .bind(now)
        .bind(&tx.actor().name)
        .execute(tx)
        .await
        .map(drop)
}

/// Places a hold on many contracts that have just been saved.
pub async fn place_holds(tx: &mut Tx, contracts: &[&mut Contract], reason: HoldReason) -> Result<()> {
    let mut rows = Bulk::into_table("contract_holds", &["contract_id", "reason", "placed_at", "placed_by"]);
    for contract in contracts {
        rows.row(vec![contract.id.into(), reason.into(), contract.updated_at.into(), (&tx.actor().name).into()]);
    }
    rows.execute(tx).await
}

/// Lifts one hold, or all of them.
pub async fn lift_holds(tx: &mut Tx, id: ContractId, reason: Option<HoldReason>) -> Result<()> {
    let now = tx.now();
    Sql::new(
        "UPDATE contract_holds SET lifted_at = $1, lifted_by = $2 \
         WHERE contract_id = $3 AND lifted_at IS NULL AND reason = COALESCE($4, reason)",
    )
    .bind(now)
    .bind(&tx.actor().name)
    .bind(id)
    .bind(reason)
    .execute(tx)
    .await
    .map(drop)
}

/// Inserts many contracts with the given ids, each with its search text.
pub async fn insert_all(tx: &mut Tx, contracts: &[(Contract, String)]) -> Result<()> {
    let columns: Vec<&str> = ["id"].into_iter().chain(COLUMNS).collect();
    let mut rows = Bulk::into_table("contracts", &columns);
    for (contract, search_text) in contracts {
        rows.row([Arg::from(contract.id)].into_iter().chain(values(contract, search_text.clone())).collect());
    }
    rows.execute(tx).await
}

/// Inserts the active holds of many contracts, placed by the current actor.
pub async fn insert_holds<'a>(tx: &mut Tx, contracts: impl IntoIterator<Item = &'a Contract>) -> Result<()> {
    let mut rows = Bulk::into_table("contract_holds", &["contract_id", "reason", "placed_at", "placed_by"]);
    for contract in contracts {
        for reason in &contract.holds.0 {
            rows.row(vec![contract.id.into(), (*reason).into(), contract.updated_at.into(), (&tx.actor().name).into()]);
        }
    }
    rows.execute(tx).await
}

/// Finds contracts that break an invariant, with a description.
pub async fn violations(conn: &mut Conn) -> Result<Vec<(ContractId, String)>> {
    Sql::new(
        "SELECT c.id, 'is active or suspended without one SIM of its own in that state' FROM contracts c \
         LEFT JOIN sims s ON s.id = c.sim_id AND s.contract_id = c.id \
         WHERE c.status IN ('active', 'suspended') AND (s.status IS NULL OR s.status <> c.status) \
         AND NOT EXISTS (SELECT 1 FROM contract_holds h WHERE h.contract_id = c.id AND h.reason = 'no_sim' AND h.lifted_at IS NULL) \
         UNION ALL SELECT c.id, 'is held for want of a SIM and has one that is not blocked' FROM contracts c \
         JOIN contract_holds h ON h.contract_id = c.id AND h.reason = 'no_sim' AND h.lifted_at IS NULL \
         LEFT JOIN sims s ON s.contract_id = c.id \
         WHERE COALESCE(s.status, 'blocked') <> 'blocked' OR COALESCE(s.id, 0) <> COALESCE(c.sim_id, 0) \
         UNION ALL SELECT c.id, 'is active or suspended without an assigned number of its own' FROM contracts c \
         LEFT JOIN numbers n ON n.contract_id = c.id WHERE c.status IN ('active', 'suspended') AND COALESCE(n.status, '') <> 'assigned' \
         UNION ALL SELECT c.id, 'is terminated or a draft and still has a number' FROM contracts c JOIN numbers n ON n.contract_id = c.id \
         WHERE c.status IN ('terminated', 'draft') \
         UNION ALL SELECT c.id, 'is suspended without a hold, or held without being suspended' FROM contracts c \
         WHERE (c.status = 'suspended') <> EXISTS (SELECT 1 FROM contract_holds h WHERE h.contract_id = c.id AND h.lifted_at IS NULL) \
         UNION ALL SELECT c.id, 'is terminated or a draft and still has a SIM bound' FROM contracts c JOIN sims s ON s.contract_id = c.id \
         WHERE c.status IN ('terminated', 'draft') \
         UNION ALL SELECT c.id, 'is terminated and still names a SIM' FROM contracts c \
         WHERE c.status = 'terminated' AND c.sim_id IS NOT NULL",
    )
    .all(conn)
    .await
}

/// Reads the texts of active and suspended contracts with an id after this one, and what they name.
pub async fn texts(conn: &mut Conn, after: ContractId, most: i64) -> Result<Vec<TextRow>> {
    Sql::new(
        "SELECT contracts.id, contracts.number, contracts.search_text, customers.customer_type, customers.last_name, customers.first_name, \
         customers.patronymic, customers.organization_name, numbers.msisdn, sims.iccid FROM contracts \
         JOIN customers ON customers.id = contracts.customer_id LEFT JOIN sims ON sims.id = contracts.sim_id \
         LEFT JOIN numbers ON numbers.contract_id = contracts.id \
         WHERE contracts.status IN ('active', 'suspended') AND contracts.id > $1 ORDER BY contracts.id LIMIT $2",
    )
    .bind(after)
    .bind(most)
    .all(conn)
    .await
}

/// Finds tariffs whose count of active and suspended contracts is wrong.
pub async fn wrong_counts(conn: &mut Conn) -> Result<Vec<(i64,)>> {
    Sql::new(
        "SELECT t.id FROM tariffs t LEFT JOIN \
         (SELECT tariff_id, COUNT(*) AS living FROM contracts WHERE status IN ('active', 'suspended') GROUP BY tariff_id) c ON c.tariff_id = t.id \
         WHERE t.contracts_count <> COALESCE(c.living, 0)",
    )
    .all(conn)
    .await
}

/// How the search box finds contracts.
pub const SEARCHED: Source = Source {
    found_type: FoundType::Contract,
    table: "contracts",
    from: "contracts JOIN customers ON customers.id = contracts.customer_id",
    title: "contracts.number",
    detail: "COALESCE(customers.organization_name, customers.last_name || ' ' || customers.first_name)",
};
