//! SQL of subscribers.

pub mod duplicates;
pub mod forms;
pub mod history;
pub mod short;
pub mod statistics;

use chrono::{DateTime, Utc};
use database::{
    Arg, Bulk, Conn, Engine, Filter, Page, Paging, Sql, Tx,
    page::{KeyKind, ListSpec, OrderField},
    search::{FoundType, Source},
};
use kernel::{
    Result, email,
    id::CustomerId,
    text::{order_key, search_text},
};

use crate::{
    input::{CustomerFilter, CustomerInput},
    model::{Contact, Customer, CustomerStatus, Further, address_key, document_key, name_key},
};

/// Order fields of subscriber lists.
pub const LIST: ListSpec = ListSpec {
    order_fields: &[
        OrderField { name: "created_at", column: "customers.created_at", kind: KeyKind::Time },
        OrderField { name: "updated_at", column: "customers.updated_at", kind: KeyKind::Time },
        OrderField { name: "last_name", column: "customers.last_name_order", kind: KeyKind::Name },
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
            "passport_number, citizenship, issued_on, issued_by, issuer_code, valid_until, inn, kpp, organization_name, organization_code, ",
            "address, phone, email, further_phones, further_emails, notes, ",
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
    let customer: Option<Customer> = Sql::owned(text).bind(id).optional(tx).await?;
    Ok(customer.inspect(|customer| tx.not_before(customer.updated_at)))
}

/// The subscribers with an active contract, from the index of such contracts alone.
fn holders(engine: Engine) -> &'static str {
    match engine {
        // SQLite takes any index on the status for a better one as long as it has no statistics
        Engine::Sqlite => {
            "(SELECT DISTINCT contracts.customer_id FROM contracts INDEXED BY contracts_active_customer \
              WHERE contracts.status = 'active') AS holders LEFT JOIN customers ON customers.id = holders.customer_id"
        }
        Engine::Postgres => {
            "(SELECT DISTINCT contracts.customer_id FROM contracts WHERE contracts.status = 'active') AS holders \
             LEFT JOIN customers ON customers.id = holders.customer_id"
        }
    }
}

pub async fn list(conn: &mut Conn, filter: &CustomerFilter, paging: &Paging, with_personal_data: bool) -> Result<Page<Customer>> {
    let mut conditions = Filter::new(conn.engine());
    conditions.any("customers.status", filter.status.as_ref());
    conditions.any("customers.customer_type", filter.customer_type.as_ref());
    conditions.any("customers.document_type", filter.document_type.as_ref());
    conditions.at_least("customers.created_at", filter.created_at_after);
    conditions.at_most("customers.created_at", filter.created_at_before);
    // the rows by one lookup for each subscriber, in any order; the count without the subscribers
    let from = match filter.has_active_contract {
        Some(true) => {
            conditions
                .on_page("EXISTS (SELECT 1 FROM contracts WHERE contracts.customer_id = customers.id AND contracts.status = 'active')");
            holders(conn.engine())
        }
        _ => "customers",
    };
    conditions.when(
        filter.has_active_contract == Some(false),
        "NOT EXISTS (SELECT 1 FROM contracts WHERE contracts.customer_id = customers.id AND contracts.status = 'active')",
    );
    if let Some(city) = filter.city.as_deref().filter(|city| !city.trim().is_empty()) {
        let words = address_key(Some(city));
        conditions.when(words.is_empty(), "1 = 0");
        conditions.search_in("customers", "address_key", "customers_address_search", Some(&words));
    }
    let exact = if with_personal_data { filter.personal_data() } else { Vec::new() };
    conditions.search_or("customers", filter.search.as_deref(), &exact);
    paging.fetch(conn, select!(""), from, conditions).await
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
        "SELECT 'phone' AS field, id AS customer_id FROM customers WHERE phone = $1 AND status <> 'archived' AND id <> $6 \
         UNION ALL SELECT 'email', id FROM customers WHERE email_key = $2 AND status <> 'archived' AND id <> $6 \
         UNION ALL SELECT 'inn', id FROM customers WHERE inn = $3 AND status <> 'archived' AND id <> $6 \
         UNION ALL SELECT 'passport_number', id FROM customers WHERE document_type = $4 AND document_key = $5 \
             AND status <> 'archived' AND id <> $6",
    )
    .bind(&input.phone)
    .bind(email_key(input))
    .bind(&input.inn)
    .bind(input.document_type)
    .bind(document_key(input.passport_series.as_deref(), input.passport_number.as_deref()))
    // no row has the id 0
    .bind(own.map_or(0, CustomerId::get))
    .all(tx)
    .await
}

/// The columns that an edit writes.
const EDITED: [&str; 31] = [
    "customer_type",
    "last_name",
    "first_name",
    "patronymic",
    "birth_date",
    "document_type",
    "passport_series",
    "passport_number",
    "document_key",
    "document_twin",
    "citizenship",
    "issued_on",
    "issued_by",
    "issuer_code",
    "valid_until",
    "inn",
    "kpp",
    "organization_name",
    "organization_code",
    "address",
    "phone",
    "email",
    "email_key",
    "further_phones",
    "further_emails",
    "notes",
    "search_text",
    "name_key",
    "last_name_order",
    "address_key",
    "updated_at",
];

fn edited(input: &CustomerInput, at: DateTime<Utc>) -> [Arg; 31] {
    let keys = Keys::of(input);
    let (further_phones, further_emails) = (Further(input.further_phones.clone()), Further(input.further_emails.clone()));
    let document_key = document_key(input.passport_series.as_deref(), input.passport_number.as_deref());
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
        document_key.into(),
        0_i64.into(),
        input.citizenship.into(),
        input.issued_on.into(),
        input.issued_by.into(),
        input.issuer_code.into(),
        input.valid_until.into(),
        input.inn.into(),
        input.kpp.into(),
        input.organization_name.into(),
        input.organization_code.into(),
        input.address.into(),
        input.phone.into(),
        input.email.into(),
        email_key.into(),
        (&further_phones).into(),
        (&further_emails).into(),
        input.notes.into(),
        keys.search_text.into(),
        keys.name_key.into(),
        keys.last_name_order.into(),
        keys.address_key.into(),
        at.into(),
    ]
}

/// What a subscriber is found and ordered by.
pub struct Keys {
    pub search_text: String,
    pub name_key: String,
    pub last_name_order: String,
    pub address_key: String,
}

impl Keys {
    pub fn of(input: &CustomerInput) -> Self {
        let names = [&input.last_name, &input.first_name, &input.patronymic].map(Option::as_deref);
        let [organization, code, email] = [&input.organization_name, &input.organization_code, &input.email].map(Option::as_deref);
        let further = input.further_phones.iter().chain(&input.further_emails).map(|text| Some(text.as_str()));
        Self {
            search_text: search_text(names.into_iter().chain([organization, code, email, Some(input.phone.as_str())]).chain(further)),
            name_key: name_key(input.customer_type, organization, names),
            last_name_order: order_key(input.last_name.as_deref().unwrap_or_default()),
            address_key: address_key(input.address.as_deref()),
        }
    }
}

/// The columns of a new row, including those that an edit writes.
fn columns() -> Vec<&'static str> {
    ["status", "created_at", "version"].into_iter().chain(EDITED).collect()
}

fn values(input: &CustomerInput, at: DateTime<Utc>) -> Vec<Arg> {
    [CustomerStatus::Active.into(), at.into(), 1_i64.into()].into_iter().chain(edited(input, at)).collect()
}

fn email_key(input: &CustomerInput) -> Option<String> {
    input.email.as_deref().map(email::key)
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

/// Writes the further phones and e-mail addresses, and with them what the subscriber is found by. The version stays.
pub async fn save_further(tx: &mut Tx, customer: &Customer) -> Result<()> {
    Sql::new("UPDATE customers SET further_phones = $2, further_emails = $3, search_text = $4 WHERE id = $1")
        .bind(customer.id)
        .bind(&customer.further_phones)
        .bind(&customer.further_emails)
        .bind(Keys::of(&customer.editable()).search_text)
        .execute(tx)
        .await
        .map(drop)
}

/// Returns subscribers that are not archived and share a unique key with another.
pub async fn sharing_a_key(conn: &mut Conn) -> Result<Vec<(CustomerId,)>> {
    Sql::new(
        "SELECT MIN(id) FROM customers WHERE status <> 'archived' GROUP BY phone HAVING COUNT(*) > 1 \
         UNION ALL SELECT MIN(id) FROM customers WHERE status <> 'archived' AND email_key IS NOT NULL GROUP BY email_key HAVING COUNT(*) > 1 \
         UNION ALL SELECT MIN(id) FROM customers WHERE status <> 'archived' AND inn IS NOT NULL GROUP BY inn HAVING COUNT(*) > 1 \
         UNION ALL SELECT MIN(id) FROM customers WHERE status <> 'archived' AND document_key IS NOT NULL \
             GROUP BY document_type, document_key HAVING COUNT(*) > 1",
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
