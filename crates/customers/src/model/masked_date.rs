//! Dates that are personal data.

use std::borrow::Cow;

use chrono::NaiveDate;
use kernel::Result;
use serde::{Serialize, Serializer};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema, Type},
};

/// A birth date, or asterisks for a caller that may not see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BirthDate {
    /// The date.
    Shown(NaiveDate),
    /// Hidden from the caller.
    Masked,
}

impl BirthDate {
    /// The date, unless it is masked.
    pub(crate) const fn date(self) -> Option<NaiveDate> {
        match self {
            Self::Shown(date) => Some(date),
            Self::Masked => None,
        }
    }
}

impl<DB: sqlx::Database> sqlx::Type<DB> for BirthDate
where
    NaiveDate: sqlx::Type<DB>,
{
    fn type_info() -> DB::TypeInfo {
        <NaiveDate as sqlx::Type<DB>>::type_info()
    }

    fn compatible(ty: &DB::TypeInfo) -> bool {
        <NaiveDate as sqlx::Type<DB>>::compatible(ty)
    }
}

impl<'r, DB: sqlx::Database> sqlx::Decode<'r, DB> for BirthDate
where
    NaiveDate: sqlx::Decode<'r, DB>,
{
    fn decode(value: DB::ValueRef<'r>) -> Result<Self, sqlx::error::BoxDynError> {
        NaiveDate::decode(value).map(Self::Shown)
    }
}

impl Serialize for BirthDate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Shown(date) => date.serialize(serializer),
            Self::Masked => serializer.serialize_str("****-**-**"),
        }
    }
}

impl PartialSchema for BirthDate {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new().schema_type(Type::String).pattern(Some(r"^(\d{4}-\d{2}-\d{2}|\*{4}-\*{2}-\*{2})$")).into()
    }
}

impl ToSchema for BirthDate {
    fn name() -> Cow<'static, str> {
        "BirthDate".into()
    }
}

impl From<NaiveDate> for BirthDate {
    fn from(date: NaiveDate) -> Self {
        Self::Shown(date)
    }
}
