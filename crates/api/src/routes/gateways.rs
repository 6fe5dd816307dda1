//! Payments through gateways: links, events of gateways, refunds, and decisions about them.

use acl::perm;
use actix_web::{get, post};
use database::page::ListSpec;
use gateways::{
    DecisionInput, EVENT_LIST, GatewayEvent, GatewayEventFilter, GatewayRefund, GatewayRefundFilter, LinkInput, QuarantinedFilter,
    REFUND_LIST, RefundDecisionInput,
};
use kernel::{
    Error, FieldErrors,
    error::{common, field},
    id::{GatewayRefundId, PaymentId},
};
use payments::{Payment, QUARANTINED_LIST};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    answer::{Answer, List, Reply},
    call::Call,
    expand::{Expandable, Part},
    extract::{Body, ListQuery, Listing, PathPart},
    guard::Guard,
    routes::mount::Mount,
};

pub fn configure(mount: &mut Mount<'_, '_>) {
    // before the path with an id, which also matches them
    mount.service(create_payment_link).service(get_gateways).service(list_gateway_events).service(list_quarantined_payments);
    mount.service(list_gateway_refunds).service(get_gateway_refund).service(resolve_gateway_refund).service(resolve_payment);
}

impl ListQuery for GatewayEventFilter {
    const SPEC: ListSpec = EVENT_LIST;
}

impl ListQuery for GatewayRefundFilter {
    const SPEC: ListSpec = REFUND_LIST;
}

impl ListQuery for QuarantinedFilter {
    const SPEC: ListSpec = QUARANTINED_LIST;
    const PARTS: &'static [Part] = Payment::PARTS;
}

/// The gateways in use.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"gateways": ["sandbox"], "currency": "RUB"}))]
struct GatewaysInUse {
    /// The names of the gateways.
    gateways: Vec<&'static str>,
    /// ISO 4217 code of the currency that they take.
    currency: &'static str,
}

/// Lists the names of the gateways in use.
#[utoipa::path(
    tag = "payments",
    responses((status = 200, description = "The names.", body = GatewaysInUse)),
    security(("bearer" = ["payments:read"]))
)]
#[get("/payments/gateways")]
async fn get_gateways(call: Call, _granted: Guard<perm::PaymentsRead>) -> Reply {
    let currency = call.context().policy.country.currency();
    Ok(Answer::ok(&GatewaysInUse { gateways: call.state.gateways.names(), currency })?)
}

/// Creates a link by which the payer pays through a gateway.
///
/// The payment is pending until the gateway reports its result. If nobody has paid by `expires_at`, the payment fails. If the
/// gateway does not respond, the payment stays pending without a link: repeat the request with the same `Idempotency-Key` to get
/// the same order. Without a key, a repeat is another payment, and the earlier one fails without further action.
#[utoipa::path(
    tag = "payments",
    request_body = LinkInput,
    responses(
        (status = 201, description = "The payment, pending, with its link.", body = Payment),
        (status = 409, description = "`contract_terminated`: a terminated contract takes no more than it still owes; `gateway_refused`: the gateway refused the payment, which has failed."),
        (status = 503, description = "`gateway_away`: the gateway did not respond; the payment named in `detail` stays pending. Or the database is unavailable.")
    ),
    security(("bearer" = ["payments:take"]))
)]
#[post("/payments/links")]
async fn create_payment_link(call: Call, granted: Guard<perm::PaymentsTake>, input: Body<LinkInput>) -> Reply<Option<PaymentId>> {
    let names = call.state.gateways.names();
    if !names.contains(&input.gateway.as_str()) {
        let mut wrong = FieldErrors::default();
        wrong.add("gateway", field::CHOICE).with("choices", names.join(", "));
        return Err(Error::new(common::INVALID).fields(wrong).into());
    }
    let (context, timing) = (call.context(), call.state.gateways.timing());
    // also the first response, before the link exists, so that a repeat finds the payment
    let shown = |payment: &Payment| Answer::created(format!("payments/{}", payment.id), payment, payment.version);
    let begun = call.write(async |tx| {
        let payment = gateways::begin_link(tx, &granted, &input, timing).await?;
        Ok(shown(&payment)?.having_made(Some(payment.id)))
    });
    let begun = begun.await?;
    let Some(id) = begun.made else { return Ok(begun) };
    let payment = gateways::make_link(&call.state.gateways, &call.state.db, context, &granted, id).await?;
    Ok(call.conclude(shown(&payment)?.having_made(None)).await?)
}

/// Lists what gateways reported about payments, each event once.
#[utoipa::path(
    tag = "payments",
    params(Listing<GatewayEventFilter>),
    responses((status = 200, description = "A page of events.", body = List<GatewayEvent>)),
    security(("bearer" = ["payments:read"]))
)]
#[get("/payments/gateway-events")]
async fn list_gateway_events(call: Call, granted: Guard<perm::PaymentsRead>, query: Listing<GatewayEventFilter>) -> Reply {
    let page = call.read(async |conn| gateways::list_events(conn, &granted, &query.filter, &query.paging).await).await?;
    Ok(call.page(page)?)
}

/// Lists the payments in quarantine: something is wrong, and somebody has to decide.
#[utoipa::path(
    tag = "payments",
    params(Listing<QuarantinedFilter>),
    responses((status = 200, description = "A page of payments.", body = List<Payment>)),
    security(("bearer" = ["payments:read"]))
)]
#[get("/payments/quarantined")]
async fn list_quarantined_payments(call: Call, granted: Guard<perm::PaymentsRead>, query: Listing<QuarantinedFilter>) -> Reply {
    let page = call.read(async |conn| payments::list_quarantined(conn, &granted, &query.paging).await).await?;
    Ok(query.expand.page(&call, page).await?)
}

/// Lists refunds through gateways: requested, unanswered, done and failed ones.
#[utoipa::path(
    tag = "payments",
    params(Listing<GatewayRefundFilter>),
    responses((status = 200, description = "A page of refunds.", body = List<GatewayRefund>)),
    security(("bearer" = ["payments:read"]))
)]
#[get("/payments/gateway-refunds")]
async fn list_gateway_refunds(call: Call, granted: Guard<perm::PaymentsRead>, query: Listing<GatewayRefundFilter>) -> Reply {
    let page = call.read(async |conn| gateways::list_refunds(conn, &granted, &query.filter, &query.paging).await).await?;
    Ok(call.page(page)?)
}

/// Returns a refund through a gateway.
#[utoipa::path(
    tag = "payments",
    params(("id" = GatewayRefundId, Path, description = "The refund's id.")),
    responses((status = 200, description = "The refund.", body = GatewayRefund)),
    security(("bearer" = ["payments:read"]))
)]
#[get("/gateway-refunds/{id}")]
async fn get_gateway_refund(call: Call, granted: Guard<perm::PaymentsRead>, id: PathPart<GatewayRefundId>) -> Reply {
    let refund = call.read(async |conn| gateways::get_refund(conn, &granted, id.0).await).await?;
    Ok(Answer::resource(&refund, refund.version)?)
}

/// Decides about a refund to which its gateway never responded.
///
/// Such a refund is `unanswered`. `accept`: the money was returned, and leaves the ledger. `fail`: it was not returned, and will
/// not be. `ask_again`: the gateway is asked again, for as long as the first time.
#[utoipa::path(
    tag = "payments",
    params(("id" = GatewayRefundId, Path, description = "The refund's id.")),
    request_body = RefundDecisionInput,
    responses(
        (status = 200, description = "The refund.", body = GatewayRefund),
        (status = 409, description = "`gateway_refund_not_unanswered`: the gateway has reported the result, or is still being asked.")
    ),
    security(("bearer" = ["payments:reconcile"]))
)]
#[post("/gateway-refunds/{id}/resolve")]
async fn resolve_gateway_refund(
    call: Call,
    granted: Guard<perm::PaymentsReconcile>,
    id: PathPart<GatewayRefundId>,
    input: Body<RefundDecisionInput>,
) -> Reply {
    let timing = call.state.gateways.timing();
    let answer = call.write(async |tx| {
        let refund = gateways::resolve_refund(tx, &granted, id.0, &input, timing).await?;
        Answer::resource(&refund, refund.version)
    });
    Ok(answer.await?)
}

/// Decides about a payment in quarantine.
///
/// Field `quarantine` shows the reason. `accept`: the money was received, and the payment counts with its own amount. `fail`: the
/// money was not received. Both are possible while the payment is pending or processing. `dismiss`: the payment stays as it is,
/// because the matter was settled elsewhere, and events of its gateway count again.
#[utoipa::path(
    tag = "payments",
    params(("id" = PaymentId, Path, description = "The payment's id.")),
    request_body = DecisionInput,
    responses(
        (status = 200, description = "The payment.", body = Payment),
        (status = 409, description = "`payment_not_quarantined`, `payment_wrong_state`, `contract_terminated`.")
    ),
    security(("bearer" = ["payments:reconcile"]))
)]
#[post("/payments/{id}/resolve")]
async fn resolve_payment(
    call: Call,
    granted: Guard<perm::PaymentsReconcile>,
    id: PathPart<PaymentId>,
    input: Body<DecisionInput>,
) -> Reply {
    let timing = call.state.gateways.timing();
    let answer = call.write(async |tx| {
        let payment = gateways::resolve(tx, &granted, id.0, &input, timing).await?;
        Answer::resource(&payment, payment.version)
    });
    Ok(answer.await?)
}
