//! Request bodies and list filters of SIM cards and numbers, with the country's validation rules.

use chrono::{DateTime, TimeDelta, Utc};
use kernel::{
    Context, FieldErrors, Input, Several,
    check_digits::luhn,
    country::{Country, digits},
    error::field,
    id::{ContractId, CustomerId, SimId},
    phone::{check_own, normalize_own},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use validator::Validate;

use crate::model::{NumberStatus, Sim, SimKind, SimLoss, SimStatus, SimWarning};

/// The longest reservation of a number, in days.
const LONGEST_RESERVATION: i64 = 365;

/// The fields of a SIM card that a client sets.
///
/// With `msisdn`, the card carries that number; the number is added if it does not exist yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "iccid": "8970199123456789012", "imsi": "250991234567890", "puk_code": "12345678", "kind": "physical", "msisdn": "+79161234567"
}))]
pub struct SimInput {
    /// The ICCID of the card, 19 or 20 digits.
    #[schema(min_length = 19, max_length = 20, pattern = r"^[0-9]{19,20}$")]
    pub iccid: String,
    /// The subscriber's identity in the network, 15 digits.
    #[schema(min_length = 15, max_length = 15, pattern = r"^[0-9]{15}$")]
    pub imsi: String,
    /// The unblocking code, 8 digits.
    #[schema(min_length = 8, max_length = 8, pattern = r"^[0-9]{8}$")]
    pub puk_code: Option<String>,
    /// Card or profile; a card by default.
    #[serde(default = "physical")]
    pub kind: SimKind,
    /// The phone number that the card carries: one of the country's, in any notation.
    #[schema(max_length = 64)]
    pub msisdn: Option<String>,
}

impl SimInput {
    /// The fields of a card that can be edited.
    pub(crate) fn of(sim: &Sim) -> Self {
        let Sim { iccid, imsi, puk_code, kind, msisdn, .. } = sim.clone();
        Self { iccid, imsi, puk_code, kind, msisdn }
    }

    /// What is unusual about the card's numbers.
    pub(crate) fn warnings(&self, country: Country) -> Vec<SimWarning> {
        // a check digit may be followed by a digit of the manufacturer
        let has_check_digit = luhn(&self.iccid) || (self.iccid.len() == 20 && luhn(&self.iccid[..19]));
        let unusual =
            [(SimWarning::IccidCheckDigit, !has_check_digit), (SimWarning::ImsiOfAnotherCountry, !country.is_own_imsi(&self.imsi))];
        unusual.into_iter().filter_map(|(warning, holds)| holds.then_some(warning)).collect()
    }

    /// The names of the fields in which the two differ.
    pub(crate) fn changed(&self, after: &Self) -> Vec<&'static str> {
        let differs = [
            ("iccid", self.iccid != after.iccid),
            ("imsi", self.imsi != after.imsi),
            ("puk_code", self.puk_code != after.puk_code),
            ("kind", self.kind != after.kind),
            ("msisdn", self.msisdn != after.msisdn),
        ];
        differs.into_iter().filter_map(|(name, differs)| differs.then_some(name)).collect()
    }
}

fn physical() -> SimKind {
    SimKind::Physical
}

impl Input for SimInput {
    const SHOWN_BESIDE: &'static [&'static str] = &["contract", "warnings"];

    fn normalize(&mut self, context: &Context) {
        [&mut self.iccid, &mut self.imsi].into_iter().chain(&mut self.puk_code).for_each(|digits| digits.retain(|digit| digit != ' '));
        self.msisdn.iter_mut().for_each(|msisdn| normalize_own(msisdn, context.policy.country));
    }

    fn check(&self, context: &Context, wrong: &mut FieldErrors) {
        if !digits(&self.iccid, 19..=20) {
            wrong.add("iccid", field::ICCID);
        }
        if !digits(&self.imsi, 15..=15) {
            wrong.add("imsi", field::FORMAT);
        }
        if self.puk_code.as_deref().is_some_and(|puk| !digits(puk, 8..=8)) {
            wrong.add("puk_code", field::FORMAT);
        }
        if let Some(msisdn) = &self.msisdn {
            check_own("msisdn", msisdn, context.policy.country, wrong);
        }
    }
}

/// The reason for blocking a SIM card.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"reason": "подозрение на клонирование"}))]
pub struct SimBlockInput {
    /// The reason, as free text.
    #[validate(length(min = 1, max = 500))]
    #[schema(min_length = 1, max_length = 500)]
    pub reason: String,
}

impl Input for SimBlockInput {}

/// Why a bound SIM card can no longer be used.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"reason": "lost", "note": "сообщил по телефону"}))]
pub struct SimDeactivateInput {
    /// What happened to the card.
    pub reason: SimLoss,
    /// A note.
    #[validate(length(max = 500))]
    #[schema(max_length = 500)]
    pub note: Option<String>,
}

impl Input for SimDeactivateInput {}

impl SimDeactivateInput {
    /// The text that the binding records as the reason for its end.
    pub fn why(&self) -> String {
        match &self.note {
            Some(note) => format!("{}: {note}", self.reason),
            None => self.reason.to_string(),
        }
    }
}

/// The SIM card that replaces a contract's current one.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"sim_id": 42, "reason": "замена на eSIM"}))]
pub struct ReplaceSimInput {
    /// A free SIM card; if it carries a number, the contract's number replaces it.
    pub sim_id: SimId,
    /// The reason, as free text.
    #[validate(length(min = 1, max = 500))]
    #[schema(min_length = 1, max_length = 500)]
    pub reason: String,
}

impl Input for ReplaceSimInput {}

/// Until when and for whom to reserve a number.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"until": "2026-06-30T18:00:00Z", "customer_id": 7}))]
pub struct NumberReserveInput {
    /// When the reservation ends, at most a year ahead.
    pub until: DateTime<Utc>,
    /// The subscriber for whom the number is reserved: only their contracts can be activated with it.
    pub customer_id: Option<CustomerId>,
}

impl Input for NumberReserveInput {
    fn check(&self, context: &Context, wrong: &mut FieldErrors) {
        let latest = context.now + TimeDelta::days(LONGEST_RESERVATION);
        if self.until <= context.now {
            wrong.add("until", field::IN_THE_PAST);
        } else if self.until > latest {
            wrong.add("until", field::RANGE).with("min", context.now.to_rfc3339()).with("max", latest.to_rfc3339());
        }
    }
}

/// A note on a number that goes to another operator.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"note": "заявление № 1204"}))]
pub struct NumberPortOutInput {
    /// A note.
    #[validate(length(max = 500))]
    #[schema(max_length = 500)]
    pub note: Option<String>,
}

impl Input for NumberPortOutInput {}

/// A range of consecutive new phone numbers.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"first": "+79161234500", "count": 100}))]
pub struct NumberInput {
    /// The first number: one of the country's, in any notation.
    #[schema(max_length = 64)]
    pub first: String,
    /// The size of the range; 1 by default.
    #[serde(default = "one")]
    #[validate(range(min = 1, max = 1000))]
    #[schema(minimum = 1, maximum = 1000, default = 1)]
    pub count: i64,
}

fn one() -> i64 {
    1
}

impl Input for NumberInput {
    fn normalize(&mut self, context: &Context) {
        normalize_own(&mut self.first, context.policy.country);
    }

    fn check(&self, context: &Context, wrong: &mut FieldErrors) {
        let country = context.policy.country;
        if check_own("first", &self.first, country, wrong) && (1..=1000).contains(&self.count) {
            let room = self.msisdns(country).take_while(|msisdn| country.is_phone(msisdn)).count();
            if i64::try_from(room) != Ok(self.count) {
                wrong.add("count", field::RANGE).with("min", 1).with("max", room);
            }
        }
    }
}

impl NumberInput {
    /// The numbers of the range, in order; none if `first` does not have the country's format.
    pub(crate) fn msisdns(&self, country: Country) -> impl Iterator<Item = String> {
        let (prefix, width) = (country.phone_prefix(), country.phone_digits());
        let first: Option<i64> = self.first.strip_prefix(prefix).and_then(|digits| digits.parse().ok());
        first
            .into_iter()
            .flat_map(|first| first..)
            .take(usize::try_from(self.count).unwrap_or_default())
            .map(move |digits| format!("{prefix}{digits:0width$}"))
    }
}

/// Which SIM cards to list.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct SimFilter {
    /// Only with this status.
    #[param(value_type = Option<Vec<SimStatus>>)]
    pub status: Option<Several<SimStatus>>,
    /// Only cards, or only profiles.
    #[param(value_type = Option<Vec<SimKind>>)]
    pub kind: Option<Several<SimKind>>,
    /// Only the SIM card that serves this contract.
    #[param(value_type = Option<Vec<ContractId>>)]
    pub contract_id: Option<Several<ContractId>>,
    /// Only SIM cards that carry a number, or only those that do not.
    pub has_number: Option<bool>,
    /// Registered at this moment or later.
    pub created_at_after: Option<DateTime<Utc>>,
    /// Registered at this moment or earlier.
    pub created_at_before: Option<DateTime<Utc>>,
    /// Part of the ICCID, the IMSI or the phone number.
    #[param(max_length = 200)]
    pub search: Option<String>,
}

/// Which free SIM cards to list.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct FreeSimFilter {
    /// Only cards, or only profiles.
    #[param(value_type = Option<Vec<SimKind>>)]
    pub kind: Option<Several<SimKind>>,
    /// Only SIM cards that carry a number and so can be activated, or only those that do not.
    pub has_number: Option<bool>,
    /// Part of the ICCID, the IMSI or the phone number.
    #[param(max_length = 200)]
    pub search: Option<String>,
}

impl From<&FreeSimFilter> for SimFilter {
    fn from(free: &FreeSimFilter) -> Self {
        let FreeSimFilter { kind, has_number, search } = free.clone();
        Self { status: Some(SimStatus::Free.into()), kind, has_number, search, ..Self::default() }
    }
}

/// Which bindings to list.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct BindingFilter {}

/// Which phone numbers to list.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct NumberFilter {
    /// Only with this status; a number whose reservation or quarantine has expired counts as available. `available` leaves out numbers on
    /// SIM cards, which go to the subscribers who get the cards.
    #[param(value_type = Option<Vec<NumberStatus>>)]
    pub status: Option<Several<NumberStatus>>,
    /// Only numbers that are reserved for this subscriber.
    #[param(inline)]
    pub reserved_for: Option<CustomerId>,
    /// Only the number that is assigned to this contract.
    #[param(value_type = Option<Vec<ContractId>>)]
    pub contract_id: Option<Several<ContractId>>,
    /// Added at this moment or later.
    pub created_at_after: Option<DateTime<Utc>>,
    /// Added at this moment or earlier.
    pub created_at_before: Option<DateTime<Utc>>,
    /// Part of the number.
    #[param(max_length = 200)]
    pub search: Option<String>,
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use kernel::{Origin, Policy, input::from_fields};
    use serde_json::{Value, json};

    use super::*;

    fn wrong<I: Input>(body: Value) -> Vec<(String, &'static str)> {
        let country = Country::Ru;
        let policy = Policy::standard(country);
        let context = Context {
            now: DateTime::UNIX_EPOCH,
            policy: Arc::new(policy),
            origin: Origin::default(),
            actor: kernel::Actor::system("test"),
        };
        match from_fields::<I>(body.as_object().unwrap().clone(), &context) {
            Ok(_) => Vec::new(),
            Err(error) => error.wrong_fields().iter().map(|wrong| (wrong.pointer.clone(), wrong.code)).collect(),
        }
    }

    #[test]
    fn each_identifier_has_its_own_form() {
        assert_eq!(wrong::<SimInput>(json!({"iccid": "8970199123456789012", "imsi": "250991234567890"})), []);
        let body = json!({"iccid": "897019912345678901", "imsi": "25099123456789x", "puk_code": "1234", "msisdn": "123-45-67"});
        let expected = [("/iccid", field::ICCID), ("/imsi", field::FORMAT), ("/puk_code", field::FORMAT), ("/msisdn", field::PHONE)];
        assert_eq!(wrong::<SimInput>(body), expected.map(|(pointer, code)| (pointer.to_owned(), code)));
    }

    #[test]
    fn unusual_numbers_are_warned_of() {
        let card = |iccid: &str, imsi: &str| SimInput {
            iccid: iccid.to_owned(),
            imsi: imsi.to_owned(),
            puk_code: None,
            kind: SimKind::Physical,
            msisdn: None,
        };
        for iccid in ["8970199123456789012", "89701991234567890125"] {
            assert_eq!(card(iccid, "250991234567890").warnings(Country::Ru), [], "{iccid}");
        }
        let both = [SimWarning::IccidCheckDigit, SimWarning::ImsiOfAnotherCountry];
        assert_eq!(card("8970199123456789013", "401071234567890").warnings(Country::Ru), both);
    }

    #[test]
    fn a_reservation_ends_within_a_year() {
        for (until, expected) in [
            ("1970-01-01T00:00:00Z", Some(field::IN_THE_PAST)),
            ("1970-01-01T00:00:00.000001Z", None),
            ("1971-01-01T00:00:00Z", None),
            ("1971-01-01T00:00:01Z", Some(field::RANGE)),
        ] {
            let expected: Vec<_> = expected.map(|code| ("/until".to_owned(), code)).into_iter().collect();
            assert_eq!(wrong::<NumberReserveInput>(json!({"until": until})), expected, "{until}");
        }
    }

    #[test]
    fn a_range_of_numbers_keeps_leading_zeros_and_stays_within_the_countrys_form() {
        let range = NumberInput { first: "+70000000099".into(), count: 2 };
        assert_eq!(range.msisdns(Country::Ru).collect::<Vec<_>>(), ["+70000000099", "+70000000100"]);
        assert_eq!(wrong::<NumberInput>(json!({"first": "+79999999999"})), []);
        assert_eq!(wrong::<NumberInput>(json!({"first": "+79999999999", "count": 2})), [("/count".to_owned(), field::RANGE)]);
        assert_eq!(wrong::<NumberInput>(json!({"first": "+79161234500", "count": 1001})), [("/count".to_owned(), field::RANGE)]);
    }
}
