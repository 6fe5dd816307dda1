//! SQL of subscribers.

use chrono::{DateTime, Utc};
use kernel::{
    Page, Paging, Result,
    db::{Arg, Bulk, Conn, Engine, Filter, Sql, Tx},
    id::CustomerId,
    page::{KeyKind, ListSpec, OrderField},
    search::{FoundType, Source},
    text::search_text,
};

use crate::{
    input::{CustomerFilter, CustomerInput},
    model::{Customer, CustomerStatus},
};

/// How lists of subscribers are ordered.
pub const LIST: ListSpec = ListSpec {
    order_fields: &[
        OrderField { name: "created_at", column: "customers.created_at", kind: KeyKind::Time },
        OrderField { name: "last_name", column: "customers.last_name", kind: KeyKind::Text },
        OrderField { name: "status", column: "customers.status", kind: KeyKind::Text },
    ],
    default_order: "-created_at",
    id: "customers.id",
    id_name: "id",
};

macro_rules! select {
    ($tail:literal) => {
        concat!(
            "SELECT id, customer_type, status, last_name, first_name, patronymic, birth_date, document_type, passport_series, ",
            "passport_number, inn, organization_name, organization_code, address, phone, email, notes, created_at, updated_at, version ",
            "FROM customers",
            $tail
        )
    };
}

/// The statement that reads one subscriber; the benchmark runs it bare, to compare.
pub const SELECT_ONE: &str = select!(" WHERE id = $1");

pub async fn get(conn: &mut Conn, id: CustomerId) -> Result<Option<Customer>> {
    Sql::new(SELECT_ONE).bind(id).optional(conn).await
}

/// The row, locked until the transaction ends.
pub async fn lock(tx: &mut Tx, id: CustomerId) -> Result<Option<Customer>> {
    match tx.engine() {
        Engine::Sqlite => get(tx, id).await,
        // SHARE: contracts of one subscriber may be drawn up at once, while the subscriber may not change
        Engine::Postgres => Sql::new(select!(" WHERE id = $1 FOR SHARE")).bind(id).optional(tx).await,
    }
}

pub async fn list(conn: &mut Conn, filter: &CustomerFilter, paging: &Paging, by_document: bool) -> Result<Page<Customer>> {
    let mut conditions = Filter::new(conn.engine());
    conditions.equal("customers.status", filter.status);
    conditions.equal("customers.customer_type", filter.customer_type);
    conditions.equal("customers.document_type", filter.document_type);
    conditions.at_least("customers.created_at", filter.created_at_after);
    conditions.at_most("customers.created_at", filter.created_at_before);
    let number = filter.document_number().filter(|_| by_document);
    conditions.search_or("customers", filter.search.as_deref(), "customers.passport_number", number);
    paging.fetch(conn, select!(""), "customers", conditions).await
}

/// A unique field and the subscriber, not archived, who has its value already.
#[derive(sqlx::FromRow)]
pub struct Clash {
    pub field: String,
    pub customer_id: CustomerId,
}

/// Every unique field of `input` that another subscriber, not archived, has already.
pub async fn clashes(tx: &mut Tx, input: &CustomerInput) -> Result<Vec<Clash>> {
    Sql::new(
        "SELECT 'phone' AS field, id AS customer_id FROM customers WHERE phone = $1 AND status <> 'archived' \
         UNION ALL SELECT 'email', id FROM customers WHERE email_key = $2 AND status <> 'archived' \
         UNION ALL SELECT 'inn', id FROM customers WHERE inn = $3 AND status <> 'archived' \
         UNION ALL SELECT 'passport_number', id FROM customers WHERE document_type = $4 AND COALESCE(passport_series, '') = $5 \
             AND passport_number = $6 AND status <> 'archived'",
    )
    .bind(&input.phone)
    .bind(email_key(input))
    .bind(&input.inn)
    .bind(input.document_type)
    .bind(input.passport_series.clone().unwrap_or_default())
    .bind(&input.passport_number)
    .all(tx)
    .await
}

const COLUMNS: [&str; 21] = [
    "customer_type",
    "status",
    "last_name",
    "first_name",
    "patronymic",
    "birth_date",
    "document_type",
    "passport_series",
    "passport_number",
    "inn",
    "organization_name",
    "organization_code",
    "address",
    "phone",
    "email",
    "email_key",
    "notes",
    "search_text",
    "created_at",
    "updated_at",
    "version",
];

fn values(input: &CustomerInput, at: DateTime<Utc>) -> Vec<Arg> {
    let input = input.clone();
    let names = [&input.last_name, &input.first_name, &input.patronymic, &input.organization_name, &input.email];
    let search = search_text(names.map(Option::as_deref).into_iter().chain([Some(input.phone.as_str())]));
    let email_key = email_key(&input);
    vec![
        input.customer_type.into(),
        CustomerStatus::Active.into(),
        input.last_name.unwrap_or_default().into(),
        input.first_name.unwrap_or_default().into(),
        input.patronymic.into(),
        input.birth_date.into(),
        input.document_type.into(),
        input.passport_series.into(),
        input.passport_number.into(),
        input.inn.into(),
        input.organization_name.into(),
        input.organization_code.into(),
        input.address.into(),
        input.phone.into(),
        input.email.into(),
        email_key.into(),
        input.notes.into(),
        search.into(),
        at.into(),
        at.into(),
        1_i64.into(),
    ]
}

/// E-mail addresses are one whatever their case.
fn email_key(input: &CustomerInput) -> Option<String> {
    input.email.as_deref().map(str::to_lowercase)
}

pub async fn insert(tx: &mut Tx, input: &CustomerInput, at: DateTime<Utc>) -> Result<CustomerId> {
    let mut rows = Bulk::into_table("customers", &COLUMNS);
    rows.row(values(input, at));
    rows.insert_one(tx).await
}

/// Writes many under ids reserved for them, from `first_id` on.
pub async fn insert_all(tx: &mut Tx, first_id: i64, inputs: &[(CustomerInput, DateTime<Utc>)]) -> Result<()> {
    let columns: Vec<&str> = ["id"].into_iter().chain(COLUMNS).collect();
    let mut rows = Bulk::into_table("customers", &columns);
    for ((input, at), id) in inputs.iter().zip(first_id..) {
        rows.row([Arg::from(id)].into_iter().chain(values(input, *at)).collect());
    }
    rows.execute(tx).await
}

/// Subscribers that are not archived and share a unique key with another (SPEC 14.7).
pub async fn sharing_a_key(conn: &mut Conn) -> Result<Vec<(CustomerId,)>> {
    Sql::new(
        "SELECT MIN(id) FROM customers WHERE status <> 'archived' GROUP BY phone HAVING COUNT(*) > 1 \
         UNION ALL SELECT MIN(id) FROM customers WHERE status <> 'archived' AND email_key IS NOT NULL GROUP BY email_key HAVING COUNT(*) > 1 \
         UNION ALL SELECT MIN(id) FROM customers WHERE status <> 'archived' AND inn IS NOT NULL GROUP BY inn HAVING COUNT(*) > 1 \
         UNION ALL SELECT MIN(id) FROM customers WHERE status <> 'archived' AND passport_number IS NOT NULL \
             GROUP BY document_type, COALESCE(passport_series, ''), passport_number HAVING COUNT(*) > 1",
    )
    .all(conn)
    .await
}

/// How the search box finds subscribers.
pub const SEARCHED: Source = Source {
    found_type: FoundType::Customer,
    table: "customers",
    from: "customers",
    title: "CASE WHEN organization_name IS NULL THEN last_name || ' ' || first_name || COALESCE(' ' || patronymic, '') ELSE organization_name END",
    detail: "phone",
};
