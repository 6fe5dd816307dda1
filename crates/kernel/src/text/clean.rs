//! Text as it is stored: one form for what looks the same.

use std::borrow::Cow;

use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

/// Returns the text in the form in which it is stored.
///
/// Letters are composed (NFC), letters that cannot be seen are removed, and so are blanks at the ends. In a text of one line, every blank
/// is a space and none is doubled. A text of several lines keeps the blanks within its lines, because they may align columns; its lines
/// end in `\n`.
pub fn cleaned(text: &str) -> Cow<'_, str> {
    if is_clean_ascii(text) {
        return Cow::Borrowed(text);
    }
    let composed = visible(text);
    let lines = with_plain_line_breaks(composed.trim_matches(is_blank));
    let clean = if lines.contains('\n') {
        lines.split('\n').map(|line| line.trim_end_matches(is_blank)).collect::<Vec<_>>().join("\n")
    } else {
        lines.split(is_blank).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
    };
    if clean == text { Cow::Borrowed(text) } else { Cow::Owned(clean) }
}

/// The text with composed letters and without those that cannot be seen.
pub(super) fn visible(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    for letter in text.chars() {
        let shown = match letter {
            // between emoji these join; beside letters and blanks they only hide
            '\u{200c}' | '\u{200d}' => !kept.chars().next_back().is_none_or(|before| is_part_of_letter(before) || is_blank(before)),
            _ => !is_invisible(letter),
        };
        if shown {
            kept.push(letter);
        }
    }
    kept.nfc().collect()
}

fn is_clean_ascii(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' '..=b'~')) && !text.starts_with(' ') && !text.ends_with(' ') && !text.contains("  ")
}

/// Whether nothing is seen of this letter but its place. A line break is a blank too.
pub(super) fn is_blank(letter: char) -> bool {
    letter.is_whitespace() || matches!(letter, '\u{115f}' | '\u{1160}' | '\u{2800}' | '\u{3164}' | '\u{ffa0}')
}

/// Whether this is a letter, a digit, or a mark on one; the selector after an emoji is none.
fn is_part_of_letter(letter: char) -> bool {
    letter.is_alphanumeric() || (is_combining_mark(letter) && letter != '\u{fe0f}')
}

/// Whether this letter takes no place: soft hyphens, zero-width spaces, marks of direction.
fn is_invisible(letter: char) -> bool {
    matches!(
        letter,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0001}'
    )
}

fn with_plain_line_breaks(text: &str) -> Cow<'_, str> {
    if text.contains(['\r', '\u{2028}', '\u{2029}']) {
        Cow::Owned(text.replace("\r\n", "\n").replace(['\r', '\u{2028}', '\u{2029}'], "\n"))
    } else {
        Cow::Borrowed(text)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn blanks_at_the_ends_and_doubled_ones_and_what_cannot_be_seen_go() {
        for (text, expected) in [
            ("  Пробелов ", "Пробелов"),
            ("Иван\u{a0} \t Петров\u{3000}", "Иван Петров"),
            ("\u{feff}Ива\u{200b}н\u{ad}ов\u{200e}", "Иванов"),
            ("Анна\u{200d}", "Анна"),
            ("й\u{306}\u{200d}", "й\u{306}"),
            ("е\u{306}\u{200d}", "ӗ"),
            ("❤\u{fe0f}\u{200d}🔥", "❤\u{fe0f}\u{200d}🔥"),
            ("и\u{306}од, е\u{308}лка", "йод, ёлка"),
            ("и\u{200b}\u{306}од", "йод"),
            (" \u{200b}\u{2800}\u{3164} ", ""),
            ("Иванов\r\n", "Иванов"),
            ("👩\u{200d}🔧", "👩\u{200d}🔧"),
            ("plain text", "plain text"),
        ] {
            assert_eq!(cleaned(text), expected, "{text:?}");
        }
    }

    #[test]
    fn several_lines_keep_the_blanks_that_align_them() {
        assert_eq!(cleaned("\n a  b \r\n  c\u{2028}d\r\n\n"), "a  b\n  c\nd");
    }

    proptest! {
        #[test]
        fn what_is_clean_stays_as_it_is(text in "[ \t\n\r\u{a0}\u{200b}\u{200d}\u{306}\u{308}a-zа-яё👩]{0,24}|.{0,24}") {
            let once = cleaned(&text).into_owned();
            prop_assert_eq!(cleaned(&once), once.as_str());
            prop_assert!(!once.starts_with(is_blank) && !once.ends_with(is_blank));
        }
    }
}
