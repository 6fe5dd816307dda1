//! The only module that moves money.

use std::collections::HashMap;

use chrono::{DateTime, NaiveDate, Utc};
use contracts::{Contract, ContractStatus};
use database::{Event, EventKind, Tx, audit::Entry};
use kernel::{
    Actor, Error, FieldErrors, Money, Result,
    error::{common, field},
    id::{ContractId, PaymentId},
};
use serde_json::json;

use crate::{
    model::{Decider, Payment, PaymentAction, PaymentMethod, PaymentStatus, TransactionType, refusal},
    store,
};

/// A transaction to post.
#[derive(Clone, Debug)]
pub struct Posting {
    /// The type of the transaction.
    pub transaction_type: TransactionType,
    /// The amount; above zero, except for corrections.
    pub amount: Money,
    /// The payment method.
    pub method: PaymentMethod,
    /// The payer's own id of the payment.
    pub transaction_id: Option<String>,
    /// What the transaction is for.
    pub description: Option<String>,
    /// When the payer paid, if that was before.
    pub paid_at: Option<DateTime<Utc>>,
    /// The days of a charge, or of a correction that credits a charge automatically: the first day and the day after the last.
    pub period: Option<(NaiveDate, NaiveDate)>,
}

/// Inserts a successful transaction and moves the balance of the locked contract.
///
/// Errors: `payment_duplicate` when the transaction id is taken, `amount_out_of_range`, `contract_terminated`.
pub async fn post(tx: &mut Tx, contract: &mut Contract, posting: Posting) -> Result<Payment> {
    takes(contract, posting.transaction_type, posting.amount)?;
    unique(tx, posting.transaction_id.as_deref()).await?;
    enter(tx, contract, posting, None).await
}

/// Inserts a payment whose money has not come yet, without moving the balance.
///
/// Errors: `payment_duplicate`, `contract_terminated`.
pub async fn expect(tx: &mut Tx, contract: &Contract, posting: Posting) -> Result<Payment> {
    let payment = pending(tx, contract, posting).await?;
    create(tx, payment).await
}

/// Inserts a pending payment through a gateway, with the gateway's name and the time when the payment expires.
///
/// Errors: `payment_duplicate`, `contract_terminated`.
pub async fn expect_by(tx: &mut Tx, contract: &Contract, posting: Posting, gateway: &str, expires_at: DateTime<Utc>) -> Result<Payment> {
    let payment = pending(tx, contract, posting).await?;
    create(tx, Payment { gateway: Some(gateway.to_owned()), expires_at: Some(expires_at), ..payment }).await
}

/// Builds a payment whose money has not come yet, without an id. Errors: `payment_duplicate`, `contract_terminated`.
async fn pending(tx: &mut Tx, contract: &Contract, posting: Posting) -> Result<Payment> {
    takes(contract, posting.transaction_type, posting.amount)?;
    unique(tx, posting.transaction_id.as_deref()).await?;
    let posted = posted(contract.id, tx.actor(), posting, contract.balance, tx.now());
    Ok(Payment { status: PaymentStatus::Pending, processed_at: None, processed_by: None, balance_after: None, ..posted })
}

/// Inserts a pending payment and records it.
async fn create(tx: &mut Tx, mut payment: Payment) -> Result<Payment> {
    payment.id = store::insert(tx, &payment).await.map_err(taken)?;
    tx.record(Entry::new("payment.created", "payment", payment.id).created(&payment));
    Ok(payment)
}

/// Marks a pending payment as successful and moves the balance of the locked contract.
///
/// Errors: `payment_wrong_state`, `contract_terminated`, `amount_out_of_range`.
pub async fn succeed(tx: &mut Tx, contract: &mut Contract, payment: &Payment, by: Decider) -> Result<Payment> {
    let status = payment.stepped(PaymentAction::Succeed, by)?;
    takes(contract, payment.transaction_type, payment.amount)?;
    move_balance(tx, contract, payment.transaction_type.effect(payment.amount), Money::ZERO).await?;
    let after = Payment { status, balance_after: Some(contract.balance), ..decided(tx, payment) };
    let received = keep(tx, "payment.received", payment, after).await?;
    tell(tx, contract, EventKind::PaymentReceived, &received);
    Ok(received)
}

/// Marks a pending payment as accepted by its gateway, without moving the balance. Errors: `payment_wrong_state`.
pub async fn take_on(tx: &mut Tx, payment: &Payment) -> Result<Payment> {
    let status = payment.stepped(PaymentAction::TakeOn, Decider::Gateway)?;
    store::by_gateway::set_processing(tx, payment).await?;
    let after = Payment { status, updated_at: tx.now(), version: payment.version + 1, ..payment.clone() };
    tx.record(Entry::new("payment.taken_on", "payment", after.id).change(payment, &after));
    Ok(after)
}

/// Sets the transaction id of a payment to the id that its gateway gave it. Errors: `stale_version`.
pub async fn set_transaction_id(tx: &mut Tx, payment: &mut Payment, transaction_id: String) -> Result<()> {
    store::by_gateway::set_transaction_id(tx, payment, &transaction_id).await?;
    payment.transaction_id = Some(transaction_id);
    payment.updated_at = tx.now();
    payment.version += 1;
    Ok(())
}

/// Increments the version of a payment after a change to related rows.
pub async fn touch(tx: &mut Tx, id: PaymentId) -> Result<()> {
    store::by_gateway::touch(tx, id).await
}

/// Marks a payment as failed or cancelled, without moving the balance. Errors: `payment_wrong_state`.
pub async fn give_up(
    tx: &mut Tx,
    contract: &Contract,
    payment: &Payment,
    action: PaymentAction,
    by: Decider,
    reason: Option<&str>,
) -> Result<Payment> {
    let status = payment.stepped(action, by)?;
    let after = Payment { status, failure_reason: reason.map(str::to_owned), ..decided(tx, payment) };
    let what = if status == PaymentStatus::Cancelled { "payment.cancelled" } else { "payment.failed" };
    let over = keep(tx, what, payment, after).await?;
    if over.status == PaymentStatus::Failed {
        tell(tx, contract, EventKind::PaymentFailed, &over);
    }
    Ok(over)
}

/// Refunds a payment in whole or in part. The refund is a separate transaction; the row of the payment does not change.
///
/// A refund may exceed the balance: the balance then falls below zero, and the subscriber owes the difference.
///
/// Errors: `payment_not_refundable`, `refund_too_large`, `amount_out_of_range`.
pub async fn refund(tx: &mut Tx, contract: &mut Contract, payment: &Payment, asked: Option<Money>, reason: &str) -> Result<Payment> {
    let now = tx.now();
    let amount = payment.refundable(asked)?;
    let posting = Posting {
        transaction_type: TransactionType::Refund,
        amount,
        method: payment.payment_method,
        transaction_id: None,
        description: Some(reason.to_owned()),
        paid_at: None,
        period: None,
    };
    let refund = enter(tx, contract, posting, Some(payment)).await?;
    if payment.refunded_amount.add(amount)? == payment.amount {
        store::set_refunded(tx, payment.id, now).await?;
    }
    Ok(refund)
}

/// Inserts successful charges of many locked contracts in a few statements, with the effect of [`post`] on each in turn. Returns their
/// ids.
///
/// It moves the balances of the given contracts; the caller saves them. Errors: `amount_out_of_range`, `contract_terminated`.
pub async fn charge_all(tx: &mut Tx, charges: Vec<(&mut Contract, Vec<Posting>)>) -> Result<Vec<Vec<PaymentId>>> {
    let contracts: Vec<ContractId> = charges.iter().filter(|(_, postings)| !postings.is_empty()).map(|(contract, _)| contract.id).collect();
    let mut newest: HashMap<ContractId, i64> = store::newest_ledger_numbers(tx, &contracts).await?.into_iter().collect();
    let mut ids = tx.take_ids("payments", charges.iter().map(|(_, postings)| postings.len()).sum()).await?.into_iter();
    let (mut payments, mut taken) = (Vec::new(), Vec::new());
    for (contract, postings) in charges {
        let mut of_contract = Vec::new();
        for posting in postings {
            takes(contract, posting.transaction_type, posting.amount)?;
            let before = contract.balance;
            contract.move_balance(posting.transaction_type.effect(posting.amount), posting.amount)?;
            let number = newest.entry(contract.id).and_modify(|number| *number += 1).or_insert(1);
            let id = PaymentId::new(ids.next().ok_or_else(|| Error::internal("fewer ids than charges"))?);
            let at = contract.updated_at.max(tx.now());
            let payment = Payment { id, ledger_number: Some(*number), ..posted(contract.id, tx.actor(), posting, contract.balance, at) };
            tell_if_low(tx, contract, before);
            note(tx, contract, &payment);
            of_contract.push(id);
            payments.push(payment);
        }
        taken.push(of_contract);
    }
    store::insert_all(tx, &payments).await?;
    Ok(taken)
}

/// Checks that a contract can take a payment of this amount. Errors: `contract_terminated`, `amount_out_of_range`.
pub fn accepts(contract: &Contract, amount: Money) -> Result<()> {
    takes(contract, TransactionType::Payment, amount)?;
    contract.balance.add(amount).map(drop)
}

/// Errors: `contract_terminated` when the contract is terminated, except for refunds, corrections, payouts, and payments of what it still
/// owes.
fn takes(contract: &Contract, transaction_type: TransactionType, amount: Money) -> Result<()> {
    let over = contract.status == ContractStatus::Terminated;
    match transaction_type {
        TransactionType::Refund | TransactionType::Correction | TransactionType::Payout => Ok(()),
        TransactionType::Payment if over && amount <= contract.balance.negated() => Ok(()),
        TransactionType::Payment | TransactionType::Charge => contract.not_over(),
    }
}

/// Errors: `payment_duplicate`, naming the transaction that already has this id.
async fn unique(tx: &mut Tx, transaction_id: Option<&str>) -> Result<()> {
    let Some(transaction_id) = transaction_id else { return Ok(()) };
    match store::by_transaction_id(tx, transaction_id).await? {
        None => Ok(()),
        existing => Err(duplicate(existing)),
    }
}

/// Converts a violation of the unique index, which catches concurrent payments with the same transaction id on different contracts.
fn taken(error: Error) -> Error {
    if error.code() == common::DUPLICATE { duplicate(None) } else { error }
}

fn duplicate(existing: Option<PaymentId>) -> Error {
    let mut fields = FieldErrors::default();
    fields.add("transaction_id", field::DUPLICATE).existing_id = existing.map(PaymentId::get);
    Error::new(refusal::DUPLICATE).fields(fields)
}

async fn enter(tx: &mut Tx, contract: &mut Contract, posting: Posting, refunded: Option<&Payment>) -> Result<Payment> {
    move_balance(tx, contract, posting.transaction_type.effect(posting.amount), charged(&posting)).await?;
    let (refund_of, gateway) = (refunded.map(|payment| payment.id), refunded.and_then(|payment| payment.gateway.clone()));
    let mut payment = Payment { refund_of, gateway, ..posted(contract.id, tx.actor(), posting, contract.balance, tx.now()) };
    payment.ledger_number = Some(store::next_ledger_number(tx, contract.id).await?);
    payment.id = store::insert(tx, &payment).await.map_err(taken)?;
    note(tx, contract, &payment);
    Ok(payment)
}

/// How much a transaction adds to what was charged in all: an automatic credit takes off what a charge has added.
fn charged(posting: &Posting) -> Money {
    match posting.transaction_type {
        TransactionType::Charge => posting.amount,
        TransactionType::Correction if posting.period.is_some() => posting.amount.negated(),
        TransactionType::Correction | TransactionType::Payment | TransactionType::Refund | TransactionType::Payout => Money::ZERO,
    }
}

/// Records a new transaction in the audit and emits its event.
fn note(tx: &mut Tx, contract: &Contract, payment: &Payment) {
    let action = match payment.transaction_type {
        TransactionType::Payment => "payment.received",
        TransactionType::Charge => "payment.charged",
        TransactionType::Refund => "payment.refunded",
        TransactionType::Correction => "payment.corrected",
        TransactionType::Payout => "payment.paid_out",
    };
    tx.record(Entry::new(action, "payment", payment.id).created(payment));
    match payment.transaction_type {
        TransactionType::Payment => tell(tx, contract, EventKind::PaymentReceived, payment),
        TransactionType::Refund | TransactionType::Payout => tell(tx, contract, EventKind::PaymentRefunded, payment),
        TransactionType::Charge if payment.period_start.is_some() => tell(tx, contract, EventKind::PeriodCharged, payment),
        TransactionType::Charge => tell(tx, contract, EventKind::PaymentCharged, payment),
        TransactionType::Correction => tell(tx, contract, EventKind::PaymentCorrected, payment),
    }
}

/// Moves the balance of a locked contract, and emits an event when it falls below the threshold.
async fn move_balance(tx: &mut Tx, contract: &mut Contract, change: Money, charged: Money) -> Result<()> {
    let before = contract.balance;
    contracts::steps::post(tx, contract, change, charged).await?;
    tell_if_low(tx, contract, before);
    Ok(())
}

/// Emits an event each time the balance falls below the threshold.
fn tell_if_low(tx: &mut Tx, contract: &Contract, before: Money) {
    let low = tx.policy().low_balance;
    if before >= low && contract.balance < low {
        let data = json!({"number": contract.number, "balance": contract.balance, "threshold": low});
        let event = Event::new(EventKind::BalanceLow, "contract", contract.id, &data);
        tx.publish(event.of_contract(Some(contract.id)).of_customer(contract.customer_id));
    }
}

/// Emits an event about a transaction.
fn tell(tx: &mut Tx, contract: &Contract, kind: EventKind, payment: &Payment) {
    // without the payer's page: whoever has its address can see the order
    let event = Event::new(kind, "payment", payment.id, payment).without("link").with("contract_number", contract.number.as_str());
    tx.publish(event.of_contract(Some(contract.id)).of_customer(contract.customer_id));
}

fn decided(tx: &Tx, payment: &Payment) -> Payment {
    Payment { updated_at: tx.now(), processed_at: Some(tx.now()), processed_by: Some(tx.actor().name.clone()), ..payment.clone() }
}

async fn keep(tx: &mut Tx, action: &'static str, before: &Payment, mut after: Payment) -> Result<Payment> {
    if after.status == PaymentStatus::Success {
        after.ledger_number = Some(store::next_ledger_number(tx, after.contract_id).await?);
    }
    store::decide(tx, &mut after).await?;
    tx.record(Entry::new(action, "payment", after.id).change(before, &after));
    Ok(after)
}

/// Builds a successful transaction at this moment that leaves `balance_after`, without an id or a ledger number.
pub fn posted(contract_id: ContractId, actor: &Actor, posting: Posting, balance_after: Money, at: DateTime<Utc>) -> Payment {
    Payment {
        id: PaymentId::new(0),
        contract_id,
        transaction_type: posting.transaction_type,
        amount: posting.amount,
        status: PaymentStatus::Success,
        payment_method: posting.method,
        transaction_id: posting.transaction_id,
        description: posting.description,
        created_at: at,
        paid_at: posting.paid_at,
        updated_at: at,
        processed_at: Some(at),
        processed_by: Some(actor.name.clone()),
        balance_after: Some(balance_after),
        ledger_number: None,
        refunded_amount: Money::ZERO,
        refund_of: None,
        failure_reason: None,
        period_start: posting.period.map(|(start, _)| start),
        period_end: posting.period.map(|(_, end)| end),
        gateway: None,
        link: None,
        expires_at: None,
        quarantine: None,
        refund_requested: Money::ZERO,
        version: 1,
    }
}
