//! Text: its forms for storing, searching and ordering, enums with text values (`text_enum!`), and JSON stored as text.

mod clean;
mod fold;
mod latin;
mod order;

pub use clean::cleaned;
pub use fold::searchable;
pub use latin::latin;
pub use order::order_key;

use serde::{Deserialize, Deserializer, Serialize};

use crate::column::Arg;

/// An enum value with a fixed text; `text_enum!` implements it.
pub trait Word: Copy {
    /// The text of the value.
    fn word(self) -> &'static str;
}

impl<W: Word> From<W> for Arg {
    fn from(value: W) -> Self {
        Self::Text(Some(value.word().into()))
    }
}

impl<W: Word> From<Option<W>> for Arg {
    fn from(value: Option<W>) -> Self {
        Self::Text(value.map(|value| value.word().into()))
    }
}

/// Declares an enum whose values have the same text in JSON, in SQL and in the documentation.
// the text is a `tt`: utoipa does not see through a `literal` and would document the variant's Rust name
#[macro_export]
macro_rules! text_enum {
    ($(#[$doc:meta])* pub enum $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:tt),+ $(,)? }) => {
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash,
            $crate::macro_support::serde::Serialize, $crate::macro_support::serde::Deserialize,
            $crate::macro_support::utoipa::ToSchema,
        )]
        $(#[$doc])*
        #[serde(crate = "kernel::macro_support::serde")]
        pub enum $name {
            $($(#[$variant_doc])* #[serde(rename = $word)] $variant),+
        }

        impl $name {
            /// Every value, in the order of the declaration.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The text of the value in JSON and SQL.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = String;

            fn from_str(word: &str) -> Result<Self, String> {
                match word {
                    $($word => Ok(Self::$variant),)+
                    other => Err(format!("{other:?} is not a {}", stringify!($name))),
                }
            }
        }

        impl $crate::text::Word for $name {
            fn word(self) -> &'static str {
                self.as_str()
            }
        }

        $crate::text_column!($name);
    };
}

/// Lets a type that implements `FromStr` be read from a text column.
#[macro_export]
macro_rules! text_column {
    ($name:ty) => {
        impl<DB: $crate::macro_support::sqlx::Database> $crate::macro_support::sqlx::Type<DB> for $name
        where
            String: $crate::macro_support::sqlx::Type<DB>,
        {
            fn type_info() -> DB::TypeInfo {
                <String as $crate::macro_support::sqlx::Type<DB>>::type_info()
            }

            fn compatible(ty: &DB::TypeInfo) -> bool {
                <String as $crate::macro_support::sqlx::Type<DB>>::compatible(ty)
            }
        }

        impl<'r, DB: $crate::macro_support::sqlx::Database> $crate::macro_support::sqlx::Decode<'r, DB> for $name
        where
            &'r str: $crate::macro_support::sqlx::Decode<'r, DB>,
        {
            fn decode(value: DB::ValueRef<'r>) -> Result<Self, $crate::macro_support::sqlx::error::BoxDynError> {
                Ok(<&str as $crate::macro_support::sqlx::Decode<'r, DB>>::decode(value)?.parse()?)
            }
        }
    };
}

/// JSON stored as text, so that its hash is the same on both engines.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct JsonText(pub serde_json::Value);

impl std::str::FromStr for JsonText {
    type Err = serde_json::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        serde_json::from_str(text).map(Self)
    }
}

impl From<JsonText> for Arg {
    fn from(json: JsonText) -> Self {
        Self::Text(Some(json.0.to_string().into()))
    }
}

impl From<Option<JsonText>> for Arg {
    fn from(json: Option<JsonText>) -> Self {
        Self::Text(json.map(|json| json.0.to_string().into()))
    }
}

text_column!(JsonText);

/// The text without what nobody sees at its ends: blanks of any kind, characters without width, byte order marks.
pub fn trimmed(text: &str) -> &str {
    let is_unseen = |letter: char| {
        let has_no_width =
            matches!(letter, '\u{ad}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2064}');
        letter.is_whitespace() || has_no_width || letter == '\u{feff}'
    };
    text.trim_matches(is_unseen)
}

/// Reads a text that identifies something, [`trimmed`], for `#[serde(deserialize_with = …)]`: two that look equal are equal.
pub fn identifying<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    Ok(text.map(|text| trimmed(&text).to_owned()))
}

/// The search text of a row: its searchable fields, each after a line break.
///
/// No match can span two fields, and the beginning of a field can be searched for.
pub fn search_text<'a>(fields: impl IntoIterator<Item = Option<&'a str>>) -> String {
    fields.into_iter().flatten().map(|field| format!("\n{}", searchable(field))).collect()
}

/// Masks personal data: shows spaces and the first and last two characters, and a star for every other character.
///
/// A text of up to four characters is masked entirely.
pub fn masked(text: &str) -> String {
    let length = text.chars().count();
    let shown = if length > 4 { 2 } else { 0 };
    text.chars().enumerate().map(|(at, letter)| if letter == ' ' || at < shown || at >= length - shown { letter } else { '*' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_unseen_is_left_at_the_ends() {
        for text in ["PP 1", " PP 1", "PP 1\t\n", "\u{a0}PP 1\u{2007}", "\u{feff}PP 1\u{200b}\u{3000}", "\u{2060}PP 1\u{202e}"] {
            assert_eq!(trimmed(text), "PP 1", "{text:?}");
        }
        assert_eq!(trimmed(" \u{a0}\u{200b} "), "");
    }

    #[test]
    fn masking_shows_two_characters_at_each_end() {
        assert_eq!(masked("4510 123456"), "45** ****56");
        assert_eq!(masked("1234"), "****");
        assert_eq!(masked("Ёлкино"), "Ёл**но");
    }
}
