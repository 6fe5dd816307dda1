//! Identity documents: their kinds, and the form in which they are kept and compared.

use kernel::{country::Country, text_enum};

text_enum! {
    /// The kind of identity document.
    pub enum DocumentType {
        /// Domestic passport.
        Passport = "passport",
        /// Identity card.
        IdCard = "id_card",
        /// Passport of another country.
        ForeignPassport = "foreign_passport",
        /// Driver's licence.
        DriverLicense = "driver_license",
        /// Permit of permanent residence of a foreigner, in Russia.
        ResidencePermit = "residence_permit",
        /// Permit of temporary residence of a foreigner, in Russia.
        TemporaryResidence = "temporary_residence",
        /// Temporary identity card, in Russia.
        TemporaryIdCard = "temporary_id_card",
    }
}

impl DocumentType {
    /// Whether the country knows documents of this kind.
    pub(crate) const fn is_of(self, country: Country) -> bool {
        match self {
            Self::Passport | Self::IdCard | Self::ForeignPassport | Self::DriverLicense => true,
            Self::ResidencePermit | Self::TemporaryResidence | Self::TemporaryIdCard => country.has_residence_documents(),
        }
    }
}

/// A series or a number in the form in which it is kept: without blanks, in upper case, and with the Latin letter where a Cyrillic one
/// looks the same.
pub(crate) fn normalized(text: &str) -> String {
    let latin = |letter: char| match letter {
        'А' => 'A',
        'В' => 'B',
        'Е' => 'E',
        'К' => 'K',
        'М' => 'M',
        'Н' => 'H',
        'О' => 'O',
        'Р' => 'P',
        'С' => 'C',
        'Т' => 'T',
        'У' => 'Y',
        'Х' => 'X',
        'І' => 'I',
        'Ј' => 'J',
        'Ѕ' => 'S',
        other => other,
    };
    text.chars().filter(|letter| !letter.is_whitespace()).flat_map(char::to_uppercase).map(latin).collect()
}

/// Series and number in one text: people write them together or apart.
pub(crate) fn document_key(series: Option<&str>, number: Option<&str>) -> Option<String> {
    number.map(|number| normalized(&[series.unwrap_or_default(), number].concat()))
}

/// Replaces each character with an asterisk for which `hidden(position, length)` is true.
pub(crate) fn starred(text: &str, hidden: impl Fn(usize, usize) -> bool) -> String {
    let length = text.chars().count();
    text.chars().enumerate().map(|(at, letter)| if hidden(at, length) { '*' } else { letter }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_the_same_whatever_the_case_the_blanks_and_the_alphabet_of_its_letters() {
        let key = document_key(Some("AC"), Some("1234567"));
        for number in ["ac1234567", "AC 1234567", "АС1234567", "ас\u{a0}123 4567"] {
            assert_eq!(document_key(None, Some(number)), key, "{number}");
        }
        assert_ne!(document_key(None, Some("БС1234567")), key);
        assert_eq!(document_key(Some("AC"), None), None);
    }
}
