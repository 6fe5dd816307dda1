//! Payments by self-service terminals.

use acl::{Granted, perm};
use billing::{PreviewQuery, Service, steps};
use contracts::Contract;
use database::{Conn, Tx};
use kernel::{
    Error, Money, Result,
    id::{ContractId, PaymentId},
};
use payments::{
    Payment, PaymentMethod, PaymentStatus, RefundInput, TransactionType,
    ledger::{self, Posting},
};

use crate::{
    model::refusal,
    terminal::{Account, Network, NewPayment},
};

/// The actor of what terminals do.
pub const TERMINAL: &str = "terminal";
/// The reason of a refund that a terminal asked for.
const CANCELLED: &str = "cancelled by the terminal";

/// Finds the payment that a network has made with this id.
pub async fn known(conn: &mut Conn, network: &Network, txn_id: &str) -> Result<Option<Payment>> {
    payments::by_transaction_id(conn, &network.transaction_id(txn_id)).await
}

/// Finds the contract of an account.
pub async fn contract_of(conn: &mut Conn, account: &Account) -> Result<Option<ContractId>> {
    match account {
        Account::Contract(number) => contracts::by_number(conn, number).await,
        Account::Msisdn(msisdn) => sims::contract_of_msisdn(conn, msisdn).await,
    }
}

/// What a terminal may show to a payer before the payment.
#[derive(Clone, Debug)]
pub struct LookUp {
    /// The subscriber's name, without the family name.
    pub name: String,
    /// What is owed, or missing for the next charge.
    pub due: Money,
}

/// Looks up a contract, and checks that it accepts this sum; without one, that it accepts money at all.
///
/// Errors: `contract_terminated`, `amount_out_of_range`.
pub async fn check(conn: &mut Conn, id: ContractId, sum: Option<Money>) -> Result<LookUp> {
    let contract = contracts::read(conn, id).await?;
    let least = Money::from_minor(1).unwrap_or(Money::ZERO);
    ledger::accepts(&contract, sum.unwrap_or(least))?;
    let customer = customers::peek(conn, contract.customer_id).await?;
    let name = customer.map(|customer| customer.discreet_name()).unwrap_or_default();
    Ok(LookUp { name, due: due(conn, &contract).await? })
}

/// What is owed, or missing for the next charge of a prepaid tariff.
async fn due(conn: &mut Conn, contract: &Contract) -> Result<Money> {
    let owed = contract.balance.negated().max(Money::ZERO);
    let reading = Granted::<perm::BillingRead>::system(TERMINAL);
    let next = billing::preview(conn, &reading, contract.id, PreviewQuery { months: Some(1) }).await?.charges.into_iter().next();
    match next {
        Some(next) if !next.is_covered && next.charge_on == next.period_start => {
            Ok(next.balance_after.add(contract.credit_limit)?.negated().max(owed))
        }
        _ => Ok(owed),
    }
}

/// Takes the sum for a contract, and settles the contract.
///
/// Errors: `contract_terminated`, `amount_out_of_range`, and `payment_duplicate` when a concurrent request has made the payment, which
/// [`known`] then returns.
pub async fn pay(
    tx: &mut Tx,
    _granted: &Granted<perm::PaymentsTake>,
    id: ContractId,
    network: &Network,
    payment: &NewPayment,
) -> Result<Payment> {
    let mut contract = contracts::steps::load(tx, id).await?;
    let posting = Posting {
        transaction_type: TransactionType::Payment,
        amount: payment.sum,
        method: PaymentMethod::Terminal,
        transaction_id: Some(network.transaction_id(&payment.txn_id)),
        description: Some(payment.txn_date.to_string()),
        paid_at: None,
        period: None,
    };
    let payment = ledger::post(tx, &mut contract, posting).await?;
    steps::settle(tx, &mut contract, Service::Unbroken).await?;
    Ok(payment)
}

/// Gives a payment of this network back in whole, while the balance covers it; a repeat changes nothing. Returns the payment after it.
///
/// Errors: `payment_not_found`, `terminal_money_used`, `refund_too_large` when staff have given back a part of it, and
/// `payment_not_refundable` when they have given back all of it: the payer must not get it twice.
pub async fn cancel(tx: &mut Tx, granted: &Granted<perm::PaymentsRefund>, network: &Network, id: PaymentId) -> Result<Payment> {
    let (payment, contract) = payments::load(tx, id).await?;
    if payment.transaction_id.as_deref().and_then(|id| network.txn_id(id)).is_none() {
        return Err(payments::refusal::NOT_FOUND.into());
    }
    if payment.status == PaymentStatus::Refunded {
        let is_ours = payments::refunders(tx, id).await?.iter().all(|by| by.as_deref() == Some(TERMINAL));
        let refused =
            || Error::new(payments::refusal::NOT_REFUNDABLE).with("type", payment.transaction_type).with("status", payment.status);
        return if is_ours { Ok(payment) } else { Err(refused()) };
    }
    let amount = payment.refundable(Some(payment.amount))?;
    if contract.balance < amount {
        return Err(Error::new(refusal::TERMINAL_MONEY_USED).with("balance", contract.balance));
    }
    billing::refund_payment(tx, granted, id, &RefundInput { amount: Some(amount), reason: CANCELLED.to_owned() }).await
}
