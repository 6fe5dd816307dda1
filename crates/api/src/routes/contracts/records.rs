//! Records of contracts: requirements of activation, payments, tickets, history, statements and statistics.

use acl::perm;
use actix_web::get;
use billing::explanation::{self, Period, PeriodFilter};
use contracts::{Checklist, ContractStatistics, HistoryEntry, HistoryFilter, RequirementState};
use database::page::ListSpec;
use kernel::{Several, id::ContractId};
use messages::Locale;
use payments::{OnContractFilter, Payment, statement::Statement};
use serde::{Deserialize, Serialize};
use tickets::{Ticket, TicketCategory, TicketFilter, TicketPriority, TicketStatus};
use utoipa::{IntoParams, ToSchema};

use crate::{
    answer::{Answer, List, Reply},
    call::Call,
    expand::{Expandable, Part},
    extract::{ListQuery, Listing, PathPart},
    guard::Guard,
    routes::mount::Mount,
};

pub fn configure(mount: &mut Mount<'_, '_>) {
    // before the path with an id, which also matches it
    mount.service(get_contract_statistics);
    mount.service(get_contract_checklist).service(list_contract_payments).service(list_contract_tickets);
    mount.service(list_contract_periods).service(list_contract_history).service(get_contract_statement);
}

/// Returns the number of contracts by state and by hold, and the totals of their balances.
#[utoipa::path(
    tag = "contracts",
    responses((status = 200, description = "The statistics.", body = ContractStatistics)),
    security(("bearer" = ["reports:read"]))
)]
#[get("/contracts/statistics")]
async fn get_contract_statistics(call: Call, granted: Guard<perm::ReportsRead>) -> Reply {
    let statistics = call.read(async |conn| contracts::statistics(conn, &granted).await).await?;
    Ok(Answer::ok(&statistics)?)
}

/// One requirement of activation.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "code": "contract_without_sim", "ok": false, "requirement": "The contract has a SIM card.",
    "message": "The contract has no SIM card, so it cannot be activated. Send sim_id with the request, or put it on the contract first."
}))]
pub struct ChecklistItem {
    /// The code with which activation is refused if the requirement is not met.
    pub code: String,
    /// Whether the requirement is met.
    pub ok: bool,
    /// What is required, in the caller's language.
    pub requirement: String,
    /// The message of that refusal; null if the requirement is met, or cannot be checked before another one is met.
    pub message: Option<String>,
}

/// The requirements of a contract's activation.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "contract_id": 12, "ready": true,
    "items": [{"code": "contract_not_draft", "ok": true, "requirement": "The contract is a draft.", "message": null}]
}))]
pub struct ChecklistAnswer {
    /// The contract's id.
    pub contract_id: ContractId,
    /// Whether activation would succeed.
    pub ready: bool,
    /// The requirements, in the order in which activation checks them.
    pub items: Vec<ChecklistItem>,
}

impl ChecklistAnswer {
    fn new(checklist: &Checklist, locale: &Locale) -> Self {
        let items = checklist.items.iter().map(|(requirement, standing)| ChecklistItem {
            code: match standing {
                // a requirement can be refused for more than one reason
                RequirementState::Refused(error) => error.code().name.to_owned(),
                RequirementState::Met | RequirementState::Open => requirement.name.to_owned(),
            },
            ok: matches!(standing, RequirementState::Met),
            requirement: locale.text(&contracts::sentence_name(*requirement), &[]),
            message: match standing {
                RequirementState::Refused(error) => Some(locale.text(error.code().name, error.args())),
                RequirementState::Met | RequirementState::Open => None,
            },
        });
        Self { contract_id: checklist.contract_id, ready: checklist.is_ready(), items: items.collect() }
    }
}

/// Returns the requirements of a draft's activation, and whether each is met.
///
/// `activate` applies the same rules.
#[utoipa::path(
    tag = "contracts",
    params(("id" = ContractId, Path, description = "The contract's id.")),
    responses((status = 200, description = "Every requirement, and whether it is met.", body = ChecklistAnswer)),
    security(("bearer" = ["contracts:read"]))
)]
#[get("/contracts/{id}/checklist")]
async fn get_contract_checklist(call: Call, granted: Guard<perm::ContractsRead>, id: PathPart<ContractId>) -> Reply {
    let checklist = call.read(async |conn| contracts::checklist(conn, &granted, id.0).await).await?;
    Ok(Answer::resource(&ChecklistAnswer::new(&checklist, call.locale()), checklist.version)?)
}

impl ListQuery for PeriodFilter {
    const SPEC: ListSpec = explanation::PERIODS;
}

/// Lists the periods of a contract with the terms that were kept with each.
#[utoipa::path(
    tag = "contracts",
    params(("id" = ContractId, Path, description = "The contract's id."), Listing<PeriodFilter>),
    responses((status = 200, description = "A page of periods.", body = List<Period>)),
    security(("bearer" = ["payments:read"]))
)]
#[get("/contracts/{id}/periods")]
async fn list_contract_periods(
    call: Call,
    granted: Guard<perm::PaymentsRead>,
    id: PathPart<ContractId>,
    query: Listing<PeriodFilter>,
) -> Reply {
    let page = call.read(async |conn| explanation::periods(conn, &granted, id.0, &query.paging).await).await?;
    Ok(call.page(page)?)
}

impl ListQuery for OnContractFilter {
    const SPEC: ListSpec = payments::LIST;
    const PARTS: &'static [Part] = Payment::PARTS;
}

/// Lists the transactions of a contract.
#[utoipa::path(
    tag = "contracts",
    params(("id" = ContractId, Path, description = "The contract's id."), Listing<OnContractFilter>),
    responses((status = 200, description = "A page of transactions.", body = List<Payment>)),
    security(("bearer" = ["payments:read"]))
)]
#[get("/contracts/{id}/payments")]
async fn list_contract_payments(
    call: Call,
    granted: Guard<perm::PaymentsRead>,
    id: PathPart<ContractId>,
    query: Listing<OnContractFilter>,
) -> Reply {
    let page = call.read(async |conn| payments::list_of_contract(conn, &granted, id.0, &query.filter, &query.paging).await).await?;
    Ok(query.expand.page(&call, page).await?)
}

/// Filters of the list of tickets about a contract.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct TicketsAboutFilter {
    /// Only tickets with this status.
    #[param(value_type = Option<Vec<TicketStatus>>)]
    pub status: Option<Several<TicketStatus>>,
    /// Only tickets of this category.
    #[param(value_type = Option<Vec<TicketCategory>>)]
    pub category: Option<Several<TicketCategory>>,
    /// Only tickets with this priority.
    #[param(value_type = Option<Vec<TicketPriority>>)]
    pub priority: Option<Several<TicketPriority>>,
}

impl ListQuery for TicketsAboutFilter {
    const SPEC: ListSpec = tickets::LIST;
    const PARTS: &'static [Part] = Ticket::PARTS;
}

/// Lists the tickets about a contract.
#[utoipa::path(
    tag = "contracts",
    params(("id" = ContractId, Path, description = "The contract's id."), Listing<TicketsAboutFilter>),
    responses((status = 200, description = "A page of tickets.", body = List<Ticket>)),
    security(("bearer" = ["tickets:read"]))
)]
#[get("/contracts/{id}/tickets")]
async fn list_contract_tickets(
    call: Call,
    granted: Guard<perm::TicketsRead>,
    id: PathPart<ContractId>,
    query: Listing<TicketsAboutFilter>,
) -> Reply {
    let TicketsAboutFilter { status, category, priority } = query.filter;
    let filter = TicketFilter { contract_id: Some(id.0.into()), status, category, priority, ..TicketFilter::default() };
    let page = call.read(async |conn| {
        contracts::exists(conn, id.0).await?;
        tickets::list(conn, &granted, &filter, &query.paging).await
    });
    Ok(query.expand.page(&call, page.await?).await?)
}

impl ListQuery for HistoryFilter {
    const SPEC: ListSpec = contracts::history::LIST;
}

/// Lists the history of a contract.
///
/// It contains changes from the audit trail, holds with their beginning and end, and SIM cards that were bound to the contract.
#[utoipa::path(
    tag = "contracts",
    params(("id" = ContractId, Path, description = "The contract's id."), Listing<HistoryFilter>),
    responses((status = 200, description = "A page of the history.", body = List<HistoryEntry>)),
    security(("bearer" = ["contracts:read"]))
)]
#[get("/contracts/{id}/history")]
async fn list_contract_history(
    call: Call,
    granted: Guard<perm::ContractsRead>,
    id: PathPart<ContractId>,
    query: Listing<HistoryFilter>,
) -> Reply {
    let page = call.read(async |conn| contracts::history::history(conn, &granted, id.0, &query.filter, &query.paging).await).await?;
    Ok(call.page(page)?)
}

/// An account statement: its totals, and a page of its rows.
#[derive(Debug, Serialize, ToSchema)]
pub struct StatementPage {
    /// The totals of all rows.
    #[serde(flatten)]
    pub statement: Statement,
    /// The rows.
    #[serde(flatten)]
    pub page: List<Payment>,
}

impl ListQuery for payments::statement::Days {
    const SPEC: ListSpec = payments::statement::LIST;
}

/// Returns the account statement of a contract for some days.
///
/// It has the opening balance, every transaction, the closing balance and the totals. The totals cover all rows, including those on
/// other pages. The opening balance and the rows add up exactly to the closing balance.
#[utoipa::path(
    tag = "contracts",
    params(("id" = ContractId, Path, description = "The contract's id."), Listing<payments::statement::Days>),
    responses((status = 200, description = "The statement, with a page of its rows.", body = StatementPage)),
    security(("bearer" = ["payments:read"]))
)]
#[get("/contracts/{id}/statement")]
async fn get_contract_statement(
    call: Call,
    granted: Guard<perm::PaymentsRead>,
    id: PathPart<ContractId>,
    query: Listing<payments::statement::Days>,
) -> Reply {
    let read = call.read(async |conn| payments::statement::statement(conn, &granted, id.0, query.filter, &query.paging).await);
    let (statement, rows, newest) = read.await?;
    Ok(Answer::resource(&StatementPage { statement, page: call.list(rows) }, newest)?)
}
