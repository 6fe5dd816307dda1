//! Control characters in the texts of a body.

use serde_json::{Map, Value};

use crate::error::{FieldErrors, field};

/// Reports control characters other than line breaks and tabs; PostgreSQL cannot store NUL at all.
fn control_characters(pointer: &mut String, step: &str, value: &Value, wrong: &mut FieldErrors) {
    if wrong.is_full() || matches!(value, Value::Null | Value::Bool(_) | Value::Number(_)) {
        return;
    }
    let above = pointer.len();
    pointer.push('/');
    pointer.push_str(step);
    match value {
        Value::String(text) if has_forbidden_character(text) => {
            wrong.add_at(pointer.clone(), field::CONTROL_CHARACTER);
        }
        Value::Array(items) => items.iter().enumerate().for_each(|(at, item)| control_characters(pointer, &at.to_string(), item, wrong)),
        Value::Object(fields) => control_characters_within(pointer, fields, wrong),
        _ => {}
    }
    pointer.truncate(above);
}

pub(super) fn control_characters_within(pointer: &mut String, fields: &Map<String, Value>, wrong: &mut FieldErrors) {
    for (name, item) in fields {
        if wrong.is_full() {
            return;
        }
        if has_forbidden_character(name) {
            wrong.add_at(pointer.clone(), field::CONTROL_CHARACTER);
        }
        if name.contains(['~', '/']) {
            control_characters(pointer, &name.replace('~', "~0").replace('/', "~1"), item, wrong);
        } else {
            control_characters(pointer, name, item, wrong);
        }
    }
}

/// Whether a text contains a control character other than line breaks and tabs.
pub fn has_forbidden_character(text: &str) -> bool {
    text.chars().any(|letter| letter.is_control() && !matches!(letter, '\n' | '\r' | '\t'))
}
