//! Every code and every permission has a message in every language.

use std::collections::{BTreeMap, BTreeSet};

use acl::Permission;
use kernel::error::{Code, field};
use messages::Locale;

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
    let enums = api::openapi::enums(crate::harness::document());
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

/// The table of docs/errors.md: each code with its status and its English message.
fn table_of_codes() -> String {
    let english = Locale::negotiate(Some("en"));
    let mut rows: Vec<String> = codes()
        .into_iter()
        .map(|code| {
            // values from the request replace these placeholders
            let words = english.find(code.name, &[]).unwrap_or_default().replace(['{', '}'], "");
            format!(
                "| `{}` | {} | {} |\n",
                code.name,
                api::problem::status(code.kind).as_u16(),
                words.split_whitespace().collect::<Vec<_>>().join(" ")
            )
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
    let (before, rest) = page.split_once("<!-- codes:begin -->\n").unwrap();
    let (present, after) = rest.split_once("<!-- codes:end -->").unwrap();
    let table = table_of_codes();
    if std::env::var("UPDATE_GOLDEN").is_ok() {
        std::fs::write(&path, format!("{before}<!-- codes:begin -->\n{table}<!-- codes:end -->{after}"))
            .unwrap();
    } else {
        assert!(present == table, "docs/errors.md is out of date: run UPDATE_GOLDEN=1 cargo test -p tests");
    }
}

#[test]
fn every_enum_value_has_its_words_in_every_language() {
    let enums = api::openapi::enums(crate::harness::document());
    assert!(enums.len() > 40, "{:?}", enums.keys());
    for (name, values) in &enums {
        for value in values {
            for locale in Locale::all() {
                let is_permission = name == "Permission";
                let words = locale.word(name, &value.value).is_some();
                assert!(
                    words || is_permission,
                    "locales/{}.ftl: enum-{name} has no `{}`",
                    locale.tag(),
                    value.value
                );
                assert!(value.words[locale.tag()].chars().count() > 1, "{name} {value:?}");
            }
        }
    }
}
