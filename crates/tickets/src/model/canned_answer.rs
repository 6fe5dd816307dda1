//! Texts to answer tickets with.

use chrono::{DateTime, Utc};
use kernel::id::CannedAnswerId;
use serde::Serialize;
use utoipa::ToSchema;

use super::TicketCategory;

/// The maximum number of canned answers.
pub const MOST_ANSWERS: i64 = 1000;

/// A text to answer tickets with.
#[derive(Clone, Debug, Serialize, ToSchema, sqlx_macros::FromRow)]
#[schema(example = json!({
    "id": 4, "title": "Перезагрузка телефона", "category": "technical",
    "text": "Выключите телефон, подождите минуту и включите снова.", "created_at": "2026-01-15T09:30:00Z",
    "updated_at": "2026-01-15T09:30:00Z", "version": 1
}))]
pub struct CannedAnswer {
    /// The id.
    pub id: CannedAnswerId,
    /// The title, unique regardless of case.
    pub title: String,
    /// The category of tickets that it answers; `null` for any.
    pub category: Option<TicketCategory>,
    /// The text.
    pub text: String,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
    /// Increases with every change.
    pub version: i64,
}
