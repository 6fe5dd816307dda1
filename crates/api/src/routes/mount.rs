//! Mounts endpoints, to document them or to serve them.

use actix_web::{dev::HttpServiceFactory, guard, web};
use utoipa_actix_web::{OpenApiFactory, scope, service_config::ServiceConfig};

/// Where endpoints are mounted.
///
/// Each worker of a server mounts all of them. Their documentation is needed only once per process, and takes memory that a
/// worker rarely releases.
pub enum Mount<'a, 's> {
    /// Into the OpenAPI document.
    Documented(&'a mut ServiceConfig<'s>),
    /// Into a server.
    Served(&'a mut web::ServiceConfig),
}

impl Mount<'_, '_> {
    /// Mounts an endpoint.
    pub fn service(&mut self, endpoint: impl HttpServiceFactory + OpenApiFactory + 'static) -> &mut Self {
        match self {
            Self::Documented(config) => {
                config.service(endpoint);
            }
            Self::Served(config) => {
                config.service(endpoint);
            }
        }
        self
    }

    /// Mounts the endpoints of a module.
    pub fn configure(&mut self, module: impl FnOnce(&mut Mount<'_, '_>)) -> &mut Self {
        module(self);
        self
    }

    /// Mounts the endpoints whose paths begin with one of these words, and no others.
    ///
    /// actix-web compares a request with the pattern of one endpoint after the other, each a regular expression that allocates. A request
    /// that begins with another word is compared with none of these.
    pub fn under(&mut self, words: &'static [&'static str], module: impl FnOnce(&mut Mount<'_, '_>)) -> &mut Self {
        match self {
            Self::Documented(_) => module(self),
            Self::Served(config) => {
                let begins =
                    guard::fn_guard(move |request| first_word(request.head().uri.path()).is_some_and(|word| words.contains(&word)));
                config.service(web::scope("").guard(begins).configure(|config| module(&mut Mount::Served(config))));
            }
        }
        self
    }

    /// Mounts the endpoints of a module under a path.
    pub fn scope(&mut self, path: &str, module: impl FnOnce(&mut Mount<'_, '_>)) -> &mut Self {
        match self {
            Self::Documented(config) => {
                config.service(scope(path).configure(|config| module(&mut Mount::Documented(config))));
            }
            Self::Served(config) => {
                config.service(web::scope(path).configure(|config| module(&mut Mount::Served(config))));
            }
        }
        self
    }
}

/// The word that follows the version of the API.
fn first_word(path: &str) -> Option<&str> {
    path.split('/').nth(3)
}
