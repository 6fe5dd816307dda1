//! The receipt of a transaction.

use acl::{Granted, perm};
use chrono::{DateTime, Utc};
use database::Conn;
use kernel::{
    Money, Result,
    id::{ContractId, CustomerId, PaymentId},
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    model::{PaymentMethod, PaymentStatus, TransactionType, refusal},
    store,
};

/// A receipt for a payment or a refund.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "number": "202601-7K3M9QXA/1", "payment_id": 101, "transaction_type": "payment", "status": "success", "issued_at": "2026-01-15T09:45:00Z",
    "amount": "1000.00", "refunded_amount": "0.00", "currency": "RUB", "payment_method": "cash", "transaction_id": "desk-3-000417",
    "description": null, "contract_id": 12, "contract_number": "202601-7K3M9QXA", "customer_id": 7, "customer_name": "Иванов Пётр Сергеевич",
    "msisdn": "+79161234567", "cashier": "operator", "balance_after": "1000.00"
}))]
pub struct Receipt {
    /// The contract's number and the transaction's ledger number.
    pub number: String,
    /// The transaction.
    pub payment_id: PaymentId,
    /// Whether it is a payment or a refund.
    pub transaction_type: TransactionType,
    /// The present status.
    pub status: PaymentStatus,
    /// When the money moved.
    pub issued_at: Option<DateTime<Utc>>,
    /// The amount.
    pub amount: Money,
    /// How much of the payment has been refunded since.
    pub refunded_amount: Money,
    /// ISO 4217 code of the currency.
    pub currency: &'static str,
    /// The payment method.
    pub payment_method: PaymentMethod,
    /// The payer's own id of the payment.
    pub transaction_id: Option<String>,
    /// What the transaction is for.
    pub description: Option<String>,
    /// The contract.
    pub contract_id: ContractId,
    /// The contract's number.
    pub contract_number: String,
    /// The subscriber.
    pub customer_id: CustomerId,
    /// The subscriber's name.
    pub customer_name: String,
    /// The present phone number of the contract, if any.
    pub msisdn: Option<String>,
    /// Who took or refunded the money.
    pub cashier: Option<String>,
    /// The contract's balance after the transaction.
    pub balance_after: Option<Money>,
}

/// Returns the receipt of a transaction, with the transaction's version. Errors: `payment_not_found`, `payment_without_receipt`.
pub async fn receipt(conn: &mut Conn, _: &Granted<perm::PaymentsRead>, id: PaymentId) -> Result<(Receipt, i64)> {
    let payment = store::get(conn, id).await?.ok_or(refusal::NOT_FOUND)?;
    payment.receipted()?;
    let details = contracts::details(conn, payment.contract_id).await?;
    let receipt = Receipt {
        number: format!("{}/{}", details.contract.number, payment.ledger_number.unwrap_or_default()),
        payment_id: payment.id,
        transaction_type: payment.transaction_type,
        status: payment.status,
        issued_at: payment.processed_at,
        amount: payment.amount,
        refunded_amount: payment.refunded_amount,
        currency: conn.policy().country.currency(),
        payment_method: payment.payment_method,
        transaction_id: payment.transaction_id,
        description: payment.description,
        contract_id: payment.contract_id,
        contract_number: details.contract.number,
        customer_id: details.customer.id,
        customer_name: details.customer.full_name,
        msisdn: details.sim.and_then(|sim| sim.msisdn),
        cashier: payment.processed_by,
        balance_after: payment.balance_after,
    };
    Ok((receipt, payment.version))
}
