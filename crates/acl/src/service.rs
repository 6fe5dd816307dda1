//! The use cases, one function each. None begins or commits a transaction, except to record failures that must persist.

mod attempts;
pub mod audit;
pub mod auth;
pub mod bootstrap;
pub mod denials;
pub mod one_time;
pub mod reads;
pub mod roles;
pub mod sessions;
pub mod tokens;
pub mod users;
