//! Serves the OpenAPI document, and tells a wrong method from an unknown path.

use std::{collections::HashMap, sync::LazyLock};

use actix_web::{
    App, HttpRequest, HttpResponse,
    body::{BoxBody, MessageBody},
    dev::{ResourceDef, ServiceRequest, ServiceResponse},
    http::{Method, header::ContentType},
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
    routes::{self, mount::Mount},
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
        for path in ["/", "/swagger-ui", openapi::PATH] {
            known.literal.insert(path.to_owned(), vec![Method::GET]);
        }
        known.others.push((ResourceDef::new("/swagger-ui/{_:.*}"), vec![Method::GET]));
        for (path, item) in document["paths"].as_object().into_iter().flatten() {
            let methods = item.as_object().into_iter().flatten();
            let methods = methods.filter_map(|(method, _)| Method::from_bytes(method.to_uppercase().as_bytes()).ok()).collect();
            if path.contains('{') {
                known.others.push((ResourceDef::new(path.as_str()), methods));
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

/// Refuses an unknown path, or a method that the path does not support.
pub async fn nothing_here(request: HttpRequest) -> std::result::Result<HttpResponse, Refused> {
    Err(SERVED.known.refusal(request.path()))
}

/// Keeps `PUT /tickets/overdue` from being routed to a ticket with id `overdue`.
pub async fn literal_paths_first(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> std::result::Result<ServiceResponse<BoxBody>, actix_web::Error> {
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

/// What all servers of a process share: the text of the document, and the known paths.
struct Served {
    text: Bytes,
    known: KnownPaths,
}

static SERVED: LazyLock<Served> = LazyLock::new(|| {
    let document = make_document();
    Served { text: document.to_string().into(), known: KnownPaths::of(&document) }
});

/// Responds with the OpenAPI document.
pub async fn document() -> HttpResponse {
    HttpResponse::Ok().content_type(ContentType::json()).body(SERVED.text.clone())
}

/// Builds the document before the first request, because it takes a moment.
pub fn prepare() {
    LazyLock::force(&SERVED);
}
