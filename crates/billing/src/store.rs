//! SQL of billing periods.

pub mod explanations;
pub mod runs;

use chrono::NaiveDate;
use database::{Arg, Bulk, Conn, Given, Sql, Tx};
use kernel::{
    Result,
    id::{BillingRunId, ContractId, CustomerId, PaymentId},
};

use crate::model::PeriodRow;

/// Reads the contract's newest period that did not end early.
pub async fn newest(tx: &mut Conn, contract_id: ContractId) -> Result<Option<PeriodRow>> {
    Sql::new(
        "SELECT contract_id, period_start, period_end, tariff_version_id, option_fees, discount_percent, whole_fee, whole_days, fee, \
         charged_days, credited, payment_id, charged_at, billing_run_id FROM contract_periods \
         WHERE contract_id = $1 AND ended_on IS NULL ORDER BY period_start DESC LIMIT 1",
    )
    .bind(contract_id)
    .optional(tx)
    .await
}

/// Reads the newest periods of many contracts that did not end early.
pub async fn newest_of(tx: &mut Conn, contracts: &[ContractId]) -> Result<Vec<PeriodRow>> {
    Given::one_column(&["of_contract"], contracts.iter().copied())
        .all(
            "SELECT t.contract_id, t.period_start, t.period_end, t.tariff_version_id, t.option_fees, t.discount_percent, t.whole_fee, t.whole_days, \
             t.fee, t.charged_days, t.credited, t.payment_id, t.charged_at, t.billing_run_id FROM given JOIN contract_periods t ON t.contract_id = given.of_contract AND t.period_start = \
             (SELECT MAX(b.period_start) FROM contract_periods b WHERE b.contract_id = given.of_contract AND b.ended_on IS NULL)",
            tx,
        )
        .await
}

/// Finds the subscriber's active and suspended contracts without a period that runs today.
pub async fn without_period(tx: &mut Tx, customer_id: CustomerId) -> Result<Vec<ContractId>> {
    let today = tx.today();
    Sql::new(
        "SELECT id FROM contracts WHERE customer_id = $1 AND status IN ('active', 'suspended') AND NOT EXISTS (SELECT 1 FROM contract_periods \
         WHERE contract_id = contracts.id AND ended_on IS NULL AND period_end > $2) ORDER BY id",
    )
    .bind(customer_id)
    .bind(today)
    .scalars(tx)
    .await
}

const COLUMNS: [&str; 14] = [
    "contract_id",
    "period_start",
    "period_end",
    "tariff_version_id",
    "option_fees",
    "discount_percent",
    "whole_fee",
    "whole_days",
    "fee",
    "charged_days",
    "credited",
    "payment_id",
    "charged_at",
    "billing_run_id",
];

/// Inserts periods.
pub async fn insert_periods(tx: &mut Tx, periods: &[PeriodRow]) -> Result<()> {
    let mut rows = Bulk::into_table("contract_periods", &COLUMNS);
    for period in periods {
        rows.row(vec![
            period.contract_id.into(),
            period.period_start.into(),
            period.period_end.into(),
            period.tariff_version_id.into(),
            (&period.option_fees).into(),
            period.discount_percent.into(),
            period.whole_fee.into(),
            period.whole_days.into(),
            period.fee.into(),
            period.charged_days.into(),
            period.credited.into(),
            period.payment_id.into(),
            Arg::from(period.charged_at),
            period.billing_run_id.into(),
        ]);
    }
    rows.execute(tx).await
}

/// Saves the charge of a period.
pub async fn set_charged(tx: &mut Tx, period: &PeriodRow) -> Result<()> {
    Sql::new(
        "UPDATE contract_periods SET fee = $1, charged_days = $2, payment_id = $3, charged_at = $4 \
         WHERE contract_id = $5 AND period_start = $6 AND charged_at IS NULL",
    )
    .bind(period.fee)
    .bind(period.charged_days)
    .bind(period.payment_id)
    .bind(period.charged_at)
    .bind(period.contract_id)
    .bind(period.period_start)
    .expect_one(tx)
    .await
}

/// Saves what was credited of a period that has ended.
pub async fn set_credited(tx: &mut Tx, period: &PeriodRow) -> Result<()> {
    Sql::new("UPDATE contract_periods SET credited = $1 WHERE contract_id = $2 AND period_start = $3 AND ended_on IS NULL AND credited = 0")
        .bind(period.credited)
        .bind(period.contract_id)
        .bind(period.period_start)
        .expect_one(tx)
        .await
}

/// Moves the end of a period to an earlier day; no other period follows on that day by itself.
pub async fn shorten(tx: &mut Tx, period: &PeriodRow, end: NaiveDate) -> Result<()> {
    Sql::new("UPDATE contract_periods SET period_end = $1 WHERE contract_id = $2 AND period_start = $3 AND ended_on IS NULL")
        .bind(end)
        .bind(period.contract_id)
        .bind(period.period_start)
        .expect_one(tx)
        .await
}

/// Saves the charges of periods of many contracts. Returns how many changed.
pub async fn set_all_charged(tx: &mut Tx, periods: &[PeriodRow]) -> Result<u64> {
    let mut rows = Given::of(&["of_contract", "of_start", "new_fee", "new_days", "new_payment_id", "new_charged_at", "new_run_id"]);
    for period in periods {
        rows.row(vec![
            period.contract_id.into(),
            period.period_start.into(),
            period.fee.into(),
            period.charged_days.into(),
            period.payment_id.into(),
            period.charged_at.into(),
            period.billing_run_id.into(),
        ]);
    }
    rows.execute(
        "UPDATE contract_periods SET fee = given.new_fee, charged_days = given.new_days, payment_id = given.new_payment_id, \
         charged_at = given.new_charged_at, billing_run_id = given.new_run_id FROM given WHERE contract_id = given.of_contract AND period_start = given.of_start AND charged_at IS NULL",
        tx,
    )
    .await
}

/// Notes the run that charged these contracts now.
pub async fn note_run(tx: &mut Tx, run: BillingRunId, contracts: &[ContractId]) -> Result<()> {
    if contracts.is_empty() {
        return Ok(());
    }
    let mut rows = Given::of(&["of_contract", "of_run", "since", "until"]);
    // a contract that was changed by another clock moves the time forward
    let (since, until) = (tx.context().now, tx.now());
    for id in contracts {
        rows.row(vec![(*id).into(), run.into(), since.into(), until.into()]);
    }
    rows.execute(
        "UPDATE contract_periods SET billing_run_id = given.of_run FROM given \
         WHERE contract_id = given.of_contract AND charged_at >= given.since AND charged_at <= given.until AND billing_run_id IS NULL",
        tx,
    )
    .await?;
    Ok(())
}

/// Ends a period that a change cuts on this day, with the credited amount.
pub async fn cut(tx: &mut Tx, period: &PeriodRow, on: NaiveDate) -> Result<()> {
    Sql::new("UPDATE contract_periods SET ended_on = $1, credited = $2 WHERE contract_id = $3 AND period_start = $4 AND ended_on IS NULL")
        .bind(on)
        .bind(period.credited)
        .bind(period.contract_id)
        .bind(period.period_start)
        .expect_one(tx)
        .await
}

/// Replaces a period that began on the same day and whose charge was credited in full.
pub async fn replace(tx: &mut Tx, period: &PeriodRow) -> Result<()> {
    Sql::new(
        "UPDATE contract_periods SET tariff_version_id = $1, option_fees = $2, discount_percent = $3, whole_fee = $4, fee = $5, charged_days = $6, \
         credited = $7, payment_id = $8, charged_at = $9, billing_run_id = NULL \
         WHERE contract_id = $10 AND period_start = $11 AND ended_on IS NULL",
    )
    .bind(period.tariff_version_id)
    .bind(&period.option_fees)
    .bind(period.discount_percent)
    .bind(period.whole_fee)
    .bind(period.fee)
    .bind(period.charged_days)
    .bind(period.credited)
    .bind(period.payment_id)
    .bind(period.charged_at)
    .bind(period.contract_id)
    .bind(period.period_start)
    .expect_one(tx)
    .await
}

/// Links a correction to the charge that it credits in part or in full; a charge is credited once.
pub async fn note_credit(tx: &mut Tx, credit: PaymentId, charge: PaymentId) -> Result<()> {
    let mut rows = Bulk::into_table("charge_credits", &["credit_id", "charge_id"]);
    rows.row(vec![credit.into(), charge.into()]);
    rows.execute(tx).await
}

/// Ends a period early.
pub async fn end(tx: &mut Tx, period: &PeriodRow, ended_on: NaiveDate) -> Result<()> {
    Sql::new("UPDATE contract_periods SET ended_on = $1, credited = $2 WHERE contract_id = $3 AND period_start = $4")
        .bind(ended_on)
        .bind(period.credited)
        .bind(period.contract_id)
        .bind(period.period_start)
        .expect_one(tx)
        .await
}

/// Finds contracts whose periods overlap, or whose charges do not match their periods.
pub async fn wrong_periods(conn: &mut Conn) -> Result<Vec<(ContractId, String)>> {
    Sql::new(
        "SELECT a.contract_id, 'has periods that overlap' FROM contract_periods a JOIN contract_periods b \
         ON b.contract_id = a.contract_id AND b.period_start > a.period_start AND b.period_start < COALESCE(a.ended_on, a.period_end) \
         UNION ALL SELECT p.contract_id, 'has a charge that is not the one of its period' FROM payments p \
         LEFT JOIN contract_periods t ON t.payment_id = p.id \
         WHERE p.transaction_type = 'charge' AND p.status = 'success' AND p.period_start IS NOT NULL \
         AND (t.id IS NULL OR t.contract_id <> p.contract_id OR p.period_start < t.period_start OR p.period_end > t.period_end \
         OR t.fee IS NULL OR t.fee <> p.amount) \
         AND (t.id IS NOT NULL OR NOT EXISTS (SELECT 1 FROM charge_credits g JOIN payments c ON c.id = g.credit_id \
         WHERE g.charge_id = p.id AND c.amount = p.amount)) \
         UNION ALL SELECT t.contract_id, 'has a period of which not that was given back which it says' FROM contract_periods t \
         WHERE t.payment_id IS NOT NULL AND t.credited <> COALESCE((SELECT c.amount FROM charge_credits g \
         JOIN payments c ON c.id = g.credit_id WHERE g.charge_id = t.payment_id), 0) \
         UNION ALL SELECT c.contract_id, 'has a credit that is more than its charge, or of another contract' FROM charge_credits g \
         JOIN payments c ON c.id = g.credit_id JOIN payments p ON p.id = g.charge_id \
         WHERE c.contract_id <> p.contract_id OR c.amount > p.amount OR c.transaction_type <> 'correction' OR p.transaction_type <> 'charge' \
         UNION ALL SELECT a.contract_id, 'has a cut in its periods that no period follows' FROM contract_periods a \
         JOIN contracts k ON k.id = a.contract_id AND k.status <> 'terminated' \
         WHERE a.ended_on IS NOT NULL AND NOT EXISTS \
         (SELECT 1 FROM contract_periods b WHERE b.contract_id = a.contract_id AND b.period_start = a.ended_on) \
         UNION ALL SELECT t.contract_id, 'has a period with a fee and no charge' FROM contract_periods t \
         WHERE t.fee > 0 AND t.payment_id IS NULL \
         UNION ALL SELECT a.contract_id, 'has a period that was never charged, and a later one' FROM contract_periods a \
         WHERE a.charged_at IS NULL AND EXISTS \
         (SELECT 1 FROM contract_periods b WHERE b.contract_id = a.contract_id AND b.period_start > a.period_start)",
    )
    .all(conn)
    .await
}
