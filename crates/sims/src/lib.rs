//! SIM cards, phone numbers, and what was ever bound to whom.
//!
//! [`Sim`] and [`Number`] are the entities; their transitions are functions that give the new state or a refusal naming
//! the present one, and [`Sim::shown`] hides the PUK from those who may not see it. [`SimInput`] and [`NumberInput`] are
//! what a client may send. The use cases of cards are [`create`], [`edit`], [`close`] and their like, those of numbers are in
//! [`numbers`]. What becomes of a card and its number with the contract they serve is for the contracts above: [`bind`],
//! [`suspend`], [`resume`], [`release`], [`block`], [`unblock`], [`deactivate`], [`replace`]. [`SimBinding`] is a row of what
//! was ever bound to whom.

mod input;
pub mod jobs;
mod model;
mod service;
mod store;

/// Steps of use cases that are whole only together with the contract that a card serves. They are for the crates that join them, and
/// never for a request by itself.
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
    NewBinding, NewNumber, NewSim, Number, NumberStatus, NumbersByStatus, Sim, SimBinding, SimKind, SimLoss, SimStatistics, SimStatus,
    SimsByKind, SimsByStatus, refusal,
};
pub use service::{
    insert_all, insert_bindings, insert_numbers,
    lines::{contract_of_msisdn, peek},
    numbers, present,
    sims::{close, create, delete, edit, find_by_words, get, history, list, list_free, statistics},
    violations,
};

/// How histories of bindings are ordered.
pub const BINDING_LIST: ListSpec = store::bindings::LIST;

/// How lists of phone numbers are ordered.
pub const NUMBER_LIST: ListSpec = store::numbers::LIST;

/// How lists of SIM cards are ordered.
pub const LIST: ListSpec = store::sims::LIST;
