//! Query parameters: checked against their documented schemas, so that each wrong one is named with what it may be.

use chrono::{DateTime, NaiveDate, NaiveTime};
use kernel::{
    Error, FieldErrors, Money, Result,
    error::{common, field},
    input, several,
};
use serde::{
    Deserialize,
    de::{DeserializeOwned, value::StrDeserializer},
};
use utoipa::openapi::{
    KnownFormat, Object, RefOr, Schema, SchemaFormat,
    path::Parameter,
    schema::{ArrayItems, SchemaType, Type},
};

use crate::served;

/// Longest query parameter in characters, unless its filter sets another limit.
pub const LONGEST_PARAMETER: usize = 200;
/// Longest list of values in characters: as many ids as are allowed, with the commas between them.
const LONGEST_LIST: usize = several::MOST * 20;
/// Parameters that the list itself reads.
const PAGING: [&str; 4] = ["page", "page_size", "cursor", "ordering"];

/// Name and value of a parameter.
pub type Pair = (String, String);

/// What a parameter's value must be.
enum Form {
    Choice(Vec<String>),
    Id,
    Whole,
    Moment,
    Date,
    Amount,
    Text,
}

/// The short name of a filter by ids: `customer` for `customer_id`.
pub fn short_name(parameter: &Parameter) -> Option<&str> {
    let name = parameter.name.strip_suffix("_id")?;
    matches!(&parameter.schema, Some(RefOr::T(Schema::Array(_)))).then_some(name)
}

/// The name under which a parameter is read: that of the filter it is short for, else its own.
///
/// A filter of its own may be called like a short name: `actor` is a user name beside `actor_id`.
fn read_as<'a>(parameter: &'a Parameter, known: &'a [Parameter]) -> &'a str {
    let long = known.iter().find(|long| short_name(long) == Some(parameter.name.as_str()) && long.schema == parameter.schema);
    &long.unwrap_or(parameter).name
}

/// Splits a query string and checks each parameter against its documented schema. Errors: `unknown_parameter`, which names the
/// known ones.
pub fn parse(query: &str, known: &[Parameter]) -> Result<(Vec<Pair>, FieldErrors)> {
    let pairs: Vec<Pair> =
        serde_urlencoded::from_str(query).map_err(|error| Error::new(common::MALFORMED).with("reason", "the query string").cause(error))?;
    let mut wrong = FieldErrors::default();
    let mut kept: Vec<Pair> = Vec::new();
    for (name, value) in pairs {
        let Some(parameter) = known.iter().find(|parameter| parameter.name == name) else {
            let names: Vec<&str> = known.iter().map(|parameter| parameter.name.as_str()).collect();
            return Err(Error::new(common::UNKNOWN_PARAMETER).with("name", name.escape_debug()).with("known", names.join(", ")));
        };
        let long = read_as(parameter, known).to_owned();
        let (longest, most) = bounds(parameter);
        if value.chars().any(char::is_control) {
            wrong.add_at(name, field::CONTROL_CHARACTER);
        } else if value.chars().count() > longest || value.split(',').count() > most {
            wrong.add_at(name, field::LENGTH).with("min", 0).with("max", longest.min(most));
        } else if kept.iter().any(|(other, _)| *other == long) {
            wrong.add_at(name, field::DUPLICATE);
        } else {
            kept.extend(checked(parameter, value, &mut wrong).map(|value| (long, value)));
        }
    }
    Ok((kept, wrong))
}

/// Parses filters. Each one that cannot be parsed is noted and left out, so that the response names all wrong ones at once.
pub fn read<F: DeserializeOwned>(mut filters: Vec<Pair>, wrong: &mut FieldErrors) -> Option<F> {
    loop {
        let query = serde_urlencoded::to_string(&filters).ok()?;
        match serde_urlencoded::from_str(&query) {
            Ok(filter) => return Some(filter),
            Err(_) => {
                let alone =
                    |pair: &Pair| serde_urlencoded::to_string([pair]).is_ok_and(|query| serde_urlencoded::from_str::<F>(&query).is_ok());
                let at = filters.iter().position(|pair| !alone(pair))?;
                wrong.add_at(filters.remove(at).0, field::FORMAT);
            }
        }
    }
}

/// The value in the form in which it is read; notes what is wrong with it otherwise.
fn checked(parameter: &Parameter, value: String, wrong: &mut FieldErrors) -> Option<String> {
    let (form, is_list) = form(parameter);
    let all = |fits: &dyn Fn(&str) -> bool| if is_list { value.split(',').all(fits) } else { fits(&value) };
    let mut add = |code: &'static str, name: &'static str, text: String| {
        wrong.add_at(parameter.name.clone(), code).with(name, text);
        None
    };
    match form {
        Form::Choice(choices) if !all(&|word| choices.iter().any(|choice| choice == word)) => {
            add(field::CHOICE, "choices", choices.join(", "))
        }
        Form::Id if !all(&is_id) => add(field::RANGE_ID, "form", "parameter".to_owned()),
        Form::Whole if value.parse::<i64>().is_err() => add(field::FORMAT, "form", "number".to_owned()),
        Form::Date if !input::is_exact_date(&value) || value.parse::<NaiveDate>().is_err() => add(field::FORMAT, "form", "date".to_owned()),
        Form::Amount if Money::deserialize(StrDeserializer::<serde::de::value::Error>::new(&value)).is_err() => {
            add(field::AMOUNT, "form", "parameter".to_owned())
        }
        Form::Moment => moment(&value).or_else(|| add(field::FORMAT, "form", "time".to_owned())),
        _ => Some(value),
    }
}

/// A positive number without leading zeros or a sign.
fn is_id(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0') && text.parse::<i64>().is_ok()
}

/// The largest number of characters, and of values.
fn bounds(parameter: &Parameter) -> (usize, usize) {
    match &parameter.schema {
        Some(RefOr::T(Schema::Array(list))) => (LONGEST_LIST, list.max_items.unwrap_or(several::MOST)),
        Some(RefOr::T(Schema::Object(schema))) => (schema.max_length.unwrap_or(LONGEST_PARAMETER), usize::MAX),
        _ => (LONGEST_PARAMETER, usize::MAX),
    }
}

/// What the value must be, and whether it may be a list.
fn form(parameter: &Parameter) -> (Form, bool) {
    match &parameter.schema {
        _ if PAGING.contains(&parameter.name.as_str()) => (Form::Text, false),
        Some(RefOr::T(Schema::Array(list))) => match &list.items {
            ArrayItems::RefOrSchema(items) => (form_of(&parameter.name, items), true),
            _ => (Form::Text, true),
        },
        Some(schema) => (form_of(&parameter.name, schema), false),
        None => (Form::Text, false),
    }
}

fn form_of(name: &str, schema: &RefOr<Schema>) -> Form {
    let schema = match schema {
        RefOr::Ref(link) => {
            let referred = link.ref_location.rsplit('/').next().unwrap_or_default();
            return match served::choices(referred) {
                Some(choices) => Form::Choice(choices.to_vec()),
                None if referred == "Id" => Form::Id,
                None => Form::Text,
            };
        }
        RefOr::T(Schema::Object(schema)) => schema,
        RefOr::T(_) => return Form::Text,
    };
    let known = |format: KnownFormat| schema.format == Some(SchemaFormat::KnownFormat(format));
    let words = schema.enum_values.iter().flatten().filter_map(|word| word.as_str().map(str::to_owned));
    match schema {
        _ if schema.enum_values.is_some() => Form::Choice(words.collect()),
        _ if is_a(schema, &Type::Boolean) => Form::Choice(["true", "false"].map(str::to_owned).to_vec()),
        _ if known(KnownFormat::DateTime) => Form::Moment,
        _ if known(KnownFormat::Date) => Form::Date,
        _ if is_id_schema(schema) => Form::Id,
        _ if is_a(schema, &Type::Integer) => Form::Whole,
        _ if schema.pattern.is_some() && (name.ends_with("_min") || name.ends_with("_max")) => Form::Amount,
        _ => Form::Text,
    }
}

/// Whether the schema is that of an id, written out in the parameter. Another number has narrower bounds.
fn is_id_schema(schema: &Object) -> bool {
    let bounds = [&schema.minimum, &schema.maximum].map(Option::as_ref);
    is_a(schema, &Type::Integer) && bounds == [Some(&utoipa::Number::from(1_i64)), Some(&utoipa::Number::from(i64::MAX))]
}

/// Whether the schema's type is this one, or this one and null.
pub fn is_a(schema: &Object, wanted: &Type) -> bool {
    match &schema.schema_type {
        SchemaType::Type(kind) => kind == wanted,
        SchemaType::Array(kinds) => kinds.contains(wanted),
        SchemaType::AnyValue => false,
    }
}

/// Parses an RFC 3339 time, and clamps it to years of four digits: both database engines order those, and no stored time is
/// outside.
fn moment(text: &str) -> Option<String> {
    let years = NaiveDate::from_ymd_opt(1, 1, 1)?.and_time(NaiveTime::MIN).and_utc()
        ..=NaiveDate::from_ymd_opt(9999, 12, 31)?.and_time(NaiveTime::MIN).and_utc();
    let moment = DateTime::parse_from_rfc3339(text).ok()?.to_utc();
    Some(moment.clamp(*years.start(), *years.end()).to_rfc3339())
}

#[cfg(test)]
mod tests {
    use utoipa::openapi::{
        ArrayBuilder, ObjectBuilder, Ref,
        path::{ParameterBuilder, ParameterIn},
    };

    use super::*;

    fn known() -> Vec<Parameter> {
        let parameter = |name: &str, schema: RefOr<Schema>| {
            ParameterBuilder::new().name(name).parameter_in(ParameterIn::Query).schema(Some(schema)).build()
        };
        let ids = || RefOr::T(Schema::Array(ArrayBuilder::new().items(Ref::from_schema_name("Id")).build()));
        let text = || RefOr::T(Schema::Object(ObjectBuilder::new().schema_type(Type::String).build()));
        [("actor", text()), ("actor_id", ids()), ("customer_id", ids()), ("customer", ids())]
            .map(|(name, schema)| parameter(name, schema))
            .into()
    }

    fn parsed(query: &str) -> Vec<Pair> {
        parse(query, &known()).unwrap().0
    }

    #[test]
    fn a_short_name_stands_for_a_filter_by_ids_unless_a_filter_of_its_own_has_it() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(parsed("customer=7,8"), [pair("customer_id", "7,8")]);
        assert_eq!(parsed("actor=admin&actor_id=7"), [pair("actor", "admin"), pair("actor_id", "7")]);
        let (kept, wrong) = parse("customer=7&customer_id=8", &known()).unwrap();
        assert_eq!((kept, wrong.0.len()), (vec![pair("customer_id", "7")], 1));
    }

    #[test]
    fn moments_are_drawn_into_the_years_that_both_engines_order() {
        assert_eq!(moment("2026-01-15T12:30:00+03:00").as_deref(), Some("2026-01-15T09:30:00+00:00"));
        assert_eq!(moment("0000-01-01T00:00:00Z").as_deref(), Some("0001-01-01T00:00:00+00:00"));
        assert_eq!(moment("9999-12-31T23:59:59-23:59").as_deref(), Some("9999-12-31T00:00:00+00:00"));
        for wrong in ["2026-01-15", "+10000-01-01T00:00:00Z", "-0001-01-01T00:00:00Z", "2026-02-30T00:00:00Z", "2026-01-15T09:30:00", ""] {
            assert_eq!(moment(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_number_with_narrower_bounds_is_no_id() {
        let number = |most: i64| ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1)).maximum(Some(most)).build();
        let form = |most| form_of("months", &RefOr::T(Schema::Object(number(most))));
        assert!(matches!(form(i64::MAX), Form::Id) && matches!(form(24), Form::Whole));
    }

    #[test]
    fn an_id_is_written_in_one_way() {
        assert!(is_id("1") && is_id("9223372036854775807"));
        for wrong in ["", "0", "-1", "+1", "01", "1.0", "x", "9223372036854775808", "1 "] {
            assert!(!is_id(wrong), "{wrong:?}");
        }
    }
}
