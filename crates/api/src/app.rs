//! The HTTP server: every endpoint, and the middleware around them.

use std::{net::TcpListener, sync::Arc, time::Duration};

use actix_cors::Cors;
use actix_web::{
    App, HttpResponse, HttpServer,
    dev::Server,
    http::{Method, header},
    middleware::{Condition, from_fn},
    web::{self, Data},
};
use utoipa_swagger_ui::{Config, SwaggerUi};

use crate::{
    edge, openapi,
    routes::{self, mount::Mount},
    served,
    settings::HttpSettings,
    state::State,
};

/// Longest wait for the headers of a request.
const HEAD_WAIT: Duration = Duration::from_secs(5);
/// How long an idle connection stays open.
const KEEP_ALIVE: Duration = Duration::from_secs(75);

/// Starts the server on a listener. It serves until the program stops.
pub fn serve(state: Arc<State>, listener: TcpListener) -> std::io::Result<Server> {
    let (workers, shutdown) = (state.settings.workers, state.settings.shutdown_seconds);
    served::prepare();
    let state = Data::from(state);
    let server = HttpServer::new(move || {
        let swagger = SwaggerUi::new("/swagger-ui/{_:.*}")
            .config(Config::new([openapi::PATH]).try_it_out_enabled(true).persist_authorization(true).doc_expansion("none").filter(true));
        // before the routes: their scope takes every path under it, the path of the document too
        let app = App::new().service(swagger).route(openapi::PATH, web::get().to(served::document));
        app.configure(|config| routes::configure(&mut Mount::Served(config)))
            .app_data(state.clone())
            .route("/", web::get().to(to_swagger))
            .route("/swagger-ui", web::get().to(to_swagger))
            .default_service(web::to(served::nothing_here))
            .wrap(from_fn(served::literal_paths_first))
            // without allowed origins there is no CORS
            .wrap(Condition::new(!state.settings.cors_allowed_origins.is_empty(), cors(&state.settings)))
            .wrap(from_fn(edge::around))
    });
    let server =
        server.workers(workers).client_request_timeout(HEAD_WAIT).keep_alive(KEEP_ALIVE).shutdown_timeout(shutdown).listen(listener)?;
    Ok(server.run())
}

async fn to_swagger() -> HttpResponse {
    HttpResponse::TemporaryRedirect().insert_header((header::LOCATION, "/swagger-ui/")).finish()
}

fn cors(settings: &HttpSettings) -> Cors {
    let methods = [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];
    let cors = Cors::default()
        .allowed_methods(methods)
        .allowed_headers([
            "authorization",
            "content-type",
            "accept-language",
            "if-match",
            "if-none-match",
            "idempotency-key",
            "last-event-id",
            "x-request-id",
        ])
        .expose_headers(["etag", "location", "retry-after", "x-request-id", "idempotent-replayed", "content-disposition"])
        .max_age(3600);
    settings.cors_allowed_origins.iter().fold(cors, |cors, origin| cors.allowed_origin(origin))
}
