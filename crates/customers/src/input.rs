//! Request bodies and list filters of subscribers, with the country's validation rules.

use chrono::{DateTime, Datelike, NaiveDate, Utc};
use kernel::{Context, FieldErrors, Input, country::letters_or_digits, error::field, id::CustomerId};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use validator::Validate;

use crate::model::{CustomerStatus, CustomerType, DocumentType};

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
    /// Series of the document; for passports in the country's format.
    #[validate(length(max = 10))]
    #[schema(pattern = "^[A-Za-z0-9]{1,10}$")]
    pub passport_series: Option<String>,
    /// Number of the document; for passports in the country's format.
    #[validate(length(max = 20))]
    #[schema(pattern = "^[A-Za-z0-9]{1,20}$")]
    pub passport_number: Option<String>,
    /// Tax number, in the country's format.
    #[schema(pattern = "inn")]
    pub inn: Option<String>,
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
    /// Contact phone, in the country's format.
    #[schema(pattern = "phone")]
    pub phone: String,
    /// E-mail address.
    #[validate(email, length(max = 254))]
    #[schema(format = Email, max_length = 254)]
    pub email: Option<String>,
    /// Free notes.
    #[validate(length(max = 2000))]
    #[schema(max_length = 2000)]
    pub notes: Option<String>,
}

impl Input for CustomerInput {
    fn check(&self, context: &Context, wrong: &mut FieldErrors) {
        let country = context.policy.country;
        if !country.is_phone(&self.phone) {
            wrong.add("phone", field::PHONE).with("prefix", country.phone_prefix()).with("digits", country.phone_digits());
        }
        let is_inn = |inn: &str| match self.customer_type {
            CustomerType::Individual => country.is_person_inn(inn),
            CustomerType::Organization => country.is_organization_inn(inn),
        };
        if self.inn.as_deref().is_some_and(|inn| !is_inn(inn)) {
            wrong.add("inn", field::INN);
        }
        if self.birth_date.is_some_and(|born| !(14..=120).contains(&age(born, context.today()))) {
            wrong.add("birth_date", field::AGE);
        }
        // an edited masked address must not overwrite the full one
        if self.address.as_deref().is_some_and(|address| address.contains("**")) {
            wrong.add("address", field::FORMAT);
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
        self.check_document(context, wrong);
    }
}

impl CustomerInput {
    fn check_document(&self, context: &Context, wrong: &mut FieldErrors) {
        let (Some(kind), Some(number)) = (self.document_type, self.passport_number.as_deref()) else {
            if self.customer_type == CustomerType::Organization && self.document_type.is_some() != self.passport_number.is_some() {
                wrong.add(if self.document_type.is_some() { "passport_number" } else { "document_type" }, field::REQUIRED);
            }
            return;
        };
        let country = context.policy.country;
        let series = self.passport_series.as_deref();
        let (series_fits, number_fits) = match kind {
            DocumentType::Passport => (country.is_passport_series(series), country.is_passport_number(number)),
            DocumentType::IdCard | DocumentType::ForeignPassport | DocumentType::DriverLicense => {
                (series.is_none_or(|series| letters_or_digits(series, 1..=10)), letters_or_digits(number, 4..=20))
            }
        };
        if !series_fits {
            wrong.add("passport_series", if series.is_none() { field::REQUIRED } else { field::DOCUMENT });
        }
        if !number_fits {
            wrong.add("passport_number", field::DOCUMENT);
        }
    }
}

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
    /// Contact phone.
    #[validate(length(max = 20))]
    #[schema(max_length = 20)]
    pub phone: Option<String>,
    /// E-mail address.
    #[validate(length(max = 254))]
    #[schema(max_length = 254)]
    pub email: Option<String>,
}

impl Input for DuplicateCheckInput {}

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
    pub status: Option<CustomerStatus>,
    /// Only persons, or only organizations.
    pub customer_type: Option<CustomerType>,
    /// Only with this kind of document.
    pub document_type: Option<DocumentType>,
    /// Registered at this moment or later.
    pub created_at_after: Option<DateTime<Utc>>,
    /// Registered at this moment or earlier.
    pub created_at_before: Option<DateTime<Utc>>,
    /// Only subscribers with an active contract, or only those without one.
    pub has_active_contract: Option<bool>,
    /// Words of the address, such as the city; requires `customers:pii`.
    #[param(max_length = 200)]
    pub city: Option<String>,
    /// Part of a name, phone, e-mail or organization name; with `customers:pii` also a complete document number.
    #[param(max_length = 200)]
    pub search: Option<String>,
}

impl CustomerFilter {
    /// The search text, if it can be a document number.
    pub(crate) fn document_number(&self) -> Option<&str> {
        self.search.as_deref().map(str::trim).filter(|text| letters_or_digits(text, 4..=20))
    }
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
