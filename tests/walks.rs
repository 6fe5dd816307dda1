//! Walks over every operation of the document:
//! what holds for each of them, and for those that are yet to come.

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

/// Operations that anybody may use.
const PUBLIC: [&str; 7] = [
    "GET /health/live",
    "GET /health/ready",
    "GET /terminal/v1",
    "POST /api/v1/auth/login",
    "POST /api/v1/auth/refresh",
    "POST /api/v1/auth/token",
    "POST /api/v1/webhooks/payments/{gateway}",
];

/// Those of them that no user signs in for, and that believe nobody without a key of their own;
/// scenes of their own try them.
const SIGNED: [&str; 2] = ["GET /terminal/v1", "POST /api/v1/webhooks/payments/{gateway}"];

/// One operation of the OpenAPI document.
struct Operation {
    method: Method,
    path: String,
    /// What the document says of it.
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
        assert!(operations.len() > 40, "the document has lost its operations");
        operations
    }

    /// `POST /api/v1/contracts/{id}/activate`.
    fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    fn is_public(&self) -> bool {
        PUBLIC.contains(&self.name().as_str())
    }

    fn is_signed(&self) -> bool {
        SIGNED.contains(&self.name().as_str())
    }

    /// The permissions that the document names.
    fn permissions(&self) -> Vec<String> {
        let schemes = self.said["security"]
            .as_array()
            .unwrap_or_else(|| panic!("{}: nothing is said of security", self.name()));
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

    /// The path with this for each of its parts in braces.
    fn at(&self, id: &str) -> String {
        let part = |part: &str| if part.starts_with('{') { id.to_owned() } else { part.to_owned() };
        self.path.split('/').map(part).collect::<Vec<_>>().join("/")
    }

    /// The media types of the body, and its example, where the document has them.
    fn example(&self, document: &Value) -> Option<(String, Value)> {
        let (media_type, content) = self.said["requestBody"]["content"].as_object()?.iter().next()?;
        let pointer = content["schema"]["$ref"].as_str()?.trim_start_matches('#');
        let schema = document.pointer(pointer)?;
        let example = schema.get("example").or_else(|| schema["examples"].get(0))?;
        Some((media_type.clone(), example.clone()))
    }
}
