//! Subscribers: persons and organizations.
//!
//! [`Customer`] is the entity and its form in the API; [`Customer::shown`] masks personal data for callers that may not see it.
//! [`CustomerInput`] is what a client sends, with the country's validation rules. The use cases are [`create`], [`get`], [`list`],
//! [`history`], [`restore`], [`check_duplicates`] and [`statistics`]; [`find`] and [`find_active`] serve the crates above this one.
//! [`steps`] has the parts of use cases that also change the subscriber's contracts; the `subscribers` crate combines them.

mod countries;
mod input;
pub mod jobs;
mod model;
mod service;
mod store;

/// Steps of use cases that also change a subscriber's contracts.
///
/// Only `subscribers` calls them; a request handler must not call them directly.
pub mod steps {
    pub use crate::service::{Edited, activate, archive, block, edit, load, load_both, merge, suspend, would_rename};
}

use database::page::ListSpec;

pub use input::{CustomerFilter, CustomerInput, DuplicateCheckInput, MergeInput, StatusReasonInput};
pub use model::{
    BirthDate, Contact, Customer, CustomerNames, CustomerShort, CustomerStatistics, CustomerStatus, CustomerType, DayCount, DocumentType,
    Duplicate, DuplicateReason, Further, HistoryRow, RegisteredCustomer, StatusCounts, refusal,
};
pub use service::{
    check_duplicates, contacts, create, find, find_active, find_by_words, get, history, insert_all, list, must_exist, peek, restore,
    short_forms, statistics, violations,
};

/// Order fields of subscriber lists.
pub const LIST: ListSpec = store::LIST;

/// Order fields of a subscriber's history.
pub const HISTORY_LIST: ListSpec = store::history::LIST;
/// The statement that reads one subscriber, for benchmarks.
pub const SELECT_ONE: &str = store::SELECT_ONE;
