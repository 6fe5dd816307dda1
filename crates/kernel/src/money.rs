//! Money as whole minor units: exact, bounded, never floating point.

use std::{fmt, str::FromStr};

use rust_decimal::{Decimal, RoundingStrategy};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema, Type, schema::AnyOfBuilder},
};

use crate::{
    column::Arg,
    error::{Error, Result, common, field},
};

/// An amount in minor units (kopecks, tyiyn) of the operator's currency; within ±99 999 999 999.99.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, sqlx_macros::Type)]
#[sqlx(transparent)]
pub struct Money(i64);

impl Money {
    /// Zero.
    pub const ZERO: Self = Self(0);
    /// The largest amount that the API accepts or stores: 99 999 999 999.99.
    pub const MAX: Self = Self(9_999_999_999_999);

    /// An amount of this many minor units.
    ///
    /// Errors: `amount_out_of_range` beyond ±[`Money::MAX`].
    pub fn from_minor(minor: i64) -> Result<Self> {
        if minor.unsigned_abs() > Self::MAX.0.unsigned_abs() {
            return Err(Error::new(common::AMOUNT_OUT_OF_RANGE));
        }
        Ok(Self(minor))
    }

    /// The amount in minor units.
    pub const fn minor(self) -> i64 {
        self.0
    }

    /// The sum. Errors: `amount_out_of_range`.
    #[allow(clippy::should_implement_trait, reason = "an operator could not refuse")]
    pub fn add(self, other: Self) -> Result<Self> {
        // two bounded amounts cannot overflow an i64
        Self::from_minor(self.0 + other.0)
    }

    /// The difference. Errors: `amount_out_of_range`.
    pub fn subtract(self, other: Self) -> Result<Self> {
        Self::from_minor(self.0 - other.0)
    }

    /// The difference, or zero where it would be below zero.
    #[must_use]
    pub fn less_or_zero(self, other: Self) -> Self {
        self.subtract(other).map_or(Self::ZERO, |left| left.max(Self::ZERO))
    }

    /// The amount with the opposite sign.
    #[must_use]
    pub const fn negated(self) -> Self {
        Self(-self.0)
    }

    /// `self × numerator ÷ denominator`, rounded half-even to the minor unit.
    ///
    /// Errors: `amount_out_of_range` when the result is beyond the bound or `denominator` is zero.
    pub fn share(self, numerator: i64, denominator: i64) -> Result<Self> {
        Decimal::from(self.0)
            .checked_mul(Decimal::from(numerator))
            .and_then(|product| product.checked_div(Decimal::from(denominator)))
            .map(|share| share.round_dp_with_strategy(0, RoundingStrategy::MidpointNearestEven))
            .and_then(|share| i64::try_from(share).ok())
            .ok_or_else(|| Error::new(common::AMOUNT_OUT_OF_RANGE))
            .and_then(Self::from_minor)
    }

    /// The amount reduced by `percent`, rounded half-even to the minor unit.
    pub fn less(self, percent: Percent) -> Result<Self> {
        self.share(Percent::WHOLE - percent.0, Percent::WHOLE)
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hundredths(self.0, f)
    }
}

impl FromStr for Money {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse_hundredths(text).filter(|minor| minor.unsigned_abs() <= Self::MAX.0.unsigned_abs()).map(Self).ok_or(field::AMOUNT)
    }
}

/// A percentage with two decimals, 0–100, stored in hundredths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, sqlx_macros::Type)]
#[sqlx(transparent)]
pub struct Percent(i64);

impl Percent {
    const WHOLE: i64 = 10_000;

    /// The percentage in hundredths of a percent.
    pub const fn hundredths(self) -> i64 {
        self.0
    }

    /// The percentage of this many hundredths of a percent, from 0 to 100 percent.
    pub fn from_hundredths(hundredths: i64) -> Option<Self> {
        (0..=Self::WHOLE).contains(&hundredths).then_some(Self(hundredths))
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hundredths(self.0, f)
    }
}

impl FromStr for Percent {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse_hundredths(text).filter(|value| (0..=Self::WHOLE).contains(value)).map(Self).ok_or(field::PERCENT)
    }
}

/// A quantity with two decimals that is never negative (gigabytes), stored in hundredths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, sqlx_macros::Type)]
#[sqlx(transparent)]
pub struct Quantity(i64);

impl Quantity {
    const MAX: i64 = 100_000_000;

    /// The quantity in hundredths.
    pub const fn hundredths(self) -> i64 {
        self.0
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hundredths(self.0, f)
    }
}

impl FromStr for Quantity {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse_hundredths(text).filter(|value| (0..=Self::MAX).contains(value)).map(Self).ok_or(field::QUANTITY)
    }
}

fn hundredths(value: i64, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let sign = if value < 0 { "-" } else { "" };
    let magnitude = value.unsigned_abs();
    write!(f, "{sign}{}.{:02}", magnitude / 100, magnitude % 100)
}

/// Parses `12`, `12.3`, `-12.34` exactly; rejects an exponent, a third decimal, blanks and more than 16 digits before the point.
fn parse_hundredths(text: &str) -> Option<i64> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "00"));
    let plain = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !plain(whole) || !plain(fraction) || whole.len() > 16 || fraction.len() > 2 {
        return None;
    }
    let fraction: i64 = format!("{fraction:0<2}").parse().ok()?;
    let magnitude = whole.parse::<i64>().ok()?.checked_mul(100)?.checked_add(fraction)?;
    Some(if negative { -magnitude } else { magnitude })
}

/// Reads a string or a JSON number with the digits that were sent.
fn literal<'de, D: Deserializer<'de>>(deserializer: D, code: &'static str) -> Result<String, D::Error> {
    match serde_json::Value::deserialize(deserializer)? {
        serde_json::Value::String(text) => Ok(text),
        serde_json::Value::Number(number) => Ok(number.to_string()),
        _ => Err(D::Error::custom(code)),
    }
}

macro_rules! decimal_in_json {
    ($($name:ident, $code:expr, $schema_name:literal, $pattern:literal, $example:literal;)+) => {$(
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                literal(deserializer, $code)?.parse().map_err(D::Error::custom)
            }
        }

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                ObjectBuilder::new()
                    .schema_type(Type::String)
                    .pattern(Some($pattern))
                    .examples([$example])
                    .into()
            }
        }

        impl ToSchema for $name {
            fn name() -> std::borrow::Cow<'static, str> {
                $schema_name.into()
            }
        }

        impl From<$name> for Arg {
            fn from(value: $name) -> Self {
                Arg::Int(Some(value.0))
            }
        }

        impl From<Option<$name>> for Arg {
            fn from(value: Option<$name>) -> Self {
                Arg::Int(value.map(|value| value.0))
            }
        }
    )+};
}

decimal_in_json! {
    Money, field::AMOUNT, "Money", r"^-?[0-9]{1,11}\.[0-9]{2}$", "1000.00";
    Percent, field::PERCENT, "Percent", r"^[0-9]{1,3}\.[0-9]{2}$", "10.00";
    Quantity, field::QUANTITY, "Quantity", r"^[0-9]{1,7}\.[0-9]{2}$", "20.00";
}

/// The schema of a sum of amounts, which may exceed the bound of a single amount.
#[derive(Debug)]
pub enum MoneyTotal {}

impl PartialSchema for MoneyTotal {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new().schema_type(Type::String).pattern(Some(r"^-?[0-9]{1,17}\.[0-9]{2}$")).examples(["1000.00"]).into()
    }
}

impl ToSchema for MoneyTotal {}

/// Declares schemas of decimals in requests: a string or a JSON number.
macro_rules! decimal_input_schemas {
    ($($(#[$doc:meta])* $name:ident, $pattern:literal, $minimum:expr, $maximum:expr, $words:literal;)+) => {$(
        $(#[$doc])*
        #[derive(Debug)]
        pub enum $name {}

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                AnyOfBuilder::new()
                    .item(ObjectBuilder::new().schema_type(Type::String).pattern(Some($pattern)))
                    .item(
                        ObjectBuilder::new()
                            .schema_type(Type::Number)
                            .minimum(Some($minimum))
                            .maximum(Some($maximum)),
                    )
                    .description(Some($words))
                    .into()
            }
        }

        impl ToSchema for $name {}
    )+};
}

decimal_input_schemas! {
    /// An amount that may not be negative, such as a fee.
    FeeInput, r"^[0-9]{1,11}(\.[0-9]{1,2})?$", 0, 99_999_999_999.99, "An amount from 0 to 99999999999.99, as text or as a number of at most two decimals.";
    /// An amount above zero, such as a payment.
    AmountInput, r"^([1-9][0-9]{0,10}(\.[0-9]{1,2})?|0\.(0[1-9]|[1-9][0-9]?))$", 0.01, 99_999_999_999.99, "An amount from 0.01 to 99999999999.99, as text or as a number of at most two decimals.";
    /// An amount of either sign that is not zero, such as a correction.
    SignedAmountInput, r"^-?([1-9][0-9]{0,10}(\.[0-9]{1,2})?|0\.(0[1-9]|[1-9][0-9]?))$", -99_999_999_999.99, 99_999_999_999.99, "An amount from -99999999999.99 to 99999999999.99 and not zero, as text or as a number of at most two decimals.";
    /// A percentage from 0 to 100.
    PercentInput, r"^([0-9]{1,2}(\.[0-9]{1,2})?|100(\.0{1,2})?)$", 0, 100_i64, "A percentage from 0 to 100, as text or as a number of at most two decimals.";
    /// A quantity such as gigabytes.
    QuantityInput, r"^[0-9]{1,6}(\.[0-9]{1,2})?$", 0, 1_000_000_i64, "A quantity from 0 to 1000000, as text or as a number of at most two decimals.";
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn amounts_are_read_exactly_or_refused() {
        for (text, minor) in [("0.1", 10), ("0.30", 30), ("-5", -500), ("99999999999.99", 9_999_999_999_999)] {
            assert_eq!(text.parse::<Money>().map(Money::minor), Ok(minor), "{text}");
        }
        for text in [
            "",
            "-",
            ".5",
            "5.",
            "0.001",
            "1e2",
            "1E309",
            "NaN",
            "inf",
            " 1",
            "+1",
            "1,5",
            "100000000000.00",
            "--1",
            "12345678901234567890123456789",
        ] {
            assert!(text.parse::<Money>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_tenth_and_two_tenths_are_three_tenths() {
        let sum = |a: &str, b: &str| a.parse::<Money>().unwrap().add(b.parse().unwrap()).unwrap().to_string();
        assert_eq!(sum("0.1", "0.2"), "0.30");
    }

    #[test]
    fn json_numbers_keep_their_digits_and_exponents_are_refused() {
        assert_eq!(serde_json::from_str::<Money>("0.29").unwrap().minor(), 29);
        assert_eq!(serde_json::from_str::<Money>("\"7\"").unwrap().minor(), 700);
        for wrong in ["1e309", "1e2", "0.001", "null", "true", "[]", "\"1e2\"", "{}"] {
            assert!(serde_json::from_str::<Money>(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn halves_are_rounded_to_even() {
        let share = |minor, n, d| Money::from_minor(minor).unwrap().share(n, d).unwrap().minor();
        assert_eq!((share(5, 1, 2), share(15, 1, 2), share(-5, 1, 2), share(10, 1, 3)), (2, 8, -2, 3));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(minor in -9_999_999_999_999_i64..=9_999_999_999_999) {
            let money = Money::from_minor(minor).unwrap();
            prop_assert_eq!(money.to_string().parse::<Money>(), Ok(money));
            let json = serde_json::to_string(&money).unwrap();
            prop_assert_eq!(serde_json::from_str::<Money>(&json).unwrap(), money);
        }

        #[test]
        fn adding_and_taking_away_come_back(a in -9_999_999_999_999_i64..=9_999_999_999_999, b in -9_999_999_999_999_i64..=9_999_999_999_999) {
            let (a, b) = (Money::from_minor(a).unwrap(), Money::from_minor(b).unwrap());
            if let Ok(sum) = a.add(b) {
                prop_assert_eq!(sum.subtract(b).unwrap(), a);
            }
        }

        #[test]
        fn two_shares_of_a_period_make_the_whole_within_a_unit(minor in 0_i64..=9_999_999_999, days in 1_i64..=31, used in 0_i64..=31) {
            let used = used.min(days);
            let money = Money::from_minor(minor).unwrap();
            let parts = money.share(used, days).unwrap().minor() + money.share(days - used, days).unwrap().minor();
            prop_assert!((parts - minor).abs() <= 1);
        }

        #[test]
        fn no_text_makes_it_panic(text in ".*") {
            let _ = text.parse::<Money>();
        }
    }
}
