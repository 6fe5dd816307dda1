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

pub use input::{CustomerFilter, CustomerInput, DuplicateCheckInput, MergeInput, StatusReasonInput};
pub use model::{
    BirthDate, Contact, Customer, CustomerNames, CustomerStatistics, CustomerStatus, CustomerType, DayCount, DocumentType, Duplicate,
    DuplicateReason, HistoryRow, RegisteredCustomer, StatusCounts, refusal,
};
pub use service::{
    Edited, activate, archive, block, check_duplicates, contacts, create, edit, find, find_active, find_by_words, get, history, insert_all,
    list, load, load_both, merge, must_exist, peek, restore, statistics, suspend, violations, would_rename,
};
pub use store::{LIST, SELECT_ONE, history::LIST as HISTORY_LIST};
