//! A row of a subscriber's history.

use chrono::{DateTime, Utc};
use kernel::text::JsonText;
use serde::Serialize;
use utoipa::ToSchema;

/// One event of a subscriber or of one of their contracts, SIM cards, payments or tickets.
///
/// Personal data is always masked.
#[derive(Clone, Debug, Serialize, ToSchema, sqlx_macros::FromRow)]
#[schema(example = json!({
    "seq": 1042, "at": "2026-03-02T06:00:00Z", "actor": "a.ivanova", "action": "customer.suspended", "entity": "customer", "entity_id": "7",
    "before": {"status": "active"}, "after": {"status": "suspended", "status_reason": "по письму абонента"}
}))]
pub struct HistoryRow {
    /// Sequence number in the audit trail.
    pub seq: i64,
    /// When it happened.
    pub at: DateTime<Utc>,
    /// Who did it: a user name, or the part of the system.
    pub actor: String,
    /// The action.
    pub action: String,
    /// The type of the changed entity.
    pub entity: String,
    /// The id of the changed entity.
    pub entity_id: String,
    /// The fields before the change.
    #[schema(value_type = Option<Object>)]
    pub before: Option<JsonText>,
    /// The fields after the change.
    #[schema(value_type = Option<Object>)]
    pub after: Option<JsonText>,
}
