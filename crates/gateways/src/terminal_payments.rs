//! Payments by self-service terminals.

use acl::{Granted, perm};
use billing::{Service, steps};
use database::{Conn, Tx};
use kernel::{Money, Result, id::ContractId};
use payments::{
    Payment, PaymentMethod, TransactionType,
    ledger::{self, Posting},
};

use crate::terminal::{Account, Request, transaction_id};

/// Finds the payment that a terminal has made with this id.
pub async fn known(conn: &mut Conn, txn_id: &str) -> Result<Option<Payment>> {
    payments::by_transaction_id(conn, &transaction_id(txn_id)).await
}

/// Finds the contract of an account.
pub async fn contract_of(conn: &mut Conn, account: &Account) -> Result<Option<ContractId>> {
    match account {
        Account::Contract(number) => contracts::by_number(conn, number).await,
        Account::Msisdn(msisdn) => sims::contract_of_msisdn(conn, msisdn).await,
    }
}

/// Checks that the contract accepts this sum, or the minimum of terminals. Errors: `contract_terminated`, `amount_out_of_range`.
pub async fn check(conn: &mut Conn, id: ContractId, sum: Money) -> Result<()> {
    ledger::accepts(&contracts::read(conn, id).await?, sum)
}

/// Takes the sum for a contract, and settles the contract.
///
/// Errors: `contract_terminated`, `amount_out_of_range`, and `payment_duplicate` when a concurrent request has made the payment, which
/// [`known`] then returns.
pub async fn pay(tx: &mut Tx, _granted: &Granted<perm::PaymentsTake>, id: ContractId, request: &Request, sum: Money) -> Result<Payment> {
    let mut contract = contracts::steps::load(tx, id).await?;
    let posting = Posting {
        transaction_type: TransactionType::Payment,
        amount: sum,
        method: PaymentMethod::Terminal,
        transaction_id: Some(transaction_id(&request.txn_id)),
        description: request.txn_date.map(|at| at.to_string()),
        period: None,
    };
    let payment = ledger::post(tx, &mut contract, posting).await?;
    steps::settle(tx, &mut contract, Service::Unbroken).await?;
    Ok(payment)
}
