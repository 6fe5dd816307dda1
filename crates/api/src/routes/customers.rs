//! Subscribers (SPEC 4).

use acl::{Permission, perm};
use actix_web::{get, post};
use customers::{Customer, CustomerFilter, CustomerInput};
use kernel::{id::CustomerId, page::ListSpec};
use utoipa_actix_web::service_config::ServiceConfig;

use crate::{
    call::{Answer, Call, List, Reply},
    extract::{Body, ListQuery, Listing, PathPart},
    guard::Guard,
};

pub fn configure(config: &mut ServiceConfig) {
    config.service(get_customer).service(list_customers).service(create_customer);
}

impl ListQuery for CustomerFilter {
    const SPEC: ListSpec = customers::LIST;
}

/// One subscriber.
///
/// Without `customers:pii` personal data are masked; reading them unmasked is recorded.
#[utoipa::path(
    tag = "customers",
    params(("id" = CustomerId, Path, description = "The subscriber's id.")),
    responses((status = 200, description = "The subscriber.", body = Customer)),
    security(("bearer" = ["customers:read"]))
)]
#[get("/customers/{id}")]
async fn get_customer(call: Call, granted: Guard<perm::CustomersRead>, id: PathPart<CustomerId>) -> Reply {
    let customer = call.read(async |conn| customers::get(conn, &granted, id.0).await).await?;
    if granted.may(Permission::CustomersPii) {
        call.record_read("customer", [customer.id.get()]).await?;
    }
    Ok(Answer::resource(&customer, customer.version)?)
}

/// A page of subscribers.
///
/// Without `customers:pii` personal data are masked, and a document number finds nobody.
#[utoipa::path(
    tag = "customers",
    params(Listing<CustomerFilter>),
    responses((status = 200, description = "A page of subscribers.", body = List<Customer>)),
    security(("bearer" = ["customers:read"]))
)]
#[get("/customers")]
async fn list_customers(call: Call, granted: Guard<perm::CustomersRead>, query: Listing<CustomerFilter>) -> Reply {
    let page = call.read(async |conn| customers::list(conn, &granted, &query.filter, &query.paging).await).await?;
    if granted.may(Permission::CustomersPii) && !page.results.is_empty() {
        call.record_read("customer", page.results.iter().map(|customer| customer.id.get())).await?;
    }
    Ok(call.page(page)?)
}

/// Registers a subscriber.
#[utoipa::path(
    tag = "customers",
    request_body = CustomerInput,
    responses(
        (status = 201, description = "The new subscriber.", body = Customer),
        (status = 409, description = "`customer_duplicate`: phone, e-mail, tax number or document belong to another subscriber.")
    ),
    security(("bearer" = ["customers:write"]))
)]
#[post("/customers")]
async fn create_customer(call: Call, granted: Guard<perm::CustomersWrite>, input: Body<CustomerInput>) -> Reply {
    let answer = call.write(async |tx| {
        let customer = customers::create(tx, &call.context, &granted, &input).await?;
        Answer::created(format!("customers/{}", customer.id), &customer, customer.version)
    });
    Ok(answer.await?)
}
