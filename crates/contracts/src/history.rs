//! What befell a contract: changes out of the audit trail, holds, and SIMs that were bound to it (SPEC 7.5).

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

/// How the history is ordered.
pub const LIST: ListSpec = store::history::LIST;

text_enum! {
    /// What sort of event it is.
    #[schema(as = EventKind)]
    pub enum HistoryKind {
        /// Somebody changed the contract.
        Change = "change",
        /// A hold was on it.
        Hold = "hold",
        /// A SIM served it.
        Binding = "binding",
    }
}

/// Something that happened to a contract.
#[derive(Clone, Debug, Serialize, ToSchema, sqlx::FromRow)]
#[schema(as = Event, example = json!({
    "id": 401, "at": "2026-01-20T09:40:00Z", "until": "2026-01-27T08:00:00Z", "kind": "hold", "action": "hold.placed", "actor": "operator",
    "ended_by": "operator", "reason": "request", "note": "на время отпуска", "sim_id": null, "iccid": null, "msisdn": null, "before": null,
    "after": null
}))]
pub struct HistoryEntry {
    /// Its place among the events of all contracts; good for paging only.
    pub id: i64,
    /// When it happened, or began.
    pub at: DateTime<Utc>,
    /// When a hold was lifted or a SIM unbound; null while it lasts.
    pub until: Option<DateTime<Utc>>,
    /// What sort of event it is.
    pub kind: HistoryKind,
    /// What was done.
    pub action: String,
    /// Who did it, or placed the hold.
    pub actor: Option<String>,
    /// Who lifted the hold.
    pub ended_by: Option<String>,
    /// Why the contract was held, or the SIM bound.
    pub reason: Option<String>,
    /// What was to be remembered about the hold, or why the SIM was unbound.
    pub note: Option<String>,
    /// The SIM.
    pub sim_id: Option<SimId>,
    /// The SIM's own number.
    pub iccid: Option<String>,
    /// The phone number it carried.
    pub msisdn: Option<String>,
    /// The fields of the contract as they were.
    #[schema(value_type = Option<Object>)]
    pub before: Option<JsonText>,
    /// The fields of the contract as they became.
    #[schema(value_type = Option<Object>)]
    pub after: Option<JsonText>,
}

/// A page of what befell a contract. Errors: `contract_not_found`.
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
