//! `telecom-crm sandbox-event`: an event of the sandbox, signed, to be sent by hand.

use std::net::SocketAddr;

use clap::Args;
use gateways::protocol::{Keys, sandbox};
use kernel::{Clock, Money, Result, country::Country};
use payments::GatewayEventType;
use serde_json::json;

/// What the sandbox shall say.
#[derive(Args)]
pub struct SandboxEvent {
    /// The id of a payment through the sandbox.
    payment: i64,
    /// What happened: payment.processing, payment.succeeded, payment.failed or payment.refunded.
    #[arg(long = "type", default_value = "payment.succeeded")]
    event_type: GatewayEventType,
    /// How much was paid or given back.
    #[arg(long, default_value = "100.00", value_parser = |text: &str| text.parse::<Money>())]
    amount: Money,
    /// The event's id; made of the payment and the type unless told otherwise.
    #[arg(long)]
    id: Option<String>,
}

impl SandboxEvent {
    /// A command that sends the event to the server at this address, signed. Errors: `gateway_not_found` without the sandbox's keys.
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
