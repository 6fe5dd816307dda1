//! The HTTP edge and the command-line tool: the only crate that knows either.
//!
//! A request passes [`edge`] (request id, problems, log), [`guard`] (token and permission), a handler in [`routes`] and
//! [`call`] (the transaction and the idempotency key). [`app`] puts the server together, [`cli`] the commands.

pub mod app;
pub mod call;
pub mod cli;
pub mod couriers;
pub mod edge;
pub mod extract;
pub mod files;
pub mod gateways;
pub mod guard;
pub mod idempotency;
pub mod openapi;
pub mod problem;
pub mod routes;
pub mod runs;
pub mod settings;
pub mod state;
pub mod streams;
mod unread;
pub mod upload;
