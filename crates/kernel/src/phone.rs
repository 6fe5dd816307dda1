//! Phone numbers as people write them, and the one form in which they are kept: a plus and digits (E.164).

use crate::{
    country::Country,
    error::{FieldErrors, field},
};

/// The longest text that is read as a phone number, in bytes.
const LONGEST: usize = 64;
/// The number of digits of an international number, with the country code.
const INTERNATIONAL: std::ops::RangeInclusive<usize> = 8..=15;

/// The prefixes that people dial before a country code, where this is not a plus.
const DIALLED: [&str; 2] = ["00", "810"];

impl Country {
    /// The contact phone, of any country, that a person in this country means by a text.
    ///
    /// Blanks, brackets, dots and all kinds of hyphens are passed over; the country's own numbers may begin with the international prefix,
    /// with the trunk prefix, or with neither. `None` if the text is not a complete phone number.
    pub fn contact_phone(self, text: &str) -> Option<String> {
        let (is_international, digits) = dialled(text)?;
        if is_international {
            return international(&digits);
        }
        let own = digits.strip_prefix(code(self)).into_iter().chain(digits.strip_prefix(self.trunk_prefix())).chain([digits.as_str()]);
        if let Some(national) = own.into_iter().find(|rest| rest.len() == self.phone_digits()) {
            return Some(format!("{}{national}", self.phone_prefix()));
        }
        let has_code = |country: &Country| digits.strip_prefix(code(*country)).is_some_and(|rest| rest.len() == country.phone_digits());
        if Country::ALL.iter().any(has_code) {
            return Some(format!("+{digits}"));
        }
        DIALLED.into_iter().find_map(|prefix| international(digits.strip_prefix(prefix)?))
    }

    /// The country's own phone number that a person means by a text. `None` if it is not complete, or of another country.
    pub fn own_phone(self, text: &str) -> Option<String> {
        self.contact_phone(text).filter(|phone| self.is_phone(phone))
    }
}

/// The number with this country code, if its length is possible.
fn international(digits: &str) -> Option<String> {
    let known = Country::ALL.iter().find(|country| digits.starts_with(code(**country)));
    let fits = match known {
        Some(country) => digits.len() == code(*country).len() + country.phone_digits(),
        None => INTERNATIONAL.contains(&digits.len()) && !digits.starts_with('0'),
    };
    fits.then(|| format!("+{digits}"))
}

/// Whether the text begins with a plus, and its digits; `None` if it contains anything else than a phone number does.
fn dialled(text: &str) -> Option<(bool, String)> {
    if text.len() > LONGEST {
        return None;
    }
    let (mut plus, mut digits) = (false, String::new());
    for letter in text.chars() {
        match letter {
            '0'..='9' => digits.push(letter),
            '+' if !plus && digits.is_empty() => plus = true,
            letter if is_separator(letter) => {}
            _ => return None,
        }
    }
    (!digits.is_empty()).then_some((plus, digits))
}

/// Brings a contact phone into the form in which it is kept; one that is not complete stays as it is.
pub fn normalize_contact(phone: &mut String, country: Country) {
    if let Some(known) = country.contact_phone(phone) {
        *phone = known;
    }
}

/// Brings the country's own number into the form in which it is kept; another text stays as it is.
pub fn normalize_own(phone: &mut String, country: Country) {
    if let Some(known) = country.own_phone(phone) {
        *phone = known;
    }
}

/// Reports a text that is not a contact phone in the form in which it is kept.
pub fn check_contact(name: &str, phone: &str, country: Country, wrong: &mut FieldErrors) {
    if country.contact_phone(phone).is_none_or(|known| known != phone) {
        report(name, country, wrong);
    }
}

/// Reports a text that is not one of the country's own numbers in the form in which it is kept; returns whether it is one.
pub fn check_own(name: &str, phone: &str, country: Country, wrong: &mut FieldErrors) -> bool {
    let is_own = country.is_phone(phone);
    if !is_own {
        report(name, country, wrong);
    }
    is_own
}

fn report(name: &str, country: Country, wrong: &mut FieldErrors) {
    wrong.add_at(format!("/{name}"), field::PHONE).with("prefix", country.phone_prefix()).with("digits", country.phone_digits());
}

/// Whether people write this between the digits of a phone number.
pub fn is_separator(letter: char) -> bool {
    letter.is_whitespace()
        || matches!(letter, '(' | ')' | '.' | '-' | '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2010}'..='\u{2015}' | '\u{202a}'..='\u{202e}')
        || matches!(letter, '\u{2060}' | '\u{2066}'..='\u{2069}' | '\u{2212}' | '\u{fe58}' | '\u{fe63}' | '\u{feff}' | '\u{ff0d}')
}

/// The parts of written digits that a stored phone number contains, if they are a complete number of any known country: without its code
/// or its trunk prefix.
pub fn national_parts(digits: &str) -> impl Iterator<Item = &str> {
    let rest = move |country: &Country| {
        let prefixes = [code(*country), country.trunk_prefix()];
        let digits_after = country.phone_digits();
        prefixes.into_iter().filter_map(move |prefix| digits.strip_prefix(prefix).filter(|rest| rest.len() == digits_after))
    };
    Country::ALL.iter().flat_map(rest)
}

fn code(country: Country) -> &'static str {
    country.phone_prefix().trim_start_matches('+')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_number_is_taken_however_it_is_written() {
        for text in [
            "+79161234567",
            "8 916 123-45-67",
            "916 123-45-67",
            "(916) 123-45-67",
            "8(916)1234567",
            "+7 (916) 123\u{2011}45\u{2013}67",
            "8\u{a0}916\u{a0}123\u{a0}45\u{a0}67",
            "7.916.123.45.67",
            "\u{202a}+7 916 1234567\u{202c}",
        ] {
            assert_eq!(Country::Ru.contact_phone(text).as_deref(), Some("+79161234567"), "{text}");
        }
        for (country, text, phone) in [
            (Country::Kg, "0 555 123 456", "+996555123456"),
            (Country::Kg, "555123456", "+996555123456"),
            (Country::Kg, "8 916 123 45 67", ""),
            (Country::Kg, "7 916 123 45 67", "+79161234567"),
            (Country::Uz, "8 90 123-45-67", "+998901234567"),
            (Country::Kz, "8 (701) 123 45 67", "+77011234567"),
            (Country::Ru, "+996 555 12 34 56", "+996555123456"),
            (Country::Ru, "996 555 12 34 56", "+996555123456"),
            (Country::Ru, "8 10 49 30 1234567", "+49301234567"),
            (Country::Ru, "00 49 30 1234567", "+49301234567"),
            (Country::Ru, "+1 (650) 253-0000", "+16502530000"),
            (Country::Ru, "8 (800) 555-35-35", "+78005553535"),
            (Country::Ru, "123-45-67", ""),
            (Country::Ru, "+7 916 123-45", ""),
            (Country::Ru, "+0 555 123 456", ""),
            (Country::Ru, "+79161234567 доб. 5", ""),
            (Country::Ru, "89161234567, 89161234568", ""),
            (Country::Ru, "7+9161234567", ""),
            (Country::Ru, "+", ""),
            (Country::Ru, "", ""),
        ] {
            assert_eq!(country.contact_phone(text).as_deref(), Some(phone).filter(|phone| !phone.is_empty()), "{country} {text}");
        }
        assert_eq!(Country::Ru.own_phone("+996555123456"), None);
        assert_eq!(Country::Kg.own_phone("0555 123456").as_deref(), Some("+996555123456"));
    }

    #[test]
    fn the_national_part_is_what_all_ways_of_writing_share() {
        for digits in ["89161234567", "79161234567"] {
            assert_eq!(national_parts(digits).next(), Some("9161234567"), "{digits}");
        }
        assert_eq!(national_parts("9161234567").next(), None);
    }

    proptest! {
        #[test]
        fn what_was_taken_is_taken_as_it_is(text in "[+0-9() .-]{0,24}") {
            for &country in Country::ALL {
                if let Some(phone) = country.contact_phone(&text) {
                    prop_assert_eq!(country.contact_phone(&phone), Some(phone.clone()));
                }
            }
        }
    }
}
