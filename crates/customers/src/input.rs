//! Request bodies and list filters of subscribers, with the country's validation rules.

use chrono::{DateTime, Datelike, NaiveDate, Utc};
use database::search::Exactly;
use kernel::{
    Context, FieldErrors, Input, Several,
    country::{Country, digits, letters_or_digits},
    email::is_email,
    error::field,
    id::CustomerId,
    phone::{check_contact, normalize_contact},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use validator::Validate;

use crate::{
    countries::is_country_code,
    model::{CustomerStatus, CustomerType, DocumentType, document_key, normalized},
};

/// The fields of a subscriber that a client sets.
///
/// A person requires family name, given name and identity document; an organization requires its name and registration code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "customer_type": "individual", "last_name": "Иванов", "first_name": "Пётр", "patronymic": "Сергеевич", "birth_date": "1990-05-17",
    "document_type": "passport", "passport_series": "4510", "passport_number": "123456", "inn": "500100732259",
    "address": "Москва, ул. Лесная, 5, кв. 12", "phone": "+79161234567", "email": "ivanov@example.com"
}))]
pub struct CustomerInput {
    /// Person or organization.
    pub customer_type: CustomerType,
    /// Family name; required for a person.
    #[validate(length(max = 100))]
    #[schema(max_length = 100)]
    pub last_name: Option<String>,
    /// Given name; required for a person.
    #[validate(length(max = 100))]
    #[schema(max_length = 100)]
    pub first_name: Option<String>,
    /// Patronymic.
    #[validate(length(max = 100))]
    #[schema(max_length = 100)]
    pub patronymic: Option<String>,
    /// Birth date; the age must be 14 to 120 years.
    pub birth_date: Option<NaiveDate>,
    /// Kind of identity document; required for a person.
    pub document_type: Option<DocumentType>,
    /// Series of the document; for passports in the country's format. Case and blanks do not matter.
    #[validate(length(max = 10))]
    #[schema(pattern = "^[A-Za-z0-9]{1,10}$")]
    pub passport_series: Option<String>,
    /// Number of the document; for passports in the country's format. Case and blanks do not matter.
    #[validate(length(max = 20))]
    #[schema(pattern = "^[A-Za-z0-9]{1,20}$")]
    pub passport_number: Option<String>,
    /// Citizenship, as a two-letter country code (ISO 3166-1).
    #[schema(pattern = "^[A-Za-z]{2}$")]
    pub citizenship: Option<String>,
    /// When the document was issued.
    pub issued_on: Option<NaiveDate>,
    /// Who issued the document.
    #[validate(length(max = 300))]
    #[schema(max_length = 300)]
    pub issued_by: Option<String>,
    /// Code of the office that issued the document, in the country's format.
    #[validate(length(max = 20))]
    #[schema(max_length = 20)]
    pub issuer_code: Option<String>,
    /// The last day on which the document is valid; it may be over.
    pub valid_until: Option<NaiveDate>,
    /// Tax number, in the country's format and with the right check digits.
    #[schema(pattern = "inn")]
    pub inn: Option<String>,
    /// Registration reason code of an organization (KPP), in Russia.
    #[schema(pattern = "^[0-9]{4}[0-9A-Za-z]{2}[0-9]{3}$")]
    pub kpp: Option<String>,
    /// Name of the organization; required for an organization.
    #[validate(length(max = 200))]
    #[schema(max_length = 200)]
    pub organization_name: Option<String>,
    /// Registration code of the organization; required for an organization.
    #[validate(length(max = 20))]
    #[schema(max_length = 20)]
    pub organization_code: Option<String>,
    /// Address.
    #[validate(length(max = 300))]
    #[schema(max_length = 300)]
    pub address: Option<String>,
    /// Contact phone of any country, in any notation.
    #[schema(max_length = 64)]
    pub phone: String,
    /// E-mail address.
    #[validate(custom(function = "kernel::email::valid"), length(max = 254))]
    #[schema(format = Email, max_length = 254)]
    pub email: Option<String>,
    /// Further contact phones of any country, in any notation. They need not be unique.
    #[serde(default)]
    #[validate(length(max = 100))]
    #[schema(max_items = 100)]
    pub further_phones: Vec<String>,
    /// Further e-mail addresses. They need not be unique.
    #[serde(default)]
    #[validate(length(max = 100))]
    #[schema(max_items = 100)]
    pub further_emails: Vec<String>,
    /// Free notes.
    #[validate(length(max = 2000))]
    #[schema(max_length = 2000)]
    pub notes: Option<String>,
}

impl Input for CustomerInput {
    const SHOWN_BESIDE: &'static [&'static str] = &["warnings"];
    fn normalize(&mut self, context: &Context) {
        let country = context.policy.country;
        normalize_contact(&mut self.phone, country);
        self.further_phones.iter_mut().for_each(|phone| normalize_contact(phone, country));
        self.passport_series.iter_mut().chain(&mut self.passport_number).for_each(|text| *text = normalized(text));
        self.citizenship.iter_mut().chain(&mut self.kpp).for_each(|code| code.make_ascii_uppercase());
        self.issuer_code.iter_mut().for_each(|code| *code = country.issuer_code(code));
    }

    fn check(&self, context: &Context, wrong: &mut FieldErrors) {
        let country = context.policy.country;
        self.check_contacts(country, wrong);
        let is_inn = |inn: &str| match self.customer_type {
            CustomerType::Individual => country.is_person_inn(inn),
            CustomerType::Organization => country.is_organization_inn(inn),
        };
        if self.inn.as_deref().is_some_and(|inn| !is_inn(inn)) {
            wrong.add("inn", field::INN);
        }
        if self.kpp.as_deref().is_some_and(|kpp| self.customer_type != CustomerType::Organization || !country.is_kpp(kpp)) {
            wrong.add("kpp", field::FORMAT);
        }
        if self.birth_date.is_some_and(|born| !(14..=120).contains(&age(born, context.today()))) {
            wrong.add("birth_date", field::AGE);
        }
        // an edited masked text must not overwrite the full one
        for (name, text) in [("address", &self.address), ("issued_by", &self.issued_by), ("issuer_code", &self.issuer_code)] {
            if text.as_deref().is_some_and(|text| text.contains("**")) {
                wrong.add(name, field::FORMAT);
            }
        }
        let mut required = |name: &str, value: &Option<String>| {
            if value.as_deref().is_none_or(|text| text.trim().is_empty()) {
                wrong.add(name, field::REQUIRED);
            }
        };
        match self.customer_type {
            CustomerType::Individual => {
                required("last_name", &self.last_name);
                required("first_name", &self.first_name);
                required("passport_number", &self.passport_number);
                if self.document_type.is_none() {
                    wrong.add("document_type", field::REQUIRED);
                }
            }
            CustomerType::Organization => {
                required("organization_name", &self.organization_name);
                required("organization_code", &self.organization_code);
            }
        }
        self.check_document(country, wrong);
        self.check_issue(context, wrong);
    }
}

impl CustomerInput {
    fn check_contacts(&self, country: Country, wrong: &mut FieldErrors) {
        check_contact("phone", &self.phone, country, wrong);
        for (at, phone) in self.further_phones.iter().enumerate() {
            check_contact(&format!("further_phones/{at}"), phone, country, wrong);
        }
        for (at, email) in self.further_emails.iter().enumerate() {
            if !is_email(email) {
                wrong.add_at(format!("/further_emails/{at}"), field::EMAIL);
            }
        }
    }

    fn check_document(&self, country: Country, wrong: &mut FieldErrors) {
        if self.document_type.is_some_and(|kind| !kind.is_of(country)) {
            let kinds = DocumentType::ALL.iter().filter(|kind| kind.is_of(country));
            let choices: Vec<&str> = kinds.map(|kind| kind.as_str()).collect();
            wrong.add("document_type", field::CHOICE).with("choices", choices.join(", "));
            return;
        }
        let (Some(kind), Some(number)) = (self.document_type, self.passport_number.as_deref()) else {
            if self.customer_type == CustomerType::Organization && self.document_type.is_some() != self.passport_number.is_some() {
                wrong.add(if self.document_type.is_some() { "passport_number" } else { "document_type" }, field::REQUIRED);
            }
            return;
        };
        let series = self.passport_series.as_deref();
        let (series_fits, number_fits) = match kind {
            DocumentType::Passport => (country.is_passport_series(series), country.is_passport_number(number)),
            _ => (series.is_none_or(|series| letters_or_digits(series, 1..=10)), letters_or_digits(number, 4..=20)),
        };
        if !series_fits {
            wrong.add("passport_series", if series.is_none() { field::REQUIRED } else { field::DOCUMENT });
        }
        if !number_fits {
            wrong.add("passport_number", field::DOCUMENT);
        }
    }

    /// Checks what belongs to the issue of the document, and the citizenship.
    fn check_issue(&self, context: &Context, wrong: &mut FieldErrors) {
        if self.citizenship.as_deref().is_some_and(|code| !is_country_code(code)) {
            wrong.add("citizenship", field::FORMAT);
        }
        if self.issuer_code.as_deref().is_some_and(|code| !context.policy.country.is_issuer_code(code)) {
            wrong.add("issuer_code", field::FORMAT);
        }
        if let Some(issued) = self.issued_on {
            let (earliest, latest) = (self.birth_date.unwrap_or(EARLIEST_ISSUE), context.today());
            if !(earliest..=latest).contains(&issued) {
                wrong.add("issued_on", field::RANGE).with("min", earliest).with("max", latest);
            } else if self.valid_until.is_some_and(|until| until < issued) {
                wrong.add("valid_until", field::ENDS_BEFORE_BEGIN);
            }
        }
        if self.valid_until.is_some_and(|until| !YEARS.contains(&until.year())) {
            wrong.add("valid_until", field::RANGE).with("min", YEARS.start()).with("max", YEARS.end());
        }
    }
}

/// Years in which a document may end.
const YEARS: std::ops::RangeInclusive<i32> = 1900..=9999;
/// No document that is still used was issued before.
const EARLIEST_ISSUE: NaiveDate = match NaiveDate::from_ymd_opt(1900, 1, 1) {
    Some(day) => day,
    None => NaiveDate::MIN,
};

/// Why a subscriber is suspended or blocked.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"reason": "по письму абонента"}))]
pub struct StatusReasonInput {
    /// The reason, as free text.
    #[validate(length(min = 1, max = 500))]
    #[schema(min_length = 1, max_length = 500)]
    pub reason: String,
}

impl Input for StatusReasonInput {}

/// The fields of a record to check for likely duplicates; any of them may be absent.
///
/// Without `customers:pii`, the birth date, document, tax number and address are not compared.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "last_name": "Иванов", "first_name": "Пётр", "patronymic": "Сергеевич", "birth_date": "1990-05-17", "phone": "+79161234567"
}))]
pub struct DuplicateCheckInput {
    /// The existing record that is checked, if there is one; the result excludes it.
    pub customer_id: Option<CustomerId>,
    /// Family name.
    #[validate(length(max = 100))]
    #[schema(max_length = 100)]
    pub last_name: Option<String>,
    /// Given name.
    #[validate(length(max = 100))]
    #[schema(max_length = 100)]
    pub first_name: Option<String>,
    /// Patronymic.
    #[validate(length(max = 100))]
    #[schema(max_length = 100)]
    pub patronymic: Option<String>,
    /// Birth date.
    pub birth_date: Option<NaiveDate>,
    /// Kind of identity document.
    pub document_type: Option<DocumentType>,
    /// Series of the document.
    #[validate(length(max = 10))]
    #[schema(max_length = 10)]
    pub passport_series: Option<String>,
    /// Number of the document.
    #[validate(length(max = 20))]
    #[schema(max_length = 20)]
    pub passport_number: Option<String>,
    /// Tax number.
    #[validate(length(max = 20))]
    #[schema(max_length = 20)]
    pub inn: Option<String>,
    /// Name of the organization; compared instead of a person's names.
    #[validate(length(max = 200))]
    #[schema(max_length = 200)]
    pub organization_name: Option<String>,
    /// Registration code of the organization.
    #[validate(length(max = 20))]
    #[schema(max_length = 20)]
    pub organization_code: Option<String>,
    /// Address.
    #[validate(length(max = 300))]
    #[schema(max_length = 300)]
    pub address: Option<String>,
    /// Contact phone, in any notation.
    #[validate(length(max = 64))]
    #[schema(max_length = 64)]
    pub phone: Option<String>,
    /// E-mail address.
    #[validate(length(max = 254))]
    #[schema(max_length = 254)]
    pub email: Option<String>,
}

impl Input for DuplicateCheckInput {
    fn normalize(&mut self, context: &Context) {
        self.phone.iter_mut().for_each(|phone| normalize_contact(phone, context.policy.country));
    }
}

impl DuplicateCheckInput {
    /// Creates the check for a subscriber that is registered under the id `registered`.
    pub(crate) fn of(input: &CustomerInput, registered: CustomerId) -> Self {
        let CustomerInput { last_name, first_name, patronymic, birth_date, document_type, passport_series, .. } = input.clone();
        let CustomerInput { customer_type, passport_number, inn, organization_name, organization_code, address, phone, email, .. } =
            input.clone();
        Self {
            customer_id: Some(registered),
            last_name,
            first_name,
            patronymic,
            birth_date,
            document_type,
            passport_series,
            passport_number,
            inn,
            organization_name: organization_name.filter(|_| customer_type == CustomerType::Organization),
            organization_code,
            address,
            phone: Some(phone),
            email,
        }
    }
}

/// The record to merge into the subscriber.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"duplicate_id": 8}))]
pub struct MergeInput {
    /// The duplicate record; the merge archives it.
    pub duplicate_id: CustomerId,
}

impl Input for MergeInput {}

fn age(born: NaiveDate, today: NaiveDate) -> i32 {
    let had_birthday = (today.month(), today.day()) >= (born.month(), born.day());
    today.year() - born.year() - i32::from(!had_birthday)
}

/// Which subscribers to list.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct CustomerFilter {
    /// Only with this status.
    #[param(value_type = Option<Vec<CustomerStatus>>)]
    pub status: Option<Several<CustomerStatus>>,
    /// Only persons, or only organizations.
    #[param(value_type = Option<Vec<CustomerType>>)]
    pub customer_type: Option<Several<CustomerType>>,
    /// Only with this kind of document.
    #[param(value_type = Option<Vec<DocumentType>>)]
    pub document_type: Option<Several<DocumentType>>,
    /// Registered at this moment or later.
    pub created_at_after: Option<DateTime<Utc>>,
    /// Registered at this moment or earlier.
    pub created_at_before: Option<DateTime<Utc>>,
    /// Only subscribers with an active contract, or only those without one.
    pub has_active_contract: Option<bool>,
    /// Words of the address, such as the city; requires `customers:pii`.
    #[param(max_length = 200)]
    pub city: Option<String>,
    /// Part of a name, initials, a phone in any notation, part of an e-mail address, the name or the code of an organization; with
    /// `customers:pii` also a complete document number, alone or with its series, and a complete tax number.
    #[param(max_length = 200)]
    pub search: Option<String>,
}

impl CustomerFilter {
    /// The personal data that the search text can be.
    pub(crate) fn personal_data(&self) -> Vec<Exactly> {
        self.search.as_deref().map(personal_data).unwrap_or_default()
    }
}

/// The personal data that a text can be: a document number, a series with a number, or a tax number.
pub(crate) fn personal_data(text: &str) -> Vec<Exactly> {
    let Some(value) = document_key(None, Some(text)).filter(|key| letters_or_digits(key, 4..=30)) else { return Vec::new() };
    let mut exact =
        vec![Exactly { column: "document_key", value: value.clone() }, Exactly { column: "passport_number", value: value.clone() }];
    if digits(&value, 9..=14) {
        exact.push(Exactly { column: "inn", value });
    }
    exact
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn age_counts_birthdays() {
        let day = |y, m, d| NaiveDate::from_ymd_opt(y, m, d).unwrap();
        assert_eq!(age(day(2000, 2, 29), day(2014, 2, 28)), 13);
        assert_eq!(age(day(2000, 2, 29), day(2014, 3, 1)), 14);
    }
}
