//! Webhook endpoints and the deliveries to them.

use acl::perm;
use actix_web::{delete, get, patch, post, put};
use database::page::ListSpec;
use kernel::{
    id::{WebhookDeliveryId, WebhookEndpointId},
    input::NoInput,
};
use notifications::{DeliveryFilter, WebhookDelivery, WebhookEndpoint, WebhookEndpointInput, WebhookEndpointWithSecret, hooks};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    answer::{Answer, List, Reply},
    call::Call,
    extract::{Body, Change, ListQuery, Listing, PathPart},
    guard::Guard,
    routes::mount::Mount,
};

pub fn configure(mount: &mut Mount<'_, '_>) {
    mount.service(get_webhook_endpoint).service(list_webhook_endpoints).service(create_webhook_endpoint);
    mount.service(replace_webhook_endpoint).service(update_webhook_endpoint).service(delete_webhook_endpoint);
    mount.service(rotate_webhook_secret).service(test_webhook_endpoint);
    mount.service(list_webhook_deliveries).service(retry_webhook_delivery);
}

/// The list of endpoints has no filters.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct EndpointFilter {}

impl ListQuery for EndpointFilter {
    const SPEC: ListSpec = notifications::ENDPOINT_LIST;
}

impl ListQuery for DeliveryFilter {
    const SPEC: ListSpec = notifications::DELIVERY_LIST;
}

/// Returns a webhook endpoint, without its secret.
#[utoipa::path(
    tag = "webhooks",
    params(("id" = WebhookEndpointId, Path, description = "The endpoint's id.")),
    responses((status = 200, description = "The endpoint.", body = WebhookEndpoint)),
    security(("bearer" = ["webhooks:manage"]))
)]
#[get("/webhook-endpoints/{id}")]
async fn get_webhook_endpoint(call: Call, granted: Guard<perm::WebhooksManage>, id: PathPart<WebhookEndpointId>) -> Reply {
    let endpoint = call.read(async |conn| hooks::get(conn, &granted, id.0).await).await?;
    Ok(Answer::resource(&endpoint, endpoint.version)?)
}

/// Lists webhook endpoints.
#[utoipa::path(
    tag = "webhooks",
    params(Listing<EndpointFilter>),
    responses((status = 200, description = "A page of endpoints.", body = List<WebhookEndpoint>)),
    security(("bearer" = ["webhooks:manage"]))
)]
#[get("/webhook-endpoints")]
async fn list_webhook_endpoints(call: Call, granted: Guard<perm::WebhooksManage>, query: Listing<EndpointFilter>) -> Reply {
    let page = call.read(async |conn| hooks::list(conn, &granted, &query.paging).await).await?;
    Ok(call.page(page)?)
}

/// Creates a webhook endpoint, to which events of the chosen kinds are sent from now on.
///
/// The response is the only one that contains the secret by which deliveries are signed. Deliveries follow the Standard Webhooks
/// scheme: headers `webhook-id`, `webhook-timestamp` and `webhook-signature`.
#[utoipa::path(
    tag = "webhooks",
    request_body = WebhookEndpointInput,
    responses(
        (status = 201, description = "The endpoint and its secret.", body = WebhookEndpointWithSecret),
        (status = 403, description = "`permission_missing`, also for kinds that you may not see."),
        (status = 409, description = "`webhook_endpoints_full`: the limit of endpoints is reached.")
    ),
    security(("bearer" = ["webhooks:manage"]))
)]
#[post("/webhook-endpoints")]
async fn create_webhook_endpoint(call: Call, granted: Guard<perm::WebhooksManage>, input: Body<WebhookEndpointInput>) -> Reply {
    let answer = call.write(async |tx| {
        let created = hooks::create(tx, &granted, &call.state.couriers.hooks, &input).await?;
        Ok(Answer::created(format!("webhook-endpoints/{}", created.endpoint.id), &created.endpoint, created.endpoint.version)?
            .saying(&created)?
            .secret())
    });
    Ok(answer.await?)
}

async fn edit(call: &Call, granted: &Guard<perm::WebhooksManage>, id: WebhookEndpointId, change: &Change<WebhookEndpointInput>) -> Reply {
    let expected = call.expected()?;
    let answer = call.write(async |tx| {
        let endpoint = hooks::edit(tx, granted, &call.state.couriers.hooks, id, &change.0, &expected).await?;
        Answer::resource(&endpoint, endpoint.version)
    });
    Ok(answer.await?)
}

/// Replaces a webhook endpoint's editable fields.
#[utoipa::path(
    tag = "webhooks",
    params(("id" = WebhookEndpointId, Path, description = "The endpoint's id.")),
    request_body = WebhookEndpointInput,
    responses(
        (status = 200, description = "The endpoint.", body = WebhookEndpoint),
        (status = 403, description = "`permission_missing`, also for kinds that you may not see.")
    ),
    security(("bearer" = ["webhooks:manage"]))
)]
#[put("/webhook-endpoints/{id}")]
async fn replace_webhook_endpoint(
    call: Call,
    granted: Guard<perm::WebhooksManage>,
    id: PathPart<WebhookEndpointId>,
    change: Change<WebhookEndpointInput>,
) -> Reply {
    edit(&call, &granted, id.0, &change).await
}

/// Changes some of a webhook endpoint's fields.
#[utoipa::path(
    tag = "webhooks",
    params(("id" = WebhookEndpointId, Path, description = "The endpoint's id.")),
    request_body = WebhookEndpointInput,
    responses(
        (status = 200, description = "The endpoint.", body = WebhookEndpoint),
        (status = 403, description = "`permission_missing`, also for kinds that you may not see.")
    ),
    security(("bearer" = ["webhooks:manage"]))
)]
#[patch("/webhook-endpoints/{id}")]
async fn update_webhook_endpoint(
    call: Call,
    granted: Guard<perm::WebhooksManage>,
    id: PathPart<WebhookEndpointId>,
    change: Change<WebhookEndpointInput>,
) -> Reply {
    edit(&call, &granted, id.0, &change).await
}

/// Deletes a webhook endpoint and the deliveries to it.
#[utoipa::path(
    tag = "webhooks",
    params(("id" = WebhookEndpointId, Path, description = "The endpoint's id.")),
    responses((status = 204, description = "The endpoint is deleted.")),
    security(("bearer" = ["webhooks:manage"]))
)]
#[delete("/webhook-endpoints/{id}")]
async fn delete_webhook_endpoint(call: Call, granted: Guard<perm::WebhooksManage>, id: PathPart<WebhookEndpointId>) -> Reply {
    let expected = call.expected()?;
    let answer = call.write(async |tx| {
        hooks::delete(tx, &granted, id.0, &expected).await?;
        Ok(Answer::empty())
    });
    Ok(answer.await?)
}

/// Gives a webhook endpoint a new secret.
///
/// The response is the only one that contains it. For 24 hours deliveries are signed with the previous secret as well.
#[utoipa::path(
    tag = "webhooks",
    params(("id" = WebhookEndpointId, Path, description = "The endpoint's id.")),
    request_body = NoInput,
    responses((status = 200, description = "The endpoint and its new secret.", body = WebhookEndpointWithSecret)),
    security(("bearer" = ["webhooks:manage"]))
)]
#[post("/webhook-endpoints/{id}/rotate-secret")]
async fn rotate_webhook_secret(
    call: Call,
    granted: Guard<perm::WebhooksManage>,
    id: PathPart<WebhookEndpointId>,
    _input: Body<NoInput>,
) -> Reply {
    let answer = call.write(async |tx| {
        let rotated = hooks::rotate_secret(tx, &granted, &call.state.couriers.hooks, id.0).await?;
        Ok(Answer::resource(&rotated.endpoint, rotated.endpoint.version)?.saying(&rotated)?.secret())
    });
    Ok(answer.await?)
}

/// Sends a test event to a webhook endpoint.
///
/// The event has type `webhook.test`. The deliveries of the endpoint show the result.
#[utoipa::path(
    tag = "webhooks",
    params(("id" = WebhookEndpointId, Path, description = "The endpoint's id.")),
    request_body = NoInput,
    responses(
        (status = 200, description = "The delivery, pending.", body = WebhookDelivery),
        (status = 409, description = "`webhook_endpoint_inactive`.")
    ),
    security(("bearer" = ["webhooks:manage"]))
)]
#[post("/webhook-endpoints/{id}/test")]
async fn test_webhook_endpoint(
    call: Call,
    granted: Guard<perm::WebhooksManage>,
    id: PathPart<WebhookEndpointId>,
    _input: Body<NoInput>,
) -> Reply {
    let answer = call.write(async |tx| Answer::ok(&hooks::test(tx, &granted, id.0).await?));
    Ok(answer.await?)
}

/// Lists the deliveries to a webhook endpoint, both sent and pending.
#[utoipa::path(
    tag = "webhooks",
    params(("id" = WebhookEndpointId, Path, description = "The endpoint's id."), Listing<DeliveryFilter>),
    responses((status = 200, description = "A page of deliveries.", body = List<WebhookDelivery>)),
    security(("bearer" = ["webhooks:manage"]))
)]
#[get("/webhook-endpoints/{id}/deliveries")]
async fn list_webhook_deliveries(
    call: Call,
    granted: Guard<perm::WebhooksManage>,
    id: PathPart<WebhookEndpointId>,
    query: Listing<DeliveryFilter>,
) -> Reply {
    let page = call.read(async |conn| hooks::deliveries(conn, &granted, id.0, &query.filter, &query.paging).await).await?;
    Ok(call.page(page)?)
}

/// Sends a delivery again, whether it failed or was accepted.
///
/// The body and the id stay the same.
#[utoipa::path(
    tag = "webhooks",
    params(("id" = WebhookDeliveryId, Path, description = "The delivery's id.")),
    request_body = NoInput,
    responses(
        (status = 200, description = "The delivery, pending.", body = WebhookDelivery),
        (status = 409, description = "`webhook_delivery_wrong_state`: the delivery is already pending.")
    ),
    security(("bearer" = ["webhooks:manage"]))
)]
#[post("/webhook-deliveries/{id}/retry")]
async fn retry_webhook_delivery(
    call: Call,
    granted: Guard<perm::WebhooksManage>,
    id: PathPart<WebhookDeliveryId>,
    _input: Body<NoInput>,
) -> Reply {
    let answer = call.write(async |tx| Answer::ok(&hooks::retry(tx, &granted, id.0).await?));
    Ok(answer.await?)
}
