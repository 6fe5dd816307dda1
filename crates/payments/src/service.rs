//! The use cases of payments that move no money; those that do are in `ledger` and, above, in `billing`.

use acl::{Granted, perm};
use kernel::{
    Page, Paging, Result,
    db::{Conn, Tx},
    id::PaymentId,
};

use crate::{
    input::PaymentFilter,
    model::{Payment, refusal},
    store,
};

/// One transaction. Errors: `payment_not_found`.
pub async fn get(conn: &mut Conn, _: &Granted<perm::PaymentsRead>, id: PaymentId) -> Result<Payment> {
    store::get(conn, id).await?.ok_or_else(|| refusal::NOT_FOUND.into())
}

/// A page of transactions.
pub async fn list(conn: &mut Conn, _: &Granted<perm::PaymentsRead>, filter: &PaymentFilter, paging: &Paging) -> Result<Page<Payment>> {
    store::list(conn, filter, paging).await
}

/// Writes many transactions under the ids they carry; the caller has moved the balances.
pub async fn insert_all(tx: &mut Tx, payments: &[Payment]) -> Result<()> {
    store::insert_all(tx, payments).await
}

/// What breaks the invariants of the ledger (SPEC 14.1, 14.5), in words for the operator's engineers.
pub async fn violations(conn: &mut Conn) -> Result<Vec<String>> {
    let balances = store::wrong_balances(conn).await?.into_iter();
    let mut all: Vec<String> =
        balances.map(|(id,)| format!("contract {id} has a balance that its transactions do not add up to")).collect();
    let refunds = store::refunded_too_much(conn).await?.into_iter();
    all.extend(refunds.map(|(id,)| format!("payment {id} was refunded by more than its amount")));
    Ok(all)
}
