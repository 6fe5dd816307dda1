//! The OpenAPI document is complete and consistent, and equals the committed one.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use crate::harness::document;
use acl::input as acl_input;
use kernel::{Context, Input, Origin, Result, input, macro_support::utoipa::ToSchema};
use serde_json::Value;
use server::settings::Settings;

use super::{Operation, words};
use crate::harness::START;

#[test]
fn the_committed_document_is_the_one_that_the_code_makes() {
    let committed =
        std::fs::read_to_string(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../openapi/openapi.json")))
            .unwrap_or_default();
    let made = serde_json::to_string_pretty(document()).unwrap() + "\n";
    let line = made.lines().zip(committed.lines()).position(|(made, committed)| made != committed);
    assert!(
        committed == made,
        "openapi/openapi.json is not what the code makes (from line {line:?}); run `just openapi` \
         or `cargo run -q -- openapi > openapi/openapi.json`"
    );
}

#[test]
fn every_operation_has_an_id_of_its_own_a_summary_and_a_tag() {
    let document = document();
    let described = document["tags"].as_array().unwrap();
    let mut seen = BTreeSet::new();
    for operation in Operation::all(document) {
        let name = operation.name();
        let id = operation.said["operationId"].as_str().unwrap_or_default();
        assert!(
            !id.is_empty() && seen.insert(id.to_owned()),
            "{name}: operationId `{id}` is empty or not unique"
        );
        let summary = operation.said["summary"].as_str().unwrap_or_default();
        let is_plain = !summary.contains(['`', '\n']) && summary.ends_with('.');
        assert!((6..=110).contains(&summary.chars().count()) && is_plain, "{name}: summary {summary:?}");
        assert!(operation.said["tags"].as_array().is_some_and(|tags| tags.len() == 1), "{name} has no tag");
        let described = described
            .iter()
            .any(|tag| tag["name"] == operation.said["tags"][0] && tag["description"].is_string());
        assert!(described, "{name} has a tag without a description");
        for (status, response) in operation.said["responses"].as_object().unwrap() {
            assert!(
                response["description"].as_str().is_some_and(|words| !words.is_empty()),
                "{name}: response {status} is not described"
            );
        }
    }
}

#[test]
fn every_reference_leads_somewhere() {
    let document = document();
    let mut seen = 0;
    each(document, &mut |value| {
        if let Some(reference) = value.get("$ref").and_then(Value::as_str) {
            seen += 1;
            let found = reference.strip_prefix('#').and_then(|pointer| document.pointer(pointer));
            assert!(found.is_some(), "{reference} does not exist");
        }
    });
    assert!(seen > 100, "{seen} references");
}

fn each<'a>(value: &'a Value, look: &mut impl FnMut(&'a Value)) {
    look(value);
    match value {
        Value::Object(fields) => fields.values().for_each(|value| each(value, look)),
        Value::Array(items) => items.iter().for_each(|value| each(value, look)),
        _ => {}
    }
}

#[test]
fn examples_have_the_fields_of_their_schemas() {
    let document = document();
    let mut seen = 0;
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        let parts = parts_of(document, schema);
        let has = |field: &str| parts.iter().any(|part| part["properties"].get(field).is_some());
        let Some(example) = example_of(schema).and_then(Value::as_object) else { continue };
        if parts.iter().all(|part| part["properties"].is_null()) {
            continue;
        }
        seen += 1;
        for field in example.keys() {
            assert!(has(field), "{name}: the example has the unknown field `{field}`");
        }
        for required in parts.iter().flat_map(|part| part["required"].as_array().into_iter().flatten()) {
            assert!(example.contains_key(required.as_str().unwrap()), "{name}: the example lacks {required}");
        }
    }
    assert!(seen > 100, "{seen} schemas with examples");
}

/// A schema and the schemas that it consists of.
fn parts_of<'a>(document: &'a Value, schema: &'a Value) -> Vec<&'a Value> {
    let link = schema["$ref"].as_str().and_then(|link| document.pointer(link.trim_start_matches('#')));
    let inner = schema["allOf"].as_array().into_iter().flatten().chain(link);
    [schema].into_iter().chain(inner.flat_map(|part| parts_of(document, part))).collect()
}

/// The names of the schemas to which a body of this method refers, directly or not.
fn read_by(document: &Value, methods: &[&str]) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let operations = Operation::all(document);
    let bodies = operations.iter().filter(|operation| methods.contains(&operation.method.as_str()));
    let mut open: Vec<&Value> = bodies.map(|operation| &operation.said["requestBody"]).collect();
    while let Some(node) = open.pop() {
        each(node, &mut |value| {
            if let Some(link) = value.get("$ref").and_then(Value::as_str)
                && names.insert(link.rsplit('/').next().unwrap().to_owned())
            {
                open.push(document.pointer(link.trim_start_matches('#')).unwrap());
            }
        });
    }
    names
}

#[test]
fn no_input_has_a_default_that_a_generated_client_would_send_or_take_for_given() {
    let document = document();
    let names = read_by(document, &["PATCH", "POST", "PUT"]);
    assert!(names.len() > 40, "{names:?}");
    let patches: Vec<&String> = names.iter().filter(|name| name.ends_with("Patch")).collect();
    assert!(patches.len() >= 8, "{patches:?}");
    let mut told = 0;
    for name in &names {
        let schema = &document["components"]["schemas"][name];
        for (field, property) in schema["properties"].as_object().into_iter().flatten() {
            assert!(property.get("default").is_none(), "{name}.{field} has a default");
            told += usize::from(
                property["description"].as_str().is_some_and(|words| words.ends_with(" by default.")),
            );
        }
    }
    assert!(told >= 6, "{told} defaults are put into words");
    for patch in patches {
        let required = &document["components"]["schemas"][patch]["required"];
        assert!(required.is_null(), "{patch} requires {required}");
    }
}

#[test]
fn no_address_can_be_read_as_two_paths() {
    let document = document();
    let paths: Vec<&String> = document["paths"].as_object().unwrap().keys().collect();
    let is_open = |part: &str| part.starts_with('{');
    for (n, one) in paths.iter().enumerate() {
        for other in &paths[n + 1..] {
            let pairs: Vec<(&str, &str)> = one.split('/').zip(other.split('/')).collect();
            let same_length = one.split('/').count() == other.split('/').count();
            let meet = pairs.iter().all(|(a, b)| a == b || is_open(a) || is_open(b));
            let narrower = |a: &str, b: &str| !is_open(a) && is_open(b);
            let both = pairs.iter().any(|(a, b)| narrower(a, b)) && pairs.iter().any(|(a, b)| narrower(b, a));
            assert!(!(same_length && meet && both), "{one} and {other}");
        }
    }
}

#[test]
fn schema_names_do_not_meet_what_generators_make_of_others() {
    let names: BTreeSet<&str> =
        document()["components"]["schemas"].as_object().unwrap().keys().map(String::as_str).collect();
    for name in &names {
        for prefix in ["New", "Nullable"] {
            let constructor = name.strip_prefix(prefix).is_some_and(|rest| names.contains(rest));
            assert!(!constructor, "{name} is what Go makes of {}", &name[prefix.len()..]);
        }
    }
}

#[test]
fn every_error_has_an_example_of_its_own_and_every_code_its_name() {
    let document = document();
    let codes: BTreeSet<&str> = words::codes().iter().map(|code| code.name).collect();
    let names = |schema: &str| -> BTreeSet<&str> {
        let all = document["components"]["schemas"][schema]["enum"].as_array().unwrap();
        all.iter().map(|name| name.as_str().unwrap()).collect()
    };
    assert_eq!(names("ProblemCode"), codes);
    assert_eq!(names("FieldCode"), kernel::error::field::ALL.iter().copied().collect());
    let schemas = &document["components"]["schemas"];
    assert_eq!(schemas["Problem"]["properties"]["code"]["$ref"], "#/components/schemas/ProblemCode");
    assert_eq!(schemas["ProblemField"]["properties"]["code"]["$ref"], "#/components/schemas/FieldCode");
    for operation in Operation::all(document) {
        let name = operation.name();
        for (status, response) in operation.said["responses"].as_object().unwrap() {
            let content = &response["content"]["application/problem+json"];
            if content.is_null() {
                continue;
            }
            let examples = content["examples"].as_object().unwrap();
            assert!(!examples.is_empty() || status == "409", "{name}: {status} has no example");
            for (code, link) in examples {
                let example =
                    document.pointer(link["$ref"].as_str().unwrap().trim_start_matches('#')).unwrap();
                let problem = &example["value"];
                assert_eq!(
                    (&problem["code"], problem["status"].to_string()),
                    (&Value::from(code.as_str()), status.clone())
                );
                let detail = problem["detail"].as_str().unwrap();
                assert!(!detail.contains(['{', '}', '$']), "{code}: {detail}");
            }
        }
    }
}

#[test]
fn the_document_names_its_server_its_headers_and_its_webhooks() {
    let document = document();
    assert_eq!(document["servers"][0]["url"], "/");
    let schemes: Vec<&String> =
        document["components"]["securitySchemes"].as_object().unwrap().keys().collect();
    assert_eq!(schemes, ["account", "bearer"], "user name and password come first");
    let tags: Vec<&str> =
        document["tags"].as_array().unwrap().iter().map(|tag| tag["name"].as_str().unwrap()).collect();
    assert_eq!(tags[0], "auth");
    let at = |tag: &str| tags.iter().position(|one| *one == tag).unwrap();
    let work = ["customers", "tariffs", "sims", "contracts", "payments", "tickets"].map(at);
    assert!(work.is_sorted(), "{tags:?}");
    for operation in Operation::all(document) {
        let name = operation.name();
        let parameters = operation.said["parameters"].as_array().unwrap();
        assert!(parameters.iter().any(|one| one["name"] == "Accept-Language"), "{name}");
        for (status, response) in operation.said["responses"].as_object().unwrap() {
            assert!(response["headers"].get("X-Request-Id").is_some(), "{name}: {status}");
        }
        if parameters.iter().any(|one| one["name"] == "If-None-Match") {
            assert!(
                operation.said["responses"]["200"]["headers"].get("ETag").is_some(),
                "{name} has no ETag"
            );
        }
    }
    let hooks = document["webhooks"].as_object().unwrap();
    let kinds: BTreeSet<&str> = database::EventKind::ALL.iter().map(|kind| kind.as_str()).collect();
    assert_eq!(hooks.keys().map(String::as_str).collect::<BTreeSet<_>>(), kinds);
    for (kind, hook) in hooks {
        let example = &hook["post"]["requestBody"]["content"]["application/json"]["example"];
        assert_eq!(example["type"], kind.as_str());
        assert!(example["data"]["event_id"].is_i64(), "{kind}: {example}");
    }
}

fn example_of(schema: &Value) -> Option<&Value> {
    schema.get("example").or_else(|| schema["examples"].get(0))
}

type Parse = fn(&[u8], &Context) -> Result<()>;

/// Every type that is read from a JSON body.
fn inputs() -> Vec<(Cow<'static, str>, Parse)> {
    macro_rules! inputs {
        ($($input:ty),+ $(,)?) => { vec![$((<$input>::name(), parse::<$input> as Parse)),+] };
    }
    inputs![
        acl_input::ApiTokenInput,
        acl_input::BlockInput,
        acl_input::ChangePasswordInput,
        acl_input::LoginInput,
        acl_input::NewUser,
        acl_input::RefreshInput,
        acl_input::ResetPasswordInput,
        acl_input::RoleInput,
        acl_input::UserInput,
        acl_input::UserPermissionsInput,
        billing::RunInput,
        billing::promise::PromiseInput,
        contracts::ActivateInput,
        contracts::ChangeTariffInput,
        contracts::ContractInput,
        contracts::ContractOptionsInput,
        contracts::ResumeInput,
        contracts::SuspendInput,
        contracts::TerminateInput,
        customers::CustomerInput,
        customers::DuplicateCheckInput,
        customers::MergeInput,
        customers::StatusReasonInput,
        input::NoInput,
        notifications::TemplateInput,
        notifications::WebhookEndpointInput,
        payments::AddBalanceInput,
        payments::CorrectionInput,
        gateways::DecisionInput,
        payments::DeductBalanceInput,
        payments::FailInput,
        gateways::GatewayEventInput,
        gateways::LinkInput,
        payments::PaymentInput,
        payments::PayoutInput,
        gateways::RefundDecisionInput,
        payments::RefundInput,
        sims::NumberInput,
        sims::NumberPortOutInput,
        sims::NumberReserveInput,
        sims::ReplaceSimInput,
        sims::SimBlockInput,
        sims::SimDeactivateInput,
        sims::SimInput,
        tariffs::OptionInput,
        tariffs::TariffEdit,
        tariffs::TariffInput,
        tickets::AssignInput,
        tickets::CannedAnswerInput,
        tickets::CloseInput,
        tickets::CommentInput,
        tickets::MergeTicketsInput,
        tickets::NewTicket,
        tickets::PriorityInput,
        tickets::ReopenInput,
        tickets::ResolveInput,
        tickets::TicketInput,
        tickets::WaitInput,
    ]
}

fn parse<I: Input>(body: &[u8], context: &Context) -> Result<()> {
    input::parse::<I>(body, context).map(drop)
}

#[test]
fn the_example_of_every_json_body_is_taken() {
    let document = document();
    let settings = Settings::read(&BTreeMap::new()).unwrap();
    let context = Context {
        now: START.parse().unwrap(),
        policy: settings.policy,
        origin: Origin::default(),
        actor: kernel::Actor::system("test"),
    };
    let known = inputs();
    let mut used = BTreeSet::new();
    for operation in Operation::all(document) {
        let name = operation.name();
        let contents = operation.said["requestBody"]["content"].as_object().into_iter().flatten();
        for (_, content) in contents.filter(|(media_type, _)| media_type.ends_with("json")) {
            let reference = content["schema"]["$ref"]
                .as_str()
                .unwrap_or_else(|| panic!("{name}: the body is not one of the schemas"));
            let schema = document.pointer(reference.trim_start_matches('#')).unwrap();
            let example = example_of(schema).unwrap_or_else(|| panic!("{name}: {reference} has no example"));
            let input = reference.rsplit('/').next().unwrap();
            let found =
                known.iter().find(|(known, _)| known == input || input.strip_suffix("Patch") == Some(known));
            let (input, parse) =
                found.unwrap_or_else(|| panic!("{name} reads {input}: add it to the inputs here"));
            used.insert(input.as_ref());
            if let Err(error) = parse(example.to_string().as_bytes(), &context) {
                panic!("{name}: the example of {input} is refused: {error}");
            }
        }
    }
    let unused: Vec<&str> =
        known.iter().map(|(name, _)| name.as_ref()).filter(|name| !used.contains(name)).collect();
    assert!(unused.is_empty(), "no operation reads {unused:?}");
}
