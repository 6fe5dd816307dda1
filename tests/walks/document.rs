//! The OpenAPI document is complete and consistent, and equals the committed one.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use crate::harness::document;
use acl::input as acl_input;
use kernel::{Context, Input, Origin, Result, input};
use serde_json::Value;
use server::settings::Settings;

use super::Operation;
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
        assert!(
            operation.said["summary"].as_str().is_some_and(|summary| summary.len() > 5),
            "{name} has no summary"
        );
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
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        let (Some(example), Some(properties)) =
            (example_of(schema).and_then(Value::as_object), schema["properties"].as_object())
        else {
            continue;
        };
        for field in example.keys() {
            assert!(properties.contains_key(field), "{name}: the example has the unknown field `{field}`");
        }
        for required in schema["required"].as_array().into_iter().flatten() {
            assert!(example.contains_key(required.as_str().unwrap()), "{name}: the example lacks {required}");
        }
    }
}

fn example_of(schema: &Value) -> Option<&Value> {
    schema.get("example").or_else(|| schema["examples"].get(0))
}

type Parse = fn(&[u8], &Context) -> Result<()>;

/// Every type that is read from a JSON body.
fn inputs() -> Vec<(&'static str, Parse)> {
    macro_rules! inputs {
        ($($input:ty),+ $(,)?) => { vec![$((short_name::<$input>(), parse::<$input> as Parse)),+] };
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
        tickets::CloseInput,
        tickets::CommentInput,
        tickets::NewTicket,
        tickets::PriorityInput,
        tickets::ReopenInput,
        tickets::ResolveInput,
        tickets::TicketInput,
        tickets::WaitInput,
    ]
}

fn short_name<I>() -> &'static str {
    std::any::type_name::<I>().rsplit("::").next().unwrap()
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
                known.iter().find(|(known, _)| *known == input || input.strip_suffix("Patch") == Some(known));
            let (input, parse) =
                found.unwrap_or_else(|| panic!("{name} reads {input}: add it to the inputs here"));
            used.insert(*input);
            if let Err(error) = parse(example.to_string().as_bytes(), &context) {
                panic!("{name}: the example of {input} is refused: {error}");
            }
        }
    }
    let unused: Vec<&&str> =
        known.iter().map(|(name, _)| name).filter(|name| !used.contains(*name)).collect();
    assert!(unused.is_empty(), "no operation reads {unused:?}");
}
