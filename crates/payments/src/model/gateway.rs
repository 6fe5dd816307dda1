//! What gateways report about payments, and what follows from it.

use kernel::{Error, Money, Result, text_enum};

use super::{Payment, PaymentStatus, refusal};

text_enum! {
    /// Why a payment waits for a decision.
    pub enum Quarantine {
        /// The gateway took a different amount from the requested one.
        WrongAmount = "wrong_amount",
        /// The gateway took a different currency.
        WrongCurrency = "wrong_currency",
        /// The money came after the payment had failed or been cancelled.
        PaidAfterEnd = "paid_after_end",
        /// A refund came before the payment.
        RefundBeforePayment = "refund_before_payment",
        /// The refunds exceed the payment.
        RefundTooLarge = "refund_too_large",
        /// The money has come, but the contract cannot take it: it is terminated, or its balance is at the limit.
        NotAccepted = "not_accepted",
    }
}

text_enum! {
    /// The type of a gateway event.
    pub enum GatewayEventType {
        /// The payer has paid; the gateway is processing the payment.
        PaymentProcessing = "payment.processing",
        /// The money has come.
        PaymentSucceeded = "payment.succeeded",
        /// The payment failed.
        PaymentFailed = "payment.failed",
        /// Money was refunded to the payer.
        PaymentRefunded = "payment.refunded",
        /// A requested refund failed.
        RefundFailed = "refund.failed",
    }
}

text_enum! {
    /// The outcome of an event.
    pub enum EventOutcome {
        /// The event changed the payment.
        Applied = "applied",
        /// The payment already has this status or a later one.
        NoChange = "no_change",
        /// The payment waits for a decision because of this event.
        Quarantined = "quarantined",
        /// The payment already waited for a decision.
        Held = "held",
        /// The gateway has no payment with this reference.
        UnknownPayment = "unknown_payment",
        /// The payment has no refund with this reference.
        UnknownRefund = "unknown_refund",
    }
}

/// What a gateway reports about a payment, in an event or in a response.
#[derive(Clone, Debug)]
pub struct Said<'a> {
    /// The type of the report.
    pub event_type: GatewayEventType,
    /// The amount.
    pub amount: Option<Money>,
    /// The currency.
    pub currency: Option<&'a str>,
    /// The reason.
    pub reason: Option<&'a str>,
}

/// What follows from a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The gateway has accepted the payment.
    TakeOn,
    /// The payment succeeds.
    Succeed,
    /// The payment fails.
    Fail,
    /// Money was refunded.
    Refund,
    /// A refund failed.
    RefundFailed,
    /// The payment waits for a decision.
    Quarantine(Quarantine),
    /// Nothing changes.
    Nothing(EventOutcome),
}

impl Payment {
    /// Decides what follows from a gateway's report. Reports may come late, twice, or in any order; a final status never changes back.
    pub fn judged(&self, said: &Said<'_>, currency: &str) -> Verdict {
        use PaymentStatus::{Cancelled, Failed, Pending, Processing, Refunded, Success};
        if self.quarantine.is_some() {
            return Verdict::Nothing(EventOutcome::Held);
        }
        let tells_of_money = matches!(said.event_type, GatewayEventType::PaymentSucceeded | GatewayEventType::PaymentRefunded);
        if tells_of_money && said.currency != Some(currency) {
            return Verdict::Quarantine(Quarantine::WrongCurrency);
        }
        match (said.event_type, self.status) {
            (GatewayEventType::PaymentSucceeded, _) if said.amount != Some(self.amount) => Verdict::Quarantine(Quarantine::WrongAmount),
            (GatewayEventType::PaymentSucceeded, Pending | Processing) => Verdict::Succeed,
            (GatewayEventType::PaymentSucceeded, Failed | Cancelled) => Verdict::Quarantine(Quarantine::PaidAfterEnd),
            (GatewayEventType::PaymentProcessing, Pending) => Verdict::TakeOn,
            (GatewayEventType::PaymentFailed, Pending | Processing) => Verdict::Fail,
            (GatewayEventType::PaymentRefunded, Pending | Processing) => Verdict::Quarantine(Quarantine::RefundBeforePayment),
            (GatewayEventType::PaymentRefunded, Success | Refunded) => Verdict::Refund,
            (GatewayEventType::RefundFailed, Success | Refunded) => Verdict::RefundFailed,
            _ => Verdict::Nothing(EventOutcome::NoChange),
        }
    }

    /// Why the payment waits for a decision. Errors: `payment_not_quarantined`.
    pub fn quarantined(&self) -> Result<Quarantine> {
        self.quarantine.ok_or_else(|| Error::new(refusal::NOT_QUARANTINED))
    }
}

#[cfg(test)]
mod tests {
    use super::{super::tests::payment, *};
    use crate::model::TransactionType;

    fn said(event_type: GatewayEventType, amount: i64, currency: &str) -> Said<'_> {
        Said { event_type, amount: Some(Money::from_minor(amount).unwrap()), currency: Some(currency), reason: None }
    }

    #[test]
    fn what_follows_from_every_event_in_every_state() {
        use GatewayEventType::{PaymentFailed, PaymentProcessing, PaymentRefunded, PaymentSucceeded, RefundFailed};
        let no_change = Verdict::Nothing(EventOutcome::NoChange);
        let after_end = Verdict::Quarantine(Quarantine::PaidAfterEnd);
        let too_early = Verdict::Quarantine(Quarantine::RefundBeforePayment);
        // pending, processing, success, failed, refunded, cancelled
        for (event_type, expected) in [
            (PaymentProcessing, [Verdict::TakeOn, no_change, no_change, no_change, no_change, no_change]),
            (PaymentSucceeded, [Verdict::Succeed, Verdict::Succeed, no_change, after_end, no_change, after_end]),
            (PaymentFailed, [Verdict::Fail, Verdict::Fail, no_change, no_change, no_change, no_change]),
            (PaymentRefunded, [too_early, too_early, Verdict::Refund, no_change, Verdict::Refund, no_change]),
            (RefundFailed, [no_change, no_change, Verdict::RefundFailed, no_change, Verdict::RefundFailed, no_change]),
        ] {
            for (status, expected) in PaymentStatus::ALL.iter().zip(expected) {
                let mut payment = payment(TransactionType::Payment, *status, 100, 0);
                assert_eq!(payment.judged(&said(event_type, 100, "RUB"), "RUB"), expected, "{event_type} {status}");
                payment.quarantine = Some(Quarantine::WrongAmount);
                assert_eq!(payment.judged(&said(event_type, 100, "RUB"), "RUB"), Verdict::Nothing(EventOutcome::Held));
            }
        }
    }

    #[test]
    fn another_amount_and_another_currency_are_for_somebody_to_decide_in_every_state() {
        for status in PaymentStatus::ALL {
            let payment = payment(TransactionType::Payment, *status, 100, 0);
            for wrong in [99, 101, 0, -100] {
                let verdict = payment.judged(&said(GatewayEventType::PaymentSucceeded, wrong, "RUB"), "RUB");
                assert_eq!(verdict, Verdict::Quarantine(Quarantine::WrongAmount), "{status}");
            }
            for event_type in [GatewayEventType::PaymentSucceeded, GatewayEventType::PaymentRefunded] {
                for wrong in [Some("USD"), Some("rub"), Some(""), None] {
                    let verdict = payment.judged(&Said { currency: wrong, ..said(event_type, 100, "") }, "RUB");
                    assert_eq!(verdict, Verdict::Quarantine(Quarantine::WrongCurrency), "{status}");
                }
            }
            let silent = Said { amount: None, ..said(GatewayEventType::PaymentSucceeded, 100, "RUB") };
            assert_eq!(payment.judged(&silent, "RUB"), Verdict::Quarantine(Quarantine::WrongAmount));
        }
    }
}
