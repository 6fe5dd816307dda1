use kernel::{
    Context, FieldErrors, Input, Money, Several,
    error::field,
    id::{OptionId, TariffId},
    money::Quantity,
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use validator::Validate;

use crate::model::OptionKind;

/// The fields of an option that a client sets.
///
/// A new fee applies to periods that begin later; charges already made do not change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "code": "DATA10", "name": "Ещё 10 ГБ", "kind": "data", "amount": "10.00", "monthly_fee": "150.00", "is_active": true, "tariff_ids": [],
    "excluded_option_ids": []
}))]
pub struct OptionInput {
    /// The code; unique, ignoring case. Latin letters, digits, `.`, `_` and `-`.
    #[validate(length(min = 1, max = 50))]
    #[schema(min_length = 1, max_length = 50, pattern = "^[A-Za-z0-9._-]+$")]
    pub code: String,
    /// The name.
    #[validate(length(max = 100))]
    #[schema(min_length = 1, max_length = 100, pattern = r"\S")]
    pub name: String,
    /// What the option provides.
    pub kind: OptionKind,
    /// The amount in a period, above zero; a whole number for minutes and messages, absent for a service.
    #[schema(value_type = Option<kernel::money::QuantityInput>)]
    pub amount: Option<Quantity>,
    /// What the option adds to the price of a period.
    #[schema(value_type = kernel::money::FeeInput)]
    pub monthly_fee: Money,
    /// Whether contracts may newly take the option.
    #[serde(default = "active")]
    #[schema(default = true)]
    pub is_active: bool,
    /// The compatible tariffs; none by default.
    #[serde(default)]
    #[validate(length(max = 500))]
    #[schema(max_items = 500)]
    pub tariff_ids: Vec<TariffId>,
    /// The options that a contract cannot have together with this one; the exclusion is mutual.
    #[serde(default)]
    #[validate(length(max = 100))]
    #[schema(max_items = 100)]
    pub excluded_option_ids: Vec<OptionId>,
}

fn active() -> bool {
    true
}

impl Input for OptionInput {
    fn check(&self, _context: &Context, wrong: &mut FieldErrors) {
        let plain = |letter: char| letter.is_ascii_alphanumeric() || ['.', '_', '-'].contains(&letter);
        if !self.code.is_empty() && !self.code.chars().all(plain) {
            wrong.add("code", field::FORMAT);
        }
        if kernel::text::trimmed(&self.name).is_empty() {
            wrong.add("name", field::REQUIRED);
        }
        if self.monthly_fee < Money::ZERO {
            wrong.add("monthly_fee", field::RANGE).with("min", Money::ZERO).with("max", Money::MAX);
        }
        match (self.kind, self.amount.map(Quantity::hundredths)) {
            (OptionKind::Service, None) => {}
            (OptionKind::Service, Some(_)) => drop(wrong.add("amount", field::MISMATCH)),
            (_, None) => drop(wrong.add("amount", field::REQUIRED)),
            (OptionKind::Data, Some(1..)) => {}
            (OptionKind::Data, Some(_)) => drop(wrong.add("amount", field::RANGE).with("min", "0.01").with("max", "1000000.00")),
            (_, Some(amount)) if amount > 0 && amount % 100 == 0 => {}
            (_, Some(_)) => drop(wrong.add("amount", field::RANGE).with("min", 1).with("max", 1_000_000)),
        }
        repeated("tariff_ids", &self.tariff_ids, wrong);
        repeated("excluded_option_ids", &self.excluded_option_ids, wrong);
    }
}

/// Reports each id that repeats an earlier one in the list.
pub fn repeated<T: PartialEq>(name: &str, ids: &[T], wrong: &mut FieldErrors) {
    for (at, id) in ids.iter().enumerate() {
        if ids[..at].contains(id) {
            wrong.add_at(format!("/{name}/{at}"), field::DUPLICATE);
        }
    }
}

/// Which options to list.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct OptionFilter {
    /// Only options that can be taken, or only retired ones.
    pub is_active: Option<bool>,
    /// Only of this kind.
    #[param(value_type = Option<Vec<OptionKind>>)]
    pub kind: Option<Several<OptionKind>>,
    /// Only options that are compatible with this tariff.
    #[param(value_type = Option<Vec<TariffId>>)]
    pub tariff_id: Option<Several<TariffId>>,
    /// Part of the code or the name.
    #[param(max_length = 200)]
    pub search: Option<String>,
}
