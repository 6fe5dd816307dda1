//! Mounts endpoints, to document them or to serve them.

use actix_web::{dev::HttpServiceFactory, web};
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
