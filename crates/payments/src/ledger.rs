//! The one way money moves.

use chrono::{DateTime, NaiveDate, Utc};
use contracts::Contract;
use kernel::{
    Context, Error, FieldErrors, Money, Result,
    audit::{Actor, Entry},
    db::Tx,
    error::field,
    id::{ContractId, PaymentId},
};

use crate::{
    model::{Payment, PaymentMethod, PaymentStatus, TransactionType, refusal},
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
pub async fn post(tx: &mut Tx, context: &Context, actor: &Actor, contract: &mut Contract, posting: Posting) -> Result<Payment> {
    contract.not_over()?;
    if let Some(transaction_id) = &posting.transaction_id
        && let Some(existing) = store::by_transaction_id(tx, transaction_id).await?
    {
        return Err(duplicate(existing));
    }
    let charged = if posting.transaction_type == TransactionType::Charge { posting.amount } else { Money::ZERO };
    contracts::post(tx, context, contract, posting.transaction_type.effect(posting.amount), charged).await?;
    let mut payment = posted(contract.id, actor, posting, contract.balance, context.now);
    payment.id = store::insert(tx, &payment).await?;
    let action = match payment.transaction_type {
        TransactionType::Payment => "payment.received",
        TransactionType::Charge => "payment.charged",
        TransactionType::Refund => "payment.refunded",
        TransactionType::Correction => "payment.corrected",
    };
    tx.record(Entry::new(actor, action, "payment", payment.id).created(&payment));
    Ok(payment)
}

/// A successful transaction at this moment that leaves `balance_after`; it has no id yet.
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
        refunded_amount: Money::ZERO,
        refund_of: None,
        period_start: posting.period.map(|(start, _)| start),
        period_end: posting.period.map(|(_, end)| end),
        version: 1,
    }
}

fn duplicate(existing: PaymentId) -> Error {
    let mut taken = FieldErrors::default();
    taken.add("transaction_id", field::DUPLICATE).existing_id = Some(existing.get());
    Error::new(refusal::DUPLICATE).fields(taken)
}
