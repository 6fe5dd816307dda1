//! Webhook endpoints and deliveries to them.

use acl::Secret;
use chrono::{DateTime, Utc};
use database::EventKind;
use kernel::{
    Error, Result,
    id::{EventId, WebhookDeliveryId, WebhookEndpointId},
    text_enum,
};
use serde::Serialize;
use utoipa::ToSchema;

use super::{Kinds, refusal};

/// A webhook endpoint with its kinds of events.
#[derive(Clone, Debug, Serialize, ToSchema, sqlx_macros::FromRow)]
#[schema(example = json!({
    "id": 3, "url": "https://example.com/hooks/crm", "kinds": ["payment.received", "contract.suspended"], "description": "Бухгалтерия",
    "is_active": true, "previous_secret_until": null, "created_at": "2026-01-15T09:30:00Z", "updated_at": "2026-01-15T09:30:00Z", "version": 1
}))]
pub struct WebhookEndpoint {
    /// The id.
    pub id: WebhookEndpointId,
    /// The URL to which events are sent.
    pub url: String,
    /// The kinds of events that are sent.
    #[schema(value_type = Vec<EventKind>)]
    pub kinds: Kinds,
    /// What the endpoint is for.
    pub description: Option<String>,
    /// Whether events are sent; events during an inactive time are never sent.
    pub is_active: bool,
    /// Until when the previous secret also signs.
    pub previous_secret_until: Option<DateTime<Utc>>,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
    /// Grows with every change.
    pub version: i64,
}

/// An endpoint with its secret, which is returned only once.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "id": 3, "url": "https://example.com/hooks/crm", "kinds": ["payment.received"], "description": null, "is_active": true, "previous_secret_until": null,
    "created_at": "2026-01-15T09:30:00Z", "updated_at": "2026-01-15T09:30:00Z", "version": 1, "secret": "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
}))]
pub struct WebhookEndpointWithSecret {
    /// The endpoint.
    #[serde(flatten)]
    pub endpoint: WebhookEndpoint,
    /// The secret that signs each delivery; store it, because it is not returned again.
    #[serde(serialize_with = "reveal")]
    #[schema(value_type = String)]
    pub secret: Secret,
}

fn reveal<S: serde::Serializer>(secret: &Secret, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(secret.reveal())
}

text_enum! {
    /// The status of a delivery.
    pub enum DeliveryStatus {
        /// It is sent at `next_attempt_at`.
        Pending = "pending",
        /// The endpoint responded with a success status.
        Delivered = "delivered",
        /// All attempts failed.
        Failed = "failed",
    }
}

/// A delivery of an event to an endpoint.
#[derive(Clone, Debug, Serialize, ToSchema, sqlx_macros::FromRow)]
#[schema(example = json!({
    "id": 71, "endpoint_id": 3, "event_id": 512, "kind": "payment.received", "message_id": "msg_0193f0a26a5e7c3b9f642f6f0c1d2e3f", "status": "pending",
    "attempts": 2, "next_attempt_at": "2026-01-15T09:31:00Z", "last_status": 502, "last_error": null, "created_at": "2026-01-15T09:30:01Z",
    "delivered_at": null
}))]
pub struct WebhookDelivery {
    /// The id.
    pub id: WebhookDeliveryId,
    /// The endpoint.
    pub endpoint_id: WebhookEndpointId,
    /// The event; none for a test.
    pub event_id: Option<EventId>,
    /// The kind of event; `webhook.test` for a test.
    pub kind: String,
    /// `webhook-id`, the same for every attempt.
    pub message_id: String,
    /// The status.
    pub status: DeliveryStatus,
    /// The number of attempts.
    pub attempts: i64,
    /// The time of the next attempt.
    pub next_attempt_at: Option<DateTime<Utc>>,
    /// The status code of the last response.
    pub last_status: Option<i64>,
    /// Why there was no response.
    pub last_error: Option<String>,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// When it was accepted.
    pub delivered_at: Option<DateTime<Utc>>,
}

impl WebhookDelivery {
    /// The delivery reset for a new attempt. Errors: `webhook_delivery_wrong_state` while it is pending.
    pub fn retried(&self, now: DateTime<Utc>) -> Result<Self> {
        if self.status == DeliveryStatus::Pending {
            return Err(Error::new(refusal::DELIVERY_WRONG_STATE));
        }
        Ok(Self { status: DeliveryStatus::Pending, attempts: 0, next_attempt_at: Some(now), delivered_at: None, ..self.clone() })
    }
}
