//! Tariffs.

use acl::perm;
use actix_web::{delete, get, patch, post, put};
use billing::{Quote, QuoteQuery, TARIFF_STATISTICS, TariffStatistics, TariffStatisticsFilter};
use contracts::{Contract, ContractFilter, ContractStatus, HoldReason};
use database::page::ListSpec;
use kernel::{Several, id::TariffId, input::NoInput};
use serde::Deserialize;
use tariffs::{
    ActiveTariffFilter, PriceVersion, Tariff, TariffChange, TariffEdit, TariffFilter, TariffHistoryFilter, TariffInput, VersionFilter,
};
use utoipa::IntoParams;

use crate::{
    answer::{Answer, List, Reply},
    call::Call,
    expand::{Expandable, Part},
    extract::{Body, Change, ListQuery, Listing, Parameters, PathPart},
    guard::Guard,
    routes::mount::Mount,
};

pub fn configure(mount: &mut Mount<'_, '_>) {
    mount.service(list_active_tariffs).service(list_tariff_statistics);
    mount.service(get_tariff).service(list_tariffs).service(create_tariff);
    mount.service(replace_tariff).service(update_tariff).service(delete_tariff).service(activate_tariff).service(deactivate_tariff);
    mount.service(list_tariff_versions).service(list_tariff_history).service(list_tariff_contracts).service(quote_tariff);
}

impl ListQuery for ActiveTariffFilter {
    const SPEC: ListSpec = tariffs::LIST;
}

impl ListQuery for VersionFilter {
    const SPEC: ListSpec = tariffs::VERSIONS;
}

impl ListQuery for TariffHistoryFilter {
    const SPEC: ListSpec = tariffs::HISTORY;
}

impl ListQuery for TariffStatisticsFilter {
    const SPEC: ListSpec = TARIFF_STATISTICS;
}

/// Filters of the list of a tariff's contracts.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct TariffContractFilter {
    /// Only contracts with this status.
    #[param(value_type = Option<Vec<ContractStatus>>)]
    pub status: Option<Several<ContractStatus>>,
    /// Only contracts with this hold.
    #[param(value_type = Option<Vec<HoldReason>>)]
    pub hold: Option<Several<HoldReason>>,
    /// Part of the number, the subscriber's name, the MSISDN or the ICCID.
    #[param(max_length = 200)]
    pub search: Option<String>,
}

impl ListQuery for TariffContractFilter {
    const SPEC: ListSpec = contracts::LIST;
    const PARTS: &'static [Part] = Contract::PARTS;
}

impl ListQuery for TariffFilter {
    const SPEC: ListSpec = tariffs::LIST;
}

/// Returns a tariff with the prices in force today.
#[utoipa::path(
    tag = "tariffs",
    params(("id" = TariffId, Path, description = "The tariff's id.")),
    responses((status = 200, description = "The tariff.", body = Tariff)),
    security(("bearer" = ["tariffs:read"]))
)]
#[get("/tariffs/{id}")]
async fn get_tariff(call: Call, granted: Guard<perm::TariffsRead>, id: PathPart<TariffId>) -> Reply {
    let tariff = call.read(async |conn| tariffs::get(conn, &granted, id.0).await).await?;
    Ok(Answer::resource(&tariff, tariff.version)?)
}

/// Lists tariffs with the prices in force today.
#[utoipa::path(
    tag = "tariffs",
    params(Listing<TariffFilter>),
    responses((status = 200, description = "A page of tariffs.", body = List<Tariff>)),
    security(("bearer" = ["tariffs:read"]))
)]
#[get("/tariffs")]
async fn list_tariffs(call: Call, granted: Guard<perm::TariffsRead>, query: Listing<TariffFilter>) -> Reply {
    let page = call.read(async |conn| tariffs::list(conn, &granted, &query.filter, &query.paging).await).await?;
    Ok(call.page(page)?)
}

/// Creates a tariff that is in force from today.
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
        let tariff = tariffs::create(tx, &granted, &input).await?;
        Answer::created(format!("tariffs/{}", tariff.id), &tariff, tariff.version)
    });
    Ok(answer.await?)
}

/// Lists the tariffs that are on sale.
#[utoipa::path(
    tag = "tariffs",
    params(Listing<ActiveTariffFilter>),
    responses((status = 200, description = "A page of tariffs.", body = List<Tariff>)),
    security(("bearer" = ["tariffs:read"]))
)]
#[get("/tariffs/active")]
async fn list_active_tariffs(call: Call, granted: Guard<perm::TariffsRead>, query: Listing<ActiveTariffFilter>) -> Reply {
    let filter = TariffFilter::from(query.filter);
    let page = call.read(async |conn| tariffs::list(conn, &granted, &filter, &query.paging).await).await?;
    Ok(call.page(page)?)
}

/// Lists tariffs with the number of their contracts and their revenue since the first of this month.
#[utoipa::path(
    tag = "tariffs",
    params(Listing<TariffStatisticsFilter>),
    responses((status = 200, description = "A page of figures by tariff.", body = List<TariffStatistics>)),
    security(("bearer" = ["reports:read"]))
)]
#[get("/tariffs/statistics")]
async fn list_tariff_statistics(call: Call, granted: Guard<perm::ReportsRead>, query: Listing<TariffStatisticsFilter>) -> Reply {
    let page = call.read(async |conn| billing::tariff_statistics(conn, &granted, &query.filter, &query.paging).await).await?;
    Ok(call.page(page)?)
}

async fn edit(call: &Call, granted: &Guard<perm::TariffsWrite>, id: TariffId, change: &Change<TariffEdit>) -> Reply {
    let expected = call.expected()?;
    let answer = call.write(async |tx| {
        let tariff = tariffs::edit(tx, granted, id, &change.0, &expected).await?;
        Answer::resource(&tariff, tariff.version)
    });
    Ok(answer.await?)
}

/// Replaces a tariff's editable fields.
///
/// New prices or allowances create a version in force from `effective_from` on, or replace the version of that day. Contracts move
/// to it when their next period begins.
#[utoipa::path(
    tag = "tariffs",
    params(("id" = TariffId, Path, description = "The tariff's id.")),
    request_body = TariffEdit,
    responses(
        (status = 200, description = "The tariff, with the prices in force today.", body = Tariff),
        (status = 409, description = "`tariff_name_taken`, `tariff_version_in_use`: periods have begun with the prices of that day.")
    ),
    security(("bearer" = ["tariffs:write"]))
)]
#[put("/tariffs/{id}")]
async fn replace_tariff(call: Call, granted: Guard<perm::TariffsWrite>, id: PathPart<TariffId>, change: Change<TariffEdit>) -> Reply {
    edit(&call, &granted, id.0, &change).await
}

/// Changes some of a tariff's fields.
///
/// New prices or allowances create a version in force from `effective_from` on, or replace the version of that day. Contracts move
/// to it when their next period begins.
#[utoipa::path(
    tag = "tariffs",
    params(("id" = TariffId, Path, description = "The tariff's id.")),
    request_body = TariffEdit,
    responses(
        (status = 200, description = "The tariff, with the prices in force today.", body = Tariff),
        (status = 409, description = "`tariff_name_taken`, `tariff_version_in_use`: periods have begun with the prices of that day.")
    ),
    security(("bearer" = ["tariffs:write"]))
)]
#[patch("/tariffs/{id}")]
async fn update_tariff(call: Call, granted: Guard<perm::TariffsWrite>, id: PathPart<TariffId>, change: Change<TariffEdit>) -> Reply {
    edit(&call, &granted, id.0, &change).await
}

/// Deletes a tariff that no contract has ever used.
///
/// Other tariffs are retired by `deactivate` instead.
#[utoipa::path(
    tag = "tariffs",
    params(("id" = TariffId, Path, description = "The tariff's id.")),
    responses(
        (status = 204, description = "The tariff is deleted."),
        (status = 409, description = "`tariff_in_use`.")
    ),
    security(("bearer" = ["tariffs:delete"]))
)]
#[delete("/tariffs/{id}")]
async fn delete_tariff(call: Call, granted: Guard<perm::TariffsDelete>, id: PathPart<TariffId>) -> Reply {
    let expected = call.expected()?;
    let answer = call.write(async |tx| {
        tariffs::delete(tx, &granted, id.0, &expected).await?;
        Ok(Answer::empty())
    });
    Ok(answer.await?)
}

/// Puts a retired tariff on sale again.
#[utoipa::path(
    tag = "tariffs",
    params(("id" = TariffId, Path, description = "The tariff's id.")),
    request_body = NoInput,
    responses(
        (status = 200, description = "The tariff.", body = Tariff),
        (status = 409, description = "`tariff_already_active`.")
    ),
    security(("bearer" = ["tariffs:write"]))
)]
#[post("/tariffs/{id}/activate")]
async fn activate_tariff(call: Call, granted: Guard<perm::TariffsWrite>, id: PathPart<TariffId>, _input: Body<NoInput>) -> Reply {
    let answer = call.write(async |tx| {
        let tariff = tariffs::activate(tx, &granted, id.0).await?;
        Answer::resource(&tariff, tariff.version)
    });
    Ok(answer.await?)
}

/// Retires a tariff.
///
/// Contracts that have it keep it; new contracts cannot have it.
#[utoipa::path(
    tag = "tariffs",
    params(("id" = TariffId, Path, description = "The tariff's id.")),
    request_body = NoInput,
    responses(
        (status = 200, description = "The tariff.", body = Tariff),
        (status = 409, description = "`tariff_already_retired`.")
    ),
    security(("bearer" = ["tariffs:write"]))
)]
#[post("/tariffs/{id}/deactivate")]
async fn deactivate_tariff(call: Call, granted: Guard<perm::TariffsWrite>, id: PathPart<TariffId>, _input: Body<NoInput>) -> Reply {
    let answer = call.write(async |tx| {
        let tariff = tariffs::deactivate(tx, &granted, id.0).await?;
        Answer::resource(&tariff, tariff.version)
    });
    Ok(answer.await?)
}

/// Lists a tariff's prices and allowances by the day from which they are in force.
#[utoipa::path(
    tag = "tariffs",
    params(("id" = TariffId, Path, description = "The tariff's id."), Listing<VersionFilter>),
    responses((status = 200, description = "A page of versions.", body = List<PriceVersion>)),
    security(("bearer" = ["tariffs:read"]))
)]
#[get("/tariffs/{id}/versions")]
async fn list_tariff_versions(
    call: Call,
    granted: Guard<perm::TariffsRead>,
    id: PathPart<TariffId>,
    query: Listing<VersionFilter>,
) -> Reply {
    let page = call.read(async |conn| tariffs::versions(conn, &granted, id.0, &query.paging).await).await?;
    Ok(call.page(page)?)
}

/// Lists the changes of a tariff, including new prices, and who made them.
#[utoipa::path(
    tag = "tariffs",
    params(("id" = TariffId, Path, description = "The tariff's id."), Listing<TariffHistoryFilter>),
    responses((status = 200, description = "A page of changes.", body = List<TariffChange>)),
    security(("bearer" = ["tariffs:read"]))
)]
#[get("/tariffs/{id}/history")]
async fn list_tariff_history(
    call: Call,
    granted: Guard<perm::TariffsRead>,
    id: PathPart<TariffId>,
    query: Listing<TariffHistoryFilter>,
) -> Reply {
    let page = call.read(async |conn| tariffs::history(conn, &granted, id.0, &query.paging).await).await?;
    Ok(call.page(page)?)
}

/// Lists the contracts that have a tariff.
#[utoipa::path(
    tag = "tariffs",
    params(("id" = TariffId, Path, description = "The tariff's id."), Listing<TariffContractFilter>),
    responses((status = 200, description = "A page of contracts.", body = List<Contract>)),
    security(("bearer" = ["contracts:read"]))
)]
#[get("/tariffs/{id}/contracts")]
async fn list_tariff_contracts(
    call: Call,
    granted: Guard<perm::ContractsRead>,
    id: PathPart<TariffId>,
    query: Listing<TariffContractFilter>,
) -> Reply {
    let TariffContractFilter { status, hold, search } = query.filter;
    let filter = ContractFilter { tariff_id: Some(id.0.into()), status, hold, search, ..ContractFilter::default() };
    let page = call
        .read(async |conn| {
            tariffs::exists(conn, &granted, id.0).await?;
            contracts::list(conn, &granted, &filter, &query.paging).await
        })
        .await?;
    Ok(query.expand.page(&call, page).await?)
}

/// Calculates what a period that begins today costs with these options and this discount.
#[utoipa::path(
    tag = "tariffs",
    params(("id" = TariffId, Path, description = "The tariff's id."), QuoteQuery),
    responses(
        (status = 200, description = "The lines and the total.", body = Quote),
        (status = 409, description = "`tariff_retired`, `option_retired`, `option_incompatible`, `options_exclusive`."),
        (status = 422, description = "`invalid`: an option does not exist.")
    ),
    security(("bearer" = ["tariffs:read"]))
)]
#[get("/tariffs/{id}/quote")]
async fn quote_tariff(call: Call, granted: Guard<perm::TariffsRead>, id: PathPart<TariffId>, query: Parameters<QuoteQuery>) -> Reply {
    let quote = call.read(async |conn| billing::quote(conn, &granted, id.0, &query.0).await).await?;
    Ok(Answer::ok(&quote)?)
}
