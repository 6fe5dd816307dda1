//! SQL of transactions. A pending payment can be updated; a successful transaction is final, and the database rejects its update.

pub mod by_gateway;
pub mod shift;
pub mod statement;
pub mod statistics;

use chrono::{DateTime, Utc};
use database::{
    Arg, Bulk, Conn, Filter, Given, Page, Paging, Sql, Tx,
    page::{KeyKind, ListSpec, OrderField},
};
use kernel::{
    Money, Result, Several,
    id::{ContractId, CustomerId, PaymentId},
    text::search_text,
};

use crate::{
    input::PaymentFilter,
    model::{Payment, PaymentStatus, TransactionType},
};

/// The sort orders of transaction lists.
pub const LIST: ListSpec = ListSpec {
    order_fields: &[
        OrderField { name: "created_at", column: "payments.created_at", kind: KeyKind::Time },
        OrderField { name: "updated_at", column: "payments.updated_at", kind: KeyKind::Time },
        OrderField { name: "amount", column: "payments.amount", kind: KeyKind::Money },
    ],
    default_order: "-created_at",
    id: "payments.id",
    id_name: "id",
};

/// Selects transactions. The row of a refunded payment never changes, so its status and its version include its refunds.
macro_rules! select {
    ($tail:literal) => {
        concat!(
            "SELECT payments.id, payments.contract_id, payments.transaction_type, payments.amount, payments.payment_method, ",
            "CASE WHEN EXISTS (SELECT 1 FROM refunded_payments WHERE refunded_payments.payment_id = payments.id) ",
            "THEN 'refunded' ELSE payments.status END AS status, ",
            "payments.transaction_id, payments.description, payments.created_at, payments.updated_at, payments.paid_at, ",
            "payments.processed_at, payments.processed_by, ",
            "payments.balance_after, payments.ledger_number, payments.refund_of, payments.failure_reason, payments.period_start, ",
            "payments.period_end, payments.gateway, gateway_payments.link, gateway_payments.expires_at, gateway_payments.quarantine, ",
            "COALESCE(gateway_payments.refund_requested, 0) AS refund_requested, ",
            "payments.version + (SELECT COUNT(*) FROM payments AS refunds WHERE refunds.refund_of = payments.id) AS version, ",
            "CAST(COALESCE((SELECT SUM(refunds.amount) FROM payments AS refunds ",
            "WHERE refunds.refund_of = payments.id), 0) AS BIGINT) AS refunded_amount ",
            "FROM payments LEFT JOIN gateway_payments ON gateway_payments.payment_id = payments.id",
            $tail
        )
    };
}
pub(crate) use select;

pub async fn get(conn: &mut Conn, id: PaymentId) -> Result<Option<Payment>> {
    Sql::new(select!(" WHERE payments.id = $1")).bind(id).optional(conn).await
}

/// Finds the contract of a transaction, which never changes.
pub async fn contract_of(conn: &mut Conn, id: PaymentId) -> Result<Option<ContractId>> {
    let found: Option<(ContractId,)> = Sql::new("SELECT contract_id FROM payments WHERE id = $1").bind(id).optional(conn).await?;
    Ok(found.map(|(contract_id,)| contract_id))
}

/// Requires one of these statuses, as they are shown: the stored status of a payment that was given back whole is still `success`.
fn in_status(conditions: &mut Filter, statuses: &Several<PaymentStatus>) {
    const REFUNDED: &str = "payments.id IN (SELECT payment_id FROM refunded_payments)";
    const KEPT: &str = "NOT EXISTS (SELECT 1 FROM refunded_payments WHERE refunded_payments.payment_id = payments.id)";
    let refunded = statuses.contains(&PaymentStatus::Refunded);
    let stored = statuses.clone().only(|status| *status != PaymentStatus::Refunded);
    let Some(stored) = stored else { return conditions.when(true, REFUNDED) };
    let succeeded = stored.contains(&PaymentStatus::Success);
    let is_stored = conditions.one_of("payments.status", &stored);
    match (refunded, succeeded) {
        (true, false) => conditions.either(&[is_stored, REFUNDED.to_owned()]),
        (false, true) if stored.values().len() > 1 => {
            conditions.when(true, &is_stored);
            conditions.when(true, &format!("(payments.status <> 'success' OR {KEPT})"));
        }
        (_, with_success) => {
            conditions.when(true, &is_stored);
            conditions.when(with_success && !refunded, KEPT);
        }
    }
}

pub async fn list(conn: &mut Conn, filter: &PaymentFilter, paging: &Paging) -> Result<Page<Payment>> {
    let mut conditions = Filter::new(conn.engine());
    conditions.any("payments.contract_id", filter.contract_id.as_ref());
    conditions.any("payments.transaction_type", filter.transaction_type.as_ref());
    if let Some(statuses) = &filter.status {
        in_status(&mut conditions, statuses);
    }
    conditions.any("payments.payment_method", filter.payment_method.as_ref());
    conditions.any("payments.refund_of", filter.refund_of.as_ref());
    conditions.equal("payments.gateway", filter.gateway.clone());
    conditions.equal("payments.processed_by", filter.processed_by.clone());
    conditions.at_least("payments.created_at", filter.created_at_after);
    conditions.at_most("payments.created_at", filter.created_at_before);
    conditions.at_least("payments.amount", filter.amount_min);
    conditions.at_most("payments.amount", filter.amount_max);
    conditions.search("payments", filter.search.as_deref());
    paging.fetch(conn, select!(""), "payments", conditions).await
}

/// Lists the transactions on all contracts of a subscriber.
pub async fn list_of_customer(conn: &mut Conn, id: CustomerId, paging: &Paging) -> Result<Page<Payment>> {
    let mut conditions = Filter::new(conn.engine());
    conditions.value("payments.contract_id IN (SELECT contracts.id FROM contracts WHERE contracts.customer_id = ?)", Some(id));
    paging.fetch(conn, select!(""), "payments", conditions).await
}

pub async fn by_transaction_id(conn: &mut Conn, transaction_id: &str) -> Result<Option<PaymentId>> {
    let found: Option<(PaymentId,)> =
        Sql::new("SELECT id FROM payments WHERE transaction_id = $1").bind(transaction_id.to_owned()).optional(conn).await?;
    Ok(found.map(|(id,)| id))
}

/// The actors that refunded a payment, one for each refund.
pub async fn refunders(conn: &mut Conn, id: PaymentId) -> Result<Vec<Option<String>>> {
    Sql::new("SELECT processed_by FROM payments WHERE refund_of = $1 ORDER BY id").bind(id).scalars(conn).await
}

/// The ledger number of the next successful transaction of a contract, whose lock the caller holds.
pub async fn next_ledger_number(tx: &mut Tx, id: ContractId) -> Result<i64> {
    Sql::new("SELECT COALESCE(MAX(ledger_number), 0) + 1 FROM payments WHERE contract_id = $1").bind(id).scalar(tx).await
}

/// The newest ledger numbers of these contracts; a contract without transactions has none.
pub async fn newest_ledger_numbers(tx: &mut Tx, ids: &[ContractId]) -> Result<Vec<(ContractId, i64)>> {
    let rows: Vec<(ContractId, Option<i64>)> = Given::one_column(&["of_contract"], ids.iter().copied())
        .all("SELECT of_contract, (SELECT MAX(ledger_number) FROM payments WHERE contract_id = of_contract) FROM given", tx)
        .await?;
    Ok(rows.into_iter().filter_map(|(id, number)| Some((id, number?))).collect())
}

const COLUMNS: [&str; 21] = [
    "contract_id",
    "transaction_type",
    "amount",
    "status",
    "payment_method",
    "transaction_id",
    "description",
    "created_at",
    "updated_at",
    "paid_at",
    "processed_at",
    "processed_by",
    "balance_after",
    "ledger_number",
    "refund_of",
    "failure_reason",
    "period_start",
    "period_end",
    "gateway",
    "search_text",
    "version",
];

fn values(payment: &Payment) -> Vec<Arg> {
    // most rows are charges, and nobody searches for them by text
    let searched = [&payment.transaction_id, &payment.description].map(Option::as_deref);
    let search = if payment.transaction_type == TransactionType::Charge { String::new() } else { search_text(searched) };
    vec![
        payment.contract_id.into(),
        payment.transaction_type.into(),
        payment.amount.into(),
        payment.status.into(),
        payment.payment_method.into(),
        (&payment.transaction_id).into(),
        (&payment.description).into(),
        payment.created_at.into(),
        payment.updated_at.into(),
        payment.paid_at.into(),
        payment.processed_at.into(),
        (&payment.processed_by).into(),
        payment.balance_after.into(),
        payment.ledger_number.into(),
        payment.refund_of.into(),
        (&payment.failure_reason).into(),
        payment.period_start.into(),
        payment.period_end.into(),
        (&payment.gateway).into(),
        search.into(),
        payment.version.into(),
    ]
}

/// Inserts a transaction, ignoring the id in it, and returns its new id.
pub async fn insert(tx: &mut Tx, payment: &Payment) -> Result<PaymentId> {
    let mut rows = Bulk::into_table("payments", &COLUMNS);
    rows.row(values(payment));
    rows.insert_one(tx).await
}

/// Saves the decision on a pending payment and increments its version. Errors: `stale_version` after a concurrent change.
pub async fn decide(tx: &mut Tx, payment: &mut Payment) -> Result<()> {
    Sql::new(
        "UPDATE payments SET status = $1, processed_at = $2, processed_by = $3, balance_after = $4, ledger_number = $5, failure_reason = $6, \
         updated_at = $7, version = version + 1 WHERE id = $8 AND version = $9",
    )
    .bind(payment.status)
    .bind(payment.processed_at)
    .bind(&payment.processed_by)
    .bind(payment.balance_after)
    .bind(payment.ledger_number)
    .bind(&payment.failure_reason)
    .bind(payment.updated_at)
    .bind(payment.id)
    .bind(payment.version)
    .expect_one(tx)
    .await?;
    payment.version += 1;
    Ok(())
}

/// Marks a payment as refunded in full.
pub async fn set_refunded(tx: &mut Tx, id: PaymentId, at: DateTime<Utc>) -> Result<()> {
    Sql::new("INSERT INTO refunded_payments (payment_id, refunded_at) VALUES ($1, $2)").bind(id).bind(at).execute(tx).await.map(drop)
}

/// Inserts many transactions with the given ids.
pub async fn insert_all(tx: &mut Tx, payments: &[Payment]) -> Result<()> {
    let columns: Vec<&str> = ["id"].into_iter().chain(COLUMNS).collect();
    let mut rows = Bulk::into_table("payments", &columns);
    for payment in payments {
        rows.row([Arg::from(payment.id)].into_iter().chain(values(payment)).collect());
    }
    rows.execute(tx).await
}

/// Finds contracts whose balance differs from the signed sum of their successful transactions, or from the newest balance in the ledger.
pub async fn wrong_balances(conn: &mut Conn) -> Result<Vec<(ContractId,)>> {
    Sql::new(
        "SELECT c.id FROM contracts c LEFT JOIN (SELECT contract_id, MAX(ledger_number) AS newest, \
         SUM(CASE WHEN transaction_type IN ('charge', 'refund', 'payout') THEN -amount ELSE amount END) AS total, \
         SUM(CASE WHEN transaction_type = 'charge' THEN amount WHEN transaction_type = 'correction' AND period_start IS NOT NULL \
         THEN -amount ELSE 0 END) AS charged \
         FROM payments WHERE status = 'success' GROUP BY contract_id) p ON p.contract_id = c.id \
         LEFT JOIN payments n ON n.contract_id = c.id AND n.ledger_number = p.newest \
         WHERE c.balance <> COALESCE(p.total, 0) OR c.balance <> COALESCE(n.balance_after, 0) OR c.total_charged <> COALESCE(p.charged, 0)",
    )
    .all(conn)
    .await
}

/// Finds successful transactions whose balance does not follow from the one before them, or whose ledger number has no predecessor.
pub async fn broken_ledgers(conn: &mut Conn) -> Result<Vec<(PaymentId,)>> {
    Sql::new(
        "SELECT p.id FROM payments p LEFT JOIN payments b ON b.contract_id = p.contract_id AND b.ledger_number = p.ledger_number - 1 \
         WHERE p.status = 'success' AND ((b.id IS NULL AND p.ledger_number <> 1) OR p.balance_after <> COALESCE(b.balance_after, 0) + \
         CASE WHEN p.transaction_type IN ('charge', 'refund', 'payout') THEN -p.amount ELSE p.amount END)",
    )
    .all(conn)
    .await
}

/// Finds payments that were refunded by more than their amount.
pub async fn refunded_too_much(conn: &mut Conn) -> Result<Vec<(PaymentId,)>> {
    Sql::new(
        "SELECT p.id FROM payments p JOIN (SELECT refund_of, SUM(amount) AS total FROM payments WHERE refund_of IS NOT NULL AND status = 'success' \
         GROUP BY refund_of) r ON r.refund_of = p.id WHERE r.total > p.amount",
    )
    .all(conn)
    .await
}

/// Finds payments marked as refunded in full that are not, or the reverse; and refunds on a different contract from their payment's.
pub async fn wrong_refunds(conn: &mut Conn) -> Result<Vec<(PaymentId,)>> {
    Sql::new(
        "SELECT p.id FROM payments p JOIN (SELECT refund_of, SUM(amount) AS total FROM payments WHERE refund_of IS NOT NULL GROUP BY refund_of) r \
         ON r.refund_of = p.id WHERE r.total = p.amount AND NOT EXISTS (SELECT 1 FROM refunded_payments m WHERE m.payment_id = p.id) \
         UNION ALL SELECT m.payment_id FROM refunded_payments m JOIN payments p ON p.id = m.payment_id \
         WHERE p.amount <> (SELECT COALESCE(SUM(r.amount), 0) FROM payments r WHERE r.refund_of = p.id) \
         UNION ALL SELECT r.id FROM payments r JOIN payments p ON p.id = r.refund_of \
         WHERE r.contract_id <> p.contract_id OR r.transaction_type <> 'refund' OR p.transaction_type <> 'payment'",
    )
    .all(conn)
    .await
}

/// Finds payouts that took a balance below zero.
pub async fn wrong_payouts(conn: &mut Conn) -> Result<Vec<(PaymentId,)>> {
    Sql::new("SELECT id FROM payments WHERE transaction_type = 'payout' AND balance_after < 0").all(conn).await
}

/// The amount of refunds on a contract that were requested from gateways and not yet confirmed.
pub async fn requested_refunds(conn: &mut Conn, id: ContractId) -> Result<Money> {
    Sql::new(
        "SELECT CAST(COALESCE(SUM(gateway_payments.refund_requested), 0) AS BIGINT) FROM payments \
         JOIN gateway_payments ON gateway_payments.payment_id = payments.id WHERE payments.contract_id = $1",
    )
    .bind(id)
    .scalar(conn)
    .await
}
