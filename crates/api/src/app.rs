//! The HTTP server: every endpoint, and the middleware around them.

use std::{future::ready, net::TcpListener, sync::Arc, time::Duration};

use actix_cors::Cors;
use actix_http::{HttpService, error::DispatchError};
use actix_service::{IntoServiceFactory, ServiceFactoryExt, map_config};
use actix_web::{
    App, HttpResponse,
    body::BoxBody,
    dev::{AppConfig, Extensions, Server, ServiceFactory, ServiceRequest, ServiceResponse, fn_service},
    http::{Method, header},
    middleware::{Condition, from_fn},
    web::{self, Data},
};
use tokio::net::TcpStream;

use crate::{
    connection::Watched,
    edge, openapi,
    routes::{self, mount::Mount},
    served,
    settings::HttpSettings,
    state::State,
    swagger,
};

/// Longest wait for the headers of a request.
pub(crate) const HEAD_WAIT: Duration = Duration::from_secs(5);
/// How long an idle connection stays open.
pub(crate) const KEEP_ALIVE: Duration = Duration::from_secs(75);
/// How long a connection that this side closes is read from.
const LINGER: Duration = Duration::from_secs(1);

/// Request headers that pages of other origins may send: those of this API, and those that HTTP clients, caches and tracing add.
pub const ALLOWED_HEADERS: [&str; 15] = [
    "accept",
    "accept-language",
    "authorization",
    "baggage",
    "cache-control",
    "content-type",
    "idempotency-key",
    "if-match",
    "if-none-match",
    "last-event-id",
    "pragma",
    "traceparent",
    "tracestate",
    "x-request-id",
    "x-requested-with",
];

/// Starts the server on a listener. It serves until the program stops.
pub fn serve(state: Arc<State>, listener: TcpListener) -> std::io::Result<Server> {
    let (workers, shutdown) = (state.settings.workers, state.settings.shutdown_seconds);
    served::prepare();
    let builder = Server::build().workers(workers).shutdown_timeout(shutdown);
    let stopping = builder.graceful_shutdown_signal();
    let state = Data::from(state);
    // as HttpServer does it, but with connections that are watched
    let server = builder.listen("http", listener, move || {
        let (stopping, stop) = (stopping.clone(), state.office.stop.clone());
        let app = app(state.clone()).into_factory().map_err(|error: actix_web::Error| error.error_response());
        let http = HttpService::build()
            .graceful_shutdown_signal(move || {
                let stopping = stopping.clone();
                async move { stopping.notified().await }
            })
            .keep_alive(KEEP_ALIVE)
            .client_request_timeout(HEAD_WAIT)
            .client_disconnect_timeout(LINGER)
            .on_connect_ext(|connection: &Watched, data: &mut Extensions| drop(data.insert(connection.activity())))
            .h1(map_config(app, |()| AppConfig::default()));
        fn_service(move |stream: TcpStream| {
            let address = stream.peer_addr().ok();
            // otherwise the last piece of a response waits until the client has acknowledged the one before, often 40 ms
            if let Err(error) = stream.set_nodelay(true) {
                log::debug!("a connection sends its last pieces late: {error}");
            }
            ready(Ok::<_, DispatchError>((Watched::new(stream, stop.clone()), address)))
        })
        .and_then(http)
    })?;
    Ok(server.run())
}

fn app(
    state: Data<State>,
) -> App<impl ServiceFactory<ServiceRequest, Config = (), Response = ServiceResponse<BoxBody>, Error = actix_web::Error, InitError = ()>> {
    // before the routes: their scope takes every path under it, the path of the document too
    let app = App::new().route("/swagger-ui/{file:.*}", web::get().to(swagger::file)).route(openapi::PATH, web::get().to(served::document));
    app.configure(|config| routes::configure(&mut Mount::Served(config)))
        .app_data(state.clone())
        .route("/", web::get().to(to_swagger))
        .route("/swagger-ui", web::get().to(to_swagger))
        .default_service(web::to(served::nothing_here))
        .wrap(from_fn(served::literal_paths_first))
        // without allowed origins there is no CORS
        .wrap(Condition::new(!state.settings.cors_allowed_origins.is_empty(), cors(&state.settings)))
        .wrap(from_fn(edge::around))
}

async fn to_swagger() -> HttpResponse {
    HttpResponse::TemporaryRedirect().insert_header((header::LOCATION, "/swagger-ui/")).finish()
}

fn cors(settings: &HttpSettings) -> Cors {
    let methods = [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];
    let cors = Cors::default()
        .allowed_methods(methods)
        .allowed_headers(ALLOWED_HEADERS)
        .expose_headers(["etag", "location", "retry-after", "x-request-id", "idempotent-replayed", "content-disposition"])
        .max_age(3600);
    settings.cors_allowed_origins.iter().fold(cors, |cors, origin| cors.allowed_origin(origin))
}
