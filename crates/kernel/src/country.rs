//! Country profiles: the formats of phone, document and tax numbers, the currency and the time zone.

use std::str::FromStr;

use chrono_tz::Tz;

/// The country the operator works in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Country {
    /// Russia.
    #[default]
    Ru,
    /// Kyrgyzstan.
    Kg,
    /// Kazakhstan.
    Kz,
}

impl FromStr for Country {
    type Err = ();

    fn from_str(code: &str) -> Result<Self, ()> {
        match code {
            "ru" => Ok(Self::Ru),
            "kg" => Ok(Self::Kg),
            "kz" => Ok(Self::Kz),
            _ => Err(()),
        }
    }
}

impl Country {
    /// Every profile.
    pub const ALL: [Self; 3] = [Self::Ru, Self::Kg, Self::Kz];

    /// The value of the `COUNTRY` setting.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Ru => "ru",
            Self::Kg => "kg",
            Self::Kz => "kz",
        }
    }

    /// ISO 4217 code of the currency.
    pub const fn currency(self) -> &'static str {
        match self {
            Self::Ru => "RUB",
            Self::Kg => "KGS",
            Self::Kz => "KZT",
        }
    }

    /// The default time zone; the `TIMEZONE` setting overrides it.
    pub const fn time_zone(self) -> Tz {
        match self {
            Self::Ru => Tz::Europe__Moscow,
            Self::Kg => Tz::Asia__Bishkek,
            Self::Kz => Tz::Asia__Almaty,
        }
    }

    /// The international prefix of phone numbers.
    pub const fn phone_prefix(self) -> &'static str {
        match self {
            Self::Ru | Self::Kz => "+7",
            Self::Kg => "+996",
        }
    }

    /// The prefix that people dial within the country instead of the international one.
    pub const fn trunk_prefix(self) -> &'static str {
        match self {
            Self::Ru | Self::Kz => "8",
            Self::Kg => "0",
        }
    }

    /// The number of digits after the prefix.
    pub const fn phone_digits(self) -> usize {
        match self {
            Self::Ru | Self::Kz => 10,
            Self::Kg => 9,
        }
    }

    /// Whether the text is a phone number: the prefix and the digits, with nothing between them.
    pub fn is_phone(self, text: &str) -> bool {
        text.strip_prefix(self.phone_prefix()).is_some_and(|rest| digits(rest, self.phone_digits()..=self.phone_digits()))
    }

    /// Whether the text is a tax number of a person or an organization.
    pub fn is_inn(self, text: &str) -> bool {
        match self {
            Self::Ru => digits(text, 10..=10) || digits(text, 12..=12),
            Self::Kg => digits(text, 14..=14),
            Self::Kz => digits(text, 12..=12),
        }
    }

    /// Whether this is a valid passport series; `None` is valid where the series may be left out.
    pub fn is_passport_series(self, series: Option<&str>) -> bool {
        match (self, series) {
            (Self::Ru, Some(series)) => digits(series, 4..=4),
            (Self::Kg, Some(series)) => letters_or_digits(series, 2..=10),
            (Self::Kz, Some(series)) => letters_or_digits(series, 1..=10),
            (Self::Kz, None) => true,
            (Self::Ru | Self::Kg, None) => false,
        }
    }

    /// Whether the text is a passport number.
    pub fn is_passport_number(self, number: &str) -> bool {
        match self {
            Self::Ru => digits(number, 6..=6),
            Self::Kg => letters_or_digits(number, 4..=12),
            Self::Kz => letters_or_digits(number, 9..=9),
        }
    }
}

/// Whether the text consists of ASCII digits and its length is within the range.
pub fn digits(text: &str, length: std::ops::RangeInclusive<usize>) -> bool {
    length.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether the text consists of Latin letters and digits and its length is within the range.
pub fn letters_or_digits(text: &str, length: std::ops::RangeInclusive<usize>) -> bool {
    length.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_country_has_its_own_forms() {
        assert!(Country::Ru.is_phone("+79161234567") && !Country::Ru.is_phone("+7916123456") && !Country::Ru.is_phone("89161234567"));
        assert!(Country::Kg.is_phone("+996555123456") && !Country::Kg.is_phone("+79161234567"));
        assert!(Country::Ru.is_inn("7707083893") && Country::Ru.is_inn("500100732259") && !Country::Ru.is_inn("77070838931"));
        assert!(Country::Kg.is_inn("12345678901234") && Country::Kz.is_inn("123456789012"));
        assert!(Country::Ru.is_passport_series(Some("4510")) && !Country::Ru.is_passport_series(None));
        assert!(Country::Kz.is_passport_series(None) && Country::Kz.is_passport_number("N12345678"));
        assert!(Country::Kg.is_passport_series(Some("AN")) && Country::Kg.is_passport_number("1234567"));
    }
}
