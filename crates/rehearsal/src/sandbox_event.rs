//! `telecom-crm sandbox-event`: prints a signed event of the sandbox gateway to send by hand.

use std::{net::SocketAddr, sync::Arc};

use clap::{
    Args,
    builder::{PossibleValuesParser, TypedValueParser},
};
use database::Db;
use gateways::protocol::{Keys, sandbox};
use kernel::{Actor, Clock, Context, Money, Origin, Policy, Result, id::PaymentId};
use payments::GatewayEventType;
use serde_json::json;

/// The event that the sandbox should report.
#[derive(Args)]
pub struct SandboxEvent {
    /// The id of a payment through the sandbox.
    payment: i64,
    /// The type of the event.
    #[arg(long = "type", default_value = "payment.succeeded", value_parser = event_types())]
    event_type: GatewayEventType,
    /// The paid or refunded amount; by default that of the payment.
    #[arg(long, value_parser = |text: &str| text.parse::<Money>())]
    amount: Option<Money>,
    /// The event's id; by default a new one.
    #[arg(long)]
    id: Option<String>,
}

/// Accepts every type, and lists them all when there is no such type.
fn event_types() -> impl TypedValueParser<Value = GatewayEventType> {
    PossibleValuesParser::new(GatewayEventType::ALL.iter().map(|one| one.as_str())).try_map(|text: String| text.parse::<GatewayEventType>())
}

impl SandboxEvent {
    /// Returns a command that sends the signed event to the server at this address.
    ///
    /// Errors: `gateway_not_found` without the sandbox's keys, `payment_not_found` for a payment that is not the sandbox's.
    pub async fn command(&self, db: &Db, keys: Option<&Keys>, bind: SocketAddr, policy: &Arc<Policy>) -> Result<String> {
        let keys = keys.ok_or(gateways::refusal::GATEWAY_NOT_FOUND)?;
        let now = Clock::System.now();
        let origin = Origin { request_id: "sandbox-event".into(), ..Origin::default() };
        let context = Arc::new(Context { now, policy: policy.clone(), origin, actor: Actor::system("sandbox-event") });
        let (payment, order) = db.read(&context, async |conn| gateways::order(conn, PaymentId::new(self.payment)).await).await?;
        if payment.gateway.as_deref() != Some(sandbox::NAME) {
            return Err(payments::refusal::NOT_FOUND.into());
        }
        // different each time, because an event counts once by its id
        let unique = format!("by-hand-{}-{}", payment.id, now.timestamp_micros());
        let id = self.id.clone().unwrap_or_else(|| format!("{}-{unique}", self.event_type));
        let body = json!({
            "type": self.event_type, "reference": order.reference, "amount": self.amount.unwrap_or(order.amount),
            "currency": order.currency, "refund_id": unique
        })
        .to_string();
        let timestamp = now.timestamp();
        Ok(format!(
            "curl -s http://{}/api/v1/webhooks/payments/{} -H 'Content-Type: application/json' \\\n  -H 'webhook-id: {id}' \
             -H 'webhook-timestamp: {timestamp}' -H 'webhook-signature: {}' \\\n  -d '{body}'",
            bind,
            sandbox::NAME,
            keys.sign(&id, timestamp, body.as_bytes())
        ))
    }
}
