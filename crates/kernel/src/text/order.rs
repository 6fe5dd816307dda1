//! The order of names, as in a dictionary.

use super::clean::visible;

/// A key whose order by bytes is the order of the texts in a dictionary.
///
/// Lists are ordered by a stored key, because an order of letters in SQL depends on the database: SQLite knows that of bytes, and
/// PostgreSQL that of the locale with which the database was made. Case and punctuation do not matter, ё is beside е, the letters of other
/// languages follow the one that they come from, and Latin follows Cyrillic. Texts that differ only in ё, in case or in punctuation are
/// told apart by the end of the key. No key is empty.
pub fn order_key(text: &str) -> String {
    let text: String = visible(text).chars().flat_map(char::to_lowercase).collect();
    let mut key = String::with_capacity(2 * text.len() + 1);
    for letter in text.chars() {
        push(&mut key, letter);
    }
    // below every letter, so that a name goes before those that it begins
    format!("{}\t{text}", key.trim_end())
}

/// Follows a letter that has its place after the plain one: above я, below Latin.
const AFTER: char = '\u{450}';
/// The place of the letter `a`.
const LATIN: u32 = 0x500;

fn push(key: &mut String, letter: char) {
    let (plain, places) = match letter {
        'ё' => ('е', 0),
        'ә' => ('а', 1),
        'ғ' | 'ґ' => ('г', 1),
        'є' => ('е', 1),
        'қ' => ('к', 1),
        'ң' => ('н', 1),
        'ө' => ('о', 1),
        'ұ' => ('у', 1),
        'ү' => ('у', 2),
        'ў' => ('у', 3),
        'һ' => ('х', 1),
        'ҳ' => ('х', 2),
        'і' => ('ы', 1),
        'ї' => ('ы', 2),
        'а'..='я' | '0'..='9' => (letter, 0),
        letter if letter.is_whitespace() || letter == '-' => (' ', 0),
        letter if !letter.is_alphanumeric() => return,
        letter => match super::fold::searchable(letter.encode_utf8(&mut [0; 4])).chars().next() {
            Some(latin @ 'a'..='z') => (char::from_u32(LATIN + latin as u32 - 'a' as u32).unwrap_or(latin), 0),
            _ => (letter, 0),
        },
    };
    if plain == ' ' && (key.is_empty() || key.ends_with(' ')) {
        return;
    }
    key.push(plain);
    key.extend(std::iter::repeat_n(AFTER, places));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_go_as_in_a_dictionary() {
        let names = [
            "",
            "7-й континент",
            "Абай",
            "алма",
            "Әсем",
            "Болат",
            "Ғани",
            "едок",
            "Ёж",
            "ёлка",
            "Иванов",
            "Иванов Пётр",
            "Иванов-Петров",
            "«Иванова»",
            "Кузин",
            "Қасымов",
            "Ляхов",
            "Яров",
            "Abel",
            "O'Brien",
            "Óscar",
            "Zed",
        ];
        let mut sorted = names.map(|name| (order_key(name), name));
        sorted.sort();
        assert_eq!(sorted.map(|(_, name)| name), names);
        assert!(order_key("елка") < order_key("ёлка") && order_key("ёлка") < order_key("елкин"));
        assert!(!order_key("").is_empty());
    }
}
