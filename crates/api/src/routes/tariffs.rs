//! Tariffs (SPEC 6).

use acl::perm;
use actix_web::{get, post};
use kernel::{id::TariffId, page::ListSpec};
use tariffs::{Tariff, TariffFilter, TariffInput};
use utoipa_actix_web::service_config::ServiceConfig;

use crate::{
    call::{Answer, Call, List, Reply},
    extract::{Body, ListQuery, Listing, PathPart},
    guard::Guard,
};

pub fn configure(config: &mut ServiceConfig) {
    config.service(get_tariff).service(list_tariffs).service(create_tariff);
}

impl ListQuery for TariffFilter {
    const SPEC: ListSpec = tariffs::LIST;
}

/// One tariff, with the prices in force today.
#[utoipa::path(
    tag = "tariffs",
    params(("id" = TariffId, Path, description = "The tariff's id.")),
    responses((status = 200, description = "The tariff.", body = Tariff)),
    security(("bearer" = ["tariffs:read"]))
)]
#[get("/tariffs/{id}")]
async fn get_tariff(call: Call, granted: Guard<perm::TariffsRead>, id: PathPart<TariffId>) -> Reply {
    let tariff = call.read(async |conn| tariffs::get(conn, &call.context, &granted, id.0).await).await?;
    Ok(Answer::resource(&tariff, tariff.version)?)
}

/// A page of tariffs, with the prices in force today.
#[utoipa::path(
    tag = "tariffs",
    params(Listing<TariffFilter>),
    responses((status = 200, description = "A page of tariffs.", body = List<Tariff>)),
    security(("bearer" = ["tariffs:read"]))
)]
#[get("/tariffs")]
async fn list_tariffs(call: Call, granted: Guard<perm::TariffsRead>, query: Listing<TariffFilter>) -> Reply {
    let page = call.read(async |conn| tariffs::list(conn, &call.context, &granted, &query.filter, &query.paging).await).await?;
    Ok(call.page(page)?)
}

/// Makes a tariff, in force from today.
#[utoipa::path(
    tag = "tariffs",
    request_body = TariffInput,
    responses(
        (status = 201, description = "The new tariff.", body = Tariff),
        (status = 409, description = "`tariff_name_taken`: another tariff has this name.")
    ),
    security(("bearer" = ["tariffs:write"]))
)]
#[post("/tariffs")]
async fn create_tariff(call: Call, granted: Guard<perm::TariffsWrite>, input: Body<TariffInput>) -> Reply {
    let answer = call.write(async |tx| {
        let tariff = tariffs::create(tx, &call.context, &granted, &input).await?;
        Answer::created(format!("tariffs/{}", tariff.id), &tariff, tariff.version)
    });
    Ok(answer.await?)
}
