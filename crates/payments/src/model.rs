//! The transactions on a contract.

use chrono::{DateTime, NaiveDate, Utc};
use kernel::{
    Error, Money, Result,
    id::{ContractId, PaymentId},
    text_enum,
};
use serde::Serialize;
use utoipa::ToSchema;

pub mod gateway;

use gateway::Quarantine;

/// Refusals about payments.
pub mod refusal {
    kernel::codes! {
        /// No such payment.
        NOT_FOUND = NotFound "payment_not_found";
        /// Another payment has this transaction id.
        DUPLICATE = Conflict "payment_duplicate";
        /// The payment's status does not allow the action.
        WRONG_STATE = Conflict "payment_wrong_state";
        /// Only a successful payment can be refunded.
        NOT_REFUNDABLE = Conflict "payment_not_refundable";
        /// The refund exceeds what is left of the payment.
        REFUND_TOO_LARGE = Conflict "refund_too_large";
        /// The money of the payment is used up, and the caller may not refund more than the balance.
        REFUND_EXCEEDS_BALANCE = Conflict "refund_exceeds_balance";
        /// Only a terminated contract has a rest to pay out.
        NOT_TERMINATED = Conflict "contract_not_terminated";
        /// The payout exceeds the balance.
        PAYOUT_TOO_LARGE = Conflict "payout_too_large";
        /// Only successful payments and refunds have a receipt.
        NO_RECEIPT = Conflict "payment_without_receipt";
        /// The payment has a discrepancy and waits for a decision.
        QUARANTINED = Conflict "payment_quarantined";
        /// The payment does not wait for a decision.
        NOT_QUARANTINED = Conflict "payment_not_quarantined";
    }
}

text_enum! {
    /// The type of a transaction.
    pub enum TransactionType {
        /// Adds to the balance.
        Payment = "payment",
        /// Subtracts from the balance.
        Charge = "charge",
        /// Returns money to the payer; subtracts from the balance.
        Refund = "refund",
        /// Corrects a mistake, in either direction; also credits unused days of a charge automatically, and then has a period.
        Correction = "correction",
        /// Pays out what is left after termination; subtracts from the balance.
        Payout = "payout",
    }
}

impl TransactionType {
    /// The change of the balance by an amount of this type.
    pub const fn effect(self, amount: Money) -> Money {
        match self {
            Self::Payment | Self::Correction => amount,
            Self::Charge | Self::Refund | Self::Payout => amount.negated(),
        }
    }
}

text_enum! {
    /// The status of a transaction.
    pub enum PaymentStatus {
        /// Not yet accepted by its gateway.
        Pending = "pending",
        /// Accepted by its gateway, not yet paid.
        Processing = "processing",
        /// Successful; final.
        Success = "success",
        /// Failed.
        Failed = "failed",
        /// Refunded in full; the stored row stays successful, and its refunds show this status.
        Refunded = "refunded",
        /// Cancelled.
        Cancelled = "cancelled",
    }
}

text_enum! {
    /// The method of a payment.
    pub enum PaymentMethod {
        /// Cash at a desk.
        Cash = "cash",
        /// Bank card.
        Card = "card",
        /// Bank transfer.
        BankTransfer = "bank_transfer",
        /// Mobile wallet.
        MobilePayment = "mobile_payment",
        /// Self-service terminal.
        Terminal = "terminal",
        /// Recurring payment.
        AutoPayment = "auto_payment",
        /// Made by the system.
        System = "system",
    }
}

impl PaymentMethod {
    /// Whether the money passes through a gateway, which confirms it later.
    pub const fn is_by_gateway(self) -> bool {
        matches!(self, Self::Card | Self::MobilePayment | Self::AutoPayment)
    }
}

text_enum! {
    /// The actions on a payment.
    pub enum PaymentAction {
        /// The gateway has accepted the payment.
        TakeOn = "take_on",
        /// The money has come.
        Succeed = "succeed",
        /// The payment failed.
        Fail = "fail",
        /// The payment is cancelled.
        Cancel = "cancel",
    }
}

impl PaymentAction {
    /// The statuses that allow the action, and the status after it.
    pub const fn steps(self) -> (&'static [PaymentStatus], PaymentStatus) {
        use PaymentStatus::{Cancelled, Failed, Pending, Processing, Success};
        match self {
            Self::TakeOn => (&[Pending], Processing),
            // only the gateway can end a payment that it has accepted
            Self::Succeed => (&[Pending, Processing], Success),
            Self::Fail => (&[Pending, Processing], Failed),
            Self::Cancel => (&[Pending], Cancelled),
        }
    }
}

text_enum! {
    /// Who decides on a payment.
    pub enum Decider {
        /// Staff, who may decide only on payments that no gateway has accepted.
        Staff = "staff",
        /// The payment's gateway.
        Gateway = "gateway",
    }
}

/// A transaction on a contract.
#[derive(Clone, Debug, Serialize, ToSchema, sqlx_macros::FromRow)]
#[schema(example = json!({
    "id": 101, "contract_id": 12, "transaction_type": "payment", "amount": "1000.00", "status": "success", "payment_method": "cash",
    "transaction_id": "desk-3-000417", "description": null, "created_at": "2026-01-15T09:45:00Z", "updated_at": "2026-01-15T09:45:00Z",
    "paid_at": null, "processed_at": "2026-01-15T09:45:00Z",
    "processed_by": "operator", "balance_after": "1000.00", "ledger_number": 1, "refunded_amount": "0.00", "refund_of": null,
    "failure_reason": null, "period_start": null, "period_end": null, "gateway": null, "link": null, "expires_at": null, "quarantine": null,
    "refund_requested": "0.00", "version": 1
}))]
pub struct Payment {
    /// The id.
    pub id: PaymentId,
    /// The contract.
    pub contract_id: ContractId,
    /// The type of the transaction.
    pub transaction_type: TransactionType,
    /// The amount; above zero, except for corrections, which have a sign.
    pub amount: Money,
    /// The status.
    pub status: PaymentStatus,
    /// The payment method.
    pub payment_method: PaymentMethod,
    /// The payer's or gateway's own id of the payment; unique.
    pub transaction_id: Option<String>,
    /// What the transaction is for.
    pub description: Option<String>,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// When it was last changed. A refund is a transaction of its own, and changes only the version of the payment.
    pub updated_at: DateTime<Utc>,
    /// When the payer paid, if that was before and is known.
    pub paid_at: Option<DateTime<Utc>>,
    /// When it became final.
    pub processed_at: Option<DateTime<Utc>>,
    /// Who made it final.
    pub processed_by: Option<String>,
    /// The contract's balance after it.
    pub balance_after: Option<Money>,
    /// The number of the transaction among the successful transactions of the contract, from 1.
    pub ledger_number: Option<i64>,
    /// How much of it was refunded.
    pub refunded_amount: Money,
    /// The payment that a refund returns.
    pub refund_of: Option<PaymentId>,
    /// Why the payment failed.
    pub failure_reason: Option<String>,
    /// The first of the days that a charge is for, or that a correction credits automatically; none for corrections by staff.
    pub period_start: Option<NaiveDate>,
    /// The day after the last of these days.
    pub period_end: Option<NaiveDate>,
    /// The gateway that takes the money.
    pub gateway: Option<String>,
    /// The payment page for the payer.
    pub link: Option<String>,
    /// When the payment expires, unless its gateway has accepted it by then.
    pub expires_at: Option<DateTime<Utc>>,
    /// Why the payment waits for a decision; until then no gateway event changes it.
    pub quarantine: Option<Quarantine>,
    /// The amount of refunds requested from the gateway and not yet confirmed.
    pub refund_requested: Money,
    /// Grows with every change.
    pub version: i64,
}

impl Payment {
    /// The status after an action. Errors: `payment_wrong_state`, naming the present status and the allowed ones.
    pub fn stepped(&self, action: PaymentAction, by: Decider) -> Result<PaymentStatus> {
        let (from, to) = action.steps();
        let from: Vec<PaymentStatus> =
            from.iter().copied().filter(|status| by == Decider::Gateway || *status != PaymentStatus::Processing).collect();
        if from.contains(&self.status) {
            return Ok(to);
        }
        let words: Vec<&str> = from.iter().map(|status| status.as_str()).collect();
        Err(Error::new(refusal::WRONG_STATE).with("status", self.status).with("from", words.join(", ")))
    }

    /// The amount of a refund: the requested amount, or all that is neither refunded nor requested.
    ///
    /// Errors: `payment_not_refundable` unless it is a successful payment, `refund_too_large`.
    pub fn refundable(&self, asked: Option<Money>) -> Result<Money> {
        let came_in = matches!(self.status, PaymentStatus::Success | PaymentStatus::Refunded);
        if self.transaction_type != TransactionType::Payment || !came_in {
            return Err(Error::new(refusal::NOT_REFUNDABLE).with("type", self.transaction_type).with("status", self.status));
        }
        let left = self.amount.subtract(self.refunded_amount)?.subtract(self.refund_requested)?;
        let amount = asked.unwrap_or(left);
        if amount > left || left == Money::ZERO {
            return Err(Error::new(refusal::REFUND_TOO_LARGE).with("left", left));
        }
        Ok(amount)
    }

    /// Errors: `payment_quarantined` while the payment waits for a decision.
    pub fn not_quarantined(&self) -> Result<()> {
        match self.quarantine {
            None => Ok(()),
            Some(reason) => Err(Error::new(refusal::QUARANTINED).with("reason", reason)),
        }
    }

    /// Errors: `payment_without_receipt` unless it is a successful payment, refund or payout.
    pub fn receipted(&self) -> Result<()> {
        let money_moved = matches!(self.transaction_type, TransactionType::Payment | TransactionType::Refund | TransactionType::Payout);
        match self.status {
            PaymentStatus::Success | PaymentStatus::Refunded if money_moved => Ok(()),
            status => Err(Error::new(refusal::NO_RECEIPT).with("type", self.transaction_type).with("status", status)),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    pub(super) fn payment(transaction_type: TransactionType, status: PaymentStatus, amount: i64, refunded: i64) -> Payment {
        Payment {
            id: PaymentId::new(1),
            contract_id: ContractId::new(1),
            transaction_type,
            amount: Money::from_minor(amount).unwrap(),
            status,
            payment_method: PaymentMethod::Card,
            transaction_id: None,
            description: None,
            created_at: DateTime::UNIX_EPOCH,
            updated_at: DateTime::UNIX_EPOCH,
            paid_at: None,
            processed_at: None,
            processed_by: None,
            balance_after: None,
            ledger_number: None,
            refunded_amount: Money::from_minor(refunded).unwrap(),
            refund_of: None,
            failure_reason: None,
            period_start: None,
            period_end: None,
            gateway: None,
            link: None,
            expires_at: None,
            quarantine: None,
            refund_requested: Money::ZERO,
            version: 1,
        }
    }

    #[test]
    fn every_action_from_every_state_by_staff_and_by_gateways() {
        use PaymentStatus::{Cancelled, Failed, Pending, Processing, Success};
        let allowed = |by, action| {
            let from = |status: &PaymentStatus| payment(TransactionType::Payment, *status, 100, 0).stepped(action, by);
            PaymentStatus::ALL.iter().filter_map(|status| from(status).ok().map(|to| (*status, to))).collect::<Vec<_>>()
        };
        assert_eq!(allowed(Decider::Staff, PaymentAction::TakeOn), [(Pending, Processing)]);
        assert_eq!(allowed(Decider::Staff, PaymentAction::Succeed), [(Pending, Success)]);
        assert_eq!(allowed(Decider::Staff, PaymentAction::Fail), [(Pending, Failed)]);
        assert_eq!(allowed(Decider::Staff, PaymentAction::Cancel), [(Pending, Cancelled)]);
        assert_eq!(allowed(Decider::Gateway, PaymentAction::TakeOn), [(Pending, Processing)]);
        assert_eq!(allowed(Decider::Gateway, PaymentAction::Succeed), [(Pending, Success), (Processing, Success)]);
        assert_eq!(allowed(Decider::Gateway, PaymentAction::Fail), [(Pending, Failed), (Processing, Failed)]);
        assert_eq!(allowed(Decider::Gateway, PaymentAction::Cancel), [(Pending, Cancelled)]);
    }

    #[test]
    fn only_payments_that_came_in_are_given_back() {
        for transaction_type in TransactionType::ALL {
            for status in PaymentStatus::ALL {
                let outcome = payment(*transaction_type, *status, 100, 0).refundable(None);
                let came_in =
                    *transaction_type == TransactionType::Payment && matches!(status, PaymentStatus::Success | PaymentStatus::Refunded);
                assert_eq!(outcome.is_ok(), came_in, "{transaction_type} {status}");
            }
        }
        let whole = payment(TransactionType::Payment, PaymentStatus::Refunded, 100, 100);
        assert_eq!(whole.refundable(None).unwrap_err().code(), refusal::REFUND_TOO_LARGE);
    }

    proptest! {
        #[test]
        fn refunds_never_exceed_what_was_paid(paid in 1_i64..1_000_000, asked in proptest::collection::vec(1_i64..600_000, 1..20)) {
            let mut present = payment(TransactionType::Payment, PaymentStatus::Success, paid, 0);
            for amount in asked {
                let amount = Money::from_minor(amount).unwrap();
                let left = present.amount.subtract(present.refunded_amount).unwrap();
                match present.refundable(Some(amount)) {
                    Ok(given) => present.refunded_amount = present.refunded_amount.add(given).unwrap(),
                    Err(error) => prop_assert!(error.code() == refusal::REFUND_TOO_LARGE && amount > left),
                }
                prop_assert!(present.refunded_amount <= present.amount);
            }
            if present.refunded_amount < present.amount {
                let rest = present.refundable(None).unwrap();
                prop_assert_eq!(present.refunded_amount.add(rest).unwrap(), present.amount);
            }
        }
    }
}
