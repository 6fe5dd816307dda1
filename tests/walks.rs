//! Checks of every operation in the OpenAPI document,
//! including operations that will be added later.

mod audit;
mod document;
mod guide;
mod image;
mod layers;
mod migrations;
mod problems;
mod rights;
mod words;

use reqwest::Method;
use serde_json::Value;

/// Operations without a user's token.
const PUBLIC: [&str; 9] = [
    "GET /health/live",
    "GET /health/ready",
    "GET /api/v1/meta",
    "GET /terminal/v1",
    "POST /api/v1/auth/login",
    "POST /api/v1/auth/refresh",
    "POST /api/v1/auth/token",
    "POST /api/v1/webhooks/payments/{gateway}",
    "POST /terminal/v1",
];

/// Public operations that require a signature or key;
/// they have separate tests.
const SIGNED: [&str; 3] =
    ["GET /terminal/v1", "POST /api/v1/webhooks/payments/{gateway}", "POST /terminal/v1"];

/// One operation of the OpenAPI document.
struct Operation {
    method: Method,
    path: String,
    /// The operation object of the document.
    said: Value,
}

impl Operation {
    /// Every operation of the document.
    fn all(document: &Value) -> Vec<Self> {
        let methods = [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];
        let paths = document["paths"].as_object().unwrap().iter();
        let operations: Vec<Self> = paths
            .flat_map(|(path, item)| {
                let known =
                    methods.iter().filter(|method| item.get(method.as_str().to_lowercase()).is_some());
                known.map(|method| Self {
                    method: method.clone(),
                    path: path.clone(),
                    said: item[method.as_str().to_lowercase()].clone(),
                })
            })
            .collect();
        assert!(operations.len() > 40, "the document has too few operations");
        operations
    }

    /// The method and path: `POST /api/v1/contracts/{id}/activate`.
    fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    fn is_public(&self) -> bool {
        PUBLIC.contains(&self.name().as_str())
    }

    fn is_signed(&self) -> bool {
        SIGNED.contains(&self.name().as_str())
    }

    /// The permissions in the document.
    fn permissions(&self) -> Vec<String> {
        let schemes = self.said["security"]
            .as_array()
            .unwrap_or_else(|| panic!("{}: no security requirement", self.name()));
        let scopes = schemes.iter().filter_map(|scheme| scheme["bearer"].as_array()).flatten();
        scopes.map(|scope| scope.as_str().unwrap().to_owned()).collect()
    }

    fn has_id(&self) -> bool {
        self.path.contains('{')
    }

    fn has_body(&self) -> bool {
        self.said.get("requestBody").is_some()
    }

    fn has_query(&self) -> bool {
        self.said["parameters"]
            .as_array()
            .is_some_and(|parameters| parameters.iter().any(|parameter| parameter["in"] == "query"))
    }

    /// The path with each parameter replaced by this value.
    fn at(&self, id: &str) -> String {
        let part = |part: &str| if part.starts_with('{') { id.to_owned() } else { part.to_owned() };
        self.path.split('/').map(part).collect::<Vec<_>>().join("/")
    }

    /// The media type of the body and its example, if documented.
    fn example(&self, document: &Value) -> Option<(String, Value)> {
        let (media_type, content) = self.said["requestBody"]["content"].as_object()?.iter().next()?;
        let pointer = content["schema"]["$ref"].as_str()?.trim_start_matches('#');
        let schema = document.pointer(pointer)?;
        let example = schema.get("example").or_else(|| schema["examples"].get(0))?;
        Some((media_type.clone(), example.clone()))
    }
}
