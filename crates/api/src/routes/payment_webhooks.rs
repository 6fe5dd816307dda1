//! Events that payment gateways send. No user is signed in: the signature identifies the gateway.

use acl::{Granted, perm};
use actix_web::{http::header::HeaderName, post};
use gateways::{ACTOR, GatewayEventInput, protocol::SignedHeaders, refusal};
use kernel::input;
use payments::EventOutcome;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    answer::{Answer, Reply},
    call::Call,
    extract::{PathPart, RawBody},
    routes::mount::Mount,
};

pub fn configure(mount: &mut Mount<'_, '_>) {
    mount.service(receive_gateway_event);
}

/// Confirms that an event was received.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"event_id": "evt-1", "outcome": "applied", "is_repeat": false}))]
struct EventReceipt {
    /// The event's id.
    event_id: String,
    /// The effect of the event.
    outcome: EventOutcome,
    /// Whether the event was received before; a repeat has no effect.
    is_repeat: bool,
}

/// Receives an event of a payment gateway, signed by the Standard Webhooks scheme.
///
/// `webhook-signature` is `v1,` and the base64 of HMAC-SHA256 over `webhook-id`, `webhook-timestamp` and the body as sent, joined
/// by dots. Several signatures are separated by blanks. The timestamp may differ from the server's clock by five minutes. A
/// `webhook-id` counts once, without a time limit: a repeat gets 200 and has no effect. An event about an unknown payment is kept
/// and gets 200.
#[utoipa::path(
    tag = "payments",
    params(
        ("gateway" = String, Path, description = "The gateway's name."),
        ("webhook-id" = String, Header, description = "The event's id, up to 255 visible characters."),
        ("webhook-timestamp" = String, Header, description = "When it was sent, in seconds since 1970."),
        ("webhook-signature" = String, Header, description = "One or more signatures.")
    ),
    request_body = GatewayEventInput,
    responses(
        (status = 200, description = "The event is kept.", body = EventReceipt),
        (status = 401, description = "`event_not_signed`: a header is missing, the timestamp is too far off, or no signature matches."),
        (status = 404, description = "`gateway_not_found`: no gateway of this name is in use.")
    )
)]
#[post("/webhooks/payments/{gateway}")]
async fn receive_gateway_event(call: Call, name: PathPart<String>, body: RawBody) -> Reply {
    let call = call.acting_as(ACTOR);
    let gateway = call.state.gateways.get(&name.0)?;
    let header = |name: &'static str| call.header(HeaderName::from_static(name));
    let headers =
        SignedHeaders { id: header("webhook-id"), timestamp: header("webhook-timestamp"), signature: header("webhook-signature") };
    let event_id = gateway.keys().verify(headers, &body.0, call.context().now).map_err(|why| {
        call.state.gateways.note_refused(gateway.name(), why, call.address());
        kernel::Error::new(refusal::EVENT_NOT_SIGNED).with("challenge", "Webhook-Signature")
    })?;
    let event: GatewayEventInput = input::parse(&body.0, call.context())?;
    let granted = Granted::<perm::PaymentsTake>::system(ACTOR);
    let answer = call.write(async |tx| {
        let (kept, is_repeat) = gateways::hear(tx, &granted, gateway.name(), event_id, &event).await?;
        Answer::ok(&EventReceipt { event_id: kept.event_id, outcome: kept.outcome, is_repeat })
    });
    Ok(answer.await?)
}
