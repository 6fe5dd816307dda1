//! The tariff and the options of a contract, and its charges to come.

use acl::perm;
use actix_web::{get, post};
use billing::{Preview, PreviewQuery};
use contracts::{ChangeTariffInput, Contract, ContractOption, ContractOptionFilter, ContractOptionsInput};
use database::page::ListSpec;
use kernel::{id::ContractId, input::NoInput};

use crate::{
    answer::{Answer, List, Reply},
    call::Call,
    extract::{Body, ListQuery, Listing, Parameters, PathPart},
    guard::Guard,
    routes::mount::Mount,
};

pub fn configure(mount: &mut Mount<'_, '_>) {
    mount.service(change_tariff).service(list_contract_options).service(change_options).service(cancel_change).service(preview_billing);
}

impl ListQuery for ContractOptionFilter {
    const SPEC: ListSpec = contracts::options::LIST;
}

/// Changes the tariff of a contract, now or when the next period begins.
///
/// Every option must be compatible with the new tariff. *now* credits the unused days of the charges for the running period and
/// charges the new tariff for the remaining days, at the prices in force today, each as a ledger row. In a postpaid period the days
/// already served are charged now, and the rest when the period ends. A prepaid tariff needs a balance that covers the difference.
/// *next_period* is shown as `next_tariff_id` until then; another such change replaces it.
#[utoipa::path(
    tag = "contracts",
    params(("id" = ContractId, Path, description = "The contract's id.")),
    request_body = ChangeTariffInput,
    responses(
        (status = 200, description = "The contract.", body = Contract),
        (status = 409, description = "`contract_not_in_force`, `contract_terminated`, `tariff_retired`, `tariff_unchanged`, `option_incompatible` with the options that are incompatible with the new tariff, `balance_too_low`.")
    ),
    security(("bearer" = ["contracts:write"]))
)]
#[post("/contracts/{id}/change-tariff")]
async fn change_tariff(
    call: Call,
    granted: Guard<perm::ContractsWrite>,
    id: PathPart<ContractId>,
    input: Body<ChangeTariffInput>,
) -> Reply {
    let answer = call.write(async |tx| {
        let contract = billing::change_tariff(tx, &granted, id.0, &input).await?;
        Answer::resource(&contract, contract.version)
    });
    Ok(answer.await?)
}

/// Lists the options that a contract has now or will have from the next period on.
#[utoipa::path(
    tag = "contracts",
    params(("id" = ContractId, Path, description = "The contract's id."), Listing<ContractOptionFilter>),
    responses((status = 200, description = "A page of the contract's options.", body = List<ContractOption>)),
    security(("bearer" = ["contracts:read"]))
)]
#[get("/contracts/{id}/options")]
async fn list_contract_options(
    call: Call,
    granted: Guard<perm::ContractsRead>,
    id: PathPart<ContractId>,
    query: Listing<ContractOptionFilter>,
) -> Reply {
    let page = call.read(async |conn| contracts::options::list(conn, &granted, id.0, &query.paging).await).await?;
    Ok(call.page(page)?)
}

/// Adds and removes options of a contract, all or none, now or when the next period begins.
///
/// *now* credits and charges the rest of the running period, as a change of tariff does. On a draft the options count from its
/// activation on.
#[utoipa::path(
    tag = "contracts",
    params(("id" = ContractId, Path, description = "The contract's id.")),
    request_body = ContractOptionsInput,
    responses(
        (status = 200, description = "The contract.", body = Contract),
        (status = 409, description = "`contract_terminated`, `options_present`, `options_absent`, `option_retired`, `option_incompatible`, `options_exclusive`, `balance_too_low`.")
    ),
    security(("bearer" = ["contracts:write"]))
)]
#[post("/contracts/{id}/options")]
async fn change_options(
    call: Call,
    granted: Guard<perm::ContractsWrite>,
    id: PathPart<ContractId>,
    input: Body<ContractOptionsInput>,
) -> Reply {
    let answer = call.write(async |tx| {
        let contract = billing::change_options(tx, &granted, id.0, &input).await?;
        Answer::resource(&contract, contract.version)
    });
    Ok(answer.await?)
}

/// Cancels the changes of tariff and options that are planned for the next period.
#[utoipa::path(
    tag = "contracts",
    params(("id" = ContractId, Path, description = "The contract's id.")),
    request_body = NoInput,
    responses(
        (status = 200, description = "The contract.", body = Contract),
        (status = 409, description = "`contract_terminated`, `no_planned_change`.")
    ),
    security(("bearer" = ["contracts:write"]))
)]
#[post("/contracts/{id}/cancel-change")]
async fn cancel_change(call: Call, granted: Guard<perm::ContractsWrite>, id: PathPart<ContractId>, _input: Body<NoInput>) -> Reply {
    let answer = call.write(async |tx| {
        let contract = billing::cancel_planned(tx, &granted, id.0).await?;
        Answer::resource(&contract, contract.version)
    });
    Ok(answer.await?)
}

/// Returns the charges to come if the contract is served without a break and nothing is changed.
///
/// A draft is treated as activated today, and a contract in debt as paid today. Under any other hold no period begins, so there are
/// no charges to come.
#[utoipa::path(
    tag = "contracts",
    params(("id" = ContractId, Path, description = "The contract's id."), PreviewQuery),
    responses((status = 200, description = "The charges to come, in order.", body = Preview)),
    security(("bearer" = ["billing:read"]))
)]
#[get("/contracts/{id}/billing-preview")]
async fn preview_billing(
    call: Call,
    granted: Guard<perm::BillingRead>,
    id: PathPart<ContractId>,
    query: Parameters<PreviewQuery>,
) -> Reply {
    let preview = call.read(async |conn| billing::preview(conn, &granted, id.0, query.0).await).await?;
    Ok(Answer::ok(&preview)?)
}
