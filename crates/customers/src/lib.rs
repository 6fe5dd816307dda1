//! Subscribers: persons and organizations (SPEC 4).
//!
//! [`Customer`] is the entity and what the API shows of it; [`Customer::shown`] masks personal data for those who may
//! not see it. [`CustomerInput`] is what a client may send, with the country's rules. The use cases are [`create`],
//! [`get`], [`list`], [`history`], [`restore`], [`check_duplicates`], [`statistics`], and [`find`] and [`find_active`] for
//! the contracts above. [`edit`], [`suspend`], [`block`], [`activate`], [`archive`] and [`merge`] are halves: `billing` joins them with the
//! subscriber's contracts.

mod input;
mod model;
mod service;
mod store;

/// Steps of use cases that are whole only together with a subscriber's contracts. They are for `subscribers`, and never for a request by
/// itself.
pub mod steps {
    pub use crate::service::{Edited, activate, archive, block, edit, load, load_both, merge, suspend, would_rename};
}

use database::page::ListSpec;

pub use input::{CustomerFilter, CustomerInput, DuplicateCheckInput, MergeInput, StatusReasonInput};
pub use model::{
    BirthDate, Contact, Customer, CustomerNames, CustomerStatistics, CustomerStatus, CustomerType, DayCount, DocumentType, Duplicate,
    DuplicateReason, HistoryRow, RegisteredCustomer, StatusCounts, refusal,
};
pub use service::{
    check_duplicates, contacts, create, find, find_active, find_by_words, get, history, insert_all, list, must_exist, peek, restore,
    statistics, violations,
};

/// How lists of subscribers are ordered.
pub const LIST: ListSpec = store::LIST;

/// How the history of a subscriber is ordered.
pub const HISTORY_LIST: ListSpec = store::history::LIST;
/// The statement that reads one subscriber, for measurements.
pub const SELECT_ONE: &str = store::SELECT_ONE;
