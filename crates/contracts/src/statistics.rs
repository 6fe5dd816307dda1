//! What many contracts come to.

use acl::{Granted, perm};
use database::Conn;
use kernel::{Money, Result};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    model::{ContractStatus, HoldReason},
    store,
};

/// Contracts in one state.
#[derive(Clone, Debug, Serialize, ToSchema, sqlx::FromRow)]
#[schema(example = json!({"status": "active", "count": 1204}))]
pub struct ContractsOfStatus {
    /// The state.
    pub status: ContractStatus,
    /// How many.
    pub count: i64,
}

/// Contracts with one hold on.
#[derive(Clone, Debug, Serialize, ToSchema, sqlx::FromRow)]
#[schema(example = json!({"reason": "debt", "count": 31}))]
pub struct ContractsOfHold {
    /// The hold.
    pub reason: HoldReason,
    /// How many.
    pub count: i64,
}

/// What the balances come to, and what happened this month.
#[derive(Clone, Copy, Debug, sqlx::FromRow)]
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

/// What the contracts come to.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "by_status": [{"status": "active", "count": 1204}], "by_hold": [{"reason": "debt", "count": 31}], "prepaid_total": "731204.50",
    "owed_total": "-18400.00", "owing": 40, "activated_this_month": 75, "terminated_this_month": 12
}))]
pub struct ContractStatistics {
    /// How many there are in each state.
    pub by_status: Vec<ContractsOfStatus>,
    /// How many are held for each reason; one held for two is in both.
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

/// What the contracts come to.
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
