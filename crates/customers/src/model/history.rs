//! A subscriber's history as it is shown.

use chrono::{DateTime, Utc};
use kernel::text::JsonText;
use serde::Serialize;
use utoipa::ToSchema;

/// One thing that happened to a subscriber, or to what is theirs. Personal data are masked in it for everybody.
#[derive(Clone, Debug, Serialize, ToSchema, sqlx::FromRow)]
#[schema(example = json!({
    "seq": 1042, "at": "2026-03-02T06:00:00Z", "actor": "a.ivanova", "action": "customer.suspended", "entity": "customer", "entity_id": "7",
    "before": {"status": "active"}, "after": {"status": "suspended", "status_reason": "по письму абонента"}
}))]
pub struct HistoryRow {
    /// Place in the audit trail.
    pub seq: i64,
    /// When it happened.
    pub at: DateTime<Utc>,
    /// Who did it: a user's name, or what part of the system it was.
    pub actor: String,
    /// What was done.
    pub action: String,
    /// To what type of thing.
    pub entity: String,
    /// To which.
    pub entity_id: String,
    /// The fields as they were.
    #[schema(value_type = Option<Object>)]
    pub before: Option<JsonText>,
    /// The fields as they became.
    #[schema(value_type = Option<Object>)]
    pub after: Option<JsonText>,
}
