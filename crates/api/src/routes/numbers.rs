//! Phone numbers.

use acl::perm;
use actix_web::{get, post};
use database::page::ListSpec;
use kernel::{id::NumberId, input::NoInput};
use sims::{BindingFilter, Number, NumberFilter, NumberInput, NumberPortOutInput, NumberReserveInput, SimBinding, numbers};

use crate::{
    answer::{Answer, List, Reply},
    call::Call,
    expand::{Expandable, Expanding, Part},
    extract::{Body, ListQuery, Listing, PathPart},
    guard::Guard,
    routes::mount::Mount,
};

pub fn configure(mount: &mut Mount<'_, '_>) {
    mount.service(get_number).service(list_numbers).service(create_numbers);
    mount.service(reserve_number).service(release_number).service(port_number_out).service(list_number_history);
}

impl ListQuery for NumberFilter {
    const SPEC: ListSpec = sims::NUMBER_LIST;
    const PARTS: &'static [Part] = Number::PARTS;
}

/// Returns a phone number in its current state.
#[utoipa::path(
    tag = "numbers",
    params(("id" = NumberId, Path, description = "The number's id."), Expanding<Number>),
    responses((status = 200, description = "The number.", body = Number)),
    security(("bearer" = ["sims:read"]))
)]
#[get("/numbers/{id}")]
async fn get_number(call: Call, granted: Guard<perm::SimsRead>, id: PathPart<NumberId>, query: Expanding<Number>) -> Reply {
    let number = call.read(async |conn| numbers::get(conn, &granted, id.0).await).await?;
    Ok(query.expand.one(&call, &number, number.version).await?)
}

/// Lists phone numbers in their current state.
#[utoipa::path(
    tag = "numbers",
    params(Listing<NumberFilter>),
    responses((status = 200, description = "A page of numbers.", body = List<Number>)),
    security(("bearer" = ["sims:read"]))
)]
#[get("/numbers")]
async fn list_numbers(call: Call, granted: Guard<perm::SimsRead>, query: Listing<NumberFilter>) -> Reply {
    let page = call.read(async |conn| numbers::list(conn, &granted, &query.filter, &query.paging).await).await?;
    Ok(query.expand.page(&call, page).await?)
}

/// Adds a range of phone numbers, all or none.
#[utoipa::path(
    tag = "numbers",
    request_body = NumberInput,
    responses(
        (status = 201, description = "The new numbers.", body = Vec<Number>),
        (status = 409, description = "`number_duplicate`: some of the numbers already exist.")
    ),
    security(("bearer" = ["sims:write"]))
)]
#[post("/numbers")]
async fn create_numbers(call: Call, granted: Guard<perm::SimsWrite>, input: Body<NumberInput>) -> Reply {
    let answer = call.write(async |tx| {
        let numbers = numbers::create(tx, &granted, &input).await?;
        Answer::created_plain("numbers".to_owned(), &numbers)
    });
    Ok(answer.await?)
}

/// Reserves an available number until a given time, also for one subscriber.
///
/// When that time has passed, the number is available again. A free SIM card may carry the number: no other card can take it then, and with
/// `customer_id` the card can be activated for that subscriber only.
#[utoipa::path(
    tag = "numbers",
    params(("id" = NumberId, Path, description = "The number's id.")),
    request_body = NumberReserveInput,
    responses(
        (status = 200, description = "The number, reserved.", body = Number),
        (status = 409, description = "`number_wrong_state`.")
    ),
    security(("bearer" = ["sims:write"]))
)]
#[post("/numbers/{id}/reserve")]
async fn reserve_number(call: Call, granted: Guard<perm::SimsWrite>, id: PathPart<NumberId>, input: Body<NumberReserveInput>) -> Reply {
    let answer = call.write(async |tx| {
        let number = numbers::reserve(tx, &granted, id.0, &input).await?;
        Answer::resource(&number, number.version)
    });
    Ok(answer.await?)
}

/// Ends a reservation, or takes back a number that was ported out and has returned.
///
/// A returned number goes into quarantine, as after a contract.
#[utoipa::path(
    tag = "numbers",
    params(("id" = NumberId, Path, description = "The number's id.")),
    request_body = NoInput,
    responses(
        (status = 200, description = "The number, available or quarantined.", body = Number),
        (status = 409, description = "`number_wrong_state`.")
    ),
    security(("bearer" = ["sims:write"]))
)]
#[post("/numbers/{id}/release")]
async fn release_number(call: Call, granted: Guard<perm::SimsWrite>, id: PathPart<NumberId>, _input: Body<NoInput>) -> Reply {
    let answer = call.write(async |tx| {
        let number = numbers::release(tx, &granted, id.0).await?;
        Answer::resource(&number, number.version)
    });
    Ok(answer.await?)
}

/// Records that a number has moved to another operator.
///
/// The number must be available, reserved or in quarantine, and on no SIM card. To port out a contract's number, terminate the
/// contract first: its number is then in quarantine.
#[utoipa::path(
    tag = "numbers",
    params(("id" = NumberId, Path, description = "The number's id.")),
    request_body = NumberPortOutInput,
    responses(
        (status = 200, description = "The number, ported out.", body = Number),
        (status = 409, description = "`number_wrong_state`, `number_on_sim`.")
    ),
    security(("bearer" = ["sims:write"]))
)]
#[post("/numbers/{id}/port-out")]
async fn port_number_out(call: Call, granted: Guard<perm::SimsWrite>, id: PathPart<NumberId>, input: Body<NumberPortOutInput>) -> Reply {
    let answer = call.write(async |tx| {
        let number = numbers::port_out(tx, &granted, id.0, &input).await?;
        Answer::resource(&number, number.version)
    });
    Ok(answer.await?)
}

/// Lists where a number has been in use.
///
/// Each row has the SIM card, the contract, the subscriber, the beginning, the end and the reason.
#[utoipa::path(
    tag = "numbers",
    params(("id" = NumberId, Path, description = "The number's id."), Listing<BindingFilter>),
    responses((status = 200, description = "A page of bindings.", body = List<SimBinding>)),
    security(("bearer" = ["sims:read"]))
)]
#[get("/numbers/{id}/history")]
async fn list_number_history(call: Call, granted: Guard<perm::SimsRead>, id: PathPart<NumberId>, query: Listing<BindingFilter>) -> Reply {
    let page = call.read(async |conn| numbers::history(conn, &granted, id.0, &query.paging).await).await?;
    Ok(query.expand.page(&call, page).await?)
}
