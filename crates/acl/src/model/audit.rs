use chrono::{DateTime, Utc};
use kernel::{id::UserId, text::JsonText, text_enum};
use serde::Serialize;
use utoipa::ToSchema;

/// One row of the audit trail.
#[derive(Clone, Debug, Serialize, ToSchema, sqlx::FromRow)]
#[schema(example = json!({
    "seq": 1042, "at": "2026-03-02T06:00:00Z", "actor_id": 7, "actor": "a.ivanova", "address": "192.0.2.10",
    "request_id": "0195-4c1e", "action": "user.updated", "entity": "user", "entity_id": "9",
    "before": {"role": "employee"}, "after": {"role": "operator"},
    "hash": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
}))]
pub struct AuditRow {
    /// Place in the chain, from 1.
    pub seq: i64,
    /// When it happened.
    pub at: DateTime<Utc>,
    /// The user who did it; `null` for the system and for strangers.
    pub actor_id: Option<UserId>,
    /// The user's name, or what part of the system it was.
    pub actor: String,
    /// The address it came from.
    pub address: Option<String>,
    /// The request it came with.
    pub request_id: String,
    /// What was done.
    pub action: String,
    /// To what type of thing.
    pub entity: String,
    /// To which; `*` where `after` lists several.
    pub entity_id: String,
    /// The fields as they were.
    #[schema(value_type = Option<Object>)]
    pub before: Option<JsonText>,
    /// The fields as they became.
    #[schema(value_type = Option<Object>)]
    pub after: Option<JsonText>,
    /// The row's hash, which continues the one before.
    pub hash: String,
}

text_enum! {
    /// In what way the chain is broken.
    pub enum Breach {
        /// A row was removed.
        Missing = "row_missing",
        /// A row was altered, or one before it.
        Altered = "row_altered",
        /// The last row is not the one that the head of the chain remembers.
        Head = "head_mismatch",
    }
}

/// What a walk along the chain found.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(example = json!({"rows": 1042, "intact": true, "first_broken": null, "reason": null}))]
pub struct Verification {
    /// Rows found to be in order.
    pub rows: i64,
    /// Whether the whole chain is as it was written.
    pub intact: bool,
    /// The first row that is altered or missing.
    pub first_broken: Option<i64>,
    /// What is wrong with it.
    pub reason: Option<Breach>,
}
