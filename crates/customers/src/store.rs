//! SQL of subscribers.

pub mod duplicates;
pub mod history;
pub mod statistics;

use chrono::{DateTime, Utc};
use database::{
    Arg, Bulk, Conn, Engine, Filter, Page, Paging, Sql, Tx,
    page::{KeyKind, ListSpec, OrderField},
    search::{FoundType, Source},
};
use kernel::{Result, id::CustomerId, text::search_text};

use crate::{
    input::{CustomerFilter, CustomerInput},
    model::{Contact, Customer, CustomerStatus, address_key, name_key},
};

/// Order fields of subscriber lists.
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
            "passport_number, inn, organization_name, organization_code, address, phone, email, notes, ",
            "status_reason, archived_from, merged_into, created_at, updated_at, version FROM customers",
            $tail
        )
    };
}

/// The statement that reads one subscriber; the benchmark runs it alone for comparison.
pub const SELECT_ONE: &str = select!(" WHERE id = $1");

const SELECT: &str = select!("");

pub async fn get(conn: &mut Conn, id: CustomerId) -> Result<Option<Customer>> {
    Sql::new(SELECT_ONE).bind(id).optional(conn).await
}

pub async fn exists(conn: &mut Conn, id: CustomerId) -> Result<bool> {
    let found: Option<(CustomerId,)> = Sql::new("SELECT id FROM customers WHERE id = $1").bind(id).optional(conn).await?;
    Ok(found.is_some())
}

/// Returns the row, which cannot change until the transaction ends.
pub async fn keep(tx: &mut Tx, id: CustomerId) -> Result<Option<Customer>> {
    match tx.engine() {
        Engine::Sqlite => get(tx, id).await,
        // SHARE: contracts of one subscriber may be drawn up concurrently, while the subscriber may not change
        Engine::Postgres => Sql::new(select!(" WHERE id = $1 FOR SHARE")).bind(id).optional(tx).await,
    }
}

/// Returns the row, locked until the transaction ends: no other transaction changes it or adds a contract or ticket to it.
pub async fn lock(tx: &mut Tx, id: CustomerId) -> Result<Option<Customer>> {
    let text = format!("{SELECT_ONE}{}", tx.for_update());
    Sql::owned(text).bind(id).optional(tx).await
}

pub async fn list(conn: &mut Conn, filter: &CustomerFilter, paging: &Paging, by_document: bool) -> Result<Page<Customer>> {
    let mut conditions = Filter::new(conn.engine());
    conditions.equal("customers.status", filter.status);
    conditions.equal("customers.customer_type", filter.customer_type);
    conditions.equal("customers.document_type", filter.document_type);
    conditions.at_least("customers.created_at", filter.created_at_after);
    conditions.at_most("customers.created_at", filter.created_at_before);
    // each case in the form that uses an index best: one list of active contracts, or one lookup for each subscriber
    conditions.when(
        filter.has_active_contract == Some(true),
        "customers.id IN (SELECT contracts.customer_id FROM contracts WHERE contracts.status = 'active')",
    );
    conditions.when(
        filter.has_active_contract == Some(false),
        "NOT EXISTS (SELECT 1 FROM contracts WHERE contracts.customer_id = customers.id AND contracts.status = 'active')",
    );
    if let Some(city) = filter.city.as_deref().filter(|city| !city.trim().is_empty()) {
        let words = address_key(Some(city));
        conditions.when(words.is_empty(), "1 = 0");
        conditions.search_in("customers", "address_key", "customers_address_search", Some(&words));
    }
    let number = filter.document_number().filter(|_| by_document);
    conditions.search_or("customers", filter.search.as_deref(), "customers.passport_number", number);
    paging.fetch(conn, select!(""), "customers", conditions).await
}

/// A unique field and the subscriber that already has its value and is not archived.
#[derive(sqlx_macros::FromRow)]
pub struct Clash {
    pub field: String,
    pub customer_id: CustomerId,
}

/// Returns every unique field of `input` whose value another subscriber than `own` has that is not archived.
pub async fn clashes(tx: &mut Tx, input: &CustomerInput, own: Option<CustomerId>) -> Result<Vec<Clash>> {
    Sql::new(
        "SELECT 'phone' AS field, id AS customer_id FROM customers WHERE phone = $1 AND status <> 'archived' AND id <> $7 \
         UNION ALL SELECT 'email', id FROM customers WHERE email_key = $2 AND status <> 'archived' AND id <> $7 \
         UNION ALL SELECT 'inn', id FROM customers WHERE inn = $3 AND status <> 'archived' AND id <> $7 \
         UNION ALL SELECT 'passport_number', id FROM customers WHERE document_type = $4 AND COALESCE(passport_series, '') = $5 \
             AND passport_number = $6 AND status <> 'archived' AND id <> $7",
    )
    .bind(&input.phone)
    .bind(email_key(input))
    .bind(&input.inn)
    .bind(input.document_type)
    .bind(input.passport_series.clone().unwrap_or_default())
    .bind(&input.passport_number)
    // no row has the id 0
    .bind(own.map_or(0, CustomerId::get))
    .all(tx)
    .await
}

/// The columns that an edit writes.
const EDITED: [&str; 20] = [
    "customer_type",
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
    "name_key",
    "address_key",
    "updated_at",
];

fn edited(input: &CustomerInput, at: DateTime<Utc>) -> [Arg; 20] {
    let names = [&input.last_name, &input.first_name, &input.patronymic].map(Option::as_deref);
    let [organization, email] = [&input.organization_name, &input.email].map(Option::as_deref);
    let search = search_text(names.into_iter().chain([organization, email, Some(input.phone.as_str())]));
    let name_key = name_key(input.customer_type, organization, names);
    let address_key = address_key(input.address.as_deref());
    let email_key = email_key(input);
    let input = input.clone();
    [
        input.customer_type.into(),
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
        name_key.into(),
        address_key.into(),
        at.into(),
    ]
}

/// The columns of a new row, including those that an edit writes.
fn columns() -> Vec<&'static str> {
    ["status", "created_at", "version"].into_iter().chain(EDITED).collect()
}

fn values(input: &CustomerInput, at: DateTime<Utc>) -> Vec<Arg> {
    [CustomerStatus::Active.into(), at.into(), 1_i64.into()].into_iter().chain(edited(input, at)).collect()
}

/// The e-mail address in lower case: addresses are compared without regard to case.
fn email_key(input: &CustomerInput) -> Option<String> {
    input.email.as_deref().map(str::to_lowercase)
}

pub async fn insert(tx: &mut Tx, input: &CustomerInput) -> Result<CustomerId> {
    let at = tx.now();
    let mut rows = Bulk::into_table("customers", &columns());
    rows.row(values(input, at));
    rows.insert_one(tx).await
}

/// Inserts many rows under reserved ids, beginning with `first_id`.
pub async fn insert_all(tx: &mut Tx, first_id: i64, inputs: &[(CustomerInput, DateTime<Utc>)]) -> Result<()> {
    let columns: Vec<&str> = ["id"].into_iter().chain(columns()).collect();
    let mut rows = Bulk::into_table("customers", &columns);
    for ((input, at), id) in inputs.iter().zip(first_id..) {
        rows.row([Arg::from(id)].into_iter().chain(values(input, *at)).collect());
    }
    rows.execute(tx).await
}

/// Writes an edit if the row still has the version that was read. Errors: `stale_version`.
pub async fn update(tx: &mut Tx, before: &Customer, input: &CustomerInput) -> Result<()> {
    let at = tx.now();
    let set: Vec<String> = EDITED.iter().zip(3..).map(|(column, place)| format!("{column} = ${place}")).collect();
    Sql::owned(format!("UPDATE customers SET {}, version = version + 1 WHERE id = $1 AND version = $2", set.join(", ")))
        .bind(before.id)
        .bind(before.version)
        .bind_all(edited(input, at))
        .expect_one(tx)
        .await
}

/// Writes the status and increases the version. Errors: `stale_version`.
pub async fn save_status(tx: &mut Tx, customer: &mut Customer, at: DateTime<Utc>) -> Result<()> {
    Sql::new(
        "UPDATE customers SET status = $3, status_reason = $4, archived_from = $5, merged_into = $6, updated_at = $7, version = version + 1 \
         WHERE id = $1 AND version = $2",
    )
    .bind(customer.id)
    .bind(customer.version)
    .bind(customer.status)
    .bind(&customer.status_reason)
    .bind(customer.archived_from)
    .bind(customer.merged_into)
    .bind(at)
    .expect_one(tx)
    .await?;
    customer.version += 1;
    customer.updated_at = at;
    Ok(())
}

/// Returns subscribers that are not archived and share a unique key with another.
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

/// Returns subscribers whose fields contradict each other or their contracts and tickets.
pub async fn out_of_step(conn: &mut Conn) -> Result<Vec<(CustomerId, String)>> {
    Sql::new(
        "SELECT id, 'is archived and has a contract that is not over' FROM customers WHERE status = 'archived' \
             AND EXISTS (SELECT 1 FROM contracts WHERE contracts.customer_id = customers.id AND contracts.status <> 'terminated') \
         UNION ALL SELECT id, 'was merged into another and still has contracts or tickets' FROM customers WHERE merged_into IS NOT NULL \
             AND (EXISTS (SELECT 1 FROM contracts WHERE contracts.customer_id = customers.id) \
                  OR EXISTS (SELECT 1 FROM tickets WHERE tickets.customer_id = customers.id)) \
         UNION ALL SELECT customers.id, 'is suspended or blocked, and a contract runs without hold `customer`' FROM customers \
             JOIN contracts ON contracts.customer_id = customers.id AND contracts.status IN ('active', 'suspended') \
             WHERE customers.status IN ('suspended', 'blocked') AND NOT EXISTS (SELECT 1 FROM contract_holds \
                 WHERE contract_id = contracts.id AND reason = 'customer' AND lifted_at IS NULL) \
         UNION ALL SELECT customers.id, 'is active, and a contract has hold `customer`' FROM contract_holds \
             JOIN contracts ON contracts.id = contract_holds.contract_id JOIN customers ON customers.id = contracts.customer_id \
             WHERE contract_holds.reason = 'customer' AND contract_holds.lifted_at IS NULL AND customers.status = 'active'",
    )
    .all(conn)
    .await
}

/// Subscribers in the search box.
pub const SEARCHED: Source = Source {
    found_type: FoundType::Customer,
    table: "customers",
    from: "customers",
    title: "CASE WHEN organization_name IS NULL THEN last_name || ' ' || first_name || COALESCE(' ' || patronymic, '') ELSE organization_name END",
    detail: "phone",
};

/// Returns the contact details of these subscribers, without archived ones.
pub async fn contacts(conn: &mut Conn, ids: &[CustomerId]) -> Result<Vec<Contact>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let places: Vec<String> = (1..=ids.len()).map(|place| format!("${place}")).collect();
    let text = format!(
        "SELECT id, phone, email, customer_type, last_name, first_name, patronymic, organization_name FROM customers \
         WHERE id IN ({}) AND status <> 'archived'",
        places.join(", ")
    );
    Sql::owned(text).bind_all(ids.iter().map(|id| (*id).into())).all(conn).await
}
