//! The use cases of payments that move no money; the others are in `ledger` and in `billing`.

use acl::{Granted, Permission, perm};
use contracts::{Contract, ContractStatus};
use database::{Conn, Page, Paging, Tx};
use kernel::{
    Error, Money, Result,
    id::{ContractId, CustomerId, PaymentId},
};

use crate::{
    input::{OnContractFilter, PaymentFilter},
    model::{Payment, refusal},
    store,
};

/// Returns a transaction. Errors: `payment_not_found`.
pub async fn get(conn: &mut Conn, _: &Granted<perm::PaymentsRead>, id: PaymentId) -> Result<Payment> {
    store::get(conn, id).await?.ok_or_else(|| refusal::NOT_FOUND.into())
}

/// Reads a transaction for a use case that has checked its own permission. Errors: `payment_not_found`.
pub async fn read(conn: &mut Conn, id: PaymentId) -> Result<Payment> {
    store::get(conn, id).await?.ok_or_else(|| refusal::NOT_FOUND.into())
}

/// Finds the transaction with this transaction id.
pub async fn by_transaction_id(conn: &mut Conn, transaction_id: &str) -> Result<Option<Payment>> {
    match store::by_transaction_id(conn, transaction_id).await? {
        Some(id) => store::get(conn, id).await,
        None => Ok(None),
    }
}

/// The actors that refunded a payment, one for each refund.
pub async fn refunders(conn: &mut Conn, id: PaymentId) -> Result<Vec<Option<String>>> {
    store::refunders(conn, id).await
}

/// Reads a transaction and its contract, and locks both until the transaction ends. Errors: `payment_not_found`.
pub async fn load(tx: &mut Tx, id: PaymentId) -> Result<(Payment, Contract)> {
    let contract_id = store::contract_of(tx, id).await?.ok_or(refusal::NOT_FOUND)?;
    // every change of a transaction holds its contract's lock, so this lock is enough, and reads after it see the committed state
    let contract = contracts::steps::load(tx, contract_id).await?;
    let payment = store::get(tx, id).await?.ok_or(refusal::NOT_FOUND)?;
    // one that is pending has not changed its contract
    tx.not_before(payment.updated_at);
    Ok((payment, contract))
}

/// What is left on the balance of a locked contract to give back: without what gateways are about to refund.
pub async fn left(conn: &mut Conn, contract: &Contract) -> Result<Money> {
    Ok(contract.balance.less_or_zero(store::requested_refunds(conn, contract.id).await?))
}

/// The amount of a refund: the requested amount, or all that is left of the payment. Who may not correct balances refunds at most what is
/// left on the balance.
///
/// Errors: `payment_not_refundable`, `refund_too_large`, `refund_exceeds_balance`.
pub async fn refund_amount(
    conn: &mut Conn,
    granted: &Granted<perm::PaymentsRefund>,
    contract: &Contract,
    payment: &Payment,
    asked: Option<Money>,
) -> Result<Money> {
    let amount = payment.refundable(asked)?;
    if granted.may(Permission::PaymentsCorrect) {
        return Ok(amount);
    }
    let left = left(conn, contract).await?;
    match asked {
        _ if amount <= left => Ok(amount),
        None if left > Money::ZERO => Ok(left),
        _ => Err(Error::new(refusal::REFUND_EXCEEDS_BALANCE).with("left", left)),
    }
}

/// The amount of a payout: the requested amount, or all that is left on the balance.
///
/// Errors: `contract_not_terminated`, `payout_too_large`.
pub async fn payout_amount(conn: &mut Conn, contract: &Contract, asked: Option<Money>) -> Result<Money> {
    if contract.status != ContractStatus::Terminated {
        return Err(Error::new(refusal::NOT_TERMINATED).with("number", &contract.number));
    }
    let left = left(conn, contract).await?;
    let amount = asked.unwrap_or(left);
    if amount > left || left == Money::ZERO {
        return Err(Error::new(refusal::PAYOUT_TOO_LARGE).with("left", left));
    }
    Ok(amount)
}

/// Lists the transactions of one contract. Errors: `contract_not_found`.
pub async fn list_of_contract(
    conn: &mut Conn,
    _: &Granted<perm::PaymentsRead>,
    id: ContractId,
    filter: &OnContractFilter,
    paging: &Paging,
) -> Result<Page<Payment>> {
    contracts::exists(conn, id).await?;
    store::list(conn, &filter.of(id), paging).await
}

/// Lists transactions.
pub async fn list(conn: &mut Conn, _: &Granted<perm::PaymentsRead>, filter: &PaymentFilter, paging: &Paging) -> Result<Page<Payment>> {
    store::list(conn, filter, paging).await
}

/// Lists the transactions on all contracts of a subscriber.
pub async fn list_of_customer(
    conn: &mut Conn,
    _: &Granted<perm::PaymentsRead>,
    customer_id: CustomerId,
    paging: &Paging,
) -> Result<Page<Payment>> {
    store::list_of_customer(conn, customer_id, paging).await
}

/// Lists the payments that wait for a decision.
pub async fn list_quarantined(conn: &mut Conn, _: &Granted<perm::PaymentsRead>, paging: &Paging) -> Result<Page<Payment>> {
    store::by_gateway::list_quarantined(conn, paging).await
}

/// Inserts many transactions with the given ids; the caller has moved the balances.
pub async fn insert_all(tx: &mut Tx, payments: &[Payment]) -> Result<()> {
    store::insert_all(tx, payments).await
}

/// Finds broken invariants of the ledger, described for the operator's engineers.
pub async fn violations(conn: &mut Conn) -> Result<Vec<String>> {
    let balances = store::wrong_balances(conn).await?.into_iter();
    let mut all: Vec<String> =
        balances.map(|(id,)| format!("contract {id} has a balance that its transactions do not add up to")).collect();
    let refunds = store::refunded_too_much(conn).await?.into_iter();
    all.extend(refunds.map(|(id,)| format!("payment {id} was refunded by more than its amount")));
    let broken = store::broken_ledgers(conn).await?.into_iter();
    all.extend(broken.map(|(id,)| format!("transaction {id} does not continue the ledger of its contract")));
    let refunds = store::wrong_refunds(conn).await?.into_iter();
    all.extend(refunds.map(|(id,)| format!("payment {id} and its refunds do not fit each other")));
    let payouts = store::wrong_payouts(conn).await?.into_iter();
    all.extend(payouts.map(|(id,)| format!("payout {id} took a balance below zero")));
    let gateways = store::by_gateway::disagreeing(conn).await?.into_iter();
    all.extend(gateways.map(|(id,)| format!("payment {id} and what its gateway has in hand do not fit each other")));
    Ok(all)
}
