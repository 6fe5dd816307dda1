//! The tariff, and the dated version of its prices.

use chrono::{DateTime, NaiveDate, Utc};
use kernel::{
    Error, Money, Result,
    id::{TariffId, TariffVersionId},
    money::Quantity,
    text::JsonText,
    text_enum,
};
use serde::Serialize;
use utoipa::ToSchema;

/// Refusals about tariffs.
pub mod refusal {
    kernel::codes! {
        /// No such tariff.
        NOT_FOUND = NotFound "tariff_not_found";
        /// Another tariff has this name.
        NAME_TAKEN = Conflict "tariff_name_taken";
        /// A retired tariff is closed to new contracts.
        RETIRED = Conflict "tariff_retired";
    }
}

text_enum! {
    /// When a period is paid for.
    pub enum TariffType {
        /// When it begins.
        Prepaid = "prepaid",
        /// When it ends.
        Postpaid = "postpaid",
    }
}

/// A tariff with the prices and allowances in force today.
#[derive(Clone, Debug, Serialize, ToSchema, sqlx::FromRow)]
#[schema(example = json!({
    "id": 3, "name": "Смарт", "description": "Для общения и интернета", "tariff_type": "prepaid", "monthly_fee": "650.00",
    "minutes_included": 600, "sms_included": 300, "data_gb_included": "20.00", "minute_overage_cost": "2.50",
    "sms_overage_cost": "2.00", "data_gb_overage_cost": "50.00", "extra_options": {"roaming": "home"}, "priority": 10,
    "is_active": true, "contracts_count": 1204, "effective_from": "2026-01-15", "created_at": "2026-01-15T09:30:00Z",
    "updated_at": "2026-01-15T09:30:00Z", "version": 1
}))]
pub struct Tariff {
    /// The id.
    pub id: TariffId,
    /// The name, unique whatever its case.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// Whether a period is paid for when it begins or when it ends.
    pub tariff_type: TariffType,
    /// The price of a period.
    pub monthly_fee: Money,
    /// Minutes in a period; `null` is unlimited, 0 is none.
    pub minutes_included: Option<i64>,
    /// Messages in a period; `null` is unlimited, 0 is none.
    pub sms_included: Option<i64>,
    /// Gigabytes in a period; `null` is unlimited, 0 is none.
    pub data_gb_included: Option<Quantity>,
    /// The price of a minute beyond those.
    pub minute_overage_cost: Money,
    /// The price of a message beyond those.
    pub sms_overage_cost: Money,
    /// The price of a gigabyte beyond those.
    pub data_gb_overage_cost: Money,
    /// Anything else that goes with it.
    #[schema(value_type = Object)]
    pub extra_options: JsonText,
    /// Higher comes first in lists.
    pub priority: i64,
    /// Whether new contracts may have it.
    pub is_active: bool,
    /// Contracts that have it and are not terminated.
    pub contracts_count: i64,
    /// The day since when these prices and allowances are in force.
    pub effective_from: NaiveDate,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
    /// Grows with every change.
    pub version: i64,
    /// The version that these prices and allowances are of.
    #[serde(skip)]
    pub tariff_version_id: TariffVersionId,
}

impl Tariff {
    /// The tariff, if new contracts may have it. Errors: `tariff_retired`.
    pub fn for_sale(self) -> Result<Self> {
        match self.is_active {
            true => Ok(self),
            false => Err(Error::new(refusal::RETIRED).with("name", self.name)),
        }
    }
}

/// A dated version of a tariff, as far as charging by it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct TariffVersion {
    /// The id, which a charge names.
    pub id: TariffVersionId,
    /// The tariff it is of.
    pub tariff_id: TariffId,
    /// Whether a period is paid for when it begins or when it ends.
    pub tariff_type: TariffType,
    /// The price of a period.
    pub monthly_fee: Money,
}
