//! SQL of tariffs and their versions.

pub mod options;

use chrono::{DateTime, NaiveDate, Utc};
use database::{
    Arg, Bulk, Conn, Engine, Filter, Given, Page, Paging, Sql, Tx,
    order_keys::Named,
    page::{KeyKind, ListSpec, OrderField},
};
use kernel::{
    Result,
    id::{TariffId, TariffVersionId},
    text::{JsonText, order_key, search_text, trimmed},
};
use serde_json::Value;

use crate::{
    input::{TariffEdit, TariffFilter, TariffInput},
    model::{PriceVersion, Prices, Tariff, TariffChange, TariffShort, TariffVersion, VersionStatus},
};

/// Order fields of tariff lists.
pub const LIST: ListSpec = ListSpec {
    order_fields: &[
        OrderField { name: "priority", column: "tariffs.priority", kind: KeyKind::Int },
        OrderField { name: "monthly_fee", column: "prices.monthly_fee", kind: KeyKind::Money },
        OrderField { name: "name", column: "tariffs.name_order", kind: KeyKind::Name },
        OrderField { name: "updated_at", column: "tariffs.updated_at", kind: KeyKind::Time },
    ],
    default_order: "-priority",
    id: "tariffs.id",
    id_name: "id",
};

macro_rules! with_prices {
    () => {
        "tariffs JOIN tariff_versions AS prices ON prices.tariff_id = tariffs.id"
    };
}

/// The newest version not after the day; UNIQUE (tariff_id, effective_from) serves both the subquery and the join.
macro_rules! in_force {
    ($day:literal) => {
        concat!(
            "prices.effective_from = (SELECT MAX(begun.effective_from) FROM tariff_versions AS begun ",
            "WHERE begun.tariff_id = tariffs.id AND begun.effective_from <= ",
            $day,
            ")"
        )
    };
}

/// The names of tariffs and their keys.
pub const ORDERED: Named = Named {
    missing: "SELECT id, name FROM tariffs WHERE name_order = '' LIMIT $1",
    complete: "UPDATE tariffs SET name_order = given.new_key FROM given WHERE tariffs.id = given.row_id AND tariffs.name_order = ''",
};

macro_rules! select {
    ($($tail:expr),*) => {
        concat!(
            "SELECT tariffs.id, tariffs.name, tariffs.description, tariffs.tariff_type, prices.monthly_fee, prices.minutes_included, ",
            "prices.sms_included, prices.data_gb_included, prices.minute_overage_cost, prices.sms_overage_cost, ",
            "prices.data_gb_overage_cost, tariffs.extra_options, tariffs.priority, tariffs.is_active, tariffs.contracts_count, prices.effective_from, ",
            "tariffs.created_at, tariffs.updated_at, tariffs.version, prices.id AS tariff_version_id FROM ",
            with_prices!(),
            $($tail),*
        )
    };
}

pub async fn get(conn: &mut Conn, id: TariffId, day: NaiveDate) -> Result<Option<Tariff>> {
    Sql::new(select!(" WHERE tariffs.id = $1 AND ", in_force!("$2"))).bind(id).bind(day).optional(conn).await
}

/// Returns the row, locked until the transaction ends.
pub async fn lock(tx: &mut Tx, id: TariffId, day: NaiveDate) -> Result<Option<Tariff>> {
    let tariff: Option<Tariff> = match tx.engine() {
        Engine::Sqlite => get(tx, id, day).await?,
        // not SHARE: drawing up a contract next updates the count in this row, and two holders of a shared lock would deadlock
        Engine::Postgres => {
            let text = select!(" WHERE tariffs.id = $1 AND ", in_force!("$2"), " FOR NO KEY UPDATE OF tariffs");
            Sql::new(text).bind(id).bind(day).optional(tx).await?
        }
    };
    Ok(tariff.inspect(|tariff| tx.not_before(tariff.updated_at)))
}

/// Locks these tariffs until the transaction ends, in the order of their ids, so that opposite changes do not deadlock.
pub async fn lock_all(tx: &mut Tx, ids: [TariffId; 2]) -> Result<()> {
    if tx.engine() == Engine::Postgres {
        let text = "SELECT id FROM tariffs WHERE id IN ($1, $2) ORDER BY id FOR NO KEY UPDATE";
        Sql::new(text).bind(ids[0]).bind(ids[1]).all::<(TariffId,)>(tx).await?;
    }
    Ok(())
}

/// Reads the short forms of these tariffs.
pub async fn short_forms(conn: &mut Conn, ids: &[TariffId]) -> Result<Vec<TariffShort>> {
    const ALL: &str = "SELECT tariffs.id, tariffs.name, tariffs.tariff_type, prices.monthly_fee, tariffs.is_active FROM given \
         JOIN tariffs ON tariffs.id = given.of_id LEFT JOIN tariff_versions AS prices ON prices.tariff_id = tariffs.id AND \
         prices.effective_from = (SELECT MAX(effective_from) FROM tariff_versions WHERE tariff_id = tariffs.id AND effective_from <= given.of_day)";
    let today = conn.today();
    let mut given = Given::of(&["of_id", "of_day"]);
    for id in ids {
        given.row(vec![(*id).into(), today.into()]);
    }
    given.all(ALL, conn).await
}

pub async fn list(conn: &mut Conn, filter: &TariffFilter, paging: &Paging) -> Result<Page<Tariff>> {
    let day = conn.today();
    let mut conditions = Filter::new(conn.engine());
    conditions.value(in_force!("?"), Some(day));
    conditions.equal("tariffs.is_active", filter.is_active);
    conditions.any("tariffs.tariff_type", filter.tariff_type.as_ref());
    conditions.at_least("prices.monthly_fee", filter.monthly_fee_min);
    conditions.at_most("prices.monthly_fee", filter.monthly_fee_max);
    conditions.search("tariffs", filter.search.as_deref());
    paging.fetch(conn, select!(""), with_prices!(), conditions).await
}

macro_rules! select_version {
    ($($tail:expr),*) => {
        concat!("SELECT prices.id, prices.tariff_id, prices.effective_from, tariffs.tariff_type, prices.monthly_fee FROM ", with_prices!(), $($tail),*)
    };
}

pub async fn version_on(conn: &mut Conn, id: TariffId, day: NaiveDate) -> Result<Option<TariffVersion>> {
    Sql::new(select_version!(" WHERE tariffs.id = $1 AND ", in_force!("$2"))).bind(id).bind(day).optional(conn).await
}

/// Returns the version in force on a day, which cannot be replaced until the transaction ends.
pub async fn keep_version_on(tx: &mut Tx, id: TariffId, day: NaiveDate) -> Result<Option<TariffVersion>> {
    if tx.engine() == Engine::Postgres {
        let text = select_version!(" WHERE tariffs.id = $1 AND ", in_force!("$2"), " FOR KEY SHARE OF prices");
        if let Some(version) = Sql::new(text).bind(id).bind(day).optional(tx).await? {
            return Ok(Some(version));
        }
        // the version was replaced while the statement waited for its lock: read again
    }
    version_on(tx, id, day).await
}

pub async fn version_by_id(conn: &mut Conn, id: TariffVersionId) -> Result<Option<TariffVersion>> {
    Sql::new(select_version!(" WHERE prices.id = $1")).bind(id).optional(conn).await
}

/// Returns the tariff with this name, ignoring case.
pub async fn named(tx: &mut Tx, name: &str) -> Result<Option<(TariffId,)>> {
    Sql::new("SELECT id FROM tariffs WHERE name_key = $1").bind(name_key(name)).optional(tx).await
}

/// Adds to the number of contracts when the transaction commits; the tariff's `version` stays, because a sale is not an edit.
pub fn count_contracts(tx: &mut Tx, id: TariffId, change: i64) {
    tx.count("UPDATE tariffs SET contracts_count = contracts_count + $2 WHERE id = $1", id.get(), change);
}

const COLUMNS: [&str; 12] = [
    "name",
    "name_key",
    "name_order",
    "description",
    "tariff_type",
    "extra_options",
    "priority",
    "is_active",
    "search_text",
    "created_at",
    "updated_at",
    "version",
];

fn values(input: &TariffInput, at: DateTime<Utc>) -> Vec<Arg> {
    let name = trimmed(&input.name);
    vec![
        name.to_owned().into(),
        name_key(name).into(),
        order_key(name).into(),
        (&input.description).into(),
        input.tariff_type.into(),
        JsonText(Value::Object(input.extra_options.clone())).into(),
        input.priority.into(),
        input.is_active.into(),
        search_text([Some(name), Some(&input.description)]).into(),
        at.into(),
        at.into(),
        1_i64.into(),
    ]
}

/// The form in which names are compared: without surrounding blanks, in lower case.
fn name_key(name: &str) -> String {
    trimmed(name).to_lowercase()
}

const VERSION_COLUMNS: [&str; 11] = [
    "tariff_id",
    "effective_from",
    "monthly_fee",
    "minutes_included",
    "sms_included",
    "data_gb_included",
    "minute_overage_cost",
    "sms_overage_cost",
    "data_gb_overage_cost",
    "created_at",
    "created_by",
];

fn version_values(id: TariffId, prices: &Prices, effective_from: NaiveDate, at: DateTime<Utc>, by: &str) -> Vec<Arg> {
    vec![
        id.into(),
        effective_from.into(),
        prices.monthly_fee.into(),
        prices.minutes_included.into(),
        prices.sms_included.into(),
        prices.data_gb_included.into(),
        prices.minute_overage_cost.into(),
        prices.sms_overage_cost.into(),
        prices.data_gb_overage_cost.into(),
        at.into(),
        by.to_owned().into(),
    ]
}

/// Inserts the tariff and its first version.
pub async fn insert(tx: &mut Tx, input: &TariffInput, effective_from: NaiveDate, by: &str) -> Result<TariffId> {
    let at = tx.now();
    let mut rows = Bulk::into_table("tariffs", &COLUMNS);
    rows.row(values(input, at));
    let id = rows.insert_one(tx).await?;
    insert_version(tx, id, &input.prices(), effective_from, at, by).await?;
    Ok(id)
}

/// Inserts a version. Errors: `duplicate` if one begins on that day.
pub async fn insert_version(
    tx: &mut Tx,
    id: TariffId,
    prices: &Prices,
    effective_from: NaiveDate,
    at: DateTime<Utc>,
    by: &str,
) -> Result<()> {
    let mut versions = Bulk::into_table("tariff_versions", &VERSION_COLUMNS);
    versions.row(version_values(id, prices, effective_from, at, by));
    versions.execute(tx).await
}

/// Deletes the version that begins on this day, before another replaces it. Errors: `in_use` if a period refers to it.
pub async fn delete_version(tx: &mut Tx, id: TariffId, effective_from: NaiveDate) -> Result<()> {
    let text = "DELETE FROM tariff_versions WHERE tariff_id = $1 AND effective_from = $2";
    Sql::new(text).bind(id).bind(effective_from).execute(tx).await.map(drop)
}

/// Writes the fields that are not prices or allowances. Errors: `stale_version`.
pub async fn update(tx: &mut Tx, before: &Tariff, edit: &TariffEdit) -> Result<()> {
    let at = tx.now();
    let name = trimmed(&edit.name);
    Sql::new(
        "UPDATE tariffs SET name = $1, name_key = $2, description = $3, extra_options = $4, priority = $5, search_text = $6, \
         updated_at = $7, name_order = $8, version = version + 1 WHERE id = $9 AND version = $10",
    )
    .bind(name.to_owned())
    .bind(name_key(name))
    .bind(&edit.description)
    .bind(JsonText(Value::Object(edit.extra_options.clone())))
    .bind(edit.priority)
    .bind(search_text([Some(name), Some(&edit.description)]))
    .bind(at)
    .bind(order_key(name))
    .bind(before.id)
    .bind(before.version)
    .expect_one(tx)
    .await
}

/// Writes whether the tariff is for sale. Errors: `stale_version`.
pub async fn set_active(tx: &mut Tx, tariff: &Tariff, at: DateTime<Utc>) -> Result<()> {
    Sql::new("UPDATE tariffs SET is_active = $1, updated_at = $2, version = version + 1 WHERE id = $3 AND version = $4")
        .bind(tariff.is_active)
        .bind(at)
        .bind(tariff.id)
        .bind(tariff.version)
        .expect_one(tx)
        .await
}

/// Deletes a tariff with its versions. Errors: `in_use` if a contract or a period refers to it.
///
/// The versions of the options that were compatible with it do not change here.
pub async fn delete(tx: &mut Tx, id: TariffId) -> Result<()> {
    Sql::new("DELETE FROM tariffs WHERE id = $1").bind(id).execute(tx).await.map(drop)
}

/// Whether the tariff exists.
pub async fn exists(conn: &mut Conn, id: TariffId) -> Result<bool> {
    let found: Option<(TariffId,)> = Sql::new("SELECT id FROM tariffs WHERE id = $1").bind(id).optional(conn).await?;
    Ok(found.is_some())
}

/// Order fields of a tariff's versions.
pub const VERSIONS: ListSpec = ListSpec {
    order_fields: &[OrderField { name: "effective_from", column: "tariff_versions.effective_from", kind: KeyKind::Date }],
    default_order: "-effective_from",
    id: "tariff_versions.id",
    id_name: "id",
};

macro_rules! price_version {
    ($status:literal) => {
        concat!(
            "SELECT tariff_versions.id, tariff_versions.tariff_id, tariff_versions.effective_from, tariff_versions.monthly_fee, ",
            "tariff_versions.minutes_included, tariff_versions.sms_included, tariff_versions.data_gb_included, ",
            "tariff_versions.minute_overage_cost, tariff_versions.sms_overage_cost, tariff_versions.data_gb_overage_cost, ",
            "tariff_versions.created_at, tariff_versions.created_by, ",
            $status,
            " AS status FROM tariff_versions"
        )
    };
}

/// Returns the version that begins on this day, if any.
pub async fn version_of_day(conn: &mut Conn, id: TariffId, day: NaiveDate) -> Result<Option<PriceVersion>> {
    let select = price_version!("'future'");
    let text = format!("{select} WHERE tariff_versions.tariff_id = $1 AND tariff_versions.effective_from = $2");
    Sql::owned(text).bind(id).bind(day).optional(conn).await
}

/// Returns the versions that are not in force yet, the next one first.
pub async fn announced(conn: &mut Conn, id: TariffId) -> Result<Vec<PriceVersion>> {
    let today = conn.today();
    let select = price_version!("'future'");
    let text = format!(
        "{select} WHERE tariff_versions.tariff_id = $1 AND tariff_versions.effective_from > $2 ORDER BY tariff_versions.effective_from"
    );
    Sql::owned(text).bind(id).bind(today).all(conn).await
}

/// Returns a page of versions with their status today.
pub async fn versions(conn: &mut Conn, id: TariffId, paging: &Paging) -> Result<Page<PriceVersion>> {
    let today = conn.today();
    let mut conditions = Filter::new(conn.engine());
    conditions.equal("tariff_versions.tariff_id", Some(id));
    let page: Page<PriceVersion> = paging.fetch(conn, price_version!("'future'"), "tariff_versions", conditions).await?;
    let current = version_on(conn, id, today).await?.map(|version| version.id);
    Ok(page.map(|mut version| {
        version.status = match version.effective_from {
            _ if Some(version.id) == current => VersionStatus::Current,
            day if day > today => VersionStatus::Future,
            _ => VersionStatus::Past,
        };
        version
    }))
}

/// Returns the versions that are in force on any day of this span, the oldest first.
pub async fn versions_between(conn: &mut Conn, id: TariffId, first: NaiveDate, last: NaiveDate) -> Result<Vec<TariffVersion>> {
    Sql::new(select_version!(
        " WHERE tariffs.id = $1 AND prices.effective_from <= $3 AND prices.effective_from >= COALESCE((SELECT MAX(begun.effective_from) FROM tariff_versions AS begun ",
        "WHERE begun.tariff_id = $1 AND begun.effective_from <= $2), $2) ORDER BY prices.effective_from"
    ))
    .bind(id)
    .bind(first)
    .bind(last)
    .all(conn)
    .await
}

/// Returns the versions of many tariffs that are in force on any day up to `last`, the oldest first.
pub async fn versions_up_to(conn: &mut Conn, ids: &[TariffId], last: NaiveDate) -> Result<Vec<TariffVersion>> {
    let mut rows = Given::of(&["of_tariff", "last_day"]);
    for id in ids {
        rows.row(vec![(*id).into(), last.into()]);
    }
    let select = "SELECT prices.id, prices.tariff_id, prices.effective_from, tariffs.tariff_type, prices.monthly_fee FROM given \
         JOIN tariffs ON tariffs.id = given.of_tariff \
         JOIN tariff_versions AS prices ON prices.tariff_id = tariffs.id AND prices.effective_from <= given.last_day ORDER BY prices.effective_from";
    rows.all(select, conn).await
}

/// Order fields of a tariff's history.
pub const HISTORY: ListSpec = ListSpec {
    order_fields: &[OrderField { name: "seq", column: "audit.seq", kind: KeyKind::Int }],
    default_order: "-seq",
    id: "audit.seq",
    id_name: "seq",
};

/// Returns a page of the audit trail of one tariff.
pub async fn history(conn: &mut Conn, id: TariffId, paging: &Paging) -> Result<Page<TariffChange>> {
    let mut conditions = Filter::new(conn.engine());
    conditions.equal("audit.entity", Some("tariff"));
    conditions.equal("audit.entity_id", Some(id.to_string()));
    let select = "SELECT audit.seq, audit.at, COALESCE(audit.actor || ' (' || audit.token || ')', audit.actor) AS actor, audit.action, \
         audit.before, audit.after FROM audit";
    paging.fetch(conn, select, "audit", conditions).await
}

/// Inserts many tariffs under reserved ids, beginning with `first_id`, each with its first version.
pub async fn insert_all(tx: &mut Tx, first_id: i64, inputs: &[(TariffInput, NaiveDate, DateTime<Utc>)], by: &str) -> Result<()> {
    let columns: Vec<&str> = ["id"].into_iter().chain(COLUMNS).collect();
    let mut rows = Bulk::into_table("tariffs", &columns);
    let mut versions = Bulk::into_table("tariff_versions", &VERSION_COLUMNS);
    for ((input, effective_from, at), id) in inputs.iter().zip(first_id..) {
        rows.row([Arg::from(id)].into_iter().chain(values(input, *at)).collect());
        versions.row(version_values(TariffId::new(id), &input.prices(), *effective_from, *at, by));
    }
    rows.execute(tx).await?;
    versions.execute(tx).await
}

/// Returns tariffs without any version, which no list would contain.
pub async fn without_prices(conn: &mut Conn) -> Result<Vec<(TariffId,)>> {
    Sql::new("SELECT id FROM tariffs WHERE NOT EXISTS (SELECT 1 FROM tariff_versions WHERE tariff_versions.tariff_id = tariffs.id)")
        .all(conn)
        .await
}
