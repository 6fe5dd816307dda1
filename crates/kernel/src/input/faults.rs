//! What is wrong with a value that cannot be read, by the schema of its field.
//!
//! The words of serde's errors are for people and may change, so only where the error occurred is taken from them.

use std::collections::HashMap;

use serde_json::Value;
use serde_path_to_error::{Path, Segment};
use utoipa::{
    ToSchema,
    openapi::{
        RefOr, Schema,
        schema::{AdditionalProperties, ArrayItems, Object, SchemaType, Type},
    },
};

use crate::error::field;

/// What is wrong with a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    /// The code of the field error.
    pub(super) code: &'static str,
    /// The allowed values, for [`field::CHOICE`].
    pub(super) choices: Vec<String>,
}

impl From<&'static str> for Fault {
    fn from(code: &'static str) -> Self {
        Self { code, choices: Vec::new() }
    }
}

/// The schemas to which an input refers, by name.
pub(super) struct Schemas(HashMap<String, RefOr<Schema>>);

impl Schemas {
    /// The schemas of an input.
    pub(super) fn of<I: ToSchema>() -> Self {
        let mut all = Vec::new();
        I::schemas(&mut all);
        Self(all.into_iter().collect())
    }

    fn resolve<'a>(&'a self, schema: &'a RefOr<Schema>) -> Option<&'a Schema> {
        match schema {
            RefOr::T(schema) => Some(schema),
            RefOr::Ref(link) => self.resolve(self.0.get(link.ref_location.rsplit('/').next()?)?),
        }
    }

    /// What is wrong with the value at this path of an input, which cannot be read.
    pub(super) fn fault(&self, input: &Object, path: &Path, fields: &Value) -> Fault {
        let (mut schema, mut value) = (None, fields);
        for segment in path.iter() {
            let (next_schema, next_value) = match segment {
                Segment::Map { key } => {
                    let property = match schema {
                        None => input.properties.get(key),
                        Some(schema) => self.property(schema, key),
                    };
                    (property, value.get(key))
                }
                Segment::Seq { index } => (schema.and_then(|schema| self.item(schema)), value.get(index)),
                Segment::Enum { .. } | Segment::Unknown => break,
            };
            let (Some(next_schema), Some(next_value)) = (next_schema, next_value) else { break };
            (schema, value) = (Some(next_schema), next_value);
        }
        schema.map_or_else(|| field::FORMAT.into(), |schema| self.mismatch(schema, value))
    }

    fn property<'a>(&'a self, schema: &'a RefOr<Schema>, key: &str) -> Option<&'a RefOr<Schema>> {
        match self.resolve(schema)? {
            Schema::Object(object) => object.properties.get(key).or(match object.additional_properties.as_deref() {
                Some(AdditionalProperties::RefOr(schema)) => Some(schema),
                _ => None,
            }),
            other => branches(other).iter().find_map(|branch| self.property(branch, key)),
        }
    }

    fn item<'a>(&'a self, schema: &'a RefOr<Schema>) -> Option<&'a RefOr<Schema>> {
        match self.resolve(schema)? {
            Schema::Array(array) => match &array.items {
                ArrayItems::RefOrSchema(item) => Some(item),
                ArrayItems::False => None,
            },
            other => branches(other).iter().find_map(|branch| self.item(branch)),
        }
    }

    /// How a value that cannot be read differs from its schema: its type, else the choice of values, else the form.
    fn mismatch(&self, schema: &RefOr<Schema>, value: &Value) -> Fault {
        let Some(schema) = self.resolve(schema) else { return field::FORMAT.into() };
        match schema {
            Schema::Object(object) if !fits(&object.schema_type, value) => field::TYPE.into(),
            Schema::Object(object) => of_object(object, value),
            Schema::Array(_) if !value.is_array() => field::TYPE.into(),
            Schema::Array(_) => field::FORMAT.into(),
            other => {
                let faults = branches(other).iter().map(|branch| self.mismatch(branch, value));
                // the branch of the value's own type, if there is one
                faults.min_by_key(|fault| fault.code == field::TYPE).unwrap_or_else(|| field::FORMAT.into())
            }
        }
    }
}

fn branches(schema: &Schema) -> &[RefOr<Schema>] {
    match schema {
        Schema::OneOf(one) => &one.items,
        Schema::AnyOf(any) => &any.items,
        Schema::AllOf(all) => &all.items,
        _ => &[],
    }
}

/// What is wrong with a value whose type is right.
fn of_object(object: &Object, value: &Value) -> Fault {
    if let Some(allowed) = object.enum_values.as_ref().filter(|allowed| !allowed.contains(value)) {
        let choices = allowed.iter().filter_map(Value::as_str).map(str::to_owned).collect();
        return Fault { code: field::CHOICE, choices };
    }
    if let Some(fields) = value.as_object().filter(|_| !object.properties.is_empty()) {
        if object.required.iter().any(|name| !fields.contains_key(name)) {
            return field::REQUIRED.into();
        }
        if fields.keys().any(|name| !object.properties.contains_key(name)) {
            return field::UNKNOWN.into();
        }
    }
    field::FORMAT.into()
}

fn fits(schema_type: &SchemaType, value: &Value) -> bool {
    let is = |kind: &Type| match kind {
        Type::Object => value.is_object(),
        Type::String => value.is_string(),
        Type::Integer => value.is_i64() || value.is_u64(),
        Type::Number => value.is_number(),
        Type::Boolean => value.is_boolean(),
        Type::Array => value.is_array(),
        Type::Null => value.is_null(),
    };
    match schema_type {
        SchemaType::Type(kind) => is(kind),
        SchemaType::Array(kinds) => kinds.iter().any(is),
        SchemaType::AnyValue => true,
    }
}

#[cfg(test)]
mod tests {
    use chrono::NaiveDate;
    use serde::Deserialize;
    use serde_json::json;
    use validator::Validate;

    use super::*;
    use crate::{
        error::Error,
        input::{Input, parse, tests::context},
    };

    crate::text_enum! {
        /// A colour.
        pub enum Colour {
            /// Red.
            Red = "red",
            /// Blue.
            Blue = "blue",
        }
    }

    #[derive(Debug, Deserialize, ToSchema)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code, reason = "only read")]
    struct Inner {
        word: String,
        at: Option<NaiveDate>,
    }

    #[derive(Debug, Deserialize, ToSchema, Validate)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code, reason = "only read")]
    #[schema(example = json!({}))]
    struct Outer {
        colour: Option<Colour>,
        colours: Option<Vec<Colour>>,
        inner: Option<Inner>,
        inners: Option<Vec<Inner>>,
        count: Option<i64>,
        yes: Option<bool>,
    }

    impl Input for Outer {}

    fn wrong(body: &Value) -> (String, &'static str, Vec<(&'static str, String)>) {
        let error: Error = parse::<Outer>(body.to_string().as_bytes(), &context()).unwrap_err();
        let [wrong] = error.wrong_fields() else { panic!("{body}: {error}") };
        (wrong.pointer.clone(), wrong.code, wrong.args.clone())
    }

    #[test]
    fn what_is_wrong_follows_from_the_schema_and_the_value() {
        for (body, pointer, code) in [
            (json!({"colour": 5}), "/colour", field::TYPE),
            (json!({"colours": "red"}), "/colours", field::TYPE),
            (json!({"colours": ["red", 5]}), "/colours/1", field::TYPE),
            (json!({"inner": []}), "/inner", field::TYPE),
            (json!({"inner": {"word": 5}}), "/inner/word", field::TYPE),
            (json!({"inner": {"word": "a", "at": "31.01.2026"}}), "/inner/at", field::FORMAT),
            (json!({"inner": {}}), "/inner", field::REQUIRED),
            (json!({"inner": {"word": "a", "more": 1}}), "/inner/more", field::UNKNOWN),
            (json!({"inners": [{"word": "a"}, {"word": true}]}), "/inners/1/word", field::TYPE),
            (json!({"count": 1.5}), "/count", field::TYPE),
            (json!({"count": "1"}), "/count", field::TYPE),
            (json!({"yes": "true"}), "/yes", field::TYPE),
        ] {
            let found = wrong(&body);
            assert_eq!((found.0.as_str(), found.1), (pointer, code), "{body}");
        }
    }

    #[test]
    fn a_wrong_choice_lists_the_right_ones() {
        let choices = vec![("choices", Colour::ALL.iter().map(|colour| colour.as_str()).collect::<Vec<_>>().join(", "))];
        assert_eq!(wrong(&json!({"colour": "green"})), ("/colour".to_owned(), field::CHOICE, choices.clone()));
        assert_eq!(wrong(&json!({"colours": ["red", "green"]})), ("/colours/1".to_owned(), field::CHOICE, choices));
    }
}
