//! Accounts in the forms in which people type them at terminals.

use kernel::country::Country;

/// The maximum number of characters of an account as typed.
const LONGEST: usize = 64;
/// The digits of the month at the beginning of a contract's number.
const MONTH: usize = 6;
/// The characters of a contract's number without the hyphen.
const NUMBER: usize = MONTH + 8;

/// The account of a payer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Account {
    /// The number of a contract.
    Contract(String),
    /// A complete phone number.
    Msisdn(String),
}

impl Account {
    /// Parses a contract number, or a phone number with or without its prefix, with any separators.
    pub fn read(text: &str, country: Country) -> Option<Self> {
        if text.chars().count() > LONGEST {
            return None;
        }
        let typed: String = text.chars().filter(|letter| !is_separator(*letter)).collect();
        phone(&typed, country).map(Self::Msisdn).or_else(|| contract(&typed).map(Self::Contract))
    }
}

/// Whether people type this character between the digits of a number, or cannot see it.
fn is_separator(letter: char) -> bool {
    letter.is_whitespace()
        || matches!(letter, '-' | '(' | ')' | '.' | '/' | '№' | '#')
        || matches!(letter, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2010}'..='\u{2015}' | '\u{2060}' | '\u{2212}' | '\u{feff}')
}

fn phone(typed: &str, country: Country) -> Option<String> {
    let (prefix, trunk) = (country.phone_prefix(), country.trunk_prefix());
    let bare = |digits: &str| digits.len() == country.phone_digits() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let digits = [prefix, &prefix[1..], trunk, ""].into_iter().filter_map(|start| typed.strip_prefix(start)).find(|digits| bare(digits))?;
    Some(format!("{prefix}{digits}"))
}

/// Numbers of contracts have no letters I, L, O and U, and people confuse the Cyrillic letters that look like Latin ones.
fn contract(typed: &str) -> Option<String> {
    let letters: Option<String> = typed.chars().flat_map(char::to_uppercase).map(latin).collect();
    let letters = letters.filter(|letters| letters.len() == NUMBER)?;
    let (month, rest) = letters.split_at_checked(MONTH)?;
    month.bytes().all(|byte| byte.is_ascii_digit()).then(|| format!("{month}-{rest}"))
}

fn latin(letter: char) -> Option<char> {
    Some(match letter {
        'O' | 'О' => '0',
        'I' | 'L' | 'І' => '1',
        'А' => 'A',
        'В' => 'B',
        'С' => 'C',
        'Е' | 'Ё' => 'E',
        'Н' => 'H',
        'К' => 'K',
        'М' => 'M',
        'Р' => 'P',
        'Т' => 'T',
        'Х' => 'X',
        'У' => 'Y',
        letter if letter.is_ascii_alphanumeric() => letter,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phones_are_taken_in_every_form_in_which_people_write_them() {
        let phone = Some(Account::Msisdn("+79161234567".to_owned()));
        for text in [
            "+79161234567",
            "79161234567",
            "89161234567",
            "9161234567",
            " 79161234567",
            "8 (916) 123-45-67",
            "+7 916 123 45 67",
            "8-916-123-45-67",
            "916.123.45.67",
            "8(916)1234567",
            "8\u{a0}916\u{a0}123\u{2011}45\u{2013}67",
            "\u{200b}9161234567\u{feff}",
        ] {
            assert_eq!(Account::read(text, Country::Ru), phone, "{text}");
        }
        for text in ["+996700123456", "996700123456", "0700123456", "700123456", "0 700 12-34-56"] {
            assert_eq!(Account::read(text, Country::Kg), Some(Account::Msisdn("+996700123456".to_owned())), "{text}");
        }
        for text in ["+998901234567", "998901234567", "8901234567", "901234567"] {
            assert_eq!(Account::read(text, Country::Uz), Some(Account::Msisdn("+998901234567".to_owned())), "{text}");
        }
    }

    #[test]
    fn numbers_of_contracts_are_taken_in_every_form_in_which_people_write_them() {
        let number = Some(Account::Contract("202601-7K0M9QX1".to_owned()));
        for text in [
            "202601-7K0M9QX1",
            "202601-7k0m9qx1",
            "2026017K0M9QX1",
            "202601 7K0M 9QX1",
            "№ 202601–7K0M9QX1",
            "2O26O1-7KOM9QXI",
            "202601-7к0м9qхl",
        ] {
            assert_eq!(Account::read(text, Country::Ru), number, "{text}");
        }
        assert_eq!(Account::read("20260112345678", Country::Ru), Some(Account::Contract("202601-12345678".to_owned())));
    }

    #[test]
    fn everything_else_is_malformed() {
        for text in [
            "",
            "916123456",
            "+7916123456٧",
            "202601-7K3M9QX",
            "20261-7K3M9QXA",
            "202601-7K3M9QX<",
            "' OR 1=1",
            "-",
            "A02601-7K3M9QXA",
            "202601-7ЖЖM9QXA",
            &"9".repeat(400),
            &" ".repeat(65),
        ] {
            assert_eq!(Account::read(text, Country::Ru), None, "{text}");
        }
    }
}
