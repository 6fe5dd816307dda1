//! Serves the OpenAPI document, and tells a wrong method from an unknown path.

use std::{
    collections::{BTreeMap, HashMap},
    sync::LazyLock,
};

use actix_web::{
    App, HttpRequest, HttpResponse,
    body::{BoxBody, MessageBody},
    dev::{ResourceDef, ServiceRequest, ServiceResponse},
    http::{
        Method,
        header::{self, ContentType},
    },
    middleware::Next,
    web::Bytes,
};
use kernel::{Error, error::common};
use serde_json::Value;
use utoipa::OpenApi;
use utoipa_actix_web::AppExt;

use crate::{
    openapi,
    problem::Refused,
    routes::{self, meta::EnumValue, mount::Mount},
};

/// The methods of every path of the API and of its documentation, to tell a wrong method from an unknown path.
struct KnownPaths {
    /// Paths without parameters. They take precedence over paths with parameters.
    literal: HashMap<String, Vec<Method>>,
    others: Vec<(ResourceDef, Vec<Method>)>,
}

impl KnownPaths {
    fn of(document: &Value) -> Self {
        let mut known = Self { literal: HashMap::new(), others: Vec::new() };
        let schemas = &document["components"]["schemas"];
        for path in ["/", "/swagger-ui", openapi::PATH] {
            known.literal.insert(path.to_owned(), vec![Method::GET]);
        }
        known.others.push((ResourceDef::new("/swagger-ui/{_:.*}"), vec![Method::GET]));
        for (path, item) in document["paths"].as_object().into_iter().flatten() {
            let methods = item.as_object().into_iter().flatten();
            let methods = methods.filter_map(|(method, _)| Method::from_bytes(method.to_uppercase().as_bytes()).ok()).collect();
            if path.contains('{') {
                known.others.push((ResourceDef::new(with_forms(path, item, schemas)), methods));
            } else {
                known.literal.insert(path.clone(), methods);
            }
        }
        known
    }

    fn methods(&self, path: &str) -> Vec<&str> {
        let fitting = self.others.iter().filter(|(definition, _)| definition.is_match(path)).flat_map(|(_, methods)| methods);
        let mut methods: Vec<&str> = match self.literal.get(path) {
            Some(methods) => methods.iter().map(Method::as_str).collect(),
            None => fitting.map(Method::as_str).collect(),
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

    fn refusal(&self, path: &str) -> Refused {
        match self.methods(path) {
            methods if methods.is_empty() => common::NO_SUCH_PATH.into(),
            methods => Error::new(common::METHOD_NOT_ALLOWED).with("allow", methods.join(", ")).into(),
        }
    }
}

/// The path with the forms of its parameters, so that a value that names nothing is an unknown path for every method.
fn with_forms(path: &str, item: &Value, schemas: &Value) -> String {
    let operations = item.as_object().into_iter().flatten().map(|(_, operation)| operation);
    let parameters = operations.flat_map(|operation| operation["parameters"].as_array().into_iter().flatten());
    let mut formed = path.to_owned();
    for parameter in parameters.filter(|parameter| parameter["in"] == "path") {
        let name = parameter["name"].as_str().unwrap_or_default();
        let link = parameter["schema"]["$ref"].as_str().and_then(|link| link.rsplit('/').next());
        let schema = link.map_or(&parameter["schema"], |name| &schemas[name]);
        let words = schema["enum"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let form = match (schema["type"].as_str(), schema["format"].as_str()) {
            _ if schema["enum"].is_array() => words.map(|word| word.replace('.', "\\.")).collect::<Vec<_>>().join("|"),
            (Some("integer"), _) => "[1-9][0-9]{0,18}".to_owned(),
            (_, Some("uuid")) => "[0-9A-Fa-f-]{36}".to_owned(),
            _ => continue,
        };
        formed = formed.replace(&format!("{{{name}}}"), &format!("{{{name}:{form}}}"));
    }
    formed
}

/// Refuses an unknown path, or a method that the path does not support.
pub async fn nothing_here(request: HttpRequest) -> std::result::Result<HttpResponse, Refused> {
    Err(SERVED.known.refusal(request.path()))
}

/// Tells the methods of a path to OPTIONS, and keeps `PUT /tickets/overdue` from being routed to a ticket with id `overdue`.
pub async fn literal_paths_first(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> std::result::Result<ServiceResponse<BoxBody>, actix_web::Error> {
    if request.method() == Method::OPTIONS {
        let methods = SERVED.known.methods(request.path()).join(", ");
        let answer = match methods.is_empty() {
            true => {
                let refusal = SERVED.known.refusal(request.path());
                request.error_response(refusal)
            }
            false => request.into_response(HttpResponse::NoContent().insert_header((header::ALLOW, methods)).finish()),
        };
        return Ok(answer.map_into_boxed_body());
    }
    match SERVED.known.literal.get(request.path()) {
        Some(methods) if !methods.contains(request.method()) => {
            let refusal = SERVED.known.refusal(request.path());
            Ok(request.error_response(refusal))
        }
        _ => next.call(request).await.map(ServiceResponse::map_into_boxed_body),
    }
}

/// Builds the OpenAPI document. It is large, so a server keeps only its text.
pub fn make_document() -> Value {
    let (_, document) = App::new()
        .into_utoipa_app()
        .openapi(routes::Shared::openapi())
        .configure(|config| routes::configure(&mut Mount::Documented(config)))
        .split_for_parts();
    openapi::complete(document)
}

/// What all servers of a process share: the text of the document, the known paths, and the values of enums.
struct Served {
    text: Bytes,
    known: KnownPaths,
    enums: BTreeMap<String, Vec<EnumValue>>,
    choices: HashMap<String, Vec<String>>,
}

static SERVED: LazyLock<Served> = LazyLock::new(|| {
    let document = make_document();
    let schemas = document["components"]["schemas"].as_object().into_iter().flatten();
    let words = |schema: &Value| -> Option<Vec<String>> {
        schema["enum"].as_array()?.iter().map(|word| word.as_str().map(str::to_owned)).collect()
    };
    let choices = schemas.filter_map(|(name, schema)| Some((name.clone(), words(schema)?))).collect();
    Served { text: document.to_string().into(), known: KnownPaths::of(&document), enums: openapi::enums(&document), choices }
});

/// The values of each enum of the document, with their words.
pub fn enums() -> &'static BTreeMap<String, Vec<EnumValue>> {
    &SERVED.enums
}

/// The values of an enum, by the name of its schema in the document.
pub fn choices(schema: &str) -> Option<&'static [String]> {
    SERVED.choices.get(schema).map(Vec::as_slice)
}

/// Responds with the OpenAPI document.
pub async fn document() -> HttpResponse {
    HttpResponse::Ok().content_type(ContentType::json()).body(SERVED.text.clone())
}

/// Builds the document before the first request, because it takes a moment.
pub fn prepare() {
    LazyLock::force(&SERVED);
}
