//! Country profiles: the formats of phone, document and tax numbers, the currency and the time zone.
//!
//! Everything that differs between countries is in [`Profile`] here, and for generated subscribers in `seed/homelands.rs` of
//! `rehearsal`. A new variant of [`Country`] does not compile until both have its row; lists and texts follow from [`Country::ALL`].

use std::{collections::BTreeSet, sync::LazyLock};

use chrono_tz::Tz;

use crate::check_digits;

crate::text_enum! {
    /// The country the operator works in; its text is the value of the `COUNTRY` setting.
    #[derive(Default)]
    pub enum Country {
        /// Russia.
        #[default]
        Ru = "ru",
        /// Kyrgyzstan.
        Kg = "kg",
        /// Kazakhstan.
        Kz = "kz",
        /// Uzbekistan.
        Uz = "uz",
    }
}

/// All that distinguishes a country.
struct Profile {
    /// ISO 4217 code of the currency.
    currency: &'static str,
    /// The currency in Russian texts, after an amount.
    currency_in_russian: &'static str,
    /// The default time zone.
    time_zone: Tz,
    /// The international prefix of phone numbers.
    phone_prefix: &'static str,
    /// The prefix that people dial within the country instead of the international one.
    trunk_prefix: &'static str,
    /// The number of digits after the prefix.
    phone_digits: usize,
    /// The possible lengths of a person's tax number.
    person_inn_digits: &'static [usize],
    /// The possible lengths of an organization's tax number.
    organization_inn_digits: &'static [usize],
    /// Whether the check digits of a tax number of the right length are right.
    inn_check: fn(&str) -> bool,
    /// The mobile country code, with which every IMSI begins.
    mobile_code: &'static str,
    /// Whether foreigners have documents of the country: residence permits and temporary identity cards.
    has_residence_documents: bool,
    /// Whether organizations have a registration reason code (KPP) beside the tax number.
    has_kpp: bool,
    /// The form of the code of the office that issued a document, if offices have codes: the digits before and after the hyphen.
    issuer_code: Option<(usize, usize)>,
    /// The form of a passport's series.
    passport_series: Form,
    /// Whether a passport may have no series.
    passport_series_is_optional: bool,
    /// The form of a passport's number.
    passport_number: Form,
}

/// The characters of a number and how many there are.
enum Form {
    /// So many digits.
    Digits(usize),
    /// So many Latin letters.
    Letters(usize),
    /// Latin letters and digits, from the first to the second number of them.
    LettersOrDigits(usize, usize),
}

impl Form {
    fn fits(&self, text: &str) -> bool {
        match *self {
            Self::Digits(length) => digits(text, length..=length),
            Self::Letters(length) => text.len() == length && text.bytes().all(|byte| byte.is_ascii_alphabetic()),
            Self::LettersOrDigits(least, most) => letters_or_digits(text, least..=most),
        }
    }
}

/// For countries that do not publish how check digits are computed.
const fn no_check(_inn: &str) -> bool {
    true
}

const RUSSIA: Profile = Profile {
    currency: "RUB",
    currency_in_russian: "руб.",
    time_zone: Tz::Europe__Moscow,
    phone_prefix: "+7",
    trunk_prefix: "8",
    phone_digits: 10,
    person_inn_digits: &[10, 12],
    organization_inn_digits: &[10, 12],
    inn_check: check_digits::russian_inn,
    mobile_code: "250",
    has_residence_documents: true,
    has_kpp: true,
    issuer_code: Some((3, 3)),
    passport_series: Form::Digits(4),
    passport_series_is_optional: false,
    passport_number: Form::Digits(6),
};

const KYRGYZSTAN: Profile = Profile {
    currency: "KGS",
    currency_in_russian: "сом",
    time_zone: Tz::Asia__Bishkek,
    phone_prefix: "+996",
    trunk_prefix: "0",
    phone_digits: 9,
    person_inn_digits: &[14],
    organization_inn_digits: &[14],
    inn_check: no_check,
    mobile_code: "437",
    has_residence_documents: false,
    has_kpp: false,
    issuer_code: None,
    passport_series: Form::LettersOrDigits(2, 10),
    passport_series_is_optional: false,
    passport_number: Form::LettersOrDigits(4, 12),
};

const KAZAKHSTAN: Profile = Profile {
    currency: "KZT",
    currency_in_russian: "тенге",
    time_zone: Tz::Asia__Almaty,
    phone_prefix: "+7",
    trunk_prefix: "8",
    phone_digits: 10,
    person_inn_digits: &[12],
    organization_inn_digits: &[12],
    inn_check: check_digits::kazakh_inn,
    mobile_code: "401",
    has_residence_documents: false,
    has_kpp: false,
    issuer_code: None,
    passport_series: Form::LettersOrDigits(1, 10),
    passport_series_is_optional: true,
    passport_number: Form::LettersOrDigits(9, 9),
};

const UZBEKISTAN: Profile = Profile {
    currency: "UZS",
    currency_in_russian: "сум",
    time_zone: Tz::Asia__Tashkent,
    phone_prefix: "+998",
    trunk_prefix: "8",
    phone_digits: 9,
    // a PINFL
    person_inn_digits: &[14],
    organization_inn_digits: &[9],
    inn_check: no_check,
    mobile_code: "434",
    has_residence_documents: false,
    has_kpp: false,
    issuer_code: None,
    passport_series: Form::Letters(2),
    passport_series_is_optional: false,
    passport_number: Form::Digits(7),
};

/// The codes of all countries, such as `ru, kg, kz or uz`.
static CODES: LazyLock<String> = LazyLock::new(|| {
    let codes: Vec<&str> = Country::ALL.iter().map(|country| country.as_str()).collect();
    match codes.split_last() {
        Some((last, [])) => (*last).to_owned(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
        None => String::new(),
    }
});

impl Country {
    const fn profile(self) -> &'static Profile {
        match self {
            Self::Ru => &RUSSIA,
            Self::Kg => &KYRGYZSTAN,
            Self::Kz => &KAZAKHSTAN,
            Self::Uz => &UZBEKISTAN,
        }
    }

    /// The codes of all countries, as a sentence names them.
    pub fn codes() -> &'static str {
        &CODES
    }

    /// A regular expression that the phone numbers of all countries match, and nothing else.
    pub fn phone_pattern() -> String {
        let form = |country: &Self| format!("{}[0-9]{{{}}}", country.phone_prefix().trim_start_matches('+'), country.phone_digits());
        let mut forms: Vec<String> = Self::ALL.iter().map(form).collect();
        let mut seen = BTreeSet::new();
        forms.retain(|form| seen.insert(form.clone()));
        format!(r"^\+({})$", forms.join("|"))
    }

    /// A regular expression that the tax numbers of all countries match, and nothing else.
    pub fn inn_pattern() -> String {
        let profiles = Self::ALL.iter().map(|country| country.profile());
        let lengths: BTreeSet<&usize> =
            profiles.flat_map(|profile| profile.person_inn_digits.iter().chain(profile.organization_inn_digits)).collect();
        let forms: Vec<String> = lengths.into_iter().map(|length| format!("[0-9]{{{length}}}")).collect();
        format!("^({})$", forms.join("|"))
    }

    /// ISO 4217 code of the currency.
    pub const fn currency(self) -> &'static str {
        self.profile().currency
    }

    /// The currency in Russian texts, after an amount.
    pub const fn currency_in_russian(self) -> &'static str {
        self.profile().currency_in_russian
    }

    /// The default time zone; the `TIMEZONE` setting overrides it.
    pub const fn time_zone(self) -> Tz {
        self.profile().time_zone
    }

    /// The international prefix of phone numbers.
    pub const fn phone_prefix(self) -> &'static str {
        self.profile().phone_prefix
    }

    /// The prefix that people dial within the country instead of the international one.
    pub const fn trunk_prefix(self) -> &'static str {
        self.profile().trunk_prefix
    }

    /// The number of digits after the prefix.
    pub const fn phone_digits(self) -> usize {
        self.profile().phone_digits
    }

    /// Whether the text is a phone number: the prefix and the digits, with nothing between them.
    pub fn is_phone(self, text: &str) -> bool {
        text.strip_prefix(self.phone_prefix()).is_some_and(|rest| digits(rest, self.phone_digits()..=self.phone_digits()))
    }

    /// Whether the text is a tax number of a person.
    pub fn is_person_inn(self, text: &str) -> bool {
        self.is_inn(self.profile().person_inn_digits, text)
    }

    /// Whether the text is a tax number of an organization.
    pub fn is_organization_inn(self, text: &str) -> bool {
        self.is_inn(self.profile().organization_inn_digits, text)
    }

    fn is_inn(self, lengths: &[usize], text: &str) -> bool {
        lengths.iter().any(|length| digits(text, *length..=*length)) && (self.profile().inn_check)(text)
    }

    /// Whether the IMSI is one of the country's.
    pub fn is_own_imsi(self, imsi: &str) -> bool {
        imsi.starts_with(self.profile().mobile_code)
    }

    /// Whether foreigners have documents of the country: residence permits and temporary identity cards.
    pub const fn has_residence_documents(self) -> bool {
        self.profile().has_residence_documents
    }

    /// Whether the text is a registration reason code (KPP) of an organization: four digits, two digits or letters, three digits.
    pub fn is_kpp(self, text: &str) -> bool {
        let middle = |byte: &u8| byte.is_ascii_digit() || byte.is_ascii_uppercase();
        let form = |at: usize, byte: &u8| if matches!(at, 4 | 5) { middle(byte) } else { byte.is_ascii_digit() };
        self.profile().has_kpp && text.len() == 9 && text.bytes().enumerate().all(|(at, byte)| form(at, &byte))
    }

    /// Whether the text is the code of an office that issues documents; any text where offices have no codes.
    pub fn is_issuer_code(self, text: &str) -> bool {
        self.profile().issuer_code.is_none_or(|(before, after)| {
            text.split_once('-').is_some_and(|(one, other)| digits(one, before..=before) && digits(other, after..=after))
        })
    }

    /// The code of an issuing office as it is kept, also when it was written without the hyphen.
    pub fn issuer_code(self, text: &str) -> String {
        match self.profile().issuer_code {
            Some((before, after)) if digits(text, before + after..=before + after) => format!("{}-{}", &text[..before], &text[before..]),
            _ => text.to_owned(),
        }
    }

    /// Whether this is a valid passport series; `None` is valid where the series may be left out.
    pub fn is_passport_series(self, series: Option<&str>) -> bool {
        let profile = self.profile();
        series.map_or(profile.passport_series_is_optional, |series| profile.passport_series.fits(series))
    }

    /// Whether the text is a passport number.
    pub fn is_passport_number(self, number: &str) -> bool {
        self.profile().passport_number.fits(number)
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
        for is_inn in [Country::is_person_inn, Country::is_organization_inn] {
            assert!(is_inn(Country::Ru, "7707083893") && is_inn(Country::Ru, "500100732259") && !is_inn(Country::Ru, "77070838931"));
            assert!(is_inn(Country::Kg, "12345678901234") && is_inn(Country::Kz, "860904350504"));
            assert!(!is_inn(Country::Ru, "7707083894") && !is_inn(Country::Ru, "500100732258") && !is_inn(Country::Kz, "860904350505"));
        }
        assert!(Country::Ru.is_passport_series(Some("4510")) && !Country::Ru.is_passport_series(None));
        assert!(Country::Kz.is_passport_series(None) && Country::Kz.is_passport_number("N12345678"));
        assert!(Country::Kg.is_passport_series(Some("AN")) && Country::Kg.is_passport_number("1234567"));
        assert!(Country::Uz.is_phone("+998901234567") && !Country::Uz.is_phone("+996901234567"));
        assert!(Country::Uz.is_person_inn("31705900123456") && !Country::Uz.is_person_inn("301234567"));
        assert!(Country::Uz.is_organization_inn("301234567") && !Country::Uz.is_organization_inn("31705900123456"));
        assert!(Country::Uz.is_passport_series(Some("AA")) && !Country::Uz.is_passport_series(Some("A1")));
        assert!(Country::Uz.is_passport_number("1234567") && !Country::Uz.is_passport_number("123456A"));
    }

    #[test]
    fn offices_and_organizations_have_codes_where_the_country_gives_them() {
        assert!(Country::Ru.is_kpp("773601001") && Country::Ru.is_kpp("7736AB001") && !Country::Kz.is_kpp("773601001"));
        assert!(!Country::Ru.is_kpp("77360100") && !Country::Ru.is_kpp("77360100A") && !Country::Ru.is_kpp("7736ab001"));
        assert_eq!((Country::Ru.issuer_code("770001"), Country::Ru.issuer_code("77-1")), ("770-001".to_owned(), "77-1".to_owned()));
        assert!(Country::Ru.is_issuer_code("770-001") && !Country::Ru.is_issuer_code("77-1") && Country::Kz.is_issuer_code("77-1"));
        assert!(Country::Ru.is_own_imsi("250991234567890") && !Country::Ru.is_own_imsi("401071234567890"));
    }

    #[test]
    fn texts_name_every_country() {
        assert_eq!(Country::codes(), "ru, kg, kz or uz");
        assert_eq!(Country::phone_pattern(), r"^\+(7[0-9]{10}|996[0-9]{9}|998[0-9]{9})$");
        assert_eq!(Country::inn_pattern(), "^([0-9]{9}|[0-9]{10}|[0-9]{12}|[0-9]{14})$");
    }
}
