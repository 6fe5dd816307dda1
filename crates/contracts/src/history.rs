//! The history of a contract: changes from the audit trail, holds, and SIMs that were bound to it.

use acl::{Granted, perm};
use chrono::{DateTime, Utc};
use database::{Conn, Page, Paging, page::ListSpec};
use kernel::{
    Result,
    id::{ContractId, SimId},
    text::JsonText,
    text_enum,
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{input::HistoryFilter, model::refusal, store};

/// The sort orders of the history.
pub const LIST: ListSpec = store::history::LIST;

text_enum! {
    /// What kind of event it is.
    #[schema(as = EventKind)]
    pub enum HistoryKind {
        /// A user changed the contract.
        Change = "change",
        /// The contract was on hold.
        Hold = "hold",
        /// A SIM was bound to the contract.
        Binding = "binding",
    }
}

/// An event in the history of a contract.
#[derive(Clone, Debug, Serialize, ToSchema, sqlx_macros::FromRow)]
#[schema(as = Event, example = json!({
    "id": 401, "at": "2026-01-20T09:40:00Z", "until": "2026-01-27T08:00:00Z", "kind": "hold", "action": "hold.placed", "actor": "operator",
    "ended_by": "operator", "reason": "request", "note": "на время отпуска", "sim_id": null, "iccid": null, "msisdn": null, "before": null,
    "after": null
}))]
pub struct HistoryEntry {
    /// The identifier of the event among the events of all contracts; use it only for paging.
    pub id: i64,
    /// When it happened or began.
    pub at: DateTime<Utc>,
    /// When a hold was lifted or a SIM was unbound; null while it lasts.
    pub until: Option<DateTime<Utc>>,
    /// What kind of event it is.
    pub kind: HistoryKind,
    /// What was done.
    pub action: String,
    /// Who made the change or placed the hold.
    pub actor: Option<String>,
    /// Who lifted the hold.
    pub ended_by: Option<String>,
    /// Why the contract was put on hold, or why the SIM was bound.
    pub reason: Option<String>,
    /// The note on the hold, or why the SIM was unbound.
    pub note: Option<String>,
    /// The SIM.
    pub sim_id: Option<SimId>,
    /// The ICCID of the SIM.
    pub iccid: Option<String>,
    /// The phone number of the SIM at that time.
    pub msisdn: Option<String>,
    /// The changed fields of the contract before the change.
    #[schema(value_type = Option<Object>)]
    pub before: Option<JsonText>,
    /// The changed fields of the contract after the change.
    #[schema(value_type = Option<Object>)]
    pub after: Option<JsonText>,
}

/// Lists the history of a contract. Errors: `contract_not_found`.
pub async fn history(
    conn: &mut Conn,
    _: &Granted<perm::ContractsRead>,
    id: ContractId,
    filter: &HistoryFilter,
    paging: &Paging,
) -> Result<Page<HistoryEntry>> {
    if !store::exists(conn, id).await? {
        return Err(refusal::NOT_FOUND.into());
    }
    store::history::list(conn, id, filter, paging).await
}
