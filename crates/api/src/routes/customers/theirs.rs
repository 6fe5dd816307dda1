//! What belongs to a subscriber: contracts, payments, tickets and history.

use acl::perm;
use actix_web::get;
use contracts::{Contract, ContractFilter};
use customers::HistoryRow;
use database::page::ListSpec;
use kernel::id::CustomerId;
use payments::Payment;
use serde::Deserialize;
use tickets::{Ticket, TicketFilter};
use utoipa::IntoParams;

use crate::{
    answer::{List, Reply},
    call::Call,
    expand::{Expandable, Part},
    extract::{ListQuery, Listing, PathPart},
    guard::Guard,
    routes::mount::Mount,
};

pub fn configure(mount: &mut Mount<'_, '_>) {
    mount.service(list_customer_contracts).service(list_customer_payments).service(list_customer_tickets).service(list_customer_history);
}

/// Declares the parameters of lists that are paged and ordered, but not filtered.
macro_rules! all_of_theirs {
    ($($(#[$doc:meta])* $name:ident = $spec:expr, $parts:expr;)+) => {$(
        $(#[$doc])*
        #[derive(Debug, Deserialize, IntoParams)]
        #[serde(deny_unknown_fields)]
        struct $name {}

        impl ListQuery for $name {
            const SPEC: ListSpec = $spec;
            const PARTS: &'static [Part] = $parts;
        }
    )+};
}

all_of_theirs! {
    /// All contracts.
    AllContracts = contracts::LIST, Contract::PARTS;
    /// All payments.
    AllPayments = payments::LIST, Payment::PARTS;
    /// All tickets.
    AllTickets = tickets::LIST, Ticket::PARTS;
    /// The whole history.
    AllHistory = customers::HISTORY_LIST, &[];
}

/// Lists a subscriber's contracts.
#[utoipa::path(
    tag = "customers",
    params(("id" = CustomerId, Path, description = "The subscriber's id."), Listing<AllContracts>),
    responses((status = 200, description = "A page of contracts.", body = List<Contract>)),
    security(("bearer" = ["contracts:read"]))
)]
#[get("/customers/{id}/contracts")]
async fn list_customer_contracts(
    call: Call,
    granted: Guard<perm::ContractsRead>,
    id: PathPart<CustomerId>,
    query: Listing<AllContracts>,
) -> Reply {
    let filter = ContractFilter { customer_id: Some(id.0.into()), ..ContractFilter::default() };
    let page = call.read(async |conn| {
        customers::must_exist(conn, id.0).await?;
        contracts::list(conn, &granted, &filter, &query.paging).await
    });
    Ok(query.expand.page(&call, page.await?).await?)
}

/// Lists the transactions on all contracts of a subscriber.
#[utoipa::path(
    tag = "customers",
    params(("id" = CustomerId, Path, description = "The subscriber's id."), Listing<AllPayments>),
    responses((status = 200, description = "A page of transactions.", body = List<Payment>)),
    security(("bearer" = ["payments:read"]))
)]
#[get("/customers/{id}/payments")]
async fn list_customer_payments(
    call: Call,
    granted: Guard<perm::PaymentsRead>,
    id: PathPart<CustomerId>,
    query: Listing<AllPayments>,
) -> Reply {
    let page = call.read(async |conn| {
        customers::must_exist(conn, id.0).await?;
        payments::list_of_customer(conn, &granted, id.0, &query.paging).await
    });
    Ok(query.expand.page(&call, page.await?).await?)
}

/// Lists a subscriber's tickets.
#[utoipa::path(
    tag = "customers",
    params(("id" = CustomerId, Path, description = "The subscriber's id."), Listing<AllTickets>),
    responses((status = 200, description = "A page of tickets.", body = List<Ticket>)),
    security(("bearer" = ["tickets:read"]))
)]
#[get("/customers/{id}/tickets")]
async fn list_customer_tickets(
    call: Call,
    granted: Guard<perm::TicketsRead>,
    id: PathPart<CustomerId>,
    query: Listing<AllTickets>,
) -> Reply {
    let filter = TicketFilter { customer_id: Some(id.0.into()), ..TicketFilter::default() };
    let page = call.read(async |conn| {
        customers::must_exist(conn, id.0).await?;
        tickets::list(conn, &granted, &filter, &query.paging).await
    });
    Ok(query.expand.page(&call, page.await?).await?)
}

/// Lists the history of a subscriber, of those merged into it, and of their records.
///
/// It contains contracts, SIM cards, payments and tickets as far as you may see them. Personal data is masked for everybody.
#[utoipa::path(
    tag = "customers",
    params(("id" = CustomerId, Path, description = "The subscriber's id."), Listing<AllHistory>),
    responses((status = 200, description = "A page of the history, newest first.", body = List<HistoryRow>)),
    security(("bearer" = ["customers:read"]))
)]
#[get("/customers/{id}/history")]
async fn list_customer_history(
    call: Call,
    granted: Guard<perm::CustomersRead>,
    id: PathPart<CustomerId>,
    query: Listing<AllHistory>,
) -> Reply {
    let page = call.read(async |conn| customers::history(conn, &granted, id.0, &query.paging).await).await?;
    Ok(call.page(page)?)
}
