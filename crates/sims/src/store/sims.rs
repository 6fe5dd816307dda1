//! SQL of SIM cards.

use chrono::{DateTime, Utc};
use database::{
    Arg, Bulk, Conn, Engine, Filter, Given, Page, Paging, Sql, Tx,
    page::{KeyKind, ListSpec, OrderField},
    search::{FoundType, Source},
};
use kernel::{
    Result,
    id::{ContractId, CustomerId, SimId},
    text::search_text,
};

use crate::{
    input::SimFilter,
    model::{NewSim, Sim, SimShort, SimStatus},
};

/// Order fields of SIM card lists.
pub const LIST: ListSpec = ListSpec {
    order_fields: &[
        OrderField { name: "created_at", column: "sims.created_at", kind: KeyKind::Time },
        OrderField { name: "updated_at", column: "sims.updated_at", kind: KeyKind::Time },
        OrderField { name: "iccid", column: "sims.iccid", kind: KeyKind::Text },
        OrderField { name: "imsi", column: "sims.imsi", kind: KeyKind::Text },
    ],
    default_order: "-created_at",
    id: "sims.id",
    id_name: "id",
};

macro_rules! select {
    ($tail:literal) => {
        concat!(
            "SELECT sims.id, sims.iccid, sims.imsi, sims.puk_code, sims.kind, sims.status, numbers.msisdn, sims.number_id, ",
            "sims.contract_id, sims.activated_at, sims.deactivated_at, sims.block_reason, sims.created_at, sims.updated_at, sims.version ",
            "FROM sims LEFT JOIN numbers ON numbers.id = sims.number_id",
            $tail
        )
    };
}

pub async fn get(conn: &mut Conn, id: SimId) -> Result<Option<Sim>> {
    Sql::new(select!(" WHERE sims.id = $1")).bind(id).optional(conn).await
}

pub async fn exists(conn: &mut Conn, id: SimId) -> Result<bool> {
    let found: Option<(SimId,)> = Sql::new("SELECT id FROM sims WHERE id = $1").bind(id).optional(conn).await?;
    Ok(found.is_some())
}

/// Returns the card, locked until the transaction ends.
pub async fn lock(tx: &mut Tx, id: SimId) -> Result<Option<Sim>> {
    // the lock in a separate statement: only a read after the lock sees what the previous transaction wrote, including the number
    if tx.engine() == Engine::Postgres {
        Sql::new("SELECT id FROM sims WHERE id = $1 FOR UPDATE").bind(id).optional::<(SimId,)>(tx).await?;
    }
    let sim = get(tx, id).await?;
    Ok(since(tx, sim))
}

/// Moves the time forward to the last change of a locked card.
fn since(tx: &mut Tx, sim: Option<Sim>) -> Option<Sim> {
    sim.inspect(|sim| tx.not_before(sim.updated_at))
}

/// Returns the card that serves a contract, locked until the transaction ends.
///
/// The caller has locked the contract, as does everyone who changes its card: nothing changes between the statements.
pub async fn lock_of_contract(tx: &mut Tx, id: ContractId) -> Result<Option<Sim>> {
    if tx.engine() == Engine::Postgres {
        Sql::new("SELECT id FROM sims WHERE contract_id = $1 FOR UPDATE").bind(id).optional::<(SimId,)>(tx).await?;
    }
    let sim = Sql::new(select!(" WHERE sims.contract_id = $1")).bind(id).optional(tx).await?;
    Ok(since(tx, sim))
}

/// Reads the short forms of these SIM cards.
pub async fn short_forms(conn: &mut Conn, ids: &[SimId]) -> Result<Vec<SimShort>> {
    const ALL: &str = "SELECT sims.id, sims.iccid, numbers.msisdn, sims.kind, sims.status FROM given JOIN sims ON sims.id = given.of_id \
         LEFT JOIN numbers ON numbers.id = sims.number_id";
    Given::one_column(&["of_id"], ids.iter().copied()).all(ALL, conn).await
}

pub async fn list(conn: &mut Conn, filter: &SimFilter, paging: &Paging) -> Result<Page<Sim>> {
    let mut conditions = Filter::new(conn.engine());
    conditions.any("sims.status", filter.status.as_ref());
    conditions.any("sims.kind", filter.kind.as_ref());
    conditions.any("sims.contract_id", filter.contract_id.as_ref());
    conditions.when(filter.has_number == Some(true), "sims.number_id IS NOT NULL");
    conditions.when(filter.has_number == Some(false), "sims.number_id IS NULL");
    conditions.at_least("sims.created_at", filter.created_at_after);
    conditions.at_most("sims.created_at", filter.created_at_before);
    conditions.search("sims", filter.search.as_deref());
    paging.fetch(conn, select!(""), "sims", conditions).await
}

/// Counts cards and numbers: each row has the attribute counted, its value and the count.
pub async fn counts(conn: &mut Conn) -> Result<Vec<(String, String, i64)>> {
    let today = conn.today();
    let now = conn.now();
    // each line reads only an index
    Sql::new(
        "SELECT 'sim_status' AS about, status AS word, CAST(COUNT(*) AS BIGINT) AS count FROM sims GROUP BY status \
         UNION ALL SELECT 'sim_kind', kind, CAST(COUNT(*) AS BIGINT) FROM sims GROUP BY kind \
         UNION ALL SELECT 'free_with_number', '', CAST(COUNT(*) AS BIGINT) FROM sims WHERE status = 'free' AND number_id IS NOT NULL \
         UNION ALL SELECT 'number', status, CAST(COUNT(*) AS BIGINT) FROM numbers GROUP BY status \
         UNION ALL SELECT 'lapsed', 'reserved', CAST(COUNT(*) AS BIGINT) FROM numbers WHERE status = 'reserved' AND reserved_until <= $1 \
         UNION ALL SELECT 'lapsed', 'quarantined', CAST(COUNT(*) AS BIGINT) FROM numbers \
             WHERE status = 'quarantined' AND quarantined_until <= $2",
    )
    .bind(now)
    .bind(today)
    .all(conn)
    .await
}

/// A unique field and the SIM card that already has its value.
#[derive(sqlx_macros::FromRow)]
pub struct Clash {
    pub field: String,
    pub sim_id: SimId,
}

/// Returns every unique field whose value another SIM card already has; `but` is the card that is being edited.
pub async fn clashes(tx: &mut Tx, iccid: &str, imsi: &str, but: Option<SimId>) -> Result<Vec<Clash>> {
    Sql::new(
        "SELECT 'iccid' AS field, id AS sim_id FROM sims WHERE iccid = $1 AND id <> $3 \
         UNION ALL SELECT 'imsi', id FROM sims WHERE imsi = $2 AND id <> $3",
    )
    .bind(iccid.to_owned())
    .bind(imsi.to_owned())
    .bind(but.map_or(0, SimId::get))
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

/// Inserts many cards under reserved ids, beginning with `first_id`.
pub async fn insert_all(tx: &mut Tx, first_id: i64, sims: &[NewSim]) -> Result<()> {
    let columns: Vec<&str> = ["id"].into_iter().chain(COLUMNS).collect();
    let mut rows = Bulk::into_table("sims", &columns);
    for (sim, id) in sims.iter().zip(first_id..) {
        rows.row([Arg::from(id)].into_iter().chain(values(sim)).collect());
    }
    rows.execute(tx).await
}

/// Writes the card's edited fields if the row still has the version that was read, and returns the card with its new version.
pub async fn edit(tx: &mut Tx, sim: Sim, at: DateTime<Utc>) -> Result<Sim> {
    Sql::new(
        "UPDATE sims SET iccid = $3, imsi = $4, puk_code = $5, kind = $6, number_id = $7, search_text = $8, updated_at = $9, \
         version = version + 1 WHERE id = $1 AND version = $2",
    )
    .bind(sim.id)
    .bind(sim.version)
    .bind(&sim.iccid)
    .bind(&sim.imsi)
    .bind(&sim.puk_code)
    .bind(sim.kind)
    .bind(sim.number_id)
    .bind(search_text([Some(sim.iccid.as_str()), Some(sim.imsi.as_str()), sim.msisdn.as_deref()]))
    .bind(at)
    .expect_one(tx)
    .await?;
    Ok(Sim { updated_at: at, version: sim.version + 1, ..sim })
}

/// A card that changed with its contract.
#[derive(sqlx_macros::FromRow)]
pub struct Followed {
    /// The card after the change.
    #[sqlx(flatten)]
    pub sim: Sim,
    /// The subscriber of its contract.
    pub customer_id: CustomerId,
}

/// Reads cards that changed with their contracts.
async fn followed(tx: &mut Tx, ids: Vec<(SimId,)>) -> Result<Vec<Followed>> {
    const FOLLOWED: &str = "SELECT sims.id, sims.iccid, sims.imsi, sims.puk_code, sims.kind, sims.status, numbers.msisdn, sims.number_id, \
         sims.contract_id, sims.activated_at, sims.deactivated_at, sims.block_reason, sims.created_at, sims.updated_at, sims.version, \
         contracts.customer_id FROM given JOIN sims ON sims.id = given.of_sim JOIN contracts ON contracts.id = sims.contract_id \
         LEFT JOIN numbers ON numbers.id = sims.number_id ORDER BY sims.id";
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    Given::one_column(&["of_sim"], ids.into_iter().map(|(id,)| id)).all(FOLLOWED, tx).await
}

/// Brings the cards of a subscriber in line with their contracts and returns those that changed; blocked cards stay blocked.
pub async fn follow_contracts_of(tx: &mut Tx, id: CustomerId, at: DateTime<Utc>) -> Result<Vec<Followed>> {
    let turn = "UPDATE sims SET status = $2, updated_at = CASE WHEN updated_at > $4 THEN updated_at ELSE $4 END, version = version + 1 \
                WHERE status = $3 AND contract_id IN (SELECT id FROM contracts WHERE customer_id = $1 AND status = $2) RETURNING id";
    let turned = async |tx: &mut Tx, to: SimStatus, from: SimStatus| -> Result<Vec<(SimId,)>> {
        Sql::new(turn).bind(id).bind(to).bind(from).bind(at).all(tx).await
    };
    let mut all = turned(tx, SimStatus::Suspended, SimStatus::Active).await?;
    all.extend(turned(tx, SimStatus::Active, SimStatus::Suspended).await?);
    followed(tx, all).await
}

/// Suspends the active cards of these contracts and returns those that changed.
pub async fn suspend_all(tx: &mut Tx, contracts: &[ContractId], at: DateTime<Utc>) -> Result<Vec<Followed>> {
    let mut rows = Given::of(&["of_contract", "new_updated_at"]);
    for id in contracts {
        rows.row(vec![(*id).into(), at.into()]);
    }
    let suspend = "UPDATE sims SET status = 'suspended', version = version + 1, \
         updated_at = CASE WHEN updated_at > given.new_updated_at THEN updated_at ELSE given.new_updated_at END FROM given \
         WHERE contract_id = given.of_contract AND status = 'active' RETURNING id";
    let suspended = rows.all(suspend, tx).await?;
    followed(tx, suspended).await
}

/// Deletes a card. Errors: `stale_version`, and `in_use` while another row refers to it.
pub async fn delete(tx: &mut Tx, sim: &Sim) -> Result<()> {
    Sql::new("DELETE FROM sims WHERE id = $1 AND version = $2").bind(sim.id).bind(sim.version).expect_one(tx).await
}

/// Writes the card's new state if the row still has the version that was read, and returns the card with its new version.
pub async fn update(tx: &mut Tx, sim: Sim) -> Result<Sim> {
    let at = tx.now();
    Sql::new(
        "UPDATE sims SET status = $3, number_id = $4, contract_id = $5, activated_at = $6, deactivated_at = $7, block_reason = $8, \
         search_text = $9, updated_at = $10, version = version + 1 WHERE id = $1 AND version = $2",
    )
    .bind(sim.id)
    .bind(sim.version)
    .bind(sim.status)
    .bind(sim.number_id)
    .bind(sim.contract_id)
    .bind(sim.activated_at)
    .bind(sim.deactivated_at)
    .bind(&sim.block_reason)
    .bind(search_text([Some(sim.iccid.as_str()), Some(sim.imsi.as_str()), sim.msisdn.as_deref()]))
    .bind(at)
    .expect_one(tx)
    .await?;
    Ok(Sim { updated_at: at, version: sim.version + 1, ..sim })
}

/// SIM cards in the search box.
pub const SEARCHED: Source = Source {
    found_type: FoundType::Sim,
    table: "sims",
    from: "sims LEFT JOIN numbers ON numbers.id = sims.number_id",
    title: "sims.iccid",
    detail: "numbers.msisdn",
};
