//! Subscribers.

mod theirs;

use acl::{Permission, perm};
use actix_web::{delete, get, patch, post, put};
use customers::{
    Customer, CustomerFilter, CustomerInput, CustomerStatistics, Duplicate, DuplicateCheckInput, MergeInput, RegisteredCustomer,
    StatusReasonInput,
};
use database::page::ListSpec;
use kernel::{id::CustomerId, input::NoInput};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    answer::{Answer, List, Reply},
    call::Call,
    extract::{Body, Change, ListQuery, Listing, PathPart},
    guard::Guard,
    routes::mount::Mount,
};

pub fn configure(mount: &mut Mount<'_, '_>) {
    // before the path with an id, which also matches it
    mount.service(get_customer_statistics);
    mount.service(get_customer).service(list_customers).service(create_customer).service(check_duplicates);
    mount.service(replace_customer).service(update_customer).service(archive_customer);
    mount.service(activate_customer).service(suspend_customer).service(block_customer).service(restore_customer).service(merge_customers);
    theirs::configure(mount);
}

impl ListQuery for CustomerFilter {
    const SPEC: ListSpec = customers::LIST;
}

/// Returns a subscriber.
///
/// Without `customers:pii` personal data is masked; reading it unmasked is recorded.
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

/// Lists subscribers.
///
/// Without `customers:pii` personal data is masked, a document number finds nobody, and filtering by `city` is refused.
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

/// Registers a subscriber, and warns of likely duplicates.
#[utoipa::path(
    tag = "customers",
    request_body = CustomerInput,
    responses(
        (status = 201, description = "The new subscriber, and existing records that may be the same one.", body = RegisteredCustomer),
        (status = 409, description = "`customer_duplicate`: phone, e-mail, tax number or document belong to another subscriber, whose id is shown to callers with `customers:pii`.")
    ),
    security(("bearer" = ["customers:write"]))
)]
#[post("/customers")]
async fn create_customer(call: Call, granted: Guard<perm::CustomersWrite>, input: Body<CustomerInput>) -> Reply {
    let answer = call.write(async |tx| {
        let registered = customers::create(tx, &granted, &input).await?;
        let customer = &registered.customer;
        Answer::created(format!("customers/{}", customer.id), customer, customer.version)?.saying(&registered)
    });
    Ok(answer.await?)
}

/// Records that may be the same subscriber.
#[derive(Debug, Serialize, ToSchema)]
struct Duplicates {
    /// At most twenty records, most likely first.
    duplicates: Vec<Duplicate>,
}

/// Finds records that may be the same subscriber, each with a score and the reasons.
///
/// Names are compared regardless of order, case and ё, and with tolerance for typing errors. Without `customers:pii` only data that
/// is never masked is compared: names, phone, e-mail, organization. The audit trail records which subscribers were found.
#[utoipa::path(
    tag = "customers",
    request_body = DuplicateCheckInput,
    responses((status = 200, description = "The records, most likely first.", body = Duplicates)),
    security(("bearer" = ["customers:read"]))
)]
#[post("/customers/check-duplicates")]
async fn check_duplicates(call: Call, granted: Guard<perm::CustomersRead>, input: Body<DuplicateCheckInput>) -> Reply {
    let answer = call.write(async |tx| Answer::ok(&Duplicates { duplicates: customers::check_duplicates(tx, &granted, &input).await? }));
    Ok(answer.await?)
}

async fn edit(call: &Call, granted: &Guard<perm::CustomersWrite>, id: CustomerId, change: &Change<CustomerInput>) -> Reply {
    let expected = call.expected()?;
    let answer = call.write(async |tx| {
        let customer = subscribers::edit(tx, granted, id, &change.0, &expected).await?;
        Answer::resource(&customer, customer.version)
    });
    Ok(answer.await?)
}

/// Replaces a subscriber's own fields.
///
/// A value that was read masked and is sent back masked stays as it is.
#[utoipa::path(
    tag = "customers",
    params(("id" = CustomerId, Path, description = "The subscriber's id.")),
    request_body = CustomerInput,
    responses(
        (status = 200, description = "The subscriber.", body = Customer),
        (status = 409, description = "`customer_duplicate`: phone, e-mail, tax number or document belong to another subscriber.")
    ),
    security(("bearer" = ["customers:write"]))
)]
#[put("/customers/{id}")]
async fn replace_customer(
    call: Call,
    granted: Guard<perm::CustomersWrite>,
    id: PathPart<CustomerId>,
    change: Change<CustomerInput>,
) -> Reply {
    edit(&call, &granted, id.0, &change).await
}

/// Changes some of a subscriber's own fields.
#[utoipa::path(
    tag = "customers",
    params(("id" = CustomerId, Path, description = "The subscriber's id.")),
    request_body = CustomerInput,
    responses(
        (status = 200, description = "The subscriber.", body = Customer),
        (status = 409, description = "`customer_duplicate`: phone, e-mail, tax number or document belong to another subscriber.")
    ),
    security(("bearer" = ["customers:write"]))
)]
#[patch("/customers/{id}")]
async fn update_customer(
    call: Call,
    granted: Guard<perm::CustomersWrite>,
    id: PathPart<CustomerId>,
    change: Change<CustomerInput>,
) -> Reply {
    edit(&call, &granted, id.0, &change).await
}

/// Archives a subscriber whose contracts are all terminated.
///
/// The record and its history stay. Other subscribers can have its phone, e-mail, tax number and document.
#[utoipa::path(
    tag = "customers",
    params(("id" = CustomerId, Path, description = "The subscriber's id.")),
    responses(
        (status = 204, description = "The subscriber is archived."),
        (status = 409, description = "`customer_wrong_state`: already archived; `customer_has_contracts`: a contract is not terminated.")
    ),
    security(("bearer" = ["customers:delete"]))
)]
#[delete("/customers/{id}")]
async fn archive_customer(call: Call, granted: Guard<perm::CustomersDelete>, id: PathPart<CustomerId>) -> Reply {
    let expected = call.expected()?;
    let answer = call.write(async |tx| {
        subscribers::archive(tx, &granted, id.0, &expected).await?;
        Ok(Answer::empty())
    });
    Ok(answer.await?)
}

/// Activates a suspended or blocked subscriber.
///
/// Hold `customer` is lifted from every contract; other holds stay. A contract that becomes active by this begins the period that
/// is due, or is suspended by hold `debt`.
#[utoipa::path(
    tag = "customers",
    params(("id" = CustomerId, Path, description = "The subscriber's id.")),
    request_body = NoInput,
    responses(
        (status = 200, description = "The subscriber, active.", body = Customer),
        (status = 409, description = "`customer_wrong_state`: neither suspended nor blocked.")
    ),
    security(("bearer" = ["customers:write"]))
)]
#[post("/customers/{id}/activate")]
async fn activate_customer(call: Call, granted: Guard<perm::CustomersWrite>, id: PathPart<CustomerId>, _input: Body<NoInput>) -> Reply {
    let answer = call.write(async |tx| {
        let customer = subscribers::activate(tx, &granted, id.0).await?;
        Answer::resource(&customer, customer.version)
    });
    Ok(answer.await?)
}

/// Suspends an active subscriber.
///
/// Hold `customer` is placed on every running contract.
#[utoipa::path(
    tag = "customers",
    params(("id" = CustomerId, Path, description = "The subscriber's id.")),
    request_body = StatusReasonInput,
    responses(
        (status = 200, description = "The subscriber, suspended.", body = Customer),
        (status = 409, description = "`customer_wrong_state`: not active.")
    ),
    security(("bearer" = ["customers:write"]))
)]
#[post("/customers/{id}/suspend")]
async fn suspend_customer(
    call: Call,
    granted: Guard<perm::CustomersWrite>,
    id: PathPart<CustomerId>,
    input: Body<StatusReasonInput>,
) -> Reply {
    let answer = call.write(async |tx| {
        let customer = subscribers::suspend(tx, &granted, id.0, &input).await?;
        Answer::resource(&customer, customer.version)
    });
    Ok(answer.await?)
}

/// Blocks an active or suspended subscriber.
///
/// Hold `customer` is placed on every running contract.
#[utoipa::path(
    tag = "customers",
    params(("id" = CustomerId, Path, description = "The subscriber's id.")),
    request_body = StatusReasonInput,
    responses(
        (status = 200, description = "The subscriber, blocked.", body = Customer),
        (status = 409, description = "`customer_wrong_state`: neither active nor suspended.")
    ),
    security(("bearer" = ["customers:write"]))
)]
#[post("/customers/{id}/block")]
async fn block_customer(
    call: Call,
    granted: Guard<perm::CustomersWrite>,
    id: PathPart<CustomerId>,
    input: Body<StatusReasonInput>,
) -> Reply {
    let answer = call.write(async |tx| {
        let customer = subscribers::block(tx, &granted, id.0, &input).await?;
        Answer::resource(&customer, customer.version)
    });
    Ok(answer.await?)
}

/// Restores an archived subscriber to its earlier status: active, suspended or blocked.
#[utoipa::path(
    tag = "customers",
    params(("id" = CustomerId, Path, description = "The subscriber's id.")),
    request_body = NoInput,
    responses(
        (status = 200, description = "The subscriber.", body = Customer),
        (status = 409, description = "`customer_wrong_state`: not archived; `customer_merged`; `customer_duplicate`: another subscriber now has its phone, e-mail, tax number or document.")
    ),
    security(("bearer" = ["customers:write"]))
)]
#[post("/customers/{id}/restore")]
async fn restore_customer(call: Call, granted: Guard<perm::CustomersWrite>, id: PathPart<CustomerId>, _input: Body<NoInput>) -> Reply {
    let answer = call.write(async |tx| {
        let customer = customers::restore(tx, &granted, id.0).await?;
        Answer::resource(&customer, customer.version)
    });
    Ok(answer.await?)
}

/// Merges a duplicate into this subscriber and archives the duplicate permanently.
///
/// Contracts, tickets, notifications and history move to this subscriber, whose own fields stay as they are. Both subscribers must
/// have the same type and the same status: active, suspended or blocked.
#[utoipa::path(
    tag = "customers",
    params(("id" = CustomerId, Path, description = "The id of the subscriber who remains.")),
    request_body = MergeInput,
    responses(
        (status = 200, description = "The subscriber who remains.", body = Customer),
        (status = 409, description = "`customer_merge_with_itself`; `customer_wrong_state`: one is archived; `customer_merge_mismatch`: they differ in type or status.")
    ),
    security(("bearer" = ["customers:merge"]))
)]
#[post("/customers/{id}/merge")]
async fn merge_customers(call: Call, granted: Guard<perm::CustomersMerge>, id: PathPart<CustomerId>, input: Body<MergeInput>) -> Reply {
    let answer = call.write(async |tx| {
        let customer = subscribers::merge(tx, &granted, id.0, &input).await?;
        Answer::resource(&customer, customer.version)
    });
    Ok(answer.await?)
}

/// Returns the number of subscribers by status, by type and with an active contract.
///
/// It also counts the registrations of the last thirty days.
#[utoipa::path(
    tag = "customers",
    responses((status = 200, description = "The current statistics.", body = CustomerStatistics)),
    security(("bearer" = ["reports:read"]))
)]
#[get("/customers/statistics")]
async fn get_customer_statistics(call: Call, granted: Guard<perm::ReportsRead>) -> Reply {
    let statistics = call.read(async |conn| customers::statistics(conn, &granted).await).await?;
    Ok(Answer::ok(&statistics)?)
}
