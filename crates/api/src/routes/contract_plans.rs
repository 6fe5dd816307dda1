//! The tariff and the options of a contract, and what they will cost (SPEC 7.4, 7.5).

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

/// Changes the tariff, now or when the next period begins; every option must go with the new one.
///
/// *now* credits the unused days of what was charged for the running period and charges the new tariff for the days left, by the prices
/// in force today, each as a ledger row; of a postpaid period the days served are charged, and the rest when it ends. A
/// prepaid tariff needs a balance that covers the difference. *next_period* is shown as `next_tariff_id` until then, and is replaced by
/// another.
#[utoipa::path(
    tag = "contracts",
    params(("id" = ContractId, Path, description = "The contract's id.")),
    request_body = ChangeTariffInput,
    responses(
        (status = 200, description = "The contract.", body = Contract),
        (status = 409, description = "`contract_not_in_force`, `contract_terminated`, `tariff_retired`, `tariff_unchanged`, `option_incompatible` with the options that do not go with the new tariff, `balance_too_low`.")
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

/// A page of the options that a contract has, or will have from the next period on.
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

/// Takes and leaves options, all or none, now or when the next period begins.
///
/// *now* credits and charges the rest of the running period as a change of tariff does. On a draft the options count from its
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

/// Forgets the changes of tariff and options that wait for the next period.
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

/// The charges to come: those that will be made if the line is served without a break and nothing is changed.
///
/// A draft is taken as activated today, a contract in debt as paid today. Under any other hold no period begins, and none is foreseen.
#[utoipa::path(
    tag = "contracts",
    params(("id" = ContractId, Path, description = "The contract's id."), PreviewQuery),
    responses((status = 200, description = "The charges to come, in their order.", body = Preview)),
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
