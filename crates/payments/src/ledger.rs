//! The one way money moves.

use std::collections::HashMap;

use chrono::{DateTime, NaiveDate, Utc};
use contracts::{Contract, ContractStatus};
use database::{Event, EventKind, Tx, audit::Entry};
use kernel::{
    Actor, Context, Error, FieldErrors, Money, Result,
    error::{common, field},
    id::{ContractId, PaymentId},
};
use serde_json::json;

use crate::{
    model::{Decider, Payment, PaymentAction, PaymentMethod, PaymentStatus, TransactionType, refusal},
    store,
};

/// A transaction to be posted.
#[derive(Clone, Debug)]
pub struct Posting {
    /// What it does to the balance.
    pub transaction_type: TransactionType,
    /// How much; above zero but for corrections.
    pub amount: Money,
    /// How the money came.
    pub method: PaymentMethod,
    /// The payer's own id of it.
    pub transaction_id: Option<String>,
    /// What it is for.
    pub description: Option<String>,
    /// The period a charge is for, from its first day to the day after its last.
    pub period: Option<(NaiveDate, NaiveDate)>,
}

/// Writes a successful transaction and moves the balance of the locked contract with it.
///
/// Errors: `payment_duplicate` when the transaction id is taken, `amount_out_of_range`, `contract_terminated`.
pub async fn post(tx: &mut Tx, contract: &mut Contract, posting: Posting) -> Result<Payment> {
    takes(contract, posting.transaction_type, posting.amount)?;
    unique(tx, posting.transaction_id.as_deref()).await?;
    enter(tx, contract, posting, None).await
}

/// Notes a payment whose money is yet to come; no balance moves.
///
/// Errors: `payment_duplicate`, `contract_terminated`.
pub async fn expect(tx: &mut Tx, contract: &Contract, posting: Posting) -> Result<Payment> {
    expect_by(tx, contract, posting, None).await
}

/// The same of a payment that a gateway takes, with its name and when the payment is given up.
///
/// Errors: `payment_duplicate`, `contract_terminated`.
pub async fn expect_by(tx: &mut Tx, contract: &Contract, posting: Posting, gateway: Option<(&str, DateTime<Utc>)>) -> Result<Payment> {
    takes(contract, posting.transaction_type, posting.amount)?;
    unique(tx, posting.transaction_id.as_deref()).await?;
    let (gateway, expires_at) = gateway.map(|(gateway, at)| (gateway.to_owned(), at)).unzip();
    let mut payment = Payment {
        status: PaymentStatus::Pending,
        processed_at: None,
        processed_by: None,
        balance_after: None,
        gateway,
        expires_at,
        ..posted(contract.id, tx.actor(), posting, contract.balance, tx.now())
    };
    payment.id = store::insert(tx, &payment).await.map_err(taken)?;
    tx.record(Entry::new("payment.created", "payment", payment.id).created(&payment));
    Ok(payment)
}

/// The money of a pending payment is there: it counts from now on, and the balance of the locked contract moves with it.
///
/// Errors: `payment_wrong_state`, `contract_terminated`, `amount_out_of_range`.
pub async fn succeed(tx: &mut Tx, contract: &mut Contract, payment: &Payment, by: Decider) -> Result<Payment> {
    let status = payment.stepped(PaymentAction::Succeed, by)?;
    takes(contract, payment.transaction_type, payment.amount)?;
    move_balance(tx, contract, payment.transaction_type.effect(payment.amount), Money::ZERO).await?;
    let after = Payment { status, balance_after: Some(contract.balance), ..decided(payment, tx.actor(), tx.context()) };
    let received = keep(tx, "payment.received", payment, after).await?;
    tell(tx, contract, EventKind::PaymentReceived, &received);
    Ok(received)
}

/// Its gateway has taken a pending payment on; no balance moves. Errors: `payment_wrong_state`.
pub async fn take_on(tx: &mut Tx, payment: &Payment) -> Result<Payment> {
    let status = payment.stepped(PaymentAction::TakeOn, Decider::Gateway)?;
    store::by_gateway::set_processing(tx, payment).await?;
    let after = Payment { status, version: payment.version + 1, ..payment.clone() };
    tx.record(Entry::new("payment.taken_on", "payment", after.id).change(payment, &after));
    Ok(after)
}

/// The payment's gateway has an id for it, which becomes its transaction id. Errors: `stale_version`.
pub async fn set_transaction_id(tx: &mut Tx, payment: &mut Payment, transaction_id: String) -> Result<()> {
    store::by_gateway::set_transaction_id(tx, payment, &transaction_id).await?;
    payment.transaction_id = Some(transaction_id);
    payment.version += 1;
    Ok(())
}

/// Something about a payment changed that its own row does not hold: its version moves on.
pub async fn touch(tx: &mut Tx, id: PaymentId) -> Result<()> {
    store::by_gateway::touch(tx, id).await
}

/// A payment did not come about, or is called off; no balance moves. Errors: `payment_wrong_state`.
pub async fn give_up(
    tx: &mut Tx,
    contract: &Contract,
    payment: &Payment,
    (action, by): (PaymentAction, Decider),
    reason: Option<&str>,
) -> Result<Payment> {
    let status = payment.stepped(action, by)?;
    let after = Payment { status, failure_reason: reason.map(str::to_owned), ..decided(payment, tx.actor(), tx.context()) };
    let what = if status == PaymentStatus::Cancelled { "payment.cancelled" } else { "payment.failed" };
    let over = keep(tx, what, payment, after).await?;
    if over.status == PaymentStatus::Failed {
        tell(tx, contract, EventKind::PaymentFailed, &over);
    }
    Ok(over)
}

/// Gives a payment back, all that is left of it or a part; a transaction of its own, and the payment's row stays as it was.
///
/// What the subscriber has used up meanwhile can be given back too: the balance then falls below zero, and is owed.
///
/// Errors: `payment_not_refundable`, `refund_too_large`, `amount_out_of_range`.
pub async fn refund(tx: &mut Tx, contract: &mut Contract, payment: &Payment, (asked, reason): (Option<Money>, &str)) -> Result<Payment> {
    let now = tx.now();
    let amount = payment.refundable(asked)?;
    let posting = Posting {
        transaction_type: TransactionType::Refund,
        amount,
        method: payment.payment_method,
        transaction_id: None,
        description: Some(reason.to_owned()),
        period: None,
    };
    let refund = enter(tx, contract, posting, Some(payment)).await?;
    if payment.refunded_amount.add(amount)? == payment.amount {
        store::set_refunded(tx, payment.id, now).await?;
    }
    Ok(refund)
}

/// Writes successful charges of many locked contracts, each after the other as [`post`] would, in a few statements. Answers their ids.
///
/// It moves the balances of the contracts given; the caller saves them. Errors: `amount_out_of_range`, `contract_terminated`.
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
            let payment =
                Payment { id, ledger_number: Some(*number), ..posted(contract.id, tx.actor(), posting, contract.balance, tx.now()) };
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

/// Whether a contract takes a payment of this amount. Errors: `contract_terminated`, `amount_out_of_range`.
pub fn accepts(contract: &Contract, amount: Money) -> Result<()> {
    takes(contract, TransactionType::Payment, amount)?;
    contract.balance.add(amount).map(drop)
}

/// Errors: `contract_terminated` when the contract is over, but for money that is given back, mistakes set right, and the
/// payment of what it still owes.
fn takes(contract: &Contract, transaction_type: TransactionType, amount: Money) -> Result<()> {
    let over = contract.status == ContractStatus::Terminated;
    match transaction_type {
        TransactionType::Refund | TransactionType::Correction => Ok(()),
        TransactionType::Payment if over && amount <= contract.balance.negated() => Ok(()),
        TransactionType::Payment | TransactionType::Charge => contract.not_over(),
    }
}

/// Errors: `payment_duplicate`, naming the transaction that has this id already.
async fn unique(tx: &mut Tx, transaction_id: Option<&str>) -> Result<()> {
    let Some(transaction_id) = transaction_id else { return Ok(()) };
    match store::by_transaction_id(tx, transaction_id).await? {
        None => Ok(()),
        existing => Err(duplicate(existing)),
    }
}

/// Of two on different contracts at once, one learns from the index that the transaction id is taken.
fn taken(error: Error) -> Error {
    if error.code() == common::DUPLICATE { duplicate(None) } else { error }
}

fn duplicate(existing: Option<PaymentId>) -> Error {
    let mut fields = FieldErrors::default();
    fields.add("transaction_id", field::DUPLICATE).existing_id = existing.map(PaymentId::get);
    Error::new(refusal::DUPLICATE).fields(fields)
}

async fn enter(tx: &mut Tx, contract: &mut Contract, posting: Posting, refunded: Option<&Payment>) -> Result<Payment> {
    let charged = if posting.transaction_type == TransactionType::Charge { posting.amount } else { Money::ZERO };
    move_balance(tx, contract, posting.transaction_type.effect(posting.amount), charged).await?;
    let (refund_of, gateway) = (refunded.map(|payment| payment.id), refunded.and_then(|payment| payment.gateway.clone()));
    let mut payment = Payment { refund_of, gateway, ..posted(contract.id, tx.actor(), posting, contract.balance, tx.now()) };
    payment.ledger_number = Some(store::next_ledger_number(tx, contract.id).await?);
    payment.id = store::insert(tx, &payment).await.map_err(taken)?;
    note(tx, contract, &payment);
    Ok(payment)
}

/// Records a transaction that was entered, and tells others.
fn note(tx: &mut Tx, contract: &Contract, payment: &Payment) {
    let action = match payment.transaction_type {
        TransactionType::Payment => "payment.received",
        TransactionType::Charge => "payment.charged",
        TransactionType::Refund => "payment.refunded",
        TransactionType::Correction => "payment.corrected",
    };
    tx.record(Entry::new(action, "payment", payment.id).created(payment));
    match payment.transaction_type {
        TransactionType::Payment => tell(tx, contract, EventKind::PaymentReceived, payment),
        TransactionType::Refund => tell(tx, contract, EventKind::PaymentRefunded, payment),
        TransactionType::Charge if payment.period_start.is_some() => tell(tx, contract, EventKind::PeriodCharged, payment),
        TransactionType::Charge | TransactionType::Correction => {}
    }
}

/// Moves the balance of a locked contract, and tells others when it falls below the threshold.
async fn move_balance(tx: &mut Tx, contract: &mut Contract, change: Money, charged: Money) -> Result<()> {
    let before = contract.balance;
    contracts::steps::post(tx, contract, change, charged).await?;
    tell_if_low(tx, contract, before);
    Ok(())
}

/// Tells others when the balance has fallen below the threshold; once for each time that it does.
fn tell_if_low(tx: &mut Tx, contract: &Contract, before: Money) {
    let low = tx.policy().low_balance;
    if before >= low && contract.balance < low {
        let data = json!({"number": contract.number, "balance": contract.balance, "threshold": low});
        let event = Event::new(EventKind::BalanceLow, "contract", contract.id, &data);
        tx.publish(event.of_contract(Some(contract.id)).of_customer(contract.customer_id));
    }
}

/// Tells others what became of a transaction.
fn tell(tx: &mut Tx, contract: &Contract, kind: EventKind, payment: &Payment) {
    let data = json!({
        "contract_number": contract.number, "transaction_type": payment.transaction_type, "amount": payment.amount, "status": payment.status,
        "payment_method": payment.payment_method, "balance_after": payment.balance_after, "refund_of": payment.refund_of,
        "failure_reason": payment.failure_reason, "period_start": payment.period_start, "period_end": payment.period_end
    });
    tx.publish(Event::new(kind, "payment", payment.id, &data).of_contract(Some(contract.id)).of_customer(contract.customer_id));
}

fn decided(payment: &Payment, actor: &Actor, context: &Context) -> Payment {
    Payment { processed_at: Some(context.now), processed_by: Some(actor.name.clone()), ..payment.clone() }
}

async fn keep(tx: &mut Tx, action: &'static str, before: &Payment, mut after: Payment) -> Result<Payment> {
    if after.status == PaymentStatus::Success {
        after.ledger_number = Some(store::next_ledger_number(tx, after.contract_id).await?);
    }
    store::decide(tx, &mut after).await?;
    tx.record(Entry::new(action, "payment", after.id).change(before, &after));
    Ok(after)
}

/// A successful transaction at this moment that leaves `balance_after`; it has no id and no place in the ledger yet.
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
