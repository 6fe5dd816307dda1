//! Contracts (SPEC 7).

use acl::perm;
use actix_web::{get, post};
use contracts::{ActivateInput, Contract, ContractFilter, ContractInput, ResumeInput, SuspendInput, TerminateInput};
use kernel::{id::ContractId, page::ListSpec};
use utoipa_actix_web::service_config::ServiceConfig;

use crate::{
    call::{Answer, Call, List, Reply},
    extract::{Body, ListQuery, Listing, PathPart},
    guard::Guard,
};

pub fn configure(config: &mut ServiceConfig) {
    config.service(get_contract).service(list_contracts).service(create_contract);
    config.service(activate_contract).service(suspend_contract).service(resume_contract).service(terminate_contract);
}

impl ListQuery for ContractFilter {
    const SPEC: ListSpec = contracts::LIST;
}

/// One contract, with its balance.
#[utoipa::path(
    tag = "contracts",
    params(("id" = ContractId, Path, description = "The contract's id.")),
    responses((status = 200, description = "The contract.", body = Contract)),
    security(("bearer" = ["contracts:read"]))
)]
#[get("/contracts/{id}")]
async fn get_contract(call: Call, granted: Guard<perm::ContractsRead>, id: PathPart<ContractId>) -> Reply {
    let contract = call.read(async |conn| contracts::get(conn, &granted, id.0).await).await?;
    Ok(Answer::resource(&contract, contract.version)?)
}

/// A page of contracts.
#[utoipa::path(
    tag = "contracts",
    params(Listing<ContractFilter>),
    responses((status = 200, description = "A page of contracts.", body = List<Contract>)),
    security(("bearer" = ["contracts:read"]))
)]
#[get("/contracts")]
async fn list_contracts(call: Call, granted: Guard<perm::ContractsRead>, query: Listing<ContractFilter>) -> Reply {
    let page = call.read(async |conn| contracts::list(conn, &granted, &query.filter, &query.paging).await).await?;
    Ok(call.page(page)?)
}

/// Draws up a draft from a subscriber, a tariff and, if it is known already, a SIM.
#[utoipa::path(
    tag = "contracts",
    request_body = ContractInput,
    responses(
        (status = 201, description = "The draft.", body = Contract),
        (status = 409, description = "`customer_not_active`, `tariff_retired`, `sim_not_free`.")
    ),
    security(("bearer" = ["contracts:write"]))
)]
#[post("/contracts")]
async fn create_contract(call: Call, granted: Guard<perm::ContractsWrite>, input: Body<ContractInput>) -> Reply {
    let answer = call.write(async |tx| {
        let contract = contracts::create(tx, &call.context, &granted, &input).await?;
        Answer::created(format!("contracts/{}", contract.id), &contract, contract.version)
    });
    Ok(answer.await?)
}

/// Activates a draft: binds the SIM and begins the first period.
///
/// A prepaid tariff charges its fee now; where balance and credit limit do not cover it, the contract is suspended by hold
/// `debt` until a payment does.
#[utoipa::path(
    tag = "contracts",
    params(("id" = ContractId, Path, description = "The contract's id.")),
    request_body = ActivateInput,
    responses(
        (status = 200, description = "The contract, active or held for debt.", body = Contract),
        (status = 409, description = "`contract_not_draft`, `contract_without_sim`, `customer_not_active`, `tariff_retired`, `sim_not_free`, `sim_without_number`.")
    ),
    security(("bearer" = ["contracts:activate"]))
)]
#[post("/contracts/{id}/activate")]
async fn activate_contract(
    call: Call,
    granted: Guard<perm::ContractsActivate>,
    id: PathPart<ContractId>,
    input: Body<ActivateInput>,
) -> Reply {
    let answer = call.write(async |tx| {
        let contract = billing::activate(tx, &call.context, &granted, id.0, &input).await?;
        Answer::resource(&contract, contract.version)
    });
    Ok(answer.await?)
}

/// Places a hold: the contract is suspended while any is on, and its SIM with it.
#[utoipa::path(
    tag = "contracts",
    params(("id" = ContractId, Path, description = "The contract's id.")),
    request_body = SuspendInput,
    responses(
        (status = 200, description = "The contract, suspended.", body = Contract),
        (status = 409, description = "`contract_not_running`, `hold_present`.")
    ),
    security(("bearer" = ["contracts:hold"]))
)]
#[post("/contracts/{id}/suspend")]
async fn suspend_contract(call: Call, granted: Guard<perm::ContractsHold>, id: PathPart<ContractId>, input: Body<SuspendInput>) -> Reply {
    let answer = call.write(async |tx| {
        let contract = billing::suspend(tx, &call.context, &granted, id.0, &input).await?;
        Answer::resource(&contract, contract.version)
    });
    Ok(answer.await?)
}

/// Lifts a hold; when it was the last, the contract is active again and a period that is due begins.
#[utoipa::path(
    tag = "contracts",
    params(("id" = ContractId, Path, description = "The contract's id.")),
    request_body = ResumeInput,
    responses(
        (status = 200, description = "The contract.", body = Contract),
        (status = 409, description = "`contract_not_running`, `hold_absent`.")
    ),
    security(("bearer" = ["contracts:hold"]))
)]
#[post("/contracts/{id}/resume")]
async fn resume_contract(call: Call, granted: Guard<perm::ContractsHold>, id: PathPart<ContractId>, input: Body<ResumeInput>) -> Reply {
    let answer = call.write(async |tx| {
        let contract = billing::resume(tx, &call.context, &granted, id.0, &input).await?;
        Answer::resource(&contract, contract.version)
    });
    Ok(answer.await?)
}

/// Ends a contract: closes its SIM, lets its number rest, ends its period. The balance is what is left to refund, or owed.
#[utoipa::path(
    tag = "contracts",
    params(("id" = ContractId, Path, description = "The contract's id.")),
    request_body = TerminateInput,
    responses(
        (status = 200, description = "The contract, terminated.", body = Contract),
        (status = 409, description = "`contract_terminated`.")
    ),
    security(("bearer" = ["contracts:terminate"]))
)]
#[post("/contracts/{id}/terminate")]
async fn terminate_contract(
    call: Call,
    granted: Guard<perm::ContractsTerminate>,
    id: PathPart<ContractId>,
    input: Body<TerminateInput>,
) -> Reply {
    let answer = call.write(async |tx| {
        let contract = billing::terminate(tx, &call.context, &granted, id.0, &input).await?;
        Answer::resource(&contract, contract.version)
    });
    Ok(answer.await?)
}
