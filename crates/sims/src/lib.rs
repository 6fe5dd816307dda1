//! SIM cards, phone numbers, and their past and present bindings to contracts.
//!
//! [`Sim`] and [`Number`] are the entities; their transitions are functions that return the new state, or a refusal with the current
//! status. [`Sim::shown`] hides the PUK from callers that may not see it. [`SimInput`] and [`NumberInput`] are what a client sends.
//! The use cases of cards include [`create`], [`edit`] and [`close`]; those of numbers are in [`numbers`]. [`steps`] has what happens
//! to a card and its number when their contract changes, for the crates above. A [`SimBinding`] is a time during which a card and a
//! number served a contract.

mod input;
pub mod jobs;
mod model;
mod service;
mod store;

/// Steps of use cases that also change the contract that a card serves.
///
/// They are for the crates that combine them; a request handler must not call them directly.
pub mod steps {
    pub use crate::service::lines::{
        bind, block, contract_of, deactivate, find, follow_contracts_of, give_bindings, release, replace, resume, suspend, suspend_all,
        unblock,
    };
}

use database::page::ListSpec;

pub use input::{
    BindingFilter, FreeSimFilter, NumberFilter, NumberInput, NumberPortOutInput, NumberReserveInput, ReplaceSimInput, SimBlockInput,
    SimDeactivateInput, SimFilter, SimInput,
};
pub use model::{
    NewBinding, NewNumber, NewSim, Number, NumberStatus, NumbersByStatus, RegisteredSim, Sim, SimBinding, SimKind, SimLoss, SimShort,
    SimStatistics, SimStatus, SimWarning, SimsByKind, SimsByStatus, refusal,
};
pub use service::{
    insert_all, insert_bindings, insert_numbers,
    lines::{contract_of_msisdn, peek},
    numbers, present,
    sims::{close, create, delete, edit, find_by_words, get, history, list, list_free, short_forms, statistics},
    violations,
};

/// Order fields of binding histories.
pub const BINDING_LIST: ListSpec = store::bindings::LIST;

/// Order fields of phone number lists.
pub const NUMBER_LIST: ListSpec = store::numbers::LIST;

/// Order fields of SIM card lists.
pub const LIST: ListSpec = store::sims::LIST;
