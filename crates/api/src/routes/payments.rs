//! Payments and charges (SPEC 8).

use acl::perm;
use actix_web::{get, post};
use kernel::{id::PaymentId, page::ListSpec};
use payments::{Payment, PaymentFilter, PaymentInput};
use utoipa_actix_web::service_config::ServiceConfig;

use crate::{
    call::{Answer, Call, List, Reply},
    extract::{Body, ListQuery, Listing, PathPart},
    guard::Guard,
};

pub fn configure(config: &mut ServiceConfig) {
    config.service(get_payment).service(list_payments).service(create_payment);
}

impl ListQuery for PaymentFilter {
    const SPEC: ListSpec = payments::LIST;
}

/// One transaction.
#[utoipa::path(
    tag = "payments",
    params(("id" = PaymentId, Path, description = "The transaction's id.")),
    responses((status = 200, description = "The transaction.", body = Payment)),
    security(("bearer" = ["payments:read"]))
)]
#[get("/payments/{id}")]
async fn get_payment(call: Call, granted: Guard<perm::PaymentsRead>, id: PathPart<PaymentId>) -> Reply {
    let payment = call.read(async |conn| payments::get(conn, &granted, id.0).await).await?;
    Ok(Answer::resource(&payment, payment.version)?)
}

/// A page of transactions: payments, charges, refunds and corrections.
#[utoipa::path(
    tag = "payments",
    params(Listing<PaymentFilter>),
    responses((status = 200, description = "A page of transactions.", body = List<Payment>)),
    security(("bearer" = ["payments:read"]))
)]
#[get("/payments")]
async fn list_payments(call: Call, granted: Guard<perm::PaymentsRead>, query: Listing<PaymentFilter>) -> Reply {
    let page = call.read(async |conn| payments::list(conn, &granted, &query.filter, &query.paging).await).await?;
    Ok(call.page(page)?)
}

/// Takes a payment; it succeeds at once.
///
/// A payment that covers a debt lifts hold `debt`, begins the period that was waiting and charges it.
#[utoipa::path(
    tag = "payments",
    request_body = PaymentInput,
    responses(
        (status = 201, description = "The payment.", body = Payment),
        (status = 409, description = "`payment_duplicate`, `contract_terminated`.")
    ),
    security(("bearer" = ["payments:take"]))
)]
#[post("/payments")]
async fn create_payment(call: Call, granted: Guard<perm::PaymentsTake>, input: Body<PaymentInput>) -> Reply {
    let answer = call.write(async |tx| {
        let payment = billing::take_payment(tx, &call.context, &granted, &input).await?;
        Answer::created(format!("payments/{}", payment.id), &payment, payment.version)
    });
    Ok(answer.await?)
}
