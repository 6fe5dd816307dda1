//! The paths of the API and of its documentation with their methods, to tell a wrong method from an unknown path.

use std::collections::HashMap;

use actix_web::http::Method;
use kernel::{Error, error::common};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{openapi, problem::Refused};

/// The methods of every path.
#[derive(Serialize, Deserialize)]
pub struct KnownPaths {
    /// Paths without parameters. They take precedence over paths with parameters.
    literal: HashMap<String, Vec<String>>,
    others: Vec<(Vec<Segment>, Vec<String>)>,
}

/// What may stand between two slashes of a path.
#[derive(Serialize, Deserialize)]
enum Segment {
    Literal(String),
    Id,
    Uuid,
    Choice(Vec<String>),
    Text,
}

impl Segment {
    fn fits(&self, text: &str) -> bool {
        match self {
            Self::Literal(literal) => literal == text,
            Self::Id => text.len() <= 19 && !text.starts_with('0') && !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()),
            Self::Uuid => text.len() == 36 && text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-'),
            Self::Choice(words) => words.iter().any(|word| word == text),
            Self::Text => !text.is_empty(),
        }
    }
}

impl KnownPaths {
    /// The paths of the document, and those of the documentation.
    pub fn of(document: &Value) -> Self {
        let mut known = Self { literal: HashMap::new(), others: Vec::new() };
        let schemas = &document["components"]["schemas"];
        for path in ["/", "/swagger-ui", "/swagger-ui/", openapi::PATH] {
            known.literal.insert(path.to_owned(), vec![Method::GET.to_string()]);
        }
        known.others.push((vec![Segment::Literal("swagger-ui".to_owned()), Segment::Text], vec![Method::GET.to_string()]));
        for (path, item) in document["paths"].as_object().into_iter().flatten() {
            let methods = item.as_object().into_iter().flatten().map(|(method, _)| method.to_uppercase()).collect();
            if path.contains('{') {
                known.others.push((segments(path, item, schemas), methods));
            } else {
                known.literal.insert(path.clone(), methods);
            }
        }
        known
    }

    /// The methods of a path, sorted; none if nothing is there.
    pub fn methods(&self, path: &str) -> Vec<&str> {
        let mut methods: Vec<&str> = match self.literal.get(path) {
            Some(methods) => methods.iter().map(String::as_str).collect(),
            None => self
                .others
                .iter()
                .filter(|(segments, _)| fit(segments, path))
                .flat_map(|(_, methods)| methods)
                .map(String::as_str)
                .collect(),
        };
        // the edge answers HEAD by GET, and OPTIONS by this list
        if methods.contains(&"GET") {
            methods.push("HEAD");
        }
        if !methods.is_empty() {
            methods.push("OPTIONS");
        }
        methods.sort_unstable();
        methods.dedup();
        methods
    }

    /// Whether this is a path without parameters that does not support the method.
    pub fn is_literal_without(&self, method: &Method, path: &str) -> bool {
        self.literal.get(path).is_some_and(|methods| methods.iter().all(|known| known != method.as_str()))
    }

    /// The refusal of an unknown path, or of a method that the path does not support.
    pub fn refusal(&self, path: &str) -> Refused {
        match self.methods(path) {
            methods if methods.is_empty() => common::NO_SUCH_PATH.into(),
            methods => Error::new(common::METHOD_NOT_ALLOWED).with("allow", methods.join(", ")).into(),
        }
    }
}

fn fit(segments: &[Segment], path: &str) -> bool {
    let mut texts = path.split('/').skip(1);
    segments.iter().all(|segment| texts.next().is_some_and(|text| segment.fits(text))) && texts.next().is_none()
}

/// The segments of a path with the forms of its parameters, so that a value that names nothing is an unknown path for every method.
fn segments(path: &str, item: &Value, schemas: &Value) -> Vec<Segment> {
    let operations = item.as_object().into_iter().flatten().map(|(_, operation)| operation);
    let parameters: Vec<&Value> = operations.flat_map(|operation| operation["parameters"].as_array().into_iter().flatten()).collect();
    let segment = |text: &str| {
        let Some(name) = text.strip_prefix('{').and_then(|text| text.strip_suffix('}')) else { return Segment::Literal(text.to_owned()) };
        let parameter = parameters.iter().find(|parameter| parameter["in"] == "path" && parameter["name"] == name);
        parameter.map_or(Segment::Text, |parameter| form(&parameter["schema"], schemas))
    };
    path.split('/').skip(1).map(segment).collect()
}

fn form(schema: &Value, schemas: &Value) -> Segment {
    let link = schema["$ref"].as_str().and_then(|link| link.rsplit('/').next());
    let schema = link.map_or(schema, |name| &schemas[name]);
    match (schema["enum"].as_array(), schema["type"].as_str(), schema["format"].as_str()) {
        (Some(words), ..) => Segment::Choice(words.iter().filter_map(Value::as_str).map(str::to_owned).collect()),
        (None, Some("integer"), _) => Segment::Id,
        (None, _, Some("uuid")) => Segment::Uuid,
        _ => Segment::Text,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_path_has_the_methods_of_all_whose_parameters_it_fits() {
        let id = |name| json!([{"in": "path", "name": name, "schema": {"type": "integer"}}]);
        let kind = json!([{"in": "path", "name": "kind", "schema": {"$ref": "#/components/schemas/Kind"}}]);
        let document = json!({
            "paths": {
                "/sims/{id}": {"get": {"parameters": id("id")}, "patch": {"parameters": id("id")}},
                "/sims/free": {"get": {}},
                "/words/{kind}": {"put": {"parameters": kind}},
            },
            "components": {"schemas": {"Kind": {"type": "string", "enum": ["a.b", "c"]}}}
        });
        let known = KnownPaths::of(&document);
        for (path, methods) in [
            ("/sims/7", "GET HEAD OPTIONS PATCH"),
            ("/sims/free", "GET HEAD OPTIONS"),
            ("/words/a.b", "OPTIONS PUT"),
            ("/swagger-ui/", "GET HEAD OPTIONS"),
            ("/swagger-ui/page.js", "GET HEAD OPTIONS"),
            ("/", "GET HEAD OPTIONS"),
        ] {
            assert_eq!(known.methods(path).join(" "), methods, "{path}");
        }
        for path in ["/sims/07", "/sims/+7", "/sims/", "/sims/7/", "/sims/12345678901234567890", "/words/axb", "/words"] {
            assert!(known.methods(path).is_empty(), "{path}");
        }
        assert!(known.is_literal_without(&Method::PATCH, "/sims/free") && !known.is_literal_without(&Method::GET, "/sims/free"));
    }
}
