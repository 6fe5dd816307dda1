//! SQL of canned answers.

use database::{
    Bulk, Conn, Filter, Page, Paging, Sql, Tx,
    page::{KeyKind, ListSpec, OrderField},
};
use kernel::{
    Result,
    id::CannedAnswerId,
    text::{order_key, search_text},
};

use crate::{
    input::{CannedAnswerFilter, CannedAnswerInput},
    model::CannedAnswer,
};

/// Order fields of canned answers.
pub const LIST: ListSpec = ListSpec {
    order_fields: &[
        OrderField { name: "title", column: "canned_answers.title_order", kind: KeyKind::Name },
        OrderField { name: "created_at", column: "canned_answers.created_at", kind: KeyKind::Time },
        OrderField { name: "updated_at", column: "canned_answers.updated_at", kind: KeyKind::Time },
    ],
    default_order: "title",
    id: "canned_answers.id",
    id_name: "id",
};

const SELECT: &str = "SELECT id, title, category, text, created_at, updated_at, version FROM canned_answers";

pub async fn get(conn: &mut Conn, id: CannedAnswerId) -> Result<Option<CannedAnswer>> {
    Sql::owned(format!("{SELECT} WHERE id = $1")).bind(id).optional(conn).await
}

/// Returns the row, locked until the transaction ends.
pub async fn lock(tx: &mut Tx, id: CannedAnswerId) -> Result<Option<CannedAnswer>> {
    let found: Option<CannedAnswer> = Sql::owned(format!("{SELECT} WHERE id = $1{}", tx.for_update())).bind(id).optional(tx).await?;
    Ok(found.inspect(|answer| tx.not_before(answer.updated_at)))
}

pub async fn list(conn: &mut Conn, filter: &CannedAnswerFilter, paging: &Paging) -> Result<Page<CannedAnswer>> {
    let mut conditions = Filter::new(conn.engine());
    conditions.equal("canned_answers.category", filter.category);
    // there are so few that a search reads all of them
    conditions.contains("canned_answers.search_text", filter.search.as_deref());
    paging.fetch(conn, SELECT, "canned_answers", conditions).await
}

pub async fn count(conn: &mut Conn) -> Result<i64> {
    Sql::new("SELECT CAST(COUNT(*) AS BIGINT) FROM canned_answers").scalar(conn).await
}

/// Returns the canned answer with this title, regardless of case.
pub async fn titled(conn: &mut Conn, title: &str) -> Result<Option<CannedAnswerId>> {
    let sql = Sql::new("SELECT id FROM canned_answers WHERE title_key = $1");
    let found: Option<(CannedAnswerId,)> = sql.bind(title.to_lowercase()).optional(conn).await?;
    Ok(found.map(|(id,)| id))
}

fn searched(input: &CannedAnswerInput) -> String {
    search_text([Some(input.title.as_str()), Some(input.text.as_str())])
}

/// Errors: `duplicate` if the title was taken meanwhile.
pub async fn insert(tx: &mut Tx, input: &CannedAnswerInput) -> Result<CannedAnswerId> {
    let now = tx.now();
    let columns = ["title", "title_key", "title_order", "category", "text", "search_text", "created_at", "updated_at", "version"];
    let mut rows = Bulk::into_table("canned_answers", &columns);
    rows.row(vec![
        (&input.title).into(),
        input.title.to_lowercase().into(),
        order_key(&input.title).into(),
        input.category.into(),
        (&input.text).into(),
        searched(input).into(),
        now.into(),
        now.into(),
        1_i64.into(),
    ]);
    rows.insert_one(tx).await
}

/// Errors: `stale_version`, `duplicate` if the title was taken meanwhile.
pub async fn update(tx: &mut Tx, before: &CannedAnswer, input: &CannedAnswerInput) -> Result<()> {
    let now = tx.now();
    Sql::new(
        "UPDATE canned_answers SET title = $3, title_key = $4, category = $5, text = $6, search_text = $7, updated_at = $8, \
         title_order = $9, version = version + 1 WHERE id = $1 AND version = $2",
    )
    .bind(before.id)
    .bind(before.version)
    .bind(&input.title)
    .bind(input.title.to_lowercase())
    .bind(input.category)
    .bind(&input.text)
    .bind(searched(input))
    .bind(now)
    .bind(order_key(&input.title))
    .expect_one(tx)
    .await
}

/// Errors: `stale_version`.
pub async fn delete(tx: &mut Tx, answer: &CannedAnswer) -> Result<()> {
    Sql::new("DELETE FROM canned_answers WHERE id = $1 AND version = $2").bind(answer.id).bind(answer.version).expect_one(tx).await
}
