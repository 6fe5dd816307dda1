//! SQL of tariffs and their versions.

use chrono::{DateTime, NaiveDate, Utc};
use kernel::{
    Page, Paging, Result,
    db::{Arg, Bulk, Conn, Engine, Filter, Sql, Tx},
    id::{TariffId, TariffVersionId},
    page::{KeyKind, ListSpec, OrderField},
    text::{JsonText, search_text},
};
use serde_json::Value;

use crate::{
    input::{TariffFilter, TariffInput},
    model::{Tariff, TariffVersion},
};

/// How lists of tariffs are ordered.
pub const LIST: ListSpec = ListSpec {
    order_fields: &[
        OrderField { name: "priority", column: "tariffs.priority", kind: KeyKind::Int },
        OrderField { name: "monthly_fee", column: "prices.monthly_fee", kind: KeyKind::Money },
        OrderField { name: "name", column: "tariffs.name", kind: KeyKind::Text },
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

/// The newest version not after the day; UNIQUE (tariff_id, effective_from) answers both the subquery and the join.
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

/// The row, locked until the transaction ends.
pub async fn lock(tx: &mut Tx, id: TariffId, day: NaiveDate) -> Result<Option<Tariff>> {
    match tx.engine() {
        Engine::Sqlite => get(tx, id, day).await,
        // not SHARE: whoever draws up a contract counts it in this row next, and two who share it would wait for each other
        Engine::Postgres => {
            let text = select!(" WHERE tariffs.id = $1 AND ", in_force!("$2"), " FOR NO KEY UPDATE OF tariffs");
            Sql::new(text).bind(id).bind(day).optional(tx).await
        }
    }
}

pub async fn list(conn: &mut Conn, filter: &TariffFilter, paging: &Paging, day: NaiveDate) -> Result<Page<Tariff>> {
    let mut conditions = Filter::new(conn.engine());
    conditions.value(in_force!("?"), Some(day));
    conditions.equal("tariffs.is_active", filter.is_active);
    conditions.equal("tariffs.tariff_type", filter.tariff_type);
    conditions.at_least("prices.monthly_fee", filter.monthly_fee_min);
    conditions.at_most("prices.monthly_fee", filter.monthly_fee_max);
    conditions.search("tariffs", filter.search.as_deref());
    paging.fetch(conn, select!(""), with_prices!(), conditions).await
}

macro_rules! select_version {
    ($($tail:expr),*) => {
        concat!("SELECT prices.id, prices.tariff_id, tariffs.tariff_type, prices.monthly_fee FROM ", with_prices!(), $($tail),*)
    };
}

pub async fn version_on(conn: &mut Conn, id: TariffId, day: NaiveDate) -> Result<Option<TariffVersion>> {
    Sql::new(select_version!(" WHERE tariffs.id = $1 AND ", in_force!("$2"))).bind(id).bind(day).optional(conn).await
}

pub async fn version_by_id(conn: &mut Conn, id: TariffVersionId) -> Result<Option<TariffVersion>> {
    Sql::new(select_version!(" WHERE prices.id = $1")).bind(id).optional(conn).await
}

/// The tariff of this name, whatever its case.
pub async fn named(tx: &mut Tx, name: &str) -> Result<Option<(TariffId,)>> {
    Sql::new("SELECT id FROM tariffs WHERE name_key = $1").bind(name_key(name)).optional(tx).await
}

/// Answers whether there is such a tariff. Its `version` stands: selling a tariff is no edit of it.
pub async fn count_contracts(tx: &mut Tx, id: TariffId, change: i64) -> Result<bool> {
    let counted =
        Sql::new("UPDATE tariffs SET contracts_count = contracts_count + $2 WHERE id = $1").bind(id).bind(change).execute(tx).await?;
    Ok(counted == 1)
}

const COLUMNS: [&str; 11] = [
    "name",
    "name_key",
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
    let name = input.name.trim();
    vec![
        name.to_owned().into(),
        name_key(name).into(),
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

/// Names are one whatever their case and the blanks around them.
fn name_key(name: &str) -> String {
    name.trim().to_lowercase()
}

const VERSION_COLUMNS: [&str; 10] = [
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
];

fn version_values(id: TariffId, input: &TariffInput, effective_from: NaiveDate, at: DateTime<Utc>) -> Vec<Arg> {
    vec![
        id.into(),
        effective_from.into(),
        input.monthly_fee.into(),
        input.minutes_included.into(),
        input.sms_included.into(),
        input.data_gb_included.into(),
        input.minute_overage_cost.into(),
        input.sms_overage_cost.into(),
        input.data_gb_overage_cost.into(),
        at.into(),
    ]
}

/// Writes the tariff and its first version.
pub async fn insert(tx: &mut Tx, input: &TariffInput, effective_from: NaiveDate, at: DateTime<Utc>) -> Result<TariffId> {
    let mut rows = Bulk::into_table("tariffs", &COLUMNS);
    rows.row(values(input, at));
    let id = rows.insert_one(tx).await?;
    let mut versions = Bulk::into_table("tariff_versions", &VERSION_COLUMNS);
    versions.row(version_values(id, input, effective_from, at));
    versions.execute(tx).await?;
    Ok(id)
}

/// Writes many under ids reserved for them, from `first_id` on, each with its first version.
pub async fn insert_all(tx: &mut Tx, first_id: i64, inputs: &[(TariffInput, NaiveDate, DateTime<Utc>)]) -> Result<()> {
    let columns: Vec<&str> = ["id"].into_iter().chain(COLUMNS).collect();
    let mut rows = Bulk::into_table("tariffs", &columns);
    let mut versions = Bulk::into_table("tariff_versions", &VERSION_COLUMNS);
    for ((input, effective_from, at), id) in inputs.iter().zip(first_id..) {
        rows.row([Arg::from(id)].into_iter().chain(values(input, *at)).collect());
        versions.row(version_values(TariffId::new(id), input, *effective_from, *at));
    }
    rows.execute(tx).await?;
    versions.execute(tx).await
}

/// Tariffs without a single version, which no list would show.
pub async fn without_prices(conn: &mut Conn) -> Result<Vec<(TariffId,)>> {
    Sql::new("SELECT id FROM tariffs WHERE NOT EXISTS (SELECT 1 FROM tariff_versions WHERE tariff_versions.tariff_id = tariffs.id)")
        .all(conn)
        .await
}
