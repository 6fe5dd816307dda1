//! Putting the server together: one way for the program and for its tests.

use std::{
    collections::HashMap,
    fs,
    io::Write,
    net::TcpListener,
    path::Path,
    sync::{Arc, LazyLock},
    time::Duration,
};

use acl::{
    Access, AccessSettings, Granted, PasswordCost, Seals, Secret,
    bootstrap::{self, FirstAdmin},
    perm,
};
use actix_cors::Cors;
use actix_web::{
    App, HttpRequest, HttpResponse, HttpServer,
    body::{BoxBody, MessageBody},
    dev::{ResourceDef, Server, ServiceRequest, ServiceResponse},
    http::{
        Method,
        header::{self, ContentType},
    },
    middleware::{Condition, Next, from_fn},
    web::{self, Bytes, Data},
};
use kernel::{
    Clock, Error, Origin, Result,
    db::{ConnectOptions, Db},
    error::common,
};
use serde_json::Value;
use utoipa::OpenApi;
use utoipa_actix_web::AppExt;
use utoipa_swagger_ui::{Config, SwaggerUi};

use crate::{
    edge,
    files::{self, Files},
    gateways, idempotency, openapi,
    problem::Refused,
    routes::{self, mount::Mount},
    settings::Settings,
    state::State,
};

/// Longest wait for a request's head.
const HEAD_WAIT: Duration = Duration::from_secs(5);
/// How long an idle connection is kept.
const KEEP_ALIVE: Duration = Duration::from_secs(75);

/// Numbers that are made available again in one transaction.
pub const NUMBERS_AT_ONCE: usize = 500;

/// A database that is open and migrated, and what was made on the way.
pub struct Opened {
    /// The program's parts.
    pub state: Arc<State>,
    /// The first administrator, when it was made just now.
    pub first_admin: Option<FirstAdmin>,
}

/// Opens the database, migrates it, sees to the built-in roles and the first administrator.
pub async fn open(settings: Settings, clock: Clock, cost: PasswordCost) -> Result<Opened> {
    let db = connect(&settings).await?;
    db.migrate(&settings.database_url).await?;
    let secret = match &settings.jwt_secret {
        Some(secret) => secret.clone(),
        None => kept_secret(&settings.database_url.folder())?,
    };
    let access_settings = AccessSettings {
        secret: secret.clone(),
        previous_secret: settings.jwt_secret_previous.clone(),
        access_lifetime: settings.access_token_life,
        refresh_lifetime: settings.refresh_token_life,
        password_cost: cost,
    };
    let access = Access::new(db.clone(), &access_settings)?;
    let seals = Seals::new(secret, settings.jwt_secret_previous.clone());
    let files = Files::open(&settings.files_at)?;
    let state = State::new(db, access, files, clock, settings, seals)?;
    let context = state.context(Origin { request_id: "start".into(), address: None });
    let (name, password) = (&state.settings.admin_username, state.settings.admin_password.as_ref());
    // a start is not given up for a slow disk or for somebody who starts at the same time; nor is a password that was made lost
    let first_admin = bootstrap::bootstrap(&state.db.patient(), &context, state.access.passwords(), name, password).await?;
    state.db.drop_idle();
    Ok(Opened { state, first_admin })
}

/// Opens the database without touching it.
pub async fn connect(settings: &Settings) -> Result<Db> {
    Db::connect(&ConnectOptions { url: settings.database_url.clone(), pool_size: settings.database_pool_size }).await
}

/// The secret kept beside the database; made when there is none. Two instances that start at once agree on one.
fn kept_secret(folder: &Path) -> Result<Secret> {
    let path = folder.join("jwt.secret");
    if !path.exists() {
        fs::create_dir_all(folder).map_err(Error::internal)?;
        let mut draft = tempfile::NamedTempFile::new_in(folder).map_err(Error::internal)?;
        draft.write_all(acl::random_secret()?.as_bytes()).map_err(Error::internal)?;
        draft.as_file().sync_all().map_err(Error::internal)?;
        // readable by its owner alone, and never in place of one that is there already
        if let Err(failed) = draft.persist_noclobber(&path)
            && !path.exists()
        {
            return Err(Error::internal(failed.error));
        }
    }
    fs::read_to_string(&path).map(|text| Secret::new(text.trim().to_owned())).map_err(Error::internal)
}

/// The documented routes and the documentation's own, by path, for telling a wrong method from a wrong path.
struct KnownPaths {
    /// Paths without a part in braces; of those that also fit a path with one, they go before it.
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

async fn nothing_here(request: HttpRequest) -> std::result::Result<HttpResponse, Refused> {
    Err(SERVED.known.refusal(request.path()))
}

/// Keeps `PUT /tickets/overdue` from being taken for a ticket by the name of `overdue`.
async fn literal_paths_first(
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

/// The OpenAPI document, made once. It is large: a server keeps no more of it than [`Served`].
pub fn document() -> &'static Value {
    static DOCUMENT: LazyLock<Value> = LazyLock::new(made_document);
    &DOCUMENT
}

fn made_document() -> Value {
    let (_, document) = App::new()
        .into_utoipa_app()
        .openapi(routes::Shared::openapi())
        .configure(|config| routes::configure(&mut Mount::Documented(config)))
        .split_for_parts();
    openapi::complete(document)
}

/// What all servers of a process answer of the document.
struct Served {
    text: Bytes,
    known: KnownPaths,
}

static SERVED: LazyLock<Served> = LazyLock::new(|| {
    let document = made_document();
    Served { text: document.to_string().into(), known: KnownPaths::of(&document) }
});

async fn served_document() -> HttpResponse {
    HttpResponse::Ok().content_type(ContentType::json()).body(SERVED.text.clone())
}

/// Serves on a listener until the program is told to stop.
pub fn serve(state: Arc<State>, listener: TcpListener) -> std::io::Result<Server> {
    let (workers, shutdown) = (state.settings.workers, state.settings.shutdown_seconds);
    LazyLock::force(&SERVED);
    let state = Data::from(state);
    let server = HttpServer::new(move || {
        let swagger = SwaggerUi::new("/swagger-ui/{_:.*}")
            .config(Config::new([openapi::PATH]).try_it_out_enabled(true).persist_authorization(true).doc_expansion("none").filter(true));
        // before the routes: their scope answers for everything under it, the document's address too
        let app = App::new().service(swagger).route(openapi::PATH, web::get().to(served_document));
        app.configure(|config| routes::configure(&mut Mount::Served(config)))
            .app_data(state.clone())
            .route("/", web::get().to(to_swagger))
            .route("/swagger-ui", web::get().to(to_swagger))
            .default_service(web::to(nothing_here))
            .wrap(from_fn(literal_paths_first))
            // without origins there is nothing for it to do
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

fn cors(settings: &Settings) -> Cors {
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

/// Chores between requests: the log of personal data read, last uses of tokens, keys past their life, files left over,
/// numbers whose reservation or quarantine has run out.
pub async fn chores(state: Arc<State>) {
    let mut seconds: u64 = 0;
    let mut more_numbers = false;
    let mut tick = tokio::time::interval(Duration::from_secs(1));
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        seconds += 1;
        flush(&state, seconds.is_multiple_of(30)).await;
        // a bounded number each second, as long as there are more
        if more_numbers || seconds.is_multiple_of(60) {
            more_numbers = free_lapsed_numbers(&state).await == NUMBERS_AT_ONCE;
        }
        if seconds.is_multiple_of(600) {
            state.forget_old_sign_ins();
            let context = state.context(Origin { request_id: "chores".into(), address: None });
            if let Err(error) = idempotency::forget_old(&state.db, &context).await {
                log::warn!("old idempotency keys stay for now: {error}");
            }
            if let Err(error) = files::sweep(&state).await {
                log::warn!("files that are nobody's stay for now: {error}");
            }
        }
    }
}

/// Makes numbers available whose reservation or quarantine has run out; answers how many, at most [`NUMBERS_AT_ONCE`].
///
/// Instances do not wait for each other here. What fails is tried again in a minute: the numbers count as available anyway.
pub async fn free_lapsed_numbers(state: &State) -> usize {
    let context = state.context(Origin { request_id: "chores".into(), address: None });
    let granted = Granted::<perm::SimsWrite>::system("numbers that have run out");
    let limit = i64::try_from(NUMBERS_AT_ONCE).unwrap_or(i64::MAX);
    let freed = state.db.transaction(&context, async |tx| sims::numbers::free_lapsed(tx, &context, &granted, limit).await).await;
    freed.unwrap_or_else(|error| {
        log::warn!("numbers whose time is up stay as they are for now: {error}");
        0
    })
}

/// Writes down what is still in memory.
pub async fn flush(state: &State, last_uses: bool) {
    let context = state.context(Origin { request_id: "chores".into(), address: None });
    if let Err(error) = state.reads.flush(&state.db, &context).await {
        log::error!("reads of personal data could not be recorded yet: {error}");
    }
    if last_uses && let Err(error) = gateways::record_refused(state, &context).await {
        log::warn!("events of gateways that were refused could not be recorded: {error}");
    }
    if last_uses && let Err(error) = state.access.flush_last_used(&context).await {
        log::warn!("last uses of tokens could not be written yet: {error}");
    }
}
