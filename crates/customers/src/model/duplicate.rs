//! Detection of records that may be the same subscriber: search keys, similarity and score.
//!
//! Similarities and scores are integers from 0 to 100. Names are compared word by word, each word with its most similar counterpart,
//! so that case, ё and the order of first and last name do not matter. Addresses are compared by the words they share.

use std::collections::BTreeSet;

use chrono::NaiveDate;
use kernel::{email, id::CustomerId, text::searchable, text_enum};
use serde::Serialize;
use strsim::osa_distance;
use utoipa::ToSchema;

use super::{BirthDate, Customer, CustomerStatus, CustomerType, DocumentType, document_key};
use crate::input::DuplicateCheckInput;

/// Names and addresses with at least this similarity count as similar.
const SIMILAR: usize = 80;
/// If any pair of words has a lower similarity than this, the two names are different.
const APART: usize = 60;
/// The similarity of an initial and a word that begins with it.
const INITIAL: usize = 85;
/// Records with at least this score are listed.
pub(crate) const LISTED: u8 = 40;
/// Records with at least this score cause a warning; an equal name alone does not.
pub(crate) const WARNED_OF: u8 = 60;
/// The maximum number of words of a name or an address that are compared.
const MOST_WORDS: usize = 40;

/// Words of an address that give the type of the neighboring word, such as "street"; they are ignored.
const ADDRESS_WORDS: [&str; 40] = [
    "г",
    "гор",
    "город",
    "ул",
    "улица",
    "д",
    "дом",
    "кв",
    "квартира",
    "обл",
    "область",
    "р",
    "н",
    "район",
    "пер",
    "переулок",
    "пр",
    "т",
    "просп",
    "проспект",
    "пл",
    "площадь",
    "б",
    "бул",
    "бульвар",
    "наб",
    "набережная",
    "ш",
    "шоссе",
    "корп",
    "корпус",
    "стр",
    "строение",
    "оф",
    "офис",
    "пос",
    "поселок",
    "село",
    "мкр",
    "микрорайон",
];

/// Legal forms of organizations; they are ignored.
const LEGAL_FORMS: [&str; 8] = ["ооо", "оао", "зао", "пао", "ао", "ип", "тоо", "осоо"];

text_enum! {
    /// Why two records may be the same subscriber.
    pub enum DuplicateReason {
        /// The kind, series and number of the document are equal.
        SameDocument = "same_document",
        /// The tax number is equal.
        SameInn = "same_inn",
        /// The organization's registration code is equal.
        SameOrganizationCode = "same_organization_code",
        /// All names and the birth date are equal.
        SameNameAndBirthDate = "same_name_and_birth_date",
        /// The names are similar, and the birth date is equal.
        SimilarNameAndBirthDate = "similar_name_and_birth_date",
        /// The names and the address are similar.
        SimilarNameAndAddress = "similar_name_and_address",
        /// The phone number is equal.
        SamePhone = "same_phone",
        /// The e-mail address is equal.
        SameEmail = "same_email",
        /// All names are equal, but neither the birth date nor the address matches.
        SameName = "same_name",
    }
}

impl DuplicateReason {
    /// The score of this reason alone, from 0 to 100.
    const fn weight(self) -> usize {
        match self {
            Self::SameDocument | Self::SameInn => 95,
            Self::SameOrganizationCode => 90,
            Self::SameNameAndBirthDate => 85,
            Self::SimilarNameAndAddress => 70,
            Self::SimilarNameAndBirthDate => 65,
            Self::SamePhone | Self::SameEmail => 60,
            Self::SameName => 40,
        }
    }
}

/// A record that may be the same subscriber. It contains nothing that requires `customers:pii`.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "customer_id": 7, "full_name": "Иванов Пётр Сергеевич", "customer_type": "individual", "status": "active", "score": 85,
    "reasons": ["same_name_and_birth_date"]
}))]
pub struct Duplicate {
    /// The other record.
    pub customer_id: CustomerId,
    /// Its name.
    pub full_name: String,
    /// Person or organization.
    pub customer_type: CustomerType,
    /// Its status; an archived record can be restored instead of registering the subscriber again.
    pub status: CustomerStatus,
    /// How likely it is the same subscriber, from 0 to 100.
    #[schema(minimum = 0, maximum = 100)]
    pub score: u8,
    /// Why it may be the same subscriber.
    pub reasons: Vec<DuplicateReason>,
}

/// The values by which records are compared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Likeness {
    pub(crate) name_key: String,
    pub(crate) birth_date: Option<NaiveDate>,
    /// The kind of the document, and its series and number in one text.
    pub(crate) document: Option<(DocumentType, String)>,
    pub(crate) inn: Option<String>,
    pub(crate) organization_code: Option<String>,
    pub(crate) address_key: String,
    pub(crate) phone: Option<String>,
    pub(crate) email_key: Option<String>,
}

impl Likeness {
    /// The values of a check that may be compared.
    ///
    /// Without `customers:pii`, masked fields are left out: otherwise the score would reveal whether a guessed birth date is right.
    pub(crate) fn of_check(check: &DuplicateCheckInput, with_personal_data: bool) -> Self {
        let filled = |text: &Option<String>| text.as_deref().map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned);
        let names = [&check.organization_name, &check.last_name, &check.first_name, &check.patronymic].map(Option::as_deref);
        let open = Self {
            name_key: name_key_of(names[0], [names[1], names[2], names[3]]),
            organization_code: filled(&check.organization_code),
            phone: filled(&check.phone),
            email_key: filled(&check.email).map(|email| email::key(&email)),
            ..Self::default()
        };
        if !with_personal_data {
            return open;
        }
        let document = document_key(filled(&check.passport_series).as_deref(), filled(&check.passport_number).as_deref());
        Self {
            birth_date: check.birth_date,
            document: check.document_type.zip(document),
            inn: filled(&check.inn),
            address_key: address_key(check.address.as_deref()),
            ..open
        }
    }

    fn of_customer(customer: &Customer) -> Self {
        let document = document_key(customer.passport_series.as_deref(), customer.passport_number.as_deref());
        Self {
            name_key: name_key(customer.customer_type, customer.organization_name.as_deref(), names(customer)),
            birth_date: customer.birth_date.and_then(BirthDate::date),
            document: customer.document_type.zip(document),
            inn: customer.inn.clone(),
            organization_code: customer.organization_code.clone(),
            address_key: address_key(customer.address.as_deref()),
            phone: Some(customer.phone.clone()),
            email_key: customer.email.as_deref().map(email::key),
        }
    }

    /// Why the two may be the same subscriber, in order of descending weight.
    fn reasons(&self, other: &Self) -> Vec<DuplicateReason> {
        use DuplicateReason as Reason;
        let same_name = !self.name_key.is_empty() && self.name_key == other.name_key;
        let similar_name = same_name || is_similar(&self.name_key, &other.name_key);
        let same_birth = equal(&self.birth_date, &other.birth_date);
        let similar_address = shared(&self.address_key, &other.address_key) >= SIMILAR;
        let told = [
            (Reason::SameDocument, equal(&self.document, &other.document)),
            (Reason::SameInn, equal(&self.inn, &other.inn)),
            (Reason::SameOrganizationCode, equal(&self.organization_code, &other.organization_code)),
            (Reason::SameNameAndBirthDate, same_name && same_birth),
            (Reason::SimilarNameAndAddress, similar_name && similar_address),
            (Reason::SimilarNameAndBirthDate, similar_name && !same_name && same_birth),
            (Reason::SamePhone, equal(&self.phone, &other.phone)),
            (Reason::SameEmail, equal(&self.email_key, &other.email_key)),
            (Reason::SameName, same_name && !same_birth && !similar_address),
        ];
        told.into_iter().filter(|(_, holds)| *holds).map(|(reason, _)| reason).collect()
    }

    /// Returns the other record with its score if the score is at least [`LISTED`].
    pub(crate) fn compare(&self, other: Customer) -> Option<Duplicate> {
        let reasons = self.reasons(&Self::of_customer(&other));
        let score = score(&reasons);
        if score < LISTED {
            return None;
        }
        let other = other.shown(false);
        Some(Duplicate {
            customer_id: other.id,
            full_name: other.full_name,
            customer_type: other.customer_type,
            status: other.status,
            score,
            reasons,
        })
    }
}

fn equal<T: PartialEq>(one: &Option<T>, other: &Option<T>) -> bool {
    one.is_some() && one == other
}

/// Combines reasons as independent probabilities: two reasons that each leave a doubt of 40 leave 16 together.
fn score(reasons: &[DuplicateReason]) -> u8 {
    let doubt = reasons.iter().fold(100, |doubt, reason| doubt * (100 - reason.weight()) / 100);
    u8::try_from(100 - doubt).unwrap_or_default()
}

fn names(customer: &Customer) -> [Option<&str>; 3] {
    [Some(customer.last_name.as_str()), Some(&customer.first_name), customer.patronymic.as_deref()]
}

/// Splits a text into words of letters and digits, normalized for searching.
fn words(text: &str) -> Vec<String> {
    let folded = searchable(text);
    folded.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty()).take(MOST_WORDS).map(str::to_owned).collect()
}

/// The words of the relevant name in alphabetical order, so that swapping first and last name does not matter.
pub(crate) fn name_key(customer_type: CustomerType, organization: Option<&str>, names: [Option<&str>; 3]) -> String {
    let organization = organization.filter(|_| customer_type == CustomerType::Organization);
    name_key_of(organization, names)
}

fn name_key_of(organization: Option<&str>, names: [Option<&str>; 3]) -> String {
    let of_organization: Vec<String> =
        organization.map(words).unwrap_or_default().into_iter().filter(|word| !LEGAL_FORMS.contains(&word.as_str())).collect();
    let mut words = if of_organization.is_empty() { names.into_iter().flatten().flat_map(words).collect() } else { of_organization };
    words.sort_unstable();
    words.join(" ")
}

/// The significant words of an address in their order; addresses are also searched in this form.
pub(crate) fn address_key(address: Option<&str>) -> String {
    let words = words(address.unwrap_or_default());
    words.into_iter().filter(|word| !ADDRESS_WORDS.contains(&word.as_str())).collect::<Vec<_>>().join(" ")
}

/// The similarity of two words: the share of letters that need not be replaced, inserted, deleted or swapped with a neighbor.
fn word_alike(one: &str, other: &str) -> usize {
    let (short, long) = (one.chars().count().min(other.chars().count()), one.chars().count().max(other.chars().count()));
    if short == 1 && one.chars().next() == other.chars().next() && long > 1 {
        return INITIAL;
    }
    (long - osa_distance(one, other)) * 100 / long.max(1)
}

/// The similarity of two names.
///
/// A name may lack one word of the other, such as the patronymic. A single word is compared only with a single word.
fn alike(one: &str, other: &str) -> usize {
    let split = |key: &str| key.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect::<Vec<_>>();
    let (one, other) = (split(one), split(other));
    let (short, mut long) = if one.len() <= other.len() { (one, other) } else { (other, one) };
    let lacking = long.len() - short.len();
    if short.is_empty() || lacking > 1 || (short.len() == 1 && lacking > 0) {
        return 0;
    }
    let (mut likeness, mut letters, mut least) = (0, 0, 100);
    for word in &short {
        let pairs = long.iter().map(|candidate| word_alike(word, candidate)).enumerate();
        // the first of equally good candidates, so that the result is deterministic
        let Some((at, best)) = pairs.reduce(|best, next| if next.1 > best.1 { next } else { best }) else { break };
        let length = word.chars().count().max(long.swap_remove(at).chars().count());
        likeness += best * length;
        letters += length;
        least = least.min(best);
    }
    if least < APART { 0 } else { likeness / letters.max(1) }
}

/// Whether two names are so similar that one may be the other with a mistyped letter.
pub(crate) fn is_similar(one: &str, other: &str) -> bool {
    alike(one, other) >= SIMILAR
}

/// The share of words that two addresses have in common. Words may differ by a typo; numbers must be equal.
fn shared(one: &str, other: &str) -> usize {
    let split = |key: &str| key.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect::<BTreeSet<_>>();
    let (one, mut other) = (split(one), split(other));
    let all = one.len() + other.len();
    // a town alone is not an address
    if one.len() < 2 || other.len() < 2 {
        return 0;
    }
    let mut common = 0;
    for word in &one {
        let is_number = word.chars().any(|letter| letter.is_ascii_digit());
        let same = |candidate: &&String| *candidate == word || (!is_number && word_alike(word, candidate) >= SIMILAR);
        if let Some(found) = other.iter().find(same).cloned() {
            other.remove(&found);
            common += 1;
        }
    }
    200 * common / all
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(last: &str, first: &str, patronymic: &str) -> String {
        name_key(CustomerType::Individual, None, [Some(last), Some(first), Some(patronymic)])
    }

    #[test]
    fn names_are_the_same_whatever_their_order_case_and_yo() {
        assert_eq!(key("Пётр", "ИВАНОВ", "сергеевич"), key("иванов", "петр", "Сергеевич"));
        assert_eq!(key("Салтыков-Щедрин", "Михаил", ""), key("Михаил", "Щедрин Салтыков", ""));
        let company = |name| name_key(CustomerType::Organization, Some(name), [None; 3]);
        assert_eq!(company("ООО «Ромашка»"), company("ромашка, ООО"));
        assert_eq!(company("ООО"), "");
    }

    #[test]
    fn a_slip_of_the_pen_is_similar_and_another_name_is_not() {
        let ivanov = key("Иванов", "Пётр", "Сергеевич");
        for similar in [
            key("Ивонов", "Петр", "Сергеевич"),
            key("Иванов", "Пётр", ""),
            key("Пётр", "Иванов", "Сергеевич"),
            key("Иванов", "Птер", "Сергеевич"),
            key("Иванов", "П.", "С."),
        ] {
            assert!(alike(&ivanov, &similar) >= SIMILAR, "{similar}: {}", alike(&ivanov, &similar));
        }
        for other in [
            key("Иванов", "Иван", "Сергеевич"),
            key("Иванов", "Пётр", "Андреевич"),
            key("Петров", "Сергей", "Иванович"),
            key("Иванов", "", ""),
            String::new(),
        ] {
            assert!(alike(&ivanov, &other) < SIMILAR, "{other}: {}", alike(&ivanov, &other));
        }
    }

    #[test]
    fn an_address_is_where_it_is_however_it_is_written() {
        let key = |text| address_key(Some(text));
        assert_eq!(key("г. Москва, ул. Лесная, д. 5, кв. 12"), key("Москва, улица Лесная, дом 5, квартира 12"));
        let home = key("г. Москва, ул. Лесная, д. 5, кв. 12");
        for same in ["Москва, Лесная 5-12", "Москва, ул. Леснaя, 5, кв. 12", "Москва, Лесная, 5"] {
            assert!(shared(&home, &key(same)) >= SIMILAR, "{same}: {}", shared(&home, &key(same)));
        }
        for other in ["Москва, Лесная, 5, кв. 13", "Москва, Полевая, 5, кв. 12", "Москва", "", "Тверь, Лесная, 7, кв. 12"]
        {
            assert!(shared(&home, &key(other)) < SIMILAR, "{other}: {}", shared(&home, &key(other)));
        }
    }

    #[test]
    fn reasons_add_up_and_a_namesake_alone_is_listed_and_not_warned_of() {
        use DuplicateReason as Reason;
        assert_eq!(score(&[]), 0);
        assert_eq!(score(&[Reason::SameName]), LISTED);
        assert!(score(&[Reason::SamePhone]) >= WARNED_OF && score(&[Reason::SameName]) < WARNED_OF);
        assert_eq!(score(&[Reason::SamePhone, Reason::SameEmail]), 84);
        assert!(score(DuplicateReason::ALL) <= 100);
    }

    #[test]
    fn without_the_permission_nothing_that_is_masked_is_compared() {
        let check = DuplicateCheckInput {
            last_name: Some("Иванов".into()),
            birth_date: NaiveDate::from_ymd_opt(1990, 5, 17),
            document_type: Some(DocumentType::Passport),
            passport_number: Some("123456".into()),
            inn: Some("500100732259".into()),
            address: Some("Москва, Лесная, 5".into()),
            phone: Some("+79161234567".into()),
            ..DuplicateCheckInput::default()
        };
        let open = Likeness::of_check(&check, false);
        assert_eq!(open, Likeness { name_key: "иванов".into(), phone: Some("+79161234567".into()), ..Likeness::default() });
        let whole = Likeness::of_check(&check, true);
        assert!(whole.birth_date.is_some() && whole.document.is_some() && whole.inn.is_some() && !whole.address_key.is_empty());
    }

    proptest! {
        #[test]
        fn likeness_goes_both_ways_and_stays_within_bounds(one in "[а-я]{0,8}( [а-я]{1,8}){0,3}", other in "[а-я]{0,8}( [а-я]{1,8}){0,3}") {
            prop_assert!(alike(&one, &other) <= 100 && shared(&one, &other) <= 100);
            prop_assert_eq!(word_alike(&one, &other), word_alike(&other, &one));
            let has_words = one.trim().contains(' ') && !one.starts_with(' ');
            prop_assert!(!has_words || alike(&one, &one) == 100, "{}", one);
        }
    }
}
