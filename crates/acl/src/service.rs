//! The use cases: one function each. None begins or commits a transaction, but for failures that must be kept.

pub mod audit;
pub mod auth;
pub mod bootstrap;
pub mod roles;
pub mod sessions;
pub mod tokens;
pub mod users;
