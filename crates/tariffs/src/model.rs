//! Tariffs, their dated price versions, and options.

mod option;
mod short;

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

pub use option::{OptionIds, OptionKind, OptionPrice, TariffIds, TariffOption};
pub use short::TariffShort;

/// Refusals about tariffs.
pub mod refusal {
    kernel::codes! {
        /// No such tariff.
        NOT_FOUND = NotFound "tariff_not_found";
        /// Another tariff has this name.
        NAME_TAKEN = Conflict "tariff_name_taken";
        /// A retired tariff cannot be used by new contracts.
        RETIRED = Conflict "tariff_retired";
        /// The tariff is already retired.
        ALREADY_RETIRED = Conflict "tariff_already_retired";
        /// The tariff is already for sale.
        ALREADY_ACTIVE = Conflict "tariff_already_active";
        /// A tariff that a contract uses or used cannot be deleted.
        IN_USE = Conflict "tariff_in_use";
        /// A version cannot be replaced once periods have begun under it.
        VERSION_IN_USE = Conflict "tariff_version_in_use";
        /// No such option.
        OPTION_NOT_FOUND = NotFound "option_not_found";
        /// Another option has this code.
        OPTION_CODE_TAKEN = Conflict "option_code_taken";
        /// An option that a contract has or had cannot be deleted.
        OPTION_IN_USE = Conflict "option_in_use";
        /// A retired option cannot be newly taken.
        OPTION_RETIRED = Conflict "option_retired";
        /// The options are not compatible with the tariff.
        OPTION_INCOMPATIBLE = Conflict "option_incompatible";
        /// The options exclude each other.
        OPTIONS_EXCLUSIVE = Conflict "options_exclusive";
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
#[derive(Clone, Debug, Serialize, ToSchema, sqlx_macros::FromRow)]
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
    /// The name; unique, ignoring case.
    pub name: String,
    /// The description.
    pub description: String,
    /// Whether a period is paid for when it begins or when it ends.
    pub tariff_type: TariffType,
    /// The price of a period.
    pub monthly_fee: Money,
    /// Minutes included in a period; `null` means unlimited, 0 means none.
    pub minutes_included: Option<i64>,
    /// Messages included in a period; `null` means unlimited, 0 means none.
    pub sms_included: Option<i64>,
    /// Gigabytes included in a period; `null` means unlimited, 0 means none.
    pub data_gb_included: Option<Quantity>,
    /// The price of each further minute.
    pub minute_overage_cost: Money,
    /// The price of each further message.
    pub sms_overage_cost: Money,
    /// The price of each further gigabyte.
    pub data_gb_overage_cost: Money,
    /// Further properties.
    #[schema(value_type = Object)]
    pub extra_options: JsonText,
    /// The rank in lists; higher comes first.
    pub priority: i64,
    /// Whether new contracts may use the tariff.
    pub is_active: bool,
    /// The number of contracts that have the tariff and are not terminated.
    pub contracts_count: i64,
    /// The first day on which these prices and allowances are in force.
    pub effective_from: NaiveDate,
    /// When the tariff was created.
    pub created_at: DateTime<Utc>,
    /// When the tariff was last changed.
    pub updated_at: DateTime<Utc>,
    /// Increases with every change.
    pub version: i64,
    /// The tariff version with these prices and allowances.
    #[serde(skip)]
    pub tariff_version_id: TariffVersionId,
}

impl Tariff {
    /// Returns the tariff if it is for sale. Errors: `tariff_retired`.
    pub fn for_sale(self) -> Result<Self> {
        match self.is_active {
            true => Ok(self),
            false => Err(Error::new(refusal::RETIRED).with("name", self.name)),
        }
    }
}

/// The fields of a dated tariff version that charging needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx_macros::FromRow)]
pub struct TariffVersion {
    /// The id, to which periods refer.
    pub id: TariffVersionId,
    /// The tariff.
    pub tariff_id: TariffId,
    /// The first day on which the version is in force.
    pub effective_from: NaiveDate,
    /// Whether a period is paid for when it begins or when it ends.
    pub tariff_type: TariffType,
    /// The price of a period.
    pub monthly_fee: Money,
}

/// The prices and allowances of a tariff version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Prices {
    /// The price of a period.
    pub monthly_fee: Money,
    /// Minutes included in a period; `None` means unlimited.
    pub minutes_included: Option<i64>,
    /// Messages included in a period; `None` means unlimited.
    pub sms_included: Option<i64>,
    /// Gigabytes included in a period; `None` means unlimited.
    pub data_gb_included: Option<Quantity>,
    /// The price of each further minute.
    pub minute_overage_cost: Money,
    /// The price of each further message.
    pub sms_overage_cost: Money,
    /// The price of each further gigabyte.
    pub data_gb_overage_cost: Money,
}

impl Tariff {
    /// The prices in force today.
    pub fn prices(&self) -> Prices {
        Prices {
            monthly_fee: self.monthly_fee,
            minutes_included: self.minutes_included,
            sms_included: self.sms_included,
            data_gb_included: self.data_gb_included,
            minute_overage_cost: self.minute_overage_cost,
            sms_overage_cost: self.sms_overage_cost,
            data_gb_overage_cost: self.data_gb_overage_cost,
        }
    }

    /// Retires the tariff. Errors: `tariff_already_retired`.
    pub fn deactivated(&self) -> Result<Self> {
        match self.is_active {
            true => Ok(Self { is_active: false, ..self.clone() }),
            false => Err(Error::new(refusal::ALREADY_RETIRED).with("name", &self.name)),
        }
    }

    /// Puts the tariff on sale again. Errors: `tariff_already_active`.
    pub fn activated(&self) -> Result<Self> {
        match self.is_active {
            true => Err(Error::new(refusal::ALREADY_ACTIVE).with("name", &self.name)),
            false => Ok(Self { is_active: true, ..self.clone() }),
        }
    }
}

text_enum! {
    /// The status of a tariff version today.
    pub enum VersionStatus {
        /// Not in force yet.
        Future = "future",
        /// In force.
        Current = "current",
        /// No longer in force.
        Past = "past",
    }
}

/// The prices and allowances of a tariff from a day on.
#[derive(Clone, Debug, Serialize, ToSchema, sqlx_macros::FromRow)]
#[schema(example = json!({
    "id": 8, "tariff_id": 3, "effective_from": "2026-03-01", "status": "future", "monthly_fee": "700.00", "minutes_included": 600,
    "sms_included": 300, "data_gb_included": "20.00", "minute_overage_cost": "2.50", "sms_overage_cost": "2.00",
    "data_gb_overage_cost": "50.00", "created_at": "2026-01-15T09:30:00Z", "created_by": "admin"
}))]
pub struct PriceVersion {
    /// The id.
    pub id: TariffVersionId,
    /// The tariff.
    pub tariff_id: TariffId,
    /// The first day on which the version is in force; a contract changes to it when its next period begins.
    pub effective_from: NaiveDate,
    /// Its status today.
    pub status: VersionStatus,
    /// The price of a period.
    pub monthly_fee: Money,
    /// Minutes included in a period; `null` means unlimited, 0 means none.
    pub minutes_included: Option<i64>,
    /// Messages included in a period; `null` means unlimited, 0 means none.
    pub sms_included: Option<i64>,
    /// Gigabytes included in a period; `null` means unlimited, 0 means none.
    pub data_gb_included: Option<Quantity>,
    /// The price of each further minute.
    pub minute_overage_cost: Money,
    /// The price of each further message.
    pub sms_overage_cost: Money,
    /// The price of each further gigabyte.
    pub data_gb_overage_cost: Money,
    /// When the version was created or last replaced.
    pub created_at: DateTime<Utc>,
    /// Who created or last replaced it.
    pub created_by: String,
}

/// One change of a tariff, from the audit trail.
#[derive(Clone, Debug, Serialize, ToSchema, sqlx_macros::FromRow)]
#[schema(example = json!({
    "seq": 1042, "at": "2026-01-20T08:00:00Z", "actor": "a.ivanova", "action": "tariff.version_created",
    "before": {"monthly_fee": "650.00"}, "after": {"monthly_fee": "700.00", "effective_from": "2026-03-01"}
}))]
pub struct TariffChange {
    /// Sequence number in the audit trail.
    pub seq: i64,
    /// When it happened.
    pub at: DateTime<Utc>,
    /// Who did it.
    pub actor: String,
    /// The action; `tariff.version_created` and `tariff.version_replaced` change the prices from `effective_from` on.
    pub action: String,
    /// The fields before the change.
    #[schema(value_type = Option<Object>)]
    pub before: Option<JsonText>,
    /// The fields after the change.
    #[schema(value_type = Option<Object>)]
    pub after: Option<JsonText>,
}

impl PriceVersion {
    /// The prices and allowances of the version.
    pub fn prices(&self) -> Prices {
        Prices {
            monthly_fee: self.monthly_fee,
            minutes_included: self.minutes_included,
            sms_included: self.sms_included,
            data_gb_included: self.data_gb_included,
            minute_overage_cost: self.minute_overage_cost,
            sms_overage_cost: self.sms_overage_cost,
            data_gb_overage_cost: self.data_gb_overage_cost,
        }
    }
}
