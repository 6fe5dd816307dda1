use std::{borrow::Cow, str::FromStr};

use chrono::{DateTime, Utc};
use kernel::{
    Money,
    id::{OptionId, TariffId},
    money::Quantity,
    text_enum,
};
use serde::Serialize;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ArrayBuilder, RefOr, Schema},
};

text_enum! {
    /// What an option provides.
    pub enum OptionKind {
        /// Minutes of calls.
        Minutes = "minutes",
        /// Messages.
        Sms = "sms",
        /// Gigabytes.
        Data = "data",
        /// A service without a counted amount.
        Service = "service",
    }
}

macro_rules! id_lists {
    ($($(#[$doc:meta])* $name:ident of $id:ident;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
        #[serde(transparent)]
        pub struct $name(pub Vec<$id>);

        impl FromStr for $name {
            type Err = &'static str;

            /// Parses the comma-separated ids that SQL returns.
            fn from_str(ids: &str) -> Result<Self, Self::Err> {
                ids.split(',').filter(|id| !id.is_empty()).map(str::parse).collect::<Result<_, _>>().map(Self)
            }
        }

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                ArrayBuilder::new().items($id::schema()).into()
            }
        }

        impl ToSchema for $name {
            fn name() -> Cow<'static, str> {
                stringify!($name).into()
            }
        }

        kernel::text_column!($name);
    )+};
}

id_lists! {
    /// The ids of options, in ascending order.
    OptionIds of OptionId;
    /// The ids of tariffs, in ascending order.
    TariffIds of TariffId;
}

/// An option: minutes, messages, gigabytes or a service in addition to a tariff.
#[derive(Clone, Debug, Serialize, ToSchema, sqlx_macros::FromRow)]
#[schema(example = json!({
    "id": 2, "code": "DATA10", "name": "Ещё 10 ГБ", "kind": "data", "amount": "10.00", "monthly_fee": "150.00", "is_active": true,
    "tariff_ids": [3, 4], "excluded_option_ids": [5], "created_at": "2026-01-15T09:30:00Z", "updated_at": "2026-01-15T09:30:00Z",
    "version": 1
}))]
pub struct TariffOption {
    /// The id.
    pub id: OptionId,
    /// The code; unique, ignoring case.
    pub code: String,
    /// The name.
    pub name: String,
    /// What the option provides.
    pub kind: OptionKind,
    /// The amount in a period; `null` for a service.
    pub amount: Option<Quantity>,
    /// What the option adds to the price of a period.
    pub monthly_fee: Money,
    /// Whether contracts may newly take the option.
    pub is_active: bool,
    /// The compatible tariffs.
    pub tariff_ids: TariffIds,
    /// The options that a contract cannot have together with this one; the exclusion is mutual.
    pub excluded_option_ids: OptionIds,
    /// When the option was created.
    pub created_at: DateTime<Utc>,
    /// When the option was last changed.
    pub updated_at: DateTime<Utc>,
    /// Increases with every change.
    pub version: i64,
}

/// The fields of an option that charging needs.
#[derive(Clone, Debug, PartialEq, Eq, sqlx_macros::FromRow)]
pub struct OptionPrice {
    /// The id.
    pub id: OptionId,
    /// The code.
    pub code: String,
    /// The name.
    pub name: String,
    /// What the option adds to the price of a period.
    pub monthly_fee: Money,
}
