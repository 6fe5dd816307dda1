use chrono::{DateTime, Utc};
use kernel::{
    id::{ApiTokenId, UserId},
    text::JsonText,
    text_enum,
};
use serde::Serialize;
use utoipa::ToSchema;

/// One row of the audit trail.
#[derive(Clone, Debug, Serialize, ToSchema, sqlx_macros::FromRow)]
#[schema(example = json!({
    "seq": 1042, "at": "2026-03-02T06:00:00Z", "actor_id": 7, "actor": "a.ivanova", "token_id": null, "token": null, "address": "192.0.2.10",
    "request_id": "0195-4c1e", "action": "user.updated", "entity": "user", "entity_id": "9",
    "before": {"role": "employee"}, "after": {"role": "operator"},
    "hash": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
}))]
pub struct AuditRow {
    /// Position in the chain, from 1.
    pub seq: i64,
    /// When it happened.
    pub at: DateTime<Utc>,
    /// The user who acted; `null` for the system and for callers who are not signed in.
    pub actor_id: Option<UserId>,
    /// The name of the user or of the part of the system.
    pub actor: String,
    /// The script token with which the user acted; `null` if they were signed in.
    pub token_id: Option<ApiTokenId>,
    /// The name of that token.
    pub token: Option<String>,
    /// The address of the caller.
    pub address: Option<String>,
    /// The id of the request.
    pub request_id: String,
    /// The action.
    pub action: String,
    /// The type of the entity.
    pub entity: String,
    /// The id of the entity; `*` if `after` lists several.
    pub entity_id: String,
    /// The fields before the change.
    #[schema(value_type = Option<Object>)]
    pub before: Option<JsonText>,
    /// The fields after the change.
    #[schema(value_type = Option<Object>)]
    pub after: Option<JsonText>,
    /// The row's hash, which covers the hash of the previous row.
    pub hash: String,
}

text_enum! {
    /// How the chain is broken.
    pub enum Breach {
        /// A row is missing.
        Missing = "row_missing",
        /// The row or an earlier one was altered.
        Altered = "row_altered",
        /// The last row does not match the head of the chain.
        Head = "head_mismatch",
    }
}

/// The result of verifying the chain.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(example = json!({"rows": 1042, "intact": true, "first_broken": null, "reason": null}))]
pub struct Verification {
    /// The number of rows that were found valid.
    pub rows: i64,
    /// Whether the whole chain is unaltered.
    pub intact: bool,
    /// The first row that is altered or missing.
    pub first_broken: Option<i64>,
    /// How the chain is broken at that row.
    pub reason: Option<Breach>,
}
