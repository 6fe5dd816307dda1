//! SIM cards, phone numbers, and what was ever bound to whom (SPEC 5).
//!
//! [`Sim`] and [`Number`] are the entities; their transitions are functions that give the new state or a refusal naming
//! the present one, and [`Sim::shown`] hides the PUK from those who may not see it. [`SimInput`] and [`NumberInput`] are
//! what a client may send. The use cases of cards are [`create`], [`edit`], [`close`] and their like, those of numbers are in
//! [`numbers`]. What becomes of a card and its number with the contract they serve is for the contracts above: [`bind`],
//! [`suspend`], [`resume`], [`release`], [`block`], [`unblock`], [`deactivate`], [`replace`]. [`SimBinding`] is a row of what
//! was ever bound to whom.

mod input;
mod model;
mod service;
mod store;

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
    lines::{
        bind, block, contract_of, contract_of_msisdn, deactivate, find, follow_contracts_of, give_bindings, peek, release, replace, resume,
        suspend, suspend_all, unblock,
    },
    numbers, present,
    sims::{close, create, delete, edit, find_by_words, get, history, list, list_free, statistics},
    violations,
};
pub use store::{bindings::LIST as BINDING_LIST, numbers::LIST as NUMBER_LIST, sims::LIST};
