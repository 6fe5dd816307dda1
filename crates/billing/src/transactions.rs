//! Payments, refunds and corrections, with what follows from them: a debt paid or created, a period begun.

use acl::{Granted, perm};
use contracts::Contract;
use database::Tx;
use kernel::{
    Error, Expected, Kind, Money, Result,
    error::field,
    id::{ContractId, PaymentId},
};
use payments::{
    AddBalanceInput, CorrectionInput, Decider, DeductBalanceInput, FailInput, Payment, PaymentAction, PaymentInput, PaymentMethod,
    PayoutInput, RefundInput, TransactionType,
    ledger::{self, Posting},
};

use crate::{charge::Service, settle};

/// Takes a payment. A payment whose money has come counts at once and settles the contract: it can lift hold `debt`, but no other hold. A
/// payment through a gateway is pending until it is processed.
///
/// Errors: `not_found` in the field `contract_id`, `contract_terminated`, `payment_duplicate`, `amount_out_of_range`.
pub async fn take_payment(tx: &mut Tx, _granted: &Granted<perm::PaymentsTake>, input: &PaymentInput) -> Result<Payment> {
    let mut contract = named(tx, input.contract_id).await?;
    let posting = Posting {
        transaction_type: TransactionType::Payment,
        amount: input.amount,
        method: input.payment_method.into(),
        transaction_id: input.transaction_id.clone(),
        description: input.description.clone(),
        paid_at: input.paid_at,
        period: None,
    };
    if posting.method.is_by_gateway() {
        return ledger::expect(tx, &contract, posting).await;
    }
    post(tx, &mut contract, posting).await
}

/// Marks a pending payment as successful. Errors: `payment_not_found`, `payment_wrong_state`, `payment_quarantined`,
/// `contract_terminated`, `amount_out_of_range`.
pub async fn process_payment(tx: &mut Tx, _granted: &Granted<perm::PaymentsTake>, id: PaymentId) -> Result<Payment> {
    let (payment, mut contract) = payments::load(tx, id).await?;
    payment.not_quarantined()?;
    let payment = ledger::succeed(tx, &mut contract, &payment, Decider::Staff).await?;
    settle::settle(tx, &mut contract, Service::Unbroken).await?;
    Ok(payment)
}

/// Cancels a pending payment. Errors: `payment_not_found`, `stale_version`, `payment_wrong_state`, `payment_quarantined`.
pub async fn cancel_payment(tx: &mut Tx, _granted: &Granted<perm::PaymentsTake>, id: PaymentId, expected: &Expected) -> Result<Payment> {
    let (payment, contract) = payments::load(tx, id).await?;
    expected.check(payment.version)?;
    payment.not_quarantined()?;
    ledger::give_up(tx, &contract, &payment, PaymentAction::Cancel, Decider::Staff, None).await
}

/// Marks a pending payment as failed. Errors: `payment_not_found`, `payment_wrong_state`, `payment_quarantined`.
pub async fn fail_payment(tx: &mut Tx, _granted: &Granted<perm::PaymentsTake>, id: PaymentId, input: &FailInput) -> Result<Payment> {
    let (payment, contract) = payments::load(tx, id).await?;
    payment.not_quarantined()?;
    ledger::give_up(tx, &contract, &payment, PaymentAction::Fail, Decider::Staff, Some(&input.reason)).await
}

/// Refunds a payment in whole or in part and settles the contract: the balance may fall below zero, and hold `debt` may be placed. Returns
/// the payment after it.
///
/// Who may not correct balances refunds at most what is left on the balance.
///
/// Errors: `payment_not_found`, `payment_not_refundable`, `refund_too_large`, `refund_exceeds_balance`, `amount_out_of_range`.
pub async fn refund_payment(tx: &mut Tx, granted: &Granted<perm::PaymentsRefund>, id: PaymentId, input: &RefundInput) -> Result<Payment> {
    let (payment, mut contract) = payments::load(tx, id).await?;
    let amount = payments::refund_amount(tx, granted, &contract, &payment, input.amount).await?;
    ledger::refund(tx, &mut contract, &payment, Some(amount), &input.reason).await?;
    settle::settle(tx, &mut contract, Service::Unbroken).await?;
    payments::load(tx, id).await.map(|(payment, _)| payment)
}

/// Pays out what is left on the balance of a terminated contract, in whole or in part; the balance does not fall below zero.
///
/// Errors: `contract_not_found`, `contract_not_terminated`, `payout_too_large`.
pub async fn pay_out(tx: &mut Tx, _granted: &Granted<perm::PaymentsRefund>, id: ContractId, input: &PayoutInput) -> Result<Payment> {
    let mut contract = contracts::steps::load(tx, id).await?;
    let posting = Posting {
        transaction_type: TransactionType::Payout,
        amount: payments::payout_amount(tx, &contract, input.amount).await?,
        method: input.payment_method.into(),
        transaction_id: None,
        description: Some(input.reason.clone()),
        paid_at: None,
        period: None,
    };
    ledger::post(tx, &mut contract, posting).await
}

/// Corrects a balance and settles the contract.
///
/// Errors: `not_found` in the field `contract_id`, `amount_out_of_range`.
pub async fn correct(tx: &mut Tx, _granted: &Granted<perm::PaymentsCorrect>, input: &CorrectionInput) -> Result<Payment> {
    let mut contract = named(tx, input.contract_id).await?;
    post(tx, &mut contract, correction(input.amount, &input.reason)).await
}

/// Adds cash to a contract. Errors: `contract_not_found`, `contract_terminated`, `amount_out_of_range`.
pub async fn add_balance(tx: &mut Tx, _granted: &Granted<perm::PaymentsTake>, id: ContractId, input: &AddBalanceInput) -> Result<Contract> {
    let mut contract = contracts::steps::load(tx, id).await?;
    let posting = Posting {
        transaction_type: TransactionType::Payment,
        amount: input.amount,
        method: PaymentMethod::Cash,
        transaction_id: None,
        description: input.description.clone(),
        paid_at: None,
        period: None,
    };
    post(tx, &mut contract, posting).await?;
    Ok(contract)
}

/// Deducts money from a contract by a correction. Errors: `contract_not_found`, `amount_out_of_range`.
pub async fn deduct_balance(
    tx: &mut Tx,
    _granted: &Granted<perm::PaymentsCorrect>,
    id: ContractId,
    input: &DeductBalanceInput,
) -> Result<Contract> {
    let mut contract = contracts::steps::load(tx, id).await?;
    post(tx, &mut contract, correction(input.amount.negated(), &input.description)).await?;
    Ok(contract)
}

fn correction(amount: Money, reason: &str) -> Posting {
    Posting {
        transaction_type: TransactionType::Correction,
        amount,
        method: PaymentMethod::System,
        transaction_id: None,
        description: Some(reason.to_owned()),
        paid_at: None,
        period: None,
    }
}

async fn post(tx: &mut Tx, contract: &mut Contract, posting: Posting) -> Result<Payment> {
    let payment = ledger::post(tx, contract, posting).await?;
    settle::settle(tx, contract, Service::Unbroken).await?;
    Ok(payment)
}

/// Reads the contract of an input and locks it. Errors: `not_found` in the field `contract_id`.
pub async fn named(tx: &mut Tx, id: ContractId) -> Result<Contract> {
    let as_field = |error: Error| if error.kind() == Kind::NotFound { Error::of_field("contract_id", field::NOT_FOUND) } else { error };
    contracts::steps::load(tx, id).await.map_err(as_field)
}
