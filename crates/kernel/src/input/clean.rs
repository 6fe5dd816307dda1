//! Cleans the texts of a request body, whatever type it becomes.

use serde_json::{Map, Value};
use utoipa::openapi::{
    KnownFormat, RefOr, Schema, SchemaFormat,
    schema::{Object, SchemaType, Type},
};

use super::{Input, object_schema};
use crate::{
    error::{FieldErrors, field},
    text::cleaned,
};

/// A text that may be this long, in characters, may have several lines.
const SEVERAL_LINES: usize = 500;

/// The schemas of decimals in requests.
const DECIMALS: [&str; 5] = ["FeeInput", "AmountInput", "SignedAmountInput", "PercentInput", "QuantityInput"];

/// Cleans the texts of all fields, also those within other values, and reports line breaks where a text has one line.
pub fn texts<I: Input>(fields: Map<String, Value>, wrong: &mut FieldErrors) -> Map<String, Value> {
    // the schema is only built for a body that has something to clean
    if fields.iter().all(|(_, value)| is_plain(value)) {
        return fields;
    }
    let schema = object_schema::<I>();
    let property = |name: &str| match schema.as_ref().and_then(|schema| schema.properties.get(name)) {
        Some(RefOr::T(Schema::Object(property))) => Some(property),
        _ => None,
    };
    // an amount with a blank or an unseen letter in it is a mistake, so it stays as it was sent
    let is_amount = |name: &str| schema.as_ref().and_then(|schema| schema.properties.get(name)).is_some_and(is_decimal);
    let is_required = |name: &String| schema.as_ref().is_some_and(|schema| schema.required.contains(name));
    let mut kept = Map::new();
    for (name, value) in fields {
        let property = property(&name);
        let value = match value {
            Value::String(text) if property.is_some_and(is_password) => Value::String(text),
            Value::String(text) if is_amount(&name) => Value::String(text),
            Value::String(text) => {
                let text = cleaned(&text).into_owned();
                if text.is_empty() && !is_required(&name) && property.is_some_and(is_optional_text) {
                    continue;
                }
                if text.contains('\n') && property.is_some_and(|property| !has_several_lines(property)) {
                    wrong.add(&name, field::CONTROL_CHARACTER);
                }
                Value::String(text)
            }
            other => within(other),
        };
        kept.insert(name, value);
    }
    kept
}

/// Whether cleaning changes nothing.
fn is_plain(value: &Value) -> bool {
    match value {
        Value::String(text) => !text.is_empty() && !text.contains('\n') && cleaned(text) == text.as_str(),
        Value::Array(items) => items.iter().all(is_plain),
        Value::Object(fields) => fields.iter().all(|(_, value)| is_plain(value)),
        _ => true,
    }
}

/// Cleans the texts within a value. How many lines these may have is not known.
fn within(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(cleaned(&text).into_owned()),
        Value::Array(items) => Value::Array(items.into_iter().map(within).collect()),
        Value::Object(fields) => Value::Object(fields.into_iter().map(|(name, value)| (name, within(value))).collect()),
        other => other,
    }
}

/// Whether the field is one of the decimals of [`crate::money`], required or not.
fn is_decimal(property: &RefOr<Schema>) -> bool {
    match property {
        RefOr::Ref(to) => to.ref_location.rsplit('/').next().is_some_and(|name| DECIMALS.contains(&name)),
        RefOr::T(Schema::OneOf(one)) => one.items.iter().any(is_decimal),
        RefOr::T(_) => false,
    }
}

fn is_password(property: &Object) -> bool {
    property.format == Some(SchemaFormat::KnownFormat(KnownFormat::Password))
}

fn has_several_lines(property: &Object) -> bool {
    !is_text(property) || property.max_length.is_some_and(|most| most >= SEVERAL_LINES)
}

fn is_text(property: &Object) -> bool {
    match &property.schema_type {
        SchemaType::Type(kind) => *kind == Type::String,
        SchemaType::Array(kinds) => kinds.contains(&Type::String),
        SchemaType::AnyValue => false,
    }
}

/// Whether the field is a text that may be absent. Amounts are not texts: a blank one is a mistake.
fn is_optional_text(property: &Object) -> bool {
    matches!(&property.schema_type, SchemaType::Array(kinds) if kinds.contains(&Type::String) && kinds.contains(&Type::Null))
}
