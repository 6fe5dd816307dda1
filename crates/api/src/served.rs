//! Serves the OpenAPI document and what is derived from it.

use std::{collections::BTreeMap, panic::resume_unwind, sync::LazyLock};

use actix_web::{
    App, HttpRequest, HttpResponse,
    body::{BoxBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    http::{
        Method,
        header::{self, ContentType},
    },
    middleware::Next,
    web::Bytes,
};
use serde_json::{Value, json};
use utoipa::OpenApi;
use utoipa_actix_web::AppExt;

use crate::{
    known_paths::KnownPaths,
    openapi,
    problem::Refused,
    routes::{self, meta::EnumValue, mount::Mount},
};

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
    if SERVED.known.is_literal_without(request.method(), request.path()) {
        let refusal = SERVED.known.refusal(request.path());
        return Ok(request.error_response(refusal));
    }
    next.call(request).await.map(ServiceResponse::map_into_boxed_body)
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
    choices: BTreeMap<String, Vec<String>>,
    enums: BTreeMap<String, Vec<EnumValue>>,
}

static SERVED: LazyLock<Served> = LazyLock::new(|| {
    // on a thread that ends, and back as texts: the allocator gives back what the document took only if nothing of it is kept
    let made = std::thread::spawn(|| {
        let document = make_document();
        (document.to_string(), json!((KnownPaths::of(&document), choices_of(&document))).to_string())
    });
    let (text, kept) = made.join().unwrap_or_else(|panic| resume_unwind(panic));
    let kept: serde_json::Result<(KnownPaths, BTreeMap<String, Vec<String>>)> = serde_json::from_str(&kept);
    let (known, choices) = kept.unwrap_or_else(|error| panic!("what is kept of the document cannot be read: {error}"));
    Served { text: text.into(), known, enums: openapi::enums(&choices), choices }
});

/// The values of each enum of the document.
fn choices_of(document: &Value) -> BTreeMap<&str, Vec<&str>> {
    let schemas = document["components"]["schemas"].as_object().into_iter().flatten();
    let enums = schemas.filter_map(|(name, schema)| Some((name, schema["enum"].as_array()?)));
    enums.map(|(name, words)| (name.as_str(), words.iter().filter_map(Value::as_str).collect())).collect()
}

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
