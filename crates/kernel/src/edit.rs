//! Changes to an existing entity: PUT, JSON Merge Patch and `If-Match`.

use std::marker::PhantomData;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::{
    context::Context,
    error::{Error, FieldErrors, Result, common, field},
    input::{Input, from_fields, object_schema},
};

/// The versions that the caller expects, from `If-Match`, or from `If-None-Match` for reads.
#[derive(Clone, Debug, Default)]
pub enum Expected {
    /// Any version: the last write wins.
    #[default]
    Any,
    /// One of these versions.
    Versions(Vec<i64>),
}

impl Expected {
    /// Checks the current version. Errors: `stale_version` when it is not one of the expected ones.
    pub fn check(&self, present: i64) -> Result<()> {
        match self {
            Self::Versions(versions) if !versions.contains(&present) => Err(Error::new(common::STALE)),
            _ => Ok(()),
        }
    }
}

/// A PUT or a JSON Merge Patch of an entity whose editable fields are `I`.
///
/// A client may send back what it read: a field outside `I` is accepted if it equals the current value. In a body whose `version` is the
/// current one, such fields are passed over whatever they contain, because time, money or a sign-in may have changed them since.
pub struct Edit<I> {
    body: Map<String, Value>,
    merge: bool,
    of: PhantomData<fn() -> I>,
}

impl<I: Input + Serialize> Edit<I> {
    /// A PUT, which replaces all editable fields.
    pub fn replace(body: Map<String, Value>) -> Self {
        Self { body, merge: false, of: PhantomData }
    }

    /// A JSON Merge Patch: an absent field keeps its value, `null` clears it.
    pub fn merge(body: Map<String, Value>) -> Self {
        Self { body, merge: true, of: PhantomData }
    }

    /// The editable fields after the edit. `shown` is the entity as the caller reads it, `present` its editable fields.
    ///
    /// Errors: `stale_version` when the body has an older `version`; `invalid` with every wrong field, including `read_only` and
    /// `unknown_field`.
    pub fn apply(&self, shown: &impl Serialize, present: &I, context: &Context) -> Result<I> {
        let shown = fields_of(shown)?;
        let present = fields_of(present)?;
        let version = |fields: &Map<String, Value>| fields.get("version").and_then(Value::as_i64);
        let (sent, now) = (version(&self.body), version(&shown));
        if sent.zip(now).is_some_and(|(sent, now)| sent < now) {
            return Err(Error::new(common::STALE));
        }
        let is_current = sent.is_some() && sent == now;
        let editable = object_schema::<I>().map(|schema| schema.properties).unwrap_or_default();
        let mut wrong = FieldErrors::default();
        let mut result = if self.merge { present.clone() } else { Map::new() };
        for (name, value) in &self.body {
            if wrong.is_full() {
                return Err(Error::new(common::INVALID).fields(wrong));
            }
            if editable.contains_key(name) {
                // a value that is shown masked and sent back masked is unchanged
                let unchanged = shown.get(name) == Some(value);
                let new = if unchanged { present.get(name).unwrap_or(value) } else { value };
                let old = result.remove(name).unwrap_or_default();
                result.insert(name.clone(), if self.merge { merged(old, new) } else { new.clone() });
            } else if let Some(now) = shown.get(name) {
                if now != value && !is_current {
                    wrong.add(name, field::READ_ONLY);
                }
            } else if !(is_current && I::SHOWN_BESIDE.contains(&name.as_str())) {
                wrong.add(name, field::UNKNOWN);
            }
        }
        if self.merge {
            result.retain(|_, value| !value.is_null());
        }
        match from_fields::<I>(result, context) {
            Ok(input) => wrong.into_result().map(|()| input),
            Err(error) => {
                wrong.0.extend(error.wrong_fields().iter().cloned());
                Err(error.fields(wrong))
            }
        }
    }
}

/// Applies a JSON Merge Patch (RFC 7396) to one value.
fn merged(old: Value, patch: &Value) -> Value {
    let Value::Object(changes) = patch else { return patch.clone() };
    let mut fields = match old {
        Value::Object(fields) => fields,
        _ => Map::new(),
    };
    for (name, change) in changes {
        if change.is_null() {
            fields.remove(name);
        } else {
            let old = fields.remove(name).unwrap_or_default();
            fields.insert(name.clone(), merged(old, change));
        }
    }
    Value::Object(fields)
}

fn fields_of(of: &impl Serialize) -> Result<Map<String, Value>> {
    match serde_json::to_value(of).map_err(Error::internal)? {
        Value::Object(fields) => Ok(fields),
        other => Err(Error::internal(format!("not an object: {other}"))),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::input::tests::{Sample, any_json, context, example, fields, named, pointers};

    fn present() -> Sample {
        from_fields(example(), &context()).unwrap()
    }

    /// The entity as it is shown: its editable fields and others.
    fn shown() -> Value {
        let mut shown = serde_json::to_value(present()).unwrap();
        (shown["id"], shown["version"], shown["balance"]) = (json!(7), json!(3), json!("0.00"));
        shown
    }

    #[test]
    fn a_patch_keeps_what_is_absent_clears_what_is_null_and_merges_what_is_nested() {
        let patch = fields(json!({"since": null, "extra": {"sms": 5, "roaming": null}, "words": ["b"]}));
        let after = Edit::<Sample>::merge(patch).apply(&shown(), &present(), &context()).unwrap();
        assert_eq!(after, Sample { since: None, words: vec!["b".into()], extra: fields(json!({"sms": 5})), ..present() });
        let required = Edit::<Sample>::merge(fields(json!({"name": null}))).apply(&shown(), &present(), &context());
        assert_eq!(pointers(required), named(&[("/name", field::REQUIRED)]));
    }

    #[test]
    fn what_was_read_may_come_back_and_what_differs_or_is_unknown_may_not() {
        for edit in [Edit::<Sample>::merge(fields(shown())), Edit::replace(fields(shown()))] {
            assert_eq!(edit.apply(&shown(), &present(), &context()).unwrap(), present());
        }
        let mut body = fields(shown());
        body.extend(fields(json!({"id": 8, "version": null, "colour": "red", "count": 10})));
        for edit in [Edit::<Sample>::merge(body.clone()), Edit::replace(body)] {
            let expected =
                [("/colour", field::UNKNOWN), ("/count", field::RANGE), ("/id", field::READ_ONLY), ("/version", field::READ_ONLY)];
            assert_eq!(pointers(edit.apply(&shown(), &present(), &context())), named(&expected));
        }
    }

    #[test]
    fn with_the_current_version_read_only_fields_may_say_anything_and_an_older_one_is_stale() {
        let sent = |version: i64| fields(json!({"version": version, "id": 8, "balance": "5.00", "warning": ["x"], "name": "Новый"}));
        type Make = fn(Map<String, Value>) -> Edit<Sample>;
        for make in [Edit::merge as Make, Edit::replace] {
            let mut body = sent(3);
            body.insert("fee".to_owned(), json!("1.00"));
            assert_eq!(make(body).apply(&shown(), &present(), &context()).unwrap().name, "Новый");
            let refused = |version| make(sent(version)).apply(&shown(), &present(), &context());
            assert_eq!(refused(2).unwrap_err().code(), common::STALE);
            let newer =
                [("/balance", field::READ_ONLY), ("/id", field::READ_ONLY), ("/version", field::READ_ONLY), ("/warning", field::UNKNOWN)];
            let found: Vec<_> = pointers(refused(4)).into_iter().filter(|(pointer, _)| pointer != "/fee").collect();
            assert_eq!(found, named(&newer));
        }
        let mut unknown = sent(3);
        unknown.insert("colour".to_owned(), json!("red"));
        assert_eq!(pointers(Edit::<Sample>::merge(unknown).apply(&shown(), &present(), &context())), named(&[("/colour", field::UNKNOWN)]));
    }

    #[test]
    fn what_is_shown_masked_and_comes_back_masked_is_unchanged() {
        let mut masked = shown();
        masked["name"] = json!("См***");
        for edit in [Edit::<Sample>::merge(fields(json!({"name": "См***"}))), Edit::replace(fields(masked.clone()))] {
            assert_eq!(edit.apply(&masked, &present(), &context()).unwrap().name, "Смарт");
        }
    }

    #[test]
    fn an_expected_version_is_among_those_named_or_any() {
        let refused = |expected: Expected, present| expected.check(present).err().map(|error| error.code());
        assert_eq!(refused(Expected::Any, 3), None);
        assert_eq!(refused(Expected::Versions(vec![1, 3]), 3), None);
        assert_eq!(refused(Expected::Versions(vec![1, 2]), 3), Some(common::STALE));
        assert_eq!(refused(Expected::Versions(Vec::new()), 3), Some(common::STALE));
    }

    #[test]
    fn merging_is_as_the_standard_shows_it() {
        // RFC 7396, appendix A
        for (target, patch, result) in [
            (json!({"a": "b"}), json!({"a": "c"}), json!({"a": "c"})),
            (json!({"a": "b"}), json!({"b": "c"}), json!({"a": "b", "b": "c"})),
            (json!({"a": "b"}), json!({"a": null}), json!({})),
            (json!({"a": "b", "b": "c"}), json!({"a": null}), json!({"b": "c"})),
            (json!({"a": ["b"]}), json!({"a": "c"}), json!({"a": "c"})),
            (json!({"a": "c"}), json!({"a": ["b"]}), json!({"a": ["b"]})),
            (json!({"a": {"b": "c"}}), json!({"a": {"b": "d", "c": null}}), json!({"a": {"b": "d"}})),
            (json!({"a": [{"b": "c"}]}), json!({"a": [1]}), json!({"a": [1]})),
            (json!(["a", "b"]), json!(["c", "d"]), json!(["c", "d"])),
            (json!({"a": "b"}), json!(["c"]), json!(["c"])),
            (json!({"a": "foo"}), Value::Null, Value::Null),
            (json!({"a": "foo"}), json!("bar"), json!("bar")),
            (json!({"e": null}), json!({"a": 1}), json!({"e": null, "a": 1})),
            (json!([1, 2]), json!({"a": "b", "c": null}), json!({"a": "b"})),
            (json!({}), json!({"a": {"bb": {"ccc": null}}}), json!({"a": {"bb": {}}})),
        ] {
            assert_eq!(merged(target.clone(), &patch), result, "{target} {patch}");
        }
    }

    fn without_nulls(value: Value) -> Value {
        match value {
            Value::Object(fields) => Value::Object(
                fields.into_iter().filter(|(_, value)| !value.is_null()).map(|(name, value)| (name, without_nulls(value))).collect(),
            ),
            other => other,
        }
    }

    /// A patch that turns `from` into `to`; neither contains a null, which a patch cannot write.
    fn difference(from: &Value, to: &Value) -> Value {
        let (Value::Object(from), Value::Object(to)) = (from, to) else { return to.clone() };
        let gone = from.keys().filter(|name| !to.contains_key(*name)).map(|name| (name.clone(), Value::Null));
        let changed = to.iter().filter(|(name, value)| from.get(*name) != Some(value));
        Value::Object(
            changed
                .map(|(name, value)| (name.clone(), from.get(name).map_or_else(|| value.clone(), |old| difference(old, value))))
                .chain(gone)
                .collect(),
        )
    }

    proptest! {
        #[test]
        fn no_edit_panics_and_an_empty_one_changes_nothing(body in any_json()) {
            if let Value::Object(body) = body {
                let _ = Edit::<Sample>::merge(body.clone()).apply(&shown(), &present(), &context());
                let _ = Edit::<Sample>::replace(body).apply(&shown(), &present(), &context());
            }
            prop_assert_eq!(Edit::<Sample>::merge(Map::new()).apply(&shown(), &present(), &context()).unwrap(), present());
        }

        #[test]
        fn a_patch_of_the_difference_makes_the_one_of_the_other(from in any_json(), to in any_json()) {
            let (from, to) = (without_nulls(from), without_nulls(to));
            let patch = difference(&from, &to);
            let after = merged(from, &patch);
            prop_assert_eq!(&after, &to);
            // applying it again changes nothing
            prop_assert_eq!(merged(after.clone(), &patch), after);
        }

        #[test]
        fn what_a_patch_does_not_name_stays(target in any_json(), patch in any_json()) {
            let after = merged(target.clone(), &patch);
            match (&target, &patch) {
                (Value::Object(target), Value::Object(patch)) => {
                    for (name, value) in target.iter().filter(|(name, _)| !patch.contains_key(*name)) {
                        prop_assert_eq!(&after[name], value);
                    }
                    for (name, change) in patch {
                        prop_assert_eq!(after.get(name).is_none(), change.is_null());
                    }
                }
                (_, Value::Object(_)) => prop_assert_eq!(after, without_nulls(patch)),
                _ => prop_assert_eq!(after, patch),
            }
        }
    }
}
