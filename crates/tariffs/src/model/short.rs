//! The short form of a tariff, beside the records that name it.

use kernel::{Money, id::TariffId};
use serde::Serialize;
use utoipa::ToSchema;

use super::TariffType;

/// A tariff in short form.
#[derive(Clone, Debug, Serialize, ToSchema, sqlx_macros::FromRow)]
#[schema(example = json!({"id": 3, "name": "Смарт", "tariff_type": "prepaid", "monthly_fee": "650.00", "is_active": true}))]
pub struct TariffShort {
    /// The id.
    pub id: TariffId,
    /// The name.
    pub name: String,
    /// Whether a period is paid at its start or at its end.
    pub tariff_type: TariffType,
    /// The price of a period that begins today, before discount; null when no price is in force yet.
    pub monthly_fee: Option<Money>,
    /// Whether new contracts may use it.
    pub is_active: bool,
}
