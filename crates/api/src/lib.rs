//! The HTTP edge: requests, responses and their transactions. Use cases live in the other crates.
//!
//! A request passes [`edge`] (request id, problems, log), [`guard`] (token and permission), a handler in [`routes`] and [`call`]
//! (the transaction and the idempotency key). [`app`] is the server; the program builds its [`state`].

pub mod answer;
pub mod app;
pub mod call;
pub mod edge;
pub mod extract;
pub mod guard;
pub mod idempotency;
pub mod jobs;
pub mod openapi;
pub mod problem;
pub mod request;
pub mod routes;
pub mod served;
pub mod settings;
pub mod state;
pub mod streams;
mod unread;
pub mod upload;
