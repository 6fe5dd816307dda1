//! SQL of phone numbers.

use chrono::{DateTime, NaiveDate, Utc};
use database::{
    Arg, Bulk, Conn, Engine, Filter, Page, Paging, Sql, Tx,
    page::{KeyKind, ListSpec, OrderField},
};
use kernel::{
    Result,
    id::{ContractId, CustomerId, NumberId},
    text::search_text,
};

use crate::{
    input::NumberFilter,
    model::{NewNumber, Number, NumberStatus},
};

/// Order fields of phone number lists.
pub const LIST: ListSpec = ListSpec {
    order_fields: &[
        OrderField { name: "created_at", column: "numbers.created_at", kind: KeyKind::Time },
        OrderField { name: "updated_at", column: "numbers.updated_at", kind: KeyKind::Time },
        OrderField { name: "msisdn", column: "numbers.msisdn", kind: KeyKind::Text },
    ],
    default_order: "-created_at",
    id: "numbers.id",
    id_name: "id",
};

macro_rules! select {
    ($tail:literal) => {
        concat!(
            "SELECT numbers.id, numbers.msisdn, numbers.status, sims.id AS sim_id, numbers.contract_id, numbers.reserved_until, ",
            "numbers.reserved_for, numbers.quarantined_until, numbers.created_at, numbers.updated_at, numbers.version ",
            "FROM numbers LEFT JOIN sims ON sims.number_id = numbers.id",
            $tail
        )
    };
}

pub async fn get(conn: &mut Conn, id: NumberId) -> Result<Option<Number>> {
    Sql::new(select!(" WHERE numbers.id = $1")).bind(id).optional(conn).await
}

pub async fn exists(conn: &mut Conn, id: NumberId) -> Result<bool> {
    let found: Option<(NumberId,)> = Sql::new("SELECT id FROM numbers WHERE id = $1").bind(id).optional(conn).await?;
    Ok(found.is_some())
}

/// Returns the number, locked until the transaction ends. The card that carries it must be locked first.
pub async fn lock(tx: &mut Tx, id: NumberId) -> Result<Option<Number>> {
    // the lock in a separate statement: only a read after the lock sees what the previous transaction wrote, including the card
    if tx.engine() == Engine::Postgres {
        Sql::new("SELECT id FROM numbers WHERE id = $1 FOR UPDATE").bind(id).optional::<(NumberId,)>(tx).await?;
    }
    let number = get(tx, id).await?;
    Ok(since(tx, number))
}

/// Moves the time forward to the last change of a locked number.
fn since(tx: &mut Tx, number: Option<Number>) -> Option<Number> {
    number.inspect(|number| tx.not_before(number.updated_at))
}

/// Returns the number with these digits, locked until the transaction ends.
pub async fn lock_msisdn(tx: &mut Tx, msisdn: &str) -> Result<Option<Number>> {
    if tx.engine() == Engine::Postgres {
        let lock = Sql::new("SELECT id FROM numbers WHERE msisdn = $1 FOR UPDATE");
        lock.bind(msisdn.to_owned()).optional::<(NumberId,)>(tx).await?;
    }
    let number = Sql::new(select!(" WHERE numbers.msisdn = $1")).bind(msisdn.to_owned()).optional(tx).await?;
    Ok(since(tx, number))
}

/// Returns the number of a contract that the caller has locked, locked until the transaction ends.
pub async fn lock_of_contract(tx: &mut Tx, id: ContractId) -> Result<Option<Number>> {
    if tx.engine() == Engine::Postgres {
        Sql::new("SELECT id FROM numbers WHERE contract_id = $1 FOR UPDATE").bind(id).optional::<(NumberId,)>(tx).await?;
    }
    let number = Sql::new(select!(" WHERE numbers.contract_id = $1")).bind(id).optional(tx).await?;
    Ok(since(tx, number))
}

/// The condition for an expired reservation or quarantine.
const LAPSED: &str = "(numbers.status = 'reserved' AND numbers.reserved_until <= ?) \
     OR (numbers.status = 'quarantined' AND numbers.quarantined_until <= ?)";

/// The condition for a status at this time: the job may not have updated expired rows yet.
fn in_status(conditions: &mut Filter, status: NumberStatus, now: DateTime<Utc>, today: NaiveDate) -> String {
    match status {
        // a number on a card goes to the subscriber who gets the card
        NumberStatus::Available => conditions.bound(
            &format!(
                "((numbers.status = 'available' OR {LAPSED}) \
                 AND NOT EXISTS (SELECT 1 FROM sims AS carriers WHERE carriers.number_id = numbers.id))"
            ),
            [now.into(), today.into()],
        ),
        NumberStatus::Reserved => conditions.bound("(numbers.status = ? AND numbers.reserved_until > ?)", [status.into(), now.into()]),
        NumberStatus::Quarantined => {
            conditions.bound("(numbers.status = ? AND numbers.quarantined_until > ?)", [status.into(), today.into()])
        }
        _ => conditions.bound("numbers.status = ?", [status.into()]),
    }
}

pub async fn list(conn: &mut Conn, filter: &NumberFilter, paging: &Paging) -> Result<Page<Number>> {
    let today = conn.today();
    let now = conn.now();
    let mut conditions = Filter::new(conn.engine());
    let statuses = filter.status.iter().flat_map(|statuses| statuses.values());
    let alternatives: Vec<String> = statuses.map(|status| in_status(&mut conditions, *status, now, today)).collect();
    conditions.either(&alternatives);
    conditions.any("numbers.contract_id", filter.contract_id.as_ref());
    conditions.equal("numbers.reserved_for", filter.reserved_for);
    conditions.at_least("numbers.created_at", filter.created_at_after);
    conditions.at_most("numbers.created_at", filter.created_at_before);
    conditions.search("numbers", filter.search.as_deref());
    paging.fetch(conn, select!(""), "numbers", conditions).await
}

/// Keeps the numbers that are reserved for a subscriber for another.
pub async fn reserve_for_other(tx: &mut Tx, from: CustomerId, to: CustomerId) -> Result<u64> {
    let now = tx.now();
    Sql::new("UPDATE numbers SET reserved_for = $2, updated_at = $3, version = version + 1 WHERE reserved_for = $1")
        .bind(from)
        .bind(to)
        .bind(now)
        .execute(tx)
        .await
}

/// Returns the contract to which a number is assigned, if any.
pub async fn contract_of(conn: &mut Conn, msisdn: &str) -> Result<Option<ContractId>> {
    let found: Option<(Option<ContractId>,)> =
        Sql::new("SELECT contract_id FROM numbers WHERE msisdn = $1").bind(msisdn.to_owned()).optional(conn).await?;
    Ok(found.and_then(|(id,)| id))
}

/// Returns up to `limit` numbers with an expired reservation or quarantine, locked; numbers that others have locked are skipped.
pub async fn lock_lapsed(tx: &mut Tx, limit: i64) -> Result<Vec<Number>> {
    let today = tx.today();
    let now = tx.now();
    let lock = match tx.engine() {
        Engine::Sqlite => "",
        // several instances run the job concurrently, and none waits for another
        Engine::Postgres => " FOR UPDATE OF numbers SKIP LOCKED",
    };
    let lapsed = LAPSED.replacen('?', "$1", 1).replacen('?', "$2", 1);
    let text = format!("{} WHERE {lapsed} LIMIT $3{lock}", select!(""));
    Sql::owned(text).bind(now).bind(today).bind(limit).all(tx).await
}

/// Makes these numbers available and clears their dates.
pub async fn free_all(tx: &mut Tx, ids: &[NumberId], at: DateTime<Utc>) -> Result<u64> {
    let places: Vec<String> = (0..ids.len()).map(|place| format!("${}", place + 2)).collect();
    let text = format!(
        "UPDATE numbers SET status = 'available', reserved_until = NULL, reserved_for = NULL, quarantined_until = NULL, updated_at = $1, \
         version = version + 1 WHERE id IN ({})",
        places.join(", ")
    );
    Sql::owned(text).bind(at).bind_all(ids.iter().map(|id| (*id).into())).execute(tx).await
}

/// Returns the numbers from `first` to `last`, in order, at most `limit` of them.
pub async fn between(conn: &mut Conn, first: &str, last: &str, limit: i64) -> Result<Vec<Number>> {
    // texts of equal length are ordered like their digits; a different length belongs to another country
    Sql::new(select!(" WHERE numbers.msisdn BETWEEN $1 AND $2 AND LENGTH(numbers.msisdn) = LENGTH($1) ORDER BY numbers.msisdn LIMIT $3"))
        .bind(first.to_owned())
        .bind(last.to_owned())
        .bind(limit)
        .all(conn)
        .await
}

const COLUMNS: [&str; 9] =
    ["msisdn", "status", "contract_id", "reserved_until", "quarantined_until", "search_text", "created_at", "updated_at", "version"];

fn values(number: &NewNumber) -> Vec<Arg> {
    vec![
        (&number.msisdn).into(),
        number.status.into(),
        number.contract_id.into(),
        number.reserved_until.into(),
        number.quarantined_until.into(),
        search_text([Some(number.msisdn.as_str())]).into(),
        number.created_at.into(),
        number.created_at.into(),
        1_i64.into(),
    ]
}

/// Inserts new numbers; the database assigns their ids.
pub async fn insert_all(tx: &mut Tx, numbers: &[NewNumber]) -> Result<()> {
    let mut rows = Bulk::into_table("numbers", &COLUMNS);
    for number in numbers {
        rows.row(values(number));
    }
    rows.execute(tx).await
}

/// Inserts many numbers under reserved ids, beginning with `first_id`.
pub async fn insert_all_from(tx: &mut Tx, first_id: i64, numbers: &[NewNumber]) -> Result<()> {
    let columns: Vec<&str> = ["id"].into_iter().chain(COLUMNS).collect();
    let mut rows = Bulk::into_table("numbers", &columns);
    for (number, id) in numbers.iter().zip(first_id..) {
        rows.row([Arg::from(id)].into_iter().chain(values(number)).collect());
    }
    rows.execute(tx).await
}

/// Writes the number's new state if the row still has the version that was read, and returns the number with its new version.
pub async fn update(tx: &mut Tx, number: Number) -> Result<Number> {
    let at = tx.now();
    Sql::new(
        "UPDATE numbers SET status = $3, contract_id = $4, reserved_until = $5, quarantined_until = $6, updated_at = $7, reserved_for = $8, \
         version = version + 1 WHERE id = $1 AND version = $2",
    )
    .bind(number.id)
    .bind(number.version)
    .bind(number.status)
    .bind(number.contract_id)
    .bind(number.reserved_until)
    .bind(number.quarantined_until)
    .bind(at)
    .bind(number.reserved_for)
    .expect_one(tx)
    .await?;
    Ok(Number { updated_at: at, version: number.version + 1, ..number })
}
