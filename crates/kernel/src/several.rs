//! Several values of a filter, as a query string writes them: separated by commas.

use std::{fmt, marker::PhantomData, str::FromStr};

use serde::{Deserialize, Deserializer, de};

/// One or more values that a row may have, such as `new,in_progress`. The document shows it as an array: `value_type = Option<Vec<T>>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Several<T>(Vec<T>);

/// The largest number of values.
pub const MOST: usize = 500;

impl<T> Several<T> {
    /// The values, at least one.
    pub fn values(&self) -> &[T] {
        &self.0
    }

    /// The values for which this holds, if there are any.
    pub fn only(self, holds: impl Fn(&T) -> bool) -> Option<Self> {
        let kept: Vec<T> = self.0.into_iter().filter(holds).collect();
        (!kept.is_empty()).then_some(Self(kept))
    }

    /// Converts each value.
    pub fn map<U>(self, turn: impl FnMut(T) -> U) -> Several<U> {
        Several(self.0.into_iter().map(turn).collect())
    }
}

impl<T: PartialEq> Several<T> {
    /// Whether this is one of the values.
    pub fn contains(&self, value: &T) -> bool {
        self.0.contains(value)
    }
}

impl<T> From<T> for Several<T> {
    fn from(value: T) -> Self {
        Self(vec![value])
    }
}

impl<T: FromStr + PartialEq> FromStr for Several<T> {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut values = Vec::new();
        for word in text.split(',') {
            let value = word.parse().map_err(|_| format!("{word:?} is not one of the values"))?;
            if !values.contains(&value) {
                values.push(value);
            }
            if values.len() > MOST {
                return Err(format!("more than {MOST} values"));
            }
        }
        Ok(Self(values))
    }
}

impl<'de, T: FromStr + PartialEq> Deserialize<'de> for Several<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Words<T>(PhantomData<fn() -> T>);

        impl<T: FromStr + PartialEq> de::Visitor<'_> for Words<T> {
            type Value = Several<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("values separated by commas")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
                text.parse().map_err(E::custom)
            }
        }

        deserializer.deserialize_str(Words(PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_separated_by_commas_and_count_once() {
        let read = |text: &str| text.parse::<Several<u8>>().ok().map(|several| several.0);
        assert_eq!(read("7"), Some(vec![7]));
        assert_eq!(read("7,9,7"), Some(vec![7, 9]));
        for wrong in ["", ",", "7,", ",7", "7;9", "7, 9", "x"] {
            assert_eq!(read(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn no_more_values_are_taken_than_a_page_has_rows() {
        let text = |count: usize| (0..count).map(|n| n.to_string()).collect::<Vec<_>>().join(",");
        assert!(text(MOST).parse::<Several<u16>>().is_ok());
        assert!(text(MOST + 1).parse::<Several<u16>>().is_err());
    }
}
