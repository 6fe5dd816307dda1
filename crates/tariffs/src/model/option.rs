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
    /// What an option gives.
    pub enum OptionKind {
        /// Minutes of calls.
        Minutes = "minutes",
        /// Messages.
        Sms = "sms",
        /// Gigabytes.
        Data = "data",
        /// Something that is not counted.
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
            type Err = std::num::ParseIntError;

            /// Reads the ids as SQL strings them together.
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
    /// The ids of options, in their order.
    OptionIds of OptionId;
    /// The ids of tariffs, in their order.
    TariffIds of TariffId;
}

/// An option: more minutes, messages, gigabytes or a service on top of a tariff.
#[derive(Clone, Debug, Serialize, ToSchema, sqlx::FromRow)]
#[schema(example = json!({
    "id": 2, "code": "DATA10", "name": "Ещё 10 ГБ", "kind": "data", "amount": "10.00", "monthly_fee": "150.00", "is_active": true,
    "tariff_ids": [3, 4], "excluded_option_ids": [5], "created_at": "2026-01-15T09:30:00Z", "updated_at": "2026-01-15T09:30:00Z",
    "version": 1
}))]
pub struct TariffOption {
    /// The id.
    pub id: OptionId,
    /// The code, unique whatever its case.
    pub code: String,
    /// The name.
    pub name: String,
    /// What it gives.
    pub kind: OptionKind,
    /// How much of it in a period; `null` for a service.
    pub amount: Option<Quantity>,
    /// What it adds to the price of a period.
    pub monthly_fee: Money,
    /// Whether contracts may take it anew.
    pub is_active: bool,
    /// The tariffs that it goes with.
    pub tariff_ids: TariffIds,
    /// The options that no contract has together with it; each of them excludes this one too.
    pub excluded_option_ids: OptionIds,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
    /// Grows with every change.
    pub version: i64,
}

/// An option as far as charging for it goes.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct OptionPrice {
    /// The id.
    pub id: OptionId,
    /// The code.
    pub code: String,
    /// The name.
    pub name: String,
    /// What it adds to the price of a period.
    pub monthly_fee: Money,
}
