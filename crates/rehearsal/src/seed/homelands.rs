//! What distinguishes generated subscribers by country: names, documents, tax numbers, phone prefixes, prices.
//!
//! The lists of names are not reformatted, because one name per line would take eight hundred lines.

mod kazakhstan;
mod kyrgyzstan;
mod russia;
mod uzbekistan;

use chrono::NaiveDate;
use customers::DocumentType;
use kernel::country::Country;

use super::dice::Dice;

/// The type, the series and the number of a document.
pub type Document = (DocumentType, Option<String>, String);

/// What the generator must know of a country.
pub struct Homeland {
    /// Family names of men; a woman's has one more letter.
    pub last_names: &'static [&'static str],
    /// Given names of men, also used for fathers.
    pub men: &'static [&'static str],
    /// Given names of women.
    pub women: &'static [&'static str],
    /// Cities; large ones occur more than once.
    pub cities: &'static [&'static str],
    /// Streets.
    pub streets: &'static [&'static str],
    /// Legal forms of companies.
    pub legal_forms: &'static [&'static str],
    /// Prefixes of contact phone numbers.
    pub other_codes: &'static [&'static str],
    /// Prefixes of the operator's own numbers.
    pub own_codes: &'static [&'static str],
    /// The prefix of every ICCID.
    pub iccid_prefix: &'static str,
    /// The prefix of every IMSI: country and network code.
    pub imsi_prefix: &'static str,
    /// The factor for prices in the country's currency.
    pub price_level: i64,
    /// The patronymic of a man, or of a woman.
    pub patronymic: fn(&mut Dice, is_woman: bool) -> String,
    /// The type, series and number of a document issued to citizens, for a person whose place among a hundred is the first number, at
    /// most 93; the second number, below a million, makes the document unique.
    pub document: fn(&mut Dice, share: i64, number: u64) -> Document,
    /// The tax number of a person, with its check digits.
    pub person_inn: fn(&mut Dice, TaxPayer) -> Option<String>,
    /// The tax number of an organization, by its serial number below ten million.
    pub organization_inn: fn(&mut Dice, serial: u64) -> String,
    /// The registration code of an organization, by its serial number and its tax number.
    pub organization_code: fn(&mut Dice, serial: u64, inn: &str) -> String,
}

/// What a person's tax number is made of.
#[derive(Clone, Copy, Debug)]
pub struct TaxPayer {
    /// A number below ten million that no other person has.
    pub unique: u64,
    /// Whether the person is a woman.
    pub is_woman: bool,
    /// The birth date.
    pub born: NaiveDate,
    /// A number below ten thousand that no other person born on that day has.
    pub serial: u64,
}

/// The names and numbers of a country.
pub const fn homeland(country: Country) -> &'static Homeland {
    match country {
        Country::Ru => &russia::RUSSIA,
        Country::Kg => &kyrgyzstan::KYRGYZSTAN,
        Country::Kz => &kazakhstan::KAZAKHSTAN,
        Country::Uz => &uzbekistan::UZBEKISTAN,
    }
}

/// Names of companies for any country.
#[rustfmt::skip]
pub const FIRMS: &[&str] = &[
    "Альфа", "Атлант", "Базис", "Вектор", "Вершина", "Гарант", "Горизонт", "Дельта", "Запад", "Заря", "Импульс", "Каскад", "Квант", "Контур",
    "Лидер", "Магистраль", "Маяк", "Меридиан", "Мост", "Орбита", "Партнёр", "Перспектива", "Прогресс", "Радуга", "Ритм", "Ромашка", "Север",
    "Сигма", "Спектр", "Старт", "Темп", "Триумф", "Факел", "Феникс", "Эталон", "Юпитер",
];

/// Lines of business, after the name of a company.
pub const TRADES: &[&str] = &["", "", "Сервис", "Строй", "Торг", "Транс", "Медиа", "Агро", "Логистик", "Инвест", "Проект", "Плюс"];

/// The sum of the digits multiplied by these weights.
fn weighed(digits: &str, weights: &[u32]) -> u32 {
    digits.chars().filter_map(|digit| digit.to_digit(10)).zip(weights).map(|(digit, weight)| digit * weight).sum()
}
