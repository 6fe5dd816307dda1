//! The OpenAPI document. Handlers declare their operations; this module adds what is common to all operations of a kind, so that no
//! handler repeats it: errors, conditional headers, idempotency keys, merge patches and the ways to sign in.

pub mod codes;
mod responses;
mod webhooks;

use std::collections::{BTreeMap, BTreeSet};

use acl::Permission;
use kernel::country::Country;
use messages::Locale;
use serde_json::{Map, Value, json};
use utoipa::openapi::OpenApi;

use crate::{expand::EXPANDABLE, openapi::responses::Place, routes::meta::EnumValue};

/// The path of the document.
pub const PATH: &str = "/api/v1/openapi.json";

const DESCRIPTION: &str = "The back office of a mobile operator: subscribers, SIM cards, tariffs, contracts, balances, payments, tickets, staff.

**Signing in.** Click *Authorize* and enter user name and password, or send `Authorization: Bearer …` with an access token from `POST /api/v1/auth/login` or a script token from `POST /api/v1/auth/api-tokens`.

**Money** is text with two decimals. **Times** are RFC 3339 in UTC, dates are in the operator's time zone. **Lists** are paged by `page` and `page_size`, or by `cursor`. **Errors** are `application/problem+json` with a stable `code`; `Accept-Language` chooses Russian or English messages. **Changes** take `If-Match`, **POST** requests take `Idempotency-Key`. Every response has `X-Request-Id`.";

const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

/// Completes the document that the routes declare.
pub fn complete(document: OpenApi) -> Value {
    let mut document = serde_json::to_value(document).unwrap_or_default();
    introduce(&mut document);
    let patches = complete_operations(&mut document);
    if let Some(schemas) = document["components"]["schemas"].as_object_mut() {
        for name in patches {
            add_patch(schemas, &name);
        }
        complete_lists(schemas);
        schemas.extend(codes::schemas().into_iter().chain(webhooks::schemas()).map(|(name, schema)| (name.to_owned(), schema)));
        for (schema, code) in [("Problem", "ProblemCode"), ("ProblemField", "FieldCode")] {
            schemas[schema]["properties"]["code"] = json!({"$ref": format!("#/components/schemas/{code}")});
        }
        schemas.sort_keys();
        let hooks = webhooks::all(schemas);
        document["webhooks"] = hooks;
    }
    let (asked, answered) = (reached(&document, "requestBody"), reached(&document, "responses"));
    for (name, schema) in document["components"]["schemas"].as_object_mut().into_iter().flatten() {
        if asked.contains(name) {
            forbid_control_characters(schema, BODY_TEXT);
            say_defaults(schema);
        }
        if answered.contains(name) && !asked.contains(name) {
            require_what_is_always_there(schema);
            // and in the parts that it adds to other schemas
            let parts = schema.get_mut("allOf").and_then(Value::as_array_mut);
            parts.into_iter().flatten().for_each(require_what_is_always_there);
        }
    }
    describe_expansions(&mut document);
    for parameter in operations(&mut document).filter_map(|operation| operation.get_mut("parameters")?.as_array_mut()).flatten() {
        if parameter["in"] == "query" {
            forbid_control_characters(&mut parameter["schema"], QUERY_TEXT);
        }
    }
    document
}

/// Says what the document is of and how to sign in, and adds the headers and examples that operations share.
fn introduce(document: &mut Value) {
    document["info"] = json!({
        "title": "Telecom CRM", "version": env!("CARGO_PKG_VERSION"), "description": DESCRIPTION,
        "license": {"name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0"}
    });
    document["servers"] = json!([{"url": "/", "description": "The server that this document is from."}]);
    // the first one is what people have, so it comes first in Swagger UI, which orders by name
    document["components"]["securitySchemes"] = json!({
        "account": {
            "type": "oauth2", "description": "User name and password; leave the client fields empty.",
            "flows": {"password": {"tokenUrl": "/api/v1/auth/token", "refreshUrl": "/api/v1/auth/token", "scopes": {}}}
        },
        "bearer": {"type": "http", "scheme": "bearer", "description": "An access token, or a script token."}
    });
    document["components"]["headers"] = responses::headers();
    document["components"]["examples"] = Value::Object(codes::examples());
}

/// Completes every operation, and returns the names of the inputs that need a patch schema.
fn complete_operations(document: &mut Value) -> Vec<String> {
    let optional_bodies = inputs_without_required(document);
    let versioned = versioned(document);
    let mut patches = Vec::new();
    if let Some(paths) = document["paths"].as_object_mut() {
        paths.sort_keys();
        for (path, item) in paths.iter_mut() {
            let can_be_read = item.get("get").is_some();
            for method in METHODS {
                if let Some(operation) = item.get_mut(method) {
                    complete_operation(At { path, method, can_be_read, versioned: &versioned }, operation);
                    complete_body(method, &optional_bodies, operation);
                    if method == "patch" {
                        patches.extend(patch_body(operation));
                    }
                }
            }
        }
    }
    patches
}

/// Adds the patch schema of an input.
fn add_patch(schemas: &mut Map<String, Value>, name: &str) {
    let Some(mut schema) = schemas.get(name).cloned() else { return };
    let required = schema.as_object_mut().and_then(|schema| schema.remove("required")).unwrap_or_default();
    schema["description"] = json!(format!("A JSON Merge Patch of `{name}`: an absent field keeps its value, null clears it."));
    for (field, property) in schema.get_mut("properties").and_then(Value::as_object_mut).into_iter().flatten() {
        // generated clients send defaults, and so would set what nobody set
        if let Some(property) = property.as_object_mut() {
            property.remove("default");
        }
        let clears = !required.as_array().is_some_and(|required| required.iter().any(|name| name == field));
        if let Some(kind) = property.get("type").and_then(Value::as_str).filter(|_| clears) {
            property["type"] = json!([kind, "null"]);
        }
    }
    schemas.insert(format!("{name}Patch"), schema);
}

/// Adds to the schemas of rows the short forms that `expand` asks for. They are there only if asked for, and null if the id is.
fn describe_expansions(document: &mut Value) {
    for (name, parts) in EXPANDABLE {
        let properties = &mut document["components"]["schemas"][name]["properties"];
        for part in parts {
            let link = json!({"$ref": format!("#/components/schemas/{}", part.schema())});
            let mut short_form = if is_nullable(&properties[part.named_by()]) { json!({"oneOf": [{"type": "null"}, link]}) } else { link };
            short_form["description"] = format!("The short form of `{}`, if `expand` asks for `{}`.", part.named_by(), part.word()).into();
            properties[part.shown_as()] = short_form;
        }
    }
}

/// Text that bodies may hold: no control characters but line breaks and tabs.
const BODY_TEXT: &str = r"^[^\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]*$";
/// Text of [`BODY_TEXT`] with at least one character that is not blank.
const BODY_WORDS: &str = r"^[^\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]*[^\u0000-\u0020\u007f-\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff][^\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]*$";
/// Text that query parameters may hold: no control characters at all.
const QUERY_TEXT: &str = r"^[^\u0000-\u001f\u007f-\u009f]*$";
/// Text of [`QUERY_TEXT`] with at least two characters in a row that are not blank.
const QUERY_WORD: &str = r"^[^\u0000-\u001f\u007f-\u009f]*[^\u0000-\u0020\u007f-\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff]{2}[^\u0000-\u001f\u007f-\u009f]*$";

fn operations(document: &mut Value) -> impl Iterator<Item = &mut Value> {
    document["paths"]
        .as_object_mut()
        .into_iter()
        .flatten()
        .flat_map(|(_, item)| item.as_object_mut().into_iter().flatten())
        .map(|(_, operation)| operation)
}

/// Inputs without required fields, so that the body itself is optional.
fn inputs_without_required(document: &Value) -> Vec<String> {
    let schemas = document["components"]["schemas"].as_object().into_iter().flatten();
    schemas.filter(|(_, schema)| schema.get("required").is_none()).map(|(name, _)| format!("#/components/schemas/{name}")).collect()
}

/// The names of all schemas that this part of the operations refers to, directly or indirectly.
fn reached(document: &Value, part: &str) -> BTreeSet<String> {
    fn walk(document: &Value, node: &Value, names: &mut BTreeSet<String>) {
        if let Some(name) = node["$ref"].as_str().and_then(|link| link.strip_prefix("#/components/schemas/"))
            && names.insert(name.to_owned())
        {
            walk(document, &document["components"]["schemas"][name], names);
        }
        match node {
            Value::Array(items) => items.iter().for_each(|item| walk(document, item, names)),
            Value::Object(fields) => fields.values().for_each(|item| walk(document, item, names)),
            _ => {}
        }
    }
    let mut names = BTreeSet::new();
    for item in document["paths"].as_object().into_iter().flatten().map(|(_, item)| item) {
        item.as_object().into_iter().flatten().for_each(|(_, operation)| walk(document, &operation[part], &mut names));
    }
    names
}

/// Adds a pattern without control characters to every text field that has no other pattern or format, and spells out named patterns.
fn forbid_control_characters(schema: &mut Value, form: &str) {
    let is_text = match &schema["type"] {
        Value::String(kind) => kind == "string",
        Value::Array(kinds) => kinds.iter().any(|kind| kind == "string"),
        _ => false,
    };
    if is_text && schema.get("enum").is_none() && schema["format"].as_str().is_none_or(|format| format == "password") {
        match schema["pattern"].as_str() {
            None => schema["pattern"] = json!(form),
            Some(r"\S") => schema["pattern"] = json!(BODY_WORDS),
            Some(r"\S\S") => schema["pattern"] = json!(QUERY_WORD),
            Some("phone") => schema["pattern"] = json!(Country::phone_pattern()),
            Some("inn") => schema["pattern"] = json!(Country::inn_pattern()),
            Some(_) => {}
        }
    }
    let properties = schema.get_mut("properties").and_then(Value::as_object_mut);
    properties.into_iter().flatten().for_each(|(_, property)| forbid_control_characters(property, form));
}

/// Puts the defaults of an input's fields into words.
///
/// Some generators take a field with a default for one that is always there, and others send the default.
fn say_defaults(schema: &mut Value) {
    for (_, property) in schema.get_mut("properties").and_then(Value::as_object_mut).into_iter().flatten() {
        let Some(default) = property.as_object_mut().and_then(|property| property.remove("default")) else { continue };
        let shown = default.as_str().map_or_else(|| default.to_string(), str::to_owned);
        let described = property["description"].as_str().unwrap_or_default();
        property["description"] = json!(format!("{described} `{shown}` by default.").trim());
    }
}

/// The values of each enum of the document, by the name of its schema, with their words in each language.
///
/// Left out are the codes of errors, whose messages depend on what happened.
pub fn enums(choices: &BTreeMap<String, Vec<String>>) -> BTreeMap<String, Vec<EnumValue>> {
    let enums = choices.iter().filter(|(name, _)| !["ProblemCode", "FieldCode"].contains(&name.as_str()));
    enums.map(|(name, values)| (name.clone(), values.iter().map(|value| described(name, value)).collect())).collect()
}

fn described(name: &str, value: &str) -> EnumValue {
    let words = Locale::all().map(|locale| {
        let sentence = || Some(locale.text(&value.parse::<Permission>().ok()?.message(), &[]));
        let words = locale.word(name, value).or_else(sentence);
        (locale.tag(), words.unwrap_or_else(|| value.to_owned()))
    });
    EnumValue { value: value.to_owned(), words: words.collect() }
}

/// The names of schemas whose resources have a version.
fn versioned(document: &Value) -> BTreeSet<String> {
    let schemas = &document["components"]["schemas"];
    let has = |schema: &Value| {
        let parts = schema["allOf"].as_array().into_iter().flatten();
        let of_part = |part: &Value| {
            let link = part["$ref"].as_str().and_then(|link| link.rsplit('/').next());
            link.is_some_and(|name| !schemas[name]["properties"]["version"].is_null())
        };
        !schema["properties"]["version"].is_null() || parts.into_iter().any(of_part)
    };
    let all = schemas.as_object().into_iter().flatten();
    all.filter(|(name, schema)| *name != "Meta" && has(schema)).map(|(name, _)| name.clone()).collect()
}

/// Whether a property may be null.
fn is_nullable(property: &Value) -> bool {
    let is_null = |kind: &Value| kind == "null" || kind["type"] == "null";
    ["type", "oneOf"].iter().any(|key| property[key].as_array().is_some_and(|kinds| kinds.iter().any(is_null)))
}

/// Makes nullable fields of a response required: they are always present. Optional fields are never null.
fn require_what_is_always_there(schema: &mut Value) {
    let required = schema["required"].as_array().cloned().unwrap_or_default();
    let Some(properties) = schema["properties"].as_object() else { return };
    let always = |name: &String, property: &Value| required.iter().any(|required| required == name) || is_nullable(property);
    let names: Vec<&String> = properties.iter().filter(|(name, property)| always(name, property)).map(|(name, _)| name).collect();
    schema["required"] = json!(names);
}

/// Makes the rows of each list refer to the schema of one row, and gives it a page with one row as example.
fn complete_lists(schemas: &mut Map<String, Value>) {
    let examples: Map<String, Value> = schemas.iter().map(|(name, schema)| (name.clone(), schema["example"].clone())).collect();
    for (name, schema) in schemas.iter_mut() {
        let Some(row) = name.strip_prefix("List_") else { continue };
        if let Some(example) = examples.get(row) {
            schema["properties"]["results"]["items"] = json!({"$ref": format!("#/components/schemas/{row}")});
            schema["example"] = json!({"count": 1, "count_exact": true, "next": null, "previous": null, "results": [example]});
        }
    }
}

/// Sets whether a body is required. A POST without required fields accepts an empty body as `{}`.
fn complete_body(method: &str, optional: &[String], operation: &mut Value) {
    let Some(body) = operation.get_mut("requestBody") else { return };
    let link = body["content"]["application/json"]["schema"]["$ref"].as_str();
    let may_be_left_out = method == "post" && link.is_some_and(|link| optional.iter().any(|name| name == link));
    body["required"] = json!(!may_be_left_out);
}

/// An operation, and what it needs to be completed.
#[derive(Clone, Copy)]
struct At<'a> {
    path: &'a str,
    method: &'a str,
    can_be_read: bool,
    versioned: &'a BTreeSet<String>,
}

fn complete_operation(at: At<'_>, operation: &mut Value) {
    let At { path, method, .. } = at;
    let permissions = permissions(operation);
    let signed_in = operation.get("security").is_some();
    // explicit also without, so that no tool takes it for an omission
    operation["security"] = if signed_in { json!([{"account": []}, {"bearer": permissions}]) } else { json!([]) };
    describe_permissions(operation, &permissions);

    let in_path = path.contains('{');
    let headers = header_parameters(at, in_path, operation);
    let conditional = headers.first().and_then(|header| header["name"].as_str().map(str::to_owned)).unwrap_or_default();
    let parameters = operation.as_object_mut().map(|operation| operation.entry("parameters").or_insert_with(|| json!([])));
    if let Some(Value::Array(parameters)) = parameters {
        // another spelling of `last_event_id`; in several languages the two would have one name
        parameters.retain(|parameter| parameter["name"] != "lastEventId");
        parameters.extend(headers);
        parameters.push(header_parameter(
            "Accept-Language",
            "The language of messages: `ru` by default.",
            json!({"examples": ["en", "ru"]}),
        ));
    }

    let mut expected: Vec<(u16, &str)> = Vec::new();
    if signed_in {
        expected.push((401, "Not signed in, or the token is no longer valid."));
    }
    if !permissions.is_empty() {
        expected.push((403, "The permission is missing; the problem names it."));
    }
    if in_path {
        expected.push((404, "Not found."));
    }
    expected.extend(expected_of_input(method, &conditional, operation));
    let in_query = has_query(operation);
    if let Some(responses) = operation["responses"].as_object_mut() {
        for (status, description) in expected {
            responses.entry(status.to_string()).or_insert_with(|| json!({"description": description}));
        }
        for (status, response) in responses.iter_mut() {
            let has_etag = ["200", "201", "304"].contains(&status.as_str()) && (*status == "304" || is_versioned(response, at.versioned));
            responses::complete(Place { path, method, status: status.as_str(), has_etag, in_query }, response);
        }
        responses.sort_keys();
    }
}

/// The permissions that an operation requires.
fn permissions(operation: &Value) -> Vec<String> {
    let schemes = operation["security"].as_array().into_iter().flatten();
    schemes
        .filter_map(|scheme| scheme.get("bearer"))
        .flat_map(|scopes| scopes.as_array().cloned().unwrap_or_default())
        .filter_map(|scope| scope.as_str().map(str::to_owned))
        .collect()
}

/// Says in the description what the permissions allow.
fn describe_permissions(operation: &mut Value, permissions: &[String]) {
    let sentences: Vec<String> = permissions
        .iter()
        .filter_map(|name| name.parse::<Permission>().ok())
        .map(|permission| format!("Needs permission `{permission}`: {}", permission.sentence()))
        .collect();
    if !sentences.is_empty() {
        let described = operation["description"].as_str().map(|text| format!("{text}\n\n")).unwrap_or_default();
        operation["description"] = json!(format!("{described}{}", sentences.join("\n")));
    }
}

/// The headers that an operation reads: at most one.
fn header_parameters(at: At<'_>, in_path: bool, operation: &Value) -> Vec<Value> {
    let At { method, can_be_read, versioned, .. } = at;
    let has_tag = operation["responses"]["200"].is_object() && is_versioned(&operation["responses"]["200"], versioned);
    let tagged = operation["responses"].as_object().is_some_and(|responses| {
        responses.iter().any(|(status, response)| status.starts_with('2') && !response["content"].is_null() && shows_version(response))
    });
    match method {
        "post" => vec![header_parameter(
            "Idempotency-Key",
            "Makes a repeat safe: the same key with the same request returns the stored response.",
            json!({"minLength": 1, "pattern": IDEMPOTENCY_KEY, "examples": ["0193f0a2-6a5e-7c3b-9f64-2f6f0c1d2e3f"]}),
        )],
        "put" | "patch" | "delete" if in_path && (tagged || can_be_read) => vec![header_parameter(
            "If-Match",
            "The `ETag` that was read; 412 if the resource has changed since, or if the header names no version.",
            json!({"examples": ["*", TAG]}),
        )],
        "get" if in_path && has_tag => {
            vec![header_parameter("If-None-Match", "The `ETag` that was read; 304 if nothing has changed.", json!({"examples": [TAG]}))]
        }
        _ => Vec::new(),
    }
}

/// The responses that follow from the method, the body, the query and the headers of an operation; some may be documented already.
fn expected_of_input(method: &str, conditional: &str, operation: &Value) -> Vec<(u16, &'static str)> {
    let has_body = operation.get("requestBody").is_some();
    let in_query = has_query(operation);
    let mut expected = vec![
        (500, "An internal error; the log has details under the request id."),
        (503, "The database is unavailable; try again after `Retry-After`."),
    ];
    if in_query || has_body || !conditional.is_empty() {
        expected.push((400, "The request is malformed."));
    }
    if has_body {
        expected.extend([
            (408, "The body did not arrive in time."),
            (413, "The body is over 1 MiB."),
            (415, "The media type of the body is not supported."),
            (422, "Well-formed but invalid; every wrong field is listed."),
        ]);
    }
    if method != "get" {
        expected.push((409, "A duplicate, or not possible in the current state."));
    }
    if method == "post" {
        expected.push((422, "Invalid, or the idempotency key was used with another request."));
    }
    match conditional {
        "If-Match" => expected.push((412, "`If-Match` names an outdated version.")),
        "If-None-Match" => expected.push((304, "Nothing has changed.")),
        _ => {}
    }
    expected
}

fn has_query(operation: &Value) -> bool {
    operation["parameters"].as_array().is_some_and(|parameters| parameters.iter().any(|parameter| parameter["in"] == "query"))
}

/// Whether a response shows a resource with a version, or a file.
fn is_versioned(response: &Value, versioned: &BTreeSet<String>) -> bool {
    let content = &response["content"];
    let name = content["application/json"]["schema"]["$ref"].as_str().and_then(|link| link.rsplit('/').next());
    name.is_some_and(|name| versioned.contains(name)) || !content["application/octet-stream"].is_null()
}

/// Whether a response shows one resource, not a list or tokens.
fn shows_version(response: &Value) -> bool {
    let name = response["content"]["application/json"]["schema"]["$ref"].as_str().unwrap_or_default();
    let is_file = !response["content"]["application/octet-stream"].is_null();
    is_file || (!name.contains("List_") && !name.is_empty())
}

/// At most 255 visible characters, with blanks only between them.
const IDEMPOTENCY_KEY: &str = "^[!-~]([ -~]{0,253}[!-~])?$";
/// An example of an `ETag`.
const TAG: &str = "\"3-9f86d081884c7d65\"";

fn header_parameter(name: &str, description: &str, mut schema: Value) -> Value {
    schema["type"] = json!("string");
    json!({"name": name, "in": "header", "required": false, "description": description, "schema": schema})
}

/// Makes a PATCH refer to the patch schema of its input, and returns the input's name.
fn patch_body(operation: &mut Value) -> Option<String> {
    let content = operation.get_mut("requestBody")?.get_mut("content")?.as_object_mut()?;
    let mut body = content.get("application/json")?.clone();
    let name = body["schema"]["$ref"].as_str()?.rsplit('/').next()?.to_owned();
    if name.ends_with("Patch") {
        return None;
    }
    body["schema"]["$ref"] = json!(format!("#/components/schemas/{name}Patch"));
    content.insert("application/json".into(), body.clone());
    content.insert("application/merge-patch+json".into(), body);
    Some(name)
}
