//! SIM cards, and the replacement of a contract's SIM card.

use acl::perm;
use actix_web::{delete, get, patch, post, put};
use contracts::Contract;
use database::page::{ListSpec, Page};
use kernel::{
    id::{ContractId, SimId},
    input::NoInput,
};
use sims::{
    BindingFilter, FreeSimFilter, RegisteredSim, ReplaceSimInput, Sim, SimBinding, SimBlockInput, SimDeactivateInput, SimFilter, SimInput,
    SimStatistics,
};

use crate::{
    answer::{Answer, List, Reply},
    call::Call,
    expand::{Expand, Expandable, Expanding, Part},
    extract::{Body, Change, ListQuery, Listing, PathPart},
    guard::Guard,
    routes::mount::Mount,
};

pub fn configure(mount: &mut Mount<'_, '_>) {
    // before the path with an id: the first match is taken
    mount.service(list_free_sims).service(get_sim_statistics);
    mount.service(get_sim).service(list_sims).service(create_sim).service(replace_sim).service(update_sim).service(delete_sim);
    mount.service(block_sim).service(unblock_sim).service(close_sim).service(deactivate_sim).service(list_sim_history);
}

pub fn configure_of_contracts(mount: &mut Mount<'_, '_>) {
    mount.service(replace_contract_sim);
}

impl ListQuery for SimFilter {
    const SPEC: ListSpec = sims::LIST;
    const PARTS: &'static [Part] = Sim::PARTS;
}

impl ListQuery for FreeSimFilter {
    const SPEC: ListSpec = sims::LIST;
}

impl ListQuery for BindingFilter {
    const SPEC: ListSpec = sims::BINDING_LIST;
    const PARTS: &'static [Part] = SimBinding::PARTS;
}

/// Records whose PUKs the caller is about to see.
async fn record_puks(call: &Call, sims: &[Sim]) -> kernel::Result<()> {
    let seen: Vec<i64> = sims.iter().filter(|sim| sim.puk_code.is_some()).map(|sim| sim.id.get()).collect();
    call.record_read("sim", seen).await
}

async fn page_of_sims(call: &Call, page: Page<Sim>, expand: &Expand) -> Reply {
    record_puks(call, &page.results).await?;
    Ok(expand.page(call, page).await?)
}

/// Returns a SIM card.
///
/// Its PUK is shown only with `sims:puk`, and seeing it is recorded.
#[utoipa::path(
    tag = "sims",
    params(("id" = SimId, Path, description = "The SIM card's id."), Expanding<Sim>),
    responses((status = 200, description = "The SIM card.", body = Sim)),
    security(("bearer" = ["sims:read"]))
)]
#[get("/sims/{id}")]
async fn get_sim(call: Call, granted: Guard<perm::SimsRead>, id: PathPart<SimId>, query: Expanding<Sim>) -> Reply {
    let sim = call.read(async |conn| sims::get(conn, &granted, id.0).await).await?;
    record_puks(&call, std::slice::from_ref(&sim)).await?;
    Ok(query.expand.one(&call, &sim, sim.version).await?)
}

/// Lists SIM cards.
///
/// Their PUKs are shown only with `sims:puk`, and seeing them is recorded.
#[utoipa::path(
    tag = "sims",
    params(Listing<SimFilter>),
    responses((status = 200, description = "A page of SIM cards.", body = List<Sim>)),
    security(("bearer" = ["sims:read"]))
)]
#[get("/sims")]
async fn list_sims(call: Call, granted: Guard<perm::SimsRead>, query: Listing<SimFilter>) -> Reply {
    let page = call.read(async |conn| sims::list(conn, &granted, &query.filter, &query.paging).await).await?;
    page_of_sims(&call, page, &query.expand).await
}

/// Lists the SIM cards that are free for a contract.
#[utoipa::path(
    tag = "sims",
    params(Listing<FreeSimFilter>),
    responses((status = 200, description = "A page of free SIM cards.", body = List<Sim>)),
    security(("bearer" = ["sims:read"]))
)]
#[get("/sims/free")]
async fn list_free_sims(call: Call, granted: Guard<perm::SimsRead>, query: Listing<FreeSimFilter>) -> Reply {
    let page = call.read(async |conn| sims::list_free(conn, &granted, &query.filter, &query.paging).await).await?;
    page_of_sims(&call, page, &query.expand).await
}

/// Returns the number of SIM cards by status and kind, and of phone numbers by status.
#[utoipa::path(
    tag = "sims",
    responses((status = 200, description = "The statistics.", body = SimStatistics)),
    security(("bearer" = ["reports:read"]))
)]
#[get("/sims/statistics")]
async fn get_sim_statistics(call: Call, granted: Guard<perm::ReportsRead>) -> Reply {
    let found = call.read(async |conn| sims::statistics(conn, &granted).await).await?;
    Ok(Answer::ok(&found)?)
}

/// Adds a SIM card.
///
/// With `msisdn` it carries that number, which is created or taken from the available ones. The response also has `warnings`: an ICCID
/// whose check digit is wrong, or an IMSI of another country, may be mistyped.
#[utoipa::path(
    tag = "sims",
    request_body = SimInput,
    responses(
        (status = 201, description = "The new SIM card.", body = RegisteredSim),
        (status = 409, description = "`sim_duplicate`, `number_not_available`, `number_taken`, `number_duplicate`.")
    ),
    security(("bearer" = ["sims:write"]))
)]
#[post("/sims")]
async fn create_sim(call: Call, granted: Guard<perm::SimsWrite>, input: Body<SimInput>) -> Reply {
    let answer = call.write(async |tx| {
        let made = sims::create(tx, &granted, &input).await?;
        Answer::created(format!("sims/{}", made.sim.id), &made.sim, made.sim.version)?.saying(&made)
    });
    Ok(answer.await?)
}

async fn edit(call: &Call, granted: &Guard<perm::SimsWrite>, id: SimId, change: &Change<SimInput>) -> Reply {
    let expected = call.expected()?;
    let answer = call.write(async |tx| {
        let sim = sims::edit(tx, granted, id, &change.0, &expected).await?;
        Answer::resource(&sim, sim.version)
    });
    Ok(answer.await?)
}

/// Replaces a SIM card's editable fields.
///
/// All fields are editable while the card is free, `kind` and `puk_code` until it is closed. A number that the card no longer
/// carries becomes available. Callers who may not see the PUK leave it out to keep it.
#[utoipa::path(
    tag = "sims",
    params(("id" = SimId, Path, description = "The SIM card's id.")),
    request_body = SimInput,
    responses(
        (status = 200, description = "The SIM card.", body = Sim),
        (status = 409, description = "`sim_wrong_state`: it is closed; `sim_duplicate`, `number_not_available`, `number_taken`, `number_duplicate`.")
    ),
    security(("bearer" = ["sims:write"]))
)]
#[put("/sims/{id}")]
async fn replace_sim(call: Call, granted: Guard<perm::SimsWrite>, id: PathPart<SimId>, change: Change<SimInput>) -> Reply {
    edit(&call, &granted, id.0, &change).await
}

/// Changes some of a SIM card's editable fields.
///
/// All fields are editable while the card is free, `kind` and `puk_code` until it is closed. A number that the card no longer
/// carries becomes available.
#[utoipa::path(
    tag = "sims",
    params(("id" = SimId, Path, description = "The SIM card's id.")),
    request_body = SimInput,
    responses(
        (status = 200, description = "The SIM card.", body = Sim),
        (status = 409, description = "`sim_wrong_state`: it is closed; `sim_duplicate`, `number_not_available`, `number_taken`, `number_duplicate`.")
    ),
    security(("bearer" = ["sims:write"]))
)]
#[patch("/sims/{id}")]
async fn update_sim(call: Call, granted: Guard<perm::SimsWrite>, id: PathPart<SimId>, change: Change<SimInput>) -> Reply {
    edit(&call, &granted, id.0, &change).await
}

/// Deletes a SIM card that never served a contract.
///
/// Other cards stay on record. The number of a deleted card becomes available.
#[utoipa::path(
    tag = "sims",
    params(("id" = SimId, Path, description = "The SIM card's id.")),
    responses(
        (status = 204, description = "The SIM card is deleted."),
        (status = 409, description = "`sim_was_bound`, `sim_in_use`: a draft names it.")
    ),
    security(("bearer" = ["sims:delete"]))
)]
#[delete("/sims/{id}")]
async fn delete_sim(call: Call, granted: Guard<perm::SimsDelete>, id: PathPart<SimId>) -> Reply {
    let expected = call.expected()?;
    let answer = call.write(async |tx| {
        sims::delete(tx, &granted, id.0, &expected).await?;
        Ok(Answer::empty())
    });
    Ok(answer.await?)
}

/// Blocks a SIM card that is free, active or suspended.
///
/// A contract is active exactly while its SIM card is, so the contract of a bound card is suspended by hold `no_sim`, and no period
/// begins.
#[utoipa::path(
    tag = "sims",
    params(("id" = SimId, Path, description = "The SIM card's id.")),
    request_body = SimBlockInput,
    responses(
        (status = 200, description = "The SIM card, blocked.", body = Sim),
        (status = 409, description = "`sim_wrong_state`.")
    ),
    security(("bearer" = ["sims:status"]))
)]
#[post("/sims/{id}/block")]
async fn block_sim(call: Call, granted: Guard<perm::SimsStatus>, id: PathPart<SimId>, input: Body<SimBlockInput>) -> Reply {
    let answer = call.write(async |tx| {
        let sim = billing::block_sim(tx, &granted, id.0, &input).await?;
        Answer::resource(&sim, sim.version)
    });
    Ok(answer.await?)
}

/// Unblocks a SIM card.
///
/// It is free again, or has the state of its contract. Hold `no_sim` is lifted from the contract. If it was the last hold, the
/// contract is active again, and a period that is due begins or hold `debt` is placed.
#[utoipa::path(
    tag = "sims",
    params(("id" = SimId, Path, description = "The SIM card's id.")),
    request_body = NoInput,
    responses(
        (status = 200, description = "The SIM card, free, active or suspended.", body = Sim),
        (status = 409, description = "`sim_wrong_state`.")
    ),
    security(("bearer" = ["sims:status"]))
)]
#[post("/sims/{id}/unblock")]
async fn unblock_sim(call: Call, granted: Guard<perm::SimsStatus>, id: PathPart<SimId>, _input: Body<NoInput>) -> Reply {
    let answer = call.write(async |tx| {
        let sim = billing::unblock_sim(tx, &granted, id.0).await?;
        Answer::resource(&sim, sim.version)
    });
    Ok(answer.await?)
}

/// Closes permanently a SIM card that serves no contract.
///
/// A number that it carries is released.
#[utoipa::path(
    tag = "sims",
    params(("id" = SimId, Path, description = "The SIM card's id.")),
    request_body = NoInput,
    responses(
        (status = 200, description = "The SIM card, closed.", body = Sim),
        (status = 409, description = "`sim_wrong_state`.")
    ),
    security(("bearer" = ["sims:status"]))
)]
#[post("/sims/{id}/close")]
async fn close_sim(call: Call, granted: Guard<perm::SimsStatus>, id: PathPart<SimId>, _input: Body<NoInput>) -> Reply {
    let answer = call.write(async |tx| {
        let sim = sims::close(tx, &granted, id.0).await?;
        Answer::resource(&sim, sim.version)
    });
    Ok(answer.await?)
}

/// Closes permanently a bound SIM card that is lost, stolen or broken.
///
/// The contract keeps its number, and has hold `no_sim` until `replace-sim` gives it another card.
#[utoipa::path(
    tag = "sims",
    params(("id" = SimId, Path, description = "The SIM card's id.")),
    request_body = SimDeactivateInput,
    responses(
        (status = 200, description = "The SIM card, closed.", body = Sim),
        (status = 409, description = "`sim_not_bound`.")
    ),
    security(("bearer" = ["sims:status"]))
)]
#[post("/sims/{id}/deactivate")]
async fn deactivate_sim(call: Call, granted: Guard<perm::SimsStatus>, id: PathPart<SimId>, input: Body<SimDeactivateInput>) -> Reply {
    let answer = call.write(async |tx| {
        let sim = billing::deactivate_sim(tx, &granted, id.0, &input).await?;
        Answer::resource(&sim, sim.version)
    });
    Ok(answer.await?)
}

/// Lists where a SIM card has been in use.
///
/// Each row has the number, the contract, the subscriber, the beginning, the end and the reason.
#[utoipa::path(
    tag = "sims",
    params(("id" = SimId, Path, description = "The SIM card's id."), Listing<BindingFilter>),
    responses((status = 200, description = "A page of bindings.", body = List<SimBinding>)),
    security(("bearer" = ["sims:read"]))
)]
#[get("/sims/{id}/history")]
async fn list_sim_history(call: Call, granted: Guard<perm::SimsRead>, id: PathPart<SimId>, query: Listing<BindingFilter>) -> Reply {
    let page = call.read(async |conn| sims::history(conn, &granted, id.0, &query.paging).await).await?;
    Ok(query.expand.page(&call, page).await?)
}

/// Moves a contract's number to a free SIM card, and closes the current card if there is one.
///
/// A number that the new card carries is released. Hold `no_sim` is lifted. If it was the last hold, the contract is active again,
/// and a period that is due begins or hold `debt` is placed.
#[utoipa::path(
    tag = "contracts",
    params(("id" = ContractId, Path, description = "The contract's id.")),
    request_body = ReplaceSimInput,
    responses(
        (status = 200, description = "The contract, with its new SIM card.", body = Contract),
        (status = 409, description = "`contract_not_running`, `sim_not_free`.")
    ),
    security(("bearer" = ["contracts:write"]))
)]
#[post("/contracts/{id}/replace-sim")]
async fn replace_contract_sim(
    call: Call,
    granted: Guard<perm::ContractsWrite>,
    id: PathPart<ContractId>,
    input: Body<ReplaceSimInput>,
) -> Reply {
    let answer = call.write(async |tx| {
        let contract = billing::replace_sim(tx, &granted, id.0, &input).await?;
        Answer::resource(&contract, contract.version)
    });
    Ok(answer.await?)
}
