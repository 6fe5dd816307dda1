//! Passwords in Cyrillic as the estimator of their strength can read them.
//!
//! It knows common passwords in Latin letters, and Latin keyboards. `йцукенгшщз` is as common here as `qwertyuiop`, and `пароль123` as
//! `password123`. So a password in Cyrillic is judged by the Latin keys too, which everybody may try who knows such keyboards, and by
//! its letters in Latin script.

use kernel::text::latin;

/// Letters of the Russian and the Kazakh keyboard, each followed by what is on its key on the Latin one.
const KEYS: &str = "ё`йqцwуeкrеtнyгuшiщoзpх[ъ]фaыsвdаfпgрhоjлkдlж;э'яzчxсcмvиbтnьmб,ю.ә2і3ң4ғ5ү8ұ9қ0ө-һ=";

/// The password in small letters as it is and, if there is Cyrillic in it, as the keys and as the sounds that the letters stand for.
pub(crate) fn readings(password: &str) -> Vec<String> {
    let small = password.to_lowercase();
    if small.is_ascii() {
        return vec![password.to_owned()];
    }
    let keys = small.chars().map(key).collect();
    let sounds = small.chars().fold(String::new(), |text, letter| match latin(letter) {
        Some(latin) => text + latin,
        None => text + letter.encode_utf8(&mut [0; 4]),
    });
    vec![password.to_owned(), keys, sounds]
}

/// What is on the letter's key on a Latin keyboard.
fn key(letter: char) -> char {
    let mut pairs = KEYS.chars().zip(KEYS.chars().skip(1)).step_by(2);
    pairs.find(|(cyrillic, _)| *cyrillic == letter).map_or(letter, |(_, latin)| latin)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cyrillic_is_also_read_by_its_keys_and_by_its_sounds() {
        assert_eq!(readings("Йцукенгшщз"), ["Йцукенгшщз", "qwertyuiop", "itsukengshschz"]);
        assert_eq!(readings("пароль123"), ["пароль123", "gfhjkm123", "parol123"]);
        assert_eq!(readings("ячсмитьбю."), ["ячсмитьбю.", "zxcvbnm,..", "yachsmitbyu."]);
        assert_eq!(readings("tram 17"), ["tram 17"]);
    }

    #[test]
    fn each_letter_is_on_one_key() {
        let letters: Vec<char> = KEYS.chars().step_by(2).collect();
        assert_eq!(letters.len(), 42);
        assert!(letters.iter().all(|letter| !letter.is_ascii() && key(*letter).is_ascii()));
        let distinct: std::collections::BTreeSet<&char> = letters.iter().collect();
        assert_eq!(distinct.len(), letters.len());
    }
}
