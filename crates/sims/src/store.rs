//! SQL of SIM cards, phone numbers and bindings.

use chrono::{DateTime, Utc};
use kernel::{
    Error, Page, Paging, Result,
    db::{Arg, Bulk, Conn, Engine, Filter, Sql, Tx},
    id::{ContractId, CustomerId, NumberId, SimId},
    page::{KeyKind, ListSpec, OrderField},
    search::{FoundType, Source},
    text::search_text,
};

use crate::{
    input::{NumberFilter, SimFilter},
    model::{NewBinding, NewNumber, NewSim, Number, Sim, SimStatus},
};

/// How lists of SIM cards are ordered.
pub const LIST: ListSpec = ListSpec {
    order_fields: &[
        OrderField { name: "created_at", column: "sims.created_at", kind: KeyKind::Time },
        OrderField { name: "iccid", column: "sims.iccid", kind: KeyKind::Text },
    ],
    default_order: "-created_at",
    id: "sims.id",
    id_name: "id",
};

/// How lists of phone numbers are ordered.
pub const NUMBER_LIST: ListSpec = ListSpec {
    order_fields: &[
        OrderField { name: "created_at", column: "numbers.created_at", kind: KeyKind::Time },
        OrderField { name: "msisdn", column: "numbers.msisdn", kind: KeyKind::Text },
    ],
    default_order: "-created_at",
    id: "numbers.id",
    id_name: "id",
};

macro_rules! select {
    ($tail:literal) => {
        concat!(
            "SELECT sims.id, sims.iccid, sims.imsi, sims.puk_code, sims.kind, sims.status, numbers.msisdn, sims.number_id, ",
            "sims.contract_id, sims.activated_at, sims.deactivated_at, sims.created_at, sims.updated_at, sims.version ",
            "FROM sims LEFT JOIN numbers ON numbers.id = sims.number_id",
            $tail
        )
    };
}

macro_rules! select_number {
    ($tail:literal) => {
        concat!("SELECT id, msisdn, status, reserved_until, quarantined_until, created_at, updated_at, version FROM numbers", $tail)
    };
}

pub async fn get(conn: &mut Conn, id: SimId) -> Result<Option<Sim>> {
    Sql::new(select!(" WHERE sims.id = $1")).bind(id).optional(conn).await
}

/// The row, locked until the transaction ends.
pub async fn lock(tx: &mut Tx, id: SimId) -> Result<Option<Sim>> {
    match tx.engine() {
        Engine::Sqlite => get(tx, id).await,
        // OF sims: the outer side of a join cannot be locked, and the number is locked after its card, always
        Engine::Postgres => Sql::new(select!(" WHERE sims.id = $1 FOR UPDATE OF sims")).bind(id).optional(tx).await,
    }
}

/// The card that serves a contract, locked until the transaction ends.
pub async fn lock_of_contract(tx: &mut Tx, id: ContractId) -> Result<Option<Sim>> {
    let sql = match tx.engine() {
        Engine::Sqlite => Sql::new(select!(" WHERE sims.contract_id = $1")),
        Engine::Postgres => Sql::new(select!(" WHERE sims.contract_id = $1 FOR UPDATE OF sims")),
    };
    sql.bind(id).optional(tx).await
}

pub async fn list(conn: &mut Conn, filter: &SimFilter, paging: &Paging) -> Result<Page<Sim>> {
    let mut conditions = Filter::new(conn.engine());
    conditions.equal("sims.status", filter.status);
    conditions.equal("sims.kind", filter.kind);
    conditions.equal("sims.contract_id", filter.contract);
    conditions.when(filter.has_number == Some(true), "sims.number_id IS NOT NULL");
    conditions.when(filter.has_number == Some(false), "sims.number_id IS NULL");
    conditions.at_least("sims.created_at", filter.created_at_after);
    conditions.at_most("sims.created_at", filter.created_at_before);
    conditions.search("sims", filter.search.as_deref());
    paging.fetch(conn, select!(""), "sims", conditions).await
}

/// A unique field and the SIM card that has its value already.
#[derive(sqlx::FromRow)]
pub struct Clash {
    pub field: String,
    pub sim_id: SimId,
}

/// Every unique field that another SIM card has already.
pub async fn clashes(tx: &mut Tx, iccid: &str, imsi: &str) -> Result<Vec<Clash>> {
    Sql::new(
        "SELECT 'iccid' AS field, id AS sim_id FROM sims WHERE iccid = $1 \
         UNION ALL SELECT 'imsi', id FROM sims WHERE imsi = $2",
    )
    .bind(iccid.to_owned())
    .bind(imsi.to_owned())
    .all(tx)
    .await
}

const COLUMNS: [&str; 13] = [
    "iccid",
    "imsi",
    "puk_code",
    "kind",
    "status",
    "number_id",
    "contract_id",
    "activated_at",
    "deactivated_at",
    "search_text",
    "created_at",
    "updated_at",
    "version",
];

fn values(sim: &NewSim) -> Vec<Arg> {
    let (number_id, msisdn) = sim.number.as_ref().map(|(id, msisdn)| (*id, msisdn.as_str())).unzip();
    vec![
        (&sim.iccid).into(),
        (&sim.imsi).into(),
        (&sim.puk_code).into(),
        sim.kind.into(),
        sim.status.into(),
        number_id.into(),
        sim.contract_id.into(),
        sim.activated_at.into(),
        sim.deactivated_at.into(),
        search_text([Some(sim.iccid.as_str()), Some(sim.imsi.as_str()), msisdn]).into(),
        sim.created_at.into(),
        sim.created_at.into(),
        1_i64.into(),
    ]
}

pub async fn insert(tx: &mut Tx, sim: &NewSim) -> Result<SimId> {
    let mut rows = Bulk::into_table("sims", &COLUMNS);
    rows.row(values(sim));
    rows.insert_one(tx).await
}

/// Writes many under ids reserved for them, from `first_id` on.
pub async fn insert_all(tx: &mut Tx, first_id: i64, sims: &[NewSim]) -> Result<()> {
    let columns: Vec<&str> = ["id"].into_iter().chain(COLUMNS).collect();
    let mut rows = Bulk::into_table("sims", &columns);
    for (sim, id) in sims.iter().zip(first_id..) {
        rows.row([Arg::from(id)].into_iter().chain(values(sim)).collect());
    }
    rows.execute(tx).await
}

/// Writes the card's new state over the version it was made from, and answers it as it then stands.
pub async fn update(tx: &mut Tx, sim: Sim, at: DateTime<Utc>) -> Result<Sim> {
    Sql::new(
        "UPDATE sims SET status = $3, number_id = $4, contract_id = $5, activated_at = $6, deactivated_at = $7, search_text = $8, \
         updated_at = $9, version = version + 1 WHERE id = $1 AND version = $2",
    )
    .bind(sim.id)
    .bind(sim.version)
    .bind(sim.status)
    .bind(sim.number_id)
    .bind(sim.contract_id)
    .bind(sim.activated_at)
    .bind(sim.deactivated_at)
    .bind(search_text([Some(sim.iccid.as_str()), Some(sim.imsi.as_str()), sim.msisdn.as_deref()]))
    .bind(at)
    .expect_one(tx)
    .await?;
    Ok(Sim { updated_at: at, version: sim.version + 1, ..sim })
}

pub async fn get_number(conn: &mut Conn, id: NumberId) -> Result<Option<Number>> {
    Sql::new(select_number!(" WHERE id = $1")).bind(id).optional(conn).await
}

/// The number's row, locked until the transaction ends; always after that of the card that carries it.
pub async fn lock_number(tx: &mut Tx, id: NumberId) -> Result<Option<Number>> {
    match tx.engine() {
        Engine::Sqlite => get_number(tx, id).await,
        Engine::Postgres => Sql::new(select_number!(" WHERE id = $1 FOR UPDATE")).bind(id).optional(tx).await,
    }
}

/// The number's row found by the number itself, locked until the transaction ends.
pub async fn lock_msisdn(tx: &mut Tx, msisdn: &str) -> Result<Option<Number>> {
    let sql = match tx.engine() {
        Engine::Sqlite => Sql::new(select_number!(" WHERE msisdn = $1")),
        Engine::Postgres => Sql::new(select_number!(" WHERE msisdn = $1 FOR UPDATE")),
    };
    sql.bind(msisdn.to_owned()).optional(tx).await
}

/// The card that carries a number.
pub async fn carrier(tx: &mut Tx, id: NumberId) -> Result<Option<(SimId,)>> {
    Sql::new("SELECT id FROM sims WHERE number_id = $1").bind(id).optional(tx).await
}

pub async fn list_numbers(conn: &mut Conn, filter: &NumberFilter, paging: &Paging) -> Result<Page<Number>> {
    let mut conditions = Filter::new(conn.engine());
    conditions.equal("numbers.status", filter.status);
    conditions.at_least("numbers.created_at", filter.created_at_after);
    conditions.at_most("numbers.created_at", filter.created_at_before);
    conditions.search("numbers", filter.search.as_deref());
    paging.fetch(conn, select_number!(""), "numbers", conditions).await
}

/// The numbers from `first` to `last`, in order, at most `limit` of them.
pub async fn numbers_between(conn: &mut Conn, first: &str, last: &str, limit: i64) -> Result<Vec<Number>> {
    // text of one length is ordered as its digits are; another length is another country's
    Sql::new(select_number!(" WHERE msisdn BETWEEN $1 AND $2 AND LENGTH(msisdn) = LENGTH($1) ORDER BY msisdn LIMIT $3"))
        .bind(first.to_owned())
        .bind(last.to_owned())
        .bind(limit)
        .all(conn)
        .await
}

const NUMBER_COLUMNS: [&str; 8] =
    ["msisdn", "status", "reserved_until", "quarantined_until", "search_text", "created_at", "updated_at", "version"];

fn number_values(number: &NewNumber) -> Vec<Arg> {
    vec![
        (&number.msisdn).into(),
        number.status.into(),
        number.reserved_until.into(),
        number.quarantined_until.into(),
        search_text([Some(number.msisdn.as_str())]).into(),
        number.created_at.into(),
        number.created_at.into(),
        1_i64.into(),
    ]
}

/// Writes new numbers under ids of the database's choice.
pub async fn insert_numbers(tx: &mut Tx, numbers: &[NewNumber]) -> Result<()> {
    let mut rows = Bulk::into_table("numbers", &NUMBER_COLUMNS);
    for number in numbers {
        rows.row(number_values(number));
    }
    rows.execute(tx).await
}

/// Writes many under ids reserved for them, from `first_id` on.
pub async fn insert_numbers_from(tx: &mut Tx, first_id: i64, numbers: &[NewNumber]) -> Result<()> {
    let columns: Vec<&str> = ["id"].into_iter().chain(NUMBER_COLUMNS).collect();
    let mut rows = Bulk::into_table("numbers", &columns);
    for (number, id) in numbers.iter().zip(first_id..) {
        rows.row([Arg::from(id)].into_iter().chain(number_values(number)).collect());
    }
    rows.execute(tx).await
}

/// Writes the number's new state over the version it was made from, and answers it as it then stands.
pub async fn update_number(tx: &mut Tx, number: Number, at: DateTime<Utc>) -> Result<Number> {
    Sql::new(
        "UPDATE numbers SET status = $3, reserved_until = $4, quarantined_until = $5, updated_at = $6, version = version + 1 \
         WHERE id = $1 AND version = $2",
    )
    .bind(number.id)
    .bind(number.version)
    .bind(number.status)
    .bind(number.reserved_until)
    .bind(number.quarantined_until)
    .bind(at)
    .expect_one(tx)
    .await?;
    Ok(Number { updated_at: at, version: number.version + 1, ..number })
}

/// Writes bindings under ids of the database's choice.
pub async fn insert_bindings(tx: &mut Tx, bindings: &[NewBinding]) -> Result<()> {
    let columns = ["sim_id", "number_id", "contract_id", "customer_id", "bound_at", "unbound_at", "bound_why", "unbound_why"];
    let mut rows = Bulk::into_table("sim_bindings", &columns);
    for binding in bindings {
        let (unbound_at, unbound_why) = binding.unbound.clone().unzip();
        rows.row(vec![
            binding.sim_id.into(),
            binding.number_id.into(),
            binding.contract_id.into(),
            binding.customer_id.into(),
            binding.bound_at.into(),
            unbound_at.into(),
            (&binding.bound_why).into(),
            unbound_why.into(),
        ]);
    }
    rows.execute(tx).await
}

/// Ends the one binding of a card that is still open.
pub async fn end_binding(tx: &mut Tx, id: SimId, at: DateTime<Utc>, why: &str) -> Result<()> {
    let ended = Sql::new("UPDATE sim_bindings SET unbound_at = $2, unbound_why = $3 WHERE sim_id = $1 AND unbound_at IS NULL")
        .bind(id)
        .bind(at)
        .bind(why.to_owned())
        .execute(tx)
        .await?;
    match ended {
        1 => Ok(()),
        other => Err(Error::internal(format!("SIM {id} had {other} open bindings"))),
    }
}

/// Brings the cards of all contracts of a subscriber in line with their contracts; one that an operator blocked stays so.
/// Answers the cards that changed, with their new status and version.
pub async fn follow_contracts_of(tx: &mut Tx, id: CustomerId, at: DateTime<Utc>) -> Result<Vec<(SimId, SimStatus, i64)>> {
    let turn = "UPDATE sims SET status = $2, updated_at = $4, version = version + 1 \
                WHERE status = $3 AND contract_id IN (SELECT id FROM contracts WHERE customer_id = $1 AND status = $2) RETURNING id, status, version";
    let turned = async |tx: &mut Tx, to: SimStatus, from: SimStatus| -> Result<Vec<(SimId, SimStatus, i64)>> {
        Sql::new(turn).bind(id).bind(to).bind(from).bind(at).all(tx).await
    };
    let mut all = turned(tx, SimStatus::Suspended, SimStatus::Active).await?;
    all.extend(turned(tx, SimStatus::Active, SimStatus::Suspended).await?);
    Ok(all)
}

/// Gives the past and present bindings of one subscriber to another.
pub async fn give_bindings(tx: &mut Tx, from: CustomerId, to: CustomerId) -> Result<u64> {
    Sql::new("UPDATE sim_bindings SET customer_id = $2 WHERE customer_id = $1").bind(from).bind(to).execute(tx).await
}

/// Every breach of the invariants of SIM cards, numbers and bindings (SPEC 14.4): the sentence, `#` standing for the id.
pub async fn breaches(conn: &mut Conn) -> Result<Vec<(String, i64)>> {
    Sql::new(
        "SELECT 'number # is carried by more than one SIM' AS breach, number_id FROM sims WHERE number_id IS NOT NULL \
             GROUP BY number_id HAVING COUNT(*) > 1 \
         UNION ALL SELECT 'contract # has more than one SIM', contract_id FROM sims WHERE contract_id IS NOT NULL \
             GROUP BY contract_id HAVING COUNT(*) > 1 \
         UNION ALL SELECT 'SIM # is free or closed and has a contract', id FROM sims \
             WHERE status IN ('free', 'closed') AND contract_id IS NOT NULL \
         UNION ALL SELECT 'SIM # is closed and carries a number', id FROM sims WHERE status = 'closed' AND number_id IS NOT NULL \
         UNION ALL SELECT 'SIM # is active or suspended and has no contract', id FROM sims \
             WHERE status IN ('active', 'suspended') AND contract_id IS NULL \
         UNION ALL SELECT 'SIM # has a contract and no assigned number', id FROM sims WHERE contract_id IS NOT NULL \
             AND NOT EXISTS (SELECT 1 FROM numbers WHERE numbers.id = sims.number_id AND numbers.status = 'assigned') \
         UNION ALL SELECT 'number # is assigned and no SIM with a contract carries it', id FROM numbers WHERE status = 'assigned' \
             AND NOT EXISTS (SELECT 1 FROM sims WHERE sims.number_id = numbers.id AND sims.contract_id IS NOT NULL) \
         UNION ALL SELECT 'SIM # has more than one open binding', sim_id FROM sim_bindings WHERE unbound_at IS NULL \
             GROUP BY sim_id HAVING COUNT(*) > 1 \
         UNION ALL SELECT 'number # has more than one open binding', number_id FROM sim_bindings WHERE unbound_at IS NULL \
             GROUP BY number_id HAVING COUNT(*) > 1 \
         UNION ALL SELECT 'contract # has more than one open binding', contract_id FROM sim_bindings WHERE unbound_at IS NULL \
             GROUP BY contract_id HAVING COUNT(*) > 1 \
         UNION ALL SELECT 'SIM # has a contract and no open binding to it', id FROM sims WHERE contract_id IS NOT NULL \
             AND NOT EXISTS (SELECT 1 FROM sim_bindings WHERE sim_bindings.sim_id = sims.id \
                 AND sim_bindings.contract_id = sims.contract_id AND sim_bindings.number_id = sims.number_id AND sim_bindings.unbound_at IS NULL) \
         UNION ALL SELECT 'SIM # has an open binding to a contract that is not its own', sim_bindings.sim_id FROM sim_bindings \
             JOIN sims ON sims.id = sim_bindings.sim_id WHERE sim_bindings.unbound_at IS NULL \
             AND COALESCE(sims.contract_id, 0) <> sim_bindings.contract_id",
    )
    .all(conn)
    .await
}

/// How the search box finds SIM cards.
pub const SEARCHED: Source = Source {
    found_type: FoundType::Sim,
    table: "sims",
    from: "sims LEFT JOIN numbers ON numbers.id = sims.number_id",
    title: "sims.iccid",
    detail: "numbers.msisdn",
};
