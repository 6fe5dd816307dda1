//! What a client may say of SIM cards and numbers, and the country's rules for it.

use chrono::{DateTime, Utc};
use kernel::{
    Context, FieldErrors, Input,
    country::{Country, digits},
    error::field,
    id::ContractId,
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use validator::Validate;

use crate::model::{NumberStatus, SimKind, SimStatus};

/// A new SIM card.
///
/// With `msisdn` it carries that number, which is added unless it is there already.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "iccid": "8970199123456789012", "imsi": "250991234567890", "puk_code": "12345678", "kind": "physical", "msisdn": "+79161234567"
}))]
pub struct SimInput {
    /// The card's own number, 19 or 20 digits.
    #[schema(min_length = 19, max_length = 20, pattern = r"^[0-9]{19,20}$")]
    pub iccid: String,
    /// The subscriber's identity in the network, 15 digits.
    #[schema(min_length = 15, max_length = 15, pattern = r"^[0-9]{15}$")]
    pub imsi: String,
    /// The unblocking code, 8 digits.
    #[schema(min_length = 8, max_length = 8, pattern = r"^[0-9]{8}$")]
    pub puk_code: Option<String>,
    /// Card or profile; a card unless given.
    #[serde(default = "physical")]
    pub kind: SimKind,
    /// The phone number it is to carry, in the country's form.
    #[schema(pattern = r"^\+(7[0-9]{10}|996[0-9]{9})$")]
    pub msisdn: Option<String>,
}

fn physical() -> SimKind {
    SimKind::Physical
}

impl Input for SimInput {
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
            check_msisdn("msisdn", msisdn, context.policy.country, wrong);
        }
    }
}

fn check_msisdn(name: &str, msisdn: &str, country: Country, wrong: &mut FieldErrors) -> bool {
    let fits = country.is_phone(msisdn);
    if !fits {
        wrong.add(name, field::PHONE).with("prefix", country.phone_prefix()).with("digits", country.phone_digits());
    }
    fits
}

/// A range of new phone numbers that follow one another.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"first": "+79161234500", "count": 100}))]
pub struct NumberInput {
    /// The first number, in the country's form.
    #[schema(pattern = r"^\+(7[0-9]{10}|996[0-9]{9})$")]
    pub first: String,
    /// How many there are; one unless given.
    #[serde(default = "one")]
    #[validate(range(min = 1, max = 1000))]
    #[schema(minimum = 1, maximum = 1000, default = 1)]
    pub count: i64,
}

fn one() -> i64 {
    1
}

impl Input for NumberInput {
    fn check(&self, context: &Context, wrong: &mut FieldErrors) {
        let country = context.policy.country;
        if check_msisdn("first", &self.first, country, wrong) && (1..=1000).contains(&self.count) {
            let room = self.msisdns(country).take_while(|msisdn| country.is_phone(msisdn)).count();
            if i64::try_from(room) != Ok(self.count) {
                wrong.add("count", field::RANGE).with("min", 1).with("max", room);
            }
        }
    }
}

impl NumberInput {
    /// The numbers of the range, in order; none where `first` is not of the country's form.
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
    pub status: Option<SimStatus>,
    /// Only cards, or only profiles.
    pub kind: Option<SimKind>,
    /// Only the one that serves this contract.
    #[param(inline)]
    pub contract: Option<ContractId>,
    /// Only those that carry a number, or only those that do not.
    pub has_number: Option<bool>,
    /// Registered at this moment or later.
    pub created_at_after: Option<DateTime<Utc>>,
    /// Registered at this moment or earlier.
    pub created_at_before: Option<DateTime<Utc>>,
    /// Part of the ICCID, the IMSI or the phone number.
    #[param(max_length = 200)]
    pub search: Option<String>,
}

/// Which phone numbers to list.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct NumberFilter {
    /// Only with this status.
    pub status: Option<NumberStatus>,
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
        let context = Context { now: DateTime::UNIX_EPOCH, policy: Arc::new(policy), origin: Origin::default() };
        match from_fields::<I>(body.as_object().unwrap().clone(), &context) {
            Ok(_) => Vec::new(),
            Err(error) => error.wrong_fields().iter().map(|wrong| (wrong.pointer.clone(), wrong.code)).collect(),
        }
    }

    #[test]
    fn each_identifier_has_its_own_form() {
        assert_eq!(wrong::<SimInput>(json!({"iccid": "8970199123456789012", "imsi": "250991234567890"})), []);
        let body = json!({"iccid": "897019912345678901", "imsi": "25099123456789x", "puk_code": "1234", "msisdn": "89161234567"});
        let expected = [("/iccid", field::ICCID), ("/imsi", field::FORMAT), ("/puk_code", field::FORMAT), ("/msisdn", field::PHONE)];
        assert_eq!(wrong::<SimInput>(body), expected.map(|(pointer, code)| (pointer.to_owned(), code)));
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
