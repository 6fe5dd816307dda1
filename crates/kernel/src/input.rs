//! Turns a request body into a checked value and reports every wrong field at once.
//!
//! A correct body is deserialized once. An incorrect one is checked field by field: a value that cannot be read is reported and
//! replaced by the schema's example, so that the rules of the other fields are still checked. The fields, and which of them are
//! required, come from the schema in the OpenAPI document, so that the document and the behaviour agree.

mod clean;
mod control;
mod disguised;
mod faults;
mod unrepeated;

use chrono::NaiveDate;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};
use utoipa::{
    ToSchema,
    openapi::{KnownFormat, RefOr, Schema, SchemaFormat, schema::Object},
};
use validator::{Validate, ValidationErrors, ValidationErrorsKind};

pub use self::control::has_forbidden_character;
use self::{
    control::control_characters_within,
    disguised::undisguised,
    faults::{Fault, Schemas},
    unrepeated::Unrepeated,
};
use crate::{
    context::Context,
    error::{Error, FieldErrors, Result, common, field},
};

/// A request body that creates or changes an entity.
///
/// Field rules are `#[validate]` attributes; put `#[serde(deny_unknown_fields)]` and `#[schema(example = json!({…}))]` on the type.
///
/// Before a type sees its fields, their texts are [cleaned](crate::text::cleaned): a field with format `password` stays as it is, a line
/// break is possible where `max_length` is 500 or more, and a blank text counts as an absent one where the field may be absent.
pub trait Input: DeserializeOwned + ToSchema + Validate {
    /// Fields that responses show beside the resource, such as likely duplicates or short forms. Sent back with the current `version`,
    /// they are passed over.
    const SHOWN_BESIDE: &'static [&'static str] = &[];

    /// Brings values that people write in several ways, such as phone numbers, into the form in which they are kept.
    ///
    /// A value that has no such form stays as it is, and [`Input::check`] reports it.
    fn normalize(&mut self, _context: &Context) {}

    /// Checks rules that involve several fields, the country or the date.
    fn check(&self, _context: &Context, _wrong: &mut FieldErrors) {}
}

/// No input: the body of an action without fields. Both `{}` and an empty body are accepted.
#[derive(Clone, Copy, Debug, Default, serde::Deserialize, Serialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({}))]
pub struct NoInput {}

impl Input for NoInput {}

/// Reads a body. Errors: `malformed`, or `invalid` with every wrong field.
pub fn parse<I: Input>(body: &[u8], context: &Context) -> Result<I> {
    from_fields(object(if body.is_empty() { b"{}" } else { body })?, context)
}

/// Reads the fields of a body. Errors: `malformed`, also for a repeated name; `invalid` when the body is not an object.
pub fn object(body: &[u8]) -> Result<Map<String, Value>> {
    let malformed = |error: serde_json::Error| {
        let position = format!("line {} column {}", error.line(), error.column());
        Error::new(common::MALFORMED).with("reason", position)
    };
    let body = undisguised(body);
    serde_json::from_slice::<Unrepeated>(&body).map_err(malformed)?;
    match serde_json::from_slice(&body).map_err(malformed)? {
        Value::Object(fields) => Ok(fields),
        _ => {
            let mut wrong = FieldErrors::default();
            wrong.add_at(String::new(), field::TYPE);
            Err(Error::new(common::INVALID).fields(wrong))
        }
    }
}

/// Turns the fields of an object into a checked value. Errors: `invalid` with every wrong field.
pub fn from_fields<I: Input>(fields: Map<String, Value>, context: &Context) -> Result<I> {
    let mut wrong = FieldErrors::default();
    control_characters_within(&mut String::new(), &fields, &mut wrong);
    let fields = clean::texts::<I>(fields, &mut wrong);
    loose_dates::<I>(&fields, &mut wrong);
    if wrong.0.is_empty()
        && let Ok(mut input) = I::deserialize(&fields)
    {
        input.normalize(context);
        check(&input, context, &mut wrong);
        return wrong.into_result().map(|()| input);
    }
    if let Some(mut stand_in) = repaired::<I>(fields, &mut wrong) {
        stand_in.normalize(context);
        let mut others = FieldErrors::default();
        check(&stand_in, context, &mut others);
        others.0.retain(|error| !wrong.names(error.pointer.trim_start_matches('/').split('/').next().unwrap_or_default()));
        wrong.0.extend(others.0);
    }
    wrong.into_result()?;
    Err(Error::new(common::MALFORMED))
}

fn check<I: Input>(input: &I, context: &Context, wrong: &mut FieldErrors) {
    if let Err(errors) = input.validate() {
        collect("", &errors, wrong);
    }
    input.check(context, wrong);
}

/// Finds the wrong fields one by one; returns a value in which examples replace them, or nothing if no more would be reported.
fn repaired<I: Input>(mut fields: Map<String, Value>, wrong: &mut FieldErrors) -> Option<I> {
    let schema = object_schema::<I>()?;
    let example = schema.example.clone().or_else(|| schema.examples.first().cloned()).unwrap_or_default();
    let stand_in = |fields: &mut Map<String, Value>, name: &str| {
        match example.get(name).filter(|_| schema.required.iter().any(|required| required == name)) {
            Some(value) => fields.insert(name.to_owned(), value.clone()),
            None => fields.remove(name),
        };
    };
    for name in fields.keys().filter(|name| !schema.properties.contains_key(*name)) {
        if wrong.is_full() {
            return None;
        }
        wrong.add(name, field::UNKNOWN);
    }
    fields.retain(|name, _| schema.properties.contains_key(name));
    for name in fields.keys().cloned().collect::<Vec<_>>() {
        if wrong.names(&name) {
            stand_in(&mut fields, &name);
        }
    }
    for name in &schema.required {
        if !fields.contains_key(name) {
            wrong.add(name, field::REQUIRED);
            stand_in(&mut fields, name);
        }
    }
    // each round removes one wrong field, so there are no more rounds than fields
    for _ in 0..=schema.properties.len() {
        match serde_path_to_error::deserialize::<_, I>(&fields) {
            Ok(input) => return Some(input),
            Err(error) => {
                let path = error.path().to_string();
                let name = path.split(['.', '[']).next().unwrap_or_default().to_owned();
                if !fields.contains_key(&name) || wrong.names(&name) {
                    return None;
                }
                let fault = fault::<I>(&schema, error, &fields);
                let described = wrong.add_at(pointer(&path), fault.code);
                if fault.code == field::CHOICE {
                    described.with("choices", fault.choices.join(", "));
                }
                if let Some(form) = schema.properties.get(&name).and_then(form) {
                    described.with("form", form);
                }
                stand_in(&mut fields, &name);
            }
        }
    }
    None
}

/// The name of the form of a date or a moment, for the message.
fn form(property: &RefOr<Schema>) -> Option<&'static str> {
    let RefOr::T(Schema::Object(property)) = property else { return None };
    match property.format {
        Some(SchemaFormat::KnownFormat(KnownFormat::Date)) => Some("date"),
        Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)) => Some("time"),
        _ => None,
    }
}

/// What is wrong with the value that could not be read.
///
/// The types of this system say it by one of our own codes; about other types the schema knows.
fn fault<I: ToSchema>(schema: &Object, error: serde_path_to_error::Error<serde_json::Error>, fields: &Map<String, Value>) -> Fault {
    let path = error.path().clone();
    let told = error.into_inner().to_string();
    let top = path.iter().next().map(ToString::to_string).unwrap_or_default();
    if fields.get(&top).is_some_and(Value::is_null) {
        return field::REQUIRED.into();
    }
    match field::ALL.iter().find(|known| told == **known) {
        Some(known) => (*known).into(),
        None => Schemas::of::<I>().fault(schema, &path, &Value::Object(fields.clone())),
    }
}

/// The JSON pointer of a path such as `words[1].text`.
fn pointer(path: &str) -> String {
    format!("/{}", path.replace('[', "/").replace(['.', ']'], "/").replace("//", "/").trim_end_matches('/'))
}

/// Whether a text has the format YYYY-MM-DD.
pub fn is_exact_date(text: &str) -> bool {
    text.len() == 10 && text.bytes().enumerate().all(|(at, byte)| if matches!(at, 4 | 7) { byte == b'-' } else { byte.is_ascii_digit() })
}

/// Reports dates that are not exactly YYYY-MM-DD; chrono also reads `2026-1-1`.
fn loose_dates<I: Input>(fields: &Map<String, Value>, wrong: &mut FieldErrors) {
    let loose = |value: &Value| value.as_str().is_some_and(|text| !is_exact_date(text) && text.parse::<NaiveDate>().is_ok());
    let suspects: Vec<&String> = fields.iter().filter(|(_, value)| loose(value)).map(|(name, _)| name).collect();
    if suspects.is_empty() {
        return;
    }
    let properties = object_schema::<I>().map(|schema| schema.properties).unwrap_or_default();
    for name in suspects {
        if properties.get(name).and_then(form) == Some("date") && !wrong.names(name) {
            wrong.add(name, field::FORMAT).with("form", "date");
        }
    }
}

fn collect(prefix: &str, errors: &ValidationErrors, wrong: &mut FieldErrors) {
    for (name, kind) in errors.errors() {
        let pointer = format!("{prefix}/{name}");
        match kind {
            ValidationErrorsKind::Field(errors) => {
                for error in errors {
                    let code = match error.code.as_ref() {
                        "length" => field::LENGTH,
                        "range" => field::RANGE,
                        "email" => field::EMAIL,
                        "required" => field::REQUIRED,
                        other => field::ALL.iter().find(|known| **known == other).copied().unwrap_or(field::FORMAT),
                    };
                    let bound = |name| error.params.get(name).map(ToString::to_string);
                    let (minimum, maximum) = (bound("min"), bound("max"));
                    let described = wrong.add_at(pointer.clone(), code);
                    if matches!(code, field::LENGTH | field::RANGE) {
                        described
                            .with("min", minimum.unwrap_or_else(|| "0".to_owned()))
                            .with("max", maximum.unwrap_or_else(|| "∞".to_owned()));
                    }
                }
            }
            ValidationErrorsKind::Struct(errors) => collect(&pointer, errors, wrong),
            ValidationErrorsKind::List(items) => items.iter().for_each(|(at, errors)| collect(&format!("{pointer}/{at}"), errors, wrong)),
        }
    }
}

pub(crate) fn object_schema<I: ToSchema>() -> Option<Object> {
    match I::schema() {
        RefOr::T(Schema::Object(object)) => Some(object),
        _ => None,
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::Arc;

    use chrono::DateTime;
    use proptest::{collection, prelude::*};
    use serde::Deserialize;
    use serde_json::json;

    use super::*;
    use crate::{Kind, Money, Origin, Policy, country::Country};

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema, Validate)]
    #[serde(deny_unknown_fields)]
    #[schema(example = json!({"name": "Смарт", "fee": "650.00", "since": "2026-01-31", "words": ["a"], "extra": {"roaming": "home"}, "count": 7}))]
    pub(crate) struct Sample {
        #[validate(length(min = 1, max = 10))]
        pub(crate) name: String,
        #[schema(value_type = crate::money::FeeInput)]
        pub(crate) fee: Money,
        pub(crate) since: Option<NaiveDate>,
        #[serde(default)]
        #[validate(length(max = 3))]
        pub(crate) words: Vec<String>,
        #[serde(default)]
        #[schema(value_type = Object)]
        pub(crate) extra: Map<String, Value>,
        #[validate(range(min = 0, max = 9))]
        pub(crate) count: Option<i64>,
    }

    impl Input for Sample {
        const SHOWN_BESIDE: &'static [&'static str] = &["warning"];

        fn check(&self, _: &Context, wrong: &mut FieldErrors) {
            if self.fee < Money::ZERO {
                wrong.add("fee", field::RANGE);
            }
        }
    }

    pub(crate) fn context() -> Context {
        let country = Country::Ru;
        let policy = Policy::standard(country);
        Context { now: DateTime::UNIX_EPOCH, policy: Arc::new(policy), origin: Origin::default(), actor: crate::Actor::system("test") }
    }

    pub(crate) fn example() -> Map<String, Value> {
        object(
            &serde_json::to_vec(&json!({
                "name": "Смарт", "fee": "650.00", "since": "2026-01-31", "words": ["a"], "extra": {"roaming": "home"}, "count": 7
            }))
            .unwrap(),
        )
        .unwrap()
    }

    /// The wrong fields of this body, by pointer.
    fn wrong(body: &Value) -> Vec<(String, &'static str)> {
        pointers(parse::<Sample>(body.to_string().as_bytes(), &context()))
    }

    pub(crate) fn pointers<T>(outcome: Result<T>) -> Vec<(String, &'static str)> {
        let errors = outcome.err().map(|error| error.wrong_fields().to_vec()).unwrap_or_default();
        let mut all: Vec<_> = errors.into_iter().map(|error| (error.pointer, error.code)).collect();
        all.sort();
        all
    }

    pub(crate) fn named(all: &[(&str, &'static str)]) -> Vec<(String, &'static str)> {
        all.iter().map(|(pointer, code)| ((*pointer).to_owned(), *code)).collect()
    }

    #[test]
    fn wrong_types_broken_rules_missing_and_unknown_fields_are_named_together() {
        let body = json!({"fee": "-1", "since": "31.01.2026", "words": ["a", 5], "count": 10, "colour": "red", "extra": []});
        let expected = [
            ("/colour", field::UNKNOWN),
            ("/count", field::RANGE),
            ("/extra", field::TYPE),
            ("/fee", field::RANGE),
            ("/name", field::REQUIRED),
            ("/since", field::FORMAT),
            ("/words/1", field::TYPE),
        ];
        assert_eq!(wrong(&body), named(&expected));
    }

    #[test]
    fn a_field_is_named_once_and_its_stand_in_breaks_no_rule_of_its_own() {
        assert_eq!(wrong(&json!({"name": 5, "fee": 1})), named(&[("/name", field::TYPE)]));
        assert_eq!(wrong(&json!({"name": null, "fee": 1})), named(&[("/name", field::REQUIRED)]));
        assert_eq!(wrong(&json!({"name": "a\u{0}", "fee": "x"})), named(&[("/fee", field::AMOUNT), ("/name", field::CONTROL_CHARACTER)]));
        assert_eq!(
            wrong(&json!({"name": "a\nb\tc", "fee": 1, "extra": {"a/b~": ["\u{7}"]}})),
            named(&[("/extra/a~1b~0/0", field::CONTROL_CHARACTER), ("/name", field::CONTROL_CHARACTER)])
        );
        assert_eq!(wrong(&json!({"name": "a\tc\r\n", "fee": 1, "extra": {"a": "b\nc"}})), Vec::new());
    }

    #[test]
    fn a_date_has_ten_characters() {
        for (text, fits) in [
            ("2026-01-31", true),
            ("2026-1-31", false),
            ("+2026-01-31", false),
            ("2026-01-1", false),
            (" 2026-01-31 ", true),
            ("12026-01-31", false),
            ("2026-02-30", false),
        ] {
            let outcome = wrong(&json!({"name": "a", "fee": 1, "since": text}));
            assert_eq!(outcome, if fits { Vec::new() } else { named(&[("/since", field::FORMAT)]) }, "{text}");
        }
        // in other fields it is ordinary text
        assert_eq!(wrong(&json!({"name": "2026-1-1", "fee": 1})), Vec::new());
    }

    #[test]
    fn a_name_that_is_given_twice_is_malformed_wherever_it_stands() {
        for body in [
            r#"{"a": 1, "a": 1}"#,
            r#"{"a": 1, "\u0061": 2}"#,
            r#"{"b": {"a": 1, "c": [], "a": null}}"#,
            r#"{"b": [{"a": 1}, {"a": 1.5, "a": "x"}]}"#,
        ] {
            assert_eq!(object(body.as_bytes()).unwrap_err().code(), common::MALFORMED, "{body}");
        }
        for body in [r#"{"a": 1, "b": {"a": 1}, "c": [{"a": 1e400}, {"a": -0.10}]}"#, "{}", r#"{"": 1, " ": 2}"#] {
            assert!(object(body.as_bytes()).is_ok(), "{body}");
        }
    }

    #[test]
    fn a_body_that_is_no_object_is_invalid_and_one_that_is_no_json_malformed() {
        for body in ["[]", "1", "null", "\"a\"", "true"] {
            assert_eq!(pointers(object(body.as_bytes())), named(&[("", field::TYPE)]), "{body}");
        }
        for body in ["", " ", "{", "{\"a\": 01}", "{\"a\": NaN}", "\u{feff}{}"] {
            assert_eq!(object(body.as_bytes()).unwrap_err().code(), common::MALFORMED, "{body:?}");
        }
        let deep = |depth: usize| {
            object(format!("{{\"a\": {}{}}}", "[".repeat(depth), "]".repeat(depth)).as_bytes()).map_err(|error| error.code())
        };
        assert!(deep(100).is_ok());
        assert_eq!(deep(10_000).unwrap_err(), common::MALFORMED);
    }

    pub(crate) fn fields(value: Value) -> Map<String, Value> {
        match value {
            Value::Object(fields) => fields,
            other => panic!("{other} is not an object"),
        }
    }

    /// Nested JSON with so few names that names repeat.
    pub(crate) fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            ".{0,6}".prop_map(Value::from),
            "[-0-9.eE:TZ]{0,12}".prop_map(Value::from),
        ];
        let name = || prop_oneof!["[a-c]", Just("name".to_owned()), Just("fee".to_owned()), Just("words".to_owned()), ".{0,4}"];
        leaf.prop_recursive(4, 24, 5, move |inner| {
            prop_oneof![
                collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                collection::vec((name(), inner), 0..5).prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn no_json_makes_reading_panic_and_every_refusal_says_where(body in any_json()) {
            match parse::<Sample>(body.to_string().as_bytes(), &context()) {
                Ok(_) => {}
                Err(error) => {
                    prop_assert!(matches!(error.kind(), Kind::Invalid | Kind::Malformed), "{}", error);
                    prop_assert!(error.kind() == Kind::Malformed || !error.wrong_fields().is_empty(), "{}", error);
                }
            }
        }

        #[test]
        fn no_bytes_make_reading_panic(body in collection::vec(any::<u8>(), 0..64), text in "[{}\\[\\]\":,0-9a-z\\\\ ]{0,40}") {
            let _ = parse::<Sample>(&body, &context());
            let _ = parse::<Sample>(text.as_bytes(), &context());
        }

        #[test]
        fn one_wrong_field_is_the_one_that_is_named(at in 0_usize..6, value in any_json()) {
            let mut body = example();
            let name = body.keys().nth(at).unwrap().clone();
            body.insert(name.clone(), value);
            for (pointer, _) in wrong(&Value::Object(body)) {
                prop_assert_eq!(pointer.split('/').nth(1), Some(name.as_str()));
            }
        }

        #[test]
        fn json_without_repeated_names_is_read_as_it_is(value in any_json()) {
            let body = Value::Object([("a".to_owned(), value)].into_iter().collect());
            prop_assert_eq!(Value::Object(object(body.to_string().as_bytes()).unwrap()), body);
        }
    }
}
