//! The short form of a subscriber, beside the records that name it.

use kernel::id::CustomerId;
use serde::Serialize;
use utoipa::ToSchema;

use super::{CustomerNames, CustomerStatus};

/// A subscriber in short form. It has no field that needs masking.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(example = json!({"id": 7, "full_name": "Иванов Пётр Сергеевич", "short_name": "Иванов П. С.", "phone": "+79161234567", "status": "active"}))]
pub struct CustomerShort {
    /// The id.
    pub id: CustomerId,
    /// The organization's name, or family name, given name and patronymic.
    pub full_name: String,
    /// The organization's name, or family name and initials.
    pub short_name: String,
    /// Contact phone.
    pub phone: String,
    /// The subscriber's status.
    pub status: CustomerStatus,
}

/// What the short form is made of.
#[derive(Clone, Debug, sqlx_macros::FromRow)]
pub struct CustomerShortRow {
    id: CustomerId,
    #[sqlx(flatten)]
    names: CustomerNames,
    phone: String,
    status: CustomerStatus,
}

impl From<CustomerShortRow> for CustomerShort {
    fn from(row: CustomerShortRow) -> Self {
        Self { id: row.id, full_name: row.names.full_name(), short_name: row.names.short_name(), phone: row.phone, status: row.status }
    }
}
