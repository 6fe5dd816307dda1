//! Integrators' addresses, and what is on its way to them.

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

/// An address that is told of events of the chosen kinds.
#[derive(Clone, Debug, Serialize, ToSchema, sqlx::FromRow)]
#[schema(example = json!({
    "id": 3, "url": "https://example.com/hooks/crm", "kinds": ["payment.received", "contract.suspended"], "description": "Бухгалтерия",
    "is_active": true, "previous_secret_until": null, "created_at": "2026-01-15T09:30:00Z", "updated_at": "2026-01-15T09:30:00Z", "version": 1
}))]
pub struct WebhookEndpoint {
    /// The id.
    pub id: WebhookEndpointId,
    /// Where events are sent.
    pub url: String,
    /// The kinds of events that are sent.
    #[schema(value_type = Vec<EventKind>)]
    pub kinds: Kinds,
    /// What it is for.
    pub description: Option<String>,
    /// Whether anything is sent; of what happens meanwhile it never hears.
    pub is_active: bool,
    /// Until when the secret before the present one signs too.
    pub previous_secret_until: Option<DateTime<Utc>>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
    /// Grows with every change.
    pub version: i64,
}

/// An endpoint with its secret, which is shown this once.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "id": 3, "url": "https://example.com/hooks/crm", "kinds": ["payment.received"], "description": null, "is_active": true, "previous_secret_until": null,
    "created_at": "2026-01-15T09:30:00Z", "updated_at": "2026-01-15T09:30:00Z", "version": 1, "secret": "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
}))]
pub struct WebhookEndpointWithSecret {
    /// The endpoint.
    #[serde(flatten)]
    pub endpoint: WebhookEndpoint,
    /// What signs each delivery: keep it, it is not shown again.
    #[serde(serialize_with = "reveal")]
    #[schema(value_type = String)]
    pub secret: Secret,
}

fn reveal<S: serde::Serializer>(secret: &Secret, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(secret.reveal())
}

text_enum! {
    /// What became of a delivery.
    pub enum DeliveryStatus {
        /// It is sent at `next_attempt_at`.
        Pending = "pending",
        /// The integrator answered with a status of success.
        Delivered = "delivered",
        /// It was tried as often as may be.
        Failed = "failed",
    }
}

/// An event on its way to an endpoint.
#[derive(Clone, Debug, Serialize, ToSchema, sqlx::FromRow)]
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
    /// What it tells of; `webhook.test` for a test.
    pub kind: String,
    /// `webhook-id`, the same for every try.
    pub message_id: String,
    /// What became of it.
    pub status: DeliveryStatus,
    /// How often it was tried.
    pub attempts: i64,
    /// When it is tried next.
    pub next_attempt_at: Option<DateTime<Utc>>,
    /// The status of the last answer.
    pub last_status: Option<i64>,
    /// Why there was no answer.
    pub last_error: Option<String>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was taken.
    pub delivered_at: Option<DateTime<Utc>>,
}

impl WebhookDelivery {
    /// To be sent once more, as if it were new. Errors: `webhook_delivery_wrong_state` while it is pending.
    pub fn retried(&self, now: DateTime<Utc>) -> Result<Self> {
        if self.status == DeliveryStatus::Pending {
            return Err(Error::new(refusal::DELIVERY_WRONG_STATE));
        }
        Ok(Self { status: DeliveryStatus::Pending, attempts: 0, next_attempt_at: Some(now), delivered_at: None, ..self.clone() })
    }
}
