//! The subscriber entity, its status changes and the masking of personal data.

mod document;
mod duplicate;
mod further;
mod history;
mod masked_date;
mod short;
mod statistics;

use chrono::{DateTime, NaiveDate, Utc};
use kernel::{Error, Result, id::CustomerId, text::masked, text_enum};
use serde::Serialize;
use utoipa::ToSchema;

pub use document::DocumentType;
use document::starred;
pub(crate) use document::{document_key, normalized};
pub use further::Further;
pub use masked_date::BirthDate;

pub use duplicate::{Duplicate, DuplicateReason};
pub(crate) use duplicate::{Likeness, WARNED_OF, address_key, is_similar, name_key};
pub use history::HistoryRow;
pub use short::{CustomerShort, CustomerShortRow};
pub use statistics::{CustomerStatistics, DayCount, RegisteredCustomer, StatusCounts};

use crate::input::CustomerInput;

/// Refusals about subscribers.
pub mod refusal {
    kernel::codes! {
        /// No such subscriber.
        NOT_FOUND = NotFound "customer_not_found";
        /// A unique value belongs to another subscriber.
        DUPLICATE = Conflict "customer_duplicate";
        /// The action requires an active subscriber.
        NOT_ACTIVE = Conflict "customer_not_active";
        /// The subscriber's current status does not allow the action.
        WRONG_STATE = Conflict "customer_wrong_state";
        /// A subscriber with a contract that is not terminated cannot be archived.
        HAS_CONTRACTS = Conflict "customer_has_contracts";
        /// A merged subscriber cannot be restored.
        MERGED = Conflict "customer_merged";
        /// A subscriber cannot be merged into itself.
        MERGE_WITH_ITSELF = Conflict "customer_merge_with_itself";
        /// Only subscribers of the same type can be merged.
        MERGE_MISMATCH = Conflict "customer_merge_mismatch";
    }
}

text_enum! {
    /// The type of a subscriber.
    pub enum CustomerType {
        /// A person.
        Individual = "individual",
        /// A legal entity.
        Organization = "organization",
    }
}

text_enum! {
    /// The status of a subscriber.
    pub enum CustomerStatus {
        /// Receives service.
        Active = "active",
        /// Service is paused.
        Suspended = "suspended",
        /// Service is barred.
        Blocked = "blocked",
        /// Removed from use; the history remains.
        Archived = "archived",
    }
}

/// A subscriber.
#[derive(Clone, Debug, Serialize, ToSchema, sqlx_macros::FromRow)]
#[schema(example = json!({
    "id": 7, "customer_type": "individual", "status": "active", "last_name": "Иванов", "first_name": "Пётр", "patronymic": "Сергеевич",
    "birth_date": "1990-05-17", "document_type": "passport", "passport_series": "4510", "passport_number": "123456", "inn": "500100732259",
    "organization_name": null, "organization_code": null, "address": "Москва, ул. Лесная, 5, кв. 12", "phone": "+79161234567",
    "email": "ivanov@example.com", "further_phones": ["+79031112233"], "further_emails": [], "notes": null, "citizenship": "RU",
    "issued_on": "2010-06-01", "issued_by": "ОВД «Лесной» г. Москвы", "issuer_code": "770-001", "valid_until": null, "kpp": null, "status_reason": null, "merged_into": null, "full_name": "Иванов Пётр Сергеевич", "short_name": "Иванов П. С.",
    "created_at": "2026-01-15T09:30:00Z", "updated_at": "2026-01-15T09:30:00Z", "version": 1
}))]
pub struct Customer {
    /// The id.
    pub id: CustomerId,
    /// Person or organization.
    pub customer_type: CustomerType,
    /// Status; changes only through actions.
    pub status: CustomerStatus,
    /// Family name; empty for an organization without a contact person.
    pub last_name: String,
    /// Given name; empty for an organization without a contact person.
    pub first_name: String,
    /// Patronymic.
    pub patronymic: Option<String>,
    /// Birth date; masked without `customers:pii`.
    pub birth_date: Option<BirthDate>,
    /// Kind of identity document.
    pub document_type: Option<DocumentType>,
    /// Series of the document; masked without `customers:pii`.
    pub passport_series: Option<String>,
    /// Number of the document; masked without `customers:pii`.
    pub passport_number: Option<String>,
    /// Citizenship, as a two-letter country code.
    pub citizenship: Option<String>,
    /// When the document was issued; masked without `customers:pii`.
    pub issued_on: Option<BirthDate>,
    /// Who issued the document; masked without `customers:pii`.
    pub issued_by: Option<String>,
    /// Code of the office that issued the document; masked without `customers:pii`.
    pub issuer_code: Option<String>,
    /// The last day on which the document is valid.
    pub valid_until: Option<NaiveDate>,
    /// Tax number; masked without `customers:pii`.
    pub inn: Option<String>,
    /// Registration reason code of the organization (KPP).
    pub kpp: Option<String>,
    /// Name of the organization.
    pub organization_name: Option<String>,
    /// Registration code of the organization.
    pub organization_code: Option<String>,
    /// Address; masked without `customers:pii`.
    pub address: Option<String>,
    /// Contact phone: a plus and digits.
    pub phone: String,
    /// E-mail address.
    pub email: Option<String>,
    /// Further contact phones, also those of merged duplicates.
    #[schema(value_type = Vec<String>)]
    pub further_phones: Further,
    /// Further e-mail addresses, also those of merged duplicates.
    #[schema(value_type = Vec<String>)]
    pub further_emails: Further,
    /// Free notes.
    pub notes: Option<String>,
    /// Why the subscriber is suspended or blocked.
    pub status_reason: Option<String>,
    /// The status before archiving.
    #[serde(skip)]
    pub archived_from: Option<CustomerStatus>,
    /// The subscriber into which this one was merged.
    pub merged_into: Option<CustomerId>,
    /// The organization's name, or family name, given name and patronymic.
    #[sqlx(skip)]
    pub full_name: String,
    /// The organization's name, or family name and initials.
    #[sqlx(skip)]
    pub short_name: String,
    /// When the subscriber was registered.
    pub created_at: DateTime<Utc>,
    /// When the subscriber was last changed.
    pub updated_at: DateTime<Utc>,
    /// Increases with every change.
    pub version: i64,
}

/// The names of a subscriber.
#[derive(Clone, Debug, sqlx_macros::FromRow)]
pub struct CustomerNames {
    /// Person or organization.
    pub customer_type: CustomerType,
    /// Family name.
    pub last_name: String,
    /// Given name.
    pub first_name: String,
    /// Patronymic.
    pub patronymic: Option<String>,
    /// Name of the organization.
    pub organization_name: Option<String>,
}

/// The contact details of a subscriber.
#[derive(Clone, Debug, sqlx_macros::FromRow)]
pub struct Contact {
    /// The subscriber.
    pub id: CustomerId,
    /// Contact phone.
    pub phone: String,
    /// E-mail address.
    pub email: Option<String>,
    /// The names.
    #[sqlx(flatten)]
    pub names: CustomerNames,
}

impl CustomerNames {
    /// The organization's name, or family name, given name and patronymic.
    pub fn full_name(&self) -> String {
        self.named(str::to_owned)
    }

    /// The organization's name, or family name and initials.
    pub fn short_name(&self) -> String {
        self.named(|name| name.chars().next().map(|initial| format!("{initial}.")).unwrap_or_default())
    }

    /// The organization's name; or the family name, followed by the other names as `further` formats them.
    fn named(&self, further: impl Fn(&str) -> String) -> String {
        if let (CustomerType::Organization, Some(name)) = (self.customer_type, &self.organization_name) {
            return name.clone();
        }
        let others = [self.first_name.as_str(), self.patronymic.as_deref().unwrap_or_default()];
        let parts = [self.last_name.clone()].into_iter().chain(others.into_iter().map(further));
        parts.filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
    }
}

impl Customer {
    /// The name as a payer at a terminal sees it: the organization's name, or given name, patronymic and the initial of the family name.
    pub fn discreet_name(&self) -> String {
        if let (CustomerType::Organization, Some(name)) = (self.customer_type, &self.organization_name) {
            return name.clone();
        }
        let initial = self.last_name.chars().next().map(|initial| format!("{initial}.")).unwrap_or_default();
        let parts = [self.first_name.as_str(), self.patronymic.as_deref().unwrap_or_default(), &initial];
        parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
    }

    /// Returns the subscriber if it is active. Errors: `customer_not_active`.
    pub fn active(self) -> Result<Self> {
        match self.status {
            CustomerStatus::Active => Ok(self),
            status => Err(Error::new(refusal::NOT_ACTIVE).with("status", status)),
        }
    }

    /// Activates the subscriber. Errors: `customer_wrong_state` unless suspended or blocked.
    pub fn activated(&self) -> Result<Self> {
        self.must_be(&[CustomerStatus::Suspended, CustomerStatus::Blocked])?;
        Ok(Self { status: CustomerStatus::Active, status_reason: None, ..self.clone() })
    }

    /// Suspends the subscriber; a blocked one cannot be suspended. Errors: `customer_wrong_state` unless active.
    pub fn suspended(&self, reason: &str) -> Result<Self> {
        self.must_be(&[CustomerStatus::Active])?;
        Ok(Self { status: CustomerStatus::Suspended, status_reason: Some(reason.to_owned()), ..self.clone() })
    }

    /// Blocks the subscriber. Errors: `customer_wrong_state` unless active or suspended.
    pub fn blocked(&self, reason: &str) -> Result<Self> {
        self.must_be(&[CustomerStatus::Active, CustomerStatus::Suspended])?;
        Ok(Self { status: CustomerStatus::Blocked, status_reason: Some(reason.to_owned()), ..self.clone() })
    }

    /// Archives the subscriber. Errors: `customer_wrong_state` if it is already archived.
    pub fn archived(&self) -> Result<Self> {
        self.must_be(&[CustomerStatus::Active, CustomerStatus::Suspended, CustomerStatus::Blocked])?;
        Ok(Self { status: CustomerStatus::Archived, archived_from: Some(self.status), ..self.clone() })
    }

    /// Restores the status that the subscriber had before archiving, so a blocked one stays blocked.
    ///
    /// Errors: `customer_wrong_state` unless archived, `customer_merged`.
    pub fn restored(&self) -> Result<Self> {
        self.must_be(&[CustomerStatus::Archived])?;
        if let Some(survivor) = self.merged_into {
            return Err(Error::new(refusal::MERGED).with("survivor", survivor));
        }
        let status = self.archived_from.unwrap_or(CustomerStatus::Active);
        Ok(Self { status, archived_from: None, ..self.clone() })
    }

    /// Archives the subscriber permanently as a duplicate of `survivor`.
    ///
    /// Errors: `customer_merge_with_itself`, `customer_wrong_state` if one of them is archived, `customer_merge_mismatch`.
    pub fn merged(&self, survivor: &Self) -> Result<Self> {
        if self.id == survivor.id {
            return Err(refusal::MERGE_WITH_ITSELF.into());
        }
        survivor.archived()?;
        let archived = self.archived()?;
        if self.customer_type != survivor.customer_type {
            return Err(refusal::MERGE_MISMATCH.into());
        }
        Ok(Self { merged_into: Some(survivor.id), ..archived })
    }

    /// The subscriber with the phones and e-mail addresses of a duplicate as further ones.
    #[must_use]
    pub(crate) fn with_contacts_of(&self, duplicate: &Self) -> Self {
        let mut after = self.clone();
        after.further_phones.take_in([&duplicate.phone].into_iter().chain(&duplicate.further_phones.0), Some(self.phone.as_str()));
        after.further_emails.take_in(duplicate.email.iter().chain(&duplicate.further_emails.0), self.email.as_deref());
        after
    }

    fn must_be(&self, states: &[CustomerStatus]) -> Result<()> {
        if states.contains(&self.status) {
            return Ok(());
        }
        let from: Vec<&str> = states.iter().map(|status| status.as_str()).collect();
        Err(Error::new(refusal::WRONG_STATE).with("id", self.id).with("status", self.status).with("from", from.join(", ")))
    }

    /// The fields that a client may change.
    pub(crate) fn editable(&self) -> CustomerInput {
        let name = |name: &str| Some(name.to_owned()).filter(|name| !name.is_empty());
        CustomerInput {
            customer_type: self.customer_type,
            last_name: name(&self.last_name),
            first_name: name(&self.first_name),
            patronymic: self.patronymic.clone(),
            birth_date: self.birth_date.and_then(BirthDate::date),
            document_type: self.document_type,
            passport_series: self.passport_series.clone(),
            passport_number: self.passport_number.clone(),
            citizenship: self.citizenship.clone(),
            issued_on: self.issued_on.and_then(BirthDate::date),
            issued_by: self.issued_by.clone(),
            issuer_code: self.issuer_code.clone(),
            valid_until: self.valid_until,
            inn: self.inn.clone(),
            kpp: self.kpp.clone(),
            organization_name: self.organization_name.clone(),
            organization_code: self.organization_code.clone(),
            address: self.address.clone(),
            phone: self.phone.clone(),
            email: self.email.clone(),
            further_phones: self.further_phones.0.clone(),
            further_emails: self.further_emails.0.clone(),
            notes: self.notes.clone(),
        }
    }

    fn names(&self) -> CustomerNames {
        CustomerNames {
            customer_type: self.customer_type,
            last_name: self.last_name.clone(),
            first_name: self.first_name.clone(),
            patronymic: self.patronymic.clone(),
            organization_name: self.organization_name.clone(),
        }
    }

    /// The form that clients see: computed names are filled in, and personal data is masked unless `unmasked`.
    #[must_use]
    pub fn shown(mut self, unmasked: bool) -> Self {
        let names = self.names();
        (self.full_name, self.short_name) = (names.full_name(), names.short_name());
        if !unmasked {
            self.birth_date = self.birth_date.map(|_| BirthDate::Masked);
            // the two fields together read «45** ****56»
            self.passport_series = self.passport_series.map(|series| starred(&series, |at, _| at >= 2));
            self.passport_number = self.passport_number.map(|number| starred(&number, |at, length| at + 2 < length));
            self.issued_on = self.issued_on.map(|_| BirthDate::Masked);
            self.issued_by = self.issued_by.as_deref().map(masked);
            self.issuer_code = self.issuer_code.as_deref().map(masked);
            self.inn = self.inn.as_deref().map(masked);
            self.address = self.address.as_deref().map(masked);
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person() -> Customer {
        Customer {
            id: CustomerId::new(1),
            customer_type: CustomerType::Individual,
            status: CustomerStatus::Active,
            last_name: "Иванов".into(),
            first_name: "Пётр".into(),
            patronymic: Some("Сергеевич".into()),
            birth_date: NaiveDate::from_ymd_opt(1990, 5, 17).map(BirthDate::Shown),
            document_type: Some(DocumentType::Passport),
            passport_series: Some("4510".into()),
            passport_number: Some("123456".into()),
            citizenship: Some("RU".into()),
            issued_on: NaiveDate::from_ymd_opt(2010, 6, 1).map(BirthDate::Shown),
            issued_by: Some("ОВД «Лесной»".into()),
            issuer_code: Some("770-001".into()),
            valid_until: None,
            inn: Some("500100732259".into()),
            kpp: None,
            organization_name: None,
            organization_code: None,
            address: Some("Москва, Лесная, 5".into()),
            phone: "+79161234567".into(),
            email: None,
            further_phones: Further::default(),
            further_emails: Further::default(),
            notes: None,
            status_reason: None,
            archived_from: None,
            merged_into: None,
            full_name: String::new(),
            short_name: String::new(),
            created_at: DateTime::UNIX_EPOCH,
            updated_at: DateTime::UNIX_EPOCH,
            version: 1,
        }
    }

    #[test]
    fn without_the_permission_personal_data_are_masked() {
        let json = serde_json::to_value(person().shown(false)).unwrap();
        assert_eq!((json["passport_series"].as_str(), json["passport_number"].as_str()), (Some("45**"), Some("****56")));
        assert_eq!((json["inn"].as_str(), json["birth_date"].as_str()), (Some("50********59"), Some("****-**-**")));
        assert_eq!((json["issued_on"].as_str(), json["issuer_code"].as_str()), (Some("****-**-**"), Some("77***01")));
        assert!(json["issued_by"].as_str().unwrap().contains('*'));
        assert_eq!((&json["phone"], &json["citizenship"]), (&"+79161234567".into(), &"RU".into()));
    }

    #[test]
    fn names_are_put_together() {
        let shown = person().shown(true);
        assert_eq!((shown.full_name.as_str(), shown.short_name.as_str()), ("Иванов Пётр Сергеевич", "Иванов П. С."));
        assert_eq!(shown.birth_date, NaiveDate::from_ymd_opt(1990, 5, 17).map(BirthDate::Shown));
    }

    #[test]
    fn every_action_from_every_state() {
        use CustomerStatus::{Active, Archived, Blocked, Suspended};
        let wrong = Err("customer_wrong_state");
        let standing = |status| Customer { status, archived_from: (status == Archived).then_some(Blocked), ..person() };
        let states = [Active, Suspended, Blocked, Archived].map(standing);
        let code = |outcome: Result<Customer>| outcome.map(|after| after.status).map_err(|error| error.code().name);
        let outcomes = |action: fn(&Customer) -> Result<Customer>| states.clone().map(|from| code(action(&from)));
        assert_eq!(outcomes(Customer::activated), [wrong, Ok(Active), Ok(Active), wrong]);
        assert_eq!(outcomes(|from| from.suspended("x")), [Ok(Suspended), wrong, wrong, wrong]);
        assert_eq!(outcomes(|from| from.blocked("x")), [Ok(Blocked), Ok(Blocked), wrong, wrong]);
        assert_eq!(outcomes(Customer::archived), [Ok(Archived), Ok(Archived), Ok(Archived), wrong]);
        assert_eq!(outcomes(Customer::restored), [wrong, wrong, wrong, Ok(Blocked)]);
        let survivor = Customer { id: CustomerId::new(2), ..person() };
        let merged = [Ok(Archived), Ok(Archived), Ok(Archived), wrong];
        assert_eq!(states.clone().map(|from| code(from.merged(&survivor))), merged);
        assert_eq!(states.clone().map(|into| code(survivor.merged(&Customer { id: CustomerId::new(3), ..into }))), merged);
    }

    #[test]
    fn a_merge_keeps_every_phone_and_address_once() {
        let duplicate = Customer {
            phone: "+79990001122".into(),
            email: Some("other@example.com".into()),
            further_phones: Further(vec!["+79161234567".into(), "+79990003344".into()]),
            ..person()
        };
        let survivor = Customer { further_phones: Further(vec!["+79990003344".into()]), ..person() };
        let after = survivor.with_contacts_of(&duplicate);
        assert_eq!(after.further_phones.0, ["+79990003344", "+79990001122"]);
        assert_eq!(after.further_emails.0, ["other@example.com"]);
        assert_eq!((&after.phone, &after.email), (&survivor.phone, &survivor.email));
    }

    #[test]
    fn a_reason_goes_when_it_no_longer_holds_and_a_merge_is_for_good() {
        let blocked = person().suspended("пауза").unwrap().blocked("обман").unwrap();
        let back = blocked.archived().unwrap().restored().unwrap();
        assert_eq!((back.status, back.status_reason.as_deref(), back.archived_from), (CustomerStatus::Blocked, Some("обман"), None));
        assert_eq!(back.activated().unwrap().status_reason, None);
        let survivor = Customer { id: CustomerId::new(2), ..person() };
        let merged = person().merged(&survivor).unwrap();
        assert_eq!(merged.merged_into, Some(survivor.id));
        assert_eq!(merged.restored().unwrap_err().code(), refusal::MERGED);
        assert_eq!(person().merged(&person()).unwrap_err().code(), refusal::MERGE_WITH_ITSELF);
        let company = Customer { customer_type: CustomerType::Organization, ..survivor };
        assert_eq!(person().merged(&company).unwrap_err().code(), refusal::MERGE_MISMATCH);
    }
}
