//! SIM cards and phone numbers (SPEC 5).

use acl::perm;
use actix_web::{get, post};
use kernel::{
    id::{NumberId, SimId},
    page::ListSpec,
};
use sims::{Number, NumberFilter, NumberInput, Sim, SimFilter, SimInput};
use utoipa_actix_web::service_config::ServiceConfig;

use crate::{
    call::{Answer, Call, List, Reply},
    extract::{Body, ListQuery, Listing, PathPart},
    guard::Guard,
};

pub fn configure(config: &mut ServiceConfig) {
    config.service(get_sim).service(list_sims).service(create_sim);
    config.service(get_number).service(list_numbers).service(create_numbers);
}

impl ListQuery for SimFilter {
    const SPEC: ListSpec = sims::LIST;
}

impl ListQuery for NumberFilter {
    const SPEC: ListSpec = sims::NUMBER_LIST;
}

/// One SIM card; its PUK only with `sims:puk`.
#[utoipa::path(
    tag = "sims",
    params(("id" = SimId, Path, description = "The SIM's id.")),
    responses((status = 200, description = "The SIM.", body = Sim)),
    security(("bearer" = ["sims:read"]))
)]
#[get("/sims/{id}")]
async fn get_sim(call: Call, granted: Guard<perm::SimsRead>, id: PathPart<SimId>) -> Reply {
    let sim = call.read(async |conn| sims::get(conn, &granted, id.0).await).await?;
    Ok(Answer::resource(&sim, sim.version)?)
}

/// A page of SIM cards; their PUKs only with `sims:puk`.
#[utoipa::path(
    tag = "sims",
    params(Listing<SimFilter>),
    responses((status = 200, description = "A page of SIMs.", body = List<Sim>)),
    security(("bearer" = ["sims:read"]))
)]
#[get("/sims")]
async fn list_sims(call: Call, granted: Guard<perm::SimsRead>, query: Listing<SimFilter>) -> Reply {
    let page = call.read(async |conn| sims::list(conn, &granted, &query.filter, &query.paging).await).await?;
    Ok(call.page(page)?)
}

/// Adds a SIM card; with `msisdn` it carries that number, which is made or taken from the available ones.
#[utoipa::path(
    tag = "sims",
    request_body = SimInput,
    responses(
        (status = 201, description = "The new SIM.", body = Sim),
        (status = 409, description = "`sim_duplicate`, `number_not_available`, `number_taken`.")
    ),
    security(("bearer" = ["sims:write"]))
)]
#[post("/sims")]
async fn create_sim(call: Call, granted: Guard<perm::SimsWrite>, input: Body<SimInput>) -> Reply {
    let answer = call.write(async |tx| {
        let sim = sims::create(tx, &call.context, &granted, &input).await?;
        Answer::created(format!("sims/{}", sim.id), &sim, sim.version)
    });
    Ok(answer.await?)
}

/// One phone number.
#[utoipa::path(
    tag = "numbers",
    params(("id" = NumberId, Path, description = "The number's id.")),
    responses((status = 200, description = "The number.", body = Number)),
    security(("bearer" = ["sims:read"]))
)]
#[get("/numbers/{id}")]
async fn get_number(call: Call, granted: Guard<perm::SimsRead>, id: PathPart<NumberId>) -> Reply {
    let number = call.read(async |conn| sims::get_number(conn, &granted, id.0).await).await?;
    Ok(Answer::resource(&number, number.version)?)
}

/// A page of phone numbers.
#[utoipa::path(
    tag = "numbers",
    params(Listing<NumberFilter>),
    responses((status = 200, description = "A page of numbers.", body = List<Number>)),
    security(("bearer" = ["sims:read"]))
)]
#[get("/numbers")]
async fn list_numbers(call: Call, granted: Guard<perm::SimsRead>, query: Listing<NumberFilter>) -> Reply {
    let page = call.read(async |conn| sims::list_numbers(conn, &granted, &query.filter, &query.paging).await).await?;
    Ok(call.page(page)?)
}

/// Adds a range of phone numbers, all or none.
#[utoipa::path(
    tag = "numbers",
    request_body = NumberInput,
    responses(
        (status = 201, description = "The new numbers.", body = Vec<Number>),
        (status = 409, description = "`number_duplicate`: some of them exist already.")
    ),
    security(("bearer" = ["sims:write"]))
)]
#[post("/numbers")]
async fn create_numbers(call: Call, granted: Guard<perm::SimsWrite>, input: Body<NumberInput>) -> Reply {
    let answer = call.write(async |tx| {
        let numbers = sims::create_numbers(tx, &call.context, &granted, &input).await?;
        Answer::created_plain("numbers".to_owned(), &numbers)
    });
    Ok(answer.await?)
}
