//! What each cashier has taken and given back, by payment method.

use acl::{Granted, Permission, perm};
use database::{Conn, Page, Paging, page::ListSpec};
use kernel::{Money, Result};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    input::ShiftFilter,
    model::PaymentMethod,
    statement::Days,
    store::{self, shift::Whose},
};

/// The sort orders of a shift.
pub const LIST: ListSpec = store::shift::LIST;

/// The totals of a cashier by one payment method.
#[derive(Clone, Debug, Serialize, ToSchema, sqlx_macros::FromRow)]
#[schema(example = json!({
    "id": 101, "cashier": "operator", "payment_method": "cash", "received_count": 12, "received_amount": "9000.00", "returned_count": 1,
    "returned_amount": "500.00", "net_amount": "8500.00"
}))]
pub struct ShiftTotals {
    /// The first of the transactions; use it only for paging.
    pub id: i64,
    /// The user, or the part of the system, that made the transactions final.
    pub cashier: String,
    /// The payment method.
    pub payment_method: PaymentMethod,
    /// How many payments were received.
    pub received_count: i64,
    /// Their sum.
    #[schema(value_type = kernel::money::MoneyTotal)]
    pub received_amount: Money,
    /// How many refunds and payouts were made.
    pub returned_count: i64,
    /// Their sum.
    #[schema(value_type = kernel::money::MoneyTotal)]
    pub returned_amount: Money,
    /// What was received less what was returned.
    #[schema(value_type = kernel::money::MoneyTotal)]
    pub net_amount: Money,
}

/// Lists what each cashier took and gave back on these days, by payment method. Who may not read reports sees only their own totals.
///
/// Errors: `invalid_parameter`.
pub async fn shift(
    conn: &mut Conn,
    granted: &Granted<perm::PaymentsRead>,
    filter: ShiftFilter,
    paging: &Paging,
) -> Result<Page<ShiftTotals>> {
    let today = conn.today();
    let days = Days { from: filter.from.or(filter.to).or(Some(today)), to: filter.to.or(filter.from.map(|from| from.max(today))) };
    let span = days.span(conn.context())?;
    let whose = match granted.may(Permission::ReportsRead) {
        true => Whose::Everybodys,
        false => Whose::Of(conn.actor().name.clone()),
    };
    store::shift::list(conn, span, whose, paging).await
}
