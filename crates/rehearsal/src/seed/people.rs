//! Generated subscribers with the country's names, documents, tax numbers and phones, all unique.

use chrono::{Datelike, NaiveDate, TimeDelta};
use customers::{CustomerInput, CustomerType, DocumentType};
use kernel::country::Country;

use super::{
    dice::{Dice, spread},
    names::{FIRMS, PATRONYMICS, TRADES, Words, words},
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

    fn words(&self) -> &'static Words {
        words(self.country)
    }

    fn person(&self, dice: &mut Dice, index: u64) -> CustomerInput {
        let woman = dice.percent(52);
        let (last_name, first_name, patronymic) = self.name(dice, woman);
        let slot = spread(index, self.shift, BIRTH_DAYS * SERIALS);
        let (born, serial) = (self.born((slot / SERIALS) as i64), slot % SERIALS);
        let (document_type, series, number) = self.document(dice, index);
        let email = dice.percent(60).then(|| {
            let host = dice.pick(&["example.com", "example.org", "example.net"]);
            format!("{}.{}{index}@{host}", latin(&first_name), latin(&last_name))
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
            organization_name: None,
            organization_code: None,
            address: dice.percent(90).then(|| self.address(dice)),
            phone: self.phone(self.words().other_codes, index),
            email,
            notes: None,
        }
    }

    fn organization(&self, dice: &mut Dice, index: u64) -> CustomerInput {
        let (firm, trade) = (*dice.pick(FIRMS), *dice.pick(TRADES));
        let dash = if trade.is_empty() { "" } else { "-" };
        let woman = dice.percent(40);
        let contact = dice.percent(60).then(|| self.name(dice, woman));
        let (last_name, first_name, patronymic) =
            contact.map_or((None, None, None), |(last, first, father)| (Some(last), Some(first), Some(father)));
        let serial = spread(index, self.shift + 271_828, 10_000_000);
        let inn = match self.country {
            Country::Ru => {
                let body = format!("77{serial:07}");
                let check = weighed(&body, &[2, 4, 10, 3, 5, 9, 4, 6, 8]) % 11 % 10;
                format!("{body}{check}")
            }
            Country::Kg => format!("0{:02}{:02}{:02}{serial:07}", dice.between(1, 28), dice.between(1, 12), dice.between(1, 24)),
            Country::Kz => format!("{:02}{:02}4{serial:07}", dice.between(5, 24), dice.between(1, 12)),
        };
        CustomerInput {
            customer_type: CustomerType::Organization,
            last_name,
            first_name,
            patronymic,
            birth_date: None,
            document_type: None,
            passport_series: None,
            passport_number: None,
            organization_name: Some(format!("{} «{firm}{dash}{trade}»", dice.pick(self.words().legal_forms))),
            organization_code: Some(match self.country {
                Country::Ru => format!("1{:02}77{:08}", dice.between(2, 24), serial),
                Country::Kg => format!("{:08}", 20_000_000 + serial),
                Country::Kz => inn.clone(),
            }),
            inn: Some(inn),
            address: Some(self.address(dice)),
            phone: self.phone(self.words().other_codes, index),
            email: Some(format!("office{index}@{}.example.com", latin(firm))),
            notes: None,
        }
    }

    fn name(&self, dice: &mut Dice, woman: bool) -> (String, String, String) {
        let words = self.words();
        let last_name = format!("{}{}", dice.pick(words.last_names), if woman { "а" } else { "" });
        let first_name = dice.pick(if woman { words.women } else { words.men }).to_string();
        let patronymic = match self.country {
            Country::Ru => {
                let (son, daughter) = dice.pick(PATRONYMICS);
                if woman { *daughter } else { *son }.to_owned()
            }
            Country::Kg => format!("{} {}", dice.pick(words.men), if woman { "кызы" } else { "уулу" }),
            Country::Kz => format!("{}{}", dice.pick(words.men), if woman { "қызы" } else { "ұлы" }),
        };
        (last_name, first_name, patronymic)
    }

    fn born(&self, days: i64) -> NaiveDate {
        self.today - TimeDelta::days(GROWN_UP + days)
    }

    fn address(&self, dice: &mut Dice) -> String {
        let (city, street) = (dice.pick(self.words().cities), dice.pick(self.words().streets));
        format!("г. {city}, {street}, д. {}, кв. {}", dice.between(1, 140), dice.between(1, 220))
    }

    /// The type, series and number of the document; the number alone is unique.
    fn document(&self, dice: &mut Dice, index: u64) -> (DocumentType, Option<String>, String) {
        // offset, so that it differs from the end of the phone number
        let number = spread(index, self.shift + 314_159, 1_000_000);
        match (self.country, dice.between(1, 100)) {
            (Country::Ru, 1..=93) => {
                (DocumentType::Passport, Some(format!("{:02}{:02}", dice.between(1, 92), dice.between(2, 25))), format!("{number:06}"))
            }
            (Country::Kg, 1..=93) => {
                (DocumentType::Passport, Some((*dice.pick(&["AN", "ID"])).to_owned()), format!("{}{number:06}", dice.between(1, 3)))
            }
            (Country::Kz, 1..=40) => (DocumentType::Passport, None, format!("N1{number:07}")),
            (Country::Kz, 41..=93) => (DocumentType::IdCard, None, format!("04{number:07}")),
            (_, 94..=97) => (DocumentType::ForeignPassport, Some((*dice.pick(&["CA", "CM", "CP"])).to_owned()), format!("7{number:06}")),
            _ => (DocumentType::DriverLicense, Some(format!("99{:02}", dice.between(1, 50))), format!("{number:06}")),
        }
    }

    /// The tax number with the country's check digits; birth date with serial number makes it unique, and so does the index.
    fn tax_number(&self, dice: &mut Dice, index: u64, woman: bool, born: NaiveDate, serial: u64) -> Option<String> {
        match self.country {
            Country::Ru => {
                let body = format!("{:02}{:08}", dice.between(1, 89), spread(index, self.shift + 271_828, 10_000_000) * 9 + 7);
                let first = weighed(&body, &[7, 2, 4, 10, 3, 5, 9, 4, 6, 8]) % 11 % 10;
                let body = format!("{body}{first}");
                let second = weighed(&body, &[3, 7, 2, 4, 10, 3, 5, 9, 4, 6, 8]) % 11 % 10;
                Some(format!("{body}{second}"))
            }
            Country::Kg => Some(format!("{}{}{:05}", if woman { 1 } else { 2 }, born.format("%d%m%Y"), serial)),
            Country::Kz => {
                let century: u64 = if born.year() < 2000 { 3 } else { 5 };
                let body = format!("{}{}{serial:04}", born.format("%y%m%d"), century + u64::from(woman));
                let mut check = weighed(&body, &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]) % 11;
                if check == 10 {
                    check = weighed(&body, &[3, 4, 5, 6, 7, 8, 9, 10, 11, 1, 2]) % 11;
                }
                // numbers without a check digit are never issued
                (check < 10).then(|| format!("{body}{check}"))
            }
        }
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

fn weighed(digits: &str, weights: &[u32]) -> u32 {
    digits.chars().filter_map(|digit| digit.to_digit(10)).zip(weights).map(|(digit, weight)| digit * weight).sum()
}

/// A name as written in e-mail addresses.
fn latin(name: &str) -> String {
    name.to_lowercase()
        .chars()
        .map(|letter| match letter {
            'а' | 'ә' => "a",
            'б' => "b",
            'в' => "v",
            'г' | 'ғ' => "g",
            'д' => "d",
            'е' | 'ё' | 'э' => "e",
            'ж' => "zh",
            'з' => "z",
            'и' | 'й' | 'і' => "i",
            'к' | 'қ' => "k",
            'л' => "l",
            'м' => "m",
            'н' | 'ң' => "n",
            'о' | 'ө' => "o",
            'п' => "p",
            'р' => "r",
            'с' => "s",
            'т' => "t",
            'у' | 'ұ' | 'ү' => "u",
            'ф' => "f",
            'х' | 'һ' => "h",
            'ц' => "ts",
            'ч' => "ch",
            'ш' => "sh",
            'щ' => "sch",
            'ы' => "y",
            'ю' => "yu",
            'я' => "ya",
            _ => "",
        })
        .collect()
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
        for country in Country::ALL {
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
        for country in Country::ALL {
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
    fn check_digits_are_those_of_known_numbers() {
        assert_eq!(luhn_digit("7992739871"), 3);
        assert_eq!(weighed("770708389", &[2, 4, 10, 3, 5, 9, 4, 6, 8]) % 11 % 10, 3);
        assert_eq!(latin("Шыңғыс"), "shyngys");
    }
}
