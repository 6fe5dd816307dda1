//! What gateways say of payments, and what follows from it.

use kernel::{Error, Money, Result, text_enum};

use super::{Payment, PaymentStatus, refusal};

text_enum! {
    /// Why a payment waits for somebody's decision.
    pub enum Quarantine {
        /// The gateway took another amount than it was told to.
        WrongAmount = "wrong_amount",
        /// The gateway took another currency.
        WrongCurrency = "wrong_currency",
        /// The money came after the payment had failed or was called off.
        PaidAfterEnd = "paid_after_end",
        /// Money was given back before it had come.
        RefundBeforePayment = "refund_before_payment",
        /// More was given back than there was.
        RefundTooLarge = "refund_too_large",
        /// The money is there, and the contract cannot take it: it is over, or its balance is at the limit.
        NotAccepted = "not_accepted",
    }
}

text_enum! {
    /// What an event of a gateway tells of.
    pub enum GatewayEventType {
        /// The payer has done their part.
        PaymentProcessing = "payment.processing",
        /// The money is there.
        PaymentSucceeded = "payment.succeeded",
        /// The payment did not come about.
        PaymentFailed = "payment.failed",
        /// Money was given back to the payer.
        PaymentRefunded = "payment.refunded",
        /// A refund that was asked for did not come about.
        RefundFailed = "refund.failed",
    }
}

text_enum! {
    /// What came of an event.
    pub enum EventOutcome {
        /// The payment was moved by it.
        Applied = "applied",
        /// The payment stands so already, or is past that.
        NoChange = "no_change",
        /// The payment waits for somebody's decision because of it.
        Quarantined = "quarantined",
        /// The payment waited for somebody's decision already.
        Held = "held",
        /// No payment of this gateway has the reference.
        UnknownPayment = "unknown_payment",
        /// No refund of the payment has the reference.
        UnknownRefund = "unknown_refund",
    }
}

/// What a gateway says of a payment, by an event or when asked.
#[derive(Clone, Debug)]
pub struct Said<'a> {
    /// What it tells of.
    pub event_type: GatewayEventType,
    /// How much.
    pub amount: Option<Money>,
    /// The currency.
    pub currency: Option<&'a str>,
    /// Why.
    pub reason: Option<&'a str>,
}

/// What follows from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The gateway has taken it on.
    TakeOn,
    /// It counts.
    Succeed,
    /// It did not come about.
    Fail,
    /// Money was given back.
    Refund,
    /// A refund did not come about.
    RefundFailed,
    /// Somebody has to decide.
    Quarantine(Quarantine),
    /// Nothing.
    Nothing(EventOutcome),
}

impl Payment {
    /// What follows from a gateway's words, which may come late, twice, or in any order. Final states never go back.
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

    /// Why it waits for a decision. Errors: `payment_not_quarantined`.
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
