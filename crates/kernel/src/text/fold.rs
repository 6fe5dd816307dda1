//! The form in which texts are searched for and compared.

use unicode_normalization::char::decompose_canonical;

use super::clean::{is_blank, visible};

/// Normalizes text for searching and comparing: lower case, single spaces, and one letter for those that people swap.
///
/// Done here and not in SQL, because SQLite lower-cases ASCII only.
pub fn searchable(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    for word in visible(text).split(is_blank).filter(|word| !word.is_empty()) {
        if !folded.is_empty() {
            folded.push(' ');
        }
        folded.extend(word.chars().flat_map(char::to_lowercase).filter_map(folded_letter));
    }
    folded
}

/// The letter for which a lower-case letter counts; `None` for a mark above or below the letter before it.
fn folded_letter(letter: char) -> Option<char> {
    Some(match letter {
        'ё' | 'є' => 'е',
        'қ' | 'ҡ' | 'ҟ' => 'к',
        'ө' => 'о',
        'ү' | 'ұ' | 'ў' => 'у',
        'ң' | 'ҥ' => 'н',
        'і' | 'ї' => 'и',
        'ғ' | 'ґ' => 'г',
        'ә' => 'а',
        'һ' | 'ҳ' => 'х',
        '‘' | '’' | '‛' | 'ʼ' | 'ʻ' | 'ʽ' | 'ʹ' | '`' | '´' | '′' => '\'',
        '«' | '»' | '“' | '”' | '„' | '‟' | '″' => '"',
        '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{fe58}' | '\u{fe63}' | '\u{ff0d}' => '-',
        'ı' => 'i',
        'ł' => 'l',
        'ø' => 'o',
        '\u{300}'..='\u{36f}' => return None,
        'à'..='ɏ' | '\u{1e00}'..='\u{1eff}' => base(letter),
        other => other,
    })
}

/// A Latin letter without its marks.
fn base(letter: char) -> char {
    let mut base = letter;
    let mut is_first = true;
    decompose_canonical(letter, |part| {
        if std::mem::take(&mut is_first) {
            base = part;
        }
    });
    base
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn searching_ignores_case_and_yo_also_in_cyrillic() {
        assert_eq!(searchable("  АЛЁНА \t Ёжикова "), "алена ежикова");
    }

    #[test]
    fn letters_that_people_swap_are_one() {
        for (one, other) in [
            ("Қасымова", "Касымова"),
            ("Өмүрбеков", "Омурбеков"),
            ("Жасұлан", "Жасулан"),
            ("Ілияс", "Илияс"),
            ("Сы\u{301}ров", "Сыров"),
            ("Андреи\u{306}", "Андрей"),
            ("O’Brien", "O'Brien"),
            ("Oʻtkir", "O`tkir"),
            ("Gülnar İLHAN", "gulnar ilhan"),
            ("ООО «Ромашка»", "ООО \"Ромашка\""),
            ("916\u{2011}123\u{2013}45\u{a0}67", "916-123-45 67"),
            ("Ива\u{200b}нов", "Иванов"),
        ] {
            assert_eq!(searchable(one), searchable(other), "{one} {other}");
        }
        assert_ne!(searchable("Андрей"), searchable("Андреи"));
    }
}
