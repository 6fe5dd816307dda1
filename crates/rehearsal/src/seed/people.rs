//! Generated subscribers with the country's names, documents, tax numbers and phones, all unique.

use chrono::{NaiveDate, TimeDelta};
use customers::{CustomerInput, CustomerType, DocumentType};
use kernel::{country::Country, text::latin};

use super::{
    dice::{Dice, spread},
    homelands::{Document, FIRMS, Homeland, TRADES, TaxPayer, homeland},
};

/// The number of days of birth: the youngest subscribers have just turned 18, the oldest are 89.
const BIRTH_DAYS: u64 = 26_000;
/// The number of serial numbers for people born on the same day.
const SERIALS: u64 = 10_000;
/// The maximum age in days of a person who has just turned 18.
const GROWN_UP: i64 = 18 * 366;

/// A generator of subscribers.
#[derive(Clone, Copy, Debug)]
pub struct People {
    /// The country they live in.
    pub country: Country,
    /// The day on which the ages are computed.
    pub today: NaiveDate,
    /// An offset for every unique number, so that another seed gives different ones.
    pub shift: u64,
}

impl People {
    /// Builds the subscriber with this index, which is below a million; no two indexes share a unique value.
    pub fn subscriber(&self, dice: &mut Dice, index: u64) -> CustomerInput {
        if dice.percent(5) { self.organization(dice, index) } else { self.person(dice, index) }
    }

    /// A phone number with one of these prefixes, different for every index below a million times the number of prefixes.
    pub fn phone(&self, codes: &[&str], index: u64) -> String {
        let width = self.country.phone_digits() - 3;
        let lines = 10_u64.pow(width as u32);
        let place = spread(index, self.shift, codes.len() as u64 * lines);
        let code = codes[(place / lines) as usize];
        format!("{}{code}{:0width$}", self.country.phone_prefix(), place % lines)
    }

    fn homeland(&self) -> &'static Homeland {
        homeland(self.country)
    }

    /// Builds the person with this index.
    pub fn person(&self, dice: &mut Dice, index: u64) -> CustomerInput {
        let woman = dice.percent(52);
        let (last_name, first_name, patronymic) = self.name(dice, woman);
        let slot = spread(index, self.shift, BIRTH_DAYS * SERIALS);
        let (born, serial) = (self.born((slot / SERIALS) as i64), slot % SERIALS);
        let (document_type, series, number) = self.document(dice, index);
        let email = dice.percent(60).then(|| {
            let host = dice.pick(&["example.com", "example.org", "example.net"]);
            format!("{}.{}{index}@{host}", in_latin(&first_name), in_latin(&last_name))
        });
        CustomerInput {
            customer_type: CustomerType::Individual,
            last_name: Some(last_name),
            first_name: Some(first_name),
            patronymic: dice.percent(92).then_some(patronymic),
            birth_date: Some(born),
            document_type: Some(document_type),
            passport_series: series,
            passport_number: Some(number),
            inn: if dice.percent(70) { self.tax_number(dice, index, woman, born, serial) } else { None },
            citizenship: None,
            issued_on: None,
            issued_by: None,
            issuer_code: None,
            valid_until: None,
            kpp: None,
            organization_name: None,
            organization_code: None,
            address: dice.percent(90).then(|| self.address(dice)),
            phone: self.phone(self.homeland().other_codes, index),
            email,
            further_phones: Vec::new(),
            further_emails: Vec::new(),
            notes: None,
        }
    }

    /// Builds the organization with this index.
    pub fn organization(&self, dice: &mut Dice, index: u64) -> CustomerInput {
        let (firm, trade) = (*dice.pick(FIRMS), *dice.pick(TRADES));
        let dash = if trade.is_empty() { "" } else { "-" };
        let woman = dice.percent(40);
        let contact = dice.percent(60).then(|| self.name(dice, woman));
        let (last_name, first_name, patronymic) =
            contact.map_or((None, None, None), |(last, first, father)| (Some(last), Some(first), Some(father)));
        let serial = spread(index, self.shift + 271_828, 10_000_000);
        let homeland = self.homeland();
        let inn = (homeland.organization_inn)(dice, serial);
        CustomerInput {
            customer_type: CustomerType::Organization,
            last_name,
            first_name,
            patronymic,
            birth_date: None,
            document_type: None,
            passport_series: None,
            passport_number: None,
            citizenship: None,
            issued_on: None,
            issued_by: None,
            issuer_code: None,
            valid_until: None,
            kpp: None,
            organization_name: Some(format!("{} «{firm}{dash}{trade}»", dice.pick(self.homeland().legal_forms))),
            organization_code: Some((homeland.organization_code)(dice, serial, &inn)),
            inn: Some(inn),
            address: Some(self.address(dice)),
            phone: self.phone(self.homeland().other_codes, index),
            email: Some(format!("office{index}@{}.example.com", in_latin(firm))),
            further_phones: Vec::new(),
            further_emails: Vec::new(),
            notes: None,
        }
    }

    fn name(&self, dice: &mut Dice, woman: bool) -> (String, String, String) {
        let homeland = self.homeland();
        let last_name = format!("{}{}", dice.pick(homeland.last_names), if woman { "а" } else { "" });
        let first_name = dice.pick(if woman { homeland.women } else { homeland.men }).to_string();
        let patronymic = (homeland.patronymic)(dice, woman);
        (last_name, first_name, patronymic)
    }

    fn born(&self, days: i64) -> NaiveDate {
        self.today - TimeDelta::days(GROWN_UP + days)
    }

    fn address(&self, dice: &mut Dice) -> String {
        let (city, street) = (dice.pick(self.homeland().cities), dice.pick(self.homeland().streets));
        format!("г. {city}, {street}, д. {}, кв. {}", dice.between(1, 140), dice.between(1, 220))
    }

    /// The type, series and number of the document; the number alone is unique.
    fn document(&self, dice: &mut Dice, index: u64) -> Document {
        // offset, so that it differs from the end of the phone number
        let number = spread(index, self.shift + 314_159, 1_000_000);
        match dice.between(1, 100) {
            share @ ..=93 => (self.homeland().document)(dice, share, number),
            94..=97 => (DocumentType::ForeignPassport, Some((*dice.pick(&["CA", "CM", "CP"])).to_owned()), format!("7{number:06}")),
            _ => (DocumentType::DriverLicense, Some(format!("99{:02}", dice.between(1, 50))), format!("{number:06}")),
        }
    }

    /// The tax number; birth date with serial number makes it unique, and so does the index.
    fn tax_number(&self, dice: &mut Dice, index: u64, is_woman: bool, born: NaiveDate, serial: u64) -> Option<String> {
        let payer = TaxPayer { unique: spread(index, self.shift + 271_828, 10_000_000), is_woman, born, serial };
        (self.homeland().person_inn)(dice, payer)
    }
}

/// The subscriber's full name, as [`customers::Customer`] computes it.
pub fn full_name(input: &CustomerInput) -> String {
    if let Some(name) = &input.organization_name {
        return name.clone();
    }
    let parts = [&input.last_name, &input.first_name, &input.patronymic];
    parts.into_iter().flatten().map(String::as_str).collect::<Vec<_>>().join(" ")
}

/// The digit that completes a number to pass the Luhn check.
pub fn luhn_digit(number: &str) -> u32 {
    let digits = number.chars().rev().filter_map(|digit| digit.to_digit(10));
    let sum: u32 = digits.enumerate().map(|(at, digit)| if at % 2 == 0 { digit * 2 / 10 + digit * 2 % 10 } else { digit }).sum();
    (10 - sum % 10) % 10
}

/// A name as written in e-mail addresses.
fn in_latin(name: &str) -> String {
    name.to_lowercase().chars().filter_map(latin).collect()
}

#[cfg(test)]
mod tests {
    use std::{collections::HashSet, sync::Arc};

    use chrono::DateTime;
    use kernel::{Context, Origin, Policy, input::from_fields};

    use super::*;

    fn context(country: Country) -> Context {
        let policy = Policy::standard(country);
        Context {
            now: DateTime::from_timestamp(1_767_225_600, 0).unwrap(),
            policy: Arc::new(policy),
            origin: Origin::default(),
            actor: kernel::Actor::system("test"),
        }
    }

    #[test]
    fn everybody_passes_the_rules_of_their_country() {
        for &country in Country::ALL {
            let context = context(country);
            let people = People { country, today: context.today(), shift: 20_260_101 };
            let mut dice = Dice::new(1, 2);
            for index in (0..1500).chain(999_000..1_000_000) {
                let input = people.subscriber(&mut dice, index);
                let serde_json::Value::Object(fields) = serde_json::to_value(&input).unwrap() else { panic!("no object") };
                let wrong = from_fields::<CustomerInput>(fields, &context).err().map(|error| format!("{:?}", error.wrong_fields()));
                assert_eq!(wrong, None, "{input:?}");
            }
        }
    }

    #[test]
    fn nobody_shares_a_unique_value() {
        for &country in Country::ALL {
            let people = People { country, today: context(country).today(), shift: 7 };
            let mut dice = Dice::new(3, 4);
            let mut seen = HashSet::new();
            for index in (0..20_000).chain(980_000..1_000_000) {
                let input = people.subscriber(&mut dice, index);
                let document =
                    input.passport_number.map(|number| format!("{:?} {:?} {number}", input.document_type, input.passport_series));
                for value in [Some(input.phone), input.email, input.inn.map(|inn| format!("inn {inn}")), document].into_iter().flatten() {
                    assert!(!seen.contains(&value), "{country:?} {index}: {value}");
                    seen.insert(value);
                }
            }
        }
    }

    #[test]
    fn the_check_digit_and_a_latin_name_are_as_known() {
        assert_eq!(luhn_digit("7992739871"), 3);
        assert_eq!(in_latin("Шыңғыс"), "shyngys");
    }
}
