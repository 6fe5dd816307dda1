//! Statistics of contracts.

use acl::{Granted, perm};
use database::Conn;
use kernel::{Money, Result};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    model::{ContractStatus, HoldReason},
    store,
};

/// Contracts with one status.
#[derive(Clone, Debug, Serialize, ToSchema, sqlx_macros::FromRow)]
#[schema(example = json!({"status": "active", "count": 1204}))]
pub struct ContractsOfStatus {
    /// The status.
    pub status: ContractStatus,
    /// How many.
    pub count: i64,
}

/// Contracts with one hold.
#[derive(Clone, Debug, Serialize, ToSchema, sqlx_macros::FromRow)]
#[schema(example = json!({"reason": "debt", "count": 31}))]
pub struct ContractsOfHold {
    /// The hold.
    pub reason: HoldReason,
    /// How many.
    pub count: i64,
}

/// Totals of the balances, and the contracts of this month.
#[derive(Clone, Copy, Debug, sqlx_macros::FromRow)]
pub struct Totals {
    /// The sum of balances above zero.
    pub prepaid_total: Money,
    /// The sum of balances below zero.
    pub owed_total: Money,
    /// Contracts with a balance below zero.
    pub owing: i64,
    /// Contracts activated this month.
    pub activated: i64,
    /// Contracts terminated this month.
    pub terminated: i64,
}

/// Statistics of contracts.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "by_status": [{"status": "active", "count": 1204}], "by_hold": [{"reason": "debt", "count": 31}], "prepaid_total": "731204.50",
    "owed_total": "-18400.00", "owing": 40, "activated_this_month": 75, "terminated_this_month": 12
}))]
pub struct ContractStatistics {
    /// The number of contracts by status.
    pub by_status: Vec<ContractsOfStatus>,
    /// The number of contracts by hold; a contract with two holds counts in both.
    pub by_hold: Vec<ContractsOfHold>,
    /// The sum of balances above zero.
    #[schema(value_type = kernel::money::MoneyTotal)]
    pub prepaid_total: Money,
    /// The sum of balances below zero.
    #[schema(value_type = kernel::money::MoneyTotal)]
    pub owed_total: Money,
    /// Contracts with a balance below zero.
    pub owing: i64,
    /// Contracts activated this month.
    pub activated_this_month: i64,
    /// Contracts terminated this month.
    pub terminated_this_month: i64,
}

/// Computes the statistics of contracts.
pub async fn statistics(conn: &mut Conn, _: &Granted<perm::ReportsRead>) -> Result<ContractStatistics> {
    let totals = store::statistics::totals(conn).await?;
    Ok(ContractStatistics {
        by_status: store::statistics::by_status(conn).await?,
        by_hold: store::statistics::by_hold(conn).await?,
        prepaid_total: totals.prepaid_total,
        owed_total: totals.owed_total,
        owing: totals.owing,
        activated_this_month: totals.activated,
        terminated_this_month: totals.terminated,
    })
}
