//! What all responses of a kind have in common: headers, problems, and examples of problems.

use serde_json::{Map, Value, json};

use super::codes;
use crate::problem;

/// The headers that many responses have, once for all.
pub fn headers() -> Value {
    let header = |description: &str| json!({"description": description, "schema": {"type": "string"}});
    json!({
        "X-Request-Id": header("The id of the request: as sent, or generated. The log and the audit trail have it."),
        "ETag": header("The version of the resource with a hash of the body, for `If-Match` and `If-None-Match`."),
        "Location": header("The address of the new resource, or of what to watch."),
        "Retry-After": header("Seconds to wait."),
        "WWW-Authenticate": header("How to sign in."),
        "Idempotent-Replayed": header("`true` when the response is the stored one of an earlier request with this `Idempotency-Key`.")
    })
}

/// Completes a response of an operation with its headers and, if it is an error, with its problem.
pub fn complete(at: Place<'_>, response: &mut Value) {
    let Place { status, method, has_etag, .. } = at;
    let mut names = vec!["X-Request-Id"];
    match status {
        "201" | "202" => names.push("Location"),
        "401" => names.push("WWW-Authenticate"),
        "429" | "503" => names.push("Retry-After"),
        _ => {}
    }
    if has_etag {
        names.push("ETag");
    }
    if method == "post" && status.starts_with('2') {
        names.push("Idempotent-Replayed");
    }
    let headers: Map<String, Value> =
        names.iter().map(|name| ((*name).to_owned(), json!({"$ref": format!("#/components/headers/{name}")}))).collect();
    response["headers"] = Value::Object(headers);
    if status.starts_with('4') || status.starts_with('5') {
        let examples: Map<String, Value> = expected(at, response["description"].as_str().unwrap_or_default())
            .into_iter()
            .map(|code| (code.clone(), json!({"$ref": format!("#/components/examples/{code}")})))
            .collect();
        let is_oauth = at.path == problem::TOKEN_PATH;
        let schema = json!({"$ref": if is_oauth { "#/components/schemas/OauthProblem" } else { "#/components/schemas/Problem" }});
        response["content"] = json!({problem::media_type(is_oauth): {"schema": schema, "examples": examples}});
    }
}

/// A response: of which operation, and with which status.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    /// The path of the operation.
    pub path: &'a str,
    /// The method of the operation.
    pub method: &'a str,
    /// The status of the response.
    pub status: &'a str,
    /// Whether the response has an `ETag`.
    pub has_etag: bool,
    /// Whether the operation has query parameters.
    pub in_query: bool,
}

/// The codes with which an operation answers a status: those that its description names, else what every operation answers.
fn expected(at: Place<'_>, description: &str) -> Vec<String> {
    let fits = |name: &str| codes::named(name).is_some_and(|code| problem::status(code.kind).as_str() == at.status);
    let mut named: Vec<String> = description.split('`').skip(1).step_by(2).filter(|name| fits(name)).map(str::to_owned).collect();
    named.dedup();
    let general: &[&str] = match at.status {
        "400" if at.in_query => &["malformed", "unknown_parameter", "invalid_parameter"],
        "400" => &["malformed"],
        "401" => &["not_signed_in", "token_expired"],
        "403" => &["permission_missing"],
        "408" => &["body_timeout"],
        "409" if at.method == "post" => &["idempotency_key_in_use"],
        "412" => &["stale_version"],
        "413" => &["body_too_large"],
        "415" => &["unsupported_media_type"],
        "422" => &["invalid"],
        "429" => &["too_many_requests"],
        "500" => &["internal"],
        "503" => &["database_away"],
        _ => &[],
    };
    if at.status == "404" && named.is_empty() {
        named.push(missing(at.path));
    }
    if named.is_empty() || ["403", "422"].contains(&at.status) {
        named.extend(general.iter().map(|name| (*name).to_owned()));
    }
    named.dedup();
    named
}

/// The code for an id in this path that names nothing.
fn missing(path: &str) -> String {
    let nouns = path.split('/').collect::<Vec<_>>();
    let pairs = nouns.windows(2).filter(|pair| pair[1].starts_with('{'));
    let nouns: Vec<String> = pairs.map(|pair| pair[0].trim_end_matches('s').replace('-', "_").replace("deliverie", "delivery")).collect();
    let whole = nouns.join("_");
    let names = [format!("{whole}_not_found"), format!("{}_not_found", nouns.last().map_or("", String::as_str))];
    names.into_iter().find(|name| codes::named(name).is_some()).unwrap_or_else(|| "no_such_path".to_owned())
}
