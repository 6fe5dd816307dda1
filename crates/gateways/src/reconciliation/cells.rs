//! The values of cells as banks and spreadsheets write them.

use kernel::{Money, country::Country, text::searchable};

/// The names of each currency beside its code: words, the old code, the number of ISO 4217.
const CURRENCIES: [(&str, &[&str]); 4] = [
    ("RUB", &["rur", "руб", "рубль", "рубли", "рублей", "р", "₽", "643", "810", "российский рубль"]),
    ("KGS", &["сом", "с", "417", "кыргызский сом"]),
    ("KZT", &["тенге", "тг", "тнг", "₸", "398"]),
    ("UZS", &["сум", "сўм", "so'm", "860"]),
];

/// The text of a cell without blanks at its ends, and without what keeps a spreadsheet from reading it as a number.
pub(super) fn plain(cell: &str) -> String {
    let text = trimmed(cell);
    let text = text.strip_prefix("=\"").and_then(|rest| rest.strip_suffix('"')).unwrap_or(text);
    trimmed(text.strip_prefix('\'').unwrap_or(text)).to_owned()
}

fn trimmed(text: &str) -> &str {
    text.trim_matches(|letter: char| letter.is_whitespace() || matches!(letter, '\u{200b}'..='\u{200f}' | '\u{feff}'))
}

/// An amount with a decimal point or comma, blanks or apostrophes between thousands, a sign or parentheses, and a currency after it.
///
/// `None` also where the meaning is uncertain, as in `1,000`.
pub(super) fn amount(cell: &str) -> Option<Money> {
    let bare: String = cell.chars().filter(|letter| !letter.is_whitespace() && !matches!(letter, '\'' | '’' | '\u{200b}')).collect();
    let bare = bare.replace(['\u{2212}', '\u{2013}', '\u{2012}'], "-").to_lowercase();
    let bare = without_currency(&bare);
    let (is_negative, digits) = signed(bare)?;
    if digits.starts_with(['+', '-']) {
        return None;
    }
    let number = with_a_point(digits)?;
    let amount: Money = number.parse().ok()?;
    Some(if is_negative { amount.negated() } else { amount })
}

fn without_currency(text: &str) -> &str {
    let text = text.trim_end_matches('.');
    let names =
        CURRENCIES.iter().flat_map(|(_, names)| names.iter().copied()).filter(|name| !name.starts_with(|c: char| c.is_ascii_digit()));
    let codes = ["rub", "kgs", "kzt", "uzs"];
    let longest = names.chain(codes).filter(|name| text.ends_with(*name)).max_by_key(|name| name.len());
    longest.and_then(|name| text.strip_suffix(name)).unwrap_or(text)
}

fn signed(text: &str) -> Option<(bool, &str)> {
    if let Some(inner) = text.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')) {
        return Some((true, inner));
    }
    let signs = [text.strip_prefix('-'), text.strip_suffix('-')];
    match signs {
        [Some(_), Some(_)] => None,
        [Some(digits), None] | [None, Some(digits)] => Some((true, digits)),
        [None, None] => Some((false, text.strip_prefix('+').unwrap_or(text))),
    }
}

/// The number with a decimal point and without separators of thousands.
fn with_a_point(text: &str) -> Option<String> {
    let Some(last) = text.rfind([',', '.']) else { return Some(text.to_owned()) };
    let (whole, fraction) = (&text[..last], &text[last + 1..]);
    let (decimal, others) = (text.as_bytes()[last], whole.matches([',', '.']).count());
    let groups_of_three = |text: &str, separator: char| {
        let mut parts = text.split(separator);
        parts.next().is_some_and(|first| (1..=3).contains(&first.len())) && parts.all(|part| part.len() == 3)
    };
    let same = whole.bytes().filter(|byte| *byte == decimal).count();
    if others == 0 {
        return Some(format!("{whole}.{fraction}"));
    }
    if same == 0 {
        // two different separators: the last one is the decimal one
        let separator = if decimal == b',' { '.' } else { ',' };
        return groups_of_three(whole, separator).then(|| format!("{}.{fraction}", whole.replace(separator, "")));
    }
    // the same separator several times: it separates thousands
    let separator = char::from(decimal);
    (same == others && groups_of_three(text, separator)).then(|| text.replace(separator, ""))
}

/// The code of a currency; an empty cell is the operator's own currency.
pub(super) fn currency(cell: &str, country: Country) -> Option<String> {
    let folded = searchable(cell);
    let folded = folded.trim_end_matches('.');
    if folded.is_empty() {
        return Some(country.currency().to_owned());
    }
    if let Some((code, _)) = CURRENCIES.iter().find(|(_, names)| names.contains(&folded)) {
        return Some((*code).to_owned());
    }
    (folded.len() == 3 && folded.bytes().all(|byte| byte.is_ascii_lowercase())).then(|| folded.to_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_as_banks_and_spreadsheets_write_them() {
        for (text, expected) in [
            ("1000", "1000.00"),
            ("1000.5", "1000.50"),
            ("1000,50", "1000.50"),
            ("1 000,50", "1000.50"),
            ("1\u{a0}000\u{202f}000,5", "1000000.50"),
            ("1'000.50", "1000.50"),
            ("1,000.50", "1000.50"),
            ("1.000,50", "1000.50"),
            ("1,234,567", "1234567.00"),
            ("-20,00", "-20.00"),
            ("\u{2212}20.00", "-20.00"),
            ("20.00-", "-20.00"),
            ("(20,00)", "-20.00"),
            ("+20", "20.00"),
            ("20,00 руб.", "20.00"),
            ("20.00 RUB", "20.00"),
            ("20,00 ₽", "20.00"),
        ] {
            assert_eq!(amount(text).map(|amount| amount.to_string()).as_deref(), Some(expected), "{text}");
        }
        for text in [
            "",
            "-",
            "руб",
            "1,000",
            "1.000",
            "0.001",
            "1e2",
            "NaN",
            "=1+1",
            "--1",
            "-1-",
            "1,00,000",
            "12.345,6,7",
            "1.2.3",
            "12345678901234567890123456789",
            "٣",
        ] {
            assert_eq!(amount(text), None, "{text}");
        }
    }

    #[test]
    fn currencies_are_read_by_code_word_and_number() {
        for (text, expected) in [
            ("RUB", Some("RUB")),
            ("rub", Some("RUB")),
            ("RUR", Some("RUB")),
            ("руб.", Some("RUB")),
            ("₽", Some("RUB")),
            ("643", Some("RUB")),
            ("", Some("RUB")),
            ("usd", Some("USD")),
            ("Сом", Some("KGS")),
            ("R", None),
            ("РУ", None),
            ("R1B", None),
        ] {
            assert_eq!(currency(text, Country::Ru).as_deref(), expected, "{text}");
        }
        assert_eq!(currency("", Country::Kg).as_deref(), Some("KGS"));
    }

    #[test]
    fn what_keeps_a_number_a_text_is_removed() {
        for text in ["=\"101\"", "'101", " 101 ", "\u{feff}101\u{a0}"] {
            assert_eq!(plain(text), "101", "{text}");
        }
        assert_eq!(plain("=1+1"), "=1+1");
    }
}
