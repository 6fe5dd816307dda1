//! The HTTP edge, and nothing else.
//!
//! A request passes [`edge`] (request id, problems, log), [`guard`] (token and permission), a handler in [`routes`] and
//! [`call`] (the transaction and the idempotency key). [`app`] serves them all; the program puts [`state`] together.

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
