//! The requests about payments through gateways, from clients and from gateways.

use chrono::{DateTime, NaiveDate, Utc};
use kernel::{
    Context, FieldErrors, Input, Money, Several,
    error::field,
    id::{ContractId, GatewayRefundId, PaymentId},
    money::AmountInput,
};
use outgoing::is_web_url;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use validator::Validate;

use payments::{EventOutcome, GatewayEventType, PaymentMethod, above_zero};

use crate::model::{Decision, GatewayRefundStatus, RefundDecision, RowKind};

kernel::text_enum! {
    /// How a payer pays through a gateway.
    pub enum GatewayMethod {
        /// Bank card.
        Card = "card",
        /// Mobile wallet.
        MobilePayment = "mobile_payment",
        /// Recurring payment.
        AutoPayment = "auto_payment",
    }
}

impl From<GatewayMethod> for PaymentMethod {
    fn from(method: GatewayMethod) -> Self {
        match method {
            GatewayMethod::Card => Self::Card,
            GatewayMethod::MobilePayment => Self::MobilePayment,
            GatewayMethod::AutoPayment => Self::AutoPayment,
        }
    }
}

/// A payment to make through a gateway.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"contract_id": 12, "amount": "1000.00", "gateway": "sandbox", "return_url": "https://shop.example.com/paid"}))]
pub struct LinkInput {
    /// The contract; a terminated contract takes no more than it owes.
    pub contract_id: ContractId,
    /// The amount, above zero.
    #[schema(value_type = AmountInput)]
    pub amount: Money,
    /// The gateway; `GET /payments/gateways` names those in use.
    #[validate(length(min = 1, max = 32))]
    #[schema(min_length = 1, max_length = 32)]
    pub gateway: String,
    /// The URL to which the payer returns, with `http://` or `https://`.
    #[validate(length(min = 1, max = 500))]
    #[schema(min_length = 1, max_length = 500, pattern = r"^https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?([/?#][!-~]*)?$")]
    pub return_url: String,
    /// The payment method; by default a card.
    pub payment_method: Option<GatewayMethod>,
    /// What the payment is for; the payer may see it.
    #[validate(length(max = 200))]
    #[schema(max_length = 200)]
    pub description: Option<String>,
}

impl Input for LinkInput {
    fn check(&self, _: &Context, wrong: &mut FieldErrors) {
        above_zero(Some(self.amount), wrong);
        if !is_web_url(&self.return_url) && !wrong.names("return_url") {
            wrong.add("return_url", field::FORMAT);
        }
    }
}

/// A gateway's report about a payment. Unknown fields are ignored, so gateways may send more.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema, Validate)]
#[schema(example = json!({
    "type": "payment.succeeded", "reference": "101", "amount": "1000.00", "currency": "RUB", "reason": null, "refund_id": null, "refund_reference": null
}))]
pub struct GatewayEventInput {
    /// The type of the event.
    #[serde(rename = "type")]
    pub event_type: GatewayEventType,
    /// The reference of the payment, as sent to the gateway.
    #[validate(length(min = 1, max = 64))]
    #[schema(min_length = 1, max_length = 64)]
    pub reference: String,
    /// The paid or refunded amount; required for both events.
    #[schema(value_type = Option<AmountInput>)]
    pub amount: Option<Money>,
    /// ISO 4217 code of the currency; required with the amount.
    #[validate(length(min = 3, max = 3))]
    #[schema(min_length = 3, max_length = 3)]
    pub currency: Option<String>,
    /// Why a payment or a refund failed.
    #[validate(length(max = 300))]
    #[schema(max_length = 300)]
    pub reason: Option<String>,
    /// The gateway's own id of a refund; required with `payment.refunded`.
    #[serde(default, deserialize_with = "kernel::text::identifying")]
    #[validate(length(min = 1, max = 64))]
    #[schema(min_length = 1, max_length = 64)]
    pub refund_id: Option<String>,
    /// The reference of the requested refund, as sent to the gateway. Without it, the gateway made the refund by itself.
    pub refund_reference: Option<String>,
}

impl GatewayEventInput {
    /// The id of the payment, if the reference is a valid one.
    pub fn payment_id(&self) -> Option<PaymentId> {
        positive(&self.reference).map(PaymentId::new)
    }

    /// The id of the requested refund; `Some(None)` if the reference is not a valid one.
    pub fn refund(&self) -> Option<Option<GatewayRefundId>> {
        self.refund_reference.as_deref().map(|text| positive(text).map(GatewayRefundId::new))
    }
}

/// Parses a number above zero in the form in which the system writes it.
pub(crate) fn positive(text: &str) -> Option<i64> {
    text.parse().ok().filter(|number: &i64| *number > 0 && number.to_string() == text)
}

impl Input for GatewayEventInput {
    fn check(&self, _: &Context, wrong: &mut FieldErrors) {
        let tells_of_money = matches!(self.event_type, GatewayEventType::PaymentSucceeded | GatewayEventType::PaymentRefunded);
        let mut needed = |name: &str, is_there: bool| {
            if !is_there && !wrong.names(name) {
                wrong.add(name, field::REQUIRED);
            }
        };
        needed("amount", self.amount.is_some() || !tells_of_money);
        needed("currency", self.currency.is_some() || !tells_of_money);
        needed("refund_id", self.refund_id.is_some() || self.event_type != GatewayEventType::PaymentRefunded);
        needed("refund_reference", self.refund_reference.is_some() || self.event_type != GatewayEventType::RefundFailed);
        if self.event_type == GatewayEventType::PaymentRefunded {
            above_zero(self.amount, wrong);
        }
        if self.refund_reference.as_ref().is_some_and(|text| !(1..=64).contains(&text.chars().count())) {
            wrong.add("refund_reference", field::LENGTH).with("min", 1).with("max", 64);
        }
    }
}

/// The decision on a payment that waits for one.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"decision": "accept", "reason": "банк подтвердил полную сумму"}))]
pub struct DecisionInput {
    /// The decision.
    pub decision: Decision,
    /// The reason.
    #[validate(length(min = 1, max = 500))]
    #[schema(min_length = 1, max_length = 500)]
    pub reason: String,
}

impl Input for DecisionInput {}

/// The decision on a refund whose result the gateway never reported.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"decision": "accept", "reason": "банк подтвердил возврат"}))]
pub struct RefundDecisionInput {
    /// The decision.
    pub decision: RefundDecision,
    /// The reason; with `fail`, the `failure_reason` of the refund.
    #[validate(length(min = 1, max = 300))]
    #[schema(min_length = 1, max_length = 300)]
    pub reason: String,
    /// With `accept`, the gateway's own id of the refund, if known.
    #[serde(default, deserialize_with = "kernel::text::identifying")]
    #[validate(length(min = 1, max = 64))]
    #[schema(min_length = 1, max_length = 64)]
    pub gateway_refund_id: Option<String>,
}

impl Input for RefundDecisionInput {}

/// The list of payments that wait for a decision has no filters.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct QuarantinedFilter {}

/// Which events of gateways to list.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct GatewayEventFilter {
    /// Only of this payment.
    #[param(value_type = Option<Vec<PaymentId>>)]
    pub payment_id: Option<Several<PaymentId>>,
    /// Only of this gateway.
    #[param(max_length = 32)]
    pub gateway: Option<String>,
    /// Only with this outcome.
    #[param(value_type = Option<Vec<EventOutcome>>)]
    pub outcome: Option<Several<EventOutcome>>,
    /// Received at this moment or later.
    pub received_at_after: Option<DateTime<Utc>>,
    /// Received at this moment or earlier.
    pub received_at_before: Option<DateTime<Utc>>,
}

/// Which refunds through gateways to list.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct GatewayRefundFilter {
    /// Only of this payment.
    #[param(value_type = Option<Vec<PaymentId>>)]
    pub payment_id: Option<Several<PaymentId>>,
    /// Only of this gateway.
    #[param(max_length = 32)]
    pub gateway: Option<String>,
    /// Only with this status.
    #[param(value_type = Option<Vec<GatewayRefundStatus>>)]
    pub status: Option<Several<GatewayRefundStatus>>,
}

/// Which reconciliations to list.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ReconciliationFilter {
    /// Only of this gateway, network of terminals or bank.
    #[param(max_length = 32)]
    pub gateway: Option<String>,
}

/// Which rows of a reconciliation to list.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ReconciliationRowFilter {
    /// Only of this kind.
    #[param(value_type = Option<Vec<RowKind>>)]
    pub kind: Option<Several<RowKind>>,
}

/// The issuer and the days of a settlement file.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ReconciliationQuery {
    /// The issuer of the file: a gateway in use, `terminal` or `terminal:NAME` for a network of terminals, or `bank`.
    #[param(required = true, min_length = 1, max_length = 32)]
    pub gateway: Option<String>,
    /// The first day, in the operator's time zone.
    #[param(required = true)]
    pub from: Option<NaiveDate>,
    /// The last day; the range has at most 31 days.
    #[param(required = true)]
    pub to: Option<NaiveDate>,
}
