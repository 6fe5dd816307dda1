//! SQL of options, their compatible tariffs and their exclusions.

use database::{
    Arg, Bulk, Conn, Engine, Filter, Page, Paging, Sql, Tx,
    order_keys::Named,
    page::{KeyKind, ListSpec, OrderField},
};
use kernel::{
    Result,
    id::{OptionId, TariffId},
    text::{order_key, search_text},
};

use crate::{
    input::{OptionFilter, OptionInput},
    model::{OptionPrice, TariffOption},
};

/// Order fields of option lists.
pub const LIST: ListSpec = ListSpec {
    order_fields: &[
        OrderField { name: "code", column: "options.code", kind: KeyKind::Text },
        OrderField { name: "name", column: "options.name_order", kind: KeyKind::Name },
        OrderField { name: "monthly_fee", column: "options.monthly_fee", kind: KeyKind::Money },
        OrderField { name: "updated_at", column: "options.updated_at", kind: KeyKind::Time },
    ],
    default_order: "code",
    id: "options.id",
    id_name: "id",
};

/// The names of options and their keys.
pub const ORDERED: Named = Named {
    missing: "SELECT id, name FROM options WHERE name_order = '' LIMIT $1",
    complete: "UPDATE options SET name_order = given.new_key FROM given WHERE options.id = given.row_id AND options.name_order = ''",
};

const SELECT: &str = "SELECT options.id, options.code, options.name, options.kind, options.amount, options.monthly_fee, options.is_active, \
     COALESCE((SELECT string_agg(CAST(tariff_id AS TEXT), ',' ORDER BY tariff_id) FROM option_tariffs WHERE option_id = options.id), '') AS tariff_ids, \
     COALESCE((SELECT string_agg(CAST(excluded_id AS TEXT), ',' ORDER BY excluded_id) FROM option_exclusions WHERE option_id = options.id), '') AS excluded_option_ids, \
     options.created_at, options.updated_at, options.version FROM options";

pub async fn get(conn: &mut Conn, id: OptionId) -> Result<Option<TariffOption>> {
    Sql::owned(format!("{SELECT} WHERE options.id = $1")).bind(id).optional(conn).await
}

/// Returns these options, ordered by id.
pub async fn all(conn: &mut Conn, ids: &[OptionId]) -> Result<Vec<TariffOption>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let text = format!("{SELECT} WHERE options.id IN ({}) ORDER BY options.id", places(1, ids.len()));
    Sql::owned(text).bind_all(args(ids)).all(conn).await
}

/// Returns the options that are compatible with a tariff, locked against changes until the transaction ends.
pub async fn of_tariff(tx: &mut Tx, id: TariffId) -> Result<Vec<OptionId>> {
    let rows: Vec<(OptionId,)> =
        Sql::new("SELECT option_id FROM option_tariffs WHERE tariff_id = $1 ORDER BY option_id").bind(id).all(tx).await?;
    let ids: Vec<OptionId> = rows.into_iter().map(|(id,)| id).collect();
    lock(tx, &ids, true).await?;
    Ok(ids)
}

pub async fn list(conn: &mut Conn, filter: &OptionFilter, paging: &Paging) -> Result<Page<TariffOption>> {
    let mut conditions = Filter::new(conn.engine());
    conditions.equal("options.is_active", filter.is_active);
    conditions.any("options.kind", filter.kind.as_ref());
    if let Some(tariffs) = &filter.tariff_id {
        let tariff = conditions.one_of("tariff_id", tariffs);
        conditions.when(true, &format!("options.id IN (SELECT option_id FROM option_tariffs WHERE {tariff})"));
    }
    conditions.search("options", filter.search.as_deref());
    paging.fetch(conn, SELECT, "options", conditions).await
}

/// The placeholders `$1, $2, …` for `count` values, beginning with number `first`.
fn places(first: usize, count: usize) -> String {
    (first..first + count).map(|place| format!("${place}")).collect::<Vec<_>>().join(", ")
}

fn args<T>(ids: &[kernel::Id<T>]) -> impl Iterator<Item = Arg> {
    ids.iter().copied().map(Arg::from)
}

/// Locks the existing options among these until the transaction ends, in the order of their ids.
///
/// The lock is exclusive if `to_change`; otherwise it only prevents changes.
pub async fn lock(tx: &mut Tx, ids: &[OptionId], to_change: bool) -> Result<()> {
    if tx.engine() == Engine::Postgres && !ids.is_empty() {
        let how = if to_change { "FOR UPDATE" } else { "FOR SHARE" };
        let text = format!("SELECT id FROM options WHERE id IN ({}) ORDER BY id {how}", places(1, ids.len()));
        Sql::owned(text).bind_all(args(ids)).all::<(OptionId,)>(tx).await?;
    }
    Ok(())
}

/// Returns the option with this code, ignoring case.
pub async fn coded(tx: &mut Tx, code: &str) -> Result<Option<OptionId>> {
    let found: Option<(OptionId,)> = Sql::new("SELECT id FROM options WHERE code_key = $1").bind(code.to_lowercase()).optional(tx).await?;
    Ok(found.map(|(id,)| id))
}

/// Returns the existing tariffs among these, which cannot be deleted until the transaction ends.
pub async fn known_tariffs(tx: &mut Tx, ids: &[TariffId]) -> Result<Vec<TariffId>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let keep = match tx.engine() {
        Engine::Sqlite => "",
        Engine::Postgres => " FOR KEY SHARE",
    };
    let text = format!("SELECT id FROM tariffs WHERE id IN ({}) ORDER BY id{keep}", places(1, ids.len()));
    let rows: Vec<(TariffId,)> = Sql::owned(text).bind_all(args(ids)).all(tx).await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// Returns the fees of the options, ordered by code.
pub async fn prices(conn: &mut Conn, ids: &[OptionId]) -> Result<Vec<OptionPrice>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let text = format!("SELECT id, code, name, monthly_fee FROM options WHERE id IN ({}) ORDER BY code, id", places(1, ids.len()));
    Sql::owned(text).bind_all(args(ids)).all(conn).await
}

/// An option with the properties that decide whether a contract may take it.
#[derive(sqlx_macros::FromRow)]
pub struct Fit {
    pub id: OptionId,
    pub code: String,
    pub is_active: bool,
    /// Whether it is compatible with the given tariff.
    pub fits: bool,
}

/// Returns whether the options are compatible with a tariff, ordered by code.
pub async fn fits(conn: &mut Conn, tariff_id: TariffId, ids: &[OptionId]) -> Result<Vec<Fit>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let text = format!(
        "SELECT id, code, is_active, EXISTS (SELECT 1 FROM option_tariffs WHERE option_id = options.id AND tariff_id = $1) AS fits \
         FROM options WHERE id IN ({}) ORDER BY code, id",
        places(2, ids.len())
    );
    Sql::owned(text).bind(tariff_id).bind_all(args(ids)).all(conn).await
}

/// Returns the pairs among these options that exclude each other, the lower id first.
pub async fn exclusive_pairs(conn: &mut Conn, ids: &[OptionId]) -> Result<Vec<(OptionId, OptionId)>> {
    if ids.len() < 2 {
        return Ok(Vec::new());
    }
    let text = format!(
        "SELECT option_id, excluded_id FROM option_exclusions WHERE option_id < excluded_id AND option_id IN ({}) AND excluded_id IN ({}) \
         ORDER BY option_id, excluded_id",
        places(1, ids.len()),
        places(ids.len() + 1, ids.len())
    );
    Sql::owned(text).bind_all(args(ids)).bind_all(args(ids)).all(conn).await
}

const COLUMNS: [&str; 12] = [
    "code",
    "code_key",
    "name",
    "name_order",
    "kind",
    "amount",
    "monthly_fee",
    "is_active",
    "search_text",
    "created_at",
    "updated_at",
    "version",
];

fn search(input: &OptionInput) -> String {
    search_text([Some(input.code.as_str()), Some(&input.name)])
}

/// Inserts the option without its tariffs and exclusions.
pub async fn insert(tx: &mut Tx, input: &OptionInput) -> Result<OptionId> {
    let now = tx.now();
    let mut rows = Bulk::into_table("options", &COLUMNS);
    rows.row(vec![
        (&input.code).into(),
        input.code.to_lowercase().into(),
        input.name.trim().to_owned().into(),
        order_key(&input.name).into(),
        input.kind.into(),
        input.amount.into(),
        input.monthly_fee.into(),
        input.is_active.into(),
        search(input).into(),
        now.into(),
        now.into(),
        1_i64.into(),
    ]);
    rows.insert_one(tx).await
}

/// Writes the option without its tariffs and exclusions. Errors: `stale_version`.
pub async fn update(tx: &mut Tx, before: &TariffOption, input: &OptionInput) -> Result<()> {
    let now = tx.now();
    Sql::new(
        "UPDATE options SET code = $1, code_key = $2, name = $3, kind = $4, amount = $5, monthly_fee = $6, is_active = $7, \
         search_text = $8, updated_at = $9, name_order = $10, version = version + 1 WHERE id = $11 AND version = $12",
    )
    .bind(&input.code)
    .bind(input.code.to_lowercase())
    .bind(input.name.trim().to_owned())
    .bind(input.kind)
    .bind(input.amount)
    .bind(input.monthly_fee)
    .bind(input.is_active)
    .bind(search(input))
    .bind(now)
    .bind(order_key(&input.name))
    .bind(before.id)
    .bind(before.version)
    .expect_one(tx)
    .await
}

/// Increases the version of options that changed because another option or a tariff changed.
pub async fn touch(tx: &mut Tx, ids: &[OptionId]) -> Result<()> {
    let now = tx.now();
    if ids.is_empty() {
        return Ok(());
    }
    let text = format!(
        "UPDATE options SET version = version + 1, updated_at = CASE WHEN updated_at > $1 THEN updated_at ELSE $1 END WHERE id IN ({})",
        places(2, ids.len())
    );
    Sql::owned(text).bind(now).bind_all(args(ids)).execute(tx).await.map(drop)
}

/// Sets the tariffs with which an option is compatible.
pub async fn set_tariffs(tx: &mut Tx, id: OptionId, tariffs: &[TariffId]) -> Result<()> {
    Sql::new("DELETE FROM option_tariffs WHERE option_id = $1").bind(id).execute(tx).await?;
    let mut rows = Bulk::into_table("option_tariffs", &["option_id", "tariff_id"]);
    tariffs.iter().for_each(|tariff| rows.row(vec![id.into(), (*tariff).into()]));
    rows.execute(tx).await
}

/// Sets the options that an option excludes, in both directions.
pub async fn set_exclusions(tx: &mut Tx, id: OptionId, excluded: &[OptionId]) -> Result<()> {
    Sql::new("DELETE FROM option_exclusions WHERE option_id = $1 OR excluded_id = $1").bind(id).execute(tx).await?;
    let mut rows = Bulk::into_table("option_exclusions", &["option_id", "excluded_id"]);
    for other in excluded {
        rows.row(vec![id.into(), (*other).into()]);
        rows.row(vec![(*other).into(), id.into()]);
    }
    rows.execute(tx).await
}

/// Deletes an option. Errors: `in_use` if a contract has or had it.
pub async fn delete(tx: &mut Tx, id: OptionId) -> Result<()> {
    Sql::new("DELETE FROM options WHERE id = $1").bind(id).execute(tx).await.map(drop)
}

/// Returns pairs of options of which only the first excludes the other.
pub async fn one_sided(conn: &mut Conn) -> Result<Vec<(OptionId, OptionId)>> {
    Sql::new(
        "SELECT a.option_id, a.excluded_id FROM option_exclusions a WHERE NOT EXISTS \
         (SELECT 1 FROM option_exclusions b WHERE b.option_id = a.excluded_id AND b.excluded_id = a.option_id)",
    )
    .all(conn)
    .await
}
