//! Statistics of payments.

use acl::{Granted, perm};
use chrono::NaiveDate;
use database::Conn;
use kernel::{Money, Result};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    model::{PaymentMethod, PaymentStatus, TransactionType},
    statement::Days,
    store,
};

/// Payments with one status.
#[derive(Clone, Debug, Serialize, ToSchema, sqlx_macros::FromRow)]
#[schema(example = json!({"status": "success", "count": 120, "amount": "84000.00"}))]
pub struct OfStatus {
    /// The status.
    pub status: PaymentStatus,
    /// How many.
    pub count: i64,
    /// Their sum.
    #[schema(value_type = kernel::money::MoneyTotal)]
    pub amount: Money,
}

/// Successful transactions of one type.
#[derive(Clone, Debug, Serialize, ToSchema, sqlx_macros::FromRow)]
#[schema(example = json!({"transaction_type": "charge", "count": 340, "amount": "204000.00"}))]
pub struct OfType {
    /// The type.
    pub transaction_type: TransactionType,
    /// How many.
    pub count: i64,
    /// Their sum. Charges are net of what was credited automatically on these days; corrections are those of staff, and have a sign.
    #[schema(value_type = kernel::money::MoneyTotal)]
    pub amount: Money,
}

/// Payments with one payment method.
#[derive(Clone, Debug, Serialize, ToSchema, sqlx_macros::FromRow)]
#[schema(example = json!({"payment_method": "cash", "count": 12, "amount": "9000.00"}))]
pub struct OfMethod {
    /// The payment method.
    pub payment_method: PaymentMethod,
    /// How many.
    pub count: i64,
    /// Their sum.
    #[schema(value_type = kernel::money::MoneyTotal)]
    pub amount: Money,
}

/// Statistics of payments in a range of days.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "from": "2026-01-01", "to": "2026-01-31", "by_status": [{"status": "success", "count": 120, "amount": "84000.00"}],
    "by_type": [{"transaction_type": "charge", "count": 340, "amount": "204000.00"}],
    "by_method": [{"payment_method": "cash", "count": 12, "amount": "9000.00"}]
}))]
pub struct PaymentStatistics {
    /// The first day.
    pub from: NaiveDate,
    /// The last day.
    pub to: NaiveDate,
    /// Payments created on these days, by their present status.
    pub by_status: Vec<OfStatus>,
    /// Transactions that took effect on these days, by type.
    pub by_type: Vec<OfType>,
    /// Payments received on these days, by payment method; refunds are not subtracted.
    pub by_method: Vec<OfMethod>,
}

/// Computes the statistics of payments in a range of days. Errors: `invalid_parameter`.
pub async fn statistics(conn: &mut Conn, _: &Granted<perm::ReportsRead>, days: Days) -> Result<PaymentStatistics> {
    let span = days.span(conn.context())?;
    Ok(PaymentStatistics {
        from: span.from,
        to: span.to,
        by_status: store::statistics::by_status(conn, span).await?,
        by_type: store::statistics::by_type(conn, span).await?,
        by_method: store::statistics::by_method(conn, span).await?,
    })
}
