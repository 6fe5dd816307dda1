//! Contracts: drawing up, reading and editing. Module `actions` changes their state and balance; `records` shows their payments,
//! tickets, history and statistics.

mod actions;
mod records;

use acl::perm;
use actix_web::{delete, get, patch, post, put};
use contracts::{Contract, ContractDetails, ContractFilter, ContractInput};
use database::{Tx, page::ListSpec};
use kernel::{Result, id::ContractId};

use crate::{
    answer::{Answer, List, Reply},
    call::Call,
    expand::{Expandable, Expanding, Part},
    extract::{Body, Change, ListQuery, Listing, PathPart},
    guard::Guard,
    routes::mount::Mount,
};

pub fn configure(mount: &mut Mount<'_, '_>) {
    records::configure(mount);
    mount.service(get_contract).service(list_contracts).service(create_contract);
    mount.service(replace_contract).service(update_contract).service(delete_contract);
    actions::configure(mount);
}

impl ListQuery for ContractFilter {
    const SPEC: ListSpec = contracts::LIST;
    const PARTS: &'static [Part] = Contract::PARTS;
}

/// Responds with a contract after a change, and short forms of the records it refers to.
async fn shown(tx: &mut Tx, id: ContractId) -> Result<Answer> {
    let details = contracts::details(tx, id).await?;
    Answer::resource(&details, details.contract.version)
}

/// Returns a contract with its balance, its holds, and short forms of its subscriber, tariff and SIM card.
#[utoipa::path(
    tag = "contracts",
    params(("id" = ContractId, Path, description = "The contract's id."), Expanding<Contract>),
    responses((status = 200, description = "The contract.", body = ContractDetails)),
    security(("bearer" = ["contracts:read"]))
)]
#[get("/contracts/{id}")]
async fn get_contract(call: Call, granted: Guard<perm::ContractsRead>, id: PathPart<ContractId>, _query: Expanding<Contract>) -> Reply {
    let details = call.read(async |conn| contracts::get(conn, &granted, id.0).await).await?;
    // the short forms are always there
    Ok(Answer::resource(&details, details.contract.version)?)
}

/// Lists contracts.
#[utoipa::path(
    tag = "contracts",
    params(Listing<ContractFilter>),
    responses((status = 200, description = "A page of contracts.", body = List<Contract>)),
    security(("bearer" = ["contracts:read"]))
)]
#[get("/contracts")]
async fn list_contracts(call: Call, granted: Guard<perm::ContractsRead>, query: Listing<ContractFilter>) -> Reply {
    let page = call.read(async |conn| contracts::list(conn, &granted, &query.filter, &query.paging).await).await?;
    Ok(query.expand.page(&call, page).await?)
}

/// Draws up a draft from a subscriber, a tariff and, if it is already known, a SIM card.
#[utoipa::path(
    tag = "contracts",
    request_body = ContractInput,
    responses(
        (status = 201, description = "The draft.", body = ContractDetails),
        (status = 403, description = "`permission_missing`; `credit_right_missing`: the credit limit or the discount is above what is allowed without `contracts:credit`."),
        (status = 409, description = "`customer_not_active`, `tariff_retired`, `sim_not_free`.")
    ),
    security(("bearer" = ["contracts:write"]))
)]
#[post("/contracts")]
async fn create_contract(call: Call, granted: Guard<perm::ContractsWrite>, input: Body<ContractInput>) -> Reply {
    let answer = call.write(async |tx| {
        let contract = contracts::create(tx, &granted, &input).await?;
        let details = contracts::details(tx, contract.id).await?;
        Answer::created(format!("contracts/{}", contract.id), &details, contract.version)
    });
    Ok(answer.await?)
}

async fn edit(call: &Call, granted: &Guard<perm::ContractsWrite>, id: ContractId, change: &Change<ContractInput>) -> Reply {
    let expected = call.expected()?;
    let answer = call.write(async |tx| {
        billing::edit(tx, granted, id, &change.0, &expected).await?;
        shown(tx, id).await
    });
    Ok(answer.await?)
}

/// Replaces a contract's editable fields.
///
/// In a draft all fields are editable; in a running contract the credit limit, the discount and the notes. A new discount counts
/// from the next period on, also for one that waits for money: where the balance now covers it, it begins at once. A new credit limit
/// counts at once: it may lift or place hold `debt`.
#[utoipa::path(
    tag = "contracts",
    params(("id" = ContractId, Path, description = "The contract's id.")),
    request_body = ContractInput,
    responses(
        (status = 200, description = "The contract.", body = ContractDetails),
        (status = 403, description = "`permission_missing`; `credit_right_missing`: the credit limit or the discount is raised above what is allowed without `contracts:credit`."),
        (status = 409, description = "`contract_terminated`, `customer_not_active`, `tariff_retired`, `sim_not_free`.")
    ),
    security(("bearer" = ["contracts:write"]))
)]
#[put("/contracts/{id}")]
async fn replace_contract(
    call: Call,
    granted: Guard<perm::ContractsWrite>,
    id: PathPart<ContractId>,
    change: Change<ContractInput>,
) -> Reply {
    edit(&call, &granted, id.0, &change).await
}

/// Changes some of a contract's editable fields.
///
/// In a draft all fields are editable; in a running contract the credit limit, the discount and the notes. A new discount counts
/// from the next period on, also for one that waits for money: where the balance now covers it, it begins at once. A new credit limit
/// counts at once: it may lift or place hold `debt`.
#[utoipa::path(
    tag = "contracts",
    params(("id" = ContractId, Path, description = "The contract's id.")),
    request_body = ContractInput,
    responses(
        (status = 200, description = "The contract.", body = ContractDetails),
        (status = 403, description = "`permission_missing`; `credit_right_missing`: the credit limit or the discount is raised above what is allowed without `contracts:credit`."),
        (status = 409, description = "`contract_terminated`, `customer_not_active`, `tariff_retired`, `sim_not_free`.")
    ),
    security(("bearer" = ["contracts:write"]))
)]
#[patch("/contracts/{id}")]
async fn update_contract(
    call: Call,
    granted: Guard<perm::ContractsWrite>,
    id: PathPart<ContractId>,
    change: Change<ContractInput>,
) -> Reply {
    edit(&call, &granted, id.0, &change).await
}

/// Deletes a draft that no payment and no ticket refers to.
///
/// Other contracts are terminated instead.
#[utoipa::path(
    tag = "contracts",
    params(("id" = ContractId, Path, description = "The contract's id.")),
    responses(
        (status = 204, description = "The draft is deleted."),
        (status = 409, description = "`contract_not_deletable`, `contract_in_use`.")
    ),
    security(("bearer" = ["contracts:write"]))
)]
#[delete("/contracts/{id}")]
async fn delete_contract(call: Call, granted: Guard<perm::ContractsWrite>, id: PathPart<ContractId>) -> Reply {
    let expected = call.expected()?;
    let answer = call.write(async |tx| {
        contracts::delete(tx, &granted, id.0, &expected).await?;
        Ok(Answer::empty())
    });
    Ok(answer.await?)
}
