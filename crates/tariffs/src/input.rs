//! Request bodies and list filters of tariffs and options.

mod option;

use chrono::{Months, NaiveDate};
use kernel::{Context, FieldErrors, Input, Money, Several, error::field, money::Quantity};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};
use validator::Validate;

use crate::model::{Prices, TariffType};

pub use option::{OptionFilter, OptionInput, repeated};

/// The maximum size of the extra options as JSON, in bytes.
const MOST_EXTRA_OPTIONS: usize = 4096;

/// The fields of a new tariff.
///
/// An allowance that is `null` or absent is unlimited; 0 means none.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "name": "Смарт", "description": "Для общения и интернета", "tariff_type": "prepaid", "monthly_fee": "650.00",
    "minutes_included": 600, "sms_included": 300, "data_gb_included": "20.00", "minute_overage_cost": "2.50",
    "sms_overage_cost": "2.00", "data_gb_overage_cost": "50.00", "extra_options": {"roaming": "home"}, "priority": 10
}))]
pub struct TariffInput {
    /// The name; unique, ignoring case.
    #[validate(length(max = 100))]
    #[schema(min_length = 1, max_length = 100, pattern = r"\S")]
    pub name: String,
    /// The description.
    #[serde(default)]
    #[validate(length(max = 1000))]
    #[schema(max_length = 1000)]
    pub description: String,
    /// Whether a period is paid for when it begins or when it ends.
    pub tariff_type: TariffType,
    /// The price of a period.
    #[schema(value_type = kernel::money::FeeInput)]
    pub monthly_fee: Money,
    /// Minutes included in a period.
    #[validate(range(min = 0, max = 1_000_000))]
    #[schema(minimum = 0, maximum = 1_000_000)]
    pub minutes_included: Option<i64>,
    /// Messages included in a period.
    #[validate(range(min = 0, max = 1_000_000))]
    #[schema(minimum = 0, maximum = 1_000_000)]
    pub sms_included: Option<i64>,
    /// Gigabytes included in a period.
    #[schema(value_type = Option<kernel::money::QuantityInput>)]
    pub data_gb_included: Option<Quantity>,
    /// The price of each further minute; zero by default.
    #[serde(default)]
    #[schema(value_type = kernel::money::FeeInput)]
    pub minute_overage_cost: Money,
    /// The price of each further message; zero by default.
    #[serde(default)]
    #[schema(value_type = kernel::money::FeeInput)]
    pub sms_overage_cost: Money,
    /// The price of each further gigabyte; zero by default.
    #[serde(default)]
    #[schema(value_type = kernel::money::FeeInput)]
    pub data_gb_overage_cost: Money,
    /// Further properties: an object of at most 4096 bytes as JSON.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub extra_options: Map<String, Value>,
    /// The rank in lists; higher comes first.
    #[serde(default)]
    #[validate(range(min = 0, max = 1000))]
    #[schema(minimum = 0, maximum = 1000, default = 0)]
    pub priority: i64,
    /// Whether new contracts may use the tariff.
    #[serde(default = "active")]
    #[schema(default = true)]
    pub is_active: bool,
}

/// A new tariff is for sale by default.
fn active() -> bool {
    true
}

impl TariffInput {
    /// The prices and allowances of the first version.
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

impl Input for TariffInput {
    fn check(&self, _context: &Context, wrong: &mut FieldErrors) {
        check(&self.name, &self.prices(), &self.extra_options, wrong);
    }
}

fn check(name: &str, prices: &Prices, extra_options: &Map<String, Value>, wrong: &mut FieldErrors) {
    if kernel::text::trimmed(name).is_empty() {
        wrong.add("name", field::REQUIRED);
    }
    let fees = [
        ("monthly_fee", prices.monthly_fee),
        ("minute_overage_cost", prices.minute_overage_cost),
        ("sms_overage_cost", prices.sms_overage_cost),
        ("data_gb_overage_cost", prices.data_gb_overage_cost),
    ];
    for (name, _) in fees.into_iter().filter(|(_, fee)| *fee < Money::ZERO) {
        wrong.add(name, field::RANGE).with("min", Money::ZERO).with("max", Money::MAX);
    }
    if Value::Object(extra_options.clone()).to_string().len() > MOST_EXTRA_OPTIONS {
        wrong.add("extra_options", field::LENGTH).with("min", 0).with("max", MOST_EXTRA_OPTIONS);
    }
}

/// The fields of a tariff that an edit changes.
///
/// New prices or allowances create a new version with all prices and allowances after the change. Other fields change immediately.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "name": "Смарт", "description": "Для общения и интернета", "monthly_fee": "700.00", "minutes_included": 600, "sms_included": 300,
    "data_gb_included": "20.00", "minute_overage_cost": "2.50", "sms_overage_cost": "2.00", "data_gb_overage_cost": "50.00",
    "extra_options": {"roaming": "home"}, "priority": 10
}))]
pub struct TariffEdit {
    /// The name; unique, ignoring case.
    #[validate(length(max = 100))]
    #[schema(min_length = 1, max_length = 100, pattern = r"\S")]
    pub name: String,
    /// The description.
    #[serde(default)]
    #[validate(length(max = 1000))]
    #[schema(max_length = 1000)]
    pub description: String,
    /// The price of a period.
    #[schema(value_type = kernel::money::FeeInput)]
    pub monthly_fee: Money,
    /// Minutes included in a period.
    #[validate(range(min = 0, max = 1_000_000))]
    #[schema(minimum = 0, maximum = 1_000_000)]
    pub minutes_included: Option<i64>,
    /// Messages included in a period.
    #[validate(range(min = 0, max = 1_000_000))]
    #[schema(minimum = 0, maximum = 1_000_000)]
    pub sms_included: Option<i64>,
    /// Gigabytes included in a period.
    #[schema(value_type = Option<kernel::money::QuantityInput>)]
    pub data_gb_included: Option<Quantity>,
    /// The price of each further minute; zero by default.
    #[serde(default)]
    #[schema(value_type = kernel::money::FeeInput)]
    pub minute_overage_cost: Money,
    /// The price of each further message; zero by default.
    #[serde(default)]
    #[schema(value_type = kernel::money::FeeInput)]
    pub sms_overage_cost: Money,
    /// The price of each further gigabyte; zero by default.
    #[serde(default)]
    #[schema(value_type = kernel::money::FeeInput)]
    pub data_gb_overage_cost: Money,
    /// Further properties: an object of at most 4096 bytes as JSON.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub extra_options: Map<String, Value>,
    /// The rank in lists; higher comes first.
    #[serde(default)]
    #[validate(range(min = 0, max = 1000))]
    #[schema(minimum = 0, maximum = 1000, default = 0)]
    pub priority: i64,
    /// The first day of new prices or allowances: today or later, within five years. Today if absent or unchanged.
    pub effective_from: Option<NaiveDate>,
}

/// How many months ahead prices can be set.
const MOST_MONTHS_AHEAD: Months = Months::new(60);

impl TariffEdit {
    /// The prices and allowances after the change.
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

    /// The first day of the new prices: the given one, or today if it is absent or equals `read`, the day that the caller read.
    ///
    /// Errors: `out_of_range` for a given day that is past or too far ahead.
    pub fn first_day(&self, read: NaiveDate, today: NaiveDate) -> Result<NaiveDate, FieldErrors> {
        let latest = today.checked_add_months(MOST_MONTHS_AHEAD).unwrap_or(today);
        match self.effective_from.filter(|day| *day != read) {
            None => Ok(today),
            Some(day) if (today..=latest).contains(&day) => Ok(day),
            Some(_) => {
                let mut wrong = FieldErrors::default();
                wrong.add("effective_from", field::RANGE).with("min", today).with("max", latest);
                Err(wrong)
            }
        }
    }
}

impl Input for TariffEdit {
    fn check(&self, _context: &Context, wrong: &mut FieldErrors) {
        check(&self.name, &self.prices(), &self.extra_options, wrong);
    }
}

/// Which tariffs to list.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct TariffFilter {
    /// Only tariffs for sale, or only retired ones.
    pub is_active: Option<bool>,
    /// Only prepaid, or only postpaid.
    #[param(value_type = Option<Vec<TariffType>>)]
    pub tariff_type: Option<Several<TariffType>>,
    /// Monthly fee of this amount or more.
    #[param(value_type = Option<String>, pattern = r"^-?[0-9]{1,11}(\.[0-9]{1,2})?$")]
    pub monthly_fee_min: Option<Money>,
    /// Monthly fee of this amount or less.
    #[param(value_type = Option<String>, pattern = r"^-?[0-9]{1,11}(\.[0-9]{1,2})?$")]
    pub monthly_fee_max: Option<Money>,
    /// Part of the name or the description.
    #[param(max_length = 200)]
    pub search: Option<String>,
}

/// Which tariffs for sale to list.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ActiveTariffFilter {
    /// Only prepaid, or only postpaid.
    #[param(value_type = Option<Vec<TariffType>>)]
    pub tariff_type: Option<Several<TariffType>>,
    /// Monthly fee of this amount or more.
    #[param(value_type = Option<String>, pattern = r"^-?[0-9]{1,11}(\.[0-9]{1,2})?$")]
    pub monthly_fee_min: Option<Money>,
    /// Monthly fee of this amount or less.
    #[param(value_type = Option<String>, pattern = r"^-?[0-9]{1,11}(\.[0-9]{1,2})?$")]
    pub monthly_fee_max: Option<Money>,
    /// Part of the name or the description.
    #[param(max_length = 200)]
    pub search: Option<String>,
}

impl From<ActiveTariffFilter> for TariffFilter {
    fn from(filter: ActiveTariffFilter) -> Self {
        Self {
            is_active: Some(true),
            tariff_type: filter.tariff_type,
            monthly_fee_min: filter.monthly_fee_min,
            monthly_fee_max: filter.monthly_fee_max,
            search: filter.search,
        }
    }
}

/// A list without filters.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct VersionFilter {}

/// A history without filters.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct TariffHistoryFilter {}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use chrono::DateTime;
    use kernel::{Origin, Policy, country::Country, input::from_fields};
    use serde_json::json;

    use super::*;

    fn read(changes: Value) -> Result<TariffInput, Vec<(String, &'static str)>> {
        let country = Country::Ru;
        let policy = Policy::standard(country);
        let context = Context {
            now: DateTime::UNIX_EPOCH,
            policy: Arc::new(policy),
            origin: Origin::default(),
            actor: kernel::Actor::system("test"),
        };
        let mut body = json!({"name": "Смарт", "tariff_type": "prepaid", "monthly_fee": "650.00"});
        body.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        from_fields(body.as_object().unwrap().clone(), &context)
            .map_err(|error| error.wrong_fields().iter().map(|wrong| (wrong.pointer.clone(), wrong.code)).collect())
    }

    #[test]
    fn what_is_left_out_is_unlimited_or_nothing() {
        let input = read(json!({"sms_included": null, "minutes_included": 0})).unwrap();
        assert_eq!((input.minutes_included, input.sms_included, input.data_gb_included), (Some(0), None, None));
        assert_eq!((input.minute_overage_cost, input.priority, input.is_active), (Money::ZERO, 0, true));
        assert!(input.description.is_empty() && input.extra_options.is_empty());
    }

    #[test]
    fn every_wrong_field_is_named() {
        let changes = json!({
            "name": "  ", "monthly_fee": -1, "minutes_included": 1_000_001, "data_gb_included": "-1", "sms_overage_cost": "-0.01",
            "extra_options": {"text": "x".repeat(MOST_EXTRA_OPTIONS)}, "priority": 1001
        });
        let mut wrong: Vec<String> = read(changes).unwrap_err().into_iter().map(|(pointer, _)| pointer).collect();
        wrong.sort();
        let expected =
            ["/data_gb_included", "/extra_options", "/minutes_included", "/monthly_fee", "/name", "/priority", "/sms_overage_cost"];
        assert_eq!(wrong, expected);
    }

    #[test]
    fn extra_options_are_an_object() {
        assert_eq!(read(json!({"extra_options": [1]})).unwrap_err(), [("/extra_options".to_owned(), field::TYPE)]);
    }
}
