//! Subscribers: persons and organizations (SPEC 4).
//!
//! [`Customer`] is the entity and what the API shows of it; [`Customer::shown`] masks personal data for those who may
//! not see it. [`CustomerInput`] is what a client may send, with the country's rules. The use cases are [`create`],
//! [`get`], [`list`], and [`find_active`] for the contracts above.

mod input;
mod model;
mod service;
mod store;

pub use input::{CustomerFilter, CustomerInput};
pub use model::{BirthDate, Customer, CustomerNames, CustomerStatus, CustomerType, DocumentType, refusal};
pub use service::{create, find_active, find_by_words, get, insert_all, list, peek, violations};
pub use store::{LIST, SELECT_ONE};
