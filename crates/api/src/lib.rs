//! The HTTP edge: requests, responses and their transactions. Use cases live in the other crates.
//!
//! A request passes [`edge`] (request id, problems, log), [`guard`] (token and permission), a handler in [`routes`] and [`call`]
//! (the transaction and the idempotency key). [`app`] is the server; the program builds its [`state`].

pub mod accept;
pub mod answer;
pub mod app;
mod bare;
pub mod call;
mod connection;
pub mod edge;
pub mod expand;
pub mod extract;
pub mod guard;
pub mod idempotency;
pub mod jobs;
mod known_paths;
mod links;
pub mod openapi;
pub mod parameters;
pub mod problem;
pub mod request;
pub mod routes;
mod sending;
pub mod served;
pub mod settings;
mod shares;
pub mod state;
pub mod streams;
mod swagger;
mod unread;
pub mod upload;
