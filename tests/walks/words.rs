//! Every code and every permission has a message in every language.

use std::collections::{BTreeMap, BTreeSet};

use acl::Permission;
use kernel::error::{Code, field};
use messages::Locale;
use serde_json::Value;

/// Every code that a problem may have.
pub fn codes() -> Vec<Code> {
    api::openapi::codes::all()
}

#[test]
fn the_codes_of_every_crate_are_known_to_the_document() {
    let crates = concat!(env!("CARGO_MANIFEST_DIR"), "/../crates");
    let mut open = vec![std::path::PathBuf::from(crates)];
    let mut declared = BTreeSet::new();
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                let tables = text.split("::codes! {").skip(1).map(|rest| rest.split('}').next().unwrap());
                let lines = tables.flat_map(str::lines).filter(|line| !line.trim().starts_with('/'));
                let names = lines.filter_map(|line| line.split_once(" = ")?.1.split('"').nth(1));
                declared.extend(names.map(str::to_owned));
            }
        }
    }
    assert!(declared.len() > 100, "{declared:?}");
    let known: BTreeSet<String> = codes().iter().map(|code| code.name.to_owned()).collect();
    assert_eq!(declared.difference(&known).collect::<Vec<_>>(), Vec::<&String>::new());
}

#[test]
fn every_code_and_every_permission_has_its_words_in_every_language() {
    let names = codes()
        .into_iter()
        .map(|code| code.name.to_owned())
        .chain(field::ALL.iter().map(|name| (*name).to_owned()));
    let names = names.chain(contracts::REQUIREMENTS.into_iter().map(contracts::sentence_name));
    let names: Vec<String> =
        names.chain(Permission::ALL.iter().map(|permission| permission.message())).collect();
    assert!(Locale::all().count() >= 2);
    for locale in Locale::all() {
        for name in &names {
            let words = locale.find(name, &[]);
            assert!(
                words.is_some_and(|words| words.len() > 3),
                "locales/{}.ftl has no `{name}`",
                locale.tag()
            );
        }
    }
}

#[test]
fn a_code_has_one_meaning() {
    let mut kinds = BTreeMap::new();
    for code in codes() {
        let other = kinds.insert(code.name, code.kind);
        assert_eq!(other, None, "`{}` is declared twice", code.name);
    }
}

#[test]
fn the_english_words_for_a_permission_are_those_of_the_table() {
    let english = Locale::negotiate(Some("en"));
    for permission in Permission::ALL {
        assert_eq!(
            english.find(&permission.message(), &[]).as_deref(),
            Some(permission.sentence()),
            "{permission}"
        );
    }
}

/// Messages by name, with the values that each uses.
fn messages(tag: &str) -> BTreeMap<String, BTreeSet<String>> {
    let path = format!("{}/../crates/messages/locales/{tag}.ftl", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).unwrap();
    let mut messages: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut name = String::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        if !line.starts_with([' ', '}'])
            && let Some((start, _)) = line.split_once('=')
        {
            name = start.trim().to_owned();
            assert!(messages.insert(name.clone(), BTreeSet::new()).is_none(), "{tag}.ftl has `{name}` twice");
        }
        for after in line.split('$').skip(1) {
            let value =
                after.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_').next().unwrap();
            messages.get_mut(&name).unwrap().insert(value.to_owned());
        }
    }
    messages
}

#[test]
fn every_language_has_the_same_messages_with_the_same_values() {
    let reference = messages("ru");
    assert!(reference.len() > 100, "{} messages", reference.len());
    for locale in Locale::all() {
        let others = messages(locale.tag());
        let names =
            |messages: &BTreeMap<String, BTreeSet<String>>| messages.keys().cloned().collect::<BTreeSet<_>>();
        assert_eq!(names(&reference), names(&others), "ru.ftl and {}.ftl", locale.tag());
        for (name, values) in &reference {
            assert_eq!(values, &others[name], "`{name}` in ru.ftl and {}.ftl", locale.tag());
        }
    }
}

#[test]
fn no_message_is_left_over() {
    let permissions: Vec<String> = Permission::ALL.iter().map(|permission| permission.message()).collect();
    let codes = codes();
    let requirements = contracts::REQUIREMENTS.map(contracts::sentence_name);
    let enums = api::served::enums();
    let known = |name: &str| {
        name.strip_prefix("enum-").is_some_and(|name| enums.contains_key(name))
            || requirements.iter().any(|known| known == name)
            || codes.iter().any(|code| code.name == name)
            || field::ALL.contains(&name)
            || permissions.iter().any(|known| known == name)
    };
    let left_over: Vec<String> = messages("ru").into_keys().filter(|name| !known(name)).collect();
    assert_eq!(left_over, Vec::<String>::new(), "unused messages");
}

/// A message without the braces of the placeholders, which values from the request replace.
fn words_of_a_table(message: &str) -> String {
    // double braces belong to the message
    let kept = message.replace("{{", "\u{1}").replace("}}", "\u{2}").replace(['{', '}'], "");
    let words = kept.replace('\u{1}', "{{").replace('\u{2}', "}}");
    words.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The other table of docs/errors.md: each code of a field with its English messages.
fn table_of_field_codes() -> String {
    let english = Locale::negotiate(Some("en"));
    let path = format!("{}/../crates/messages/locales/en.ftl", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).unwrap();
    // a message that depends on the form of the value has a variant for each
    let forms: BTreeSet<&str> = text
        .lines()
        .filter_map(|line| line.trim_start().strip_prefix('[')?.split_once(']'))
        .map(|(form, _)| form)
        .collect();
    let mut codes = field::ALL.to_vec();
    codes.sort_unstable();
    let mut table = "| code | what is said |\n|---|---|\n".to_owned();
    for code in codes {
        let mut messages = vec![english.find(code, &[]).unwrap_or_default()];
        for form in &forms {
            let message = english.find(code, &[("form", (*form).to_owned())]).unwrap_or_default();
            if !messages.contains(&message) {
                messages.push(message);
            }
        }
        let messages: Vec<String> = messages.iter().map(|message| words_of_a_table(message)).collect();
        table.push_str(&format!("| `{code}` | {} |\n", messages.join("<br>")));
    }
    table
}

/// The table of docs/errors.md: each code with its status and its English message.
fn table_of_codes() -> String {
    let english = Locale::negotiate(Some("en"));
    let mut rows: Vec<String> = codes()
        .into_iter()
        .map(|code| {
            let words = words_of_a_table(&english.find(code.name, &[]).unwrap_or_default());
            format!("| `{}` | {} | {words} |\n", code.name, api::problem::status(code.kind).as_u16())
        })
        .collect();
    rows.sort();
    format!("| code | status | what is said |\n|---|---|---|\n{}", rows.concat())
}

#[test]
#[allow(clippy::disallowed_methods, reason = "tests read the environment directly")]
fn the_page_of_errors_names_every_code() {
    let path = format!("{}/../docs/errors.md", env!("CARGO_MANIFEST_DIR"));
    let page = std::fs::read_to_string(&path).unwrap();
    let mut present = page.clone();
    for (name, table) in [("codes", table_of_codes()), ("fields", table_of_field_codes())] {
        let (begin, end) = (format!("<!-- {name}:begin -->\n"), format!("<!-- {name}:end -->"));
        let (before, rest) = present.split_once(&begin).unwrap();
        let (_, after) = rest.split_once(&end).unwrap();
        present = format!("{before}{begin}{table}{end}{after}");
    }
    if std::env::var("UPDATE_GOLDEN").is_ok() {
        std::fs::write(&path, present).unwrap();
    } else {
        assert!(page == present, "docs/errors.md is out of date: run UPDATE_GOLDEN=1 cargo test -p tests");
    }
}

/// The words of each enum in one language: by the name of its schema, the values as the file writes them.
fn words_of_enums(tag: &str) -> BTreeMap<String, BTreeSet<String>> {
    let path = format!("{}/../crates/messages/locales/{tag}.ftl", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).unwrap();
    let mut enums: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut current = None;
    for line in text.lines() {
        if let Some((value, _)) = line.trim_start().strip_prefix('.').and_then(|line| line.split_once(" = "))
        {
            let values = enums.get_mut(current.unwrap()).unwrap();
            assert!(values.insert(value.to_owned()), "{tag}.ftl has `{value}` twice in {current:?}");
        } else if let Some(name) = line.strip_prefix("enum-").and_then(|line| line.strip_suffix(" =")) {
            enums.insert(name.to_owned(), BTreeSet::new());
            current = Some(name);
        }
    }
    enums
}

#[test]
fn every_enum_value_has_its_words_in_every_language() {
    let enums = api::served::enums();
    assert!(enums.len() > 40, "{:?}", enums.keys());
    let mut missing = Vec::new();
    for (name, value) in enums.iter().flat_map(|(name, values)| values.iter().map(move |value| (name, value)))
    {
        for locale in Locale::all() {
            // the words for a permission are its message, which another test looks for
            let has_words = name == "Permission" || locale.word(name, &value.value).is_some();
            let shown = &value.words[locale.tag()];
            if !has_words || shown.chars().count() < 2 || *shown == value.value {
                missing.push(format!("locales/{}.ftl: enum-{name} has no `{}`", locale.tag(), value.value));
            }
        }
    }
    assert_eq!(missing, Vec::<String>::new());
}

#[test]
fn no_word_is_left_over_from_a_value_that_is_gone() {
    let enums = api::served::enums();
    for locale in Locale::all() {
        for (name, words) in words_of_enums(locale.tag()) {
            let values = enums.get(&name).into_iter().flatten();
            let values: BTreeSet<String> = values.map(|value| value.value.replace(['.', ':'], "-")).collect();
            let left_over: Vec<&String> = words.difference(&values).collect();
            assert_eq!(left_over, Vec::<&String>::new(), "enum-{name} in {}.ftl", locale.tag());
        }
    }
}

/// The places in a schema that list values, below the schema itself.
fn lists_of_values(schema: &Value, place: &str, found: &mut Vec<String>) {
    match schema {
        Value::Object(members) => {
            for (name, member) in members.iter().filter(|(name, _)| !name.starts_with("example")) {
                let inner = format!("{place}.{name}");
                if name == "enum" && member.is_array() {
                    found.push(inner.clone());
                }
                lists_of_values(member, &inner, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| lists_of_values(item, place, found)),
        _ => {}
    }
}

#[test]
fn every_enum_is_a_schema_with_a_name_so_that_meta_has_its_words() {
    let schemas = crate::harness::document()["components"]["schemas"].as_object().unwrap();
    let mut found = Vec::new();
    for (name, schema) in schemas {
        for (member, inner) in schema.as_object().unwrap().iter().filter(|(member, _)| *member != "example") {
            lists_of_values(inner, &format!("{name}.{member}"), &mut found);
        }
    }
    assert_eq!(found, Vec::<String>::new());
}
