//! `telecom-crm sandbox-event`: prints a signed event of the sandbox gateway to send by hand.

use std::net::SocketAddr;

use clap::Args;
use gateways::protocol::{Keys, sandbox};
use kernel::{Clock, Money, Result, country::Country};
use payments::GatewayEventType;
use serde_json::json;

/// The event that the sandbox should report.
#[derive(Args)]
pub struct SandboxEvent {
    /// The id of a payment through the sandbox.
    payment: i64,
    /// The type of the event: payment.processing, payment.succeeded, payment.failed or payment.refunded.
    #[arg(long = "type", default_value = "payment.succeeded")]
    event_type: GatewayEventType,
    /// The paid or refunded amount.
    #[arg(long, default_value = "100.00", value_parser = |text: &str| text.parse::<Money>())]
    amount: Money,
    /// The event's id; by default composed of the payment and the type.
    #[arg(long)]
    id: Option<String>,
}

impl SandboxEvent {
    /// Returns a command that sends the signed event to the server at this address. Errors: `gateway_not_found` without the sandbox's
    /// keys.
    pub fn command(&self, keys: Option<&Keys>, bind: SocketAddr, country: Country) -> Result<String> {
        let keys = keys.ok_or(gateways::refusal::GATEWAY_NOT_FOUND)?;
        let id = self.id.clone().unwrap_or_else(|| format!("{}-{}", self.event_type, self.payment));
        let body = json!({
            "type": self.event_type, "reference": self.payment.to_string(), "amount": self.amount,
            "currency": country.currency(), "refund_id": format!("by-hand-{}", self.payment)
        })
        .to_string();
        let timestamp = Clock::System.now().timestamp();
        Ok(format!(
            "curl -s http://{}/api/v1/webhooks/payments/{} -H 'Content-Type: application/json' \\\n  -H 'webhook-id: {id}' \
             -H 'webhook-timestamp: {timestamp}' -H 'webhook-signature: {}' \\\n  -d '{body}'",
            bind,
            sandbox::NAME,
            keys.sign(&id, timestamp, body.as_bytes())
        ))
    }
}
